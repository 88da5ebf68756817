//! A lone module: a domain of one member, governed by its security officer.

use crate::world::{Member, NOW, governed, key_id};
use keyward_pkcs11::domain::command::Change;
use keyward_pkcs11::domain::ingest::{Outcome, ingest, restore};
use keyward_pkcs11::domain::keyring::KeyState;

#[test]
fn a_domain_key_lives_from_pending_to_removed() {
    let mut member = Member::lone("one");
    let old = member.ring.active().id();
    member.change(vec![Change::KeyAdd(key_id(1))]);
    assert_eq!(
        member.ring.find(key_id(1)).unwrap().state,
        KeyState::Pending
    );
    member.change(vec![Change::KeyActivate(key_id(1))]);
    assert_eq!(member.ring.active().id(), key_id(1));
    assert_eq!(member.ring.find(old).unwrap().state, KeyState::DecryptOnly);
    member.change(vec![Change::KeyRemove {
        id: old,
        last: false,
    }]);
    assert!(member.ring.find(old).is_none());
    assert!(member.ring.is_removed(old));
    assert_eq!(member.installed.state.version, 4);
    let again = member
        .propose(&member.own_mandate(vec![Change::KeyAdd(old)]), 1)
        .unwrap_err();
    assert!(again.to_string().contains("removed for ever"), "{again}");
}

#[test]
fn one_mandate_covers_a_whole_rotation() {
    let mut member = Member::lone("one");
    let old = member.ring.active().id();
    let steps = vec![
        Change::KeyAdd(key_id(1)),
        Change::KeyRetire(old),
        Change::KeyRemove {
            id: old,
            last: false,
        },
    ];
    let mandate = member.own_mandate(steps);
    for _ in 0..3 {
        let token = member.propose(&mandate, 1).unwrap();
        member.install(&token);
    }
    assert_eq!(member.ring.keys().len(), 1);
    assert_eq!(member.ring.active().id(), key_id(1));
    assert!(member.installed.state.mandates.is_empty());
    assert!(member.propose(&mandate, 1).is_err(), "a mandate is used up");
}

#[test]
fn the_stable_secret_outlives_rotation() {
    let mut member = Member::lone("one");
    let before = member.ring.stable().derive("blind index");
    member.change(vec![Change::KeyAdd(key_id(1))]);
    member.change(vec![Change::KeyActivate(key_id(1))]);
    assert_eq!(member.ring.stable().derive("blind index"), before);
}

#[test]
fn the_installed_token_restores_its_keys() {
    let mut member = Member::lone("one");
    member.change(vec![Change::KeyAdd(key_id(1))]);
    let word = member.identity.vouch(2, member.installed.hash);
    let (installed, ring) = restore(&member.token, &word, &member.identity, NOW).unwrap();
    assert_eq!(installed, member.installed);
    assert_eq!(
        ring.unwrap().active().commitment(),
        member.ring.active().commitment()
    );
    let mut forged = word;
    forged[0] ^= 1;
    assert!(restore(&member.token, &forged, &member.identity, NOW).is_err());
    match ingest(&member.installed, &member.token, &member.identity, NOW).unwrap() {
        Outcome::NoOp(Some(ring)) => assert_eq!(ring.version(), 2),
        other => panic!("{other:?}"),
    }
}

#[test]
fn operators_take_over_from_the_security_officer() {
    let (member, _) = governed();
    assert_eq!(member.installed.state.version, 2);
    let own = member.own_mandate(vec![Change::KeyAdd(key_id(1))]);
    assert!(member.propose(&own, 1).is_err());
}

#[test]
fn a_final_removal_renews_the_agreement_key() {
    let mut member = Member::lone("one");
    let old = member.ring.active().id();
    member.change(vec![Change::KeyAdd(key_id(1))]);
    let archived = member.token.clone();
    member.change(vec![Change::KeyActivate(key_id(1))]);
    let removal = member.own_mandate(vec![Change::KeyRemove {
        id: old,
        last: true,
    }]);
    assert!(member.propose(&removal, 1).is_err(), "no fresh card");
    let (renewed, card) = member.identity.renewed().unwrap();
    member.identity = renewed;
    let proposal = keyward_pkcs11::domain::token::build::Proposal {
        installed: &member.installed,
        ring: &member.ring,
        approvals: &removal,
        count: 1,
        running: vec![],
        renewals: vec![card],
    };
    let token = keyward_pkcs11::domain::token::build::propose(
        &proposal,
        &member.identity,
        NOW,
        &mut rand::rng(),
    )
    .unwrap();
    member.install(&token);
    member.identity = member
        .identity
        .settled(&member.installed.state)
        .unwrap()
        .expect("renewed");
    assert!(member.installed.state.tombstones[0].last);
    // The archived token is still genuine, but nothing that the module has left opens it.
    let hash = keyward_pkcs11::domain::token::build::token_hash(&archived);
    let word = member.identity.vouch(2, hash);
    assert!(restore(&archived, &word, &member.identity, NOW).is_err());
    let word = member.identity.vouch(4, member.installed.hash);
    assert!(
        restore(&member.token, &word, &member.identity, NOW)
            .unwrap()
            .1
            .is_some()
    );
}
