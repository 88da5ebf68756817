//! A token as another process of its member has it open through the library: what the C interface does not
//! offer, such as a change that operators approved. It is always another process: the module that this
//! one loaded has a SQLite of its own, and two in one process take each other's file locks away.

use crate::support::process::{Other, part, tell};
use crate::support::*;
use cryptoki_sys::*;
use keyward_pkcs11::calls::customer::{Actor, execute};
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::command::{Approvals, Change, Kind, Mandate};
use keyward_pkcs11::domain::customer::Request;
use keyward_pkcs11::domain::ids::{Digest, DomainId, DomainKeyId, MemberId};
use keyward_pkcs11::domain::operator::{OperatorKey, OperatorSigner};
use keyward_pkcs11::domain::operator_session::SessionToken;
use keyward_pkcs11::domain::state::governance::{Clause, Operator, Permissions, Rule};
use keyward_pkcs11::domain::token::build::{Proposal, propose};
use keyward_pkcs11::error::Error;
use keyward_pkcs11::token::{Role, Serial, Token as Opened, Unlocked};
use std::cell::RefCell;
use std::io::BufRead;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The part that the process plays.
const PART: &str = "library";

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

/// The other process, as the test speaks with it. It ends with this value.
pub(crate) struct Library {
    process: RefCell<Option<Other>>,
}

impl Library {
    /// Opens the token in a slot, and logs its user in.
    pub(crate) fn of(slot: CK_SLOT_ID) -> Self {
        let inner = concat!(module_path!(), "::it_speaks_for_the_same_member::here");
        let mut process = Other::start(inner, PART);
        assert_eq!(process.ask(&slot.to_string()), "ready");
        Library {
            process: RefCell::new(Some(process)),
        }
    }

    fn ask(&self, words: &str) -> String {
        let mut process = self.process.borrow_mut();
        process.as_mut().expect("it runs").ask(words)
    }

    fn asked_well(&self, words: &str) -> String {
        let answer = self.ask(words);
        assert!(!answer.starts_with("error"), "{words}: {answer}");
        answer
    }

    /// The names of the domain and of the member.
    pub(crate) fn names(&self) -> (DomainId, MemberId) {
        let answer = self.asked_well("names");
        let (domain, member) = answer.split_once(' ').unwrap();
        let domain = DomainId::from_hex(domain).unwrap();
        (domain, MemberId::from_hex(member).unwrap())
    }

    /// Where the member keeps the token.
    pub(crate) fn directory(&self) -> PathBuf {
        self.asked_well("directory").into()
    }

    /// Changes the domain, by the word of the operators with these keys; where it has none, of the member.
    pub(crate) fn change(&self, changes: Vec<Change>, keys: &[OperatorKey]) {
        let installed = self.asked_well("installed");
        let installed = Digest::from_hex(&installed).unwrap();
        let mandate = Mandate::new(self.names().0, installed, now() + 60, changes);
        let mut approvals = Approvals::new(mandate.unwrap());
        for key in keys {
            key.approve(&mut approvals).unwrap();
        }
        self.asked_well(&format!("change {}", hex(&approvals.encode())));
    }

    /// How often something is in the history.
    pub(crate) fn events(&self, kind: &str) -> usize {
        self.asked_well(&format!("events {kind}")).parse().unwrap()
    }

    /// The domain key that is active.
    pub(crate) fn active_key(&self) -> DomainKeyId {
        DomainKeyId::from_hex(&self.asked_well("active-key")).unwrap()
    }

    /// Whether the domain keys there are open a session's token.
    pub(crate) fn opens(&self, session: &[u8]) -> bool {
        self.ask(&format!("opens {}", hex(session))) == "ok"
    }

    /// Whether a request about a customer key is done there.
    pub(crate) fn does(&self, request: &Request) -> bool {
        let request = hex(request.encode().expose());
        self.ask(&format!("do {request}")) == "ok"
    }

    /// Logs the user out.
    pub(crate) fn logout(&self) {
        self.asked_well("logout");
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        if std::thread::panicking() {
            process.kill();
        } else {
            process.end();
        }
    }
}

/// A domain of one member that two of three operators govern.
pub(crate) struct World {
    pub(crate) s: Session,
    pub(crate) library: Library,
    pub(crate) keys: Vec<OperatorKey>,
}

impl World {
    pub(crate) fn new(token: &Token) -> Self {
        let s = token.user();
        let library = Library::of(token.slot);
        let keys: Vec<_> = (0..3).map(|_| OperatorKey::generate().unwrap()).collect();
        let mut changes: Vec<_> = keys
            .iter()
            .map(|key| {
                Change::OperatorAdd(Box::new(Operator {
                    card: key.card("someone").unwrap(),
                    role: "keeper".into(),
                    permissions: Permissions::all(),
                    service: false,
                    expires: None,
                    suspended: false,
                }))
            })
            .collect();
        let clauses = vec![Clause {
            role: "keeper".into(),
            needed: 2,
        }];
        changes.extend(Kind::ALL.map(|kind| {
            Change::RuleSet(Rule {
                kind,
                clauses: clauses.clone(),
            })
        }));
        library.change(changes, &keys[..2]);
        World { s, library, keys }
    }
}

/// The other process: its first line names the slot, each further one asks for something.
fn serve() {
    let mut lines = std::io::stdin().lock().lines();
    let slot = lines.next().unwrap().unwrap().parse().unwrap();
    let (config, serial) = (Config::load().unwrap(), Serial::of_slot(slot));
    let directory = config.home.join("tokens").join(serial.to_string());
    let token = Opened::open(&config, &serial).unwrap();
    let unlocked = token.login(Role::User, PIN.as_bytes()).unwrap();
    tell("ready");
    for line in lines {
        let line = line.unwrap();
        let (verb, rest) = line.split_once(' ').unwrap_or((&line, ""));
        let done = match verb {
            "directory" => Ok(directory.display().to_string()),
            _ => done(&token, &unlocked, verb, rest),
        };
        tell(&done.unwrap_or_else(|error| format!("error: {error}")));
    }
}

/// What is answered to a line.
fn done(token: &Opened, unlocked: &Arc<Unlocked>, verb: &str, rest: &str) -> Result<String, Error> {
    let ok = "ok".to_owned();
    Ok(match verb {
        "names" => {
            let domain = unlocked.domain().state.domain;
            format!("{domain} {}", unlocked.identity().id())
        }
        "installed" => unlocked.domain().hash.to_string(),
        "change" => {
            change(token, unlocked, Approvals::parse(&unhex(rest))?)?;
            ok
        }
        "events" => {
            let events = token.events(1000)?;
            let of_kind = events.iter().filter(|event| event.kind == rest);
            of_kind.count().to_string()
        }
        "active-key" => token.keyring(unlocked)?.active().id().to_string(),
        "opens" => {
            SessionToken::open(&unhex(rest), &*token.keyring(unlocked)?)?;
            ok
        }
        "do" => {
            let actor = Actor {
                operator: None,
                may_change: true,
            };
            execute(token, actor, &Request::decode(&unhex(rest))?)?;
            ok
        }
        "logout" => {
            token.logout();
            ok
        }
        other => panic!("nobody says {other:?}"),
    })
}

/// Changes the domain as it was approved.
fn change(token: &Opened, unlocked: &Unlocked, mut approvals: Approvals) -> Result<(), Error> {
    let ring = token.keyring(unlocked)?;
    let (installed, identity) = (unlocked.domain(), unlocked.identity());
    if !installed.state.governance.has_operators() {
        approvals.approve_as_member(identity.id(), &*identity)?;
    }
    let proposal = Proposal {
        installed: &installed,
        ring: &ring,
        approvals: &approvals,
        count: approvals.mandate().changes.len(),
        running: vec![],
        renewals: vec![],
    };
    let next = propose(&proposal, &identity, now(), &mut rand::rng())?;
    token.ingest(&next)?;
    Ok(())
}

#[test]
fn it_speaks_for_the_same_member() {
    if part().as_deref() == Some(PART) {
        return serve();
    }
    module();
    if !is_keyward() {
        return;
    }
    let token = Token::fresh();
    let world = World::new(&token);
    let key = world.library.active_key();
    let (_, member) = world.library.names();
    world
        .library
        .change(vec![Change::KeyAdd(DomainKeyId([7; 16]))], &world.keys[..2]);
    assert_eq!(
        world.library.active_key(),
        key,
        "one that is added is not active yet"
    );
    // What it does there is seen here at the next call.
    let shown = world.s.find(&Template::secret(CKK_AES).yes(&[CKA_UNWRAP]));
    assert_eq!(shown.unwrap().len(), 2);
    assert_eq!(Library::of(token.slot).names().1, member);
}
