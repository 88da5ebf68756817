//! One session, and the calls made in it.

use super::{Mech, Outcome, Rv, Template, ok};
use cryptoki_sys::*;
use std::ptr;

/// An open session, closed on drop.
pub struct Session {
    pub slot: CK_SLOT_ID,
    pub handle: CK_SESSION_HANDLE,
}

impl Drop for Session {
    fn drop(&mut self) {
        let _ = call!(C_CloseSession(self.handle));
    }
}

/// What the bytes after an output buffer are filled with, to see a stray write.
pub const CANARY: u8 = 0xA5;

/// The length query, then the call with a buffer of exactly that length; checks that nothing was
/// written behind it and that the answer is not longer than the query said.
pub fn two_call(mut call: impl FnMut(*mut u8, *mut CK_ULONG) -> CK_RV) -> Outcome<Vec<u8>> {
    let mut length = 0;
    ok(call(ptr::null_mut(), &raw mut length))?;
    let asked = length as usize;
    let mut buffer = vec![CANARY; asked + 32];
    let rv = call(buffer.as_mut_ptr(), &raw mut length);
    assert!(
        buffer[asked..].iter().all(|b| *b == CANARY),
        "a byte written behind the buffer"
    );
    ok(rv)?;
    assert!(
        length as usize <= asked,
        "{length} bytes where the query said {asked}"
    );
    buffer.truncate(length as usize);
    Ok(buffer)
}

/// Input buffers are `*mut` in the C interface; modules only read them. A dangling pointer that
/// must not be followed becomes NULL for an empty slice.
pub(super) fn input(data: &[u8]) -> (*mut u8, CK_ULONG) {
    (data.as_ptr().cast_mut(), data.len() as CK_ULONG)
}

impl Session {
    pub fn adopt(slot: CK_SLOT_ID, handle: CK_SESSION_HANDLE) -> Session {
        Session { slot, handle }
    }

    /// Closes the session and says how that went.
    pub fn close(self) -> Outcome<()> {
        let outcome = ok(call!(C_CloseSession(self.handle)));
        std::mem::forget(self);
        outcome
    }

    pub fn info(&self) -> Outcome<CK_SESSION_INFO> {
        let mut info = CK_SESSION_INFO::default();
        ok(call!(C_GetSessionInfo(self.handle, &raw mut info)))?;
        Ok(info)
    }

    // --- login and PINs ----------------------------------------------------------------------

    pub fn login(&self, user: CK_USER_TYPE, pin: &str) -> Outcome<()> {
        let (at, length) = input(pin.as_bytes());
        ok(call!(C_Login(self.handle, user, at, length)))
    }

    pub fn logout(&self) -> Outcome<()> {
        ok(call!(C_Logout(self.handle)))
    }

    pub fn init_pin(&self, pin: &str) -> Outcome<()> {
        let (at, length) = input(pin.as_bytes());
        ok(call!(C_InitPIN(self.handle, at, length)))
    }

    pub fn set_pin(&self, old: &str, new: &str) -> Outcome<()> {
        let ((old_at, old_len), (new_at, new_len)) = (input(old.as_bytes()), input(new.as_bytes()));
        ok(call!(C_SetPIN(
            self.handle,
            old_at,
            old_len,
            new_at,
            new_len
        )))
    }

    // --- objects -----------------------------------------------------------------------------

    pub fn create(&self, template: &Template) -> Outcome<CK_OBJECT_HANDLE> {
        let (mut raw, mut object) = (template.raw(), 0);
        ok(call!(C_CreateObject(
            self.handle,
            raw.ptr(),
            raw.len(),
            &raw mut object
        )))?;
        Ok(object)
    }

    pub fn copy(&self, object: CK_OBJECT_HANDLE, template: &Template) -> Outcome<CK_OBJECT_HANDLE> {
        let (mut raw, mut copy) = (template.raw(), 0);
        ok(call!(C_CopyObject(
            self.handle,
            object,
            raw.ptr(),
            raw.len(),
            &raw mut copy
        )))?;
        Ok(copy)
    }

    pub fn destroy(&self, object: CK_OBJECT_HANDLE) -> Outcome<()> {
        ok(call!(C_DestroyObject(self.handle, object)))
    }

    pub fn set(&self, object: CK_OBJECT_HANDLE, template: &Template) -> Outcome<()> {
        let mut raw = template.raw();
        ok(call!(C_SetAttributeValue(
            self.handle,
            object,
            raw.ptr(),
            raw.len()
        )))
    }

    /// One attribute's value, by the two calls the standard asks for.
    pub fn attribute(&self, object: CK_OBJECT_HANDLE, kind: CK_ATTRIBUTE_TYPE) -> Outcome<Vec<u8>> {
        let mut wanted = CK_ATTRIBUTE {
            type_: kind,
            pValue: ptr::null_mut(),
            ulValueLen: 0,
        };
        ok(call!(C_GetAttributeValue(
            self.handle,
            object,
            &raw mut wanted,
            1
        )))?;
        let mut value = vec![0u8; wanted.ulValueLen as usize];
        wanted.pValue = value.as_mut_ptr().cast();
        ok(call!(C_GetAttributeValue(
            self.handle,
            object,
            &raw mut wanted,
            1
        )))?;
        value.truncate(wanted.ulValueLen as usize);
        Ok(value)
    }

    pub fn ulong(&self, object: CK_OBJECT_HANDLE, kind: CK_ATTRIBUTE_TYPE) -> Outcome<CK_ULONG> {
        self.attribute(object, kind)
            .map(|value| super::ulong_of(&value))
    }

    pub fn flag(&self, object: CK_OBJECT_HANDLE, kind: CK_ATTRIBUTE_TYPE) -> Outcome<bool> {
        self.attribute(object, kind).map(|value| value == [CK_TRUE])
    }

    /// Many attributes in one call, as they come: the code, and each one's length.
    pub fn mixed(
        &self,
        object: CK_OBJECT_HANDLE,
        kinds: &[CK_ATTRIBUTE_TYPE],
    ) -> (CK_RV, Vec<CK_ULONG>, Vec<Vec<u8>>) {
        let mut buffers: Vec<Vec<u8>> = kinds.iter().map(|_| vec![0; 4096]).collect();
        let mut wanted: Vec<CK_ATTRIBUTE> = kinds
            .iter()
            .zip(&mut buffers)
            .map(|(kind, buffer)| CK_ATTRIBUTE {
                type_: *kind,
                pValue: buffer.as_mut_ptr().cast(),
                ulValueLen: buffer.len() as CK_ULONG,
            })
            .collect();
        let count = wanted.len() as CK_ULONG;
        let rv = call!(C_GetAttributeValue(
            self.handle,
            object,
            wanted.as_mut_ptr(),
            count
        ));
        let lengths = wanted.iter().map(|a| a.ulValueLen).collect();
        (rv, lengths, buffers)
    }

    pub fn size(&self, object: CK_OBJECT_HANDLE) -> Outcome<CK_ULONG> {
        let mut size = 0;
        ok(call!(C_GetObjectSize(self.handle, object, &raw mut size)))?;
        Ok(size)
    }

    /// Every object that matches.
    pub fn find(&self, template: &Template) -> Outcome<Vec<CK_OBJECT_HANDLE>> {
        let mut raw = template.raw();
        ok(call!(C_FindObjectsInit(self.handle, raw.ptr(), raw.len())))?;
        let mut all = Vec::new();
        let outcome = loop {
            let (mut batch, mut count) = ([0; 64], 0);
            let rv = call!(C_FindObjects(
                self.handle,
                batch.as_mut_ptr(),
                64,
                &raw mut count
            ));
            if rv != CKR_OK {
                break Err(Rv(rv));
            }
            if count == 0 {
                break Ok(all);
            }
            all.extend_from_slice(&batch[..count as usize]);
        };
        let last = ok(call!(C_FindObjectsFinal(self.handle)));
        outcome.and_then(|all| last.map(|()| all))
    }

    /// The one object with this class and label.
    pub fn find_one(&self, class: CK_OBJECT_CLASS, label: &str) -> Option<CK_OBJECT_HANDLE> {
        let found = self
            .find(&Template::class(class).label(label))
            .expect("a search");
        assert!(found.len() <= 1, "{} objects labelled {label}", found.len());
        found.first().copied()
    }

    // --- keys --------------------------------------------------------------------------------

    pub fn generate(&self, mech: &Mech, template: &Template) -> Outcome<CK_OBJECT_HANDLE> {
        let (mut raw, mut m, mut key) = (template.raw(), mech.raw(), 0);
        ok(call!(C_GenerateKey(
            self.handle,
            &raw mut m,
            raw.ptr(),
            raw.len(),
            &raw mut key
        )))?;
        Ok(key)
    }

    /// The handles of the public and the private key.
    pub fn generate_pair(
        &self,
        mech: &Mech,
        public: &Template,
        private: &Template,
    ) -> Outcome<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE)> {
        let (mut public, mut private, mut m) = (public.raw(), private.raw(), mech.raw());
        let mut keys = (0, 0);
        ok(call!(C_GenerateKeyPair(
            self.handle,
            &raw mut m,
            public.ptr(),
            public.len(),
            private.ptr(),
            private.len(),
            &raw mut keys.0,
            &raw mut keys.1,
        )))?;
        Ok(keys)
    }

    /// A new AES key of so many bytes with these flags on.
    pub fn aes_key(&self, length: CK_ULONG, usages: &[CK_ATTRIBUTE_TYPE]) -> CK_OBJECT_HANDLE {
        let template = Template::new().ulong(CKA_VALUE_LEN, length).yes(usages);
        self.generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
            .expect("an AES key")
    }

    /// A new RSA pair of so many bits.
    pub fn rsa_pair(
        &self,
        bits: CK_ULONG,
        public: &[CK_ATTRIBUTE_TYPE],
        private: &[CK_ATTRIBUTE_TYPE],
    ) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
        let public = Template::new()
            .ulong(CKA_MODULUS_BITS, bits)
            .bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1])
            .yes(public);
        self.generate_pair(
            &Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN),
            &public,
            &Template::new().yes(private),
        )
        .expect("an RSA pair")
    }

    /// A new EC pair on the curve with these parameters.
    pub fn ec_pair(
        &self,
        parameters: &[u8],
        public: &[CK_ATTRIBUTE_TYPE],
        private: &[CK_ATTRIBUTE_TYPE],
    ) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
        let public = Template::new().bytes(CKA_EC_PARAMS, parameters).yes(public);
        self.generate_pair(
            &Mech::plain(CKM_EC_KEY_PAIR_GEN),
            &public,
            &Template::new().yes(private),
        )
        .expect("an EC pair")
    }

    pub fn wrap(
        &self,
        mech: &Mech,
        kek: CK_OBJECT_HANDLE,
        key: CK_OBJECT_HANDLE,
    ) -> Outcome<Vec<u8>> {
        let mut m = mech.raw();
        two_call(|at, length| call!(C_WrapKey(self.handle, &raw mut m, kek, key, at, length)))
    }

    pub fn unwrap(
        &self,
        mech: &Mech,
        kek: CK_OBJECT_HANDLE,
        wrapped: &[u8],
        template: &Template,
    ) -> Outcome<CK_OBJECT_HANDLE> {
        let (mut raw, mut m, mut key) = (template.raw(), mech.raw(), 0);
        let (at, length) = input(wrapped);
        ok(call!(C_UnwrapKey(
            self.handle,
            &raw mut m,
            kek,
            at,
            length,
            raw.ptr(),
            raw.len(),
            &raw mut key,
        )))?;
        Ok(key)
    }

    pub fn derive(
        &self,
        mech: &Mech,
        base: CK_OBJECT_HANDLE,
        template: &Template,
    ) -> Outcome<CK_OBJECT_HANDLE> {
        let (mut raw, mut m, mut key) = (template.raw(), mech.raw(), 0);
        ok(call!(C_DeriveKey(
            self.handle,
            &raw mut m,
            base,
            raw.ptr(),
            raw.len(),
            &raw mut key
        )))?;
        Ok(key)
    }

    // --- operations --------------------------------------------------------------------------

    pub fn encrypt_init(&self, mech: &Mech, key: CK_OBJECT_HANDLE) -> Outcome<()> {
        let mut m = mech.raw();
        ok(call!(C_EncryptInit(self.handle, &raw mut m, key)))
    }

    pub fn decrypt_init(&self, mech: &Mech, key: CK_OBJECT_HANDLE) -> Outcome<()> {
        let mut m = mech.raw();
        ok(call!(C_DecryptInit(self.handle, &raw mut m, key)))
    }

    pub fn sign_init(&self, mech: &Mech, key: CK_OBJECT_HANDLE) -> Outcome<()> {
        let mut m = mech.raw();
        ok(call!(C_SignInit(self.handle, &raw mut m, key)))
    }

    pub fn verify_init(&self, mech: &Mech, key: CK_OBJECT_HANDLE) -> Outcome<()> {
        let mut m = mech.raw();
        ok(call!(C_VerifyInit(self.handle, &raw mut m, key)))
    }

    pub fn digest_init(&self, mech: &Mech) -> Outcome<()> {
        let mut m = mech.raw();
        ok(call!(C_DigestInit(self.handle, &raw mut m)))
    }

    pub fn encrypt(&self, mech: &Mech, key: CK_OBJECT_HANDLE, data: &[u8]) -> Outcome<Vec<u8>> {
        self.encrypt_init(mech, key)?;
        let (at, length) = input(data);
        two_call(|out, n| call!(C_Encrypt(self.handle, at, length, out, n)))
    }

    pub fn decrypt(&self, mech: &Mech, key: CK_OBJECT_HANDLE, data: &[u8]) -> Outcome<Vec<u8>> {
        self.decrypt_init(mech, key)?;
        let (at, length) = input(data);
        two_call(|out, n| call!(C_Decrypt(self.handle, at, length, out, n)))
    }

    pub fn sign(&self, mech: &Mech, key: CK_OBJECT_HANDLE, data: &[u8]) -> Outcome<Vec<u8>> {
        self.sign_init(mech, key)?;
        let (at, length) = input(data);
        two_call(|out, n| call!(C_Sign(self.handle, at, length, out, n)))
    }

    pub fn verify(
        &self,
        mech: &Mech,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        signature: &[u8],
    ) -> Outcome<()> {
        self.verify_init(mech, key)?;
        let ((at, length), (s_at, s_length)) = (input(data), input(signature));
        ok(call!(C_Verify(self.handle, at, length, s_at, s_length)))
    }

    pub fn digest(&self, mech: &Mech, data: &[u8]) -> Outcome<Vec<u8>> {
        self.digest_init(mech)?;
        let (at, length) = input(data);
        two_call(|out, n| call!(C_Digest(self.handle, at, length, out, n)))
    }

    pub fn random(&self, length: usize) -> Outcome<Vec<u8>> {
        let mut bytes = vec![0; length];
        ok(call!(C_GenerateRandom(
            self.handle,
            bytes.as_mut_ptr(),
            length as CK_ULONG
        )))?;
        Ok(bytes)
    }
}
