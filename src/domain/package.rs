//! HPKE (RFC 9180, base mode) to a module: X-Wing, HKDF-SHA-256, AES-256-GCM. One suite, no choice.

use super::cbor::{Flaw, Reader, Result, Writer, flawed};
use crate::crypto::random;
use crate::error;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use hpke::{single_shot_open, single_shot_seal_with_rng};
use rand::CryptoRng;
use zeroize::Zeroizing;

/// The length in bytes of an X-Wing public key.
pub const PUBLIC_KEY_LEN: usize = 1216;
/// The length in bytes of an encapsulated key.
const ENCAPSULATED_LEN: usize = 1120;
/// The length in bytes of a sealed key of 32 bytes.
const SEALED_LEN: usize = 48;

/// A module's X-Wing key pair, kept as its seed. Erased on drop.
#[derive(Clone)]
pub struct AgreementKey {
    seed: Zeroizing<[u8; 32]>,
    public: Box<[u8; PUBLIC_KEY_LEN]>,
}

impl AgreementKey {
    /// A new key pair.
    ///
    /// # Errors
    /// Those of the random generator.
    pub fn generate() -> error::Result<Self> {
        Ok(Self::from_seed(&Zeroizing::new(random::array()?)))
    }

    /// The key pair of a seed of 32 bytes (draft-connolly-cfrg-xwing-kem section 5.2).
    #[must_use]
    pub fn from_seed(seed: &[u8; 32]) -> Self {
        let mut public = Box::new([0; PUBLIC_KEY_LEN]);
        // Any 32 bytes are a seed.
        if let Ok(private) = <XWing as Kem>::PrivateKey::from_bytes(seed) {
            XWing::sk_to_pk(&private).write_exact(public.as_mut());
        }
        AgreementKey {
            seed: Zeroizing::new(*seed),
            public,
        }
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &[u8; PUBLIC_KEY_LEN] {
        &self.public
    }

    /// The seed, to be sealed with the identity.
    pub(super) fn seed(&self) -> &[u8; 32] {
        &self.seed
    }
}

/// A key of 32 bytes sealed to one module.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Package {
    encapsulated: Vec<u8>,
    sealed: Vec<u8>,
}

impl Package {
    /// Seals `key` to the holder of `recipient`. `None` when that is not an X-Wing public key.
    #[must_use]
    pub fn seal(
        recipient: &[u8],
        (info, associated): (&[u8], &[u8]),
        key: &[u8; 32],
        random: &mut impl CryptoRng,
    ) -> Option<Self> {
        let recipient = <XWing as Kem>::PublicKey::from_bytes(recipient).ok()?;
        let (encapsulated, sealed) = single_shot_seal_with_rng::<AesGcm256, HkdfSha256, XWing>(
            &OpModeS::Base,
            &recipient,
            info,
            key,
            associated,
            random,
        )
        .ok()?;
        Some(Package {
            encapsulated: encapsulated.to_bytes().to_vec(),
            sealed,
        })
    }

    /// Opens the package with the recipient's key; `None` when it is not for that key, or was changed.
    #[must_use]
    pub fn open(
        &self,
        recipient: &AgreementKey,
        info: &[u8],
        associated: &[u8],
    ) -> Option<Zeroizing<[u8; 32]>> {
        let private = <XWing as Kem>::PrivateKey::from_bytes(recipient.seed()).ok()?;
        let encapsulated = <XWing as Kem>::EncappedKey::from_bytes(&self.encapsulated).ok()?;
        let opened = single_shot_open::<AesGcm256, HkdfSha256, XWing>(
            &OpModeR::Base,
            &private,
            &encapsulated,
            info,
            &self.sealed,
            associated,
        )
        .ok()?;
        let opened = Zeroizing::new(opened);
        let mut key = Zeroizing::new([0; 32]);
        *key = opened.as_slice().try_into().ok()?;
        Some(key)
    }

    /// Whether `key` is an X-Wing public key.
    #[must_use]
    pub fn is_public_key(key: &[u8]) -> bool {
        <XWing as Kem>::PublicKey::from_bytes(key).is_ok()
    }

    /// Writes the two parts, as items of the array that holds the package.
    pub(super) fn write(&self, writer: &mut Writer) {
        writer.bytes(&self.encapsulated).bytes(&self.sealed);
    }

    /// Reads the two parts.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let encapsulated = reader
            .fixed::<ENCAPSULATED_LEN>("encapsulated key")?
            .to_vec();
        let sealed = reader.bytes("sealed key", SEALED_LEN)?.to_vec();
        if sealed.len() != SEALED_LEN {
            return Err(flawed("sealed key", Flaw::WrongType));
        }
        Ok(Package {
            encapsulated,
            sealed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_recipient_opens_a_package_and_only_in_its_context() {
        let recipient = AgreementKey::from_seed(&[1; 32]);
        let package = Package::seal(
            recipient.public(),
            (b"info", b"data"),
            &[7; 32],
            &mut rand::rng(),
        )
        .unwrap();
        assert_eq!(
            *package.open(&recipient, b"info", b"data").unwrap(),
            [7; 32]
        );
        assert!(package.open(&recipient, b"other", b"data").is_none());
        assert!(package.open(&recipient, b"info", b"other").is_none());
        assert!(
            package
                .open(&AgreementKey::from_seed(&[2; 32]), b"info", b"data")
                .is_none()
        );
    }
}
