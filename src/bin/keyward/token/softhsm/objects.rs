//! From SoftHSM2's attributes to ours, by the rules of `C_CreateObject`; what those rules refuse is named.

use super::secrets::DataKey;
use super::{Stored, Value as Own};
use crate::object::names::{CLASSES, key_type, name};
use crate::output::hex;
use cryptoki_sys::*;
use keyward_pkcs11::crypto::rsa::MIN_BITS;
use keyward_pkcs11::error::Error;
use keyward_pkcs11::object::access::State;
use keyward_pkcs11::object::attribute::{AttributeType, Attributes, Template, Value};
use keyward_pkcs11::object::build;
use keyward_pkcs11::object::schema::{self, ValueKind};
use keyward_pkcs11::secret::SecretBytes;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt;

/// An object that can be stored.
pub(super) struct Ready {
    pub(super) made: Made,
    pub(super) attributes: Attributes,
}

/// An object that came, as printed.
#[derive(Serialize, Clone)]
pub(super) struct Made {
    class: String,
    key_type: Option<String>,
    label: String,
    id: String,
}

/// What did not come, and why.
#[derive(Serialize)]
pub(super) struct Left {
    /// The object.
    object: String,
    /// Whether all of it stayed behind, or one attribute.
    pub(super) whole: bool,
    why: String,
}

impl fmt::Display for Left {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.why)
    }
}

impl Made {
    /// The object as a row of a table.
    pub(super) fn cells(&self) -> Vec<String> {
        vec![
            self.class.clone(),
            self.key_type.clone().unwrap_or_default(),
            self.label.clone(),
            self.id.clone(),
        ]
    }

    /// What it is when it stayed behind.
    pub(super) fn left(&self, why: String) -> Left {
        let object = self.to_string();
        Left {
            object,
            whole: true,
            why,
        }
    }
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.key_type.as_ref();
        let kind = kind.map(|kind| format!("{kind} ")).unwrap_or_default();
        write!(f, "{kind}{} \"{}\" id {}", self.class, self.label, self.id)
    }
}

/// What the module finds itself, or what says how a key came to be here: an imported key came from outside.
const FOUND: [AttributeType; 10] = [
    CKA_TOKEN,
    CKA_LOCAL,
    CKA_ALWAYS_SENSITIVE,
    CKA_NEVER_EXTRACTABLE,
    CKA_KEY_GEN_MECHANISM,
    CKA_UNIQUE_ID,
    CKA_VALUE_LEN,
    CKA_MODULUS_BITS,
    CKA_CHECK_VALUE,
    CKA_PUBLIC_KEY_INFO,
];

/// What makes an object what it is: without one of these there is none.
const MATERIAL: [AttributeType; 13] = [
    CKA_CLASS,
    CKA_KEY_TYPE,
    CKA_CERTIFICATE_TYPE,
    CKA_VALUE,
    CKA_MODULUS,
    CKA_PUBLIC_EXPONENT,
    CKA_PRIVATE_EXPONENT,
    CKA_EC_PARAMS,
    CKA_EC_POINT,
    CKA_PRIME,
    CKA_BASE,
    CKA_SENSITIVE,
    CKA_PRIVATE,
];

/// Every object in our form, and what cannot be. `by_so` says whether the SO's PIN was shown: only then are
/// objects marked as trusted.
pub(super) fn convert(stored: &[Stored], key: &DataKey, by_so: bool) -> (Vec<Ready>, Vec<Left>) {
    let (mut ready, mut left) = (Vec::new(), Vec::new());
    for one in stored {
        match object(one, key, by_so, &mut left) {
            Ok(one) => ready.push(one),
            Err(gone) => left.push(gone),
        }
    }
    (ready, left)
}

fn object(
    stored: &Stored,
    key: &DataKey,
    by_so: bool,
    left: &mut Vec<Left>,
) -> Result<Ready, Left> {
    let gone = |why: String| Left {
        object: stored.place.clone(),
        whole: true,
        why,
    };
    let own = stored
        .attributes
        .as_ref()
        .map_err(|why| gone(why.clone()))?;
    let private = matches!(own.get(&CKA_PRIVATE), Some(Own::Bool(true)));
    let opened = opened(own, key, private).map_err(gone)?;
    let made = described(&opened);
    let partly = |kind: AttributeType, why: &str| Left {
        object: made.to_string(),
        whole: false,
        why: format!("{} {why}", attribute(kind)),
    };
    let mut template = Template(vec![(CKA_TOKEN, Value::Bool(true))]);
    for (kind, value) in opened {
        if !by_so && kind == CKA_TRUSTED && value == Value::Bool(true) {
            left.push(partly(kind, "is set by the SO, whose PIN was not given"));
        } else if schema::kind(kind).is_none() {
            if !is_nothing(&value) {
                left.push(partly(kind, "is no attribute here"));
            }
        } else {
            template.0.push((kind, value));
        }
    }
    let state = if by_so { State::RwSo } else { State::RwUser };
    loop {
        let cause = match build::create(&template, state) {
            Ok(attributes) => return Ok(Ready { made, attributes }),
            Err(cause) => cause,
        };
        let Some(kind) = spared(&cause).filter(|kind| template.get(*kind).is_some()) else {
            return Err(made.left(reason(&cause, &template)));
        };
        let nothing = template.get(kind).is_some_and(is_nothing);
        template.0.retain(|(own, _)| *own != kind);
        if !nothing {
            left.push(partly(kind, "does not fit this kind of object here"));
        }
    }
}

/// The attribute that an object is refused for, where it can be without it.
fn spared(cause: &Error) -> Option<AttributeType> {
    if let Error::AttributeValueInvalid(kind)
    | Error::AttributeReadOnly(kind)
    | Error::AttributeTypeInvalid(kind)
    | Error::TemplateInconsistent(kind) = cause
    {
        Some(*kind).filter(|kind| !MATERIAL.contains(kind))
    } else {
        None
    }
}

/// Why an object is refused, with attributes by their names.
fn reason(cause: &Error, template: &Template) -> String {
    let short = template
        .bytes(CKA_MODULUS)
        .is_some_and(|modulus| modulus.len() * 8 < MIN_BITS);
    if let Error::AttributeValueInvalid(kind) = cause {
        return match *kind {
            _ if short => format!("RSA keys of less than {MIN_BITS} bits are not kept here"),
            CKA_KEY_TYPE => "keys of this type are not kept here".to_owned(),
            CKA_CLASS => "objects of this class are not kept here".to_owned(),
            kind => format!("its {} is not one that is kept here", attribute(kind)),
        };
    }
    if let Error::TemplateIncomplete(kind) = cause {
        return format!("it lacks {}", attribute(*kind));
    }
    cause.to_string()
}

fn attribute(kind: AttributeType) -> String {
    schema::name(kind).map_or_else(|| format!("attribute {kind:#x}"), str::to_owned)
}

/// Whether a value says no more than its absence.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::Ulong(number) => matches!(*number, 0 | CK_UNAVAILABLE_INFORMATION),
        Value::Bytes(bytes) => bytes.is_empty(),
        Value::Secret(secret) => secret.is_empty(),
        Value::Ulongs(list) => list.is_empty(),
        Value::Template(template) => template.0.is_empty(),
    }
}

/// The attributes that matter, in clear and as our values.
fn opened(
    own: &BTreeMap<AttributeType, Own>,
    key: &DataKey,
    private: bool,
) -> Result<Vec<(AttributeType, Value)>, String> {
    let mut opened = Vec::new();
    for (kind, value) in own {
        if FOUND.contains(kind) {
            continue;
        }
        let value = match value {
            Own::Bytes(sealed) if private => {
                let plain = match key.decrypt(sealed) {
                    Some(plain) => plain,
                    // SoftHSM writes the dates of private objects in clear.
                    None if matches!(*kind, CKA_START_DATE | CKA_END_DATE) => {
                        SecretBytes::copy_of(sealed)
                    }
                    None => return Err(format!("{} does not decrypt", attribute(*kind))),
                };
                bytes(*kind, &plain)
            }
            Own::Bool(_) | Own::Number(_) | Own::Bytes(_) | Own::Numbers(_) | Own::Map(_) => {
                converted(*kind, value)
            }
        };
        let empty = matches!(&value, Value::Bytes(_) | Value::Secret(_)) && is_nothing(&value);
        if !empty {
            opened.push((*kind, value));
        }
    }
    Ok(opened)
}

/// A byte string in the form that the attribute has here.
fn bytes(kind: AttributeType, plain: &SecretBytes) -> Value {
    if schema::kind(kind) == Some(ValueKind::Secret) {
        Value::secret(plain.duplicate())
    } else {
        Value::Bytes(plain.expose().to_vec())
    }
}

/// A value that is in clear.
fn converted(kind: AttributeType, own: &Own) -> Value {
    match own {
        Own::Bool(value) => Value::Bool(*value),
        Own::Number(number) => Value::Ulong(*number),
        Own::Bytes(plain) => bytes(kind, &SecretBytes::copy_of(plain)),
        Own::Numbers(list) => Value::Ulongs(list.clone()),
        Own::Map(map) => {
            let inner = map.iter().map(|(kind, own)| (*kind, converted(*kind, own)));
            Value::Template(Template(inner.collect()))
        }
    }
}

/// What people call an object.
fn described(attributes: &[(AttributeType, Value)]) -> Made {
    let find = |kind| {
        attributes
            .iter()
            .find(|(own, _)| *own == kind)
            .map(|(_, value)| value)
    };
    let number = |kind| find(kind).and_then(Value::as_ulong);
    let text = |kind| find(kind).and_then(Value::as_bytes).unwrap_or_default();
    Made {
        class: name(CLASSES, number(CKA_CLASS).unwrap_or(u64::MAX)),
        key_type: number(CKA_KEY_TYPE).map(key_type),
        label: String::from_utf8_lossy(text(CKA_LABEL)).into_owned(),
        id: hex(text(CKA_ID)),
    }
}
