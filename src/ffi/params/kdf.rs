//! The parameters of key derivations.

use super::super::pointers;
use super::{inner, invalid};
use crate::crypto::sp800_108::Number;
use crate::error::{Error, Result};
use crate::mechanism::derive::sp800::{Field, Input};
use crate::mechanism::derive::tls::KeyMaterial;
use crate::mechanism::params::{Params, Salt};
use cryptoki_sys::{
    CK_AES_CBC_ENCRYPT_DATA_PARAMS, CK_BBOOL, CK_HKDF_PARAMS, CK_KEY_DERIVATION_STRING_DATA,
    CK_OBJECT_HANDLE, CK_PKCS5_PBKD2_PARAMS2, CK_PRF_DATA_PARAM, CK_SP800_108_BYTE_ARRAY,
    CK_SP800_108_COUNTER, CK_SP800_108_COUNTER_FORMAT, CK_SP800_108_DKM_LENGTH,
    CK_SP800_108_DKM_LENGTH_FORMAT, CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS,
    CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS, CK_SP800_108_ITERATION_VARIABLE,
    CK_SP800_108_KEY_HANDLE, CK_SSL3_RANDOM_DATA, CK_TLS_KDF_PARAMS, CK_TLS_MAC_PARAMS,
    CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS, CK_TLS12_KEY_MAT_PARAMS,
    CK_TLS12_MASTER_KEY_DERIVE_PARAMS, CK_ULONG, CKF_HKDF_SALT_DATA, CKF_HKDF_SALT_KEY,
    CKF_HKDF_SALT_NULL, CKZ_SALT_SPECIFIED,
};

/// The most fields of the input of SP 800-108. Encoding schemes have fewer than ten.
const MOST_FIELDS: usize = 64;

fn truth(value: CK_BBOOL) -> Result<bool> {
    match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(invalid("a boolean is neither true nor false")),
    }
}

/// `CK_KEY_DERIVATION_STRING_DATA`.
///
/// # Safety
/// As [`super::mechanism`].
pub(super) unsafe fn data<'a>(given: &CK_KEY_DERIVATION_STRING_DATA) -> Result<Params<'a>> {
    // SAFETY: the caller's promise, passed on.
    unsafe { inner(given.pData, given.ulLen) }.map(Params::Data)
}

/// `CK_AES_CBC_ENCRYPT_DATA_PARAMS`.
///
/// # Safety
/// As [`super::mechanism`].
pub(super) unsafe fn cbc_data<'a>(given: &CK_AES_CBC_ENCRYPT_DATA_PARAMS) -> Result<Params<'a>> {
    // SAFETY: the caller's promise, passed on.
    let data = unsafe { inner(given.pData, given.length) }?;
    Ok(Params::CbcData { iv: given.iv, data })
}

/// `CK_HKDF_PARAMS`. What a step that is not done would take is not looked at.
///
/// # Safety
/// As [`super::mechanism`].
pub(super) unsafe fn hkdf<'a>(given: &CK_HKDF_PARAMS) -> Result<Params<'a>> {
    let (extract, expand) = (truth(given.bExtract)?, truth(given.bExpand)?);
    let salt = match given.ulSaltType {
        _ if !extract => Salt::None,
        CKF_HKDF_SALT_NULL => Salt::None,
        // SAFETY: the caller's promise, passed on.
        CKF_HKDF_SALT_DATA => Salt::Data(unsafe { inner(given.pSalt, given.ulSaltLen) }?),
        CKF_HKDF_SALT_KEY => Salt::Key(given.hSaltKey),
        _ => return Err(invalid("the salt is of no known kind")),
    };
    let info = if expand {
        // SAFETY: the caller's promise, passed on.
        unsafe { inner(given.pInfo, given.ulInfoLen) }?
    } else {
        &[]
    };
    Ok(Params::Hkdf {
        extract,
        expand,
        hash: given.prfHashMechanism,
        salt,
        info,
    })
}

/// `CK_PKCS5_PBKD2_PARAMS2`.
///
/// # Safety
/// As [`super::mechanism`].
pub(super) unsafe fn pbkdf2<'a>(given: &CK_PKCS5_PBKD2_PARAMS2) -> Result<Params<'a>> {
    if given.saltSource != CKZ_SALT_SPECIFIED {
        return Err(invalid("the salt's source must be CKZ_SALT_SPECIFIED"));
    }
    if given.ulPrfDataLen != 0 {
        return Err(invalid("the pseudorandom function takes no data"));
    }
    // SAFETY: the caller's promise, passed on.
    let (salt, password) = unsafe {
        (
            inner(given.pSaltSourceData.cast(), given.ulSaltSourceDataLen)?,
            inner(given.pPassword, given.ulPasswordLen)?,
        )
    };
    Ok(Params::Pbkdf2 {
        prf: given.prf,
        salt,
        iterations: given.iterations,
        password,
    })
}

/// The random bytes of client and server.
///
/// # Safety
/// As [`super::mechanism`].
unsafe fn randoms<'a>(given: &CK_SSL3_RANDOM_DATA) -> Result<(&'a [u8], &'a [u8])> {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        Ok((
            inner(given.pClientRandom, given.ulClientRandomLen)?,
            inner(given.pServerRandom, given.ulServerRandomLen)?,
        ))
    }
}

/// `CK_TLS_KDF_PARAMS`.
///
/// # Safety
/// As [`super::mechanism`].
pub(super) unsafe fn tls_kdf<'a>(given: &CK_TLS_KDF_PARAMS) -> Result<Params<'a>> {
    // SAFETY: the caller's promise, passed on.
    let (label, (client, server), context) = unsafe {
        (
            inner(given.pLabel, given.ulLabelLength)?,
            randoms(&given.RandomInfo)?,
            inner(given.pContextData, given.ulContextDataLength)?,
        )
    };
    Ok(Params::TlsKdf {
        hash: given.prfMechanism,
        label,
        client,
        server,
        context: (!given.pContextData.is_null()).then_some(context),
    })
}

/// `CK_TLS_MAC_PARAMS`.
pub(super) fn tls_mac(given: CK_TLS_MAC_PARAMS) -> Params<'static> {
    Params::TlsMac {
        hash: given.prfHashMechanism,
        length: given.ulMacLength,
        side: given.ulServerOrClient,
    }
}

/// `CK_TLS12_MASTER_KEY_DERIVE_PARAMS`; the version is the caller's to write.
///
/// # Safety
/// As [`super::mechanism`].
pub(in crate::ffi) unsafe fn tls_master<'a>(
    given: &CK_TLS12_MASTER_KEY_DERIVE_PARAMS,
) -> Result<Params<'a>> {
    // SAFETY: the caller's promise, passed on.
    let (client, server) = unsafe { randoms(&given.RandomInfo) }?;
    Ok(Params::TlsMaster {
        hash: given.prfHashMechanism,
        label: b"master secret",
        seed: [client, server],
        version: !given.pVersion.is_null(),
    })
}

/// `CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS`; the version is the caller's to write.
///
/// # Safety
/// As [`super::mechanism`].
pub(in crate::ffi) unsafe fn tls_extended_master<'a>(
    given: &CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS,
) -> Result<Params<'a>> {
    // SAFETY: the caller's promise, passed on.
    let session = unsafe { inner(given.pSessionHash, given.ulSessionHashLen) }?;
    Ok(Params::TlsMaster {
        hash: given.prfHashMechanism,
        label: b"extended master secret",
        seed: [session, &[]],
        version: !given.pVersion.is_null(),
    })
}

/// `CK_TLS12_KEY_MAT_PARAMS`; the results are the caller's to write.
///
/// # Safety
/// As [`super::mechanism`].
pub(in crate::ffi) unsafe fn tls_keys<'a>(
    given: &CK_TLS12_KEY_MAT_PARAMS,
    with_ivs: bool,
) -> Result<KeyMaterial<'a>> {
    if truth(given.bIsExport)? {
        return Err(invalid("TLS 1.2 has no export ciphers"));
    }
    // SAFETY: the caller's promise, passed on.
    let (client, server) = unsafe { randoms(&given.RandomInfo) }?;
    Ok(KeyMaterial {
        mac: given.ulMacSizeInBits,
        key: given.ulKeySizeInBits,
        iv: if with_ivs { given.ulIVSizeInBits } else { 0 },
        client,
        server,
        hash: given.prfHashMechanism,
    })
}

/// The fields and the first block of SP 800-108.
///
/// # Safety
/// As [`super::mechanism`]; `fields` is NULL or points to `count` fields.
pub(in crate::ffi) unsafe fn sp800<'a>(
    prf: u64,
    (fields, count): (*mut CK_PRF_DATA_PARAM, CK_ULONG),
    (iv, iv_length): (*mut u8, CK_ULONG),
) -> Result<Input<'a>> {
    let (fields, count) =
        pointers::array(fields, count, MOST_FIELDS).map_err(|_| invalid("the number of fields"))?;
    // SAFETY: the caller's promise, passed on, and within the array.
    unsafe {
        Ok(Input {
            prf,
            fields: (0..count)
                .map(|place| field(&fields.add(place).read_unaligned()))
                .collect::<Result<_>>()?,
            iv: inner(iv, iv_length)?,
        })
    }
}

/// One field of SP 800-108.
///
/// # Safety
/// As [`super::mechanism`].
unsafe fn field<'a>(given: &CK_PRF_DATA_PARAM) -> Result<Field<'a>> {
    // SAFETY: the caller's promise, passed on; each structure is read with its own length.
    unsafe {
        match given.type_ {
            CK_SP800_108_ITERATION_VARIABLE if given.ulValueLen == 0 => Ok(Field::Iteration(None)),
            CK_SP800_108_ITERATION_VARIABLE => {
                counter(&structure(given)?).map(|number| Field::Iteration(Some(number)))
            }
            CK_SP800_108_COUNTER => counter(&structure(given)?).map(Field::Counter),
            CK_SP800_108_DKM_LENGTH => length(&structure(given)?),
            CK_SP800_108_BYTE_ARRAY => {
                let bytes = inner(given.pValue.cast_const().cast(), given.ulValueLen)?;
                if bytes.is_empty() {
                    return Err(invalid("a field of bytes has none"));
                }
                Ok(Field::Bytes(bytes))
            }
            CK_SP800_108_KEY_HANDLE => structure::<CK_OBJECT_HANDLE>(given).map(Field::Key),
            _ => Err(invalid("a field is of no known kind")),
        }
    }
}

/// The structure that a field points to.
///
/// # Safety
/// As [`super::mechanism`].
unsafe fn structure<T: Copy>(given: &CK_PRF_DATA_PARAM) -> Result<T> {
    if usize::try_from(given.ulValueLen) != Ok(size_of::<T>()) {
        return Err(invalid("a field has the wrong length"));
    }
    // SAFETY: the caller's promise, and the size is that of a `T`.
    unsafe { pointers::read(given.pValue.cast_const().cast()) }
        .map_err(|_| invalid("a field is NULL"))
}

fn number(little_endian: CK_BBOOL, bits: CK_ULONG) -> Result<Number> {
    Ok(Number {
        bits: u32::try_from(bits).map_err(|_| invalid("the width of a number"))?,
        little_endian: truth(little_endian)?,
    })
}

fn counter(given: &CK_SP800_108_COUNTER_FORMAT) -> Result<Number> {
    number(given.bLittleEndian, given.ulWidthInBits)
}

fn length(given: &CK_SP800_108_DKM_LENGTH_FORMAT) -> Result<Field<'static>> {
    let of_segments = match given.dkmLengthMethod {
        CK_SP800_108_DKM_LENGTH_SUM_OF_KEYS => false,
        CK_SP800_108_DKM_LENGTH_SUM_OF_SEGMENTS => true,
        _ => return Err(Error::MechanismParamInvalid("how the length is computed")),
    };
    Ok(Field::Length {
        of_segments,
        number: number(given.bLittleEndian, given.ulWidthInBits)?,
    })
}
