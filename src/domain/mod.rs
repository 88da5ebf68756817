//! The cryptographic domain: its keys, its rules, the tokens that change it and the key tokens that
//! live under it. Pure: no file, no database, no clock; `docs/formats.md` specifies every byte.
#![forbid(unsafe_code)]

pub mod cbor;
pub mod command;
pub mod cose;
pub mod customer;
pub mod date;
pub mod destruction;
pub mod identity;
pub mod ids;
pub mod ingest;
pub mod key_policy;
pub mod key_token;
pub mod keyring;
pub mod operator;
pub mod operator_session;
pub mod package;
pub mod recovery;
pub mod refusal;
pub mod rewrap;
pub mod state;
pub mod token;

pub use crate::seal::envelope as sealing;

#[cfg(test)]
mod vectors;
