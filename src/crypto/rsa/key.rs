//! Keys and what they do.

use super::implicit_rejection::Substitute;
use super::pkcs1::signature_block;
use super::{MAX_BITS, MIN_BITS, MIN_VERIFY_BITS, Oaep, Pss};
use crate::crypto::awslc::rsa::{Key, Part, is_prime};
use crate::error::{Error, Result};
use crate::secret::SecretBytes;
use rsa::BoxedUint;
use rsa::traits::PrivateKeyParts;

/// A public key.
pub struct PublicKey(Key);

impl PublicKey {
    /// From big-endian modulus and exponent. `None` unless the modulus is odd and of 1024 to 8192 bits,
    /// and the exponent odd, at least 3 and at most 33 bits long (longer ones serve to slow us down).
    #[must_use]
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Option<Self> {
        let bits = significant_bits(modulus);
        if !(MIN_VERIFY_BITS..=MAX_BITS).contains(&bits) || significant_bits(exponent) > 33 {
            return None;
        }
        Key::public(modulus, exponent).map(PublicKey)
    }

    /// The length of the modulus in bytes: of signatures and ciphertexts too.
    #[must_use]
    pub fn size(&self) -> usize {
        self.0.size()
    }

    /// The length of the modulus in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.0.bits()
    }

    /// `input`^e mod n. Both have the length of the modulus.
    ///
    /// # Errors
    /// `DataLenRange` for another length, `DataInvalid` when the input is not below the modulus.
    pub fn raw(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
        if input.len() != self.size() {
            return Err(Error::DataLenRange);
        }
        self.0.raw_public(input, out).ok_or(Error::DataInvalid)
    }

    /// Checks a PKCS#1 v1.5 signature of `data`, which the caller made, as a rule by
    /// [`super::digest_info`].
    ///
    /// # Errors
    /// `SignatureLenRange` or `SignatureInvalid`.
    pub fn verify_pkcs1(&self, data: &[u8], signature: &[u8]) -> Result<()> {
        let block = signature_block(data, self.size()).ok_or(Error::DataLenRange)?;
        self.verify_raw(&block, signature)
    }

    /// Checks that `signature`^e mod n is `block`, which is as long as the modulus.
    ///
    /// # Errors
    /// `SignatureLenRange` or `SignatureInvalid`.
    pub fn verify_raw(&self, block: &[u8], signature: &[u8]) -> Result<()> {
        if self.recover(signature)? == block {
            Ok(())
        } else {
            Err(Error::SignatureInvalid)
        }
    }

    /// `signature`^e mod n, as long as the modulus.
    ///
    /// # Errors
    /// `SignatureLenRange` or `SignatureInvalid`.
    pub fn recover(&self, signature: &[u8]) -> Result<Vec<u8>> {
        if signature.len() != self.size() {
            return Err(Error::SignatureLenRange);
        }
        let mut recovered = vec![0; self.size()];
        self.0
            .raw_public(signature, &mut recovered)
            .ok_or(Error::SignatureInvalid)?;
        Ok(recovered)
    }

    /// Checks a PSS signature of a digest.
    ///
    /// # Errors
    /// `SignatureLenRange` or `SignatureInvalid`.
    pub fn verify_pss(&self, digest: &[u8], pss: Pss, signature: &[u8]) -> Result<()> {
        if signature.len() != self.size() {
            return Err(Error::SignatureLenRange);
        }
        if self
            .0
            .verify_pss(digest, pss.hash, pss.mgf, pss.salt, signature)
        {
            Ok(())
        } else {
            Err(Error::SignatureInvalid)
        }
    }

    /// Encrypts by PKCS#1 v1.5 into `out`, as long as the modulus.
    ///
    /// # Errors
    /// `DataLenRange` when the message is too long.
    pub fn encrypt_pkcs1(&self, message: &[u8], out: &mut [u8]) -> Result<()> {
        self.0
            .encrypt_pkcs1(message, out)
            .ok_or(Error::DataLenRange)
    }

    /// Encrypts by OAEP into `out`, as long as the modulus.
    ///
    /// # Errors
    /// `DataLenRange` when the message is too long.
    pub fn encrypt_oaep(&self, message: &[u8], oaep: Oaep<'_>, out: &mut [u8]) -> Result<()> {
        let block = self
            .0
            .oaep_encode(message, oaep.hash, oaep.mgf, oaep.label)
            .ok_or(Error::DataLenRange)?;
        self.0
            .raw_public(block.expose(), out)
            .ok_or(Error::DataLenRange)
    }
}

/// What a private key is imported from: big-endian numbers. Modulus and either both primes, or the private
/// exponent, are needed; with the public exponent everything else follows.
#[derive(Clone, Copy, Default)]
#[expect(missing_docs, reason = "the names are the standard's own")]
pub struct Imported<'a> {
    pub modulus: &'a [u8],
    pub public_exponent: &'a [u8],
    pub private_exponent: &'a [u8],
    pub primes: Option<[&'a [u8]; 2]>,
    pub exponents: Option<[&'a [u8]; 2]>,
    pub coefficient: Option<&'a [u8]>,
}

/// Every number of a private key, big-endian without leading zeros.
#[expect(missing_docs, reason = "the names are the standard's own")]
pub struct Parts {
    pub modulus: Vec<u8>,
    pub public_exponent: Vec<u8>,
    pub private_exponent: SecretBytes,
    pub prime_1: SecretBytes,
    pub prime_2: SecretBytes,
    pub exponent_1: SecretBytes,
    pub exponent_2: SecretBytes,
    pub coefficient: SecretBytes,
}

/// A private key.
pub struct PrivateKey {
    key: Key,
    substitute: Substitute,
}

impl PrivateKey {
    /// Makes a new key. `None` unless `bits` is a multiple of 128 from 2048 to 8192 and the exponent odd,
    /// from 65537 to 33 bits.
    ///
    /// AWS-LC makes it (FIPS 186-5, appendix A.1.3). The `rsa` crate takes as long (70 ms of one core for 2048
    /// bits, 300 ms for 3072, on average); so the key is made where it is checked and used, without copies.
    #[must_use]
    pub fn generate(bits: usize, exponent: &[u8]) -> Option<Self> {
        if !(MIN_BITS..=MAX_BITS).contains(&bits)
            || !bits.is_multiple_of(128)
            || !good_new_exponent(exponent)
        {
            return None;
        }
        Key::generate(bits, exponent).and_then(Self::prepare)
    }

    /// A key that this module made or imported, without the slow tests for primes. `None` when the numbers
    /// contradict one another all the same. Missing numbers are computed.
    #[must_use]
    pub fn load(numbers: &Imported<'_>) -> Option<Self> {
        match numbers {
            Imported {
                primes: Some([prime_1, prime_2]),
                exponents: Some([exponent_1, exponent_2]),
                coefficient: Some(coefficient),
                ..
            } => Self::prepare(Key::private([
                numbers.modulus,
                numbers.public_exponent,
                numbers.private_exponent,
                prime_1,
                prime_2,
                exponent_1,
                exponent_2,
                coefficient,
            ])?),
            _ if plausible(numbers) => Self::from_parts(&complete(numbers)?),
            _ => None,
        }
    }

    /// A key from outside. `None` unless it has 2048 to 8192 bits, an odd exponent from 3 to 33 bits, two
    /// primes that are prime, and all numbers agree. Missing numbers are computed.
    #[must_use]
    pub fn import(numbers: &Imported<'_>) -> Option<Self> {
        if !(MIN_BITS..=MAX_BITS).contains(&significant_bits(numbers.modulus))
            || !plausible(numbers)
        {
            return None;
        }
        let parts = complete(numbers)?;
        let key = Self::from_parts(&parts)?;
        let prime = is_prime(parts.prime_1.expose()) && is_prime(parts.prime_2.expose());
        prime.then_some(key)
    }

    fn from_parts(parts: &Parts) -> Option<Self> {
        Self::prepare(Key::private([
            &parts.modulus,
            &parts.public_exponent,
            parts.private_exponent.expose(),
            parts.prime_1.expose(),
            parts.prime_2.expose(),
            parts.exponent_1.expose(),
            parts.exponent_2.expose(),
            parts.coefficient.expose(),
        ])?)
    }

    fn prepare(key: Key) -> Option<Self> {
        if !(MIN_BITS..=MAX_BITS).contains(&key.bits()) {
            return None;
        }
        let exponent = key.part(Part::PrivateExponent, Some(key.size()))?;
        let substitute = Substitute::new(exponent.expose());
        Some(PrivateKey { key, substitute })
    }

    /// Every number of the key.
    ///
    /// # Errors
    /// `Internal`, which does not happen: the key has them all.
    pub fn parts(&self) -> Result<Parts> {
        let part = |part| {
            self.key
                .part(part, None)
                .ok_or(Error::Internal("an RSA key lacks a number"))
        };
        Ok(Parts {
            modulus: part(Part::Modulus)?.expose().to_vec(),
            public_exponent: part(Part::PublicExponent)?.expose().to_vec(),
            private_exponent: part(Part::PrivateExponent)?,
            prime_1: part(Part::Prime1)?,
            prime_2: part(Part::Prime2)?,
            exponent_1: part(Part::Exponent1)?,
            exponent_2: part(Part::Exponent2)?,
            coefficient: part(Part::Coefficient)?,
        })
    }

    /// The length of the modulus in bytes: of signatures and ciphertexts too.
    #[must_use]
    pub fn size(&self) -> usize {
        self.key.size()
    }

    /// The length of the modulus in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        self.key.bits()
    }

    /// `input`^d mod n. Both have the length of the modulus.
    ///
    /// # Errors
    /// `DataLenRange` for another length; `DataInvalid` for 0, 1 and everything from n − 1 on, which
    /// serves nobody but attackers.
    pub fn raw(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
        if input.len() != self.size() {
            return Err(Error::DataLenRange);
        }
        self.key.raw_private(input, out).ok_or(Error::DataInvalid)
    }

    /// Signs `data`, which the caller made, as a rule by [`super::digest_info`], by PKCS#1 v1.5 into
    /// `out`, as long as the modulus.
    ///
    /// # Errors
    /// `DataLenRange` when the data does not fit.
    pub fn sign_pkcs1(&self, data: &[u8], out: &mut [u8]) -> Result<()> {
        let block = signature_block(data, self.size()).ok_or(Error::DataLenRange)?;
        self.raw(&block, out)
    }

    /// Signs a digest by PSS into `out`, as long as the modulus.
    ///
    /// # Errors
    /// `DataLenRange` when the digest is not one of the hash, or salt and digest do not fit the key.
    pub fn sign_pss(&self, digest: &[u8], pss: Pss, out: &mut [u8]) -> Result<()> {
        self.key
            .sign_pss(digest, pss.hash, pss.mgf, pss.salt, out)
            .ok_or(Error::DataLenRange)
    }

    /// Decrypts PKCS#1 v1.5. A wrong padding, and a message of none of the `lengths`, gives a message that
    /// depends on key and ciphertext alone, never an error.
    ///
    /// # Errors
    /// `EncryptedDataLenRange`, and `EncryptedDataInvalid` for a number not below the modulus or no length
    /// that fits: what anybody can see without the key.
    pub fn decrypt_pkcs1(
        &self,
        ciphertext: &[u8],
        lengths: Option<&[usize]>,
    ) -> Result<SecretBytes> {
        if ciphertext.len() != self.size() {
            return Err(Error::EncryptedDataLenRange);
        }
        let mut block = SecretBytes::zeroed(self.size());
        self.key
            .raw_private(ciphertext, block.expose_mut())
            .ok_or(Error::EncryptedDataInvalid)?;
        self.substitute
            .message(ciphertext, &block, lengths)
            .ok_or(Error::EncryptedDataInvalid)
    }

    /// Decrypts OAEP.
    ///
    /// # Errors
    /// `EncryptedDataLenRange` for the length; `EncryptedDataInvalid` for all else.
    pub fn decrypt_oaep(&self, ciphertext: &[u8], oaep: Oaep<'_>) -> Result<SecretBytes> {
        if ciphertext.len() != self.size() {
            return Err(Error::EncryptedDataLenRange);
        }
        self.key
            .decrypt_oaep(ciphertext, oaep.hash, oaep.mgf, oaep.label)
            .ok_or(Error::EncryptedDataInvalid)
    }
}

/// The length in bits of a big-endian number without its leading zeros.
fn significant_bits(number: &[u8]) -> usize {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let head = number
        .get(zeros)
        .map_or(0, |byte| usize::try_from(byte.leading_zeros()).unwrap_or(0));
    ((number.len() - zeros) * 8).saturating_sub(head)
}

/// Whether an exponent may serve a new key: odd, at least 65537, at most 33 bits.
fn good_new_exponent(exponent: &[u8]) -> bool {
    let odd = exponent.last().is_some_and(|last| last & 1 == 1);
    odd && (17..=33).contains(&significant_bits(exponent))
}

/// Whether the sizes of the numbers can be right, so that nothing slow starts on numbers that are not.
fn plausible(numbers: &Imported<'_>) -> bool {
    let bits = significant_bits(numbers.modulus);
    let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
    let exponent = significant_bits(numbers.public_exponent);
    let secrets = [numbers.exponents, numbers.primes]
        .into_iter()
        .flatten()
        .flatten();
    let small = secrets
        .chain(numbers.coefficient)
        .all(|number| significant_bits(number) < bits);
    let primes = numbers.primes.is_none_or(|primes| {
        primes
            .iter()
            .all(|prime| odd(prime) && significant_bits(prime) <= bits.div_ceil(2))
    });
    odd(numbers.modulus)
        && odd(numbers.public_exponent)
        && (2..=33).contains(&exponent)
        && significant_bits(numbers.private_exponent) <= bits
        && significant_bits(numbers.private_exponent) > 1
        && small
        && primes
}

/// Fills in what is missing. Nothing is checked here that `Key::private` checks.
fn complete(numbers: &Imported<'_>) -> Option<Parts> {
    if let (Some([prime_1, prime_2]), Some([exponent_1, exponent_2]), Some(coefficient)) =
        (numbers.primes, numbers.exponents, numbers.coefficient)
    {
        return Some(Parts {
            modulus: numbers.modulus.to_vec(),
            public_exponent: numbers.public_exponent.to_vec(),
            private_exponent: SecretBytes::copy_of(numbers.private_exponent),
            prime_1: SecretBytes::copy_of(prime_1),
            prime_2: SecretBytes::copy_of(prime_2),
            exponent_1: SecretBytes::copy_of(exponent_1),
            exponent_2: SecretBytes::copy_of(exponent_2),
            coefficient: SecretBytes::copy_of(coefficient),
        });
    }
    let read = BoxedUint::from_be_slice_vartime;
    let primes = numbers
        .primes
        .map_or(Vec::new(), |primes| primes.map(read).to_vec());
    let key = rsa::RsaPrivateKey::from_components(
        read(numbers.modulus),
        read(numbers.public_exponent),
        read(numbers.private_exponent),
        primes,
    )
    .ok()?;
    let [prime_1, prime_2] = key.primes() else {
        return None;
    };
    let write =
        |number: &BoxedUint| SecretBytes::take(number.to_be_bytes_trimmed_vartime().into_vec());
    Some(Parts {
        modulus: numbers.modulus.to_vec(),
        public_exponent: numbers.public_exponent.to_vec(),
        private_exponent: write(key.d()),
        prime_1: write(prime_1),
        prime_2: write(prime_2),
        exponent_1: write(key.dp()?),
        exponent_2: write(key.dq()?),
        coefficient: write(&key.crt_coefficient()?),
    })
}
