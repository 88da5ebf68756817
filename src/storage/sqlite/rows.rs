//! Rows in and out of the tables, through prepared statements.

use super::{cause, schema};
use crate::error::{Error, Result};
use crate::object::ObjectId;
use crate::storage::{
    Column, DomainRow, EVENTS_KEPT, Event, IndexKey, Node, Query, Reader, Row, Scope, Writer,
};
use rusqlite::types::{FromSql, Value};
use rusqlite::{Connection, OptionalExtension, Params, params, params_from_iter};
use std::path::Path;

/// The tables within one transaction.
pub(super) struct Rows<'c> {
    pub(super) connection: &'c Connection,
    pub(super) path: &'c Path,
}

impl Rows<'_> {
    fn run(&self, sql: &str, values: impl Params) -> Result<usize> {
        self.checked(
            self.connection
                .prepare_cached(sql)
                .and_then(|mut one| one.execute(values)),
        )
    }

    /// The first row that `sql` gives.
    fn one<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnOnce(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>> {
        let mut statement = self.checked(self.connection.prepare_cached(sql))?;
        self.checked(statement.query_row(values, read).optional())
    }

    /// Every row that `sql` gives.
    fn all<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self.checked(self.connection.prepare_cached(sql))?;
        let rows = self.checked(statement.query_map(values, read))?;
        self.checked(rows.collect())
    }

    fn checked<T>(&self, answer: rusqlite::Result<T>) -> Result<T> {
        answer.map_err(|error| cause(self.path, &error))
    }
}

impl Reader for Rows<'_> {
    fn fact(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.one("SELECT value FROM facts WHERE name = ?1", [name], |row| {
            row.get(0)
        })
    }

    fn row(&self, id: ObjectId) -> Result<Option<Row>> {
        let sql =
            "SELECT revision, private, class, key_type, key_id, label, domain_key, clear, sealed
                   FROM objects WHERE id = ?1";
        self.one(sql, [&id.0[..]], |row| {
            Ok(Row {
                id,
                revision: number(row, 0)?,
                private: row.get(1)?,
                index: [key(row, 2)?, key(row, 3)?, key(row, 4)?, key(row, 5)?],
                domain_key: key(row, 6)?,
                clear: row.get(7)?,
                sealed: row.get(8)?,
            })
        })
    }

    fn find(&self, query: &Query) -> Result<Vec<ObjectId>> {
        let (sql, values) = search(query);
        let found = self.all(&sql, params_from_iter(values), |row| key(row, 0))?;
        // An id of another length was not written by this program: no object can be named by it.
        Ok(found.into_iter().flatten().map(ObjectId).collect())
    }

    fn revisions(&self) -> Result<Vec<(ObjectId, u64)>> {
        let sql = "SELECT id, revision FROM objects ORDER BY place";
        let rows = self.all(sql, [], |row| Ok((key(row, 0)?, number(row, 1)?)))?;
        let named = |(id, revision): (Option<IndexKey>, u64)| Some((ObjectId(id?), revision));
        Ok(rows.into_iter().filter_map(named).collect())
    }

    fn node(&self, level: u8, place: u16) -> Result<Option<Node>> {
        let sql = "SELECT body, mac FROM nodes WHERE level = ?1 AND place = ?2";
        self.one(sql, params![level, place], |row| {
            Ok(Node {
                body: row.get(0)?,
                mac: fixed(row, 1)?.unwrap_or([0; 32]),
            })
        })
    }

    fn domain_rows(&self) -> Result<Vec<DomainRow>> {
        let sql = "SELECT version, hash, token FROM domain_tokens ORDER BY version";
        self.all(sql, [], |row| {
            let hash = fixed(row, 1)?.unwrap_or([0; 32]);
            Ok(DomainRow {
                version: number(row, 0)?,
                hash,
                token: row.get(2)?,
            })
        })
    }

    fn events(&self, limit: usize) -> Result<Vec<Event>> {
        let sql = "SELECT time, kind, text FROM events ORDER BY place DESC LIMIT ?1";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.all(sql, [limit], |row| {
            Ok(Event {
                time: number(row, 0)?,
                kind: row.get(1)?,
                text: row.get(2)?,
            })
        })
    }
}

impl Writer for Rows<'_> {
    fn set_fact(&self, name: &str, value: Option<&[u8]>) -> Result<()> {
        match value {
            Some(value) => self.run(
                "INSERT INTO facts (name, value) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                params![name, value],
            )?,
            None => self.run("DELETE FROM facts WHERE name = ?1", [name])?,
        };
        Ok(())
    }

    fn put_row(&self, row: &Row) -> Result<()> {
        let [class, key_type, key_id, label] = row.index;
        self.run(
            "INSERT INTO objects
                (id, revision, private, class, key_type, key_id, label, domain_key, clear, sealed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
             ON CONFLICT (id) DO UPDATE SET
                revision = excluded.revision, private = excluded.private, class = excluded.class,
                key_type = excluded.key_type, key_id = excluded.key_id, label = excluded.label,
                domain_key = excluded.domain_key, clear = excluded.clear, sealed = excluded.sealed",
            params![
                row.id.0,
                signed(row.revision)?,
                row.private,
                class,
                key_type,
                key_id,
                label,
                row.domain_key,
                row.clear,
                row.sealed
            ],
        )?;
        Ok(())
    }

    fn delete_row(&self, id: ObjectId) -> Result<bool> {
        Ok(self.run("DELETE FROM objects WHERE id = ?1", [&id.0[..]])? > 0)
    }

    fn put_node(&self, level: u8, place: u16, node: &Node) -> Result<()> {
        self.run(
            "INSERT INTO nodes (level, place, body, mac) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (level, place) DO UPDATE SET body = excluded.body, mac = excluded.mac",
            params![level, place, node.body, node.mac],
        )?;
        Ok(())
    }

    fn put_domain_row(&self, row: &DomainRow) -> Result<()> {
        self.run(
            "INSERT INTO domain_tokens (version, hash, token) VALUES (?1, ?2, ?3)
             ON CONFLICT (version) DO UPDATE SET hash = excluded.hash, token = excluded.token",
            params![signed(row.version)?, row.hash, row.token],
        )?;
        Ok(())
    }

    fn forget_domain_rows(&self, version: u64) -> Result<()> {
        self.run(
            "DELETE FROM domain_tokens WHERE version < ?1",
            [signed(version)?],
        )?;
        Ok(())
    }

    fn put_event(&self, event: &Event) -> Result<()> {
        self.run(
            "INSERT INTO events (time, kind, text) VALUES (?1, ?2, ?3)",
            params![signed(event.time)?, event.kind, event.text],
        )?;
        self.run(
            "DELETE FROM events WHERE place <= (SELECT max(place) FROM events) - ?1",
            [i64::try_from(EVENTS_KEPT).unwrap_or(i64::MAX)],
        )?;
        Ok(())
    }

    fn clear(&self) -> Result<()> {
        for table in schema::TABLES {
            self.run(&format!("DELETE FROM {table}"), [])?;
        }
        Ok(())
    }
}

/// The statement of a search and its values. Equal shapes of query make equal texts, so that the
/// statement stays prepared.
fn search(query: &Query) -> (String, Vec<Value>) {
    let mut sql = String::from("SELECT id FROM objects WHERE ");
    let mut values = Vec::new();
    sql.push_str(match query.scope {
        Scope::Public => "private = 0",
        Scope::Private => "private = 1",
        Scope::All => "true",
    });
    // A class has thousands of objects, a label or id has few: the plus keeps SQLite from taking the
    // index of the class when there is a better one.
    let narrow = |(column, _): &(Column, _)| matches!(column, Column::Id | Column::Label);
    let class = if query.conditions.iter().any(narrow) {
        " AND +class IN ("
    } else {
        " AND class IN ("
    };
    for (column, keys) in &query.conditions {
        sql.push_str(match column {
            Column::Class => class,
            Column::KeyType => " AND key_type IN (",
            Column::Id => " AND key_id IN (",
            Column::Label => " AND label IN (",
        });
        sql.push_str(&vec!["?"; keys.len()].join(", "));
        sql.push(')');
        values.extend(keys.iter().map(|key| Value::Blob(key.to_vec())));
    }
    if let Some(key) = query.domain_key {
        sql.push_str(" AND domain_key = ?");
        values.push(Value::Blob(key.to_vec()));
    }
    sql.push_str(" ORDER BY place");
    (sql, values)
}

/// A blob of 16 bytes; `None` when it is null or of another length.
fn key(row: &rusqlite::Row<'_>, place: usize) -> rusqlite::Result<Option<IndexKey>> {
    fixed(row, place)
}

/// A blob of `N` bytes; `None` when it is null or of another length.
fn fixed<const N: usize>(
    row: &rusqlite::Row<'_>,
    place: usize,
) -> rusqlite::Result<Option<[u8; N]>> {
    let bytes: Option<Vec<u8>> = row.get(place)?;
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()))
}

/// A number that SQLite keeps as signed. Rows edited to a negative one read as the largest, which no
/// authenticator will bear out.
fn number(row: &rusqlite::Row<'_>, place: usize) -> rusqlite::Result<u64> {
    let value = i64::column_result(row.get_ref(place)?)?;
    Ok(u64::try_from(value).unwrap_or(u64::MAX))
}

fn signed(value: u64) -> Result<i64> {
    i64::try_from(value).map_err(|_| Error::Internal("a number beyond what the store holds"))
}
