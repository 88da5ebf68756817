//! The row of a mechanism: what the mechanism list, the info and the dispatch all read.

use super::message::Messages;
use super::operation::{Cipher, Digester, Recoverer, Signer, Verifier};
use super::params::{ParamKind, Params};
use crate::crypto::known::{self, Families};
use crate::error::Result;
use crate::object::Object;
use crate::object::attribute::{AttributeType, Template, Value};
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKF_DECAPSULATE, CKF_DECRYPT, CKF_DERIVE, CKF_DIGEST, CKF_ENCAPSULATE, CKF_ENCRYPT,
    CKF_GENERATE, CKF_GENERATE_KEY_PAIR, CKF_MESSAGE_DECRYPT, CKF_MESSAGE_ENCRYPT,
    CKF_MESSAGE_SIGN, CKF_MESSAGE_VERIFY, CKF_MULTI_MESSAGE, CKF_SIGN, CKF_SIGN_RECOVER,
    CKF_UNWRAP, CKF_VERIFY, CKF_VERIFY_RECOVER, CKF_WRAP, CKM_ECDSA, CKM_HASH_ML_DSA,
    CKM_HASH_SLH_DSA, CKM_RSA_PKCS, CKM_RSA_PKCS_PSS, CKM_RSA_X_509,
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// Attributes that a generation gives its key, beside those the template asks for.
pub type Generated = Vec<(AttributeType, Value)>;

/// Starts a digest.
pub type StartDigest = fn(Params<'_>) -> Result<Box<dyn Digester>>;
/// Starts an encryption or decryption.
pub type StartCipher = fn(Params<'_>, &Arc<Object>) -> Result<Box<dyn Cipher>>;
/// Starts a signature or MAC.
pub type StartSign = fn(Params<'_>, &Arc<Object>) -> Result<Box<dyn Signer>>;
/// Starts a verification.
pub type StartVerify = fn(Params<'_>, &Arc<Object>) -> Result<Box<dyn Verifier>>;
/// Starts a verification that gives back what was signed.
pub type StartRecover = fn(Params<'_>, &Arc<Object>) -> Result<Box<dyn Recoverer>>;
/// The length in bytes of a wrapped key, from the wrapping key and the length of the plain one.
pub type WrapLength = fn(Params<'_>, &Object, usize) -> Result<usize>;
/// Wraps key bytes into `out`, which is at least as long as [`WrapLength`] said.
pub type Wrap = fn(Params<'_>, &Arc<Object>, &[u8], &mut [u8]) -> Result<usize>;
/// The lengths in bytes that a key's value may have: one, where template or type fix it; `None` for any.
pub type Lengths<'a> = Option<&'a [usize]>;
/// Unwraps to key bytes. Most mechanisms let the caller compare the length with those it wants. PKCS#1 v1.5
/// cannot: an answer that depends on the length tells good padding from bad; raw RSA cannot do without.
pub type Unwrap = fn(Params<'_>, &Arc<Object>, &[u8], Lengths<'_>) -> Result<SecretBytes>;
/// Derives key bytes; the wanted length in bytes, `None` for as many as the mechanism gives.
pub type Derive = fn(Params<'_>, &Arc<Object>, Option<usize>) -> Result<SecretBytes>;
/// Derives several keys, or from several; the wanted length in bytes of each.
pub type DeriveSet = fn(Params<'_>, Bases<'_>, &[Option<usize>]) -> Result<Derived>;
/// The length in bytes of what an encapsulation gives beside its key.
pub type EncapsulatedLength = fn(Params<'_>, &Object) -> Result<usize>;
/// Encapsulates to a public key: the ciphertext, as long as [`EncapsulatedLength`] said, and the key bytes that
/// it carries; the wanted length in bytes, `None` for as many as the mechanism gives.
pub type Encapsulate =
    fn(Params<'_>, &Arc<Object>, Option<usize>) -> Result<(Vec<u8>, SecretBytes)>;
/// Takes the key bytes out of a ciphertext with the private key; the wanted length as for [`Encapsulate`].
pub type Decapsulate = fn(Params<'_>, &Arc<Object>, &[u8], Option<usize>) -> Result<SecretBytes>;
/// Generates a secret key.
pub type Generate = fn(Params<'_>, &Template) -> Result<Generated>;
/// Generates a key pair from the public and the private template: public, then private attributes.
pub type GeneratePair = fn(Params<'_>, &Template, &Template) -> Result<(Generated, Generated)>;

/// The keys that a derivation begins with.
#[derive(Clone, Copy, Debug)]
pub struct Bases<'k> {
    /// The base key of the call.
    pub base: &'k Arc<Object>,
    /// The keys that the parameter names, in their order.
    pub others: &'k [Arc<Object>],
}

/// What a derivation makes.
#[derive(Default)]
pub struct Derived {
    /// The values of the keys.
    pub keys: Vec<SecretBytes>,
    /// What the caller is shown beside them: a version, IVs.
    pub shown: Zeroizing<Vec<u8>>,
    /// Attributes of the first key, beside its value.
    pub more: Generated,
}

impl Derived {
    /// One key and nothing else.
    #[must_use]
    pub fn key(value: SecretBytes) -> Self {
        Derived {
            keys: vec![value],
            ..Derived::default()
        }
    }
}

/// What a mechanism can do. A field that is `None` is not offered and not listed.
#[derive(Clone, Copy)]
#[expect(missing_docs, reason = "each field is named by its type")]
pub struct Operations {
    pub digest: Option<StartDigest>,
    pub encrypt: Option<StartCipher>,
    pub decrypt: Option<StartCipher>,
    pub sign: Option<StartSign>,
    pub verify: Option<StartVerify>,
    pub wrap: Option<(WrapLength, Wrap)>,
    pub unwrap: Option<Unwrap>,
    pub derive: Option<Derive>,
    pub derive_set: Option<DeriveSet>,
    pub encapsulate: Option<(EncapsulatedLength, Encapsulate)>,
    pub decapsulate: Option<Decapsulate>,
    pub generate: Option<Generate>,
    pub generate_pair: Option<GeneratePair>,
    pub sign_recover: Option<StartSign>,
    pub verify_recover: Option<StartRecover>,
    pub messages: Option<Messages>,
}

impl Operations {
    /// Nothing; rows fill in what they have.
    pub const NONE: Operations = Operations {
        digest: None,
        encrypt: None,
        decrypt: None,
        sign: None,
        verify: None,
        wrap: None,
        unwrap: None,
        derive: None,
        derive_set: None,
        encapsulate: None,
        decapsulate: None,
        generate: None,
        generate_pair: None,
        sign_recover: None,
        verify_recover: None,
        messages: None,
    };
}

/// One mechanism.
#[derive(Clone, Copy)]
pub struct Row {
    /// The number, `CKM_…`.
    pub mechanism: u64,
    /// The name in the standard, for people.
    pub name: &'static str,
    /// The smallest and largest key, in the unit that the standard gives for the mechanism.
    pub key_sizes: (u64, u64),
    /// The types of keys it works on, or makes; empty for digests.
    pub key_types: &'static [u64],
    /// `CKF_EC_…` and the like, beside those that the operations tell.
    pub more_flags: u64,
    /// The algorithms that it rests on.
    pub needs: Families,
    /// The parameter's form.
    pub params: ParamKind,
    /// What it can do.
    pub operations: Operations,
}

impl Row {
    /// The row of a mechanism that is about to be used: its algorithms have shown that they compute rightly.
    ///
    /// # Errors
    /// Those of the self-tests.
    pub fn ready(&self) -> Result<&Self> {
        known::ready(self.needs)?;
        Ok(self)
    }

    /// The flags of `CK_MECHANISM_INFO`.
    #[must_use]
    pub fn flags(&self) -> u64 {
        let own = &self.operations;
        let wraps = own.messages.is_some_and(|messages| messages.wraps);
        let offered = [
            (own.digest.is_some(), CKF_DIGEST),
            (own.encrypt.is_some(), CKF_ENCRYPT),
            (own.decrypt.is_some(), CKF_DECRYPT),
            (own.sign.is_some(), CKF_SIGN),
            (own.verify.is_some(), CKF_VERIFY),
            (own.sign_recover.is_some(), CKF_SIGN_RECOVER),
            (own.verify_recover.is_some(), CKF_VERIFY_RECOVER),
            (own.wrap.is_some() || wraps, CKF_WRAP),
            (own.unwrap.is_some() || wraps, CKF_UNWRAP),
            (own.derive.is_some() || own.derive_set.is_some(), CKF_DERIVE),
            (own.encapsulate.is_some(), CKF_ENCAPSULATE),
            (own.decapsulate.is_some(), CKF_DECAPSULATE),
            (own.generate.is_some(), CKF_GENERATE),
            (own.generate_pair.is_some(), CKF_GENERATE_KEY_PAIR),
            (own.messages.is_some(), CKF_MESSAGE_ENCRYPT),
            (own.messages.is_some(), CKF_MESSAGE_DECRYPT),
            (self.signs_messages(), CKF_MESSAGE_SIGN),
            (self.verifies_messages(), CKF_MESSAGE_VERIFY),
            (self.takes_messages_in_parts(), CKF_MULTI_MESSAGE),
        ];
        offered
            .iter()
            .filter(|(has, _)| *has)
            .fold(self.more_flags, |all, (_, flag)| all | flag)
    }

    /// Whether one `C_MessageSignInit` does for many messages: the parameter must be one that can be kept.
    #[must_use]
    pub fn signs_messages(&self) -> bool {
        self.operations.sign.is_some() && self.params.is_keepable()
    }

    /// The same for `C_MessageVerifyInit`.
    #[must_use]
    pub fn verifies_messages(&self) -> bool {
        self.operations.verify.is_some() && self.params.is_keepable()
    }

    /// Whether a message of the message calls may come in parts, both ways.
    fn takes_messages_in_parts(&self) -> bool {
        let whole_only = matches!(
            self.mechanism,
            CKM_RSA_PKCS
                | CKM_RSA_X_509
                | CKM_RSA_PKCS_PSS
                | CKM_ECDSA
                | CKM_HASH_ML_DSA
                | CKM_HASH_SLH_DSA
        );
        let signs = (self.signs_messages() || self.verifies_messages()) && !whole_only;
        signs || self.operations.messages.is_some_and(|own| own.in_parts)
    }
}
