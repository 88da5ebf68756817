//! The short Weierstrass curves: NIST P-224, P-256, P-384, P-521 (FIPS 186-5, SP 800-186), secp256k1 (SEC 2) and
//! the Brainpool curves r1 (RFC 5639), with ECDSA and ECDH, on AWS-LC.
#![forbid(unsafe_code)]

use super::awslc::ec::{Group, Key};
use crate::error::{Error, Result};
use crate::secret::SecretBytes;

/// A curve.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names are the standards' own")]
pub enum Curve {
    P224,
    P256,
    P384,
    P521,
    Secp256k1,
    Brainpool224,
    Brainpool256,
    Brainpool320,
    Brainpool384,
    Brainpool512,
}

impl Curve {
    /// Every curve.
    pub const ALL: [Curve; 10] = [
        Curve::P224,
        Curve::P256,
        Curve::P384,
        Curve::P521,
        Curve::Secp256k1,
        Curve::Brainpool224,
        Curve::Brainpool256,
        Curve::Brainpool320,
        Curve::Brainpool384,
        Curve::Brainpool512,
    ];

    /// The length of the field and of the order in bits.
    #[must_use]
    pub const fn bits(self) -> usize {
        match self {
            Curve::P224 | Curve::Brainpool224 => 224,
            Curve::P256 | Curve::Secp256k1 | Curve::Brainpool256 => 256,
            Curve::Brainpool320 => 320,
            Curve::P384 | Curve::Brainpool384 => 384,
            Curve::Brainpool512 => 512,
            Curve::P521 => 521,
        }
    }

    /// The length of a coordinate, and of a private key, in bytes.
    #[must_use]
    pub const fn size(self) -> usize {
        self.bits().div_ceil(8)
    }

    /// The length of an uncompressed point in bytes.
    #[must_use]
    pub const fn point_size(self) -> usize {
        1 + 2 * self.size()
    }

    /// The length of a signature, r and s side by side, in bytes.
    #[must_use]
    pub const fn signature_size(self) -> usize {
        2 * self.size()
    }

    /// Checks a point in SEC 1 encoding, uncompressed or compressed, and gives its uncompressed one.
    /// `None` unless it is on the curve and finite.
    #[must_use]
    pub fn uncompressed(self, point: &[u8]) -> Option<Vec<u8>> {
        Key::public(self.group(), point)?.public_point(self.point_size())
    }

    fn group(self) -> Group {
        match self {
            Curve::P224 => Group::p224(),
            Curve::P256 => Group::p256(),
            Curve::P384 => Group::p384(),
            Curve::P521 => Group::p521(),
            Curve::Secp256k1 => Group::secp256k1(),
            Curve::Brainpool224 => Group::brainpool224(),
            Curve::Brainpool256 => Group::brainpool256(),
            Curve::Brainpool320 => Group::brainpool320(),
            Curve::Brainpool384 => Group::brainpool384(),
            Curve::Brainpool512 => Group::brainpool512(),
        }
    }
}

/// A public key.
pub struct PublicKey {
    curve: Curve,
    key: Key,
}

impl PublicKey {
    /// From a point in SEC 1 encoding, uncompressed or compressed. `None` unless it is on the curve and
    /// finite.
    #[must_use]
    pub fn new(curve: Curve, point: &[u8]) -> Option<Self> {
        Key::public(curve.group(), point).map(|key| PublicKey { curve, key })
    }

    /// The curve.
    #[must_use]
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// Checks an ECDSA signature, r and s side by side and each as long as a coordinate, of a digest of any
    /// length; bits beyond the length of the order are cut off (FIPS 186-5, section 6.4.2). PKCS #11 3.2 also
    /// allows shorter halves without their leading zeros; a second way to write the same signature is one too
    /// many, and those who keep signatures for identities would trip over it.
    ///
    /// # Errors
    /// `SignatureLenRange` or `SignatureInvalid`.
    pub fn verify(&self, digest: &[u8], signature: &[u8]) -> Result<()> {
        if signature.len() != self.curve.signature_size() {
            return Err(Error::SignatureLenRange);
        }
        let (r, s) = signature
            .split_at_checked(self.curve.size())
            .ok_or(Error::SignatureLenRange)?;
        if self.key.verify(digest, r, s) {
            Ok(())
        } else {
            Err(Error::SignatureInvalid)
        }
    }
}

/// A private key with its public one.
pub struct PrivateKey {
    curve: Curve,
    key: Key,
}

impl PrivateKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// `HostMemory`, the only way in which it fails.
    pub fn generate(curve: Curve) -> Result<Self> {
        let key = Key::generate(curve.group()).ok_or(Error::HostMemory)?;
        Ok(PrivateKey { curve, key })
    }

    /// From a big-endian number; leading zeros may be missing or too many. `None` unless it is from 1 to
    /// the order less 1.
    #[must_use]
    pub fn new(curve: Curve, number: &[u8]) -> Option<Self> {
        Key::private(curve.group(), number).map(|key| PrivateKey { curve, key })
    }

    /// The curve.
    #[must_use]
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The private number, big-endian, as many bytes as a coordinate.
    ///
    /// # Errors
    /// `HostMemory`, the only way in which it fails.
    pub fn number(&self) -> Result<SecretBytes> {
        self.key.scalar(self.curve.size()).ok_or(Error::HostMemory)
    }

    /// The public key as an uncompressed point.
    ///
    /// # Errors
    /// `HostMemory`, the only way in which it fails.
    pub fn public_point(&self) -> Result<Vec<u8>> {
        self.key
            .public_point(self.curve.point_size())
            .ok_or(Error::HostMemory)
    }

    /// Signs a digest of any length by ECDSA into `out`: r and s side by side. Bits of the digest beyond
    /// the length of the order are cut off (FIPS 186-5, section 6.4.1).
    ///
    /// # Errors
    /// `BufferTooSmall` when `out` is shorter than a signature, `HostMemory`.
    pub fn sign(&self, digest: &[u8], out: &mut [u8]) -> Result<usize> {
        let length = self.curve.signature_size();
        let out = out.get_mut(..length).ok_or(Error::BufferTooSmall(length))?;
        let (r, s) = self
            .key
            .sign(digest, self.curve.size())
            .ok_or(Error::HostMemory)?;
        for (own, byte) in out.iter_mut().zip(r.expose().iter().chain(s.expose())) {
            *own = *byte;
        }
        Ok(length)
    }

    /// The x coordinate of the ECDH secret with a peer's point in SEC 1 encoding (SP 800-56A, section
    /// 5.7.1.2; the cofactor of all of them is 1). `None` unless the point is on the curve and finite.
    #[must_use]
    pub fn agree(&self, peer: &[u8]) -> Option<SecretBytes> {
        self.key.agree(peer, self.curve.size())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_survives_its_der_form() {
        let key = PrivateKey::generate(Curve::P256).unwrap();
        let public = PublicKey::new(Curve::P256, &key.public_point().unwrap()).unwrap();
        let mut signature = vec![0; Curve::P256.signature_size()];
        key.sign(&[7; 32], &mut signature).unwrap();
        let der = ecdsa::Signature::<p256::NistP256>::from_slice(&signature)
            .unwrap()
            .to_der();
        let back = ecdsa::Signature::<p256::NistP256>::from_der(der.as_bytes()).unwrap();
        public.verify(&[7; 32], &back.to_bytes()).unwrap();
    }
}
