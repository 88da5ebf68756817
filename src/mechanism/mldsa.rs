//! ML-DSA and HashML-DSA (PKCS #11 3.2, section 6.67): key pairs, signatures and checks.

use super::contexts::{Asked, Prehashed};
use super::operation::{Signer, Verifier};
use super::params::{ParamKind, Params};
use super::row::{Generated, Operations, Row};
use super::schemes;
use super::signing::{Check, Sign, Whole};
use crate::crypto::hash::Hash;
use crate::crypto::known::Families;
use crate::crypto::mldsa::{Message, PrivateKey, PublicKey, Set};
use crate::crypto::prehash::Prehash;
use crate::crypto::scheme::Scheme;
use crate::error::{Error, Result};
use crate::object::Object;
use crate::object::attribute::{Attributes, Template};
use crate::object::parameter_sets::scheme_of;
use cryptoki_sys::{
    CKA_VALUE, CKK_ML_DSA, CKM_HASH_ML_DSA, CKM_HASH_ML_DSA_SHA3_224, CKM_HASH_ML_DSA_SHA3_256,
    CKM_HASH_ML_DSA_SHA3_384, CKM_HASH_ML_DSA_SHA3_512, CKM_HASH_ML_DSA_SHA224,
    CKM_HASH_ML_DSA_SHA256, CKM_HASH_ML_DSA_SHA384, CKM_HASH_ML_DSA_SHA512,
    CKM_HASH_ML_DSA_SHAKE128, CKM_HASH_ML_DSA_SHAKE256, CKM_ML_DSA, CKM_ML_DSA_KEY_PAIR_GEN,
};
use std::sync::Arc;

/// A row of the family. Key sizes are those of public keys in bytes.
macro_rules! mldsa_row {
    ($mechanism:ident, $params:expr, $($operation:ident: $start:expr),+ $(,)?) => {
        Row {
            mechanism: $mechanism,
            name: stringify!($mechanism),
            key_sizes: (1312, 2592),
            key_types: &[CKK_ML_DSA],
            more_flags: 0,
            needs: Families::ML_DSA,
            params: $params,
            operations: Operations { $($operation: Some($start),)+ ..Operations::NONE },
        }
    };
}

/// HashML-DSA with the hashing.
macro_rules! hashed_row {
    ($mechanism:ident, $hash:expr) => {
        mldsa_row!(
            $mechanism,
            ParamKind::Context,
            sign: |params, key| sign_hashed($hash, params, key),
            verify: |params, key| verify_hashed($hash, params, key),
        )
    };
}

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[
    mldsa_row!(CKM_ML_DSA_KEY_PAIR_GEN, ParamKind::None, generate_pair: pair),
    mldsa_row!(CKM_ML_DSA, ParamKind::Context, sign: sign, verify: verify),
    mldsa_row!(
        CKM_HASH_ML_DSA,
        ParamKind::HashContext,
        sign: sign_digest,
        verify: verify_digest,
    ),
    hashed_row!(CKM_HASH_ML_DSA_SHA224, Prehash::Hash(Hash::Sha224)),
    hashed_row!(CKM_HASH_ML_DSA_SHA256, Prehash::Hash(Hash::Sha256)),
    hashed_row!(CKM_HASH_ML_DSA_SHA384, Prehash::Hash(Hash::Sha384)),
    hashed_row!(CKM_HASH_ML_DSA_SHA512, Prehash::Hash(Hash::Sha512)),
    hashed_row!(CKM_HASH_ML_DSA_SHA3_224, Prehash::Hash(Hash::Sha3_224)),
    hashed_row!(CKM_HASH_ML_DSA_SHA3_256, Prehash::Hash(Hash::Sha3_256)),
    hashed_row!(CKM_HASH_ML_DSA_SHA3_384, Prehash::Hash(Hash::Sha3_384)),
    hashed_row!(CKM_HASH_ML_DSA_SHA3_512, Prehash::Hash(Hash::Sha3_512)),
    hashed_row!(CKM_HASH_ML_DSA_SHAKE128, Prehash::Shake128),
    hashed_row!(CKM_HASH_ML_DSA_SHAKE256, Prehash::Shake256),
];

fn pair(_: Params<'_>, public: &Template, _: &Template) -> Result<(Generated, Generated)> {
    schemes::pair(CKK_ML_DSA, public)
}

fn set(key: &Attributes) -> Result<Set> {
    match scheme_of(key) {
        Some(Scheme::MlDsa(set)) => Ok(set),
        _ => Err(Error::KeyTypeInconsistent),
    }
}

fn private(key: &Object) -> Result<Arc<PrivateKey>> {
    key.prepared(|attributes| {
        let value = attributes
            .secret(CKA_VALUE)
            .ok_or(Error::KeyTypeInconsistent)?;
        PrivateKey::new(set(attributes)?, value.expose()).ok_or(Error::KeyTypeInconsistent)
    })
}

fn public(key: &Object) -> Result<Arc<PublicKey>> {
    key.prepared(|attributes| {
        let value = attributes
            .bytes(CKA_VALUE)
            .ok_or(Error::KeyTypeInconsistent)?;
        PublicKey::new(set(attributes)?, value).ok_or(Error::KeyTypeInconsistent)
    })
}

/// Signs a message that comes in parts, none of which is kept.
struct Signing {
    key: Arc<PrivateKey>,
    message: Option<Message>,
    deterministic: bool,
}

impl Signer for Signing {
    fn length(&self) -> usize {
        self.key.set().signature_size()
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        let message = self.message.as_mut();
        message.ok_or(Error::OperationNotInitialized)?.update(data);
        Ok(())
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let needed = self.length();
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        let message = self.message.take().ok_or(Error::OperationNotInitialized)?;
        self.key.sign(&message.finish(), self.deterministic, out)
    }
}

struct Verifying {
    key: Arc<PublicKey>,
    message: Option<Message>,
}

impl Verifier for Verifying {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        let message = self.message.as_mut();
        message.ok_or(Error::OperationNotInitialized)?.update(data);
        Ok(())
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        let message = self.message.take().ok_or(Error::OperationNotInitialized)?;
        self.key.verify(&message.finish(), signature)
    }
}

/// Signs digests.
struct DigestSigning {
    key: Arc<PrivateKey>,
    asked: Asked,
    deterministic: bool,
}

impl DigestSigning {
    fn new(asked: Asked, key: &Object) -> Result<Self> {
        Ok(DigestSigning {
            deterministic: asked.deterministic()?,
            key: private(key)?,
            asked,
        })
    }
}

impl Sign for DigestSigning {
    fn length(&self) -> usize {
        self.key.set().signature_size()
    }

    fn sign(&self, digest: &[u8], out: &mut [u8]) -> Result<usize> {
        self.asked.check_length(digest)?;
        let mut message = self.key.message(&self.asked.form());
        message.update(digest);
        self.key.sign(&message.finish(), self.deterministic, out)
    }
}

struct DigestVerifying {
    key: Arc<PublicKey>,
    asked: Asked,
}

impl Check for DigestVerifying {
    fn check(&self, digest: &[u8], signature: &[u8]) -> Result<()> {
        self.asked.check_length(digest)?;
        let mut message = self.key.message(&self.asked.form());
        message.update(digest);
        self.key.verify(&message.finish(), signature)
    }
}

fn sign(params: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Signer>> {
    let asked = Asked::read(params, None)?;
    let deterministic = asked.deterministic()?;
    let key = private(key)?;
    Ok(Box::new(Signing {
        message: Some(key.message(&asked.form())),
        key,
        deterministic,
    }))
}

fn verify(params: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Verifier>> {
    let asked = Asked::read(params, None)?;
    let key = public(key)?;
    Ok(Box::new(Verifying {
        message: Some(key.message(&asked.form())),
        key,
    }))
}

fn sign_digest(params: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Signer>> {
    let asked = Asked::read(params, None)?;
    Ok(Box::new(Whole(DigestSigning::new(asked, key)?)))
}

fn verify_digest(params: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Verifier>> {
    let asked = Asked::read(params, None)?;
    let key = public(key)?;
    Ok(Box::new(Whole(DigestVerifying { key, asked })))
}

fn sign_hashed(hash: Prehash, params: Params<'_>, key: &Object) -> Result<Box<dyn Signer>> {
    let asked = Asked::read(params, Some(hash))?;
    Ok(Prehashed::new(hash, DigestSigning::new(asked, key)?))
}

fn verify_hashed(hash: Prehash, params: Params<'_>, key: &Object) -> Result<Box<dyn Verifier>> {
    let asked = Asked::read(params, Some(hash))?;
    let key = public(key)?;
    Ok(Prehashed::new(hash, DigestVerifying { key, asked }))
}
