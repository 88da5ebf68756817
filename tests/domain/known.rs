//! Step 7: the installed version again, and forks.

use crate::world::{Member, NOW, approved, key_id, pair};
use keyward_pkcs11::domain::command::Change;
use keyward_pkcs11::domain::identity::Identity;
use keyward_pkcs11::domain::ingest::{Outcome, ingest};
use keyward_pkcs11::domain::refusal::Refusal;
use keyward_pkcs11::domain::token::build::token_hash;

#[test]
fn the_installed_token_is_a_no_op_and_brings_its_keys() {
    let member = Member::lone("one");
    match ingest(
        &member.installed,
        &member.token,
        &member.identity,
        NOW + 1_000_000_000,
    )
    .unwrap()
    {
        Outcome::NoOp(Some(ring)) => assert_eq!(ring.active().id(), member.ring.active().id()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn another_token_of_the_installed_version_is_a_fork() {
    let (mut first, second, keys) = pair();
    let mandate = approved(&first, &keys, vec![Change::KeyAdd(key_id(1))]);
    let one = first.propose(&mandate, 1).unwrap();
    let other = second.propose(&mandate, 1).unwrap();
    first.install(&one);
    match ingest(&first.installed, &other, &first.identity, NOW).unwrap() {
        Outcome::Fork(hash) => assert_eq!(hash, token_hash(&other)),
        outcome => panic!("{outcome:?}"),
    }
}

#[test]
fn a_stranger_cannot_make_it_look_forked() {
    let (mut first, _, keys) = pair();
    let mandate = approved(&first, &keys, vec![Change::KeyAdd(key_id(1))]);
    let one = first.propose(&mandate, 1).unwrap();
    let other = first.propose(&mandate, 1).unwrap();
    let stranger = Identity::generate("x", "").unwrap();
    let forged = crate::forge::Forger::of(&other, &first).seal(&stranger);
    first.install(&one);
    assert_eq!(
        first.refuse(&forged),
        Refusal::ProducerNotActive(stranger.id())
    );
}

#[test]
fn a_member_that_is_removed_or_suspended_loses_the_keys() {
    for remove in [true, false] {
        let (first, second, keys) = pair();
        let id = second.identity.id();
        let change = if remove {
            Change::MemberRemove(id)
        } else {
            Change::MemberSuspend(id)
        };
        let token = first
            .propose(&approved(&first, &keys, vec![change]), 1)
            .unwrap();
        match ingest(&second.installed, &token, &second.identity, NOW).unwrap() {
            Outcome::Dismissed(next) => {
                assert_eq!(next.state.version, 4);
                let again = ingest(&next, &token, &second.identity, NOW).unwrap();
                assert!(matches!(again, Outcome::NoOp(None)));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_suspended_member_comes_back_by_a_command() {
    let (mut first, mut second, keys) = pair();
    let id = second.identity.id();
    let token = first
        .propose(&approved(&first, &keys, vec![Change::MemberSuspend(id)]), 1)
        .unwrap();
    first.install(&token);
    match ingest(&second.installed, &token, &second.identity, NOW).unwrap() {
        Outcome::Dismissed(next) => second.installed = *next,
        other => panic!("{other:?}"),
    }
    let token = first
        .propose(&approved(&first, &keys, vec![Change::MemberResume(id)]), 1)
        .unwrap();
    first.install(&token);
    second.install(&token);
    assert_eq!(second.ring.active().id(), first.ring.active().id());
}
