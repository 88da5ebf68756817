//! A repository that was restored from an older copy: every member says so, and the security officers
//! bring the domain back to one truth.

use crate::place::Place;

/// Puts a copy of the repository's files in the place of others.
fn copy(place: &Place, from: &str, to: &str) {
    for end in ["", "-wal", "-shm"] {
        let (from, to) = (
            place.file(&format!("{from}{end}")),
            place.file(&format!("{to}{end}")),
        );
        let _ = std::fs::remove_file(&to);
        if from.exists() {
            std::fs::copy(from, to).unwrap();
        }
    }
}

/// Has the operators approve a change, and a member publish it.
fn publish(place: &Place, change: &str, token: &str) {
    place.run(
        "north",
        &format!("domain request {change} --out {token}.request"),
    );
    place.approve(&format!("{token}.request"), &["alice", "bob"]);
    place.run(
        "north",
        &format!("domain propose {token}.request --out {token}"),
    );
    place.run("north", &format!("domain install {token}"));
}

/// Two members with a repository, which has one object.
pub(crate) fn shared() -> Place {
    let place = Place::new();
    for name in ["north", "south"] {
        place.member(name);
    }
    for name in ["alice", "bob"] {
        place.operator(name);
    }
    let url = format!("sqlite:{}", place.file("repository.db").display());
    let text = std::fs::read_to_string(place.file("keyward.toml")).unwrap();
    place.write(
        "keyward.toml",
        &format!("{text}[repository]\nurl = '{url}'\n"),
    );
    place.run(
        "north",
        "domain create --operator alice.card --operator bob.card --out found.request",
    );
    place.approve("found.request", &["alice", "bob"]);
    place.run(
        "north",
        "domain propose found.request --so --out found.token",
    );
    place.run("north", "domain install found.token");
    place.run("south", "module card --out south.card");
    publish(&place, "member.add:south.card", "join.token");
    let fingerprint = place.shown("north", "/fingerprint");
    let fingerprint = fingerprint.as_str().unwrap();
    place.run("south", &format!("domain join --fingerprint {fingerprint}"));
    generate(&place, "north", "first");
    place
}

fn generate(place: &Place, member: &str, label: &str) {
    let (made, printed) = place.tool(
        member,
        &format!("--keygen --key-type AES:32 --label {label}"),
    );
    assert!(made, "{printed}");
}

#[test]
fn it_is_named_by_every_member_and_brought_back_with_archived_tokens() {
    let place = shared();
    copy(&place, "repository.db", "copy.db");
    generate(&place, "north", "second");
    publish(&place, "label.set:one", "one.token");
    publish(&place, "label.set:two", "two.token");
    place.run("south", "domain follow");
    let differing = place.run("south", "domain diff 4 5");
    assert!(differing.contains("label"), "{differing}");
    let unknown = place.fail("south", "domain diff 5 6");
    assert!(unknown.contains("version 6 is not kept here"), "{unknown}");
    copy(&place, "copy.db", "repository.db");

    // Nobody writes into it, or takes it for the truth.
    for member in ["north", "south"] {
        let said = place.fail(member, "domain follow");
        assert!(said.contains("the repository is an older copy"), "{said}");
        let (made, printed) = place.tool(member, "--keygen --key-type AES:32 --label third");
        assert!(!made, "{printed}");
    }
    let found = place.fail("north", "token verify");
    assert!(found.contains("older copy"), "{found}");

    // The member knows its own version; the one between comes from the archive, and from nowhere else.
    let missing = place.fail("south", "domain repair");
    assert!(missing.contains("lacks version 4 too"), "{missing}");
    let other = place.fail("south", "domain repair join.token two.token");
    assert!(other.contains("lacks version 4 too"), "{other}");
    let given = place.run("south", "domain repair two.token one.token");
    assert!(given.contains("has version 4, 5 again"), "{given}");
    let again = place.run("north", "domain repair");
    assert!(again.contains("has every version"), "{again}");

    // What is lost is given up by name, and the domain goes on.
    place.run("north", "token accept --yes");
    place.run("north", "token verify");
    for member in ["north", "south"] {
        let listed = place.run(member, "object list");
        assert!(
            listed.contains("first") && !listed.contains("second"),
            "{listed}"
        );
    }
    generate(&place, "south", "third");
    assert!(place.run("north", "object list").contains("third"));
    publish(&place, "label.set:three", "three.token");
    place.run("south", "domain follow");
    assert_eq!(place.shown("south", "/label"), "three");
}

#[test]
fn a_repository_that_is_lost_begins_again_with_the_installed_version() {
    let place = shared();
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(place.file(&format!("repository.db{end}")));
    }
    let said = place.fail("north", "domain follow");
    assert!(said.contains("the repository is an older copy"), "{said}");
    let given = place.run("north", "domain repair");
    assert!(given.contains("has version 3 again"), "{given}");
    place.run("north", "token accept --yes");
    generate(&place, "north", "anew");
    let listed = place.run("south", "object list");
    assert!(
        listed.contains("anew") && !listed.contains("first"),
        "{listed}"
    );
}
