//! What is published says what the module does: the numbers of `include/keyward.h`, and the functions
//! that `docs/c-interface.md` lists.
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::{BTreeMap, BTreeSet};

const HEADER: &str = include_str!("../include/keyward.h");
const VENDOR: &str = include_str!("../src/object/vendor.rs");
const PAGE: &str = include_str!("../docs/c-interface.md");
const BASE: u64 = 0x804B_5700;

fn hexadecimal(text: &str) -> Option<u64> {
    let digits = text
        .strip_prefix("0x")?
        .trim_end_matches("UL")
        .replace('_', "");
    u64::from_str_radix(&digits, 16).ok()
}

/// The vendor's mechanisms and attributes, as the header defines them.
fn defined() -> BTreeMap<&'static str, u64> {
    let defines = HEADER
        .lines()
        .filter_map(|line| line.strip_prefix("#define CK"));
    defines
        .map(|define| {
            let (name, number) = define.split_once(' ').expect("a name and a number");
            (
                name,
                hexadecimal(number).unwrap_or_else(|| panic!("{define}")),
            )
        })
        .collect()
}

/// The same, as the source has them.
fn used() -> BTreeMap<&'static str, u64> {
    let constants = VENDOR
        .lines()
        .filter_map(|line| line.strip_prefix("pub const CK"));
    constants
        .map(|constant| {
            let (name, number) = constant
                .split_once(": u64 = BASE | ")
                .expect("a vendor's number");
            (
                name,
                BASE | hexadecimal(number.trim_end_matches(';')).unwrap(),
            )
        })
        .collect()
}

#[test]
fn the_header_has_every_vendor_number() {
    assert!(!used().is_empty());
    assert_eq!(defined(), used());
    assert_eq!(defined().get("M_KEYWARD_KEY_TOKEN"), Some(&(BASE | 1)));
    assert!(HEADER.contains("#define KEYWARD_VENDOR_BASE 0x804B5700UL"));
}

#[test]
fn the_page_lists_every_function_once() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/ffi/exports");
    let files = std::fs::read_dir(folder).expect("the exports");
    // The standard's functions are in the folder itself.
    let files = files.map(|file| file.unwrap().path());
    let sources = files
        .filter(|path| path.is_file())
        .map(|path| std::fs::read_to_string(path).unwrap());
    let exported: BTreeSet<String> = sources.flat_map(|source| exported_in(&source)).collect();
    assert!(exported.len() > 100, "{}", exported.len());
    let table = PAGE.split("## Functions").nth(1).expect("the functions");
    let table = table.split("\n## ").next().expect("a section");
    let rows = table.lines().filter_map(|line| line.strip_prefix("| `C_"));
    let names = rows.filter_map(|row| row.split(" | ").next());
    let names = names.flat_map(|names| names.split('`'));
    let listed: Vec<String> = names
        .map(|name| name.trim_start_matches("C_").trim())
        .filter(|name| !name.is_empty())
        .map(|name| format!("C_{name}"))
        .collect();
    let once: BTreeSet<String> = listed.iter().cloned().collect();
    assert_eq!(once.len(), listed.len(), "a function stands twice");
    assert_eq!(once, exported);
}

/// The functions that a source file of the exports declares.
fn exported_in(source: &str) -> Vec<String> {
    let lines = source
        .lines()
        .filter_map(|line| line.strip_prefix("    C_"));
    let names = lines.filter_map(|line| line.split_once('(').map(|(name, _)| name));
    names.map(|name| format!("C_{name}")).collect()
}
