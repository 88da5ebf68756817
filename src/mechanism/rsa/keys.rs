//! RSA keys out of the attributes of objects.

use crate::crypto::rsa::{Imported, MIN_BITS, PrivateKey, PublicKey};
use crate::error::{Error, Result};
use crate::object::Object;
use crate::object::attribute::Attributes;
use cryptoki_sys::{
    CKA_COEFFICIENT, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_MODULUS, CKA_PRIME_1, CKA_PRIME_2,
    CKA_PRIVATE_EXPONENT, CKA_PUBLIC_EXPONENT,
};
use std::sync::Arc;

/// The numbers of a private key. What the object lacks is absent.
///
/// # Errors
/// `KeyTypeInconsistent` for an object that is no RSA private key.
pub(in crate::mechanism) fn private_numbers(attributes: &Attributes) -> Result<Imported<'_>> {
    let public = |kind| attributes.bytes(kind).ok_or(Error::KeyTypeInconsistent);
    let secret = |kind| attributes.secret(kind).map(|value| value.expose());
    let both = |one, two| Some([secret(one)?, secret(two)?]);
    Ok(Imported {
        modulus: public(CKA_MODULUS)?,
        public_exponent: public(CKA_PUBLIC_EXPONENT)?,
        private_exponent: secret(CKA_PRIVATE_EXPONENT).ok_or(Error::KeyTypeInconsistent)?,
        primes: both(CKA_PRIME_1, CKA_PRIME_2),
        exponents: both(CKA_EXPONENT_1, CKA_EXPONENT_2),
        coefficient: secret(CKA_COEFFICIENT),
    })
}

/// The private key of an object, prepared once.
///
/// # Errors
/// `KeyTypeInconsistent` for another object, `KeySizeRange` for a key that cannot be used.
pub(super) fn private(object: &Object) -> Result<Arc<PrivateKey>> {
    object.prepared(|attributes| {
        PrivateKey::load(&private_numbers(attributes)?).ok_or(Error::KeySizeRange)
    })
}

/// The public key of an object, prepared once.
///
/// # Errors
/// As [`private`].
pub(super) fn public(object: &Object) -> Result<Arc<PublicKey>> {
    object.prepared(|attributes| {
        let part = |kind| attributes.bytes(kind).ok_or(Error::KeyTypeInconsistent);
        PublicKey::new(part(CKA_MODULUS)?, part(CKA_PUBLIC_EXPONENT)?).ok_or(Error::KeySizeRange)
    })
}

/// The public key of an object, large enough to encrypt; smaller ones only verify.
///
/// # Errors
/// As [`private`].
pub(super) fn encrypting(object: &Object) -> Result<Arc<PublicKey>> {
    let key = public(object)?;
    if key.bits() < MIN_BITS {
        Err(Error::KeySizeRange)
    } else {
        Ok(key)
    }
}
