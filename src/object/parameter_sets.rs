//! The keys that have parameter sets, ML-KEM, ML-DSA and SLH-DSA (PKCS #11 3.2, sections 6.67 to 6.69): their
//! numbers, and what the attributes of such a key must be.

use super::attribute::{Attributes, Template, Value};
use crate::crypto::scheme::{Pair, Scheme};
use crate::crypto::{mldsa, mlkem, slhdsa};
use crate::error::{Error, Result};
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKA_PARAMETER_SET, CKA_SEED, CKA_VALUE, CKK_ML_DSA, CKK_ML_KEM, CKK_SLH_DSA, CKP_ML_DSA_44,
    CKP_ML_DSA_65, CKP_ML_DSA_87, CKP_ML_KEM_512, CKP_ML_KEM_768, CKP_ML_KEM_1024,
    CKP_SLH_DSA_SHA2_128F, CKP_SLH_DSA_SHA2_128S, CKP_SLH_DSA_SHA2_192F, CKP_SLH_DSA_SHA2_192S,
    CKP_SLH_DSA_SHA2_256F, CKP_SLH_DSA_SHA2_256S, CKP_SLH_DSA_SHAKE_128F, CKP_SLH_DSA_SHAKE_128S,
    CKP_SLH_DSA_SHAKE_192F, CKP_SLH_DSA_SHAKE_192S, CKP_SLH_DSA_SHAKE_256F, CKP_SLH_DSA_SHAKE_256S,
};

/// The key type of a scheme and the number of its set.
#[must_use]
pub fn numbers(scheme: Scheme) -> (u64, u64) {
    use slhdsa::Set as Slh;
    match scheme {
        Scheme::MlKem(mlkem::Set::MlKem512) => (CKK_ML_KEM, CKP_ML_KEM_512),
        Scheme::MlKem(mlkem::Set::MlKem768) => (CKK_ML_KEM, CKP_ML_KEM_768),
        Scheme::MlKem(mlkem::Set::MlKem1024) => (CKK_ML_KEM, CKP_ML_KEM_1024),
        Scheme::MlDsa(mldsa::Set::MlDsa44) => (CKK_ML_DSA, CKP_ML_DSA_44),
        Scheme::MlDsa(mldsa::Set::MlDsa65) => (CKK_ML_DSA, CKP_ML_DSA_65),
        Scheme::MlDsa(mldsa::Set::MlDsa87) => (CKK_ML_DSA, CKP_ML_DSA_87),
        Scheme::SlhDsa(Slh::Sha2_128s) => (CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128S),
        Scheme::SlhDsa(Slh::Shake128s) => (CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_128S),
        Scheme::SlhDsa(Slh::Sha2_128f) => (CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128F),
        Scheme::SlhDsa(Slh::Shake128f) => (CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_128F),
        Scheme::SlhDsa(Slh::Sha2_192s) => (CKK_SLH_DSA, CKP_SLH_DSA_SHA2_192S),
        Scheme::SlhDsa(Slh::Shake192s) => (CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_192S),
        Scheme::SlhDsa(Slh::Sha2_192f) => (CKK_SLH_DSA, CKP_SLH_DSA_SHA2_192F),
        Scheme::SlhDsa(Slh::Shake192f) => (CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_192F),
        Scheme::SlhDsa(Slh::Sha2_256s) => (CKK_SLH_DSA, CKP_SLH_DSA_SHA2_256S),
        Scheme::SlhDsa(Slh::Shake256s) => (CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_256S),
        Scheme::SlhDsa(Slh::Sha2_256f) => (CKK_SLH_DSA, CKP_SLH_DSA_SHA2_256F),
        Scheme::SlhDsa(Slh::Shake256f) => (CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_256F),
    }
}

/// The scheme of a key type and the number of a set.
#[must_use]
pub fn numbered(key_type: u64, set: u64) -> Option<Scheme> {
    Scheme::all().find(|scheme| numbers(*scheme) == (key_type, set))
}

/// The scheme of a key object; `None` for other objects.
#[must_use]
pub fn scheme_of(key: &Attributes) -> Option<Scheme> {
    numbered(key.key_type()?, key.ulong(CKA_PARAMETER_SET)?)
}

/// The scheme that the template of a new public key of a type asks for.
///
/// # Errors
/// `TemplateIncomplete` without a set, `ParameterSetNotSupported` for a number that no set has.
pub fn asked(key_type: u64, template: &Template) -> Result<Scheme> {
    let set = template
        .ulong(CKA_PARAMETER_SET)
        .ok_or(Error::TemplateIncomplete(CKA_PARAMETER_SET))?;
    numbered(key_type, set).ok_or(Error::ParameterSetNotSupported)
}

/// The scheme of a key that comes from outside.
fn given(key: &Attributes) -> Result<Scheme> {
    if key.ulong(CKA_PARAMETER_SET).is_none() {
        return Err(Error::TemplateIncomplete(CKA_PARAMETER_SET));
    }
    scheme_of(key).ok_or(Error::ParameterSetNotSupported)
}

/// Checks a public key from outside.
///
/// # Errors
/// `TemplateIncomplete`, `ParameterSetNotSupported`, `AttributeValueInvalid`.
pub(super) fn complete_public(key: &Attributes) -> Result<()> {
    let scheme = given(key)?;
    let value = key
        .bytes(CKA_VALUE)
        .ok_or(Error::TemplateIncomplete(CKA_VALUE))?;
    if scheme.is_public(value) {
        Ok(())
    } else {
        Err(Error::AttributeValueInvalid(CKA_VALUE))
    }
}

/// Checks a private key from outside. A seed, where there is one, gives the value; a value that contradicts it
/// is refused.
///
/// # Errors
/// As [`complete_public`].
pub(super) fn complete_private(key: &mut Attributes) -> Result<()> {
    let scheme = given(key)?;
    let part = |kind| key.secret(kind).map(SecretBytes::expose);
    let pair = match (part(CKA_SEED), part(CKA_VALUE)) {
        (None, None) => return Err(Error::TemplateIncomplete(CKA_VALUE)),
        (Some(seed), value) => {
            let pair = scheme
                .from_seed(seed)
                .ok_or(Error::AttributeValueInvalid(CKA_SEED))?;
            let agrees = value.is_none_or(|value| pair.private == SecretBytes::copy_of(value));
            agrees
                .then_some(pair)
                .ok_or(Error::AttributeValueInvalid(CKA_VALUE))?
        }
        (None, Some(value)) => scheme
            .from_private(value)
            .ok_or(Error::AttributeValueInvalid(CKA_VALUE))?,
    };
    key.set(CKA_VALUE, Value::secret(pair.private));
    Ok(())
}

/// The attributes of a private key of a scheme.
#[must_use]
pub fn private_attributes(scheme: Scheme, pair: Pair) -> Vec<(u64, Value)> {
    let mut attributes = vec![
        (CKA_PARAMETER_SET, Value::Ulong(numbers(scheme).1)),
        (CKA_VALUE, Value::secret(pair.private)),
    ];
    if let Some(seed) = pair.seed {
        attributes.push((CKA_SEED, Value::secret(seed)));
    }
    attributes
}

/// The public key of a public or private key object.
pub(super) fn public_key(key: &Attributes) -> Option<(Scheme, Vec<u8>)> {
    let scheme = scheme_of(key)?;
    let public = match (key.bytes(CKA_VALUE), key.secret(CKA_VALUE)) {
        (Some(public), _) => public.to_vec(),
        (None, Some(private)) => scheme.public_of(private.expose())?,
        (None, None) => return None,
    };
    Some((scheme, public))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scheme_is_found_by_its_numbers() {
        for scheme in Scheme::all() {
            let (kind, set) = numbers(scheme);
            assert_eq!(numbered(kind, set), Some(scheme));
        }
        assert_eq!(numbered(CKK_ML_KEM, 0), None);
        assert_eq!(numbered(CKK_ML_DSA, 4), None);
        assert_eq!(numbered(CKK_SLH_DSA, 13), None);
    }
}
