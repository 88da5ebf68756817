//! Defaults that depend on what else the template says.

use crate::object::attribute::{AttributeType, Attributes, Template, Value};
use crate::object::policy::Role;
use crate::object::schema::family::Family;
use cryptoki_sys::{CKA_DECRYPT, CKA_ENCRYPT, CKA_UNWRAP, CKA_WRAP};

/// The usages of a key for data, and of a wrapping key. One key should not be both.
const DATA: [AttributeType; 2] = [CKA_ENCRYPT, CKA_DECRYPT];
const WRAPPING: [AttributeType; 2] = [CKA_WRAP, CKA_UNWRAP];

/// A template that asks for one of the two roles alone gets it alone: defaults never add the other.
pub(super) fn settle_usage(attributes: &mut Attributes, family: Family, template: &Template) {
    if !family.has_roles() {
        return;
    }
    let asks =
        |usages: [AttributeType; 2]| usages.iter().any(|own| template.bool(*own) == Some(true));
    let unwanted = match (asks(DATA), asks(WRAPPING)) {
        (true, false) => WRAPPING,
        (false, true) => DATA,
        (true, true) | (false, false) => return,
    };
    for usage in unwanted {
        if template.get(usage).is_none() && attributes.flags().get(usage).is_some() {
            attributes.set(usage, Value::Bool(false));
        }
    }
}

/// The role that a key's usages leave no doubt about; `None` where the first use decides. It holds for
/// good: flags that are set later do not change it.
pub(super) fn role_at_birth(attributes: &Attributes, family: Family) -> Option<Role> {
    if !family.has_roles() {
        return None;
    }
    let can = |usages: [AttributeType; 2]| usages.iter().any(|own| attributes.is(*own));
    match (can(DATA), can(WRAPPING)) {
        (true, true) => None,
        (false, true) => Some(Role::Wrapping),
        (true | false, false) => Some(Role::Data),
    }
}
