//! A member's signed word that a key was destroyed. `docs/formats.md`, "Proof of destruction".

use super::cbor::{Flaw, Reader, Result as Read, Writer, flawed};
use super::cose::{Purpose, Signed, Signer};
use super::ids::{DomainId, KeyId, MemberId};
use crate::error::Result;
use crate::object::ObjectId;

/// The one format there is.
const FORMAT: u64 = 1;
/// The longest proof in bytes.
const MAX_LEN: usize = 2048;
/// The longest label in bytes.
const MAX_LABEL: usize = 1024;
/// The longest fingerprint in bytes.
const MAX_FINGERPRINT: usize = 64;

/// What was destroyed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Destroyed {
    /// The domain.
    pub domain: DomainId,
    /// Its version when the word was given.
    pub version: u64,
    /// The key: a family of versions.
    pub family: KeyId,
    /// Which version of it.
    pub key_version: u64,
    /// The object that the version was.
    pub object: ObjectId,
    /// The revision of the record that says so.
    pub revision: u64,
    /// `CKA_LABEL`.
    pub label: Vec<u8>,
    /// `CKA_KEY_TYPE`.
    pub key_type: u64,
    /// When the version was made, in seconds since 1970-01-01 UTC; 0 when that is not known.
    pub created: u64,
    /// `CKA_KEYWARD_FINGERPRINT`; empty when there was no material any more to take it of.
    pub fingerprint: Vec<u8>,
    /// When the word was given.
    pub at: u64,
}

impl Destroyed {
    /// Gives the word.
    ///
    /// # Errors
    /// Those of the signer.
    pub fn sign(&self, member: MemberId, signer: &dyn Signer) -> Result<Vec<u8>> {
        let mut writer = Writer::default();
        writer.array(12).uint(FORMAT);
        writer.bytes(&self.domain.0).uint(self.version);
        writer.bytes(&self.family.0).uint(self.key_version);
        writer.bytes(&self.object.0).uint(self.revision);
        writer.bytes(&self.label).uint(self.key_type);
        writer.uint(self.created).bytes(&self.fingerprint);
        writer.uint(self.at);
        Signed::make(Purpose::Destruction, member.0, signer, writer.into_vec())
    }

    /// Reads the word of the member whose signing key this is.
    ///
    /// # Errors
    /// Anything but the one encoding; a signature that the key did not make.
    pub fn verify(bytes: &[u8], signing: &[u8; 32]) -> Read<Self> {
        let signed = Signed::parse(Purpose::Destruction, bytes, MAX_LEN)?;
        if !signed.signature.is_by(signing) {
            return Err(flawed("signature of the proof", Flaw::BadValue));
        }
        Reader::whole(&signed.payload, "proof of destruction", |reader| {
            reader.tuple("proof of destruction", 12)?;
            if reader.uint("format")? != FORMAT {
                return Err(flawed("format", Flaw::BadValue));
            }
            Ok(Destroyed {
                domain: DomainId(reader.fixed("domain id")?),
                version: reader.uint("version")?,
                family: KeyId(reader.fixed("key id")?),
                key_version: reader.uint("key version")?,
                object: ObjectId(reader.fixed("object id")?),
                revision: reader.uint("revision")?,
                label: reader.bytes("label", MAX_LABEL)?.to_vec(),
                key_type: reader.uint("key type")?,
                created: reader.uint("created")?,
                fingerprint: reader.bytes("fingerprint", MAX_FINGERPRINT)?.to_vec(),
                at: reader.uint("at")?,
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::operator::OperatorKey;

    #[test]
    fn a_proof_is_its_signers_and_unchanged() {
        let signer = OperatorKey::generate().unwrap();
        let word = Destroyed {
            domain: DomainId([1; 32]),
            version: 2,
            family: KeyId([3; 16]),
            key_version: 4,
            object: ObjectId([5; 16]),
            revision: 6,
            label: b"orders".to_vec(),
            key_type: 0x1f,
            created: 7,
            fingerprint: vec![7; 16],
            at: 8,
        };
        let proof = word.sign(MemberId([9; 16]), &signer).unwrap();
        let key = signer.public_key();
        assert_eq!(Destroyed::verify(&proof, &key).unwrap(), word);
        let other = OperatorKey::generate().unwrap().public_key();
        assert!(Destroyed::verify(&proof, &other).is_err());
        for place in 0..proof.len() {
            let mut changed = proof.clone();
            changed[place] ^= 1;
            assert!(Destroyed::verify(&changed, &key).is_err(), "byte {place}");
        }
    }
}
