//! Typed mechanism parameters. `ffi::params` reads them from `CK_MECHANISM`; they borrow the
//! caller's memory for the length of one call.

use super::derive::sp800::{Field, Input};
use super::derive::tls::KeyMaterial;
use super::row::Row;
use crate::error::{Error, Result};

/// A mechanism as the caller named it.
///
/// The parameter is a result, so that a malformed one is reported in its turn: after the session,
/// the state and the mechanism itself have been checked.
pub struct Mechanism<'a> {
    /// The number, `CKM_…`.
    pub kind: u64,
    /// The mechanism's row; `None` when the table has no such row.
    pub found: Option<&'static Row>,
    /// The parameter, read as the mechanism's row says.
    pub params: Result<Params<'a>>,
}

impl<'a> Mechanism<'a> {
    /// A mechanism with a parameter that was read already.
    #[must_use]
    pub fn new(kind: u64, params: Result<Params<'a>>) -> Self {
        let found = super::table::row(kind);
        Mechanism {
            kind,
            found,
            params,
        }
    }

    /// The mechanism's row, for use.
    ///
    /// # Errors
    /// `MechanismInvalid` when the table has no such row; those of the self-tests.
    pub fn row(&self) -> Result<&'static Row> {
        self.found.ok_or_else(|| Error::MechanismInvalid)?.ready()
    }

    /// The same for a function (`CKF_…`) that is about to be used: if it is deprecated, the log is told.
    ///
    /// # Errors
    /// As [`Mechanism::row`].
    pub fn row_for(&self, function: u64) -> Result<&'static Row> {
        let row = self.row()?;
        super::deprecated::note(row.mechanism, row.name, function);
        Ok(row)
    }
}

impl Params<'_> {
    /// The data that the mechanism authenticates beside its input; `None` where it has none.
    #[must_use]
    pub fn authenticated(&self) -> Option<&[u8]> {
        if let Params::Gcm { aad, .. }
        | Params::Ccm { aad, .. }
        | Params::ChaCha20Poly1305 { aad, .. } = self
        {
            Some(aad)
        } else {
            None
        }
    }

    /// The handles of other keys that a derivation takes, in their order.
    #[must_use]
    pub fn keys(&self) -> Vec<u64> {
        if let Params::Handle(key)
        | Params::Hkdf {
            extract: true,
            salt: Salt::Key(key),
            ..
        } = self
        {
            return vec![*key];
        }
        let Params::Sp800(input) = self else {
            return Vec::new();
        };
        let keys = input.fields.iter().filter_map(|field| match field {
            Field::Key(key) => Some(*key),
            Field::Iteration(_) | Field::Counter(_) | Field::Length { .. } | Field::Bytes(_) => {
                None
            }
        });
        keys.collect()
    }

    /// Whether a derivation with these shows bytes of the base key, or of keys that it could make.
    #[must_use]
    pub fn shows_key_bytes(&self) -> bool {
        if let Params::TlsKeys(material) = self {
            return material.iv > 0;
        }
        matches!(self, Params::TlsMaster { version: true, .. })
    }
}

/// The salt of HKDF.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Salt<'a> {
    /// None: as many zeros as the hash has bytes.
    None,
    /// The caller's bytes.
    Data(&'a [u8]),
    /// The value of the key behind a handle.
    Key(u64),
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
    /// A handle of a key.
    Handle,
    /// `CK_KEY_DERIVATION_STRING_DATA`.
    Data,
    /// `CK_AES_CBC_ENCRYPT_DATA_PARAMS`.
    CbcData,
    /// `CK_HKDF_PARAMS`.
    Hkdf,
    /// `CK_PKCS5_PBKD2_PARAMS2`.
    Pbkdf2,
    /// `CK_TLS_KDF_PARAMS`.
    TlsKdf,
    /// `CK_TLS_MAC_PARAMS`.
    TlsMac,
    /// A structure that has places for results in it; `C_DeriveKey` reads it.
    Apart,
    /// `CK_RSA_PKCS_PSS_PARAMS`.
    Pss,
    /// `CK_RSA_PKCS_OAEP_PARAMS`.
    Oaep,
    /// `CK_RSA_AES_KEY_WRAP_PARAMS`.
    RsaAes,
    /// `CK_ECDH1_DERIVE_PARAMS`.
    Ecdh1,
    /// `CK_ECDH_AES_KEY_WRAP_PARAMS`.
    EcdhAes,
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
    /// The handle of another key.
    Handle(u64),
    /// Data to derive a key with.
    Data(&'a [u8]),
    /// Data to derive a key with by encryption in CBC mode.
    CbcData {
        /// The IV.
        iv: [u8; 16],
        /// The data.
        data: &'a [u8],
    },
    /// HKDF.
    Hkdf {
        /// Whether the first step is done.
        extract: bool,
        /// Whether the second step is done.
        expand: bool,
        /// The hash, `CKM_…`.
        hash: u64,
        /// The salt of the first step.
        salt: Salt<'a>,
        /// What the second step is for.
        info: &'a [u8],
    },
    /// PBKDF2.
    Pbkdf2 {
        /// The pseudorandom function, `CKP_…`.
        prf: u64,
        /// The salt.
        salt: &'a [u8],
        /// How often the function is applied.
        iterations: u64,
        /// The password.
        password: &'a [u8],
    },
    /// SP 800-108.
    Sp800(&'a Input<'a>),
    /// A master secret of TLS 1.2.
    TlsMaster {
        /// The hash, `CKM_…`.
        hash: u64,
        /// The label that the kind of secret has.
        label: &'static [u8],
        /// The random bytes of client and server, or the hash of the handshake and nothing.
        seed: [&'a [u8]; 2],
        /// Whether the caller wants the version that the pre-master secret begins with.
        version: bool,
    },
    /// The keys of a connection of TLS 1.2.
    TlsKeys(KeyMaterial<'a>),
    /// A key exported from TLS.
    TlsKdf {
        /// The hash, `CKM_…`, or `CKM_TLS_PRF`.
        hash: u64,
        /// The label.
        label: &'a [u8],
        /// The client's random bytes.
        client: &'a [u8],
        /// The server's.
        server: &'a [u8],
        /// The context, where there is one.
        context: Option<&'a [u8]>,
    },
    /// The MAC of a TLS handshake.
    TlsMac {
        /// The hash, `CKM_…`, or `CKM_TLS_PRF`.
        hash: u64,
        /// The length of the MAC in bytes.
        length: u64,
        /// 1 for the server's, 2 for the client's.
        side: u64,
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
    /// A temporary AES key, wrapped by RSA-OAEP.
    RsaAes {
        /// The length of the temporary key in bits.
        bits: u64,
        /// The hash, `CKM_…`.
        hash: u64,
        /// The mask generation function, `CKG_…`.
        mgf: u64,
        /// The label; empty when the caller gave none.
        label: &'a [u8],
    },
    /// A temporary AES key, agreed on by ECDH.
    EcdhAes {
        /// The length of the temporary key in bits.
        bits: u64,
        /// The key derivation function, `CKD_…`.
        kdf: u64,
        /// Shared data; empty when the caller gave none.
        shared: &'a [u8],
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
