//! From what a file holds to complete objects: the templates that the module's own rules then judge.

use super::found::Kind;
use super::names::key_type;
use super::public_key;
use super::usage::{Usage, flags};
use crate::failure::Failure;
use cryptoki_sys::*;
use keyward_pkcs11::error::Error;
use keyward_pkcs11::mechanism::private_key_info;
use keyward_pkcs11::object::access::State;
use keyward_pkcs11::object::attribute::{AttributeType, Attributes, Template, Value};
use keyward_pkcs11::object::{Object, ObjectId, build, read};
use keyward_pkcs11::secret::SecretBytes;
use pkcs8::PrivateKeyInfoRef;
use pkcs8::der::{Decode, Encode};
use x509_cert::Certificate;

/// What an object is called.
#[derive(Clone, Default)]
pub(super) struct Named {
    /// `CKA_LABEL`.
    pub(super) label: String,
    /// `CKA_ID`.
    pub(super) id: Vec<u8>,
}

/// How an imported key is kept.
#[derive(Clone, Copy)]
pub(super) struct Keeping<'a> {
    /// What it may be used for; nothing for what its type is used for.
    pub(super) usage: &'a [Usage],
    /// Whether it may be wrapped under another key.
    pub(super) extractable: bool,
    /// Whether who may use the token may also read it.
    pub(super) readable: bool,
}

/// Attributes of an object to be.
type Parts = Vec<(AttributeType, Value)>;

/// A token object with these attributes, as `C_CreateObject` makes it for the user.
fn create(mut parts: Parts, named: &Named) -> Result<Attributes, Failure> {
    parts.push((CKA_TOKEN, Value::Bool(true)));
    if !named.label.is_empty() {
        parts.push((CKA_LABEL, Value::Bytes(named.label.as_bytes().to_vec())));
    }
    if !named.id.is_empty() {
        parts.push((CKA_ID, Value::Bytes(named.id.clone())));
    }
    Ok(build::create(&Template(parts), State::RwUser)?)
}

/// The flags of a key that is to be hidden.
fn hidden(class: u64, kind: u64, keeping: Keeping<'_>) -> Parts {
    let mut parts = vec![
        (CKA_CLASS, Value::Ulong(class)),
        (CKA_KEY_TYPE, Value::Ulong(kind)),
        (CKA_SENSITIVE, Value::Bool(!keeping.readable)),
        (
            CKA_EXTRACTABLE,
            Value::Bool(keeping.extractable || keeping.readable),
        ),
    ];
    parts.extend(flags(class, keeping.usage));
    parts
}

/// A private key from its PrivateKeyInfo.
///
/// # Errors
/// `File` for a key that is damaged or of a type that is not known; those of the template.
pub(super) fn private_key(
    info: &SecretBytes,
    named: &Named,
    keeping: Keeping<'_>,
) -> Result<Attributes, Failure> {
    let damaged = || {
        Failure::File("the private key is damaged, or of a kind that is not supported".to_owned())
    };
    let parsed = PrivateKeyInfoRef::from_der(info.expose()).map_err(|_| damaged())?;
    let (kind, _) = public_key::algorithm(parsed.algorithm.oid)?;
    let mut parts = hidden(CKO_PRIVATE_KEY, kind, keeping);
    parts.extend(private_key_info::decode(info, kind).map_err(|_| damaged())?);
    create(parts, named)
}

/// A public key from its SubjectPublicKeyInfo.
///
/// # Errors
/// As [`private_key`].
pub(super) fn public_key(
    info: &[u8],
    named: &Named,
    usage: &[Usage],
) -> Result<Attributes, Failure> {
    let mut parts = public_key::template(info)?;
    parts.extend(flags(CKO_PUBLIC_KEY, usage));
    create(parts, named)
}

/// A secret key from its bytes.
///
/// # Errors
/// Those of the template: another length than the type has.
pub(super) fn secret_key(
    kind: u64,
    value: &SecretBytes,
    named: &Named,
    keeping: Keeping<'_>,
) -> Result<Attributes, Failure> {
    let mut parts = hidden(CKO_SECRET_KEY, kind, keeping);
    parts.push((CKA_VALUE, Value::secret(value.duplicate())));
    create(parts, named).map_err(|cause| {
        let name = key_type(kind);
        if let Failure::Library(Error::AttributeValueInvalid(CKA_VALUE)) = cause {
            return Failure::File(format!("no {name} key has {} bytes", value.len()));
        }
        if let Failure::Library(Error::AttributeValueInvalid(CKA_KEY_TYPE)) = cause {
            return Failure::File(format!("{name} keys are not kept here"));
        }
        cause
    })
}

/// A data object.
///
/// # Errors
/// Those of the template.
pub(super) fn data(
    value: &SecretBytes,
    label: &str,
    application: &str,
) -> Result<Attributes, Failure> {
    let parts = vec![
        (CKA_CLASS, Value::Ulong(CKO_DATA)),
        (
            CKA_APPLICATION,
            Value::Bytes(application.as_bytes().to_vec()),
        ),
        (CKA_VALUE, Value::secret(value.duplicate())),
    ];
    let label = label.to_owned();
    create(
        parts,
        &Named {
            label,
            id: Vec::new(),
        },
    )
}

/// A certificate.
///
/// # Errors
/// `File` for what is none.
pub(super) fn certificate(encoded: &[u8], named: &Named) -> Result<Attributes, Failure> {
    let parsed = parse_certificate(encoded)?;
    let body = parsed.tbs_certificate();
    let der =
        |part: pkcs8::der::Result<Vec<u8>>| part.map(Value::Bytes).map_err(|_| no_certificate());
    let validity = body.validity();
    let parts = vec![
        (CKA_CLASS, Value::Ulong(CKO_CERTIFICATE)),
        (CKA_CERTIFICATE_TYPE, Value::Ulong(CKC_X_509)),
        (CKA_VALUE, Value::secret(SecretBytes::copy_of(encoded))),
        (CKA_SUBJECT, der(body.subject().to_der())?),
        (CKA_ISSUER, der(body.issuer().to_der())?),
        (CKA_SERIAL_NUMBER, der(body.serial_number().to_der())?),
        (
            CKA_PUBLIC_KEY_INFO,
            der(body.subject_public_key_info().to_der())?,
        ),
        (CKA_START_DATE, date(validity.not_before)),
        (CKA_END_DATE, date(validity.not_after)),
    ];
    create(parts, named)
}

/// A day as `CK_DATE` writes it.
fn date(time: x509_cert::time::Time) -> Value {
    let day = time.to_date_time();
    let text = format!("{:04}{:02}{:02}", day.year(), day.month(), day.day());
    Value::Bytes(text.into_bytes())
}

fn no_certificate() -> Failure {
    Failure::File("the certificate is damaged".to_owned())
}

fn parse_certificate(encoded: &[u8]) -> Result<Certificate, Failure> {
    Certificate::from_der(encoded).map_err(|_| no_certificate())
}

/// The common name of a certificate's subject, where it has one.
pub(super) fn common_name(encoded: &[u8]) -> Option<String> {
    let parsed = Certificate::from_der(encoded).ok()?;
    let name = parsed.tbs_certificate().subject().common_name().ok()??;
    Some(name.into())
}

/// The SubjectPublicKeyInfo of what was found, where it has one.
///
/// # Errors
/// As [`private_key`] and [`certificate`].
pub(super) fn public_half(kind: &Kind) -> Result<Option<Vec<u8>>, Failure> {
    match kind {
        Kind::Public(info) => Ok(Some(info.clone())),
        Kind::Certificate(encoded) => {
            let parsed = parse_certificate(encoded)?;
            let info = parsed.tbs_certificate().subject_public_key_info();
            info.to_der().map(Some).map_err(|_| no_certificate())
        }
        Kind::Private(info) => {
            let keeping = Keeping {
                usage: &[],
                extractable: false,
                readable: false,
            };
            let key = private_key(info, &Named::default(), keeping)?;
            Ok(public_info(&Object::new(ObjectId([0; 16]), 1, key)))
        }
        Kind::Secret(..) | Kind::Data(_) => Ok(None),
    }
}

/// The SubjectPublicKeyInfo of a public or private key object.
pub(super) fn public_info(key: &Object) -> Option<Vec<u8>> {
    let info = read::value(key, CKA_PUBLIC_KEY_INFO).ok()?;
    let info = info.as_bytes().filter(|info| !info.is_empty());
    info.map(<[u8]>::to_vec)
}
