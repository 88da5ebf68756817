//! Attribute values, the sets of them that make an object, and the templates that callers give.

use super::flags::Flags;
use crate::secret::SecretBytes;
use cryptoki_sys::CKA_VALUE;
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

/// The attributes of one object: booleans as bits, `CKA_VALUE`, and the rest sorted by type.
///
/// The rest is shared by objects that were made from one plan, so that one more of them costs nothing but
/// its value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    flags: Flags,
    value: Option<Value>,
    rest: Arc<Vec<(AttributeType, Value)>>,
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
            value: None,
            rest: Arc::new(Vec::with_capacity(4)),
        }
    }

    /// The same without `CKA_VALUE`, to tell by [`Attributes::is_of_kind`] what is made alike.
    #[must_use]
    pub fn kind(&self) -> Self {
        Attributes {
            value: None,
            ..self.clone()
        }
    }

    /// Whether these are known to be like `kind` in all but `CKA_VALUE`: they were made from the same plan.
    #[must_use]
    pub fn is_of_kind(&self, kind: &Attributes) -> bool {
        Arc::ptr_eq(&self.rest, &kind.rest) && self.flags == kind.flags
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

    /// A sensitive value, to be shared.
    #[must_use]
    pub fn shared_secret(&self, kind: AttributeType) -> Option<&Arc<SecretBytes>> {
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
        if kind == CKA_VALUE {
            return self.value.as_ref();
        }
        let found = self.place(kind).ok()?;
        self.rest.get(found).map(|(_, value)| value)
    }

    /// Where an attribute is among the rest, or belongs.
    fn place(&self, kind: AttributeType) -> Result<usize, usize> {
        self.rest.binary_search_by_key(&kind, |(own, _)| *own)
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
        if kind == CKA_VALUE {
            self.value = Some(value);
            return;
        }
        let place = self.place(kind);
        if let Ok(place) = place
            && self.rest.get(place).is_some_and(|(_, own)| *own == value)
        {
            // What is shared stays so.
            return;
        }
        let rest = Arc::make_mut(&mut self.rest);
        match place {
            Ok(place) => {
                if let Some(slot) = rest.get_mut(place) {
                    slot.1 = value;
                }
            }
            Err(place) => rest.insert(place, (kind, value)),
        }
    }

    /// Takes an attribute away.
    pub fn remove(&mut self, kind: AttributeType) {
        self.flags.remove(kind);
        if kind == CKA_VALUE {
            self.value = None;
        }
        if let Ok(place) = self.place(kind) {
            Arc::make_mut(&mut self.rest).remove(place);
        }
    }

    /// Every attribute: booleans first, then the rest by type.
    pub fn iter(&self) -> impl Iterator<Item = (AttributeType, Value)> + '_ {
        let booleans = self
            .flags
            .iter()
            .map(|(kind, value)| (kind, Value::Bool(value)));
        booleans.chain(self.values().map(|(kind, value)| (kind, value.clone())))
    }

    /// The attributes that are not boolean, by type.
    pub fn values(&self) -> impl Iterator<Item = (AttributeType, &Value)> {
        let (Ok(middle) | Err(middle)) = self.place(CKA_VALUE);
        let (before, after) = self.rest.split_at_checked(middle).unwrap_or_default();
        let own = self.value.iter().map(|value| (CKA_VALUE, value));
        let all = before.iter().map(by_type).chain(own);
        all.chain(after.iter().map(by_type))
    }
}

fn by_type((kind, value): &(AttributeType, Value)) -> (AttributeType, &Value) {
    (*kind, value)
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
