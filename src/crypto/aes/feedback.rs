//! Output and cipher feedback modes (SP 800-38A, sections 6.3 and 6.4), in parts of any length.

use super::{BLOCK, Direction, Key};
use crate::crypto::awslc::feedback::Stream;
use crate::error::{Error, Result};

/// Which feedback; the number of bits for cipher feedback.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is named by the standard")]
pub enum Feedback {
    Output,
    Cipher1,
    Cipher8,
    Cipher128,
}

/// Encryption or decryption in progress. Erased on drop.
pub struct FeedbackStream(Stream);

impl FeedbackStream {
    /// Starts.
    ///
    /// # Errors
    /// `HostMemory`.
    pub fn new(key: &Key, mode: Feedback, direction: Direction, iv: &[u8; BLOCK]) -> Result<Self> {
        let encrypt = direction == Direction::Encrypt;
        let stream = Stream::new(mode, encrypt, key.bytes(), iv);
        stream.map(FeedbackStream).ok_or(Error::HostMemory)
    }

    /// Takes the next part.
    ///
    /// # Errors
    /// `BufferTooSmall` unless `out` is as long as `input`; nothing has happened then.
    pub fn apply(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let out = out
            .get_mut(..input.len())
            .ok_or(Error::BufferTooSmall(input.len()))?;
        let done = self.0.update(input, out);
        done.ok_or(Error::Internal("feedback mode"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: [u8; 18] = [
        0x6b, 0xc1, 0xbe, 0xe2, 0x2e, 0x40, 0x9f, 0x96, 0xe9, 0x3d, 0x7e, 0x11, 0x73, 0x93, 0x17,
        0x2a, 0xae, 0x2d,
    ];

    /// SP 800-38A, appendix F.3.7: CFB8-AES128.
    #[test]
    fn sp_800_38a_cfb8() {
        let key: Vec<u8> = vec![
            0x2b, 0x7e, 0x15, 0x16, 0x28, 0xae, 0xd2, 0xa6, 0xab, 0xf7, 0x15, 0x88, 0x09, 0xcf,
            0x4f, 0x3c,
        ];
        let key = Key::new(&key).unwrap();
        let iv: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let mut stream =
            FeedbackStream::new(&key, Feedback::Cipher8, Direction::Encrypt, &iv).unwrap();
        let mut out = [0; 18];
        stream.apply(&PLAIN[..7], &mut out).unwrap();
        stream.apply(&PLAIN[7..], &mut out[7..]).unwrap();
        assert_eq!(
            out,
            [
                0x3b, 0x79, 0x42, 0x4c, 0x9c, 0x0d, 0xd4, 0x36, 0xba, 0xce, 0x9e, 0x0e, 0xd4, 0x58,
                0x6a, 0x4f, 0x32, 0xb9
            ]
        );
    }

    #[test]
    fn each_mode_undoes_itself_in_parts() {
        for length in [16, 24, 32] {
            let key = Key::new(&vec![9; length]).unwrap();
            for mode in [
                Feedback::Output,
                Feedback::Cipher1,
                Feedback::Cipher8,
                Feedback::Cipher128,
            ] {
                let start = |way| FeedbackStream::new(&key, mode, way, &[3; 16]).unwrap();
                let (mut sealed, mut opened) = ([0; 18], [0; 18]);
                start(Direction::Encrypt)
                    .apply(&PLAIN, &mut sealed)
                    .unwrap();
                assert_ne!(sealed, PLAIN);
                let mut back = start(Direction::Decrypt);
                back.apply(&sealed[..5], &mut opened).unwrap();
                back.apply(&sealed[5..], &mut opened[5..]).unwrap();
                assert_eq!(opened, PLAIN, "{mode:?} {length}");
            }
        }
    }
}
