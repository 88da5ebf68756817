//! What is inside a key token: every attribute of a key, its validity and its policy.

use crate::domain::cbor::{Flaw, Form, Key, Keys, Reader, Result, Writer, flawed};
use crate::object::attribute::{AttributeType, Attributes, Template, Value};
use crate::object::flags::{BOOLEANS, Flags};
use crate::object::vendor::{CKA_KEYWARD_CARRIED, CKA_KEYWARD_PROTECTED_PAIR};
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKA_ALWAYS_AUTHENTICATE, CKA_ALWAYS_SENSITIVE, CKA_COPYABLE, CKA_DECAPSULATE, CKA_DECRYPT,
    CKA_DERIVE, CKA_DESTROYABLE, CKA_ENCAPSULATE, CKA_ENCRYPT, CKA_EXTRACTABLE, CKA_LOCAL,
    CKA_MODIFIABLE, CKA_NEVER_EXTRACTABLE, CKA_PRIVATE, CKA_SENSITIVE, CKA_SIGN, CKA_SIGN_RECOVER,
    CKA_TOKEN, CKA_TRUSTED, CKA_UNWRAP, CKA_VERIFY, CKA_VERIFY_RECOVER, CKA_WRAP,
    CKA_WRAP_WITH_TRUSTED,
};
use std::sync::Arc;

/// The booleans of format 1, each at its bit. A new one joins at the end; none ever moves. One that
/// had no bit would be lost on the way, so the length is that of the list of all.
pub(super) const BITS: [AttributeType; BOOLEANS.len()] = [
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

/// The most attributes of a body or nested template.
const MAX_ATTRIBUTES: usize = 256;
/// The longest single value in bytes.
const MAX_VALUE: usize = super::MAX_LEN;
/// How deep templates nest.
const MAX_DEPTH: usize = 4;
/// The most fields of a body, ignorable ones included.
const MAX_FIELDS: usize = 16;

/// Within which time a key may be used, in seconds since 1970-01-01 UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    /// The first second.
    pub not_before: u64,
    /// The last second.
    pub not_after: u64,
}

/// What is sealed in a key token.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Body {
    /// Every attribute of the key, its material and role among them.
    pub attributes: Attributes,
    /// When the key may be used; always, if absent.
    pub validity: Option<Validity>,
    /// What the key's owner allows, encoded; everything its attributes allow, if absent.
    pub policy: Option<Vec<u8>>,
}

impl From<Attributes> for Body {
    fn from(attributes: Attributes) -> Self {
        Body {
            attributes,
            validity: None,
            policy: None,
        }
    }
}

impl Body {
    /// The body in its one encoding. The writer erases it.
    pub(crate) fn encode(&self) -> Result<Writer> {
        let mut writer = Writer::with_capacity(self.estimate());
        let secrets = self
            .attributes
            .values()
            .filter(|(_, value)| is_secret(value))
            .count();
        let public = self.attributes.values().count().saturating_sub(secrets);
        let optional = [secrets > 0, self.validity.is_some(), self.policy.is_some()];
        writer.map(2 + optional.into_iter().filter(|present| *present).count());
        writer.uint(1).array(2);
        let (present, set) = bits(self.attributes.flags());
        writer.uint(present).uint(set);
        writer.uint(2).map(public);
        for (kind, value) in self
            .attributes
            .values()
            .filter(|(_, value)| !is_secret(value))
        {
            writer.uint(kind);
            write_value(&mut writer, value, MAX_DEPTH)?;
        }
        if secrets > 0 {
            writer.uint(3).map(secrets);
            for (kind, value) in self.attributes.values() {
                if let Value::Secret(secret) = value {
                    writer.uint(kind).bytes(secret.expose());
                }
            }
        }
        if let Some(validity) = self.validity {
            writer
                .uint(4)
                .array(2)
                .uint(validity.not_before)
                .uint(validity.not_after);
        }
        if let Some(policy) = &self.policy {
            writer.uint(5).bytes(policy);
        }
        Ok(writer)
    }

    /// Reads a body.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        Reader::whole(bytes, "body", |reader| {
            let mut body = Body::default();
            let mut keys = reader.map("body", MAX_FIELDS)?;
            while let Some(key) = reader.key("body", &mut keys)? {
                match key {
                    Key::Critical(1) => read_bits(reader, &mut body.attributes)?,
                    Key::Critical(2) => read_public(reader, &mut body.attributes)?,
                    Key::Critical(3) => read_secrets(reader, &mut body.attributes)?,
                    Key::Critical(4) => body.validity = Some(read_validity(reader)?),
                    Key::Critical(5) => {
                        body.policy = Some(reader.bytes("policy", MAX_VALUE)?.to_vec());
                    }
                    Key::Critical(_) => return Err(flawed("body", Flaw::UnknownCritical)),
                    Key::Ignorable(_) => reader.skip("body")?,
                }
            }
            Ok(body)
        })
    }

    /// About how many bytes the encoding takes, so that the buffer need not grow.
    fn estimate(&self) -> usize {
        let values = self.attributes.values().map(|(_, value)| match value {
            Value::Bytes(bytes) => bytes.len() + 16,
            Value::Secret(secret) => secret.len() + 16,
            Value::Ulongs(numbers) => numbers.len() * 9 + 16,
            Value::Bool(_) | Value::Ulong(_) => 16,
            Value::Template(template) => template.0.len() * 32 + 16,
        });
        values.sum::<usize>() + self.policy.as_ref().map_or(0, Vec::len) + 64
    }
}

/// Whether the value goes into the map of secrets.
fn is_secret(value: &Value) -> bool {
    matches!(value, Value::Secret(_))
}

/// The booleans that are present, and those of them that are true.
fn bits(flags: Flags) -> (u64, u64) {
    let (mut present, mut set) = (0, 0);
    for (bit, kind) in (0..).map(|place| 1_u64 << place).zip(BITS) {
        if let Some(value) = flags.get(kind) {
            present |= bit;
            set |= if value { bit } else { 0 };
        }
    }
    (present, set)
}

/// Reads field 1.
fn read_bits(reader: &mut Reader<'_>, attributes: &mut Attributes) -> Result<()> {
    reader.tuple("booleans", 2)?;
    let present = reader.uint("booleans present")?;
    let set = reader.uint("booleans set")?;
    if present >> BITS.len() != 0 || set & !present != 0 {
        return Err(flawed("booleans", Flaw::BadValue));
    }
    for (bit, kind) in (0..).map(|place| 1_u64 << place).zip(BITS) {
        if present & bit != 0 {
            attributes.set(kind, Value::Bool(set & bit != 0));
        }
    }
    Ok(())
}

/// The next attribute type of a map.
fn read_kind(reader: &mut Reader<'_>, keys: &mut Keys) -> Result<Option<AttributeType>> {
    match reader.key("attribute type", keys)? {
        Some(Key::Critical(kind)) => Ok(Some(kind)),
        Some(Key::Ignorable(_)) => Err(flawed("attribute type", Flaw::BadValue)),
        None => Ok(None),
    }
}

/// Reads field 2.
fn read_public(reader: &mut Reader<'_>, attributes: &mut Attributes) -> Result<()> {
    let mut keys = reader.map("attributes", MAX_ATTRIBUTES)?;
    while let Some(kind) = read_kind(reader, &mut keys)? {
        let value = read_value(reader, MAX_DEPTH)?;
        // Booleans have their bits: a second place for them would be a second encoding.
        if matches!(value, Value::Bool(_)) {
            return Err(flawed("attributes", Flaw::WrongType));
        }
        attributes.set(kind, value);
    }
    Ok(())
}

/// Reads field 3.
fn read_secrets(reader: &mut Reader<'_>, attributes: &mut Attributes) -> Result<()> {
    let mut keys = reader.map("secrets", MAX_ATTRIBUTES)?;
    while let Some(kind) = read_kind(reader, &mut keys)? {
        if attributes.has(kind) {
            return Err(flawed("secrets", Flaw::Disordered));
        }
        let secret = SecretBytes::copy_of(reader.bytes("secret", MAX_VALUE)?);
        attributes.set(kind, Value::Secret(Arc::new(secret)));
    }
    Ok(())
}

/// Reads field 4.
fn read_validity(reader: &mut Reader<'_>) -> Result<Validity> {
    reader.tuple("validity", 2)?;
    let not_before = reader.uint("not before")?;
    let not_after = reader.uint("not after")?;
    if not_before > not_after {
        return Err(flawed("validity", Flaw::BadValue));
    }
    Ok(Validity {
        not_before,
        not_after,
    })
}

/// Writes a public value. `depth` more levels of templates may nest.
fn write_value(writer: &mut Writer, value: &Value, depth: usize) -> Result<()> {
    match value {
        Value::Bool(value) => {
            writer.bool(*value);
        }
        Value::Ulong(value) => {
            writer.uint(*value);
        }
        Value::Bytes(value) => {
            writer.bytes(value);
        }
        Value::Ulongs(values) => {
            writer.array(values.len());
            for value in values {
                writer.uint(*value);
            }
        }
        Value::Template(template) => {
            let depth = depth
                .checked_sub(1)
                .ok_or(flawed("nested template", Flaw::TooLong))?;
            let mut entries: Vec<_> = template.0.iter().collect();
            entries.sort_by_key(|(kind, _)| *kind);
            writer.map(entries.len());
            for (kind, value) in entries {
                writer.uint(*kind);
                write_value(writer, value, depth)?;
            }
        }
        Value::Secret(_) => return Err(flawed("nested template", Flaw::BadValue)),
    }
    Ok(())
}

/// Reads a public value. `depth` more levels of templates may nest.
fn read_value(reader: &mut Reader<'_>, depth: usize) -> Result<Value> {
    match reader.form("attribute")? {
        Form::Bool => Ok(Value::Bool(reader.bool("attribute")?)),
        Form::Bytes => Ok(Value::Bytes(reader.bytes("attribute", MAX_VALUE)?.to_vec())),
        Form::Array => {
            let numbers = reader.list("attribute", MAX_ATTRIBUTES, |r| r.uint("attribute"))?;
            Ok(Value::Ulongs(numbers))
        }
        Form::Map => {
            let depth = depth
                .checked_sub(1)
                .ok_or(flawed("nested template", Flaw::TooLong))?;
            let mut keys = reader.map("nested template", MAX_ATTRIBUTES)?;
            let mut template = Template::default();
            while let Some(kind) = read_kind(reader, &mut keys)? {
                template.0.push((kind, read_value(reader, depth)?));
            }
            Ok(Value::Template(template))
        }
        Form::Number | Form::Text | Form::Null | Form::Other => {
            Ok(Value::Ulong(reader.uint("attribute")?))
        }
    }
}
