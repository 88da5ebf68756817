//! Coordinators that race with the same version number: one is accepted, the others are told. How many
//! times is set by `KEYWARD_TEST_RACES`.

use crate::members::{Domain, Kind};
use crate::parts::hex;
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
