//! Rotations that are killed, or whose database ends, while clients of other members are at work: the same
//! command goes on, nothing is lost or counted twice, no request fails, and what was marked for shredding
//! is dead everywhere. `KEYWARD_TEST_ROTATED` sets how many keys, `KEYWARD_TEST_KILLS` how many kills.

use crate::members::{Domain, Kind, Member};
use crate::support::process::{Other, Running};
use keyward_pkcs11::domain::ids::DomainKeyId;
use std::time::{Duration, Instant};

/// Clients that use keys all the time, and say at the end how often.
fn clients(members: &[Member]) -> Vec<Other> {
    let mut clients: Vec<Other> = members.iter().map(|own| own.start("module")).collect();
    for client in &mut clients {
        assert_eq!(client.ask("work"), "ok");
    }
    clients
}

/// Ends the clients: each must have worked, and no request failed.
fn finish(clients: Vec<Other>) -> u64 {
    let mut all = 0;
    for mut client in clients {
        let answer = client.ask("enough");
        let done: u64 = answer.parse().unwrap_or_else(|_| panic!("{answer}"));
        assert!(done > 0);
        all += done;
        client.end();
    }
    all
}

fn rotate(member: &Member, request: &str) -> Running {
    let mut program = member.command(env!("CARGO_BIN_EXE_keyward"));
    Running::start(program.args(["domain", "rotate", request, "--batch", "50", "--json"]))
}

/// Keys of the domain, of which the last `marked` are marked for shredding. Answers their ids.
fn prepared(domain: &Domain, count: usize, marked: usize) -> Vec<String> {
    let mut first = domain.members[0].start("module");
    first.ask("generate seed");
    first.end();
    let mut core = domain.members[0].start("core");
    assert_eq!(core.ask(&format!("insert key {count}")), "ok");
    let ids = (count - marked..count).map(|number| core.ask(&format!("mark key{number}")));
    let ids: Vec<String> = ids.collect();
    assert!(
        ids.iter().all(|id| DomainKeyId::from_hex(id).is_some()),
        "{ids:?}"
    );
    core.end();
    ids
}

/// After the rotation every member finds every key but the marked ones, which are empty everywhere.
fn checked(domain: &Domain, old: DomainKeyId, (count, marked): (usize, &[String])) {
    assert!(domain.published().1.is_removed(old));
    for member in &domain.members {
        let mut core = member.start("core");
        assert_eq!(core.ask(&format!("sealed {old}")), "0");
        for id in marked {
            assert_eq!(
                core.ask(&format!("standing {id}")),
                "Destroyed empty",
                "{}",
                member.name
            );
        }
        core.end();
        let mut module = member.start("module");
        let live = count - marked.len() + 1;
        assert_eq!(module.ask("count"), live.to_string(), "{}", member.name);
        for number in [0, count / 2, count - marked.len() - 1] {
            let sealed = module.ask(&format!("encrypt key{number} abcd"));
            assert_eq!(module.ask(&format!("decrypt key{number} {sealed}")), "abcd");
        }
        for number in count - marked.len()..count {
            let answer = module.ask(&format!("encrypt key{number} abcd"));
            assert!(answer.starts_with("CKR_"), "a shredded key works: {answer}");
        }
        module.end();
        member.keyward(&["token", "verify"]).well();
    }
}

fn killed_and_resumed(domain: &mut Domain) {
    let count = crate::setting("KEYWARD_TEST_ROTATED", 1500);
    let kills = crate::setting("KEYWARD_TEST_KILLS", 8);
    let marked = prepared(domain, count, 20);
    let north = domain.members[0].clone();
    let old = domain.active_key();
    let words = ["key.add", "key.retire", &format!("key.remove:{old}")];
    let request = domain.request(&north, &words);
    let clients = clients(&domain.members[1..]);
    let mut dice = u64::from(std::process::id()) | 1;
    println!("the dice begin at {dice}");
    let mut interrupted = 0;
    let report = loop {
        let mut run = rotate(&north, &request);
        dice ^= dice << 13;
        dice ^= dice >> 7;
        dice ^= dice << 17;
        let end = Instant::now()
            + Duration::from_millis(if interrupted < kills {
                dice % 900
            } else {
                200_000
            });
        let ended = loop {
            match run.ended() {
                Some(status) => break Some(status),
                None if Instant::now() > end => break None,
                None => std::thread::sleep(Duration::from_millis(1)),
            }
        };
        if ended.is_none() {
            drop(run);
            interrupted += 1;
            continue;
        }
        let output = run.output();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{error}");
        break serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap();
    };
    let number = |name: &str| report[name].as_u64().unwrap();
    assert_eq!(
        number("found"),
        number("reencrypted") + number("marked") + number("failed")
    );
    assert_eq!(number("failed"), 0);
    checked(domain, old, (count, &marked));
    println!(
        "{interrupted} runs killed; {} requests of clients, none failed",
        finish(clients)
    );
}

#[test]
fn a_rotation_killed_again_and_again_is_finished_by_the_same_command() {
    members!(3, killed_and_resumed);
}

#[test]
fn a_rotation_killed_again_and_again_is_finished_with_postgres() {
    members!(Kind::Postgres, 3, killed_and_resumed);
}

#[test]
fn a_rotation_whose_server_ends_goes_on_when_it_is_back() {
    members!(Kind::OwnPostgres, 2, |domain: &mut Domain| {
        let count = crate::setting("KEYWARD_TEST_ROTATED", 1500);
        let marked = prepared(domain, count, 5);
        let [north, south] = [0, 1].map(|place| domain.members[place].clone());
        let old = domain.active_key();
        let words = ["key.add", "key.retire", &format!("key.remove:{old}")];
        let request = domain.request(&north, &words);
        let mut follower = south.start("module");
        let run = rotate(&north, &request);
        // While the first keys are under the new key, or soon after.
        let under = "SELECT count(DISTINCT domain_key) FROM {}objects";
        crate::members::until("the rotation is under way", || domain.number(under) != 1);
        domain.server().stop();
        let ended = crate::members::Ended::from(run.output());
        // It may have been done before the server ended.
        if ended.code != Some(0) {
            println!("{}", ended.err.trim_end());
            assert_eq!(ended.err.lines().count(), 1, "{}", ended.err);
        }
        let answer = follower.ask("generate while-down");
        assert!(
            answer.starts_with("CKR_DEVICE") || answer == "CKR_FUNCTION_FAILED",
            "{answer}"
        );
        let why = south.keyward(&["domain", "status"]).refused();
        assert!(!why.contains("password"), "{why}");
        domain.server().start_again();
        crate::members::until("service is back", || {
            follower.ask("generate back").parse::<u64>().is_ok()
        });
        assert_eq!(follower.ask("destroy back"), "ok");
        north.keyward(&["domain", "rotate", &request]).well();
        checked(domain, old, (count, &marked));
        follower.end();
    });
}
