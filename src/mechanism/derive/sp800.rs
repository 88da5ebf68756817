//! SP 800-108 (PKCS #11 3.2, section 6.42): the caller says how the input of the pseudorandom function is put
//! together. Several keys come out of one derivation, each from blocks of its own.

use super::{LONGEST, value, wanted};
use crate::crypto::hash::Hash;
use crate::crypto::hmac;
use crate::crypto::sp800_108::{self, Mode, Number, Part, Prf};
use crate::error::{Error, Result};
use crate::mechanism::aes;
use crate::mechanism::params::{ParamKind, Params};
use crate::mechanism::row::{Bases, Derived, Operations, Row};
use crate::object::Object;
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKA_VALUE_LEN, CKK_AES, CKM_AES_CMAC, CKM_SHA_1_HMAC, CKM_SHA3_224_HMAC, CKM_SHA3_256_HMAC,
    CKM_SHA3_384_HMAC, CKM_SHA3_512_HMAC, CKM_SHA224_HMAC, CKM_SHA256_HMAC, CKM_SHA384_HMAC,
    CKM_SHA512_224_HMAC, CKM_SHA512_256_HMAC, CKM_SHA512_HMAC, CKM_SP800_108_COUNTER_KDF,
    CKM_SP800_108_DOUBLE_PIPELINE_KDF, CKM_SP800_108_FEEDBACK_KDF,
};
use std::sync::Arc;

/// The parameter of the three mechanisms, without the additional keys: those are the caller's templates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Input<'a> {
    /// The pseudorandom function, `CKM_…`.
    pub prf: u64,
    /// The fields of its input, in their order.
    pub fields: Vec<Field<'a>>,
    /// The first block that is fed back; empty where there is none.
    pub iv: &'a [u8],
}

/// A field of the input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field<'a> {
    /// What the mode iterates; a counter is written as the number says.
    Iteration(Option<Number>),
    /// The counter, where the mode iterates something else.
    Counter(Number),
    /// The length of what is derived, in bits.
    Length {
        /// Whether whole blocks are counted, or else the keys made of them.
        of_segments: bool,
        /// How it is written.
        number: Number,
    },
    /// The caller's bytes.
    Bytes(&'a [u8]),
    /// The value of the key behind a handle.
    Key(u64),
}

/// The rows. Key sizes are in bits.
pub(in crate::mechanism) const ROWS: &[Row] = &[
    row(
        CKM_SP800_108_COUNTER_KDF,
        "CKM_SP800_108_COUNTER_KDF",
        |params, bases, lengths| derive(Kind::Counter, params, bases, lengths),
    ),
    row(
        CKM_SP800_108_FEEDBACK_KDF,
        "CKM_SP800_108_FEEDBACK_KDF",
        |params, bases, lengths| derive(Kind::Feedback, params, bases, lengths),
    ),
    row(
        CKM_SP800_108_DOUBLE_PIPELINE_KDF,
        "CKM_SP800_108_DOUBLE_PIPELINE_KDF",
        |params, bases, lengths| derive(Kind::DoublePipeline, params, bases, lengths),
    ),
];

const fn row(mechanism: u64, name: &'static str, derive: crate::mechanism::row::DeriveSet) -> Row {
    Row {
        key_sizes: (8, 8 * 65_536),
        ..super::row(
            mechanism,
            name,
            super::SECRETS,
            ParamKind::Apart,
            Operations {
                derive_set: Some(derive),
                ..Operations::NONE
            },
        )
    }
}

/// Which of the three.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Counter,
    Feedback,
    DoublePipeline,
}

fn derive(
    kind: Kind,
    params: Params<'_>,
    bases: Bases<'_>,
    lengths: &[Option<usize>],
) -> Result<Derived> {
    let Params::Sp800(input) = params else {
        return Err(Error::MechanismParamInvalid(
            "SP 800-108 takes CK_SP800_108_KDF_PARAMS",
        ));
    };
    let prf = prf(input.prf, bases.base)?;
    let lengths: Vec<usize> = lengths
        .iter()
        .map(|length| wanted(*length))
        .collect::<Result<_>>()?;
    let block = prf.length();
    let keys: usize = lengths.iter().sum();
    let blocks: usize = lengths.iter().map(|length| length.div_ceil(block)).sum();
    if blocks * block > LONGEST {
        return Err(Error::AttributeValueInvalid(CKA_VALUE_LEN));
    }
    let mode = mode(kind, input)?;
    let written = written(input, keys, blocks * block)?;
    let parts = parts(input, &written, bases.others)?;
    let mut whole = SecretBytes::zeroed(blocks * block);
    sp800_108::derive(&prf, mode, &parts, whole.expose_mut())?;
    let mut rest = whole.expose();
    let mut made = Derived::default();
    for length in lengths {
        let (own, next) = rest
            .split_at_checked(length.div_ceil(block) * block)
            .ok_or(Error::Internal("KDF blocks"))?;
        made.keys
            .push(SecretBytes::copy_of(own.get(..length).unwrap_or_default()));
        rest = next;
    }
    Ok(made)
}

fn prf(mechanism: u64, base: &Arc<Object>) -> Result<Prf> {
    let hash = match mechanism {
        CKM_AES_CMAC if base.attributes().key_type() == Some(CKK_AES) => {
            return Ok(Prf::Cmac(aes::key(base)?));
        }
        CKM_AES_CMAC => return Err(Error::KeyTypeInconsistent),
        CKM_SHA_1_HMAC => Hash::Sha1,
        CKM_SHA224_HMAC => Hash::Sha224,
        CKM_SHA256_HMAC => Hash::Sha256,
        CKM_SHA384_HMAC => Hash::Sha384,
        CKM_SHA512_HMAC => Hash::Sha512,
        CKM_SHA512_224_HMAC => Hash::Sha512_224,
        CKM_SHA512_256_HMAC => Hash::Sha512_256,
        CKM_SHA3_224_HMAC => Hash::Sha3_224,
        CKM_SHA3_256_HMAC => Hash::Sha3_256,
        CKM_SHA3_384_HMAC => Hash::Sha3_384,
        CKM_SHA3_512_HMAC => Hash::Sha3_512,
        _ => {
            return Err(Error::MechanismParamInvalid(
                "the pseudorandom function is not one this module knows",
            ));
        }
    };
    let key = hmac::Key::new(hash, value(base)?.expose());
    Ok(Prf::Hmac(Box::new(key)))
}

/// The mode, once the fields are those that it takes.
fn mode<'a>(kind: Kind, input: &Input<'a>) -> Result<Mode<'a>> {
    let count = |is: fn(&Field<'_>) -> bool| input.fields.iter().filter(|field| is(field)).count();
    let counters = count(|field| matches!(field, Field::Counter(_)));
    let lengths = count(|field| matches!(field, Field::Length { .. }));
    let mut iterations = input.fields.iter().filter_map(|field| match field {
        Field::Iteration(number) => Some(*number),
        Field::Counter(_) | Field::Length { .. } | Field::Bytes(_) | Field::Key(_) => None,
    });
    let (Some(iteration), None) = (iterations.next(), iterations.next()) else {
        return Err(Error::MechanismParamInvalid(
            "the iteration variable must stand there once",
        ));
    };
    if lengths > 1 || counters > usize::from(kind != Kind::Counter) {
        return Err(Error::MechanismParamInvalid(
            "a field stands there too often",
        ));
    }
    match (kind, iteration) {
        (Kind::Counter, Some(number)) => Ok(Mode::Counter(number)),
        (Kind::Feedback, None) => Ok(Mode::Feedback(input.iv)),
        (Kind::DoublePipeline, None) => Ok(Mode::DoublePipeline),
        (Kind::Counter, None) | (Kind::Feedback | Kind::DoublePipeline, Some(_)) => {
            Err(Error::MechanismParamInvalid(
                "the iteration variable has a format where it is a counter, and only there",
            ))
        }
    }
}

/// The length field as it stands in the input; empty without one.
fn written(input: &Input<'_>, keys: usize, segments: usize) -> Result<Vec<u8>> {
    for field in &input.fields {
        if let Field::Length {
            of_segments,
            number,
        } = field
        {
            let bytes = if *of_segments { segments } else { keys };
            let bits = u64::try_from(bytes).unwrap_or(u64::MAX).saturating_mul(8);
            return number.write(bits).ok_or(Error::MechanismParamInvalid(
                "the length does not fit its field",
            ));
        }
    }
    Ok(Vec::new())
}

/// The input, with the values of keys in their places.
fn parts<'p>(
    input: &'p Input<'_>,
    length: &'p [u8],
    others: &'p [Arc<Object>],
) -> Result<Vec<Part<'p>>> {
    let mut others = others.iter();
    input
        .fields
        .iter()
        .map(|field| match field {
            Field::Iteration(_) => Ok(Part::Iteration),
            Field::Counter(number) => Ok(Part::Counter(*number)),
            Field::Length { .. } => Ok(Part::Bytes(length)),
            Field::Bytes(bytes) => Ok(Part::Bytes(bytes)),
            Field::Key(_) => {
                let key = others.next().ok_or(Error::KeyHandleInvalid)?;
                value(key).map(|value| Part::Bytes(value.expose()))
            }
        })
        .collect()
}
