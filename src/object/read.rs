//! Reading objects: `C_GetAttributeValue`, `C_FindObjects` and `C_GetObjectSize`.
//!
//! Some attributes are not stored but found when asked for: defaults, and what follows from the rest of
//! the object. Everything that compares or shows attributes comes through here.

use super::Object;
use super::attribute::{AttributeType, Attributes, Template, Value};
use super::schema::family::{Families, Family};
use super::schema::{self, Row, Rules};
use super::vendor::CKA_KEYWARD_STANDING;
use super::{derived, policy};
use crate::error::{Error, Result};
use cryptoki_sys::{
    CKA_CHECK_VALUE, CKA_EXTRACTABLE, CKA_MODULUS, CKA_MODULUS_BITS, CKA_PUBLIC_KEY_INFO,
    CKA_SENSITIVE, CKA_UNIQUE_ID, CKA_VALUE, CKA_VALUE_LEN,
};
use std::borrow::Cow;

/// The answer for one attribute of `C_GetAttributeValue`. Each attribute of a template is answered on its
/// own, whatever the others get.
///
/// # Errors
/// `AttributeSensitive` for a secret that the key does not reveal; `AttributeTypeInvalid` for what the
/// object does not have.
pub fn value(object: &Object, kind: AttributeType) -> Result<Cow<'_, Value>> {
    let missing = || Error::AttributeTypeInvalid(kind);
    let attributes = object.attributes();
    if kind == CKA_UNIQUE_ID {
        let name = object.id().to_string();
        return Ok(Cow::Owned(Value::Bytes(name.into_bytes())));
    }
    if kind == CKA_KEYWARD_STANDING && attributes.key_type().is_some() {
        let standing = object.standing().number();
        return Ok(Cow::Owned(Value::Ulong(standing.into())));
    }
    // What is stored belongs to the object, and what may be hidden is stored as a secret.
    if let Some(stored) = attributes.value(kind)
        && !matches!(stored, Value::Secret(_))
    {
        return Ok(Cow::Borrowed(stored));
    }
    let family = Family::of_object(attributes).ok_or_else(missing)?;
    let row = schema::row(kind, family).ok_or_else(missing)?;
    if is_hidden(attributes, row) {
        return Err(Error::AttributeSensitive(kind));
    }
    let found = computed(attributes, family, kind);
    let found = found.or_else(|| row.default_value(family).map(Cow::Owned));
    found.ok_or_else(missing)
}

/// Whether the attribute is one that this key does not reveal (footnote 7).
fn is_hidden(attributes: &Attributes, row: &Row) -> bool {
    let reveals = !attributes.is(CKA_SENSITIVE) && attributes.is(CKA_EXTRACTABLE);
    row.rules.any(Rules::SENSITIVE) && !reveals
}

/// An attribute as it stands: stored, found, or the default.
pub(super) fn current(
    attributes: &Attributes,
    family: Family,
    kind: AttributeType,
) -> Option<Cow<'_, Value>> {
    let row = schema::row(kind, family)?;
    computed(attributes, family, kind).or_else(|| row.default_value(family).map(Cow::Owned))
}

/// An attribute as it is stored, or as it follows from others.
pub(super) fn computed(
    attributes: &Attributes,
    family: Family,
    kind: AttributeType,
) -> Option<Cow<'_, Value>> {
    if let Some(stored) = attributes.value(kind) {
        return Some(Cow::Borrowed(stored));
    }
    if let Some(flag) = attributes.flags().get(kind) {
        return Some(Cow::Owned(Value::Bool(flag)));
    }
    let found = match kind {
        CKA_VALUE_LEN if Families::SECRET.has(family) => {
            let length = attributes.secret(CKA_VALUE)?.len();
            Some(Value::Ulong(u64::try_from(length).ok()?))
        }
        CKA_MODULUS_BITS if family == Family::RsaPublic => {
            bits(attributes.bytes(CKA_MODULUS)?).map(Value::Ulong)
        }
        CKA_CHECK_VALUE if schema::row(kind, family).is_some() => {
            derived::check_value(attributes, family).map(Value::Bytes)
        }
        CKA_PUBLIC_KEY_INFO => derived::public_key_info(attributes, family).map(Value::Bytes),
        _ => None,
    };
    found.map(Cow::Owned)
}

/// The length in bits of a big-endian number.
fn bits(number: &[u8]) -> Option<u64> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    let head = number
        .get(zeros)
        .map_or(0, |byte| u64::from(byte.leading_zeros()));
    Some(u64::try_from(number.len() - zeros).ok()? * 8 - head)
}

/// Whether the object is what a search template describes. A secret that may not be read is not matched
/// either, or a search would guess it.
#[must_use]
pub fn matches(object: &Object, template: &Template) -> bool {
    template
        .0
        .iter()
        .all(|(kind, wanted)| has(object, *kind, wanted))
}

fn has(object: &Object, kind: AttributeType, wanted: &Value) -> bool {
    match value(object, kind).as_deref() {
        // The caller's value of a type that is secret elsewhere comes as a secret.
        Ok(Value::Bytes(own)) => wanted.as_bytes().is_some_and(|wanted| own == wanted),
        Ok(own) => own == wanted,
        Err(_) => false,
    }
}

/// Whether a key may be wrapped by a key with this `CKA_WRAP_TEMPLATE`: every attribute that both have
/// must be the same ("if an attribute is not present, it will not be checked").
#[must_use]
pub fn fits_wrap_template(wrapping: &Attributes, key: &Object) -> bool {
    fits_template(wrapping, cryptoki_sys::CKA_WRAP_TEMPLATE, key)
}

/// The same for any template that a key holds in an attribute.
#[must_use]
pub fn fits_template(holder: &Attributes, kind: AttributeType, key: &Object) -> bool {
    let Some(Value::Template(template)) = holder.value(kind) else {
        return true;
    };
    template
        .0
        .iter()
        .all(|(kind, wanted)| match value(key, *kind) {
            Err(Error::AttributeTypeInvalid(_)) => true,
            _ => has(key, *kind, wanted),
        })
}

/// About how many bytes the object takes, for `C_GetObjectSize`.
#[must_use]
pub fn size(attributes: &Attributes) -> u64 {
    let values = attributes.values().map(|(_, value)| 8 + length(value));
    let flags = attributes.flags().iter().count();
    u64::try_from(flags + values.sum::<usize>()).unwrap_or(u64::MAX)
}

fn length(value: &Value) -> usize {
    match value {
        Value::Bool(_) => 1,
        Value::Ulong(_) => 8,
        Value::Bytes(bytes) => bytes.len(),
        Value::Secret(secret) => secret.len(),
        Value::Ulongs(list) => 8 * list.len(),
        Value::Template(template) => template.0.iter().map(|(_, value)| 8 + length(value)).sum(),
    }
}

/// What `CKA_KEYWARD_ROLE` shows once the token's record of roles is taken into account.
#[must_use]
pub fn with_recorded_role(
    kind: AttributeType,
    own: Cow<'_, Value>,
    recorded: policy::RoleState,
) -> Cow<'_, Value> {
    match kind {
        super::vendor::CKA_KEYWARD_ROLE if recorded.role != policy::Role::Undecided => {
            Cow::Owned(Value::Ulong(recorded.role.number()))
        }
        super::vendor::CKA_KEYWARD_CARRIED if recorded.carried => Cow::Owned(Value::Bool(true)),
        _ => own,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::ObjectId;
    use crate::object::access::State;
    use crate::object::build;
    use crate::secret::SecretBytes;
    use cryptoki_sys::{
        CKA_ALWAYS_AUTHENTICATE, CKA_CLASS, CKA_ID, CKA_KEY_GEN_MECHANISM, CKA_KEY_TYPE, CKA_LABEL,
        CKA_MODULUS as MODULUS, CKA_START_DATE, CKA_WRAP_TEMPLATE, CKK_AES, CKO_DATA,
        CKO_SECRET_KEY,
    };

    fn object(attributes: Attributes) -> Object {
        Object::new(ObjectId([0xab; 16]), 1, attributes)
    }

    fn aes(extra: &[(AttributeType, Value)]) -> Object {
        let mut template = vec![
            (CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)),
            (CKA_KEY_TYPE, Value::Ulong(CKK_AES)),
            (CKA_VALUE, Value::secret(SecretBytes::copy_of(&[7; 16]))),
        ];
        template.extend_from_slice(extra);
        object(build::create(&Template(template), State::RwUser).unwrap())
    }

    #[test]
    fn what_tools_leave_out_is_readable() {
        let key = aes(&[]);
        for empty in [CKA_ID, CKA_LABEL, CKA_START_DATE] {
            assert_eq!(value(&key, empty), Ok(Cow::Owned(Value::Bytes(Vec::new()))));
        }
        assert_eq!(value(&key, CKA_VALUE_LEN), Ok(Cow::Owned(Value::Ulong(16))));
        assert_eq!(
            value(&key, CKA_KEY_GEN_MECHANISM),
            Ok(Cow::Owned(Value::Ulong(u64::MAX)))
        );
        // AES-128 of a block of zeros under sixteen bytes 7.
        assert_eq!(
            value(&key, CKA_CHECK_VALUE),
            Ok(Cow::Owned(Value::Bytes(vec![0x4c, 0x83, 0xb1])))
        );
        assert_eq!(
            value(&key, CKA_UNIQUE_ID),
            Ok(Cow::Owned(Value::Bytes(b"ab".repeat(16))))
        );
        for absent in [MODULUS, CKA_ALWAYS_AUTHENTICATE, 0x7777] {
            assert_eq!(
                value(&key, absent),
                Err(Error::AttributeTypeInvalid(absent))
            );
        }
    }

    #[test]
    fn only_an_open_key_shows_its_value_or_is_found_by_it() {
        for (sensitive, extractable) in [(false, false), (false, true), (true, false), (true, true)]
        {
            let key = aes(&[
                (CKA_SENSITIVE, Value::Bool(sensitive)),
                (CKA_EXTRACTABLE, Value::Bool(extractable)),
            ]);
            let open = !sensitive && extractable;
            let guess = Value::secret(SecretBytes::copy_of(&[7; 16]));
            assert_eq!(value(&key, CKA_VALUE).is_ok(), open);
            assert_eq!(matches(&key, &Template(vec![(CKA_VALUE, guess)])), open);
            if !open {
                assert_eq!(
                    value(&key, CKA_VALUE),
                    Err(Error::AttributeSensitive(CKA_VALUE))
                );
            }
        }
    }

    #[test]
    fn a_search_finds_by_default_values_too() {
        let template = Template(vec![
            (CKA_CLASS, Value::Ulong(CKO_DATA)),
            (CKA_VALUE, Value::secret(SecretBytes::copy_of(b"text"))),
        ]);
        let data = object(build::create(&template, State::RwUser).unwrap());
        assert!(matches(&data, &template));
        assert!(matches(
            &data,
            &Template(vec![(CKA_LABEL, Value::Bytes(Vec::new()))])
        ));
        assert!(!matches(
            &data,
            &Template(vec![(CKA_ID, Value::Bytes(Vec::new()))])
        ));
        assert!(matches(&data, &Template::default()));
    }

    #[test]
    fn a_wrap_template_checks_what_the_key_has() {
        let inner = vec![
            (CKA_LABEL, Value::Bytes(b"tenant".to_vec())),
            (MODULUS, Value::Bytes(vec![1])),
        ];
        let wrapping = aes(&[(CKA_WRAP_TEMPLATE, Value::Template(Template(inner)))]);
        let named = aes(&[(CKA_LABEL, Value::Bytes(b"tenant".to_vec()))]);
        assert!(fits_wrap_template(wrapping.attributes(), &named));
        assert!(!fits_wrap_template(wrapping.attributes(), &aes(&[])));
        assert!(fits_wrap_template(named.attributes(), &aes(&[])));
    }
}
