//! The way back: versions sealed to an offline key too, and a recovery that is announced before it is
//! done.

use crate::forge::Forger;
use crate::world::{Member, NOW, approved, governed, key_id, operator};
use keyward_pkcs11::domain::command::change::RecoveryTerms;
use keyward_pkcs11::domain::command::{Approvals, Change, Mandate};
use keyward_pkcs11::domain::identity::Identity;
use keyward_pkcs11::domain::ingest::{Outcome, join};
use keyward_pkcs11::domain::operator::{OperatorKey, OperatorSigner};
use keyward_pkcs11::domain::package::AgreementKey;
use keyward_pkcs11::domain::recovery::{Share, open};
use keyward_pkcs11::domain::refusal::Refusal;
use keyward_pkcs11::domain::token::Token;
use keyward_pkcs11::domain::token::build::{Proposal, propose};
use keyward_pkcs11::domain::token::keyset::TokenKey;

const DELAY: u64 = 1000;

/// A governed domain with a recovery key.
fn recoverable() -> (Member, Vec<OperatorKey>, AgreementKey) {
    let (mut member, keys) = governed();
    let offline = AgreementKey::generate().unwrap();
    let terms = RecoveryTerms {
        agreement: offline.public().to_vec(),
        delay: DELAY,
    };
    let mandate = approved(&member, &keys, vec![Change::RecoverySet(Some(terms))]);
    let token = member.propose(&mandate, 1).unwrap();
    member.install(&token);
    (member, keys, offline)
}

/// A mandate that stays good for longer than the delay.
fn long_mandate(member: &Member, keys: &[OperatorKey], changes: Vec<Change>) -> Approvals {
    let state = &member.installed.state;
    let expires = NOW + 10 * DELAY;
    let mandate = Mandate::new(state.domain, member.installed.hash, expires, changes).unwrap();
    let mut approvals = Approvals::new(mandate);
    keys.iter()
        .for_each(|key| key.approve(&mut approvals).unwrap());
    approvals
}

#[test]
fn the_recovery_key_opens_every_version_since_it_was_set() {
    let (member, _, offline) = recoverable();
    let token = Token::parse(&member.token).unwrap();
    let keys = TokenKey::recover(&token, &offline)
        .unwrap()
        .key_set(&token)
        .unwrap();
    assert_eq!(keys.keys[0].commitment(), member.ring.active().commitment());
    let other = AgreementKey::generate().unwrap();
    assert_eq!(
        TokenKey::recover(&token, &other).err(),
        Some(Refusal::PackageSealed)
    );
}

#[test]
fn a_version_without_the_recovery_package() {
    let (member, keys, _) = recoverable();
    let mandate = approved(&member, &keys, vec![Change::KeyAdd(key_id(1))]);
    let token = member.propose(&mandate, 1).unwrap();
    let forged = Forger::of(&token, &member).seal_changed(&member.identity, |sealed| {
        sealed.recovery = None;
    });
    assert_eq!(member.refuse(&forged), Refusal::Packages);
}

#[test]
fn a_recovery_waits_for_its_delay_and_does_what_was_announced() {
    let (mut member, keys, _) = recoverable();
    let newcomer = OperatorKey::generate().unwrap();
    let add = |label| {
        vec![Change::OperatorAdd(Box::new(operator(
            &newcomer, label, "auditor",
        )))]
    };
    let finish = long_mandate(&member, &keys, vec![Change::RecoveryFinish(add("new"))]);
    let refusal = member.propose(&finish, 1).unwrap_err();
    assert_eq!(
        refusal,
        Refusal::Change("recovery.finish: no recovery is announced".into())
    );
    let steps = vec![
        Change::RecoveryBegin(add("new")),
        Change::RecoveryFinish(add("new")),
    ];
    let mandate = long_mandate(&member, &keys, steps);
    let token = member.propose(&mandate, 1).unwrap();
    member.install(&token);
    let early = member
        .propose_at(&mandate, 1, vec![], NOW + DELAY - 1)
        .unwrap_err();
    assert!(early.to_string().contains("must wait until"), "{early}");
    let other = long_mandate(&member, &keys, vec![Change::RecoveryFinish(add("other"))]);
    let other = member
        .propose_at(&other, 1, vec![], NOW + DELAY)
        .unwrap_err();
    assert!(
        other.to_string().contains("another recovery was announced"),
        "{other}"
    );
    member.propose_at(&mandate, 1, vec![], NOW + DELAY).unwrap();
    // Everyone sees it coming, and a quorum can call it off.
    let cancel = long_mandate(&member, &keys, vec![Change::RecoveryCancel]);
    let token = member.propose(&cancel, 1).unwrap();
    member.install(&token);
    assert!(member.propose_at(&mandate, 1, vec![], NOW + DELAY).is_err());
}

#[test]
fn a_module_that_a_recovery_admits_can_make_only_the_recoverys_versions() {
    let (member, keys, _) = recoverable();
    let newcomer = Identity::generate("new", "").unwrap();
    let admit = vec![Change::MemberAdd(Box::new(newcomer.card().unwrap()))];
    let begin = approved(&member, &keys, vec![Change::RecoveryBegin(admit.clone())]);
    let token = member.propose(&begin, 1).unwrap();
    let by_newcomer = Forger::of(&token, &member).seal(&newcomer);
    let mut other = Member {
        token: member.token.clone(),
        ..member
    };
    other.install(&by_newcomer);
    // An ordinary admission is no licence to make versions.
    let (member, keys, _) = recoverable();
    let token = member.propose(&approved(&member, &keys, admit), 1).unwrap();
    let forged = Forger::of(&token, &member).seal(&newcomer);
    assert_eq!(
        member.refuse(&forged),
        Refusal::ProducerNotActive(newcomer.id())
    );
}

#[test]
fn a_final_removal_asks_for_a_new_recovery_key_too() {
    let (mut member, keys, _) = recoverable();
    let old = member.ring.active().id();
    for change in [Change::KeyAdd(key_id(1)), Change::KeyActivate(key_id(1))] {
        let token = member
            .propose(&approved(&member, &keys, vec![change]), 1)
            .unwrap();
        member.install(&token);
    }
    let removal = Change::KeyRemove {
        id: old,
        last: true,
    };
    let (renewed, card) = member.identity.renewed().unwrap();
    member.identity = renewed;
    let renew = Change::MemberRenew(Box::new(card));
    let changes = vec![renew.clone(), removal.clone()];
    let refusal = member
        .propose(&approved(&member, &keys, changes), 2)
        .unwrap_err();
    assert!(
        refusal.to_string().contains("recovery key is not renewed"),
        "{refusal}"
    );
    let terms = RecoveryTerms {
        agreement: AgreementKey::generate().unwrap().public().to_vec(),
        delay: DELAY,
    };
    let changes = vec![renew, Change::RecoverySet(Some(terms)), removal];
    let token = member
        .propose(&approved(&member, &keys, changes), 3)
        .unwrap();
    member.install(&token);
    assert!(member.installed.state.tombstones[0].last);
}

/// The next version, made by a module that has the recovery key and an earlier token only.
fn recovered(
    token: &[u8],
    key: &AgreementKey,
    (approvals, newcomer): (&Approvals, &Identity),
    now: u64,
) -> Result<Vec<u8>, Refusal> {
    let (installed, ring) = open(token, key, now).unwrap();
    let proposal = Proposal {
        installed: &installed,
        ring: &ring,
        approvals,
        count: 1,
        running: vec![],
        renewals: vec![],
    };
    propose(&proposal, newcomer, now, &mut rand::rng())
}

#[test]
fn shares_and_an_archived_token_bring_the_keys_into_a_new_member() {
    let (member, keys, offline) = recoverable();
    let fingerprint = member.installed.state.fingerprint();
    let shares = Share::split(&offline, 2, 3).unwrap();
    let offline = Share::combine(&shares[1..]).unwrap();
    // Nothing of the member is used from here on but its token.
    let newcomer = Identity::generate("new", "").unwrap();
    let admit = vec![Change::MemberAdd(Box::new(newcomer.card().unwrap()))];
    let begin = approved(&member, &keys, vec![Change::RecoveryBegin(admit.clone())]);
    let begin = recovered(&member.token, &offline, (&begin, &newcomer), NOW).unwrap();
    let (announced, _) = open(&begin, &offline, NOW).unwrap();
    let finish = |changes| {
        let (domain, parent) = (announced.state.domain, announced.hash);
        let mandate = Mandate::new(domain, parent, NOW + 10 * DELAY, changes).unwrap();
        let mut approvals = Approvals::new(mandate);
        let signers = keys.iter();
        signers.for_each(|key| key.approve(&mut approvals).unwrap());
        approvals
    };
    let good = finish(vec![Change::RecoveryFinish(admit.clone())]);
    let early = recovered(&begin, &offline, (&good, &newcomer), NOW + 1).unwrap_err();
    assert!(early.to_string().contains("must wait until"), "{early}");
    // What an ordinary member may do, one that is only being admitted may not.
    let other = finish(vec![Change::KeyAdd(key_id(1))]);
    let refusal = recovered(&begin, &offline, (&other, &newcomer), NOW + DELAY).unwrap_err();
    assert_eq!(refusal, Refusal::ProducerNotActive(newcomer.id()));
    let token = recovered(&begin, &offline, (&good, &newcomer), NOW + DELAY).unwrap();
    let joined = join(&begin, &token, fingerprint, &newcomer, NOW + DELAY).unwrap();
    let Outcome::Install(joined) = joined else {
        panic!("not admitted")
    };
    assert_eq!(joined.ring.active().id(), member.ring.active().id());
    assert_eq!(
        joined.ring.active().commitment(),
        member.ring.active().commitment()
    );
    // Who was there before takes the recovery's versions too.
    let mut member = member;
    member.install(&begin);
}
