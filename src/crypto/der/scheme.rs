//! Keys of ML-KEM (RFC 9935), ML-DSA (RFC 9881) and SLH-DSA (RFC 9909) in DER: their identifiers, and what a
//! PrivateKeyInfo holds of them.

use super::{element, read_octet_string};
use crate::crypto::scheme::Scheme;
use crate::crypto::{mldsa, mlkem, slhdsa};
use pkcs8::ObjectIdentifier;
use pkcs8::der::Decode;
use pkcs8::der::asn1::AnyRef;
use zeroize::Zeroizing;

/// The tag of a seed, `[0]` with the OCTET STRING's own tag left out.
const SEED: u8 = 0x80;
/// The tag of an OCTET STRING.
const OCTETS: u8 = 0x04;
/// The tag of a SEQUENCE.
const SEQUENCE: u8 = 0x30;

/// A seed and a private key, either of which may be missing.
pub(super) type Halves<'a> = (Option<&'a [u8]>, Option<&'a [u8]>);

/// The object identifier of a scheme, in NIST's arcs of signatures (3) and key encapsulation (4).
pub(super) fn identifier(scheme: Scheme) -> ObjectIdentifier {
    const fn oid(text: &str) -> ObjectIdentifier {
        ObjectIdentifier::new_unwrap(text)
    }
    use slhdsa::Set as Slh;
    match scheme {
        Scheme::MlKem(mlkem::Set::MlKem512) => const { oid("2.16.840.1.101.3.4.4.1") },
        Scheme::MlKem(mlkem::Set::MlKem768) => const { oid("2.16.840.1.101.3.4.4.2") },
        Scheme::MlKem(mlkem::Set::MlKem1024) => const { oid("2.16.840.1.101.3.4.4.3") },
        Scheme::MlDsa(mldsa::Set::MlDsa44) => const { oid("2.16.840.1.101.3.4.3.17") },
        Scheme::MlDsa(mldsa::Set::MlDsa65) => const { oid("2.16.840.1.101.3.4.3.18") },
        Scheme::MlDsa(mldsa::Set::MlDsa87) => const { oid("2.16.840.1.101.3.4.3.19") },
        Scheme::SlhDsa(Slh::Sha2_128s) => const { oid("2.16.840.1.101.3.4.3.20") },
        Scheme::SlhDsa(Slh::Sha2_128f) => const { oid("2.16.840.1.101.3.4.3.21") },
        Scheme::SlhDsa(Slh::Sha2_192s) => const { oid("2.16.840.1.101.3.4.3.22") },
        Scheme::SlhDsa(Slh::Sha2_192f) => const { oid("2.16.840.1.101.3.4.3.23") },
        Scheme::SlhDsa(Slh::Sha2_256s) => const { oid("2.16.840.1.101.3.4.3.24") },
        Scheme::SlhDsa(Slh::Sha2_256f) => const { oid("2.16.840.1.101.3.4.3.25") },
        Scheme::SlhDsa(Slh::Shake128s) => const { oid("2.16.840.1.101.3.4.3.26") },
        Scheme::SlhDsa(Slh::Shake128f) => const { oid("2.16.840.1.101.3.4.3.27") },
        Scheme::SlhDsa(Slh::Shake192s) => const { oid("2.16.840.1.101.3.4.3.28") },
        Scheme::SlhDsa(Slh::Shake192f) => const { oid("2.16.840.1.101.3.4.3.29") },
        Scheme::SlhDsa(Slh::Shake256s) => const { oid("2.16.840.1.101.3.4.3.30") },
        Scheme::SlhDsa(Slh::Shake256f) => const { oid("2.16.840.1.101.3.4.3.31") },
    }
}

/// The scheme of an object identifier.
pub(super) fn named(oid: ObjectIdentifier) -> Option<Scheme> {
    Scheme::all().find(|scheme| identifier(*scheme) == oid)
}

/// What goes into a PrivateKeyInfo. Both the seed and the key, where the seed is known: there are readers that
/// want the one, and readers that want the other.
pub(super) fn write(scheme: Scheme, seed: Option<&[u8]>, private: &[u8]) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(match (scheme.seed_size(), seed) {
        (None, _) => private.to_vec(),
        (Some(_), None) => element(OCTETS, private),
        (Some(_), Some(seed)) => {
            let seed = Zeroizing::new(element(OCTETS, seed));
            let private = Zeroizing::new(element(OCTETS, private));
            element(SEQUENCE, &Zeroizing::new([&seed[..], &private].concat()))
        }
    })
}

/// Reads what a PrivateKeyInfo holds: a seed, a key, or both. `None` unless it is strict DER of the right
/// lengths.
pub(super) fn read(scheme: Scheme, inner: &[u8]) -> Option<Halves<'_>> {
    let Some(seed_size) = scheme.seed_size() else {
        return (inner.len() == scheme.private_size()).then_some((None, Some(inner)));
    };
    let private = |bytes: &&[u8]| bytes.len() == scheme.private_size();
    let seed = |bytes: &&[u8]| bytes.len() == seed_size;
    match *inner.first()? {
        SEED => {
            let own = AnyRef::from_der(inner).ok()?.value();
            Some((Some(Some(own).filter(seed)?), None))
        }
        OCTETS => Some((None, Some(read_octet_string(inner).filter(private)?))),
        SEQUENCE => {
            let content = AnyRef::from_der(inner).ok()?.value();
            let at = element(OCTETS, &vec![0; seed_size]).len();
            let (first, second) = content.split_at_checked(at)?;
            let own = read_octet_string(first).filter(seed)?;
            Some((Some(own), Some(read_octet_string(second).filter(private)?)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{PrivateNumbers, ReadPrivate, private_key_info, read_private_key_info};
    use super::*;

    #[test]
    fn a_seed_alone_is_read() {
        // As RFC 9881 and Wycheproof have it: ML-DSA-44, a seed of bytes 2a.
        let head = [
            0x30, 0x34, 2, 1, 0, 0x30, 0x0b, 6, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 3, 0x11, 4,
            0x22, 0x80, 0x20,
        ];
        let good = [&head[..], &[0x2a; 32]].concat();
        let read = read_private_key_info(&good);
        let scheme = Scheme::MlDsa(mldsa::Set::MlDsa44);
        assert!(matches!(
            read,
            Some(ReadPrivate::Scheme(own, Some(seed), None)) if own == scheme && seed == [0x2a; 32]
        ));
        for place in 0..head.len() {
            let mut bad = good.clone();
            bad[place] ^= 0x40;
            assert!(read_private_key_info(&bad).is_none(), "{place}");
        }
    }

    #[test]
    fn every_form_is_read_back() {
        for scheme in Scheme::all() {
            let private = vec![7; scheme.private_size()];
            let seed = scheme.seed_size().map(|length| vec![8; length]);
            for seed in [None, seed] {
                let written = PrivateNumbers::Scheme(scheme, seed.as_deref(), &private);
                let encoded = private_key_info(written).unwrap();
                let read = read_private_key_info(encoded.expose());
                let Some(ReadPrivate::Scheme(own, read_seed, Some(read_private))) = read else {
                    panic!("{scheme:?}");
                };
                assert_eq!(
                    (own, read_seed, read_private),
                    (scheme, seed.as_deref(), &private[..])
                );
            }
        }
    }
}
