//! What is refused changes nothing, and leaves one line in the history that says what and why.

use crate::mutants::Item;
use keyward_pkcs11::calls::operator_sessions::admit;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::command::{Approvals, Change, Mandate};
use keyward_pkcs11::domain::ids::DomainKeyId;
use keyward_pkcs11::domain::operator::OperatorKey;
use keyward_pkcs11::domain::operator_session::Opening;
use keyward_pkcs11::domain::token::build::{Proposal, propose, token_hash};
use keyward_pkcs11::error::Error;
use keyward_pkcs11::storage::Event;
use keyward_pkcs11::token::{REFUSED, Role, SESSION_REFUSED, Token};
use std::time::{SystemTime, UNIX_EPOCH};

/// A lone token, with its user logged in.
fn token() -> (tempfile::TempDir, Token) {
    let home = tempfile::tempdir().unwrap();
    let mut config = Config {
        home: home.path().to_owned(),
        ..Config::default()
    };
    (config.pin.memory_kib, config.pin.passes, config.pin.lanes) = (8, 1, 1);
    let serial = Token::list(&config).unwrap().free;
    let token = Token::create(&config, serial, "test", b"so-pin-1").unwrap();
    token.login(Role::SecurityOfficer, b"so-pin-1").unwrap();
    token.init_pin(b"user-pin").unwrap();
    token.logout();
    token.login(Role::User, b"user-pin").unwrap();
    (home, token)
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// The genuine next version, with one more domain key.
fn next(token: &Token) -> Vec<u8> {
    let unlocked = token.unlocked().unwrap();
    let (installed, identity) = (unlocked.domain(), unlocked.identity());
    let ring = token.keyring(&unlocked).unwrap();
    let changes = vec![Change::KeyAdd(DomainKeyId([7; 16]))];
    let mandate = Mandate::new(installed.state.domain, installed.hash, now() + 60, changes);
    let mut approvals = Approvals::new(mandate.unwrap());
    approvals
        .approve_as_member(identity.id(), &*identity)
        .unwrap();
    let proposal = Proposal {
        installed: &installed,
        ring: &ring,
        approvals: &approvals,
        count: 1,
        running: vec![],
        renewals: vec![],
    };
    propose(&proposal, &identity, now(), &mut rand::rng()).unwrap()
}

/// The refusals in the history, newest first.
fn refusals(token: &Token, kind: &str) -> Vec<Event> {
    let events = token.events(1000).unwrap().into_iter();
    events.filter(|event| event.kind == kind).collect()
}

#[test]
fn of_a_domain_token() {
    let (_home, token) = token();
    let good = next(&token);
    let before = token.domain_token().unwrap();
    let mutants = Item::parse(&good).unwrap().mutants();
    let step = mutants.len() / 60;
    let mut told = 0;
    for mutant in mutants.into_iter().step_by(step) {
        let refused = token.ingest(&mutant.bytes);
        let Err(Error::DomainTokenRefused(why)) = refused else {
            panic!("{}: {refused:?}", mutant.name);
        };
        told += 1;
        let lines = refusals(&token, REFUSED);
        assert_eq!(lines.len(), told, "{}", mutant.name);
        // Who made and signed it follows, as far as that can be read.
        let wanted = format!("{}: {why}", token_hash(&mutant.bytes));
        assert!(lines[0].text.starts_with(&wanted), "{}", lines[0].text);
        assert!(!lines[0].text.contains('\n'));
        assert_eq!(token.domain_token().unwrap(), before);
    }
    assert!(told >= 60);
    let unlocked = token.unlocked().unwrap();
    assert_eq!(unlocked.domain().state.version, 1);
    token.ingest(&good).expect("the genuine one");
    assert_eq!(unlocked.domain().state.version, 2);
}

#[test]
fn of_a_request_for_a_session() {
    let (_home, token) = token();
    let unlocked = token.unlocked().unwrap();
    let stranger = OperatorKey::generate().unwrap();
    let subject = (unlocked.domain().state.domain, unlocked.identity().id());
    let opening = Opening::begin(subject, &stranger, (now(), 60)).unwrap();
    for (place, bad) in [opening.hello(), b"nothing"].into_iter().enumerate() {
        let why = admit(&token, 3600, bad).expect_err("refused").to_string();
        let lines = refusals(&token, SESSION_REFUSED);
        assert_eq!(lines.len(), place + 1);
        assert!(!lines[0].text.contains('\n') && !why.contains('\n'));
    }
}
