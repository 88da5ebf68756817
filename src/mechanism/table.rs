//! The table of mechanisms: every family's rows, found by number.

use super::row::Row;
use super::{
    aes, chacha, derive, digest, ec, edwards, generic_secret, hmac, key_token, keywrap, mldsa,
    mlkem, montgomery, pbkdf2, rsa, slhdsa,
};
use std::sync::LazyLock;

/// The rows of each family. A family adds its file here and nothing elsewhere.
const FAMILIES: &[&[Row]] = &[
    aes::ROWS,
    aes::xts::ROWS,
    chacha::ROWS,
    digest::ROWS,
    generic_secret::ROWS,
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

/// Every row, and where the number of each is.
struct Index {
    rows: Vec<&'static Row>,
    /// For each number below [`DENSE`] the place of its row; [`u16::MAX`] where there is none.
    places: Vec<u16>,
}

static BY_NUMBER: LazyLock<Index> = LazyLock::new(|| {
    let rows: Vec<_> = rows().collect();
    let mut places = vec![u16::MAX; DENSE];
    for (place, row) in (0..).zip(&rows) {
        if let Some(own) = dense(row.mechanism).and_then(|number| places.get_mut(number)) {
            *own = place;
        }
    }
    Index { rows, places }
});

fn dense(mechanism: u64) -> Option<usize> {
    usize::try_from(mechanism)
        .ok()
        .filter(|number| *number < DENSE)
}

/// Every row, family by family.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The row of a mechanism; `None` when it is not offered.
#[must_use]
pub fn row(mechanism: u64) -> Option<&'static Row> {
    let Index { rows, places } = &*BY_NUMBER;
    match dense(mechanism) {
        Some(number) => rows.get(usize::from(*places.get(number)?)).copied(),
        None => rows.iter().find(|row| row.mechanism == mechanism).copied(),
    }
}
