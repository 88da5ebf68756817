//! Digests: SHA-1, SHA-2, SHA-3, BLAKE2b (PKCS #11 3.2, section 6.20 and following) and MD5 (its Historical
//! Mechanisms, section 2.12).

use super::hashes;
use super::operation::{Digester, Saved};
use super::params::ParamKind;
use super::row::{Operations, Row, StartDigest};
use crate::crypto::digest::Digest;
use crate::crypto::hash::Hash;
use crate::crypto::known::Families;
use crate::error::{Error, Result};
use cryptoki_sys::{
    CKM_BLAKE2B_160, CKM_BLAKE2B_256, CKM_BLAKE2B_384, CKM_BLAKE2B_512, CKM_MD5, CKM_SHA_1,
    CKM_SHA3_224, CKM_SHA3_256, CKM_SHA3_384, CKM_SHA3_512, CKM_SHA224, CKM_SHA256, CKM_SHA384,
    CKM_SHA512, CKM_SHA512_224, CKM_SHA512_256,
};

macro_rules! digest {
    ($mechanism:ident, $hash:ident) => {
        row($mechanism, stringify!($mechanism), |_| {
            Ok(Box::new(Hash::$hash.begin()))
        })
    };
}

/// The digests.
pub(super) const ROWS: &[Row] = &[
    digest!(CKM_MD5, Md5),
    digest!(CKM_SHA_1, Sha1),
    digest!(CKM_SHA224, Sha224),
    digest!(CKM_SHA256, Sha256),
    digest!(CKM_SHA384, Sha384),
    digest!(CKM_SHA512, Sha512),
    digest!(CKM_SHA512_224, Sha512_224),
    digest!(CKM_SHA512_256, Sha512_256),
    digest!(CKM_SHA3_224, Sha3_224),
    digest!(CKM_SHA3_256, Sha3_256),
    digest!(CKM_SHA3_384, Sha3_384),
    digest!(CKM_SHA3_512, Sha3_512),
    digest!(CKM_BLAKE2B_160, Blake2b160),
    digest!(CKM_BLAKE2B_256, Blake2b256),
    digest!(CKM_BLAKE2B_384, Blake2b384),
    digest!(CKM_BLAKE2B_512, Blake2b512),
];

const fn row(mechanism: u64, name: &'static str, start: StartDigest) -> Row {
    Row {
        mechanism,
        name,
        key_sizes: (0, 0),
        key_types: &[],
        more_flags: 0,
        needs: Families::HASHES,
        params: ParamKind::None,
        operations: Operations {
            digest: Some(start),
            ..Operations::NONE
        },
    }
}

impl Digester for Digest {
    fn length(&self) -> usize {
        Digest::length(self)
    }

    fn update(&mut self, data: &[u8]) {
        Digest::update(self, data);
    }

    fn finish(&mut self, out: &mut [u8]) -> usize {
        // The caller has checked the length, the one thing that can go wrong.
        Digest::finish(self, out).unwrap_or_default()
    }

    fn save(&self) -> Option<Saved> {
        Some(Saved {
            mechanism: hashes::mechanism_of(self.hash()),
            state: Digest::save(self)?,
        })
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        Digest::restore(self, state).ok_or(Error::SavedStateInvalid)
    }
}
