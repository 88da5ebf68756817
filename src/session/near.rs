//! What a session keeps near: its own copies of the objects that it uses much, what those were judged
//! to be allowed, and the plans of the session keys that it makes again and again. Sessions that work side by
//! side with one key then write to no memory that both use, not even a reference count, and judge and plan
//! nothing twice.
//!
//! A copy is as good as its original: it is not used once the original has ended, and a copy of a token's
//! object, like every judgement, counts only while nothing of the token has changed and nobody has logged
//! in or out. It goes when the original does, at logout, and when it was not used for as long as opened
//! objects are kept.
//!
//! Session keys that were made from one plan differ in nothing but their value. What one of them was judged to
//! be allowed holds for the next, which nobody has used before.

use super::handles::ObjectHandle;
use super::objects::Place;
use crate::object::attribute::{Attributes, Template};
use crate::object::build::again::{Again, Asked, Kept};
use crate::object::policy::Decision;
use crate::object::usage::Use;
use crate::object::{Object, ObjectId};
use std::sync::Arc;

/// The places for copies; a handle has one of them.
const PLACES: usize = 16;
/// After so many uses of an object of the session's own it gets a copy.
const OWN_USES: u32 = 8;
/// The same for other objects, which other sessions may use at the same time.
const OTHER_USES: u32 = 2;
/// The most judgements kept of one object, or one kind of objects.
const JUDGEMENTS: usize = 8;
/// The most plans kept of one unwrapping key, or for generation; and the most kinds of objects.
const PLANS: usize = 4;

/// What judgements, and copies of token objects, depend on: they hold while it stands still.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stamp {
    /// The token's generation.
    pub generation: u64,
    /// How often somebody has logged in or out.
    pub logins: u64,
}

/// An act that was judged.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Judged {
    /// The use.
    pub usage: Use,
    /// The mechanism, `CKM_…`.
    pub mechanism: u64,
    /// The key that was wrapped, and its revision.
    pub target: Option<(ObjectId, u64)>,
}

impl Judged {
    /// An act of one key alone.
    #[must_use]
    pub fn alone(usage: Use, mechanism: u64) -> Self {
        Judged {
            usage,
            mechanism,
            target: None,
        }
    }
}

struct Entry {
    handle: ObjectHandle,
    place: Place,
    copy: Arc<Object>,
    judged: Vec<(Judged, Decision)>,
    /// Of an unwrapping key: what is made with it.
    plans: Vec<Kept>,
}

/// What is near under a handle.
pub struct Found {
    /// The copy.
    pub copy: Arc<Object>,
    /// Where the original lives.
    pub place: Place,
    /// The judgement of the act asked about.
    pub decision: Option<Decision>,
}

/// See the module.
#[derive(Default)]
pub struct Near {
    stamp: Stamp,
    kept: Option<Box<All>>,
}

#[derive(Default)]
struct All {
    entries: [Option<Entry>; PLACES],
    /// Handles that were used, and how often.
    met: [(u64, u32); PLACES],
    /// What is generated.
    generations: Vec<Kept>,
    /// What objects of a kind may do.
    kinds: Vec<(Attributes, Vec<Judged>)>,
}

/// The place of a handle.
fn place_of(handle: ObjectHandle) -> usize {
    let spread = handle.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 60;
    usize::try_from(spread).unwrap_or(0) % PLACES
}

impl Near {
    /// The copy of what a handle stands for, and where the original lives.
    pub fn find(&mut self, handle: ObjectHandle, stamp: Stamp) -> Option<(Arc<Object>, Place)> {
        let entry = self.entry(handle, stamp)?;
        entry.copy.touch();
        Some((Arc::clone(&entry.copy), entry.place))
    }

    /// As [`Near::find`], with the judgement of an act, if there is one.
    pub fn look(&mut self, handle: ObjectHandle, stamp: Stamp, act: &Judged) -> Option<Found> {
        let entry = self.entry(handle, stamp)?;
        entry.copy.touch();
        Some(Found {
            copy: Arc::clone(&entry.copy),
            place: entry.place,
            decision: entry.judgement(act),
        })
    }

    /// As [`Near::find`], when an act of the object is known to be allowed: with the judgement.
    pub fn judged(
        &mut self,
        handle: ObjectHandle,
        stamp: Stamp,
        act: &Judged,
    ) -> Option<(Arc<Object>, Decision)> {
        let found = self.look(handle, stamp, act)?;
        Some((found.copy, found.decision?))
    }

    /// A wrapping key and the key that it is to wrap, when that is known to be allowed: with the judgement.
    pub fn judged_pair(
        &mut self,
        wrapping: ObjectHandle,
        target: ObjectHandle,
        stamp: Stamp,
        mechanism: u64,
    ) -> Option<(Arc<Object>, Arc<Object>, Decision)> {
        let target = self.find(target, stamp)?.0;
        let act = Judged {
            target: Some((target.id(), target.revision())),
            ..Judged::alone(Use::Wrap, mechanism)
        };
        let (wrapping, decision) = self.judged(wrapping, stamp, &act)?;
        Some((wrapping, target, decision))
    }

    /// The unwrapping key behind a handle and the plan of what is asked to be made with it, if both are known.
    pub fn planned(
        &mut self,
        handle: ObjectHandle,
        stamp: Stamp,
        mechanism: u64,
        asked: &impl Asked,
    ) -> Option<(Arc<Object>, Again)> {
        let entry = self.entry(handle, stamp)?;
        let mut plans = entry.plans.iter();
        let kept = plans.find(|kept| kept.answers(mechanism, asked))?;
        entry.copy.touch();
        Some((Arc::clone(&entry.copy), kept.plan()))
    }

    /// Keeps a plan of what is made with an unwrapping key, if it is known to be allowed to.
    pub fn keep_plan(&mut self, handle: ObjectHandle, stamp: Stamp, act: &Judged, plan: Kept) {
        let entry = self.entry(handle, stamp);
        if let Some(entry) = entry.filter(|entry| entry.judgement(act).is_some()) {
            keep_few(&mut entry.plans, plan, PLANS);
        }
    }

    /// The template and plan of what is asked to be generated, if it is known.
    pub fn generation(
        &mut self,
        stamp: Stamp,
        mechanism: u64,
        asked: &impl Asked,
    ) -> Option<(Arc<Template>, Again)> {
        self.catch_up(stamp);
        let mut plans = self.kept.as_ref()?.generations.iter();
        let kept = plans.find(|kept| kept.answers(mechanism, asked))?;
        Some((kept.template(), kept.plan()))
    }

    /// Keeps a plan of what is generated.
    pub fn keep_generation(&mut self, stamp: Stamp, plan: Kept) {
        self.catch_up(stamp);
        let all = self.kept.get_or_insert_default();
        keep_few(&mut all.generations, plan, PLANS);
    }

    /// Whether an act is known to be allowed to objects of the kind of these attributes.
    pub fn is_allowed_to_kind(&mut self, stamp: Stamp, own: &Attributes, act: &Judged) -> bool {
        self.catch_up(stamp);
        let kinds = self.kept.iter().flat_map(|all| &all.kinds);
        let mut alike = kinds.filter(|(kind, _)| own.is_of_kind(kind));
        alike.any(|(_, acts)| acts.contains(act))
    }

    /// Keeps that an act is allowed to objects of the kind of these attributes.
    pub fn allow_to_kind(&mut self, stamp: Stamp, own: &Attributes, act: Judged) {
        self.catch_up(stamp);
        let kinds = &mut self.kept.get_or_insert_default().kinds;
        match kinds.iter_mut().find(|(kind, _)| own.is_of_kind(kind)) {
            Some((_, acts)) => keep_few(acts, act, JUDGEMENTS),
            None => keep_few(kinds, (own.kind(), vec![act]), PLANS),
        }
    }

    /// Counts a use of an object that has no copy yet; whether it should have one.
    pub fn meet(&mut self, handle: ObjectHandle, is_own: bool) -> bool {
        let kept = self.kept.get_or_insert_default();
        let Some((known, uses)) = kept.met.get_mut(place_of(handle)) else {
            return false;
        };
        if *known != handle.0 {
            (*known, *uses) = (handle.0, 0);
        }
        *uses = uses.saturating_add(1);
        *uses >= if is_own { OWN_USES } else { OTHER_USES }
    }

    /// Keeps a copy of what a handle stood for at `stamp`, in the place of what was kept there.
    pub fn keep(&mut self, handle: ObjectHandle, stamp: Stamp, copy: Arc<Object>, place: Place) {
        self.catch_up(stamp);
        let kept = self.kept.get_or_insert_default();
        if let Some(own) = kept.entries.get_mut(place_of(handle)) {
            *own = Some(Entry {
                handle,
                place,
                copy,
                judged: Vec::new(),
                plans: Vec::new(),
            });
        }
    }

    /// Keeps a judgement of an object that has a copy.
    pub fn judge(&mut self, handle: ObjectHandle, stamp: Stamp, act: Judged, decision: Decision) {
        if let Some(entry) = self.entry(handle, stamp) {
            keep_few(&mut entry.judged, (act, decision), JUDGEMENTS);
        }
    }

    /// Lets go of what `stays` does not say to keep.
    pub fn retain(&mut self, stays: impl Fn(&Object, Place) -> bool) {
        let entries = self.kept.iter_mut().flat_map(|kept| &mut kept.entries);
        for own in entries {
            own.take_if(|entry| !stays(&entry.copy, entry.place));
        }
    }

    /// Lets go of everything.
    pub fn clear(&mut self) {
        self.kept = None;
    }

    fn entry(&mut self, handle: ObjectHandle, stamp: Stamp) -> Option<&mut Entry> {
        self.catch_up(stamp);
        let place = self.kept.as_mut()?.entries.get_mut(place_of(handle))?;
        place.take_if(|entry| entry.handle == handle && entry.copy.has_ended());
        place.as_mut().filter(|entry| entry.handle == handle)
    }

    /// What was kept at another stamp counts no more.
    fn catch_up(&mut self, stamp: Stamp) {
        if self.stamp == stamp {
            return;
        }
        self.stamp = stamp;
        let Some(all) = &mut self.kept else {
            return;
        };
        all.generations.clear();
        all.kinds.clear();
        for own in &mut all.entries {
            own.take_if(|entry| matches!(entry.place, Place::Token));
            if let Some(entry) = own {
                entry.judged.clear();
                entry.plans.clear();
            }
        }
    }
}

impl Entry {
    fn judgement(&self, act: &Judged) -> Option<Decision> {
        let mut known = self.judged.iter();
        known.find(|(known, _)| known == act).map(|(_, all)| *all)
    }
}

/// Adds to a short list, which begins anew when it is full.
fn keep_few<T>(list: &mut Vec<T>, new: T, most: usize) {
    if list.len() >= most {
        list.clear();
    }
    list.push(new);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::attribute::Attributes;
    use crate::session::handles::SessionHandle;

    const HANDLE: ObjectHandle = ObjectHandle(77);
    const NOW: Stamp = Stamp {
        generation: 1,
        logins: 1,
    };
    const LATER: Stamp = Stamp {
        generation: 2,
        logins: 1,
    };
    const ACT: Judged = Judged {
        usage: Use::Encrypt,
        mechanism: 1,
        target: None,
    };

    fn near(place: Place) -> (Near, Arc<Object>) {
        let original = Arc::new(Object::new(ObjectId([1; 16]), 1, Attributes::default()));
        let mut near = Near::default();
        let copy = Arc::new(Object::copy_for_session(&original));
        near.keep(HANDLE, NOW, copy, place);
        near.judge(HANDLE, NOW, ACT, Decision::default());
        (near, original)
    }

    #[test]
    fn a_copy_ends_with_its_original() {
        let (mut near, original) = near(Place::Session(SessionHandle(1)));
        assert!(near.find(HANDLE, NOW).is_some());
        assert!(original.end());
        assert!(near.find(HANDLE, NOW).is_none());
        assert_eq!(Arc::strong_count(&original), 1);
    }

    #[test]
    fn a_change_ends_judgements_and_copies_of_token_objects() {
        let (mut session, _original) = near(Place::Session(SessionHandle(1)));
        assert!(session.judged(HANDLE, NOW, &ACT).is_some());
        assert!(session.judged(HANDLE, LATER, &ACT).is_none());
        assert!(session.find(HANDLE, LATER).is_some());
        let (mut token, original) = near(Place::Token);
        assert!(token.find(HANDLE, LATER).is_none());
        assert_eq!(Arc::strong_count(&original), 1);
    }

    #[test]
    fn only_what_was_judged_is_allowed() {
        let (mut near, _original) = near(Place::Token);
        let others = [
            Judged {
                usage: Use::Decrypt,
                ..ACT
            },
            Judged {
                mechanism: 2,
                ..ACT
            },
            Judged {
                target: Some((ObjectId([1; 16]), 1)),
                ..ACT
            },
        ];
        for other in others {
            assert!(near.judged(HANDLE, NOW, &other).is_none());
        }
        assert!(near.judged(ObjectHandle(78), NOW, &ACT).is_none());
    }

    #[test]
    fn what_is_used_once_gets_no_copy() {
        let mut near = Near::default();
        assert!(!near.meet(HANDLE, false));
        assert!(near.meet(HANDLE, false));
        assert!(!near.meet(ObjectHandle(1001), true));
    }
}
