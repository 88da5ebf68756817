//! Step 4: a version holds what was signed and nothing else, and is a sound state.

use crate::forge::Forger;
use crate::world::{Member, NOW, approved, governed, key_id, pair};
use keyward_pkcs11::domain::command::{Change, Kind};
use keyward_pkcs11::domain::identity::Identity;
use keyward_pkcs11::domain::ids::{Digest, KeyId, RepositoryId};
use keyward_pkcs11::domain::keyring::KeyState;
use keyward_pkcs11::domain::operator::OperatorKey;
use keyward_pkcs11::domain::refusal::Refusal;
use keyward_pkcs11::domain::state::governance::{Clause, Permissions, Rule};
use keyward_pkcs11::domain::state::manifest::Tombstone;
use keyward_pkcs11::domain::state::policy::{Policy, Wrapping};
use keyward_pkcs11::domain::state::{OpenMandate, State};

/// A pair of members whose domain has something of everything, and a forger with the next version.
fn forger() -> (Member, Member, Forger) {
    let (mut first, mut second, keys) = pair();
    let versions = [
        vec![Change::KeyAdd(key_id(1)), Change::KeyAdd(key_id(2))],
        vec![
            Change::KeyRemove {
                id: key_id(1),
                last: false,
            },
            Change::Revoke(vec![KeyId([1; 16])]),
            Change::RevisionRaise(KeyId([2; 16]), 5),
        ],
    ];
    for changes in versions {
        let count = changes.len();
        let token = first
            .propose(&approved(&first, &keys, changes), count)
            .unwrap();
        first.install(&token);
        second.install(&token);
    }
    let mandate = approved(&first, &keys, vec![Change::LabelSet("new".into())]);
    let forger = Forger::of(&first.propose(&mandate, 1).unwrap(), &first);
    (first, second, forger)
}

#[test]
fn anything_beyond_the_signed_change() {
    let (first, second, genuine) = forger();
    let forge = |change: &dyn Fn(&mut State)| {
        let mut forger = Forger {
            public: genuine.public.clone(),
            ..Forger::of(&genuine.seal(&first.identity), &first)
        };
        change(&mut forger.public.state);
        second.refuse(&forger.seal(&first.identity))
    };
    let cases: Vec<(&'static str, &dyn Fn(&mut State))> = vec![
        ("labels", &|state| state.label = "other".into()),
        ("repositories", &|state| {
            state.repository = RepositoryId([1; 16])
        }),
        ("members", &|state| state.members[0].since += 1),
        ("operators", &|state| {
            state.governance.operators[0].role = "other".into()
        }),
        ("operators", &|state| {
            state.governance.operators[0].permissions = Permissions(0)
        }),
        ("operators", &|state| {
            state.governance.operators[0].expires = Some(NOW + 9)
        }),
        ("operators", &|state| {
            state.governance.operators[0].suspended = true
        }),
        ("operators", &|state| drop(state.governance.operators.pop())),
        ("rules", &|state| {
            state.governance.rules[0].clauses[0].needed = 3
        }),
        ("rules", &|state| drop(state.governance.rules.remove(0))),
        ("domain keys", &|state| {
            state.keys[0].state = KeyState::DecryptOnly
        }),
        ("domain keys", &|state| state.keys[0].created += 1),
        ("domain keys", &|state| state.keys[0].since += 1),
        ("tombstones", &|state| state.tombstones.clear()),
        ("tombstones", &|state| {
            state.tombstones.push(Tombstone {
                id: key_id(9),
                version: 1,
                last: false,
            });
        }),
        ("tombstones", &|state| state.tombstones[0].last = true),
        ("revoked keys", &|state| state.revoked.clear()),
        ("revoked keys", &|state| state.revoked.push(KeyId([9; 16]))),
        ("minimum revisions", &|state| {
            state.minimum_revisions.clear()
        }),
        ("minimum revisions", &|state| {
            state.minimum_revisions[0].1 = 4
        }),
        ("settings", &|state| {
            state.policy.wrapping = Wrapping::Standard
        }),
        ("settings", &|state| state.policy.cache_lifetime = 1),
        ("settings", &|state| state.policy.removal_wait = 1),
        ("open mandates", &|state| {
            let mandate = Digest([1; 32]);
            state.mandates.push(OpenMandate {
                mandate,
                next: 1,
                expires: NOW + 9,
            });
        }),
    ];
    for (place, (part, change)) in cases.into_iter().enumerate() {
        assert_eq!(forge(change), Refusal::Unsigned(part), "case {place}");
    }
}

#[test]
fn a_member_suspended_on_the_side() {
    let (first, second, mut forger) = forger();
    let other = forger
        .public
        .state
        .members
        .iter_mut()
        .find(|own| own.id() != second.identity.id());
    other.unwrap().active = false;
    let refusal = second.refuse(&forger.seal(&first.identity));
    assert_eq!(refusal, Refusal::Unsigned("members"));
}

#[test]
fn a_domain_key_exchanged_or_smuggled_in() {
    let (first, second, genuine) = forger();
    let token = genuine.seal(&first.identity);
    let domain = first.installed.state.domain;
    let fresh = |id| keyward_pkcs11::domain::keyring::DomainKey::new(domain, id, &[7; 32]).into();
    let mut forger = Forger::of(&token, &first);
    let id = forger.keys[0].id();
    forger.keys[0] = fresh(id);
    forger.public.state.keys[0].commitment = forger.keys[0].commitment();
    let refusal = second.refuse(&forger.seal(&first.identity));
    assert_eq!(refusal, Refusal::Unsigned("domain keys"));
    let mut forger = Forger::of(&token, &first);
    forger.keys.push(fresh(key_id(0xff)));
    let mut listed = forger.public.state.keys[0];
    (listed.id, listed.commitment) = (key_id(0xff), forger.keys.last().unwrap().commitment());
    listed.state = KeyState::Pending;
    forger.public.state.keys.push(listed);
    let refusal = second.refuse(&forger.seal(&first.identity));
    assert_eq!(refusal, Refusal::Unsigned("domain keys"));
}

#[test]
fn things_it_has_no_use_for() {
    let (first, second, genuine) = forger();
    let token = genuine.seal(&first.identity);
    let mut forger = Forger::of(&token, &first);
    forger.public.running.push(first.running());
    let refusal = second.refuse(&forger.seal(&first.identity));
    assert_eq!(refusal, Refusal::Superfluous("running statements"));
    let mut forger = Forger::of(&token, &first);
    forger
        .public
        .renewals
        .push(first.identity.renewed().unwrap().1);
    let refusal = second.refuse(&forger.seal(&first.identity));
    assert_eq!(refusal, Refusal::Superfluous("renewals"));
}

/// A pair with a pending key, and the mandate to activate it.
fn pending() -> (Member, Member, Vec<OperatorKey>) {
    let (mut first, mut second, keys) = pair();
    let mandate = approved(&first, &keys, vec![Change::KeyAdd(key_id(1))]);
    let token = first.propose(&mandate, 1).unwrap();
    first.install(&token);
    second.install(&token);
    (first, second, keys)
}

#[test]
fn a_key_is_activated_when_every_active_member_has_it() {
    let (first, mut second, keys) = pending();
    let mandate = approved(&first, &keys, vec![Change::KeyActivate(key_id(1))]);
    let why = format!(
        "key.activate: member {} has not confirmed the installed version",
        second.identity.id()
    );
    assert_eq!(
        first.propose(&mandate, 1).unwrap_err(),
        Refusal::Change(why.clone())
    );
    let token = first
        .propose_with(&mandate, 1, vec![second.running()])
        .unwrap();
    // Without the other's word, or with a word that another key signed, it is refused.
    let mut forger = Forger::of(&token, &first);
    forger
        .public
        .running
        .retain(|word| word.member == first.identity.id());
    assert_eq!(
        second.refuse(&forger.seal(&first.identity)),
        Refusal::Change(why.clone())
    );
    let subject = (
        first.installed.state.domain,
        first.installed.state.version,
        first.installed.hash,
    );
    let forged = keyward_pkcs11::domain::token::running::Running::make(
        second.identity.id(),
        &first.identity,
        subject,
        NOW,
    );
    forger.public.running.push(forged.unwrap());
    forger.public.running.sort_by_key(|word| word.member);
    assert_eq!(
        second.refuse(&forger.seal(&first.identity)),
        Refusal::Change(why)
    );
    second.install(&token);
    assert_eq!(second.ring.active().id(), key_id(1));
}

#[test]
fn a_suspended_member_is_not_waited_for() {
    let (mut first, second, keys) = pending();
    let suspend = Change::MemberSuspend(second.identity.id());
    let token = first
        .propose(&approved(&first, &keys, vec![suspend]), 1)
        .unwrap();
    first.install(&token);
    let mandate = approved(&first, &keys, vec![Change::KeyActivate(key_id(1))]);
    assert!(first.propose(&mandate, 1).is_ok());
}

/// What comes of changes that a quorum signed.
fn signed(changes: Vec<Change>) -> Refusal {
    let (member, keys) = governed();
    member
        .propose(&approved(&member, &keys, changes.clone()), changes.len())
        .unwrap_err()
}

#[test]
fn changes_that_cannot_be_made() {
    let change = |changes: Vec<Change>| match signed(changes) {
        Refusal::Change(why) => why,
        other => panic!("{other}"),
    };
    let id = key_id(1);
    let stranger = Identity::generate("x", "").unwrap();
    assert!(change(vec![Change::KeyActivate(id)]).contains("not pending"));
    // A key that members get with the version cannot be active in it.
    assert!(change(vec![Change::KeyAdd(id), Change::KeyActivate(id)]).contains("not pending"));
    assert!(change(vec![Change::KeyRetire(id)]).contains("not the active one"));
    assert!(change(vec![Change::KeyRemove { id, last: false }]).contains("there is no"));
    assert!(change(vec![Change::KeyAdd(id), Change::KeyAdd(id)]).contains("exists already"));
    let both = vec![Change::KeyAdd(id), Change::KeyRemove { id, last: false }];
    assert!(change(both).contains("there is no domain key"));
    assert!(change(vec![Change::MemberSuspend(stranger.id())]).contains("there is no member"));
    assert!(
        change(vec![Change::MemberRenew(Box::new(
            stranger.card().unwrap()
        ))])
        .contains("no member")
    );
    let lower = vec![
        Change::RevisionRaise(KeyId([1; 16]), 2),
        Change::RevisionRaise(KeyId([1; 16]), 1),
    ];
    assert!(change(lower).contains("not lower"));
}

#[test]
fn an_active_key_is_not_removed_and_a_retired_one_waits() {
    let mut member = Member::lone("one");
    let active = member.ring.active().id();
    let removal = vec![Change::KeyRemove {
        id: active,
        last: false,
    }];
    let refused = member
        .propose(&member.own_mandate(removal.clone()), 1)
        .unwrap_err();
    assert!(refused.to_string().contains("is active"), "{refused}");
    let policy = Policy {
        removal_wait: 60,
        ..Policy::default()
    };
    member.change(vec![
        Change::PolicySet(Box::new(policy)),
        Change::KeyAdd(key_id(1)),
    ]);
    member.change(vec![Change::KeyActivate(key_id(1))]);
    let refused = member.propose(&member.own_mandate(removal), 1).unwrap_err();
    assert!(refused.to_string().contains("must wait"), "{refused}");
}

#[test]
fn states_that_are_not_sound() {
    let unsound = |changes: Vec<Change>| match signed(changes) {
        Refusal::Unsound(why) => why,
        other => panic!("{other}"),
    };
    let rule = |needed| {
        let clauses = vec![Clause {
            role: "keeper".into(),
            needed,
        }];
        Change::RuleSet(Rule {
            kind: Kind::KeyAdd,
            clauses,
        })
    };
    // One of three is not most of them: two such quorums could fork the domain.
    assert!(unsound(vec![rule(1)]).contains("not more than half"));
    let (member, keys) = governed();
    let own = Change::MemberSuspend(member.identity.id());
    let refusal = member
        .propose(&approved(&member, &keys, vec![own]), 1)
        .unwrap_err();
    assert_eq!(refusal, Refusal::Unsound("no member is active".into()));
    let lone = Member::lone("one");
    let other = Identity::generate("x", "").unwrap();
    let join = Change::MemberAdd(Box::new(other.card().unwrap()));
    let refusal = lone.propose(&lone.own_mandate(vec![join]), 1).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::Unsound("a domain without operators has one member only".into())
    );
}

#[test]
fn a_rule_out_of_reach() {
    // The new rule would have to be met when it is set, so nobody can set one that nobody can meet.
    let clauses = vec![Clause {
        role: "keeper".into(),
        needed: 4,
    }];
    let refusal = signed(vec![Change::RuleSet(Rule {
        kind: Kind::KeyAdd,
        clauses,
    })]);
    assert!(refusal.to_string().contains("only 3"), "{refusal}");
}
