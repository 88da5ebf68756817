//! From an object to another: changed, copied, or restored from a key token.

use super::own_row;
use crate::error::{Error, Result};
use crate::object::access::State;
use crate::object::attribute::{AttributeType, Attributes, Template, Value};
use crate::object::policy::Role;
use crate::object::schema::family::Family;
use crate::object::schema::{Row, Rules};
use crate::object::vendor::{
    CKA_KEYWARD_CARRIED, CKA_KEYWARD_FAMILY, CKA_KEYWARD_KEY_VERSION, CKA_KEYWARD_LINEAGE,
    CKA_KEYWARD_POLICY, CKA_KEYWARD_ROLE, CKA_KEYWARD_UPDATE,
};
use crate::object::{Object, classes, policy, read};
use cryptoki_sys::{
    CKA_CHECK_VALUE, CKA_CLASS, CKA_EXTRACTABLE, CKA_KEY_TYPE, CKA_PRIVATE, CKA_SENSITIVE,
    CKA_TOKEN, CKA_TRUSTED, CKA_VALUE_LEN, CKO_CERTIFICATE,
};

/// `C_SetAttributeValue`: the object's next attributes. Whether the session may change the object is
/// [`crate::object::access::may_change`]'s to say.
///
/// # Errors
/// `AttributeReadOnly` for what cannot be changed, or not in this direction; else as
/// [`super::create`]. `ActionProhibited` for a trusted certificate, unless by the SO.
pub fn set(object: &Attributes, template: &Template, state: State) -> Result<Attributes> {
    let trusted = object.class() == Some(CKO_CERTIFICATE) && object.is(CKA_TRUSTED);
    if trusted && !state.is_so() {
        return Err(Error::ActionProhibited);
    }
    change(object, template, state, Rules::SETTABLE)
}

/// `C_CopyObject`: the copy's attributes. The copy shares its source's lineage, so that neither can be
/// used in a role that the other is barred from, nor more often than their policy says.
///
/// # Errors
/// As [`set`]; `TemplateInconsistent` for a public copy of a private object.
pub fn copy(source: &Object, template: &Template, state: State) -> Result<Attributes> {
    let own = source.attributes();
    if own.is(CKA_PRIVATE) && template.bool(CKA_PRIVATE) == Some(false) {
        return Err(Error::TemplateInconsistent(CKA_PRIVATE));
    }
    let mut copy = change(
        own,
        template,
        state,
        Rules::SETTABLE.and(Rules::COPY_SETTABLE),
    )?;
    let has_roles = policy::has_roles(own);
    // A copy is no version of the family.
    copy.remove(CKA_KEYWARD_FAMILY);
    copy.remove(CKA_KEYWARD_KEY_VERSION);
    copy.remove(CKA_KEYWARD_UPDATE);
    let counted = own.value(CKA_KEYWARD_POLICY).is_some();
    if counted || has_roles && policy::role_of(own) != Role::Data {
        copy.set(
            CKA_KEYWARD_LINEAGE,
            Value::Bytes(policy::lineage(source).to_vec()),
        );
    }
    Ok(copy)
}

/// A key from a key token, which restores what it was. The caller says where it lives, and may tighten;
/// whatever else the template asks is outranked by the token, because stock tools always ask.
///
/// # Errors
/// `TemplateInconsistent` when the caller expects another class or type of key,
/// `WrappedKeyLenRange` when another length.
pub fn restore(mut key: Attributes, template: &Template) -> Result<Attributes> {
    for expected in [CKA_CLASS, CKA_KEY_TYPE] {
        let asked = template.ulong(expected);
        if asked.is_some() && asked != key.ulong(expected) {
            return Err(Error::TemplateInconsistent(expected));
        }
    }
    if let Some(asked) = template.get(CKA_VALUE_LEN)
        && let Some(family) = Family::of_object(&key)
        && read::computed(&key, family, CKA_VALUE_LEN).as_deref() != Some(asked)
    {
        return Err(Error::WrappedKeyLenRange);
    }
    key.set(
        CKA_TOKEN,
        Value::Bool(template.bool(CKA_TOKEN) == Some(true)),
    );
    if key.is(CKA_TOKEN) {
        // The repository has the versions of the family; this is none of them.
        key.remove(CKA_KEYWARD_FAMILY);
        key.remove(CKA_KEYWARD_KEY_VERSION);
    }
    if template.bool(CKA_SENSITIVE) == Some(true) {
        key.set(CKA_SENSITIVE, Value::Bool(true));
    }
    if template.bool(CKA_EXTRACTABLE) == Some(false) {
        key.set(CKA_EXTRACTABLE, Value::Bool(false));
    }
    Ok(key)
}

/// The object with the template's attributes, each of which a rule of `permitted` must allow.
fn change(
    object: &Attributes,
    template: &Template,
    state: State,
    permitted: Rules,
) -> Result<Attributes> {
    let family = Family::of_object(object).ok_or(Error::Internal("an object without a class"))?;
    let mut changed = object.clone();
    for (kind, value) in &template.0 {
        let Some(row) = own_row(*kind, value, family)? else {
            continue;
        };
        let value = classes::checked(row, family, value)?;
        let copying = permitted.any(Rules::COPY_SETTABLE);
        if copying && read::current(object, family, *kind).as_deref() == Some(&value) {
            continue;
        }
        if !row.rules.any(permitted) {
            return Err(Error::AttributeReadOnly(*kind));
        }
        may_move(row, object, &value, state)?;
        match *kind {
            CKA_CHECK_VALUE => drop_check_value(&mut changed, &value)?,
            kind if row.rules.any(Rules::FOUND) => agree(object, family, kind, &value)?,
            kind => changed.set(kind, value),
        }
    }
    classes::consistent(&changed)?;
    Ok(changed)
}

/// Whether an attribute may go from what it is to `next`: one-way flags never come back.
fn may_move(row: &Row, object: &Attributes, next: &Value, state: State) -> Result<()> {
    let now = object.is(row.attribute);
    let moves = *next == Value::Bool(!now);
    let stuck = (now && row.rules.any(Rules::STAYS_TRUE))
        || (!now && row.rules.any(Rules::STAYS_FALSE))
        || (row.rules.any(Rules::SO_ONLY) && !state.is_so());
    if moves && stuck {
        Err(Error::AttributeReadOnly(row.attribute))
    } else {
        Ok(())
    }
}

/// A check value can be taken away, never changed.
fn drop_check_value(object: &mut Attributes, value: &Value) -> Result<()> {
    if value.as_bytes().is_some_and(<[u8]>::is_empty) {
        object.set(CKA_CHECK_VALUE, Value::Bytes(Vec::new()));
        return Ok(());
    }
    Err(Error::AttributeValueInvalid(CKA_CHECK_VALUE))
}

/// What the module finds itself can be said again, but not otherwise.
fn agree(object: &Attributes, family: Family, kind: AttributeType, value: &Value) -> Result<()> {
    if read::computed(object, family, kind).as_deref() == Some(value) {
        return Ok(());
    }
    Err(Error::AttributeValueInvalid(kind))
}

/// Makes what is known of a key's uses part of the key, as a key token carries it.
#[must_use]
pub fn with_role(mut key: Attributes, uses: policy::RoleState) -> Attributes {
    if policy::has_roles(&key) {
        key.set(CKA_KEYWARD_ROLE, Value::Ulong(uses.role.number()));
        key.set(CKA_KEYWARD_CARRIED, Value::Bool(uses.carried));
    }
    key
}
