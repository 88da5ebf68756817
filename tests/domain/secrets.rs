//! Step 5: the package, the tag, the key set and the commitments.

use crate::forge::Forger;
use crate::world::{Member, approved, key_id, pair};
use keyward_pkcs11::domain::command::Change;
use keyward_pkcs11::domain::keyring::{DomainKey, StableSecret};
use keyward_pkcs11::domain::refusal::Refusal;
use std::sync::Arc;

/// Two members, and a forger with the genuine next version. The second refuses what the first forges.
fn forger() -> (Member, Member, Forger) {
    let (first, second, keys) = pair();
    let token = first
        .propose(&approved(&first, &keys, vec![Change::KeyAdd(key_id(1))]), 1)
        .unwrap();
    let forger = Forger::of(&token, &first);
    (first, second, forger)
}

#[test]
fn a_package_missing_or_too_many() {
    let (first, second, forger) = forger();
    for place in 0..2 {
        let forged = forger.seal_changed(&first.identity, |sealed| {
            sealed.packages.remove(place);
        });
        assert_eq!(second.refuse(&forged), Refusal::Packages);
    }
    let forged = forger.seal_changed(&first.identity, |sealed| {
        let package = sealed.packages[0].1.clone();
        sealed
            .packages
            .push((keyward_pkcs11::domain::ids::MemberId([0xff; 16]), package));
    });
    assert_eq!(second.refuse(&forged), Refusal::Packages);
    let forged = forger.seal_changed(&first.identity, |sealed| {
        sealed.recovery = Some(sealed.packages[0].1.clone());
    });
    assert_eq!(second.refuse(&forged), Refusal::Packages);
}

#[test]
fn packages_exchanged() {
    let (first, second, forger) = forger();
    let forged = forger.seal_changed(&first.identity, |sealed| {
        let one = sealed.packages[0].1.clone();
        sealed.packages[0].1 = std::mem::replace(&mut sealed.packages[1].1, one);
    });
    assert_eq!(second.refuse(&forged), Refusal::PackageSealed);
}

#[test]
fn a_package_of_another_token() {
    let (first, second, mut forger) = forger();
    let other = forger.sealed();
    forger.public.state.not_after += 1;
    let forged = forger.seal_changed(&first.identity, |sealed| sealed.packages = other.packages);
    assert_eq!(second.refuse(&forged), Refusal::PackageSealed);
}

#[test]
fn a_wrong_tag() {
    let (first, second, forger) = forger();
    let forged = forger.seal_tagged(&first.identity, |tag| tag[31] ^= 1);
    assert_eq!(second.refuse(&forged), Refusal::Tag);
}

#[test]
fn a_package_with_another_random_key() {
    let (first, second, forger) = forger();
    let mut other = Forger::of(&forger.seal(&first.identity), &first);
    other.random_key = [1; 32];
    let packages = other.sealed().packages;
    let forged = forger.seal_changed(&first.identity, |sealed| sealed.packages = packages);
    assert_eq!(second.refuse(&forged), Refusal::Tag);
}

#[test]
fn a_key_set_that_does_not_open() {
    let (first, second, forger) = forger();
    for place in [0, 30, 60] {
        let forged = forger.seal_changed(&first.identity, |sealed| sealed.key_set[place] ^= 1);
        assert_eq!(second.refuse(&forged), Refusal::KeySet);
    }
    let mut other = Forger::of(&forger.seal(&first.identity), &first);
    other.public.state.not_after += 1;
    let moved = other.sealed().key_set;
    let forged = forger.seal_changed(&first.identity, |sealed| sealed.key_set = moved);
    assert_eq!(second.refuse(&forged), Refusal::KeySet);
}

#[test]
fn a_key_missing_too_many_or_under_another_name() {
    let (first, second, mut forger) = forger();
    let all = forger.keys.clone();
    forger.keys.pop();
    assert_eq!(
        second.refuse(&forger.seal(&first.identity)),
        Refusal::KeySetOther
    );
    let domain = first.installed.state.domain;
    let extra = Arc::new(DomainKey::new(domain, key_id(0xff), &[1; 32]));
    forger.keys = all.clone();
    forger.keys.push(extra.clone());
    assert_eq!(
        second.refuse(&forger.seal(&first.identity)),
        Refusal::KeySetOther
    );
    forger.keys = all;
    *forger.keys.last_mut().unwrap() = extra;
    assert_eq!(
        second.refuse(&forger.seal(&first.identity)),
        Refusal::KeySetOther
    );
}

/// Members must not end up with different keys under one name.
#[test]
fn another_key_under_a_right_name() {
    let (first, second, mut forger) = forger();
    let domain = first.installed.state.domain;
    let id = forger.keys[0].id();
    forger.keys[0] = Arc::new(DomainKey::new(domain, id, &[1; 32]));
    assert_eq!(
        second.refuse(&forger.seal(&first.identity)),
        Refusal::Commitment(id)
    );
}

#[test]
fn another_stable_secret() {
    let (first, second, mut forger) = forger();
    forger.stable = Arc::new(StableSecret::new(&[1; 32]));
    assert_eq!(
        second.refuse(&forger.seal(&first.identity)),
        Refusal::StableCommitment
    );
}
