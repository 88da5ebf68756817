//! Keyward: a software HSM. The rooms below are listed from top to bottom; imports run downward only
//! (`tests/structure.rs`), and `docs/design.md` says what lives in each.

pub mod ffi;

pub mod calls;
pub mod module;
pub mod session;

pub mod token;

pub mod mechanism;

pub mod domain;

pub mod storage;

pub mod seal;

pub mod object;

pub mod crypto;

pub mod config;
pub mod error;
pub mod secret;
