//! What the rules look at.

use super::{Level, Role, RoleState};
use crate::object::attribute::Attributes;
use crate::object::schema::family::Family;
use crate::object::usage::Use;
use crate::object::vendor::{
    CKA_KEYWARD_DOMAIN_KEY_ID, CKA_KEYWARD_PROTECTED_PAIR, CKM_KEYWARD_KEY_TOKEN,
};
use cryptoki_sys::*;

/// What is done with a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// An operation that a usage flag permits.
    Use(Use),
    /// `C_DigestKey`.
    DigestKey,
}

/// What a mechanism does that matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Nothing special: encryption with a padding or tag, signature, authenticated wrap.
    Ordinary,
    /// The bare RSA function: signing is decrypting.
    RawRsa,
    /// Encryption without integrity: what it unwraps, somebody may have put together.
    Unauthenticated,
    /// A wrap under a temporary key that goes along, wrapped or agreed on with the key that acts.
    Transport,
    /// A key token.
    KeyToken,
    /// A derivation from which the base key cannot be computed.
    OneWay,
    /// The same, whose keys are as closed as the base key.
    Descends,
    /// A derivation by encrypting data that the caller chose: the output is ciphertext.
    ByEncryption,
    /// A derivation whose output holds all bytes of the base key.
    HoldsKey,
    /// A derivation whose output is a part of the base key, or may be.
    PartOfKey,
}

/// The mode of a mechanism. Derivations that are not known here are taken for the worst.
#[must_use]
pub fn mode(mechanism: u64, usage: Use) -> Mode {
    match mechanism {
        CKM_RSA_X_509 => Mode::RawRsa,
        CKM_KEYWARD_KEY_TOKEN => Mode::KeyToken,
        CKM_RSA_AES_KEY_WRAP
        | CKM_ECDH_AES_KEY_WRAP
        | CKM_ECDH_X_AES_KEY_WRAP
        | CKM_ECDH_COF_AES_KEY_WRAP => Mode::Transport,
        CKM_AES_ECB | CKM_AES_CBC | CKM_AES_CBC_PAD | CKM_AES_CTR | CKM_AES_OFB | CKM_AES_CFB1
        | CKM_AES_CFB8 | CKM_AES_CFB64 | CKM_AES_CFB128 | CKM_AES_CTS => Mode::Unauthenticated,
        CKM_ECDH1_DERIVE
        | CKM_ECDH1_COFACTOR_DERIVE
        | CKM_HKDF_DERIVE
        | CKM_HKDF_DATA
        | CKM_SP800_108_COUNTER_KDF
        | CKM_SP800_108_FEEDBACK_KDF
        | CKM_SP800_108_DOUBLE_PIPELINE_KDF
        | CKM_MD5_KEY_DERIVATION
        | CKM_SHA1_KEY_DERIVATION
        | CKM_SHA224_KEY_DERIVATION
        | CKM_SHA256_KEY_DERIVATION
        | CKM_SHA384_KEY_DERIVATION
        | CKM_SHA512_KEY_DERIVATION
        | CKM_SHA512_224_KEY_DERIVATION
        | CKM_SHA512_256_KEY_DERIVATION
        | CKM_SHA3_224_KEY_DERIVATION
        | CKM_SHA3_256_KEY_DERIVATION
        | CKM_SHA3_384_KEY_DERIVATION
        | CKM_SHA3_512_KEY_DERIVATION
        | CKM_BLAKE2B_160_KEY_DERIVE
        | CKM_BLAKE2B_256_KEY_DERIVE
        | CKM_BLAKE2B_384_KEY_DERIVE
        | CKM_BLAKE2B_512_KEY_DERIVE
        | CKM_SHAKE_128_KEY_DERIVATION
        | CKM_SHAKE_256_KEY_DERIVATION
        | CKM_TLS12_MASTER_KEY_DERIVE
        | CKM_TLS12_MASTER_KEY_DERIVE_DH
        | CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE
        | CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH => Mode::OneWay,
        CKM_TLS12_KEY_AND_MAC_DERIVE | CKM_TLS12_KEY_SAFE_DERIVE | CKM_TLS_KDF | CKM_TLS12_KDF => {
            Mode::Descends
        }
        CKM_AES_ECB_ENCRYPT_DATA | CKM_AES_CBC_ENCRYPT_DATA => Mode::ByEncryption,
        CKM_CONCATENATE_BASE_AND_KEY
        | CKM_CONCATENATE_BASE_AND_DATA
        | CKM_CONCATENATE_DATA_AND_BASE
        | CKM_XOR_BASE_AND_DATA => Mode::HoldsKey,
        _ if usage == Use::Derive => Mode::PartOfKey,
        _ => Mode::Ordinary,
    }
}

/// What the rules know of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// `CKA_SENSITIVE`, of a private or secret key.
    pub sensitive: bool,
    /// `CKA_EXTRACTABLE`; public keys are.
    pub extractable: bool,
    /// `CKA_NEVER_EXTRACTABLE`.
    pub never_extractable: bool,
    /// `CKA_LOCAL`.
    pub local: bool,
    /// `CKA_TRUSTED`, of a public key or one that is not extractable: what can leave can come back as
    /// another key of the same value, which nobody trusts and nothing binds.
    pub trusted: bool,
    /// `CKA_WRAP_WITH_TRUSTED`.
    pub wrap_with_trusted: bool,
    /// A domain key.
    pub domain: bool,
    /// A key that is held to what it was used for first.
    pub has_roles: bool,
    /// A key that agrees on secrets with others.
    pub agrees: bool,
    /// A public key.
    pub public: bool,
    /// A public key whose private half is protected and was made with it.
    pub protected_pair: bool,
    /// What it has been used for.
    pub uses: RoleState,
}

impl Key {
    /// The facts of a key, with what the token has recorded of its uses.
    #[must_use]
    pub fn of(key: &Attributes, record: RoleState) -> Key {
        let public = key.class() == Some(CKO_PUBLIC_KEY);
        Key {
            sensitive: key.is(CKA_SENSITIVE),
            extractable: public || key.is(CKA_EXTRACTABLE),
            never_extractable: key.is(CKA_NEVER_EXTRACTABLE),
            local: key.is(CKA_LOCAL),
            trusted: key.is(CKA_TRUSTED) && (public || !key.is(CKA_EXTRACTABLE)),
            wrap_with_trusted: key.is(CKA_WRAP_WITH_TRUSTED),
            domain: key.has(CKA_KEYWARD_DOMAIN_KEY_ID),
            has_roles: super::has_roles(key),
            agrees: Family::of_object(key).is_some_and(Family::agrees),
            public,
            protected_pair: key.is(CKA_KEYWARD_PROTECTED_PAIR),
            uses: RoleState::of(key).joined(record),
        }
    }

    /// Whether the key never leaves but as a key token.
    #[must_use]
    pub fn is_protected(&self) -> bool {
        !self.extractable
    }

    /// Whether the key may leave, but never in the clear.
    #[must_use]
    pub fn is_guarded(&self) -> bool {
        self.extractable && self.sensitive
    }

    /// Whether anybody who may use the key may see it.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.extractable && !self.sensitive
    }
}

/// One act, with everything that the rules look at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// The token's level.
    pub level: Level,
    /// What is done.
    pub act: Act,
    /// How.
    pub mode: Mode,
    /// The key that acts.
    pub key: Key,
    /// The key that is wrapped, or that a derivation joins to the base key.
    pub target: Option<Key>,
    /// Whether a derived key is shorter than the base key; taken for granted until the caller knows.
    pub shorter: bool,
    /// The role that the act counts as; the first rules find it.
    pub(super) counts_as: Option<Role>,
}

impl Facts {
    /// An act of one key.
    #[must_use]
    pub fn new(level: Level, act: Act, mode: Mode, key: Key) -> Facts {
        Facts {
            level,
            act,
            mode,
            key,
            target: None,
            shorter: true,
            counts_as: None,
        }
    }

    /// The same with a second key.
    #[must_use]
    pub fn with_target(self, target: Key) -> Facts {
        Facts {
            target: Some(target),
            ..self
        }
    }

    /// The same with whether the derived key is shorter than the base key.
    #[must_use]
    pub fn with_shorter(self, shorter: bool) -> Facts {
        Facts { shorter, ..self }
    }

    /// The role that the act counts as; `None` when it counts as neither.
    #[must_use]
    pub fn counts_as(&self) -> Option<Role> {
        self.counts_as
    }

    pub(super) fn is(&self, usage: Use) -> bool {
        self.act == Act::Use(usage)
    }
}
