//! SLH-DSA (FIPS 205), on the crate `slh-dsa`.
#![forbid(unsafe_code)]

use super::prehash::Form;
use crate::error::{Error, Result};
use crate::secret::SecretBytes;
use slh_dsa::{
    ParameterSet, Sha2_128f, Sha2_128s, Sha2_192f, Sha2_192s, Sha2_256f, Sha2_256s, Shake128f,
    Shake128s, Shake192f, Shake192s, Shake256f, Shake256s, Signature, SigningKey, VerifyingKey,
};

/// A parameter set.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names are the standard's own")]
pub enum Set {
    Sha2_128s,
    Shake128s,
    Sha2_128f,
    Shake128f,
    Sha2_192s,
    Shake192s,
    Sha2_192f,
    Shake192f,
    Sha2_256s,
    Shake256s,
    Sha2_256f,
    Shake256f,
}

/// Calls a function that is generic over the parameter set.
macro_rules! with_set {
    ($set:expr, $function:ident($($argument:expr),*)) => {
        match $set {
            Set::Sha2_128s => $function::<Sha2_128s>($($argument),*),
            Set::Shake128s => $function::<Shake128s>($($argument),*),
            Set::Sha2_128f => $function::<Sha2_128f>($($argument),*),
            Set::Shake128f => $function::<Shake128f>($($argument),*),
            Set::Sha2_192s => $function::<Sha2_192s>($($argument),*),
            Set::Shake192s => $function::<Shake192s>($($argument),*),
            Set::Sha2_192f => $function::<Sha2_192f>($($argument),*),
            Set::Shake192f => $function::<Shake192f>($($argument),*),
            Set::Sha2_256s => $function::<Sha2_256s>($($argument),*),
            Set::Shake256s => $function::<Shake256s>($($argument),*),
            Set::Sha2_256f => $function::<Sha2_256f>($($argument),*),
            Set::Shake256f => $function::<Shake256f>($($argument),*),
        }
    };
}

impl Set {
    /// Every set, in the order of their numbers in PKCS #11.
    pub const ALL: [Set; 12] = [
        Set::Sha2_128s,
        Set::Shake128s,
        Set::Sha2_128f,
        Set::Shake128f,
        Set::Sha2_192s,
        Set::Shake192s,
        Set::Sha2_192f,
        Set::Shake192f,
        Set::Sha2_256s,
        Set::Shake256s,
        Set::Sha2_256f,
        Set::Shake256f,
    ];

    /// The security parameter n in bytes.
    const fn n(self) -> usize {
        match self {
            Set::Sha2_128s | Set::Shake128s | Set::Sha2_128f | Set::Shake128f => 16,
            Set::Sha2_192s | Set::Shake192s | Set::Sha2_192f | Set::Shake192f => 24,
            Set::Sha2_256s | Set::Shake256s | Set::Sha2_256f | Set::Shake256f => 32,
        }
    }

    /// The length of a public key in bytes.
    #[must_use]
    pub const fn public_size(self) -> usize {
        2 * self.n()
    }

    /// The length of a private key in bytes.
    #[must_use]
    pub const fn private_size(self) -> usize {
        4 * self.n()
    }

    /// The length of a signature in bytes (FIPS 205, table 2).
    #[must_use]
    pub const fn signature_size(self) -> usize {
        match self {
            Set::Sha2_128s | Set::Shake128s => 7_856,
            Set::Sha2_128f | Set::Shake128f => 17_088,
            Set::Sha2_192s | Set::Shake192s => 16_224,
            Set::Sha2_192f | Set::Shake192f => 35_664,
            Set::Sha2_256s | Set::Shake256s => 29_792,
            Set::Sha2_256f | Set::Shake256f => 49_856,
        }
    }
}

/// A public key.
pub struct PublicKey {
    set: Set,
    encoded: Vec<u8>,
}

impl PublicKey {
    /// From its encoding. `None` unless its length is right; all bytes of that length are one.
    #[must_use]
    pub fn new(set: Set, encoded: &[u8]) -> Option<Self> {
        (encoded.len() == set.public_size()).then(|| PublicKey {
            set,
            encoded: encoded.to_vec(),
        })
    }

    /// Checks a signature of a message, or of its digest, in a form.
    ///
    /// # Errors
    /// `SignatureLenRange` or `SignatureInvalid`.
    pub fn verify(&self, form: &Form<'_>, message: &[u8], signature: &[u8]) -> Result<()> {
        if signature.len() != self.set.signature_size() {
            return Err(Error::SignatureLenRange);
        }
        let head = head(form);
        let good = with_set!(
            self.set,
            verify(&self.encoded, &[&head, message], signature)
        );
        if good {
            Ok(())
        } else {
            Err(Error::SignatureInvalid)
        }
    }
}

/// A private key: two secret seeds, then the public key.
pub struct PrivateKey {
    set: Set,
    encoded: SecretBytes,
}

impl PrivateKey {
    /// Makes a new key.
    ///
    /// # Errors
    /// When the system gives no randomness.
    pub fn generate(set: Set) -> Result<Self> {
        let seeds = SecretBytes::random(3 * set.n())?;
        let encoded = with_set!(set, expand(seeds.expose()));
        let encoded = encoded.ok_or(Error::Internal("seeds of the right length"))?;
        Ok(PrivateKey { set, encoded })
    }

    /// From its encoding, known to be one. `None` unless its length is right.
    #[must_use]
    pub fn load(set: Set, encoded: &[u8]) -> Option<Self> {
        (encoded.len() == set.private_size()).then(|| PrivateKey {
            set,
            encoded: SecretBytes::copy_of(encoded),
        })
    }

    /// From its encoding. `None` unless its length is right and its public key is the one that follows from
    /// its seeds. Computes as much as [`PrivateKey::generate`].
    #[must_use]
    pub fn new(set: Set, encoded: &[u8]) -> Option<Self> {
        let key = Self::load(set, encoded)?;
        let seeds = encoded.get(..3 * set.n())?;
        let expected = with_set!(set, expand(seeds))?;
        (expected == key.encoded).then_some(key)
    }

    /// The parameter set.
    #[must_use]
    pub fn set(&self) -> Set {
        self.set
    }

    /// The public key.
    #[must_use]
    pub fn public(&self) -> &[u8] {
        public_part(self.set, self.encoded.expose()).unwrap_or_default()
    }

    /// The encoding.
    #[must_use]
    pub fn encoded(&self) -> &SecretBytes {
        &self.encoded
    }

    /// Signs a message, or its digest, in a form into `out`, with fresh randomness or, where the caller must
    /// have the same signature each time, without.
    ///
    /// # Errors
    /// `BufferTooSmall` when `out` is shorter than a signature; when the system gives no randomness.
    pub fn sign(
        &self,
        form: &Form<'_>,
        message: &[u8],
        deterministic: bool,
        out: &mut [u8],
    ) -> Result<usize> {
        let length = self.set.signature_size();
        let out = out.get_mut(..length).ok_or(Error::BufferTooSmall(length))?;
        let randomness = match deterministic {
            true => None,
            false => Some(SecretBytes::random(self.set.n())?),
        };
        let randomness = randomness.as_ref().map(SecretBytes::expose);
        let head = head(form);
        let key = self.encoded.expose();
        with_set!(self.set, sign(key, &[&head, message], randomness, out))
            .then_some(length)
            .ok_or(Error::Internal("an SLH-DSA key of the wrong length"))
    }
}

/// The public key in the encoding of a private one. `None` unless the encoding has the right length.
#[must_use]
pub fn public_part(set: Set, encoded: &[u8]) -> Option<&[u8]> {
    let half = encoded.len().checked_sub(set.public_size())?;
    (encoded.len() == set.private_size())
        .then(|| encoded.get(half..))
        .flatten()
}

/// What goes before the message.
fn head(form: &Form<'_>) -> Vec<u8> {
    let mut head = Vec::new();
    form.write(|part| head.extend_from_slice(part));
    head
}

/// The encoding of the private key of three seeds, side by side.
fn expand<P: ParameterSet>(seeds: &[u8]) -> Option<SecretBytes> {
    let n = seeds.len() / 3;
    let (secret, rest) = seeds.split_at_checked(n)?;
    let (prf, public) = rest.split_at_checked(n)?;
    let key = SigningKey::<P>::slh_keygen_internal(secret, prf, public);
    let mut bytes = key.to_bytes();
    let encoded = SecretBytes::copy_of(&bytes);
    zeroize::Zeroize::zeroize(bytes.as_mut_slice());
    Some(encoded)
}

fn sign<P: ParameterSet>(
    encoded: &[u8],
    message: &[&[u8]],
    randomness: Option<&[u8]>,
    out: &mut [u8],
) -> bool {
    let Ok(key) = SigningKey::<P>::try_from(encoded) else {
        return false;
    };
    let signature = key.slh_sign_internal(message, randomness).to_bytes();
    let fits = out.len() == signature.len();
    if fits {
        out.copy_from_slice(&signature);
    }
    fits
}

fn verify<P: ParameterSet>(encoded: &[u8], message: &[&[u8]], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (
        VerifyingKey::<P>::try_from(encoded),
        Signature::<P>::try_from(signature),
    ) else {
        return false;
    };
    key.slh_verify_internal(message, &signature).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::hash::Hash;

    #[test]
    fn sizes_are_those_of_the_crate() {
        fn sizes<P: ParameterSet>() -> (usize, usize, usize) {
            use slh_dsa::signature::SignatureEncoding;
            let key = SigningKey::<P>::try_from(&[0; 128][..64])
                .or_else(|_| SigningKey::<P>::try_from(&[0; 128][..96]))
                .or_else(|_| SigningKey::<P>::try_from(&[0; 128][..]))
                .unwrap();
            let signature = [7_856, 17_088, 16_224, 35_664, 29_792, 49_856]
                .into_iter()
                .find_map(|length| Signature::<P>::try_from(&vec![0; length][..]).ok())
                .unwrap();
            let length = key.to_bytes().len();
            (length / 2, length, signature.encoded_len())
        }
        for set in Set::ALL {
            let own = (set.public_size(), set.private_size(), set.signature_size());
            assert_eq!(with_set!(set, sizes()), own, "{set:?}");
        }
    }

    /// NIST's signatures of the internal interface, which nothing but this room reaches.
    #[test]
    fn signatures_are_those_of_nist() {
        let file = include_str!("../../tests/vectors/data/slhdsa.json");
        let file: serde_json::Value = serde_json::from_str(file).unwrap();
        let bytes = |text: &serde_json::Value| -> Vec<u8> {
            let digits = text.as_str().unwrap_or_default().as_bytes();
            let pairs = digits
                .chunks(2)
                .map(|pair| std::str::from_utf8(pair).unwrap());
            pairs
                .map(|pair| u8::from_str_radix(pair, 16).unwrap())
                .collect()
        };
        let cases = file["cases"].as_array().unwrap();
        assert_eq!(cases.len(), 6);
        for case in cases {
            let name = case["set"].as_str().unwrap();
            let named = |set: &&Set| {
                format!("SLH-DSA-{set:?}")
                    .replace("Sha2_", "SHA2-")
                    .replace("Shake", "SHAKE-")
                    == name
            };
            let set = *Set::ALL.iter().find(named).unwrap();
            let (private, message) = (bytes(&case["private"]), bytes(&case["message"]));
            assert!(PrivateKey::new(set, &private).is_some(), "{name}");
            let randomness = bytes(&case["randomness"]);
            let randomness = (!randomness.is_empty()).then_some(&randomness[..]);
            let mut signature = vec![0; set.signature_size()];
            let made = with_set!(set, sign(&private, &[&message], randomness, &mut signature));
            assert!(made, "{name}");
            let mut digest = [0; 32];
            Hash::Sha256.digest(&[&signature], &mut digest).unwrap();
            assert_eq!(digest[..], bytes(&case["signature_sha256"]), "{name}");
            let public = public_part(set, &private).unwrap();
            assert!(
                with_set!(set, verify(public, &[&message], &signature)),
                "{name}"
            );
            signature[set.n()] ^= 1;
            assert!(
                !with_set!(set, verify(public, &[&message], &signature)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_signature_is_verified_in_its_own_form_only() {
        let set = Set::Sha2_128f;
        let private = PrivateKey::generate(set).unwrap();
        let public = PublicKey::new(set, private.public()).unwrap();
        let (form, other) = (Form::Pure(b"a"), Form::Pure(b"b"));
        let mut signatures = Vec::new();
        for deterministic in [true, true, false] {
            let mut out = vec![0; set.signature_size()];
            private
                .sign(&form, b"message", deterministic, &mut out)
                .unwrap();
            public.verify(&form, b"message", &out).unwrap();
            for (form, message) in [(&other, b"message"), (&form, b"another")] {
                assert_eq!(
                    public.verify(form, message, &out),
                    Err(Error::SignatureInvalid)
                );
            }
            signatures.push(out);
        }
        assert_eq!(signatures[0], signatures[1]);
        assert_ne!(signatures[0], signatures[2]);
        let mut bad = private.encoded().expose().to_vec();
        assert!(PrivateKey::new(set, &bad).is_some());
        bad[0] ^= 1;
        assert!(PrivateKey::new(set, &bad).is_none());
    }
}
