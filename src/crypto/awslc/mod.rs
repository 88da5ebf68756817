//! Safe wrappers over `aws-lc-sys`, the C library AWS-LC built into the module with its symbols prefixed
//! (`aws_lc_…`), so that it never meets a libcrypto of the host process.
//!
//! # Why the `unsafe` here is sound
//!
//! 1. *Ownership.* Every C object made here lives in an [`owned::Owned`], which is never null, is released
//!    exactly once with the function that AWS-LC pairs with its constructor, and is not copied.
//!    Borrowed pointers (`get0`) do not outlive the call that asked for them.
//! 2. *Buffers.* A pointer and a length always come from one slice in one expression. Where C assumes a
//!    fixed length, the parameter is an array of that length; where it writes a key's length, the
//!    wrapper compares the slice with that length first and answers `None`.
//! 3. *Threads.* `RSA`, `EC_KEY`, `EVP_PKEY`, `EC_GROUP` may be used from several threads at once as long
//!    as nobody mutates them (`include/openssl/{rsa,ec_key,evp}.h`). The wrappers give out `&self`
//!    operations only and finish all changes before the constructor returns; what AWS-LC changes
//!    inside (the blinding cache, lazily made Montgomery contexts) it guards by its own lock. Hence
//!    `Send` and `Sync`.
//! 4. *Failures.* AWS-LC reports failure by its return value and leaves details in a bounded queue of
//!    the thread, which [`succeeded`] empties, so that nothing of one key's failure stays for another.
//! 5. *Erasure.* AWS-LC wipes every allocation it frees (`crypto/mem.c`, `OPENSSL_free`), so releasing a
//!    key erases it.
//! 6. *Forks.* AWS-LC keeps a page marked `MADV_WIPEONFORK`; its random generator and its cache of RSA
//!    blinding factors look at it before each use and start anew in a child (`crypto/ube/`).
#![allow(unsafe_code)]

pub(crate) mod ccm;
pub(crate) mod chacha;
pub(crate) mod curve25519;
pub(crate) mod ec;
pub(crate) mod feedback;
pub(crate) mod gcm;
mod hash;
pub(crate) mod kdf;
pub(crate) mod mldsa;
pub(crate) mod mlkem;
#[cfg(test)]
pub(crate) mod oracle;
mod owned;
mod raw;
pub(crate) mod rsa;

use std::os::raw::c_int;

/// Whether AWS-LC said 1, its word for success. Otherwise the thread's error queue is emptied.
fn succeeded(code: c_int) -> bool {
    let success = code == 1;
    if !success {
        forget_errors();
    }
    success
}

/// Empties the thread's error queue.
fn forget_errors() {
    // SAFETY: takes no arguments and touches thread-local state of AWS-LC only.
    unsafe { aws_lc_sys::ERR_clear_error() }
}
