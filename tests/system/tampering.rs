//! Files that somebody else changed: every kind of change is found, and refuses what it touched.

use crate::support::process::{Other, part, tell};
use crate::support::*;
use cryptoki_sys::*;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::io::BufRead;
use std::path::PathBuf;

/// The database of the only token in this process's directory.
fn database() -> PathBuf {
    let tokens = PathBuf::from(std::env::var_os("KEYWARD_HOME").unwrap()).join("tokens");
    let mut found: Vec<_> = std::fs::read_dir(&tokens)
        .unwrap()
        .map(|e| e.unwrap().path())
        .collect();
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0).join("token.db")
}

/// What the module does in these tests, in a process of its own: the test has its own SQLite, and two in one
/// process undo each other's file locks. Answers one line.
fn module_does(what: &str) -> String {
    let inner = concat!(
        module_path!(),
        "::the_module_sees_what_another_process_of_it_made::here"
    );
    let mut process = Other::start(inner, PART);
    let said = process.ask(what);
    process.end();
    said
}

/// The part that the module's process plays.
const PART: &str = "module";

/// The module's side.
fn play() {
    let line = std::io::stdin().lock().lines().next().unwrap().unwrap();
    expect_rv!(initialize(), CKR_OK);
    let said = match line.split_once(' ').unwrap_or((&line, "")) {
        ("prepare", _) => prepare(),
        ("look", label) => look_here(label).unwrap_or_else(|code| format!("{code:x}")),
        ("rename", label) => {
            let s = Token::named(label).unwrap().user();
            for object in s.find(&Template::class(CKO_DATA)).unwrap() {
                s.set(object, &Template::new().label("newer")).unwrap();
            }
            String::new()
        }
        ("add", label) => {
            let s = Token::named(label).unwrap().user();
            s.create(&Template::data("newer", b"value").token())
                .unwrap();
            String::new()
        }
        other => panic!("nobody says {other:?}"),
    };
    expect_rv!(finalize(), CKR_OK);
    tell(&said);
}

/// A token with two public and two private data objects: its label.
fn prepared() -> String {
    module_does("prepare")
}

fn prepare() -> String {
    let token = Token::create();
    let s = token.user();
    for name in ["one", "two"] {
        s.create(&Template::data(name, b"value").token().no(&[CKA_PRIVATE]))
            .unwrap();
        s.create(
            &Template::data(&format!("hidden {name}"), b"value")
                .token()
                .yes(&[CKA_PRIVATE]),
        )
        .unwrap();
    }
    token.label.clone()
}

/// What the user finds after the change: the labels that can be read, and how many refuse; else the code.
fn look(label: &str) -> Result<(Vec<String>, usize), String> {
    let said = module_does(&format!("look {label}"));
    let (refused, read) = said.split_once(':').ok_or_else(|| said.clone())?;
    let read = read.split(',').filter(|label| !label.is_empty());
    Ok((read.map(str::to_owned).collect(), refused.parse().unwrap()))
}

fn look_here(label: &str) -> Result<String, CK_RV> {
    let token = Token::named(label).ok_or(CKR_TOKEN_NOT_RECOGNIZED)?;
    let s = token.session();
    s.login(CKU_USER, PIN).map_err(|rv| rv.0)?;
    let (mut read, mut refused) = (Vec::new(), 0);
    for object in s.find(&Template::class(CKO_DATA)).map_err(|rv| rv.0)? {
        match (
            s.attribute(object, CKA_LABEL),
            s.attribute(object, CKA_VALUE),
        ) {
            (Ok(label), Ok(value)) => {
                assert_eq!(value, b"value");
                read.push(String::from_utf8(label).unwrap());
            }
            _ => refused += 1,
        }
    }
    read.sort();
    Ok(format!("{refused}:{}", read.join(",")))
}

#[test]
fn the_module_sees_what_another_process_of_it_made() {
    if part().as_deref() == Some(PART) {
        return play();
    }
    isolated!(|| {
        let label = prepared();
        module_does(&format!("add {label}"));
        let (read, refused) = look(&label).unwrap();
        let all = ["hidden one", "hidden two", "newer", "one", "two"];
        assert_eq!((read, refused), (all.map(str::to_owned).to_vec(), 0));
    });
}

/// What `keyward token verify` says: whether all is well, and its words.
fn verify() -> (bool, String) {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_keyward"))
        .args(["token", "verify"])
        .env("KEYWARD_PIN", PIN)
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

/// Every column of a row.
fn row(db: &Connection, place: i64) -> Vec<Value> {
    db.query_row("SELECT * FROM objects WHERE place = ?", [place], |r| {
        (0..r.as_ref().column_count()).map(|i| r.get(i)).collect()
    })
    .unwrap()
}

fn places(db: &Connection) -> Vec<i64> {
    let mut statement = db
        .prepare("SELECT place FROM objects ORDER BY place")
        .unwrap();
    statement
        .query_map([], |r| r.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

#[test]
fn an_untouched_token_is_well() {
    isolated!(|| {
        let label = prepared();
        let (read, refused) = look(&label).unwrap();
        assert_eq!((read.len(), refused), (4, 0));
        let (well, words) = verify();
        assert!(well, "{words}");
    });
}

#[test]
fn an_older_row_put_back_is_found() {
    isolated!(|| {
        let label = prepared();
        let db = Connection::open(database()).unwrap();
        let before: Vec<_> = places(&db)
            .into_iter()
            .map(|place| (place, row(&db, place)))
            .collect();
        drop(db);
        module_does(&format!("rename {label}"));
        let db = Connection::open(database()).unwrap();
        for (place, values) in before {
            let marks = vec!["?"; values.len()].join(",");
            db.execute("DELETE FROM objects WHERE place = ?", [place])
                .unwrap();
            db.execute(
                &format!("INSERT INTO objects VALUES ({marks})"),
                rusqlite::params_from_iter(values),
            )
            .unwrap();
        }
        drop(db);
        let (well, words) = verify();
        assert!(!well, "rows put back are not found:\n{words}");
        println!("{words}");
        if let Ok((read, _)) = look(&label) {
            assert!(read.is_empty(), "rolled-back objects are served: {read:?}");
        }
    });
}

#[test]
fn a_deleted_row_is_found() {
    isolated!(|| {
        prepared();
        let db = Connection::open(database()).unwrap();
        let last = *places(&db).last().unwrap();
        db.execute("DELETE FROM objects WHERE place = ?", [last])
            .unwrap();
        drop(db);
        let (well, words) = verify();
        assert!(!well, "a deleted row is not found:\n{words}");
        println!("{words}");
    });
}

/// Puts other sealed bytes into a row.
fn reseal(place: i64, body: &[u8]) {
    let db = Connection::open(database()).unwrap();
    db.execute(
        "UPDATE objects SET sealed = ? WHERE place = ?",
        rusqlite::params![body, place],
    )
    .unwrap();
}

/// The places and sealed bytes of the private objects.
fn sealed_rows() -> Vec<(i64, Vec<u8>)> {
    let db = Connection::open(database()).unwrap();
    let query =
        "SELECT place, sealed FROM objects WHERE private = 1 AND sealed IS NOT NULL ORDER BY place";
    let mut statement = db.prepare(query).unwrap();
    let rows = statement
        .query_map([], |r| Ok((r.get(0)?, r.get(1)?)))
        .unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn edited_and_swapped_rows_refuse_only_themselves() {
    isolated!(|| {
        let label = prepared();
        let rows = sealed_rows();
        let [.., (_, other), (last, right)] = &rows[..] else {
            panic!("two private objects")
        };
        let mut flipped = right.clone();
        flipped[right.len() - 20] ^= 1;
        let half = &right[..right.len() / 2];
        for wrong in [&flipped[..], half, other, &[], &[0; 100]] {
            reseal(*last, wrong);
            let (read, refused) = look(&label).expect("the token is not taken down");
            assert_eq!(read.len(), 3, "only the edited object is refused: {read:?}");
            assert!(refused <= 1);
            let (well, words) = verify();
            assert!(!well, "an edited row is not found:\n{words}");
        }
        reseal(*last, right);
        let (read, refused) = look(&label).unwrap();
        assert_eq!(
            (read.len(), refused),
            (4, 0),
            "the right row is taken again: {read:?}"
        );
    });
}

#[test]
fn an_older_database_put_back_is_found() {
    isolated!(|| {
        let label = prepared();
        let path = database();
        let db = Connection::open(&path).unwrap();
        db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .unwrap();
        drop(db);
        let old = std::fs::read(&path).unwrap();
        module_does(&format!("add {label}"));
        std::fs::write(&path, old).unwrap();
        for name in ["token.db-wal", "token.db-shm"] {
            let _ = std::fs::remove_file(path.with_file_name(name));
        }
        let (well, words) = verify();
        assert!(!well, "an older database is not found:\n{words}");
        println!("{words}");
    });
}
