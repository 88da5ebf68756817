//! SoftHSM2's form of many files: one for the token, one for each object.
//!
//! A file is a counter and then attributes, each a type, a kind and a value; every number is 8 bytes,
//! most significant first. Kinds: 1 a byte that is true or false, 2 a number, 3 a length and bytes, 4 a map
//! (its length in bytes, then attributes, whose kinds are numbered differently), 5 a count and numbers.

use super::{Source, Stored, TOKEN_FILE, Value};
use crate::failure::Failure;
use keyward_pkcs11::object::attribute::AttributeType;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Reads a token.
///
/// # Errors
/// Files that cannot be read; a damaged file of the token itself. A damaged object is one that says so.
pub(super) fn read(directory: &Path) -> Result<Source, Failure> {
    let path = directory.join(TOKEN_FILE);
    let token = parse(&load(&path)?)
        .ok_or_else(|| Failure::File(format!("{}: the file is damaged", path.display())))?;
    let entries = fs::read_dir(directory).map_err(|cause| Failure::file(directory, &cause))?;
    let mut objects = Vec::new();
    for entry in entries {
        let path = entry
            .map_err(|cause| Failure::file(directory, &cause))?
            .path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        if name == TOKEN_FILE || !name.ends_with(".object") {
            continue;
        }
        let attributes = load(&path).map_err(|cause| cause.to_string());
        let attributes =
            attributes.and_then(|bytes| parse(&bytes).ok_or("the file is damaged".to_owned()));
        objects.push(Stored {
            place: name,
            attributes,
        });
    }
    objects.sort_by(|a, b| a.place.cmp(&b.place));
    Ok(Source { token, objects })
}

fn load(path: &Path) -> Result<Vec<u8>, Failure> {
    crate::files::read(path)
}

/// The attributes of a file; `None` when it is damaged.
fn parse(bytes: &[u8]) -> Option<BTreeMap<AttributeType, Value>> {
    let mut reader = Reader(bytes);
    reader.number()?;
    let mut attributes = BTreeMap::new();
    while !reader.0.is_empty() {
        let kind = reader.number()?;
        let value = match reader.number()? {
            1 => Value::Bool(reader.take(1)? != [0]),
            2 => Value::Number(reader.number()?),
            3 => Value::Bytes(reader.bytes()?.to_vec()),
            4 => Value::Map(map(reader.bytes()?)?),
            5 => Value::Numbers(reader.numbers()?),
            _ => return None,
        };
        attributes.insert(kind, value);
    }
    Some(attributes)
}

/// A map of attributes. Kinds: 1 a truth, 2 a number, 3 bytes, 5 numbers.
fn map(bytes: &[u8]) -> Option<BTreeMap<AttributeType, Value>> {
    let mut reader = Reader(bytes);
    let mut attributes = BTreeMap::new();
    while !reader.0.is_empty() {
        let kind = reader.number()?;
        let value = match reader.number()? {
            1 => Value::Bool(reader.take(1)? != [0]),
            2 => Value::Number(reader.number()?),
            3 => Value::Bytes(reader.bytes()?.to_vec()),
            5 => Value::Numbers(reader.numbers()?),
            _ => return None,
        };
        attributes.insert(kind, value);
    }
    Some(attributes)
}

/// What is left of a file.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u64> {
        self.take(8)?.try_into().ok().map(u64::from_be_bytes)
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number()?).ok()?;
        self.take(length)
    }

    fn numbers(&mut self) -> Option<Vec<u64>> {
        let count = usize::try_from(self.number()?).ok()?;
        let (numbers, rest) = self.take(count.checked_mul(8)?)?.as_chunks::<8>();
        rest.is_empty()
            .then(|| numbers.iter().map(|own| u64::from_be_bytes(*own)).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_read_and_no_part_of_a_file_is_taken_for_a_whole() {
        let numbers =
            |all: &[u64]| -> Vec<u8> { all.iter().flat_map(|one| one.to_be_bytes()).collect() };
        let map = [numbers(&[0x103, 1]), vec![1], numbers(&[0x100, 2, 31])].concat();
        let file = [
            numbers(&[5, 0x1, 1]),
            vec![1],
            numbers(&[0x100, 2, 31, 0x3, 3, 2]),
            b"ab".to_vec(),
            numbers(&[0x4000_0211, 4, 41]),
            map,
            numbers(&[0x4000_0600, 5, 2, 0x1085, 0x1087]),
        ]
        .concat();
        let read = parse(&file).unwrap();
        assert!(matches!(read[&0x1], Value::Bool(true)));
        assert!(matches!(read[&0x100], Value::Number(31)));
        assert_eq!(read[&0x3].bytes(), Some(&b"ab"[..]));
        let Value::Map(inner) = &read[&0x4000_0211] else {
            panic!("no map")
        };
        assert!(matches!(inner[&0x103], Value::Bool(true)));
        assert!(matches!(&read[&0x4000_0600], Value::Numbers(list) if *list == [0x1085, 0x1087]));
        let ends: Vec<usize> = (0..=file.len())
            .filter(|end| parse(&file[..*end]).is_some())
            .collect();
        // The counter alone, and after each attribute.
        assert_eq!(ends, [8, 25, 49, 75, 140, 180]);
        assert!(parse(&numbers(&[5, 0x3, 3, u64::MAX])).is_none());
        assert!(parse(&numbers(&[5, 0x3, 5, u64::MAX])).is_none());
    }
}
