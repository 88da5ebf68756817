//! Mechanism and profile objects: what the module offers, as objects that are not stored. Only a search
//! for their class finds them, so that programs that do not know them never meet them (PKCS #11 3.2,
//! sections 4.12 and 4.13).

use super::Token;
use crate::mechanism::table;
use crate::object::attribute::{Attributes, Template, Value};
use crate::object::{Object, ObjectId, read};
use cryptoki_sys::{
    CKA_CLASS, CKA_COPYABLE, CKA_DESTROYABLE, CKA_MECHANISM_TYPE, CKA_MODIFIABLE, CKA_PRIVATE,
    CKA_PROFILE_ID, CKA_TOKEN, CKO_MECHANISM, CKO_PROFILE, CKP_AUTHENTICATION_TOKEN,
    CKP_BASELINE_PROVIDER, CKP_EXTENDED_PROVIDER,
};
use std::sync::Arc;

/// What the id of a mechanism object begins with; its number follows.
const MECHANISM: [u8; 8] = *b"mechanis";
/// What the id of a profile object begins with; its number follows.
const PROFILE: [u8; 8] = *b"profile:";
/// The profiles that the module fulfils, whatever is on the token. That of public certificates depends on the
/// token's objects; that of a complete provider wants every mechanism of the standard.
const PROFILES: [u64; 3] = [
    CKP_BASELINE_PROVIDER,
    CKP_EXTENDED_PROVIDER,
    CKP_AUTHENTICATION_TOKEN,
];

impl Token {
    /// The mechanism or profile object with this id.
    pub(super) fn built_in(id: ObjectId) -> Option<Arc<Object>> {
        let (kind, number) = id.0.split_first_chunk::<8>()?;
        let number = u64::from_be_bytes(*number.first_chunk()?);
        let attributes = match *kind {
            MECHANISM => described(
                CKO_MECHANISM,
                CKA_MECHANISM_TYPE,
                table::row(number)?.mechanism,
            ),
            PROFILE => {
                let own = PROFILES.into_iter().find(|own| *own == number)?;
                described(CKO_PROFILE, CKA_PROFILE_ID, own)
            }
            _ => return None,
        };
        Some(Arc::new(Object::new(id, 1, attributes)))
    }

    /// The mechanism or profile objects that match a template; none unless it names their class.
    pub(super) fn find_built_in(template: &Template) -> Vec<ObjectId> {
        let ids: Vec<ObjectId> = match template.ulong(CKA_CLASS) {
            Some(CKO_MECHANISM) => table::rows()
                .map(|row| numbered(MECHANISM, row.mechanism))
                .collect(),
            Some(CKO_PROFILE) => PROFILES.map(|own| numbered(PROFILE, own)).to_vec(),
            _ => return Vec::new(),
        };
        let wanted = |id: &ObjectId| {
            Token::built_in(*id).is_some_and(|object| read::matches(&object, template))
        };
        ids.into_iter().filter(wanted).collect()
    }
}

/// The id of an object of a kind.
fn numbered(kind: [u8; 8], number: u64) -> ObjectId {
    let mut id = [0; 16];
    for (place, byte) in id
        .iter_mut()
        .zip(kind.into_iter().chain(number.to_be_bytes()))
    {
        *place = byte;
    }
    ObjectId(id)
}

/// A public object that nobody changes, with one number.
fn described(class: u64, kind: u64, number: u64) -> Attributes {
    [
        (CKA_CLASS, Value::Ulong(class)),
        (kind, Value::Ulong(number)),
        (CKA_TOKEN, Value::Bool(true)),
        (CKA_PRIVATE, Value::Bool(false)),
        (CKA_MODIFIABLE, Value::Bool(false)),
        (CKA_COPYABLE, Value::Bool(false)),
        (CKA_DESTROYABLE, Value::Bool(false)),
    ]
    .into_iter()
    .collect()
}
