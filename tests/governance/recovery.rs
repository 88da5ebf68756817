//! The ways back that a recovery key and the operators of the recovery give.

use crate::place::Place;
use std::time::Duration;

/// How long a recovery is announced where a test waits for it.
const SHORT: &str = "1s";
/// How long it is announced where a test does not.
const LONG: &str = "7d";

/// A domain of one member, two operators and two who recover, with a recovery key in three shares, two of
/// which give it, announced for `delay`. Its version is in `found.token`.
fn recoverable(delay: &str) -> Place {
    let place = Place::new();
    place.member("north");
    for name in ["alice", "bob", "rita", "ralf"] {
        place.operator(name);
    }
    place.run(
        "",
        "recovery keygen --shares 3 --threshold 2 --out-dir ceremony",
    );
    place.run(
        "north",
        &format!(
            "domain create --operator alice.card --operator bob.card \
             --operator rita.card,role=recovery,permissions=recovery.* \
             --operator ralf.card,role=recovery,permissions=recovery.* \
             --recovery ceremony/recovery.key --recovery-delay {delay} --out found.request"
        ),
    );
    place.approve("found.request", &["alice", "bob"]);
    place.run(
        "north",
        "domain propose found.request --so --out found.token",
    );
    place.run("north", "domain ingest found.token");
    place
}

/// Waits for [`SHORT`]; times count in whole seconds.
fn wait() {
    std::thread::sleep(Duration::from_secs(2));
}

/// The id of the active domain key.
fn domain_key(place: &Place, member: &str) -> String {
    let keys = place.shown(member, "/keys");
    let mut active = keys.as_array().unwrap().iter();
    let active = active.find(|key| key["state"] == "active");
    active.unwrap()["id"].as_str().unwrap().to_owned()
}

#[test]
fn all_members_deleted_the_shares_and_an_archived_token_bring_the_domain_keys_back() {
    let place = recoverable(SHORT);
    let fingerprint = place.shown("north", "/fingerprint");
    let fingerprint = fingerprint.as_str().unwrap();
    // A customer's key, outside, under the domain key.
    let key = domain_key(&place, "north");
    let (made, printed) = place.tool(
        "north",
        "--keygen --key-type AES:32 --label customer --id 01 --extractable --usage-decrypt",
    );
    assert!(made, "{printed}");
    let wrap = format!("--wrap -m AES-KEY-WRAP --id {key} --application-id 01 -o wrapped");
    let (wrapped, printed) = place.tool("north", &wrap);
    assert!(wrapped, "{printed}");
    place.run("north", "token delete --token north --yes");

    // A new machine. Nothing is left but the archived token, the shares and the operators' keys.
    place.member("east");
    place.run("east", "module card --out east.card");
    place.write("changes", "# the new machine\nmember.add:east.card\n");
    place.run(
        "east",
        "domain request recovery.begin:changes --of found.token --out begin.request",
    );
    place.approve("begin.request", &["rita"]);
    let open = |request: &str, archived: &str, shares: &str, out: &str| {
        format!("recovery open {request} --archived {archived} {shares} --out {out}")
    };
    let two = "--share ceremony/1.share --share ceremony/3.share";
    let begin = open("begin.request", "found.token", two, "begin.token");
    let lacking = place.fail("east", &begin);
    assert!(
        lacking.contains("recovery.begin needs 2 of role recovery, and has 1"),
        "{lacking}"
    );
    place.approve("begin.request", &["ralf"]);
    let one = open(
        "begin.request",
        "found.token",
        "--share ceremony/1.share",
        "begin.token",
    );
    let lacking = place.fail("east", &one);
    assert!(lacking.contains("1 are given, 2 are needed"), "{lacking}");
    place.run("east", &begin);

    // It is announced, and has to wait.
    let shown = place.run("", "domain explain begin.token");
    assert!(shown.contains("A RECOVERY IS ANNOUNCED"), "{shown}");
    place.run(
        "east",
        "domain request recovery.finish:changes --of begin.token --out finish.request",
    );
    place.approve("finish.request", &["rita", "ralf"]);
    let finish = open("finish.request", "begin.token", two, "finish.token");
    wait();
    place.run("east", &finish);

    // The new machine joins: the fingerprint is the one that was written down when the domain was made.
    place.run(
        "east",
        &format!("domain join finish.token --parent begin.token --fingerprint {fingerprint}"),
    );
    assert_eq!(domain_key(&place, "east"), key);
    let unwrap = format!(
        "--unwrap -m AES-KEY-WRAP --id {key} -i wrapped --key-type AES: --application-id 11 --usage-decrypt"
    );
    let (back, printed) = place.tool("east", &unwrap);
    assert!(back, "{printed}");
    // The operators govern as before, and the lost member goes.
    let members = place.shown("east", "/members");
    let mut members = members.as_array().unwrap().iter();
    let lost = members.find(|one| one["label"] == "north").unwrap()["id"].clone();
    let remove = format!("member.remove:{}", lost.as_str().unwrap());
    place.change(&remove, &["alice", "bob"], &["east"], "remove.token");
    assert_eq!(place.shown("east", "/members").as_array().unwrap().len(), 1);
}

#[test]
fn operators_below_quorum_are_replaced_after_the_delay_that_everyone_sees() {
    let place = recoverable(SHORT);
    // Bob's key is lost: alice alone can do nothing.
    std::fs::remove_file(place.file("bob.key")).unwrap();
    place.operator("carol");
    let operators = place.shown("north", "/operators");
    let mut operators = operators.as_array().unwrap().iter();
    let bob = operators.find(|one| one["label"] == "bob").unwrap()["id"].clone();
    let bob = bob.as_str().unwrap();
    let replace = format!("operator.remove:{bob}\noperator.add:carol.card\n");
    place.run(
        "north",
        &format!(
            "domain request operator.remove:{bob} operator.add:carol.card --out alone.request"
        ),
    );
    place.approve("alone.request", &["alice"]);
    let refused = place.fail("north", "domain propose alone.request --out alone.token");
    assert!(
        refused.contains("operator.remove needs 2 of role operator, and has 1"),
        "{refused}"
    );

    place.write("changes", &replace);
    place.change(
        "recovery.begin:changes",
        &["rita", "ralf"],
        &["north"],
        "begin.token",
    );
    let shown = place.run("north", "domain show");
    assert!(shown.contains("A RECOVERY IS ANNOUNCED"), "{shown}");
    place.run(
        "north",
        "domain request recovery.finish:changes --out finish.request",
    );
    place.approve("finish.request", &["rita", "ralf"]);
    wait();
    // The new operators must agree too: as many as rule from now on.
    let refused = place.fail("north", "domain propose finish.request --out finish.token");
    assert!(
        refused.contains("under the new operators and rules"),
        "{refused}"
    );
    place.approve("finish.request", &["alice", "carol"]);
    // Something else than was announced is not done.
    place.write("changes", &format!("{replace}operator.add:bob.card\n"));
    place.run(
        "north",
        "domain request recovery.finish:changes --out other.request",
    );
    place.approve("other.request", &["rita", "ralf", "alice", "carol"]);
    let refused = place.fail("north", "domain propose other.request --out other.token");
    assert!(
        refused.contains("another recovery was announced"),
        "{refused}"
    );
    place.run("north", "domain propose finish.request --out finish.token");
    place.run("north", "domain ingest finish.token");
    place.change(
        "label.set:saved",
        &["alice", "carol"],
        &["north"],
        "label.token",
    );
    assert_eq!(place.shown("north", "/label"), "saved");
}

#[test]
fn operators_call_off_a_recovery_that_they_did_not_expect() {
    let place = recoverable(LONG);
    place.operator("mallory");
    place.write("changes", "operator.add:mallory.card\n");
    place.change(
        "recovery.begin:changes",
        &["rita", "ralf"],
        &["north"],
        "begin.token",
    );
    let everybody = ["rita", "ralf", "alice", "bob"];
    place.run(
        "north",
        "domain request recovery.finish:changes --out early.request",
    );
    place.approve("early.request", &everybody);
    let early = place.fail("north", "domain propose early.request --out early.token");
    assert!(early.contains("the recovery must wait until"), "{early}");
    place.change(
        "recovery.cancel",
        &["alice", "bob"],
        &["north"],
        "cancel.token",
    );
    place.run(
        "north",
        "domain request recovery.finish:changes --out finish.request",
    );
    place.approve("finish.request", &everybody);
    let refused = place.fail("north", "domain propose finish.request --out finish.token");
    assert!(refused.contains("no recovery is announced"), "{refused}");
}

#[test]
fn a_rotation_renews_the_recovery_key_so_that_the_archive_does_not_bring_the_old_key_back() {
    let place = recoverable(LONG);
    let old = domain_key(&place, "north");
    let refused = place.fail("north", "domain request rotate --out rotate.request");
    assert!(
        refused.contains("the domain has a recovery key"),
        "{refused}"
    );
    place.run(
        "",
        "recovery keygen --shares 2 --threshold 2 --out-dir second",
    );
    place.run(
        "north",
        "domain request rotate:second/recovery.key,delay=7d --out rotate.request",
    );
    place.approve("rotate.request", &["alice", "bob"]);
    place.run("north", "domain rotate rotate.request");
    let removed = place.shown("north", "/removed_keys");
    assert_eq!(removed[0], old.as_str());
    let delay = place.shown("north", "/recovery/delay");
    assert_eq!(delay, "7d");
    let key = place.run("", "recovery show second/1.share");
    let renewed = place.shown("north", "/recovery/key");
    assert!(key.contains(renewed.as_str().unwrap()), "{key}");
}
