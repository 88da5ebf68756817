//! HMAC with every hash: the full MAC, one of general length, and the generation of keys of its own type
//! (PKCS #11 3.2, section 6.22).

use super::generic_secret::{LONGEST, random_key};
use super::mac;
use super::operation::{Signer, Verifier};
use super::params::{ParamKind, Params};
use super::row::{Generate, Operations, Row, StartSign, StartVerify};
use crate::crypto::hash::Hash;
use crate::crypto::hmac;
use crate::crypto::known::Families;
use crate::error::{Error, Result};
use crate::object::Object;
use cryptoki_sys::{
    CKK_BLAKE2B_160_HMAC, CKK_BLAKE2B_256_HMAC, CKK_BLAKE2B_384_HMAC, CKK_BLAKE2B_512_HMAC,
    CKK_GENERIC_SECRET, CKK_MD5_HMAC, CKK_SHA_1_HMAC, CKK_SHA3_224_HMAC, CKK_SHA3_256_HMAC,
    CKK_SHA3_384_HMAC, CKK_SHA3_512_HMAC, CKK_SHA224_HMAC, CKK_SHA256_HMAC, CKK_SHA384_HMAC,
    CKK_SHA512_224_HMAC, CKK_SHA512_256_HMAC, CKK_SHA512_HMAC, CKM_BLAKE2B_160_HMAC,
    CKM_BLAKE2B_160_HMAC_GENERAL, CKM_BLAKE2B_160_KEY_GEN, CKM_BLAKE2B_256_HMAC,
    CKM_BLAKE2B_256_HMAC_GENERAL, CKM_BLAKE2B_256_KEY_GEN, CKM_BLAKE2B_384_HMAC,
    CKM_BLAKE2B_384_HMAC_GENERAL, CKM_BLAKE2B_384_KEY_GEN, CKM_BLAKE2B_512_HMAC,
    CKM_BLAKE2B_512_HMAC_GENERAL, CKM_BLAKE2B_512_KEY_GEN, CKM_MD5_HMAC, CKM_MD5_HMAC_GENERAL,
    CKM_SHA_1_HMAC, CKM_SHA_1_HMAC_GENERAL, CKM_SHA_1_KEY_GEN, CKM_SHA3_224_HMAC,
    CKM_SHA3_224_HMAC_GENERAL, CKM_SHA3_224_KEY_GEN, CKM_SHA3_256_HMAC, CKM_SHA3_256_HMAC_GENERAL,
    CKM_SHA3_256_KEY_GEN, CKM_SHA3_384_HMAC, CKM_SHA3_384_HMAC_GENERAL, CKM_SHA3_384_KEY_GEN,
    CKM_SHA3_512_HMAC, CKM_SHA3_512_HMAC_GENERAL, CKM_SHA3_512_KEY_GEN, CKM_SHA224_HMAC,
    CKM_SHA224_HMAC_GENERAL, CKM_SHA224_KEY_GEN, CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL,
    CKM_SHA256_KEY_GEN, CKM_SHA384_HMAC, CKM_SHA384_HMAC_GENERAL, CKM_SHA384_KEY_GEN,
    CKM_SHA512_224_HMAC, CKM_SHA512_224_HMAC_GENERAL, CKM_SHA512_224_KEY_GEN, CKM_SHA512_256_HMAC,
    CKM_SHA512_256_HMAC_GENERAL, CKM_SHA512_256_KEY_GEN, CKM_SHA512_HMAC, CKM_SHA512_HMAC_GENERAL,
    CKM_SHA512_KEY_GEN,
};
use std::mem;
use std::sync::Arc;

/// The longest key that is taken, in bytes. Imported keys may be longer than generated ones.
const LONGEST_USED: u64 = 1 << 20;

macro_rules! signs {
    ($hash:ident: $mechanism:ident, $params:expr, $key_type:ident) => {
        signing(
            $mechanism,
            stringify!($mechanism),
            $params,
            &[CKK_GENERIC_SECRET, $key_type],
            |params, key| Ok(Box::new(operation(Hash::$hash, params, key)?)),
            |params, key| Ok(Box::new(operation(Hash::$hash, params, key)?)),
        )
    };
}

/// MD5 has no generation of keys of its own.
pub(super) const MD5: &[Row] = &[
    signs!(Md5: CKM_MD5_HMAC, ParamKind::None, CKK_MD5_HMAC),
    signs!(Md5: CKM_MD5_HMAC_GENERAL, ParamKind::Ulong, CKK_MD5_HMAC),
];

macro_rules! family {
    ($($hash:ident: $full:ident, $general:ident, $generate:ident, $key_type:ident;)+) => {
        &[$(
            signs!($hash: $full, ParamKind::None, $key_type),
            signs!($hash: $general, ParamKind::Ulong, $key_type),
            generating(
                $generate,
                stringify!($generate),
                &[$key_type],
                |_, template| {
                    random_key($key_type, template, |length| (1..=LONGEST).contains(&length))
                },
            ),
        )+]
    };
}

/// Three rows for each hash.
#[rustfmt::skip]
pub(super) const ROWS: &[Row] = family!(
    Sha1: CKM_SHA_1_HMAC, CKM_SHA_1_HMAC_GENERAL, CKM_SHA_1_KEY_GEN, CKK_SHA_1_HMAC;
    Sha224: CKM_SHA224_HMAC, CKM_SHA224_HMAC_GENERAL, CKM_SHA224_KEY_GEN, CKK_SHA224_HMAC;
    Sha256: CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL, CKM_SHA256_KEY_GEN, CKK_SHA256_HMAC;
    Sha384: CKM_SHA384_HMAC, CKM_SHA384_HMAC_GENERAL, CKM_SHA384_KEY_GEN, CKK_SHA384_HMAC;
    Sha512: CKM_SHA512_HMAC, CKM_SHA512_HMAC_GENERAL, CKM_SHA512_KEY_GEN, CKK_SHA512_HMAC;
    Sha512_224: CKM_SHA512_224_HMAC, CKM_SHA512_224_HMAC_GENERAL, CKM_SHA512_224_KEY_GEN, CKK_SHA512_224_HMAC;
    Sha512_256: CKM_SHA512_256_HMAC, CKM_SHA512_256_HMAC_GENERAL, CKM_SHA512_256_KEY_GEN, CKK_SHA512_256_HMAC;
    Sha3_224: CKM_SHA3_224_HMAC, CKM_SHA3_224_HMAC_GENERAL, CKM_SHA3_224_KEY_GEN, CKK_SHA3_224_HMAC;
    Sha3_256: CKM_SHA3_256_HMAC, CKM_SHA3_256_HMAC_GENERAL, CKM_SHA3_256_KEY_GEN, CKK_SHA3_256_HMAC;
    Sha3_384: CKM_SHA3_384_HMAC, CKM_SHA3_384_HMAC_GENERAL, CKM_SHA3_384_KEY_GEN, CKK_SHA3_384_HMAC;
    Sha3_512: CKM_SHA3_512_HMAC, CKM_SHA3_512_HMAC_GENERAL, CKM_SHA3_512_KEY_GEN, CKK_SHA3_512_HMAC;
    Blake2b160: CKM_BLAKE2B_160_HMAC, CKM_BLAKE2B_160_HMAC_GENERAL, CKM_BLAKE2B_160_KEY_GEN, CKK_BLAKE2B_160_HMAC;
    Blake2b256: CKM_BLAKE2B_256_HMAC, CKM_BLAKE2B_256_HMAC_GENERAL, CKM_BLAKE2B_256_KEY_GEN, CKK_BLAKE2B_256_HMAC;
    Blake2b384: CKM_BLAKE2B_384_HMAC, CKM_BLAKE2B_384_HMAC_GENERAL, CKM_BLAKE2B_384_KEY_GEN, CKK_BLAKE2B_384_HMAC;
    Blake2b512: CKM_BLAKE2B_512_HMAC, CKM_BLAKE2B_512_HMAC_GENERAL, CKM_BLAKE2B_512_KEY_GEN, CKK_BLAKE2B_512_HMAC;
);

const fn signing(
    mechanism: u64,
    name: &'static str,
    params: ParamKind,
    key_types: &'static [u64],
    sign: StartSign,
    verify: StartVerify,
) -> Row {
    Row {
        mechanism,
        name,
        key_sizes: (1, LONGEST_USED),
        key_types,
        more_flags: 0,
        needs: Families::HMAC,
        params,
        operations: Operations {
            sign: Some(sign),
            verify: Some(verify),
            ..Operations::NONE
        },
    }
}

const fn generating(
    mechanism: u64,
    name: &'static str,
    key_types: &'static [u64],
    generate: Generate,
) -> Row {
    Row {
        mechanism,
        name,
        key_sizes: (1, LONGEST),
        key_types,
        more_flags: 0,
        needs: Families::HMAC,
        params: ParamKind::None,
        operations: Operations {
            generate: Some(generate),
            ..Operations::NONE
        },
    }
}

fn operation(hash: Hash, params: Params<'_>, object: &Arc<Object>) -> Result<Operation> {
    let length = mac::length(params, hash.length())?;
    Ok(Operation {
        state: State::Fresh(key(hash, object)?),
        length,
    })
}

/// The key, prepared for the hash. A generic secret may have been prepared for another one before.
fn key(hash: Hash, object: &Object) -> Result<Arc<hmac::Key>> {
    let value = object.secret_value().ok_or(Error::KeyTypeInconsistent)?;
    let fresh = || hmac::Key::new(hash, value.expose());
    let kept = object.prepared(|_| Ok(fresh()))?;
    if kept.hash() == hash {
        Ok(kept)
    } else {
        Ok(Arc::new(fresh()))
    }
}

/// A MAC of `length` bytes in progress. States of hash functions are large: one is copied for a message in
/// parts only, and a whole message is hashed where it is asked for.
struct Operation {
    state: State,
    length: usize,
}

enum State {
    Fresh(Arc<hmac::Key>),
    InParts(Box<hmac::Mac<Arc<hmac::Key>>>),
    Over,
}

impl Operation {
    fn add(&mut self, data: &[u8]) -> Result<()> {
        if let State::Fresh(key) = &self.state {
            self.state = State::InParts(Box::new(hmac::Mac::new(Arc::clone(key))));
        }
        match &mut self.state {
            State::InParts(mac) => {
                mac.update(data);
                Ok(())
            }
            State::Fresh(_) | State::Over => Err(Error::OperationNotInitialized),
        }
    }

    /// Ends with the MAC of the parts so far and `data`, as long as `out`.
    fn make(&mut self, data: &[u8], out: &mut [u8]) -> Result<()> {
        match mem::replace(&mut self.state, State::Over) {
            State::Fresh(key) => key.mac(&[data], out),
            State::InParts(mut mac) => {
                mac.update(data);
                mac.finish(out)
            }
            State::Over => Err(Error::OperationNotInitialized),
        }
    }

    /// Ends with whether `tag` is the MAC of the parts so far and `data`.
    fn check(&mut self, data: &[u8], tag: &[u8]) -> Result<bool> {
        match mem::replace(&mut self.state, State::Over) {
            State::Fresh(key) => {
                let mut mac = key.begin();
                mac.update(data);
                Ok(mac.verify(tag))
            }
            State::InParts(mut mac) => {
                mac.update(data);
                Ok(mac.verify(tag))
            }
            State::Over => Err(Error::OperationNotInitialized),
        }
    }
}

impl Signer for Operation {
    fn length(&self) -> usize {
        self.length
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.add(data)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        Signer::whole(self, &[], out)
    }

    fn whole(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        let length = self.length;
        let out = out.get_mut(..length).ok_or(Error::BufferTooSmall(length))?;
        self.make(data, out)?;
        Ok(length)
    }
}

impl Verifier for Operation {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.add(data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        Verifier::whole(self, &[], signature)
    }

    fn whole(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        if signature.len() != self.length {
            return Err(Error::SignatureLenRange);
        }
        if self.check(data, signature)? {
            Ok(())
        } else {
            Err(Error::SignatureInvalid)
        }
    }
}
