//! The calls, a page for each group of C functions. Each reads as a list of named checks.
#![forbid(unsafe_code)]

pub mod admission;
pub mod batch;
pub mod cipher;
pub mod context;
pub mod customer;
pub mod derive;
pub mod digest;
pub mod domain;
pub mod dual;
pub mod encapsulation;
pub mod general;
mod guarding;
pub mod key_tokens;
pub mod keys;
pub mod messages;
pub mod objects;
pub mod operator_sessions;
pub mod random;
pub mod recovering;
pub mod sessions;
pub mod sign;
pub mod signed_messages;
pub mod slots;
mod starting;
pub mod states;
pub mod wrapping;
