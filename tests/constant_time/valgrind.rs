//! Requests to valgrind's memcheck, from inside the program that it runs.
#![allow(unsafe_code)]

use std::arch::asm;

/// Numbers of the requests in `valgrind/valgrind.h` and `valgrind/memcheck.h`.
const RUNNING_ON_VALGRIND: u64 = 0x1001;
const COUNT_ERRORS: u64 = 0x1201;
const MAKE_MEM_UNDEFINED: u64 = 0x4d43_0001;
const MAKE_MEM_DEFINED: u64 = 0x4d43_0002;

/// Whether valgrind runs the program.
pub(crate) fn running() -> bool {
    request(RUNNING_ON_VALGRIND, 0, 0) != 0
}

/// How many errors it has found so far.
pub(crate) fn errors() -> u64 {
    request(COUNT_ERRORS, 0, 0)
}

/// Makes memcheck take the bytes for undefined: it reports each branch and address made from them.
pub(crate) fn taint<T: ?Sized>(value: &mut T) {
    mark(MAKE_MEM_UNDEFINED, value);
}

/// Makes memcheck take the bytes for defined: they are no secret from here on.
pub(crate) fn declassify<T: ?Sized>(value: &mut T) {
    mark(MAKE_MEM_DEFINED, value);
}

fn mark<T: ?Sized>(number: u64, value: &mut T) {
    let length = u64::try_from(size_of_val(value)).unwrap();
    let address = u64::try_from((&raw mut *value).cast::<u8>().addr()).unwrap();
    request(number, address, length);
}

/// One request. On a processor the four rotations leave `rdi` as it was and the exchange does nothing;
/// valgrind knows the sequence and puts the answer into `rdx`.
fn request(number: u64, first: u64, second: u64) -> u64 {
    let arguments = [number, first, second, 0, 0, 0];
    let mut answer = 0;
    // SAFETY: outside valgrind the instructions change nothing but flags; inside, the marks touch its
    // own records of memory that the caller borrowed. The array outlives the block.
    unsafe {
        asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51",
            "xchg rbx, rbx",
            inout("rdx") answer,
            in("rax") arguments.as_ptr(),
            inout("rdi") 0u64 => _,
        );
    }
    answer
}
