//! One operation in progress, and when it ends.

use crate::error::{Error, Result};

/// An operation in progress.
pub struct Active<T: ?Sized> {
    /// The mechanism's state.
    pub work: Box<T>,
    /// Whether its key is private, so that a logout cancels the operation.
    pub private: bool,
    /// Whether `C_Login(CKU_CONTEXT_SPECIFIC)` must come first (`CKA_ALWAYS_AUTHENTICATE`).
    pub pin_needed: bool,
    /// Whether a part of the data has come, so that the operation must end with its final call.
    pub in_parts: bool,
}

impl<T: ?Sized> Active<T> {
    /// An operation that has seen no data.
    #[must_use]
    pub fn new(work: Box<T>, private: bool, pin_needed: bool) -> Self {
        Active {
            work,
            private,
            pin_needed,
            in_parts: false,
        }
    }
}

/// Whether a call ends the operation that it succeeds on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The whole operation in one call: not allowed once parts have come.
    Whole,
    /// A part; more may come.
    Part,
    /// The last call of an operation in parts.
    Last,
}

/// Runs one step of the operation in `place`. The operation stays when a part succeeded or the
/// output buffer was too small, and ends in every other case (PKCS#11 3.2, section 5.2).
///
/// # Errors
/// `OperationNotInitialized` without an operation; `OperationActive` for a whole operation after
/// parts; `UserNotLoggedIn` when the key wants its PIN first; those of `run`.
pub fn step<T: ?Sized, R>(
    place: &mut Option<Active<T>>,
    step: Step,
    run: impl FnOnce(&mut T) -> Result<R>,
) -> Result<R> {
    let mut active = place.take().ok_or_else(|| Error::OperationNotInitialized)?;
    if step == Step::Whole && active.in_parts {
        *place = Some(active);
        return Err(Error::OperationActive);
    }
    if active.pin_needed {
        *place = Some(active);
        return Err(Error::UserNotLoggedIn);
    }
    let outcome = run(&mut active.work);
    let stays = match &outcome {
        Ok(_) => step == Step::Part,
        Err(error) => matches!(error, Error::BufferTooSmall(_)),
    };
    if stays {
        active.in_parts |= step == Step::Part && outcome.is_ok();
        *place = Some(active);
    }
    outcome
}

/// Looks at the operation in `place` without a step, for a length query.
///
/// # Errors
/// As [`step`], before anything runs.
pub fn peek<T: ?Sized, R>(
    place: &Option<Active<T>>,
    step: Step,
    look: impl FnOnce(&T) -> R,
) -> Result<R> {
    let active = place
        .as_ref()
        .ok_or_else(|| Error::OperationNotInitialized)?;
    if step == Step::Whole && active.in_parts {
        return Err(Error::OperationActive);
    }
    if active.pin_needed {
        return Err(Error::UserNotLoggedIn);
    }
    Ok(look(&active.work))
}
