//! The ciphertext of customer-key operations: it names its key and version, and authenticates both with
//! the caller's data. `docs/formats.md`, "Ciphertext under a customer key".

use crate::domain::cbor::{Flaw, Key, Keys, Reader, Result as Read, Writer, flawed};
use crate::domain::ids::KeyId;
use crate::domain::sealing::{OVERHEAD, SealingKey};
use crate::error::{Error, Result};
use crate::object::attribute::Attributes;
use crate::secret::SecretBytes;
use cryptoki_sys::CKA_VALUE;
use zeroize::Zeroizing;

/// The one format there is.
const FORMAT: u64 = 1;
/// The most fields of a header, ignorable ones included.
const MAX_FIELDS: usize = 16;
/// What the sealing key of a customer key derives under.
const LABEL: &str = "keyward/1 customer data";

/// What is sealed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Data that the caller gave.
    Data,
    /// A data key that was made inside.
    DataKey,
}

/// What a ciphertext says in the clear, authenticated with the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The key: a family of versions.
    pub family: KeyId,
    /// The version that it is under.
    pub version: u64,
    /// What it holds.
    pub kind: Kind,
}

impl Header {
    fn encode(&self) -> Writer {
        let mut writer = Writer::with_capacity(48);
        writer.map(4).uint(1).uint(FORMAT);
        writer.uint(2).bytes(&self.family.0);
        writer.uint(3).uint(self.version);
        writer.uint(4).uint(match self.kind {
            Kind::Data => 0,
            Kind::DataKey => 1,
        });
        writer
    }

    fn read(reader: &mut Reader<'_>) -> Read<Self> {
        let mut keys = reader.map("header", MAX_FIELDS)?;
        expect(reader, &mut keys, 1)?;
        if reader.uint("format")? != FORMAT {
            return Err(flawed("format", Flaw::BadValue));
        }
        expect(reader, &mut keys, 2)?;
        let family = KeyId(reader.fixed("key id")?);
        expect(reader, &mut keys, 3)?;
        let version = reader.uint("version")?;
        expect(reader, &mut keys, 4)?;
        let kind = match reader.uint("kind")? {
            0 => Kind::Data,
            1 => Kind::DataKey,
            _ => return Err(flawed("kind", Flaw::BadValue)),
        };
        while let Some(key) = reader.key("header", &mut keys)? {
            match key {
                Key::Critical(_) => return Err(flawed("header", Flaw::UnknownCritical)),
                Key::Ignorable(_) => reader.skip("header")?,
            }
        }
        Ok(Header {
            family,
            version,
            kind,
        })
    }
}

/// The next field of a header must be `field`.
fn expect(reader: &mut Reader<'_>, keys: &mut Keys, field: u64) -> Read<()> {
    match reader.key("header", keys)? {
        Some(Key::Critical(found)) if found == field => Ok(()),
        _ => Err(flawed("header", Flaw::WrongType)),
    }
}

/// A ciphertext, taken apart. Nothing of it is authenticated before it is opened.
#[derive(Clone, Copy, Debug)]
pub struct Ciphertext<'c> {
    /// What it says in the clear.
    pub header: Header,
    /// The header as encoded.
    encoded: &'c [u8],
    sealed: &'c [u8],
}

impl<'c> Ciphertext<'c> {
    /// Takes a ciphertext apart.
    ///
    /// # Errors
    /// `EncryptedDataInvalid` for anything but the one encoding.
    pub fn parse(bytes: &'c [u8]) -> Result<Self> {
        let split = Reader::whole(bytes, "ciphertext", |reader| {
            reader.tuple("ciphertext", 2)?;
            let start = reader.position();
            let header = Header::read(reader)?;
            let encoded = bytes.get(start..reader.position()).unwrap_or_default();
            let sealed = reader.bytes("sealed data", usize::MAX)?;
            Ok(Ciphertext {
                header,
                encoded,
                sealed,
            })
        });
        let split = split.map_err(|_| Error::EncryptedDataInvalid)?;
        if split.sealed.len() < OVERHEAD {
            return Err(Error::EncryptedDataLenRange);
        }
        Ok(split)
    }

    /// The length in bytes of what it holds.
    #[must_use]
    pub fn plain_length(&self) -> usize {
        self.sealed.len().saturating_sub(OVERHEAD)
    }

    /// Opens it.
    ///
    /// # Errors
    /// `EncryptedDataInvalid` when it was changed, is under another key, or goes with other data.
    pub fn open(&self, key: &SealingKey, aad: &[u8]) -> Result<SecretBytes> {
        key.open(&[self.encoded, aad].concat(), self.sealed)
            .ok_or(Error::EncryptedDataInvalid)
    }
}

/// The length in bytes of a ciphertext of `plain` bytes.
#[must_use]
pub fn length(header: &Header, plain: usize) -> usize {
    let sealed = plain.saturating_add(OVERHEAD);
    let head = match sealed {
        0..=23 => 1,
        24..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    };
    let header = header.encode().as_slice().len();
    sealed.saturating_add(1 + header + head)
}

/// Encrypts.
///
/// # Errors
/// `HostMemory`, `DataLenRange`, and those of the random generator.
pub fn seal(key: &SealingKey, header: &Header, aad: &[u8], plain: &[u8]) -> Result<Vec<u8>> {
    let encoded = header.encode();
    // A header ends by itself, so it and the data join without ambiguity.
    let sealed = key.seal(&[encoded.as_slice(), aad].concat(), plain)?;
    let mut writer = Vec::new();
    writer
        .try_reserve_exact(length(header, plain.len()))
        .map_err(|_| Error::HostMemory)?;
    writer.push(0x82);
    writer.extend_from_slice(encoded.as_slice());
    let mut head = Writer::with_capacity(sealed.len().saturating_add(9));
    head.bytes(&sealed);
    writer.extend_from_slice(head.as_slice());
    Ok(writer)
}

/// The sealing key of a customer key, from its attributes.
///
/// # Errors
/// `KeyTypeInconsistent` unless its value has 32 bytes.
pub fn sealing_key(key: &Attributes) -> Result<SealingKey> {
    let value = key.secret(CKA_VALUE).ok_or(Error::KeyTypeInconsistent)?;
    let root: Zeroizing<[u8; 32]> =
        Zeroizing::new(value.expose().try_into().map_err(|_| Error::KeySizeRange)?);
    Ok(SealingKey::derive(&root, LABEL))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(version: u64) -> Header {
        Header {
            family: KeyId([7; 16]),
            version,
            kind: Kind::Data,
        }
    }

    #[test]
    fn a_ciphertext_opens_with_its_data_only_and_unchanged_only() {
        let key = SealingKey::derive(&[1; 32], LABEL);
        for plain in [0, 1, 150, 151, 400, 70_000] {
            let plain = vec![0x5a; plain];
            let made = seal(&key, &header(3), b"order 7", &plain).unwrap();
            assert_eq!(made.len(), length(&header(3), plain.len()));
            let parsed = Ciphertext::parse(&made).unwrap();
            assert_eq!(
                (parsed.header, parsed.plain_length()),
                (header(3), plain.len())
            );
            assert_eq!(parsed.open(&key, b"order 7").unwrap().expose(), plain);
            assert_eq!(
                parsed.open(&key, b"order 8"),
                Err(Error::EncryptedDataInvalid)
            );
        }
        let made = seal(&key, &header(300), b"order 7", b"text").unwrap();
        for bit in 0..made.len() * 8 {
            let mut changed = made.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let opened = Ciphertext::parse(&changed).and_then(|own| own.open(&key, b"order 7"));
            assert!(opened.is_err(), "bit {bit}");
        }
        for length in 0..made.len() {
            assert!(Ciphertext::parse(&made[..length]).is_err());
        }
    }

    #[test]
    fn only_keys_of_32_bytes_seal() {
        use crate::object::attribute::Value;
        let of = |length| -> Attributes {
            let value = SecretBytes::zeroed(length);
            [(CKA_VALUE, Value::secret(value))].into_iter().collect()
        };
        assert!(sealing_key(&of(32)).is_ok());
        assert_eq!(sealing_key(&of(16)).err(), Some(Error::KeySizeRange));
        assert_eq!(
            sealing_key(&Attributes::new()).err(),
            Some(Error::KeyTypeInconsistent)
        );
    }
}
