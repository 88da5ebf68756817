//! What the store on disk promises beyond the trait: durability, other processes, damage, erasure.

use super::{everything, on_disk, row, store};
use keyward_pkcs11::config::Config;
use keyward_pkcs11::error::Error;
use keyward_pkcs11::object::ObjectId;
use keyward_pkcs11::object::standing::Standing;
use keyward_pkcs11::storage::sqlite::SqliteStore;
use keyward_pkcs11::storage::{Row, repository};
use rusqlite::Connection;
use std::path::Path;
use std::time::{Duration, Instant};

const SHORT: Duration = Duration::from_millis(100);

fn files(directory: &Path) -> Vec<u8> {
    let entries = std::fs::read_dir(directory).unwrap();
    entries
        .flat_map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect()
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}

#[test]
fn two_connections_see_each_others_rows() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (on_disk(directory.path()), on_disk(directory.path()));
    store(&one)
        .writing(|writer| writer.put_row(&row(1)), &|| ())
        .unwrap();
    assert_eq!(
        store(&two)
            .reading(|reader| reader.find(&everything()))
            .unwrap()
            .len(),
        1
    );
    store(&two)
        .writing(|writer| writer.delete_row(ObjectId([1; 16])), &|| ())
        .unwrap();
    assert_eq!(
        store(&one)
            .reading(|reader| reader.find(&everything()))
            .unwrap()
            .len(),
        0
    );
}

#[test]
fn a_busy_database_is_said_to_be_busy_in_time_and_read_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token.db");
    drop(on_disk(directory.path()));
    let own = SqliteStore::open(&path, SHORT).unwrap();
    let other = Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let start = Instant::now();
    let busy = store(&own).writing(|writer| writer.put_row(&row(1)), &|| ());
    assert_eq!(busy, Err(Error::StoreBusy));
    assert!(start.elapsed() >= SHORT);
    assert_eq!(
        store(&own)
            .reading(|reader| reader.find(&everything()))
            .unwrap(),
        []
    );
    other.execute_batch("COMMIT").unwrap();
    store(&own)
        .writing(|writer| writer.put_row(&row(1)), &|| ())
        .unwrap();
}

#[test]
fn removed_and_replaced_bytes_are_in_no_file_after_scrubbing() {
    let directory = tempfile::tempdir().unwrap();
    let own = on_disk(directory.path());
    let long = |needle: &str, length| Row {
        sealed: Some(needle.repeat(length).into_bytes()),
        ..row(1)
    };
    for length in [1, 10_000] {
        store(&own)
            .writing(|writer| writer.put_row(&long("needle one", length)), &|| ())
            .unwrap();
        assert!(contains(&files(directory.path()), b"needle one"));
        store(&own)
            .writing(|writer| writer.put_row(&long("needle two", length)), &|| ())
            .unwrap();
        assert!(store(&own).scrub().unwrap());
        assert!(!contains(&files(directory.path()), b"needle one"));
        assert!(contains(&files(directory.path()), b"needle two"));
        store(&own)
            .writing(|writer| writer.delete_row(ObjectId([1; 16])), &|| ())
            .unwrap();
        assert!(store(&own).scrub().unwrap());
        assert!(!contains(&files(directory.path()), b"needle two"));
    }
}

#[test]
fn scrubbing_waits_for_a_reader_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    drop(on_disk(directory.path()));
    let own = SqliteStore::open(&directory.path().join("token.db"), SHORT).unwrap();
    store(&own)
        .writing(|writer| writer.put_row(&row(1)), &|| ())
        .unwrap();
    let reader = Connection::open(directory.path().join("token.db")).unwrap();
    reader
        .execute_batch("BEGIN; SELECT * FROM objects")
        .unwrap();
    store(&own)
        .writing(|writer| writer.delete_row(ObjectId([1; 16])), &|| ())
        .unwrap();
    assert!(!store(&own).scrub().unwrap());
    reader.execute_batch("COMMIT").unwrap();
    assert!(store(&own).scrub().unwrap());
}

#[test]
fn a_database_of_a_newer_program_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    drop(on_disk(directory.path()));
    let path = directory.path().join("token.db");
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", 99)
        .unwrap();
    let refused = SqliteStore::open(&path, SHORT).err();
    assert!(
        matches!(&refused, Some(Error::Store(text)) if text.contains("update")),
        "{refused:?}"
    );
}

/// The tables as the first version of the schema had them, with a row and a domain token.
const FIRST_SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE facts (name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) STRICT, WITHOUT ROWID;
    CREATE TABLE objects (
        place INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL UNIQUE, revision INTEGER NOT NULL,
        private INTEGER NOT NULL, class BLOB, key_type BLOB, key_id BLOB, label BLOB, domain_key BLOB,
        clear BLOB, sealed BLOB
    ) STRICT;
    CREATE INDEX objects_class ON objects (class);
    CREATE INDEX objects_key_id ON objects (key_id);
    CREATE INDEX objects_label ON objects (label);
    CREATE INDEX objects_domain_key ON objects (domain_key);
    CREATE TABLE nodes (level INTEGER NOT NULL, place INTEGER NOT NULL, body BLOB NOT NULL,
        mac BLOB NOT NULL, PRIMARY KEY (level, place)) STRICT, WITHOUT ROWID;
    CREATE TABLE domain_tokens (version INTEGER PRIMARY KEY NOT NULL, hash BLOB NOT NULL,
        token BLOB NOT NULL) STRICT;
    CREATE TABLE events (place INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,
        kind TEXT NOT NULL, text TEXT NOT NULL) STRICT;
    INSERT INTO facts VALUES ('a', x'01');
    INSERT INTO domain_tokens VALUES (4, zeroblob(32), x'05');
    INSERT INTO objects (id, revision, private, class, label, domain_key, clear, sealed)
        VALUES (zeroblob(16), 3, 1, zeroblob(16), NULL, zeroblob(16), NULL, x'0102');
    PRAGMA user_version = 1;
";

#[test]
fn a_database_of_the_first_schema_is_brought_to_the_newest_with_all_that_is_in_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token.db");
    let old = Connection::open(&path).unwrap();
    old.execute_batch(FIRST_SCHEMA).unwrap();
    drop(old);
    let kept = Row {
        id: ObjectId([0; 16]),
        revision: 3,
        standing: Standing::Current,
        private: true,
        index: [Some([0; 16]), None, None, None, None, None],
        domain_key: Some([0; 16]),
        clear: None,
        sealed: Some(vec![1, 2]),
    };
    // Twice: the second finds the newest schema.
    for _ in 0..2 {
        let own = SqliteStore::open(&path, SHORT).unwrap();
        let found = store(&own)
            .reading(|reader| {
                Ok((
                    reader.row(kept.id)?,
                    reader.fact("a")?,
                    reader.domain_rows()?,
                ))
            })
            .unwrap();
        assert_eq!(found.0, Some(kept.clone()));
        assert_eq!(found.1, Some(vec![1]));
        assert_eq!(found.2.len(), 1);
        store(&own)
            .writing(|writer| writer.put_row(&row(5)), &|| ())
            .unwrap();
        let under = store(&own).reading(|reader| reader.rows_under([0; 16], 0, 9));
        assert_eq!(under.unwrap(), [(1, kept.clone())]);
    }
}

#[test]
fn many_writers_of_many_stores_lose_nothing_and_find_their_own_at_once() {
    let directory = tempfile::tempdir().unwrap();
    drop(on_disk(directory.path()));
    let path = directory.path().join("token.db");
    let stores = [0, 1].map(|_| SqliteStore::open(&path, Duration::from_secs(20)).unwrap());
    std::thread::scope(|scope| {
        for writer in 0..4_u8 {
            let own = &stores[usize::from(writer % 2)];
            scope.spawn(move || {
                for number in 0..20 {
                    let new = row(writer * 50 + number);
                    store(own)
                        .writing(|writer| writer.put_row(&new), &|| ())
                        .unwrap();
                    let found = store(own).reading(|reader| reader.row(new.id)).unwrap();
                    assert_eq!(found, Some(new));
                }
            });
        }
    });
    for own in &stores {
        let found = store(own).reading(|reader| reader.find(&everything()));
        assert_eq!(found.unwrap().len(), 80);
    }
}

#[test]
fn numbers_that_a_power_cut_left_are_no_hindrance() {
    let directory = tempfile::tempdir().unwrap();
    let own = on_disk(directory.path());
    store(&own)
        .writing(|writer| writer.put_row(&row(1)), &|| ())
        .unwrap();
    drop(own);
    // Whatever stands in the shared file, rows are read and written.
    for byte in [0xff, 0x7f, 0x00] {
        let shared = directory.path().join("shared");
        let length = std::fs::metadata(&shared).unwrap().len();
        std::fs::write(&shared, vec![byte; usize::try_from(length).unwrap()]).unwrap();
        let own = SqliteStore::open(&directory.path().join("token.db"), SHORT).unwrap();
        let found = store(&own).reading(|reader| reader.row(row(1).id));
        assert_eq!(found.unwrap(), Some(row(1)));
        store(&own)
            .writing(|writer| writer.put_row(&row(1)), &|| ())
            .unwrap();
    }
}

#[test]
fn an_edited_standing_is_not_taken_for_one_that_can_be_used() {
    let directory = tempfile::tempdir().unwrap();
    let own = on_disk(directory.path());
    store(&own)
        .writing(|writer| writer.put_row(&row(1)), &|| ())
        .unwrap();
    let other = Connection::open(directory.path().join("token.db")).unwrap();
    for edited in [-1_i64, 5, i64::MAX] {
        other
            .execute("UPDATE objects SET standing = ?1", [edited])
            .unwrap();
        let found = store(&own).reading(|reader| reader.row(ObjectId([1; 16])));
        assert_eq!(found.unwrap().unwrap().standing, Standing::Destroyed);
    }
}

#[test]
fn what_is_no_database_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token.db");
    assert!(
        matches!(SqliteStore::open(&path, SHORT).err(), Some(Error::Store(text)) if text.contains("token.db"))
    );
    std::fs::write(&path, [b'x'; 5000]).unwrap();
    let refused = SqliteStore::open(&path, SHORT).err();
    assert!(
        matches!(&refused, Some(Error::StoreTampered(text)) if text.contains("token.db")),
        "{refused:?}"
    );
}

#[test]
fn a_damaged_page_leaves_the_rest_and_is_reported() {
    let directory = tempfile::tempdir().unwrap();
    let own = on_disk(directory.path());
    let rows = |writer: &dyn keyward_pkcs11::storage::Writer| {
        (1..=200).try_for_each(|number| {
            writer.put_row(&Row {
                sealed: Some(vec![number; 1000]),
                ..row(number)
            })
        })
    };
    store(&own).writing(rows, &|| ()).unwrap();
    assert!(store(&own).scrub().unwrap());
    assert_eq!(store(&own).flaws().unwrap(), Vec::<String>::new());
    drop(own);
    let path = directory.path().join("token.db");
    let mut bytes = std::fs::read(&path).unwrap();
    // The page that holds the middle of row 100.
    let place = bytes
        .windows(900)
        .position(|window| window == [100; 900])
        .unwrap();
    let page = place / 4096 * 4096;
    bytes[page..page + 4096].fill(0xff);
    std::fs::write(&path, bytes).unwrap();
    let own = SqliteStore::open(&path, SHORT).unwrap();
    assert!(
        store(&own)
            .reading(|reader| reader.row(ObjectId([100; 16])))
            .is_err()
    );
    let intact = store(&own)
        .reading(|reader| reader.row(ObjectId([1; 16])))
        .unwrap();
    assert_eq!(intact.unwrap().sealed, Some(vec![1; 1000]));
    assert!(!store(&own).flaws().unwrap().is_empty());
}

#[test]
fn files_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("token.db");
    drop(keyward_pkcs11::storage::files::open_or_make(&path).unwrap());
    let own = on_disk(directory.path());
    store(&own)
        .writing(|writer| writer.put_row(&row(1)), &|| ())
        .unwrap();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", entry.path().display());
    }
}

#[test]
fn a_repository_is_for_the_group_where_its_directory_is() {
    use std::os::unix::fs::PermissionsExt;
    for (of_directory, of_files) in [(0o700, 0o600), (0o770, 0o660), (0o2750, 0o660)] {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(
            directory.path(),
            std::fs::Permissions::from_mode(of_directory),
        )
        .unwrap();
        let path = directory.path().join("repository.db");
        let [one, two] = [0, 1].map(|_| SqliteStore::open_repository(&path, SHORT).unwrap());
        store(&one)
            .writing(|writer| writer.put_row(&row(1)), &|| ())
            .unwrap();
        assert_eq!(
            store(&two)
                .reading(|reader| reader.find(&everything()))
                .unwrap()
                .len(),
            1
        );
        let mut seen = 0;
        for entry in std::fs::read_dir(directory.path()).unwrap() {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, of_files, "{}", entry.path().display());
            seen += 1;
        }
        assert_eq!(seen, 4);
    }
}

#[test]
fn a_repository_is_opened_by_its_setting() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("repository.db");
    let with = |url: &str| {
        let mut config = Config::default();
        config.repository.url = Some(url.to_owned());
        repository::open(&config)
    };
    assert!(repository::open(&Config::default()).unwrap().is_none());
    let own = with(&format!("sqlite:{}", path.display()))
        .unwrap()
        .unwrap();
    own.writing(|writer| writer.put_row(&row(1)), &|| ())
        .unwrap();
    let again = with(&format!("sqlite://{}", path.display()))
        .unwrap()
        .unwrap();
    assert_eq!(
        again
            .reading(|reader| reader.find(&everything()))
            .unwrap()
            .len(),
        1
    );
    for wrong in ["sqlite:repository.db", "mysql://host", "/srv/repository.db"] {
        assert!(matches!(with(wrong), Err(Error::Config(_))), "{wrong}");
    }
    // Opened when it is needed, and tried anew each time.
    let missing = with("sqlite:/nonexistent/repository.db").unwrap().unwrap();
    let missing = missing.stamp().err();
    assert!(
        matches!(&missing, Some(Error::Store(text)) if text.contains("/nonexistent")),
        "{missing:?}"
    );
}
