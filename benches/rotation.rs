//! How fast a rotation is: many customer keys in a repository are taken from one domain key to the next.
//!
//! cargo bench --bench rotation -- [COUNT] [URL]      100,000 keys in a SQLite file unless said otherwise
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
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
use keyward_pkcs11::domain::command::{Approvals, Change, Mandate};
use keyward_pkcs11::domain::ids::DomainKeyId;
use keyward_pkcs11::domain::key_token;
use keyward_pkcs11::object::attribute::{Attributes, Value};
use keyward_pkcs11::secret::SecretBytes;
use keyward_pkcs11::token::{Contributed, Role, Token};
use std::num::NonZero;
use std::time::Instant;

/// How many keys are stored in one transaction while the repository is filled.
const FILL: u64 = 5_000;
/// How many are sealed anew in one transaction.
const BATCH: NonZero<usize> = NonZero::new(2_000).unwrap();
/// How many resealings time the computation alone.
const COMPUTED: u32 = 100_000;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let count: u64 = arguments
        .first()
        .map_or(100_000, |count| count.parse().expect("a number of keys"));
    let home = tempfile::tempdir().unwrap();
    let url = arguments
        .get(1)
        .cloned()
        .unwrap_or_else(|| format!("sqlite:{}/repository.db", home.path().display()));
    let mut config = Config::parse("[pin]\nmemory_kib = 64\npasses = 1\n").unwrap();
    config.home = home.path().to_owned();
    config.repository.url = Some(url.clone());
    let serial = Token::list(&config).unwrap().free;
    let token = Token::create(&config, serial, "bench", b"bench-so-pin").unwrap();
    token.login(Role::SecurityOfficer, b"bench-so-pin").unwrap();
    println!(
        "{count} keys in {}",
        url.split(['@', '?']).next_back().unwrap_or_default()
    );

    step(&token, vec![Change::LabelSet("bench".to_owned())]);
    let start = Instant::now();
    for first in (0..count).step_by(usize::try_from(FILL).unwrap()) {
        let some = first..count.min(first + FILL);
        token.insert(some.map(customer_key).collect()).unwrap();
    }
    rate("stored, 5,000 a transaction", count, start);

    let unlocked = token.unlocked().unwrap();
    let old = unlocked.domain().state.active_key().unwrap().id;
    let fresh = DomainKeyId(random::array().unwrap());
    step(&token, vec![Change::KeyAdd(fresh)]);
    step(&token, vec![Change::KeyRetire(old)]);
    compute(&token, old);

    let start = Instant::now();
    let counts = token.reencrypt(old, BATCH, &mut |_, _| Ok(())).unwrap();
    rate(
        "re-encrypted and durable, 2,000 a transaction",
        count,
        start,
    );
    println!("  {counts:?}");
    assert_eq!(counts.reencrypted, count);
    let start = Instant::now();
    step(
        &token,
        vec![Change::KeyRemove {
            id: old,
            last: true,
        }],
    );
    println!("  removed in {:.2} s", start.elapsed().as_secs_f64());
}

/// Makes a version of these changes.
fn step(token: &Token, changes: Vec<Change>) {
    let (state, hash) = token.domain_state().unwrap();
    let mandate = Mandate::new(state.domain, hash, u64::MAX >> 1, changes).unwrap();
    let mut approvals = Approvals::new(mandate);
    let made = token.propose(&mut approvals, Some(1), Contributed::default());
    token.advance(&made.unwrap().token).unwrap();
}

/// What one thread seals anew in a second, without any store.
fn compute(token: &Token, old: DomainKeyId) {
    let unlocked = token.unlocked().unwrap();
    let ring = token.keyring(&unlocked).unwrap();
    let under = &ring.find(old).unwrap().key;
    let subject = key_token::Subject {
        key: keyward_pkcs11::domain::ids::KeyId([1; 16]),
        version: 1,
        revision: 1,
    };
    let body = key_token::Body::from(customer_key(1));
    let sealed = key_token::seal(under, subject, &body).unwrap();
    println!("  a key token has {} bytes", sealed.len());
    let start = Instant::now();
    for _ in 0..COMPUTED {
        std::hint::black_box(key_token::reseal(&ring, &sealed, &[]).unwrap());
    }
    rate(
        "sealed anew, one thread, no store",
        u64::from(COMPUTED),
        start,
    );
}

/// A customer's AES key of 256 bits.
fn customer_key(number: u64) -> Attributes {
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
        (
            CKA_LABEL,
            Value::Bytes(format!("customer {number}").into_bytes()),
        ),
        (CKA_ID, Value::Bytes(number.to_be_bytes().to_vec())),
        (CKA_VALUE_LEN, Value::Ulong(32)),
        (CKA_VALUE, Value::secret(SecretBytes::copy_of(&secret))),
    ]
    .into_iter()
    .collect()
}

fn rate(what: &str, count: u64, start: Instant) {
    let took = start.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rate has few digits")]
    let rate = count as f64 / took;
    println!("  {what}: {rate:.0} a second ({took:.2} s)");
}
