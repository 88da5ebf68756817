//! The one encoding of a request: an array of its kind and what it says.

use super::{KeyName, MAX_AAD, MAX_DATA, MAX_NAME, MAX_PUBLIC_KEY, Request, Supplied};
use crate::domain::cbor::{Flaw, Form, Reader, Result, Writer, flawed};
use crate::domain::ids::KeyId;
use crate::domain::key_policy::{self, KeyPolicy};
use crate::object::ObjectId;
use crate::secret::SecretBytes;

impl Request {
    /// The request, encoded.
    #[must_use]
    #[expect(
        clippy::too_many_lines,
        reason = "one arm a request, in the order of their numbers"
    )]
    pub fn encode(&self) -> SecretBytes {
        let mut writer = Writer::default();
        let w = &mut writer;
        match self {
            Request::Create {
                label,
                id,
                tenant,
                policy,
                material,
            } => {
                w.array(6).uint(0).text(label).bytes(id).bytes(tenant);
                match policy {
                    Some(policy) => w.bytes(&policy.encode()),
                    None => w.null(),
                };
                write_supplied(w, material.as_ref());
            }
            Request::Encrypt {
                key,
                version,
                aad,
                plaintext,
            } => {
                w.array(5).uint(1);
                key.write(w);
                match version {
                    Some(version) => w.uint(*version),
                    None => w.null(),
                };
                w.bytes(aad).bytes(plaintext.expose());
            }
            Request::Decrypt {
                ciphertext,
                aad,
                update,
            } => {
                w.array(4)
                    .uint(2)
                    .bytes(ciphertext)
                    .bytes(aad)
                    .bool(*update);
            }
            Request::Rekey {
                ciphertext,
                aad,
                to,
                to_aad,
            } => {
                w.array(5).uint(3).bytes(ciphertext).bytes(aad);
                to.write(w);
                w.bytes(to_aad);
            }
            Request::GenerateDataKey {
                key,
                length,
                aad,
                plain,
            } => {
                w.array(5).uint(4);
                key.write(w);
                w.uint(u64::try_from(*length).unwrap_or(u64::MAX));
                w.bytes(aad).bool(*plain);
            }
            Request::Rotate { key, material } => {
                w.array(3).uint(5);
                key.write(w);
                write_supplied(w, material.as_ref());
            }
            Request::List { tenant } => {
                w.array(2).uint(7);
                match tenant {
                    Some(tenant) => w.bytes(tenant),
                    None => w.null(),
                };
            }
            Request::SetPolicy { key, policy } => {
                w.array(3).uint(8);
                key.write(w);
                w.bytes(&policy.encode());
            }
            Request::Describe { key } => write_named(w, 6, key),
            Request::MarkForShredding { key } => write_named(w, 9, key),
            Request::CancelShredding { key } => write_named(w, 10, key),
            Request::Shred { key } => write_named(w, 11, key),
            Request::ProofOfDestruction { key, version } => {
                w.array(3).uint(12);
                key.write(w);
                w.uint(*version);
            }
            Request::Suspend { key, to } => {
                w.array(3).uint(13);
                key.write(w);
                w.bytes(to);
            }
            Request::Reinstate { opened } => {
                w.array(2).uint(14).bytes(opened);
            }
            Request::Register {
                key,
                version,
                count,
            } => write_counted(w, 15, (key, *version), *count),
            Request::Unregister {
                key,
                version,
                count,
            } => write_counted(w, 16, (key, *version), *count),
            Request::DeleteVersion {
                key,
                version,
                force,
            } => {
                w.array(4).uint(17);
                key.write(w);
                w.uint(*version).bool(*force);
            }
            Request::NoteCompromise { key, version } => {
                w.array(3).uint(18);
                key.write(w);
                match version {
                    Some(version) => w.uint(*version),
                    None => w.null(),
                };
            }
        }
        writer.into_secret()
    }

    /// Reads a request.
    ///
    /// # Errors
    /// Anything but the one encoding.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        Reader::whole(bytes, "request", |reader| {
            let items = reader.array("request", 8)?;
            let kind = reader.uint("kind of request")?;
            if items != items_of(kind)? {
                return Err(flawed("request", Flaw::WrongType));
            }
            match kind {
                0..=4 => read_use(reader, kind),
                5..=11 => read_care(reader, kind),
                _ => read_end(reader, kind),
            }
        })
    }
}

/// The items of a request's array.
fn items_of(kind: u64) -> Result<usize> {
    match kind {
        0 => Ok(6),
        1 | 3 | 4 => Ok(5),
        2 | 15 | 16 | 17 => Ok(4),
        5 | 8 | 12 | 13 | 18 => Ok(3),
        6 | 7 | 9 | 10 | 11 | 14 => Ok(2),
        _ => Err(flawed("kind of request", Flaw::BadValue)),
    }
}

/// Reads what makes and uses keys.
fn read_use(reader: &mut Reader<'_>, kind: u64) -> Result<Request> {
    Ok(match kind {
        0 => Request::Create {
            label: reader.text("label", MAX_NAME)?.to_owned(),
            id: reader.bytes("id", MAX_NAME)?.to_vec(),
            tenant: reader.bytes("tenant", MAX_NAME)?.to_vec(),
            policy: reader.optional("key policy", read_policy)?,
            material: read_supplied(reader)?,
        },
        1 => Request::Encrypt {
            key: KeyName::read(reader)?,
            version: reader.optional("version", |reader| reader.uint("version"))?,
            aad: reader.bytes("authenticated data", MAX_AAD)?.to_vec(),
            plaintext: SecretBytes::copy_of(reader.bytes("plaintext", MAX_DATA)?),
        },
        2 => Request::Decrypt {
            ciphertext: reader.bytes("ciphertext", MAX_DATA)?.to_vec(),
            aad: reader.bytes("authenticated data", MAX_AAD)?.to_vec(),
            update: reader.bool("update")?,
        },
        3 => Request::Rekey {
            ciphertext: reader.bytes("ciphertext", MAX_DATA)?.to_vec(),
            aad: reader.bytes("authenticated data", MAX_AAD)?.to_vec(),
            to: KeyName::read(reader)?,
            to_aad: reader.bytes("authenticated data", MAX_AAD)?.to_vec(),
        },
        _ => Request::GenerateDataKey {
            key: KeyName::read(reader)?,
            length: usize::try_from(reader.uint("length")?).unwrap_or(usize::MAX),
            aad: reader.bytes("authenticated data", MAX_AAD)?.to_vec(),
            plain: reader.bool("plain")?,
        },
    })
}

/// Reads what looks after keys.
fn read_care(reader: &mut Reader<'_>, kind: u64) -> Result<Request> {
    if kind == 7 {
        let one = |reader: &mut Reader<'_>| Ok(reader.bytes("tenant", MAX_NAME)?.to_vec());
        let tenant = reader.optional("tenant", one)?;
        return Ok(Request::List { tenant });
    }
    let key = KeyName::read(reader)?;
    Ok(match kind {
        5 => Request::Rotate {
            key,
            material: read_supplied(reader)?,
        },
        6 => Request::Describe { key },
        8 => Request::SetPolicy {
            key,
            policy: read_policy(reader)?,
        },
        9 => Request::MarkForShredding { key },
        10 => Request::CancelShredding { key },
        _ => Request::Shred { key },
    })
}

/// Reads what ends keys, or lets them rest.
fn read_end(reader: &mut Reader<'_>, kind: u64) -> Result<Request> {
    if kind == 14 {
        let opened = reader.bytes("suspended key", MAX_DATA)?.to_vec();
        return Ok(Request::Reinstate { opened });
    }
    let key = KeyName::read(reader)?;
    if kind == 13 {
        let to = reader.bytes("public key", MAX_PUBLIC_KEY)?.to_vec();
        return Ok(Request::Suspend { key, to });
    }
    if kind == 18 {
        let version = reader.optional("version", |reader| reader.uint("version"))?;
        return Ok(Request::NoteCompromise { key, version });
    }
    let version = reader.uint("version")?;
    Ok(match kind {
        12 => Request::ProofOfDestruction { key, version },
        15 => Request::Register {
            key,
            version,
            count: reader.uint("count")?,
        },
        16 => Request::Unregister {
            key,
            version,
            count: reader.uint("count")?,
        },
        _ => Request::DeleteVersion {
            key,
            version,
            force: reader.bool("force")?,
        },
    })
}

impl KeyName {
    fn write(&self, writer: &mut Writer) {
        match self {
            KeyName::Family(id) => {
                writer.bytes(&id.0);
            }
            KeyName::Label { label, tenant } => {
                writer.array(2).text(label);
                match tenant {
                    Some(tenant) => writer.bytes(tenant),
                    None => writer.null(),
                };
            }
        }
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        if reader.form("key name")? == Form::Bytes {
            return Ok(KeyName::Family(KeyId(reader.fixed("key id")?)));
        }
        reader.tuple("key name", 2)?;
        let label = reader.text("label", MAX_NAME)?.to_owned();
        let one = |reader: &mut Reader<'_>| Ok(reader.bytes("tenant", MAX_NAME)?.to_vec());
        let tenant = reader.optional("tenant", one)?;
        Ok(KeyName::Label { label, tenant })
    }
}

fn write_named(writer: &mut Writer, kind: u64, key: &KeyName) {
    writer.array(2).uint(kind);
    key.write(writer);
}

fn write_counted(writer: &mut Writer, kind: u64, (key, version): (&KeyName, u64), count: u64) {
    writer.array(4).uint(kind);
    key.write(writer);
    writer.uint(version).uint(count);
}

fn write_supplied(writer: &mut Writer, material: Option<&Supplied>) {
    match material {
        None => writer.null(),
        Some(own) => writer
            .array(3)
            .bytes(&own.wrapped)
            .bytes(&own.unwrapping.0)
            .uint(own.mechanism),
    };
}

fn read_supplied(reader: &mut Reader<'_>) -> Result<Option<Supplied>> {
    reader.optional("supplied key", |reader| {
        reader.tuple("supplied key", 3)?;
        Ok(Supplied {
            wrapped: reader.bytes("wrapped key", MAX_PUBLIC_KEY)?.to_vec(),
            unwrapping: ObjectId(reader.fixed("unwrapping key")?),
            mechanism: reader.uint("mechanism")?,
        })
    })
}

fn read_policy(reader: &mut Reader<'_>) -> Result<KeyPolicy> {
    KeyPolicy::decode(reader.bytes("key policy", key_policy::MAX_LEN)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_kind() -> Vec<Request> {
        let key = || KeyName::Family(KeyId([7; 16]));
        let named = || KeyName::Label {
            label: "orders".into(),
            tenant: Some(b"acme".to_vec()),
        };
        let material = || {
            Some(Supplied {
                wrapped: vec![1, 2],
                unwrapping: ObjectId([8; 16]),
                mechanism: 0x210b,
            })
        };
        vec![
            Request::Create {
                label: "orders".into(),
                id: vec![1],
                tenant: b"acme".to_vec(),
                policy: Some(KeyPolicy::default()),
                material: material(),
            },
            Request::Encrypt {
                key: named(),
                version: Some(3),
                aad: b"a".to_vec(),
                plaintext: SecretBytes::copy_of(b"p"),
            },
            Request::Decrypt {
                ciphertext: vec![1],
                aad: vec![],
                update: true,
            },
            Request::Rekey {
                ciphertext: vec![1],
                aad: vec![2],
                to: key(),
                to_aad: vec![3],
            },
            Request::GenerateDataKey {
                key: key(),
                length: 32,
                aad: vec![],
                plain: false,
            },
            Request::Rotate {
                key: key(),
                material: None,
            },
            Request::Describe { key: key() },
            Request::List { tenant: None },
            Request::SetPolicy {
                key: key(),
                policy: KeyPolicy::default(),
            },
            Request::MarkForShredding { key: key() },
            Request::CancelShredding { key: named() },
            Request::Shred { key: key() },
            Request::ProofOfDestruction {
                key: key(),
                version: 1,
            },
            Request::Suspend {
                key: key(),
                to: vec![4; 40],
            },
            Request::Reinstate { opened: vec![5] },
            Request::Register {
                key: key(),
                version: 1,
                count: 2,
            },
            Request::Unregister {
                key: key(),
                version: 1,
                count: 2,
            },
            Request::DeleteVersion {
                key: key(),
                version: 1,
                force: true,
            },
            Request::NoteCompromise {
                key: key(),
                version: Some(2),
            },
        ]
    }

    #[test]
    fn every_request_comes_back_and_nothing_else_is_read() {
        for (kind, request) in every_kind().into_iter().enumerate() {
            let bytes = request.encode();
            let bytes = bytes.expose();
            assert_eq!(usize::from(bytes[1]), kind, "{request:?}");
            assert_eq!(Request::decode(bytes).unwrap(), request);
            for length in 0..bytes.len() {
                assert!(Request::decode(&bytes[..length]).is_err());
            }
            assert!(Request::decode(&[bytes, &[0]].concat()).is_err());
        }
        assert!(Request::decode(&[0x82, 18, 0]).is_err());
    }
}
