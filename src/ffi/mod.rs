//! The C interface: the only room with C structures. What is safe below relies on what is checked here.
#![allow(
    unsafe_code,
    reason = "pointers of C callers; each block says why it is sound"
)]

pub mod exports;
pub mod lists;
pub mod os;

mod derive;
mod guard;
mod message;
mod params;
mod pointers;
mod template;
