//! Rows in and out of the tables, through prepared statements.

use super::{cause, schema};
use crate::error::Result;
use crate::object::ObjectId;
use crate::object::standing::Standing;
use crate::storage::registry::Turns;
use crate::storage::tree::leaf_of;
use crate::storage::{
    Column, DomainRow, EVENTS_KEPT, Event, IndexKey, Node, Place, Query, Reader, Resealed, Row,
    Scope, Writer, signed, standing_condition, unsigned,
};
use rusqlite::types::{FromSql, Value};
use rusqlite::{Connection, OptionalExtension, Params, params, params_from_iter};
use std::cell::{Cell, RefCell};
use std::path::Path;

/// The level of the leaves of the row tree, whose places are the groups of their objects.
const LEAF: u8 = 2;
/// Objects of one answer that are looked up one by one whether they are on disk; of more all is waited for.
const SEEN_EACH: usize = 16;

/// The tables within one transaction.
pub(super) struct Rows<'c> {
    connection: &'c Connection,
    path: &'c Path,
    turns: &'c Turns,
    /// The newest commit of anything that was read.
    seen: Cell<u64>,
    /// The groups of the rows that were changed.
    changed: RefCell<Vec<u16>>,
    /// Whether more than rows was changed.
    more: Cell<bool>,
}

impl<'c> Rows<'c> {
    /// The tables, in the transaction of `connection`.
    pub(super) fn new(connection: &'c Connection, path: &'c Path, turns: &'c Turns) -> Self {
        Rows {
            connection,
            path,
            turns,
            seen: Cell::new(0),
            changed: RefCell::default(),
            more: Cell::new(false),
        }
    }

    /// The newest commit of anything that was read.
    pub(super) fn seen(&self) -> u64 {
        self.seen.get()
    }

    /// The number of the commit that is about to be made.
    pub(super) fn number(&self) -> u64 {
        self.turns.begin(&self.changed.borrow(), self.more.get())
    }

    /// Notes a commit that what was just read may be of.
    fn see(&self, number: u64) {
        self.seen.set(self.seen.get().max(number));
    }

    /// Notes that these objects were just read.
    fn see_all(&self, ids: &[ObjectId]) {
        if ids.len() > SEEN_EACH {
            self.see(self.turns.newest());
        }
        for id in ids.iter().take(SEEN_EACH) {
            self.see(self.turns.newest_of(leaf_of(*id)));
        }
    }

    fn change(&self, id: ObjectId) {
        self.changed.borrow_mut().push(leaf_of(id));
    }

    /// As [`Rows::run`], of a table without rows of objects.
    fn run_more(&self, sql: &str, values: impl Params) -> Result<usize> {
        self.more.set(true);
        self.run(sql, values)
    }

    /// As [`Rows::all`], of a table without rows of objects.
    fn all_more<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let found = self.all(sql, values, read)?;
        self.see(self.turns.newest_other());
        Ok(found)
    }

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

/// What [`read_row`] reads, in its order.
const ROW: &str = "id, revision, standing, private,
    class, key_type, key_id, label, tenant, family, domain_key, clear, sealed";
/// What [`read_domain_row`] reads, in its order.
const DOMAIN_ROW: &str = "version, hash, token";

impl Reader for Rows<'_> {
    fn fact(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT value FROM facts WHERE name = ?1";
        let found = self.all_more(sql, [name], |row| row.get(0))?;
        Ok(found.into_iter().next())
    }

    fn facts(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>> {
        // Names that begin with the prefix stand together; no name has the last character there is.
        let sql = "SELECT name, value FROM facts
                   WHERE name >= ?1 AND name < ?1 || char(1114111) ORDER BY name";
        self.all_more(sql, [prefix], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    fn row(&self, id: ObjectId) -> Result<Option<Row>> {
        let sql = format!("SELECT {ROW} FROM objects WHERE id = ?1");
        let found = self.one(&sql, [&id.0[..]], read_row)?.flatten();
        self.see_all(&[id]);
        Ok(found)
    }

    fn rows_under(
        &self,
        domain_key: [u8; 16],
        after: Place,
        limit: usize,
    ) -> Result<Vec<(Place, Row)>> {
        let sql = format!(
            "SELECT {ROW}, place FROM objects WHERE domain_key = ?1 AND place > ?2
             ORDER BY place LIMIT ?3"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.all(&sql, params![domain_key, signed(after)?, limit], |row| {
            Ok((number(row, 13)?, read_row(row)?))
        })?;
        self.see(self.turns.newest());
        let named = rows.into_iter();
        Ok(named
            .filter_map(|(place, row)| Some((place, row?)))
            .collect())
    }

    fn count(&self, query: &Query) -> Result<u64> {
        let (condition, values) = search(query);
        let sql = format!("SELECT count(*) FROM objects WHERE {condition}");
        let count = self.one(&sql, params_from_iter(values), |row| number(row, 0))?;
        self.see(self.turns.newest());
        Ok(count.unwrap_or(0))
    }

    fn find(&self, query: &Query) -> Result<Vec<ObjectId>> {
        let (condition, values) = search(query);
        let sql = format!("SELECT id FROM objects WHERE {condition} ORDER BY place");
        let found = self.all(&sql, params_from_iter(values), |row| key(row, 0))?;
        // An id of another length was not written by this program: no object can be named by it.
        let found: Vec<_> = found.into_iter().flatten().map(ObjectId).collect();
        self.see_all(&found);
        Ok(found)
    }

    fn revisions(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<(ObjectId, u64, Standing)>> {
        let sql = "SELECT id, revision, standing FROM objects WHERE id > ?1 ORDER BY id LIMIT ?2";
        // Before every id of 16 bytes comes the empty one.
        let after = after.map_or(Vec::new(), |id| id.0.to_vec());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.all(sql, params![after, limit], |row| {
            let (revision, standing) = (number(row, 1)?, standing(row, 2)?);
            Ok(key(row, 0)?.map(|id| (ObjectId(id), revision, standing)))
        })?;
        Ok(rows.into_iter().flatten().collect())
    }

    fn node(&self, level: u8, place: u16) -> Result<Option<Node>> {
        let sql = "SELECT body, mac FROM nodes WHERE at = ?1";
        let node = self.one(sql, [at(level, place)], |row| {
            Ok(Node {
                body: row.get(0)?,
                mac: fixed(row, 1)?.unwrap_or([0; 32]),
            })
        })?;
        if level == LEAF {
            self.see(self.turns.newest_of(place));
        }
        Ok(node)
    }

    fn domain_rows(&self) -> Result<Vec<DomainRow>> {
        let sql = format!("SELECT {DOMAIN_ROW} FROM domain_tokens ORDER BY version");
        self.all_more(&sql, [], read_domain_row)
    }

    fn newest_domain_row(&self) -> Result<Option<(u64, [u8; 32])>> {
        let sql = "SELECT version, hash FROM domain_tokens ORDER BY version DESC LIMIT 1";
        let newest = self.all_more(sql, [], |row| {
            Ok((number(row, 0)?, fixed(row, 1)?.unwrap_or([0; 32])))
        })?;
        Ok(newest.into_iter().next())
    }

    fn domain_rows_after(&self, version: u64) -> Result<Vec<DomainRow>> {
        let sql =
            format!("SELECT {DOMAIN_ROW} FROM domain_tokens WHERE version > ?1 ORDER BY version");
        self.all_more(&sql, [signed(version)?], read_domain_row)
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
            Some(value) => self.run_more(
                "INSERT INTO facts (name, value) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                params![name, value],
            )?,
            None => self.run_more("DELETE FROM facts WHERE name = ?1", [name])?,
        };
        Ok(())
    }

    fn put_row(&self, row: &Row) -> Result<()> {
        self.change(row.id);
        let [class, key_type, key_id, label, tenant, family] = row.index;
        let revision = signed(row.revision)?;
        let values = params![
            row.id.0,
            revision,
            row.standing.number(),
            row.private,
            class,
            key_type,
            key_id,
            label,
            tenant,
            family,
            row.domain_key,
            row.clear,
            row.sealed
        ];
        let replaced = self.run(
            "UPDATE objects SET revision = ?2, standing = ?3, private = ?4, class = ?5,
                key_type = ?6, key_id = ?7, label = ?8, tenant = ?9, family = ?10,
                domain_key = ?11, clear = ?12, sealed = ?13
             WHERE id = ?1",
            values,
        )?;
        if replaced == 0 {
            self.run(
                "INSERT INTO objects (id, revision, standing, private, class, key_type, key_id,
                    label, tenant, family, domain_key, clear, sealed)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
                values,
            )?;
        }
        Ok(())
    }

    fn delete_row(&self, id: ObjectId) -> Result<bool> {
        self.change(id);
        Ok(self.run("DELETE FROM objects WHERE id = ?1", [&id.0[..]])? > 0)
    }

    fn reseal(&self, rows: &[Resealed]) -> Result<u64> {
        let sql = "UPDATE objects SET sealed = ?1, domain_key = ?2
                   WHERE place = ?3 AND id = ?4 AND revision = ?5 AND +domain_key = ?6";
        let mut statement = self.checked(self.connection.prepare_cached(sql))?;
        let mut replaced = 0;
        for row in rows {
            self.change(row.id);
            let (place, revision) = (signed(row.place)?, signed(row.revision)?);
            let one = statement.execute(params![
                row.sealed, row.to, place, row.id.0, revision, row.from
            ]);
            replaced += u64::from(self.checked(one)? > 0);
        }
        Ok(replaced)
    }

    fn put_node(&self, level: u8, place: u16, node: &Node) -> Result<()> {
        if level == LEAF {
            self.changed.borrow_mut().push(place);
        }
        self.run(
            "INSERT INTO nodes (at, level, place, body, mac) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (at) DO UPDATE SET body = excluded.body, mac = excluded.mac",
            params![at(level, place), level, place, node.body, node.mac],
        )?;
        Ok(())
    }

    fn add_domain_row(&self, row: &DomainRow) -> Result<bool> {
        let added = self.run_more(
            "INSERT INTO domain_tokens (version, hash, token) VALUES (?1, ?2, ?3)
             ON CONFLICT (version) DO NOTHING",
            params![signed(row.version)?, row.hash, row.token],
        )?;
        Ok(added > 0)
    }

    fn put_domain_row(&self, row: &DomainRow) -> Result<()> {
        self.run_more(
            "INSERT INTO domain_tokens (version, hash, token) VALUES (?1, ?2, ?3)
             ON CONFLICT (version) DO UPDATE SET hash = excluded.hash, token = excluded.token",
            params![signed(row.version)?, row.hash, row.token],
        )?;
        Ok(())
    }

    fn forget_domain_rows(&self, version: u64) -> Result<()> {
        self.run_more(
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
            self.run_more(&format!("DELETE FROM {table}"), [])?;
        }
        Ok(())
    }
}

/// Where a node is in its table.
fn at(level: u8, place: u16) -> i64 {
    i64::from(level) << 16 | i64::from(place)
}

/// The condition of a search and its values. Equal shapes of query make equal texts, so that the
/// statement stays prepared.
fn search(query: &Query) -> (String, Vec<Value>) {
    let mut values = Vec::new();
    let mut sql = String::from(match query.scope {
        Scope::Public => "private = 0",
        Scope::Private => "private = 1",
        Scope::All => "true",
    });
    sql.push_str(standing_condition(query));
    // A class or a tenant has thousands of objects, a label or id has few: the plus keeps SQLite from
    // taking the index of the former when there is a better one.
    let has = |wanted: &[Column]| {
        let mut conditions = query.conditions.iter();
        conditions.any(|(column, _)| wanted.contains(column))
    };
    let narrow = has(&[Column::Id, Column::Label, Column::Family]);
    let tenant = has(&[Column::Tenant]);
    for (column, keys) in &query.conditions {
        sql.push_str(match column {
            Column::Class if narrow || tenant => " AND +class IN (",
            Column::Class => " AND class IN (",
            Column::KeyType => " AND key_type IN (",
            Column::Id => " AND key_id IN (",
            Column::Label => " AND label IN (",
            Column::Tenant if narrow => " AND +tenant IN (",
            Column::Tenant => " AND tenant IN (",
            Column::Family => " AND family IN (",
        });
        sql.push_str(&vec!["?"; keys.len()].join(", "));
        sql.push(')');
        values.extend(keys.iter().map(|key| Value::Blob(key.to_vec())));
    }
    if let Some(key) = query.domain_key {
        sql.push_str(" AND domain_key = ?");
        values.push(Value::Blob(key.to_vec()));
    }
    (sql, values)
}

/// A row of [`ROW`]; `None` when its id is of another length, which this program never wrote.
fn read_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Row>> {
    let Some(id) = key(row, 0)? else {
        return Ok(None);
    };
    Ok(Some(Row {
        id: ObjectId(id),
        revision: number(row, 1)?,
        standing: standing(row, 2)?,
        private: row.get(3)?,
        index: [
            key(row, 4)?,
            key(row, 5)?,
            key(row, 6)?,
            key(row, 7)?,
            key(row, 8)?,
            key(row, 9)?,
        ],
        domain_key: key(row, 10)?,
        clear: row.get(11)?,
        sealed: row.get(12)?,
    }))
}

/// A row of [`DOMAIN_ROW`].
fn read_domain_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<DomainRow> {
    Ok(DomainRow {
        version: number(row, 0)?,
        hash: fixed(row, 1)?.unwrap_or([0; 32]),
        token: row.get(2)?,
    })
}

fn standing(row: &rusqlite::Row<'_>, place: usize) -> rusqlite::Result<Standing> {
    Ok(Standing::from_number(number(row, place)?).unwrap_or(Standing::EDITED))
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

/// A number that SQLite keeps as signed.
fn number(row: &rusqlite::Row<'_>, place: usize) -> rusqlite::Result<u64> {
    Ok(unsigned(i64::column_result(row.get_ref(place)?)?))
}
