//! Forgotten PINs: what the security officer can do for the user, and that nobody can do it for the
//! security officer.

use crate::offline::pair;
use crate::place::{PIN, Place};

/// The exit code of a wrong or locked PIN.
const PIN_CODE: i32 = 3;

/// Runs a command with a PIN that is wrong, and gives its exit code.
fn try_wrong(place: &Place, variable: &str, words: &[&str]) -> i32 {
    let mut command = place.command(env!("CARGO_BIN_EXE_keyward"));
    let status = command
        .args(words)
        .env("KEYWARD_HOME", place.file("north"))
        .env("KEYWARD_PIN", PIN)
        .env(variable, "wrong-pin")
        .stderr(std::process::Stdio::null())
        .stdout(std::process::Stdio::null())
        .status();
    status.unwrap().code().unwrap()
}

#[test]
fn the_security_officer_gives_the_user_a_new_pin_and_the_keys_stay() {
    let place = Place::new();
    place.member("north");
    let (made, printed) = place.tool(
        "north",
        "--keygen --key-type AES:32 --label customer --id 01",
    );
    assert!(made, "{printed}");
    for _ in 0..11 {
        assert_eq!(
            try_wrong(&place, "KEYWARD_PIN", &["object", "list"]),
            PIN_CODE
        );
    }
    let locked = place.fail("north", "object list");
    assert!(locked.contains("PIN is locked"), "{locked}");
    place.run("north", "token unlock");
    let listed = place.run("north", "object list");
    assert!(listed.contains("customer"), "{listed}");
}

#[test]
fn a_locked_security_officer_has_no_way_back_and_the_user_goes_on() {
    let place = Place::new();
    place.member("north");
    for _ in 0..11 {
        assert_eq!(
            try_wrong(&place, "KEYWARD_SO_PIN", &["token", "unlock"]),
            PIN_CODE
        );
    }
    let locked = place.fail("north", "token unlock");
    assert!(locked.contains("PIN is locked"), "{locked}");
    let found = place.fail("north", "doctor");
    assert!(
        found.contains("the SO PIN is locked: there is no way back to it"),
        "{found}"
    );
    let (made, printed) = place.tool(
        "north",
        "--keygen --key-type AES:32 --label customer --id 01",
    );
    assert!(made, "{printed}");
    // What is left for the machine is a new token, which joins as a new member.
    place.run("north", "token delete --token north --yes");
    place.member("north");
}

#[test]
fn a_member_whose_pins_are_lost_comes_back_as_a_new_one() {
    let place = pair();
    let id = |label: &str| {
        let members = place.shown("north", "/members");
        let mut members = members.as_array().unwrap().iter();
        let found = members.find(|one| one["label"] == label);
        found.unwrap()["id"].as_str().unwrap().to_owned()
    };
    let old = id("south");
    place.run("south", "token delete --token south --yes");
    place.run("south", "token init --label anew");
    place.run("south", "module card --out anew.card");
    place.change(
        &format!("member.remove:{old} member.add:anew.card"),
        &["alice", "bob"],
        &["north"],
        "anew.token",
    );
    let fingerprint = place.shown("north", "/fingerprint");
    let fingerprint = fingerprint.as_str().unwrap();
    place.run(
        "south",
        &format!("domain join anew.token --parent join.token --fingerprint {fingerprint}"),
    );
    assert_ne!(id("anew"), old);
    assert_eq!(
        place.shown("south", "/token"),
        place.shown("north", "/token")
    );
}
