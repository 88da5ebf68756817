//! SoftHSM2's form of one SQLite database: a table for each form of value, rows by object and attribute. The
//! first object is the token itself. Lists are numbers of this machine's own form, one after the other; maps
//! are a type (8 bytes), a kind (4) and a value (1 byte; 8 bytes; a length of 8 bytes and bytes).

use super::{Source, Stored, Value};
use crate::failure::Failure;
use keyward_pkcs11::object::attribute::AttributeType;
use rusqlite::{Connection, OpenFlags};
use std::collections::BTreeMap;
use std::path::Path;

/// The number of the object that is the token itself.
const TOKEN: i64 = 1;
/// `CKA_ALLOWED_MECHANISMS`, the one list, which stands among the bytes.
const ALLOWED_MECHANISMS: AttributeType = 0x4000_0600;

/// Reads a token.
///
/// # Errors
/// A database that cannot be read.
pub(super) fn read(path: &Path) -> Result<Source, Failure> {
    let failed = |cause: rusqlite::Error| Failure::File(format!("{}: {cause}", path.display()));
    let connection =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    let mut objects = objects(&connection).map_err(failed)?;
    let token = objects
        .remove(&TOKEN)
        .ok_or_else(|| Failure::File(format!("{}: the database holds no token", path.display())))?;
    let objects = objects
        .into_iter()
        .map(|(number, attributes)| Stored {
            place: format!("object {number}"),
            attributes,
        })
        .collect();
    let token = token.map_err(|cause| Failure::File(format!("{}: {cause}", path.display())))?;
    Ok(Source { token, objects })
}

type Objects = BTreeMap<i64, Result<BTreeMap<AttributeType, Value>, String>>;

fn objects(connection: &Connection) -> rusqlite::Result<Objects> {
    let mut objects = Objects::new();
    let mut statement = connection.prepare("select id from object")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        objects.insert(row.get(0)?, Ok(BTreeMap::new()));
    }
    each(
        connection,
        "attribute_boolean",
        &mut objects,
        |value: i64, _| Some(Value::Bool(value != 0)),
    )?;
    each(
        connection,
        "attribute_integer",
        &mut objects,
        |value: i64, _| Some(Value::Number(value.cast_unsigned())),
    )?;
    each(
        connection,
        "attribute_binary",
        &mut objects,
        |value: Option<Vec<u8>>, kind| {
            let bytes = value.unwrap_or_default();
            if kind == ALLOWED_MECHANISMS {
                return numbers(&bytes).map(Value::Numbers);
            }
            Some(Value::Bytes(bytes))
        },
    )?;
    each(
        connection,
        "attribute_array",
        &mut objects,
        |value: Option<Vec<u8>>, _| map(&value.unwrap_or_default()).map(Value::Map),
    )?;
    Ok(objects)
}

/// Takes every row of a table to its object.
fn each<T: rusqlite::types::FromSql>(
    connection: &Connection,
    table: &str,
    objects: &mut Objects,
    read: impl Fn(T, AttributeType) -> Option<Value>,
) -> rusqlite::Result<()> {
    let mut statement =
        connection.prepare(&format!("select object_id, type, value from {table}"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (object, kind): (i64, i64) = (row.get(0)?, row.get(1)?);
        let kind = kind.cast_unsigned();
        let Some(slot) = objects.get_mut(&object) else {
            continue;
        };
        match (read(row.get(2)?, kind), &mut *slot) {
            (Some(value), Ok(attributes)) => {
                attributes.insert(kind, value);
            }
            (None, _) => *slot = Err(format!("attribute {kind:#x} is damaged")),
            (Some(_), Err(_)) => {}
        }
    }
    Ok(())
}

fn numbers(bytes: &[u8]) -> Option<Vec<u64>> {
    let (numbers, rest) = bytes.as_chunks::<8>();
    rest.is_empty()
        .then(|| numbers.iter().map(|own| u64::from_ne_bytes(*own)).collect())
}

fn map(mut bytes: &[u8]) -> Option<BTreeMap<AttributeType, Value>> {
    let mut attributes = BTreeMap::new();
    while !bytes.is_empty() {
        let (kind, rest) = bytes.split_first_chunk::<8>()?;
        let (form, rest) = rest.split_first_chunk::<4>()?;
        let (value, rest) = match u32::from_ne_bytes(*form) {
            1 => {
                let (value, rest) = rest.split_first()?;
                (Value::Bool(*value != 0), rest)
            }
            2 => {
                let (value, rest) = rest.split_first_chunk::<8>()?;
                (Value::Number(u64::from_ne_bytes(*value)), rest)
            }
            form @ (3 | 5) => {
                let (length, rest) = rest.split_first_chunk::<8>()?;
                let length = usize::try_from(u64::from_ne_bytes(*length)).ok()?;
                let (value, rest) = rest.split_at_checked(length)?;
                let value = match form {
                    3 => Value::Bytes(value.to_vec()),
                    _ => Value::Numbers(numbers(value)?),
                };
                (value, rest)
            }
            _ => return None,
        };
        attributes.insert(u64::from_ne_bytes(*kind), value);
        bytes = rest;
    }
    Some(attributes)
}
