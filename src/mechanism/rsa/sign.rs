//! RSA signatures: PKCS#1 v1.5 and raw over the caller's data, hashed, and PSS.

use super::keys;
use crate::crypto::hash::Hash;
use crate::crypto::rsa::{PrivateKey, Pss, PublicKey, digest_info, pkcs1_capacity, signed_data};
use crate::error::{Error, Result};
use crate::mechanism::deprecated::{self, Group};
use crate::mechanism::hashes;
use crate::mechanism::operation::{Recoverer, Signer, Verifier};
use crate::mechanism::params::Params;
use crate::mechanism::signing::{Check, Hashed, Sign, Whole};
use crate::object::Object;
use std::sync::Arc;

/// How the data becomes the number that is signed.
#[derive(Clone, Copy)]
enum Encoding {
    /// PKCS#1 v1.5 of the data as it is.
    Pkcs1,
    /// PKCS#1 v1.5 of the `DigestInfo` of a digest by this hash.
    Digest(Hash),
    /// PSS of a digest.
    Pss(Pss),
    /// The data itself, with zeros before it.
    Raw,
}

impl Encoding {
    /// The data for raw RSA, as long as the modulus.
    fn padded(data: &[u8], size: usize) -> Result<Vec<u8>> {
        let zeros = size.checked_sub(data.len()).ok_or(Error::DataLenRange)?;
        Ok([&vec![0; zeros], data].concat())
    }
}

struct Signing {
    key: Arc<PrivateKey>,
    encoding: Encoding,
}

impl Sign for Signing {
    fn length(&self) -> usize {
        self.key.size()
    }

    fn sign(&self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        match self.encoding {
            Encoding::Pkcs1 => self.key.sign_pkcs1(data, out)?,
            Encoding::Digest(hash) => self.key.sign_pkcs1(&digest_info(hash, data), out)?,
            Encoding::Pss(pss) => self.key.sign_pss(data, pss, out)?,
            Encoding::Raw => self
                .key
                .raw(&Encoding::padded(data, self.key.size())?, out)?,
        }
        Ok(self.key.size())
    }
}

struct Verifying {
    key: Arc<PublicKey>,
    encoding: Encoding,
}

impl Check for Verifying {
    fn check(&self, data: &[u8], signature: &[u8]) -> Result<()> {
        match self.encoding {
            Encoding::Pkcs1 => self.key.verify_pkcs1(data, signature),
            Encoding::Digest(hash) => self.key.verify_pkcs1(&digest_info(hash, data), signature),
            Encoding::Pss(pss) if data.len() != pss.hash.length() => Err(Error::DataLenRange),
            Encoding::Pss(pss) => self.key.verify_pss(data, pss, signature),
            Encoding::Raw => self
                .key
                .verify_raw(&Encoding::padded(data, self.key.size())?, signature),
        }
    }
}

fn signing(object: &Object, encoding: Encoding) -> Result<Signing> {
    let key = keys::private(object)?;
    check_room(encoding, key.bits())?;
    Ok(Signing { key, encoding })
}

fn verifying(object: &Object, encoding: Encoding) -> Result<Verifying> {
    let key = keys::public(object)?;
    check_room(encoding, key.bits())?;
    Ok(Verifying { key, encoding })
}

/// Whether a key of `bits` bits has room for the salt that the caller asks for.
fn check_room(encoding: Encoding, bits: usize) -> Result<()> {
    if let Encoding::Pss(pss) = encoding
        && !pss.fits(bits)
    {
        return Err(Error::MechanismParamInvalid(
            "the salt is too long for the key",
        ));
    }
    Ok(())
}

/// The parameters of PSS; `hash` is the one that the mechanism itself names.
fn pss(params: Params<'_>, hash: Option<Hash>) -> Result<Encoding> {
    let Params::Pss {
        hash: named,
        mgf,
        salt,
    } = params
    else {
        return Err(Error::MechanismParamInvalid("PSS needs its parameters"));
    };
    let own = hashes::by_mechanism(named)?;
    if hash.is_some_and(|hash| hash != own) {
        return Err(Error::MechanismParamInvalid(
            "the hash is not the mechanism's",
        ));
    }
    let mgf = hashes::by_mask_generator(mgf)?;
    let salt = usize::try_from(salt)
        .map_err(|_| Error::MechanismParamInvalid("the salt is too long for the key"))?;
    Ok(Encoding::Pss(Pss {
        hash: own,
        mgf,
        salt,
    }))
}

pub(super) fn sign_pkcs1(_: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Signer>> {
    Ok(Box::new(Whole(signing(key, Encoding::Pkcs1)?)))
}

pub(super) fn verify_pkcs1(_: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Verifier>> {
    Ok(Box::new(Whole(verifying(key, Encoding::Pkcs1)?)))
}

pub(super) fn sign_raw(_: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Signer>> {
    Ok(Box::new(Whole(signing(key, Encoding::Raw)?)))
}

pub(super) fn verify_raw(_: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Verifier>> {
    Ok(Box::new(Whole(verifying(key, Encoding::Raw)?)))
}

/// Here the parameter alone says what was hashed by.
pub(super) fn sign_pss(params: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Signer>> {
    let encoding = pss(params, None)?;
    if matches!(encoding, Encoding::Pss(own) if own.hash == Hash::Sha1) {
        if !Group::Sha1Signatures.is_allowed() {
            return Err(Error::MechanismParamInvalid(
                "signing over SHA-1 is off: deprecated.sha1_signatures",
            ));
        }
        deprecated::say(Group::Sha1Signatures, "CKM_RSA_PKCS_PSS");
    }
    Ok(Box::new(Whole(signing(key, encoding)?)))
}

pub(super) fn verify_pss(params: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Verifier>> {
    Ok(Box::new(Whole(verifying(key, pss(params, None)?)?)))
}

pub(super) fn sign_hashed(hash: Hash, key: &Object) -> Result<Box<dyn Signer>> {
    Ok(Hashed::new(hash, signing(key, Encoding::Digest(hash))?))
}

pub(super) fn verify_hashed(hash: Hash, key: &Object) -> Result<Box<dyn Verifier>> {
    Ok(Hashed::new(hash, verifying(key, Encoding::Digest(hash))?))
}

pub(super) fn sign_hashed_pss(
    hash: Hash,
    params: Params<'_>,
    key: &Object,
) -> Result<Box<dyn Signer>> {
    Ok(Hashed::new(hash, signing(key, pss(params, Some(hash))?)?))
}

pub(super) fn verify_hashed_pss(
    hash: Hash,
    params: Params<'_>,
    key: &Object,
) -> Result<Box<dyn Verifier>> {
    Ok(Hashed::new(hash, verifying(key, pss(params, Some(hash))?)?))
}

/// Verifying with message recovery.
struct Recovering {
    key: Arc<PublicKey>,
    encoding: Encoding,
}

impl Recoverer for Recovering {
    fn bound(&self) -> usize {
        match self.encoding {
            Encoding::Pkcs1 => pkcs1_capacity(self.key.size()),
            Encoding::Raw | Encoding::Digest(_) | Encoding::Pss(_) => self.key.size(),
        }
    }

    fn recover(&mut self, signature: &[u8], out: &mut [u8]) -> Result<usize> {
        let block = self.key.recover(signature)?;
        let data = match self.encoding {
            Encoding::Pkcs1 => signed_data(&block).ok_or(Error::SignatureInvalid)?,
            Encoding::Raw | Encoding::Digest(_) | Encoding::Pss(_) => &block,
        };
        out.get_mut(..data.len())
            .ok_or(Error::BufferTooSmall(data.len()))?
            .copy_from_slice(data);
        Ok(data.len())
    }
}

pub(super) fn recover_pkcs1(_: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Recoverer>> {
    let (key, encoding) = (keys::public(key)?, Encoding::Pkcs1);
    Ok(Box::new(Recovering { key, encoding }))
}

pub(super) fn recover_raw(_: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Recoverer>> {
    let (key, encoding) = (keys::public(key)?, Encoding::Raw);
    Ok(Box::new(Recovering { key, encoding }))
}
