//! Token objects are the domain's: what one member makes, changes and destroys is so for every other one,
//! as long as that one is a member and not suspended.

use crate::members::{Domain, files, until};
use crate::search::contains;

#[test]
fn what_one_member_makes_the_others_find_and_use_at_the_next_call() {
    members!(3, |domain: &mut Domain| {
        let mut members: Vec<_> = domain
            .members
            .iter()
            .map(|own| own.start("module"))
            .collect();
        for maker in 0..3 {
            let label = format!("made{maker}");
            let handle = members[maker].ask(&format!("generate {label}"));
            assert!(handle.parse::<u64>().is_ok(), "{handle}");
            let sealed = members[maker].ask(&format!("encrypt {label} c0ffee"));
            for user in &mut members {
                assert_eq!(user.ask(&format!("find {label}")), "1");
                assert_eq!(user.ask(&format!("decrypt {label} {sealed}")), "c0ffee");
            }
            members[maker].ask(&format!("session-key mine{maker}"));
            let seen = |user: usize| usize::from(user == maker).to_string();
            for (place, user) in members.iter_mut().enumerate() {
                assert_eq!(user.ask(&format!("find mine{maker}")), seen(place));
            }
        }
        assert_eq!(members[0].ask("count"), "4");
        // A public object is found without a login.
        members[1].ask("data notice");
        for user in &mut members {
            assert_eq!(user.ask("logout"), "ok");
            assert_eq!(user.ask("find made0"), "0");
            assert_eq!(user.ask("find-data notice"), "1");
        }
        for member in &domain.members {
            member.keyward(&["token", "verify"]).well();
        }
        members.into_iter().for_each(|member| member.end());
    });
}

#[test]
fn changes_of_other_members_are_seen_within_the_interval() {
    members!(2, |domain: &mut Domain| {
        let [north, south] = [0, 1].map(|place| domain.members[place].clone());
        // As by default, then compared with the repository at each use.
        for at_once in [false, true] {
            if at_once {
                domain.change(&north, &["policy.set:cache.revalidation=0s"]);
            }
            let mut maker = north.start("module");
            let mut user = south.start("module");
            let seen = |user: &mut crate::support::process::Other, question: &str, answer: &str| {
                if !at_once {
                    until(question, || user.ask(question) == answer);
                } else {
                    assert_eq!(user.ask(question), answer, "{question}");
                }
            };
            maker.ask("generate key");
            let handle = user.ask("handle key");
            assert!(handle.parse::<u64>().is_ok(), "{handle}");
            assert_eq!(user.ask(&format!("label {handle}")), "key");
            let sealed = user.ask(&format!("encrypt-with {handle} 00"));
            assert_eq!(maker.ask("rename key renamed"), "ok");
            seen(&mut user, &format!("label {handle}"), "renamed");
            assert_eq!(user.ask("find key"), "0");
            assert_eq!(maker.ask(&format!("decrypt renamed {sealed}")), "00");
            // Usage that is taken away is refused.
            assert_eq!(maker.ask("forbid-encryption renamed"), "ok");
            let encrypt = format!("encrypt-with {handle} 00");
            seen(&mut user, &encrypt, "CKR_KEY_FUNCTION_NOT_PERMITTED");
            assert_eq!(user.ask(&format!("decrypt renamed {sealed}")), "00");
            // Destroyed by one, gone for all.
            assert_eq!(maker.ask("destroy renamed"), "ok");
            seen(
                &mut user,
                &format!("label {handle}"),
                "CKR_OBJECT_HANDLE_INVALID",
            );
            assert_eq!(user.ask(&encrypt), "CKR_KEY_HANDLE_INVALID");
            assert_eq!(user.ask("find renamed"), "0");
            maker.end();
            user.end();
        }
    });
}

#[test]
fn a_member_that_is_initialised_anew_leaves_and_touches_nothing() {
    members!(2, |domain: &mut Domain| {
        let [north, south] = [0, 1].map(|place| domain.members[place].clone());
        let mut stays = north.start("module");
        let mut leaves = south.start("module");
        stays.ask("generate ours");
        let sealed = leaves.ask("encrypt ours 1234");
        assert_eq!(leaves.ask("again elsewhere"), "CKR_OK");
        assert_eq!(leaves.ask("login"), "CKR_USER_PIN_NOT_INITIALIZED");
        leaves.end();
        assert_eq!(stays.ask("find ours"), "1");
        assert_eq!(stays.ask(&format!("decrypt ours {sealed}")), "1234");
        north.keyward(&["token", "verify"]).well();

        // It is a lone token now, with no object and a domain of its own.
        south.keyward(&["token", "unlock"]).well();
        let mut alone = south.start("module");
        assert_eq!(alone.ask("find ours"), "0");
        alone.ask("generate own");
        assert_eq!(alone.ask("find own"), "1");
        assert_eq!(stays.ask("find own"), "0");
        alone.end();
        south.keyward(&["token", "verify"]).well();
        // The domain waits for the member that it was until the quorum removes it.
        let gone = domain.id(&south);
        let why = north.keyward(&["domain", "follow"]).well();
        assert!(why.contains("is installed"), "{why}");
        domain.change(&north, &[&format!("member.remove:{gone}")]);
        // It may come back, as another member, without what it has or with it.
        let fingerprint = north.json(&["domain", "fingerprint"])["fingerprint"].clone();
        let join = [
            "domain",
            "join",
            "--fingerprint",
            fingerprint.as_str().unwrap(),
        ];
        south
            .keyward(&["module", "card", "--out", "back.card"])
            .well();
        domain.change(&north, &["member.add:back.card"]);
        let why = south.keyward(&join).refused();
        assert!(why.contains("1 objects"), "{why}");
        south
            .keyward(&[&join[..], &["--bring-objects"]].concat())
            .well();
        let mut back = south.start("module");
        assert_eq!(back.ask(&format!("decrypt ours {sealed}")), "1234");
        assert_eq!(stays.ask("find own"), "1");
        for member in [&north, &south] {
            member.keyward(&["token", "verify"]).well();
        }
        back.end();
        stays.end();
    });
}

#[test]
fn a_suspended_member_holds_no_key_until_it_is_resumed_and_a_removed_one_never() {
    members!(3, |domain: &mut Domain| {
        let [north, south, east] = [0, 1, 2].map(|place| domain.members[place].clone());
        let mut works = north.start("module");
        let mut user = south.start("module");
        let mut other = east.start("module");
        works.ask("generate ours");
        let sealed = user.ask("encrypt ours 1234");
        let decrypt = format!("decrypt ours {sealed}");
        assert_eq!(other.ask(&decrypt), "1234");
        let key = domain.active_key();
        let (_, state) = domain.published();
        let commitment = state.key(key).unwrap().commitment;
        let find = |pid| crate::search::search(pid, state.domain, key, commitment);
        let secret = [("the domain key", find(user.id()).expect("in use").to_vec())];
        let id = domain.id(&south);
        for (command, back) in [("suspend", true), ("remove", false)] {
            domain.change(&north, &[&format!("member.{command}:{id}")]);
            // Its processes notice by themselves.
            until("the domain key is gone", || {
                crate::search::held(user.id(), &secret).is_empty()
            });
            let refused = [
                "domain-keys",
                "find ours",
                &decrypt,
                "generate more",
                "encrypt ours 00",
            ];
            for question in refused {
                let answer = user.ask(question);
                let expected = if question == "domain-keys" || question == "find ours" {
                    answer == "0" || answer == "CKR_ACTION_PROHIBITED"
                } else {
                    answer == "CKR_ACTION_PROHIBITED" || answer == "CKR_OBJECT_HANDLE_INVALID"
                };
                assert!(expected, "{command}: {question}: {answer}");
            }
            let why = south.keyward(&["domain", "status"]).refused();
            assert!(why.contains("suspended or no member"), "{why}");
            // The others go on.
            assert_eq!(works.ask(&decrypt), "1234");
            assert_eq!(other.ask(&decrypt), "1234");
            // Nor has a process that comes later any key.
            let mut later = south.start("module");
            assert_eq!(later.ask("domain-keys"), "0");
            assert_ne!(later.ask(&decrypt), "1234");
            later.end();
            if back {
                domain.change(&north, &[&format!("member.resume:{id}")]);
                until("service goes on", || user.ask(&decrypt) == "1234");
                assert_eq!(user.ask("domain-keys"), "1");
                // So does one that was not running.
                domain.change(&north, &[&format!("member.suspend:{id}")]);
                south.keyward(&["domain", "follow"]).well();
                domain.change(&north, &[&format!("member.resume:{id}")]);
                south.keyward(&["domain", "follow"]).well();
                let mut later = south.start("module");
                assert_eq!(later.ask(&decrypt), "1234");
                later.end();
            }
        }
        // A new key never reaches it, and nothing under it.
        let rotation = ["key.add", "key.retire", &format!("key.remove:{key}")];
        let rotation = domain.request(&north, &rotation);
        north
            .keyward(&["domain", "rotate", &rotation, "--patience", "10"])
            .well();
        assert_eq!(works.ask(&decrypt), "1234");
        assert_ne!(user.ask(&decrypt), "1234");
        user.end();
        works.end();
        other.end();
    });
}

/// How the newest object stands in the repository.
fn newest_sealed(domain: &Domain) -> Vec<u8> {
    let repository = domain.place().join("repository/repository.db");
    let newest = "SELECT sealed FROM objects ORDER BY place DESC LIMIT 1";
    let connection = rusqlite::Connection::open(repository).unwrap();
    connection
        .query_row(newest, [], |row| row.get(0))
        .expect("an object")
}

#[test]
fn what_was_destroyed_is_in_no_file_of_the_repository_once_its_user_has_left() {
    members!(2, |domain: &mut Domain| {
        let [mut maker, mut other] = [0, 1].map(|place| domain.members[place].start("module"));
        let holds = |sealed: &[u8]| {
            let mut all = Vec::new();
            files(&domain.place().join("repository"), &mut all);
            let bytes = all.iter().map(|file| std::fs::read(file).unwrap());
            bytes.into_iter().any(|bytes| contains(&bytes, sealed))
        };
        maker.ask("generate gone");
        assert_eq!(other.ask("find gone"), "1");
        let sealed = newest_sealed(domain);
        assert!(holds(&sealed));
        assert_eq!(maker.ask("destroy gone"), "ok");
        assert_eq!(maker.ask("logout"), "ok");
        assert!(!holds(&sealed));
        assert_eq!(other.ask("find gone"), "0");
        maker.end();
        other.end();
    });
}
