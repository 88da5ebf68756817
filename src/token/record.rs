//! An object as a row, and a row as an object: what is secret or private as a key token, the rest in
//! clear and signed.

use super::changes::tampered;
use super::domain::now;
use super::rows::{RowKeys, Seal, fixed};
use super::unlocked::Unlocked;
use crate::domain::cbor::{Reader as Decoder, Writer as Encoder};
use crate::domain::cose::verify;
use crate::domain::key_token::{self, Body, Subject};
use crate::domain::keyring::Keyring;
use crate::error::{Error, Result};
use crate::object::attribute::{AttributeType, Attributes, Value};
use crate::object::history::Entry;
use crate::object::standing::Standing;
use crate::object::vendor::{CKA_KEYWARD_FAMILY, CKA_KEYWARD_FINGERPRINT, CKA_KEYWARD_TENANT};
use crate::object::{Object, ObjectId};
use crate::seal::envelope::{hash, mac};
use crate::storage::{Column, IndexKey, Row};
use cryptoki_sys::{CKA_CLASS, CKA_ID, CKA_KEY_TYPE, CKA_LABEL, CKA_PRIVATE};

/// The longest clear record in bytes.
const CLEAR_MAX: usize = 16 << 20;

/// The attribute that a column indexes.
pub(super) fn attribute_of(column: Column) -> AttributeType {
    match column {
        Column::Class => CKA_CLASS,
        Column::KeyType => CKA_KEY_TYPE,
        Column::Id => CKA_ID,
        Column::Label => CKA_LABEL,
        Column::Tenant => CKA_KEYWARD_TENANT,
        Column::Family => CKA_KEYWARD_FAMILY,
    }
}

/// The index key of a value: blinded under `key` where there is one.
pub(super) fn index_key(column: Column, value: &Value, key: Option<&[u8; 32]>) -> Option<IndexKey> {
    let name: &[u8] = match column {
        Column::Class => b"class",
        Column::KeyType => b"key type",
        Column::Id => b"id",
        Column::Label => b"label",
        Column::Tenant => b"tenant",
        Column::Family => b"family",
    };
    let number;
    let bytes = if let Value::Ulong(value) = value {
        number = value.to_be_bytes();
        &number[..]
    } else {
        value.as_bytes()?
    };
    let whole = match key {
        Some(key) => mac(key, &[name, b"=", bytes].concat()),
        None => hash(&[b"keyward/1 index ", name, b"=", bytes]),
    };
    whole.first_chunk::<16>().copied()
}

fn index(attributes: &Attributes, key: Option<&[u8; 32]>) -> [Option<IndexKey>; Column::COUNT] {
    Column::ALL.map(|column| {
        attributes
            .value(attribute_of(column))
            .and_then(|value| index_key(column, value, key))
    })
}

/// Seals an object into its row.
///
/// # Errors
/// Those of sealing and signing.
pub(super) fn seal(
    unlocked: &Unlocked,
    keys: &RowKeys,
    ring: &Keyring,
    object: &Object,
) -> Result<Row> {
    let attributes = object.attributes();
    let private = attributes.is(CKA_PRIVATE);
    // A key whose material is gone stays sealed: who wrote it can still be told.
    let needs_sealing = private || has_secrets(attributes);
    let sealed = if needs_sealing {
        let subject = Subject {
            key: object.id().into(),
            version: 1,
            revision: object.revision(),
        };
        Some(key_token::seal(
            ring.active(),
            subject,
            &Body::from(attributes.clone()),
        )?)
    } else {
        None
    };
    let clear = if private {
        None
    } else {
        Some(sign(unlocked, keys, object, needs_sealing)?)
    };
    Ok(Row {
        id: object.id(),
        revision: object.revision(),
        standing: object.standing(),
        private,
        index: index(attributes, private.then_some(&keys.index)),
        domain_key: needs_sealing.then(|| ring.active().id().0),
        clear,
        sealed,
    })
}

/// Opens a row with the module's keys. What it says of itself must be what is sealed in it.
///
/// # Errors
/// `ObjectTampered`; `UnknownDomainKey`, `KeyTokenRefused`.
pub(super) fn open(keys: &RowKeys, ring: &Keyring, row: &Row) -> Result<Object> {
    let Some(token) = &row.sealed else {
        return open_clear(&keys.seal, row);
    };
    let (header, body) = key_token::open(ring, token).map_err(|error| {
        if matches!(error, Error::UnknownDomainKey(_)) {
            error
        } else {
            tampered(row.id)
        }
    })?;
    let attributes = body.attributes;
    let private = attributes.is(CKA_PRIVATE);
    let genuine = ObjectId::from(header.key) == row.id
        && header.revision == row.revision
        && Some(header.domain_key.0) == row.domain_key
        && private == row.private
        && private == row.clear.is_none()
        && index(&attributes, private.then_some(&keys.index)) == row.index;
    if !genuine {
        return Err(tampered(row.id));
    }
    Ok(Object::new(row.id, row.revision, attributes).standing_as(row.standing))
}

/// The next revision of an object, with these attributes and this standing. A key that is to go keeps a
/// fingerprint and what became of it; of one that is destroyed or suspended nothing secret stays.
pub(super) fn restood(
    ring: &Keyring,
    current: &Object,
    mut attributes: Attributes,
    standing: Standing,
) -> Object {
    if standing != current.standing() {
        let (mark, at) = (standing.number(), now());
        Entry { mark, at }.add_to(&mut attributes);
    }
    if standing >= Standing::ShredPending && has_secrets(&attributes) {
        let print = fingerprint(ring, &attributes).to_vec();
        attributes.set(CKA_KEYWARD_FINGERPRINT, Value::Bytes(print));
    }
    if matches!(standing, Standing::Destroyed | Standing::Suspended) {
        attributes = without_secrets(&attributes);
    }
    let revision = current.revision().saturating_add(1);
    Object::new(current.id(), revision, attributes).standing_as(standing)
}

/// What tells the material of a key from that of others: keyed, so that it does not help to guess it.
fn fingerprint(ring: &Keyring, attributes: &Attributes) -> [u8; 16] {
    let key = fixed(&ring.stable().derive("key fingerprint"));
    let mut material = Encoder::default();
    for (kind, value) in attributes.iter() {
        if let Value::Secret(bytes) = value {
            material.uint(kind).bytes(bytes.expose());
        }
    }
    let whole = mac(&key, material.into_secret().expose());
    whole.first_chunk().copied().unwrap_or_default()
}

/// An object as it may be used: one that is marked for shredding has no material any more.
pub(super) fn usable(object: Object) -> Object {
    if object.standing() < Standing::ShredPending {
        return object;
    }
    let attributes = without_secrets(object.attributes());
    Object::new(object.id(), object.revision(), attributes).standing_as(object.standing())
}

/// Whether any attribute is key material.
pub(super) fn has_secrets(attributes: &Attributes) -> bool {
    attributes
        .values()
        .any(|(_, value)| matches!(value, Value::Secret(_)))
}

/// What stays of a key whose material is destroyed.
fn without_secrets(attributes: &Attributes) -> Attributes {
    let open = attributes
        .iter()
        .filter(|(_, value)| !matches!(value, Value::Secret(_)));
    open.collect()
}

/// The key token of what stays of a row's key without its material, under the active domain key.
///
/// # Errors
/// As [`open`], and those of sealing.
pub(super) fn remains(keys: &RowKeys, ring: &Keyring, row: &Row) -> Result<Vec<u8>> {
    let object = open(keys, ring, row)?;
    let subject = Subject {
        key: row.id.into(),
        version: 1,
        revision: row.revision,
    };
    let body = Body::from(without_secrets(object.attributes()));
    key_token::seal(ring.active(), subject, &body)
}

/// Opens what anybody may read of a row: everything but its secrets.
///
/// # Errors
/// `ObjectTampered`.
pub(super) fn open_clear(seal: &Seal, row: &Row) -> Result<Object> {
    let clear = row.clear.as_ref().ok_or_else(|| tampered(row.id))?;
    let split = Decoder::whole(clear, "public object", |decoder| {
        decoder.tuple("public object", 2)?;
        Ok((
            decoder.bytes("body", CLEAR_MAX)?,
            decoder.fixed::<64>("signature")?,
        ))
    });
    let (body, signature) = split.map_err(|_| tampered(row.id))?;
    let message = message(seal, (row.id, row.revision), row.sealed.is_some(), body);
    if !verify(&seal.signing, &message, &signature) {
        return Err(tampered(row.id));
    }
    let attributes = Body::decode(body).map_err(|_| tampered(row.id))?.attributes;
    if row.private || attributes.is(CKA_PRIVATE) || index(&attributes, None) != row.index {
        return Err(tampered(row.id));
    }
    Ok(Object::new(row.id, row.revision, attributes).standing_as(row.standing))
}

/// The clear record of an object: its attributes without secrets, signed.
fn sign(unlocked: &Unlocked, keys: &RowKeys, object: &Object, sealed: bool) -> Result<Vec<u8>> {
    let body = Body::from(without_secrets(object.attributes()));
    let body = body.encode().map_err(key_token::Fault::from)?;
    let message = message(
        &keys.seal,
        (object.id(), object.revision()),
        sealed,
        body.as_slice(),
    );
    let signature = keys.sign(unlocked, &message)?;
    let mut record = Encoder::default();
    record.array(2).bytes(body.as_slice()).bytes(&signature);
    Ok(record.into_vec())
}

/// What is signed: which object of whom, in which revision, whether it also has secrets.
fn message(seal: &Seal, (id, revision): (ObjectId, u64), sealed: bool, body: &[u8]) -> Vec<u8> {
    let mut message = Encoder::with_capacity(body.len().saturating_add(128));
    message
        .array(6)
        .text("keyward/1 public object")
        .bytes(&seal.owner)
        .bytes(&id.0);
    message.uint(revision).bool(sealed).bytes(body);
    message.into_vec()
}
