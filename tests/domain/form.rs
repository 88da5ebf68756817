//! Step 1: size, canonical form, format, domain.

use crate::forge::Forger;
use crate::world::{Member, NOW, key_id, pair};
use coset::{CoseSign1, TaggedCborSerializable};
use keyward_pkcs11::domain::cbor::{Flaw, Malformed};
use keyward_pkcs11::domain::command::Change;
use keyward_pkcs11::domain::cose::{Purpose, Signed};
use keyward_pkcs11::domain::ids::DomainId;
use keyward_pkcs11::domain::ingest::ingest;
use keyward_pkcs11::domain::refusal::Refusal;
use keyward_pkcs11::domain::token::MAX_LEN;
use proptest::prelude::*;
use std::sync::OnceLock;

/// A lone member and the genuine next version.
fn next() -> (Member, Vec<u8>) {
    let member = Member::lone("one");
    let mandate = member.own_mandate(vec![Change::KeyAdd(key_id(1))]);
    let token = member.propose(&mandate, 1).unwrap();
    (member, token)
}

fn flaw(refusal: Refusal) -> Flaw {
    match refusal {
        Refusal::Malformed(Malformed { flaw, .. }) => flaw,
        other => panic!("{other}"),
    }
}

#[test]
fn what_the_forger_leaves_alone_is_accepted() {
    let (mut first, mut second, keys) = pair();
    let mandate = crate::world::approved(&first, &keys, vec![Change::KeyAdd(key_id(1))]);
    let token = Forger::of(&first.propose(&mandate, 1).unwrap(), &first).seal(&first.identity);
    first.install(&token);
    second.install(&token);
}

#[test]
fn too_long() {
    let (member, token) = next();
    let long = [token, vec![0; MAX_LEN]].concat();
    assert_eq!(member.refuse(&long), Refusal::TooLong(long.len()));
}

#[test]
fn cut_anywhere() {
    let (member, token) = next();
    for length in (0..token.len()).step_by(7).chain([token.len() - 1]) {
        assert_eq!(
            flaw(member.refuse(&token[..length])),
            Flaw::Truncated,
            "{length}"
        );
    }
}

#[test]
fn followed_by_something() {
    let (member, mut token) = next();
    token.push(0);
    assert_eq!(flaw(member.refuse(&token)), Flaw::Trailing);
}

#[test]
fn not_a_token() {
    let (member, _) = next();
    for bytes in [
        &b""[..],
        b"hello",
        &[0x80],
        &[0xd2, 0x80],
        &[0xd2, 0xf6],
        &[0xf6],
    ] {
        assert!(matches!(member.refuse(bytes), Refusal::Malformed(_)));
    }
}

/// A COSE message in another encoding than ours: the signature would still verify.
#[test]
fn another_encoding_of_the_same_message() {
    let (member, token) = next();
    let mut message = CoseSign1::from_tagged_slice(&token).unwrap();
    message.unprotected.content_type = Some(coset::ContentType::Text("x/y".into()));
    assert_eq!(
        flaw(member.refuse(&message.to_tagged_vec().unwrap())),
        Flaw::NotCanonical
    );
    // The tag 18 in two bytes.
    let long = [&[0xd8, 18], &token[1..]].concat();
    assert_eq!(flaw(member.refuse(&long)), Flaw::NotCanonical);
    // The array of four with a head of two bytes.
    let long = [&[0xd2, 0x98, 4], &token[2..]].concat();
    assert_eq!(flaw(member.refuse(&long)), Flaw::NotCanonical);
}

#[test]
fn another_encoding_inside() {
    let (member, token) = next();
    let payload = CoseSign1::from_tagged_slice(&token)
        .unwrap()
        .payload
        .unwrap();
    let signed = |payload: Vec<u8>| {
        Signed::make(
            Purpose::Token,
            member.identity.id().0,
            &member.identity,
            payload,
        )
        .unwrap()
    };
    assert_eq!(payload[..2], [0x86, 1]);
    let long = [&[0x98, 6], &payload[1..]].concat();
    assert_eq!(flaw(member.refuse(&signed(long))), Flaw::NotCanonical);
    let long = [&[0x86, 0x18, 1], &payload[2..]].concat();
    assert_eq!(flaw(member.refuse(&signed(long))), Flaw::NotCanonical);
    let more = [&[0x87], &payload[1..], &[0xf6]].concat();
    assert_eq!(flaw(member.refuse(&signed(more))), Flaw::TooLong);
    let behind = [&payload[..], &[0xf6]].concat();
    assert_eq!(flaw(member.refuse(&signed(behind))), Flaw::Trailing);
    let format = [&[0x86, 2], &payload[2..]].concat();
    assert_eq!(member.refuse(&signed(format)), Refusal::UnknownFormat(2));
}

#[test]
fn a_member_twice() {
    let (member, token) = next();
    let mut forger = Forger::of(&token, &member);
    let again = forger.public.state.members[0].clone();
    forger.public.state.members.push(again);
    assert_eq!(
        flaw(member.refuse(&forger.seal(&member.identity))),
        Flaw::Disordered
    );
}

#[test]
fn of_another_domain() {
    let (member, token) = next();
    let mut forger = Forger::of(&token, &member);
    forger.public.state.domain = DomainId([7; 32]);
    let refusal = member.refuse(&forger.seal(&member.identity));
    assert_eq!(refusal, Refusal::OtherDomain(DomainId([7; 32])));
    let other = Member::lone("other");
    let refusal = member.refuse(&other.token);
    assert_eq!(refusal, Refusal::OtherDomain(other.installed.state.domain));
}

/// The member and token of the property tests: making one takes a while.
fn shared() -> &'static (Member, Vec<u8>) {
    static SHARED: OnceLock<(Member, Vec<u8>)> = OnceLock::new();
    SHARED.get_or_init(next)
}

proptest! {
    #![proptest_config(crate::world::cases(2_000))]

    #[test]
    fn any_changed_bit(bit: prop::sample::Index) {
        let (member, token) = shared();
        let bit = bit.index(token.len() * 8);
        let mut changed = token.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(ingest(&member.installed, &changed, &member.identity, NOW).is_err());
    }

    #[test]
    fn any_removed_or_doubled_run(start: prop::sample::Index, length in 1_usize..64, double: bool) {
        let (member, token) = shared();
        let start = start.index(token.len());
        let end = (start + length).min(token.len());
        let middle = if double { [&token[start..end], &token[start..end]].concat() } else { vec![] };
        let changed = [&token[..start], &middle, &token[end..]].concat();
        prop_assert!(ingest(&member.installed, &changed, &member.identity, NOW).is_err());
    }

    #[test]
    fn any_bytes(bytes: Vec<u8>) {
        let (member, _) = shared();
        prop_assert!(ingest(&member.installed, &bytes, &member.identity, NOW).is_err());
    }
}
