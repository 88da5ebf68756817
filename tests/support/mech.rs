//! Mechanisms that own their parameters.

use cryptoki_sys::*;
use std::ptr;

/// A mechanism and everything its parameter points to.
pub struct Mech {
    kind: CK_MECHANISM_TYPE,
    parameter: Parameter,
    // The parameters point into these.
    _bytes: Vec<Box<[u8]>>,
}

enum Parameter {
    None,
    Bytes(Box<[u8]>),
    Gcm(Box<CK_GCM_PARAMS>),
    Ctr(Box<CK_AES_CTR_PARAMS>),
    Oaep(Box<CK_RSA_PKCS_OAEP_PARAMS>),
    Pss(Box<CK_RSA_PKCS_PSS_PARAMS>),
    Ecdh(Box<CK_ECDH1_DERIVE_PARAMS>),
    EdDsa(Box<CK_EDDSA_PARAMS>),
    Ccm(Box<CK_CCM_PARAMS>),
    ChaCha20(Box<CK_CHACHA20_PARAMS>),
    ChaCha20Poly1305(Box<CK_SALSA20_CHACHA20_POLY1305_PARAMS>),
    Context(Box<CK_SIGN_ADDITIONAL_CONTEXT>),
    HashContext(Box<CK_HASH_SIGN_ADDITIONAL_CONTEXT>),
    EcdhWrap(Box<CK_ECDH_AES_KEY_WRAP_PARAMS>),
    Text(Box<CK_KEY_DERIVATION_STRING_DATA>),
    CbcData(Box<CK_AES_CBC_ENCRYPT_DATA_PARAMS>),
}

/// Bytes that C code only reads, with NULL for none.
fn place(bytes: &mut Box<[u8]>) -> (*mut u8, CK_ULONG) {
    if bytes.is_empty() {
        return (ptr::null_mut(), 0);
    }
    (bytes.as_mut_ptr(), bytes.len() as CK_ULONG)
}

impl Mech {
    pub fn plain(kind: CK_MECHANISM_TYPE) -> Mech {
        Mech {
            kind,
            parameter: Parameter::None,
            _bytes: Vec::new(),
        }
    }

    /// A parameter of plain bytes: an initialisation vector.
    pub fn bytes(kind: CK_MECHANISM_TYPE, parameter: &[u8]) -> Mech {
        Mech {
            kind,
            parameter: Parameter::Bytes(parameter.into()),
            _bytes: Vec::new(),
        }
    }

    /// A parameter that is a structure, and what it points to.
    pub fn structure<T: Copy>(
        kind: CK_MECHANISM_TYPE,
        parameter: T,
        bytes: Vec<Box<[u8]>>,
    ) -> Mech {
        Mech {
            kind,
            parameter: Parameter::Bytes(bytes_of(&parameter).into()),
            _bytes: bytes,
        }
    }

    /// A parameter of one number: the length of a shortened authenticator.
    pub fn general(kind: CK_MECHANISM_TYPE, length: CK_ULONG) -> Mech {
        Mech::bytes(kind, &length.to_ne_bytes())
    }

    /// AES-GCM; the tag's length in bits.
    pub fn gcm(iv: &[u8], aad: &[u8], tag_bits: CK_ULONG) -> Mech {
        let (mut iv, mut aad): (Box<[u8]>, Box<[u8]>) = (iv.into(), aad.into());
        let (iv_at, iv_len) = place(&mut iv);
        let (aad_at, aad_len) = place(&mut aad);
        let parameter = CK_GCM_PARAMS {
            pIv: iv_at,
            ulIvLen: iv_len,
            ulIvBits: iv_len * 8,
            pAAD: aad_at,
            ulAADLen: aad_len,
            ulTagBits: tag_bits,
        };
        Mech {
            kind: CKM_AES_GCM,
            parameter: Parameter::Gcm(parameter.into()),
            _bytes: vec![iv, aad],
        }
    }

    /// AES-CCM; the lengths of data and tag in bytes.
    pub fn ccm(length: CK_ULONG, nonce: &[u8], aad: &[u8], tag: CK_ULONG) -> Mech {
        let (mut nonce, mut aad): (Box<[u8]>, Box<[u8]>) = (nonce.into(), aad.into());
        let (nonce_at, nonce_len) = place(&mut nonce);
        let (aad_at, aad_len) = place(&mut aad);
        let parameter = CK_CCM_PARAMS {
            ulDataLen: length,
            pNonce: nonce_at,
            ulNonceLen: nonce_len,
            pAAD: aad_at,
            ulAADLen: aad_len,
            ulMACLen: tag,
        };
        Mech {
            kind: CKM_AES_CCM,
            parameter: Parameter::Ccm(parameter.into()),
            _bytes: vec![nonce, aad],
        }
    }

    /// ChaCha20 from a block, its number least significant byte first.
    pub fn chacha20(counter: &[u8], nonce: &[u8]) -> Mech {
        let (mut counter, mut nonce): (Box<[u8]>, Box<[u8]>) = (counter.into(), nonce.into());
        let (counter_at, counter_len) = place(&mut counter);
        let (nonce_at, nonce_len) = place(&mut nonce);
        let parameter = CK_CHACHA20_PARAMS {
            pBlockCounter: counter_at,
            blockCounterBits: 8 * counter_len,
            pNonce: nonce_at,
            ulNonceBits: 8 * nonce_len,
        };
        Mech {
            kind: CKM_CHACHA20,
            parameter: Parameter::ChaCha20(parameter.into()),
            _bytes: vec![counter, nonce],
        }
    }

    pub fn chacha20_poly1305(nonce: &[u8], aad: &[u8]) -> Mech {
        let (mut nonce, mut aad): (Box<[u8]>, Box<[u8]>) = (nonce.into(), aad.into());
        let (nonce_at, nonce_len) = place(&mut nonce);
        let (aad_at, aad_len) = place(&mut aad);
        let parameter = CK_SALSA20_CHACHA20_POLY1305_PARAMS {
            pNonce: nonce_at,
            ulNonceLen: 8 * nonce_len,
            pAAD: aad_at,
            ulAADLen: aad_len,
        };
        Mech {
            kind: CKM_CHACHA20_POLY1305,
            parameter: Parameter::ChaCha20Poly1305(parameter.into()),
            _bytes: vec![nonce, aad],
        }
    }

    /// AES-CTR with a counter of so many bits.
    pub fn ctr(bits: CK_ULONG, counter: [u8; 16]) -> Mech {
        let parameter = CK_AES_CTR_PARAMS {
            ulCounterBits: bits,
            cb: counter,
        };
        Mech {
            kind: CKM_AES_CTR,
            parameter: Parameter::Ctr(parameter.into()),
            _bytes: Vec::new(),
        }
    }

    pub fn oaep(hash: CK_MECHANISM_TYPE, mgf: CK_RSA_PKCS_MGF_TYPE, label: &[u8]) -> Mech {
        let mut label: Box<[u8]> = label.into();
        let (at, length) = place(&mut label);
        let parameter = CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: hash,
            mgf,
            source: CKZ_DATA_SPECIFIED,
            pSourceData: at.cast(),
            ulSourceDataLen: length,
        };
        let parameter = Parameter::Oaep(parameter.into());
        Mech {
            kind: CKM_RSA_PKCS_OAEP,
            parameter,
            _bytes: vec![label],
        }
    }

    pub fn pss(
        kind: CK_MECHANISM_TYPE,
        hash: CK_MECHANISM_TYPE,
        mgf: CK_RSA_PKCS_MGF_TYPE,
        salt: CK_ULONG,
    ) -> Mech {
        let parameter = CK_RSA_PKCS_PSS_PARAMS {
            hashAlg: hash,
            mgf,
            sLen: salt,
        };
        Mech {
            kind,
            parameter: Parameter::Pss(parameter.into()),
            _bytes: Vec::new(),
        }
    }

    pub fn ecdh(kdf: CK_EC_KDF_TYPE, shared: &[u8], public: &[u8]) -> Mech {
        Mech::ecdh_as(CKM_ECDH1_DERIVE, kdf, shared, public)
    }

    pub fn ecdh_as(
        kind: CK_MECHANISM_TYPE,
        kdf: CK_EC_KDF_TYPE,
        shared: &[u8],
        public: &[u8],
    ) -> Mech {
        let (mut shared, mut public): (Box<[u8]>, Box<[u8]>) = (shared.into(), public.into());
        let (shared_at, shared_len) = place(&mut shared);
        let (public_at, public_len) = place(&mut public);
        let parameter = CK_ECDH1_DERIVE_PARAMS {
            kdf,
            ulSharedDataLen: shared_len,
            pSharedData: shared_at,
            ulPublicDataLen: public_len,
            pPublicData: public_at,
        };
        Mech {
            kind,
            parameter: Parameter::Ecdh(parameter.into()),
            _bytes: vec![shared, public],
        }
    }

    /// EdDSA with its parameter: prehash flag and context.
    pub fn eddsa(prehash: bool, context: &[u8]) -> Mech {
        let mut context: Box<[u8]> = context.into();
        let (at, length) = place(&mut context);
        let parameter = CK_EDDSA_PARAMS {
            phFlag: u8::from(prehash),
            ulContextDataLen: length,
            pContextData: at,
        };
        Mech {
            kind: CKM_EDDSA,
            parameter: Parameter::EdDsa(parameter.into()),
            _bytes: vec![context],
        }
    }

    /// ML-DSA or SLH-DSA with a context. The pointer is not NULL even where the context is empty.
    pub fn context(kind: CK_MECHANISM_TYPE, hedge: CK_HEDGE_TYPE, context: &[u8]) -> Mech {
        let mut context: Box<[u8]> = context.into();
        let parameter = CK_SIGN_ADDITIONAL_CONTEXT {
            hedgeVariant: hedge,
            pContext: context.as_mut_ptr(),
            ulContextLen: context.len() as CK_ULONG,
        };
        Mech {
            kind,
            parameter: Parameter::Context(parameter.into()),
            _bytes: vec![context],
        }
    }

    /// The same over a digest by `hash`.
    pub fn hash_context(
        kind: CK_MECHANISM_TYPE,
        hash: CK_MECHANISM_TYPE,
        hedge: CK_HEDGE_TYPE,
        context: &[u8],
    ) -> Mech {
        let mut context: Box<[u8]> = context.into();
        let (at, length) = place(&mut context);
        let parameter = CK_HASH_SIGN_ADDITIONAL_CONTEXT {
            hedgeVariant: hedge,
            pContext: at,
            ulContextLen: length,
            hash,
        };
        Mech {
            kind,
            parameter: Parameter::HashContext(parameter.into()),
            _bytes: vec![context],
        }
    }

    /// A wrap by ECDH and AES key wrap; the length of the AES key in bits.
    pub fn ecdh_wrap(
        kind: CK_MECHANISM_TYPE,
        bits: CK_ULONG,
        kdf: CK_EC_KDF_TYPE,
        shared: &[u8],
    ) -> Mech {
        let mut shared: Box<[u8]> = shared.into();
        let (at, length) = place(&mut shared);
        let parameter = CK_ECDH_AES_KEY_WRAP_PARAMS {
            ulAESKeyBits: bits,
            kdf,
            ulSharedDataLen: length,
            pSharedData: at,
        };
        Mech {
            kind,
            parameter: Parameter::EcdhWrap(parameter.into()),
            _bytes: vec![shared],
        }
    }

    /// A derivation from the base key and data.
    pub fn text(kind: CK_MECHANISM_TYPE, data: &[u8]) -> Mech {
        let mut data: Box<[u8]> = data.into();
        let (at, length) = place(&mut data);
        let parameter = CK_KEY_DERIVATION_STRING_DATA {
            pData: at,
            ulLen: length,
        };
        Mech {
            kind,
            parameter: Parameter::Text(parameter.into()),
            _bytes: vec![data],
        }
    }

    pub fn cbc_data(iv: [u8; 16], data: &[u8]) -> Mech {
        let mut data: Box<[u8]> = data.into();
        let (at, length) = place(&mut data);
        let parameter = CK_AES_CBC_ENCRYPT_DATA_PARAMS {
            iv,
            pData: at,
            length,
        };
        let parameter = Parameter::CbcData(parameter.into());
        Mech {
            kind: CKM_AES_CBC_ENCRYPT_DATA,
            parameter,
            _bytes: vec![data],
        }
    }

    /// The same parameter under another mechanism number.
    pub fn of_kind(mut self, kind: CK_MECHANISM_TYPE) -> Mech {
        self.kind = kind;
        self
    }

    pub fn kind(&self) -> CK_MECHANISM_TYPE {
        self.kind
    }

    /// In C form; valid as long as `self`.
    pub fn raw(&self) -> CK_MECHANISM {
        fn at<T>(value: &T) -> (*mut std::ffi::c_void, usize) {
            (ptr::from_ref(value).cast_mut().cast(), size_of::<T>())
        }
        let (parameter, length) = match &self.parameter {
            Parameter::None => (ptr::null_mut(), 0),
            Parameter::Bytes(bytes) => (bytes.as_ptr().cast_mut().cast(), bytes.len()),
            Parameter::Gcm(p) => at(p.as_ref()),
            Parameter::Ctr(p) => at(p.as_ref()),
            Parameter::Oaep(p) => at(p.as_ref()),
            Parameter::Pss(p) => at(p.as_ref()),
            Parameter::Ecdh(p) => at(p.as_ref()),
            Parameter::EdDsa(p) => at(p.as_ref()),
            Parameter::Ccm(p) => at(p.as_ref()),
            Parameter::ChaCha20(p) => at(p.as_ref()),
            Parameter::ChaCha20Poly1305(p) => at(p.as_ref()),
            Parameter::Context(p) => at(p.as_ref()),
            Parameter::HashContext(p) => at(p.as_ref()),
            Parameter::EcdhWrap(p) => at(p.as_ref()),
            Parameter::Text(p) => at(p.as_ref()),
            Parameter::CbcData(p) => at(p.as_ref()),
        };
        CK_MECHANISM {
            mechanism: self.kind,
            pParameter: parameter,
            ulParameterLen: length as CK_ULONG,
        }
    }
}

/// The bytes of a C structure.
pub fn bytes_of<T: Copy>(value: &T) -> &[u8] {
    // SAFETY: within the value; padding is never looked at, only handed on.
    unsafe { std::slice::from_raw_parts(ptr::from_ref(value).cast(), size_of::<T>()) }
}

/// The hash mechanism and mask generation function of a hash's usual name.
pub fn hash_mgf(name: &str) -> Option<(CK_MECHANISM_TYPE, CK_RSA_PKCS_MGF_TYPE)> {
    Some(match name {
        "SHA-1" => (CKM_SHA_1, CKG_MGF1_SHA1),
        "SHA-224" => (CKM_SHA224, CKG_MGF1_SHA224),
        "SHA-256" => (CKM_SHA256, CKG_MGF1_SHA256),
        "SHA-384" => (CKM_SHA384, CKG_MGF1_SHA384),
        "SHA-512" => (CKM_SHA512, CKG_MGF1_SHA512),
        "SHA3-224" => (CKM_SHA3_224, CKG_MGF1_SHA3_224),
        "SHA3-256" => (CKM_SHA3_256, CKG_MGF1_SHA3_256),
        "SHA3-384" => (CKM_SHA3_384, CKG_MGF1_SHA3_384),
        "SHA3-512" => (CKM_SHA3_512, CKG_MGF1_SHA3_512),
        _ => return None,
    })
}
