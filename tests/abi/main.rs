//! The C interface through the built module: a file per group of functions, and a test per class of
//! bad input. Set `KEYWARD_TEST_MODULE` to run it against another module.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::too_many_lines,
    reason = "a test fails by panicking, and talks to C"
)]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod general;
mod pins;
