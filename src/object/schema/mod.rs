//! The attribute schema: what a value of each attribute looks like, which objects have it, and who
//! may give it when. The table itself is in `rows`; the rules are the footnotes of PKCS #11 3.2,
//! section 4.2, table 13.

pub mod family;
mod rows;

use super::attribute::{AttributeType, Value};
use super::flags::Flags;
use family::{Families, Family};
use std::sync::LazyLock;

/// How deep a template may be nested in templates: a template attribute whose template holds no
/// further one has depth 1.
pub const MAX_NESTING: usize = 3;

/// The form of an attribute's value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ValueKind {
    /// `CK_BBOOL`, [`Value::Bool`].
    Bool,
    /// `CK_ULONG`, [`Value::Ulong`].
    Ulong,
    /// A byte string or text, [`Value::Bytes`].
    Bytes,
    /// A byte string that some object keeps secret: always read as [`Value::Secret`].
    Secret,
    /// `CK_DATE`, 8 ASCII digits or nothing, [`Value::Bytes`].
    Date,
    /// An unsigned number, most significant byte first, [`Value::Bytes`].
    BigInteger,
    /// An array of `CK_ULONG`, [`Value::Ulongs`].
    Ulongs,
    /// An array of `CK_ATTRIBUTE`, [`Value::Template`].
    Template,
}

/// The rules of one row, a set of the constants below.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rules(u32);

impl Rules {
    /// No rule: may be given at every creation, and never changed.
    pub const FREE: Rules = Rules(0);
    /// Footnote 1: needed by `C_CreateObject`.
    pub const CREATE_NEEDED: Rules = Rules(1);
    /// Footnote 2: not to be given to `C_CreateObject`.
    pub const CREATE_BARRED: Rules = Rules(1 << 1);
    /// Footnote 3: needed by `C_GenerateKey` and `C_GenerateKeyPair`.
    pub const GENERATE_NEEDED: Rules = Rules(1 << 2);
    /// Footnote 4: not to be given to `C_GenerateKey` and `C_GenerateKeyPair`.
    pub const GENERATE_BARRED: Rules = Rules(1 << 3);
    /// Footnote 5: needed by `C_UnwrapKey`.
    pub const UNWRAP_NEEDED: Rules = Rules(1 << 4);
    /// Footnote 6: not to be given to `C_UnwrapKey`, nor to `C_DeriveKey`.
    pub const UNWRAP_BARRED: Rules = Rules(1 << 5);
    /// Footnote 7: not revealed when the key is sensitive or not extractable.
    pub const SENSITIVE: Rules = Rules(1 << 6);
    /// Footnote 8: may be changed by `C_SetAttributeValue` and by `C_CopyObject`.
    pub const SETTABLE: Rules = Rules(1 << 7);
    /// May be changed by `C_CopyObject` only.
    pub const COPY_SETTABLE: Rules = Rules(1 << 8);
    /// Footnote 10: only the SO sets it to true, and only the SO takes it back.
    pub const SO_ONLY: Rules = Rules(1 << 9);
    /// Footnote 11: once true, for ever true.
    pub const STAYS_TRUE: Rules = Rules(1 << 10);
    /// Footnote 12: once false, for ever false.
    pub const STAYS_FALSE: Rules = Rules(1 << 11);
    /// The module alone gives it a value; every template that names it is refused as read-only.
    pub const COMPUTED: Rules = Rules(1 << 12);
    /// Where a footnote bars it, it may still be given if it agrees with what the mechanism makes:
    /// some tools do, and nothing is lost.
    pub const MUST_AGREE: Rules = Rules(1 << 13);
    /// The module finds it from the rest of the object; a template may say it too, if it agrees.
    pub const FOUND: Rules = Rules(1 << 14);

    /// Both sets of rules.
    #[must_use]
    pub const fn and(self, other: Rules) -> Rules {
        Rules(self.0 | other.0)
    }

    /// Whether any rule of `some` is among these.
    #[must_use]
    pub const fn any(self, some: Rules) -> bool {
        self.0 & some.0 != 0
    }
}

/// What an attribute is when nobody gives it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DefaultValue {
    /// The object lacks it.
    Absent,
    /// A boolean.
    Bool(bool),
    /// True for these families, false for the others.
    TrueFor(Families),
    /// A number.
    Ulong(u64),
    /// An empty byte string.
    Empty,
    /// An empty list of numbers.
    NoUlongs,
}

/// One attribute of some families of objects.
#[derive(Debug)]
pub struct Row {
    /// The attribute, `CKA_…`.
    pub attribute: AttributeType,
    /// Its name in the standard.
    pub name: &'static str,
    /// The form of its value.
    pub value: ValueKind,
    /// The objects that have it.
    pub families: Families,
    /// Who may give it when.
    pub rules: Rules,
    /// What it is otherwise.
    pub default: DefaultValue,
}

impl Row {
    /// The default as a value, for an object of `family`.
    #[must_use]
    pub fn default_value(&self, family: Family) -> Option<Value> {
        match self.default {
            DefaultValue::Absent => None,
            DefaultValue::Bool(value) => Some(Value::Bool(value)),
            DefaultValue::TrueFor(families) => Some(Value::Bool(families.has(family))),
            DefaultValue::Ulong(value) => Some(Value::Ulong(value)),
            DefaultValue::Empty => Some(Value::Bytes(Vec::new())),
            DefaultValue::NoUlongs => Some(Value::Ulongs(Vec::new())),
        }
    }

    /// Whether a value that is no boolean is the default, which objects do not store.
    #[must_use]
    pub fn is_stored_default(&self, value: &Value) -> bool {
        match (self.default, value) {
            (DefaultValue::Ulong(own), Value::Ulong(value)) => own == *value,
            (DefaultValue::Empty, Value::Bytes(bytes)) => bytes.is_empty(),
            (DefaultValue::NoUlongs, Value::Ulongs(list)) => list.is_empty(),
            _ => false,
        }
    }
}

/// The rows of an attribute, one for each group of families that treats it alike.
pub fn rows_of(attribute: AttributeType) -> impl Iterator<Item = &'static Row> {
    let rest = rows::ROWS
        .get(rows::first_row(attribute)..)
        .unwrap_or_default();
    rest.iter()
        .take_while(move |row| row.attribute == attribute)
}

/// Every row.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    rows::ROWS.iter()
}

/// The row that an object of `family` has for an attribute.
#[must_use]
pub fn row(attribute: AttributeType, family: Family) -> Option<&'static Row> {
    rows_of(attribute).find(|row| row.families.has(family))
}

/// The form in which callers give the attribute's value; `None` when no object has it.
#[must_use]
pub fn kind(attribute: AttributeType) -> Option<ValueKind> {
    rows_of(attribute).next().map(|row| row.value)
}

/// The name of an attribute, for people.
#[must_use]
pub fn name(attribute: AttributeType) -> Option<&'static str> {
    rows_of(attribute).next().map(|row| row.name)
}

/// The booleans that an object of `family` has before anybody says otherwise.
#[must_use]
pub fn default_flags(family: Family) -> Flags {
    DEFAULT_FLAGS
        .get(family.place())
        .copied()
        .unwrap_or_default()
}

static DEFAULT_FLAGS: LazyLock<Vec<Flags>> = LazyLock::new(|| {
    family::ALL
        .iter()
        .map(|family| collect_flags(*family))
        .collect()
});

fn collect_flags(family: Family) -> Flags {
    let mut flags = Flags::default();
    for row in rows::ROWS.iter().filter(|row| row.families.has(family)) {
        if let Some(Value::Bool(value)) = row.default_value(family) {
            flags.insert(row.attribute, value);
        }
    }
    flags
}

/// Attributes that `C_CreateObject`, generation or unwrapping needs for a family.
pub(super) fn needed(family: Family, rule: Rules) -> impl Iterator<Item = AttributeType> {
    let of_family = rows::ROWS
        .iter()
        .filter(move |row| row.families.has(family));
    of_family
        .filter(move |row| row.rules.any(rule))
        .map(|row| row.attribute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_attribute_is_found_with_all_its_rows() {
        let attributes: HashSet<AttributeType> = rows().map(|row| row.attribute).collect();
        for attribute in attributes {
            let wanted = rows().filter(|row| row.attribute == attribute).count();
            assert_eq!(rows_of(attribute).count(), wanted, "{attribute:#x}");
        }
        assert_eq!(kind(0x0000_0777), None);
        assert_eq!(kind(u64::MAX), None);
        assert_eq!(kind(cryptoki_sys::CKA_CLASS | 0x1_0000), None);
    }

    #[test]
    fn no_family_has_two_rows_for_an_attribute() {
        for family in family::ALL {
            let mut seen = HashSet::new();
            for row in rows().filter(|row| row.families.has(*family)) {
                assert!(
                    seen.insert(row.attribute),
                    "{} twice for {family:?}",
                    row.name
                );
            }
        }
    }

    #[test]
    fn booleans_of_the_schema_are_the_booleans_of_flags() {
        for row in rows() {
            assert_eq!(
                row.value == ValueKind::Bool,
                Flags::knows(row.attribute),
                "{}",
                row.name
            );
        }
        for kind in crate::object::flags::BOOLEANS {
            assert!(rows_of(kind).next().is_some(), "{kind:#x}");
        }
    }

    #[test]
    fn secret_capable_attributes_are_read_as_secrets() {
        for row in rows().filter(|row| row.rules.any(Rules::SENSITIVE)) {
            assert_eq!(kind(row.attribute), Some(ValueKind::Secret), "{}", row.name);
        }
    }
}
