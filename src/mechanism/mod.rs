//! Mechanisms: one row of the table each, with everything that is known of it in one value.
#![forbid(unsafe_code)]

mod aes;
mod chacha;
mod contexts;
pub mod deprecated;
pub mod derive;
mod digest;
mod ec;
mod edwards;
mod gathered;
mod generic_secret;
mod hashes;
mod hmac;
pub mod iv;
pub mod kept;
pub mod key_token;
pub mod keywrap;
pub mod limits;
mod mac;
pub mod message;
mod mldsa;
mod mlkem;
mod montgomery;
pub mod operation;
pub mod pairwise;
pub mod params;
mod pbkdf2;
pub mod private_key_info;
pub mod row;
mod rsa;
mod schemes;
mod signing;
mod slhdsa;
pub mod table;
mod transport;
