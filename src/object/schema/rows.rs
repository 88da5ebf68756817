//! The table of attributes, after PKCS #11 3.2, sections 4.2 to 4.13 and the object tables of
//! sections 6.1 (RSA), 6.3 (elliptic curves), 6.8 (generic secrets) and 6.9 (AES).

use super::family::{Families, Family};
use super::{DefaultValue, Row, Rules, ValueKind};
use crate::object::attribute::AttributeType;
use crate::object::vendor::{
    CKA_KEYWARD_CARRIED, CKA_KEYWARD_CREATED, CKA_KEYWARD_DOMAIN_KEY_ID,
    CKA_KEYWARD_DOMAIN_KEY_STATE, CKA_KEYWARD_FAMILY, CKA_KEYWARD_FINGERPRINT, CKA_KEYWARD_HISTORY,
    CKA_KEYWARD_KEY_VERSION, CKA_KEYWARD_LINEAGE, CKA_KEYWARD_POLICY, CKA_KEYWARD_PROTECTED_PAIR,
    CKA_KEYWARD_ROLE, CKA_KEYWARD_STANDING, CKA_KEYWARD_TENANT, CKA_KEYWARD_UPDATE,
};
use cryptoki_sys::*;

/// A row: attribute, form, families, rules, default.
macro_rules! row {
    ($attribute:ident, $value:ident, $families:expr, $rules:expr, $default:expr) => {
        Row {
            attribute: $attribute,
            name: stringify!($attribute),
            value: ValueKind::$value,
            families: $families,
            rules: $rules,
            default: $default,
        }
    };
}

const ALL: Families = Families::ALL;
const STORED: Families = Families::STORED;
const KEYS: Families = Families::KEYS;
const HIDDEN: Families = Families::HIDDEN;
const PUBLIC: Families = Families::PUBLIC;
const PRIVATE: Families = Families::PRIVATE;
const SECRET: Families = Families::SECRET;
const EC_PUBLIC: Families = Families::EC_PUBLIC;
const EC_PRIVATE: Families = Families::EC_PRIVATE;
const SET_PUBLIC: Families = Families::SET_PUBLIC;
const SET_PRIVATE: Families = Families::SET_PRIVATE;
const SEEDED: Families = Families::SEEDED;
const CERTIFICATES: Families = Families::CERTIFICATES;
const DATA: Families = Family::Data.only();
const X509: Families = Family::X509Certificate.only();
const ATTRIBUTE_CERTIFICATE: Families = Family::AttributeCertificate.only();
const RSA_PUBLIC: Families = Family::RsaPublic.only();
const RSA_PRIVATE: Families = Family::RsaPrivate.only();
const AES: Families = Family::Aes.only();
const DOMAIN: Families = Family::DomainParameters.only();
const MECHANISM: Families = Family::Mechanism.only();
const PROFILE: Families = Family::Profile.only();
const TRUST: Families = Family::Trust.only();
const VALIDATION: Families = Family::Validation.only();
const NONE: Families = Families::NONE;

/// Keys that can sign or verify.
const SIGNERS: Families = SECRET
    .or(RSA_PUBLIC)
    .or(RSA_PRIVATE)
    .or(Family::EcPublic.only())
    .or(Family::EcPrivate.only())
    .or(Family::EdwardsPublic.only())
    .or(Family::EdwardsPrivate.only())
    .or(Family::MlDsaPublic.only())
    .or(Family::MlDsaPrivate.only())
    .or(Family::SlhDsaPublic.only())
    .or(Family::SlhDsaPrivate.only());
/// Keys that do nothing but agree on secrets by encapsulation.
const ENCAPSULATORS: Families = Family::MlKemPublic.only().or(Family::MlKemPrivate.only());
/// Keys that can encrypt or decrypt.
const CIPHERS: Families = AES
    .or(Family::AesXts.only())
    .or(Family::ChaCha20.only())
    .or(RSA_PUBLIC)
    .or(RSA_PRIVATE);
/// Keys that wrap or unwrap without being told to. AES keys must be told, so that a key for data
/// never becomes a wrapping key by accident.
const WRAPPERS: Families = RSA_PUBLIC.or(RSA_PRIVATE);

const FREE: Rules = Rules::FREE;
const SETTABLE: Rules = Rules::SETTABLE;
const COPY_SETTABLE: Rules = Rules::COPY_SETTABLE;
const COMPUTED: Rules = Rules::COMPUTED;
const MUST_AGREE: Rules = Rules::MUST_AGREE;
const FOUND: Rules = Rules::FOUND;
const CREATE_NEEDED: Rules = Rules::CREATE_NEEDED;
/// Footnotes 1, 4 and 6.
const MATERIAL: Rules = CREATE_NEEDED.and(GIVEN_BY_MODULE);
/// Footnotes 4 and 6.
const GIVEN_BY_MODULE: Rules = Rules::GENERATE_BARRED.and(Rules::UNWRAP_BARRED);
/// Footnotes 1, 4, 6 and 7.
const SECRET_MATERIAL: Rules = MATERIAL.and(Rules::SENSITIVE);
/// Footnotes 4, 6 and 7.
const SECRET_EXTRA: Rules = GIVEN_BY_MODULE.and(Rules::SENSITIVE);

const ABSENT: DefaultValue = DefaultValue::Absent;
const YES: DefaultValue = DefaultValue::Bool(true);
const NO: DefaultValue = DefaultValue::Bool(false);
const EMPTY: DefaultValue = DefaultValue::Empty;
const ZERO: DefaultValue = DefaultValue::Ulong(0);
const UNKNOWN: DefaultValue = DefaultValue::Ulong(CK_UNAVAILABLE_INFORMATION);
const fn on(families: Families) -> DefaultValue {
    DefaultValue::TrueFor(families)
}

/// The rows, those of one attribute together. Where an attribute is secret in some family, that row
/// comes first, because the first row says how callers' values are read.
pub(super) const ROWS: &[Row] = &[
    // Every object (4.2).
    row!(CKA_CLASS, Ulong, ALL, CREATE_NEEDED, ABSENT),
    row!(CKA_UNIQUE_ID, Bytes, ALL, COMPUTED, ABSENT),
    // Storage objects (4.4).
    row!(CKA_TOKEN, Bool, ALL, COPY_SETTABLE, NO),
    row!(CKA_PRIVATE, Bool, ALL, COPY_SETTABLE, on(HIDDEN.or(DATA))),
    row!(CKA_MODIFIABLE, Bool, ALL, COPY_SETTABLE, on(STORED)),
    row!(CKA_LABEL, Bytes, ALL, SETTABLE, EMPTY),
    row!(
        CKA_COPYABLE,
        Bool,
        ALL,
        COPY_SETTABLE.and(Rules::STAYS_FALSE),
        on(STORED)
    ),
    row!(CKA_DESTROYABLE, Bool, ALL, COPY_SETTABLE, on(STORED)),
    // Data (4.5), and the values of keys and certificates.
    row!(CKA_APPLICATION, Bytes, DATA, FREE, EMPTY),
    row!(CKA_OBJECT_ID, Bytes, DATA, FREE, EMPTY),
    row!(
        CKA_VALUE,
        Secret,
        SECRET.or(EC_PRIVATE),
        SECRET_MATERIAL,
        ABSENT
    ),
    // Of these one can be computed from the seed: which is needed is said where keys are checked.
    row!(CKA_VALUE, Secret, SEEDED, SECRET_EXTRA, ABSENT),
    row!(
        CKA_VALUE,
        Secret,
        Family::SlhDsaPrivate.only(),
        SECRET_MATERIAL,
        ABSENT
    ),
    row!(
        CKA_VALUE,
        Secret,
        SET_PUBLIC,
        CREATE_NEEDED.and(Rules::GENERATE_BARRED),
        ABSENT
    ),
    row!(CKA_VALUE, Secret, DATA, FREE, EMPTY),
    row!(CKA_VALUE, Secret, CERTIFICATES, CREATE_NEEDED, ABSENT),
    row!(
        CKA_VALUE_LEN,
        Ulong,
        AES.or(Family::AesXts.only()).or(Family::Generic.only()),
        Rules::GENERATE_NEEDED.and(Rules::CREATE_BARRED).and(FOUND),
        ABSENT
    ),
    // Of these there is one length only, so nobody needs to name it.
    row!(
        CKA_VALUE_LEN,
        Ulong,
        Family::ChaCha20.only().or(Family::Poly1305.only()),
        Rules::CREATE_BARRED.and(FOUND),
        ABSENT
    ),
    // Certificates (4.6).
    row!(
        CKA_CERTIFICATE_TYPE,
        Ulong,
        CERTIFICATES,
        CREATE_NEEDED,
        ABSENT
    ),
    row!(
        CKA_TRUSTED,
        Bool,
        CERTIFICATES.or(PUBLIC).or(SECRET),
        SETTABLE.and(Rules::SO_ONLY),
        NO
    ),
    row!(CKA_CERTIFICATE_CATEGORY, Ulong, CERTIFICATES, FREE, ZERO),
    row!(CKA_CHECK_VALUE, Bytes, SECRET, SETTABLE.and(FOUND), ABSENT),
    row!(CKA_CHECK_VALUE, Bytes, CERTIFICATES, FOUND, ABSENT),
    row!(CKA_START_DATE, Date, KEYS, SETTABLE, EMPTY),
    row!(CKA_START_DATE, Date, CERTIFICATES, FREE, EMPTY),
    row!(CKA_END_DATE, Date, KEYS, SETTABLE, EMPTY),
    row!(CKA_END_DATE, Date, CERTIFICATES, FREE, EMPTY),
    row!(
        CKA_PUBLIC_KEY_INFO,
        Bytes,
        PRIVATE,
        SETTABLE.and(FOUND),
        EMPTY
    ),
    row!(CKA_PUBLIC_KEY_INFO, Bytes, PUBLIC, FOUND, EMPTY),
    row!(CKA_PUBLIC_KEY_INFO, Bytes, CERTIFICATES, FREE, EMPTY),
    row!(CKA_SUBJECT, Bytes, PUBLIC.or(PRIVATE), SETTABLE, EMPTY),
    row!(CKA_SUBJECT, Bytes, X509, CREATE_NEEDED, ABSENT),
    row!(CKA_ID, Bytes, KEYS.or(X509), SETTABLE, EMPTY),
    row!(CKA_ISSUER, Bytes, X509, SETTABLE, EMPTY),
    row!(CKA_ISSUER, Bytes, TRUST, CREATE_NEEDED, ABSENT),
    row!(CKA_SERIAL_NUMBER, Bytes, CERTIFICATES, SETTABLE, EMPTY),
    row!(CKA_SERIAL_NUMBER, Bytes, TRUST, CREATE_NEEDED, ABSENT),
    row!(CKA_URL, Bytes, X509, FREE, EMPTY),
    row!(CKA_HASH_OF_SUBJECT_PUBLIC_KEY, Bytes, X509, FREE, EMPTY),
    row!(CKA_HASH_OF_ISSUER_PUBLIC_KEY, Bytes, X509, FREE, EMPTY),
    row!(CKA_JAVA_MIDP_SECURITY_DOMAIN, Ulong, X509, FREE, ZERO),
    row!(
        CKA_NAME_HASH_ALGORITHM,
        Ulong,
        X509.or(TRUST),
        FREE,
        DefaultValue::Ulong(CKM_SHA_1)
    ),
    row!(
        CKA_OWNER,
        Bytes,
        ATTRIBUTE_CERTIFICATE,
        CREATE_NEEDED,
        ABSENT
    ),
    row!(CKA_AC_ISSUER, Bytes, ATTRIBUTE_CERTIFICATE, SETTABLE, EMPTY),
    row!(
        CKA_ATTR_TYPES,
        Bytes,
        ATTRIBUTE_CERTIFICATE,
        SETTABLE,
        EMPTY
    ),
    // Keys (4.7).
    row!(
        CKA_KEY_TYPE,
        Ulong,
        KEYS,
        CREATE_NEEDED.and(Rules::UNWRAP_NEEDED),
        ABSENT
    ),
    row!(CKA_KEY_TYPE, Ulong, DOMAIN, CREATE_NEEDED, ABSENT),
    row!(CKA_DERIVE, Bool, KEYS, SETTABLE, NO),
    row!(CKA_LOCAL, Bool, KEYS.or(DOMAIN), COMPUTED, NO),
    row!(CKA_KEY_GEN_MECHANISM, Ulong, KEYS, COMPUTED, UNKNOWN),
    row!(
        CKA_ALLOWED_MECHANISMS,
        Ulongs,
        KEYS,
        FREE,
        DefaultValue::NoUlongs
    ),
    row!(CKA_OBJECT_VALIDATION_FLAGS, Ulong, KEYS, COMPUTED, ZERO),
    // Public, private and secret keys (4.8 to 4.10).
    row!(CKA_ENCRYPT, Bool, PUBLIC.or(SECRET), SETTABLE, on(CIPHERS)),
    row!(CKA_DECRYPT, Bool, HIDDEN, SETTABLE, on(CIPHERS)),
    row!(CKA_SIGN, Bool, HIDDEN, SETTABLE, on(SIGNERS)),
    row!(CKA_SIGN_RECOVER, Bool, PRIVATE, SETTABLE, on(NONE)),
    row!(CKA_VERIFY, Bool, PUBLIC.or(SECRET), SETTABLE, on(SIGNERS)),
    row!(CKA_VERIFY_RECOVER, Bool, PUBLIC, SETTABLE, on(NONE)),
    row!(CKA_WRAP, Bool, PUBLIC.or(SECRET), SETTABLE, on(WRAPPERS)),
    row!(CKA_UNWRAP, Bool, HIDDEN, SETTABLE, on(WRAPPERS)),
    row!(CKA_ENCAPSULATE, Bool, PUBLIC, SETTABLE, on(ENCAPSULATORS)),
    row!(CKA_DECAPSULATE, Bool, PRIVATE, SETTABLE, on(ENCAPSULATORS)),
    row!(
        CKA_SENSITIVE,
        Bool,
        HIDDEN,
        SETTABLE.and(Rules::STAYS_TRUE),
        YES
    ),
    row!(
        CKA_EXTRACTABLE,
        Bool,
        HIDDEN,
        SETTABLE.and(Rules::STAYS_FALSE),
        NO
    ),
    row!(CKA_ALWAYS_SENSITIVE, Bool, HIDDEN, COMPUTED, NO),
    row!(CKA_NEVER_EXTRACTABLE, Bool, HIDDEN, COMPUTED, NO),
    row!(
        CKA_WRAP_WITH_TRUSTED,
        Bool,
        HIDDEN,
        SETTABLE.and(Rules::STAYS_TRUE),
        NO
    ),
    row!(CKA_ALWAYS_AUTHENTICATE, Bool, PRIVATE, FREE, NO),
    row!(CKA_WRAP_TEMPLATE, Template, PUBLIC.or(SECRET), FREE, ABSENT),
    row!(CKA_UNWRAP_TEMPLATE, Template, HIDDEN, FREE, ABSENT),
    row!(CKA_DERIVE_TEMPLATE, Template, HIDDEN, FREE, ABSENT),
    row!(CKA_ENCAPSULATE_TEMPLATE, Template, PUBLIC, FREE, ABSENT),
    row!(CKA_DECAPSULATE_TEMPLATE, Template, PRIVATE, FREE, ABSENT),
    // RSA (6.1).
    row!(
        CKA_MODULUS,
        BigInteger,
        RSA_PUBLIC,
        CREATE_NEEDED.and(Rules::GENERATE_BARRED),
        ABSENT
    ),
    row!(CKA_MODULUS, BigInteger, RSA_PRIVATE, MATERIAL, ABSENT),
    row!(
        CKA_MODULUS_BITS,
        Ulong,
        RSA_PUBLIC,
        Rules::GENERATE_NEEDED.and(Rules::CREATE_BARRED).and(FOUND),
        ABSENT
    ),
    row!(
        CKA_PUBLIC_EXPONENT,
        BigInteger,
        RSA_PUBLIC,
        CREATE_NEEDED,
        ABSENT
    ),
    row!(
        CKA_PUBLIC_EXPONENT,
        BigInteger,
        RSA_PRIVATE,
        MATERIAL.and(MUST_AGREE),
        ABSENT
    ),
    row!(
        CKA_PRIVATE_EXPONENT,
        Secret,
        RSA_PRIVATE,
        SECRET_MATERIAL,
        ABSENT
    ),
    row!(CKA_PRIME_1, Secret, RSA_PRIVATE, SECRET_EXTRA, ABSENT),
    row!(CKA_PRIME_2, Secret, RSA_PRIVATE, SECRET_EXTRA, ABSENT),
    row!(CKA_EXPONENT_1, Secret, RSA_PRIVATE, SECRET_EXTRA, ABSENT),
    row!(CKA_EXPONENT_2, Secret, RSA_PRIVATE, SECRET_EXTRA, ABSENT),
    row!(CKA_COEFFICIENT, Secret, RSA_PRIVATE, SECRET_EXTRA, ABSENT),
    // Elliptic curves (6.3). A private key keeps its public point when it has it: tools ask for it.
    row!(
        CKA_EC_PARAMS,
        Bytes,
        EC_PUBLIC,
        CREATE_NEEDED.and(Rules::GENERATE_NEEDED),
        ABSENT
    ),
    row!(
        CKA_EC_PARAMS,
        Bytes,
        EC_PRIVATE,
        MATERIAL.and(MUST_AGREE),
        ABSENT
    ),
    row!(CKA_EC_PARAMS, Bytes, DOMAIN, CREATE_NEEDED, ABSENT),
    row!(
        CKA_EC_POINT,
        Bytes,
        EC_PUBLIC,
        CREATE_NEEDED.and(Rules::GENERATE_BARRED),
        ABSENT
    ),
    row!(CKA_EC_POINT, Bytes, EC_PRIVATE, GIVEN_BY_MODULE, ABSENT),
    // ML-KEM, ML-DSA and SLH-DSA (6.67 to 6.69).
    row!(
        CKA_PARAMETER_SET,
        Ulong,
        SET_PUBLIC,
        CREATE_NEEDED.and(Rules::GENERATE_NEEDED),
        ABSENT
    ),
    row!(
        CKA_PARAMETER_SET,
        Ulong,
        SET_PRIVATE,
        MATERIAL.and(MUST_AGREE),
        ABSENT
    ),
    row!(CKA_SEED, Secret, SEEDED, SECRET_EXTRA, ABSENT),
    // Trust objects (4.15). Whoever may change the object may change its mind.
    row!(CKA_HASH_OF_CERTIFICATE, Bytes, TRUST, FREE, EMPTY),
    row!(CKA_TRUST_SERVER_AUTH, Ulong, TRUST, SETTABLE, ZERO),
    row!(CKA_TRUST_CLIENT_AUTH, Ulong, TRUST, SETTABLE, ZERO),
    row!(CKA_TRUST_CODE_SIGNING, Ulong, TRUST, SETTABLE, ZERO),
    row!(CKA_TRUST_EMAIL_PROTECTION, Ulong, TRUST, SETTABLE, ZERO),
    row!(CKA_TRUST_IPSEC_IKE, Ulong, TRUST, SETTABLE, ZERO),
    row!(CKA_TRUST_TIME_STAMPING, Ulong, TRUST, SETTABLE, ZERO),
    row!(CKA_TRUST_OCSP_SIGNING, Ulong, TRUST, SETTABLE, ZERO),
    // Validation objects (4.16), of which there are none: the module has no validation.
    row!(CKA_VALIDATION_TYPE, Ulong, VALIDATION, COMPUTED, ABSENT),
    row!(CKA_VALIDATION_VERSION, Bytes, VALIDATION, COMPUTED, ABSENT),
    row!(CKA_VALIDATION_LEVEL, Ulong, VALIDATION, COMPUTED, ABSENT),
    row!(
        CKA_VALIDATION_MODULE_ID,
        Bytes,
        VALIDATION,
        COMPUTED,
        ABSENT
    ),
    row!(CKA_VALIDATION_FLAG, Ulong, VALIDATION, COMPUTED, ABSENT),
    row!(
        CKA_VALIDATION_AUTHORITY_TYPE,
        Ulong,
        VALIDATION,
        COMPUTED,
        ABSENT
    ),
    row!(CKA_VALIDATION_COUNTRY, Bytes, VALIDATION, COMPUTED, ABSENT),
    row!(
        CKA_VALIDATION_CERTIFICATE_IDENTIFIER,
        Bytes,
        VALIDATION,
        COMPUTED,
        ABSENT
    ),
    row!(
        CKA_VALIDATION_CERTIFICATE_URI,
        Bytes,
        VALIDATION,
        COMPUTED,
        ABSENT
    ),
    row!(
        CKA_VALIDATION_VENDOR_URI,
        Bytes,
        VALIDATION,
        COMPUTED,
        ABSENT
    ),
    row!(CKA_VALIDATION_PROFILE, Bytes, VALIDATION, COMPUTED, ABSENT),
    // Mechanism and profile objects (4.12, 4.13).
    row!(CKA_MECHANISM_TYPE, Ulong, MECHANISM, COMPUTED, ABSENT),
    row!(CKA_PROFILE_ID, Ulong, PROFILE, COMPUTED, ABSENT),
    // The vendor's own.
    row!(CKA_KEYWARD_DOMAIN_KEY_ID, Bytes, AES, COMPUTED, ABSENT),
    row!(CKA_KEYWARD_DOMAIN_KEY_STATE, Ulong, AES, COMPUTED, ABSENT),
    row!(CKA_KEYWARD_ROLE, Ulong, KEYS, COMPUTED, ZERO),
    row!(CKA_KEYWARD_LINEAGE, Bytes, KEYS, COMPUTED, ABSENT),
    row!(CKA_KEYWARD_PROTECTED_PAIR, Bool, PUBLIC, COMPUTED, NO),
    row!(CKA_KEYWARD_CARRIED, Bool, KEYS, COMPUTED, NO),
    row!(CKA_KEYWARD_FAMILY, Bytes, KEYS, COMPUTED, ABSENT),
    row!(CKA_KEYWARD_KEY_VERSION, Ulong, KEYS, COMPUTED, ABSENT),
    row!(CKA_KEYWARD_TENANT, Bytes, KEYS, FREE, EMPTY),
    row!(CKA_KEYWARD_STANDING, Ulong, KEYS, COMPUTED, ZERO),
    row!(CKA_KEYWARD_POLICY, Bytes, HIDDEN, SETTABLE, EMPTY),
    row!(CKA_KEYWARD_CREATED, Ulong, KEYS, COMPUTED, ZERO),
    row!(CKA_KEYWARD_UPDATE, Bytes, HIDDEN, COMPUTED, EMPTY),
    row!(CKA_KEYWARD_FINGERPRINT, Bytes, KEYS, COMPUTED, EMPTY),
    row!(CKA_KEYWARD_HISTORY, Bytes, KEYS, COMPUTED, EMPTY),
];

/// The places of the first rows, by the low bits of the attribute. The array attributes
/// (`0x4000_0211`…) and the vendor's (`0x804b_5701`…) fall on free places; a test sees to it.
const PLACES: [u8; FOLD] = places();
const FOLD: usize = 0x800;
const NO_ROW: u8 = u8::MAX;

#[expect(
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses a wrong index"
)]
const fn places() -> [u8; FOLD] {
    let mut places = [NO_ROW; FOLD];
    let mut place = ROWS.len();
    while place > 0 {
        place -= 1;
        let folded = ROWS[place].attribute as usize % FOLD;
        let taken = places[folded];
        assert!(taken == NO_ROW || ROWS[taken as usize].attribute == ROWS[place].attribute);
        places[folded] = place as u8;
    }
    places
}

/// The place of the first row of an attribute, or one past every row.
pub(super) fn first_row(attribute: AttributeType) -> usize {
    let folded = usize::try_from(attribute & 0x7ff).unwrap_or(usize::MAX);
    PLACES
        .get(folded)
        .map_or(usize::MAX, |place| usize::from(*place))
}
