//! Encrypt, decrypt, re-key and data keys under customer keys.

use super::Actor;
use super::naming::{Versions, family_of, info, stands_for, version_of};
use crate::calls::admission::{Purpose, admit, policy_of};
use crate::calls::context::{stands_for as permits_use, today};
use crate::calls::guarding::judge_customer_use;
use crate::domain::customer::KeyInfo;
use crate::domain::customer::ciphertext::{self, Ciphertext, Header, Kind};
use crate::domain::customer::request::{MAX_AAD, MAX_DATA};
use crate::domain::key_policy::Operation;
use crate::error::{Error, Result};
use crate::object::Object;
use crate::object::usage::{self, Use};
use crate::object::vendor::CKM_KEYWARD_CUSTOMER_DATA;
use crate::secret::SecretBytes;
use crate::token::Token;
use cryptoki_sys::{CKA_TOKEN, CKK_AES};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// The lengths in bytes that a data key may have.
pub const DATA_KEY_LENGTHS: RangeInclusive<usize> = 16..=64;

/// What an operation leads to.
pub struct Outcome<T> {
    /// The result.
    pub result: T,
    /// The version that was used, with the newest that there is.
    pub key: KeyInfo,
    /// What the caller gave, under the newest version, when it was stale and the caller asked.
    pub update: Option<Vec<u8>>,
}

/// A data key.
pub struct DataKey {
    /// The key itself.
    pub plain: SecretBytes,
    /// The same, wrapped under the customer key.
    pub wrapped: Outcome<Vec<u8>>,
}

/// Encrypts under a version, which must be the newest.
///
/// # Errors
/// `VersionSuperseded`; `DataLenRange`; those of usage, policy and the random generator.
pub fn encrypt(
    token: &Token,
    actor: Actor,
    key: &Arc<Object>,
    aad: &[u8],
    plain: &[u8],
) -> Result<Outcome<Vec<u8>>> {
    check_lengths(plain.len(), aad)?;
    permit(token, actor, key, Act::Encrypt, aad)?;
    let result = seal(key, Kind::Data, aad, plain)?;
    Ok(outcome(key, result))
}

/// The length in bytes of what [`encrypt`] and the wrapped half of [`generate_data_key`] give.
///
/// # Errors
/// `KeyHandleInvalid` for what is no version of a key.
pub fn sealed_length(key: &Object, kind: Kind, plain: usize) -> Result<usize> {
    Ok(ciphertext::length(&header(key, kind)?, plain))
}

/// The length in bytes of what [`decrypt`] gives.
///
/// # Errors
/// `EncryptedDataInvalid`, `EncryptedDataLenRange`.
pub fn opened_length(ciphertext: &[u8]) -> Result<usize> {
    Ok(Ciphertext::parse(ciphertext)?.plain_length())
}

/// The length in bytes of the update that [`decrypt`] gives; 0 when the ciphertext is not stale.
///
/// # Errors
/// `EncryptedDataInvalid`; `KeyHandleInvalid` when there is no such key or version.
pub fn update_length(token: &Token, hint: Option<&Arc<Object>>, bytes: &[u8]) -> Result<usize> {
    let given = Ciphertext::parse(bytes)?;
    let (key, newest) = named(token, hint, &given.header)?;
    if version_of(&newest) == version_of(&key) {
        return Ok(0);
    }
    sealed_length(&newest, given.header.kind, given.plain_length())
}

/// The length in bytes of what [`rekey`] gives.
///
/// # Errors
/// Those of [`opened_length`] and [`sealed_length`].
pub fn rekeyed_length(ciphertext: &[u8], to: &Object) -> Result<usize> {
    let given = Ciphertext::parse(ciphertext)?;
    sealed_length(to, given.header.kind, given.plain_length())
}

/// Decrypts under the version that the ciphertext names. `hint` is an object that the caller named, of
/// the same key.
///
/// # Errors
/// `EncryptedDataInvalid`; `KeyHandleInvalid` when there is no such key or version; those of usage and
/// policy.
pub fn decrypt(
    token: &Token,
    actor: Actor,
    hint: Option<&Arc<Object>>,
    (bytes, aad): (&[u8], &[u8]),
    update: bool,
) -> Result<Outcome<SecretBytes>> {
    check_lengths(bytes.len(), aad)?;
    let given = Ciphertext::parse(bytes)?;
    let (key, newest) = named(token, hint, &given.header)?;
    permit(token, actor, &key, Act::Decrypt, aad)?;
    let plain = open(&given, &key, aad)?;
    let stale = version_of(&newest) > version_of(&key);
    let update = match update && stale {
        true => renewed(token, &newest, given.header.kind, aad, &plain)?,
        false => None,
    };
    Ok(Outcome {
        result: plain,
        key: info(&key, version_of(&newest)),
        update,
    })
}

/// Decrypts under the version that the ciphertext names and encrypts under `to`. The plaintext stays
/// inside.
///
/// # Errors
/// Those of [`decrypt`] and [`encrypt`].
pub fn rekey(
    token: &Token,
    actor: Actor,
    (bytes, aad): (&[u8], &[u8]),
    (to, to_aad): (&Arc<Object>, &[u8]),
) -> Result<Outcome<Vec<u8>>> {
    check_lengths(bytes.len(), aad)?;
    check_lengths(0, to_aad)?;
    let given = Ciphertext::parse(bytes)?;
    let (from, _) = named(token, None, &given.header)?;
    // Both are asked before either is used.
    admit_act(token, actor, to, Act::RekeyTo, to_aad)?;
    permit(token, actor, &from, Act::RekeyFrom, aad)?;
    let plain = open(&given, &from, aad)?;
    permit(token, actor, to, Act::RekeyTo, to_aad)?;
    if given.header.kind == Kind::DataKey {
        token.register_one(to.id())?;
    }
    let result = seal(to, given.header.kind, to_aad, plain.expose())?;
    Ok(outcome(to, result))
}

/// Makes a data key of `length` bytes, wrapped under a version, which must be the newest.
///
/// # Errors
/// `DataLenRange` unless the length is one of [`DATA_KEY_LENGTHS`]; those of [`encrypt`].
pub fn generate_data_key(
    token: &Token,
    actor: Actor,
    key: &Arc<Object>,
    length: usize,
    aad: &[u8],
) -> Result<DataKey> {
    if !DATA_KEY_LENGTHS.contains(&length) {
        return Err(Error::DataLenRange);
    }
    check_lengths(length, aad)?;
    permit(token, actor, key, Act::DataKey, aad)?;
    token.register_one(key.id())?;
    let plain = SecretBytes::random(length)?;
    let wrapped = seal(key, Kind::DataKey, aad, plain.expose())?;
    Ok(DataKey {
        plain,
        wrapped: outcome(key, wrapped),
    })
}

/// Whether a request that names a version to encrypt with names the newest.
///
/// # Errors
/// `VersionSuperseded`.
pub fn names_newest(newest: &Object, asked: Option<u64>) -> Result<()> {
    let newest = version_of(newest);
    match asked {
        Some(asked) if asked != newest => Err(Error::VersionSuperseded { asked, newest }),
        _ => Ok(()),
    }
}

/// The version that a ciphertext names, and the newest of the same key.
fn named(
    token: &Token,
    hint: Option<&Arc<Object>>,
    header: &Header,
) -> Result<(Arc<Object>, Arc<Object>)> {
    if let Some(hint) = hint {
        if family_of(hint) != Some(header.family) {
            return Err(Error::EncryptedDataInvalid);
        }
        let current = hint.standing() == crate::object::standing::Standing::Current;
        if current && hint.attributes().is(CKA_TOKEN) && version_of(hint) == header.version {
            return Ok((Arc::clone(hint), Arc::clone(hint)));
        }
    }
    let versions = Versions::of(token, header.family)?;
    Ok((versions.version(header.version)?, versions.newest()?))
}

/// A stale ciphertext under the newest version; none where that cannot protect anything any more.
fn renewed(
    token: &Token,
    newest: &Arc<Object>,
    kind: Kind,
    aad: &[u8],
    plain: &SecretBytes,
) -> Result<Option<Vec<u8>>> {
    if permits_use(newest, Use::Encrypt).is_err() || newest.secret_value().is_none() {
        return Ok(None);
    }
    if kind == Kind::DataKey {
        token.register_one(newest.id())?;
    }
    seal(newest, kind, aad, plain.expose()).map(Some)
}

/// The ways in which a customer key is used here.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Act {
    Encrypt,
    Decrypt,
    DataKey,
    RekeyFrom,
    RekeyTo,
}

impl Act {
    fn usage(self) -> Use {
        match self {
            Act::Encrypt | Act::DataKey | Act::RekeyTo => Use::Encrypt,
            Act::Decrypt | Act::RekeyFrom => Use::Decrypt,
        }
    }

    fn operation(self) -> Operation {
        match self {
            Act::Encrypt => Operation::Encrypt,
            Act::Decrypt => Operation::Decrypt,
            Act::DataKey => Operation::GenerateDataKey,
            Act::RekeyFrom | Act::RekeyTo => Operation::Rekey,
        }
    }
}

/// Whether a key permits an act: by standing, attributes, policy and rule 33; and counts it.
fn permit(token: &Token, actor: Actor, key: &Arc<Object>, act: Act, aad: &[u8]) -> Result<()> {
    admit_act(token, actor, key, act, aad)?;
    judge_customer_use(token, act.usage(), CKM_KEYWARD_CUSTOMER_DATA, key)
}

/// [`permit`], without counting.
fn admit_act(token: &Token, actor: Actor, key: &Arc<Object>, act: Act, aad: &[u8]) -> Result<()> {
    if stands_for(token, Arc::clone(key))?.id() != key.id() {
        return Err(Error::KeyHandleInvalid);
    }
    let usage = act.usage();
    if usage.protects() && permits_use(key, usage).is_err() {
        let newest = Versions::of(token, family_of(key).ok_or(Error::KeyHandleInvalid)?)?;
        names_newest(&*newest.newest()?, Some(version_of(key)))?;
    }
    permits_use(key, usage)?;
    let attributes = key.attributes();
    let permitted = usage::permit(
        usage,
        attributes,
        CKM_KEYWARD_CUSTOMER_DATA,
        &[CKK_AES],
        today,
    );
    match permitted {
        // A policy may allow to re-key where decrypting is not allowed.
        Err(Error::KeyFunctionNotPermitted)
            if act == Act::RekeyFrom && allows_rekey(attributes)? => {}
        other => other?,
    }
    let purpose = Purpose {
        operation: act.operation(),
        mechanism: CKM_KEYWARD_CUSTOMER_DATA,
        data: Some(aad),
    };
    admit(token, actor, attributes, purpose)
}

/// Whether the key's policy names re-keying among what it allows.
fn allows_rekey(key: &crate::object::attribute::Attributes) -> Result<bool> {
    let operations = policy_of(key)?.and_then(|policy| policy.operations);
    Ok(operations.is_some_and(|operations| operations.include(Operation::Rekey)))
}

fn check_lengths(data: usize, aad: &[u8]) -> Result<()> {
    if data > MAX_DATA || aad.len() > MAX_AAD {
        return Err(Error::DataLenRange);
    }
    Ok(())
}

fn header(key: &Object, kind: Kind) -> Result<Header> {
    Ok(Header {
        family: family_of(key).ok_or(Error::KeyHandleInvalid)?,
        version: version_of(key),
        kind,
    })
}

fn seal(key: &Arc<Object>, kind: Kind, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let prepared = key.prepared(ciphertext::sealing_key)?;
    ciphertext::seal(&prepared, &header(key, kind)?, aad, plain)
}

fn open(given: &Ciphertext<'_>, key: &Arc<Object>, aad: &[u8]) -> Result<SecretBytes> {
    given.open(&*key.prepared(ciphertext::sealing_key)?, aad)
}

/// The outcome of an operation under the newest version.
fn outcome<T>(key: &Object, result: T) -> Outcome<T> {
    Outcome {
        result,
        key: info(key, version_of(key)),
        update: None,
    }
}
