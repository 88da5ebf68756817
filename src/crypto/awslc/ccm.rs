//! AES-CCM (SP 800-38C, RFC 3610) of AWS-LC, whole messages only: the mode needs their length first.

use super::owned::Owned;
use super::succeeded;
use aws_lc_sys::{EVP_CIPHER, EVP_CIPHER_CTX};
use std::os::raw::c_int;
use std::ptr;

/// The longest tag in bytes.
pub(crate) const LONGEST_TAG: usize = 16;

/// Encrypts `input` into `out`, which is as long, and writes the tag, whose length says how long it shall be.
/// `None` on lengths that CCM does not take.
pub(crate) fn seal(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    input: &[u8],
    out: &mut [u8],
    tag: &mut [u8],
) -> Option<()> {
    let message = Message::new(true, key, nonce, tag.len(), None)?;
    message.run(aad, input, out)?;
    let length = c_int::try_from(tag.len()).ok()?;
    // SAFETY: a live context; `tag` has the length that is asked for.
    let done = succeeded(unsafe {
        aws_lc_sys::EVP_CIPHER_CTX_ctrl(
            message.0.as_ptr(),
            aws_lc_sys::EVP_CTRL_AEAD_GET_TAG,
            length,
            tag.as_mut_ptr().cast(),
        )
    });
    done.then_some(())
}

/// Decrypts `input` into `room`, which is as long and not yet the caller's: AWS-LC writes before it knows the
/// tag to be right. `None` when it is not, or on lengths that CCM does not take.
pub(crate) fn open_into(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    input: &[u8],
    tag: &[u8],
    room: &mut [u8],
) -> Option<()> {
    Message::new(false, key, nonce, tag.len(), Some(tag))?.run(aad, input, room)
}

/// One message.
struct Message(Owned<EVP_CIPHER_CTX>);

impl Message {
    /// Sets up lengths, key, nonce, and for decryption the tag.
    fn new(
        encrypt: bool,
        key: &[u8],
        nonce: &[u8],
        tag_length: usize,
        tag: Option<&[u8]>,
    ) -> Option<Self> {
        let table = table(key.len())?;
        let nonce_length = c_int::try_from(nonce.len()).ok()?;
        let tag_length = c_int::try_from(tag_length)
            .ok()
            .filter(|_| tag_length <= LONGEST_TAG)?;
        // AWS-LC reads the tag only; it takes it as a pointer to change because `ctrl` does everything.
        let tag = tag.map_or(ptr::null(), <[u8]>::as_ptr);
        // SAFETY: takes nothing; the result is null or fresh.
        let context = unsafe { Owned::take(aws_lc_sys::EVP_CIPHER_CTX_new()) }?;
        let (raw, none, encrypt) = (context.as_ptr(), ptr::null_mut(), c_int::from(encrypt));
        // SAFETY: a live context and a static table, chosen by the key's length. AWS-LC is told the nonce's
        // length before it copies so many bytes of it, and `tag` is null or has the stated length.
        let ready = unsafe {
            aws_lc_sys::EVP_CipherInit_ex(raw, table, none, ptr::null(), ptr::null(), encrypt) == 1
                && aws_lc_sys::EVP_CIPHER_CTX_ctrl(
                    raw,
                    aws_lc_sys::EVP_CTRL_AEAD_SET_IVLEN,
                    nonce_length,
                    ptr::null_mut(),
                ) == 1
                && aws_lc_sys::EVP_CIPHER_CTX_ctrl(
                    raw,
                    aws_lc_sys::EVP_CTRL_AEAD_SET_TAG,
                    tag_length,
                    tag.cast_mut().cast(),
                ) == 1
                && aws_lc_sys::EVP_CipherInit_ex(
                    raw,
                    ptr::null(),
                    none,
                    key.as_ptr(),
                    nonce.as_ptr(),
                    encrypt,
                ) == 1
        };
        succeeded(c_int::from(ready)).then_some(Message(context))
    }

    /// The whole message: its length, what is authenticated only, then the data.
    fn run(&self, aad: &[u8], input: &[u8], out: &mut [u8]) -> Option<()> {
        let length = c_int::try_from(input.len())
            .ok()
            .filter(|_| out.len() == input.len())?;
        let aad_length = c_int::try_from(aad.len()).ok()?;
        let raw = self.0.as_ptr();
        let mut written = 0;
        // SAFETY: a live context; every pointer and length are of one slice each, `out` is as long as `input`
        // and apart from it. Null pointers say that a call gives the message's length or authenticated data.
        let done = unsafe {
            aws_lc_sys::EVP_CipherUpdate(
                raw,
                ptr::null_mut(),
                &raw mut written,
                ptr::null(),
                length,
            ) == 1
                && (aad.is_empty()
                    || aws_lc_sys::EVP_CipherUpdate(
                        raw,
                        ptr::null_mut(),
                        &raw mut written,
                        aad.as_ptr(),
                        aad_length,
                    ) == 1)
                && aws_lc_sys::EVP_CipherUpdate(
                    raw,
                    out.as_mut_ptr(),
                    &raw mut written,
                    input.as_ptr(),
                    length,
                ) == 1
        };
        succeeded(c_int::from(done && written == length)).then_some(())
    }
}

/// AWS-LC's table for a key of this length in bytes.
fn table(key_length: usize) -> Option<*const EVP_CIPHER> {
    // SAFETY: these functions take nothing and return pointers to static constants.
    unsafe {
        match key_length {
            16 => Some(aws_lc_sys::EVP_aes_128_ccm()),
            24 => Some(aws_lc_sys::EVP_aes_192_ccm()),
            32 => Some(aws_lc_sys::EVP_aes_256_ccm()),
            _ => None,
        }
    }
}
