//! The cryptographic domain: its keys, its rules, the tokens that change it and the key tokens that
//! live under it. Pure: no file, no database, no clock; `docs/formats.md` specifies every byte.
#![forbid(unsafe_code)]

pub mod cbor;
pub mod ids;
pub mod key_token;
pub mod keyring;
pub mod sealing;
