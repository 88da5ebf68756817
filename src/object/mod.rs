//! Objects: attributes, the schema that rules them, and who may do what with which object.
#![forbid(unsafe_code)]

pub mod access;
pub mod age;
pub mod attribute;
pub mod build;
mod classes;
mod derived;
pub mod flags;
pub mod history;
pub mod material;
pub mod parameter_sets;
pub mod policy;
pub mod read;
pub mod schema;
pub mod standing;
pub mod usage;
pub mod vendor;

use crate::crypto::random::ThreadGenerator;
use crate::error::Result;
use crate::secret::{KEY_STACK, SecretBytes, apart};
use attribute::Attributes;
use rand::Rng;
use standing::Standing;
use std::any::Any;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// The lasting name of an object: 16 random bytes, shown in hexadecimal (`CKA_UNIQUE_ID`).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ObjectId(pub [u8; 16]);

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// One object in one revision. Immutable: a change makes a new `Object` with the next revision.
pub struct Object {
    /// Of a session object given when it is first asked for: most are gone before anybody does.
    id: OnceLock<ObjectId>,
    revision: u64,
    standing: Standing,
    attributes: Attributes,
    prepared: OnceLock<Arc<dyn Any + Send + Sync>>,
    last_use: age::LastUse,
    /// What this is a copy of, for a session that uses it much.
    original: Option<Arc<Object>>,
    /// Whether there are such copies.
    copied: AtomicBool,
    /// Whether the object is no more, though somebody may still hold it.
    ended: AtomicBool,
}

impl Object {
    /// An object with these attributes. The revision of a new object is 1.
    #[must_use]
    pub fn new(id: ObjectId, revision: u64, attributes: Attributes) -> Self {
        let object = Object {
            revision,
            ..Object::of_session(attributes)
        };
        // It is the first to be set.
        let _ = object.id.set(id);
        object
    }

    /// An object that is stored nowhere, in its first revision, with an id of its own.
    #[must_use]
    pub fn of_session(attributes: Attributes) -> Self {
        Object {
            id: OnceLock::new(),
            revision: 1,
            standing: Standing::Current,
            attributes,
            prepared: OnceLock::new(),
            last_use: age::LastUse::now(),
            original: None,
            copied: AtomicBool::new(false),
            ended: AtomicBool::new(false),
        }
    }

    /// The same object once more, for one session: who uses it writes to no memory that users of the
    /// original write to, not even a count. Secret attributes are shared; what is prepared of a key is not.
    #[must_use]
    pub fn copy_for_session(original: &Arc<Self>) -> Self {
        original.copied.store(true, Ordering::SeqCst);
        Object {
            standing: original.standing,
            original: Some(Arc::clone(original)),
            ..Object::new(
                original.id(),
                original.revision,
                original.attributes.clone(),
            )
        }
    }

    /// Says that the object is no more: copies of it must not be used. Answers whether there are any.
    pub fn end(&self) -> bool {
        // Whoever makes a copy marks the original first, and looks at `ended` after it has put the copy
        // where the one who ends it will look.
        self.ended.store(true, Ordering::SeqCst);
        self.copied.load(Ordering::SeqCst)
    }

    /// Whether the object, or what it is a copy of, is no more.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        let original = self.original.as_deref().unwrap_or(self);
        original.ended.load(Ordering::SeqCst)
    }

    /// Notes that the object was used.
    pub fn touch(&self) {
        let original = self.original.as_deref().unwrap_or(self);
        original.last_use.touch();
    }

    /// For how many seconds it was not.
    #[must_use]
    pub fn idle_seconds(&self) -> u32 {
        let original = self.original.as_deref().unwrap_or(self);
        original.last_use.seconds()
    }

    /// The same, standing like this.
    #[must_use]
    pub fn standing_as(mut self, standing: Standing) -> Self {
        self.standing = standing;
        self
    }

    /// How the object stands.
    #[must_use]
    pub fn standing(&self) -> Standing {
        self.standing
    }

    /// The object's lasting name. Panics, and so fails the call that it is in, when a session object is to
    /// be named and the operating system gives no randomness.
    #[must_use]
    pub fn id(&self) -> ObjectId {
        *self.id.get_or_init(|| {
            let mut id = [0; 16];
            ThreadGenerator.fill_bytes(&mut id);
            ObjectId(id)
        })
    }

    /// The number of the object's changes so far, counted from 1.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The object's attributes.
    #[must_use]
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// The secret key value (`CKA_VALUE` of a secret key), if the object has one.
    #[must_use]
    pub fn secret_value(&self) -> Option<&SecretBytes> {
        self.attributes.secret(cryptoki_sys::CKA_VALUE)
    }

    /// The key as the first mechanism that used it prepared it. A mechanism that needs another
    /// form than the one kept prepares its own copy and does not keep it.
    ///
    /// # Errors
    /// Those of `prepare`.
    pub fn prepared<T: Any + Send + Sync>(
        &self,
        prepare: impl FnOnce(&Attributes) -> Result<T>,
    ) -> Result<Arc<T>> {
        self.shared(|attributes| apart::<KEY_STACK, _>(|| prepare(attributes).map(Arc::new)))
    }

    /// As [`Object::prepared`], for a preparation that copies no secret.
    ///
    /// # Errors
    /// Those of `prepare`.
    pub fn shared<T: Any + Send + Sync>(
        &self,
        prepare: impl FnOnce(&Attributes) -> Result<Arc<T>>,
    ) -> Result<Arc<T>> {
        if let Some(kept) = self.prepared.get() {
            if let Ok(kept) = Arc::clone(kept).downcast::<T>() {
                return Ok(kept);
            }
            return prepare(&self.attributes);
        }
        let fresh = prepare(&self.attributes)?;
        let kept: Arc<dyn Any + Send + Sync> = fresh.clone();
        // A second thread may have been first; both forms are then equal, and ours lives for this use.
        let _ = self.prepared.set(kept);
        Ok(fresh)
    }
}

impl fmt::Debug for Object {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object({}, revision {})", self.id(), self.revision)
    }
}
