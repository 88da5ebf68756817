//! Signed messages: COSE_Sign1 and COSE_Sign (RFC 9052 section 4) with Ed25519 (RFC 9864), each in the
//! only form that this product writes.

use super::cbor::{Flaw, Malformed, Result, flawed};
use crate::crypto::edwards::{PublicKey, SIGNATURE_SIZE};
use crate::error;
use coset::iana::Algorithm;
use coset::{
    CoseSign, CoseSign1, CoseSignature, Header, HeaderBuilder, ProtectedHeader, SignatureContext,
    TaggedCborSerializable, sig_structure_data,
};

pub use crate::crypto::edwards::Variant;

/// The name of a signer: a member's or an operator's id.
pub type SignerId = [u8; 16];

/// What a signature is for. It is the external data of the signature, so that none serves for another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// A module's public card.
    Card,
    /// An operator's public card.
    OperatorCard,
    /// A mandate: an ordered list of changes.
    Mandate,
    /// A domain token.
    Token,
    /// A member's word that it runs a version.
    Running,
    /// An operator's request for a session.
    SessionHello,
    /// A member's answer to it.
    SessionWelcome,
    /// A member's word that a key was destroyed.
    Destruction,
}

impl Purpose {
    /// The external data, also the name of the message in refusals.
    fn label(self) -> &'static str {
        match self {
            Purpose::Card => "keyward/1 module card",
            Purpose::OperatorCard => "keyward/1 operator card",
            Purpose::Mandate => "keyward/1 mandate",
            Purpose::Token => "keyward/1 domain token",
            Purpose::Running => "keyward/1 running statement",
            Purpose::SessionHello => "keyward/1 operator session hello",
            Purpose::SessionWelcome => "keyward/1 operator session welcome",
            Purpose::Destruction => "keyward/1 proof of destruction",
        }
    }
}

/// Something that holds an Ed25519 key and signs with it: a key in memory or in another token.
pub trait Signer {
    /// The public key.
    fn public_key(&self) -> [u8; 32];

    /// Signs a message.
    ///
    /// # Errors
    /// Those of the place where the key is held.
    fn sign(&self, message: &[u8]) -> error::Result<[u8; SIGNATURE_SIZE]>;
}

/// Checks an Ed25519 signature. Keys of small order and non-canonical numbers never verify.
#[must_use]
pub fn verify(public_key: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    PublicKey::new(public_key)
        .is_some_and(|key| key.verify(message, Variant::Pure, signature).is_ok())
}

/// One signature and what it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Who says to have signed.
    pub signer: SignerId,
    /// The signature.
    pub bytes: [u8; SIGNATURE_SIZE],
    /// The signed bytes (`Sig_structure`).
    message: Vec<u8>,
}

impl Signature {
    /// Whether the holder of `public_key` made it.
    #[must_use]
    pub fn is_by(&self, public_key: &[u8; 32]) -> bool {
        verify(public_key, &self.message, &self.bytes)
    }
}

/// A message with one signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// The message.
    pub payload: Vec<u8>,
    /// Its signature, not yet checked.
    pub signature: Signature,
}

impl Signed {
    /// Signs a message and encodes both.
    ///
    /// # Errors
    /// Those of the signer.
    pub fn make(
        purpose: Purpose,
        id: SignerId,
        signer: &dyn Signer,
        payload: Vec<u8>,
    ) -> error::Result<Vec<u8>> {
        let message = one_message(purpose, id, &payload);
        let signature = signer.sign(&message)?;
        Ok(Signed::encode(id, payload, &signature))
    }

    /// A message with a signature made before.
    #[must_use]
    pub fn encode(id: SignerId, payload: Vec<u8>, signature: &[u8; SIGNATURE_SIZE]) -> Vec<u8> {
        let sign = CoseSign1 {
            protected: protected(header(Some(id))),
            unprotected: Header::default(),
            payload: Some(payload),
            signature: signature.to_vec(),
        };
        // The library fails for header values of its callers' own making only; there are none here.
        sign.to_tagged_vec().unwrap_or_default()
    }

    /// Reads a message of at most `limit` bytes. The signature is not checked.
    ///
    /// # Errors
    /// Anything but the one encoding.
    pub fn parse(purpose: Purpose, bytes: &[u8], limit: usize) -> Result<Self> {
        let field = purpose.label();
        if bytes.len() > limit {
            return Err(flawed(field, Flaw::TooLong));
        }
        let sign =
            CoseSign1::from_tagged_slice(bytes).map_err(|_| flawed(field, Flaw::WrongType))?;
        let id = signer_of(&sign.protected, field)?;
        let payload = sign.payload.ok_or(flawed(field, Flaw::WrongType))?;
        let signature = fixed(&sign.signature, field)?;
        if Signed::encode(id, payload.clone(), &signature) != bytes {
            return Err(flawed(field, Flaw::NotCanonical));
        }
        let message = one_message(purpose, id, &payload);
        Ok(Signed {
            payload,
            signature: Signature {
                signer: id,
                bytes: signature,
                message,
            },
        })
    }
}

/// A message with any number of signatures, sorted by signer, none twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManySigned {
    /// The message.
    pub payload: Vec<u8>,
    /// The signatures, not yet checked.
    pub signatures: Vec<Signature>,
    purpose: Purpose,
}

impl ManySigned {
    /// A message that nobody signed yet.
    #[must_use]
    pub fn new(purpose: Purpose, payload: Vec<u8>) -> Self {
        ManySigned {
            payload,
            signatures: Vec::new(),
            purpose,
        }
    }

    /// Adds a signature, in place of one that the signer made before.
    ///
    /// # Errors
    /// Those of the signer.
    pub fn add(&mut self, id: SignerId, signer: &dyn Signer) -> error::Result<()> {
        let message = many_message(self.purpose, id, &self.payload);
        let bytes = signer.sign(&message)?;
        self.insert(Signature {
            signer: id,
            bytes,
            message,
        });
        Ok(())
    }

    /// Takes over the signatures of another copy of the same message.
    ///
    /// # Errors
    /// [`error::Error::Malformed`] when it is another message.
    pub fn merge(&mut self, other: ManySigned) -> error::Result<()> {
        if other.payload != self.payload {
            return Err(error::Error::Malformed(
                "approval: it is for another request".into(),
            ));
        }
        other
            .signatures
            .into_iter()
            .for_each(|signature| self.insert(signature));
        Ok(())
    }

    /// The message with its signatures, encoded.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let signatures = self.signatures.iter().map(|own| CoseSignature {
            protected: protected(header(Some(own.signer))),
            unprotected: Header::default(),
            signature: own.bytes.to_vec(),
        });
        let sign = CoseSign {
            protected: ProtectedHeader::default(),
            unprotected: Header::default(),
            payload: Some(self.payload.clone()),
            signatures: signatures.collect(),
        };
        // As for one signature.
        sign.to_tagged_vec().unwrap_or_default()
    }

    /// Reads a message of at most `limit` bytes. The signatures are not checked.
    ///
    /// # Errors
    /// Anything but the one encoding.
    pub fn parse(purpose: Purpose, bytes: &[u8], limit: usize) -> Result<Self> {
        let field = purpose.label();
        if bytes.len() > limit {
            return Err(flawed(field, Flaw::TooLong));
        }
        let sign =
            CoseSign::from_tagged_slice(bytes).map_err(|_| flawed(field, Flaw::WrongType))?;
        let mut many =
            ManySigned::new(purpose, sign.payload.ok_or(flawed(field, Flaw::WrongType))?);
        for own in &sign.signatures {
            let signer = signer_of(&own.protected, field)?;
            let message = many_message(purpose, signer, &many.payload);
            many.signatures.push(Signature {
                signer,
                bytes: fixed(&own.signature, field)?,
                message,
            });
        }
        if !many.signatures.is_sorted_by(|a, b| a.signer < b.signer) {
            return Err(flawed(field, Flaw::Disordered));
        }
        if many.encode() != bytes {
            return Err(flawed(field, Flaw::NotCanonical));
        }
        Ok(many)
    }

    /// Puts a signature into its place.
    fn insert(&mut self, signature: Signature) {
        self.signatures.retain(|own| own.signer != signature.signer);
        let place = self
            .signatures
            .partition_point(|own| own.signer < signature.signer);
        self.signatures.insert(place, signature);
    }
}

impl From<Malformed> for error::Error {
    fn from(malformed: Malformed) -> Self {
        error::Error::Malformed(malformed.to_string())
    }
}

/// The protected header: the algorithm, and the signer where there is one.
fn header(signer: Option<SignerId>) -> Header {
    let builder = HeaderBuilder::new().algorithm(Algorithm::Ed25519);
    match signer {
        Some(id) => builder.key_id(id.to_vec()).build(),
        None => Header::default(),
    }
}

/// A header as the protected one of a message that is being made.
fn protected(header: Header) -> ProtectedHeader {
    ProtectedHeader {
        original_data: None,
        header,
    }
}

/// The signer that a protected header names.
fn signer_of(header: &ProtectedHeader, field: &'static str) -> Result<SignerId> {
    header
        .header
        .key_id
        .as_slice()
        .try_into()
        .map_err(|_| flawed(field, Flaw::WrongType))
}

/// A signature of the right length.
fn fixed(bytes: &[u8], field: &'static str) -> Result<[u8; SIGNATURE_SIZE]> {
    bytes.try_into().map_err(|_| flawed(field, Flaw::WrongType))
}

/// What the one signature of a message is over.
fn one_message(purpose: Purpose, id: SignerId, payload: &[u8]) -> Vec<u8> {
    let body = protected(header(Some(id)));
    sig_structure_data(
        SignatureContext::CoseSign1,
        body,
        None,
        purpose.label().as_bytes(),
        payload,
    )
}

/// What one of many signatures of a message is over.
fn many_message(purpose: Purpose, id: SignerId, payload: &[u8]) -> Vec<u8> {
    let sign = Some(protected(header(Some(id))));
    let external = purpose.label().as_bytes();
    sig_structure_data(
        SignatureContext::CoseSignature,
        ProtectedHeader::default(),
        sign,
        external,
        payload,
    )
}
