//! Several processes on one token, processes that are killed, and files that others changed: what
//! only shows with the whole system running.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::too_many_lines,
    clippy::macro_metavars_in_unsafe,
    reason = "a test fails by panicking, and talks to C"
)]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;
#[path = "../support/search.rs"]
mod search;

mod crash;
mod memory;
mod processes;
mod tampering;

/// A number from the environment, for runs that are longer than the default.
fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}
