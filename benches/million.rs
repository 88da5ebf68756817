//! Whether a token with a million objects is as fast as one with ten: open, login, find, create and destroy,
//! with medians and 99th percentiles, and the memory of the process.
//!
//! cargo bench --bench million -- [COUNT] [DIRECTORY]      1,000,000 objects unless said otherwise
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::as_conversions,
    missing_docs,
    reason = "a measurement that cannot go on says so by a panic"
)]

use cryptoki_sys::{
    CKA_CLASS, CKA_DECRYPT, CKA_ENCRYPT, CKA_EXTRACTABLE, CKA_ID, CKA_KEY_TYPE, CKA_LABEL,
    CKA_PRIVATE, CKA_SENSITIVE, CKA_TOKEN, CKA_VALUE, CKA_VALUE_LEN, CKK_AES, CKO_SECRET_KEY,
};
use keyward_pkcs11::config::Config;
use keyward_pkcs11::crypto::random;
use keyward_pkcs11::object::attribute::{Attributes, Template, Value};
use keyward_pkcs11::secret::SecretBytes;
use keyward_pkcs11::token::{Role, Token};
use std::time::{Duration, Instant};

/// How many objects are stored in one transaction while the token is filled.
const FILL: u64 = 5_000;
/// How often each thing is measured.
const EACH: u64 = 500;
/// Threads that create at once.
const THREADS: u64 = 4;
const SO_PIN: &[u8] = b"bench-so-pin";
const PIN: &[u8] = b"bench-pin";

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let count: u64 = arguments
        .first()
        .map_or(1_000_000, |count| count.parse().expect("a number"));
    let home = match arguments.get(1) {
        Some(directory) => tempfile::tempdir_in(directory),
        None => tempfile::tempdir(),
    }
    .unwrap();
    // As little stretching as there can be: what is left of a login is what it costs beyond that.
    let mut config = Config::parse("[pin]\nmemory_kib = 64\npasses = 1\n").unwrap();
    config.home = home.path().to_owned();
    let serial = Token::list(&config).unwrap().free;
    let token = Token::create(&config, serial.clone(), "bench", SO_PIN).unwrap();
    token.login(Role::SecurityOfficer, SO_PIN).unwrap();
    token.init_pin(PIN).unwrap();
    token.logout();
    token.login(Role::User, PIN).unwrap();
    let mut filled = 0;
    for size in [10, count] {
        let begun = Instant::now();
        for first in (filled..size).step_by(usize::try_from(FILL).unwrap()) {
            let some = first..size.min(first + FILL);
            token.insert(some.map(key).collect()).unwrap();
        }
        let took = begun.elapsed().as_secs_f64();
        println!(
            "{size} objects, filled at {:.0} a second, {} MiB of memory",
            (size - filled) as f64 / took,
            memory() / 1024
        );
        filled = size;
        measure(&token, size);
        for _ in 0..20 {
            opened(&config, &serial, size);
        }
        let mut times: Vec<_> = (0..20).map(|_| opened(&config, &serial, size)).collect();
        shown("open, login and find", &mut times);
        let begun = Instant::now();
        let findings = token.check(&|| false).unwrap();
        println!(
            "  all ids and revisions checked: {:.2} s, {} findings, {} MiB of memory",
            begun.elapsed().as_secs_f64(),
            findings.len(),
            memory() / 1024
        );
    }
}

/// Opens the token anew, as the next process does.
fn opened(config: &Config, serial: &keyward_pkcs11::token::Serial, size: u64) -> Duration {
    let begun = Instant::now();
    let token = Token::open(config, serial).unwrap();
    token.login(Role::User, PIN).unwrap();
    assert_eq!(token.find(&labelled(size / 2)).unwrap().len(), 1);
    begun.elapsed()
}

fn measure(token: &Token, size: u64) {
    // Labels that were not asked for before, spread over all.
    let mut times: Vec<_> = (0..EACH)
        .map(|number| {
            let wanted = labelled(number.wrapping_mul(7_919) % size);
            timed(|| assert_eq!(token.find(&wanted).unwrap().len(), 1))
        })
        .collect();
    shown("find by label", &mut times);
    let again = labelled(size / 2);
    let mut times: Vec<_> = (0..EACH)
        .map(|_| timed(|| assert_eq!(token.find(&again).unwrap().len(), 1)))
        .collect();
    shown("find by label again", &mut times);
    let mut made = Vec::new();
    let mut times: Vec<_> = (0..EACH)
        .map(|number| {
            let new = vec![key(size + number)];
            timed(|| made.extend(token.insert(new).unwrap()))
        })
        .collect();
    shown("create", &mut times);
    let mut times: Vec<_> = made
        .iter()
        .map(|object| timed(|| token.remove(object).unwrap()))
        .collect();
    shown("destroy", &mut times);
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for number in 0..EACH {
                    let new = vec![key(size + thread * EACH + number)];
                    let made = token.insert(new).unwrap();
                    made.iter().for_each(|own| token.remove(own).unwrap());
                }
            });
        }
    });
    let rate = (2 * THREADS * EACH) as f64 / begun.elapsed().as_secs_f64();
    println!("  create and destroy, {THREADS} threads: {rate:.0} changes a second");
}

fn timed(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

fn shown(what: &str, times: &mut [Duration]) {
    times.sort_unstable();
    let at =
        |part: usize| times[(times.len() * part / 100).min(times.len() - 1)].as_secs_f64() * 1e6;
    println!(
        "  {what}: median {:.1} µs, 99 % within {:.1} µs",
        at(50),
        at(99)
    );
}

/// Memory of the process in kibibytes.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS"))
        .unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn label(number: u64) -> Value {
    Value::Bytes(format!("customer {number}").into_bytes())
}

fn labelled(number: u64) -> Template {
    Template(vec![
        (CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)),
        (CKA_LABEL, label(number)),
    ])
}

/// A customer's AES key of 256 bits.
fn key(number: u64) -> Attributes {
    let secret: [u8; 32] = random::array().unwrap();
    [
        (CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)),
        (CKA_KEY_TYPE, Value::Ulong(CKK_AES)),
        (CKA_TOKEN, Value::Bool(true)),
        (CKA_PRIVATE, Value::Bool(true)),
        (CKA_SENSITIVE, Value::Bool(true)),
        (CKA_EXTRACTABLE, Value::Bool(false)),
        (CKA_ENCRYPT, Value::Bool(true)),
        (CKA_DECRYPT, Value::Bool(true)),
        (CKA_LABEL, label(number)),
        (CKA_ID, Value::Bytes(number.to_be_bytes().to_vec())),
        (CKA_VALUE_LEN, Value::Ulong(32)),
        (CKA_VALUE, Value::secret(SecretBytes::copy_of(&secret))),
    ]
    .into_iter()
    .collect()
}
