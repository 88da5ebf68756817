//! The tables, and how an older database becomes a newer one.

use super::link::Link;
use super::trouble::{Kind, Trouble};
use crate::error::Error;
use std::time::Duration;

/// One step for each version of the schema; version N is what the first N steps make. Types and
/// statements are those that every engine with PostgreSQL's protocol knows: no extensions, no
/// collations (names are bytes), no sequences (places follow from the count of changes).
const STEPS: &[&str] = &[
    "
    CREATE TABLE keyward_writer (
        one BIGINT PRIMARY KEY,
        changes BIGINT NOT NULL,
        recent BYTEA NOT NULL
    );
    INSERT INTO keyward_writer (one, changes, recent) VALUES (1, 0, '');
    CREATE TABLE keyward_facts (
        name BYTEA PRIMARY KEY,
        value BYTEA NOT NULL
    );
    CREATE TABLE keyward_objects (
        id BYTEA PRIMARY KEY,
        place BIGINT NOT NULL,
        revision BIGINT NOT NULL,
        standing BIGINT NOT NULL,
        private BOOLEAN NOT NULL,
        class BYTEA,
        key_type BYTEA,
        key_id BYTEA,
        label BYTEA,
        tenant BYTEA,
        family BYTEA,
        domain_key BYTEA,
        clear BYTEA,
        sealed BYTEA
    );
    CREATE INDEX keyward_objects_class ON keyward_objects (class);
    CREATE INDEX keyward_objects_key_id ON keyward_objects (key_id) WHERE key_id IS NOT NULL;
    CREATE INDEX keyward_objects_label ON keyward_objects (label) WHERE label IS NOT NULL;
    CREATE INDEX keyward_objects_tenant ON keyward_objects (tenant) WHERE tenant IS NOT NULL;
    CREATE INDEX keyward_objects_family ON keyward_objects (family) WHERE family IS NOT NULL;
    CREATE INDEX keyward_objects_standing ON keyward_objects (standing) WHERE standing <> 0;
    CREATE INDEX keyward_objects_domain_key ON keyward_objects (domain_key, id);
    CREATE TABLE keyward_nodes (
        level BIGINT NOT NULL,
        place BIGINT NOT NULL,
        body BYTEA NOT NULL,
        mac BYTEA NOT NULL,
        PRIMARY KEY (level, place)
    );
    CREATE TABLE keyward_domain_tokens (
        version BIGINT PRIMARY KEY,
        hash BYTEA NOT NULL,
        token BYTEA NOT NULL
    );
    CREATE TABLE keyward_events (
        place BIGINT PRIMARY KEY,
        time BIGINT NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL
    );
",
    // Rows under a domain key are read in the order in which they stand in the table.
    "
    DROP INDEX keyward_objects_domain_key;
    CREATE INDEX keyward_objects_domain_key ON keyward_objects (domain_key, place)
        WHERE domain_key IS NOT NULL;
",
];

/// Every table that [`super::super::Writer::clear`] empties. The count of changes goes on.
pub(super) const TABLES: [&str; 5] = [
    "keyward_facts",
    "keyward_objects",
    "keyward_nodes",
    "keyward_domain_tokens",
    "keyward_events",
];

/// How often the tables are tried to be made while others make them too.
const TRIES: usize = 20;
/// The pause between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Brings the database to the newest schema. Several members may do so at once.
///
/// # Errors
/// `Store` when a newer program wrote the database; those of the server.
pub(super) fn migrate(link: &Link, name: &str) -> Result<(), Trouble> {
    let mut last = Ok(());
    for _ in 0..TRIES {
        // A table that is not there yet, and tables that another member makes just now, are said in
        // several ways; what is there in the end counts.
        if version(link).is_ok_and(|version| version == STEPS.len()) {
            return Ok(());
        }
        last = migrate_once(link, name);
        match &last {
            Ok(()) => return Ok(()),
            Err(trouble) if trouble.kind == Kind::Plain && !is_race(trouble) => return last,
            Err(trouble) if trouble.kind == Kind::Lost => return last,
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
    last
}

fn migrate_once(link: &Link, name: &str) -> Result<(), Trouble> {
    link.simple(
        "CREATE TABLE IF NOT EXISTS keyward_schema (one BIGINT PRIMARY KEY, version BIGINT NOT NULL);
         INSERT INTO keyward_schema (one, version) VALUES (1, 0) ON CONFLICT (one) DO NOTHING",
    )?;
    link.simple("BEGIN; SELECT version FROM keyward_schema WHERE one = 1 FOR UPDATE")?;
    let done = version(link).and_then(|found| {
        let steps = STEPS.get(found..).ok_or_else(|| {
            Trouble::plain(Error::Store(format!(
                "{name}: a newer Keyward wrote this database (schema {found}, this program knows {}): update \
                 Keyward here",
                STEPS.len()
            )))
        })?;
        for step in steps {
            link.simple(step)?;
        }
        let newest = STEPS.len();
        link.simple(&format!(
            "UPDATE keyward_schema SET version = {newest} WHERE one = 1; COMMIT"
        ))
    });
    if done.is_err() {
        // The first failure counts; a connection that cannot even do this is not used again.
        let _ = link.simple("ROLLBACK");
    }
    done.map(drop)
}

/// Whether another member made the same thing at the same moment.
fn is_race(trouble: &Trouble) -> bool {
    let Error::Store(text) = &trouble.error else {
        return false;
    };
    ["42P07", "42710", "23505"]
        .iter()
        .any(|code| text.contains(code))
}

/// The number of steps that made the database.
fn version(link: &Link) -> Result<usize, Trouble> {
    let rows = link.simple("SELECT version FROM keyward_schema WHERE one = 1")?;
    let found = rows.column(0).next();
    // One edited to be no such number is none that this program wrote.
    Ok(found.map_or(0, |text| text.parse().unwrap_or(usize::MAX)))
}
