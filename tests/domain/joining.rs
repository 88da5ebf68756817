//! First trust: a module joins the domain that its security officer named, by the word of its quorum.

use crate::forge::Forger;
use crate::world::{NOW, approved, governed, key_id};
use keyward_pkcs11::domain::command::Change;
use keyward_pkcs11::domain::identity::Identity;
use keyward_pkcs11::domain::ids::Digest;
use keyward_pkcs11::domain::ingest::{Outcome, begin, join};
use keyward_pkcs11::domain::refusal::Refusal;

#[test]
fn a_module_joins_the_domain_it_was_told() {
    let (first, keys) = governed();
    let identity = Identity::generate("second", "").unwrap();
    let add = Change::MemberAdd(Box::new(identity.card().unwrap()));
    let token = first
        .propose(&approved(&first, &keys, vec![add]), 1)
        .unwrap();
    let fingerprint = first.installed.state.fingerprint();
    let joined = join(&first.token, &token, fingerprint, &identity, NOW).unwrap();
    assert!(matches!(joined, Outcome::Install(_)));
    let refusal = join(&first.token, &token, Digest([1; 32]), &identity, NOW).unwrap_err();
    assert_eq!(refusal, Refusal::Fingerprint(fingerprint));
    let stranger = Identity::generate("x", "").unwrap();
    let refusal = join(&first.token, &token, fingerprint, &stranger, NOW).unwrap_err();
    assert_eq!(refusal, Refusal::NotAdmitted);
}

/// Operators and rules are public: anyone can write a state with them. Only the quorum's signature over
/// the parent token makes it the domain.
#[test]
fn an_impostor_with_the_right_operators_is_not_the_domain() {
    let (first, keys) = governed();
    let identity = Identity::generate("second", "").unwrap();
    let add = Change::MemberAdd(Box::new(identity.card().unwrap()));
    let mandate = approved(&first, &keys, vec![add]);
    let genuine = first.propose(&mandate, 1).unwrap();
    // A parent of the impostor's own making, with its own domain key in place of the real one.
    let mut parent = Forger::of(&first.token, &first);
    let domain = first.installed.state.domain;
    let id = parent.keys[0].id();
    parent.keys[0] = keyward_pkcs11::domain::keyring::DomainKey::new(domain, id, &[1; 32]).into();
    parent.public.state.keys[0].commitment = parent.keys[0].commitment();
    let parent_token = parent.seal(&first.identity);
    let mut child = Forger::of(&genuine, &first);
    child.keys = parent.keys.clone();
    child.public.state.keys = parent.public.state.keys.clone();
    let hash = keyward_pkcs11::domain::token::build::token_hash(&parent_token);
    child.public.state.parent = Some(hash);
    let child_token = child.seal(&first.identity);
    let fingerprint = parent.public.state.fingerprint();
    assert_eq!(fingerprint, first.installed.state.fingerprint());
    let refusal = join(&parent_token, &child_token, fingerprint, &identity, NOW).unwrap_err();
    assert_eq!(refusal, Refusal::MandateParent(first.installed.hash));
}

#[test]
fn the_first_version_is_the_modules_own() {
    let (first, keys) = governed();
    let other = Identity::generate("x", "").unwrap();
    let lone = crate::world::Member::lone("one");
    assert_eq!(
        begin(&lone.token, &other).unwrap_err(),
        Refusal::NotAdmitted
    );
    let next = first
        .propose(&approved(&first, &keys, vec![Change::KeyAdd(key_id(1))]), 1)
        .unwrap();
    assert_eq!(
        begin(&next, &first.identity).unwrap_err(),
        Refusal::NotAdmitted
    );
    let forged = Forger::of(&lone.token, &lone).seal(&other);
    assert_eq!(
        begin(&forged, &lone.identity).unwrap_err(),
        Refusal::ProducerNotActive(other.id())
    );
}
