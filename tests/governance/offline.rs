//! A member that was away while the domain went on.

use crate::place::Place;

/// A domain of two members and two operators, at version 3.
pub(crate) fn pair() -> Place {
    let place = Place::new();
    for name in ["north", "south"] {
        place.member(name);
    }
    for name in ["alice", "bob"] {
        place.operator(name);
    }
    place.run(
        "north",
        "domain create --operator alice.card --operator bob.card --out found.request",
    );
    place.approve("found.request", &["alice", "bob"]);
    place.run(
        "north",
        "domain propose found.request --so --out found.token",
    );
    place.run("north", "domain ingest found.token");
    place.run("south", "module card --out south.card");
    place.change(
        "member.add:south.card",
        &["alice", "bob"],
        &["north"],
        "join.token",
    );
    let fingerprint = place.shown("north", "/fingerprint");
    place.run(
        "south",
        &format!(
            "domain join join.token --parent found.token --fingerprint {}",
            fingerprint.as_str().unwrap()
        ),
    );
    place
}

#[test]
fn a_member_that_was_away_takes_every_version_in_turn() {
    let place = pair();
    for (at, label) in ["one", "two", "three"].iter().enumerate() {
        let token = format!("{at}.token");
        place.change(
            &format!("label.set:{label}"),
            &["alice", "bob"],
            &["north"],
            &token,
        );
    }
    let gap = place.fail("south", "domain ingest 2.token");
    assert!(gap.contains("the versions between are missing"), "{gap}");
    for token in ["0.token", "1.token", "2.token"] {
        place.run("south", &format!("domain ingest {token}"));
    }
    assert_eq!(place.shown("south", "/label"), "three");
    // What came in is known with who signed it, the refused one too.
    let why = place.run("south", "domain why");
    assert!(why.contains("(alice)") && why.contains("(north)"), "{why}");
}

#[test]
fn a_removed_member_holds_no_domain_key() {
    let place = pair();
    let members = place.shown("north", "/members");
    let mut members = members.as_array().unwrap().iter();
    let south = members.find(|one| one["label"] == "south").unwrap()["id"].clone();
    let remove = format!("member.remove:{}", south.as_str().unwrap());
    place.change(&remove, &["alice", "bob"], &["north"], "remove.token");
    let printed = place.run("south", "domain ingest remove.token");
    assert!(
        printed.contains("the domain's keys are erased"),
        "{printed}"
    );
    let (_, objects) = place.tool("south", "-O --type secrkey");
    assert!(!objects.contains("domain key"), "{objects}");
    let refused = place.fail("south", "domain statement --out south.running");
    assert!(refused.contains("no active member"), "{refused}");
    // It can only come back by a request of the operators, as a new module would.
    let refused = place.fail("south", "domain ingest join.token");
    assert!(
        refused.contains("older than the installed version"),
        "{refused}"
    );
}
