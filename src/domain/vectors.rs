//! The test vectors of `docs/formats.md`: made here with fixed randomness, kept in
//! `tests/vectors/domain/vectors.json`, and compared with every run. `KEYWARD_WRITE_VECTORS=1` writes
//! them anew; a difference that nobody meant is a broken format.

use super::command::{Approvals, Change, Mandate};
use super::cose::Signer;
use super::identity::Identity;
use super::ids::{DomainId, DomainKeyId, KeyId};
use super::ingest::{Installed, Outcome, begin, ingest};
use super::key_token::{self, Body, Subject, Validity};
use super::keyring::{DomainKey, Keyring, StableSecret};
use super::operator::{OperatorKey, OperatorSigner};
use super::operator_session::{Ask, Incoming, Opening, Reply, welcome};
use super::package::AgreementKey;
use super::sealing::{SealingKey, hash};
use super::state::governance::{Clause, Operator, Permissions, Rule};
use super::state::member::Card;
use super::token::build::{Proposal, genesis, propose};
use super::token::keyset::TokenKey;
use super::token::running::Running;
use super::token::{Token, encode_public};
use crate::object::attribute::{Attributes, Template, Value};
use crate::secret::SecretBytes;
use cryptoki_sys::*;
use rand::{TryCryptoRng, TryRng};
use serde_json::{Value as Json, json};
use std::convert::Infallible;
use zeroize::Zeroizing;

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/vectors/domain/vectors.json"
);
/// The time of every vector.
const NOW: u64 = 1_800_000_000;

/// The fixed randomness: SHA-256("keyward/1 test vectors" ‖ name ‖ n as 8 bytes) for n = 0, 1, 2 …
struct Fixed {
    name: &'static str,
    next: u64,
    ready: Vec<u8>,
}

impl Fixed {
    fn new(name: &'static str) -> Self {
        Fixed {
            name,
            next: 0,
            ready: vec![],
        }
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        let Ok(()) = self.try_fill_bytes(&mut bytes);
        bytes
    }
}

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.array()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.array()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        while self.ready.len() < out.len() {
            let block = self.next.to_be_bytes();
            self.ready.extend_from_slice(&hash(&[
                b"keyward/1 test vectors",
                self.name.as_bytes(),
                &block,
            ]));
            self.next += 1;
        }
        out.copy_from_slice(&self.ready[..out.len()]);
        self.ready.drain(..out.len());
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The module of the vectors.
fn identity() -> Identity {
    let agreement = AgreementKey::from_seed(&[0x22; 32]);
    let seed = Zeroizing::new([0x11; 32]);
    Identity::from_parts(("module one", "north"), seed, (agreement, 1), None).unwrap()
}

/// The operators of the vectors.
fn operator_key(number: u8) -> OperatorKey {
    OperatorKey::from_seed(Zeroizing::new([number; 32])).unwrap()
}

fn sealed_bytes() -> Json {
    let root = [0x33; 32];
    let key = SealingKey::derive(&root, "a label");
    let sealed = key
        .seal_with_salt(&[0x44; 24], b"associated", b"plaintext")
        .unwrap();
    json!({
        "root": hex(&root), "label": "a label", "salt": hex(&[0x44; 24]),
        "associated": hex(b"associated"), "plaintext": hex(b"plaintext"), "sealed": hex(&sealed),
    })
}

const DOMAIN: DomainId = DomainId([0x55; 32]);

fn domain_key() -> DomainKey {
    DomainKey::new(DOMAIN, DomainKeyId([0x66; 16]), &[0x77; 32])
}

fn derived_keys() -> Json {
    let key = domain_key();
    let stable = StableSecret::new(&[0x88; 32]);
    json!({
        "domain": DOMAIN.to_string(), "id": key.id().to_string(), "secret": hex(key.secret()),
        "commitment": key.commitment().to_string(), "wrap": hex(key.wrap().expose()),
        "session": hex(key.session().expose()), "public": hex(key.public_objects()),
        "stable_secret": hex(stable.secret()),
        "stable_commitment": stable.commitment(DOMAIN).to_string(),
        "stable_blind_index": hex(stable.derive("blind index").expose()),
    })
}

fn key_body() -> Body {
    let mut attributes: Attributes = [
        (CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)),
        (CKA_KEY_TYPE, Value::Ulong(CKK_AES)),
        (CKA_LABEL, Value::Bytes(b"customer 4711".to_vec())),
        (CKA_VALUE, Value::secret(SecretBytes::copy_of(&[0x99; 32]))),
        (CKA_ALLOWED_MECHANISMS, Value::Ulongs(vec![CKM_AES_GCM])),
        (CKA_SENSITIVE, Value::Bool(true)),
        (CKA_EXTRACTABLE, Value::Bool(false)),
        (CKA_ENCRYPT, Value::Bool(true)),
    ]
    .into_iter()
    .collect();
    let inner = Template(vec![(CKA_SENSITIVE, Value::Bool(true))]);
    attributes.set(CKA_UNWRAP_TEMPLATE, Value::Template(inner));
    let validity = Some(Validity {
        not_before: 1,
        not_after: NOW,
    });
    Body {
        attributes,
        validity,
        policy: None,
    }
}

fn key_token() -> Json {
    let key = domain_key();
    let subject = Subject {
        key: KeyId([0xaa; 16]),
        version: 2,
        revision: 300,
    };
    let body = key_body().encode().unwrap();
    let seal = |header: &[u8]| {
        key.tokens()
            .seal_with_salt(&[0xbb; 24], header, body.as_slice())
    };
    let token = key_token::seal_body(&key, subject, seal).unwrap();
    json!({
        "domain_key_secret": hex(key.secret()), "domain": DOMAIN.to_string(),
        "domain_key": key.id().to_string(), "key": subject.key.to_string(), "version": 2,
        "revision": 300, "salt": hex(&[0xbb; 24]), "body": hex(body.as_slice()),
        "token": hex(&token),
    })
}

fn cards() -> Json {
    let card = identity().card().unwrap();
    let operator = operator_key(1);
    let operator_card = operator.card("alice").unwrap();
    json!({
        "signing_seed": hex(&[0x11; 32]), "agreement_seed": hex(&[0x22; 32]),
        "label": "module one", "region": "north", "serial": 1,
        "member": card.id().to_string(), "card": hex(&card.encode()),
        "operator_seed": hex(&[1; 32]), "operator_label": "alice",
        "operator": operator_card.id().to_string(), "operator_card": hex(&operator_card.encode()),
    })
}

/// The versions of the vectors: a lone module, two operators for it, a new domain key, its activation.
struct Chain {
    identity: Identity,
    installed: Installed,
    ring: Keyring,
    vectors: Vec<Json>,
}

impl Chain {
    fn begin() -> Self {
        let identity = identity();
        let token = genesis(&identity, "vectors", NOW, &mut Fixed::new("version 1")).unwrap();
        let first = begin(&token, &identity).unwrap();
        let vectors = vec![vector(&token, &identity)];
        let (installed, ring) = (first.installed, first.ring);
        Chain {
            identity,
            installed,
            ring,
            vectors,
        }
    }

    fn next(&mut self, name: &'static str, approvals: &Approvals) {
        let proposal = Proposal {
            installed: &self.installed,
            ring: &self.ring,
            approvals,
            count: approvals.mandate().changes.len(),
            running: vec![],
            renewals: vec![],
        };
        let token = propose(&proposal, &self.identity, NOW, &mut Fixed::new(name)).unwrap();
        self.vectors.push(vector(&token, &self.identity));
        let outcome = ingest(&self.installed, &token, &self.identity, NOW).unwrap();
        let Outcome::Install(next) = outcome else {
            panic!("{outcome:?}")
        };
        (self.installed, self.ring) = (next.installed, next.ring);
    }

    fn mandate(&self, number: u8, changes: Vec<Change>) -> Approvals {
        Approvals::new(Mandate {
            domain: self.installed.state.domain,
            parent: self.installed.hash,
            nonce: [number; 16],
            expires: NOW + 3600,
            changes,
        })
    }
}

/// What a second implementation needs of one token.
fn vector(bytes: &[u8], identity: &Identity) -> Json {
    let token = Token::parse(bytes).unwrap();
    let key = TokenKey::open(&token, identity).unwrap();
    let keys = key.key_set(&token).unwrap();
    let secrets: Vec<_> = keys
        .keys
        .iter()
        .map(|own| json!({ "id": own.id().to_string(), "secret": hex(own.secret()) }))
        .collect();
    let state = &token.public.state;
    json!({
        "version": state.version, "randomness": format!("version {}", state.version),
        "token": hex(bytes), "hash": token.hash.to_string(),
        "public": hex(&encode_public(&token.public)), "public_hash": token.public_hash.to_string(),
        "state": hex(&state.encode()), "fingerprint": state.fingerprint().to_string(),
        "mandate": token.public.approvals.as_ref().map(|approvals| hex(&approvals.encode())),
        "random_key": hex(key.0.as_ref()), "tag": hex(&token.tag),
        "stable_secret": hex(keys.stable.secret()), "domain_keys": secrets,
    })
}

/// Hands the domain to operators: alice and bob, of whom both must approve.
fn founding_changes(operators: &[OperatorKey; 2]) -> Vec<Change> {
    let mut changes: Vec<_> = operators
        .iter()
        .zip(["alice", "bob"])
        .map(|(key, label)| {
            Change::OperatorAdd(Box::new(Operator {
                card: key.card(label).unwrap(),
                role: "keeper".into(),
                permissions: Permissions::all(),
                service: false,
                expires: None,
                suspended: false,
            }))
        })
        .collect();
    changes.extend(super::command::Kind::ALL.map(|kind| {
        let clauses = vec![Clause {
            role: "keeper".into(),
            needed: 2,
        }];
        Change::RuleSet(Rule { kind, clauses })
    }));
    changes
}

fn versions() -> Json {
    let mut chain = Chain::begin();
    let operators = [1, 2].map(operator_key);
    let mut founding = chain.mandate(2, founding_changes(&operators));
    founding
        .approve_as_member(chain.identity.id(), &chain.identity)
        .unwrap();
    operators
        .iter()
        .for_each(|key| key.approve(&mut founding).unwrap());
    chain.next("version 2", &founding);
    let id = DomainKeyId([0xcc; 16]);
    for (number, name, change) in [
        (3, "version 3", Change::KeyAdd(id)),
        (4, "version 4", Change::KeyActivate(id)),
    ] {
        let mut mandate = chain.mandate(number, vec![change]);
        operators
            .iter()
            .for_each(|key| key.approve(&mut mandate).unwrap());
        chain.next(name, &mandate);
    }
    Json::Array(chain.vectors)
}

fn running() -> Json {
    let identity = identity();
    let subject = (DOMAIN, 7, super::ids::Digest([0xdd; 32]));
    let word = Running::make(identity.id(), &identity, subject, NOW).unwrap();
    json!({
        "signing_seed": hex(&[0x11; 32]), "public_key": hex(&identity.public_key()),
        "domain": DOMAIN.to_string(), "version": 7, "token": hex(&[0xdd; 32]), "at": NOW,
        "statement": hex(&word.encode()),
    })
}

/// A session of the first operator with the module: every message of it.
fn operator_session() -> Json {
    let mut chain = Chain::begin();
    let operator = operator_key(1);
    let mut founding = chain.mandate(2, founding_changes(&[operator_key(1), operator_key(2)]));
    founding
        .approve_as_member(chain.identity.id(), &chain.identity)
        .unwrap();
    for key in [&operator, &operator_key(2)] {
        key.approve(&mut founding).unwrap();
    }
    chain.next("version 2", &founding);
    let (identity, state) = (&chain.identity, &chain.installed.state);
    let key = chain.ring.active();
    let subject = (state.domain, identity.id());
    let ephemeral = AgreementKey::from_seed(&[0x23; 32]);
    let drawn = (ephemeral, [0x24; 16]);
    let opening = Opening::of_parts(subject, &operator, (NOW, 600), drawn).unwrap();
    let module = (identity, &chain.ring);
    let random = &mut Fixed::new("operator session");
    let admission = welcome(opening.hello(), state, module, (NOW, 3600), random).unwrap();
    let session = opening.finish(&admission.answer).unwrap();
    let token = session.token();
    let member = identity.id();
    let ask = Ask::Random(4).encode();
    let request = admission
        .token
        .request_by(token, (member, 7, NOW), |sealing, head| {
            sealing.seal_with_salt(&[0x26; 24], head, ask.expose())
        });
    let request = request.unwrap();
    let incoming = Incoming::open(&request, &chain.ring, member).unwrap();
    let reply = Reply::Done(SecretBytes::copy_of(&[1, 2, 3, 4])).encode();
    let sealed = |sealing: &SealingKey, head: &[u8]| {
        sealing.seal_with_salt(&[0x27; 24], head, reply.expose())
    };
    let answer = incoming.answer_by(sealed).unwrap();
    json!({
        "operator_seed": hex(&[1; 32]), "ephemeral_seed": hex(&[0x23; 32]),
        "domain": state.domain.to_string(), "member": member.to_string(),
        "nonce": hex(&[0x24; 16]), "at": NOW, "lifetime": 600,
        "hello": hex(opening.hello()), "session": admission.token.id.to_string(),
        "root": hex(admission.token.root()), "domain_key": key.id().to_string(),
        "domain_key_secret": hex(key.secret()), "randomness": "operator session",
        "token": hex(token), "welcome": hex(&admission.answer), "counter": 7, "ask": hex(ask.expose()),
        "request_salt": hex(&[0x26; 24]), "request": hex(&request),
        "reply": hex(reply.expose()), "answer_salt": hex(&[0x27; 24]), "answer": hex(&answer),
    })
}

#[test]
fn the_vectors_are_what_they_were() {
    let made = json!({
        "sealed_bytes": sealed_bytes(), "derived_keys": derived_keys(), "key_token": key_token(),
        "cards": cards(), "versions": versions(), "running": running(),
        "operator_session": operator_session(),
    });
    if std::env::var_os("KEYWARD_WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(&made).unwrap() + "\n";
        std::fs::write(FILE, text).unwrap();
    }
    let kept: Json = serde_json::from_str(&std::fs::read_to_string(FILE).unwrap()).unwrap();
    for (name, value) in kept.as_object().unwrap() {
        assert_eq!(&made[name], value, "{name}");
    }
    assert_eq!(made, kept);
}

#[test]
fn cards_of_the_vectors_read_back() {
    let card = identity().card().unwrap();
    assert_eq!(Card::parse(&card.encode()), Ok(card));
}
