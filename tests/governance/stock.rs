//! A domain whose members share a repository, changed by tokens that come as files and as data objects:
//! what one member takes, the repository has, and the others follow.

use crate::place::Place;
use crate::restored::shared;

/// Makes the token of a change that the operators approved.
fn propose(place: &Place, change: &str, token: &str) {
    place.run(
        "north",
        &format!("domain request {change} --out {token}.request"),
    );
    place.approve(&format!("{token}.request"), &["alice", "bob"]);
    place.run(
        "north",
        &format!("domain propose {token}.request --out {token}"),
    );
}

/// Writes a token as data objects of a size that pkcs11-tool does not cut.
fn write_parts(place: &Place, member: &str, token: &str) -> bool {
    let bytes = std::fs::read(place.file(token)).unwrap();
    let parts: Vec<&[u8]> = bytes.chunks(4_000).collect();
    let mut all = true;
    for (at, part) in parts.iter().enumerate() {
        std::fs::write(place.file("part"), part).unwrap();
        let label = format!("{}/{}", at + 1, parts.len());
        let (done, _) = place.tool(
            member,
            &format!("--write-object part --type data --application-label keyward.domain-token.part --label {label}"),
        );
        all &= done;
    }
    all
}

#[test]
fn a_token_that_one_member_takes_is_published_for_all() {
    let place = shared();
    propose(&place, "label.set:file", "file.token");
    let late = "late.token";
    propose(&place, "label.set:late", late);
    place.run("north", "domain ingest file.token");
    place.run("south", "domain follow");
    assert_eq!(place.shown("south", "/label"), "file");
    propose(&place, "label.set:object", "object.token");
    assert!(write_parts(&place, "south", "object.token"));
    place.run("north", "domain follow");
    assert_eq!(place.shown("north", "/label"), "object");
    // The file comes to a member that has it from the repository already.
    let again = place.run("north", "domain ingest object.token");
    assert!(again.contains("installed already"), "{again}");
    // A second token of a number is refused, and nobody is left behind with it.
    let refused = place.fail("south", &format!("domain ingest {late}"));
    assert!(
        refused.contains("older than the installed version"),
        "{refused}"
    );
    let why = place.run("south", "domain why");
    assert!(why.contains("older than the installed version"), "{why}");
    for member in ["north", "south"] {
        let (made, printed) = place.tool(member, "--keygen --key-type AES:32 --label more");
        assert!(made, "{printed}");
    }
}

#[test]
fn the_hash_of_a_published_token_brings_it_in() {
    let place = shared();
    propose(&place, "label.set:hash", "hash.token");
    place.run("north", "domain install hash.token");
    let hash = place.shown("north", "/token");
    let take = |digits: &str| {
        place.write("hash", digits);
        place.tool(
            "south",
            "--write-object hash --type data --application-label keyward.domain-token.hash --label h",
        )
    };
    let (taken, printed) = take(&"0".repeat(64));
    assert!(!taken, "{printed}");
    let why = place.run("south", "domain why");
    assert!(why.contains("no token with this hash"), "{why}");
    let (taken, printed) = take("12");
    assert!(!taken, "{printed}");
    let (taken, printed) = take(&format!("{}\n", hash.as_str().unwrap()));
    assert!(taken, "{printed}");
    assert_eq!(place.shown("south", "/label"), "hash");
}
