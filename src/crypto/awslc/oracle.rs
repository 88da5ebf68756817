//! AWS-LC's symmetric primitives, for differential tests only.

use super::hash::table_of;
use super::owned::Owned;
use crate::crypto::hash::Hash;
use aws_lc_sys::{AES_KEY, EVP_CIPHER};
use std::mem::MaybeUninit;
use std::os::raw::{c_int, c_uint};
use std::ptr;

/// The digest of `data`.
/// Whether AWS-LC has a hash.
pub(crate) fn knows(hash: Hash) -> bool {
    table_of(hash).is_some()
}

/// Whether AWS-LC has HMAC with a hash.
pub(crate) fn knows_hmac(hash: Hash) -> bool {
    hash != Hash::Blake2b256 && knows(hash)
}

pub(crate) fn digest(hash: Hash, data: &[u8]) -> Vec<u8> {
    let mut out = vec![0; hash.length()];
    let mut length: c_uint = 0;
    // SAFETY: lengths are of their slices, and the output is as long as the hash's digest.
    let done = unsafe {
        aws_lc_sys::EVP_Digest(
            data.as_ptr().cast(),
            data.len(),
            out.as_mut_ptr(),
            &raw mut length,
            table_of(hash).unwrap(),
            ptr::null_mut(),
        )
    };
    assert_eq!(done, 1);
    out
}

/// The MAC of `data`.
pub(crate) fn hmac(hash: Hash, key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut out = vec![0; hash.length()];
    let mut length: c_uint = 0;
    // SAFETY: lengths are of their slices, and the output is as long as the hash's digest.
    let done = unsafe {
        aws_lc_sys::HMAC(
            table_of(hash).unwrap(),
            key.as_ptr().cast(),
            key.len(),
            data.as_ptr(),
            data.len(),
            out.as_mut_ptr(),
            &raw mut length,
        )
    };
    assert!(!done.is_null());
    out
}

/// `length` bytes of HKDF.
pub(crate) fn hkdf(hash: Hash, salt: &[u8], secret: &[u8], info: &[u8], length: usize) -> Vec<u8> {
    let mut out = vec![0; length];
    // SAFETY: lengths are of their slices.
    let done = unsafe {
        aws_lc_sys::HKDF(
            out.as_mut_ptr(),
            out.len(),
            table_of(hash).unwrap(),
            secret.as_ptr(),
            secret.len(),
            salt.as_ptr(),
            salt.len(),
            info.as_ptr(),
            info.len(),
        )
    };
    assert_eq!(done, 1);
    out
}

/// The CMAC of `data`, for keys of 16 and 32 bytes.
pub(crate) fn cmac(key: &[u8], data: &[u8]) -> [u8; 16] {
    let mut out = [0; 16];
    // SAFETY: lengths are of their slices; a MAC has 16 bytes.
    let done = unsafe {
        aws_lc_sys::AES_CMAC(
            out.as_mut_ptr(),
            key.as_ptr(),
            key.len(),
            data.as_ptr(),
            data.len(),
        )
    };
    assert_eq!(done, 1);
    out
}

/// A mode of AWS-LC without padding.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mode {
    Ecb,
    Cbc,
    Ctr,
}

/// `data`, encrypted.
pub(crate) fn encrypt(mode: Mode, key: &[u8], iv: &[u8; 16], data: &[u8]) -> Vec<u8> {
    let mut out = vec![0; data.len() + 16];
    let length = c_int::try_from(data.len()).unwrap();
    let mut written = 0;
    // SAFETY: a fresh context; the table fits the key's length, IVs have 16 bytes, and the output has
    // room for a block more than the input.
    let done = unsafe {
        let context = Owned::take(aws_lc_sys::EVP_CIPHER_CTX_new()).unwrap();
        let raw = context.as_ptr();
        let (table, engine) = (table(mode, key.len()), ptr::null_mut());
        aws_lc_sys::EVP_EncryptInit_ex(raw, table, engine, key.as_ptr(), iv.as_ptr()) == 1
            && aws_lc_sys::EVP_CIPHER_CTX_set_padding(raw, 0) == 1
            && aws_lc_sys::EVP_EncryptUpdate(
                raw,
                out.as_mut_ptr(),
                &raw mut written,
                data.as_ptr(),
                length,
            ) == 1
    };
    assert!(done);
    assert_eq!(written, length);
    out.truncate(data.len());
    out
}

fn table(mode: Mode, key_length: usize) -> *const EVP_CIPHER {
    // SAFETY: these functions take nothing and return pointers to static constants.
    unsafe {
        match (mode, key_length) {
            (Mode::Ecb, 16) => aws_lc_sys::EVP_aes_128_ecb(),
            (Mode::Ecb, 24) => aws_lc_sys::EVP_aes_192_ecb(),
            (Mode::Ecb, _) => aws_lc_sys::EVP_aes_256_ecb(),
            (Mode::Cbc, 16) => aws_lc_sys::EVP_aes_128_cbc(),
            (Mode::Cbc, 24) => aws_lc_sys::EVP_aes_192_cbc(),
            (Mode::Cbc, _) => aws_lc_sys::EVP_aes_256_cbc(),
            (Mode::Ctr, 16) => aws_lc_sys::EVP_aes_128_ctr(),
            (Mode::Ctr, 24) => aws_lc_sys::EVP_aes_192_ctr(),
            (Mode::Ctr, _) => aws_lc_sys::EVP_aes_256_ctr(),
        }
    }
}

/// KW of `data` with the default initial value.
pub(crate) fn wrap(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut out = vec![0; data.len() + 8];
    let key = schedule(key);
    // SAFETY: a schedule that is set; the output has room for one semiblock more than the input.
    let written = unsafe {
        aws_lc_sys::AES_wrap_key(
            &raw const key,
            ptr::null(),
            out.as_mut_ptr(),
            data.as_ptr(),
            data.len(),
        )
    };
    assert_eq!(usize::try_from(written).unwrap(), out.len());
    out
}

/// KWP of `data`.
pub(crate) fn wrap_padded(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut out = vec![0; data.len() + 16];
    let key = schedule(key);
    let mut written = 0;
    // SAFETY: a schedule that is set; the call knows how much room the output has.
    let done = unsafe {
        aws_lc_sys::AES_wrap_key_padded(
            &raw const key,
            out.as_mut_ptr(),
            &raw mut written,
            out.len(),
            data.as_ptr(),
            data.len(),
        )
    };
    assert_eq!(done, 1);
    out.truncate(written);
    out
}

fn schedule(key: &[u8]) -> AES_KEY {
    let mut schedule = MaybeUninit::uninit();
    let bits = c_uint::try_from(8 * key.len()).unwrap();
    // SAFETY: the key has as many bits as is said, and the call sets the whole schedule.
    unsafe {
        assert_eq!(
            aws_lc_sys::AES_set_encrypt_key(key.as_ptr(), bits, schedule.as_mut_ptr()),
            0
        );
        schedule.assume_init()
    }
}
