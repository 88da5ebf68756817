//! Published vectors and the edges of each mode.

use super::*;

/// The key, counter block and data of SP 800-38A, appendix F.
const KEY: [u8; 16] = [
    0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf, 0x4f, 0x3c,
];
const DATA: [u8; 16] = [
    0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17, 0x2a,
];

/// The low byte of a number.
fn byte(number: usize) -> u8 {
    number.to_le_bytes()[0]
}

fn key() -> Key {
    Key::new(&KEY).unwrap()
}

#[test]
fn sp_800_38a_first_blocks() {
    let mut out = [0; 16];
    key().ecb_encrypt(&DATA, &mut out).unwrap();
    assert_eq!(out[..4], [0x3a, 0xd7, 0x7b, 0xb4]);
    let mut back = [0; 16];
    key().ecb_decrypt(&out, &mut back).unwrap();
    assert_eq!(back, DATA);
    let iv: [u8; 16] = std::array::from_fn(byte);
    key().cbc_encrypt(&mut iv.clone(), &DATA, &mut out).unwrap();
    assert_eq!(out[..4], [0x76, 0x49, 0xab, 0xac]);
    let counter: [u8; 16] = std::array::from_fn(|place| 0xf0 + byte(place));
    Ctr::new(&key(), counter, 128)
        .unwrap()
        .apply(&DATA, &mut out)
        .unwrap();
    assert_eq!(out[..4], [0x87, 0x4d, 0x61, 0x91]);
}

#[test]
fn a_counter_never_wraps() {
    for (bits, value, blocks) in [(1u64, 1u8, 1usize), (2, 1, 3), (8, 0, 256), (8, 255, 1)] {
        let mut block = [0xff; 16];
        block[15] = if bits == 8 {
            value
        } else {
            !((1 << bits) - 1) | value
        };
        let mut out = vec![0; blocks * 16 + 1];
        let key = key();
        let mut ctr = Ctr::new(&key, block, bits).unwrap();
        let input = vec![0; blocks * 16 + 1];
        assert_eq!(ctr.apply(&input, &mut out), Err(Error::DataLenRange));
        ctr.apply(&input[..blocks * 16], &mut out).unwrap();
        assert_eq!(
            ctr.apply(&[0], &mut [0]),
            Err(Error::DataLenRange),
            "{bits}"
        );
        assert_eq!(ctr.apply(&[], &mut []), Ok(()));
        // Each block is the encryption of its counter, whose upper bits stand still.
        let last: &[u8] = &out[blocks * 16 - 16..blocks * 16];
        let mut expected = [0; 16];
        key.ecb_encrypt(&[0xff; 16], &mut expected).unwrap();
        assert_eq!(last, expected);
    }
    for bits in [0, 129, u64::MAX] {
        assert!(Ctr::new(&key(), [0; 16], bits).is_err());
    }
}

#[test]
fn counter_mode_in_parts_is_counter_mode() {
    let input: Vec<u8> = (0..1000).map(byte).collect();
    let key = key();
    let mut whole = vec![0; 1000];
    Ctr::new(&key, [0; 16], 128)
        .unwrap()
        .apply(&input, &mut whole)
        .unwrap();
    let mut ctr = Ctr::new(&key, [0; 16], 128).unwrap();
    let (mut rest, mut out) = (&input[..], Vec::new());
    for length in (0..).take_while(|length| length * (length + 1) / 2 < 1000) {
        let (part, later) = rest.split_at(length.min(rest.len()));
        let mut piece = vec![0; part.len()];
        ctr.apply(part, &mut piece).unwrap();
        out.extend(piece);
        rest = later;
    }
    assert_eq!(out, whole[..out.len()]);
}

#[test]
fn parts_of_every_length_give_what_the_whole_gives() {
    let input: Vec<u8> = (0..100).map(byte).collect();
    let key = key();
    let iv = [9; 16];
    for length in 0..=input.len() {
        let plain = &input[..length];
        let mut whole = vec![0; Key::cbc_padded_length(length).unwrap()];
        key.cbc_pad_encrypt(&iv, plain, &mut whole).unwrap();
        for part in [1, 3, 16, 17, 40] {
            let encrypted = in_parts(&key, Direction::Encrypt, plain, part).unwrap();
            assert_eq!(encrypted, whole);
            assert_eq!(
                in_parts(&key, Direction::Decrypt, &whole, part).unwrap(),
                plain
            );
        }
        let mut back = vec![0; length];
        assert_eq!(key.cbc_pad_decrypt(&iv, &whole, &mut back), Ok(length));
        assert_eq!(back, plain);
    }
}

fn in_parts(key: &Key, direction: Direction, input: &[u8], part: usize) -> Result<Vec<u8>> {
    let mut stream = BlockStream::new(key, direction, Mode::CbcPadded([9; 16]));
    let mut all = Vec::new();
    for part in input.chunks(part) {
        let mut out = vec![0; stream.update_length(part.len())];
        let expected = out.len();
        assert_eq!(stream.update(part, &mut out)?, expected);
        all.extend(out);
    }
    let mut out = vec![0; 16];
    let written = stream.finish(&mut out)?;
    all.extend(&out[..written]);
    Ok(all)
}

#[test]
fn bad_padding_writes_nothing_and_a_short_buffer_can_be_replaced() {
    let key = key();
    let mut sealed = [0; 32];
    key.cbc_pad_encrypt(&[9; 16], &[1; 20], &mut sealed)
        .unwrap();
    let mut out = [7; 32];
    let short = key.cbc_pad_decrypt(&[9; 16], &sealed, &mut out[..19]);
    assert_eq!((short, out), (Err(Error::BufferTooSmall(20)), [7; 32]));
    sealed[15] ^= 1;
    let bad = key.cbc_pad_decrypt(&[9; 16], &sealed, &mut out);
    assert_eq!((bad, out), (Err(Error::EncryptedDataInvalid), [7; 32]));
    let uneven = key.cbc_pad_decrypt(&[9; 16], &sealed[..31], &mut out);
    assert_eq!(uneven, Err(Error::EncryptedDataLenRange));
    assert_eq!(
        key.cbc_pad_decrypt(&[9; 16], &[], &mut out),
        Err(Error::EncryptedDataLenRange)
    );

    sealed[15] ^= 1;
    let mut stream = BlockStream::new(&key, Direction::Decrypt, Mode::CbcPadded([9; 16]));
    stream.update(&sealed, &mut out).unwrap();
    assert_eq!(stream.finish(&mut []), Err(Error::BufferTooSmall(4)));
    assert_eq!(stream.finish(&mut out), Ok(4));
}

/// Every shape against itself, in one piece and in parts, on both sides of the limit between the two
/// implementations.
#[test]
fn gcm_shapes() {
    for key_length in [16, 24, 32] {
        let key = Key::new(&[3; 32][..key_length]).unwrap();
        for iv_length in [1, 8, 12, 16, 100] {
            for tag in [4, 8, 12, 13, 14, 15, 16] {
                for length in [0, 1, 16, 700, 5000] {
                    let (iv, plain) = (vec![5; iv_length], vec![6; length]);
                    let shape = GcmShape::new(&iv, b"more", tag).unwrap();
                    check_gcm(&key, shape, &plain);
                }
            }
        }
    }
}

fn check_gcm(key: &Key, shape: GcmShape<'_>, plain: &[u8]) {
    let mut sealed = vec![0; plain.len() + shape.tag_length()];
    key.gcm_encrypt(shape, plain, &mut sealed).unwrap();

    let mut encryptor = GcmEncryptor::new(key, shape).unwrap();
    let mut streamed = Vec::new();
    for part in plain.chunks(33) {
        let mut out = vec![0; part.len()];
        encryptor.update(part, &mut out).unwrap();
        streamed.extend(out);
    }
    let mut tag = [0; 16];
    let length = encryptor.finish(&mut tag).unwrap();
    streamed.extend(&tag[..length]);
    assert_eq!(streamed, sealed);

    let mut decryptor = GcmDecryptor::new(key, shape).unwrap();
    sealed
        .chunks(100)
        .for_each(|part| decryptor.update(part).unwrap());
    let mut out = vec![0; decryptor.plain_length()];
    assert_eq!(decryptor.finish(&mut out), Ok(plain.len()));
    assert_eq!(out, plain);

    let last = sealed.len() - 1;
    sealed[last] ^= 1;
    let mut out = vec![7; plain.len()];
    assert_eq!(
        key.gcm_decrypt(shape, &sealed, &mut out),
        Err(Error::EncryptedDataInvalid)
    );
    assert!(
        out.iter().all(|byte| *byte == 7),
        "nothing unverified is written"
    );
}

#[test]
fn gcm_lengths_are_checked() {
    assert!(GcmShape::new(&[], &[], 16).is_err());
    for tag in [0, 1, 3, 5, 7, 9, 10, 11, 17] {
        assert!(GcmShape::new(&[1], &[], tag).is_err(), "{tag}");
    }
    let shape = GcmShape::new(&[0; 12], &[], 16).unwrap();
    assert_eq!(
        key().gcm_encrypt(shape, &[1], &mut [0; 16]),
        Err(Error::BufferTooSmall(17))
    );
    let short = key().gcm_decrypt(shape, &[0; 15], &mut []);
    assert_eq!(short, Err(Error::EncryptedDataLenRange));
}
