//! XTS, and the generation of its keys. One operation is one data unit; the parameter is its number.

use super::modes::iv;
use crate::crypto::aes::{BLOCK, Direction, MAX_XTS_LENGTH, XtsKey};
use crate::crypto::known::Families;
use crate::error::{Error, Result};
use crate::mechanism::gathered::{Gathered, Whole};
use crate::mechanism::generic_secret::random_key;
use crate::mechanism::operation::Cipher;
use crate::mechanism::params::{ParamKind, Params};
use crate::mechanism::row::{Generated, Operations, Row};
use crate::object::Object;
use crate::object::attribute::Template;
use cryptoki_sys::{CKA_VALUE, CKK_AES_XTS, CKM_AES_XTS, CKM_AES_XTS_KEY_GEN};
use std::sync::Arc;

/// The rows. Key sizes are in bytes.
pub(in crate::mechanism) const ROWS: &[Row] = &[
    row(
        CKM_AES_XTS_KEY_GEN,
        "CKM_AES_XTS_KEY_GEN",
        ParamKind::None,
        Operations {
            generate: Some(generate),
            ..Operations::NONE
        },
    ),
    row(
        CKM_AES_XTS,
        "CKM_AES_XTS",
        ParamKind::Bytes(BLOCK, BLOCK),
        Operations {
            encrypt: Some(|params, object| start(Direction::Encrypt, params, object)),
            decrypt: Some(|params, object| start(Direction::Decrypt, params, object)),
            ..Operations::NONE
        },
    ),
];

const fn row(mechanism: u64, name: &'static str, params: ParamKind, operations: Operations) -> Row {
    Row {
        mechanism,
        name,
        key_sizes: (32, 64),
        key_types: &[CKK_AES_XTS],
        more_flags: 0,
        needs: Families::AES,
        params,
        operations,
    }
}

fn generate(_: Params<'_>, template: &Template) -> Result<Generated> {
    random_key(CKK_AES_XTS, template, |length| matches!(length, 32 | 64))
}

fn start(direction: Direction, params: Params<'_>, object: &Object) -> Result<Box<dyn Cipher>> {
    let tweak = iv(params)?;
    let key = object.prepared(|attributes| {
        let value = attributes
            .secret(CKA_VALUE)
            .ok_or(Error::KeyTypeInconsistent)?;
        XtsKey::new(value.expose())
    })?;
    Ok(Gathered::start(Unit {
        direction,
        tweak,
        key,
    }))
}

/// A data unit to come.
struct Unit {
    direction: Direction,
    tweak: [u8; BLOCK],
    key: Arc<XtsKey>,
}

impl Whole for Unit {
    fn output_length(&self, input: usize) -> Result<usize> {
        if (BLOCK..=MAX_XTS_LENGTH).contains(&input) {
            Ok(input)
        } else {
            Err(self.too_long())
        }
    }

    fn longest(&self) -> usize {
        MAX_XTS_LENGTH
    }

    fn run(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
        self.key.apply(self.direction, self.tweak, input, out)
    }

    fn too_long(&self) -> Error {
        match self.direction {
            Direction::Encrypt => Error::DataLenRange,
            Direction::Decrypt => Error::EncryptedDataLenRange,
        }
    }
}
