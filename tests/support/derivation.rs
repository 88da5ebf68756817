//! Mechanisms that derive keys, with their parameters.

use super::Mech;
use cryptoki_sys::*;

/// Bytes for a parameter to point to, and where they are.
fn kept(bytes: &[u8], all: &mut Vec<Box<[u8]>>) -> (*mut u8, CK_ULONG) {
    if bytes.is_empty() {
        return (std::ptr::null_mut(), 0);
    }
    let mut own: Box<[u8]> = bytes.into();
    let at = own.as_mut_ptr();
    all.push(own);
    (at, bytes.len() as CK_ULONG)
}

/// A structure for a parameter to point to, and where it is.
fn placed<T: Copy>(value: T, all: &mut Vec<Box<[u8]>>) -> (*mut u8, CK_ULONG) {
    kept(super::bytes_of(&value), all)
}

/// The salt of HKDF.
#[derive(Clone, Copy)]
pub enum Salt<'a> {
    None,
    Data(&'a [u8]),
    Key(CK_OBJECT_HANDLE),
}

/// HKDF: which steps, the hash, salt and info.
pub fn hkdf(steps: (bool, bool), hash: CK_MECHANISM_TYPE, salt: Salt<'_>, info: &[u8]) -> Mech {
    let mut all = Vec::new();
    let (kind, data, key): (CK_ULONG, &[u8], CK_OBJECT_HANDLE) = match salt {
        Salt::None => (CKF_HKDF_SALT_NULL, &[], 0),
        Salt::Data(salt) => (CKF_HKDF_SALT_DATA, salt, 0),
        Salt::Key(key) => (CKF_HKDF_SALT_KEY, &[], key),
    };
    let (salt_at, salt_len) = kept(data, &mut all);
    let (info_at, info_len) = kept(info, &mut all);
    let parameter = CK_HKDF_PARAMS {
        bExtract: u8::from(steps.0),
        bExpand: u8::from(steps.1),
        prfHashMechanism: hash,
        ulSaltType: kind,
        pSalt: salt_at,
        ulSaltLen: salt_len,
        hSaltKey: key,
        pInfo: info_at,
        ulInfoLen: info_len,
    };
    Mech::structure(CKM_HKDF_DERIVE, parameter, all)
}

/// PBKDF2.
pub fn pbkdf2(prf: CK_ULONG, password: &[u8], salt: &[u8], iterations: CK_ULONG) -> Mech {
    let mut all = Vec::new();
    let (salt_at, salt_len) = kept(salt, &mut all);
    let (password_at, password_len) = kept(password, &mut all);
    let parameter = CK_PKCS5_PBKD2_PARAMS2 {
        saltSource: CKZ_SALT_SPECIFIED,
        pSaltSourceData: salt_at.cast(),
        ulSaltSourceDataLen: salt_len,
        iterations,
        prf,
        pPrfData: std::ptr::null_mut(),
        ulPrfDataLen: 0,
        pPassword: password_at,
        ulPasswordLen: password_len,
    };
    Mech::structure(CKM_PKCS5_PBKD2, parameter, all)
}

/// A field of the input of SP 800-108; numbers by their bits and whether the least byte comes first.
#[derive(Clone)]
pub enum Field {
    Iteration(Option<(CK_ULONG, bool)>),
    Counter(CK_ULONG, bool),
    Length(CK_ULONG, CK_ULONG, bool),
    Bytes(Vec<u8>),
    Key(CK_OBJECT_HANDLE),
}

/// The array of data parameters, whose values are kept in `all`.
fn data_params(fields: &[Field], all: &mut Vec<Box<[u8]>>) -> Vec<u8> {
    let counter = |bits: CK_ULONG, little: bool| CK_SP800_108_COUNTER_FORMAT {
        bLittleEndian: u8::from(little),
        ulWidthInBits: bits,
    };
    let mut array = Vec::new();
    for field in fields {
        let (type_, (at, length)) = match field {
            Field::Iteration(None) => (CK_SP800_108_ITERATION_VARIABLE, (std::ptr::null_mut(), 0)),
            Field::Iteration(Some((bits, little))) => (
                CK_SP800_108_ITERATION_VARIABLE,
                placed(counter(*bits, *little), all),
            ),
            Field::Counter(bits, little) => {
                (CK_SP800_108_COUNTER, placed(counter(*bits, *little), all))
            }
            Field::Length(method, bits, little) => {
                let format = CK_SP800_108_DKM_LENGTH_FORMAT {
                    dkmLengthMethod: *method,
                    bLittleEndian: u8::from(*little),
                    ulWidthInBits: *bits,
                };
                (CK_SP800_108_DKM_LENGTH, placed(format, all))
            }
            Field::Bytes(bytes) => (CK_SP800_108_BYTE_ARRAY, kept(bytes, all)),
            Field::Key(key) => (CK_SP800_108_KEY_HANDLE, placed(*key, all)),
        };
        let one = CK_PRF_DATA_PARAM {
            type_,
            pValue: at.cast(),
            ulValueLen: length,
        };
        array.extend_from_slice(super::bytes_of(&one));
    }
    array
}

/// SP 800-108 in one of its modes; further keys as the caller made them.
pub fn sp800(
    kind: CK_MECHANISM_TYPE,
    prf: CK_MECHANISM_TYPE,
    fields: &[Field],
    iv: &[u8],
    further: &[CK_DERIVED_KEY],
) -> Mech {
    let mut all = Vec::new();
    let array = data_params(fields, &mut all);
    let (fields_at, _) = kept(&array, &mut all);
    let more: Vec<u8> = further
        .iter()
        .flat_map(|one| super::bytes_of(one).to_vec())
        .collect();
    let (more_at, _) = kept(&more, &mut all);
    let (count, more_count) = (fields.len() as CK_ULONG, further.len() as CK_ULONG);
    if kind == CKM_SP800_108_FEEDBACK_KDF {
        let (iv_at, iv_len) = kept(iv, &mut all);
        let parameter = CK_SP800_108_FEEDBACK_KDF_PARAMS {
            prfType: prf,
            ulNumberOfDataParams: count,
            pDataParams: fields_at.cast(),
            ulIVLen: iv_len,
            pIV: iv_at,
            ulAdditionalDerivedKeys: more_count,
            pAdditionalDerivedKeys: more_at.cast(),
        };
        return Mech::structure(kind, parameter, all);
    }
    let parameter = CK_SP800_108_KDF_PARAMS {
        prfType: prf,
        ulNumberOfDataParams: count,
        pDataParams: fields_at.cast(),
        ulAdditionalDerivedKeys: more_count,
        pAdditionalDerivedKeys: more_at.cast(),
    };
    Mech::structure(kind, parameter, all)
}

fn randoms(client: &[u8], server: &[u8], all: &mut Vec<Box<[u8]>>) -> CK_SSL3_RANDOM_DATA {
    let (client_at, client_len) = kept(client, all);
    let (server_at, server_len) = kept(server, all);
    CK_SSL3_RANDOM_DATA {
        pClientRandom: client_at,
        ulClientRandomLen: client_len,
        pServerRandom: server_at,
        ulServerRandomLen: server_len,
    }
}

/// A key exported from TLS.
pub fn tls_kdf(
    hash: CK_MECHANISM_TYPE,
    label: &[u8],
    (client, server): (&[u8], &[u8]),
    context: Option<&[u8]>,
) -> Mech {
    let mut all = Vec::new();
    let (label_at, label_len) = kept(label, &mut all);
    let (context_at, context_len) = kept(context.unwrap_or_default(), &mut all);
    let parameter = CK_TLS_KDF_PARAMS {
        prfMechanism: hash,
        pLabel: label_at,
        ulLabelLength: label_len,
        RandomInfo: randoms(client, server, &mut all),
        pContextData: context_at,
        ulContextDataLength: context_len,
    };
    Mech::structure(CKM_TLS_KDF, parameter, all)
}

/// The MAC of a TLS handshake.
pub fn tls_mac(hash: CK_MECHANISM_TYPE, length: CK_ULONG, side: CK_ULONG) -> Mech {
    let parameter = CK_TLS_MAC_PARAMS {
        prfHashMechanism: hash,
        ulMacLength: length,
        ulServerOrClient: side,
    };
    Mech::structure(CKM_TLS_MAC, parameter, Vec::new())
}

/// A master secret; the version goes where the caller says.
pub fn tls_master(
    kind: CK_MECHANISM_TYPE,
    (client, server): (&[u8], &[u8]),
    version: *mut CK_VERSION,
) -> Mech {
    let mut all = Vec::new();
    let parameter = CK_TLS12_MASTER_KEY_DERIVE_PARAMS {
        RandomInfo: randoms(client, server, &mut all),
        pVersion: version,
        prfHashMechanism: CKM_SHA256,
    };
    Mech::structure(kind, parameter, all)
}

/// An extended master secret.
pub fn tls_extended_master(kind: CK_MECHANISM_TYPE, session: &[u8]) -> Mech {
    let mut all = Vec::new();
    let (at, length) = kept(session, &mut all);
    let parameter = CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS {
        prfHashMechanism: CKM_SHA256,
        pSessionHash: at,
        ulSessionHashLen: length,
        pVersion: std::ptr::null_mut(),
    };
    Mech::structure(kind, parameter, all)
}

/// The keys of a TLS connection, of these bits: MAC, key, IV.
pub fn tls_keys(
    kind: CK_MECHANISM_TYPE,
    bits: [CK_ULONG; 3],
    (client, server): (&[u8], &[u8]),
    out: *mut CK_SSL3_KEY_MAT_OUT,
) -> Mech {
    let mut all = Vec::new();
    let parameter = CK_TLS12_KEY_MAT_PARAMS {
        ulMacSizeInBits: bits[0],
        ulKeySizeInBits: bits[1],
        ulIVSizeInBits: bits[2],
        bIsExport: 0,
        RandomInfo: randoms(client, server, &mut all),
        pReturnedKeyMaterial: out,
        prfHashMechanism: CKM_SHA256,
    };
    Mech::structure(kind, parameter, all)
}
