//! New pairs of keys, tried with one another once before they are kept (FIPS 140-3, conditional self-tests): what
//! one signs the other verifies, what one encapsulates the other opens; on curves the public key is computed
//! again from the private one (SP 800-56A rev. 3, section 5.6.2.1.4), which shows as much in a fraction of the time.

use super::ec::keys;
use super::params::Params;
use super::table;
use crate::crypto::known::{self, Family};
use crate::error::{Error, Result};
use crate::object::Object;
use crate::object::attribute::Attributes;
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKA_EC_POINT, CKK_EC, CKK_EC_EDWARDS, CKK_EC_MONTGOMERY, CKK_ML_DSA, CKK_ML_KEM, CKK_RSA,
    CKK_SLH_DSA, CKM_ML_DSA, CKM_ML_KEM, CKM_RSA_PKCS, CKM_SLH_DSA,
};
use std::sync::Arc;

/// As long as a digest, which some mechanisms want.
const MESSAGE: [u8; 32] = *b"both keys of a pair, tried once.";

/// How the keys of a type are tried.
enum Trial {
    Sign(u64),
    Encapsulate(u64),
    Again,
}

/// Tries a new pair.
///
/// # Errors
/// `PairTest` when the keys do not fit: nothing can be used any more then. `HostMemory`.
pub fn test(public: &Attributes, private: &Attributes) -> Result<()> {
    let (family, trial) = match private.key_type() {
        Some(CKK_RSA) => (Family::Rsa, Trial::Sign(CKM_RSA_PKCS)),
        Some(CKK_EC) => (Family::Ec, Trial::Again),
        Some(CKK_EC_EDWARDS) => (Family::Ed25519, Trial::Again),
        Some(CKK_EC_MONTGOMERY) => (Family::X25519, Trial::Again),
        Some(CKK_ML_KEM) => (Family::MlKem, Trial::Encapsulate(CKM_ML_KEM)),
        Some(CKK_ML_DSA) => (Family::MlDsa, Trial::Sign(CKM_ML_DSA)),
        Some(CKK_SLH_DSA) => (Family::SlhDsa, Trial::Sign(CKM_SLH_DSA)),
        _ => return Err(Error::Internal("a pair of a type that has no test")),
    };
    match fit(&trial, public, private) {
        Ok(()) => Ok(()),
        Err(Error::HostMemory) => Err(Error::HostMemory),
        Err(_) => Err(known::unfit(family)),
    }
}

/// Whether both keys are of one pair.
///
/// # Errors
/// Any, when they are not.
fn fit(trial: &Trial, public: &Attributes, private: &Attributes) -> Result<()> {
    match trial {
        Trial::Sign(mechanism) => {
            let (public, private) = (object(public), object(private));
            sign(*mechanism, &public, &private)
        }
        Trial::Encapsulate(mechanism) => {
            let (public, private) = (object(public), object(private));
            encapsulate(*mechanism, &public, &private)
        }
        Trial::Again => again(public, private),
    }
}

fn object(attributes: &Attributes) -> Arc<Object> {
    Arc::new(Object::of_session(attributes.clone()))
}

fn sign(mechanism: u64, public: &Arc<Object>, private: &Arc<Object>) -> Result<()> {
    let row = table::row(mechanism).ok_or(Error::MechanismInvalid)?;
    let sign = row.operations.sign.ok_or(Error::MechanismInvalid)?;
    let verify = row.operations.verify.ok_or(Error::MechanismInvalid)?;
    let mut signer = sign(Params::None, private)?;
    let mut signature = vec![0; signer.length()];
    let length = signer.whole(&MESSAGE, &mut signature)?;
    signature.truncate(length);
    verify(Params::None, public)?.whole(&MESSAGE, &signature)
}

fn encapsulate(mechanism: u64, public: &Arc<Object>, private: &Arc<Object>) -> Result<()> {
    let row = table::row(mechanism).ok_or(Error::MechanismInvalid)?;
    let (_, encapsulate) = row.operations.encapsulate.ok_or(Error::MechanismInvalid)?;
    let decapsulate = row.operations.decapsulate.ok_or(Error::MechanismInvalid)?;
    let (ciphertext, secret) = encapsulate(Params::None, public, None)?;
    same(
        &decapsulate(Params::None, private, &ciphertext, None)?,
        &secret,
    )
}

/// The public point, computed again from the private number.
fn again(public: &Attributes, private: &Attributes) -> Result<()> {
    let curve = keys::curve(private)?;
    let own = curve.public_point(keys::value(private)?.expose())?;
    let own = own.map(|point| curve.show_point(&point));
    match own.is_some() && own.as_deref() == public.bytes(CKA_EC_POINT) {
        true => Ok(()),
        false => Err(Error::DataInvalid),
    }
}

fn same(one: &SecretBytes, other: &SecretBytes) -> Result<()> {
    match one == other {
        true => Ok(()),
        false => Err(Error::DataInvalid),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanism::row::Generated;
    use crate::object::attribute::{Template, Value};
    use cryptoki_sys::{
        CKA_EC_PARAMS, CKA_KEY_TYPE, CKA_MODULUS_BITS, CKA_PARAMETER_SET,
        CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EC_KEY_PAIR_GEN, CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
        CKM_ML_DSA_KEY_PAIR_GEN, CKM_ML_KEM_KEY_PAIR_GEN, CKM_RSA_PKCS_KEY_PAIR_GEN,
        CKM_SLH_DSA_KEY_PAIR_GEN, CKP_ML_DSA_44, CKP_ML_KEM_512, CKP_SLH_DSA_SHA2_128F,
    };

    /// The attributes of a half of a pair.
    fn half(kind: u64, asked: &Template, made: Generated) -> Attributes {
        let mut attributes = Attributes::default();
        attributes.set(CKA_KEY_TYPE, Value::Ulong(kind));
        for (kind, value) in asked.0.iter().cloned().chain(made) {
            attributes.set(kind, value);
        }
        attributes
    }

    fn pair(generation: u64, kind: u64, asked: &Template) -> (Attributes, Attributes) {
        let generate = table::row(generation).unwrap().operations.generate_pair;
        let (public, private) =
            generate.unwrap()(Params::None, asked, &Template::default()).unwrap();
        (half(kind, asked, public), half(kind, asked, private))
    }

    #[test]
    fn keys_of_one_pair_fit_and_keys_of_two_do_not() {
        let curve = |name: &[u8]| (CKA_EC_PARAMS, Value::Bytes(name.to_vec()));
        let set = |number: u64| (CKA_PARAMETER_SET, Value::Ulong(number));
        let p256 = curve(&[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]);
        for (generation, kind, asked, trial) in [
            (
                CKM_RSA_PKCS_KEY_PAIR_GEN,
                CKK_RSA,
                (CKA_MODULUS_BITS, Value::Ulong(2048)),
                Trial::Sign(CKM_RSA_PKCS),
            ),
            (CKM_EC_KEY_PAIR_GEN, CKK_EC, p256, Trial::Again),
            (
                CKM_EC_EDWARDS_KEY_PAIR_GEN,
                CKK_EC_EDWARDS,
                curve(&[6, 3, 0x2b, 0x65, 0x70]),
                Trial::Again,
            ),
            (
                CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
                CKK_EC_MONTGOMERY,
                curve(&[6, 3, 0x2b, 0x65, 0x6e]),
                Trial::Again,
            ),
            (
                CKM_ML_KEM_KEY_PAIR_GEN,
                CKK_ML_KEM,
                set(CKP_ML_KEM_512),
                Trial::Encapsulate(CKM_ML_KEM),
            ),
            (
                CKM_ML_DSA_KEY_PAIR_GEN,
                CKK_ML_DSA,
                set(CKP_ML_DSA_44),
                Trial::Sign(CKM_ML_DSA),
            ),
            (
                CKM_SLH_DSA_KEY_PAIR_GEN,
                CKK_SLH_DSA,
                set(CKP_SLH_DSA_SHA2_128F),
                Trial::Sign(CKM_SLH_DSA),
            ),
        ] {
            let asked = Template(vec![asked]);
            let (public, private) = pair(generation, kind, &asked);
            test(&public, &private).unwrap();
            let (other, _) = pair(generation, kind, &asked);
            assert!(fit(&trial, &other, &private).is_err(), "{kind:#x}");
        }
    }
}
