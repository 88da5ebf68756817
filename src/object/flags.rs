//! Boolean attributes as bits of one word, so that access and usage checks are single tests.

use super::attribute::AttributeType;
use super::vendor::{CKA_KEYWARD_CARRIED, CKA_KEYWARD_PROTECTED_PAIR};
use cryptoki_sys::{
    CKA_ALWAYS_AUTHENTICATE, CKA_ALWAYS_SENSITIVE, CKA_COPYABLE, CKA_DECAPSULATE, CKA_DECRYPT,
    CKA_DERIVE, CKA_DESTROYABLE, CKA_ENCAPSULATE, CKA_ENCRYPT, CKA_EXTRACTABLE, CKA_LOCAL,
    CKA_MODIFIABLE, CKA_NEVER_EXTRACTABLE, CKA_PRIVATE, CKA_SENSITIVE, CKA_SIGN, CKA_SIGN_RECOVER,
    CKA_TOKEN, CKA_TRUSTED, CKA_UNWRAP, CKA_VERIFY, CKA_VERIFY_RECOVER, CKA_WRAP,
    CKA_WRAP_WITH_TRUSTED,
};

/// Every boolean attribute, in the order of its bit. Stored records keep types, not bits, so the
/// order may change.
pub const BOOLEANS: [AttributeType; 26] = [
    CKA_TOKEN,
    CKA_PRIVATE,
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_DESTROYABLE,
    CKA_SENSITIVE,
    CKA_EXTRACTABLE,
    CKA_ALWAYS_SENSITIVE,
    CKA_NEVER_EXTRACTABLE,
    CKA_LOCAL,
    CKA_TRUSTED,
    CKA_WRAP_WITH_TRUSTED,
    CKA_ALWAYS_AUTHENTICATE,
    CKA_ENCRYPT,
    CKA_DECRYPT,
    CKA_SIGN,
    CKA_SIGN_RECOVER,
    CKA_VERIFY,
    CKA_VERIFY_RECOVER,
    CKA_WRAP,
    CKA_UNWRAP,
    CKA_DERIVE,
    CKA_ENCAPSULATE,
    CKA_DECAPSULATE,
    CKA_KEYWARD_PROTECTED_PAIR,
    CKA_KEYWARD_CARRIED,
];

/// Which boolean attributes an object has, and which of them are true.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Flags {
    present: u32,
    set: u32,
}

impl Flags {
    /// Whether `kind` is a boolean attribute.
    #[must_use]
    pub fn knows(kind: AttributeType) -> bool {
        bit(kind).is_some()
    }

    /// The attribute's value, `None` when the object lacks it or it is not boolean.
    #[must_use]
    pub fn get(self, kind: AttributeType) -> Option<bool> {
        bit(kind)
            .filter(|bit| self.present & bit != 0)
            .map(|bit| self.set & bit != 0)
    }

    /// Gives the attribute a value. Types that are not boolean are left alone.
    pub fn insert(&mut self, kind: AttributeType, value: bool) {
        if let Some(bit) = bit(kind) {
            self.present |= bit;
            if value {
                self.set |= bit;
            } else {
                self.set &= !bit;
            }
        }
    }

    /// Takes the attribute away.
    pub fn remove(&mut self, kind: AttributeType) {
        if let Some(bit) = bit(kind) {
            self.present &= !bit;
            self.set &= !bit;
        }
    }

    /// The attributes present, with their values, in the order of [`BOOLEANS`].
    pub fn iter(self) -> impl Iterator<Item = (AttributeType, bool)> {
        BOOLEANS
            .into_iter()
            .filter_map(move |kind| self.get(kind).map(|value| (kind, value)))
    }
}

/// The bit of a boolean attribute. The compiler turns the chain of arms into a jump table.
fn bit(kind: AttributeType) -> Option<u32> {
    let place = match kind {
        CKA_TOKEN => 0,
        CKA_PRIVATE => 1,
        CKA_MODIFIABLE => 2,
        CKA_COPYABLE => 3,
        CKA_DESTROYABLE => 4,
        CKA_SENSITIVE => 5,
        CKA_EXTRACTABLE => 6,
        CKA_ALWAYS_SENSITIVE => 7,
        CKA_NEVER_EXTRACTABLE => 8,
        CKA_LOCAL => 9,
        CKA_TRUSTED => 10,
        CKA_WRAP_WITH_TRUSTED => 11,
        CKA_ALWAYS_AUTHENTICATE => 12,
        CKA_ENCRYPT => 13,
        CKA_DECRYPT => 14,
        CKA_SIGN => 15,
        CKA_SIGN_RECOVER => 16,
        CKA_VERIFY => 17,
        CKA_VERIFY_RECOVER => 18,
        CKA_WRAP => 19,
        CKA_UNWRAP => 20,
        CKA_DERIVE => 21,
        CKA_ENCAPSULATE => 22,
        CKA_DECAPSULATE => 23,
        CKA_KEYWARD_PROTECTED_PAIR => 24,
        CKA_KEYWARD_CARRIED => 25,
        _ => return None,
    };
    Some(1 << place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_boolean_has_the_bit_of_its_place() {
        for (place, kind) in BOOLEANS.into_iter().enumerate() {
            assert_eq!(bit(kind), Some(1 << place));
        }
    }
}
