//! The names of things in a domain, each a type of its own, shown in hexadecimal.

use crate::object::ObjectId;
use std::fmt;

/// Defines a name of `$length` bytes.
macro_rules! name {
    ($(#[$doc:meta])* $type:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $type(pub [u8; $length]);

        impl $type {
            /// The length in bytes.
            pub const LEN: usize = $length;

            /// Reads the hexadecimal form; `None` when it is not of the right length or not hexadecimal.
            #[must_use]
            pub fn from_hex(text: &str) -> Option<Self> {
                from_hex(text).map($type)
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }
    };
}

name! {
    /// The name of a domain: 32 random bytes.
    DomainId, 32
}
name! {
    /// The store that may install versions of a domain: 16 random bytes.
    RepositoryId, 16
}
name! {
    /// The name of a domain key: 16 random bytes.
    DomainKeyId, 16
}
name! {
    /// The name of a member: the first 16 bytes of a hash of its signing key.
    MemberId, 16
}
name! {
    /// The name of an operator: the first 16 bytes of a hash of its signing key.
    OperatorId, 16
}
name! {
    /// The name of a customer key: that of the object, which all its versions share.
    KeyId, 16
}
name! {
    /// The name of an operator session: the first 16 bytes of a hash of what asked for it.
    SessionId, 16
}
name! {
    /// A SHA-256 hash.
    Digest, 32
}

impl From<ObjectId> for KeyId {
    fn from(id: ObjectId) -> Self {
        KeyId(id.0)
    }
}

impl From<KeyId> for ObjectId {
    fn from(id: KeyId) -> Self {
        ObjectId(id.0)
    }
}

/// Reads `N` bytes from `2 N` hexadecimal digits of either case.
fn from_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digits = text.as_bytes();
    if digits.len() != N.checked_mul(2)? {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = pair else { return None };
        let value = char::from(*high).to_digit(16)? << 4 | char::from(*low).to_digit(16)?;
        *byte = u8::try_from(value).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal_goes_both_ways() {
        let id = DomainKeyId([0x0f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xf0]);
        assert_eq!(id.to_string(), "0f0102030405060708090a0b0c0d0ef0");
        assert_eq!(DomainKeyId::from_hex(&id.to_string()), Some(id));
        assert_eq!(DomainKeyId::from_hex("0f"), None);
        assert_eq!(
            DomainKeyId::from_hex("0g0102030405060708090a0b0c0d0ef0"),
            None
        );
    }
}
