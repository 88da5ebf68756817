//! Random numbers.

use crate::crypto::random;
use crate::error::{Error, Result};
use crate::module::Module;
use crate::session::handles::SessionHandle;

/// `C_SeedRandom`: the generator is seeded by the operating system alone.
///
/// # Errors
/// `SessionHandleInvalid`, else `RandomSeedNotSupported`.
pub fn seed(module: &Module, session: SessionHandle) -> Result<()> {
    module.session(session)?;
    Err(Error::RandomSeedNotSupported)
}

/// `C_GenerateRandom`.
///
/// # Errors
/// `SessionHandleInvalid`; `Internal` when the operating system gives no randomness.
pub fn generate(module: &Module, session: SessionHandle, place: &mut [u8]) -> Result<()> {
    module.session(session)?;
    random::fill(place)
}
