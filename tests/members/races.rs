//! Coordinators that race with the same version number: one is accepted, the others are told. How many
//! times is set by `KEYWARD_TEST_RACES`.

use crate::members::{Domain, Kind};
use crate::parts::hex;
use crate::support::process::Other;
use keyward_pkcs11::domain::ids::DomainKeyId;
use keyward_pkcs11::domain::keyring::KeyState;
use keyward_pkcs11::domain::state::manifest::ManifestKey;
use std::collections::BTreeSet;

fn race(domain: &mut Domain) {
    let members = domain.members.clone();
    let mut coordinators: Vec<_> = members.iter().map(|own| own.start("core")).collect();
    let mut winners = BTreeSet::new();
    let rounds = crate::setting("KEYWARD_TEST_RACES", 12);
    for round in 0..rounds {
        let before = domain.published().1.version;
        let tokens: Vec<Vec<u8>> = members
            .iter()
            .map(|member| {
                let label = format!("label.set:{} {round}", member.name);
                let token = domain.proposed(member, &[&label]);
                std::fs::read(domain.work().join(token)).unwrap()
            })
            .collect();
        // All of them at once.
        for (coordinator, token) in coordinators.iter_mut().zip(&tokens) {
            coordinator.send(&format!("publish {}", hex(token)));
        }
        let answers: Vec<String> = coordinators
            .iter_mut()
            .map(|own| own.answer().unwrap())
            .collect();
        let won: Vec<usize> = (0..answers.len())
            .filter(|place| answers[*place] == format!("Installed({})", before + 1))
            .collect();
        let [winner] = won.as_slice() else {
            panic!("round {round}: {answers:?}");
        };
        for (place, answer) in answers.iter().enumerate() {
            let told = answer.contains("published by another coordinator first")
                || answer.contains("the same version")
                || answer.contains("not the parent");
            assert!(
                place == *winner || (answer.starts_with("error: ") && told),
                "{answer}"
            );
        }
        let (token, state) = domain.published();
        assert_eq!(token, tokens[*winner], "another token than the winner's");
        assert_eq!(state.version, before + 1);
        winners.insert(*winner);
        // The losers take what won.
        for coordinator in &mut coordinators {
            let answer = coordinator.ask("follow");
            assert!(answer.starts_with('['), "{answer}");
            assert_eq!(coordinator.ask("version"), state.version.to_string());
        }
    }
    println!("{rounds} races, won by {winners:?}");
    for coordinator in coordinators {
        coordinator.end();
    }
}

#[test]
fn one_of_several_coordinators_is_accepted() {
    members!(3, race);
}

#[test]
fn one_of_several_coordinators_is_accepted_by_postgres() {
    members!(Kind::Postgres, 3, race);
}

/// Two coordinators propose to destroy different domain keys, and one of them wins. What the other one
/// proposed, which nobody published, holds the key that the winner destroyed.
fn destroy(domain: &mut Domain) {
    let north = domain.members[0].clone();
    for _ in 0..2 {
        domain.change(&north, &["key.add"]);
    }
    let state = domain.published().1;
    let pending = |key: &&ManifestKey| key.state == KeyState::Pending;
    let keys: Vec<DomainKeyId> = state
        .keys
        .iter()
        .filter(pending)
        .map(|key| key.id)
        .collect();
    let mut coordinators: Vec<_> = domain.members.iter().map(|own| own.start("core")).collect();
    let follow = |coordinators: &mut Vec<Other>| {
        for coordinator in coordinators {
            let answer = coordinator.ask("follow");
            assert!(answer.starts_with('['), "{answer}");
        }
    };
    follow(&mut coordinators);
    let mut removals = keys.iter().map(|key| {
        let request = domain.request(&north, &[&format!("key.remove:{key}")]);
        let approved = std::fs::read(domain.work().join(request)).unwrap();
        format!("propose {}", hex(&approved))
    });
    let removals = [removals.next().unwrap(), removals.next().unwrap()];
    let winner = coordinators[0].ask(&removals[0]);
    assert!(!winner.starts_with("error"), "{winner}");
    // The same again is no harm: it holds the same keys.
    let again = coordinators[1].ask(&removals[0]);
    assert!(!again.starts_with("error"), "{again}");
    // The members' cards are used up for another set of keys.
    let refused = coordinators[1].ask(&removals[1]);
    assert!(refused.contains("leaves another card"), "{refused}");
    follow(&mut coordinators);
    let loser = coordinators[1].ask(&removals[1]);
    assert!(!loser.starts_with("error"), "{loser}");
    let published = coordinators[0].ask(&format!("publish {winner}"));
    assert!(published.starts_with("Installed"), "{published}");
    follow(&mut coordinators);
    let closed = |coordinators: &mut Vec<Other>, key: DomainKeyId, archived: &[&String]| {
        for coordinator in coordinators {
            assert_eq!(coordinator.ask(&format!("has-key {key}")), "false");
            for token in archived {
                let answer = coordinator.ask(&format!("restore {token}"));
                assert!(answer.starts_with("error: "), "{answer}");
            }
        }
    };
    closed(&mut coordinators, keys[0], &[&loser]);
    // The other key goes as well: nothing of before opens.
    let request = domain.request(&north, &[&format!("key.remove:{}", keys[1])]);
    let approved = std::fs::read(domain.work().join(request)).unwrap();
    let last = coordinators[1].ask(&format!("propose {}", hex(&approved)));
    let published = coordinators[1].ask(&format!("publish {last}"));
    assert!(published.starts_with("Installed"), "{published}");
    follow(&mut coordinators);
    closed(&mut coordinators, keys[1], &[&winner, &again, &loser]);
    for coordinator in coordinators {
        coordinator.end();
    }
}

#[test]
fn what_lost_a_race_of_removals_opens_no_destroyed_key() {
    members!(3, destroy);
}
