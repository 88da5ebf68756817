//! Each symmetric primitive against its other implementation, AWS-LC's, on inputs drawn at random. (GCM
//! has both implementations inside, and `aes::tests` compares them.)

use super::awslc::oracle::{self, Mode};
use super::hash::Hash;
use super::keywrap::{DEFAULT_IV, DEFAULT_PADDED_IV};
use super::{aes, cmac, hmac, kdf, keywrap, random};

const KEY_LENGTHS: [usize; 3] = [16, 24, 32];

fn bytes(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    random::fill(&mut bytes).unwrap();
    bytes
}

/// Lengths around every block boundary, and some far from it.
fn lengths() -> impl Iterator<Item = usize> {
    (0..300).chain([1000, 4096, 10_001])
}

#[test]
fn digests() {
    for hash in Hash::ALL.into_iter().filter(|hash| oracle::knows(*hash)) {
        for length in lengths() {
            let data = bytes(length);
            let mut own = vec![0; hash.length()];
            let (first, rest) = data.split_at(length / 3);
            hash.digest(&[first, rest], &mut own).unwrap();
            assert_eq!(
                own,
                oracle::digest(hash, &data),
                "{hash:?} of {length} bytes"
            );
        }
    }
}

/// AWS-LC has no HMAC of SHA-3 and BLAKE2b; there the `hmac` crate is the other implementation.
#[test]
fn macs() {
    for hash in Hash::ALL
        .into_iter()
        .filter(|hash| hash.block_length() % 64 == 0 && oracle::knows_hmac(*hash))
    {
        for length in lengths() {
            let (key, data) = (bytes(length), bytes(300 - length.min(300)));
            let mut own = vec![0; hash.length()];
            hmac::Key::new(hash, &key).mac(&[&data], &mut own).unwrap();
            assert_eq!(
                own,
                oracle::hmac(hash, &key, &data),
                "{hash:?}, key of {length} bytes"
            );
        }
    }
}

macro_rules! against_the_crate {
    ($($hash:ident: $other:ty),+ $(,)?) => {$(
        for length in lengths() {
            let (key, data) = (bytes(length), bytes(300 - length.min(300)));
            let mut own = vec![0; Hash::$hash.length()];
            hmac::Key::new(Hash::$hash, &key).mac(&[&data], &mut own).unwrap();
            let mut other = <SimpleHmac<$other> as KeyInit>::new_from_slice(&key).unwrap();
            other.update(&data);
            assert_eq!(own, other.finalize().into_bytes()[..]);
        }
    )+};
}

#[test]
fn macs_of_sha_3() {
    use ::hmac::{KeyInit, Mac, SimpleHmac};
    against_the_crate!(
        Sha3_224: sha3::Sha3_224,
        Sha3_256: sha3::Sha3_256,
        Sha3_384: sha3::Sha3_384,
        Sha3_512: sha3::Sha3_512,
    );
}

#[test]
fn macs_of_blake2b() {
    use ::hmac::{KeyInit, Mac, SimpleHmac};
    use blake2::Blake2b;
    use blake2::digest::consts::{U20, U32, U48, U64};
    against_the_crate!(
        Blake2b160: Blake2b<U20>,
        Blake2b256: Blake2b<U32>,
        Blake2b384: Blake2b<U48>,
        Blake2b512: Blake2b<U64>,
    );
}

#[test]
fn derivations() {
    for hash in [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512] {
        for length in [1, 20, 32, 33, 100, 255 * hash.length()] {
            let (salt, secret, info) = (bytes(length % 70), bytes(length % 90), bytes(length % 40));
            let mut own = vec![0; length];
            kdf::hkdf(hash, &salt, &secret, &[&info], &mut own).unwrap();
            assert_eq!(own, oracle::hkdf(hash, &salt, &secret, &info, length));
        }
    }
}

#[test]
fn aes_modes() {
    for key_length in KEY_LENGTHS {
        for length in lengths() {
            let (key, data) = (bytes(key_length), bytes(length));
            let iv: [u8; 16] = random::array().unwrap();
            let own = aes::Key::new(&key).unwrap();
            let mut out = vec![0; length];
            let mut counter = iv;
            // Far from the end, where AWS-LC would wrap and the own mode refuse.
            counter[0] &= 0x7f;
            aes::Ctr::new(&own, counter, 128)
                .unwrap()
                .apply(&data, &mut out)
                .unwrap();
            assert_eq!(out, oracle::encrypt(Mode::Ctr, &key, &counter, &data));
            if length % 16 != 0 {
                continue;
            }
            own.ecb_encrypt(&data, &mut out).unwrap();
            assert_eq!(out, oracle::encrypt(Mode::Ecb, &key, &iv, &data));
            own.cbc_encrypt(&mut iv.clone(), &data, &mut out).unwrap();
            assert_eq!(out, oracle::encrypt(Mode::Cbc, &key, &iv, &data));
            let mut back = vec![0; length];
            own.cbc_decrypt(&mut iv.clone(), &out, &mut back).unwrap();
            assert_eq!(back, data);
        }
    }
}

#[test]
fn cmacs() {
    for key_length in [16, 32] {
        for length in lengths() {
            let (key, data) = (bytes(key_length), bytes(length));
            let mut own = cmac::Mac::new(&aes::Key::new(&key).unwrap());
            let (first, rest) = data.split_at(length / 3);
            own.update(first);
            own.update(rest);
            assert_eq!(*own.finish(), oracle::cmac(&key, &data), "{length} bytes");
        }
    }
}

#[test]
fn key_wraps() {
    for key_length in KEY_LENGTHS {
        for length in 1..300 {
            let (key, data) = (bytes(key_length), bytes(length));
            let own = keywrap::Key::new(&key).unwrap();
            let mut out = vec![0; keywrap::Key::padded_length(length).unwrap()];
            own.wrap_padded(&DEFAULT_PADDED_IV, &data, &mut out)
                .unwrap();
            assert_eq!(out, oracle::wrap_padded(&key, &data), "{length} bytes");
            if length % 8 == 0 && length >= 16 {
                own.wrap(&DEFAULT_IV, &data, &mut out).unwrap();
                assert_eq!(out, oracle::wrap(&key, &data), "{length} bytes");
            }
        }
    }
}
