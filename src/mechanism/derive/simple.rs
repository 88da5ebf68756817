//! Keys put together, XORed with data, or cut out of others (PKCS #11 3.2, section 6.43). What comes out holds
//! bytes of the base key, so the policy lets it be nothing that the base key is not.

use super::{LONGEST, SECRETS, cut, row, value};
use crate::error::{Error, Result};
use crate::mechanism::params::{ParamKind, Params};
use crate::mechanism::row::{Bases, Derived, Operations, Row};
use crate::object::Object;
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKA_VALUE_LEN, CKM_CONCATENATE_BASE_AND_DATA, CKM_CONCATENATE_BASE_AND_KEY,
    CKM_CONCATENATE_DATA_AND_BASE, CKM_EXTRACT_KEY_FROM_KEY, CKM_XOR_BASE_AND_DATA,
};

const fn derives(derive: crate::mechanism::row::Derive) -> Operations {
    Operations {
        derive: Some(derive),
        ..Operations::NONE
    }
}

/// The rows. Key sizes are in bytes.
pub(in crate::mechanism) const ROWS: &[Row] = &[
    row(
        CKM_CONCATENATE_BASE_AND_KEY,
        "CKM_CONCATENATE_BASE_AND_KEY",
        SECRETS,
        ParamKind::Handle,
        Operations {
            derive_set: Some(base_and_key),
            ..Operations::NONE
        },
    ),
    row(
        CKM_CONCATENATE_BASE_AND_DATA,
        "CKM_CONCATENATE_BASE_AND_DATA",
        SECRETS,
        ParamKind::Data,
        derives(|params, base, length| {
            joined(value(base)?.expose(), data(params)?).and_then(|whole| cut(whole, length))
        }),
    ),
    row(
        CKM_CONCATENATE_DATA_AND_BASE,
        "CKM_CONCATENATE_DATA_AND_BASE",
        SECRETS,
        ParamKind::Data,
        derives(|params, base, length| {
            joined(data(params)?, value(base)?.expose()).and_then(|whole| cut(whole, length))
        }),
    ),
    row(
        CKM_XOR_BASE_AND_DATA,
        "CKM_XOR_BASE_AND_DATA",
        SECRETS,
        ParamKind::Data,
        derives(|params, base, length| cut(xor(base, data(params)?)?, length)),
    ),
    row(
        CKM_EXTRACT_KEY_FROM_KEY,
        "CKM_EXTRACT_KEY_FROM_KEY",
        SECRETS,
        ParamKind::Ulong,
        derives(|params, base, length| extract(params, base, length)),
    ),
];

/// Whether what a joining mechanism gives lacks bytes of its base keys. `base` and `other` are the lengths of the
/// base key and of a second one in bytes, `length` the one that is wanted.
#[must_use]
pub fn is_cut(
    mechanism: u64,
    params: Params<'_>,
    (base, other): (usize, usize),
    length: Option<usize>,
) -> bool {
    let data = if let Params::Data(data) = params {
        data.len()
    } else {
        0
    };
    let (needed, given) = match mechanism {
        CKM_CONCATENATE_BASE_AND_KEY => (base + other, base + other),
        CKM_CONCATENATE_BASE_AND_DATA => (base, base + data),
        CKM_CONCATENATE_DATA_AND_BASE => (data + base, data + base),
        CKM_XOR_BASE_AND_DATA => (base, base.min(data)),
        _ => return true,
    };
    length.unwrap_or(given) < needed
}

fn data(params: Params<'_>) -> Result<&[u8]> {
    if let Params::Data(data) = params {
        Ok(data)
    } else {
        Err(Error::MechanismParamInvalid(
            "the mechanism takes CK_KEY_DERIVATION_STRING_DATA",
        ))
    }
}

fn joined(first: &[u8], second: &[u8]) -> Result<SecretBytes> {
    let length = first
        .len()
        .checked_add(second.len())
        .filter(|length| *length <= LONGEST)
        .ok_or(Error::KeySizeRange)?;
    let mut whole = SecretBytes::zeroed(length);
    let (start, end) = whole.expose_mut().split_at_mut(first.len());
    start.copy_from_slice(first);
    end.copy_from_slice(second);
    Ok(whole)
}

fn base_and_key(_: Params<'_>, bases: Bases<'_>, lengths: &[Option<usize>]) -> Result<Derived> {
    let other = bases.others.first().ok_or(Error::KeyHandleInvalid)?;
    let whole = joined(value(bases.base)?.expose(), value(other)?.expose())?;
    let length = lengths.first().copied().flatten();
    Ok(Derived::key(cut(whole, length)?))
}

/// As many bytes as the shorter one has.
fn xor(base: &Object, data: &[u8]) -> Result<SecretBytes> {
    let base = value(base)?.expose();
    let mut sum = SecretBytes::zeroed(base.len().min(data.len()));
    let pairs = base.iter().zip(data);
    for (own, (one, other)) in sum.expose_mut().iter_mut().zip(pairs) {
        *own = one ^ other;
    }
    if sum.is_empty() {
        return Err(Error::MechanismParamInvalid("there is no data"));
    }
    Ok(sum)
}

/// Bits of the base key, from one on; after the last comes the first again.
fn extract(params: Params<'_>, base: &Object, length: Option<usize>) -> Result<SecretBytes> {
    let base = value(base)?.expose();
    let bits = base.len() * 8;
    let Params::Ulong(first) = params else {
        return Err(Error::MechanismParamInvalid(
            "the mechanism takes the number of the first bit",
        ));
    };
    let first = usize::try_from(first)
        .ok()
        .filter(|first| *first < bits)
        .ok_or(Error::MechanismParamInvalid("the base key has fewer bits"))?;
    let length = length.ok_or(Error::TemplateIncomplete(CKA_VALUE_LEN))?;
    if length > base.len() {
        return Err(Error::AttributeValueInvalid(CKA_VALUE_LEN));
    }
    let (skipped, shift) = (first / 8, first % 8);
    let mut out = SecretBytes::zeroed(length);
    let from = |start: usize| base.iter().cycle().skip(start);
    let pairs = from(skipped).zip(from(skipped + 1));
    for (own, (high, low)) in out.expose_mut().iter_mut().zip(pairs) {
        let pair = u16::from_be_bytes([*high, *low]) << shift;
        let [top, _] = pair.to_be_bytes();
        *own = top;
    }
    Ok(out)
}
