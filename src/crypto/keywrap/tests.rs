//! Published vectors, and each implementation against the portable one.

use super::*;

/// RFC 3394, 4.6: 256 bits of key data with a 256-bit key.
const KEK: [u8; 32] = [
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
    0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,
];
const DATA: [u8; 32] = [
    0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff,
    0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f,
];
const WRAPPED: [u8; 40] = [
    0x28, 0xc9, 0xf4, 0x04, 0xc4, 0xb8, 0x10, 0xf4, 0xcb, 0xcc, 0xb3, 0x5c, 0xfb, 0x87, 0xf8, 0x26,
    0x3f, 0x57, 0x86, 0xe2, 0xd8, 0x0e, 0xd3, 0x26, 0xcb, 0xc7, 0xf0, 0xe7, 0x1a, 0x99, 0xf4, 0x3b,
    0xfb, 0x98, 0x8b, 0x9b, 0x7a, 0x02, 0xdd, 0x21,
];

/// The low byte of a number.
fn byte(number: usize) -> u8 {
    number.to_le_bytes()[0]
}

fn both(key: &[u8]) -> [Key; 2] {
    [Key::new(key).unwrap(), Key::portable(key).unwrap()]
}

#[test]
fn rfc_3394_section_4_6() {
    for key in both(&KEK) {
        let (mut wrapped, mut plain) = ([0; 40], [0; 32]);
        key.wrap(&DEFAULT_IV, &DATA, &mut wrapped).unwrap();
        assert_eq!(wrapped, WRAPPED, "{}", key.implementation());
        key.unwrap(&DEFAULT_IV, &wrapped, &mut plain).unwrap();
        assert_eq!(plain, DATA);
    }
}

#[test]
fn rfc_5649_section_6() {
    let kek = [
        0x58, 0x40, 0xdf, 0x6e, 0x29, 0xb0, 0x2a, 0xf1, 0xab, 0x49, 0x3b, 0x70, 0x5b, 0xf1, 0x6e,
        0xa1, 0xae, 0x83, 0x38, 0xf4, 0xdc, 0xc1, 0x76, 0xa8,
    ];
    let short = [0x46, 0x6f, 0x72, 0x50, 0x61, 0x73, 0x69];
    let wrapped = [
        0xaf, 0xbe, 0xb0, 0xf0, 0x7d, 0xfb, 0xf5, 0x41, 0x92, 0x00, 0xf2, 0xcc, 0xb5, 0x0b, 0xb2,
        0x4f,
    ];
    for key in both(&kek) {
        let mut out = [0; 16];
        assert_eq!(
            key.wrap_padded(&DEFAULT_PADDED_IV, &short, &mut out),
            Ok(16)
        );
        assert_eq!(out, wrapped, "{}", key.implementation());
        let mut plain = [1; 8];
        assert_eq!(
            key.unwrap_padded(&DEFAULT_PADDED_IV, &wrapped, &mut plain),
            Ok(7)
        );
        assert_eq!(plain[..7], short);
        assert_eq!(plain[7], 0);
    }
}

#[test]
fn implementations_agree_for_every_key_length_and_size() {
    for key_length in [16, 24, 32] {
        let bytes: Vec<u8> = (0..key_length)
            .map(|place: u8| place.wrapping_mul(37))
            .collect();
        let [own, portable] = both(&bytes);
        for length in 1..=100usize {
            let data: Vec<u8> = (0..length).map(|place| byte(place * 59)).collect();
            let needed = Key::padded_length(length).unwrap();
            let (mut one, mut other) = (vec![0; needed], vec![0; needed]);
            own.wrap_padded(&DEFAULT_PADDED_IV, &data, &mut one)
                .unwrap();
            portable
                .wrap_padded(&DEFAULT_PADDED_IV, &data, &mut other)
                .unwrap();
            assert_eq!(one, other);
            let mut plain = vec![0; needed - 8];
            assert_eq!(
                own.unwrap_padded(&DEFAULT_PADDED_IV, &other, &mut plain),
                Ok(length)
            );
            assert_eq!(plain[..length], data);
            if length % 8 == 0 && length >= 16 {
                own.wrap(&DEFAULT_IV, &data, &mut one).unwrap();
                portable.wrap(&DEFAULT_IV, &data, &mut other).unwrap();
                assert_eq!(one, other);
                let mut plain = vec![0; length];
                own.unwrap(&DEFAULT_IV, &other, &mut plain).unwrap();
                assert_eq!(plain, data);
            }
        }
    }
}

#[test]
fn every_flipped_bit_is_found_and_the_output_erased() {
    for key in both(&KEK) {
        for bit in 0..WRAPPED.len() * 8 {
            let mut wrapped = WRAPPED;
            wrapped[bit / 8] ^= 1 << (bit % 8);
            let mut plain = [7; 32];
            let result = key.unwrap(&DEFAULT_IV, &wrapped, &mut plain);
            assert_eq!(result, Err(Error::WrappedKeyInvalid));
            assert_eq!(plain, [0; 32]);
        }
    }
}

#[test]
fn padding_that_is_not_zero_or_too_long_is_found() {
    for key in both(&KEK) {
        // Bytes wrapped by KW with an initial value that KWP reads as each length.
        for length in 0u32..=40 {
            let mut iv = [0xa6, 0x59, 0x59, 0xa6, 0, 0, 0, 0];
            iv[4..].copy_from_slice(&length.to_be_bytes());
            for (last, zeros) in [(0u8, true), (1, false)] {
                let mut data = [5; 32];
                data[25..].fill(0);
                data[31] = last;
                let mut wrapped = [0; 40];
                key.wrap(&iv, &data, &mut wrapped).unwrap();
                let mut plain = [0; 32];
                let result = key.unwrap_padded(&DEFAULT_PADDED_IV, &wrapped, &mut plain);
                let valid = length == 32 || (zeros && (25..=32).contains(&length));
                if valid {
                    assert_eq!(result, Ok(usize::try_from(length).unwrap()));
                } else {
                    assert_eq!(result, Err(Error::WrappedKeyInvalid), "{length} {last}");
                    assert_eq!(plain, [0; 32]);
                }
            }
        }
    }
}

#[test]
fn impossible_lengths_are_refused() {
    let key = Key::new(&KEK).unwrap();
    let mut out = [0; 64];
    for length in [0, 1, 7, 8, 15, 17] {
        assert_eq!(
            key.wrap(&DEFAULT_IV, &DATA[..length], &mut out),
            Err(Error::DataLenRange)
        );
    }
    for length in [0, 8, 16, 23, 25] {
        let refused = key.unwrap(&DEFAULT_IV, &WRAPPED[..length], &mut out);
        assert_eq!(refused, Err(Error::WrappedKeyLenRange));
    }
    for length in [0, 8, 15, 17] {
        let refused = key.unwrap_padded(&DEFAULT_PADDED_IV, &WRAPPED[..length], &mut out);
        assert_eq!(refused, Err(Error::WrappedKeyLenRange));
    }
    assert_eq!(
        key.wrap_padded(&DEFAULT_PADDED_IV, &[], &mut out),
        Err(Error::DataLenRange)
    );
    assert_eq!(
        key.wrap(&DEFAULT_IV, &DATA, &mut out[..39]),
        Err(Error::BufferTooSmall(40))
    );
    assert!(matches!(Key::new(&KEK[..15]), Err(Error::KeySizeRange)));
    assert!(matches!(
        Key::portable(&KEK[..31]),
        Err(Error::KeySizeRange)
    ));
}

/// Every batch size up to two groups and more, against wraps one by one; one item is spoiled.
#[test]
fn batches_are_wraps_one_by_one() {
    let key = Key::new(&KEK).unwrap();
    let lengths = (0..37)
        .map(|count| (count, 32))
        .chain([(20, 16), (20, 128), (5, 4096)]);
    for (count, length) in lengths {
        let plain: Vec<Vec<u8>> = (0..count)
            .map(|item| {
                (0..length)
                    .map(|place| byte(item * 31 + place * 7))
                    .collect()
            })
            .collect();
        let mut wrapped = vec![vec![0; length + 8]; count];
        wrap_all(&key, &plain, &mut wrapped);
        for (plain, wrapped) in plain.iter().zip(&wrapped) {
            let mut expected = vec![0; length + 8];
            key.wrap(&DEFAULT_IV, plain, &mut expected).unwrap();
            assert_eq!(*wrapped, expected);
        }
        if let Some(last) = wrapped.last_mut() {
            last[3] ^= 1;
        }
        let mut back = vec![vec![1; length]; count];
        let mut items: Vec<Item> = items(&wrapped, &mut back);
        let verdicts = key.unwrap_batch(&mut items).unwrap();
        assert_eq!(verdicts.len(), count);
        for (place, (verdict, back)) in verdicts.iter().zip(&back).enumerate() {
            let spoiled = place + 1 == count;
            assert_eq!(verdict.accept().is_err(), spoiled);
            assert_eq!(
                *back,
                if spoiled {
                    vec![0; length]
                } else {
                    plain[place].clone()
                }
            );
        }
    }
}

fn items<'a>(inputs: &'a [Vec<u8>], outs: &'a mut [Vec<u8>]) -> Vec<Item<'a>> {
    inputs
        .iter()
        .zip(outs)
        .map(|(input, out)| Item { input, out })
        .collect()
}

fn wrap_all(key: &Key, plain: &[Vec<u8>], wrapped: &mut [Vec<u8>]) {
    key.wrap_batch(&mut items(plain, wrapped)).unwrap();
}

#[test]
fn a_batch_of_mixed_lengths_keeps_its_order() {
    let key = Key::new(&[1; 16]).unwrap();
    let plain: Vec<Vec<u8>> = [16, 16, 16, 16, 24, 32, 32, 32, 16]
        .map(|n| vec![byte(n); n])
        .into();
    let mut wrapped: Vec<Vec<u8>> = plain.iter().map(|plain| vec![0; plain.len() + 8]).collect();
    wrap_all(&key, &plain, &mut wrapped);
    for (plain, wrapped) in plain.iter().zip(&wrapped) {
        let mut back = vec![0; plain.len()];
        key.unwrap(&DEFAULT_IV, wrapped, &mut back).unwrap();
        assert_eq!(back, *plain);
    }
}

#[cfg(target_arch = "x86_64")]
#[test]
fn both_widths_agree_for_every_key_length() {
    let widths = [vaes::Width::find(), vaes::Width::find_256()];
    for (width, key_length) in widths
        .into_iter()
        .flatten()
        .flat_map(|w| [16, 24, 32].map(|k| (w, k)))
    {
        let key = Key::new(&KEK[..key_length]).unwrap();
        let Some(lanes) = key.lanes_of(width) else {
            continue;
        };
        let plain = vec![DATA.to_vec(); 16];
        let mut wrapped = vec![vec![0; 40]; 16];
        assert!(
            lanes
                .wrap(&mut items(&plain, &mut wrapped))
                .unwrap()
                .is_empty()
        );
        let mut expected = [0; 40];
        key.wrap(&DEFAULT_IV, &DATA, &mut expected).unwrap();
        assert!(
            wrapped.iter().all(|wrapped| *wrapped == expected),
            "{width:?}"
        );
        let (mut back, mut verdicts) = (vec![vec![0; 32]; 16], Vec::new());
        assert!(
            lanes
                .unwrap(&mut items(&wrapped, &mut back), &mut verdicts)
                .unwrap()
                .is_empty()
        );
        assert_eq!(back, plain);
        assert!(verdicts.iter().all(|verdict| verdict.accept() == Ok(32)));
    }
}

#[test]
fn pkcs7_padding_is_checked_with_the_rest() {
    for key in both(&KEK) {
        for length in 8..=32usize {
            let needed = pkcs7_length(length).unwrap();
            let (mut wrapped, mut plain) = (vec![0; needed], vec![0; needed - 8]);
            assert_eq!(
                key.wrap_pkcs7(&DEFAULT_IV, &DATA[..length], &mut wrapped),
                Ok(needed)
            );
            assert_eq!(
                key.unwrap_pkcs7(&DEFAULT_IV, &wrapped, &mut plain),
                Ok(length)
            );
            assert_eq!(plain[..length], DATA[..length]);
        }
        assert_eq!(pkcs7_length(7), None);
        // Bytes that end in no padding, or in a broken one.
        for tail in [[0; 8], [9; 8], [1, 2, 3, 4, 5, 6, 2, 3]] {
            let mut data = DATA;
            data[24..].copy_from_slice(&tail);
            let (mut wrapped, mut plain) = ([0; 40], [7; 32]);
            key.wrap(&DEFAULT_IV, &data, &mut wrapped).unwrap();
            let result = key.unwrap_pkcs7(&DEFAULT_IV, &wrapped, &mut plain);
            assert_eq!(result, Err(Error::WrappedKeyInvalid));
            assert_eq!(plain, [0; 32]);
        }
    }
}
