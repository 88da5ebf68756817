//! What a call costs, through the built module and its C interface.
//!
//! cargo bench --bench calls                      instructions of each workload, by callgrind, beside the
//!                                                figures last committed (benches/instructions.toml)
//! cargo bench --bench calls -- instructions --write      the same, and keeps them as the new figures
//! cargo bench --bench calls -- times [NAME…]     calls a second with one thread, two threads, two processes
//!                                                on one token, and after a fork; medians and 99th percentiles
//! cargo bench --bench calls -- safety            what the safe things cost: each workload with and without
//!
//! Settings are the defaults, but PINs are stretched little, so that a run does not wait for them.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::undocumented_unsafe_blocks,
    clippy::macro_metavars_in_unsafe,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    reason = "a measurement that cannot go on says so by a panic"
)]

#[macro_use]
#[path = "../../tests/support/mod.rs"]
mod support;

#[path = "../../tests/abi/vendor_list.rs"]
#[expect(dead_code, reason = "two of its functions are measured")]
mod vendor_list;

mod batches;
mod instructions;
mod safety;
mod times;
mod workloads;

use support::Home;

/// Tells a process that this program started what it is to do.
const PART: &str = "--part";

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [PART, "instructions", name, count] => {
            instructions::child(name, count.parse().expect("a number"));
        }
        [PART, "times", name, threads] => times::child(name, threads.parse().expect("a number")),
        [PART, "begin", name] => times::begin(name),
        [] | ["instructions"] => instructions::compare(false),
        ["instructions", "--write"] => instructions::compare(true),
        ["times", names @ ..] => times::table(names),
        ["safety"] => safety::table(),
        _ => println!("say instructions, times or safety: benches/calls/main.rs shows how"),
    }
}

/// A fresh directory, with settings added to those of tests.
fn home(settings: &str) -> Home {
    let home = Home::new();
    let file = home.path().join("keyward.toml");
    let known = std::fs::read_to_string(&file).expect("settings");
    std::fs::write(&file, format!("{known}{settings}")).expect("settings");
    home
}
