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

/// The rows in the order of their numbers.
static BY_NUMBER: LazyLock<Vec<&'static Row>> = LazyLock::new(|| {
    let mut sorted: Vec<_> = rows().collect();
    sorted.sort_unstable_by_key(|row| row.mechanism);
    sorted
});

/// Every row, family by family.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The row of a mechanism; `None` when it is not offered.
#[must_use]
pub fn row(mechanism: u64) -> Option<&'static Row> {
    let place = BY_NUMBER.binary_search_by_key(&mechanism, |row| row.mechanism);
    BY_NUMBER.get(place.ok()?).copied()
}
