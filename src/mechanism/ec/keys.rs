//! Keys on curves: out of the attributes of objects, and new pairs of every type.

use crate::crypto::curve::NamedCurve;
use crate::crypto::ec::{Curve, PrivateKey, PublicKey};
use crate::error::{Error, Result};
use crate::mechanism::params::Params;
use crate::mechanism::private_key_info::curve_attributes;
use crate::mechanism::row::Generated;
use crate::object::Object;
use crate::object::attribute::{Attributes, Template, Value};
use crate::object::material::checked_curve;
use crate::secret::SecretBytes;
use cryptoki_sys::{CKA_EC_PARAMS, CKA_EC_POINT, CKA_VALUE};
use std::sync::Arc;

/// The curve of a key object.
///
/// # Errors
/// `KeyTypeInconsistent` for an object that has none.
pub(in crate::mechanism) fn curve(attributes: &Attributes) -> Result<NamedCurve> {
    let parameters = attributes
        .bytes(CKA_EC_PARAMS)
        .ok_or(Error::KeyTypeInconsistent)?;
    NamedCurve::read(parameters).map_err(|_| Error::KeyTypeInconsistent)
}

/// The short Weierstrass curve of a key object.
fn weierstrass(attributes: &Attributes) -> Result<Curve> {
    match curve(attributes)? {
        NamedCurve::Weierstrass(curve) => Ok(curve),
        NamedCurve::Ed25519 | NamedCurve::X25519 => Err(Error::KeyTypeInconsistent),
    }
}

/// The value of a private key object.
///
/// # Errors
/// `KeyTypeInconsistent` for another object.
pub(in crate::mechanism) fn value(attributes: &Attributes) -> Result<&SecretBytes> {
    attributes
        .secret(CKA_VALUE)
        .ok_or(Error::KeyTypeInconsistent)
}

/// The public point of a key object, raw.
///
/// # Errors
/// `KeyTypeInconsistent` for another object.
pub(in crate::mechanism) fn point(attributes: &Attributes) -> Result<Vec<u8>> {
    let encoded = attributes
        .bytes(CKA_EC_POINT)
        .ok_or(Error::KeyTypeInconsistent)?;
    curve(attributes)?
        .read_point(encoded)
        .ok_or(Error::KeyTypeInconsistent)
}

/// The private key of an object, prepared once.
///
/// # Errors
/// `KeyTypeInconsistent` for another object.
pub(super) fn private(object: &Object) -> Result<Arc<PrivateKey>> {
    object.prepared(|attributes| {
        PrivateKey::new(weierstrass(attributes)?, value(attributes)?.expose())
            .ok_or(Error::KeyTypeInconsistent)
    })
}

/// The public key of an object, prepared once.
///
/// # Errors
/// `KeyTypeInconsistent` for another object.
pub(super) fn public(object: &Object) -> Result<Arc<PublicKey>> {
    object.prepared(|attributes| {
        PublicKey::new(weierstrass(attributes)?, &point(attributes)?)
            .ok_or(Error::KeyTypeInconsistent)
    })
}

/// The curve that a template asks for, and its parameters as given.
///
/// # Errors
/// `TemplateIncomplete` without parameters, `CurveNotSupported` for another curve, `AttributeValueInvalid`
/// for parameters that are none.
pub(in crate::mechanism) fn asked(public: &Template) -> Result<(NamedCurve, &[u8])> {
    let parameters = match public.get(CKA_EC_PARAMS) {
        Some(value) => value
            .as_bytes()
            .ok_or(Error::AttributeValueInvalid(CKA_EC_PARAMS))?,
        None => return Err(Error::TemplateIncomplete(CKA_EC_PARAMS)),
    };
    checked_curve(parameters).map(|curve| (curve, parameters))
}

/// The attributes of a new pair: its curve is named as the template named it.
pub(in crate::mechanism) fn made(
    curve: NamedCurve,
    parameters: &[u8],
    value: SecretBytes,
    point: &[u8],
) -> (Generated, Generated) {
    let public = vec![
        (CKA_EC_PARAMS, Value::Bytes(parameters.to_vec())),
        (CKA_EC_POINT, Value::Bytes(curve.show_point(point))),
    ];
    (public, curve_attributes(parameters, value, curve, point))
}

/// Makes a pair on the curve of `CKA_EC_PARAMS`.
///
/// # Errors
/// Those of [`asked`]; `CurveNotSupported` for the curves that have mechanisms of their own.
pub(super) fn pair(
    _: Params<'_>,
    public: &Template,
    _: &Template,
) -> Result<(Generated, Generated)> {
    let (named, parameters) = asked(public)?;
    let NamedCurve::Weierstrass(curve) = named else {
        return Err(Error::CurveNotSupported);
    };
    let key = PrivateKey::generate(curve)?;
    Ok(made(named, parameters, key.number()?, &key.public_point()?))
}
