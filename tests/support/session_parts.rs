//! The operations of a session in parts.

use super::session::{Session, input, two_call};
use super::{Mech, Outcome, ok};
use cryptoki_sys::*;

impl Session {
    pub fn encrypt_parts(
        &self,
        mech: &Mech,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        part: usize,
    ) -> Outcome<Vec<u8>> {
        self.encrypt_init(mech, key)?;
        let mut all = Vec::new();
        for chunk in data.chunks(part.max(1)) {
            let (at, n) = input(chunk);
            all.extend(two_call(|out, l| {
                call!(C_EncryptUpdate(self.handle, at, n, out, l))
            })?);
        }
        all.extend(two_call(|out, l| {
            call!(C_EncryptFinal(self.handle, out, l))
        })?);
        Ok(all)
    }

    pub fn decrypt_parts(
        &self,
        mech: &Mech,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        part: usize,
    ) -> Outcome<Vec<u8>> {
        self.decrypt_init(mech, key)?;
        let mut all = Vec::new();
        for chunk in data.chunks(part.max(1)) {
            let (at, n) = input(chunk);
            all.extend(two_call(|out, l| {
                call!(C_DecryptUpdate(self.handle, at, n, out, l))
            })?);
        }
        all.extend(two_call(|out, l| {
            call!(C_DecryptFinal(self.handle, out, l))
        })?);
        Ok(all)
    }

    pub fn sign_parts(
        &self,
        mech: &Mech,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        part: usize,
    ) -> Outcome<Vec<u8>> {
        self.sign_init(mech, key)?;
        for chunk in data.chunks(part.max(1)) {
            let (at, n) = input(chunk);
            ok(call!(C_SignUpdate(self.handle, at, n)))?;
        }
        two_call(|out, l| call!(C_SignFinal(self.handle, out, l)))
    }

    pub fn verify_parts(
        &self,
        mech: &Mech,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        signature: &[u8],
        part: usize,
    ) -> Outcome<()> {
        self.verify_init(mech, key)?;
        for chunk in data.chunks(part.max(1)) {
            let (at, n) = input(chunk);
            ok(call!(C_VerifyUpdate(self.handle, at, n)))?;
        }
        let (at, n) = input(signature);
        ok(call!(C_VerifyFinal(self.handle, at, n)))
    }

    pub fn digest_parts(&self, mech: &Mech, data: &[u8], part: usize) -> Outcome<Vec<u8>> {
        self.digest_init(mech)?;
        for chunk in data.chunks(part.max(1)) {
            let (at, n) = input(chunk);
            ok(call!(C_DigestUpdate(self.handle, at, n)))?;
        }
        two_call(|out, l| call!(C_DigestFinal(self.handle, out, l)))
    }
}
