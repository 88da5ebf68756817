//! ChaCha20, ChaCha20-Poly1305 and Poly1305, and the generation of their keys (PKCS #11 3.2, sections 6.58 to
//! 6.61). Nonces of ChaCha20-Poly1305 have 96 or 192 bits; the standard counts them in bits, many callers in
//! bytes, and both are taken.

use super::gathered::{Gathered, Whole, release};
use super::mac::{Mac, MacOperation};
use super::message::{self, Envelope, Form, Messages};
use super::operation::Cipher;
use super::params::{ParamKind, Params};
use super::row::{Generated, Operations, Row};
use crate::crypto::aes::Direction;
use crate::crypto::chacha::{Aead, KEY, Poly1305, Stream, TAG};
use crate::crypto::known::Families;
use crate::error::{Error, Result};
use crate::object::Object;
use crate::object::attribute::{Template, Value};
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKA_KEY_TYPE, CKA_VALUE, CKA_VALUE_LEN, CKK_CHACHA20, CKK_POLY1305, CKM_CHACHA20,
    CKM_CHACHA20_KEY_GEN, CKM_CHACHA20_POLY1305, CKM_POLY1305, CKM_POLY1305_KEY_GEN,
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The rows. Key sizes are in bytes for the generations, else in bits.
pub(super) const ROWS: &[Row] = &[
    row(
        CKM_CHACHA20_KEY_GEN,
        "CKM_CHACHA20_KEY_GEN",
        32,
        &[CKK_CHACHA20],
        ParamKind::None,
        generating(|_, template| generate(CKK_CHACHA20, template)),
    ),
    row(
        CKM_CHACHA20,
        "CKM_CHACHA20",
        256,
        &[CKK_CHACHA20],
        ParamKind::ChaCha20,
        Operations {
            encrypt: Some(stream),
            decrypt: Some(stream),
            ..Operations::NONE
        },
    ),
    row(
        CKM_CHACHA20_POLY1305,
        "CKM_CHACHA20_POLY1305",
        256,
        &[CKK_CHACHA20],
        ParamKind::ChaCha20Poly1305,
        Operations {
            encrypt: Some(|params, object| aead(Direction::Encrypt, params, object)),
            decrypt: Some(|params, object| aead(Direction::Decrypt, params, object)),
            messages: Some(MESSAGES),
            ..Operations::NONE
        },
    ),
    row(
        CKM_POLY1305_KEY_GEN,
        "CKM_POLY1305_KEY_GEN",
        32,
        &[CKK_POLY1305],
        ParamKind::None,
        generating(|_, template| generate(CKK_POLY1305, template)),
    ),
    row(
        CKM_POLY1305,
        "CKM_POLY1305",
        256,
        &[CKK_POLY1305],
        ParamKind::None,
        Operations {
            sign: Some(|_, object| Ok(Box::new(mac(object)?))),
            verify: Some(|_, object| Ok(Box::new(mac(object)?))),
            ..Operations::NONE
        },
    ),
];

const fn row(
    mechanism: u64,
    name: &'static str,
    key_size: u64,
    key_types: &'static [u64],
    params: ParamKind,
    operations: Operations,
) -> Row {
    Row {
        mechanism,
        name,
        key_sizes: (key_size, key_size),
        key_types,
        more_flags: 0,
        needs: Families::CHACHA,
        params,
        operations,
    }
}

const fn generating(generate: super::row::Generate) -> Operations {
    Operations {
        generate: Some(generate),
        ..Operations::NONE
    }
}

/// A random key. Its length may be named, but there is only one.
fn generate(key_type: u64, template: &Template) -> Result<Generated> {
    let length = template.ulong(CKA_VALUE_LEN);
    if length.is_some_and(|length| usize::try_from(length) != Ok(KEY)) {
        return Err(Error::AttributeValueInvalid(CKA_VALUE_LEN));
    }
    Ok(vec![
        (CKA_KEY_TYPE, Value::Ulong(key_type)),
        (CKA_VALUE, Value::secret(SecretBytes::random(KEY)?)),
    ])
}

/// The bytes of a key.
fn bytes(object: &Object) -> Result<&[u8; KEY]> {
    let value = object.secret_value().map(SecretBytes::expose);
    value
        .and_then(|value| value.try_into().ok())
        .ok_or(Error::KeyTypeInconsistent)
}

fn stream(params: Params<'_>, object: &Arc<Object>) -> Result<Box<dyn Cipher>> {
    let Params::ChaCha20 { counter, nonce } = params else {
        return Err(Error::MechanismParamInvalid(
            "ChaCha20 takes CK_CHACHA20_PARAMS",
        ));
    };
    let block = match (counter.len(), nonce.len()) {
        (4, _) | (8, 8 | 24) => counter
            .iter()
            .rev()
            .fold(0, |number, byte| (number << 8) | u64::from(*byte)),
        _ => return Err(Error::MechanismParamInvalid("ChaCha20 block counter")),
    };
    Ok(Box::new(Stream::new(bytes(object)?, nonce, block)?))
}

impl Cipher for Stream {
    fn update_bound(&self, input: usize) -> usize {
        input
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.apply(input, out)?;
        Ok(input.len())
    }

    fn finish_bound(&self) -> usize {
        0
    }

    fn finish(&mut self, _: &mut [u8]) -> Result<usize> {
        Ok(0)
    }

    fn whole_bound(&self, input: usize) -> usize {
        input
    }

    fn whole(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.update(input, out)
    }
}

fn aead(direction: Direction, params: Params<'_>, object: &Arc<Object>) -> Result<Box<dyn Cipher>> {
    let Params::ChaCha20Poly1305 { nonce, aad } = params else {
        return Err(Error::MechanismParamInvalid(
            "ChaCha20-Poly1305 takes CK_SALSA20_CHACHA20_POLY1305_PARAMS",
        ));
    };
    let key = Aead::new(bytes(object)?, nonce.len())?;
    let mut kept = Vec::new();
    kept.try_reserve_exact(aad.len())
        .map_err(|_| Error::HostMemory)?;
    kept.extend_from_slice(aad);
    Ok(Gathered::start(Message {
        direction,
        key,
        nonce: nonce.to_vec(),
        aad: kept,
    }))
}

const MESSAGES: Messages = Messages {
    form: Form::Poly1305,
    start: |object| {
        Ok(Arc::new(Many(
            bytes(object).map(|key| Zeroizing::new(*key))?,
        )))
    },
    in_parts: false,
    wraps: false,
};

/// A key for many messages.
struct Many(Zeroizing<[u8; KEY]>);

impl message::Aead for Many {
    fn check(&self, iv: usize, tag: usize) -> Result<()> {
        if matches!(iv, 12 | 24) && tag == TAG {
            Ok(())
        } else {
            Err(Error::MechanismParamInvalid(
                "ChaCha20-Poly1305 takes a nonce of 96 or 192 bits",
            ))
        }
    }

    fn seal(
        &self,
        envelope: Envelope<'_>,
        plain: &[u8],
        out: &mut [u8],
        tag: &mut [u8],
    ) -> Result<()> {
        let (nonce, aad) = (envelope.iv, envelope.aad);
        Aead::new(&self.0, nonce.len())?.seal(nonce, aad, plain, out, tag)
    }

    fn open(
        &self,
        envelope: Envelope<'_>,
        sealed: &[u8],
        tag: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        let (nonce, aad) = (envelope.iv, envelope.aad);
        let plain = Aead::new(&self.0, nonce.len())?.open(nonce, aad, sealed, tag)?;
        release(plain.expose(), out)
    }
}

/// A message of ChaCha20-Poly1305 to come.
struct Message {
    direction: Direction,
    key: Aead,
    nonce: Vec<u8>,
    aad: Vec<u8>,
}

impl Whole for Message {
    fn output_length(&self, input: usize) -> Result<usize> {
        let length = match self.direction {
            Direction::Encrypt => input.checked_add(TAG),
            Direction::Decrypt => input.checked_sub(TAG),
        };
        length.ok_or_else(|| self.too_long())
    }

    fn longest(&self) -> usize {
        usize::MAX
    }

    fn run(&self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let (nonce, aad) = (&self.nonce, &self.aad);
        match self.direction {
            Direction::Encrypt => self.key.encrypt(nonce, aad, input, out).map(drop),
            Direction::Decrypt => release(self.key.decrypt(nonce, aad, input)?.expose(), out),
        }
    }

    fn too_long(&self) -> Error {
        match self.direction {
            Direction::Encrypt => Error::DataLenRange,
            Direction::Decrypt => Error::EncryptedDataLenRange,
        }
    }
}

fn mac(object: &Object) -> Result<MacOperation<Poly1305>> {
    Ok(MacOperation::new(Poly1305::new(bytes(object)?), TAG))
}

impl Mac for Poly1305 {
    fn update(&mut self, data: &[u8]) {
        Poly1305::update(self, data);
    }

    fn finish(self, out: &mut [u8]) -> Result<()> {
        release(self.finish().as_slice(), out)
    }

    fn verify(self, tag: &[u8]) -> bool {
        Poly1305::verify(self, tag)
    }
}
