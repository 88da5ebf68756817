//! `CK_MECHANISM` to a typed mechanism. What the parameter must look like is said by the mechanism's
//! row; the number ranges inside it are the mechanism's own business.

pub(super) mod kdf;

use super::pointers::{self, Target};
use crate::error::{Error, Result};
use crate::mechanism::params::{Mechanism, ParamKind, Params};
use crate::mechanism::table;
use cryptoki_sys::{
    CK_AES_CTR_PARAMS, CK_CCM_PARAMS, CK_CHACHA20_PARAMS, CK_ECDH_AES_KEY_WRAP_PARAMS,
    CK_ECDH1_DERIVE_PARAMS, CK_GCM_PARAMS, CK_HASH_SIGN_ADDITIONAL_CONTEXT, CK_MECHANISM,
    CK_RSA_AES_KEY_WRAP_PARAMS, CK_RSA_PKCS_OAEP_PARAMS, CK_RSA_PKCS_PSS_PARAMS,
    CK_SALSA20_CHACHA20_POLY1305_PARAMS, CK_SIGN_ADDITIONAL_CONTEXT, CK_ULONG, CKZ_DATA_SPECIFIED,
};
use std::ffi::c_void;

/// The mechanism that the caller names. A malformed parameter is kept as an error inside it, to be
/// reported in its turn.
///
/// # Errors
/// `BadArguments` for NULL.
///
/// # Safety
/// `mechanism` is NULL or points to a mechanism whose parameter, and all that the parameter points
/// to, stays unchanged for `'a`.
pub(super) unsafe fn mechanism<'a>(mechanism: *const CK_MECHANISM) -> Result<Mechanism<'a>> {
    // SAFETY: the caller's promise, passed on.
    let given = unsafe { pointers::read(mechanism) }?;
    let given = Given {
        pointer: given.pParameter,
        length: given.ulParameterLen,
        kind: given.mechanism,
    };
    let found = table::row(given.kind);
    let params = match found {
        // SAFETY: the caller's promise, passed on.
        Some(row) => unsafe { given.params(row.params) },
        None => Ok(Params::None),
    };
    Ok(Mechanism {
        kind: given.kind,
        found,
        params,
    })
}

/// As [`mechanism`], for the calls in which a NULL mechanism cancels the operation (`C_EncryptInit`
/// and its like, PKCS#11 3.0 and later).
///
/// # Safety
/// As [`mechanism`].
pub(super) unsafe fn or_cancel<'a>(given: *const CK_MECHANISM) -> Result<Option<Mechanism<'a>>> {
    if given.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise, passed on.
    unsafe { mechanism(given) }.map(Some)
}

/// The mechanism, if nothing that its parameter points to lies in the output buffer of the same call.
///
/// # Errors
/// `BadArguments` when something does.
pub(super) fn clear_of<'a>(target: &Target, mechanism: Mechanism<'a>) -> Result<Mechanism<'a>> {
    let (first, second): (&[u8], &[u8]) = match mechanism.params {
        Ok(Params::Bytes(bytes) | Params::Data(bytes) | Params::CbcData { data: bytes, .. }) => {
            (bytes, &[])
        }
        Ok(Params::Gcm { iv, aad, .. }) => (iv, aad),
        Ok(Params::Ccm { nonce, aad, .. } | Params::ChaCha20Poly1305 { nonce, aad }) => {
            (nonce, aad)
        }
        Ok(Params::ChaCha20 { counter, nonce }) => (counter, nonce),
        Ok(Params::Oaep { label, .. } | Params::RsaAes { label, .. }) => (label, &[]),
        Ok(Params::EcdhAes { shared, .. }) => (shared, &[]),
        Ok(Params::Ecdh1 { shared, public, .. }) => (shared, public),
        Ok(Params::Eddsa { context, .. } | Params::Context { context, .. }) => (context, &[]),
        // Of the rest, those that point to anything take no part in a call with an output buffer.
        Ok(_) | Err(_) => (&[], &[]),
    };
    if target.overlaps(first) || target.overlaps(second) {
        return Err(Error::BadArguments(
            "the output overlaps the mechanism's parameter",
        ));
    }
    Ok(mechanism)
}

/// A mechanism's parameter as the caller gave it.
struct Given {
    pointer: *mut c_void,
    length: CK_ULONG,
    kind: u64,
}

impl Given {
    /// Reads the parameter in the form that the mechanism takes.
    ///
    /// # Safety
    /// As [`mechanism`].
    unsafe fn params<'a>(&self, kind: ParamKind) -> Result<Params<'a>> {
        // SAFETY: each reads what the caller promised to be there for this mechanism, and checks the
        // length that the caller stated first.
        unsafe {
            match kind {
                ParamKind::None if self.length == 0 => Ok(Params::None),
                ParamKind::None => Err(invalid("the mechanism takes no parameter")),
                ParamKind::Bytes(least, most) => self.bytes(least, most),
                ParamKind::Ulong => self.structure::<CK_ULONG>().map(Params::Ulong),
                ParamKind::Ctr => self.structure().map(ctr),
                ParamKind::Gcm => gcm(&self.structure()?),
                ParamKind::Ccm => ccm(&self.structure()?),
                ParamKind::ChaCha20 => chacha20(&self.structure()?),
                ParamKind::ChaCha20Poly1305 => chacha20_poly1305(&self.structure()?),
                ParamKind::Handle => self.structure::<CK_ULONG>().map(Params::Handle),
                ParamKind::Data => kdf::data(&self.structure()?),
                ParamKind::CbcData => kdf::cbc_data(&self.structure()?),
                ParamKind::Hkdf => kdf::hkdf(&self.structure()?),
                ParamKind::Pbkdf2 => kdf::pbkdf2(&self.structure()?),
                ParamKind::TlsKdf => kdf::tls_kdf(&self.structure()?),
                ParamKind::TlsMac => self.structure().map(kdf::tls_mac),
                ParamKind::Apart => Err(invalid("the mechanism only derives keys")),
                ParamKind::Pss => self.structure().map(pss),
                ParamKind::Oaep => oaep(&self.structure()?),
                ParamKind::RsaAes => rsa_aes(&self.structure()?),
                ParamKind::Ecdh1 => ecdh1(&self.structure()?),
                ParamKind::EcdhAes => ecdh_aes(&self.structure()?),
                ParamKind::Eddsa if self.length == 0 => Ok(Params::None),
                ParamKind::Eddsa => eddsa(self.structure()?),
                ParamKind::Context if self.length == 0 => Ok(Params::None),
                ParamKind::Context => sign_context(&self.structure()?, None),
                ParamKind::HashContext => hash_context(&self.structure()?),
            }
        }
    }

    /// A byte string of `least` to `most` bytes.
    ///
    /// # Safety
    /// As [`mechanism`].
    unsafe fn bytes<'a>(&self, least: usize, most: usize) -> Result<Params<'a>> {
        // SAFETY: the caller's promise, passed on.
        let bytes = unsafe { inner(self.pointer.cast(), self.length) }?;
        match bytes.len() {
            0 if least == 0 => Ok(Params::None),
            length if (least..=most).contains(&length) => Ok(Params::Bytes(bytes)),
            _ => Err(invalid("the parameter has the wrong length")),
        }
    }

    /// The structure `T`, whose size the caller must have stated.
    ///
    /// # Safety
    /// As [`mechanism`].
    unsafe fn structure<T: Copy>(&self) -> Result<T> {
        if usize::try_from(self.length) != Ok(size_of::<T>()) {
            return Err(invalid("the parameter has the wrong length"));
        }
        // SAFETY: the caller's promise, and the size is that of a `T`.
        unsafe { pointers::read(self.pointer.cast_const().cast()) }
            .map_err(|_| invalid("the parameter is NULL"))
    }
}

/// `CK_EDDSA_PARAMS` (PKCS#11 3.2, section 6.3.16), which `cryptoki-sys` has without `Copy`.
#[derive(Clone, Copy)]
#[repr(C)]
#[expect(non_snake_case, reason = "the standard's names")]
struct EddsaParams {
    phFlag: u8,
    ulContextDataLen: CK_ULONG,
    pContextData: *mut u8,
}

fn ctr(given: CK_AES_CTR_PARAMS) -> Params<'static> {
    Params::Ctr {
        bits: given.ulCounterBits,
        block: given.cb,
    }
}

/// `CK_GCM_PARAMS`. The IV's length is `ulIvLen`; `ulIvBits` says the same in bits, or is left 0 by
/// callers that were written before it was defined.
///
/// # Safety
/// As [`mechanism`].
unsafe fn gcm<'a>(given: &CK_GCM_PARAMS) -> Result<Params<'a>> {
    let bits = given.ulIvLen.checked_mul(8);
    if given.ulIvBits != 0 && Some(given.ulIvBits) != bits {
        return Err(invalid("ulIvBits contradicts ulIvLen"));
    }
    // SAFETY: the caller's promise, passed on.
    let (iv, aad) = unsafe {
        (
            inner(given.pIv, given.ulIvLen)?,
            inner(given.pAAD, given.ulAADLen)?,
        )
    };
    Ok(Params::Gcm {
        iv,
        aad,
        tag_bits: given.ulTagBits,
    })
}

/// `CK_CCM_PARAMS`.
///
/// # Safety
/// As [`mechanism`].
unsafe fn ccm<'a>(given: &CK_CCM_PARAMS) -> Result<Params<'a>> {
    // SAFETY: the caller's promise, passed on.
    let (nonce, aad) = unsafe {
        (
            inner(given.pNonce, given.ulNonceLen)?,
            inner(given.pAAD, given.ulAADLen)?,
        )
    };
    Ok(Params::Ccm {
        length: given.ulDataLen,
        nonce,
        aad,
        tag: given.ulMACLen,
    })
}

/// `CK_CHACHA20_PARAMS`, whose lengths are in bits.
///
/// # Safety
/// As [`mechanism`].
unsafe fn chacha20<'a>(given: &CK_CHACHA20_PARAMS) -> Result<Params<'a>> {
    let (counter, nonce) = match (given.blockCounterBits, given.ulNonceBits) {
        (counter @ (32 | 64), nonce @ (64 | 96 | 192)) => (counter / 8, nonce / 8),
        _ => return Err(invalid("the counter or the nonce has the wrong length")),
    };
    // SAFETY: the caller's promise, passed on.
    let (counter, nonce) = unsafe {
        (
            inner(given.pBlockCounter, counter)?,
            inner(given.pNonce, nonce)?,
        )
    };
    Ok(Params::ChaCha20 { counter, nonce })
}

/// `CK_SALSA20_CHACHA20_POLY1305_PARAMS`. The nonce's length is in bits by the standard, in bytes by many
/// callers; the lengths that there are tell which.
///
/// # Safety
/// As [`mechanism`].
unsafe fn chacha20_poly1305<'a>(given: &CK_SALSA20_CHACHA20_POLY1305_PARAMS) -> Result<Params<'a>> {
    let nonce = match given.ulNonceLen {
        96 | 12 => 12,
        192 | 24 => 24,
        _ => return Err(invalid("the nonce has the wrong length")),
    };
    // SAFETY: the caller's promise, passed on.
    let (nonce, aad) = unsafe {
        (
            inner(given.pNonce, nonce)?,
            inner(given.pAAD, given.ulAADLen)?,
        )
    };
    Ok(Params::ChaCha20Poly1305 { nonce, aad })
}

fn pss(given: CK_RSA_PKCS_PSS_PARAMS) -> Params<'static> {
    Params::Pss {
        hash: given.hashAlg,
        mgf: given.mgf,
        salt: given.sLen,
    }
}

/// `CK_RSA_PKCS_OAEP_PARAMS`.
///
/// # Safety
/// As [`mechanism`].
unsafe fn oaep<'a>(given: &CK_RSA_PKCS_OAEP_PARAMS) -> Result<Params<'a>> {
    Ok(Params::Oaep {
        hash: given.hashAlg,
        mgf: given.mgf,
        // SAFETY: the caller's promise, passed on.
        label: unsafe { oaep_label(given) }?,
    })
}

/// The label of OAEP. A source of 0 with no label is what callers leave who want none.
///
/// # Safety
/// As [`mechanism`].
unsafe fn oaep_label<'a>(given: &CK_RSA_PKCS_OAEP_PARAMS) -> Result<&'a [u8]> {
    let unset = given.source == 0 && given.ulSourceDataLen == 0;
    if given.source != CKZ_DATA_SPECIFIED && !unset {
        return Err(invalid("the label's source must be CKZ_DATA_SPECIFIED"));
    }
    // SAFETY: the caller's promise, passed on.
    unsafe { inner(given.pSourceData.cast(), given.ulSourceDataLen) }
}

/// `CK_RSA_AES_KEY_WRAP_PARAMS`, which points to parameters of OAEP.
///
/// # Safety
/// As [`mechanism`].
unsafe fn rsa_aes<'a>(given: &CK_RSA_AES_KEY_WRAP_PARAMS) -> Result<Params<'a>> {
    // SAFETY: the caller's promise, passed on.
    let (hash, mgf, label) = unsafe {
        let inner = pointers::read(given.pOAEPParams.cast_const())
            .map_err(|_| invalid("the parameters of OAEP are missing"))?;
        (inner.hashAlg, inner.mgf, oaep_label(&inner)?)
    };
    Ok(Params::RsaAes {
        bits: given.ulAESKeyBits,
        hash,
        mgf,
        label,
    })
}

/// `CK_ECDH_AES_KEY_WRAP_PARAMS`.
///
/// # Safety
/// As [`mechanism`].
unsafe fn ecdh_aes<'a>(given: &CK_ECDH_AES_KEY_WRAP_PARAMS) -> Result<Params<'a>> {
    // SAFETY: the caller's promise, passed on.
    let shared = unsafe { inner(given.pSharedData, given.ulSharedDataLen) }?;
    Ok(Params::EcdhAes {
        bits: given.ulAESKeyBits,
        kdf: given.kdf,
        shared,
    })
}

/// `CK_ECDH1_DERIVE_PARAMS`.
///
/// # Safety
/// As [`mechanism`].
unsafe fn ecdh1<'a>(given: &CK_ECDH1_DERIVE_PARAMS) -> Result<Params<'a>> {
    // SAFETY: the caller's promise, passed on.
    let (shared, public) = unsafe {
        (
            inner(given.pSharedData, given.ulSharedDataLen)?,
            inner(given.pPublicData, given.ulPublicDataLen)?,
        )
    };
    Ok(Params::Ecdh1 {
        kdf: given.kdf,
        shared,
        public,
    })
}

/// `CK_EDDSA_PARAMS`.
///
/// # Safety
/// As [`mechanism`].
unsafe fn eddsa<'a>(given: EddsaParams) -> Result<Params<'a>> {
    let prehash = match given.phFlag {
        0 => false,
        1 => true,
        _ => return Err(invalid("phFlag is neither true nor false")),
    };
    // SAFETY: the caller's promise, passed on.
    let context = unsafe { inner(given.pContextData, given.ulContextDataLen) }?;
    Ok(Params::Eddsa { prehash, context })
}

/// `CK_SIGN_ADDITIONAL_CONTEXT`.
///
/// # Safety
/// As [`mechanism`].
unsafe fn sign_context<'a>(
    given: &CK_SIGN_ADDITIONAL_CONTEXT,
    hash: Option<u64>,
) -> Result<Params<'a>> {
    // SAFETY: the caller's promise, passed on.
    let context = unsafe { inner(given.pContext, given.ulContextLen) }?;
    Ok(Params::Context {
        hedge: given.hedgeVariant,
        context,
        hash,
    })
}

/// `CK_HASH_SIGN_ADDITIONAL_CONTEXT`.
///
/// # Safety
/// As [`mechanism`].
unsafe fn hash_context<'a>(given: &CK_HASH_SIGN_ADDITIONAL_CONTEXT) -> Result<Params<'a>> {
    let plain = CK_SIGN_ADDITIONAL_CONTEXT {
        hedgeVariant: given.hedgeVariant,
        pContext: given.pContext,
        ulContextLen: given.ulContextLen,
    };
    // SAFETY: the caller's promise, passed on.
    unsafe { sign_context(&plain, Some(given.hash)) }
}

/// A byte string that the parameter points to.
///
/// # Safety
/// As [`mechanism`].
unsafe fn inner<'a>(data: *const u8, length: CK_ULONG) -> Result<&'a [u8]> {
    // SAFETY: the caller's promise, passed on.
    unsafe { pointers::input(data, length) }
        .map_err(|_| invalid("the parameter holds NULL with a length, or an impossible length"))
}

fn invalid(why: &'static str) -> Error {
    Error::MechanismParamInvalid(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    fn given<T>(value: &mut T, length: usize) -> Given {
        Given {
            pointer: ptr::from_mut(value).cast(),
            length: length as CK_ULONG,
            kind: 0,
        }
    }

    /// Reads a parameter of the test's own memory.
    fn parse<T>(value: &mut T, kind: ParamKind) -> Result<Params<'static>> {
        // SAFETY: the tests give whole structures, and what those point to is static or NULL.
        unsafe { given(value, size_of::<T>()).params(kind) }
    }

    fn gcm_params(iv: &'static [u8], iv_bits: CK_ULONG) -> CK_GCM_PARAMS {
        CK_GCM_PARAMS {
            pIv: iv.as_ptr().cast_mut(),
            ulIvLen: iv.len() as CK_ULONG,
            ulIvBits: iv_bits,
            pAAD: ptr::null_mut(),
            ulAADLen: 0,
            ulTagBits: 128,
        }
    }

    #[test]
    fn gcm_takes_the_bits_of_the_iv_or_none() {
        for bits in [0, 96] {
            let parsed = parse(&mut gcm_params(&[1; 12], bits), ParamKind::Gcm);
            assert_eq!(
                parsed,
                Ok(Params::Gcm {
                    iv: &[1; 12],
                    aad: &[],
                    tag_bits: 128
                })
            );
        }
        assert!(parse(&mut gcm_params(&[1; 12], 95), ParamKind::Gcm).is_err());
    }

    #[test]
    fn inner_null_with_a_length_is_refused() {
        let mut params = gcm_params(&[1; 12], 0);
        params.ulAADLen = 1;
        let refused = parse(&mut params, ParamKind::Gcm);
        assert!(matches!(refused, Err(Error::MechanismParamInvalid(_))));
        params.pIv = ptr::null_mut();
        params.ulAADLen = 0;
        assert!(parse(&mut params, ParamKind::Gcm).is_err());
        let mut oaep = CK_RSA_PKCS_OAEP_PARAMS {
            source: 1,
            ulSourceDataLen: 4,
            ..Default::default()
        };
        assert!(parse(&mut oaep, ParamKind::Oaep).is_err());
        let mut ecdh = CK_ECDH1_DERIVE_PARAMS {
            ulPublicDataLen: 65,
            ..Default::default()
        };
        assert!(parse(&mut ecdh, ParamKind::Ecdh1).is_err());
        let mut eddsa = EddsaParams {
            phFlag: 0,
            ulContextDataLen: 1 << 63,
            pContextData: ptr::dangling_mut(),
        };
        assert!(parse(&mut eddsa, ParamKind::Eddsa).is_err());
    }

    #[test]
    fn wrong_lengths_are_refused() {
        let mut params = gcm_params(&[1; 12], 0);
        for length in [
            0,
            1,
            size_of::<CK_GCM_PARAMS>() - 1,
            size_of::<CK_GCM_PARAMS>() + 1,
        ] {
            // SAFETY: a wrong length is refused before anything is read.
            assert!(unsafe { given(&mut params, length).params(ParamKind::Gcm) }.is_err());
        }
        let mut iv = [0_u8; 17];
        for (length, good) in [(0, false), (15, false), (16, true), (17, false)] {
            // SAFETY: within the array.
            let parsed = unsafe { given(&mut iv, length).params(ParamKind::Bytes(16, 16)) };
            assert_eq!(parsed.is_ok(), good, "{length}");
        }
        // SAFETY: a NULL pointer is refused or stands for no bytes.
        unsafe {
            let nothing = Given {
                pointer: ptr::null_mut(),
                length: 0,
                kind: 0,
            };
            assert_eq!(nothing.params(ParamKind::Bytes(0, 8)), Ok(Params::None));
            assert_eq!(nothing.params(ParamKind::Eddsa), Ok(Params::None));
            assert_eq!(nothing.params(ParamKind::None), Ok(Params::None));
            let lying = Given {
                pointer: ptr::null_mut(),
                length: 16,
                kind: 0,
            };
            assert!(lying.params(ParamKind::Bytes(16, 16)).is_err());
            assert!(lying.params(ParamKind::None).is_err());
            assert!(lying.params(ParamKind::Pss).is_err());
        }
    }

    #[test]
    fn misaligned_structures_are_read() {
        let mut memory = [0_u8; 40];
        let structure = CK_RSA_PKCS_PSS_PARAMS {
            hashAlg: 0x250,
            mgf: 2,
            sLen: 32,
        };
        // SAFETY: 24 bytes from offset 1 lie within the 40.
        let parsed = unsafe {
            let place = memory.as_mut_ptr().add(1);
            place
                .cast::<CK_RSA_PKCS_PSS_PARAMS>()
                .write_unaligned(structure);
            Given {
                pointer: place.cast(),
                length: 24,
                kind: 0,
            }
            .params(ParamKind::Pss)
        };
        assert_eq!(
            parsed,
            Ok(Params::Pss {
                hash: 0x250,
                mgf: 2,
                salt: 32
            })
        );
    }
}
