//! Ed25519 (PKCS #11 3.2, sections 6.3.10 and 6.3.14).

use super::ec::{FLAGS, keys};
use super::operation::{Signer, Verifier};
use super::params::{ParamKind, Params};
use super::row::{Generated, Operations, Row};
use super::signing::{Check, Gathered, Hashed, Sign};
use crate::crypto::curve::NamedCurve;
use crate::crypto::edwards::{KEY_SIZE, PrivateKey, PublicKey, SIGNATURE_SIZE, Variant};
use crate::crypto::hash::Hash;
use crate::crypto::known::Families;
use crate::error::{Error, Result};
use crate::object::Object;
use crate::object::attribute::Template;
use crate::secret::SecretBytes;
use cryptoki_sys::{CKK_EC_EDWARDS, CKM_EC_EDWARDS_KEY_PAIR_GEN, CKM_EDDSA};
use std::sync::Arc;

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[
    Row {
        mechanism: CKM_EC_EDWARDS_KEY_PAIR_GEN,
        name: "CKM_EC_EDWARDS_KEY_PAIR_GEN",
        key_sizes: (255, 255),
        key_types: &[CKK_EC_EDWARDS],
        more_flags: FLAGS,
        needs: Families::ED25519,
        params: ParamKind::None,
        operations: Operations {
            generate_pair: Some(pair),
            ..Operations::NONE
        },
    },
    Row {
        mechanism: CKM_EDDSA,
        name: "CKM_EDDSA",
        key_sizes: (255, 255),
        key_types: &[CKK_EC_EDWARDS],
        more_flags: FLAGS,
        needs: Families::ED25519,
        params: ParamKind::Eddsa,
        operations: Operations {
            sign: Some(sign),
            verify: Some(verify),
            ..Operations::NONE
        },
    },
];

/// The longest context in bytes (RFC 8032, section 5.1).
const LONGEST_CONTEXT: usize = 255;

/// A form of Ed25519 that outlives the caller's parameters.
enum Form {
    Pure,
    Context(Vec<u8>),
    Prehash(Vec<u8>),
}

impl Form {
    /// Without parameters, and with an empty context, the message is signed as it is: Ed25519ctx with an
    /// empty context is not to be used (RFC 8032, section 8.3), and tools mean the plain one.
    fn asked(params: Params<'_>) -> Result<Self> {
        if params == Params::None {
            return Ok(Form::Pure);
        }
        let Params::Eddsa { prehash, context } = params else {
            return Err(Error::MechanismParamInvalid("not the parameters of EdDSA"));
        };
        if context.len() > LONGEST_CONTEXT {
            return Err(Error::MechanismParamInvalid(
                "the context is longer than 255 bytes",
            ));
        }
        Ok(match (prehash, context) {
            (true, context) => Form::Prehash(context.to_vec()),
            (false, []) => Form::Pure,
            (false, context) => Form::Context(context.to_vec()),
        })
    }

    fn variant(&self) -> Variant<'_> {
        match self {
            Form::Pure => Variant::Pure,
            Form::Context(context) => Variant::Context(context),
            Form::Prehash(context) => Variant::Prehash(context),
        }
    }
}

struct Signing {
    key: Arc<PrivateKey>,
    form: Form,
}

impl Sign for Signing {
    fn length(&self) -> usize {
        SIGNATURE_SIZE
    }

    fn sign(&self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        let signature = self.key.sign(data, self.form.variant())?;
        out.get_mut(..SIGNATURE_SIZE)
            .ok_or(Error::BufferTooSmall(SIGNATURE_SIZE))?
            .copy_from_slice(&signature);
        Ok(SIGNATURE_SIZE)
    }
}

struct Verifying {
    key: Arc<PublicKey>,
    form: Form,
}

impl Check for Verifying {
    fn check(&self, data: &[u8], signature: &[u8]) -> Result<()> {
        self.key.verify(data, self.form.variant(), signature)
    }
}

fn sign(params: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Signer>> {
    let form = Form::asked(params)?;
    let key = key.prepared(|attributes| {
        PrivateKey::new(keys::value(attributes)?.expose()).ok_or(Error::KeyTypeInconsistent)
    })?;
    Ok(match form {
        Form::Prehash(_) => Hashed::new(Hash::Sha512, Signing { key, form }),
        Form::Pure | Form::Context(_) => Gathered::new(Signing { key, form }),
    })
}

fn verify(params: Params<'_>, key: &Arc<Object>) -> Result<Box<dyn Verifier>> {
    let form = Form::asked(params)?;
    let key = key.prepared(|attributes| {
        PublicKey::new(&keys::point(attributes)?).ok_or(Error::KeyTypeInconsistent)
    })?;
    Ok(match form {
        Form::Prehash(_) => Hashed::new(Hash::Sha512, Verifying { key, form }),
        Form::Pure | Form::Context(_) => Gathered::new(Verifying { key, form }),
    })
}

/// Makes a pair on edwards25519.
///
/// # Errors
/// Those of [`keys::asked`]; `CurveNotSupported` for any other curve.
fn pair(_: Params<'_>, public: &Template, _: &Template) -> Result<(Generated, Generated)> {
    let (curve, parameters) = keys::asked(public)?;
    if curve != NamedCurve::Ed25519 {
        return Err(Error::CurveNotSupported);
    }
    let seed = SecretBytes::random(KEY_SIZE)?;
    let key =
        PrivateKey::new(seed.expose()).ok_or(Error::Internal("a seed of the right length"))?;
    Ok(keys::made(curve, parameters, seed, key.public().encoded()))
}
