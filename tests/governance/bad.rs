//! Requests, approvals and tokens that are damaged, misplaced or come twice: one clear line each, nothing
//! changed, and an event where a module was asked to propose or install something.

use crate::offline::pair;
use crate::place::Place;

/// Runs a command that must fail with one line that says this. A refused token or request leaves one event.
fn refused(place: &Place, member: &str, line: &str, why: &str) {
    let leaves = ["domain propose", "domain ingest"]
        .iter()
        .any(|command| line.starts_with(command));
    let before = if leaves {
        refusals(place, member).len()
    } else {
        0
    };
    let printed = place.fail(member, line);
    assert_eq!(printed.lines().count(), 1, "{printed}");
    assert!(printed.contains(why), "{line}: {printed}");
    if leaves {
        let after = refusals(place, member);
        assert_eq!(after.len(), before + 1, "{line} left no event: {after:?}");
        assert!(after[0].contains(why), "{line}: {}", after[0]);
    }
}

/// What a member refused so far, and why, newest first.
fn refusals(place: &Place, member: &str) -> Vec<String> {
    let printed = place.run(member, "domain why --json");
    let events: serde_json::Value = serde_json::from_str(&printed).unwrap();
    let details = |event: &serde_json::Value| event["details"].as_str().unwrap().to_owned();
    events.as_array().unwrap().iter().map(details).collect()
}

#[test]
fn approvals_that_do_not_count() {
    let place = pair();
    place.operator("mallory");
    place.run("north", "domain request label.set:x --out x.request");
    // The same operator twice is one, and one who is none is named.
    place.approve("x.request", &["alice", "alice"]);
    refused(
        &place,
        "north",
        "domain propose x.request --out x.token",
        "needs 2 of role operator, and has 1",
    );
    place.run("north", "domain merge x.request --out copy.request");
    place.approve("copy.request", &["mallory"]);
    refused(
        &place,
        "north",
        "domain propose copy.request --out x.token",
        "who is not known here",
    );
    // Another request's copies do not add up.
    place.run("north", "domain request label.set:y --out y.request");
    place.approve("y.request", &["bob"]);
    refused(
        &place,
        "north",
        "domain merge x.request y.request --out no.request",
        "another request",
    );
    refused(
        &place,
        "north",
        "domain propose x.request y.request --out x.token",
        "another request",
    );
    // Damaged in transit: text by its form, bytes by theirs, a name by the signature.
    let text = std::fs::read_to_string(place.file("x.request")).unwrap();
    place.write("cut.request", &text[..text.len() - 60]);
    refused(
        &place,
        "north",
        "domain propose cut.request --out x.token",
        "the text is damaged",
    );
    place.run("north", "domain merge x.request --out x.binary --binary");
    let mut bytes = std::fs::read(place.file("x.binary")).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    std::fs::write(place.file("edited.binary"), &bytes).unwrap();
    place.approve("edited.binary", &["bob"]);
    refused(
        &place,
        "north",
        "domain propose edited.binary --out x.token",
        "does not verify",
    );
    std::fs::write(place.file("short.binary"), &bytes[..last]).unwrap();
    refused(
        &place,
        "north",
        "domain propose short.binary --out x.token",
        "malformed",
    );
    // A request is good once.
    place.approve("x.request", &["bob"]);
    place.run("north", "domain propose x.request --out x.token");
    place.run("north", "domain ingest x.token");
    refused(
        &place,
        "north",
        "domain propose x.request --out again.token",
        "nothing of it is left",
    );
    // One of another domain.
    place.member("other");
    place.run("other", "domain request label.set:z --out z.request");
    place.approve("z.request", &["alice", "bob"]);
    refused(
        &place,
        "north",
        "domain propose z.request --out z.token",
        "its mandate is for domain",
    );
    assert_eq!(place.shown("north", "/version"), 4);
}

#[test]
fn tokens_that_are_none() {
    let place = pair();
    place.change("label.set:x", &["alice", "bob"], &["north"], "x.token");
    let whole = std::fs::read(place.file("x.token")).unwrap();
    let bad = |name: &str, bytes: &[u8], why: &str| {
        std::fs::write(place.file(name), bytes).unwrap();
        refused(&place, "south", &format!("domain ingest {name}"), why);
    };
    bad("empty", b"", "it is empty");
    bad("cut", &whole[..5_000], "cut");
    bad(
        "long",
        &vec![0xd2; (8 << 20) + 1],
        "more than any domain token",
    );
    bad(
        "more",
        &[&whole[..], &[0]].concat(),
        "is followed by something",
    );
    let mut changed = whole.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    bad("changed", &changed, "the signature of its maker");
    let found = std::fs::read(place.file("found.token")).unwrap();
    bad("old", &found, "older than the installed version");
    place.change("label.set:y", &["alice", "bob"], &["north"], "y.token");
    let later = std::fs::read(place.file("y.token")).unwrap();
    bad("later", &later, "the versions between are missing");
    refused(
        &place,
        "south",
        "domain ingest x.token.request",
        "not a keyward domain token",
    );
    // The right ones, in order, all the same.
    place.run("south", "domain ingest x.token");
    place.run("south", "domain ingest y.token");
    assert_eq!(place.shown("south", "/label"), "y");
}

#[test]
fn two_tokens_of_one_version_stop_the_domain_until_a_security_officer_settles_it() {
    let place = pair();
    place.run("north", "domain request label.set:x --out x.request");
    place.approve("x.request", &["alice", "bob"]);
    for token in ["one.token", "two.token"] {
        place.run("north", &format!("domain propose x.request --out {token}"));
    }
    for member in ["north", "south"] {
        place.run(member, "domain ingest one.token");
    }
    // Of a fork the history has an event of its own.
    let forked = place.fail("north", "domain ingest two.token");
    assert!(
        forked.contains("another token of the installed version"),
        "{forked}"
    );
    place.run("north", "domain request label.set:y --out y.request");
    place.approve("y.request", &["alice", "bob"]);
    place.run("south", "domain propose y.request --out y.token");
    refused(
        &place,
        "north",
        "domain ingest y.token",
        "the domain is forked",
    );
    let found = place.fail("north", "doctor");
    assert!(found.contains("the domain is forked"), "{found}");
    // Ordinary use goes on.
    let (made, printed) = place.tool("north", "--keygen --key-type AES:32 --label customer");
    assert!(made, "{printed}");
    refused(
        &place,
        "south",
        "domain settle --evidence no.token",
        "is not forked",
    );
    place.run("north", "domain settle --evidence other.token");
    assert_eq!(
        std::fs::read(place.file("other.token")).unwrap(),
        std::fs::read(place.file("two.token")).unwrap()
    );
    for member in ["north", "south"] {
        place.run(member, "domain ingest y.token");
        assert_eq!(place.shown(member, "/label"), "y");
    }
    let history = place.run("north", "domain history");
    assert!(history.contains("domain fork settled"), "{history}");
}

#[test]
fn messages_of_sessions_that_are_none_leave_events() {
    let place = pair();
    // As text it is refused where it is read, as bytes by the token.
    std::fs::write(place.file("none"), b"nothing of the kind").unwrap();
    std::fs::write(place.file("bytes"), [0xff; 9]).unwrap();
    let mut refused = 0;
    for command in ["accept", "serve"] {
        for file in ["none", "bytes"] {
            let line = format!("operator session {command} {file} --out answer");
            let printed = place.fail("north", &line);
            assert_eq!(printed.lines().count(), 1, "{line}: {printed}");
            let history = place.run("north", "domain history");
            refused += 1;
            let events = history.matches("operator session refused").count();
            assert_eq!(events, refused, "{line}: {history}");
            assert!(!place.file("answer").exists(), "{line}");
        }
    }
}
