//! Secret bytes: erased on drop, hidden from `Debug`, compared in constant time, and kept in pages that
//! are neither swapped nor dumped where the system allows.

mod pool;

pub use pool::{MemoryReport, memory_report};

use pool::Memory;
use std::fmt;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// The stack in bytes that is erased after one key was prepared: an estimate with room to spare.
pub const KEY_STACK: usize = 4 * 1024;
/// The same after an AES key was prepared for one of its modes, which was seen to take 1,800 bytes. Code that
/// is not optimised takes more.
pub const AES_STACK: usize = if cfg!(debug_assertions) {
    KEY_STACK
} else {
    2304
};
/// The same after a module's keys were opened: login, ingest of a domain token.
pub const LOGIN_STACK: usize = 64 * 1024;

/// Runs work that holds secrets by value, and then erases the `STACK` bytes of stack below it. What
/// it returns should hold its secrets behind a pointer.
pub fn apart<const STACK: usize, T>(work: impl FnOnce() -> T) -> T {
    let answer = below(work);
    zeroize::zeroize_stack::<STACK>();
    answer
}

/// A frame of its own, so that what is erased lies where the work was.
#[inline(never)]
fn below<T>(work: impl FnOnce() -> T) -> T {
    work()
}

/// A secret of variable length. Not `Clone`: copies are made on purpose, with [`SecretBytes::duplicate`].
pub struct SecretBytes {
    /// As long as the secret or longer; zero beyond it.
    memory: Memory,
    length: usize,
}

impl SecretBytes {
    /// A secret of `length` zero bytes, to be filled in place.
    #[must_use]
    pub fn zeroed(length: usize) -> Self {
        SecretBytes {
            memory: Memory::zeroed(length),
            length,
        }
    }

    /// Takes a copy of `bytes`; the caller erases its own.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut secret = Self::zeroed(bytes.len());
        secret.expose_mut().copy_from_slice(bytes);
        secret
    }

    /// Takes over `bytes` and erases what the vector leaves behind.
    #[must_use]
    pub fn take(mut bytes: Vec<u8>) -> Self {
        let secret = Self::copy_of(&bytes);
        bytes.zeroize();
        secret
    }

    /// A second copy of the secret.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::copy_of(self.expose())
    }

    /// The length in bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether the secret has no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The bytes themselves.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.memory.bytes().get(..self.length).unwrap_or_default()
    }

    /// The bytes, to be filled in place.
    pub fn expose_mut(&mut self) -> &mut [u8] {
        self.memory
            .bytes_mut()
            .get_mut(..self.length)
            .unwrap_or_default()
    }
}

impl Drop for SecretBytes {
    fn drop(&mut self) {
        self.expose_mut().zeroize();
        self.memory.give_back();
    }
}

impl PartialEq for SecretBytes {
    fn eq(&self, other: &Self) -> bool {
        self.expose().ct_eq(other.expose()).into()
    }
}

impl Eq for SecretBytes {}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({} bytes)", self.len())
    }
}
