//! The columns of rows that a server answered, read as what they hold.

use crate::error::{Error, Result};
use crate::object::ObjectId;
use crate::object::standing::Standing;
use crate::storage::{DomainRow, Row, unsigned};
use tokio_postgres::types::FromSql;

/// The columns of one row of an answer.
pub(super) struct Columns<'r> {
    pub(super) row: &'r tokio_postgres::Row,
    pub(super) name: &'r str,
}

impl<'r> Columns<'r> {
    pub(super) fn get<T: FromSql<'r>>(&self, place: usize) -> Result<T> {
        let bad = |error| Error::Store(format!("{}: column {place}: {error}", self.name));
        self.row.try_get(place).map_err(bad)
    }

    /// `N` bytes; `None` when there are none or another number of them.
    pub(super) fn fixed<const N: usize>(&self, place: usize) -> Result<Option<[u8; N]>> {
        let bytes: Option<&[u8]> = self.get(place)?;
        Ok(bytes.and_then(|bytes| bytes.try_into().ok()))
    }

    pub(super) fn number(&self, place: usize) -> Result<u64> {
        Ok(unsigned(self.get(place)?))
    }

    pub(super) fn standing(&self, place: usize) -> Result<Standing> {
        Ok(Standing::from_number(self.number(place)?).unwrap_or(Standing::EDITED))
    }

    /// A row of [`ROW`]; `None` when its id is of another length, which this program never wrote.
    pub(super) fn row(&self) -> Result<Option<Row>> {
        let Some(id) = self.fixed(0)? else {
            return Ok(None);
        };
        Ok(Some(Row {
            id: ObjectId(id),
            revision: self.number(1)?,
            standing: self.standing(2)?,
            private: self.get(3)?,
            index: [
                self.fixed(4)?,
                self.fixed(5)?,
                self.fixed(6)?,
                self.fixed(7)?,
                self.fixed(8)?,
                self.fixed(9)?,
            ],
            domain_key: self.fixed(10)?,
            clear: self.get(11)?,
            sealed: self.get(12)?,
        }))
    }

    /// A row of [`DOMAIN_ROW`].
    pub(super) fn domain_row(&self) -> Result<DomainRow> {
        Ok(DomainRow {
            version: self.number(0)?,
            hash: self.fixed(1)?.unwrap_or([0; 32]),
            token: self.get(2)?,
        })
    }
}

/// What [`Columns::row`] reads, in its order.
pub(super) const ROW: &str = "id, revision, standing, private,
    class, key_type, key_id, label, tenant, family, domain_key, clear, sealed";
/// What [`Columns::domain_row`] reads, in its order.
pub(super) const DOMAIN_ROW: &str = "version, hash, token";
