//! Which key may do what: class and type, usage flag, allowed mechanisms, dates. One row for each
//! kind of operation. The codes are ranked as the standard ranks them: a wrong type outranks a
//! missing usage flag.

use super::attribute::{AttributeType, Attributes, Value};
use crate::error::{Error, Result};
use cryptoki_sys::{
    CKA_ALLOWED_MECHANISMS, CKA_DECAPSULATE, CKA_DECRYPT, CKA_DERIVE, CKA_ENCAPSULATE, CKA_ENCRYPT,
    CKA_END_DATE, CKA_SIGN, CKA_SIGN_RECOVER, CKA_START_DATE, CKA_UNWRAP, CKA_VERIFY,
    CKA_VERIFY_RECOVER, CKA_WRAP, CKF_DECAPSULATE, CKF_DECRYPT, CKF_DERIVE, CKF_ENCAPSULATE,
    CKF_ENCRYPT, CKF_SIGN, CKF_SIGN_RECOVER, CKF_UNWRAP, CKF_VERIFY, CKF_VERIFY_RECOVER, CKF_WRAP,
    CKO_PRIVATE_KEY, CKO_PUBLIC_KEY, CKO_SECRET_KEY,
};

/// What a key is asked to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is named by its C function")]
pub enum Use {
    Encrypt,
    Decrypt,
    Sign,
    SignRecover,
    Verify,
    VerifyRecover,
    Wrap,
    Unwrap,
    Derive,
    Encapsulate,
    Decapsulate,
}

/// The conditions of one use.
struct Row {
    flag: AttributeType,
    classes: [u64; 2],
    wrong_type: Error,
    /// Whether the use protects something new; a key that is past its end, or not yet at its start,
    /// only processes what was protected before.
    protects: bool,
}

const PUBLIC: [u64; 2] = [CKO_PUBLIC_KEY, CKO_SECRET_KEY];
const PRIVATE: [u64; 2] = [CKO_PRIVATE_KEY, CKO_SECRET_KEY];

impl Use {
    fn row(self) -> Row {
        let (flag, classes, protects) = match self {
            Use::Encrypt => (CKA_ENCRYPT, PUBLIC, true),
            Use::Decrypt => (CKA_DECRYPT, PRIVATE, false),
            Use::Sign => (CKA_SIGN, PRIVATE, true),
            Use::SignRecover => (CKA_SIGN_RECOVER, PRIVATE, true),
            Use::Verify => (CKA_VERIFY, PUBLIC, false),
            Use::VerifyRecover => (CKA_VERIFY_RECOVER, PUBLIC, false),
            Use::Wrap => (CKA_WRAP, PUBLIC, true),
            Use::Unwrap => (CKA_UNWRAP, PRIVATE, false),
            Use::Derive => (CKA_DERIVE, PRIVATE, false),
            Use::Encapsulate => (CKA_ENCAPSULATE, PUBLIC, true),
            Use::Decapsulate => (CKA_DECAPSULATE, PRIVATE, false),
        };
        let wrong_type = match self {
            Use::Wrap => Error::WrappingKeyTypeInconsistent,
            Use::Unwrap => Error::UnwrappingKeyTypeInconsistent,
            Use::Encrypt
            | Use::Decrypt
            | Use::Sign
            | Use::SignRecover
            | Use::Verify
            | Use::VerifyRecover
            | Use::Derive
            | Use::Encapsulate
            | Use::Decapsulate => Error::KeyTypeInconsistent,
        };
        Row {
            flag,
            classes,
            wrong_type,
            protects,
        }
    }

    /// The error for a key of a type that does not fit the use.
    #[must_use]
    pub fn wrong_type(self) -> Error {
        self.row().wrong_type
    }

    /// Whether the use protects something new: only a key that stands as the current one does.
    #[must_use]
    pub fn protects(self) -> bool {
        self.row().protects
    }

    /// The function of a mechanism, `CKF_…`, that the use is.
    #[must_use]
    pub const fn function(self) -> u64 {
        match self {
            Use::Encrypt => CKF_ENCRYPT,
            Use::Decrypt => CKF_DECRYPT,
            Use::Sign => CKF_SIGN,
            Use::SignRecover => CKF_SIGN_RECOVER,
            Use::Verify => CKF_VERIFY,
            Use::VerifyRecover => CKF_VERIFY_RECOVER,
            Use::Wrap => CKF_WRAP,
            Use::Unwrap => CKF_UNWRAP,
            Use::Derive => CKF_DERIVE,
            Use::Encapsulate => CKF_ENCAPSULATE,
            Use::Decapsulate => CKF_DECAPSULATE,
        }
    }

    /// The attribute that permits the use.
    #[must_use]
    pub fn flag(self) -> AttributeType {
        self.row().flag
    }
}

/// A date as `CK_DATE` writes it: year, month and day in 8 ASCII digits.
pub type Date = [u8; 8];

/// Whether a key may be put to a use by a mechanism that works on `key_types`. `today` is asked only
/// for keys that have a start or end date.
///
/// # Errors
/// In this order: `KeyTypeInconsistent` (or its variants for wrapping and unwrapping keys),
/// `KeyFunctionNotPermitted` for a usage flag that is off or a date that has passed or not come,
/// `MechanismInvalid` outside `CKA_ALLOWED_MECHANISMS`.
pub fn permit(
    usage: Use,
    key: &Attributes,
    mechanism: u64,
    key_types: &[u64],
    today: fn() -> Date,
) -> Result<()> {
    let row = usage.row();
    let fits = key
        .class()
        .is_some_and(|class| row.classes.contains(&class))
        && key.key_type().is_some_and(|kind| key_types.contains(&kind));
    if !fits {
        return Err(row.wrong_type);
    }
    if !key.is(row.flag) || !in_time(key, row.protects, today) {
        return Err(Error::KeyFunctionNotPermitted);
    }
    if !allows(key, mechanism) {
        return Err(Error::MechanismInvalid);
    }
    Ok(())
}

/// Whether `CKA_ALLOWED_MECHANISMS` admits a mechanism. An empty list, which is what a key without
/// one shows, admits all.
#[must_use]
pub fn allows(key: &Attributes, mechanism: u64) -> bool {
    match key.value(CKA_ALLOWED_MECHANISMS) {
        Some(Value::Ulongs(allowed)) => allowed.is_empty() || allowed.contains(&mechanism),
        _ => true,
    }
}

/// Whether the key has a start or an end date.
#[must_use]
pub fn has_dates(key: &Attributes) -> bool {
    let dates = [CKA_START_DATE, CKA_END_DATE].into_iter();
    let mut given = dates.filter_map(|kind| key.bytes(kind));
    given.any(|date| !date.is_empty())
}

/// Whether the key's dates admit the use today. Dates of equal form are ordered as their bytes are.
fn in_time(key: &Attributes, protects: bool, today: fn() -> Date) -> bool {
    let date = |kind| key.bytes(kind).filter(|date: &&[u8]| !date.is_empty());
    let (start, end) = (date(CKA_START_DATE), date(CKA_END_DATE));
    if !protects || (start.is_none() && end.is_none()) {
        return true;
    }
    let today = today();
    start.is_none_or(|start| start <= today.as_slice())
        && end.is_none_or(|end| today.as_slice() <= end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cryptoki_sys::{
        CKA_CLASS, CKA_KEY_TYPE, CKK_AES, CKK_GENERIC_SECRET, CKK_RSA, CKM_AES_CBC, CKM_AES_ECB,
    };

    const ALL: [Use; 11] = [
        Use::Encrypt,
        Use::Decrypt,
        Use::Sign,
        Use::SignRecover,
        Use::Verify,
        Use::VerifyRecover,
        Use::Wrap,
        Use::Unwrap,
        Use::Derive,
        Use::Encapsulate,
        Use::Decapsulate,
    ];

    fn key(class: u64, kind: u64) -> Attributes {
        [
            (CKA_CLASS, Value::Ulong(class)),
            (CKA_KEY_TYPE, Value::Ulong(kind)),
        ]
        .into_iter()
        .collect()
    }

    fn never() -> Date {
        panic!("a key without dates asked for the day")
    }

    fn some_day() -> Date {
        *b"20300615"
    }

    #[test]
    fn each_use_needs_its_own_flag() {
        for usage in ALL {
            for class in [CKO_SECRET_KEY, CKO_PUBLIC_KEY, CKO_PRIVATE_KEY] {
                let mut key = key(class, CKK_AES);
                for other in ALL.iter().filter(|other| other.flag() != usage.flag()) {
                    key.set(other.flag(), Value::Bool(true));
                }
                let fits = usage.row().classes.contains(&class);
                let wanted = if fits {
                    Error::KeyFunctionNotPermitted
                } else {
                    usage.row().wrong_type
                };
                assert_eq!(
                    permit(usage, &key, CKM_AES_ECB, &[CKK_AES], never),
                    Err(wanted.clone())
                );
                key.set(usage.flag(), Value::Bool(true));
                let wanted = if fits { Ok(()) } else { Err(wanted) };
                assert_eq!(permit(usage, &key, CKM_AES_ECB, &[CKK_AES], never), wanted);
            }
        }
    }

    #[test]
    fn a_wrong_type_outranks_a_missing_flag() {
        let key = key(CKO_SECRET_KEY, CKK_GENERIC_SECRET);
        let judge = |usage| permit(usage, &key, CKM_AES_ECB, &[CKK_AES, CKK_RSA], never);
        assert_eq!(judge(Use::Encrypt), Err(Error::KeyTypeInconsistent));
        assert_eq!(judge(Use::Wrap), Err(Error::WrappingKeyTypeInconsistent));
        assert_eq!(
            judge(Use::Unwrap),
            Err(Error::UnwrappingKeyTypeInconsistent)
        );
    }

    #[test]
    fn only_allowed_mechanisms_are_admitted() {
        let mut key = key(CKO_SECRET_KEY, CKK_AES);
        key.set(CKA_ENCRYPT, Value::Bool(true));
        key.set(CKA_ALLOWED_MECHANISMS, Value::Ulongs(vec![CKM_AES_CBC]));
        let judge = |mechanism| permit(Use::Encrypt, &key, mechanism, &[CKK_AES], never);
        assert_eq!(judge(CKM_AES_CBC), Ok(()));
        assert_eq!(judge(CKM_AES_ECB), Err(Error::MechanismInvalid));
    }

    #[test]
    fn outside_its_dates_a_key_only_processes() {
        for (start, end, inside) in [
            ("20300101", "20301231", true),
            ("20300615", "20300615", true),
            ("20300616", "", false),
            ("", "20300614", false),
        ] {
            let mut key = key(CKO_SECRET_KEY, CKK_AES);
            key.set(CKA_ENCRYPT, Value::Bool(true));
            key.set(CKA_DECRYPT, Value::Bool(true));
            key.set(CKA_START_DATE, Value::Bytes(start.into()));
            key.set(CKA_END_DATE, Value::Bytes(end.into()));
            let judge = |usage| permit(usage, &key, CKM_AES_CBC, &[CKK_AES], some_day);
            assert_eq!(judge(Use::Encrypt).is_ok(), inside, "{start} {end}");
            assert_eq!(judge(Use::Decrypt), Ok(()));
        }
    }
}
