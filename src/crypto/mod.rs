//! Primitives: bytes in, bytes out, no PKCS#11 name. One adapter file a primitive; a faster
//! implementation is swapped here and nowhere else.

mod awslc;
pub mod ec;
pub mod edwards;
pub mod hash;
pub mod montgomery;
pub mod rsa;
