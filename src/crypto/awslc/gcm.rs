//! AES-GCM (SP 800-38D) of AWS-LC: whole messages under a key prepared once, and messages in parts.

use super::owned::Owned;
use super::succeeded;
use crate::secret::SecretBytes;
use aws_lc_sys::{EVP_AEAD, EVP_AEAD_CTX, EVP_CIPHER, EVP_CIPHER_CTX};
use std::os::raw::c_int;
use std::ptr;

/// The length of the whole tag in bytes.
const TAG: usize = 16;

/// A key for whole messages. AWS-LC takes it as `const` in every use.
pub(crate) struct Key(Owned<EVP_AEAD_CTX>);

// SAFETY: `include/openssl/aead.h`: a context may be used from several threads at once once it is made;
// nothing here changes it afterwards.
unsafe impl Send for Key {}
// SAFETY: as above.
unsafe impl Sync for Key {}

impl Key {
    /// Prepares a key of 16, 24 or 32 bytes for tags of `tag_length` bytes; `None` for other lengths.
    pub(crate) fn new(key: &[u8], tag_length: usize) -> Option<Self> {
        // SAFETY: null or one of AWS-LC's static constants.
        let table = unsafe { aead_table(key.len())?.as_ref() }?;
        Self::of(table, key, tag_length)
    }

    /// Prepares a key for one of AWS-LC's static tables; `None` where it does not take the lengths.
    pub(super) fn of(table: &'static EVP_AEAD, key: &[u8], tag_length: usize) -> Option<Self> {
        // SAFETY: a static table; pointer and length are of one slice, which the call copies.
        let context =
            unsafe { aws_lc_sys::EVP_AEAD_CTX_new(table, key.as_ptr(), key.len(), tag_length) };
        // SAFETY: null or fresh.
        unsafe { Owned::take(context) }.map(Key)
    }

    /// Encrypts `input` into `out`, which is as long; the 16-byte tag. `None` on failure, which leaves
    /// nothing of use in `out`.
    pub(crate) fn seal(
        &self,
        iv: &[u8],
        aad: &[u8],
        input: &[u8],
        out: &mut [u8],
    ) -> Option<[u8; TAG]> {
        if out.len() != input.len() {
            return None;
        }
        let mut tag = [0; TAG];
        let mut tag_length = 0;
        // SAFETY: a live context; every pointer and length are of one slice each, `out` is as long as
        // `input` and apart from it, `tag_length` is a local.
        let done = succeeded(unsafe {
            aws_lc_sys::EVP_AEAD_CTX_seal_scatter(
                self.0.as_ptr(),
                out.as_mut_ptr(),
                tag.as_mut_ptr(),
                &raw mut tag_length,
                tag.len(),
                iv.as_ptr(),
                iv.len(),
                input.as_ptr(),
                input.len(),
                ptr::null(),
                0,
                aad.as_ptr(),
                aad.len(),
            )
        });
        (done && tag_length == TAG).then_some(tag)
    }

    /// Decrypts `input` into a buffer of its own, given out only when the tag, of the length that the
    /// key was made for, is right.
    pub(crate) fn open(
        &self,
        iv: &[u8],
        aad: &[u8],
        input: &[u8],
        tag: &[u8],
    ) -> Option<SecretBytes> {
        let mut out = SecretBytes::zeroed(input.len());
        self.open_into(iv, aad, input, tag, out.expose_mut())
            .then_some(out)
    }

    /// Decrypts `input` into `room`, which is as long and not yet the caller's: AWS-LC writes before
    /// it knows the tag to be right, which the answer tells.
    #[must_use]
    pub(crate) fn open_into(
        &self,
        iv: &[u8],
        aad: &[u8],
        input: &[u8],
        tag: &[u8],
        room: &mut [u8],
    ) -> bool {
        if room.len() != input.len() {
            return false;
        }
        // SAFETY: a live context; every pointer and length are of one slice each, and `room` is as long
        // as `input` and apart from it.
        succeeded(unsafe {
            aws_lc_sys::EVP_AEAD_CTX_open_gather(
                self.0.as_ptr(),
                room.as_mut_ptr(),
                iv.as_ptr(),
                iv.len(),
                input.as_ptr(),
                input.len(),
                tag.as_ptr(),
                tag.len(),
                aad.as_ptr(),
                aad.len(),
            )
        })
    }
}

/// An encryption in parts.
pub(crate) struct Stream(Owned<EVP_CIPHER_CTX>);

// SAFETY: a context is plain memory that belongs to no thread; it is changed through `&mut` only.
unsafe impl Send for Stream {}

impl Stream {
    /// Starts a message with an IV of any length but 0 and the data that is authenticated only. `None`
    /// on lengths that AES-GCM does not take.
    pub(crate) fn new(key: &[u8], iv: &[u8], aad: &[u8]) -> Option<Self> {
        let table = cipher_table(key.len())?;
        let iv_length = c_int::try_from(iv.len())
            .ok()
            .filter(|length| *length > 0)?;
        // SAFETY: takes nothing; the result is null or fresh.
        let context = unsafe { Owned::take(aws_lc_sys::EVP_CIPHER_CTX_new()) }?;
        let raw = context.as_ptr();
        let none = ptr::null_mut();
        // SAFETY: a live context and a static table; the calls copy key and IV. The second call has
        // told AWS-LC the IV's length, and `cipher_table` chose the table by the key's.
        let ready = unsafe {
            aws_lc_sys::EVP_EncryptInit_ex(raw, table, none, ptr::null(), ptr::null()) == 1
                && aws_lc_sys::EVP_CIPHER_CTX_ctrl(
                    raw,
                    aws_lc_sys::EVP_CTRL_AEAD_SET_IVLEN,
                    iv_length,
                    ptr::null_mut(),
                ) == 1
                && aws_lc_sys::EVP_EncryptInit_ex(raw, ptr::null(), none, key.as_ptr(), iv.as_ptr())
                    == 1
        };
        let mut stream = Stream(context);
        let done = ready
            && aad
                .chunks(PART)
                .all(|part| stream.step(part, ptr::null_mut()));
        succeeded(c_int::from(done)).then_some(stream)
    }

    /// Encrypts the next part into `out`, which is as long. `None` on failure.
    pub(crate) fn update(&mut self, input: &[u8], out: &mut [u8]) -> Option<()> {
        if out.len() != input.len() {
            return None;
        }
        let mut parts = input.chunks(PART).zip(out.chunks_mut(PART));
        let done = parts.all(|(part, out)| self.step(part, out.as_mut_ptr()));
        succeeded(c_int::from(done)).then_some(())
    }

    /// Takes the next part of the data that is authenticated only, before any that is encrypted. `None` on
    /// failure.
    pub(crate) fn authenticate(&mut self, data: &[u8]) -> Option<()> {
        let done = data
            .chunks(PART)
            .all(|part| self.step(part, ptr::null_mut()));
        succeeded(c_int::from(done)).then_some(())
    }

    /// The tag of the whole message. `None` on failure.
    pub(crate) fn finish(self) -> Option<[u8; TAG]> {
        let mut tag = [0; TAG];
        let mut written = 0;
        // SAFETY: a live context; the last call writes no ciphertext in this mode, and the tag has the
        // 16 bytes that are asked for.
        let done = unsafe {
            aws_lc_sys::EVP_EncryptFinal_ex(self.0.as_ptr(), tag.as_mut_ptr(), &raw mut written)
                == 1
                && aws_lc_sys::EVP_CIPHER_CTX_ctrl(
                    self.0.as_ptr(),
                    aws_lc_sys::EVP_CTRL_AEAD_GET_TAG,
                    16,
                    tag.as_mut_ptr().cast(),
                ) == 1
        };
        succeeded(c_int::from(done)).then_some(tag)
    }

    /// One part of at most [`PART`] bytes. `out` is null for data that is authenticated only, else has
    /// room for as many bytes.
    fn step(&mut self, part: &[u8], out: *mut u8) -> bool {
        let Ok(length) = c_int::try_from(part.len()) else {
            return false;
        };
        let mut written = 0;
        // SAFETY: a live context; pointer and length are of one slice, at most `PART` and so an int;
        // `out` is null or has room, as both callers see to. GCM writes just what it reads.
        let done = unsafe {
            aws_lc_sys::EVP_EncryptUpdate(
                self.0.as_ptr(),
                out,
                &raw mut written,
                part.as_ptr(),
                length,
            )
        };
        done == 1 && written == length
    }
}

/// Whether this processor has what AWS-LC's fastest code for GCM needs: AES and the carry-less product over vectors
/// of 512 bits. A call and a fresh key are cheap there as well.
pub(crate) fn wide_vectors() -> bool {
    #[cfg(target_arch = "x86_64")]
    return is_x86_feature_detected!("vaes")
        && is_x86_feature_detected!("vpclmulqdq")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// The longest part that AWS-LC is handed at once; its interface counts in `int`.
const PART: usize = 1 << 30;

/// AWS-LC's table for whole messages under a key of this length in bytes.
fn aead_table(key_length: usize) -> Option<*const EVP_AEAD> {
    // SAFETY: these functions take nothing and return pointers to static constants.
    unsafe {
        match key_length {
            16 => Some(aws_lc_sys::EVP_aead_aes_128_gcm()),
            24 => Some(aws_lc_sys::EVP_aead_aes_192_gcm()),
            32 => Some(aws_lc_sys::EVP_aead_aes_256_gcm()),
            _ => None,
        }
    }
}

/// AWS-LC's table for messages in parts under a key of this length in bytes.
fn cipher_table(key_length: usize) -> Option<*const EVP_CIPHER> {
    // SAFETY: these functions take nothing and return pointers to static constants.
    unsafe {
        match key_length {
            16 => Some(aws_lc_sys::EVP_aes_128_gcm()),
            24 => Some(aws_lc_sys::EVP_aes_192_gcm()),
            32 => Some(aws_lc_sys::EVP_aes_256_gcm()),
            _ => None,
        }
    }
}
