//! Key and data marked as undefined, followed by valgrind's memcheck.

use crate::leaks;
use crate::valgrind::{declassify, errors, running, taint};
use keyward_pkcs11::crypto::keywrap::{DEFAULT_IV, DEFAULT_PADDED_IV, Key, Verdict, pkcs7_length};
use std::hint::black_box;
use std::process::Command;

/// Set in the run under valgrind.
const CHILD: &str = "KEYWARD_TAINT_CHILD";

#[test]
fn no_branch_or_address_depends_on_key_or_data() {
    let Some(found) = run() else { return };
    let honest: Vec<_> = found
        .iter()
        .filter(|(case, _)| !case.starts_with("leak"))
        .collect();
    assert!(honest.len() >= 100, "only {} cases ran", honest.len());
    for (case, count) in honest {
        assert_eq!(
            *count, 0,
            "{case}: valgrind reports {count} uses of secrets"
        );
    }
}

#[test]
fn planted_leaks_are_found() {
    let Some(found) = run() else { return };
    let leaks: Vec<_> = found
        .iter()
        .filter(|(case, _)| case.starts_with("leak"))
        .collect();
    assert_eq!(leaks.len(), 3);
    for (case, count) in leaks {
        assert_ne!(*count, 0, "{case} was not found");
    }
}

/// The number of errors in each case; `None` when valgrind is missing.
fn run() -> Option<Vec<(String, u64)>> {
    if !crate::available("valgrind") {
        return None;
    }
    let program = std::env::current_exe().unwrap();
    let run = Command::new("valgrind")
        .args(["--quiet", "--error-limit=no"])
        .arg(program)
        .args([
            "taint::cases_under_valgrind",
            "--exact",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    let complaints = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.success(),
        "the run under valgrind failed:\n{text}\n{complaints}"
    );
    let case = |line: &str| {
        let (name, count) = line.strip_prefix("case ")?.rsplit_once(": ")?;
        Some((name.to_owned(), count.parse().ok()?))
    };
    Some(text.lines().filter_map(case).collect())
}

/// What the run under valgrind does; nothing in an ordinary run.
#[test]
fn cases_under_valgrind() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    assert!(running(), "this part runs under valgrind only");
    println!();
    for (name, leak) in [
        ("branch", leaks::branches as fn(&[u8]) -> u8),
        ("lookup", leaks::looks_up),
        ("early comparison", leaks::compares_early),
    ] {
        case(&format!("leak by {name}"), || {
            let mut secret = secret(16);
            black_box(leak(black_box(&secret)));
            declassify(secret.as_mut_slice());
        });
    }
    type Prepare = fn(&[u8]) -> Key;
    let own: Prepare = |key| Key::new(key).unwrap();
    let portable: Prepare = |key| Key::portable(key).unwrap();
    for prepare in [own, portable] {
        for key_length in [16, 24, 32] {
            let name = format!(
                "{} {}",
                prepare(&vec![0; key_length]).implementation(),
                8 * key_length
            );
            for length in [16, 24, 32, 40, 1000] {
                kw(&name, prepare, key_length, length);
            }
            for length in [1, 7, 8, 9, 16, 31, 1001] {
                kwp(&name, prepare, key_length, length);
            }
            for length in [8, 9, 15, 32, 100] {
                pkcs7(&name, prepare, key_length, length);
            }
        }
    }
}

/// Runs one case and prints how many errors it made.
fn case(name: &str, body: impl FnOnce()) {
    let before = errors();
    body();
    println!("case {name}: {}", errors() - before);
}

/// Bytes that memcheck follows.
fn secret(length: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = (0u8..=255)
        .cycle()
        .map(|byte| byte.wrapping_mul(73))
        .take(length)
        .collect();
    taint(bytes.as_mut_slice());
    bytes
}

/// The bytes of `out`, public from here on.
fn public(mut out: Vec<u8>) -> Vec<u8> {
    declassify(out.as_mut_slice());
    out
}

/// Whether the verdict is good, public from here on.
fn good(mut verdict: Verdict) -> bool {
    declassify(&mut verdict);
    verdict.accept().is_ok()
}

/// Unwraps what was wrapped and what was spoiled at each end, all of it secret.
fn both_verdicts(
    wrapped: &[u8],
    length: usize,
    plain: &[u8],
    unwrap: impl Fn(&[u8], &mut [u8]) -> Verdict,
) {
    for spoiled in [None, Some(0), Some(wrapped.len() - 1)] {
        let mut input = wrapped.to_vec();
        if let Some(place) = spoiled {
            input[place] ^= 0x10;
        }
        taint(input.as_mut_slice());
        let mut out = vec![0xee; wrapped.len() - 8];
        let verdict = unwrap(&input, &mut out);
        assert_eq!(good(verdict), spoiled.is_none());
        let out = public(out);
        let expected = if spoiled.is_none() {
            plain.to_vec()
        } else {
            vec![0; length]
        };
        assert_eq!(out[..length], expected);
    }
}

fn kw(name: &str, prepare: fn(&[u8]) -> Key, key_length: usize, length: usize) {
    case(&format!("KW {name}, {length} bytes"), || {
        let key = prepare(&secret(key_length));
        let plain = secret(length);
        let mut wrapped = vec![0; length + 8];
        key.wrap(&DEFAULT_IV, &plain, &mut wrapped).unwrap();
        let (wrapped, plain) = (public(wrapped), public(plain));
        both_verdicts(&wrapped, length, &plain, |input, out| {
            key.unwrap_unread(&DEFAULT_IV, input, out).unwrap()
        });
    });
}

fn kwp(name: &str, prepare: fn(&[u8]) -> Key, key_length: usize, length: usize) {
    case(&format!("KWP {name}, {length} bytes"), || {
        let key = prepare(&secret(key_length));
        let plain = secret(length);
        let mut wrapped = vec![0; Key::padded_length(length).unwrap()];
        key.wrap_padded(&DEFAULT_PADDED_IV, &plain, &mut wrapped)
            .unwrap();
        let (wrapped, plain) = (public(wrapped), public(plain));
        both_verdicts(&wrapped, length, &plain, |input, out| {
            key.unwrap_padded_unread(&DEFAULT_PADDED_IV, input, out)
                .unwrap()
        });
    });
}

fn pkcs7(name: &str, prepare: fn(&[u8]) -> Key, key_length: usize, length: usize) {
    case(&format!("PKCS7 {name}, {length} bytes"), || {
        let key = prepare(&secret(key_length));
        let plain = secret(length);
        let mut wrapped = vec![0; pkcs7_length(length).unwrap()];
        key.wrap_pkcs7(&DEFAULT_IV, &plain, &mut wrapped).unwrap();
        let (wrapped, plain) = (public(wrapped), public(plain));
        both_verdicts(&wrapped, length, &plain, |input, out| {
            key.unwrap_pkcs7_unread(&DEFAULT_IV, input, out).unwrap()
        });
    });
}
