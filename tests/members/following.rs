//! A member that is killed while it takes a version that destroys a domain key, at every step: the next
//! process finds the old version or the new one, whole, goes on, and nothing of the key is left in its files.

use crate::members::{Domain, Member, copy, files, until};
use crate::moving::{is_held, number, opened, sql, stand_still};
use crate::parts::hex;
use crate::search::contains;
use crate::support::process::Running;
use keyward_pkcs11::domain::keyring::KeyState;
use keyward_pkcs11::domain::state::manifest::ManifestKey;
use std::path::Path;

/// Where the member stands still in its own database, to be killed there: before something is done, under a
/// condition. All of it is one transaction.
const STEPS: [(&str, &str, &str); 5] = [
    (
        "before the older token is emptied",
        "INSERT ON domain_tokens",
        "length(NEW.token) = 0",
    ),
    (
        "before the token is written",
        "INSERT ON domain_tokens",
        "length(NEW.token) > 0",
    ),
    (
        "before it is noted as the installed one",
        "INSERT ON facts",
        "NEW.name = 'installed'",
    ),
    (
        "before the new agreement key is kept",
        "INSERT ON facts",
        "NEW.name = 'identity'",
    ),
    (
        "before the event",
        "INSERT ON events",
        "NEW.kind = 'domain token installed'",
    ),
];

fn follow(member: &Member) -> Running {
    let mut program = member.command(env!("CARGO_BIN_EXE_keyward"));
    Running::start(program.args(["domain", "follow"]))
}

/// What a fact holds.
fn fact(database: &Path, name: &str) -> Vec<u8> {
    let connection = rusqlite::Connection::open(database).unwrap();
    let sql = "SELECT value FROM facts WHERE name = ?";
    connection.query_row(sql, [name], |row| row.get(0)).unwrap()
}

/// The newest version in a member's own store.
fn version(database: &Path) -> i64 {
    number(database, "SELECT max(version) FROM domain_tokens")
}

/// The member goes on by itself and holds nothing of what was destroyed: neither in use, nor in its files.
fn goes_on(domain: &Domain, south: &Member, (before, identity): (&[u8], &[u8]), step: &str) {
    let (newest, state) = domain.published();
    let gone = state.tombstones.first().expect("a destroyed key").id;
    let mut core = south.start("core");
    let installed = core.ask("installed");
    assert!(
        installed.starts_with(&format!("{} ", state.version)),
        "{step}: {installed}"
    );
    assert_eq!(core.ask(&format!("has-key {gone}")), "false", "{step}");
    let opened = core.ask(&format!("restore {}", hex(before)));
    assert!(opened.starts_with("error: "), "{step}: {opened}");
    let opened = core.ask(&format!("restore {}", hex(&newest)));
    assert!(opened.starts_with("it opens"), "{step}: {opened}");
    core.end();
    south.keyward(&["token", "verify"]).well();
    let history = south.json(&["domain", "history"]).to_string();
    let wanted = format!("version {}, ", state.version);
    assert_eq!(history.matches(&wanted).count(), 1, "{step}: {history}");
    // The keys in the older token were sealed to the agreement key in the older identity.
    let mut all = Vec::new();
    files(&south.home, &mut all);
    for file in all {
        let bytes = std::fs::read(&file).unwrap();
        for (what, needle) in [
            ("token", &before[before.len() - 200..]),
            ("identity", identity),
        ] {
            let found = contains(&bytes, needle);
            assert!(!found, "{step}: the older {what} is in {}", file.display());
        }
    }
    let mut user = south.start("module");
    assert_eq!(user.ask("use-every"), "1 of 1", "{step}");
    user.end();
}

#[test]
fn a_member_that_is_killed_while_it_takes_a_version_has_the_old_or_the_new_one() {
    members!(2, |domain: &mut Domain| {
        let [north, south] = [0, 1].map(|place| domain.members[place].clone());
        domain.change(&north, &["key.add"]);
        let mut user = south.start("module");
        user.ask("generate customer");
        user.end();
        let (before, state) = domain.published();
        let pending = |key: &&ManifestKey| key.state == KeyState::Pending;
        let pending = state.keys.iter().find(pending).unwrap().id;
        domain.change(&north, &[&format!("key.remove:{pending}")]);
        let repository = domain.place().join("repository");
        let kept = |place: &Path| place.with_extension("before");
        for place in [&repository, &south.home] {
            copy(place, &kept(place));
        }
        let own = south.own_store();
        let identity = fact(&own, "identity");
        let older = i64::try_from(state.version).unwrap();
        for (step, at, when) in STEPS {
            for place in [&repository, &south.home] {
                copy(&kept(place), place);
            }
            let open = opened(&own);
            stand_still(&own, at, when);
            let mut run = Some(follow(&south));
            until(step, || {
                if run.as_mut().is_some_and(|run| run.ended().is_some()) {
                    let output = run.take().expect("it runs").output();
                    panic!("it did not come to: {step}: {output:?}");
                }
                is_held(&own)
            });
            drop(run);
            sql(&own, "DROP TRIGGER still");
            drop(open);
            assert_eq!(version(&own), older, "{step}");
            goes_on(domain, &south, (&before, &identity), step);
        }

        // After the commit: somebody reads, so that what was replaced cannot be erased yet.
        for place in [&repository, &south.home] {
            copy(&kept(place), place);
        }
        let reader = opened(&own);
        reader
            .execute_batch("BEGIN; SELECT count(*) FROM facts")
            .unwrap();
        let run = follow(&south);
        until("the version is installed", || version(&own) > older);
        drop(run);
        // Whoever closes the database last here would take its log away: it is put back as it was.
        let left = south.home.with_extension("left");
        copy(&south.home, &left);
        drop(reader);
        copy(&left, &south.home);
        goes_on(domain, &south, (&before, &identity), "after the commit");
    });
}
