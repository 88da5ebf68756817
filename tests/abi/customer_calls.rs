//! The vendor's functions on customer keys, as the tests call them: by the two-call rule.

use crate::support::*;
use crate::vendor_list::{Bytes, Functions, Handle, Info, Known, Length};
use cryptoki_sys::*;
use std::ptr::null_mut;

pub(crate) const TENANT: CK_ATTRIBUTE_TYPE = 0x804B_5709;
pub(crate) const POLICY: CK_ATTRIBUTE_TYPE = 0x804B_570B;

/// A session, and the vendor's functions.
pub(crate) struct Customer<'s> {
    session: &'s Session,
    functions: Functions,
}

fn at(bytes: &[u8]) -> Bytes {
    bytes.as_ptr().cast_mut()
}

fn len(bytes: &[u8]) -> CK_ULONG {
    CK_ULONG::try_from(bytes.len()).unwrap()
}

// SAFETY throughout: every pointer is of memory that lives, of the length given.
impl<'s> Customer<'s> {
    pub(crate) fn new(session: &'s Session) -> Self {
        Customer {
            session,
            functions: Functions::of_module(),
        }
    }

    pub(crate) fn functions(&self) -> Functions {
        self.functions
    }

    pub(crate) fn create(
        &self,
        label: &[u8],
        more: &[(CK_ATTRIBUTE_TYPE, &[u8])],
    ) -> Outcome<(Handle, Known)> {
        let template = Template::new().bytes(CKA_LABEL, label);
        let template = more
            .iter()
            .fold(template, |all, (kind, value)| all.bytes(*kind, value));
        let (mut raw, mut key, mut info) = (template.raw(), 0, Info::empty());
        let count = raw.len();
        // SAFETY: as above.
        ok(unsafe {
            (self.functions.create)(
                self.session.handle,
                raw.ptr(),
                count,
                0,
                &raw mut key,
                &raw mut info,
            )
        })?;
        Ok((key, info.known()))
    }

    pub(crate) fn rotate(&self, key: Handle, material: Handle) -> Outcome<(Handle, Known)> {
        let (mut newest, mut info) = (0, Info::empty());
        // SAFETY: as above.
        ok(unsafe {
            (self.functions.rotate)(
                self.session.handle,
                key,
                material,
                &raw mut newest,
                &raw mut info,
            )
        })?;
        Ok((newest, info.known()))
    }

    pub(crate) fn info(&self, key: Handle, version: CK_ULONG) -> Outcome<(Handle, Known)> {
        let (mut found, mut info) = (0, Info::empty());
        // SAFETY: as above.
        ok(unsafe {
            (self.functions.info)(
                self.session.handle,
                key,
                version,
                &raw mut found,
                &raw mut info,
            )
        })?;
        Ok((found, info.known()))
    }

    pub(crate) fn encrypt(
        &self,
        key: Handle,
        version: CK_ULONG,
        aad: &[u8],
        data: &[u8],
    ) -> Outcome<(Vec<u8>, Known)> {
        let mut info = Info::empty();
        let place = &raw mut info;
        // SAFETY: as above.
        let sealed = two_call(|out, length| unsafe {
            (self.functions.encrypt)(
                self.session.handle,
                key,
                version,
                at(aad),
                len(aad),
                at(data),
                len(data),
                out,
                length,
                place,
            )
        })?;
        Ok((sealed, info.known()))
    }

    pub(crate) fn decrypt(
        &self,
        key: Handle,
        aad: &[u8],
        data: &[u8],
    ) -> Outcome<(Vec<u8>, Known)> {
        let mut info = Info::empty();
        let place = &raw mut info;
        // SAFETY: as above.
        let opened = two_call(|out, length| unsafe {
            (self.functions.decrypt)(
                self.session.handle,
                key,
                at(aad),
                len(aad),
                at(data),
                len(data),
                out,
                length,
                null_mut(),
                null_mut(),
                place,
            )
        })?;
        Ok((opened, info.known()))
    }

    /// With the update: asked for both lengths first, refused with too little room for either.
    pub(crate) fn decrypt_update(
        &self,
        key: Handle,
        aad: &[u8],
        data: &[u8],
    ) -> Outcome<(Vec<u8>, Vec<u8>, Known)> {
        let mut info = Info::empty();
        let place = &raw mut info;
        let call = |out: Bytes, length: &mut CK_ULONG, update: Bytes, more: &mut CK_ULONG| {
            // SAFETY: as above.
            unsafe {
                (self.functions.decrypt)(
                    self.session.handle,
                    key,
                    at(aad),
                    len(aad),
                    at(data),
                    len(data),
                    out,
                    length,
                    update,
                    more,
                    place,
                )
            }
        };
        let (mut length, mut more) = (0, 0);
        ok(call(null_mut(), &mut length, null_mut(), &mut more))?;
        let size = |length: CK_ULONG| usize::try_from(length).unwrap();
        let (mut out, mut update) = (vec![0; size(length)], vec![0; size(more) + 1]);
        if more > 0 {
            let (mut enough, mut little) = (length, more - 1);
            let code = call(
                out.as_mut_ptr(),
                &mut enough,
                update.as_mut_ptr(),
                &mut little,
            );
            assert_eq!((code, little), (CKR_BUFFER_TOO_SMALL, more));
            assert!(out.iter().chain(&update).all(|byte| *byte == 0));
        }
        ok(call(
            out.as_mut_ptr(),
            &mut length,
            update.as_mut_ptr(),
            &mut more,
        ))?;
        out.truncate(size(length));
        update.truncate(size(more));
        Ok((out, update, info.known()))
    }

    pub(crate) fn rekey(
        &self,
        aad: &[u8],
        data: &[u8],
        to: Handle,
        to_aad: &[u8],
    ) -> Outcome<(Vec<u8>, Known)> {
        let mut info = Info::empty();
        let place = &raw mut info;
        // SAFETY: as above.
        let moved = two_call(|out, length| unsafe {
            (self.functions.rekey)(
                self.session.handle,
                at(aad),
                len(aad),
                at(data),
                len(data),
                to,
                at(to_aad),
                len(to_aad),
                out,
                length,
                place,
            )
        })?;
        Ok((moved, info.known()))
    }

    /// The key itself, if asked for, and the wrapped one.
    pub(crate) fn data_key(
        &self,
        key: Handle,
        aad: &[u8],
        length: CK_ULONG,
        plain: bool,
    ) -> Outcome<(Vec<u8>, Vec<u8>, Known)> {
        let mut info = Info::empty();
        let place = &raw mut info;
        let mut secret = vec![0_u8; if plain { length.min(64) as usize } else { 0 }];
        let secret_at = if plain {
            secret.as_mut_ptr()
        } else {
            null_mut()
        };
        // SAFETY: as above.
        let wrapped = two_call(|out, room| unsafe {
            (self.functions.data_key)(
                self.session.handle,
                key,
                at(aad),
                len(aad),
                length,
                secret_at,
                out,
                room,
                place,
            )
        })?;
        Ok((secret, wrapped, info.known()))
    }

    /// One use of a key token: the result, the update and what is known of the key.
    pub(crate) fn use_token(
        &self,
        token: &[u8],
        operation: CK_FLAGS,
        mech: &Mech,
        data: &[u8],
    ) -> Outcome<(Vec<u8>, Vec<u8>, Known)> {
        let (mut mechanism, mut info) = (mech.raw(), Info::empty());
        let (mut out, mut update) = (vec![0; 4096], vec![0; 4096]);
        let (mut length, mut more) = (4096, 4096);
        // SAFETY: as above.
        ok(unsafe {
            (self.functions.use_key_token_2)(
                self.session.handle,
                at(token),
                len(token),
                operation,
                &raw mut mechanism,
                at(data),
                len(data),
                out.as_mut_ptr(),
                &raw mut length,
                update.as_mut_ptr(),
                &raw mut more,
                &raw mut info,
            )
        })?;
        out.truncate(length as usize);
        update.truncate(more as usize);
        Ok((out, update, info.known()))
    }

    pub(crate) fn request(&self, request: &[u8]) -> Outcome<Vec<u8>> {
        // SAFETY: as above.
        two_call_loosely(|out, length| unsafe {
            (self.functions.request)(self.session.handle, at(request), len(request), out, length)
        })
    }
}

/// As [`two_call`], for calls whose length query gives a bound.
fn two_call_loosely(call: impl Fn(Bytes, Length) -> CK_RV) -> Outcome<Vec<u8>> {
    let mut length = 0;
    ok(call(null_mut(), &raw mut length))?;
    let mut out = vec![0; usize::try_from(length).unwrap()];
    ok(call(out.as_mut_ptr(), &raw mut length))?;
    out.truncate(usize::try_from(length).unwrap());
    Ok(out)
}

/// Whether bytes have others in them.
pub(crate) fn bytes_of(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}
