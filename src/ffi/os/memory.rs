//! Memory pages for secrets: not swapped, not dumped, and empty in a forked child, where the system
//! allows.
#![expect(unsafe_code, reason = "one advice has no safe interface")]

use memmap2::{Advice, MmapMut};

/// Pages that live as long as the process.
pub struct Pages {
    /// The bytes, zero at first.
    pub bytes: &'static mut [u8],
    /// Whether the system keeps them in memory; else they may be swapped out.
    pub locked: bool,
}

/// Takes `length` bytes of pages from the system; `None` when it has none.
#[must_use]
pub fn secret_pages(length: usize) -> Option<Pages> {
    let map = MmapMut::map_anon(length).ok()?;
    let locked = map.lock().is_ok();
    // Advice that a kernel does not know leaves the pages as good as others.
    #[cfg(target_os = "linux")]
    {
        let _ = map.advise(Advice::DontDump);
        wipe_on_fork(&map);
    }
    let map: &'static mut MmapMut = Box::leak(Box::new(map));
    Some(Pages { bytes: map, locked })
}

/// A forked child finds zeros where its parent has secrets.
#[cfg(target_os = "linux")]
fn wipe_on_fork(map: &MmapMut) {
    // SAFETY: the range is the whole of an anonymous private mapping of our own. The advice changes
    // nothing in this process; in a child the pages read as zeros, which are valid bytes.
    unsafe {
        libc::madvise(
            map.as_ptr().cast_mut().cast(),
            map.len(),
            libc::MADV_WIPEONFORK,
        );
    }
}
