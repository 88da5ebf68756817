//! HKDF (PKCS #11 3.2, section 6.62): keys, data, and the generation of keys for it.

use super::{LONGEST, value, wanted};
use crate::crypto::digest::MAX_LENGTH;
use crate::crypto::hash::Hash;
use crate::crypto::kdf::{hkdf_expand, hkdf_extract};
use crate::error::{Error, Result};
use crate::mechanism::generic_secret::{self, random_key};
use crate::mechanism::hashes;
use crate::mechanism::params::{ParamKind, Params, Salt};
use crate::mechanism::row::{Bases, Derived, Operations, Row};
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKA_VALUE_LEN, CKK_GENERIC_SECRET, CKK_HKDF, CKM_HKDF_DATA, CKM_HKDF_DERIVE, CKM_HKDF_KEY_GEN,
};

/// The rows. Key sizes are in bytes.
pub(in crate::mechanism) const ROWS: &[Row] = &[
    super::row(
        CKM_HKDF_DERIVE,
        "CKM_HKDF_DERIVE",
        &[CKK_HKDF, CKK_GENERIC_SECRET],
        ParamKind::Hkdf,
        DERIVE,
    ),
    super::row(
        CKM_HKDF_DATA,
        "CKM_HKDF_DATA",
        &[CKK_HKDF, CKK_GENERIC_SECRET],
        ParamKind::Hkdf,
        DERIVE,
    ),
    Row {
        key_sizes: (1, generic_secret::LONGEST),
        ..super::row(
            CKM_HKDF_KEY_GEN,
            "CKM_HKDF_KEY_GEN",
            &[CKK_HKDF],
            ParamKind::None,
            Operations {
                generate: Some(|_, template| {
                    random_key(CKK_HKDF, template, |length| {
                        (1..=generic_secret::LONGEST).contains(&length)
                    })
                }),
                ..Operations::NONE
            },
        )
    },
];

const DERIVE: Operations = Operations {
    derive_set: Some(derive),
    ..Operations::NONE
};

fn derive(params: Params<'_>, bases: Bases<'_>, lengths: &[Option<usize>]) -> Result<Derived> {
    let Params::Hkdf {
        extract,
        expand,
        hash,
        salt,
        info,
    } = params
    else {
        return Err(Error::MechanismParamInvalid("HKDF takes CK_HKDF_PARAMS"));
    };
    let hash = hashes::by_mechanism(hash)?;
    let length = lengths.first().copied().flatten();
    let input = value(bases.base)?;
    if !extract {
        if !expand {
            return Err(Error::MechanismParamInvalid(
                "HKDF must extract, expand or both",
            ));
        }
        return expanded(hash, input.expose(), info, length);
    }
    let salt = match salt {
        Salt::None => &[],
        Salt::Data(salt) => salt,
        Salt::Key(_) => {
            let key = bases.others.first().ok_or(Error::KeyHandleInvalid)?;
            value(key)?.expose()
        }
    };
    let mut key = SecretBytes::zeroed(MAX_LENGTH);
    let own = hkdf_extract(hash, salt, input.expose(), key.expose_mut())?;
    let extracted = key.expose().get(..own).unwrap_or_default();
    if expand {
        return expanded(hash, extracted, info, length);
    }
    if length.is_some_and(|length| length != own) {
        return Err(Error::AttributeValueInvalid(CKA_VALUE_LEN));
    }
    Ok(Derived::key(SecretBytes::copy_of(extracted)))
}

fn expanded(hash: Hash, key: &[u8], info: &[u8], length: Option<usize>) -> Result<Derived> {
    let length = wanted(length)?;
    if length > LONGEST.min(255 * hash.length()) {
        return Err(Error::AttributeValueInvalid(CKA_VALUE_LEN));
    }
    let mut out = SecretBytes::zeroed(length);
    hkdf_expand(hash, key, &[info], out.expose_mut())?;
    Ok(Derived::key(out))
}
