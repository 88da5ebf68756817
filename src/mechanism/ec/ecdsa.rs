//! ECDSA (PKCS #11 3.2, sections 6.3.12 and 6.3.13): over the caller's digest, or hashed here.

use super::keys;
use crate::crypto::ec::{PrivateKey, PublicKey};
use crate::crypto::hash::Hash;
use crate::error::Result;
use crate::mechanism::operation::{Signer, Verifier};
use crate::mechanism::params::Params;
use crate::mechanism::signing::{Check, Hashed, Sign, Whole};
use crate::object::Object;
use std::sync::Arc;

struct Signing(Arc<PrivateKey>);

impl Sign for Signing {
    fn length(&self) -> usize {
        self.0.curve().signature_size()
    }

    fn sign(&self, digest: &[u8], out: &mut [u8]) -> Result<usize> {
        self.0.sign(digest, out)
    }
}

struct Verifying(Arc<PublicKey>);

impl Check for Verifying {
    fn check(&self, digest: &[u8], signature: &[u8]) -> Result<()> {
        self.0.verify(digest, signature)
    }
}

pub(super) fn sign(_: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Signer>> {
    Ok(Box::new(Whole(Signing(keys::private(key)?))))
}

pub(super) fn verify(_: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Verifier>> {
    Ok(Box::new(Whole(Verifying(keys::public(key)?))))
}

pub(super) fn sign_hashed(hash: Hash, key: &Object) -> Result<Box<dyn Signer>> {
    Ok(Hashed::new(hash, Signing(keys::private(key)?)))
}

pub(super) fn verify_hashed(hash: Hash, key: &Object) -> Result<Box<dyn Verifier>> {
    Ok(Hashed::new(hash, Verifying(keys::public(key)?)))
}
