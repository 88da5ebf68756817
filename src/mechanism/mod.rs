//! Mechanisms: one row of the table each, with everything that is known of it in one value.
#![forbid(unsafe_code)]

mod aes;
mod digest;
mod generic_secret;
mod hmac;
mod keywrap;
mod mac;
pub mod operation;
pub mod params;
pub mod row;
pub mod table;
