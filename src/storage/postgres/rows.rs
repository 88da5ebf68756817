//! Rows in and out of the tables, through prepared statements.

use super::columns::{Columns, DOMAIN_ROW, ROW};
use super::link::{Link, Value};
use super::nodes::Nodes;
use super::part::{PUT, Part};
use super::schema;
use super::trouble::Trouble;
use crate::error::Result;
use crate::object::ObjectId;
use crate::object::standing::Standing;
use crate::storage::{
    Column, DomainRow, EVENTS_KEPT, Event, IndexKey, Node, Place, Query, Reader, Resealed, Row,
    Scope, Writer, signed, standing_condition,
};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use tokio_postgres::types::ToSql;

/// Writes nodes in the place of those that are there.
const PUT_NODES: &str = "
    INSERT INTO keyward_nodes (level, place, body, mac)
    SELECT unnest($1::BIGINT[]), unnest($2::BIGINT[]), unnest($3::BYTEA[]), unnest($4::BYTEA[])
    ON CONFLICT (level, place) DO UPDATE SET body = excluded.body, mac = excluded.mac";
/// Rows that one statement seals anew: their parameters are some megabytes.
const PART: usize = 4096;
/// Places within one change: what is made in it is ordered by them.
const PLACES: u64 = 1 << 20;

/// The tables within one transaction.
pub(super) struct Rows<'l> {
    link: &'l Link,
    name: &'l str,
    /// The place of the next new row.
    next: Cell<u64>,
    /// The nodes of the row tree that were read or are to be written.
    nodes: RefCell<Nodes>,
    /// Rows that are to be written, with their places.
    kept_back: RefCell<BTreeMap<ObjectId, (i64, Row)>>,
    answered: Cell<bool>,
    /// The first failure. After one the server does nothing more in this transaction, and would answer
    /// its commit as if all were well.
    failed: RefCell<Option<Trouble>>,
}

impl<'l> Rows<'l> {
    /// The tables, in the change with this number; 0 for a transaction that only reads.
    pub(super) fn new(link: &'l Link, name: &'l str, change: u64) -> Self {
        Rows {
            link,
            name,
            next: Cell::new(change.saturating_mul(PLACES)),
            nodes: RefCell::default(),
            kept_back: RefCell::default(),
            answered: Cell::new(false),
            failed: RefCell::new(None),
        }
    }

    /// Writes what was kept back, and ends with `commit`: in one question.
    pub(super) fn finish(&self, commit: &str) -> Result<(), Trouble> {
        let rows = self.kept_back.take();
        let part = Part::of(rows.values()).map_err(Trouble::plain)?;
        let of_rows = part.values();
        let nodes = self.nodes.borrow();
        let changed: Vec<_> = nodes.changed().collect();
        let each = |at: fn((u8, u16)) -> i64| changed.iter().map(move |(own, _)| at(*own));
        let levels: Vec<i64> = each(|(level, _)| level.into()).collect();
        let places: Vec<i64> = each(|(_, place)| place.into()).collect();
        let bodies: Vec<&[u8]> = changed.iter().map(|(_, node)| &node.body[..]).collect();
        let macs: Vec<&[u8]> = changed.iter().map(|(_, node)| &node.mac[..]).collect();
        let of_nodes: [Value<'_>; 4] = [&levels, &places, &bodies, &macs];
        let mut statements: Vec<(&str, &[Value<'_>])> = Vec::new();
        if !rows.is_empty() {
            statements.push((PUT, &of_rows));
        }
        if !changed.is_empty() {
            statements.push((PUT_NODES, &of_nodes));
        }
        self.link.together(&statements, commit)
    }

    /// Whether any statement was answered.
    pub(super) fn has_answered(&self) -> bool {
        self.answered.get()
    }

    /// The first failure of the transaction.
    pub(super) fn trouble(&self) -> Option<Trouble> {
        self.failed.borrow_mut().take()
    }

    fn checked<T>(&self, answer: Result<T, Trouble>) -> Result<T> {
        answer.map_err(|trouble| {
            let error = trouble.error.clone();
            self.failed.borrow_mut().get_or_insert(trouble);
            error
        })
    }

    /// Writes the rows that were kept back: something that is asked next may be of them.
    fn flush(&self) -> Result<()> {
        let rows = self.kept_back.take();
        if rows.is_empty() {
            return Ok(());
        }
        let part = Part::of(rows.values())?;
        self.checked(self.link.execute(PUT, &part.values()))
            .map(drop)
    }

    fn run(&self, sql: &str, values: &[Value<'_>]) -> Result<u64> {
        self.flush()?;
        self.checked(self.link.execute(sql, values))
    }

    /// Every row that `sql` gives.
    fn all<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        read: impl Fn(&Columns<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        self.flush()?;
        let rows = self.checked(self.link.query(sql, values))?;
        self.answered.set(true);
        let read = |row: &tokio_postgres::Row| {
            read(&Columns {
                row,
                name: self.name,
            })
        };
        rows.iter().map(read).collect()
    }

    /// The first row that `sql` gives.
    fn one<T>(
        &self,
        sql: &str,
        values: &[Value<'_>],
        read: impl Fn(&Columns<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.all(sql, values, read)?.into_iter().next())
    }

    fn place(&self) -> Result<i64> {
        let place = self.next.get();
        self.next.set(place.saturating_add(1));
        signed(place)
    }
}

impl Reader for Rows<'_> {
    fn fact(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT value FROM keyward_facts WHERE name = $1";
        self.one(sql, &[&name.as_bytes()], |row| row.get(0))
    }

    fn facts(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>> {
        // Names that begin with the prefix stand together; no text in UTF-8 has this byte.
        let sql =
            "SELECT name, value FROM keyward_facts WHERE name >= $1 AND name < $2 ORDER BY name";
        let end = [prefix.as_bytes(), &[0xff]].concat();
        let facts = self.all(sql, &[&prefix.as_bytes(), &end], |row| {
            let name: Vec<u8> = row.get(0)?;
            Ok((String::from_utf8(name).ok(), row.get(1)?))
        })?;
        let named = |(name, value): (Option<String>, Vec<u8>)| Some((name?, value));
        Ok(facts.into_iter().filter_map(named).collect())
    }

    fn row(&self, id: ObjectId) -> Result<Option<Row>> {
        let sql = format!("SELECT {ROW} FROM keyward_objects WHERE id = $1");
        Ok(self.one(&sql, &[&&id.0[..]], |row| row.row())?.flatten())
    }

    fn rows_under(
        &self,
        domain_key: [u8; 16],
        after: Place,
        limit: usize,
    ) -> Result<Vec<(Place, Row)>> {
        let sql = format!(
            "SELECT {ROW}, place FROM keyward_objects WHERE domain_key = $1 AND place > $2
             ORDER BY place LIMIT $3"
        );
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let values: [Value<'_>; 3] = [&&domain_key[..], &signed(after)?, &limit];
        let rows = self.all(&sql, &values, |row| Ok((row.number(13)?, row.row()?)))?;
        let named = rows.into_iter();
        Ok(named
            .filter_map(|(place, row)| Some((place, row?)))
            .collect())
    }

    fn count(&self, query: &Query) -> Result<u64> {
        let (condition, values) = search(query);
        let sql = format!("SELECT count(*) FROM keyward_objects WHERE {condition}");
        let count = self.one(&sql, &borrowed(&values), |row| row.number(0))?;
        Ok(count.unwrap_or(0))
    }

    fn find(&self, query: &Query) -> Result<Vec<ObjectId>> {
        let (condition, values) = search(query);
        let sql = format!("SELECT id FROM keyward_objects WHERE {condition} ORDER BY place");
        let found = self.all(&sql, &borrowed(&values), |row| row.fixed(0))?;
        // An id of another length was not written by this program: no object can be named by it.
        Ok(found.into_iter().flatten().map(ObjectId).collect())
    }

    fn revisions(
        &self,
        after: Option<ObjectId>,
        limit: usize,
    ) -> Result<Vec<(ObjectId, u64, Standing)>> {
        let sql = "SELECT id, revision, standing FROM keyward_objects
                   WHERE id > $1 ORDER BY id LIMIT $2";
        // Before every id of 16 bytes comes the empty one.
        let after = after.map_or(Vec::new(), |id| id.0.to_vec());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let part = self.all(sql, &[&after, &limit], |row| {
            Ok((row.fixed(0)?, row.number(1)?, row.standing(2)?))
        })?;
        let named = part.into_iter();
        Ok(named
            .filter_map(|(id, revision, standing)| Some((ObjectId(id?), revision, standing)))
            .collect())
    }

    fn node(&self, level: u8, place: u16) -> Result<Option<Node>> {
        let at = (level, place);
        if let Some(known) = self.nodes.borrow().known(at) {
            return Ok(known);
        }
        let wanted = self.nodes.borrow_mut().wanted(at);
        let levels: Vec<i64> = wanted.iter().map(|(level, _)| i64::from(*level)).collect();
        let places: Vec<i64> = wanted.iter().map(|(_, place)| i64::from(*place)).collect();
        let sql = "SELECT node.level, node.place, node.body, node.mac FROM keyward_nodes AS node
                   JOIN (SELECT unnest($1::BIGINT[]) AS level, unnest($2::BIGINT[]) AS place)
                     AS wanted ON node.level = wanted.level AND node.place = wanted.place";
        let found = self.all(sql, &[&levels, &places], |row| {
            let mac = row.fixed(3)?.unwrap_or([0; 32]);
            let body = row.get(2)?;
            Ok(((row.number(0)?, row.number(1)?), Node { body, mac }))
        })?;
        let mut nodes = self.nodes.borrow_mut();
        nodes.learn(&wanted, found);
        Ok(nodes.known(at).flatten())
    }

    fn domain_rows(&self) -> Result<Vec<DomainRow>> {
        let sql = format!("SELECT {DOMAIN_ROW} FROM keyward_domain_tokens ORDER BY version");
        self.all(&sql, &[], |row| row.domain_row())
    }

    fn newest_domain_row(&self) -> Result<Option<(u64, [u8; 32])>> {
        let sql = "SELECT version, hash FROM keyward_domain_tokens ORDER BY version DESC LIMIT 1";
        self.one(sql, &[], |row| {
            Ok((row.number(0)?, row.fixed(1)?.unwrap_or([0; 32])))
        })
    }

    fn domain_rows_after(&self, version: u64) -> Result<Vec<DomainRow>> {
        let sql = format!(
            "SELECT {DOMAIN_ROW} FROM keyward_domain_tokens WHERE version > $1 ORDER BY version"
        );
        self.all(&sql, &[&signed(version)?], |row| row.domain_row())
    }

    fn events(&self, limit: usize) -> Result<Vec<Event>> {
        let sql = "SELECT time, kind, text FROM keyward_events ORDER BY place DESC LIMIT $1";
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.all(sql, &[&limit], |row| {
            Ok(Event {
                time: row.number(0)?,
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
                "INSERT INTO keyward_facts (name, value) VALUES ($1, $2)
                 ON CONFLICT (name) DO UPDATE SET value = excluded.value",
                &[&name.as_bytes(), &value],
            )?,
            None => self.run(
                "DELETE FROM keyward_facts WHERE name = $1",
                &[&name.as_bytes()],
            )?,
        };
        Ok(())
    }

    fn put_row(&self, row: &Row) -> Result<()> {
        self.put_rows(std::slice::from_ref(row))?;
        self.flush()
    }

    fn put_rows(&self, rows: &[Row]) -> Result<()> {
        for row in rows {
            // One statement cannot write a row twice.
            let again = self.kept_back.borrow().contains_key(&row.id);
            if again || self.kept_back.borrow().len() >= PART {
                self.flush()?;
            }
            let place = self.place()?;
            let mut kept_back = self.kept_back.borrow_mut();
            kept_back.insert(row.id, (place, row.clone()));
        }
        Ok(())
    }

    fn delete_row(&self, id: ObjectId) -> Result<bool> {
        let sql = "DELETE FROM keyward_objects WHERE id = $1";
        Ok(self.run(sql, &[&&id.0[..]])? > 0)
    }

    fn reseal(&self, rows: &[Resealed]) -> Result<u64> {
        let sql = "UPDATE keyward_objects AS old SET sealed = new.sealed, domain_key = new.to_key
                   FROM (SELECT unnest($1::BYTEA[]) AS id, unnest($2::BIGINT[]) AS revision,
                                unnest($3::BYTEA[]) AS from_key, unnest($4::BYTEA[]) AS to_key,
                                unnest($5::BYTEA[]) AS sealed) AS new
                   WHERE old.id = new.id AND old.revision = new.revision
                     AND old.domain_key = new.from_key";
        let mut replaced = 0;
        for part in rows.chunks(PART) {
            let each = |column: fn(&Resealed) -> &[u8]| part.iter().map(column).collect::<Vec<_>>();
            let revisions = part.iter().map(|row| signed(row.revision));
            let revisions = revisions.collect::<Result<Vec<_>>>()?;
            let values: [Value<'_>; 5] = [
                &each(|row| &row.id.0),
                &revisions,
                &each(|row| &row.from),
                &each(|row| &row.to),
                &each(|row| &row.sealed),
            ];
            replaced += self.run(sql, &values)?;
        }
        Ok(replaced)
    }

    fn put_node(&self, level: u8, place: u16, node: &Node) -> Result<()> {
        self.nodes.borrow_mut().put((level, place), node.clone());
        Ok(())
    }

    fn add_domain_row(&self, row: &DomainRow) -> Result<bool> {
        let added = self.run(
            "INSERT INTO keyward_domain_tokens (version, hash, token) VALUES ($1, $2, $3)
             ON CONFLICT (version) DO NOTHING",
            &[&signed(row.version)?, &&row.hash[..], &row.token],
        )?;
        Ok(added > 0)
    }

    fn put_domain_row(&self, row: &DomainRow) -> Result<()> {
        self.run(
            "INSERT INTO keyward_domain_tokens (version, hash, token) VALUES ($1, $2, $3)
             ON CONFLICT (version) DO UPDATE SET hash = excluded.hash, token = excluded.token",
            &[&signed(row.version)?, &&row.hash[..], &row.token],
        )?;
        Ok(())
    }

    fn forget_domain_rows(&self, version: u64) -> Result<()> {
        self.run(
            "DELETE FROM keyward_domain_tokens WHERE version < $1",
            &[&signed(version)?],
        )?;
        Ok(())
    }

    fn put_event(&self, event: &Event) -> Result<()> {
        self.run(
            "INSERT INTO keyward_events (place, time, kind, text) VALUES ($1, $2, $3, $4)",
            &[
                &self.place()?,
                &signed(event.time)?,
                &event.kind,
                &event.text,
            ],
        )?;
        self.run(
            "DELETE FROM keyward_events WHERE place <=
                (SELECT place FROM keyward_events ORDER BY place DESC LIMIT 1 OFFSET $1)",
            &[&i64::try_from(EVENTS_KEPT).unwrap_or(i64::MAX)],
        )?;
        Ok(())
    }

    fn clear(&self) -> Result<()> {
        *self.nodes.borrow_mut() = Nodes::default();
        self.kept_back.borrow_mut().clear();
        for table in schema::TABLES {
            self.run(&format!("DELETE FROM {table}"), &[])?;
        }
        Ok(())
    }
}

/// A value that a condition owns.
type Owned = Box<dyn ToSql + Sync>;

fn borrowed(values: &[Owned]) -> Vec<Value<'_>> {
    fn borrow(value: &Owned) -> Value<'_> {
        &**value
    }
    values.iter().map(borrow).collect()
}

pub(super) fn bytes(key: &Option<IndexKey>) -> Option<&[u8]> {
    key.as_ref().map(|key| &key[..])
}

/// The condition of a search and its values. Equal shapes of query make equal texts, so that the
/// statement stays prepared.
fn search(query: &Query) -> (String, Vec<Owned>) {
    let mut values: Vec<Owned> = Vec::new();
    let mut sql = String::from(match query.scope {
        Scope::Public => "NOT private",
        Scope::Private => "private",
        Scope::All => "TRUE",
    });
    sql.push_str(standing_condition(query));
    for (column, keys) in &query.conditions {
        let column = match column {
            Column::Class => "class",
            Column::KeyType => "key_type",
            Column::Id => "key_id",
            Column::Label => "label",
            Column::Tenant => "tenant",
            Column::Family => "family",
        };
        values.push(Box::new(
            keys.iter().map(|key| key.to_vec()).collect::<Vec<_>>(),
        ));
        sql.push_str(&format!(" AND {column} = ANY (${})", values.len()));
    }
    if let Some(key) = query.domain_key {
        values.push(Box::new(key.to_vec()));
        sql.push_str(&format!(" AND domain_key = ${}", values.len()));
    }
    (sql, values)
}
