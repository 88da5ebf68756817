//! What ML-DSA and SLH-DSA share as mechanisms: their parameters, and signing what was hashed first.

use super::hashes::by_mechanism;
use super::operation::{Signer, Verifier};
use super::params::Params;
use super::signing::{Check, Sign};
use crate::crypto::hash::Hash;
use crate::crypto::prehash::{Form, Hashing, LONGEST_CONTEXT, Prehash};
use crate::error::{Error, Result};
use cryptoki_sys::{CKH_DETERMINISTIC_REQUIRED, CKH_HEDGE_PREFERRED, CKH_HEDGE_REQUIRED};

/// The parameters, in a form that outlives the caller's.
pub(super) struct Asked {
    context: Vec<u8>,
    hash: Option<Prehash>,
    hedge: u64,
}

impl Asked {
    /// Reads the parameters of a mechanism that signs the message itself, or, with `hash`, its digest.
    ///
    /// # Errors
    /// `MechanismParamInvalid`.
    pub(super) fn read(params: Params<'_>, hash: Option<Prehash>) -> Result<Self> {
        let (hedge, context, named) = if let Params::Context {
            hedge,
            context,
            hash,
        } = params
        {
            (hedge, context, hash)
        } else {
            (CKH_HEDGE_PREFERRED, &[][..], None)
        };
        if context.len() > LONGEST_CONTEXT {
            return Err(Error::MechanismParamInvalid(
                "the context is longer than 255 bytes",
            ));
        }
        Ok(Asked {
            context: context.to_vec(),
            hash: match named {
                Some(named) => Some(prehash(named)?),
                None => hash,
            },
            hedge,
        })
    }

    /// The form of the message.
    pub(super) fn form(&self) -> Form<'_> {
        match self.hash {
            None => Form::Pure(&self.context),
            Some(hash) => Form::Hashed(&self.context, hash),
        }
    }

    /// Whether signatures must be the same each time. Verifiers do not ask: the standard has them ignore it.
    ///
    /// # Errors
    /// `MechanismParamInvalid` for a number that means nothing.
    pub(super) fn deterministic(&self) -> Result<bool> {
        match self.hedge {
            CKH_HEDGE_PREFERRED | CKH_HEDGE_REQUIRED => Ok(false),
            CKH_DETERMINISTIC_REQUIRED => Ok(true),
            _ => Err(Error::MechanismParamInvalid(
                "hedgeVariant is none that the standard knows",
            )),
        }
    }

    /// Checks the length of the data, where it is a digest.
    ///
    /// # Errors
    /// `DataLenRange`.
    pub(super) fn check_length(&self, data: &[u8]) -> Result<()> {
        match self.hash {
            Some(hash) if hash.length() != data.len() => Err(Error::DataLenRange),
            _ => Ok(()),
        }
    }
}

/// The hash of a digest mechanism. SHA-1 has no name in the arc that these signatures take them from.
fn prehash(mechanism: u64) -> Result<Prehash> {
    let hash = by_mechanism(mechanism)?;
    if hash == Hash::Sha1 {
        return Err(Error::MechanismParamInvalid("SHA-1 is not admitted here"));
    }
    Ok(Prehash::Hash(hash))
}

/// Hashes the data, part by part, and hands the digest to the key.
pub(super) struct Prehashed<K> {
    hashing: Hashing,
    key: K,
}

impl<K> Prehashed<K> {
    pub(super) fn new(hash: Prehash, key: K) -> Box<Self> {
        Box::new(Prehashed {
            hashing: hash.begin(),
            key,
        })
    }
}

impl<K: Sign> Signer for Prehashed<K> {
    fn length(&self) -> usize {
        self.key.length()
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.hashing.update(data);
        Ok(())
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let needed = self.key.length();
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        self.key.sign(&self.hashing.finish()?, out)
    }
}

impl<K: Check> Verifier for Prehashed<K> {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.hashing.update(data);
        Ok(())
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        self.key.check(&self.hashing.finish()?, signature)
    }
}
