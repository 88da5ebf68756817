//! Typed mechanism parameters. `ffi::params` reads them from `CK_MECHANISM`; they borrow the
//! caller's memory for the length of one call.

use super::row::Row;
use crate::error::{Error, Result};

/// A mechanism as the caller named it.
///
/// The parameter is a result, so that a malformed one is reported in its turn: after the session,
/// the state and the mechanism itself have been checked.
pub struct Mechanism<'a> {
    /// The number, `CKM_…`.
    pub kind: u64,
    /// The parameter, read as the mechanism's row says.
    pub params: Result<Params<'a>>,
}

impl Mechanism<'_> {
    /// The mechanism's row.
    ///
    /// # Errors
    /// `MechanismInvalid` when the table has no such row.
    pub fn row(&self) -> Result<&'static Row> {
        super::table::row(self.kind).ok_or_else(|| Error::MechanismInvalid)
    }
}

impl Params<'_> {
    /// The data that the mechanism authenticates beside its input; `None` where it has none.
    #[must_use]
    pub fn authenticated(&self) -> Option<&[u8]> {
        match self {
            Params::Gcm { aad, .. }
            | Params::Ccm { aad, .. }
            | Params::ChaCha20Poly1305 { aad, .. } => Some(aad),
            Params::None
            | Params::Bytes(_)
            | Params::Ulong(_)
            | Params::Ctr { .. }
            | Params::ChaCha20 { .. }
            | Params::Pss { .. }
            | Params::Oaep { .. }
            | Params::Ecdh1 { .. }
            | Params::Eddsa { .. }
            | Params::Context { .. } => None,
        }
    }
}

/// The form of parameter that a mechanism takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ParamKind {
    /// None at all.
    None,
    /// A byte string of one of the lengths given, inclusive; no parameter at all where the first is 0.
    Bytes(usize, usize),
    /// `CK_MAC_GENERAL_PARAMS`: one number.
    Ulong,
    /// `CK_AES_CTR_PARAMS`.
    Ctr,
    /// `CK_GCM_PARAMS`.
    Gcm,
    /// `CK_CCM_PARAMS`.
    Ccm,
    /// `CK_CHACHA20_PARAMS`.
    ChaCha20,
    /// `CK_SALSA20_CHACHA20_POLY1305_PARAMS`.
    ChaCha20Poly1305,
    /// `CK_RSA_PKCS_PSS_PARAMS`.
    Pss,
    /// `CK_RSA_PKCS_OAEP_PARAMS`.
    Oaep,
    /// `CK_ECDH1_DERIVE_PARAMS`.
    Ecdh1,
    /// `CK_EDDSA_PARAMS`, or none.
    Eddsa,
    /// `CK_SIGN_ADDITIONAL_CONTEXT`, or none.
    Context,
    /// `CK_HASH_SIGN_ADDITIONAL_CONTEXT`.
    HashContext,
}

impl ParamKind {
    /// Whether the parameter can be kept beyond the call that gave it, in a [`super::kept::Kept`].
    #[must_use]
    pub fn is_keepable(self) -> bool {
        matches!(
            self,
            ParamKind::None
                | ParamKind::Ulong
                | ParamKind::Pss
                | ParamKind::Eddsa
                | ParamKind::Context
                | ParamKind::HashContext
        )
    }
}

/// A mechanism's parameter. Numbers are as the caller gave them; the mechanism checks their range.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Params<'a> {
    /// None was given.
    None,
    /// A byte string: the IV of CBC or key wrap.
    Bytes(&'a [u8]),
    /// A number: the MAC length in bytes of the `_GENERAL` mechanisms.
    Ulong(u64),
    /// Counter mode.
    Ctr {
        /// The width of the counter in bits, valid from 1 to 128.
        bits: u64,
        /// The first counter block.
        block: [u8; 16],
    },
    /// Galois/counter mode.
    Gcm {
        /// The IV, any length from 1 byte.
        iv: &'a [u8],
        /// Additional authenticated data.
        aad: &'a [u8],
        /// The tag's length in bits.
        tag_bits: u64,
    },
    /// Counter with CBC-MAC.
    Ccm {
        /// The length of the plaintext in bytes.
        length: u64,
        /// The nonce, valid from 7 to 13 bytes.
        nonce: &'a [u8],
        /// Additional authenticated data.
        aad: &'a [u8],
        /// The tag's length in bytes.
        tag: u64,
    },
    /// ChaCha20.
    ChaCha20 {
        /// The number of the first block, least significant byte first, of 4 or 8 bytes.
        counter: &'a [u8],
        /// The nonce, valid of 8, 12 or 24 bytes.
        nonce: &'a [u8],
    },
    /// ChaCha20-Poly1305.
    ChaCha20Poly1305 {
        /// The nonce, valid of 12 or 24 bytes.
        nonce: &'a [u8],
        /// Additional authenticated data.
        aad: &'a [u8],
    },
    /// RSA-PSS.
    Pss {
        /// The hash, `CKM_…`.
        hash: u64,
        /// The mask generation function, `CKG_…`.
        mgf: u64,
        /// The salt's length in bytes.
        salt: u64,
    },
    /// RSA-OAEP.
    Oaep {
        /// The hash, `CKM_…`.
        hash: u64,
        /// The mask generation function, `CKG_…`.
        mgf: u64,
        /// The label; empty when the caller gave none.
        label: &'a [u8],
    },
    /// ECDH with one key pair on each side.
    Ecdh1 {
        /// The key derivation function, `CKD_…`.
        kdf: u64,
        /// Shared data; empty when the caller gave none.
        shared: &'a [u8],
        /// The other side's public key, raw or as DER OCTET STRING.
        public: &'a [u8],
    },
    /// EdDSA with a context or a pre-hash.
    Eddsa {
        /// Whether the data is hashed first (Ed25519ph).
        prehash: bool,
        /// The context; empty when the caller gave none.
        context: &'a [u8],
    },
    /// ML-DSA or SLH-DSA with a context.
    Context {
        /// Whether signatures hold fresh randomness, `CKH_…`.
        hedge: u64,
        /// The context; empty when the caller gave none.
        context: &'a [u8],
        /// The hash that the data is a digest of, `CKM_…`, where the mechanism does not say.
        hash: Option<u64>,
    },
}
