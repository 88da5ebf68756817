//! `CK_ATTRIBUTE` arrays: templates read into typed values, and values written back for
//! `C_GetAttributeValue`.
//!
//! Callers may give misaligned arrays, arrays that name themselves as a nested template, and
//! lengths of any size: every array is read element by element, and one budget of attributes and
//! bytes bounds what a whole template with all its nested ones can make us read or allocate.

mod asked;

use super::pointers;
use crate::error::{Error, Result};
use crate::object::attribute::{AttributeType, Template, Value};
use crate::object::schema::{self, MAX_NESTING, ValueKind};
use crate::secret::SecretBytes;
use cryptoki_sys::{CK_ATTRIBUTE, CK_ULONG, CK_UNAVAILABLE_INFORMATION};
use std::borrow::Cow;
use std::mem::size_of;

/// The most attributes in a template, nested ones counted too. The standard knows fewer than 200.
const MOST_ATTRIBUTES: usize = 1024;

/// The most bytes in all values of a template together: 64 MiB.
const MOST_BYTES: usize = 64 << 20;

/// A template in the caller's memory.
pub(super) struct Given {
    first: *mut CK_ATTRIBUTE,
    count: usize,
}

/// What is left of the bounds of one template.
struct Budget {
    attributes: usize,
    bytes: usize,
}

impl Given {
    /// The template of `count` attributes at `first`.
    ///
    /// # Errors
    /// `BadArguments` for NULL with a count, and for a count beyond any template's.
    ///
    /// # Safety
    /// `first` is NULL or points to `count` attributes, each of which has a NULL value or one of
    /// the length it states, and nobody else changes them for as long as the template lives.
    pub(super) unsafe fn new(first: *mut CK_ATTRIBUTE, count: CK_ULONG) -> Result<Self> {
        let (first, count) = pointers::array(first, count, MOST_ATTRIBUTES)?;
        Ok(Given { first, count })
    }

    /// Reads the template of an object to be made or changed.
    ///
    /// # Errors
    /// `AttributeTypeInvalid` for unknown attributes, `AttributeValueInvalid` for values of the
    /// wrong form or beyond the bounds, `TemplateInconsistent` for an attribute given twice,
    /// `HostMemory`.
    pub(super) fn read(&self) -> Result<Template> {
        // SAFETY: as whoever made `self` promised.
        unsafe { self.read_nested(&mut Budget::full(), 0) }
    }

    /// Reads the template of a search. An attribute that this module does not know becomes a byte
    /// string that no object has, so that the search finds nothing: callers probe for the
    /// attributes of other vendors that way.
    ///
    /// # Errors
    /// As [`Given::read`], except for unknown attributes.
    pub(super) fn read_pattern(&self) -> Result<Template> {
        let mut budget = Budget::full();
        let mut template = Template::default();
        for place in 0..self.count {
            // SAFETY: as whoever made `self` promised, and `place` is below the count.
            let (kind, value) = unsafe {
                let element = self.element(place);
                let read = match schema::kind(element.type_) {
                    Some(_) => budget.value(&element, 0),
                    None => budget.bytes(&element).map(Value::Bytes),
                };
                (element.type_, read?)
            };
            add(&mut template, kind, value)?;
        }
        Ok(template)
    }

    /// Writes the value of each attribute that the template names, as `value` tells it, and the
    /// lengths. Every attribute is processed, whatever becomes of the others.
    ///
    /// # Errors
    /// `AttributeSensitive` when the object does not reveal one, else `AttributeTypeInvalid` when
    /// it lacks one, else `BufferTooSmall` when one does not fit: none of the three is a true
    /// error (PKCS#11 3.2, section 5.7.5). Any other error of `value` ends the work.
    pub(super) fn answer<'v>(
        &self,
        mut value: impl FnMut(AttributeType) -> Result<Cow<'v, Value>>,
    ) -> Result<()> {
        let (mut sensitive, mut missing, mut short) = (None, None, false);
        for place in 0..self.count {
            // SAFETY: as whoever made `self` promised, and `place` is below the count.
            unsafe {
                match value(self.element(place).type_) {
                    Ok(value) => short |= !put(self.first.add(place), &value),
                    Err(error) => {
                        set_length(self.first.add(place), CK_UNAVAILABLE_INFORMATION);
                        if let Error::AttributeSensitive(_) = error {
                            sensitive = Some(error);
                        } else if let Error::AttributeTypeInvalid(_) = error {
                            missing = Some(error);
                        } else {
                            return Err(error);
                        }
                    }
                }
            }
        }
        match (sensitive.or(missing), short) {
            (Some(error), _) => Err(error),
            (None, true) => Err(Error::BufferTooSmall(0)),
            (None, false) => Ok(()),
        }
    }

    /// One attribute, aligned or not.
    ///
    /// # Safety
    /// As [`Given::new`], and `place` is below the count.
    unsafe fn element(&self, place: usize) -> CK_ATTRIBUTE {
        // SAFETY: within the array by the caller's promise; no alignment is assumed.
        unsafe { self.first.add(place).read_unaligned() }
    }

    /// Reads the template, which lies `depth` templates deep in others.
    ///
    /// # Safety
    /// As [`Given::new`].
    unsafe fn read_nested(&self, budget: &mut Budget, depth: usize) -> Result<Template> {
        let mut template = Template::default();
        for place in 0..self.count {
            // SAFETY: within the array by the caller's promise.
            let element = unsafe { self.element(place) };
            // SAFETY: the caller's promise, passed on.
            let value = unsafe { budget.value(&element, depth) }?;
            add(&mut template, element.type_, value)?;
        }
        Ok(template)
    }
}

impl Budget {
    fn full() -> Self {
        Budget {
            attributes: MOST_ATTRIBUTES,
            bytes: MOST_BYTES,
        }
    }

    /// The value of an attribute, in the form that the schema says.
    ///
    /// # Safety
    /// As [`Given::new`], for this attribute.
    unsafe fn value(&mut self, element: &CK_ATTRIBUTE, depth: usize) -> Result<Value> {
        let kind = element.type_;
        let invalid = || Error::AttributeValueInvalid(kind);
        let form = schema::kind(kind).ok_or_else(|| Error::AttributeTypeInvalid(kind))?;
        if form == ValueKind::Template {
            // SAFETY: the caller's promise, passed on.
            return unsafe { self.nested(element, depth) }.map(Value::Template);
        }
        // SAFETY: the caller's promise, passed on.
        let bytes = unsafe { self.slice(element) }?;
        match form {
            ValueKind::Bool => match bytes {
                [0] => Ok(Value::Bool(false)),
                [1] => Ok(Value::Bool(true)),
                _ => Err(invalid()),
            },
            ValueKind::Ulong => ulong(bytes).map(Value::Ulong).ok_or_else(invalid),
            ValueKind::Ulongs => ulongs(bytes).map(Value::Ulongs).ok_or_else(invalid),
            ValueKind::Date if !matches!(bytes.len(), 0 | 8) => Err(invalid()),
            ValueKind::Bytes | ValueKind::BigInteger | ValueKind::Date => {
                owned(bytes).map(Value::Bytes)
            }
            ValueKind::Secret => secret(bytes),
            ValueKind::Template => Err(Error::Internal("a nested template was read before")),
        }
    }

    /// A copy of the attribute's bytes, whatever the attribute.
    ///
    /// # Safety
    /// As [`Given::new`], for this attribute.
    unsafe fn bytes(&mut self, element: &CK_ATTRIBUTE) -> Result<Vec<u8>> {
        // SAFETY: the caller's promise, passed on.
        unsafe { self.slice(element) }.and_then(owned)
    }

    /// The attribute's bytes, in the caller's memory.
    ///
    /// # Safety
    /// As [`Given::new`], for this attribute.
    unsafe fn slice<'a>(&mut self, element: &CK_ATTRIBUTE) -> Result<&'a [u8]> {
        let invalid = || Error::AttributeValueInvalid(element.type_);
        let length = usize::try_from(element.ulValueLen).unwrap_or(usize::MAX);
        self.attributes = self.attributes.checked_sub(1).ok_or_else(invalid)?;
        self.bytes = self.bytes.checked_sub(length).ok_or_else(invalid)?;
        // SAFETY: the caller's promise, passed on.
        unsafe { pointers::input(element.pValue.cast_const().cast(), element.ulValueLen) }
            .map_err(|_| invalid())
    }

    /// The template that is an attribute's value.
    ///
    /// # Safety
    /// As [`Given::new`], for this attribute and those it holds.
    unsafe fn nested(&mut self, element: &CK_ATTRIBUTE, depth: usize) -> Result<Template> {
        let invalid = || Error::AttributeValueInvalid(element.type_);
        if depth >= MAX_NESTING {
            return Err(invalid());
        }
        // SAFETY: the caller's promise, passed on.
        let bytes = unsafe { self.slice(element) }?;
        if bytes.len() % size_of::<CK_ATTRIBUTE>() != 0 {
            return Err(invalid());
        }
        let count = bytes.len() / size_of::<CK_ATTRIBUTE>();
        let inner = Given {
            first: element.pValue.cast(),
            count,
        };
        // SAFETY: the array lies within the value's bytes; its attributes are as promised.
        unsafe { inner.read_nested(self, depth + 1) }.map_err(|error| {
            // An unknown attribute makes the nested template a bad value.
            if let Error::AttributeTypeInvalid(_) = error {
                invalid()
            } else {
                error
            }
        })
    }
}

/// Adds an attribute that is not there yet.
fn add(template: &mut Template, kind: AttributeType, value: Value) -> Result<()> {
    if template.get(kind).is_some() {
        return Err(Error::TemplateInconsistent(kind));
    }
    template.0.push((kind, value));
    Ok(())
}

fn ulong(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(CK_ULONG::from_ne_bytes)
}

fn ulongs(bytes: &[u8]) -> Option<Vec<u64>> {
    bytes.chunks(size_of::<CK_ULONG>()).map(ulong).collect()
}

/// A copy of public bytes.
fn owned(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut copied = Vec::new();
    copied
        .try_reserve_exact(bytes.len())
        .map_err(|_| Error::HostMemory)?;
    copied.extend_from_slice(bytes);
    Ok(copied)
}

/// A copy of secret bytes, made straight into memory that is erased afterwards.
fn secret(bytes: &[u8]) -> Result<Value> {
    // An allocation that fails is tried on a vector first, because a secret's own cannot fail.
    Vec::<u8>::new()
        .try_reserve_exact(bytes.len())
        .map_err(|_| Error::HostMemory)?;
    Ok(Value::secret(SecretBytes::copy_of(bytes)))
}

/// Writes a value and its length to an attribute of the caller; `false` when it does not fit.
///
/// # Safety
/// `element` points to an attribute that may be written, with a NULL value or one of the length it
/// states.
unsafe fn put(element: *mut CK_ATTRIBUTE, value: &Value) -> bool {
    // SAFETY: the caller's promise, passed on, here and in each arm.
    unsafe {
        match value {
            Value::Bool(value) => put_bytes(element, &[u8::from(*value)]),
            Value::Ulong(value) => put_bytes(element, &value.to_ne_bytes()),
            Value::Bytes(bytes) => put_bytes(element, bytes),
            Value::Secret(secret) => put_bytes(element, secret.expose()),
            Value::Ulongs(values) => {
                let bytes: Vec<u8> = values
                    .iter()
                    .flat_map(|value| value.to_ne_bytes())
                    .collect();
                put_bytes(element, &bytes)
            }
            Value::Template(template) => put_template(element, template),
        }
    }
}

/// Writes bytes and their number; `false` when they do not fit.
///
/// # Safety
/// As [`put`].
unsafe fn put_bytes(element: *mut CK_ATTRIBUTE, bytes: &[u8]) -> bool {
    // SAFETY: the caller's promise. The bytes are copied only when the stated length holds them;
    // they are ours, so the two do not overlap.
    unsafe {
        let given = element.read_unaligned();
        let fits = room(&given, bytes.len());
        if fits && !given.pValue.is_null() {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), given.pValue.cast(), bytes.len());
        }
        set_length(
            element,
            if fits {
                length(bytes.len())
            } else {
                CK_UNAVAILABLE_INFORMATION
            },
        );
        fits
    }
}

/// Writes a nested template into the caller's array of attributes: its types, and each value where
/// the caller gave room for it. `false` when anything does not fit.
///
/// # Safety
/// As [`put`]; the value, if there is one, is an array of attributes as `put` asks for them.
unsafe fn put_template(element: *mut CK_ATTRIBUTE, template: &Template) -> bool {
    let size = template.0.len().saturating_mul(size_of::<CK_ATTRIBUTE>());
    // SAFETY: the caller's promise; the array is touched only when the stated length holds it all.
    unsafe {
        let given = element.read_unaligned();
        if !room(&given, size) {
            set_length(element, CK_UNAVAILABLE_INFORMATION);
            return false;
        }
        set_length(element, length(size));
        let mut fits = true;
        if !given.pValue.is_null() {
            let first: *mut CK_ATTRIBUTE = given.pValue.cast();
            for (place, (kind, value)) in template.0.iter().enumerate() {
                let inner = first.add(place);
                (&raw mut (*inner).type_).write_unaligned(*kind);
                fits &= put(inner, value);
            }
        }
        fits
    }
}

/// Whether the attribute has room for `needed` bytes, or only asks for their number. A length that
/// no memory has, such as the `CK_UNAVAILABLE_INFORMATION` of an earlier answer, is no room.
fn room(given: &CK_ATTRIBUTE, needed: usize) -> bool {
    let have = isize::try_from(given.ulValueLen).map(isize::unsigned_abs);
    given.pValue.is_null() || have.is_ok_and(|have| have >= needed)
}

fn length(bytes: usize) -> CK_ULONG {
    CK_ULONG::try_from(bytes).unwrap_or(CK_UNAVAILABLE_INFORMATION)
}

/// Sets an attribute's length, aligned or not.
///
/// # Safety
/// `element` points to an attribute that may be written.
unsafe fn set_length(element: *mut CK_ATTRIBUTE, length: CK_ULONG) {
    // SAFETY: the caller's promise; no alignment is assumed.
    unsafe { (&raw mut (*element).ulValueLen).write_unaligned(length) };
}

#[cfg(test)]
mod tests;
