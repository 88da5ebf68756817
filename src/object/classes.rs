//! What the values of an object must be like, each alone and together.

use super::attribute::{AttributeType, Attributes, Template, Value};
use super::material;
use super::schema::family::{Families, Family};
use super::schema::{self, MAX_NESTING, Row, Rules, ValueKind};
use crate::crypto::aes::XtsKey;
use crate::error::{Error, Result};
use cryptoki_sys::{
    CKA_ALWAYS_AUTHENTICATE, CKA_CERTIFICATE_CATEGORY, CKA_END_DATE, CKA_HASH_OF_CERTIFICATE,
    CKA_HASH_OF_ISSUER_PUBLIC_KEY, CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CKA_JAVA_MIDP_SECURITY_DOMAIN,
    CKA_PRIVATE, CKA_START_DATE, CKA_TRUST_CLIENT_AUTH, CKA_TRUST_CODE_SIGNING,
    CKA_TRUST_EMAIL_PROTECTION, CKA_TRUST_IPSEC_IKE, CKA_TRUST_OCSP_SIGNING, CKA_TRUST_SERVER_AUTH,
    CKA_TRUST_TIME_STAMPING, CKA_URL, CKA_VALUE, CKO_CERTIFICATE, CKO_DATA, CKO_DOMAIN_PARAMETERS,
    CKO_MECHANISM, CKO_PRIVATE_KEY, CKO_PROFILE, CKO_PUBLIC_KEY, CKO_SECRET_KEY, CKO_TRUST,
    CKO_VALIDATION, CKT_NOT_TRUSTED, CKT_TRUST_MUST_VERIFY_TRUST, CKT_TRUST_UNKNOWN,
};

/// What a trust object says of a certificate, each a `CK_TRUST`.
const TRUSTS: [AttributeType; 7] = [
    CKA_TRUST_SERVER_AUTH,
    CKA_TRUST_CLIENT_AUTH,
    CKA_TRUST_CODE_SIGNING,
    CKA_TRUST_EMAIL_PROTECTION,
    CKA_TRUST_IPSEC_IKE,
    CKA_TRUST_TIME_STAMPING,
    CKA_TRUST_OCSP_SIGNING,
];

/// The longest generic secret in bytes.
const MAX_SECRET: usize = 65_536;

/// Whether there are objects of a class here.
pub(super) fn exists(class: u64) -> bool {
    const CLASSES: [u64; 10] = [
        CKO_DATA,
        CKO_CERTIFICATE,
        CKO_PUBLIC_KEY,
        CKO_PRIVATE_KEY,
        CKO_SECRET_KEY,
        CKO_DOMAIN_PARAMETERS,
        CKO_MECHANISM,
        CKO_PROFILE,
        CKO_TRUST,
        CKO_VALIDATION,
    ];
    CLASSES.contains(&class)
}

/// A template's value in the form in which objects keep it.
///
/// # Errors
/// `AttributeValueInvalid` when it is not of the attribute's form or range.
pub(super) fn checked(row: &Row, family: Family, value: &Value) -> Result<Value> {
    let good = match (row.value, value) {
        (ValueKind::Bool, Value::Bool(_)) | (ValueKind::Ulongs, Value::Ulongs(_)) => true,
        (ValueKind::Ulong, Value::Ulong(number)) => in_range(row.attribute, *number),
        (ValueKind::Bytes, Value::Bytes(_)) => true,
        (ValueKind::Date, Value::Bytes(date)) => date.is_empty() || is_date(date),
        (ValueKind::BigInteger, Value::Bytes(number)) => number.iter().any(|byte| *byte != 0),
        (ValueKind::Secret, Value::Secret(secret)) => {
            row.attribute != CKA_VALUE || is_length(family, secret.len())
        }
        (ValueKind::Template, Value::Template(template)) => is_nestable(template, 1),
        (_, _) => false,
    };
    if !good {
        return Err(Error::AttributeValueInvalid(row.attribute));
    }
    Ok(in_form(row, value.clone()))
}

/// A good value in the form in which objects keep it.
pub(super) fn in_form(row: &Row, value: Value) -> Value {
    if let Value::Secret(secret) = &value
        && !row.rules.any(Rules::SENSITIVE)
    {
        return Value::Bytes(secret.expose().to_vec());
    }
    if let Value::Bytes(number) = &value
        && row.value == ValueKind::BigInteger
    {
        let significant = number.iter().skip_while(|byte| **byte == 0);
        return Value::Bytes(significant.copied().collect());
    }
    value
}

fn in_range(attribute: AttributeType, number: u64) -> bool {
    match attribute {
        CKA_CERTIFICATE_CATEGORY | CKA_JAVA_MIDP_SECURITY_DOMAIN => number <= 3,
        _ if TRUSTS.contains(&attribute) => number <= CKT_TRUST_MUST_VERIFY_TRUST.into(),
        _ => true,
    }
}

/// Whether 8 bytes are year, month and day in ASCII digits.
fn is_date(date: &[u8]) -> bool {
    let number = |digits: &[u8]| {
        digits
            .iter()
            .fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))
    };
    let parts = date.len() == 8 && date.iter().all(u8::is_ascii_digit);
    parts
        && date
            .get(4..6)
            .is_some_and(|month| (1..=12).contains(&number(month)))
        && date
            .get(6..8)
            .is_some_and(|day| (1..=31).contains(&number(day)))
}

/// Whether a template may be kept: not too deep, and of attributes that exist.
fn is_nestable(template: &Template, depth: usize) -> bool {
    let fits = |(kind, value): &(AttributeType, Value)| {
        let deeper = if let Value::Template(inner) = value {
            is_nestable(inner, depth + 1)
        } else {
            true
        };
        deeper && schema::kind(*kind).is_some()
    };
    depth <= MAX_NESTING && template.0.iter().all(fits)
}

/// Whether a value of a family can have this length in bytes.
pub(super) fn is_length(family: Family, length: usize) -> bool {
    if let Some(lengths) = family.lengths() {
        return lengths.contains(&length);
    }
    family != Family::Generic || (1..=MAX_SECRET).contains(&length)
}

/// Checks what came from outside and adds what follows from it.
///
/// # Errors
/// `AttributeValueInvalid` for what is no key or certificate, `TemplateIncomplete`,
/// `CurveNotSupported`.
pub(super) fn complete(family: Family, object: &mut Attributes) -> Result<()> {
    if Families::SECRET.has(family) {
        let value = object.secret(CKA_VALUE);
        let value = value.ok_or(Error::TemplateIncomplete(CKA_VALUE))?;
        let twice_the_same = family == Family::AesXts && !XtsKey::halves_differ(value.expose());
        return require(
            is_length(family, value.len()) && !twice_the_same,
            Error::AttributeValueInvalid(CKA_VALUE),
        );
    }
    if Families::CERTIFICATES.has(family) {
        return certificate(object);
    }
    material::complete(family, object)
}

/// A certificate is here, or its address is; the hashes go with the address.
fn certificate(object: &Attributes) -> Result<()> {
    let filled = |kind| object.bytes(kind).is_some_and(|bytes| !bytes.is_empty());
    if filled(CKA_VALUE) {
        let value = object.bytes(CKA_VALUE).unwrap_or_default();
        return require(
            is_certificate(value),
            Error::AttributeValueInvalid(CKA_VALUE),
        );
    }
    require(filled(CKA_URL), Error::TemplateIncomplete(CKA_VALUE))?;
    for hash in [
        CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
        CKA_HASH_OF_ISSUER_PUBLIC_KEY,
    ] {
        require(filled(hash), Error::TemplateIncomplete(hash))?;
    }
    Ok(())
}

/// Whether the bytes are the outermost form of a certificate: one SEQUENCE of three elements and nothing
/// after it. Certificates are kept for others; reading them is theirs.
fn is_certificate(encoded: &[u8]) -> bool {
    let Some((0x30, content, [])) = element(encoded) else {
        return false;
    };
    let Some((0x30, _, rest)) = element(content) else {
        return false;
    };
    let Some((0x30, _, rest)) = element(rest) else {
        return false;
    };
    matches!(element(rest), Some((0x03, _, [])))
}

/// The first DER element: tag, content, and what comes after.
fn element(encoded: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (tag, rest) = encoded.split_first()?;
    let (first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(*first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let length = digits
                .iter()
                .fold(0, |sum, digit| (sum << 8) | usize::from(*digit));
            (length, rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((*tag, content, rest))
}

/// Whether the attributes can stand together.
///
/// # Errors
/// `TemplateInconsistent`.
pub(super) fn consistent(object: &Attributes) -> Result<()> {
    let pin_each_time = object.is(CKA_ALWAYS_AUTHENTICATE) && !object.is(CKA_PRIVATE);
    require(
        !pin_each_time,
        Error::TemplateInconsistent(CKA_ALWAYS_AUTHENTICATE),
    )?;
    if let (Some(start), Some(end)) = (object.bytes(CKA_START_DATE), object.bytes(CKA_END_DATE)) {
        let ordered = start.is_empty() || end.is_empty() || start <= end;
        require(ordered, Error::TemplateInconsistent(CKA_END_DATE))?;
    }
    if object.class() == Some(CKO_TRUST) {
        trust(object)?;
    }
    Ok(())
}

/// Whoever trusts a certificate says which: issuer and number alone name what an attacker can have made too
/// (PKCS #11 3.2, section 4.15, note 2).
fn trust(object: &Attributes) -> Result<()> {
    let filled = |kind| object.bytes(kind).is_some_and(|bytes| !bytes.is_empty());
    let doubts = |kind: &AttributeType| {
        let own = object.ulong(*kind).unwrap_or(0);
        [CKT_TRUST_UNKNOWN, CKT_NOT_TRUSTED]
            .map(u64::from)
            .contains(&own)
    };
    require(
        TRUSTS.iter().all(doubts) || filled(CKA_HASH_OF_CERTIFICATE),
        Error::TemplateIncomplete(CKA_HASH_OF_CERTIFICATE),
    )
}

fn require(condition: bool, error: Error) -> Result<()> {
    if condition { Ok(()) } else { Err(error) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_eight_digits_of_a_day() {
        for good in ["20260101", "19991231", "00000101"] {
            assert!(is_date(good.as_bytes()), "{good}");
        }
        for bad in [
            "2026010",
            "202601011",
            "20261301",
            "20260100",
            "20260132",
            "2026010x",
            "/0260101",
        ] {
            assert!(!is_date(bad.as_bytes()), "{bad}");
        }
    }

    #[test]
    fn certificates_are_three_elements_in_one() {
        let good = [0x30, 9, 0x30, 0, 0x30, 1, 5, 0x03, 2, 0, 1];
        assert!(is_certificate(&good));
        for length in 0..good.len() {
            assert!(!is_certificate(good.get(..length).unwrap()), "{length}");
        }
        assert!(!is_certificate(&[&good[..], &[0]].concat()));
        assert!(!is_certificate(&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0]));
        assert!(!is_certificate(&[0x30, 0x80, 0, 0]));
    }
}
