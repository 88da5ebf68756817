//! Fork notice: a number that a process does not share with the process it was forked from.
//!
//! The number lives in a page of its own marked `MADV_WIPEONFORK`: the kernel hands a child that page
//! as zeros, whichever way the child was made, so even a fork that runs no `pthread_atfork` handler
//! (a raw `clone`) is noticed, and the check is a single load. A kernel that does not know the mark
//! (Linux before 4.14, other systems) gets the `pthread_atfork` handler instead.
#![expect(
    unsafe_code,
    reason = "a shared page and a fork handler have no safe interface"
)]

use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The last number given out in this process or the ones before it.
static LAST: AtomicU64 = AtomicU64::new(0);

/// Where the process's number stands.
static PLACE: OnceLock<&'static AtomicU64> = OnceLock::new();

/// The number where pages cannot be wiped: the fork handler empties it.
static WITHOUT_PAGE: AtomicU64 = AtomicU64::new(0);

/// A number that stays the same for the life of the process and is another one in every process
/// forked from it. Never 0. What was made under one number must not be used under another.
#[must_use]
pub fn fork_generation() -> u64 {
    let place = PLACE.get_or_init(find_place);
    match place.load(Ordering::Relaxed) {
        0 => begin_generation(place),
        generation => generation,
    }
}

/// The first question after the start or a fork: takes the next number, once for all threads.
#[cold]
fn begin_generation(place: &AtomicU64) -> u64 {
    let next = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    match place.compare_exchange(0, next, Ordering::Relaxed, Ordering::Relaxed) {
        Ok(_) => next,
        Err(other) => other,
    }
}

/// A word that reads 0 in a forked child.
fn find_place() -> &'static AtomicU64 {
    if let Some(word) = wiped_page() {
        return word;
    }
    // SAFETY: the handler is a plain function that stores to a static atomic, which is
    // async-signal-safe and so allowed in the child of a process with several threads.
    unsafe { libc::pthread_atfork(None, None, Some(forget_generation)) };
    &WITHOUT_PAGE
}

/// What the fork handler does in the child.
extern "C" fn forget_generation() {
    WITHOUT_PAGE.store(0, Ordering::Relaxed);
}

/// A word in a page that the kernel wipes in a forked child; `None` when it cannot.
#[cfg(target_os = "linux")]
fn wiped_page() -> Option<&'static AtomicU64> {
    const LENGTH: usize = 4096;
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a fresh anonymous private mapping at a place the kernel chooses; no memory of ours is
    // concerned. The kernel rounds the length up to whole pages.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), LENGTH, protection, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return None;
    }
    let word = NonNull::new(page)?.cast::<AtomicU64>();
    // SAFETY: page and length are those of the mapping above, private and anonymous as the mark asks.
    if unsafe { libc::madvise(page, LENGTH, libc::MADV_WIPEONFORK) } != 0 {
        // SAFETY: the mapping above; no reference to it exists.
        unsafe { libc::munmap(page, LENGTH) };
        return None;
    }
    // SAFETY: the page is aligned for any type, starts as zeros, which is a valid AtomicU64, stays
    // mapped for the life of the process, and is accessed through this atomic only.
    Some(unsafe { word.as_ref() })
}

/// Only Linux has pages that are wiped.
#[cfg(not(target_os = "linux"))]
fn wiped_page() -> Option<&'static AtomicU64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The generation that a forked child sees, sent back through a pipe.
    fn generation_of_child() -> u64 {
        let mut pipe = [0; 2];
        // SAFETY: the child makes only async-signal-safe calls (atomics, write, _exit).
        unsafe {
            assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
            let child = libc::fork();
            if child == 0 {
                let own = fork_generation().to_ne_bytes();
                libc::write(pipe[1], own.as_ptr().cast(), 8);
                libc::_exit(0);
            }
            let mut answer = [0; 8];
            assert_eq!(libc::read(pipe[0], answer.as_mut_ptr().cast(), 8), 8);
            libc::waitpid(child, std::ptr::null_mut(), 0);
            libc::close(pipe[0]);
            libc::close(pipe[1]);
            u64::from_ne_bytes(answer)
        }
    }

    #[test]
    fn a_child_has_another_generation_and_the_parent_keeps_its_own() {
        let own = fork_generation();
        assert_ne!(own, 0);
        let child = generation_of_child();
        assert_ne!(child, 0);
        assert_ne!(child, own);
        assert_eq!(fork_generation(), own);
    }
}
