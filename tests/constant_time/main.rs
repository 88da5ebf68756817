//! Key wrap takes the same path for every key and every data.
//!
//! Two tools look for what depends on secrets: valgrind follows key and data, marked as undefined, through
//! the AES-NI and the portable code, padding and verdict included (`taint`); where it cannot go, in VAES,
//! the disassembly is searched for branches and addresses that could (`disassembly`). Both are shown
//! functions that leak, and must find them. Time itself is measured by `benches/keywrap.rs`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    reason = "a test that cannot go on says so by a panic"
)]
#![cfg(all(target_arch = "x86_64", target_os = "linux"))]

mod disassembly;
mod leaks;
mod taint;
mod valgrind;

use std::process::Command;

/// Whether a tool of the host can be run; says so when not.
fn available(tool: &str) -> bool {
    let found = Command::new(tool)
        .arg("--version")
        .output()
        .is_ok_and(|run| run.status.success());
    if !found {
        eprintln!("SKIPPED: {tool} is not installed, so this was not checked");
    }
    found
}
