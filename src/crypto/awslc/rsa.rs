//! RSA keys and the raw operations, PSS and OAEP on them.

use super::hash::table_of;
use super::owned::{Number, Owned, bytes_of};
use super::{forget_errors, succeeded};
use crate::crypto::hash::Hash;
use crate::secret::SecretBytes;
use aws_lc_sys::{EVP_PKEY, EVP_PKEY_CTX, RSA};
use std::os::raw::c_int;
use std::ptr::null_mut;

/// A part of an RSA key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    /// n
    Modulus,
    /// e
    PublicExponent,
    /// d
    PrivateExponent,
    /// p
    Prime1,
    /// q
    Prime2,
    /// d mod (p − 1)
    Exponent1,
    /// d mod (q − 1)
    Exponent2,
    /// q⁻¹ mod p
    Coefficient,
}

/// An RSA key, public or private, that never changes.
pub(crate) struct Key {
    key: Owned<EVP_PKEY>,
    size: usize,
}

// SAFETY: see point 3 of the module: all operations are `&self` and AWS-LC guards its caches by a lock.
unsafe impl Send for Key {}
// SAFETY: as for `Send`.
unsafe impl Sync for Key {}

impl Key {
    /// A public key from big-endian n and e. `None` unless n is odd and e odd, from 3 to 33 bits long.
    pub(crate) fn public(n: &[u8], e: &[u8]) -> Option<Self> {
        let (n, e) = (Number::from_bytes(n)?, Number::from_bytes(e)?);
        // SAFETY: both numbers are live; the function copies them.
        Self::adopt(unsafe { aws_lc_sys::RSA_new_public_key(n.as_ptr(), e.as_ptr()) })
    }

    /// A private key from big-endian n, e, d, p, q, d mod (p−1), d mod (q−1), q⁻¹ mod p.
    /// `None` unless the public part is good and the eight agree (`RSA_check_key`); the primes are not
    /// tested for being prime.
    pub(crate) fn private(parts: [&[u8]; 8]) -> Option<Self> {
        let [n, e, d, p, q, dp, dq, qi] = parts.map(Number::from_bytes);
        let (n, e, d, p, q, dp, dq, qi) = (n?, e?, d?, p?, q?, dp?, dq?, qi?);
        // SAFETY: all numbers are live; the function copies them.
        Self::adopt(unsafe {
            aws_lc_sys::RSA_new_private_key(
                n.as_ptr(),
                e.as_ptr(),
                d.as_ptr(),
                p.as_ptr(),
                q.as_ptr(),
                dp.as_ptr(),
                dq.as_ptr(),
                qi.as_ptr(),
            )
        })
    }

    /// Makes a new private key with a modulus of `bits` bits, a multiple of 128, and exponent e.
    pub(crate) fn generate(bits: usize, e: &[u8]) -> Option<Self> {
        let bits = c_int::try_from(bits).ok()?;
        let e = Number::from_bytes(e)?;
        // SAFETY: no argument; the result is owned below on every path.
        let key = unsafe { aws_lc_sys::RSA_new() };
        if key.is_null() {
            forget_errors();
            return None;
        }
        // SAFETY: the key is fresh, the exponent live; no progress callback.
        if succeeded(unsafe { aws_lc_sys::RSA_generate_key_ex(key, bits, e.as_ptr(), null_mut()) })
        {
            return Self::adopt(key);
        }
        // SAFETY: the key is ours and used no more.
        unsafe { aws_lc_sys::RSA_free(key) }
        None
    }

    /// Takes over a fresh key.
    fn adopt(rsa: *mut RSA) -> Option<Self> {
        if rsa.is_null() {
            forget_errors();
            return None;
        }
        // SAFETY: no argument; `take` checks for null.
        let holder = unsafe { Owned::take(aws_lc_sys::EVP_PKEY_new()) };
        let held = holder.filter(|holder| {
            // SAFETY: both are live; on success the holder owns `rsa`.
            succeeded(unsafe { aws_lc_sys::EVP_PKEY_assign_RSA(holder.as_ptr(), rsa) })
        });
        let Some(key) = held else {
            // SAFETY: nobody took `rsa`.
            unsafe { aws_lc_sys::RSA_free(rsa) }
            return None;
        };
        // SAFETY: `rsa` is live, owned by `key` from here on.
        let size = usize::try_from(unsafe { aws_lc_sys::RSA_size(rsa) }).ok()?;
        Some(Key { key, size })
    }

    fn rsa(&self) -> *mut RSA {
        // SAFETY: the holder is live and holds an RSA key, which lives as long.
        unsafe { aws_lc_sys::EVP_PKEY_get0_RSA(self.key.as_ptr()) }
    }

    /// The length of the modulus in bytes.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// The length of the modulus in bits.
    pub(crate) fn bits(&self) -> usize {
        // SAFETY: the key is live.
        usize::try_from(unsafe { aws_lc_sys::RSA_bits(self.rsa()) }).unwrap_or(0)
    }

    /// The big-endian bytes of a part, `length` of them or as many as it needs; `None` when the key
    /// lacks it or it needs more.
    pub(crate) fn part(&self, part: Part, length: Option<usize>) -> Option<SecretBytes> {
        let get = match part {
            Part::Modulus => aws_lc_sys::RSA_get0_n,
            Part::PublicExponent => aws_lc_sys::RSA_get0_e,
            Part::PrivateExponent => aws_lc_sys::RSA_get0_d,
            Part::Prime1 => aws_lc_sys::RSA_get0_p,
            Part::Prime2 => aws_lc_sys::RSA_get0_q,
            Part::Exponent1 => aws_lc_sys::RSA_get0_dmp1,
            Part::Exponent2 => aws_lc_sys::RSA_get0_dmq1,
            Part::Coefficient => aws_lc_sys::RSA_get0_iqmp,
        };
        // SAFETY: the key is live; the borrowed number lives as long, and is null where it is missing.
        unsafe { bytes_of(get(self.rsa()), length) }
    }

    /// input^e mod n, both as long as the modulus. `None` when the input is not below n.
    pub(crate) fn raw_public(&self, input: &[u8], out: &mut [u8]) -> Option<()> {
        if input.len() != self.size || out.len() != self.size {
            return None;
        }
        let mut written = 0;
        // SAFETY: lengths checked above; pointers and lengths of one slice each.
        let code = unsafe {
            aws_lc_sys::RSA_verify_raw(
                self.rsa(),
                &raw mut written,
                out.as_mut_ptr(),
                out.len(),
                input.as_ptr(),
                input.len(),
                aws_lc_sys::RSA_NO_PADDING,
            )
        };
        (succeeded(code) && written == self.size).then_some(())
    }

    /// input^d mod n, both as long as the modulus: blinded, by the Chinese remainders, and checked with
    /// e before it is given out. `None` when the input is 0, 1, n − 1 or more, or the key is public.
    pub(crate) fn raw_private(&self, input: &[u8], out: &mut [u8]) -> Option<()> {
        if input.len() != self.size || out.len() != self.size {
            return None;
        }
        let mut written = 0;
        // SAFETY: lengths checked above; pointers and lengths of one slice each.
        let code = unsafe {
            aws_lc_sys::RSA_sign_raw(
                self.rsa(),
                &raw mut written,
                out.as_mut_ptr(),
                out.len(),
                input.as_ptr(),
                input.len(),
                aws_lc_sys::RSA_NO_PADDING,
            )
        };
        (succeeded(code) && written == self.size).then_some(())
    }

    /// Signs a digest by PSS with a salt of `salt` bytes. `None` when the key is too small for them or
    /// the digest is not one of `hash`.
    pub(crate) fn sign_pss(
        &self,
        digest: &[u8],
        hash: Hash,
        mgf: Hash,
        salt: usize,
        out: &mut [u8],
    ) -> Option<()> {
        if out.len() != self.size || digest.len() != hash.length() {
            return None;
        }
        let salt = c_int::try_from(salt).ok()?;
        let (hash, mgf) = (table_of(hash)?, table_of(mgf)?);
        let mut written = 0;
        // SAFETY: lengths checked above; pointers and lengths of one slice each; static hash tables.
        let code = unsafe {
            aws_lc_sys::RSA_sign_pss_mgf1(
                self.rsa(),
                &raw mut written,
                out.as_mut_ptr(),
                out.len(),
                digest.as_ptr(),
                digest.len(),
                hash,
                mgf,
                salt,
            )
        };
        (succeeded(code) && written == self.size).then_some(())
    }

    /// Whether a PSS signature with a salt of just `salt` bytes fits the digest.
    pub(crate) fn verify_pss(
        &self,
        digest: &[u8],
        hash: Hash,
        mgf: Hash,
        salt: usize,
        signature: &[u8],
    ) -> bool {
        let tables = (table_of(hash), table_of(mgf));
        let (Ok(salt), (Some(table), Some(mgf))) = (c_int::try_from(salt), tables) else {
            return false;
        };
        if signature.len() != self.size || digest.len() != hash.length() {
            return false;
        }
        let hash = table;
        // SAFETY: lengths checked above; pointers and lengths of one slice each; static hash tables.
        succeeded(unsafe {
            aws_lc_sys::RSA_verify_pss_mgf1(
                self.rsa(),
                digest.as_ptr(),
                digest.len(),
                hash,
                mgf,
                salt,
                signature.as_ptr(),
                signature.len(),
            )
        })
    }

    /// Encrypts by PKCS#1 v1.5 into `out`, as long as the modulus. `None` when the message is too long.
    pub(crate) fn encrypt_pkcs1(&self, message: &[u8], out: &mut [u8]) -> Option<()> {
        if out.len() != self.size {
            return None;
        }
        let mut written = 0;
        // SAFETY: lengths checked above; pointers and lengths of one slice each.
        let code = unsafe {
            aws_lc_sys::RSA_encrypt(
                self.rsa(),
                &raw mut written,
                out.as_mut_ptr(),
                out.len(),
                message.as_ptr(),
                message.len(),
                aws_lc_sys::RSA_PKCS1_PADDING,
            )
        };
        (succeeded(code) && written == self.size).then_some(())
    }

    /// The encoded message of OAEP for `message`, as long as the modulus. `None` when it does not fit.
    pub(crate) fn oaep_encode(
        &self,
        message: &[u8],
        hash: Hash,
        mgf: Hash,
        label: &[u8],
    ) -> Option<SecretBytes> {
        let (hash, mgf) = (table_of(hash)?, table_of(mgf)?);
        let mut out = SecretBytes::zeroed(self.size);
        let room = out.expose_mut();
        // SAFETY: pointers and lengths of one slice each; static hash tables.
        let code = unsafe {
            aws_lc_sys::RSA_padding_add_PKCS1_OAEP_mgf1(
                room.as_mut_ptr(),
                room.len(),
                message.as_ptr(),
                message.len(),
                label.as_ptr(),
                label.len(),
                hash,
                mgf,
            )
        };
        succeeded(code).then_some(out)
    }

    /// Decrypts an OAEP ciphertext. `None`, in constant time, for everything that is wrong with it.
    pub(crate) fn decrypt_oaep(
        &self,
        input: &[u8],
        hash: Hash,
        mgf: Hash,
        label: &[u8],
    ) -> Option<SecretBytes> {
        let (hash, mgf) = (table_of(hash)?, table_of(mgf)?);
        // SAFETY: the key is live; the context keeps its own reference.
        let context =
            unsafe { Owned::take(aws_lc_sys::EVP_PKEY_CTX_new(self.key.as_ptr(), null_mut())) }?;
        let pointer = context.as_ptr();
        // SAFETY: the context is live and set up for decryption before its settings are; static tables.
        let ready = unsafe {
            succeeded(aws_lc_sys::EVP_PKEY_decrypt_init(pointer))
                && succeeded(aws_lc_sys::EVP_PKEY_CTX_set_rsa_padding(
                    pointer,
                    aws_lc_sys::RSA_PKCS1_OAEP_PADDING,
                ))
                && succeeded(aws_lc_sys::EVP_PKEY_CTX_set_rsa_oaep_md(pointer, hash))
                && succeeded(aws_lc_sys::EVP_PKEY_CTX_set_rsa_mgf1_md(pointer, mgf))
        };
        if !ready || !set_label(&context, label) {
            return None;
        }
        let mut plain = SecretBytes::zeroed(self.size);
        let room = plain.expose_mut();
        let mut written = room.len();
        // SAFETY: pointers and lengths of one slice each; `written` holds the room on entry.
        let code = unsafe {
            aws_lc_sys::EVP_PKEY_decrypt(
                pointer,
                room.as_mut_ptr(),
                &raw mut written,
                input.as_ptr(),
                input.len(),
            )
        };
        let good = succeeded(code);
        plain
            .expose()
            .get(..written)
            .filter(|_| good)
            .map(SecretBytes::copy_of)
    }
}

/// Gives an OAEP context its label.
fn set_label(context: &Owned<EVP_PKEY_CTX>, label: &[u8]) -> bool {
    if label.is_empty() {
        return true;
    }
    // SAFETY: the memory is as long as the label and apart from it; the context takes it over only when
    // it says so, and otherwise it is freed here, once.
    unsafe {
        let copy = aws_lc_sys::OPENSSL_malloc(label.len()).cast::<u8>();
        if copy.is_null() {
            forget_errors();
            return false;
        }
        std::ptr::copy_nonoverlapping(label.as_ptr(), copy, label.len());
        let taken = succeeded(aws_lc_sys::EVP_PKEY_CTX_set0_rsa_oaep_label(
            context.as_ptr(),
            copy,
            label.len(),
        ));
        if !taken {
            aws_lc_sys::OPENSSL_free(copy.cast());
        }
        taken
    }
}

/// Rounds of Miller-Rabin with random bases. A composite number made to deceive passes with a chance below
/// 2⁻¹⁶, and deceives its maker alone; any other is found by the first round. More rounds would let large
/// keys keep a caller waiting: these take 20 ms for the primes of 2048 bits, 1.2 s for those of 8192.
const PRIME_ROUNDS: c_int = 8;

/// Whether a big-endian number is prime. The caller bounds its size; the time grows with its cube.
pub(crate) fn is_prime(number: &[u8]) -> bool {
    let Some(number) = Number::from_bytes(number) else {
        return false;
    };
    let mut prime = 0;
    // SAFETY: the number is live; a null context makes a temporary one; no progress callback.
    let code = unsafe {
        let context = aws_lc_sys::BN_CTX_new();
        let code = aws_lc_sys::BN_primality_test(
            &raw mut prime,
            number.as_ptr(),
            PRIME_ROUNDS,
            context,
            1,
            null_mut(),
        );
        aws_lc_sys::BN_CTX_free(context);
        code
    };
    succeeded(code) && prime == 1
}
