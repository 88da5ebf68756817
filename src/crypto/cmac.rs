//! AES-CMAC (SP 800-38B, RFC 4493).
#![forbid(unsafe_code)]

use super::aes::{Key, Schedule};
use ::cmac::Cmac;
use ::cmac::digest::common::InnerInit;
use ::cmac::digest::{FixedOutput, Update};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The length of the whole MAC in bytes.
pub const OUTPUT_SIZE: usize = 16;

/// A MAC in progress. Erased on drop.
#[derive(Clone)]
pub struct Mac(State);

#[derive(Clone)]
enum State {
    Aes128(Cmac<aes::Aes128>),
    Aes192(Cmac<aes::Aes192>),
    Aes256(Cmac<aes::Aes256>),
}

impl Mac {
    /// Starts a message.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Mac(match key.schedule() {
            Schedule::Aes128(aes) => State::Aes128(Cmac::inner_init(aes.clone())),
            Schedule::Aes192(aes) => State::Aes192(Cmac::inner_init(aes.clone())),
            Schedule::Aes256(aes) => State::Aes256(Cmac::inner_init(aes.clone())),
        })
    }

    /// Takes the next part.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.0 {
            State::Aes128(mac) => mac.update(data),
            State::Aes192(mac) => mac.update(data),
            State::Aes256(mac) => mac.update(data),
        }
    }

    /// The MAC; shorter ones are its first bytes.
    #[must_use]
    pub fn finish(self) -> Zeroizing<[u8; OUTPUT_SIZE]> {
        Zeroizing::new(match self.0 {
            State::Aes128(mac) => mac.finalize_fixed().into(),
            State::Aes192(mac) => mac.finalize_fixed().into(),
            State::Aes256(mac) => mac.finalize_fixed().into(),
        })
    }

    /// Whether `tag` is the start of the MAC, compared in constant time. An empty tag never is.
    #[must_use]
    pub fn verify(self, tag: &[u8]) -> bool {
        let whole = self.finish();
        whole
            .get(..tag.len())
            .is_some_and(|start| !tag.is_empty() && start.ct_eq(tag).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_4493_example_2() {
        let key: Vec<u8> = vec![
            0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf,
            0x4f, 0x3c,
        ];
        let message = [
            0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93,
            0x17, 0x2a,
        ];
        let mut mac = Mac::new(&Key::new(&key).unwrap());
        mac.update(&message[..3]);
        mac.update(&message[3..]);
        assert_eq!(mac.clone().finish()[..4], [0x07, 0x0a, 0x16, 0xb4]);
        assert!(mac.clone().verify(&[0x07, 0x0a, 0x16, 0xb4]));
        assert!(!mac.clone().verify(&[0x07, 0x0a, 0x16, 0xb5]));
        assert!(!mac.verify(&[]));
    }
}
