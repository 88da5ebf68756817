//! A member that was away while domain keys came, became active and went: it catches up in turn, and holds
//! nothing of what was removed. Key tokens that callers hold stop a removal until they are taken along.

use crate::members::{Domain, Member, files};
use crate::parts::{bytes, hex};
use crate::search::{contains, held, search};
use keyward_pkcs11::domain::keyring::DomainKey;

/// The versions that a member has installed, oldest first, as its history says.
fn installed(member: &Member) -> Vec<u64> {
    let history = member.json(&["domain", "history"]);
    let events = history.as_array().unwrap().iter().rev();
    events
        .filter(|event| event["what"] == "domain token installed")
        .map(|event| {
            let details = event["details"].as_str().unwrap();
            let number = details.strip_prefix("version ").unwrap();
            number.split(',').next().unwrap().parse().unwrap()
        })
        .collect()
}

#[test]
fn a_member_that_was_away_takes_every_version_and_holds_no_removed_key() {
    members!(3, |domain: &mut Domain| {
        let [north, south, east] = [0, 1, 2].map(|place| domain.members[place].clone());
        let mut users = [&north, &east].map(|member| member.start("module"));
        users[0].ask("generate shared");
        let mut away = south.start("module");
        let sealed = away.ask("encrypt shared 00112233");
        let first = domain.active_key();
        let (archived, state) = domain.published();
        let commitment = state.key(first).unwrap().commitment;
        let secret = search(away.id(), state.domain, first, commitment)
            .expect("the search finds the key while it is in use");
        let key = DomainKey::new(state.domain, first, &secret);
        let secrets = [
            ("the domain key", secret.to_vec()),
            ("its wrapping key", key.wrap().expose().to_vec()),
        ];
        for user in &users {
            assert!(!held(user.id(), &secrets[..1]).is_empty());
        }
        let id = domain.id(&south);
        away.end();

        // South answers no more: a new key is added, and cannot become the active one.
        let rotation = domain.request(
            &north,
            &["key.add", "key.retire", &format!("key.remove:{first}")],
        );
        let rotate = ["domain", "rotate", &rotation, "--patience", "1"];
        let why = north.keyward(&rotate).refused();
        assert!(why.contains("south") && why.contains(&id), "{why}");
        assert!(!why.contains("east"), "{why}");
        // The quorum goes on without it; what was approved for an older version goes on too.
        domain.change(&north, &[&format!("member.suspend:{id}")]);
        let rotation = domain.request(&north, &["key.retire", &format!("key.remove:{first}")]);
        north.keyward(&["domain", "rotate", &rotation]).well();
        let second = domain.active_key();
        assert_ne!(first, second);
        // Another key comes and goes, unused.
        domain.change(&north, &["key.add"]);
        let (_, state) = domain.published();
        let third = state
            .keys
            .iter()
            .map(|key| key.id)
            .find(|id| *id != second)
            .unwrap();
        domain.change(&north, &[&format!("key.remove:{third},keep")]);
        domain.change(&north, &[&format!("member.resume:{id}")]);
        let (_, state) = domain.published();
        assert!(state.is_removed(first) && state.is_removed(third));

        // Back again, it takes one version after the other.
        south.keyward(&["domain", "follow"]).well();
        let turns = installed(&south);
        let all: Vec<u64> = (turns[0]..=state.version).collect();
        assert_eq!(turns, all);
        let mut away = south.start("module");
        assert_eq!(away.ask(&format!("decrypt shared {sealed}")), "00112233");
        assert_eq!(away.ask("domain-keys"), "1");
        away.ask("generate back");
        for user in &mut users {
            assert_eq!(user.ask(&format!("decrypt shared {sealed}")), "00112233");
            assert_eq!(user.ask("find back"), "1");
        }

        // Nobody holds the first key, and no archived version brings it back.
        for process in users.iter().chain([&away]) {
            let still = held(process.id(), &secrets);
            assert!(still.is_empty(), "still held: {still:#?}");
        }
        let mut everything = Vec::new();
        files(domain.place(), &mut everything);
        assert!(
            everything
                .iter()
                .any(|path| path.ends_with("repository.db"))
        );
        for path in everything {
            let bytes = std::fs::read(&path).unwrap();
            for (name, secret) in &secrets {
                assert!(!contains(&bytes, secret), "{} holds {name}", path.display());
            }
        }
        for member in [&north, &south, &east] {
            let mut core = member.start("core");
            let answer = core.ask(&format!("restore {}", hex(&archived)));
            assert!(answer.starts_with("error: "), "{}: {answer}", member.name);
            core.end();
            member.keyward(&["token", "verify"]).well();
        }
        for process in users.into_iter().chain([away]) {
            process.end();
        }
    });
}

#[test]
fn key_tokens_that_callers_hold_stop_a_removal_until_they_are_taken_along() {
    members!(3, |domain: &mut Domain| {
        let [north, south, east] = [0, 1, 2].map(|place| domain.members[place].clone());
        let first = domain.active_key();
        let mut caller = south.start("module");
        caller.ask("generate key 3");
        let tokens: Vec<String> = (0..3)
            .map(|n| caller.ask(&format!("wrap key{n}")))
            .collect();
        let names = ["a.token", "b.token", "c.token"];
        for (name, token) in names.iter().zip(&tokens) {
            assert!(
                caller
                    .ask(&format!("unwrap {token}"))
                    .starts_with(|c: char| c.is_ascii_hexdigit())
            );
            std::fs::write(domain.work().join(name), bytes(token)).unwrap();
        }
        // What the process has counted and not used is given back as it ends.
        caller.end();
        let mut idle = east.start("module");

        let remove = format!("key.remove:{first}");
        let rotation = domain.request(&north, &["key.add", "key.retire", &remove]);
        let rotate = ["domain", "rotate", rotation.as_str()];
        let mut follower = south.start("module");
        let why = north.keyward(&rotate).refused();
        assert!(why.contains("may hold 3 key tokens"), "{why}");
        assert!(why.contains(&first.to_string()), "{why}");
        assert_ne!(
            domain.active_key(),
            first,
            "the rotation has gone as far as it may"
        );

        // Any member takes them along; a copy that is taken along again counts once.
        let copy = domain.work().join("copy.token");
        std::fs::write(&copy, bytes(&tokens[0])).unwrap();
        east.keyward(&["rewrap", "a.token", "copy.token"]).well();
        let why = north.keyward(&rotate).refused();
        assert!(why.contains("may hold 2 key tokens"), "{why}");
        south.keyward(&["rewrap", "b.token", "c.token"]).well();
        north.keyward(&rotate).well();
        assert!(domain.published().1.is_removed(first));
        for (old, name) in tokens.iter().zip(names) {
            let fresh = std::fs::read(domain.work().join(name)).unwrap();
            for process in [&mut idle, &mut follower] {
                let answer = process.ask(&format!("unwrap {old}"));
                assert!(answer.starts_with("CKR_"), "the old token opens: {answer}");
                let answer = process.ask(&format!("unwrap {}", hex(&fresh)));
                assert!(
                    answer.starts_with(|c: char| c.is_ascii_hexdigit()),
                    "{answer}"
                );
            }
        }
        east.keyward(&["rewrap", copy.to_str().unwrap()]).well();
        std::fs::write(&copy, bytes(&tokens[0])).unwrap();
        let why = east.keyward(&["rewrap", copy.to_str().unwrap()]);
        assert_ne!(
            why.code,
            Some(0),
            "a token under a removed key was re-wrapped"
        );
        idle.end();
        follower.end();
    });
}
