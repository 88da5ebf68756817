//! The session of a thread's last call, found again without a look at what all threads share: programs use
//! one session for many calls.

use super::Session;
use super::handles::SessionHandle;
use crate::error::{Error, Result};
use std::cell::RefCell;
use std::sync::{Arc, Weak};

/// What a thread remembers. It keeps no session open, and nothing of one that was closed but its place in
/// memory.
struct Recent {
    /// The module's number: handles begin anew with each.
    module: u64,
    handle: SessionHandle,
    session: Weak<Session>,
}

thread_local! {
    static RECENT: RefCell<Option<Recent>> = const { RefCell::new(None) };
}

/// The session behind a handle of a module: the last one, if it is that and still open, else what `find` finds.
///
/// # Errors
/// `SessionHandleInvalid`.
pub fn session(
    module: u64,
    handle: SessionHandle,
    find: impl FnOnce() -> Option<Arc<Session>>,
) -> Result<Arc<Session>> {
    // A thread that ends has no such place any more.
    let known = RECENT.try_with(|recent| recent.borrow().as_ref()?.get(module, handle));
    if let Ok(Some(session)) = known {
        return Ok(session);
    }
    let session = find().ok_or(Error::SessionHandleInvalid)?;
    let found = Recent {
        module,
        handle,
        session: Arc::downgrade(&session),
    };
    let _ = RECENT.try_with(|recent| recent.replace(Some(found)));
    Ok(session)
}

impl Recent {
    fn get(&self, module: u64, handle: SessionHandle) -> Option<Arc<Session>> {
        if (self.module, self.handle) != (module, handle) {
            return None;
        }
        self.session
            .upgrade()
            .filter(|session| !session.is_closed())
    }
}
