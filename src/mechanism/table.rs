//! The table of mechanisms: every family's rows, found by number.

use super::row::Row;
use super::{
    aes, chacha, digest, ec, edwards, generic_secret, hmac, key_token, keywrap, mldsa, mlkem,
    montgomery, rsa, slhdsa,
};
use std::collections::HashMap;
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
    key_token::ROWS,
];

static BY_NUMBER: LazyLock<HashMap<u64, &'static Row>> =
    LazyLock::new(|| rows().map(|row| (row.mechanism, row)).collect());

/// Every row, family by family.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    FAMILIES.iter().flat_map(|family| family.iter())
}

/// The row of a mechanism; `None` when it is not offered.
#[must_use]
pub fn row(mechanism: u64) -> Option<&'static Row> {
    BY_NUMBER.get(&mechanism).copied()
}
