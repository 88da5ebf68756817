//! A member that brings its objects along is killed while they move to the repository, at every step of the
//! move: its next login goes on, and every object is there, whole, and once.

use crate::members::{Domain, Member, copy, until};
use crate::support::process::Running;
use std::path::Path;

/// How many keys the member brings along: more than move in one transaction.
const KEYS: usize = 599;
/// With the key that they were made from and a public object.
const OBJECTS: i64 = 601;
/// How many objects move in one transaction.
const BATCH: i64 = 500;

/// Where the move stands still, to be killed there: before something is done to a database, under a condition.
struct Step {
    name: &'static str,
    /// Whether in the member's own database; else in the repository.
    own: bool,
    before: &'static str,
    when: String,
    /// What is committed by then.
    left: Left,
}

/// Where the objects are: how many here and there, and whether it is noted that they are to be there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Left {
    here: i64,
    there: i64,
    noted: bool,
}

fn steps() -> Vec<Step> {
    let here = |before, when: &str| (true, before, when.to_owned());
    let there = |before, when: &str| (false, before, when.to_owned());
    let count = |count: i64| format!("(SELECT count(*) FROM objects) = {count}");
    let root_at = |objects: i64| format!("NEW.level = 0 AND {}", count(objects));
    let (insert, delete) = ("INSERT ON objects", "DELETE ON objects");
    let rest = OBJECTS - BATCH;
    let noted = |here, there| Left {
        here,
        there,
        noted: true,
    };
    let unnoted = Left {
        noted: false,
        ..noted(OBJECTS, 0)
    };
    let all = [
        (
            "before it is noted where the objects are to be",
            here("INSERT ON facts", "NEW.name = 'attached'"),
            unnoted,
        ),
        (
            "before the first object",
            there(insert, "1"),
            noted(OBJECTS, 0),
        ),
        (
            "in the first batch",
            there(insert, &count(300)),
            noted(OBJECTS, 0),
        ),
        (
            "at the row tree of the first batch",
            there("INSERT ON nodes", &root_at(BATCH)),
            noted(OBJECTS, 0),
        ),
        (
            "the first batch is there, and here too",
            here(delete, &count(OBJECTS)),
            noted(OBJECTS, BATCH),
        ),
        (
            "half of it is deleted here",
            here(delete, &count(OBJECTS - BATCH / 2)),
            noted(OBJECTS, BATCH),
        ),
        (
            "at the own row tree",
            here("INSERT ON nodes", &root_at(rest)),
            noted(OBJECTS, BATCH),
        ),
        (
            "between the batches",
            there(insert, &count(BATCH)),
            noted(rest, BATCH),
        ),
        (
            "the last batch is there, and here too",
            here(delete, &count(rest)),
            noted(rest, OBJECTS),
        ),
        (
            "before the last object is deleted here",
            here(delete, &count(1)),
            noted(rest, OBJECTS),
        ),
        (
            "all has moved, and nothing is reported",
            there("INSERT ON facts", "NEW.name LIKE 'running/%'"),
            noted(0, OBJECTS),
        ),
    ];
    let step = |(name, (own, before, when), left)| Step {
        name,
        own,
        before,
        when,
        left,
    };
    all.into_iter().map(step).collect()
}

/// A connection that has read: its log is there.
pub(crate) fn opened(database: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(database).unwrap();
    let read = connection.query_row("SELECT count(*) FROM facts", [], |_| Ok(()));
    read.unwrap();
    connection
}

pub(crate) fn sql(database: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(database).unwrap();
    connection
        .execute_batch(sql)
        .unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Has whoever comes to the step, before this under a condition, count for ever there, in the middle of a
/// transaction.
pub(crate) fn stand_still(database: &Path, before: &str, when: &str) {
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n";
    sql(
        database,
        &format!(
            "CREATE TRIGGER still BEFORE {before} WHEN {when}
             BEGIN SELECT count(*) FROM ({endless}); END"
        ),
    );
}

/// Whether somebody has a transaction that writes open, all of a moment.
pub(crate) fn is_held(database: &Path) -> bool {
    let connection = rusqlite::Connection::open(database).unwrap();
    connection.busy_timeout(std::time::Duration::ZERO).unwrap();
    (0..20).all(|_| {
        std::thread::sleep(std::time::Duration::from_millis(10));
        let begun = connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK");
        begun.is_err()
    })
}

pub(crate) fn number(database: &Path, sql: &str) -> i64 {
    let connection = rusqlite::Connection::open(database).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Where the objects are, as it is committed.
fn left(own: &Path, repository: &Path) -> Left {
    let objects = "SELECT count(*) FROM objects";
    let noted = "SELECT count(*) FROM facts WHERE name = 'attached'";
    Left {
        here: number(own, objects),
        there: number(repository, objects),
        noted: number(own, noted) == 1,
    }
}

fn join(member: &Member, fingerprint: &str) -> Running {
    let mut program = member.command(env!("CARGO_BIN_EXE_keyward"));
    let words = ["--fingerprint", fingerprint, "--bring-objects"];
    Running::start(program.args(["domain", "join"]).args(words))
}

/// South leaves, makes objects of its own, and is admitted anew. Answers the fingerprint to join with.
fn prepared(domain: &mut Domain, north: &Member, south: &Member) -> String {
    let gone = domain.id(south);
    let mut leaves = south.start("module");
    assert_eq!(leaves.ask("again south"), "CKR_OK");
    leaves.end();
    south.keyward(&["token", "unlock"]).well();
    let mut alone = south.start("module");
    alone.ask("generate seed");
    assert_eq!(alone.ask("data notice"), "ok");
    alone.end();
    let mut core = south.start("core");
    assert_eq!(core.ask(&format!("insert own {KEYS}")), "ok");
    core.end();
    south
        .keyward(&["module", "card", "--out", "back.card"])
        .well();
    let remove = format!("member.remove:{gone}");
    domain.change(north, &[&remove]);
    domain.change(north, &["member.add:back.card"]);
    let shown = north.json(&["domain", "fingerprint"]);
    shown["fingerprint"].as_str().unwrap().to_owned()
}

#[test]
fn a_move_of_objects_that_is_killed_at_any_step_goes_on_at_the_next_login() {
    members!(2, |domain: &mut Domain| {
        let [north, south] = [0, 1].map(|place| domain.members[place].clone());
        let fingerprint = prepared(domain, &north, &south);
        let repository = domain.place().join("repository");
        let database = repository.join("repository.db");
        let places = [&repository, &north.home, &south.home];
        let kept = |place: &Path| {
            let name = place.file_name().unwrap().to_string_lossy();
            domain.place().join(format!("{name}-before"))
        };
        for place in places {
            copy(place, &kept(place));
        }
        let own = south.own_store();
        for step in steps() {
            for place in places {
                copy(&kept(place), place);
            }
            let still_in = if step.own { &own } else { &database };
            // While a connection is open its last user does not take the database's log away: what this test
            // makes as root is the member's own a moment later only.
            let open = [&own, &database].map(|path| opened(path));
            stand_still(still_in, step.before, &step.when);
            let mut run = Some(join(&south, &fingerprint));
            until(step.name, || {
                if run.as_mut().is_some_and(|run| run.ended().is_some()) {
                    // Its output tells why.
                    let output = run.take().expect("it runs").output();
                    let why = String::from_utf8_lossy(&output.stderr).into_owned();
                    panic!("it did not come to: {}: {why}", step.name);
                }
                left(&own, &database) == step.left && is_held(still_in)
            });
            drop(run);
            sql(still_in, "DROP TRIGGER still");
            drop(open);
            assert_eq!(left(&own, &database), step.left, "{}", step.name);

            let whole = format!("{} of {}", KEYS + 1, KEYS + 1);
            let mut user = south.start("module");
            assert_eq!(user.ask("use-every"), whole, "{}", step.name);
            assert_eq!(user.ask("find-data notice"), "1", "{}", step.name);
            user.end();
            // What is not noted is the member's own until it joins anew.
            if !step.left.noted {
                assert_eq!(left(&own, &database), step.left);
                let again = join(&south, &fingerprint).output();
                let why = String::from_utf8_lossy(&again.stderr);
                assert!(again.status.success(), "{why}");
            }
            for member in [&north, &south] {
                let mut user = member.start("module");
                assert_eq!(
                    user.ask("use-every"),
                    whole,
                    "{}: {}",
                    step.name,
                    member.name
                );
                assert_eq!(user.ask("find-data notice"), "1", "{}", step.name);
                user.end();
                member.keyward(&["token", "verify"]).well();
            }
            let moved = Left {
                here: 0,
                there: OBJECTS,
                noted: true,
            };
            assert_eq!(left(&own, &database), moved, "{}", step.name);
        }
    });
}
