//! Domain keys as objects: read-only AES keys that wrap and unwrap and do nothing else
//! (system requirement 2.7). They are not stored, but made from the keyring.

use super::pins::Role;
use super::{Token, Unlocked};
use crate::domain::keyring::{KeyState, Keyring, RingKey};
use crate::object::attribute::{Attributes, Template, Value};
use crate::object::policy::Role as KeyRole;
use crate::object::vendor::{
    CKA_KEYWARD_CARRIED, CKA_KEYWARD_DOMAIN_KEY_ID, CKA_KEYWARD_DOMAIN_KEY_STATE, CKA_KEYWARD_ROLE,
};
use crate::object::{Object, ObjectId, read};
use cryptoki_sys::{
    CKA_ALWAYS_SENSITIVE, CKA_CLASS, CKA_COPYABLE, CKA_DECRYPT, CKA_DERIVE, CKA_DESTROYABLE,
    CKA_ENCRYPT, CKA_EXTRACTABLE, CKA_ID, CKA_KEY_GEN_MECHANISM, CKA_KEY_TYPE, CKA_LABEL,
    CKA_LOCAL, CKA_MODIFIABLE, CKA_NEVER_EXTRACTABLE, CKA_PRIVATE, CKA_SENSITIVE, CKA_SIGN,
    CKA_TOKEN, CKA_UNWRAP, CKA_VALUE, CKA_VERIFY, CKA_WRAP, CKK_AES, CKM_AES_KEY_GEN,
    CKO_SECRET_KEY,
};
use std::sync::Arc;

/// The flags of every domain key; `CKA_WRAP` is the active one's alone.
const FLAGS: [(u64, bool); 18] = [
    (CKA_TOKEN, true),
    (CKA_PRIVATE, true),
    (CKA_SENSITIVE, true),
    (CKA_ALWAYS_SENSITIVE, true),
    (CKA_EXTRACTABLE, false),
    (CKA_NEVER_EXTRACTABLE, true),
    (CKA_LOCAL, true),
    (CKA_MODIFIABLE, false),
    (CKA_COPYABLE, false),
    (CKA_DESTROYABLE, false),
    (CKA_ENCRYPT, false),
    (CKA_DECRYPT, false),
    (CKA_SIGN, false),
    (CKA_VERIFY, false),
    (CKA_DERIVE, false),
    (CKA_UNWRAP, true),
    // What it wrapped elsewhere may have been sensitive.
    (CKA_KEYWARD_CARRIED, true),
    (CKA_WRAP, false),
];

impl Token {
    /// The domain key with this id as an object, for a logged-in user.
    pub(super) fn domain_key(&self, unlocked: &Unlocked, id: ObjectId) -> Option<Arc<Object>> {
        if unlocked.role() != Role::User {
            return None;
        }
        self.keyring(unlocked).ok()?;
        let objects = &unlocked.view().domain_keys;
        objects.iter().find(|own| own.id() == id).cloned()
    }

    /// The domain keys that match a template.
    pub(super) fn find_domain_keys(
        &self,
        unlocked: &Unlocked,
        template: &Template,
    ) -> Vec<ObjectId> {
        // A module that holds no keys of its domain shows none.
        if self.keyring(unlocked).is_err() {
            return Vec::new();
        }
        let view = unlocked.view();
        let objects = view.domain_keys.iter();
        objects
            .filter(|object| read::matches(object, template))
            .map(|object| object.id())
            .collect()
    }
}

/// The keys of a ring as objects. They live as long as the ring is the installed one.
pub(super) fn objects(ring: &Keyring) -> Vec<Arc<Object>> {
    ring.keys()
        .iter()
        .map(|own| Arc::new(object(own)))
        .collect()
}

/// A domain key as an object. Its value is the subkey for standard key wrap, so that the ordinary
/// mechanisms work on it.
fn object(own: &RingKey) -> Object {
    let id = own.key.id();
    let state = match own.state {
        KeyState::Pending => 0,
        KeyState::Active => 1,
        KeyState::DecryptOnly => 2,
    };
    let mut attributes: Attributes = FLAGS
        .into_iter()
        .map(|(kind, value)| (kind, Value::Bool(value)))
        .collect();
    attributes.set(CKA_WRAP, Value::Bool(own.state == KeyState::Active));
    for (kind, value) in [
        (CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)),
        (CKA_KEY_TYPE, Value::Ulong(CKK_AES)),
        (CKA_KEY_GEN_MECHANISM, Value::Ulong(CKM_AES_KEY_GEN)),
        (
            CKA_LABEL,
            Value::Bytes(format!("domain key ({})", own.state).into_bytes()),
        ),
        (CKA_ID, Value::Bytes(id.0.to_vec())),
        (CKA_KEYWARD_DOMAIN_KEY_ID, Value::Bytes(id.0.to_vec())),
        (CKA_KEYWARD_DOMAIN_KEY_STATE, Value::Ulong(state)),
        (CKA_KEYWARD_ROLE, Value::Ulong(KeyRole::Wrapping.number())),
        (CKA_VALUE, Value::secret(own.key.wrap().duplicate())),
    ] {
        attributes.set(kind, value);
    }
    Object::new(ObjectId(id.0), 1, attributes)
}
