//! What the mechanisms add to the primitive: lengths, fill, initial values, causes of errors.

use super::*;
use crate::object::ObjectId;
use crate::object::attribute::{Attributes, Value};

fn object(value: &[u8]) -> Arc<Object> {
    let mut attributes = Attributes::new();
    attributes.set(
        cryptoki_sys::CKA_VALUE,
        Value::secret(SecretBytes::copy_of(value)),
    );
    Arc::new(Object::new(ObjectId([1; 16]), 1, attributes))
}

fn rows() -> impl Iterator<Item = &'static Operations> {
    ROWS.iter().map(|row| &row.operations)
}

#[test]
fn every_key_that_is_wrapped_comes_back() {
    let wrapping = object(&[7; 32]);
    for operations in rows() {
        let (length, wrap) = operations.wrap.unwrap();
        let unwrap = operations.unwrap.unwrap();
        for size in 9..=70 {
            let plain: Vec<u8> = (1..=size).collect();
            let mut wrapped = vec![0; length(Params::None, &wrapping, plain.len()).unwrap()];
            assert_eq!(
                wrap(Params::None, &wrapping, &plain, &mut wrapped),
                Ok(wrapped.len())
            );
            let lengths = [plain.len()];
            let back = unwrap(Params::None, &wrapping, &wrapped, Some(&lengths)).unwrap();
            assert_eq!(back.expose(), plain);
        }
    }
}

#[test]
fn fill_that_is_not_zero_is_an_invalid_key() {
    let wrapping = object(&[7; 16]);
    let (_, wrap) = ROWS[0].operations.wrap.unwrap();
    let unwrap = ROWS[0].operations.unwrap.unwrap();
    let mut wrapped = [0; 32];
    wrap(Params::None, &wrapping, &[1; 24], &mut wrapped).unwrap();
    let with = |length: usize| {
        unwrap(Params::None, &wrapping, &wrapped, Some(&[length])).map(|key| key.len())
    };
    assert_eq!(with(24), Ok(24));
    assert_eq!(with(23), Err(Error::WrappedKeyInvalid));
    assert_eq!(with(16), Ok(24), "the caller sees the conflict of lengths");
    let any = unwrap(Params::None, &wrapping, &wrapped, None).map(|key| key.len());
    assert_eq!(any, Ok(24));
}

#[test]
fn keys_too_short_to_wrap_are_refused() {
    let wrapping = object(&[7; 16]);
    for (operations, shortest) in rows().zip([9, 1, 1, 8]) {
        let (length, _) = operations.wrap.unwrap();
        assert!(length(Params::None, &wrapping, shortest).is_ok());
        let shorter = length(Params::None, &wrapping, shortest - 1);
        assert_eq!(shorter, Err(Error::KeySizeRange));
    }
}

#[test]
fn initial_values_have_one_length() {
    let wrapping = object(&[7; 16]);
    for (operations, right) in rows().zip([8, 4, 4, 8]) {
        let (length, wrap) = operations.wrap.unwrap();
        for given in 1..=8 {
            let result = length(Params::Bytes(&[1; 8][..given]), &wrapping, 16);
            assert_eq!(result.is_ok(), given == right);
        }
        let mut own = vec![0; 32];
        let mut default = vec![0; 32];
        wrap(
            Params::Bytes(&[1; 8][..right]),
            &wrapping,
            &[5; 16],
            &mut own,
        )
        .unwrap();
        wrap(Params::None, &wrapping, &[5; 16], &mut default).unwrap();
        assert_ne!(own, default);
        let unwrap = operations.unwrap.unwrap();
        let length = length(Params::None, &wrapping, 16).unwrap();
        let wrong = unwrap(Params::None, &wrapping, &own[..length], None);
        assert_eq!(wrong.map(|_| ()), Err(Error::WrappedKeyInvalid));
    }
}

#[test]
fn data_is_wrapped_in_one_part() {
    let wrapping = object(&[7; 24]);
    for (place, operations) in rows().enumerate() {
        let mut encryption = operations.encrypt.unwrap()(Params::None, &wrapping).unwrap();
        let mut decryption = operations.decrypt.unwrap()(Params::None, &wrapping).unwrap();
        let mut sealed = vec![0; encryption.whole_bound(32)];
        let length = encryption.whole(&[3; 32], &mut sealed).unwrap();
        let mut plain = vec![9; decryption.whole_bound(length)];
        let short = decryption.whole(&sealed[..length], &mut plain[..31]);
        assert_eq!(short, Err(Error::BufferTooSmall(32)));
        assert!(plain.iter().all(|byte| *byte == 9));
        assert_eq!(decryption.whole(&sealed[..length], &mut plain), Ok(32));
        assert_eq!(plain[..32], [3; 32]);
        sealed[0] ^= 1;
        let bad = decryption.whole(&sealed[..length], &mut plain);
        assert_eq!(bad, Err(Error::EncryptedDataInvalid));
        let uneven = decryption.whole(&sealed[..length - 1], &mut plain);
        assert_eq!(uneven, Err(Error::EncryptedDataLenRange));
        let refused = encryption.update(&[1], &mut sealed);
        assert_eq!(refused, Err(Error::OperationNotInitialized));
        let odd = encryption.whole(&[3; 33], &mut [0; 64]);
        assert_eq!(
            odd.is_err(),
            place == 0,
            "only KW takes whole semiblocks alone"
        );
    }
}
