//! ML-KEM (PKCS #11 3.2, section 6.68): key pairs, encapsulation and decapsulation.

use super::params::{ParamKind, Params};
use super::row::{Generated, Operations, Row};
use super::schemes;
use crate::crypto::known::Families;
use crate::crypto::mlkem::{PrivateKey, PublicKey, SHARED_SIZE, Set};
use crate::crypto::scheme::Scheme;
use crate::error::{Error, Result};
use crate::object::Object;
use crate::object::attribute::{Attributes, Template};
use crate::object::parameter_sets::scheme_of;
use crate::secret::SecretBytes;
use cryptoki_sys::{CKA_VALUE, CKA_VALUE_LEN, CKK_ML_KEM, CKM_ML_KEM, CKM_ML_KEM_KEY_PAIR_GEN};
use std::sync::Arc;

/// The lengths of public keys in bytes.
const SIZES: (u64, u64) = (800, 1568);

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[
    row(
        CKM_ML_KEM_KEY_PAIR_GEN,
        "CKM_ML_KEM_KEY_PAIR_GEN",
        Operations {
            generate_pair: Some(pair),
            ..Operations::NONE
        },
    ),
    row(
        CKM_ML_KEM,
        "CKM_ML_KEM",
        Operations {
            encapsulate: Some((ciphertext_length, encapsulate)),
            decapsulate: Some(decapsulate),
            ..Operations::NONE
        },
    ),
];

const fn row(mechanism: u64, name: &'static str, operations: Operations) -> Row {
    Row {
        mechanism,
        name,
        key_sizes: SIZES,
        key_types: &[CKK_ML_KEM],
        more_flags: 0,
        needs: Families::ML_KEM,
        params: ParamKind::None,
        operations,
    }
}

fn pair(_: Params<'_>, public: &Template, _: &Template) -> Result<(Generated, Generated)> {
    schemes::pair(CKK_ML_KEM, public)
}

fn set(key: &Attributes) -> Result<Set> {
    match scheme_of(key) {
        Some(Scheme::MlKem(set)) => Ok(set),
        _ => Err(Error::KeyTypeInconsistent),
    }
}

fn ciphertext_length(_: Params<'_>, key: &Object) -> Result<usize> {
    set(key.attributes()).map(Set::ciphertext_size)
}

/// The shortest key that is cut out of the secret, in bytes. Shorter ones could be guessed, and with them the
/// secret, byte by byte.
const SHORTEST: usize = 16;

/// Whether a key of the length can come of the secret: all of it, or its start.
fn check_length(asked: Option<usize>) -> Result<()> {
    match asked {
        None | Some(SHORTEST..=SHARED_SIZE) => Ok(()),
        Some(_) => Err(Error::TemplateInconsistent(CKA_VALUE_LEN)),
    }
}

/// As much of the secret as the key has.
fn start(secret: SecretBytes, asked: Option<usize>) -> Result<SecretBytes> {
    match asked {
        None | Some(SHARED_SIZE) => Ok(secret),
        Some(length) => {
            let start = secret.expose().get(..length);
            start
                .map(SecretBytes::copy_of)
                .ok_or(Error::TemplateInconsistent(CKA_VALUE_LEN))
        }
    }
}

fn encapsulate(
    _: Params<'_>,
    key: &Arc<Object>,
    length: Option<usize>,
) -> Result<(Vec<u8>, SecretBytes)> {
    check_length(length)?;
    let key = key.prepared(|attributes| {
        let value = attributes
            .bytes(CKA_VALUE)
            .ok_or(Error::KeyTypeInconsistent)?;
        PublicKey::new(set(attributes)?, value).ok_or(Error::KeyTypeInconsistent)
    })?;
    let (ciphertext, secret) = key.encapsulate()?;
    Ok((ciphertext, start(secret, length)?))
}

fn decapsulate(
    _: Params<'_>,
    key: &Arc<Object>,
    ciphertext: &[u8],
    length: Option<usize>,
) -> Result<SecretBytes> {
    check_length(length)?;
    let key = key.prepared(|attributes| {
        let value = attributes
            .secret(CKA_VALUE)
            .ok_or(Error::KeyTypeInconsistent)?;
        PrivateKey::new(set(attributes)?, value.expose()).ok_or(Error::KeyTypeInconsistent)
    })?;
    start(key.decapsulate(ciphertext)?, length)
}
