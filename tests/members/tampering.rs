//! A repository that its owner changes: every edited, exchanged, rolled back or deleted row and mark is
//! named by a member, what it touches is refused, and nothing else is.

use crate::members::{Domain, Kind, Member, copy};
use crate::support::process::Other;

/// The tables that a repository has.
const TABLES: [&str; 4] = ["facts", "objects", "nodes", "domain_tokens"];

/// Keeps a copy of every table under a name.
fn keep(domain: &Domain, name: &str) {
    for table in TABLES {
        let copy = format!("mine.{name}_{table}");
        domain.sql(&format!("CREATE TABLE {copy} AS SELECT * FROM {{}}{table}"));
    }
}

/// Puts the copies of tables back.
fn put_back(domain: &Domain, name: &str, tables: &[&str]) {
    for table in tables {
        domain.sql(&format!(
            "DELETE FROM {{}}{table}; INSERT INTO {{}}{table} SELECT * FROM mine.{name}_{table}"
        ));
    }
}

/// What `keyward token verify` says of the repository; the empty text when all is well.
fn verify(member: &Member) -> String {
    let ended = member.keyward(&["token", "verify"]);
    match ended.code {
        Some(0) => String::new(),
        Some(5) => format!("{}{}", ended.out, ended.err),
        other => panic!("{other:?}: {}{}", ended.out, ended.err),
    }
}

/// One row of the objects, by the order in which they were made.
fn nth(place: usize) -> String {
    format!("place = (SELECT place FROM mine.now_objects ORDER BY place LIMIT 1 OFFSET {place})")
}

/// One change: what it is, the SQL, what verifying says, and the keys that it spoils.
struct Edit {
    name: &'static str,
    sql: String,
    says: &'static [&'static str],
    spoils: &'static [&'static str],
}

fn edit(
    name: &'static str,
    sql: String,
    says: &'static [&'static str],
    spoils: &'static [&'static str],
) -> Edit {
    Edit {
        name,
        sql,
        says,
        spoils,
    }
}

/// The rows are, in this order: `a`, `b`, `c`, and `m`, which is marked; `c` was called otherwise `before`,
/// when there was one more, `gone`.
fn edits() -> Vec<Edit> {
    let (a, b, c, m) = (nth(0), nth(1), nth(2), nth(3));
    let of =
        |column: &str, row: &str| format!("(SELECT {column} FROM mine.now_objects WHERE {row})");
    let set = |column: &str, value: &str, row: &str| {
        format!("UPDATE {{}}objects SET {column} = {value} WHERE {row}")
    };
    let old_c = format!(
        "DELETE FROM {{}}objects WHERE {c};
         INSERT INTO {{}}objects SELECT * FROM mine.before_objects WHERE {c}"
    );
    vec![
        edit(
            "sealed by another row's",
            set("sealed", &of("sealed", &b), &a),
            &["object"],
            &["a"],
        ),
        edit(
            "two rows exchanged",
            [
                set("sealed", &of("sealed", &b), &a),
                set("sealed", &of("sealed", &a), &b),
            ]
            .join(";"),
            &["object"],
            &["a", "b"],
        ),
        edit(
            "secrets dropped",
            set("sealed", "NULL", &a),
            &["object"],
            &["a"],
        ),
        edit(
            "a row deleted",
            format!("DELETE FROM {{}}objects WHERE {a}"),
            &["deleted"],
            &["a"],
        ),
        edit("an older row put back", old_c, &["revision"], &["c"]),
        edit(
            "a destroyed row put back",
            "INSERT INTO {}objects SELECT * FROM mine.before_objects
             WHERE place NOT IN (SELECT place FROM mine.now_objects)"
                .to_owned(),
            &["destroyed"],
            &[],
        ),
        edit(
            "a shred mark taken off",
            set("standing", "0", &m),
            &["standing"],
            &["m"],
        ),
        edit(
            "a shred mark set",
            set("standing", "2", &a),
            &["standing"],
            &["a"],
        ),
        edit(
            "declared destroyed",
            set("standing", "3", &a),
            &["standing"],
            &["a"],
        ),
        edit(
            "a revision raised",
            set("revision", "revision + 1", &a),
            &["revision"],
            &["a"],
        ),
        edit(
            "a revision raised by far",
            set("revision", "999999", &a),
            &["revision"],
            &["a"],
        ),
        edit(
            "under another domain key",
            set("domain_key", "label", &a),
            &["object"],
            &["a"],
        ),
        edit(
            "made public",
            set("private", "(1 = 0)", &a),
            &["object"],
            &["a"],
        ),
        edit(
            "found by another label",
            set("label", &of("label", &b), &a),
            &["object"],
            // Whoever looks for `b` finds this one first, which is refused.
            &["a", "b"],
        ),
        edit(
            "of another class",
            set("class", "label", &a),
            &["object"],
            &["a"],
        ),
        edit(
            "a node of the tree deleted",
            "DELETE FROM {}nodes WHERE level > 0".into(),
            &["database"],
            &["a", "b", "c"],
        ),
        edit(
            "the whole tree deleted",
            "DELETE FROM {}nodes".into(),
            &["database"],
            &["a", "b", "c"],
        ),
    ]
}

/// Whether the key with a label works at a member.
fn works(user: &mut Other, label: &str) -> Result<(), String> {
    let sealed = user.ask(&format!("encrypt {label} abcd"));
    if sealed.starts_with("CKR_") {
        return Err(sealed);
    }
    let opened = user.ask(&format!("decrypt {label} {sealed}"));
    if opened == "abcd" {
        Ok(())
    } else {
        Err(opened)
    }
}

fn every_change_is_named(domain: &mut Domain) {
    let [north, south] = [0, 1].map(|place| domain.members[place].clone());
    let mut maker = north.start("module");
    for label in ["a", "b", "c", "m", "gone"] {
        maker.ask(&format!("generate {label}"));
    }
    let mut core = north.start("core");
    keep(domain, "before");
    maker.ask("rename c other");
    maker.ask("rename other c");
    maker.ask("destroy gone");
    core.ask("mark m");
    core.end();
    maker.end();
    keep(domain, "now");
    assert_eq!(verify(&south), "");
    let mut complaints = Vec::new();
    for Edit {
        name,
        sql,
        says,
        spoils,
    } in edits()
    {
        domain.sql(&sql);
        for member in [&north, &south] {
            let words = verify(member);
            if !says.iter().all(|word| words.contains(word)) {
                complaints.push(format!("{name}: {} says {words:?}", member.name));
            }
        }
        let mut user = south.start("module");
        for label in ["a", "b", "c"] {
            let done = works(&mut user, label);
            if done.is_err() != spoils.contains(&label) {
                complaints.push(format!("{name}: {label}: {done:?}"));
            }
        }
        // A mark that was taken off brings nothing back.
        for label in ["m", "gone"] {
            if works(&mut user, label).is_ok() {
                complaints.push(format!("{name}: {label} works"));
            }
        }
        user.end();
        put_back(domain, "now", &TABLES);
        let words = verify(&south);
        if !words.is_empty() {
            complaints.push(format!("{name}: put back, and still {words}"));
        }
    }
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    for member in [&north, &south] {
        let history = member.json(&["domain", "history"]).to_string();
        assert!(history.contains("tampering found"), "{history}");
    }
}

#[test]
fn every_change_of_rows_and_marks_is_named() {
    members!(2, every_change_is_named);
}

#[test]
fn every_change_of_rows_and_marks_is_named_with_postgres() {
    members!(Kind::Postgres, 2, every_change_is_named);
}

/// How many events of a member say that the repository is an older copy, in these words too.
fn old_copies(member: &Member, words: &str) -> usize {
    let history = member.json(&["domain", "history"]);
    let events = history.as_array().unwrap().iter();
    let about = events.filter(|event| {
        let text = event.to_string();
        text.contains("tampering found") && text.contains("older copy") && text.contains(words)
    });
    about.count()
}

fn an_old_copy_is_named(domain: &mut Domain) {
    let [north, south] = [0, 1].map(|place| domain.members[place].clone());
    let mut user = south.start("module");
    user.ask("generate first");
    keep(domain, "old");
    user.ask("generate second");
    user.end();
    // The same version of the domain, older rows: whoever saw the newer ones knows.
    keep(domain, "now");
    put_back(domain, "old", &TABLES);
    let mut user = south.start("module");
    assert_eq!(user.ask("generate lost"), "CKR_DEVICE_ERROR");
    user.end();
    assert_eq!(old_copies(&south, "was put back"), 1);
    let words = verify(&south);
    assert!(words.contains("older"), "{words:?}");
    put_back(domain, "now", &TABLES);
    assert_eq!(verify(&south), "");
    // An older version of the domain: nothing is written there, and nothing taken.
    domain.change(&north, &["label.set:newer"]);
    south.keyward(&["domain", "follow"]).well();
    let version = domain.published().1.version;
    put_back(domain, "old", &TABLES);
    for member in [&north, &south] {
        for command in [&["domain", "follow"][..], &["domain", "status"]] {
            let why = member.keyward(command);
            assert!(
                command[1] == "status" || why.err.contains("older copy"),
                "{command:?}: {}{}",
                why.out,
                why.err
            );
        }
        let shown = member.json(&["domain", "show"]);
        assert_eq!(shown["version"].as_u64(), Some(version), "nothing changed");
    }
    let mut user = south.start("module");
    let answer = user.ask("generate third");
    assert_eq!(answer, "CKR_DEVICE_ERROR");
    user.end();
    // Each member's history has it, once, however often it was met.
    for member in [&north, &south] {
        assert_eq!(old_copies(member, "newest version"), 1, "{}", member.name);
    }
    let request = domain.request(&north, &["label.set:forked"]);
    let token = request.replace(".request", ".token");
    north
        .keyward(&["domain", "propose", &request, "--out", &token])
        .well();
    let why = north.keyward(&["domain", "install", &token]).refused();
    assert!(why.contains("older copy"), "{why}");
}

#[test]
fn an_older_copy_of_the_repository_is_named() {
    members!(2, an_old_copy_is_named);
}

#[test]
fn an_older_copy_of_the_repository_is_named_with_postgres() {
    members!(Kind::Postgres, 2, an_old_copy_is_named);
}

/// What somebody does to the published versions while `south` is away, and what it says then.
fn published_versions_are_checked(domain: &mut Domain) {
    let [north, south] = [0, 1].map(|place| domain.members[place].clone());
    let installed = domain.published().1.version;
    for label in ["one", "two", "three"] {
        domain.change(&north, &[&format!("label.set:{label}")]);
    }
    keep(domain, "now");
    let (one, two, three) = (installed + 1, installed + 2, installed + 3);
    let token =
        |version| format!("(SELECT token FROM mine.now_domain_tokens WHERE version = {version})");
    let hash =
        |version| format!("(SELECT hash FROM mine.now_domain_tokens WHERE version = {version})");
    let set = |version: u64, from: u64| {
        format!(
            "UPDATE {{}}domain_tokens SET token = {}, hash = {} WHERE version = {version}",
            token(from),
            hash(from)
        )
    };
    let cases = [
        (
            "a version deleted",
            format!("DELETE FROM {{}}domain_tokens WHERE version = {one}"),
            installed,
        ),
        (
            "a later version deleted",
            format!("DELETE FROM {{}}domain_tokens WHERE version = {two}"),
            one,
        ),
        ("a version twice", set(two, one), one),
        (
            "two versions exchanged",
            [set(one, two), set(two, one)].join(";"),
            installed,
        ),
        ("an older one as the newest", set(three, installed), two),
        (
            "the hash of another",
            format!(
                "UPDATE {{}}domain_tokens SET hash = {} WHERE version = {one}",
                hash(two)
            ),
            installed,
        ),
        (
            "an empty token",
            format!(
                "UPDATE {{}}domain_tokens SET token = substr(token, 1, 0) WHERE version = {one}"
            ),
            installed,
        ),
        (
            "a cut token",
            format!(
                "UPDATE {{}}domain_tokens SET token = substr(token, 1, 900) WHERE version = {two}"
            ),
            one,
        ),
    ];
    let home = south.home.clone();
    let before = domain.place().join("south-before");
    for (name, sql, reaches) in cases {
        // Each time south is as it was before the versions.
        if before.exists() {
            copy(&before, &home);
        } else {
            copy(&home, &before);
        }
        domain.sql(&sql);
        let why = south.keyward(&["domain", "follow"]).refused();
        assert!(why.contains("refused"), "{name}: {why}");
        let shown = south.json(&["domain", "show"]);
        let version = shown["version"].as_u64().unwrap();
        assert!(version <= reaches, "{name}: {version} was taken");
        let events = south.json(&["domain", "why"]);
        let reasons = events.as_array().unwrap();
        assert_eq!(reasons.len(), 1, "{name}: {events}");
        println!("{name}: {}", reasons[0]["details"]);
        put_back(domain, "now", &TABLES);
    }
    copy(&before, &home);
    south.keyward(&["domain", "follow"]).well();
    let shown = south.json(&["domain", "show"]);
    assert_eq!(shown["version"].as_u64(), Some(three));
}

#[test]
fn published_versions_that_somebody_changed_are_refused() {
    members!(2, published_versions_are_checked);
}

#[test]
fn published_versions_that_somebody_changed_are_refused_with_postgres() {
    members!(Kind::Postgres, 2, published_versions_are_checked);
}
