//! Pointers and lengths from callers, made into slices and places under one set of rules.
//!
//! Every function here relies on the promise that each C function of PKCS#11 asks of its caller
//! (version 3.2, section 5): a pointer is NULL, or points to as much memory as the length given with
//! it says, which nobody else changes during the call. What can be checked of it is checked: NULL
//! with a length, and lengths that no memory can have.

use crate::error::{Error, Result};
use crate::session::output::Output;
use cryptoki_sys::CK_ULONG;
use std::ffi::CStr;
use std::ops::{Deref, Range};
use std::ptr::NonNull;
use zeroize::Zeroizing;

/// A slice of the caller's memory. NULL stands for the empty slice, so that data of no bytes needs
/// no pointer.
///
/// # Errors
/// `BadArguments` for NULL with a length, and for lengths that reach past the address space.
///
/// # Safety
/// `data` is NULL or points to `length` bytes that stay unchanged for `'a`.
pub(super) unsafe fn input<'a>(data: *const u8, length: CK_ULONG) -> Result<&'a [u8]> {
    let Some(data) = NonNull::new(data.cast_mut()) else {
        return match length {
            0 => Ok(&[]),
            _ => Err(Error::BadArguments("a NULL pointer with a length")),
        };
    };
    let length = checked_length(data.as_ptr(), length)?;
    // SAFETY: not NULL, `length` bytes by the caller's promise, and within the address space; bytes
    // need no alignment.
    Ok(unsafe { std::slice::from_raw_parts(data.as_ptr(), length) })
}

/// As [`input`], for what must be there: NULL is refused even with length 0.
///
/// # Errors
/// `BadArguments` for NULL, and for lengths that reach past the address space.
///
/// # Safety
/// As [`input`].
pub(super) unsafe fn required<'a>(data: *const u8, length: CK_ULONG) -> Result<&'a [u8]> {
    if data.is_null() {
        return Err(NULL);
    }
    // SAFETY: the caller's promise, passed on.
    unsafe { input(data, length) }
}

/// As [`input`], for what may be left out: NULL with length 0 is `None`. So is a PIN that the caller
/// leaves to a pin pad.
///
/// # Errors
/// As [`input`].
///
/// # Safety
/// As [`input`].
pub(super) unsafe fn optional<'a>(data: *const u8, length: CK_ULONG) -> Result<Option<&'a [u8]>> {
    // SAFETY: the caller's promise, passed on.
    let bytes = unsafe { input(data, length) }?;
    Ok(if data.is_null() { None } else { Some(bytes) })
}

/// Memory of the caller to be filled. NULL stands for no memory when the length is 0.
///
/// # Errors
/// As [`input`].
///
/// # Safety
/// `place` is NULL or points to `length` bytes that may be written and that nothing else refers to
/// for `'a`.
pub(super) unsafe fn output<'a>(place: *mut u8, length: CK_ULONG) -> Result<&'a mut [u8]> {
    // SAFETY: the caller's promise, passed on.
    let length = unsafe { input(place, length) }?.len();
    if length == 0 {
        return Ok(&mut []);
    }
    // SAFETY: not NULL, since there is a length; otherwise as for `input`, and ours alone.
    Ok(unsafe { std::slice::from_raw_parts_mut(place, length) })
}

/// Text that ends with a zero byte; NULL is `None`.
///
/// # Safety
/// `text` is NULL or points to text with a zero byte at its end that stays unchanged for `'a`.
pub(super) unsafe fn text<'a>(text: *const u8) -> Option<&'a [u8]> {
    // SAFETY: not NULL, and ends with a zero byte by the caller's promise.
    (!text.is_null()).then(|| unsafe { CStr::from_ptr(text.cast()) }.to_bytes())
}

/// A structure that the caller gives, aligned or not.
///
/// # Errors
/// `BadArguments` for NULL.
///
/// # Safety
/// `pointer` is NULL or points to a `T` that the caller has filled in.
pub(super) unsafe fn read<T: Copy>(pointer: *const T) -> Result<T> {
    if pointer.is_null() {
        return Err(NULL);
    }
    // SAFETY: not NULL, a whole `T` by the caller's promise; no alignment is assumed.
    Ok(unsafe { pointer.read_unaligned() })
}

/// The caller's array of `count` structures: its first element, NULL only when `count` is 0.
/// Elements are read one by one with [`read`], since the array may be misaligned.
///
/// # Errors
/// `BadArguments` for NULL with a count, and for more than `most` elements: nothing is allocated for
/// such a count.
pub(super) fn array<T>(first: *mut T, count: CK_ULONG, most: usize) -> Result<(*mut T, usize)> {
    let number = usize::try_from(count).unwrap_or(usize::MAX);
    if number > most {
        return Err(Error::BadArguments("a count that is too large"));
    }
    if first.is_null() && number > 0 {
        return Err(Error::BadArguments("a NULL pointer with a count"));
    }
    Ok((first, number))
}

/// A place that the caller gave for one result. It is checked before anything is done, and filled
/// when all is done.
pub(super) struct Place<T>(NonNull<T>);

impl<T> Place<T> {
    /// The place behind a pointer.
    ///
    /// # Errors
    /// `BadArguments` for NULL.
    ///
    /// # Safety
    /// `pointer` is NULL or may be written as a `T` for as long as the place lives.
    pub(super) unsafe fn new(pointer: *mut T) -> Result<Self> {
        NonNull::new(pointer).map(Place).ok_or(NULL)
    }

    /// Fills the place, aligned or not.
    pub(super) fn put(&self, value: T) {
        // SAFETY: whoever made the place promised that it may be written; no alignment is assumed.
        unsafe { self.0.as_ptr().write_unaligned(value) };
    }
}

/// The caller's array for a list, under the two-call length rule.
pub(super) struct List<T> {
    first: *mut T,
    given: usize,
    count: Place<CK_ULONG>,
}

impl<T: Copy> List<T> {
    /// The array at `first`, of `*count` elements; NULL asks for the number alone.
    ///
    /// # Errors
    /// `BadArguments` when `count` is NULL.
    ///
    /// # Safety
    /// `count` is NULL or points to a number, and `first` is NULL or points to that many elements.
    pub(super) unsafe fn new(first: *mut T, count: *mut CK_ULONG) -> Result<Self> {
        // SAFETY: the caller's promise, passed on.
        let place = unsafe { Place::new(count) }?;
        let given = match first.is_null() {
            true => 0,
            // SAFETY: the caller's promise, passed on.
            false => unsafe { read(count) }?,
        };
        Ok(List {
            first,
            given: usize::try_from(given).unwrap_or(usize::MAX),
            count: place,
        })
    }

    /// Hands over the elements, or their number.
    ///
    /// # Errors
    /// `BufferTooSmall` when the array is too short; nothing is written to it then.
    pub(super) fn fill(&self, elements: &[T]) -> Result<()> {
        self.count
            .put(CK_ULONG::try_from(elements.len()).unwrap_or(CK_ULONG::MAX));
        if self.first.is_null() {
            return Ok(());
        }
        if elements.len() > self.given {
            return Err(Error::BufferTooSmall(elements.len()));
        }
        for (place, element) in elements.iter().enumerate() {
            // SAFETY: `place` is below the number of elements that the caller promised at `first`;
            // no alignment is assumed.
            unsafe { self.first.add(place).write_unaligned(*element) };
        }
        Ok(())
    }
}

/// The caller's buffer for output, under the two-call length rule.
pub(super) struct Target {
    buffer: *mut u8,
    given: usize,
    length: Place<CK_ULONG>,
}

impl Target {
    /// The buffer of `*length` bytes; NULL asks for the length alone, and `*length` is not read then.
    ///
    /// # Errors
    /// `BadArguments` when `length` is NULL, or the buffer reaches past the address space.
    ///
    /// # Safety
    /// `length` is NULL or points to a number, and `buffer` is NULL or points to that many bytes,
    /// which may be written for as long as the target lives.
    pub(super) unsafe fn new(buffer: *mut u8, length: *mut CK_ULONG) -> Result<Self> {
        // SAFETY: the caller's promise, passed on.
        let place = unsafe { Place::new(length) }?;
        let given = match buffer.is_null() {
            true => 0,
            // SAFETY: the caller's promise, passed on.
            false => checked_length(buffer, unsafe { read(length) }?)?,
        };
        Ok(Target {
            buffer,
            given,
            length: place,
        })
    }

    /// Whether the caller asks for the length alone.
    pub(super) fn is_query(&self) -> bool {
        self.buffer.is_null()
    }

    /// Whether `bytes` lie, wholly or in part, in the buffer.
    pub(super) fn overlaps(&self, bytes: &[u8]) -> bool {
        self.covers(bytes.as_ptr(), bytes.len())
    }

    /// The same for bytes that are not looked at.
    pub(super) fn covers(&self, start: *const u8, length: usize) -> bool {
        let own = span(self.buffer, self.given);
        let other = span(start, length);
        own.start < other.end && other.start < own.end
    }

    /// The input of an operation whose output goes to this buffer: `bytes` themselves, or a copy
    /// when they lie in the buffer (PKCS#11 lets callers work in place).
    ///
    /// # Errors
    /// `HostMemory` when there is no memory for the copy.
    pub(super) fn beside<'a>(&self, bytes: &'a [u8]) -> Result<Input<'a>> {
        if self.overlaps(bytes) {
            copy(bytes).map(Input::Copied)
        } else {
            Ok(Input::Caller(bytes))
        }
    }

    /// Whether two buffers share memory: then only one of them may be filled.
    pub(super) fn meets(&self, other: &Target) -> bool {
        let (own, other) = (
            span(self.buffer, self.given),
            span(other.buffer, other.given),
        );
        own.start < other.end && other.start < own.end
    }

    /// Whether a buffer, if one was given, has room for `length` bytes; else the caller is told.
    ///
    /// # Errors
    /// `BufferTooSmall`.
    pub(super) fn room_for(&self, length: usize) -> Result<()> {
        if self.buffer.is_null() || self.given >= length {
            return Ok(());
        }
        self.length
            .put(CK_ULONG::try_from(length).unwrap_or(CK_ULONG::MAX));
        Err(Error::BufferTooSmall(length))
    }

    /// Lets `run` write to the buffer, and tells the caller the length that it answers: the number
    /// of bytes written or, for a length query or a short buffer, of those needed.
    ///
    /// # Errors
    /// Those of `run`.
    ///
    /// # Safety
    /// No slice that `run` uses overlaps the buffer: each has been through [`Target::beside`] or
    /// found clear of it by [`Target::overlaps`].
    pub(super) unsafe fn fill(self, run: impl FnOnce(Output<'_>) -> Result<usize>) -> Result<()> {
        let output = match self.buffer.is_null() {
            true => Output::Length,
            false => {
                // SAFETY: `given` writable bytes by the promise made in `new`, which checked that
                // they lie within the address space; nothing else refers to them, by the promise
                // made here.
                let bytes = unsafe { std::slice::from_raw_parts_mut(self.buffer, self.given) };
                Output::Buffer(bytes)
            }
        };
        let answer = run(output);
        if let Ok(length) | Err(Error::BufferTooSmall(length)) = answer {
            self.length
                .put(CK_ULONG::try_from(length).unwrap_or(CK_ULONG::MAX));
        }
        answer.map(drop)
    }
}

/// Input bytes that do not overlap the output.
pub(super) enum Input<'a> {
    /// The caller's own.
    Caller(&'a [u8]),
    /// A copy, erased afterwards because it may be plaintext.
    Copied(Zeroizing<Vec<u8>>),
}

impl Deref for Input<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Input::Caller(bytes) => bytes,
            Input::Copied(bytes) => bytes,
        }
    }
}

/// A copy of the caller's bytes, whatever their number.
///
/// # Errors
/// `HostMemory` when there is no memory for it.
pub(super) fn copy(bytes: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    let mut copied = Zeroizing::new(Vec::new());
    copied
        .try_reserve_exact(bytes.len())
        .map_err(|_| Error::HostMemory)?;
    copied.extend_from_slice(bytes);
    Ok(copied)
}

/// The cause of every refused NULL.
const NULL: Error = Error::BadArguments("a NULL pointer");

/// A length that memory starting at `start` can have: a slice may hold at most `isize::MAX` bytes and
/// not wrap around the address space.
fn checked_length(start: *const u8, length: CK_ULONG) -> Result<usize> {
    const TOO_LONG: Error = Error::BadArguments("a length beyond all memory");
    let length = usize::try_from(length).map_err(|_| TOO_LONG)?;
    let fits = isize::try_from(length).is_ok() && start.addr().checked_add(length).is_some();
    if fits { Ok(length) } else { Err(TOO_LONG) }
}

/// The addresses of `length` bytes from `start`.
fn span(start: *const u8, length: usize) -> Range<usize> {
    start.addr()..start.addr().saturating_add(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ptr;

    #[test]
    fn null_is_empty_or_refused() {
        // SAFETY: NULL, which the functions check.
        unsafe {
            assert_eq!(input(ptr::null(), 0), Ok(&[][..]));
            assert!(matches!(input(ptr::null(), 1), Err(Error::BadArguments(_))));
            assert!(matches!(
                required(ptr::null(), 0),
                Err(Error::BadArguments(_))
            ));
            assert_eq!(optional(ptr::null(), 0), Ok(None));
            assert!(matches!(
                optional(ptr::null(), 1),
                Err(Error::BadArguments(_))
            ));
            assert!(read(ptr::null::<u64>()).is_err());
        }
    }

    #[test]
    fn absurd_lengths_form_no_slice() {
        let byte = 0_u8;
        for length in [1 << 63, u64::MAX, u64::MAX - 1] {
            // SAFETY: such lengths are refused before a slice is formed.
            let refused = unsafe { input(&raw const byte, length) };
            assert!(matches!(refused, Err(Error::BadArguments(_))), "{length}");
        }
    }

    #[test]
    fn large_counts_are_refused() {
        let mut element = 0_u64;
        for count in [9, 1 << 32, u64::MAX] {
            assert!(array(&raw mut element, count, 8).is_err());
        }
        assert!(array(ptr::null_mut::<u64>(), 1, 8).is_err());
        assert!(array(ptr::null_mut::<u64>(), 0, 8).is_ok());
    }

    #[test]
    fn a_short_buffer_is_told_the_length_and_left_alone() {
        let mut buffer = [7_u8; 4];
        let mut length = 3;
        // SAFETY: the buffer holds more than `length` bytes, and nothing overlaps it.
        unsafe {
            let target = Target::new(buffer.as_mut_ptr(), &raw mut length).unwrap();
            let answer = target.fill(|output| output.deliver(b"abcd"));
            assert_eq!(answer, Err(Error::BufferTooSmall(4)));
            assert_eq!((length, buffer), (4, [7; 4]));
            let target = Target::new(ptr::null_mut(), &raw mut length).unwrap();
            assert_eq!(target.fill(|output| output.deliver(b"abcde")), Ok(()));
            assert_eq!(length, 5);
        }
    }

    #[test]
    fn overlapping_input_is_copied() {
        let mut memory = *b"0123456789";
        let mut length = 4;
        let start = memory.as_mut_ptr();
        // SAFETY: every range lies within `memory`, and the slice is gone before the buffer is written.
        unsafe {
            let target = Target::new(start.add(3), &raw mut length).unwrap();
            assert!(matches!(
                target.beside(input(start, 3).unwrap()),
                Ok(Input::Caller(b"012"))
            ));
            assert!(matches!(
                target.beside(input(start.add(7), 3).unwrap()),
                Ok(Input::Caller(_))
            ));
            let copied = target.beside(input(start, 4).unwrap()).unwrap();
            assert!(matches!(copied, Input::Copied(_)));
            target.fill(|output| output.deliver(&copied)).unwrap();
        }
        assert_eq!(&memory, b"0120123789");
    }

    #[test]
    fn a_list_follows_the_two_call_rule() {
        let mut array = [9_u64; 3];
        let mut count = 1;
        // SAFETY: the array holds at least `count` elements.
        unsafe {
            let query = List::<u64>::new(ptr::null_mut(), &raw mut count).unwrap();
            assert_eq!(query.fill(&[1, 2]), Ok(()));
            assert_eq!(count, 2);
            count = 1;
            let short = List::new(array.as_mut_ptr(), &raw mut count).unwrap();
            assert_eq!(short.fill(&[1, 2]), Err(Error::BufferTooSmall(2)));
            assert_eq!((count, array), (2, [9; 3]));
            let exact = List::new(array.as_mut_ptr(), &raw mut count).unwrap();
            assert_eq!(exact.fill(&[1, 2]), Ok(()));
            assert!(List::new(array.as_mut_ptr(), ptr::null_mut()).is_err());
        }
        assert_eq!(array, [1, 2, 9]);
    }
}
