//! Step 3: who made the token, and who signed the mandate.

use crate::forge::Forger;
use crate::world::{Member, NOW, approved, governed, key_id, operator, pair, rules};
use coset::{CoseSign, TaggedCborSerializable};
use keyward_pkcs11::domain::command::{Approvals, Change, Kind, Mandate};
use keyward_pkcs11::domain::cose::{Purpose, Signed, Signer};
use keyward_pkcs11::domain::identity::Identity;
use keyward_pkcs11::domain::ids::{Digest, DomainId};
use keyward_pkcs11::domain::operator::{OperatorKey, OperatorSigner};
use keyward_pkcs11::domain::refusal::{QuorumFailure, Refusal};
use keyward_pkcs11::domain::state::governance::{Clause, Operator, Permissions, Rule, Shortfall};

const ADD: Change = Change::KeyAdd(keyward_pkcs11::domain::ids::DomainKeyId([1; 16]));

/// Two members of a governed domain, the operators, and a forger with the genuine next version.
fn forger() -> (Member, Member, Vec<OperatorKey>, Forger) {
    let (first, second, keys) = pair();
    let token = first
        .propose(&approved(&first, &keys, vec![ADD]), 1)
        .unwrap();
    let forger = Forger::of(&token, &first);
    (first, second, keys, forger)
}

/// Puts another mandate into a token, as if it were the one applied.
fn with_mandate(forger: &mut Forger, approvals: Approvals) {
    let applied = forger.public.state.applied.as_mut().unwrap();
    applied.mandate = approvals.hash();
    forger.public.approvals = Some(approvals);
}

/// A clause of `kind` that is not met.
fn shortfall(kind: Kind, role: &str, needed: u64, given: u64) -> QuorumFailure {
    QuorumFailure(Shortfall {
        kind,
        role: role.into(),
        needed,
        given,
    })
}

#[test]
fn made_by_a_stranger() {
    let (_, second, _, forger) = forger();
    let stranger = Identity::generate("stranger", "").unwrap();
    let refusal = second.refuse(&forger.seal(&stranger));
    assert_eq!(refusal, Refusal::ProducerNotActive(stranger.id()));
}

#[test]
fn made_by_a_suspended_member() {
    let (mut first, second, keys) = pair();
    let suspend = Change::MemberSuspend(second.identity.id());
    let token = first
        .propose(&approved(&first, &keys, vec![suspend]), 1)
        .unwrap();
    first.install(&token);
    let next = first
        .propose(&approved(&first, &keys, vec![ADD]), 1)
        .unwrap();
    let forged = Forger::of(&next, &first).seal(&second.identity);
    assert_eq!(
        first.refuse(&forged),
        Refusal::ProducerNotActive(second.identity.id())
    );
}

#[test]
fn signed_in_the_name_of_a_member_with_another_key() {
    let (first, second, keys, _) = forger();
    let token = first
        .propose(&approved(&first, &keys, vec![ADD]), 1)
        .unwrap();
    let payload = coset::CoseSign1::from_tagged_slice(&token)
        .unwrap()
        .payload
        .unwrap();
    let stranger = Identity::generate("stranger", "").unwrap();
    let id = first.identity.id();
    let forged = Signed::make(Purpose::Token, id.0, &stranger, payload).unwrap();
    assert_eq!(second.refuse(&forged), Refusal::ProducerSignature(id));
}

#[test]
fn a_signature_made_for_another_purpose() {
    let (first, second, keys, _) = forger();
    let token = first
        .propose(&approved(&first, &keys, vec![ADD]), 1)
        .unwrap();
    let payload = coset::CoseSign1::from_tagged_slice(&token)
        .unwrap()
        .payload
        .unwrap();
    let id = first.identity.id();
    let forged = Signed::make(Purpose::Running, id.0, &first.identity, payload).unwrap();
    assert_eq!(second.refuse(&forged), Refusal::ProducerSignature(id));
}

#[test]
fn without_a_mandate() {
    let (first, second, _, mut forger) = forger();
    forger.public.approvals = None;
    assert_eq!(
        second.refuse(&forger.seal(&first.identity)),
        Refusal::NoMandate
    );
}

#[test]
fn without_saying_which_changes_it_makes() {
    let (first, second, _, mut forger) = forger();
    forger.public.state.applied = None;
    assert_eq!(
        second.refuse(&forger.seal(&first.identity)),
        Refusal::NoMandate
    );
}

#[test]
fn naming_another_mandate_than_it_carries() {
    let (first, second, _, mut forger) = forger();
    forger.public.state.applied.as_mut().unwrap().mandate = Digest([1; 32]);
    assert_eq!(
        second.refuse(&forger.seal(&first.identity)),
        Refusal::MandateOther
    );
}

#[test]
fn with_a_mandate_for_another_domain() {
    let (first, second, keys, mut forger) = forger();
    let other = DomainId([1; 32]);
    let mut mandate =
        Approvals::new(Mandate::new(other, first.installed.hash, NOW + 1, vec![ADD]).unwrap());
    keys.iter()
        .for_each(|key| key.approve(&mut mandate).unwrap());
    with_mandate(&mut forger, mandate);
    assert_eq!(
        second.refuse(&forger.seal(&first.identity)),
        Refusal::MandateDomain(other)
    );
}

#[test]
fn with_a_mandate_for_another_version() {
    let (first, second, keys, mut forger) = forger();
    let domain = first.installed.state.domain;
    let mut mandate =
        Approvals::new(Mandate::new(domain, Digest([1; 32]), NOW + 1, vec![ADD]).unwrap());
    keys.iter()
        .for_each(|key| key.approve(&mut mandate).unwrap());
    with_mandate(&mut forger, mandate);
    let refusal = second.refuse(&forger.seal(&first.identity));
    assert_eq!(refusal, Refusal::MandateParent(Digest([1; 32])));
}

#[test]
fn a_mandate_replayed() {
    let (mut first, _, keys) = pair();
    let mandate = approved(&first, &keys, vec![Change::LabelSet("new".into())]);
    let old = first.installed.hash;
    let token = first.propose(&mandate, 1).unwrap();
    first.install(&token);
    let other = approved(&first, &keys, vec![Change::LabelSet("newer".into())]);
    let mut forger = Forger::of(&first.propose(&other, 1).unwrap(), &first);
    with_mandate(&mut forger, mandate);
    forger.public.state.label = "new".into();
    let refusal = first.refuse(&forger.seal(&first.identity));
    assert_eq!(refusal, Refusal::MandateParent(old));
}

#[test]
fn changes_out_of_order() {
    let (first, second, keys, _) = forger();
    let steps = vec![ADD, Change::KeyAdd(key_id(2))];
    let token = first.propose(&approved(&first, &keys, steps), 1).unwrap();
    let mut forger = Forger::of(&token, &first);
    forger.public.state.applied.as_mut().unwrap().first = 1;
    let refusal = second.refuse(&forger.seal(&first.identity));
    assert_eq!(refusal, Refusal::MandateOrder { taken: 1, next: 0 });
}

#[test]
fn more_changes_than_the_mandate_has_or_none() {
    let (first, second, _, mut forger) = forger();
    for count in [0, 2, u64::MAX] {
        forger.public.state.applied.as_mut().unwrap().count = count;
        let refusal = second.refuse(&forger.seal(&first.identity));
        assert_eq!(refusal, Refusal::MandateCount(count));
    }
}

#[test]
fn with_a_mandate_that_lapsed() {
    let (first, second, keys, mut forger) = forger();
    let state = &first.installed.state;
    let mandate = Mandate::new(state.domain, first.installed.hash, NOW - 1, vec![ADD]).unwrap();
    let mut mandate = Approvals::new(mandate);
    keys.iter()
        .for_each(|key| key.approve(&mut mandate).unwrap());
    with_mandate(&mut forger, mandate);
    assert_eq!(
        second.refuse(&forger.seal(&first.identity)),
        Refusal::MandateExpired(NOW - 1)
    );
}

#[test]
fn signed_by_one_operator_only() {
    let (first, second, keys, mut forger) = forger();
    let mut mandate = first.mandate(vec![ADD]);
    keys[2].approve(&mut mandate).unwrap();
    with_mandate(&mut forger, mandate);
    let refusal = second.refuse(&forger.seal(&first.identity));
    assert_eq!(
        refusal,
        Refusal::Quorum(shortfall(Kind::KeyAdd, "keeper", 2, 1))
    );
}

#[test]
fn signed_by_nobody() {
    let (first, second, _, mut forger) = forger();
    with_mandate(&mut forger, first.mandate(vec![ADD]));
    let refusal = second.refuse(&forger.seal(&first.identity));
    assert_eq!(
        refusal,
        Refusal::Quorum(shortfall(Kind::KeyAdd, "keeper", 2, 0))
    );
}

#[test]
fn signed_by_one_operator_twice() {
    let (first, _, keys, _) = forger();
    let mut mandate = first.mandate(vec![ADD]);
    keys[2].approve(&mut mandate).unwrap();
    let mut doubled = CoseSign::from_tagged_slice(&mandate.encode()).unwrap();
    doubled.signatures.push(doubled.signatures[0].clone());
    assert!(Approvals::parse(&doubled.to_tagged_vec().unwrap()).is_err());
}

#[test]
fn signed_by_someone_unknown() {
    let (first, second, keys, mut forger) = forger();
    let mut mandate = approved(&first, &keys, vec![ADD]);
    let stranger = OperatorKey::generate().unwrap();
    stranger.approve(&mut mandate).unwrap();
    with_mandate(&mut forger, mandate);
    let refusal = second.refuse(&forger.seal(&first.identity));
    assert_eq!(
        refusal,
        Refusal::UnknownSigner(stranger.operator_id().to_string())
    );
}

#[test]
fn signed_in_the_name_of_an_operator_with_another_key() {
    let (first, second, keys, mut forger) = forger();
    let mut mandate = first.mandate(vec![ADD]);
    keys[0].approve(&mut mandate).unwrap();
    let stranger = OperatorKey::generate().unwrap();
    mandate.approve(keys[1].operator_id(), &stranger).unwrap();
    with_mandate(&mut forger, mandate);
    let refusal = second.refuse(&forger.seal(&first.identity));
    assert_eq!(
        refusal,
        Refusal::OperatorSignature(keys[1].operator_id().to_string())
    );
}

#[test]
fn signed_for_another_mandate() {
    let (first, second, keys, mut forger) = forger();
    let approved = approved(&first, &keys, vec![ADD]);
    // The signatures of one mandate under the text of another.
    let mut moved = CoseSign::from_tagged_slice(&approved.encode()).unwrap();
    moved.payload = Some(first.mandate(vec![ADD]).mandate().encode());
    with_mandate(
        &mut forger,
        Approvals::parse(&moved.to_tagged_vec().unwrap()).unwrap(),
    );
    let refusal = second.refuse(&forger.seal(&first.identity));
    assert!(
        matches!(refusal, Refusal::OperatorSignature(_)),
        "{refusal}"
    );
}

/// A domain of one member with three operators, the last of whom is as `change` says; what comes of a
/// mandate that the first and the last sign.
fn quorum_with(change: impl FnOnce(&mut Operator)) -> Result<Vec<u8>, Refusal> {
    let mut member = Member::lone("first");
    let keys: Vec<_> = (0..3).map(|_| OperatorKey::generate().unwrap()).collect();
    let mut operators: Vec<_> = keys
        .iter()
        .map(|key| operator(key, "x", "keeper"))
        .collect();
    change(&mut operators[2]);
    let add = operators
        .into_iter()
        .map(|operator| Change::OperatorAdd(Box::new(operator)));
    let changes: Vec<_> = add.chain(rules("keeper", 2)).collect();
    let mut founding = member.own_mandate(changes.clone());
    keys.iter()
        .take(2)
        .for_each(|key| key.approve(&mut founding).unwrap());
    let token = member.propose(&founding, changes.len()).unwrap();
    member.install(&token);
    let mut mandate = member.mandate(vec![ADD]);
    keys[0].approve(&mut mandate).unwrap();
    keys[2].approve(&mut mandate).unwrap();
    member.propose(&mandate, 1)
}

#[test]
fn operators_who_do_not_count() {
    assert!(quorum_with(|_| ()).is_ok());
    let short = Refusal::Quorum(shortfall(Kind::KeyAdd, "keeper", 2, 1));
    let role = quorum_with(|operator| operator.role = "auditor".into());
    assert_eq!(role.unwrap_err(), short);
    let permission = quorum_with(|operator| {
        operator.permissions = Permissions(0).with(Kind::MemberAdd);
    });
    assert_eq!(permission.unwrap_err(), short);
    let expired = quorum_with(|operator| operator.expires = Some(NOW - 1));
    assert_eq!(expired.unwrap_err(), short);
    assert!(quorum_with(|operator| operator.expires = Some(NOW)).is_ok());
    let suspended = quorum_with(|operator| operator.suspended = true);
    assert_eq!(suspended.unwrap_err(), short);
}

#[test]
fn the_new_operators_cannot_bring_themselves_in() {
    let (member, keys) = governed();
    let newcomers: Vec<_> = (0..2).map(|_| OperatorKey::generate().unwrap()).collect();
    let mut changes: Vec<_> = newcomers
        .iter()
        .map(|key| Change::OperatorAdd(Box::new(operator(key, "new", "keeper"))))
        .collect();
    changes.extend(
        keys.iter()
            .map(|key| Change::OperatorRemove(key.operator_id())),
    );
    let mut mandate = member.mandate(changes.clone());
    newcomers
        .iter()
        .for_each(|key| key.approve(&mut mandate).unwrap());
    let refusal = member.propose(&mandate, changes.len()).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::Quorum(shortfall(Kind::OperatorAdd, "keeper", 2, 0))
    );
    // Nor can the old ones hand over to keys that nobody shows to work.
    keys.iter()
        .take(2)
        .for_each(|key| key.approve(&mut mandate).unwrap());
    assert!(member.propose(&mandate, changes.len()).is_ok());
    let alone = approved(&member, &keys, changes.clone());
    let refusal = member.propose(&alone, changes.len()).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::NewQuorum(shortfall(Kind::OperatorAdd, "keeper", 2, 0))
    );
}

#[test]
fn a_higher_threshold_is_met_when_it_is_set() {
    let (member, keys) = governed();
    let rule = Rule {
        kind: Kind::RuleSet,
        clauses: vec![Clause {
            role: "keeper".into(),
            needed: 3,
        }],
    };
    let mut mandate = approved(&member, &keys, vec![Change::RuleSet(rule)]);
    let refusal = member.propose(&mandate, 1).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::NewQuorum(shortfall(Kind::RuleSet, "keeper", 3, 2))
    );
    keys[2].approve(&mut mandate).unwrap();
    assert!(member.propose(&mandate, 1).is_ok());
}

#[test]
fn approvals_of_one_mandate_merge() {
    let (member, keys) = governed();
    let mandate = member.mandate(vec![ADD]);
    let (mut one, mut two) = (mandate.clone(), mandate);
    keys[0].approve(&mut one).unwrap();
    keys[1].approve(&mut two).unwrap();
    let mut merged = Approvals::parse(&one.encode()).unwrap();
    merged
        .merge(Approvals::parse(&two.encode()).unwrap())
        .unwrap();
    assert!(member.propose(&merged, 1).is_ok());
    assert!(merged.merge(member.mandate(vec![ADD])).is_err());
}

#[test]
fn a_card_that_its_key_did_not_sign() {
    let (key, other) = (
        OperatorKey::generate().unwrap(),
        OperatorKey::generate().unwrap(),
    );
    let mut card = key.card("one").unwrap();
    card.label = "two".into();
    assert!(
        keyward_pkcs11::domain::state::governance::OperatorCard::parse(&card.encode()).is_err()
    );
    card.key = other.public_key();
    assert!(
        keyward_pkcs11::domain::state::governance::OperatorCard::parse(&card.encode()).is_err()
    );
}
