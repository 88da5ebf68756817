//! Random numbers.

use crate::crypto::random;
use crate::error::Result;
use crate::module::Module;
use crate::session::handles::SessionHandle;

/// `C_SeedRandom`: the bytes join what the operating system gives, in every seed from now on.
///
/// # Errors
/// `SessionHandleInvalid`; `Internal` when the operating system gives no randomness.
pub fn seed(module: &Module, session: SessionHandle, bytes: &[u8]) -> Result<()> {
    module.session(session)?;
    random::mix(bytes)
}

/// `C_GenerateRandom`.
///
/// # Errors
/// `SessionHandleInvalid`; `Internal` when the operating system gives no randomness.
pub fn generate(module: &Module, session: SessionHandle, place: &mut [u8]) -> Result<()> {
    module.session(session)?;
    random::fill(place)
}
