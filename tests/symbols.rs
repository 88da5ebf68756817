//! The shared library exports the C functions and nothing else, all that the newest header names,
//! and stays mapped when a host unloads it.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

/// The library that cargo built next to the tests.
fn library() -> PathBuf {
    let test = std::env::current_exe().expect("the test has a path");
    test.with_file_name("libkeyward_pkcs11.so")
}

/// What a program of binutils, which every Rust linker comes with, says of the library.
fn ask(program: &str, arguments: &[&str]) -> String {
    let answer = Command::new(program)
        .args(arguments)
        .arg(library())
        .output();
    let answer = answer.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(
        answer.status.success(),
        "{program} failed on {}",
        library().display()
    );
    String::from_utf8_lossy(&answer.stdout).into_owned()
}

/// The names of the function list of PKCS#11 3.2, taken from the fields of the C structure.
fn standard_names() -> BTreeSet<String> {
    let list = format!("{:?}", cryptoki_sys::CK_FUNCTION_LIST_3_2::default());
    let words = list.split(|letter: char| !(letter.is_alphanumeric() || letter == '_'));
    words
        .filter(|word| word.starts_with("C_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn exactly_the_standard_functions_are_exported() {
    let listing = ask("nm", &["--dynamic", "--defined-only"]);
    let exported: BTreeSet<String> = listing
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .map(str::to_owned)
        .collect();
    let standard = standard_names();
    assert_eq!(standard.len(), 104);
    assert_eq!(exported, standard);
}

#[test]
fn the_library_stays_mapped_and_finds_its_own_functions() {
    assert!(ask("readelf", &["--dynamic", "--wide"]).contains("NODELETE"));
    // A relocation by name could be answered by another module that the host has loaded.
    let relocations = ask("readelf", &["--relocs", "--wide"]);
    let by_name: Vec<_> = relocations
        .lines()
        .filter(|line| line.contains(" C_"))
        .collect();
    assert!(by_name.is_empty(), "{by_name:?}");
}

#[test]
fn no_openssl_is_linked() {
    let needed = ask("readelf", &["--dynamic", "--wide"]);
    let needed: Vec<_> = needed
        .lines()
        .filter(|line| line.contains("(NEEDED)"))
        .collect();
    assert!(!needed.is_empty());
    for line in needed {
        assert!(
            !line.contains("libcrypto") && !line.contains("libssl"),
            "{line}"
        );
    }
}
