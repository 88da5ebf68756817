//! The table of mechanisms: what the settings leave of every family's rows, found by number.

use super::deprecated::{CHOICES, chosen, left};
use super::row::Row;
use super::{
    aes, chacha, derive, digest, ec, edwards, generic_secret, hmac, key_token, keywrap, mldsa,
    mlkem, montgomery, pbkdf2, rsa, slhdsa,
};
use std::sync::OnceLock;

/// The rows of each family. A family adds its file here and nothing elsewhere.
const FAMILIES: &[&[Row]] = &[
    aes::ROWS,
    aes::xts::ROWS,
    chacha::ROWS,
    digest::ROWS,
    generic_secret::ROWS,
    hmac::MD5,
    hmac::ROWS,
    keywrap::ROWS,
    rsa::ROWS,
    ec::ROWS,
    edwards::ROWS,
    montgomery::ROWS,
    mlkem::ROWS,
    mldsa::ROWS,
    slhdsa::ROWS,
    derive::simple::ROWS,
    derive::hash::ROWS,
    derive::encrypt::ROWS,
    derive::hkdf::ROWS,
    derive::sp800::ROWS,
    derive::tls::ROWS,
    pbkdf2::ROWS,
    key_token::ROWS,
];

/// Numbers below this are found by one look: all of the standard's.
const DENSE: usize = 0x5000;

/// The rows that a choice of settings leaves, family by family, and where the number of each is.
struct Table {
    rows: Vec<Row>,
    /// For each number below [`DENSE`] the place of its row; [`u16::MAX`] where there is none.
    places: Vec<u16>,
}

/// A table for each choice of settings, made when it is first asked.
static TABLES: [OnceLock<Table>; CHOICES] = [const { OnceLock::new() }; CHOICES];

/// The table of this process.
fn table() -> Option<&'static Table> {
    let choice = chosen();
    let place = TABLES.get(choice)?;
    Some(place.get_or_init(|| {
        let rows: Vec<Row> = everything().filter_map(|row| left(row, choice)).collect();
        let mut places = vec![u16::MAX; DENSE];
        for (place, row) in (0..).zip(&rows) {
            if let Some(own) = dense(row.mechanism).and_then(|number| places.get_mut(number)) {
                *own = place;
            }
        }
        Table { rows, places }
    }))
}

fn dense(mechanism: u64) -> Option<usize> {
    usize::try_from(mechanism)
        .ok()
        .filter(|number| *number < DENSE)
}

/// Every row that there is, family by family, whatever the settings say.
pub fn everything() -> impl Iterator<Item = &'static Row> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// Every row that the settings leave, family by family.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    table().into_iter().flat_map(|table| table.rows.iter())
}

/// The row of a mechanism; `None` when it is not offered.
#[must_use]
pub fn row(mechanism: u64) -> Option<&'static Row> {
    let Table { rows, places } = table()?;
    match dense(mechanism) {
        Some(number) => rows.get(usize::from(*places.get(number)?)),
        None => rows.iter().find(|row| row.mechanism == mechanism),
    }
}
