//! Rule 33, searched: no bounded sequence of calls leads to the value of a protected key, nor at the
//! guarded level to that of a sensitive one. Every rule that is taken away leaves a hole that the same
//! search finds.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on says so by a panic"
)]

#[path = "policy/attacker.rs"]
mod attacker;
#[path = "policy/search.rs"]
mod search;
#[path = "policy/world.rs"]
mod world;

use keyward_pkcs11::object::policy::{Level, RULES};
use search::search;
use world::{Hole, Setting, Start, Target};

/// The longest sequence of calls that is tried, after those that made the start: `KEYWARD_POLICY_DEPTH`,
/// or 4. Every leak that a missing rule leaves is found within the same bound.
fn depth() -> usize {
    let asked = std::env::var("KEYWARD_POLICY_DEPTH").ok();
    asked.map_or(4, |asked| {
        asked.parse().expect("KEYWARD_POLICY_DEPTH is a number")
    })
}

fn setting(level: Level, target: Target, hole: Hole) -> Setting {
    Setting {
        level,
        target,
        hole,
    }
}

/// The shortest leak from any start.
fn leak(setting: Setting, depth: usize) -> Option<Vec<String>> {
    Start::ALL
        .into_iter()
        .find_map(|start| search(start, setting, depth))
}

#[test]
fn no_sequence_reveals_a_protected_key_at_any_level() {
    for level in [Level::Guarded, Level::Standard] {
        let found = leak(setting(level, Target::Protected, Hole::None), depth());
        assert_eq!(found, None, "{level:?}");
    }
}

#[test]
fn no_sequence_reveals_a_sensitive_key_at_the_guarded_level() {
    for target in [Target::Guarded, Target::WithTrusted] {
        let found = leak(setting(Level::Guarded, target, Hole::None), depth());
        assert_eq!(found, None, "{target:?}");
    }
}

#[test]
fn the_classical_attacks_work_at_the_standard_level() {
    let open = setting(Level::Standard, Target::Guarded, Hole::None);
    for start in [Start::BothRoles, Start::Wrapping, Start::Pair, Start::Known] {
        assert!(search(start, open, 3).is_some(), "{start:?}");
    }
}

#[test]
fn trusted_only_keys_are_safe_at_the_standard_level_from_what_nobody_trusts() {
    let trusted = setting(Level::Standard, Target::WithTrusted, Hole::None);
    for start in Start::ALL {
        let found = search(start, trusted, depth());
        // A key that the SO trusts with both roles is the SO's mistake to make, at this level.
        assert_eq!(found.is_some(), start == Start::Trusted, "{found:?}");
    }
}

#[test]
fn every_rule_closes_a_hole() {
    for rule in RULES {
        let hole = Hole::Without(rule.name);
        let found = [
            (Level::Guarded, Target::Guarded),
            (Level::Guarded, Target::Protected),
            (Level::Standard, Target::WithTrusted),
        ]
        .into_iter()
        .find_map(|(level, target)| leak(setting(level, target, hole), depth()));
        let found = found.unwrap_or_else(|| panic!("nothing leaks without \"{}\"", rule.name));
        println!("without \"{}\": {}", rule.name, found.join("; "));
    }
}

#[test]
fn records_must_be_shared_by_processes_and_by_copies() {
    for hole in [Hole::RecordsPerProcess, Hole::LineageForgotten] {
        let found = leak(setting(Level::Guarded, Target::Guarded, hole), depth());
        println!("{hole:?}: {}", found.clone().unwrap_or_default().join("; "));
        assert!(found.is_some(), "{hole:?}");
    }
}
