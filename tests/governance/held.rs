//! Operators whose keys other tokens hold: SoftHSM2's, and this module's own.

use crate::place::{PIN, Place, SO_PIN};
use crate::support::module_path;
use std::path::Path;

/// Where Debian puts SoftHSM2.
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// Makes a token with an Ed25519 key pair through pkcs11-tool.
fn make_key(place: &Place, module: &Path, label: &str) {
    let tool = |words: &[&str]| {
        let output = place
            .command("pkcs11-tool")
            .env("KEYWARD_HOME", place.file("smartcard"))
            .arg("--module")
            .arg(module)
            .args(words)
            .output()
            .expect("pkcs11-tool");
        assert!(
            output.status.success(),
            "{words:?}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
    };
    tool(&[
        "--slot-index",
        "0",
        "--init-token",
        "--label",
        label,
        "--so-pin",
        SO_PIN,
    ]);
    tool(&[
        "--token-label",
        label,
        "--login",
        "--login-type",
        "so",
        "--so-pin",
        SO_PIN,
        "--init-pin",
        "--new-pin",
        PIN,
    ]);
    tool(&[
        "--token-label",
        label,
        "--login",
        "--pin",
        PIN,
        "--keypairgen",
        "--key-type",
        "EC:edwards25519",
        "--label",
        "operator key",
        "--id",
        "01",
    ]);
}

/// A domain goes to an operator whose key is in `module`, who then approves another change.
fn governs_from(module: &Path) {
    let place = Place::new();
    make_key(&place, module, "card");
    std::fs::write(place.file("pin"), PIN).unwrap();
    let uri = format!(
        "pkcs11:token=card;object=operator%20key;id=%01?module-path={}&pin-source=file:{}",
        Place::shown_path(module),
        Place::shown_path(&place.file("pin"))
    );
    // The operator's token and the member are different places: the card is made with the operator's.
    let own = |line: &str| place.run("smartcard", line);
    own(&format!(
        "operator card --label alice --key '{uri}' --out alice.card"
    ));
    place.member("north");
    place.operator("bob");
    place.run(
        "north",
        "domain create --operator alice.card --operator bob.card --out found.request",
    );
    own(&format!("operator approve found.request --key '{uri}'"));
    place.approve("found.request", &["bob"]);
    place.run(
        "north",
        "domain propose found.request --so --out found.token",
    );
    place.run("north", "domain ingest found.token");
    place.run("north", "domain request label.set:ours --out label.request");
    own(&format!("operator approve label.request --key '{uri}'"));
    let lacking = place.fail("north", "domain propose label.request --out label.token");
    assert!(
        lacking.contains("needs 2 of role operator, and has 1"),
        "{lacking}"
    );
    place.approve("label.request", &["bob"]);
    place.run("north", "domain propose label.request --out label.token");
    place.run("north", "domain ingest label.token");
    assert_eq!(place.shown("north", "/label"), "ours");
    // What is wrong is said in one line.
    std::fs::write(place.file("pin"), "7654321").unwrap();
    let fails = |uri: &str| {
        let line = format!("operator approve label.request --key '{uri}'");
        let printed = place.fail("smartcard", &line);
        assert_eq!(printed.lines().count(), 1, "{printed}");
        printed
    };
    assert!(fails(&uri).contains("PIN"));
    let no_token = uri.replace("token=card", "token=other");
    assert!(fails(&no_token).contains("no such token"));
    std::fs::write(place.file("pin"), PIN).unwrap();
    let no_key = uri.replace("object=operator", "object=other");
    assert!(fails(&no_key).contains("no such Ed25519"));
    let no_module = uri.replace(Place::shown_path(module), "/nowhere.so");
    assert!(fails(&no_module).contains("/nowhere.so"));
}

#[test]
fn an_operator_s_key_may_be_in_softhsm() {
    assert!(Path::new(SOFTHSM).exists(), "softhsm2 is not installed");
    governs_from(Path::new(SOFTHSM));
}

#[test]
fn an_operator_s_key_may_be_in_another_token_of_this_module() {
    governs_from(&module_path());
}
