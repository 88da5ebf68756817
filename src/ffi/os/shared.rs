//! Counters that processes share: a small file mapped by all of them, read as atomics, and slept on.
#![expect(
    unsafe_code,
    reason = "views of a shared mapping, and the futex system call"
)]

use memmap2::{MmapOptions, MmapRaw};
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::Duration;

/// A file mapped for reading and writing by every process that opens it. Its bytes begin as zero.
///
/// The mapping lives as long as this value. Whoever shortens the file under the mapping makes the
/// next access fail with `SIGBUS`: the file's permissions keep others away.
#[derive(Debug)]
pub struct SharedFile {
    map: MmapRaw,
}

impl SharedFile {
    /// Maps `length` bytes of `file`, which is first made at least as long, with room for all of it on the
    /// disk: a page that a full disk has no room for would be a `SIGBUS` to whoever writes there.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn map(file: &File, length: usize) -> io::Result<Self> {
        let wanted = u64::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
        let found = file.metadata()?;
        if found.len() < wanted || found.blocks().saturating_mul(512) < wanted {
            imp::reserve(file, wanted)?;
        }
        if file.metadata()?.len() < wanted {
            file.set_len(wanted)?;
        }
        Ok(SharedFile {
            map: MmapOptions::new().len(length).map_raw(file)?,
        })
    }

    /// The 64-bit counter at `offset` bytes, a multiple of 8; `None` outside the file.
    #[must_use]
    pub fn word(&self, offset: usize) -> Option<&AtomicU64> {
        let start = self.place(offset, size_of::<AtomicU64>())?;
        // SAFETY: `place` has checked that the eight bytes lie inside the mapping and are aligned; a
        // mapping starts on a page. They are only ever accessed as atomics, by this and every other
        // process, and stay mapped for as long as `self`, whose borrow the reference carries.
        Some(unsafe { &*start.cast::<AtomicU64>() })
    }

    /// The 32-bit counter at `offset` bytes, a multiple of 4; `None` outside the file.
    #[must_use]
    pub fn half(&self, offset: usize) -> Option<&AtomicU32> {
        let start = self.place(offset, size_of::<AtomicU32>())?;
        // SAFETY: as in `word`, with four bytes. No caller uses one place both as word and as half.
        Some(unsafe { &*start.cast::<AtomicU32>() })
    }

    /// The address of `size` bytes at `offset`, aligned to `size`; `None` outside the file.
    fn place(&self, offset: usize, size: usize) -> Option<*mut u8> {
        let end = offset.checked_add(size)?;
        if end > self.map.len() || !offset.is_multiple_of(size) {
            return None;
        }
        Some(self.map.as_mut_ptr().wrapping_add(offset))
    }
}

/// Sleeps until another thread or process calls [`wake`] on the same counter, it no longer reads
/// `expected`, `timeout` passes or a signal comes. The caller looks again in every case.
pub fn wait(counter: &AtomicU32, expected: u32, timeout: Duration) {
    imp::wait(counter, expected, timeout);
}

/// Wakes every sleeper of [`wait`] on the counter, in every process.
pub fn wake(counter: &AtomicU32) {
    imp::wake(counter);
}

#[cfg(target_os = "linux")]
mod imp {
    use super::{AtomicU32, Duration, File, io};
    use std::os::fd::AsRawFd;

    /// Takes room on the disk for the first `length` bytes, where the file system can.
    pub(super) fn reserve(file: &File, length: u64) -> io::Result<()> {
        let length = libc::off_t::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
        // SAFETY: the descriptor is open for as long as `file` is borrowed; the call takes numbers only.
        while unsafe { libc::fallocate(file.as_raw_fd(), 0, 0, length) } != 0 {
            let error = io::Error::last_os_error();
            match error.raw_os_error() {
                Some(libc::EINTR) => {}
                Some(libc::EOPNOTSUPP | libc::ENOSYS) => return Ok(()),
                _ => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn wait(counter: &AtomicU32, expected: u32, timeout: Duration) {
        let time = libc::timespec {
            tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: libc::c_long::from(timeout.subsec_nanos().cast_signed()),
        };
        // SAFETY: the counter outlives the call; the kernel reads it and the timeout, and writes
        // nothing. Without FUTEX_PRIVATE_FLAG the wait works across processes.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                counter.as_ptr(),
                libc::FUTEX_WAIT,
                expected,
                &raw const time,
            );
        }
    }

    pub(super) fn wake(counter: &AtomicU32) {
        // SAFETY: the kernel only uses the address of the counter, which outlives the call.
        unsafe {
            libc::syscall(
                libc::SYS_futex,
                counter.as_ptr(),
                libc::FUTEX_WAKE,
                i32::MAX,
            );
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod imp {
    use super::{AtomicU32, Duration, File, io};
    use std::sync::atomic::Ordering;

    /// Nothing is reserved here.
    pub(super) fn reserve(_: &File, _: u64) -> io::Result<()> {
        Ok(())
    }

    /// Without futexes sleepers look at the counter every 20 ms.
    const LOOK: Duration = Duration::from_millis(20);

    pub(super) fn wait(counter: &AtomicU32, expected: u32, timeout: Duration) {
        let mut left = timeout;
        while counter.load(Ordering::Acquire) == expected && !left.is_zero() {
            let nap = left.min(LOOK);
            std::thread::sleep(nap);
            left -= nap;
        }
    }

    pub(super) fn wake(_: &AtomicU32) {}
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering;

    fn file() -> File {
        tempfile::tempfile().unwrap()
    }

    #[test]
    fn two_mappings_see_one_counter() {
        let file = file();
        let (one, two) = (
            SharedFile::map(&file, 64).unwrap(),
            SharedFile::map(&file, 64).unwrap(),
        );
        one.word(8).unwrap().store(7, Ordering::Release);
        assert_eq!(two.word(8).unwrap().load(Ordering::Acquire), 7);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn there_is_room_on_the_disk_for_what_is_mapped() {
        let (file, length) = (file(), 1 << 18);
        let _map = SharedFile::map(&file, length).unwrap();
        let found = file.metadata().unwrap();
        assert_eq!(found.len(), 1 << 18);
        assert!(
            found.blocks() * 512 >= found.len(),
            "{} blocks",
            found.blocks()
        );
    }

    #[test]
    fn places_outside_or_between_are_refused() {
        let shared = SharedFile::map(&file(), 64).unwrap();
        assert!(shared.word(64).is_none());
        assert!(shared.word(usize::MAX - 7).is_none());
        assert!(shared.word(4).is_none());
        assert!(shared.half(60).is_some());
        assert!(shared.half(62).is_none());
    }

    #[test]
    fn a_sleeper_is_woken_through_another_mapping() {
        let file = file();
        let (one, two) = (
            SharedFile::map(&file, 64).unwrap(),
            SharedFile::map(&file, 64).unwrap(),
        );
        let sleeper = std::thread::spawn(move || {
            let counter = one.half(16).unwrap();
            while counter.load(Ordering::Acquire) == 0 {
                wait(counter, 0, Duration::from_secs(60));
            }
        });
        std::thread::sleep(Duration::from_millis(20));
        let counter = two.half(16).unwrap();
        counter.store(1, Ordering::Release);
        wake(counter);
        sleeper.join().unwrap();
    }
}
