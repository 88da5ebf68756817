//! RSA key pairs (PKCS #11 3.2, section 6.1.4).

use crate::crypto::rsa::{MAX_BITS, MIN_BITS, PrivateKey};
use crate::error::{Error, Result};
use crate::mechanism::params::Params;
use crate::mechanism::private_key_info;
use crate::mechanism::row::Generated;
use crate::object::attribute::{Template, Value};
use cryptoki_sys::{CKA_MODULUS, CKA_MODULUS_BITS, CKA_PUBLIC_EXPONENT};

/// The exponent where the template names none.
const DEFAULT_EXPONENT: &[u8] = &[1, 0, 1];

/// Makes a key pair of `CKA_MODULUS_BITS` bits, a multiple of 128 from 2048 to 8192, with
/// `CKA_PUBLIC_EXPONENT`, odd and from 65537 to 33 bits (FIPS 186-5 wants that much).
///
/// # Errors
/// `TemplateIncomplete` without a size, `AttributeValueInvalid` for a size that is not offered or an
/// exponent that is none, `TemplateInconsistent` for an exponent that this module does not use.
pub(super) fn pair(
    _: Params<'_>,
    public: &Template,
    _: &Template,
) -> Result<(Generated, Generated)> {
    let bits = match public.get(CKA_MODULUS_BITS) {
        Some(Value::Ulong(bits)) => usize::try_from(*bits).unwrap_or(usize::MAX),
        Some(_) => return Err(Error::AttributeValueInvalid(CKA_MODULUS_BITS)),
        None => return Err(Error::TemplateIncomplete(CKA_MODULUS_BITS)),
    };
    if !(MIN_BITS..=MAX_BITS).contains(&bits) || !bits.is_multiple_of(128) {
        return Err(Error::AttributeValueInvalid(CKA_MODULUS_BITS));
    }
    let exponent = public
        .bytes(CKA_PUBLIC_EXPONENT)
        .unwrap_or(DEFAULT_EXPONENT);
    let significant = exponent
        .iter()
        .skip_while(|byte| **byte == 0)
        .copied()
        .collect::<Vec<_>>();
    match significant.as_slice() {
        [] | [1] => return Err(Error::AttributeValueInvalid(CKA_PUBLIC_EXPONENT)),
        [.., last] if last % 2 == 0 => {
            return Err(Error::AttributeValueInvalid(CKA_PUBLIC_EXPONENT));
        }
        _ => {}
    }
    let key = PrivateKey::generate(bits, &significant)
        .ok_or(Error::TemplateInconsistent(CKA_PUBLIC_EXPONENT))?;
    let parts = key.parts()?;
    let made = vec![
        (CKA_MODULUS, Value::Bytes(parts.modulus.clone())),
        (
            CKA_PUBLIC_EXPONENT,
            Value::Bytes(parts.public_exponent.clone()),
        ),
    ];
    Ok((made, private_key_info::rsa_attributes(parts)))
}
