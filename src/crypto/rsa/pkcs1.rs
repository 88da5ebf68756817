//! The encodings of PKCS#1 v1.5 for signatures (RFC 8017, section 9.2).

use crate::crypto::der::element;
use crate::crypto::hash::Hash;

/// The DER of `DigestInfo` for a digest made by `hash` (RFC 8017, section 9.2, note 1; the SHA-3
/// identifiers of NIST's hash algorithm registry).
#[must_use]
pub fn digest_info(hash: Hash, digest: &[u8]) -> Vec<u8> {
    let nist = |last| vec![0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last];
    // BLAKE2b by RFC 7693, section 4.
    let blake2b = |last| {
        vec![
            0x2b, 0x06, 0x01, 0x04, 0x01, 0x8d, 0x3a, 0x0c, 0x02, 0x01, last,
        ]
    };
    let identifier = match hash {
        Hash::Md5 => vec![0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05],
        Hash::Sha1 => vec![0x2b, 0x0e, 0x03, 0x02, 0x1a],
        Hash::Sha256 => nist(1),
        Hash::Sha384 => nist(2),
        Hash::Sha512 => nist(3),
        Hash::Sha224 => nist(4),
        Hash::Sha512_224 => nist(5),
        Hash::Sha512_256 => nist(6),
        Hash::Sha3_224 => nist(7),
        Hash::Sha3_256 => nist(8),
        Hash::Sha3_384 => nist(9),
        Hash::Sha3_512 => nist(10),
        Hash::Blake2b160 => blake2b(5),
        Hash::Blake2b256 => blake2b(8),
        Hash::Blake2b384 => blake2b(12),
        Hash::Blake2b512 => blake2b(16),
    };
    let algorithm = element(
        0x30,
        &[element(0x06, &identifier), element(0x05, &[])].concat(),
    );
    element(0x30, &[algorithm, element(0x04, digest)].concat())
}

/// The encoded message of a signature: 00 01 FF…FF 00 and `data`, `size` bytes; `None` when `data` is
/// longer than `size` − 11.
pub(super) fn signature_block(data: &[u8], size: usize) -> Option<Vec<u8>> {
    let filling = size
        .checked_sub(data.len())?
        .checked_sub(3)
        .filter(|filling| *filling >= 8)?;
    Some([&[0, 1], vec![0xff; filling].as_slice(), &[0], data].concat())
}

/// What a signature holds: the data behind 00 01 FF…FF 00, at least eight of the filling; `None` for
/// another form. Everything here is public.
#[must_use]
pub fn signed_data(block: &[u8]) -> Option<&[u8]> {
    let rest = block.strip_prefix(&[0, 1])?;
    let filling = rest.iter().take_while(|byte| **byte == 0xff).count();
    let rest = rest.get(filling..).filter(|_| filling >= 8)?;
    rest.strip_prefix(&[0])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_data_is_found_behind_the_filling() {
        let block = signature_block(&[0, 255, 7], 32).unwrap();
        assert_eq!(signed_data(&block), Some(&[0, 255, 7][..]));
        for place in 0..29 {
            let mut other = block.clone();
            other[place] ^= 0x40;
            assert_eq!(signed_data(&other), None, "{place}");
        }
        assert_eq!(
            signed_data(&[0, 1, 255, 255, 255, 255, 255, 255, 255, 0, 7]),
            None
        );
        assert_eq!(signed_data(&[]), None);
    }

    #[test]
    fn sha256_digest_info_is_the_standards() {
        let info = digest_info(Hash::Sha256, &[0xaa; 32]);
        let head = [
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x01, 0x05, 0x00, 0x04, 0x20,
        ];
        assert_eq!(info, [&head[..], &[0xaa; 32]].concat());
    }

    #[test]
    fn the_filling_has_eight_bytes_at_least() {
        assert_eq!(
            signature_block(&[7; 5], 16),
            Some([&[0, 1][..], &[255; 8], &[0], &[7; 5]].concat())
        );
        assert_eq!(signature_block(&[7; 6], 16), None);
    }
}
