//! Operator sessions (system requirement 5): an operator agrees on keys with one member, and every member
//! of the domain then takes requests under them, with symmetric work only.
//!
//! [`Hello`] asks for a session and is signed by the operator; [`welcome`] answers it, sealed to the
//! operator, and [`Opening`] reads the answer. The answer holds a [`SessionToken`]: the session's keys,
//! sealed under a domain key, so that no member has to remember them. [`ClientSession`] makes requests,
//! [`Incoming`] is one as a member reads it. That no request is taken twice is seen to by `token::replay`.

mod client;
mod hello;
mod incoming;
mod message;
mod refusal;
mod session_token;
mod welcome;

pub use client::{Asked, ClientSession};
pub use hello::{Hello, MAX_HELLO, Opening};
pub use incoming::{Incoming, MAX_REQUEST, answer_bound};
pub use message::{Ask, RANDOM_MOST, Reply, Status};
pub use refusal::Refusal;
pub use session_token::SessionToken;
pub use welcome::{Admission, MAX_WELCOME, welcome};

/// How far, in seconds, an operator's clock may be from a member's.
pub use super::ingest::CLOCK_SKEW;

/// The format of everything here.
const FORMAT: u64 = 1;

/// Whether two clocks are near enough.
///
/// # Errors
/// [`Refusal::Clock`].
fn in_time(said: u64, now: u64) -> Result<(), Refusal> {
    if said.abs_diff(now) <= CLOCK_SKEW {
        Ok(())
    } else {
        Err(Refusal::Clock { said, now })
    }
}
