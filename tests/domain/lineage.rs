//! Step 2: the version, its parent and its time.

use crate::forge::Forger;
use crate::world::{Member, NOW, approved, key_id, pair};
use keyward_pkcs11::domain::command::Change;
use keyward_pkcs11::domain::ids::Digest;
use keyward_pkcs11::domain::ingest::{CLOCK_SKEW, Outcome, ingest, ingest_all};
use keyward_pkcs11::domain::refusal::Refusal;
use keyward_pkcs11::domain::state::policy::Policy;
use keyward_pkcs11::domain::token::build::LIFETIME;

/// A lone member and a forger with its next version.
fn forger() -> (Member, Forger) {
    let member = Member::lone("one");
    let mandate = member.own_mandate(vec![Change::KeyAdd(key_id(1))]);
    let token = member.propose(&mandate, 1).unwrap();
    let forger = Forger::of(&token, &member);
    (member, forger)
}

#[test]
fn an_older_version() {
    let mut member = Member::lone("one");
    let old = member.token.clone();
    member.change(vec![Change::KeyAdd(key_id(1))]);
    assert_eq!(
        member.refuse(&old),
        Refusal::Older {
            proposed: 1,
            installed: 2
        }
    );
}

#[test]
fn a_version_number_too_high() {
    let (member, mut forger) = forger();
    forger.public.state.version = 3;
    let refusal = member.refuse(&forger.seal(&member.identity));
    assert_eq!(
        refusal,
        Refusal::Gap {
            proposed: 3,
            installed: 1
        }
    );
}

#[test]
fn another_parent() {
    let (member, mut forger) = forger();
    let other = Refusal::OtherParent(member.installed.hash);
    forger.public.state.parent = Some(Digest([1; 32]));
    assert_eq!(member.refuse(&forger.seal(&member.identity)), other);
    forger.public.state.parent = None;
    assert_eq!(member.refuse(&forger.seal(&member.identity)), other);
}

#[test]
fn made_before_its_parent() {
    let (member, mut forger) = forger();
    forger.public.state.created = NOW - 1;
    assert_eq!(
        member.refuse(&forger.seal(&member.identity)),
        Refusal::BeforeParent
    );
}

#[test]
fn made_in_the_future() {
    let (member, mut forger) = forger();
    let created = NOW + CLOCK_SKEW + 1;
    forger.public.state.created = created;
    assert_eq!(
        member.refuse(&forger.seal(&member.identity)),
        Refusal::FromFuture(created)
    );
}

#[test]
fn expired() {
    let (member, mut forger) = forger();
    forger.public.state.not_after = NOW - 1;
    assert_eq!(
        member.refuse(&forger.seal(&member.identity)),
        Refusal::Expired(NOW - 1)
    );
}

/// A pair of members, of whom the first is two versions ahead; the two tokens.
fn ahead() -> (Member, Member, [Vec<u8>; 2]) {
    let (mut first, second, keys) = pair();
    let tokens = [1, 2].map(|number| {
        let mandate = approved(&first, &keys, vec![Change::KeyAdd(key_id(number))]);
        let token = first.propose(&mandate, 1).unwrap();
        first.install(&token);
        token
    });
    (first, second, tokens)
}

#[test]
fn a_member_that_lags_takes_every_version_in_turn() {
    let (first, second, [middle, head]) = ahead();
    assert_eq!(
        second.refuse(&head),
        Refusal::Gap {
            proposed: 5,
            installed: 3
        }
    );
    let tokens = [&middle[..], &head[..]];
    let outcomes = ingest_all(&second.installed, &tokens, &[], &second.identity, NOW).unwrap();
    let Some(Outcome::Install(last)) = outcomes.last() else {
        panic!("{outcomes:?}")
    };
    assert_eq!(
        (outcomes.len(), &last.installed.state),
        (2, &first.installed.state)
    );
}

#[test]
fn the_expiry_of_a_version_between_is_judged_at_its_successor() {
    let (first, second, [middle, head]) = ahead();
    let late = NOW + LIFETIME + 1;
    let expired = Refusal::Expired(NOW + LIFETIME);
    assert_eq!(
        ingest(&second.installed, &middle, &second.identity, late).unwrap_err(),
        expired
    );
    // Together with a successor made in time only the head is too old.
    let tokens = [&middle[..], &head[..]];
    let (taken, refusal) =
        ingest_all(&second.installed, &tokens, &[], &second.identity, late).unwrap_err();
    assert_eq!((taken.len(), refusal), (1, expired));
    drop(first);
}

#[test]
fn a_member_that_was_away_wants_the_head_confirmed() {
    let (mut first, mut second, keys) = pair();
    let policy = Policy {
        away_limit: 1000,
        ..Policy::default()
    };
    let mandate = approved(&first, &keys, vec![Change::PolicySet(Box::new(policy))]);
    let token = first.propose(&mandate, 1).unwrap();
    first.install(&token);
    second.install(&token);
    let mandate = approved(&first, &keys, vec![Change::KeyAdd(key_id(1))]);
    let token = first.propose(&mandate, 1).unwrap();
    first.install(&token);
    let late = NOW + 1001;
    let refusal = ingest(&second.installed, &token, &second.identity, late).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::Unconfirmed {
            confirmed: 0,
            needed: 1
        }
    );
    let take = |word| {
        ingest_all(
            &second.installed,
            &[&token],
            &[word],
            &second.identity,
            late,
        )
    };
    assert!(take(second.running()).is_err(), "its own old word");
    assert!(matches!(
        take(first.running()).unwrap()[..],
        [Outcome::Install(_)]
    ));
}
