//! Many keys in one vendor call, to be set beside the workloads of one key.

use crate::support::{Mech, Session, Template};
use crate::vendor_list::Batches;
use crate::workloads::{Keys, Work, check, plain};
use cryptoki_sys::*;

/// Keys in a batch.
const COUNT: usize = 128;
/// A wrapped AES-256 key, in bytes.
const EACH: CK_ULONG = 40;

/// `KW_WrapKeys` of one key that may leave, so many times.
pub(crate) fn wrap<'s>(s: &'s Session, keys: &Keys) -> Work<'s> {
    let call = Batches::of_module().wrap_keys;
    let (kek, mut batch, mut out) = (keys.kek, [keys.target; COUNT], [0; 40 * COUNT]);
    Box::new(move || {
        let (mut kind, mut length) = (plain(CKM_AES_KEY_WRAP), out.len() as CK_ULONG);
        // SAFETY: every pointer is of memory that lives, of the length given.
        check(unsafe {
            call(
                s.handle,
                &raw mut kind,
                kek,
                batch.as_mut_ptr(),
                COUNT as CK_ULONG,
                EACH,
                out.as_mut_ptr(),
                &raw mut length,
            )
        });
    })
}

/// `KW_UnwrapKeys`, and each key destroyed.
pub(crate) fn unwrap<'s>(s: &'s Session, keys: &Keys) -> Work<'s> {
    let call = Batches::of_module().unwrap_keys;
    let (kek, mut made) = (keys.kek, [0; COUNT]);
    let one = s
        .wrap(&Mech::plain(CKM_AES_KEY_WRAP), kek, keys.target)
        .expect("a wrapped key");
    let mut wrapped = one.repeat(COUNT);
    let mut template = Template::secret(CKK_AES)
        .no(&[CKA_TOKEN, CKA_EXTRACTABLE])
        .yes(&[CKA_SENSITIVE, CKA_ENCRYPT, CKA_DECRYPT])
        .raw();
    Box::new(move || {
        let mut kind = plain(CKM_AES_KEY_WRAP);
        // SAFETY: every pointer is of memory that lives, of the length given.
        check(unsafe {
            call(
                s.handle,
                &raw mut kind,
                kek,
                wrapped.as_mut_ptr(),
                wrapped.len() as CK_ULONG,
                EACH,
                template.ptr(),
                template.len(),
                made.as_mut_ptr(),
            )
        });
        for key in made {
            check(call!(C_DestroyObject(s.handle, key)));
        }
    })
}
