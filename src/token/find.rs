//! Search: by index where there is one; only what is left is opened.

use super::objects::keyless;
use super::pins::Role;
use super::searches::Search;
use super::{Token, record};
use crate::error::Result;
use crate::object::attribute::{Template, Value};
use crate::object::vendor::{
    CKA_KEYWARD_DOMAIN_KEY_ID, CKA_KEYWARD_DOMAIN_KEY_STATE, CKA_KEYWARD_KEY_VERSION,
    CKA_KEYWARD_STANDING,
};
use crate::object::{ObjectId, read};
use crate::storage::{Column, Query, Scope};
use cryptoki_sys::{CKA_PRIVATE, CKA_TOKEN};

/// Attributes that no stored object has.
const DOMAIN_KEY_ONLY: [u64; 2] = [CKA_KEYWARD_DOMAIN_KEY_ID, CKA_KEYWARD_DOMAIN_KEY_STATE];

impl Token {
    /// The objects that have every attribute of `template`, in the order of their creation: public ones,
    /// and after the user's login private ones too. An object that was tampered with is not found by
    /// attributes that have no index. Older versions of keys, and keys that are to be or were destroyed, are
    /// found by templates that name a version or a standing.
    ///
    /// # Errors
    /// Those of the store.
    pub fn find(&self, template: &Template) -> Result<Vec<ObjectId>> {
        // A repository is asked each time: only this member's changes are known as they happen.
        let own = self.attached()?.is_none();
        let role = self.unlocked.load().as_ref().map(|own| own.role());
        let Some(search) = Search::of(template, role).filter(|_| own) else {
            return self.search(template);
        };
        // Read before the store is: a change in between makes what is kept look old, never new.
        let generation = self.member_generation();
        if let Some(found) = self.searches.known(&search, generation) {
            return Ok(found.to_vec());
        }
        let found = self.search(template)?;
        if self.member_generation() == generation {
            self.searches.keep(search, generation, &found);
        }
        Ok(found)
    }

    /// [`Token::find`] in the store.
    fn search(&self, template: &Template) -> Result<Vec<ObjectId>> {
        let login = self.unlocked.load_full();
        if let Some(unlocked) = &login {
            self.keyring(unlocked).map(drop).or_else(keyless)?;
        }
        let user = login
            .as_ref()
            .filter(|unlocked| unlocked.role() == Role::User);
        let keys = login
            .as_ref()
            .map(|unlocked| self.row_keys(unlocked))
            .transpose()
            .or_else(|error| keyless(error).map(|()| None))?;
        let blind = keys.as_ref().filter(|_| user.is_some());
        let Some((query, opened)) = plan(template, blind.map(|keys| &*keys.index)) else {
            return Ok(Vec::new());
        };
        let store = match (&keys, self.attached()?) {
            (Some(keys), _) => self.store_of(keys)?,
            (None, Some(_)) => self.repository()?,
            (None, None) => &*self.store,
        };
        // Domain keys alone have these, and they are not stored: no object need be opened for them.
        let stored = !template
            .0
            .iter()
            .any(|(kind, _)| DOMAIN_KEY_ONLY.contains(kind));
        let mut found = if stored {
            store.reading(|reader| reader.find(&query))?
        } else {
            Vec::new()
        };
        if opened {
            found.retain(|id| {
                self.load(*id)
                    .is_ok_and(|object| read::matches(&object, template))
            });
        }
        if let Some(unlocked) = user {
            found.extend(self.find_domain_keys(unlocked, template));
        }
        found.extend(Token::find_built_in(template));
        Ok(found)
    }
}

/// What of a template the indexes answer, and whether what they find must be opened for the rest;
/// `None` when nothing can match.
fn plan(template: &Template, blind: Option<&[u8; 32]>) -> Option<(Query, bool)> {
    let mut query = Query::default();
    if blind.is_some() {
        query.scope = Scope::All;
    }
    let mut opened = false;
    for (kind, value) in &template.0 {
        let column = Column::ALL
            .into_iter()
            .find(|column| record::attribute_of(*column) == *kind);
        match (*kind, value, column) {
            (CKA_TOKEN, Value::Bool(true), _) => {}
            (CKA_TOKEN, _, _) => return None,
            (CKA_PRIVATE, Value::Bool(true), _) if blind.is_none() => return None,
            (CKA_PRIVATE, Value::Bool(true), _) => query.scope = Scope::Private,
            (CKA_PRIVATE, Value::Bool(false), _) => query.scope = Scope::Public,
            (_, _, Some(column)) => {
                let plain = record::index_key(column, value, None)?;
                let blinded = blind.and_then(|key| record::index_key(column, value, Some(key)));
                query
                    .conditions
                    .push((column, std::iter::once(plain).chain(blinded).collect()));
            }
            (_, _, None) => {
                opened = true;
                // Who names these looks for more than what is in use.
                query.any_standing |=
                    matches!(*kind, CKA_KEYWARD_KEY_VERSION | CKA_KEYWARD_STANDING);
            }
        }
    }
    Some((query, opened))
}
