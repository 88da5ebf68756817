//! Databases of older programs: each version of the schema is brought to the newest with all that is in it,
//! however many programs do so at once; one of a newer program is refused.

use super::postgres::Server;
use super::{everything, row, shared_server, store};
use keyward_pkcs11::error::Error;
use keyward_pkcs11::object::standing::Standing;
use keyward_pkcs11::storage::postgres::PostgresStore;
use keyward_pkcs11::storage::sqlite::SqliteStore;
use keyward_pkcs11::storage::{DomainRow, Event, Node, Row, Store};
use rusqlite::Connection;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

/// How a database of today becomes one of an older program, for each version before the newest: what its tables
/// were, and what is taken into them. What the older version has no column for is not in the database.
const OLDER: [(u32, &str); 2] = [
    (
        1,
        "
        CREATE TABLE objects (
            place INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, revision INTEGER NOT NULL,
            private INTEGER NOT NULL, class BLOB, key_type BLOB, key_id BLOB, label BLOB, domain_key BLOB,
            clear BLOB, sealed BLOB
        ) STRICT;
        CREATE INDEX objects_class ON objects (class);
        CREATE INDEX objects_key_id ON objects (key_id);
        CREATE INDEX objects_label ON objects (label);
        CREATE INDEX objects_domain_key ON objects (domain_key);
        INSERT INTO objects SELECT place, id, revision, private, class, key_type, key_id, label, domain_key,
            clear, sealed FROM now_objects;
        ",
    ),
    (
        2,
        "
        CREATE TABLE objects (
            place INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, revision INTEGER NOT NULL,
            private INTEGER NOT NULL, class BLOB, key_type BLOB, key_id BLOB, label BLOB, domain_key BLOB,
            clear BLOB, sealed BLOB, standing INTEGER NOT NULL DEFAULT 0, tenant BLOB, family BLOB
        ) STRICT;
        CREATE INDEX objects_class ON objects (class);
        CREATE INDEX objects_key_id ON objects (key_id);
        CREATE INDEX objects_label ON objects (label);
        CREATE INDEX objects_tenant ON objects (tenant);
        CREATE INDEX objects_family ON objects (family);
        CREATE INDEX objects_standing ON objects (standing) WHERE standing <> 0;
        CREATE INDEX objects_domain_key ON objects (domain_key, id);
        INSERT INTO objects SELECT place, id, revision, private, class, key_type, key_id, label, domain_key,
            clear, sealed, standing, tenant, family FROM now_objects;
        ",
    ),
];

/// Makes the database one of an older program.
fn make_older(path: &Path, (version, tables): (u32, &str)) {
    let database = Connection::open(path).unwrap();
    let indexes = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL";
    let names: Vec<String> = database
        .prepare(indexes)
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let dropped: String = names
        .iter()
        .map(|name| format!("DROP INDEX {name};"))
        .collect();
    let whole = format!(
        "BEGIN;
         {dropped}
         ALTER TABLE objects RENAME TO now_objects;
         ALTER TABLE nodes RENAME TO now_nodes;
         {tables}
         CREATE TABLE nodes (level INTEGER NOT NULL, place INTEGER NOT NULL, body BLOB NOT NULL,
            mac BLOB NOT NULL, PRIMARY KEY (level, place)) STRICT, WITHOUT ROWID;
         INSERT INTO nodes SELECT level, place, body, mac FROM now_nodes;
         DROP TABLE now_objects;
         DROP TABLE now_nodes;
         PRAGMA user_version = {version};
         COMMIT;"
    );
    database.execute_batch(&whole).unwrap();
}

/// Everything a store has, as text.
fn all_of(own: &dyn Store) -> String {
    let mut text = String::new();
    own.read(&mut |reader| {
        let mut query = everything();
        query.any_standing = true;
        let ids = reader.find(&query)?;
        let rows: Result<Vec<_>, Error> = ids.iter().map(|id| reader.row(*id)).collect();
        let under = reader.rows_under([9; 16], 0, 100)?;
        let nodes = [
            reader.node(0, 7)?,
            reader.node(1, 300)?,
            reader.node(1, 301)?,
        ];
        text = format!(
            "{:?}\n{:?}\n{under:?}\n{nodes:?}\n{:?}\n{:?}\n{:?}",
            rows?,
            reader.facts("")?,
            reader.domain_rows()?,
            reader.events(100)?,
            reader.revisions(None, 100)?
        );
        Ok(())
    })
    .unwrap();
    text
}

/// Rows that every version has a place for, and those that need the second one's.
fn fill(own: &dyn Store, version: u32) {
    let old = |number| {
        let mut row = row(number);
        (row.index[4], row.index[5]) = (None, None);
        row
    };
    let newer = Row {
        standing: Standing::Superseded,
        ..row(9)
    };
    own.writing(
        |writer| {
            (1..=6).try_for_each(|number| writer.put_row(&old(number)))?;
            if version > 1 {
                writer.put_row(&newer)?;
            }
            writer.delete_row(row(2).id)?;
            writer.set_fact("a fact", Some(&[1, 2, 3]))?;
            for (level, place) in [(0, 7), (1, 300)] {
                let body = vec![level; 40];
                writer.put_node(level, place, &Node { body, mac: [5; 32] })?;
            }
            writer.put_domain_row(&DomainRow {
                version: 4,
                hash: [7; 32],
                token: vec![8; 200],
            })?;
            writer.put_event(&Event {
                time: 12,
                kind: "a kind".into(),
                text: "a text".into(),
            })
        },
        &|| (),
    )
    .unwrap();
}

/// The tables and indexes of a database.
fn tables(path: &Path) -> Vec<String> {
    let database = Connection::open(path).unwrap();
    let mut all = database
        .prepare("SELECT coalesce(sql, name) FROM sqlite_master ORDER BY name")
        .unwrap();
    let found = all.query_map([], |row| row.get(0)).unwrap();
    let mut found: Vec<String> = found.map(Result::unwrap).collect();
    // SQLite keeps its own table of counters once one was needed.
    found.retain(|sql| !sql.contains("sqlite_sequence"));
    found
}

#[test]
fn each_older_schema_in_sqlite_becomes_the_newest_with_all_that_is_in_it() {
    for older in OLDER {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token.db");
        let own = SqliteStore::create(&path, PATIENCE).unwrap();
        fill(&own, older.0);
        let (before, newest) = (all_of(&own), tables(&path));
        drop(own);
        make_older(&path, older);
        assert_ne!(tables(&path), newest);
        // Several programs meet it at once.
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let own = SqliteStore::open(&path, PATIENCE).unwrap();
                    assert_eq!(all_of(&own), before, "of version {}", older.0);
                });
            }
        });
        assert_eq!(tables(&path), newest, "of version {}", older.0);
        // What comes after stands after, and what was there can be replaced.
        let own = SqliteStore::open(&path, PATIENCE).unwrap();
        let put = |number| store(&own).writing(|writer| writer.put_row(&row(number)), &|| ());
        put(8).unwrap();
        put(1).unwrap();
        let found = store(&own).reading(|reader| reader.find(&everything()));
        let numbers: Vec<u8> = found.unwrap().iter().map(|id| id.0[0]).collect();
        assert_eq!(numbers, [1, 3, 4, 5, 6, 8]);
    }
}

/// Runs `keyward` on a home of its own.
fn keyward(home: &Path, words: &[&str]) -> (bool, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_keyward"))
        .args(words)
        .current_dir(home)
        .env("KEYWARD_HOME", home.join("home"))
        .env("KEYWARD_CONFIG", home.join("keyward.toml"))
        .env("KEYWARD_PIN", "user-pin-1234")
        .env("KEYWARD_SO_PIN", "so-pin-1234")
        .output()
        .unwrap();
    let text = [output.stdout, output.stderr].concat();
    (
        output.status.success(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

#[test]
fn a_token_of_an_older_program_goes_on_with_its_keys_and_a_newer_ones_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let home = place.path();
    let settings = "[pin]\nmemory_kib = 64\npasses = 1\nlanes = 1\n";
    std::fs::write(home.join("keyward.toml"), settings).unwrap();
    std::fs::write(home.join("plain"), b"what it was").unwrap();
    let well = |words: &[&str]| {
        let (well, text) = keyward(home, words);
        assert!(well, "{words:?}: {text}");
        text
    };
    well(&["token", "init", "--label", "old"]);
    well(&["key", "create", "orders"]);
    well(&[
        "key", "encrypt", "orders", "--in", "plain", "--out", "sealed",
    ]);
    let token = std::fs::read_dir(home.join("home/tokens")).unwrap().next();
    let path = token.unwrap().unwrap().path().join("token.db");
    // A key family needs the columns of the second version; the first knew objects alone.
    make_older(&path, OLDER[1]);
    well(&["token", "verify"]);
    well(&["key", "decrypt", "--in", "sealed", "--out", "opened"]);
    assert_eq!(std::fs::read(home.join("opened")).unwrap(), b"what it was");
    well(&["key", "rotate", "orders"]);

    let newer = "PRAGMA user_version = 99";
    Connection::open(&path)
        .unwrap()
        .execute_batch(newer)
        .unwrap();
    for words in [["key", "list"], ["token", "verify"]] {
        let (done, text) = keyward(home, &words);
        assert!(!done && text.lines().count() == 1, "{text}");
        assert!(
            text.contains("token.db") && text.contains("update Keyward"),
            "{text}"
        );
    }
    // Nothing was changed in it.
    let known = "PRAGMA user_version = 3";
    Connection::open(&path)
        .unwrap()
        .execute_batch(known)
        .unwrap();
    well(&["token", "verify"]);
}

/// The indexes of a schema on the server.
fn indexes(server: &Server, schema: &str) -> String {
    let sql = format!(
        "SELECT replace(indexdef, '{schema}.', '') FROM pg_indexes WHERE schemaname = '{schema}'
         ORDER BY indexname"
    );
    server.sql(&sql)
}

#[test]
fn each_older_schema_in_postgresql_becomes_the_newest_and_a_newer_one_is_refused() {
    let server = shared_server();
    let schema = server.schema();
    let url = server.at(&schema);
    let own = PostgresStore::open(&url, PATIENCE).unwrap();
    fill(&own, 2);
    let (before, newest) = (all_of(&own), indexes(server, &schema));
    drop(own);
    server.sql(&format!(
        "DROP INDEX {schema}.keyward_objects_domain_key;
         CREATE INDEX keyward_objects_domain_key ON {schema}.keyward_objects (domain_key, id);
         UPDATE {schema}.keyward_schema SET version = 1"
    ));
    assert_ne!(indexes(server, &schema), newest);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let own = PostgresStore::open(&url, PATIENCE).unwrap();
                assert_eq!(all_of(&own), before);
            });
        }
    });
    assert_eq!(indexes(server, &schema), newest);

    for strange in [99, -1] {
        server.sql(&format!(
            "UPDATE {schema}.keyward_schema SET version = {strange}"
        ));
        let refused = PostgresStore::open(&url, PATIENCE)
            .and_then(|own| store(&own).reading(|reader| reader.fact("a fact")));
        assert!(
            matches!(&refused, Err(Error::Store(text)) if text.contains("update Keyward")
                && text.contains("the repository keyward at ") && !text.contains('\n')),
            "{refused:?}"
        );
    }
    server.sql(&format!("UPDATE {schema}.keyward_schema SET version = 2"));
    let own = PostgresStore::open(&url, PATIENCE).unwrap();
    assert_eq!(all_of(&own), before);
}
