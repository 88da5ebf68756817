//! What is answered to a request about customer keys: the result, and what is to be known of the keys.

use super::request::{MAX_DATA, MAX_KEYS, MAX_NAME};
use crate::domain::cbor::{Reader, Result, Writer};
use crate::domain::ids::KeyId;
use crate::domain::key_policy;
use crate::secret::SecretBytes;

/// What there is to know of one version of a key.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct KeyInfo {
    /// The key: a family of versions.
    pub family: [u8; 16],
    /// Which version this is.
    pub version: u64,
    /// The newest version that there is.
    pub newest: u64,
    /// `CKA_KEYWARD_STANDING`: 0 current, 1 superseded, 2 to be shredded, 3 destroyed.
    pub standing: u64,
    /// `CKA_LABEL`.
    pub label: String,
    /// `CKA_ID`.
    pub id: Vec<u8>,
    /// The tenant; empty for none.
    pub tenant: Vec<u8>,
    /// When the version was made, in seconds since 1970-01-01 UTC; 0 when that is not known.
    pub created: u64,
    /// What tells a key that is destroyed, or is to be, from others; empty before.
    pub fingerprint: Vec<u8>,
    /// What became of it, as `CKA_KEYWARD_HISTORY`.
    pub history: Vec<u8>,
    /// How many things are counted as wrapped under it; absent where nobody asked.
    pub registered: Option<u64>,
    /// Its policy, encoded; absent where there is none.
    pub policy: Option<Vec<u8>>,
}

impl KeyInfo {
    /// The key.
    #[must_use]
    pub fn family(&self) -> KeyId {
        KeyId(self.family)
    }

    /// Whether there is a newer version.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.version < self.newest
    }
}

/// An answer. What a request does not ask for is absent.
#[derive(Default, PartialEq, Eq, Debug)]
pub struct Answer {
    /// A plaintext or data key.
    pub plain: Option<SecretBytes>,
    /// A ciphertext, wrapped data key, suspended key or proof.
    pub sealed: Option<Vec<u8>>,
    /// The same as the caller gave, under the newest version: what it gave was stale.
    pub update: Option<Vec<u8>>,
    /// The keys: first the one that was used.
    pub keys: Vec<KeyInfo>,
}

impl Answer {
    /// The answer, encoded.
    #[must_use]
    pub fn encode(&self) -> SecretBytes {
        let mut writer = Writer::default();
        writer.array(4);
        optional(&mut writer, self.plain.as_ref().map(|plain| plain.expose()));
        optional(&mut writer, self.sealed.as_deref());
        optional(&mut writer, self.update.as_deref());
        writer.array(self.keys.len());
        for key in &self.keys {
            key.write(&mut writer);
        }
        writer.into_secret()
    }

    /// Reads an answer.
    ///
    /// # Errors
    /// Anything but the one encoding.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        Reader::whole(bytes, "answer", |reader| {
            reader.tuple("answer", 4)?;
            let plain = reader.optional("plain", |reader| {
                Ok(SecretBytes::copy_of(reader.bytes("plain", MAX_DATA)?))
            })?;
            Ok(Answer {
                plain,
                sealed: read_optional(reader, "sealed", MAX_DATA)?,
                update: read_optional(reader, "update", MAX_DATA)?,
                keys: reader.list("keys", MAX_KEYS, KeyInfo::read)?,
            })
        })
    }
}

impl KeyInfo {
    fn write(&self, writer: &mut Writer) {
        writer.array(12).bytes(&self.family).uint(self.version);
        writer.uint(self.newest).uint(self.standing);
        writer.text(&self.label).bytes(&self.id).bytes(&self.tenant);
        writer.uint(self.created);
        writer.bytes(&self.fingerprint).bytes(&self.history);
        match self.registered {
            Some(count) => writer.uint(count),
            None => writer.null(),
        };
        optional(writer, self.policy.as_deref());
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.tuple("key", 12)?;
        Ok(KeyInfo {
            family: reader.fixed("key id")?,
            version: reader.uint("version")?,
            newest: reader.uint("newest version")?,
            standing: reader.uint("standing")?,
            label: reader.text("label", MAX_NAME)?.to_owned(),
            id: reader.bytes("id", MAX_NAME)?.to_vec(),
            tenant: reader.bytes("tenant", MAX_NAME)?.to_vec(),
            created: reader.uint("created")?,
            fingerprint: reader.bytes("fingerprint", MAX_NAME)?.to_vec(),
            history: reader.bytes("history", MAX_DATA)?.to_vec(),
            registered: reader.optional("registered", |reader| reader.uint("registered"))?,
            policy: read_optional(reader, "key policy", key_policy::MAX_LEN)?,
        })
    }
}

fn optional(writer: &mut Writer, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) => writer.bytes(bytes),
        None => writer.null(),
    };
}

fn read_optional(
    reader: &mut Reader<'_>,
    field: &'static str,
    limit: usize,
) -> Result<Option<Vec<u8>>> {
    reader.optional(field, |reader| Ok(reader.bytes(field, limit)?.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_comes_back_and_nothing_else_is_read() {
        let key = KeyInfo {
            family: [1; 16],
            version: 1,
            newest: 2,
            standing: 1,
            label: "orders".into(),
            id: vec![9],
            tenant: b"acme".to_vec(),
            created: 77,
            fingerprint: vec![7; 16],
            history: vec![3; 9],
            registered: Some(4),
            policy: Some(vec![0xa0]),
        };
        assert!(key.is_stale());
        let answer = Answer {
            plain: Some(SecretBytes::copy_of(b"p")),
            sealed: None,
            update: Some(vec![1]),
            keys: vec![key],
        };
        let bytes = answer.encode();
        assert_eq!(Answer::decode(bytes.expose()).unwrap(), answer);
        for length in 0..bytes.len() {
            assert!(Answer::decode(&bytes.expose()[..length]).is_err());
        }
    }
}
