//! The unit costs from which docs/scale.md computes: domain tokens of few and many members, and a
//! repository with few and many rows.
//!
//! cargo bench --bench scale -- domain [MEMBERS…]     3, 30 and 300 unless said otherwise
//! cargo bench --bench scale -- store URL [ROWS]      100,000 rows unless said otherwise
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    clippy::as_conversions,
    clippy::wildcard_enum_match_arm,
    missing_docs,
    reason = "a measurement that cannot go on says so by a panic"
)]

use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::command::{Approvals, Change, Kind, Mandate};
use keyward_pkcs11::domain::identity::Identity;
use keyward_pkcs11::domain::ids::DomainKeyId;
use keyward_pkcs11::domain::ingest::{Installation, Outcome, begin, ingest};
use keyward_pkcs11::domain::operator::{OperatorKey, OperatorSigner};
use keyward_pkcs11::domain::state::governance::{Clause, Operator, Permissions, Rule};
use keyward_pkcs11::domain::state::member::Card;
use keyward_pkcs11::domain::token::build::{Proposal, genesis, propose};
use keyward_pkcs11::domain::token::running::Running;
use keyward_pkcs11::object::ObjectId;
use keyward_pkcs11::object::standing::Standing;
use keyward_pkcs11::storage::{Resealed, Row, Store, repository};
use std::time::{Duration, Instant};

/// A moment, in seconds since 1970-01-01 UTC.
const NOW: u64 = 1_800_000_000;
/// Operators of the measured domain, and how many of them approve.
const OPERATORS: usize = 5;
const QUORUM: usize = 3;
/// Members admitted by one mandate.
const ADMITTED: usize = 60;
/// Bytes of the sealed part of a row: an AES key of 256 bits with its attributes.
const SEALED: usize = 420;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with("--"))
        .collect();
    let number = |place: usize| -> Option<usize> {
        let text = arguments.get(place)?;
        Some(text.parse().expect("a number"))
    };
    match arguments.first().map(String::as_str) {
        Some("domain") => {
            let given: Vec<_> = (1..arguments.len()).filter_map(number).collect();
            let sizes = if given.is_empty() {
                vec![3, 30, 300]
            } else {
                given
            };
            sizes.into_iter().for_each(of_members);
        }
        Some("store") => {
            let url = arguments.get(1).expect("the URL of a repository");
            of_rows(url, number(2).unwrap_or(100_000));
        }
        _ => println!("say domain or store: benches/scale.rs shows how"),
    }
}

/// One member that proposes, and the identities of the others.
struct Domain {
    identity: Identity,
    now: Installation,
    others: Vec<Identity>,
    operators: Vec<OperatorKey>,
}

/// What a domain of `members` costs at each step of a rotation.
fn of_members(members: usize) {
    let mut domain = governed();
    println!("{members} members, {QUORUM} of {OPERATORS} operators");
    let mut begun = Instant::now();
    while domain.others.len() + 1 < members {
        let left = members - 1 - domain.others.len();
        let fresh: Vec<_> = (0..left.min(ADMITTED))
            .map(|_| Identity::generate("member", "eu-1").unwrap())
            .collect();
        begun = Instant::now();
        let changes = fresh
            .iter()
            .map(|identity| Change::MemberAdd(Box::new(identity.card().unwrap())));
        domain.step(changes.collect(), None);
        domain.others.extend(fresh);
    }
    let _ = begun;
    let old = domain.now.ring.active().id();
    domain.step(vec![Change::KeyAdd(DomainKeyId([7; 16]))], Some("key.add"));
    domain.step(vec![Change::KeyRetire(old)], Some("key.retire"));
    let removal = Change::KeyRemove {
        id: old,
        last: true,
    };
    domain.step(vec![removal], Some("key.remove, final"));
}

/// A domain of one member, governed by operators.
fn governed() -> Domain {
    let identity = Identity::generate("first", "eu-1").unwrap();
    let token = genesis(&identity, "scale", NOW, &mut rand::rng()).unwrap();
    let now = begin(&token, &identity).unwrap();
    let operators: Vec<_> = (0..OPERATORS)
        .map(|_| OperatorKey::generate().unwrap())
        .collect();
    let mut domain = Domain {
        identity,
        now,
        others: Vec::new(),
        operators,
    };
    let mut changes: Vec<_> = domain.operators.iter().map(operator).collect();
    let clauses = vec![Clause {
        role: "keeper".into(),
        needed: u64::try_from(QUORUM).unwrap(),
    }];
    changes.extend(Kind::ALL.into_iter().map(|kind| {
        Change::RuleSet(Rule {
            kind,
            clauses: clauses.clone(),
        })
    }));
    domain.step(changes, None);
    domain
}

fn operator(key: &OperatorKey) -> Change {
    Change::OperatorAdd(Box::new(Operator {
        card: key.card("operator").unwrap(),
        role: "keeper".into(),
        permissions: Permissions::all(),
        service: false,
        expires: None,
        suspended: false,
    }))
}

impl Domain {
    /// Makes and installs the version with these changes, and prints what it cost, if it has a name.
    fn step(&mut self, changes: Vec<Change>, name: Option<&str>) {
        let installed = &self.now.installed;
        let (state, hash) = (&installed.state, installed.hash);
        let count = changes.len();
        let mandate = Mandate::new(state.domain, hash, NOW + 3600, changes).unwrap();
        let mut approvals = Approvals::new(mandate);
        if state.version == 1 {
            let own = self.identity.id();
            approvals.approve_as_member(own, &self.identity).unwrap();
        }
        for operator in self.operators.iter().take(QUORUM) {
            operator.approve(&mut approvals).unwrap();
        }
        let subject = (state.domain, state.version, hash);
        let words = self
            .others
            .iter()
            .map(|other| Running::make(other.id(), other, subject, NOW).unwrap());
        let running: Vec<_> = words.collect();
        let last = name.is_some_and(|name| name.ends_with("final"));
        let renewals: Vec<Card> = if last { self.renew() } else { Vec::new() };
        let proposal = Proposal {
            installed: &self.now.installed,
            ring: &self.now.ring,
            approvals: &approvals,
            count,
            running,
            renewals,
        };
        let begun = Instant::now();
        let token = propose(&proposal, &self.identity, NOW, &mut rand::rng()).unwrap();
        let proposed = begun.elapsed();
        let member = self.others.last().filter(|_| name.is_some());
        let begun = Instant::now();
        let of_member = member.map(|member| self.ingested(&token, member));
        let ingested = begun.elapsed();
        drop(of_member);
        self.now = self.ingested(&token, &self.identity);
        if let Some(name) = name {
            println!(
                "  {name}: {} bytes; proposed in {}; checked and opened by a member in {}",
                token.len(),
                shown(proposed),
                shown(ingested)
            );
        }
    }

    fn ingested(&self, token: &[u8], identity: &Identity) -> Installation {
        match ingest(&self.now.installed, token, identity, NOW).unwrap() {
            Outcome::Install(next) => *next,
            Outcome::NoOp(_) | Outcome::Dismissed(_) | Outcome::Fork(_) => {
                panic!("not the next version")
            }
        }
    }

    /// Fresh agreement keys for everybody.
    fn renew(&mut self) -> Vec<Card> {
        let mut cards = Vec::new();
        for identity in std::iter::once(&mut self.identity).chain(&mut self.others) {
            let (renewed, card) = identity.renewed().unwrap();
            *identity = renewed;
            cards.push(card);
        }
        cards
    }
}

/// What a repository costs that holds `rows` rows.
fn of_rows(url: &str, rows: usize) {
    let mut config = Config::default();
    config.repository.url = Some(url.to_owned());
    config.repository.timeout_ms = 60_000;
    let own = repository::open(&config).unwrap().unwrap();
    let store: &dyn Store = &*own;
    store.writing(|writer| writer.clear(), &|| ()).unwrap();
    println!(
        "{rows} rows in {}",
        url.split(['@', '?']).next_back().unwrap_or(url)
    );

    let begun = Instant::now();
    for first in (0..rows).step_by(5_000) {
        let some: Vec<_> = (first..rows.min(first + 5_000))
            .map(|at| row(at, 1))
            .collect();
        let put = store.writing(
            |writer| some.iter().try_for_each(|row| writer.put_row(row)),
            &|| (),
        );
        put.unwrap();
    }
    rate("put_row, 5,000 a transaction", rows, begun.elapsed());
    let (mut from, mut to) = (1_u8, 2_u8);
    for batch in [100, 1_000, 4_000] {
        let (moved, reading, writing) = reseal_all(store, from, to, batch);
        assert_eq!(moved, rows);
        rate(&format!("reseal, {batch} a transaction"), rows, writing);
        rate(&format!("rows_under, {batch} at once"), rows, reading);
        (from, to) = (to, from);
    }
    const ONCE: usize = 500;
    let begun = Instant::now();
    for at in 0..ONCE {
        let one = row(at * 7 % rows, from);
        store
            .writing(|writer| writer.put_row(&one), &|| ())
            .unwrap();
    }
    each("put_row, one a transaction", ONCE, begun);
    let begun = Instant::now();
    for at in 0..ONCE {
        let id = row(at * 13 % rows, from).id;
        store.reading(|reader| reader.row(id)).unwrap().unwrap();
    }
    each("row, one a transaction", ONCE, begun);
    let begun = Instant::now();
    for _ in 0..ONCE {
        store.stamp().unwrap();
    }
    each("stamp", ONCE, begun);
    let begun = Instant::now();
    let listed = store.reading(|reader| reader.revisions(None, rows));
    let listed = listed.unwrap().len();
    rate("revisions", listed, begun.elapsed());
}

/// Takes every row from one domain key to another: how many, and how long reading and writing took.
fn reseal_all(store: &dyn Store, from: u8, to: u8, batch: usize) -> (usize, Duration, Duration) {
    let (mut after, mut moved) = (0, 0);
    let (mut reading, mut writing) = (Duration::ZERO, Duration::ZERO);
    loop {
        let begun = Instant::now();
        let some = store
            .reading(|reader| reader.rows_under([from; 16], after, batch))
            .unwrap();
        reading += begun.elapsed();
        let Some((last, _)) = some.last() else {
            return (moved, reading, writing);
        };
        after = *last;
        let resealed: Vec<_> = some
            .iter()
            .map(|(place, row)| Resealed {
                place: *place,
                id: row.id,
                revision: row.revision,
                from: [from; 16],
                to: [to; 16],
                sealed: vec![to; SEALED],
            })
            .collect();
        let begun = Instant::now();
        let done = store.writing(|writer| writer.reseal(&resealed), &|| ());
        writing += begun.elapsed();
        moved += usize::try_from(done.unwrap()).unwrap();
    }
}

fn row(number: usize, key: u8) -> Row {
    // Spread over all ids, and the same each time.
    let mixed = u128::try_from(number)
        .unwrap()
        .wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    let key_of = |kind: u8| {
        let mut key = mixed.rotate_left(32).to_be_bytes();
        key[15] = kind;
        Some(key)
    };
    Row {
        id: ObjectId(mixed.to_be_bytes()),
        revision: 1,
        standing: Standing::Current,
        private: true,
        index: [
            Some([4; 16]),
            Some([5; 16]),
            key_of(1),
            key_of(2),
            None,
            key_of(3),
        ],
        domain_key: Some([key; 16]),
        clear: None,
        sealed: Some(vec![key; SEALED]),
    }
}

fn rate(what: &str, count: usize, took: Duration) {
    let rate = count as f64 / took.as_secs_f64();
    println!("  {what}: {rate:.0} a second ({})", shown(took));
}

fn each(what: &str, count: usize, begun: Instant) {
    let took = begun.elapsed() / u32::try_from(count).unwrap();
    println!("  {what}: {}", shown(took));
}

fn shown(took: Duration) -> String {
    if took < Duration::from_millis(1) {
        format!("{:.0} µs", took.as_secs_f64() * 1e6)
    } else if took < Duration::from_secs(1) {
        format!("{:.1} ms", took.as_secs_f64() * 1e3)
    } else {
        format!("{:.2} s", took.as_secs_f64())
    }
}
