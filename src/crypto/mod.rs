//! Primitives: bytes in, bytes out, no PKCS#11 name. One adapter file a primitive; a faster
//! implementation is swapped here and nowhere else.

pub mod aes;
mod awslc;
pub mod chacha;
pub mod cmac;
pub mod curve;
pub mod der;
#[cfg(test)]
mod differential;
pub mod digest;
pub mod ec;
pub mod edwards;
pub mod hash;
pub mod hmac;
pub mod kdf;
pub mod keywrap;
pub mod known;
pub mod mldsa;
pub mod mlkem;
pub mod montgomery;
pub mod pin;
pub mod prehash;
pub mod random;
pub mod rsa;
pub mod scheme;
pub mod sharing;
pub mod slhdsa;
pub mod sp800_108;
