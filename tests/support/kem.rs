//! Encapsulation, for sessions.

use super::session::{Session, input, two_call};
use super::{Mech, Outcome, Template, ok};
use cryptoki_sys::*;

impl Session {
    /// The ciphertext and the new key.
    pub fn encapsulate(
        &self,
        mech: &Mech,
        public: CK_OBJECT_HANDLE,
        template: &Template,
    ) -> Outcome<(Vec<u8>, CK_OBJECT_HANDLE)> {
        let (mut raw, mut m, mut key) = (template.raw(), mech.raw(), 0);
        let ciphertext = two_call(|out, length| {
            call32!(C_EncapsulateKey(
                self.handle,
                &raw mut m,
                public,
                raw.ptr(),
                raw.len(),
                out,
                length,
                &raw mut key,
            ))
        })?;
        Ok((ciphertext, key))
    }

    /// The key in a ciphertext.
    pub fn decapsulate(
        &self,
        mech: &Mech,
        private: CK_OBJECT_HANDLE,
        ciphertext: &[u8],
        template: &Template,
    ) -> Outcome<CK_OBJECT_HANDLE> {
        let (mut raw, mut m, mut key) = (template.raw(), mech.raw(), 0);
        let (at, length) = input(ciphertext);
        ok(call32!(C_DecapsulateKey(
            self.handle,
            &raw mut m,
            private,
            raw.ptr(),
            raw.len(),
            at,
            length,
            &raw mut key,
        )))?;
        Ok(key)
    }
}
