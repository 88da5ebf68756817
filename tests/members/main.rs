//! Members of one domain as separate processes, under separate homes and users, with one repository: what
//! they share, what they miss while they are away, and what they say to a repository that somebody else
//! changed.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::zombie_processes,
    clippy::too_many_lines,
    clippy::macro_metavars_in_unsafe,
    reason = "a test fails by panicking, and talks to C"
)]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;
#[macro_use]
#[path = "../support/members.rs"]
mod members;
#[path = "../support/postgres.rs"]
mod postgres;
#[path = "../support/search.rs"]
mod search;

mod parts;

mod away;
mod following;
mod full;
mod moving;
mod operator_sessions;
mod races;
mod rotations;
mod schedules;
mod server;
mod shared;
mod tampering;
mod trouble;
mod volatile;

/// A number from the environment, for runs that are longer than the default.
fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}
