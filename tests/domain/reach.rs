//! How many changes of a mandate one version can make.

use crate::world::{Member, NOW, approved, key_id, pair};
use keyward_pkcs11::domain::command::{Approvals, Change};
use keyward_pkcs11::domain::refusal::Refusal;
use keyward_pkcs11::domain::token::build::Proposal;
use keyward_pkcs11::domain::token::running::Running;

fn reach(
    member: &Member,
    approvals: &Approvals,
    running: Vec<Running>,
) -> Result<(usize, Option<String>), Refusal> {
    let proposal = Proposal {
        installed: &member.installed,
        ring: &member.ring,
        approvals,
        count: 0,
        running,
        renewals: vec![],
    };
    proposal.reach(&member.identity, NOW)
}

#[test]
fn a_new_key_becomes_active_in_a_version_of_its_own() {
    let (mut first, mut second, keys) = pair();
    let active = first.ring.active().id();
    let changes = vec![
        Change::LabelSet("one".into()),
        Change::KeyAdd(key_id(1)),
        Change::KeyRetire(active),
        Change::LabelSet("two".into()),
    ];
    let mandate = approved(&first, &keys, changes);
    let (count, why) = reach(&first, &mandate, vec![]).unwrap();
    assert_eq!(count, 2);
    assert!(why.unwrap().contains("is not pending in the installed"));
    let stale = second.running();
    let token = first.propose(&mandate, count).unwrap();
    first.install(&token);
    // Without the other's word on this version there is nothing to be made.
    for running in [vec![], vec![stale]] {
        let refusal = reach(&first, &mandate, running).unwrap_err();
        assert!(
            refusal.to_string().contains("has not confirmed"),
            "{refusal}"
        );
    }
    second.install(&token);
    let reached = reach(&first, &mandate, vec![second.running()]);
    assert_eq!(reached, Ok((2, None)));
    let token = first.propose_with(&mandate, 2, vec![second.running()]);
    first.install(&token.unwrap());
    assert_eq!(first.installed.state.label, "two");
}

#[test]
fn what_can_never_be_made_says_so_at_once() {
    let (first, second, keys) = pair();
    let again = Change::MemberAdd(Box::new(second.identity.card().unwrap()));
    let refusal = reach(
        &first,
        &approved(&first, &keys, vec![again.clone()]),
        vec![],
    );
    assert!(refusal.unwrap_err().to_string().contains("exists already"));
    let mandate = approved(&first, &keys, vec![Change::LabelSet("x".into()), again]);
    let (count, why) = reach(&first, &mandate, vec![]).unwrap();
    assert_eq!(count, 1);
    assert!(why.unwrap().contains("exists already"));
}
