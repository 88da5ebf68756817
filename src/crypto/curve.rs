//! The curves as callers name them: by object identifier or by name, and the encodings of their points.
#![forbid(unsafe_code)]

use super::der::{curve_identifier, element, octet_string, read_octet_string};
use super::ec::{self, Curve};
use super::{edwards, montgomery};
use crate::error::Result as Outcome;

/// The tag of an object identifier.
const IDENTIFIER: u8 = 0x06;
/// The tag of a PrintableString.
const NAME: u8 = 0x13;

/// Any curve that this module knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum NamedCurve {
    /// A short Weierstrass curve.
    Weierstrass(Curve),
    /// The Edwards curve of RFC 8032, edwards25519.
    Ed25519,
    /// The Montgomery curve of RFC 7748, curve25519.
    X25519,
}

/// Why curve parameters were not read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unread {
    /// The bytes are no parameters at all.
    Malformed,
    /// Another curve, or one described by its numbers.
    Unknown,
}

/// A curve, its names, and the contents of its object identifiers where `der` does not know them.
type Names = (
    NamedCurve,
    &'static [&'static str],
    &'static [&'static [u8]],
);

/// The names and identifiers of each curve. The first of each is the one that this module writes.
const NAMES: [Names; 12] = [
    (
        NamedCurve::Weierstrass(Curve::P224),
        &["secp224r1", "P-224"],
        &[],
    ),
    (
        NamedCurve::Weierstrass(Curve::P256),
        &["secp256r1", "prime256v1", "P-256"],
        &[],
    ),
    (
        NamedCurve::Weierstrass(Curve::P384),
        &["secp384r1", "P-384"],
        &[],
    ),
    (
        NamedCurve::Weierstrass(Curve::P521),
        &["secp521r1", "P-521"],
        &[],
    ),
    (
        NamedCurve::Weierstrass(Curve::Secp256k1),
        &["secp256k1"],
        &[],
    ),
    (
        NamedCurve::Weierstrass(Curve::Brainpool224),
        &["brainpoolP224r1"],
        &[],
    ),
    (
        NamedCurve::Weierstrass(Curve::Brainpool256),
        &["brainpoolP256r1"],
        &[],
    ),
    (
        NamedCurve::Weierstrass(Curve::Brainpool320),
        &["brainpoolP320r1"],
        &[],
    ),
    (
        NamedCurve::Weierstrass(Curve::Brainpool384),
        &["brainpoolP384r1"],
        &[],
    ),
    (
        NamedCurve::Weierstrass(Curve::Brainpool512),
        &["brainpoolP512r1"],
        &[],
    ),
    (
        NamedCurve::Ed25519,
        &["edwards25519", "Ed25519"],
        // RFC 8410, then GnuPG's.
        &[
            &[0x2b, 0x65, 0x70],
            &[0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x0f, 0x01],
        ],
    ),
    (
        NamedCurve::X25519,
        &["curve25519", "X25519"],
        &[
            &[0x2b, 0x65, 0x6e],
            &[0x2b, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01],
        ],
    ),
];

impl NamedCurve {
    /// Every curve.
    pub fn all() -> impl Iterator<Item = NamedCurve> {
        NAMES.iter().map(|(curve, _, _)| *curve)
    }

    /// Reads the DER of an object identifier or of a PrintableString with the curve's name.
    ///
    /// # Errors
    /// Says whether the bytes are nonsense or just another curve.
    pub fn read(parameters: &[u8]) -> Result<Self, Unread> {
        let named = NAMES.iter().find(|(curve, names, identifiers)| {
            let known = identifiers
                .iter()
                .map(|content| element(IDENTIFIER, content));
            let named = names.iter().map(|name| element(NAME, name.as_bytes()));
            let own = match curve {
                NamedCurve::Weierstrass(curve) => Some(curve_identifier(*curve)),
                NamedCurve::Ed25519 | NamedCurve::X25519 => None,
            };
            own.into_iter()
                .chain(known)
                .chain(named)
                .any(|encoded| encoded == parameters)
        });
        match named {
            Some((curve, _, _)) => Ok(*curve),
            None if well_formed(parameters) => Err(Unread::Unknown),
            None => Err(Unread::Malformed),
        }
    }

    /// The DER of the curve's object identifier.
    #[must_use]
    pub fn parameters(self) -> Vec<u8> {
        if let NamedCurve::Weierstrass(curve) = self {
            return curve_identifier(curve);
        }
        let own = NAMES.iter().find(|(curve, _, _)| *curve == self);
        let identifier = own.and_then(|(_, _, identifiers)| identifiers.first().copied());
        element(IDENTIFIER, identifier.unwrap_or_default())
    }

    /// The length of the field in bits.
    #[must_use]
    pub fn bits(self) -> usize {
        match self {
            NamedCurve::Weierstrass(curve) => curve.bits(),
            NamedCurve::Ed25519 | NamedCurve::X25519 => 255,
        }
    }

    /// Reads a public key: as it is, or as the content of a DER OCTET STRING. The result is the point
    /// uncompressed, or the 32 bytes of the last two curves; it is a valid public key.
    #[must_use]
    pub fn read_point(self, encoded: &[u8]) -> Option<Vec<u8>> {
        let content = || read_octet_string(encoded);
        match self {
            NamedCurve::Weierstrass(curve) => {
                // An uncompressed point starts with the tag of an OCTET STRING; the length tells.
                let raw = encoded.len() == curve.point_size() || encoded.len() == 1 + curve.size();
                curve.uncompressed(if raw { encoded } else { content()? })
            }
            NamedCurve::Ed25519 => {
                let raw = if encoded.len() == edwards::KEY_SIZE {
                    encoded
                } else {
                    content()?
                };
                edwards::PublicKey::new(raw).map(|key| key.encoded().to_vec())
            }
            NamedCurve::X25519 => {
                let raw = if encoded.len() == montgomery::KEY_SIZE {
                    encoded
                } else {
                    content()?
                };
                (raw.len() == montgomery::KEY_SIZE).then(|| raw.to_vec())
            }
        }
    }

    /// The public key of a private one, in the form that [`NamedCurve::read_point`] gives. `None` for a private
    /// key out of range.
    ///
    /// # Errors
    /// `HostMemory`, the only way in which it fails.
    pub fn public_point(self, private: &[u8]) -> Outcome<Option<Vec<u8>>> {
        match self {
            NamedCurve::Weierstrass(curve) => {
                let key = ec::PrivateKey::new(curve, private);
                key.map(|key| key.public_point()).transpose()
            }
            NamedCurve::Ed25519 => {
                let key = edwards::PrivateKey::new(private);
                Ok(key.map(|key| key.public().encoded().to_vec()))
            }
            NamedCurve::X25519 => {
                let key: Option<&[u8; montgomery::KEY_SIZE]> = private.try_into().ok();
                Ok(key.map(|key| montgomery::public(key).to_vec()))
            }
        }
    }

    /// A public key as this module keeps and shows it: the DER OCTET STRING of what
    /// [`NamedCurve::read_point`] gives. PKCS #11 3.1 took the OCTET STRING away from the last two curves, but
    /// stock tools (OpenSC 0.23, OpenSSH) cannot read them without.
    #[must_use]
    pub fn show_point(self, point: &[u8]) -> Vec<u8> {
        octet_string(point)
    }
}

/// Whether the bytes are one element of a kind that curve parameters can be: an identifier, a name, or the
/// numbers of a curve. NULL is one too, but barred here (PKCS #11 3.2, section 6.3.3).
fn well_formed(parameters: &[u8]) -> bool {
    use pkcs8::der::asn1::AnyRef;
    use pkcs8::der::{Decode, Tag, Tagged};
    let kinds = [Tag::ObjectIdentifier, Tag::PrintableString, Tag::Sequence];
    AnyRef::from_der(parameters)
        .is_ok_and(|element| kinds.contains(&element.tag()) && !element.value().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_curve_is_read_back_from_its_identifier() {
        for curve in NamedCurve::all() {
            assert_eq!(NamedCurve::read(&curve.parameters()), Ok(curve));
        }
    }

    #[test]
    fn names_and_identifiers_of_stock_tools_are_read() {
        let cases: [(&[u8], NamedCurve); 4] = [
            (
                b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07",
                NamedCurve::Weierstrass(Curve::P256),
            ),
            (
                b"\x06\x05\x2b\x81\x04\x00\x0a",
                NamedCurve::Weierstrass(Curve::Secp256k1),
            ),
            (b"\x13\x0cedwards25519", NamedCurve::Ed25519),
            (b"\x13\x0acurve25519", NamedCurve::X25519),
        ];
        for (encoded, curve) in cases {
            assert_eq!(NamedCurve::read(encoded), Ok(curve));
        }
    }

    #[test]
    fn other_curves_are_told_from_nonsense() {
        // secp192k1, brainpool by half a name, parameters by numbers
        let unknown: [&[u8]; 3] = [
            b"\x06\x05\x2b\x81\x04\x00\x1f",
            b"\x13\x02bp",
            b"\x30\x03\x02\x01\x01",
        ];
        for encoded in unknown {
            assert_eq!(
                NamedCurve::read(encoded),
                Err(Unread::Unknown),
                "{encoded:?}"
            );
        }
        let nonsense: [&[u8]; 8] = [
            b"",
            b"\x05\x00",
            b"\x30\x00",
            b"\x06",
            b"\x06\x00",
            b"\x06\x05\x2b\x81\x04\x00",
            b"\x06\x05\x2b\x81\x04\x00\x22\x00",
            b"secp256r1",
        ];
        for encoded in nonsense {
            assert_eq!(
                NamedCurve::read(encoded),
                Err(Unread::Malformed),
                "{encoded:?}"
            );
        }
    }

    #[test]
    fn points_are_read_raw_and_as_octet_string() {
        for curve in Curve::ALL {
            let point = super::super::ec::PrivateKey::generate(curve)
                .unwrap()
                .public_point()
                .unwrap();
            let named = NamedCurve::Weierstrass(curve);
            assert_eq!(named.read_point(&point), Some(point.clone()));
            assert_eq!(
                named.read_point(&named.show_point(&point)),
                Some(point.clone())
            );
            let trailing = [&named.show_point(&point)[..], &[0]].concat();
            assert_eq!(named.read_point(&trailing), None);
            assert_eq!(named.read_point(&[]), None);
        }
        let public = edwards::PrivateKey::new(&[7; 32])
            .unwrap()
            .public()
            .encoded()
            .to_vec();
        let named = NamedCurve::Ed25519;
        assert_eq!(named.read_point(&public), Some(public.clone()));
        assert_eq!(named.read_point(&named.show_point(&public)), Some(public));
    }
}
