//! What nearly every call begins with: the session, the object behind a handle, the key to use.

use super::admission::has_policy;
use super::guarding::is_recorded;
use crate::error::{Error, Result};
use crate::mechanism::row::Row;
use crate::module::Module;
use crate::object::Object;
use crate::object::access::{self, State};
use crate::object::attribute::Attributes;
use crate::object::policy::{Act, Decision, judge};
use crate::object::standing::Standing;
use crate::object::usage::{self, Date, Use};
use crate::session::Session;
use crate::session::handles::{ObjectHandle, SessionHandle};
use crate::session::login::Who;
use crate::session::near::{Judged, Stamp};
use crate::session::objects::Place;
use cryptoki_sys::{CKA_ALWAYS_AUTHENTICATE, CKA_PRIVATE};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// A call's session, and the module it belongs to.
pub struct Context<'m> {
    /// The module.
    pub module: &'m Module,
    /// The session.
    pub session: Arc<Session>,
}

impl<'m> Context<'m> {
    /// Finds the session.
    ///
    /// # Errors
    /// `SessionHandleInvalid`.
    pub fn new(module: &'m Module, session: SessionHandle) -> Result<Self> {
        Ok(Context {
            module,
            session: module.session(session)?,
        })
    }

    /// The state that the access matrix asks for.
    #[must_use]
    pub fn state(&self) -> State {
        match (self.session.who(), self.session.is_read_write()) {
            (Who::Nobody, false) => State::RoPublic,
            (Who::Nobody, true) => State::RwPublic,
            (Who::User, false) => State::RoUser,
            (Who::User, true) => State::RwUser,
            (Who::SecurityOfficer, _) => State::RwSo,
        }
    }

    /// The object behind a handle, and where it lives, if this session may see it. What is used much is
    /// near the session.
    ///
    /// # Errors
    /// `ObjectHandleInvalid`; `UserNotLoggedIn` for a private object in a public session.
    pub fn object(&self, handle: ObjectHandle) -> Result<(Arc<Object>, Place)> {
        self.object_at(handle, self.session.stamp())
    }

    /// As [`Context::object`], at a stamp that was read before.
    fn object_at(&self, handle: ObjectHandle, stamp: Stamp) -> Result<(Arc<Object>, Place)> {
        let near = self.session.near().find(handle, stamp);
        let (object, place) = match near {
            Some(found) => found,
            None => {
                let found = self.distant(handle)?;
                self.bring_near(handle, stamp, found)
            }
        };
        self.seen(object, place)
    }

    /// As [`Context::object`], for what will hardly be used again.
    ///
    /// # Errors
    /// As [`Context::object`].
    pub fn object_once(&self, handle: ObjectHandle) -> Result<(Arc<Object>, Place)> {
        let (object, place) = self.distant(handle)?;
        self.seen(object, place)
    }

    fn seen(&self, object: Arc<Object>, place: Place) -> Result<(Arc<Object>, Place)> {
        access::may_see(self.state(), object.attributes())?;
        Ok((object, place))
    }

    /// The object that all sessions share.
    fn distant(&self, handle: ObjectHandle) -> Result<(Arc<Object>, Place)> {
        let slot = self.session.slot().id();
        let objects = &self.module.objects;
        objects.resolve(slot, self.session.token(), handle)
    }

    /// Gives the session a copy of an object that it has used often enough.
    fn bring_near(
        &self,
        handle: ObjectHandle,
        stamp: Stamp,
        (object, place): (Arc<Object>, Place),
    ) -> (Arc<Object>, Place) {
        let own = place == Place::Session(self.session.handle());
        let is_kept = place != Place::Token || self.session.token().keeps_for() > 0;
        if !is_kept || !self.session.near().meet(handle, own) {
            return (object, place);
        }
        let copy = Arc::new(Object::copy_for_session(&object));
        let near = Arc::clone(&copy);
        self.session.near().keep(handle, stamp, near, place);
        // Who ended the object, or changed what the stamp tells, may have looked for copies before this one
        // was in its place.
        if copy.has_ended() || self.session.stamp() != stamp {
            let (id, place) = (copy.id(), place);
            let others = |own: &Object, at: Place| own.id() != id || at != place;
            self.session.near().retain(others);
        }
        (copy, place)
    }

    /// The key behind a handle, checked to be usable in this session.
    ///
    /// # Errors
    /// `no_key` for a bad handle; `UserNotLoggedIn`.
    pub fn key(&self, handle: ObjectHandle, no_key: Error) -> Result<Arc<Object>> {
        self.key_at(handle, no_key, self.session.stamp())
    }

    fn key_at(&self, handle: ObjectHandle, no_key: Error, stamp: Stamp) -> Result<Arc<Object>> {
        let found = self.object_at(handle, stamp);
        let (key, _) = found.map_err(|error| as_key(error, no_key))?;
        self.may_use(&key)?;
        Ok(key)
    }

    /// The session object behind a handle, if it is of a kind that this session may use.
    #[must_use]
    pub fn session_object_of_kind(
        &self,
        handle: ObjectHandle,
        kind: &Attributes,
    ) -> Option<Arc<Object>> {
        let (object, place) = self.distant(handle).ok()?;
        let alike = place != Place::Token && object.attributes().is_of_kind(kind);
        (alike && object.standing() == Standing::Current).then_some(object)
    }

    /// Whether the key is usable in this session at all.
    fn may_use(&self, key: &Object) -> Result<()> {
        access::may_use(self.state(), key.attributes())?;
        if key.standing() >= Standing::ShredPending {
            return Err(Error::KeyFunctionNotPermitted);
        }
        Ok(())
    }

    /// The key behind a handle, checked to permit this use by this mechanism.
    ///
    /// # Errors
    /// Those of [`Context::key`] and of `usage::permit`.
    pub fn usable_key(&self, handle: ObjectHandle, usage: Use, row: &Row) -> Result<Arc<Object>> {
        self.usable_key_at(handle, usage, row, self.session.stamp())
    }

    fn usable_key_at(
        &self,
        handle: ObjectHandle,
        usage: Use,
        row: &Row,
        stamp: Stamp,
    ) -> Result<Arc<Object>> {
        let key = self.key_at(handle, bad_handle(usage), stamp)?;
        usage::permit(usage, key.attributes(), row.mechanism, row.key_types, today)?;
        stands_for(&key, usage)?;
        self.admit(&key, usage, row.mechanism, None)?;
        Ok(key)
    }

    /// The key behind a handle that makes another key, and what rule 33 says of that.
    ///
    /// # Errors
    /// Those of [`Context::usable_key`] and of rule 33.
    pub fn making_key(
        &self,
        handle: ObjectHandle,
        usage: Use,
        row: &Row,
    ) -> Result<(Arc<Object>, Decision)> {
        let stamp = self.session.stamp();
        let act = Judged::alone(usage, row.mechanism);
        if let Some(known) = self.session.near().judged(handle, stamp, &act) {
            return Ok(known);
        }
        let key = self.usable_key_at(handle, usage, row, stamp)?;
        let decision = judge(self.facts(Act::Use(usage), row.mechanism, &key)?)?;
        self.note(handle, stamp, act, &key, &decision);
        Ok((key, decision))
    }

    /// The key behind a handle that wraps another one, that key, and what rule 33 says of both.
    ///
    /// # Errors
    /// Those of [`Context::usable_key`], of `target` and of `judged`.
    pub fn wrapping_key(
        &self,
        handle: ObjectHandle,
        row: &Row,
        target: impl FnOnce() -> Result<Arc<Object>>,
        judged: impl FnOnce(&Object, &Object) -> Result<Decision>,
    ) -> Result<(Arc<Object>, Arc<Object>, Decision)> {
        let stamp = self.session.stamp();
        let alone = Judged::alone(Use::Wrap, row.mechanism);
        let known = self.session.near().judged(handle, stamp, &alone);
        let wrapping = match known {
            Some((key, _)) => key,
            None => {
                let key = self.usable_key_at(handle, Use::Wrap, row, stamp)?;
                self.note(handle, stamp, alone, &key, &Decision::default());
                key
            }
        };
        let target = target()?;
        let act = Judged {
            target: Some((target.id(), target.revision())),
            ..alone
        };
        if let Some((_, decision)) = self.session.near().judged(handle, stamp, &act) {
            return Ok((wrapping, target, decision));
        }
        let decision = judged(&wrapping, &target)?;
        self.note(handle, stamp, act, &wrapping, &decision);
        Ok((wrapping, target, decision))
    }

    /// The same for a use that makes no other key: judged by rule 33 as well. `data` is what the
    /// mechanism authenticates beside the input, where it does.
    ///
    /// # Errors
    /// Those of [`Context::usable_key`] and of rule 33.
    pub fn judged_key(
        &self,
        handle: ObjectHandle,
        usage: Use,
        row: &Row,
        data: Option<&[u8]>,
    ) -> Result<Arc<Object>> {
        let stamp = self.session.stamp();
        let act = Judged::alone(usage, row.mechanism);
        let near = self.session.near().look(handle, stamp, &act);
        let (key, place) = match near {
            Some(found) if found.decision.is_some() => return Ok(found.copy),
            Some(found) => (found.copy, found.place),
            None => {
                let found = self.distant(handle);
                let (key, place) = found.map_err(|error| as_key(error, bad_handle(usage)))?;
                if self.is_like_others(&key, (handle, place), stamp, &act) {
                    return Ok(key);
                }
                self.bring_near(handle, stamp, (key, place))
            }
        };
        access::may_see(self.state(), key.attributes())?;
        self.may_use(&key)?;
        let decision = self.permit(&key, usage, row, data)?;
        self.note(handle, stamp, act, &key, &decision);
        if place != Place::Token && self.lasts(&key, &decision) && is_judged_by_kind(&key, usage) {
            let mut near = self.session.near();
            near.allow_to_kind(stamp, key.attributes(), act);
        }
        Ok(key)
    }

    /// Whether a session key that is hardly used yet may do what others that were made from the same plan may.
    fn is_like_others(
        &self,
        key: &Object,
        (handle, place): (ObjectHandle, Place),
        stamp: Stamp,
        act: &Judged,
    ) -> bool {
        if place == Place::Token || key.standing() != Standing::Current {
            return false;
        }
        let own = place == Place::Session(self.session.handle());
        let mut near = self.session.near();
        near.is_allowed_to_kind(stamp, key.attributes(), act) && !near.meet(handle, own)
    }

    /// Keeps a judgement with the session's copy of the key, if it will be the same until the stamp is
    /// another: a date, a policy, or something to be recorded makes each act one of its own.
    fn note(&self, handle: ObjectHandle, stamp: Stamp, act: Judged, key: &Object, all: &Decision) {
        if self.lasts(key, all) {
            self.session.near().judge(handle, stamp, act, *all);
        }
    }

    /// Whether a judgement will be the same until the stamp is another.
    fn lasts(&self, key: &Object, all: &Decision) -> bool {
        !all.records()
            && self.session.who() == Who::User
            && !has_policy(key.attributes())
            && !usage::has_dates(key.attributes())
    }

    /// Whether a key permits a use by a mechanism, by its own attributes, its policy and rule 33.
    ///
    /// # Errors
    /// Those of `usage::permit`, of the policy and of rule 33.
    pub fn permit(
        &self,
        key: &Object,
        usage: Use,
        row: &Row,
        data: Option<&[u8]>,
    ) -> Result<Decision> {
        usage::permit(usage, key.attributes(), row.mechanism, row.key_types, today)?;
        stands_for(key, usage)?;
        self.admit(key, usage, row.mechanism, data)?;
        self.judge_use(usage, row, key)
    }
}

/// An error of a handle, where a key was wanted.
fn as_key(error: Error, no_key: Error) -> Error {
    match error == Error::ObjectHandleInvalid {
        true => no_key,
        false => error,
    }
}

/// Whether what is judged of a key depends on nothing but what all keys of its kind share: not on a record of
/// what this one did, nor on whether this one is trusted to wrap.
fn is_judged_by_kind(key: &Object, usage: Use) -> bool {
    let carries = matches!(usage, Use::Wrap | Use::Encapsulate);
    !carries && !is_recorded(key)
}

/// The cause for a bad handle of a key that is to be put to a use.
fn bad_handle(usage: Use) -> Error {
    match usage {
        Use::Wrap => Error::WrappingKeyHandleInvalid,
        Use::Unwrap => Error::UnwrappingKeyHandleInvalid,
        Use::Encrypt
        | Use::Decrypt
        | Use::Sign
        | Use::SignRecover
        | Use::Verify
        | Use::VerifyRecover
        | Use::Derive
        | Use::Encapsulate
        | Use::Decapsulate => Error::KeyHandleInvalid,
    }
}

/// Whether a key stands so that it may be put to a use: an older version only undoes what was done with it,
/// one that is to be destroyed does nothing.
///
/// # Errors
/// `KeyFunctionNotPermitted`.
pub(super) fn stands_for(key: &Object, usage: Use) -> Result<()> {
    match key.standing() {
        Standing::Current => Ok(()),
        Standing::Superseded if !usage.protects() => Ok(()),
        Standing::Superseded
        | Standing::ShredPending
        | Standing::Destroyed
        | Standing::Suspended => Err(Error::KeyFunctionNotPermitted),
    }
}

/// Today's date in UTC.
pub(super) fn today() -> Date {
    date_of(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs() / 86_400),
    )
}

/// The date of a day counted from 1970-01-01, by the calendar's cycle of 400 years.
fn date_of(day: u64) -> Date {
    // Counted from 0000-03-01, the leap day is the last day of its year.
    let day = day + 719_468;
    let (era, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    let year = era * 400 + year + carry;
    let text = format!("{year:04}{month:02}{day:02}");
    text.as_bytes()
        .first_chunk()
        .copied()
        .unwrap_or(*b"99991231")
}

/// Whether a logout ends operations with the key, and whether each needs the PIN anew.
#[must_use]
pub fn login_needs(key: &Object) -> (bool, bool) {
    let attributes = key.attributes();
    (
        attributes.is(CKA_PRIVATE),
        attributes.is(CKA_ALWAYS_AUTHENTICATE),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        for (day, date) in [
            (0, b"19700101"),
            (59, b"19700301"),
            (11_016, b"20000229"),
            (20_779, b"20261122"),
        ] {
            assert_eq!(&date_of(day), date);
        }
    }
}
