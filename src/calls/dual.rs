//! The calls that feed two operations at once: `C_DigestEncryptUpdate` and its like.
//!
//! The second operation gets its data only when the first has given its output. What goes wrong with
//! either ends both.

use crate::error::{Error, Result};
use crate::module::Module;
use crate::session::Operations;
use crate::session::active::{Step, peek, step};
use crate::session::handles::SessionHandle;
use crate::session::output::Output;
use zeroize::Zeroize;

/// Which two operations.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pair {
    /// `C_DigestEncryptUpdate`.
    DigestEncrypt,
    /// `C_DecryptDigestUpdate`.
    DecryptDigest,
    /// `C_SignEncryptUpdate`.
    SignEncrypt,
    /// `C_DecryptVerifyUpdate`.
    DecryptVerify,
}

impl Pair {
    fn encrypts(self) -> bool {
        matches!(self, Pair::DigestEncrypt | Pair::SignEncrypt)
    }

    /// Gives the second operation the plaintext.
    fn feed(self, operations: &mut Operations, plain: &[u8]) -> Result<()> {
        match self {
            Pair::DigestEncrypt | Pair::DecryptDigest => {
                step(&mut operations.digest, Step::Part, |digest| {
                    digest.update(plain);
                    Ok(())
                })
            }
            Pair::SignEncrypt => step(&mut operations.sign, Step::Part, |signer| {
                signer.update(plain)
            }),
            Pair::DecryptVerify => step(&mut operations.verify, Step::Part, |verifier| {
                verifier.update(plain)
            }),
        }
    }

    /// Whether the second operation is there and may begin.
    fn second(self, operations: &Operations) -> Result<()> {
        match self {
            Pair::DigestEncrypt | Pair::DecryptDigest => {
                peek(&operations.digest, Step::Part, |_| ())
            }
            Pair::SignEncrypt => peek(&operations.sign, Step::Part, |_| ()),
            Pair::DecryptVerify => peek(&operations.verify, Step::Part, |_| ()),
        }
    }

    /// Ends both operations.
    fn end(self, operations: &mut Operations) {
        if self.encrypts() {
            operations.encrypt = None;
        } else {
            operations.decrypt = None;
        }
        match self {
            Pair::DigestEncrypt | Pair::DecryptDigest => operations.digest = None,
            Pair::SignEncrypt => operations.sign = None,
            Pair::DecryptVerify => operations.verify = None,
        }
    }
}

/// One part for both operations.
///
/// # Errors
/// `OperationNotInitialized` unless both are in progress; `UserNotLoggedIn` when a key wants its PIN first;
/// `BufferTooSmall`, with the part taken by neither; those of the mechanisms, which end both.
pub fn update(
    module: &Module,
    session: SessionHandle,
    pair: Pair,
    input: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    let session = module.session(session)?;
    let mut operations = session.operations();
    let operations = &mut *operations;
    let first = if pair.encrypts() {
        &mut operations.encrypt
    } else {
        &mut operations.decrypt
    };
    let bound = peek(first, Step::Part, |cipher| cipher.update_bound(input.len()))?;
    pair.second(operations)?;
    let Output::Buffer(buffer) = output else {
        return Ok(bound);
    };
    let answer = both(operations, pair, input, buffer);
    if let Err(error) = &answer
        && !matches!(error, Error::BufferTooSmall(_))
    {
        pair.end(operations);
    }
    answer
}

fn both(operations: &mut Operations, pair: Pair, input: &[u8], out: &mut [u8]) -> Result<usize> {
    // Mechanisms that take no parts say so before anything is written.
    pair.feed(operations, &[])?;
    let first = if pair.encrypts() {
        &mut operations.encrypt
    } else {
        &mut operations.decrypt
    };
    let length = step(first, Step::Part, |cipher| cipher.update(input, out))?;
    let written = out.get_mut(..length).unwrap_or_default();
    let fed = if pair.encrypts() {
        pair.feed(operations, input)
    } else {
        pair.feed(operations, written)
    };
    if fed.is_err() {
        written.zeroize();
    }
    fed.map(|()| length)
}

/// Ends both operations: the arguments of a call were wrong.
pub fn cancel(module: &Module, session: SessionHandle, pair: Pair) {
    if let Ok(session) = module.session(session) {
        pair.end(&mut session.operations());
    }
}
