//! Families: the objects that have the same attributes, by class and type.

use crate::object::attribute::Attributes;
use cryptoki_sys::{
    CKA_CERTIFICATE_TYPE, CKC_X_509, CKC_X_509_ATTR_CERT, CKK_AES, CKK_AES_XTS,
    CKK_BLAKE2B_160_HMAC, CKK_BLAKE2B_256_HMAC, CKK_BLAKE2B_384_HMAC, CKK_BLAKE2B_512_HMAC,
    CKK_CHACHA20, CKK_EC, CKK_EC_EDWARDS, CKK_EC_MONTGOMERY, CKK_GENERIC_SECRET, CKK_HKDF,
    CKK_MD5_HMAC, CKK_ML_DSA, CKK_ML_KEM, CKK_POLY1305, CKK_RSA, CKK_SHA_1_HMAC, CKK_SHA3_224_HMAC,
    CKK_SHA3_256_HMAC, CKK_SHA3_384_HMAC, CKK_SHA3_512_HMAC, CKK_SHA224_HMAC, CKK_SHA256_HMAC,
    CKK_SHA384_HMAC, CKK_SHA512_224_HMAC, CKK_SHA512_256_HMAC, CKK_SHA512_HMAC, CKK_SLH_DSA,
    CKO_CERTIFICATE, CKO_DATA, CKO_DOMAIN_PARAMETERS, CKO_MECHANISM, CKO_PRIVATE_KEY, CKO_PROFILE,
    CKO_PUBLIC_KEY, CKO_SECRET_KEY, CKO_TRUST, CKO_VALIDATION,
};

/// Objects with the same attributes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is named by class and type")]
pub enum Family {
    Data,
    X509Certificate,
    AttributeCertificate,
    RsaPublic,
    EcPublic,
    EdwardsPublic,
    MontgomeryPublic,
    RsaPrivate,
    EcPrivate,
    EdwardsPrivate,
    MontgomeryPrivate,
    Aes,
    /// Generic secrets and the keys of HMAC and HKDF: byte strings of any length.
    Generic,
    DomainParameters,
    Mechanism,
    Profile,
    MlKemPublic,
    MlKemPrivate,
    MlDsaPublic,
    MlDsaPrivate,
    SlhDsaPublic,
    SlhDsaPrivate,
    AesXts,
    ChaCha20,
    Poly1305,
    Trust,
    Validation,
}

/// Every family, each at its [`Family::place`].
pub const ALL: &[Family] = &[
    Family::Data,
    Family::X509Certificate,
    Family::AttributeCertificate,
    Family::RsaPublic,
    Family::EcPublic,
    Family::EdwardsPublic,
    Family::MontgomeryPublic,
    Family::RsaPrivate,
    Family::EcPrivate,
    Family::EdwardsPrivate,
    Family::MontgomeryPrivate,
    Family::Aes,
    Family::Generic,
    Family::DomainParameters,
    Family::Mechanism,
    Family::Profile,
    Family::MlKemPublic,
    Family::MlKemPrivate,
    Family::MlDsaPublic,
    Family::MlDsaPrivate,
    Family::SlhDsaPublic,
    Family::SlhDsaPrivate,
    Family::AesXts,
    Family::ChaCha20,
    Family::Poly1305,
    Family::Trust,
    Family::Validation,
];

/// The key types of [`Family::Generic`].
pub const GENERIC_TYPES: &[u64] = &[
    CKK_GENERIC_SECRET,
    CKK_SHA_1_HMAC,
    CKK_SHA224_HMAC,
    CKK_SHA256_HMAC,
    CKK_SHA384_HMAC,
    CKK_SHA512_HMAC,
    CKK_SHA512_224_HMAC,
    CKK_SHA512_256_HMAC,
    CKK_SHA3_224_HMAC,
    CKK_SHA3_256_HMAC,
    CKK_SHA3_384_HMAC,
    CKK_SHA3_512_HMAC,
    CKK_MD5_HMAC,
    CKK_BLAKE2B_160_HMAC,
    CKK_BLAKE2B_256_HMAC,
    CKK_BLAKE2B_384_HMAC,
    CKK_BLAKE2B_512_HMAC,
    CKK_HKDF,
];

impl Family {
    /// The family of a class and its key or certificate type; `None` when there is no such object
    /// here. Classes without types take any.
    #[must_use]
    pub fn of(class: u64, subtype: Option<u64>) -> Option<Family> {
        let family = match (class, subtype) {
            (CKO_DATA, _) => Family::Data,
            (CKO_CERTIFICATE, Some(CKC_X_509)) => Family::X509Certificate,
            (CKO_CERTIFICATE, Some(CKC_X_509_ATTR_CERT)) => Family::AttributeCertificate,
            (CKO_PUBLIC_KEY, Some(CKK_RSA)) => Family::RsaPublic,
            (CKO_PUBLIC_KEY, Some(CKK_EC)) => Family::EcPublic,
            (CKO_PUBLIC_KEY, Some(CKK_EC_EDWARDS)) => Family::EdwardsPublic,
            (CKO_PUBLIC_KEY, Some(CKK_EC_MONTGOMERY)) => Family::MontgomeryPublic,
            (CKO_PRIVATE_KEY, Some(CKK_RSA)) => Family::RsaPrivate,
            (CKO_PRIVATE_KEY, Some(CKK_EC)) => Family::EcPrivate,
            (CKO_PRIVATE_KEY, Some(CKK_EC_EDWARDS)) => Family::EdwardsPrivate,
            (CKO_PRIVATE_KEY, Some(CKK_EC_MONTGOMERY)) => Family::MontgomeryPrivate,
            (CKO_PUBLIC_KEY, Some(CKK_ML_KEM)) => Family::MlKemPublic,
            (CKO_PRIVATE_KEY, Some(CKK_ML_KEM)) => Family::MlKemPrivate,
            (CKO_PUBLIC_KEY, Some(CKK_ML_DSA)) => Family::MlDsaPublic,
            (CKO_PRIVATE_KEY, Some(CKK_ML_DSA)) => Family::MlDsaPrivate,
            (CKO_PUBLIC_KEY, Some(CKK_SLH_DSA)) => Family::SlhDsaPublic,
            (CKO_PRIVATE_KEY, Some(CKK_SLH_DSA)) => Family::SlhDsaPrivate,
            (CKO_SECRET_KEY, Some(CKK_AES)) => Family::Aes,
            (CKO_SECRET_KEY, Some(CKK_AES_XTS)) => Family::AesXts,
            (CKO_SECRET_KEY, Some(CKK_CHACHA20)) => Family::ChaCha20,
            (CKO_SECRET_KEY, Some(CKK_POLY1305)) => Family::Poly1305,
            (CKO_SECRET_KEY, Some(kind)) if GENERIC_TYPES.contains(&kind) => Family::Generic,
            (CKO_DOMAIN_PARAMETERS, Some(CKK_EC)) => Family::DomainParameters,
            (CKO_MECHANISM, _) => Family::Mechanism,
            (CKO_PROFILE, _) => Family::Profile,
            (CKO_TRUST, _) => Family::Trust,
            (CKO_VALIDATION, _) => Family::Validation,
            _ => return None,
        };
        Some(family)
    }

    /// The family of an object.
    #[must_use]
    pub fn of_object(attributes: &Attributes) -> Option<Family> {
        let class = attributes.class()?;
        let subtype = match class {
            CKO_CERTIFICATE => attributes.ulong(CKA_CERTIFICATE_TYPE),
            _ => attributes.key_type(),
        };
        Self::of(class, subtype)
    }

    /// The place in [`ALL`].
    #[must_use]
    pub const fn place(self) -> usize {
        match self {
            Family::Data => 0,
            Family::X509Certificate => 1,
            Family::AttributeCertificate => 2,
            Family::RsaPublic => 3,
            Family::EcPublic => 4,
            Family::EdwardsPublic => 5,
            Family::MontgomeryPublic => 6,
            Family::RsaPrivate => 7,
            Family::EcPrivate => 8,
            Family::EdwardsPrivate => 9,
            Family::MontgomeryPrivate => 10,
            Family::Aes => 11,
            Family::Generic => 12,
            Family::DomainParameters => 13,
            Family::Mechanism => 14,
            Family::Profile => 15,
            Family::MlKemPublic => 16,
            Family::MlKemPrivate => 17,
            Family::MlDsaPublic => 18,
            Family::MlDsaPrivate => 19,
            Family::SlhDsaPublic => 20,
            Family::SlhDsaPrivate => 21,
            Family::AesXts => 22,
            Family::ChaCha20 => 23,
            Family::Poly1305 => 24,
            Family::Trust => 25,
            Family::Validation => 26,
        }
    }

    /// Whether keys of the family can both encrypt data and wrap keys.
    #[must_use]
    pub const fn has_roles(self) -> bool {
        matches!(self, Family::Aes | Family::RsaPublic | Family::RsaPrivate)
    }

    /// Whether keys of the family agree on secrets, by which they can wrap.
    #[must_use]
    pub const fn agrees(self) -> bool {
        matches!(
            self,
            Family::EcPublic
                | Family::EcPrivate
                | Family::MontgomeryPublic
                | Family::MontgomeryPrivate
        )
    }

    /// The lengths in bytes that a key of the family can have; `None` where any will do.
    #[must_use]
    pub const fn lengths(self) -> Option<&'static [usize]> {
        if matches!(self, Family::Aes) {
            Some(&[16, 24, 32])
        } else if matches!(self, Family::AesXts) {
            Some(&[32, 64])
        } else if matches!(self, Family::ChaCha20 | Family::Poly1305) {
            Some(&[32])
        } else {
            None
        }
    }

    /// The set of this family alone.
    #[must_use]
    pub const fn only(self) -> Families {
        Families(1 << self.place())
    }
}

/// A set of families.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Families(u32);

impl Families {
    /// No family.
    pub const NONE: Families = Families(0);
    /// Secret keys.
    pub const SECRET: Families = Family::Aes
        .only()
        .or(Family::Generic.only())
        .or(Family::AesXts.only())
        .or(Family::ChaCha20.only())
        .or(Family::Poly1305.only());
    /// Public and private EC keys of every curve form.
    pub const EC_PRIVATE: Families = Family::EcPrivate
        .only()
        .or(Family::EdwardsPrivate.only())
        .or(Family::MontgomeryPrivate.only());
    /// Public EC keys of every curve form.
    pub const EC_PUBLIC: Families = Family::EcPublic
        .only()
        .or(Family::EdwardsPublic.only())
        .or(Family::MontgomeryPublic.only());
    /// Public keys of the families that have parameter sets: ML-KEM, ML-DSA and SLH-DSA.
    pub const SET_PUBLIC: Families = Family::MlKemPublic
        .only()
        .or(Family::MlDsaPublic.only())
        .or(Family::SlhDsaPublic.only());
    /// Private keys of these families that have a seed.
    pub const SEEDED: Families = Family::MlKemPrivate.only().or(Family::MlDsaPrivate.only());
    /// Private keys of these families.
    pub const SET_PRIVATE: Families = Self::SEEDED.or(Family::SlhDsaPrivate.only());
    /// Public keys.
    pub const PUBLIC: Families = Family::RsaPublic
        .only()
        .or(Self::EC_PUBLIC)
        .or(Self::SET_PUBLIC);
    /// Private keys.
    pub const PRIVATE: Families = Family::RsaPrivate
        .only()
        .or(Self::EC_PRIVATE)
        .or(Self::SET_PRIVATE);
    /// Private and secret keys: those with something to hide.
    pub const HIDDEN: Families = Self::PRIVATE.or(Self::SECRET);
    /// Keys.
    pub const KEYS: Families = Self::PUBLIC.or(Self::HIDDEN);
    /// Certificates.
    pub const CERTIFICATES: Families = Family::X509Certificate
        .only()
        .or(Family::AttributeCertificate.only());
    /// Objects that can be stored on a token.
    pub const STORED: Families = Self::KEYS
        .or(Self::CERTIFICATES)
        .or(Family::Data.only())
        .or(Family::DomainParameters.only())
        .or(Family::Trust.only());
    /// Every object.
    pub const ALL: Families = Self::STORED
        .or(Family::Mechanism.only())
        .or(Family::Profile.only())
        .or(Family::Validation.only());

    /// Both sets.
    #[must_use]
    pub const fn or(self, other: Families) -> Families {
        Families(self.0 | other.0)
    }

    /// Whether the set holds a family.
    #[must_use]
    pub const fn has(self, family: Family) -> bool {
        self.0 & family.only().0 != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_is_at_its_place() {
        for (place, family) in ALL.iter().enumerate() {
            assert_eq!(family.place(), place);
            assert!(Families::ALL.has(*family));
        }
    }
}
