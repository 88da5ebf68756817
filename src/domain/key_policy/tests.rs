//! Every cell of the policy: each restriction against an attempt that meets it and one that does not,
//! and each way of changing a policy.

use super::*;
use crate::error::Error;
use proptest::prelude::*;

const OPERATOR: OperatorId = OperatorId([1; 16]);
const MEMBER: MemberId = MemberId([2; 16]);

/// Makes an attempt another one.
type Change = fn(&mut Attempt<'static>);

/// The attempt that meets every restriction below.
fn attempt() -> Attempt<'static> {
    Attempt {
        operation: Operation::Encrypt,
        mechanism: 7,
        operator: Some((OPERATOR, "custodian")),
        member: MEMBER,
        region: "eu",
        now: 100,
        data: Some(b"tenant=a;purpose=b"),
    }
}

fn rule(exact: bool, value: &[u8]) -> DataRule {
    DataRule {
        exact,
        value: value.to_vec(),
    }
}

/// A policy that restricts everything, and admits [`attempt`].
fn full() -> KeyPolicy {
    KeyPolicy {
        operations: Some(Operations::of(&[Operation::Encrypt, Operation::Decrypt])),
        mechanisms: Some(vec![7, 9]),
        operators: Some(vec![OPERATOR]),
        roles: Some(vec!["auditor".into()]),
        members: Some(vec![MEMBER]),
        regions: Some(vec!["us".into()]),
        not_before: Some(50),
        not_after: Some(150),
        max_uses: Some(10),
        data: Some(vec![rule(false, b"tenant=a")]),
    }
}

#[test]
fn every_restriction_denies_what_does_not_meet_it() {
    assert_eq!(full().judge(&attempt()), Ok(()));
    assert_eq!(KeyPolicy::default().judge(&attempt()), Ok(()));
    let other = Some((OperatorId([9; 16]), "guest"));
    let cases: [(Denied, Change); 9] = [
        (Denied::Operation(Operation::Wrap), |own| {
            own.operation = Operation::Wrap;
        }),
        (Denied::Mechanism, |own| own.mechanism = 8),
        (Denied::Nobody, |own| own.operator = None),
        (Denied::Operator, |own| {
            own.operator = Some((OperatorId([9; 16]), "guest"));
        }),
        (Denied::Place, |own| own.member = MemberId([9; 16])),
        (Denied::TooEarly, |own| own.now = 49),
        (Denied::TooLate, |own| own.now = 151),
        (Denied::Data, |own| own.data = Some(b"tenant=b")),
        (Denied::Data, |own| own.data = None),
    ];
    for (denied, change) in cases {
        let mut attempt = attempt();
        change(&mut attempt);
        assert_eq!(full().judge(&attempt), Err(denied));
        assert_eq!(KeyPolicy::default().judge(&attempt), Ok(()));
    }
    assert_eq!(Error::from(Denied::Nobody), Error::OperatorNeeded);
    assert!(matches!(Error::from(Denied::Place), Error::PolicyDenied(_)));
    // A role, or a region, is enough.
    let mut by_role = attempt();
    by_role.operator = Some((OperatorId([9; 16]), "auditor"));
    by_role.member = MemberId([9; 16]);
    by_role.region = "us";
    assert_eq!(full().judge(&by_role), Ok(()));
    by_role.operator = other;
    assert_eq!(full().judge_who_and_where(&by_role), Err(Denied::Operator));
}

#[test]
fn an_empty_list_admits_nobody() {
    let mut policy = KeyPolicy {
        operators: Some(vec![]),
        ..KeyPolicy::default()
    };
    assert_eq!(policy.judge(&attempt()), Err(Denied::Operator));
    policy = KeyPolicy {
        data: Some(vec![]),
        ..KeyPolicy::default()
    };
    assert_eq!(policy.judge(&attempt()), Err(Denied::Data));
}

#[test]
fn a_policy_only_tightens() {
    let open = KeyPolicy::default();
    assert!(full().tightens(&open) && full().tightens(&full()) && open.tightens(&open));
    assert!(!open.tightens(&full()));
    let tighter: [fn(&mut KeyPolicy); 8] = [
        |own| own.operations = Some(Operations::of(&[Operation::Decrypt])),
        |own| own.mechanisms = Some(vec![9]),
        |own| own.roles = None,
        |own| own.members = Some(vec![]),
        |own| own.not_before = Some(51),
        |own| own.not_after = Some(149),
        |own| own.max_uses = Some(9),
        |own| own.data = Some(vec![rule(true, b"tenant=a;purpose=b")]),
    ];
    for change in tighter {
        let mut policy = full();
        change(&mut policy);
        assert!(policy.tightens(&full()), "{policy:?}");
        assert!(!full().tightens(&policy), "{policy:?}");
    }
    let looser: [fn(&mut KeyPolicy); 14] = [
        |own| own.operations = Some(Operations::of(&[Operation::Encrypt, Operation::Rekey])),
        |own| own.operations = None,
        |own| own.mechanisms = Some(vec![7, 8]),
        |own| own.mechanisms = None,
        |own| own.operators = Some(vec![OPERATOR, OperatorId([5; 16])]),
        |own| (own.operators, own.roles) = (None, None),
        |own| own.roles = Some(vec!["guest".into()]),
        |own| (own.members, own.regions) = (None, None),
        |own| own.regions = Some(vec!["eu".into()]),
        |own| own.not_before = None,
        |own| own.not_after = Some(151),
        |own| own.max_uses = None,
        |own| own.data = Some(vec![rule(false, b"tenant=")]),
        |own| own.data = None,
    ];
    for change in looser {
        let mut policy = full();
        change(&mut policy);
        assert!(!policy.tightens(&full()), "{policy:?}");
    }
    let exact = KeyPolicy {
        data: Some(vec![rule(true, b"x")]),
        ..KeyPolicy::default()
    };
    let prefix = KeyPolicy {
        data: Some(vec![rule(false, b"x")]),
        ..KeyPolicy::default()
    };
    assert!(exact.tightens(&prefix) && !prefix.tightens(&exact));
}

#[test]
fn there_is_one_encoding() {
    let bytes = full().encode();
    assert_eq!(KeyPolicy::decode(&bytes).unwrap(), full());
    assert_eq!(KeyPolicy::decode(&[0xa0]).unwrap(), KeyPolicy::default());
    assert_eq!(KeyPolicy::default().encode(), [0xa0]);
    for length in 0..bytes.len() {
        assert!(KeyPolicy::decode(&bytes[..length]).is_err());
    }
    // An operation, and a restriction, of a later time; a list out of order.
    assert!(KeyPolicy::decode(&[0xa1, 1, 0x19, 0x08, 0]).is_err());
    assert!(KeyPolicy::decode(&[0xa1, 11, 1]).is_err());
    assert!(KeyPolicy::decode(&[0xa1, 2, 0x82, 9, 7]).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    /// What a tighter policy admits, the looser one admitted: over small policies and attempts.
    #[test]
    fn tightening_never_admits_more(
        one in any_policy(), other in any_policy(), operation in 0_usize..3, mechanism in 0_u64..3,
        who in 0_u8..3, role in 0_usize..2, member in 0_u8..2, now in 0_u64..4, data in 0_usize..4,
    ) {
        let attempt = Attempt {
            operation: Operation::ALL[operation],
            mechanism,
            operator: (who > 0).then(|| (OperatorId([who; 16]), ["a", "b"][role])),
            member: MemberId([member; 16]),
            region: ["", "eu"][usize::from(member)],
            now,
            data: [None, Some(&b""[..]), Some(b"x"), Some(b"xy")][data],
        };
        let more = one.judge(&attempt).is_ok() && other.judge(&attempt).is_err();
        prop_assert!(!(one.tightens(&other) && more));
    }
}

fn any_policy() -> impl Strategy<Value = KeyPolicy> {
    let bits = proptest::option::of(0_u64..8);
    let numbers = proptest::option::of(proptest::collection::btree_set(0_u64..3, 0..3));
    let ids = || proptest::option::of(proptest::collection::btree_set(1_u8..3, 0..2));
    let roles = proptest::option::of(Just(vec!["a".to_owned()]));
    let times = (
        proptest::option::of(0_u64..4),
        proptest::option::of(0_u64..4),
    );
    let values = proptest::sample::subsequence(
        vec![rule(false, b"x"), rule(true, b"x"), rule(true, b"xy")],
        0..3,
    );
    let data = proptest::option::of(values);
    (bits, numbers, ids(), roles, ids(), times, data).prop_map(
        |(bits, numbers, operators, roles, members, (not_before, not_after), data)| KeyPolicy {
            operations: bits.map(Operations),
            mechanisms: numbers.map(|list| list.into_iter().collect()),
            operators: operators
                .map(|list| list.into_iter().map(|id| OperatorId([id; 16])).collect()),
            roles,
            members: members.map(|list| list.into_iter().map(|id| MemberId([id; 16])).collect()),
            regions: None,
            not_before,
            not_after,
            max_uses: None,
            data,
        },
    )
}
