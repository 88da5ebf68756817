//! The memory of secrets: blocks of a few sizes cut from pages that the system keeps out of swap, core
//! dumps and forked children.
//!
//! Free blocks are all zero: who gives one back has erased it. Lists are never waited for, so that a
//! forked child of a process that was just allocating cannot hang; a block that finds every list taken
//! is lost to the pool, erased.

use crate::ffi::os::memory::secret_pages;
use crate::ffi::os::thread::thread_number;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The sizes of blocks in bytes. Longer secrets are on the ordinary heap.
const SIZES: [usize; 8] = [32, 64, 128, 256, 512, 1024, 2048, 4096];
/// Bytes of pages taken at once, a multiple of every size.
const PAGES: usize = 16 * 1024;
/// Lists of each size, so that threads seldom meet.
const LISTS: usize = 8;

/// Free blocks of one size, on cache lines of their own: a thread's list is nobody else's business.
#[repr(align(128))]
struct List(Mutex<Vec<&'static mut [u8]>>);

/// The free blocks of one size.
type Lists = [List; LISTS];

static FREE: [Lists; SIZES.len()] =
    [const { [const { List(Mutex::new(Vec::new())) }; LISTS] }; SIZES.len()];
static LOCKED: AtomicUsize = AtomicUsize::new(0);
static NOT_LOCKED: AtomicUsize = AtomicUsize::new(0);

/// Where secrets are, in bytes taken from the system so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemoryReport {
    /// Pages that are never swapped out.
    pub locked: usize,
    /// Pages that the system refused to lock: `ulimit -l` is too low.
    pub not_locked: usize,
}

/// Where secrets are.
#[must_use]
pub fn memory_report() -> MemoryReport {
    MemoryReport {
        locked: LOCKED.load(Ordering::Relaxed),
        not_locked: NOT_LOCKED.load(Ordering::Relaxed),
    }
}

/// The memory of one secret.
pub(super) enum Memory {
    /// A block of the pool.
    Block(&'static mut [u8]),
    /// On the heap, because it is long or the system gave no pages.
    Heap(Box<[u8]>),
}

impl Memory {
    /// At least `length` zero bytes.
    pub(super) fn zeroed(length: usize) -> Self {
        let size = size_for(length);
        let lists = FREE.get(size).zip(SIZES.get(size));
        match lists.and_then(|(lists, size)| take(lists, *size)) {
            Some(block) => Memory::Block(block),
            None => Memory::Heap(vec![0; length].into_boxed_slice()),
        }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Memory::Block(block) => block,
            Memory::Heap(bytes) => bytes,
        }
    }

    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Memory::Block(block) => block,
            Memory::Heap(bytes) => bytes,
        }
    }

    /// Gives a block back to the pool. All of it must be zero.
    pub(super) fn give_back(&mut self) {
        let Memory::Block(block) = self else { return };
        let block = std::mem::take(block);
        let Some(lists) = FREE.get(size_for(block.len())) else {
            return;
        };
        if let Some(mut list) = nearest(lists).find_map(|list| list.0.try_lock()) {
            list.push(block);
        }
    }
}

/// The place in [`SIZES`] of the smallest block that holds `length` bytes; beyond the end when none does.
fn size_for(length: usize) -> usize {
    let [smallest, ..] = SIZES;
    let needed = length.max(smallest).checked_next_power_of_two();
    let doublings = needed.map(|needed| needed.trailing_zeros() - smallest.trailing_zeros());
    doublings.map_or(SIZES.len(), |doublings| {
        usize::try_from(doublings).unwrap_or(SIZES.len())
    })
}

/// A free block, from new pages if there is none.
fn take(lists: &'static Lists, size: usize) -> Option<&'static mut [u8]> {
    let kept = |list: &'static List| list.0.try_lock()?.pop();
    if let Some(block) = nearest(lists).find_map(kept) {
        return Some(block);
    }
    let pages = secret_pages(PAGES)?;
    let counter = if pages.locked { &LOCKED } else { &NOT_LOCKED };
    counter.fetch_add(PAGES, Ordering::Relaxed);
    let mut blocks = pages.bytes.chunks_exact_mut(size);
    let first = blocks.next();
    if let Some(mut list) = nearest(lists).find_map(|list| list.0.try_lock()) {
        list.extend(blocks);
    }
    first
}

/// The lists, this thread's first.
fn nearest(lists: &'static Lists) -> impl Iterator<Item = &'static List> {
    let (before, after) = lists.split_at(thread_number() % LISTS);
    after.iter().chain(before)
}

#[cfg(test)]
mod tests {
    use super::super::SecretBytes;
    use super::*;

    #[test]
    fn every_length_fits_and_begins_as_zero_after_use() {
        for round in 0..3 {
            let secrets = [0, 1, 31, 32, 33, 1000, 4096, 4097, 100_000].map(|length| {
                let mut secret = SecretBytes::zeroed(length);
                assert_eq!(secret.len(), length);
                assert!(
                    secret.expose().iter().all(|byte| *byte == 0),
                    "round {round}"
                );
                secret.expose_mut().fill(0xa5);
                secret
            });
            drop(secrets);
        }
    }

    #[test]
    fn every_length_gets_the_smallest_block_that_holds_it() {
        for length in 0..5000 {
            let wanted = SIZES.iter().position(|size| length <= *size);
            assert_eq!(size_for(length), wanted.unwrap_or(SIZES.len()), "{length}");
        }
        assert!(size_for(usize::MAX) >= SIZES.len());
    }

    #[test]
    fn blocks_are_used_again() {
        let before = memory_report();
        for _ in 0..100_000 {
            drop(SecretBytes::copy_of(&[7; 300]));
        }
        let after = memory_report();
        let taken = after.locked + after.not_locked - before.locked - before.not_locked;
        assert!(taken < 100 * PAGES, "{taken}");
    }

    #[test]
    fn what_other_threads_give_back_is_used_again() {
        let before = memory_report();
        let (send, receive) = std::sync::mpsc::sync_channel::<SecretBytes>(16);
        let consumer = std::thread::spawn(move || receive.iter().for_each(drop));
        for _ in 0..50_000 {
            send.send(SecretBytes::copy_of(&[7; 2000])).unwrap();
        }
        drop(send);
        consumer.join().unwrap();
        let after = memory_report();
        let taken = after.locked + after.not_locked - before.locked - before.not_locked;
        assert!(taken < 100 * PAGES, "{taken}");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_system_marks_the_pages_as_asked() {
        let secret = SecretBytes::copy_of(&[7; 32]);
        let address = secret.expose().as_ptr().addr();
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let mut inside = false;
        for line in maps.lines() {
            let range = line.split(' ').next().unwrap().split_once('-');
            let bounds = range.and_then(|(from, to)| {
                let parse = |text| usize::from_str_radix(text, 16).ok();
                Some((parse(from)?, parse(to)?))
            });
            if let Some((from, to)) = bounds {
                inside = (from..to).contains(&address);
            }
            if inside && line.starts_with("VmFlags:") {
                assert!(line.contains(" dd"), "{line}");
                assert!(line.contains(" wf"), "{line}");
                assert_eq!(line.contains(" lo"), memory_report().locked > 0, "{line}");
                return;
            }
        }
        panic!("the secret's page is not mapped");
    }
}
