//! SLH-DSA and HashSLH-DSA (PKCS #11 3.2, section 6.69): key pairs, signatures and checks.

use super::contexts::{Asked, Prehashed};
use super::operation::{Signer, Verifier};
use super::params::{ParamKind, Params};
use super::row::{Generated, Operations, Row};
use super::schemes;
use super::signing::{Check, Gathered, Sign, Whole};
use crate::crypto::hash::Hash;
use crate::crypto::known::Families;
use crate::crypto::prehash::Prehash;
use crate::crypto::scheme::Scheme;
use crate::crypto::slhdsa::{PrivateKey, PublicKey, Set};
use crate::error::{Error, Result};
use crate::object::Object;
use crate::object::attribute::{Attributes, Template};
use crate::object::parameter_sets::scheme_of;
use cryptoki_sys::{
    CKA_VALUE, CKK_SLH_DSA, CKM_HASH_SLH_DSA, CKM_HASH_SLH_DSA_SHA3_224, CKM_HASH_SLH_DSA_SHA3_256,
    CKM_HASH_SLH_DSA_SHA3_384, CKM_HASH_SLH_DSA_SHA3_512, CKM_HASH_SLH_DSA_SHA224,
    CKM_HASH_SLH_DSA_SHA256, CKM_HASH_SLH_DSA_SHA384, CKM_HASH_SLH_DSA_SHA512,
    CKM_HASH_SLH_DSA_SHAKE128, CKM_HASH_SLH_DSA_SHAKE256, CKM_SLH_DSA, CKM_SLH_DSA_KEY_PAIR_GEN,
};
use std::sync::Arc;

/// A row of the family. Key sizes are those of public keys in bytes.
macro_rules! slhdsa_row {
    ($mechanism:ident, $params:expr, $($operation:ident: $start:expr),+ $(,)?) => {
        Row {
            mechanism: $mechanism,
            name: stringify!($mechanism),
            key_sizes: (32, 64),
            key_types: &[CKK_SLH_DSA],
            more_flags: 0,
            needs: Families::SLH_DSA,
            params: $params,
            operations: Operations { $($operation: Some($start),)+ ..Operations::NONE },
        }
    };
}

/// HashSLH-DSA with the hashing.
macro_rules! hashed_row {
    ($mechanism:ident, $hash:expr) => {
        slhdsa_row!(
            $mechanism,
            ParamKind::Context,
            sign: |params, key| sign_hashed($hash, params, key),
            verify: |params, key| verify_hashed($hash, params, key),
        )
    };
}

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[
    slhdsa_row!(CKM_SLH_DSA_KEY_PAIR_GEN, ParamKind::None, generate_pair: pair),
    slhdsa_row!(CKM_SLH_DSA, ParamKind::Context, sign: sign, verify: verify),
    slhdsa_row!(
        CKM_HASH_SLH_DSA,
        ParamKind::HashContext,
        sign: sign_digest,
        verify: verify_digest,
    ),
    hashed_row!(CKM_HASH_SLH_DSA_SHA224, Prehash::Hash(Hash::Sha224)),
    hashed_row!(CKM_HASH_SLH_DSA_SHA256, Prehash::Hash(Hash::Sha256)),
    hashed_row!(CKM_HASH_SLH_DSA_SHA384, Prehash::Hash(Hash::Sha384)),
    hashed_row!(CKM_HASH_SLH_DSA_SHA512, Prehash::Hash(Hash::Sha512)),
    hashed_row!(CKM_HASH_SLH_DSA_SHA3_224, Prehash::Hash(Hash::Sha3_224)),
    hashed_row!(CKM_HASH_SLH_DSA_SHA3_256, Prehash::Hash(Hash::Sha3_256)),
    hashed_row!(CKM_HASH_SLH_DSA_SHA3_384, Prehash::Hash(Hash::Sha3_384)),
    hashed_row!(CKM_HASH_SLH_DSA_SHA3_512, Prehash::Hash(Hash::Sha3_512)),
    hashed_row!(CKM_HASH_SLH_DSA_SHAKE128, Prehash::Shake128),
    hashed_row!(CKM_HASH_SLH_DSA_SHAKE256, Prehash::Shake256),
];

fn pair(_: Params<'_>, public: &Template, _: &Template) -> Result<(Generated, Generated)> {
    schemes::pair(CKK_SLH_DSA, public)
}

fn set(key: &Attributes) -> Result<Set> {
    match scheme_of(key) {
        Some(Scheme::SlhDsa(set)) => Ok(set),
        _ => Err(Error::KeyTypeInconsistent),
    }
}

struct Signing {
    key: Arc<PrivateKey>,
    asked: Asked,
    deterministic: bool,
}

impl Signing {
    fn new(params: Params<'_>, hash: Option<Prehash>, key: &Object) -> Result<Self> {
        let asked = Asked::read(params, hash)?;
        let deterministic = asked.deterministic()?;
        let key = key.prepared(|attributes| {
            let value = attributes
                .secret(CKA_VALUE)
                .ok_or(Error::KeyTypeInconsistent)?;
            PrivateKey::load(set(attributes)?, value.expose()).ok_or(Error::KeyTypeInconsistent)
        })?;
        Ok(Signing {
            key,
            asked,
            deterministic,
        })
    }
}

impl Sign for Signing {
    fn length(&self) -> usize {
        self.key.set().signature_size()
    }

    fn sign(&self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        self.asked.check_length(data)?;
        self.key
            .sign(&self.asked.form(), data, self.deterministic, out)
    }
}

struct Verifying {
    key: Arc<PublicKey>,
    asked: Asked,
}

impl Verifying {
    fn new(params: Params<'_>, hash: Option<Prehash>, key: &Object) -> Result<Self> {
        let asked = Asked::read(params, hash)?;
        let key = key.prepared(|attributes| {
            let value = attributes
                .bytes(CKA_VALUE)
                .ok_or(Error::KeyTypeInconsistent)?;
            PublicKey::new(set(attributes)?, value).ok_or(Error::KeyTypeInconsistent)
        })?;
        Ok(Verifying { key, asked })
    }
}

impl Check for Verifying {
    fn check(&self, data: &[u8], signature: &[u8]) -> Result<()> {
        self.asked.check_length(data)?;
        self.key.verify(&self.asked.form(), data, signature)
    }
}

fn sign(params: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Signer>> {
    Ok(Gathered::new(Signing::new(params, None, key)?))
}

fn verify(params: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Verifier>> {
    Ok(Gathered::new(Verifying::new(params, None, key)?))
}

fn sign_digest(params: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Signer>> {
    Ok(Box::new(Whole(Signing::new(params, None, key)?)))
}

fn verify_digest(params: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Verifier>> {
    Ok(Box::new(Whole(Verifying::new(params, None, key)?)))
}

fn sign_hashed(hash: Prehash, params: Params<'_>, key: &Object) -> Result<Box<dyn Signer>> {
    Ok(Prehashed::new(hash, Signing::new(params, Some(hash), key)?))
}

fn verify_hashed(hash: Prehash, params: Params<'_>, key: &Object) -> Result<Box<dyn Verifier>> {
    Ok(Prehashed::new(
        hash,
        Verifying::new(params, Some(hash), key)?,
    ))
}
