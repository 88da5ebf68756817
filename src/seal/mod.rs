//! From a PIN to keys: the root secret of a security module, locked under PINs, the keys derived from
//! it, and the one form in which bytes are sealed.
#![forbid(unsafe_code)]

pub mod envelope;
pub mod pin;
pub mod root;
