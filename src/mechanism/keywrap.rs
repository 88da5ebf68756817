//! AES key wrap (PKCS #11 3.2, section 6.16): of keys, and of data in one part.
//!
//! `CKM_AES_KEY_WRAP_PAD` is deprecated, and the standard points to two successors: KWP, which is
//! RFC 5649, and PKCS7. SoftHSM2, nShield and OpenSC's own tests take it for RFC 5649, so it is that
//! here: what those wrapped, this module unwraps.

mod single;

use super::aes::{self, key};
use super::params::{ParamKind, Params};
use super::row::{Lengths, Operations, Row};
use crate::crypto::aes::Key;
use crate::crypto::keywrap::{DEFAULT_IV, DEFAULT_PADDED_IV, Item, SEMIBLOCK, pkcs7_length};
use crate::crypto::known::Families;
use crate::error::{Error, Result};
use crate::object::Object;
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKM_AES_KEY_WRAP, CKM_AES_KEY_WRAP_KWP, CKM_AES_KEY_WRAP_PAD, CKM_AES_KEY_WRAP_PKCS7,
};
use std::sync::Arc;
use subtle::{ConditionallySelectable, ConstantTimeEq};

macro_rules! operations {
    ($scheme:expr) => {
        Operations {
            encrypt: Some(|params, object| single::encryption(Form::new($scheme, params)?, object)),
            decrypt: Some(|params, object| single::decryption(Form::new($scheme, params)?, object)),
            wrap: Some((
                |params, _, length| wrapped_length(Form::new($scheme, params)?, length),
                |params, object, plain, out| wrap(Form::new($scheme, params)?, object, plain, out),
            )),
            unwrap: Some(|params, object, wrapped, lengths| {
                unwrap(Form::new($scheme, params)?, object, wrapped, lengths)
            }),
            ..Operations::NONE
        }
    };
}

/// The rows.
pub(super) const ROWS: &[Row] = &[
    row(
        CKM_AES_KEY_WRAP,
        "CKM_AES_KEY_WRAP",
        ParamKind::Bytes(0, SEMIBLOCK),
        operations!(Scheme::Kw),
    ),
    row(
        CKM_AES_KEY_WRAP_PAD,
        "CKM_AES_KEY_WRAP_PAD",
        ParamKind::Bytes(0, 4),
        operations!(Scheme::Kwp),
    ),
    row(
        CKM_AES_KEY_WRAP_KWP,
        "CKM_AES_KEY_WRAP_KWP",
        ParamKind::Bytes(0, 4),
        operations!(Scheme::Kwp),
    ),
    row(
        CKM_AES_KEY_WRAP_PKCS7,
        "CKM_AES_KEY_WRAP_PKCS7",
        ParamKind::Bytes(0, SEMIBLOCK),
        operations!(Scheme::Pkcs7),
    ),
];

/// A row of key wrap.
const fn row(mechanism: u64, name: &'static str, params: ParamKind, operations: Operations) -> Row {
    Row {
        needs: Families::KEY_WRAP,
        ..aes::row(mechanism, name, params, operations)
    }
}

/// How lengths that are not whole semiblocks are met.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scheme {
    /// RFC 3394. A key is filled up with zeros; data must be whole semiblocks.
    Kw,
    /// RFC 5649.
    Kwp,
    /// PKCS#7 padding to whole semiblocks, then RFC 3394.
    Pkcs7,
}

/// A scheme with its initial value.
#[derive(Clone, Copy)]
enum Form {
    Kw([u8; SEMIBLOCK]),
    Kwp([u8; 4]),
    Pkcs7([u8; SEMIBLOCK]),
}

impl Form {
    /// Reads the initial value, the default one where none is given.
    fn new(scheme: Scheme, params: Params<'_>) -> Result<Self> {
        let given = if let Params::Bytes(given) = params {
            given
        } else {
            &[]
        };
        Ok(match scheme {
            Scheme::Kw => Form::Kw(initial(given, DEFAULT_IV)?),
            Scheme::Kwp => Form::Kwp(initial(given, DEFAULT_PADDED_IV)?),
            Scheme::Pkcs7 => Form::Pkcs7(initial(given, DEFAULT_IV)?),
        })
    }

    /// The length in bytes of `length` bytes wrapped; `None` when the scheme cannot wrap so many.
    fn wrapped_length(self, length: usize) -> Option<usize> {
        match self {
            Form::Kw(_) => {
                let whole = length.is_multiple_of(SEMIBLOCK) && length >= 2 * SEMIBLOCK;
                whole.then(|| length.checked_add(SEMIBLOCK)).flatten()
            }
            Form::Kwp(_) => crate::crypto::keywrap::Key::padded_length(length),
            Form::Pkcs7(_) => pkcs7_length(length),
        }
    }

    /// Wraps bytes of a length that [`Form::wrapped_length`] knows.
    fn wrap(self, key: &Key, plain: &[u8], out: &mut [u8]) -> Result<usize> {
        let wrapping = key.wrapping()?;
        match self {
            Form::Kw(iv) => wrapping
                .wrap(&iv, plain, out)
                .map(|()| plain.len() + SEMIBLOCK),
            Form::Kwp(iv) => wrapping.wrap_padded(&iv, plain, out),
            Form::Pkcs7(iv) => wrapping.wrap_pkcs7(&iv, plain, out),
        }
    }

    /// Unwraps into a buffer of its own; the length of the plaintext in it.
    fn unwrap(self, key: &Key, wrapped: &[u8]) -> Result<(SecretBytes, usize)> {
        let wrapping = key.wrapping()?;
        let mut plain = SecretBytes::zeroed(wrapped.len().saturating_sub(SEMIBLOCK));
        let out = plain.expose_mut();
        let length = match self {
            Form::Kw(iv) => wrapping.unwrap(&iv, wrapped, out).map(|()| out.len())?,
            Form::Kwp(iv) => wrapping.unwrap_padded(&iv, wrapped, out)?,
            Form::Pkcs7(iv) => wrapping.unwrap_pkcs7(&iv, wrapped, out)?,
        };
        Ok((plain, length))
    }
}

/// The initial value that was given, or the default.
fn initial<const N: usize>(given: &[u8], default: [u8; N]) -> Result<[u8; N]> {
    if given.is_empty() {
        return Ok(default);
    }
    given
        .try_into()
        .map_err(|_| Error::MechanismParamInvalid("initial value of key wrap"))
}

/// The length to which KW fills up a key: whole semiblocks.
fn filled_length(form: Form, length: usize) -> Option<usize> {
    match form {
        Form::Kw(_) => length.checked_next_multiple_of(SEMIBLOCK),
        Form::Kwp(_) | Form::Pkcs7(_) => Some(length),
    }
}

fn wrapped_length(form: Form, length: usize) -> Result<usize> {
    filled_length(form, length)
        .and_then(|length| form.wrapped_length(length))
        .ok_or(Error::KeySizeRange)
}

fn wrap(form: Form, object: &Arc<Object>, plain: &[u8], out: &mut [u8]) -> Result<usize> {
    let key = key(object)?;
    let length = filled_length(form, plain.len()).ok_or(Error::KeySizeRange)?;
    if length == plain.len() {
        return form.wrap(&key, plain, out);
    }
    let mut filled = SecretBytes::zeroed(length);
    let start = filled.expose_mut().get_mut(..plain.len());
    start
        .ok_or(Error::Internal("key wrap length"))?
        .copy_from_slice(plain);
    form.wrap(&key, filled.expose(), out)
}

fn unwrap(
    form: Form,
    object: &Arc<Object>,
    wrapped: &[u8],
    lengths: Lengths<'_>,
) -> Result<SecretBytes> {
    let (plain, length) = form.unwrap(&*key(object)?, wrapped)?;
    let length = match form {
        Form::Kw(_) => without_fill(&plain, lengths)?,
        Form::Kwp(_) | Form::Pkcs7(_) => length,
    };
    cut(&plain, length).unwrap_or(Ok(plain))
}

/// Wraps many keys by [`CKM_AES_KEY_WRAP`] with the standard's initial value, side by side. Each is whole
/// semiblocks, its place one more.
///
/// # Errors
/// `DataLenRange` for other lengths; nothing is written then.
pub fn wrap_many<'k>(
    object: &Arc<Object>,
    keys: impl Iterator<Item = (&'k [u8], &'k mut [u8])>,
) -> Result<()> {
    let mut items: Vec<_> = keys.map(|(input, out)| Item { input, out }).collect();
    key(object)?.wrapping()?.wrap_batch(&mut items)
}

/// Unwraps as many, all of them or none.
///
/// # Errors
/// As for one of them.
pub fn unwrap_many<'w>(
    object: &Arc<Object>,
    wrapped: impl Iterator<Item = &'w [u8]> + Clone,
    lengths: Lengths<'_>,
) -> Result<Vec<SecretBytes>> {
    let key = key(object)?;
    let places = wrapped.clone();
    let mut plain: Vec<_> = places
        .map(|one| SecretBytes::zeroed(one.len().saturating_sub(SEMIBLOCK)))
        .collect();
    let mut items: Vec<_> = wrapped
        .zip(&mut plain)
        .map(|(input, out)| Item {
            input,
            out: out.expose_mut(),
        })
        .collect();
    for verdict in key.wrapping()?.unwrap_batch(&mut items)? {
        verdict.accept()?;
    }
    plain
        .into_iter()
        .map(|plain| cut(&plain, without_fill(&plain, lengths)?).unwrap_or(Ok(plain)))
        .collect()
}

/// The first bytes of what was unwrapped; `None` when that is all of it.
fn cut(plain: &SecretBytes, length: usize) -> Option<Result<SecretBytes>> {
    if length == plain.len() {
        return None;
    }
    let kept = plain.expose().get(..length);
    Some(
        kept.map(SecretBytes::copy_of)
            .ok_or(Error::WrappedKeyInvalid),
    )
}

/// The length of a key that KW may have filled up with zeros: the template or the type tells it, up to
/// seven bytes less than what came out. What is cut off must be zeros.
fn without_fill(plain: &SecretBytes, lengths: Lengths<'_>) -> Result<usize> {
    let whole = plain.len();
    let wanted = lengths.unwrap_or_default();
    let fits = |length: &&usize| **length < whole && whole - **length < SEMIBLOCK;
    if wanted.is_empty() || wanted.contains(&whole) {
        return Ok(whole);
    }
    let Some(length) = wanted.iter().find(fits) else {
        return Ok(whole);
    };
    let fill = plain.expose().get(*length..).unwrap_or_default();
    let other = fill.iter().fold(0u8, |other, byte| {
        u8::conditional_select(&1, &other, byte.ct_eq(&0))
    });
    if other == 0 {
        Ok(*length)
    } else {
        Err(Error::WrappedKeyInvalid)
    }
}

#[cfg(test)]
mod tests;
