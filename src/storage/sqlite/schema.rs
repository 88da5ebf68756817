//! The tables, and how an older database becomes a newer one.

use super::connection::cause;
use crate::error::{Error, Result};
use rusqlite::Connection;
use std::path::Path;

/// One step for each version of the schema; version N is what the first N steps make.
const STEPS: &[&str] = &[
    "
    CREATE TABLE facts (
        name TEXT PRIMARY KEY NOT NULL,
        value BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE objects (
        place INTEGER PRIMARY KEY AUTOINCREMENT,
        id BLOB NOT NULL UNIQUE,
        revision INTEGER NOT NULL,
        private INTEGER NOT NULL,
        class BLOB,
        key_type BLOB,
        key_id BLOB,
        label BLOB,
        domain_key BLOB,
        clear BLOB,
        sealed BLOB
    ) STRICT;
    CREATE INDEX objects_class ON objects (class);
    CREATE INDEX objects_key_id ON objects (key_id);
    CREATE INDEX objects_label ON objects (label);
    CREATE INDEX objects_domain_key ON objects (domain_key);
    CREATE TABLE nodes (
        level INTEGER NOT NULL,
        place INTEGER NOT NULL,
        body BLOB NOT NULL,
        mac BLOB NOT NULL,
        PRIMARY KEY (level, place)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE domain_tokens (
        version INTEGER PRIMARY KEY NOT NULL,
        hash BLOB NOT NULL,
        token BLOB NOT NULL
    ) STRICT;
    CREATE TABLE events (
        place INTEGER PRIMARY KEY AUTOINCREMENT,
        time INTEGER NOT NULL,
        kind TEXT NOT NULL,
        text TEXT NOT NULL
    ) STRICT;
",
    "
    ALTER TABLE objects ADD COLUMN standing INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE objects ADD COLUMN tenant BLOB;
    ALTER TABLE objects ADD COLUMN family BLOB;
    CREATE INDEX objects_tenant ON objects (tenant);
    CREATE INDEX objects_family ON objects (family);
    CREATE INDEX objects_standing ON objects (standing) WHERE standing <> 0;
    DROP INDEX objects_domain_key;
    CREATE INDEX objects_domain_key ON objects (domain_key, id);
",
    // Fewer pages for each change: rows stand in the order of their creation, and so do the entries of
    // every index but those of ids, labels and families; what a row lacks is in no index; ids and revisions
    // can be listed without the rows; a node has its page to itself instead of a chain of pages.
    "
    CREATE TABLE newer_objects (
        place INTEGER PRIMARY KEY,
        id BLOB NOT NULL,
        revision INTEGER NOT NULL,
        standing INTEGER NOT NULL,
        private INTEGER NOT NULL,
        class BLOB,
        key_type BLOB,
        key_id BLOB,
        label BLOB,
        tenant BLOB,
        family BLOB,
        domain_key BLOB,
        clear BLOB,
        sealed BLOB
    ) STRICT;
    INSERT INTO newer_objects SELECT place, id, revision, standing, private, class, key_type, key_id,
        label, tenant, family, domain_key, clear, sealed FROM objects ORDER BY place;
    DROP TABLE objects;
    ALTER TABLE newer_objects RENAME TO objects;
    CREATE INDEX objects_id ON objects (id, revision, standing);
    CREATE INDEX objects_class ON objects (class);
    CREATE INDEX objects_key_id ON objects (key_id) WHERE key_id IS NOT NULL;
    CREATE INDEX objects_label ON objects (label) WHERE label IS NOT NULL;
    CREATE INDEX objects_tenant ON objects (tenant) WHERE tenant IS NOT NULL;
    CREATE INDEX objects_family ON objects (family) WHERE family IS NOT NULL;
    CREATE INDEX objects_standing ON objects (standing) WHERE standing <> 0;
    CREATE INDEX objects_domain_key ON objects (domain_key) WHERE domain_key IS NOT NULL;
    CREATE TABLE newer_nodes (
        at INTEGER PRIMARY KEY,
        level INTEGER NOT NULL,
        place INTEGER NOT NULL,
        body BLOB NOT NULL,
        mac BLOB NOT NULL
    ) STRICT;
    INSERT INTO newer_nodes SELECT level * 65536 + place, level, place, body, mac FROM nodes;
    DROP TABLE nodes;
    ALTER TABLE newer_nodes RENAME TO nodes;
",
];

/// Every table, for [`super::super::Writer::clear`].
pub(super) const TABLES: [&str; 5] = ["facts", "objects", "nodes", "domain_tokens", "events"];

/// Brings the database to the newest schema. Several processes may do so at once.
///
/// # Errors
/// `Store` when a newer program wrote the database; those of SQLite.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<()> {
    let failed = |error| cause(path, &error);
    if version(connection).map_err(failed)? == STEPS.len() {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(failed)?;
    let found = version(&transaction).map_err(failed)?;
    let steps = STEPS.get(found..).ok_or_else(|| {
        Error::Store(format!(
            "{}: a newer Keyward wrote this database (schema {found}, this program knows {}): update \
             Keyward here",
            path.display(),
            STEPS.len()
        ))
    })?;
    for step in steps {
        transaction.execute_batch(step).map_err(failed)?;
    }
    let newest = i64::try_from(STEPS.len()).unwrap_or(i64::MAX);
    transaction
        .pragma_update(None, "user_version", newest)
        .map_err(failed)?;
    transaction.commit().map_err(failed)
}

/// The number of steps that made the database.
fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(usize::try_from(version).unwrap_or(usize::MAX))
}
