//! What people call classes, types of keys and flags.

use cryptoki_sys::*;

/// The classes of objects.
pub(crate) const CLASSES: &[(u64, &str)] = &[
    (CKO_DATA, "data"),
    (CKO_CERTIFICATE, "certificate"),
    (CKO_PUBLIC_KEY, "public key"),
    (CKO_PRIVATE_KEY, "private key"),
    (CKO_SECRET_KEY, "secret key"),
    (CKO_DOMAIN_PARAMETERS, "domain parameters"),
    (CKO_PROFILE, "profile"),
    (CKO_MECHANISM, "mechanism"),
    (CKO_VALIDATION, "validation"),
    (CKO_TRUST, "trust"),
];

/// The types of key pairs.
const PAIR_TYPES: &[(u64, &str)] = &[
    (CKK_RSA, "RSA"),
    (CKK_EC, "EC"),
    (CKK_EC_EDWARDS, "EC Edwards"),
    (CKK_EC_MONTGOMERY, "EC Montgomery"),
    (CKK_ML_KEM, "ML-KEM"),
    (CKK_ML_DSA, "ML-DSA"),
    (CKK_SLH_DSA, "SLH-DSA"),
    (CKK_DH, "DH"),
    (CKK_X9_42_DH, "X9.42 DH"),
    (CKK_DSA, "DSA"),
];

/// The types of secret keys.
pub(crate) const SECRET_KEY_TYPES: &[(u64, &str)] = &[
    (CKK_AES, "AES"),
    (CKK_GENERIC_SECRET, "generic secret"),
    (CKK_AES_XTS, "AES-XTS"),
    (CKK_CHACHA20, "ChaCha20"),
    (CKK_DES, "DES"),
    (CKK_DES2, "2DES"),
    (CKK_DES3, "3DES"),
    (CKK_HKDF, "HKDF"),
    (CKK_HOTP, "HOTP"),
    (CKK_MD5_HMAC, "MD5 HMAC"),
    (CKK_SHA_1_HMAC, "SHA-1 HMAC"),
    (CKK_SHA224_HMAC, "SHA-224 HMAC"),
    (CKK_SHA256_HMAC, "SHA-256 HMAC"),
    (CKK_SHA384_HMAC, "SHA-384 HMAC"),
    (CKK_SHA512_HMAC, "SHA-512 HMAC"),
    (CKK_BLAKE2B_160_HMAC, "BLAKE2b-160 HMAC"),
    (CKK_BLAKE2B_256_HMAC, "BLAKE2b-256 HMAC"),
    (CKK_BLAKE2B_384_HMAC, "BLAKE2b-384 HMAC"),
    (CKK_BLAKE2B_512_HMAC, "BLAKE2b-512 HMAC"),
];

/// The name of a type of key, or its number.
pub(crate) fn key_type(number: u64) -> String {
    let mut all = PAIR_TYPES.iter().chain(SECRET_KEY_TYPES);
    let known = all.find(|(known, _)| *known == number);
    known.map_or_else(|| format!("{number:#x}"), |(_, name)| (*name).to_owned())
}

/// The flags worth a look.
pub(crate) const FLAGS: &[(u64, &str)] = &[
    (CKA_PRIVATE, "private"),
    (CKA_SENSITIVE, "sensitive"),
    (CKA_ALWAYS_SENSITIVE, "always-sensitive"),
    (CKA_EXTRACTABLE, "extractable"),
    (CKA_NEVER_EXTRACTABLE, "never-extractable"),
    (CKA_LOCAL, "local"),
    (CKA_TRUSTED, "trusted"),
    (CKA_ALWAYS_AUTHENTICATE, "always-authenticate"),
    (CKA_ENCRYPT, "encrypt"),
    (CKA_DECRYPT, "decrypt"),
    (CKA_SIGN, "sign"),
    (CKA_VERIFY, "verify"),
    (CKA_WRAP, "wrap"),
    (CKA_UNWRAP, "unwrap"),
    (CKA_DERIVE, "derive"),
    (CKA_ENCAPSULATE, "encapsulate"),
    (CKA_DECAPSULATE, "decapsulate"),
];

/// The name of a number, or the number itself.
pub(crate) fn name(names: &[(u64, &str)], number: u64) -> String {
    let known = names.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| format!("{number:#x}"), |(_, name)| (*name).to_owned())
}

/// The number of a name as it is typed: in small or capital letters, with `-` for a space.
pub(crate) fn number(names: &[(u64, &str)], typed: &str) -> Result<u64, String> {
    let plain = |text: &str| text.to_lowercase().replace([' ', '_'], "-");
    let known = names.iter().find(|(_, name)| plain(name) == plain(typed));
    known.map(|(number, _)| *number).ok_or_else(|| {
        let all: Vec<String> = names.iter().map(|(_, name)| plain(name)).collect();
        format!("it is none of {}", all.join(", "))
    })
}
