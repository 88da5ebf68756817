//! The calls, a page for each group of C functions. Each reads as a list of named checks.
#![forbid(unsafe_code)]

pub mod sessions;
