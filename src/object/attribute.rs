//! Attribute values, the sets of them that make an object, and the templates that callers give.

use super::flags::Flags;
use crate::secret::SecretBytes;
use std::sync::Arc;

/// The number of an attribute, `CKA_…`.
pub type AttributeType = u64;

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `CK_BBOOL`.
    Bool(bool),
    /// `CK_ULONG`.
    Ulong(u64),
    /// A byte string, text, date (8 bytes or none) or big integer: public values only.
    Bytes(Vec<u8>),
    /// A value that the schema calls sensitive: key material, or the value of a private data object.
    Secret(Arc<SecretBytes>),
    /// A list of `CK_ULONG`, as in `CKA_ALLOWED_MECHANISMS`.
    Ulongs(Vec<u64>),
    /// A nested template, as in `CKA_WRAP_TEMPLATE`.
    Template(Template),
}

impl Value {
    /// A sensitive value.
    #[must_use]
    pub fn secret(value: SecretBytes) -> Self {
        Value::Secret(Arc::new(value))
    }

    /// The number of a value that is one.
    #[must_use]
    pub fn as_ulong(&self) -> Option<u64> {
        if let Value::Ulong(number) = self {
            Some(*number)
        } else {
            None
        }
    }

    /// The bytes of a byte-string value, sensitive or not.
    #[must_use]
    pub fn as_bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            Value::Secret(secret) => Some(secret.expose()),
            Value::Bool(_) | Value::Ulong(_) | Value::Ulongs(_) | Value::Template(_) => None,
        }
    }
}

/// What a caller asks of an object: attributes in the caller's order, none twice (`ffi::template`
/// refuses that).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Template(pub Vec<(AttributeType, Value)>);

impl Template {
    /// The value asked for an attribute.
    #[must_use]
    pub fn get(&self, kind: AttributeType) -> Option<&Value> {
        self.0
            .iter()
            .find(|(own, _)| *own == kind)
            .map(|(_, value)| value)
    }

    /// A boolean of the template; `None` when it is not there.
    #[must_use]
    pub fn bool(&self, kind: AttributeType) -> Option<bool> {
        match self.get(kind) {
            Some(Value::Bool(value)) => Some(*value),
            _ => None,
        }
    }

    /// A number of the template; `None` when it is not there.
    #[must_use]
    pub fn ulong(&self, kind: AttributeType) -> Option<u64> {
        match self.get(kind) {
            Some(Value::Ulong(value)) => Some(*value),
            _ => None,
        }
    }

    /// A byte string of the template, sensitive or not; `None` when it is not there.
    #[must_use]
    pub fn bytes(&self, kind: AttributeType) -> Option<&[u8]> {
        self.get(kind).and_then(Value::as_bytes)
    }
}

/// The attributes of one object: booleans as bits, the rest sorted by type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    flags: Flags,
    values: Vec<(AttributeType, Value)>,
}

impl Attributes {
    /// No attributes.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// These booleans and nothing else yet, with room for what a secret key holds.
    #[must_use]
    pub fn with_flags(flags: Flags) -> Self {
        Attributes {
            flags,
            values: Vec::with_capacity(6),
        }
    }

    /// A boolean, absent meaning false.
    #[must_use]
    pub fn is(&self, kind: AttributeType) -> bool {
        self.flags.get(kind) == Some(true)
    }

    /// All booleans at once.
    #[must_use]
    pub fn flags(&self) -> Flags {
        self.flags
    }

    /// A number; `None` when absent or of another kind.
    #[must_use]
    pub fn ulong(&self, kind: AttributeType) -> Option<u64> {
        match self.value(kind) {
            Some(Value::Ulong(value)) => Some(*value),
            _ => None,
        }
    }

    /// A public byte string; `None` when absent, sensitive or of another kind.
    #[must_use]
    pub fn bytes(&self, kind: AttributeType) -> Option<&[u8]> {
        match self.value(kind) {
            Some(Value::Bytes(value)) => Some(value),
            _ => None,
        }
    }

    /// A sensitive value; `None` when absent or public.
    #[must_use]
    pub fn secret(&self, kind: AttributeType) -> Option<&SecretBytes> {
        match self.value(kind) {
            Some(Value::Secret(value)) => Some(value),
            _ => None,
        }
    }

    /// The object class, `CKO_…`.
    #[must_use]
    pub fn class(&self) -> Option<u64> {
        self.ulong(cryptoki_sys::CKA_CLASS)
    }

    /// The key type, `CKK_…`, of a key.
    #[must_use]
    pub fn key_type(&self) -> Option<u64> {
        self.ulong(cryptoki_sys::CKA_KEY_TYPE)
    }

    /// Any attribute that is not boolean.
    #[must_use]
    pub fn value(&self, kind: AttributeType) -> Option<&Value> {
        let place = self
            .values
            .binary_search_by_key(&kind, |(own, _)| *own)
            .ok()?;
        self.values.get(place).map(|(_, value)| value)
    }

    /// Any attribute, as a value of its own.
    #[must_use]
    pub fn get(&self, kind: AttributeType) -> Option<Value> {
        match self.flags.get(kind) {
            Some(value) => Some(Value::Bool(value)),
            None => self.value(kind).cloned(),
        }
    }

    /// Whether the attribute is present.
    #[must_use]
    pub fn has(&self, kind: AttributeType) -> bool {
        self.flags.get(kind).is_some() || self.value(kind).is_some()
    }

    /// Whether the attribute is present with just this value. Sensitive values are compared in
    /// constant time.
    #[must_use]
    pub fn matches(&self, kind: AttributeType, wanted: &Value) -> bool {
        match (wanted, self.flags.get(kind)) {
            (Value::Bool(wanted), own) => own == Some(*wanted),
            (_, _) => self.value(kind).is_some_and(|own| own == wanted),
        }
    }

    /// Gives an attribute a value, in place of any it had.
    pub fn set(&mut self, kind: AttributeType, value: Value) {
        if let Value::Bool(value) = value {
            self.flags.insert(kind, value);
            return;
        }
        match self.values.binary_search_by_key(&kind, |(own, _)| *own) {
            Ok(place) => {
                if let Some(slot) = self.values.get_mut(place) {
                    slot.1 = value;
                }
            }
            Err(place) => self.values.insert(place, (kind, value)),
        }
    }

    /// Takes an attribute away.
    pub fn remove(&mut self, kind: AttributeType) {
        self.flags.remove(kind);
        self.values.retain(|(own, _)| *own != kind);
    }

    /// Every attribute: booleans first, then the rest by type.
    pub fn iter(&self) -> impl Iterator<Item = (AttributeType, Value)> + '_ {
        let booleans = self
            .flags
            .iter()
            .map(|(kind, value)| (kind, Value::Bool(value)));
        booleans.chain(
            self.values
                .iter()
                .map(|(kind, value)| (*kind, value.clone())),
        )
    }

    /// The attributes that are not boolean, by type.
    pub fn values(&self) -> impl Iterator<Item = (AttributeType, &Value)> {
        self.values.iter().map(|(kind, value)| (*kind, value))
    }
}

impl FromIterator<(AttributeType, Value)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (AttributeType, Value)>>(items: I) -> Self {
        let mut attributes = Attributes::new();
        for (kind, value) in items {
            attributes.set(kind, value);
        }
        attributes
    }
}
