//! What an imported key may be used for.

use clap::ValueEnum;
use cryptoki_sys::*;
use keyward_pkcs11::object::attribute::{AttributeType, Value};

/// A use of a key. Of a key pair each half gets its own side of it.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Usage {
    /// And verify, for the public key
    Sign,
    Verify,
    Encrypt,
    /// And encrypt, for the public key
    Decrypt,
    Wrap,
    /// And wrap, for the public key
    Unwrap,
    Derive,
    Encapsulate,
    /// And encapsulate, for the public key
    Decapsulate,
}

/// Uses of private keys, with the use of the public half that belongs to each.
const PRIVATE: [(Usage, AttributeType, Option<Usage>); 5] = [
    (Usage::Sign, CKA_SIGN, Some(Usage::Verify)),
    (Usage::Decrypt, CKA_DECRYPT, Some(Usage::Encrypt)),
    (Usage::Unwrap, CKA_UNWRAP, Some(Usage::Wrap)),
    (
        Usage::Decapsulate,
        CKA_DECAPSULATE,
        Some(Usage::Encapsulate),
    ),
    (Usage::Derive, CKA_DERIVE, None),
];

/// Uses of public keys.
const PUBLIC: [(Usage, AttributeType); 5] = [
    (Usage::Verify, CKA_VERIFY),
    (Usage::Encrypt, CKA_ENCRYPT),
    (Usage::Wrap, CKA_WRAP),
    (Usage::Encapsulate, CKA_ENCAPSULATE),
    (Usage::Derive, CKA_DERIVE),
];

/// Uses of secret keys.
const SECRET: [(Usage, AttributeType); 7] = [
    (Usage::Sign, CKA_SIGN),
    (Usage::Verify, CKA_VERIFY),
    (Usage::Encrypt, CKA_ENCRYPT),
    (Usage::Decrypt, CKA_DECRYPT),
    (Usage::Wrap, CKA_WRAP),
    (Usage::Unwrap, CKA_UNWRAP),
    (Usage::Derive, CKA_DERIVE),
];

/// The flags of a key of `class` that may be used for `asked` and nothing else; none where nothing was
/// asked: the defaults of the type hold then.
pub(super) fn flags(class: u64, asked: &[Usage]) -> Vec<(AttributeType, Value)> {
    if asked.is_empty() {
        return Vec::new();
    }
    let has = |usage: Usage| Value::Bool(asked.contains(&usage));
    match class {
        CKO_PRIVATE_KEY => PRIVATE.map(|(usage, flag, _)| (flag, has(usage))).to_vec(),
        CKO_PUBLIC_KEY => PUBLIC
            .map(|(usage, flag)| (flag, Value::Bool(is_public(usage, asked))))
            .to_vec(),
        CKO_SECRET_KEY => SECRET.map(|(usage, flag)| (flag, has(usage))).to_vec(),
        _ => Vec::new(),
    }
}

/// Whether a public key has a use: it was asked for, or its counterpart of the private key was.
fn is_public(usage: Usage, asked: &[Usage]) -> bool {
    let counterpart = PRIVATE.iter().find(|(_, _, other)| *other == Some(usage));
    let by_pair = counterpart.is_some_and(|(own, _, _)| asked.contains(own));
    // A derivation is the private half's.
    (asked.contains(&usage) && usage != Usage::Derive) || by_pair
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_half_of_a_pair_gets_its_side() {
        let asked = [Usage::Sign];
        assert!(flags(CKO_PRIVATE_KEY, &asked).contains(&(CKA_SIGN, Value::Bool(true))));
        assert!(flags(CKO_PRIVATE_KEY, &asked).contains(&(CKA_DECRYPT, Value::Bool(false))));
        assert!(flags(CKO_PUBLIC_KEY, &asked).contains(&(CKA_VERIFY, Value::Bool(true))));
        assert!(flags(CKO_PUBLIC_KEY, &asked).contains(&(CKA_ENCRYPT, Value::Bool(false))));
        assert!(flags(CKO_SECRET_KEY, &asked).contains(&(CKA_VERIFY, Value::Bool(false))));
        assert!(flags(CKO_SECRET_KEY, &[]).is_empty());
    }
}
