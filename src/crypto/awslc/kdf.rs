//! PBKDF2 (RFC 8018) and the pseudorandom functions of TLS (RFC 2246, RFC 5246) of AWS-LC.

use super::hash::table_of;
use super::succeeded;
use crate::crypto::hash::Hash;

/// Fills `out` from a password. `None` on failure.
pub(crate) fn pbkdf2(
    hash: Hash,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    out: &mut [u8],
) -> Option<()> {
    let table = table_of(hash)?;
    // SAFETY: a static table; every pointer and length are of one slice each, and `out` is apart from the rest.
    let done = succeeded(unsafe {
        aws_lc_sys::PKCS5_PBKDF2_HMAC(
            password.as_ptr().cast(),
            password.len(),
            salt.as_ptr(),
            salt.len(),
            iterations,
            table,
            out.len(),
            out.as_mut_ptr(),
        )
    });
    done.then_some(())
}

/// Fills `out` from a secret, a label and a seed: by the function of TLS 1.2 with a hash, without one by that of
/// TLS 1.0 and 1.1. `None` on failure.
pub(crate) fn tls_prf(
    hash: Option<Hash>,
    secret: &[u8],
    label: &[u8],
    seed: [&[u8]; 2],
    out: &mut [u8],
) -> Option<()> {
    let table = match hash {
        Some(hash) => table_of(hash)?,
        // SAFETY: takes nothing and returns a pointer to a static constant.
        None => unsafe { aws_lc_sys::EVP_md5_sha1() },
    };
    let [first, second] = seed;
    // SAFETY: a static table; every pointer and length are of one slice each, and `out` is apart from the rest.
    let done = succeeded(unsafe {
        aws_lc_sys::CRYPTO_tls1_prf(
            table,
            out.as_mut_ptr(),
            out.len(),
            secret.as_ptr(),
            secret.len(),
            label.as_ptr().cast(),
            label.len(),
            first.as_ptr(),
            first.len(),
            second.as_ptr(),
            second.len(),
        )
    });
    done.then_some(())
}
