//! Several rows as the columns of one statement, because each statement is a question to another machine.

use super::link::Value;
use super::rows::bytes;
use crate::error::Result;
use crate::storage::{Column, Row, signed};

/// Writes rows in the place of those with their ids; its parameters are [`Part::values`].
pub(super) const PUT: &str = "
    INSERT INTO keyward_objects (id, place, revision, standing, private, class, key_type,
        key_id, label, tenant, family, domain_key, clear, sealed)
    SELECT unnest($1::BYTEA[]), unnest($2::BIGINT[]), unnest($3::BIGINT[]), unnest($4::BIGINT[]),
        unnest($5::BOOLEAN[]), unnest($6::BYTEA[]), unnest($7::BYTEA[]), unnest($8::BYTEA[]),
        unnest($9::BYTEA[]), unnest($10::BYTEA[]), unnest($11::BYTEA[]), unnest($12::BYTEA[]),
        unnest($13::BYTEA[]), unnest($14::BYTEA[])
    ON CONFLICT (id) DO UPDATE SET
        revision = excluded.revision, standing = excluded.standing,
        private = excluded.private, class = excluded.class, key_type = excluded.key_type,
        key_id = excluded.key_id, label = excluded.label, tenant = excluded.tenant,
        family = excluded.family, domain_key = excluded.domain_key, clear = excluded.clear,
        sealed = excluded.sealed";

/// Rows, column by column.
#[derive(Default)]
pub(super) struct Part<'r> {
    ids: Vec<&'r [u8]>,
    places: Vec<i64>,
    revisions: Vec<i64>,
    standings: Vec<i64>,
    private: Vec<bool>,
    index: [Vec<Option<&'r [u8]>>; Column::COUNT],
    domain_keys: Vec<Option<&'r [u8]>>,
    clear: Vec<Option<&'r [u8]>>,
    sealed: Vec<Option<&'r [u8]>>,
}

impl<'r> Part<'r> {
    /// These rows, each at its place in the order of creation.
    pub(super) fn of(rows: impl Iterator<Item = &'r (i64, Row)>) -> Result<Self> {
        let mut part = Part::default();
        for (place, row) in rows {
            part.ids.push(&row.id.0);
            part.places.push(*place);
            part.revisions.push(signed(row.revision)?);
            part.standings.push(row.standing.number().into());
            part.private.push(row.private);
            for (column, key) in part.index.iter_mut().zip(&row.index) {
                column.push(bytes(key));
            }
            part.domain_keys.push(bytes(&row.domain_key));
            part.clear.push(row.clear.as_deref());
            part.sealed.push(row.sealed.as_deref());
        }
        Ok(part)
    }

    /// The parameters of [`PUT`].
    pub(super) fn values(&self) -> [Value<'_>; 14] {
        let [class, key_type, key_id, label, tenant, family] = &self.index;
        [
            &self.ids,
            &self.places,
            &self.revisions,
            &self.standings,
            &self.private,
            class,
            key_type,
            key_id,
            label,
            tenant,
            family,
            &self.domain_keys,
            &self.clear,
            &self.sealed,
        ]
    }
}
