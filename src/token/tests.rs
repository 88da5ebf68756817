//! A token through its whole life, with two processes' views of it, and with its database tampered.

use super::*;
use crate::config::Config;
use crate::crypto::random::ThreadGenerator;
use crate::domain::command::{Approvals, Change, Mandate};
use crate::domain::token::build::{Proposal, propose};
use crate::object::attribute::{Attributes, Template, Value};
use crate::object::policy::{Role as Usage, RoleState};
use crate::object::{Object, ObjectId};
use crate::secret::SecretBytes;
use cryptoki_sys::*;
use rusqlite::Connection;
use std::path::PathBuf;

mod counts;
mod pins;
mod removal;
mod replay;
mod tampering;

const SO: &[u8] = b"so-pin-1";
const USER: &[u8] = b"user-pin";

struct Home {
    directory: tempfile::TempDir,
    config: Config,
}

impl Home {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config {
            home: directory.path().to_owned(),
            ..Config::default()
        };
        (config.pin.memory_kib, config.pin.passes, config.pin.lanes) = (8, 1, 1);
        (config.pin.user_tries, config.pin.so_tries) = (3, 3);
        config.store.busy_timeout_ms = 2_000;
        Home { directory, config }
    }

    fn token(&self) -> Token {
        let serial = Token::list(&self.config).unwrap().free;
        let token = Token::create(&self.config, serial, "test", SO).unwrap();
        token.login(Role::SecurityOfficer, SO).unwrap();
        token.init_pin(USER).unwrap();
        token.logout();
        token
    }

    fn open(&self, token: &Token) -> Token {
        Token::open(&self.config, token.serial()).unwrap()
    }

    fn database(&self, token: &Token) -> PathBuf {
        self.directory
            .path()
            .join("tokens")
            .join(token.serial().to_string())
            .join("token.db")
    }

    fn sql(&self, token: &Token) -> Connection {
        Connection::open(self.database(token)).unwrap()
    }

    /// Every byte of every file of the home directory.
    fn bytes(&self) -> Vec<u8> {
        fn gather(path: &std::path::Path, all: &mut Vec<u8>) {
            for entry in std::fs::read_dir(path).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    gather(&path, all);
                } else {
                    all.extend(std::fs::read(path).unwrap());
                }
            }
        }
        let mut all = Vec::new();
        gather(self.directory.path(), &mut all);
        all
    }
}

fn logged_in(token: &Token) {
    token.login(Role::User, USER).unwrap();
}

fn key(label: &str, private: bool) -> Attributes {
    [
        (CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)),
        (CKA_KEY_TYPE, Value::Ulong(CKK_AES)),
        (CKA_TOKEN, Value::Bool(true)),
        (CKA_PRIVATE, Value::Bool(private)),
        (CKA_LABEL, Value::Bytes(label.as_bytes().to_vec())),
        (CKA_ID, Value::Bytes(vec![7])),
        (
            CKA_VALUE,
            Value::secret(SecretBytes::copy_of(
                format!("secret of {label}").as_bytes(),
            )),
        ),
    ]
    .into_iter()
    .collect()
}

fn certificate(label: &str) -> Attributes {
    [
        (CKA_CLASS, Value::Ulong(CKO_CERTIFICATE)),
        (CKA_CERTIFICATE_TYPE, Value::Ulong(CKC_X_509)),
        (CKA_TOKEN, Value::Bool(true)),
        (CKA_PRIVATE, Value::Bool(false)),
        (CKA_LABEL, Value::Bytes(label.as_bytes().to_vec())),
        (CKA_VALUE, Value::Bytes(b"der".to_vec())),
    ]
    .into_iter()
    .collect()
}

fn by_label(label: &str) -> Template {
    Template(vec![(CKA_LABEL, Value::Bytes(label.as_bytes().to_vec()))])
}

fn one(token: &Token, attributes: Attributes) -> Arc<Object> {
    token.insert(vec![attributes]).unwrap().remove(0)
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

fn home_open_verify(home: &Home, token: &Token) -> Vec<Finding> {
    let other = home.open(token);
    logged_in(&other);
    other.verify().unwrap()
}

type Copied = Vec<rusqlite::types::Value>;

fn copy_of(sql: &Connection, id: ObjectId) -> Copied {
    sql.query_row("SELECT * FROM objects WHERE id = ?1", [&id.0[..]], |row| {
        (0..row.as_ref().column_count())
            .map(|place| row.get(place))
            .collect()
    })
    .unwrap()
}

fn restore(sql: &Connection, row: Copied) {
    let marks = vec!["?"; row.len()].join(",");
    let put = format!("INSERT OR REPLACE INTO objects VALUES ({marks})");
    sql.execute(&put, rusqlite::params_from_iter(row)).unwrap();
}

#[test]
fn a_new_token_is_listed_under_the_serial_of_the_free_slot() {
    let home = Home::new();
    let free = Token::list(&home.config).unwrap().free;
    assert_eq!(Token::list(&home.config).unwrap().free, free);
    let token = home.token();
    assert_eq!(*token.serial(), free);
    let listing = Token::list(&home.config).unwrap();
    assert_eq!(listing.tokens, std::slice::from_ref(&free));
    assert_ne!(listing.free, free);
    let again = Token::create(&home.config, free.clone(), "again", SO);
    assert_eq!(again.err(), Some(Error::SessionExists));
    Token::delete(&home.config, &free).unwrap();
    let listing = Token::list(&home.config).unwrap();
    assert!(listing.tokens.is_empty());
    assert_ne!(listing.free, free);
}

#[test]
fn objects_come_back_as_they_were_and_are_found_by_index() {
    let home = Home::new();
    let token = home.token();
    assert_eq!(
        token.insert(vec![certificate("c")]).err(),
        Some(Error::UserNotLoggedIn)
    );
    logged_in(&token);
    let made = token
        .insert(vec![key("k", true), key("open", false), certificate("c")])
        .unwrap();
    let other = home.open(&token);
    for object in &made {
        logged_in(&other);
        let loaded = other.load(object.id()).unwrap();
        assert_eq!(
            (loaded.revision(), loaded.attributes()),
            (1, object.attributes())
        );
        other.logout();
    }
    // Before login: what is public, without its secrets.
    assert_eq!(other.find(&by_label("k")).unwrap(), []);
    assert_eq!(
        other.load(made[0].id()).err(),
        Some(Error::ObjectHandleInvalid)
    );
    assert_eq!(other.find(&by_label("open")).unwrap(), [made[1].id()]);
    assert!(other.load(made[1].id()).unwrap().secret_value().is_none());
    assert_eq!(
        other.find(&Template::default()).unwrap(),
        [made[1].id(), made[2].id()]
    );
    // The security officer sees no private object.
    other.login(Role::SecurityOfficer, SO).unwrap();
    assert_eq!(
        other.load(made[0].id()).err(),
        Some(Error::ObjectHandleInvalid)
    );
    assert_eq!(other.find(&by_label("k")).unwrap(), []);
    other.logout();
    logged_in(&other);
    assert_eq!(other.find(&by_label("k")).unwrap(), [made[0].id()]);
    let secret = Template(vec![(CKA_VALUE, Value::Bytes(b"secret of k".to_vec()))]);
    assert_eq!(other.find(&secret).unwrap(), []);
    let by_value = Template(vec![(CKA_VALUE, Value::Bytes(b"der".to_vec()))]);
    assert_eq!(other.find(&by_value).unwrap(), [made[2].id()]);
    let private = Template(vec![(CKA_PRIVATE, Value::Bool(true))]);
    // The domain key shows too, after what is stored.
    let [first, domain_key] = other.find(&private).unwrap()[..] else {
        panic!("one private object and one domain key");
    };
    assert_eq!(first, made[0].id());
    let ring = other.keyring(&other.unlocked().unwrap()).unwrap();
    assert_eq!(domain_key.0, ring.active().id().0);
}

#[test]
fn nothing_secret_is_in_a_file() {
    let home = Home::new();
    let token = home.token();
    logged_in(&token);
    token
        .insert(vec![
            key("needle", true),
            key("needle", false),
            certificate("here"),
        ])
        .unwrap();
    let bytes = home.bytes();
    assert!(contains(&bytes, b"here"));
    assert!(!contains(&bytes, b"secret of"));
}

#[test]
fn another_process_sees_changes_at_its_next_call() {
    let home = Home::new();
    let token = home.token();
    let other = home.open(&token);
    logged_in(&token);
    logged_in(&other);
    let object = one(&token, key("k", true));
    assert_eq!(other.load(object.id()).unwrap().revision(), 1);
    let generation = other.generation();
    let mut changed = object.attributes().clone();
    changed.set(CKA_LABEL, Value::Bytes(b"renamed".to_vec()));
    token.replace(&object, changed.clone()).unwrap();
    assert_ne!(other.generation(), generation);
    assert_eq!(other.load(object.id()).unwrap().attributes(), &changed);
    assert_eq!(other.find(&by_label("renamed")).unwrap(), [object.id()]);
    assert_eq!(other.find(&by_label("k")).unwrap(), []);
    // Somebody else was first.
    assert_eq!(
        other.replace(&object, changed).err(),
        Some(Error::StoreBusy)
    );
    other.remove(&object).unwrap();
    assert_eq!(
        token.load(object.id()).err(),
        Some(Error::ObjectHandleInvalid)
    );
    assert_eq!(token.remove(&object), Err(Error::ObjectHandleInvalid));
}

#[test]
fn an_unchanged_object_is_the_same_one_after_a_change_of_another() {
    let home = Home::new();
    let token = home.token();
    logged_in(&token);
    let (one_id, two) = (
        one(&token, key("1", true)).id(),
        one(&token, key("2", true)),
    );
    let before = token.load(one_id).unwrap();
    token.remove(&two).unwrap();
    assert!(Arc::ptr_eq(&before, &token.load(one_id).unwrap()));
}

#[test]
fn initialising_anew_ends_everything_in_every_process() {
    let home = Home::new();
    let token = home.token();
    let other = home.open(&token);
    logged_in(&token);
    logged_in(&other);
    let object = one(&token, key("k", true));
    let before = other.unlocked().unwrap().identity().id();
    assert_eq!(
        token.reinitialise(b"wrong pin", "x").err(),
        Some(Error::PinIncorrect)
    );
    assert!(other.load(object.id()).is_ok());
    token.reinitialise(SO, "anew").unwrap();
    assert_eq!(other.load(object.id()).err(), Some(Error::UserNotLoggedIn));
    assert!(other.unlocked().is_none());
    assert_eq!(other.header().unwrap().label, "anew");
    assert!(!other.header().unwrap().user.set);
    assert_eq!(
        other.verify_pin(Role::User, USER),
        Err(Error::UserPinNotInitialized)
    );
    other.login(Role::SecurityOfficer, SO).unwrap();
    assert_ne!(other.unlocked().unwrap().identity().id(), before);
    assert_eq!(other.verify().unwrap(), []);
}

#[test]
fn recorded_roles_last_and_never_change() {
    let home = Home::new();
    let token = home.token();
    logged_in(&token);
    let state = |role, carried| RoleState { role, carried };
    let (lineage, other_lineage) = ([1; 16], [2; 16]);
    assert_eq!(token.role(&lineage).unwrap(), RoleState::default());
    token
        .record_role(&lineage, state(Usage::Wrapping, false))
        .unwrap();
    let other = home.open(&token);
    logged_in(&other);
    assert_eq!(other.role(&lineage).unwrap(), state(Usage::Wrapping, false));
    assert_eq!(other.role(&other_lineage).unwrap(), RoleState::default());
    other
        .record_role(&lineage, state(Usage::Undecided, true))
        .unwrap();
    assert_eq!(token.role(&lineage).unwrap(), state(Usage::Wrapping, true));
    let refused = token.record_role(&lineage, state(Usage::Data, false));
    assert_eq!(refused, Err(Error::KeyFunctionNotPermitted));
    assert_eq!(other.verify().unwrap(), []);
}

#[test]
fn refused_domain_tokens_are_remembered_with_their_reason() {
    let home = Home::new();
    let token = home.token();
    logged_in(&token);
    let installed = token.domain_token().unwrap();
    assert_eq!(token.ingest(&installed), Ok(Ingested::NoOp));
    let mut forged = installed;
    *forged.last_mut().unwrap() ^= 1;
    assert!(matches!(
        token.ingest(&forged),
        Err(Error::DomainTokenRefused(_))
    ));
    let events = token.events(10).unwrap();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].kind, REFUSED);
}

#[test]
fn a_forked_domain_takes_no_further_version_and_goes_on_working() {
    let home = Home::new();
    let token = home.token();
    logged_in(&token);
    let unlocked = token.login_needed().unwrap();
    let (installed, identity) = (unlocked.domain(), unlocked.identity());
    let ring = token.keyring(&unlocked).unwrap();
    let seconds = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let next = |label: &str, installed: &crate::domain::ingest::Installed| {
        let change = Change::LabelSet(label.into());
        let (domain, expires) = (installed.state.domain, seconds + 60);
        let mandate = Mandate::new(domain, installed.hash, expires, vec![change]).unwrap();
        let mut approvals = Approvals::new(mandate);
        approvals
            .approve_as_member(identity.id(), &*identity)
            .unwrap();
        let proposal = Proposal {
            installed,
            ring: &ring,
            approvals: &approvals,
            count: 1,
            running: vec![],
            renewals: vec![],
        };
        propose(&proposal, &identity, seconds, &mut ThreadGenerator).unwrap()
    };
    let (mine, other) = (next("one", &installed), next("other", &installed));
    assert_eq!(token.ingest(&mine), Ok(Ingested::Installed(2)));
    let third = next("third", &token.login_needed().unwrap().domain());
    assert_eq!(token.ingest(&other), Ok(Ingested::Fork));
    let refused = token.ingest(&third);
    assert_eq!(refused, Err(crate::domain::refusal::Refusal::Forked.into()));
    assert_eq!(token.ingest(&mine), Ok(Ingested::NoOp));
    let object = one(&token, certificate("c"));
    assert!(token.load(object.id()).is_ok());
}

#[test]
fn a_destroyed_key_is_in_no_file_after_logout() {
    let home = Home::new();
    let token = home.token();
    logged_in(&token);
    let object = one(&token, key("k", true));
    let sql = home.sql(&token);
    let sealed: Vec<u8> = sql
        .query_row("SELECT sealed FROM objects", [], |row| row.get(0))
        .unwrap();
    drop(sql);
    assert!(contains(&home.bytes(), &sealed[100..150]));
    token.remove(&object).unwrap();
    token.logout();
    assert!(!contains(&home.bytes(), &sealed[100..150]));
}

#[test]
fn writers_of_several_processes_all_get_their_turn() {
    let home = Home::new();
    let token = home.token();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            let view = home.open(&token);
            scope.spawn(move || {
                logged_in(&view);
                for _ in 0..15 {
                    let object = one(&view, key("x", true));
                    let changed = view.replace(&object, key("y", true)).unwrap();
                    assert_eq!(view.load(object.id()).unwrap().revision(), 2);
                    view.remove(&changed).unwrap();
                    assert!(view.load(object.id()).is_err());
                }
            });
        }
    });
    assert_eq!(home_open_verify(&home, &token), []);
}
