//! What is asked in a session, and what comes back.

use crate::domain::cbor::{Flaw, Reader, Result as Read, Writer, flawed};
use crate::domain::customer::Request;
use crate::domain::ids::{Digest, DomainId, MemberId};
use crate::secret::SecretBytes;
use std::fmt;

/// The most random bytes that one request may ask for.
pub const RANDOM_MOST: usize = 65_536;
/// The longest reason in bytes.
const MAX_WHY: usize = 1024;

/// What is asked.
#[derive(PartialEq, Eq, Debug)]
pub enum Ask {
    /// How the member stands.
    Status,
    /// So many random bytes, at most [`RANDOM_MOST`].
    Random(usize),
    /// Something about customer keys.
    Customer(Box<Request>),
}

impl Ask {
    /// Its encoding, which may hold secrets.
    #[must_use]
    pub fn encode(&self) -> SecretBytes {
        let mut writer = Writer::default();
        match self {
            Ask::Customer(request) => writer.array(2).uint(3).bytes(request.encode().expose()),
            Ask::Status => writer.array(1).uint(1),
            Ask::Random(length) => {
                let length = u64::try_from(*length).unwrap_or(u64::MAX);
                writer.array(2).uint(2).uint(length)
            }
        };
        writer.into_secret()
    }

    /// Reads it.
    ///
    /// # Errors
    /// Anything but the one encoding.
    pub fn parse(bytes: &[u8]) -> Read<Self> {
        Reader::whole(bytes, "question", |reader| {
            let items = reader.array("question", 2)?;
            match (items, reader.uint("kind of question")?) {
                (1, 1) => Ok(Ask::Status),
                (2, 2) => {
                    let length = usize::try_from(reader.uint("number of bytes")?);
                    let length = length.ok().filter(|length| *length <= RANDOM_MOST);
                    length
                        .map(Ask::Random)
                        .ok_or(flawed("number of bytes", Flaw::TooLong))
                }
                (2, 3) => {
                    let request = reader.bytes("customer request", usize::MAX)?;
                    Request::decode(request).map(Box::new).map(Ask::Customer)
                }
                _ => Err(flawed("kind of question", Flaw::BadValue)),
            }
        })
    }
}

/// What comes back.
#[derive(PartialEq, Eq)]
pub enum Reply {
    /// It was done, and this is the result.
    Done(SecretBytes),
    /// It was not done.
    Refused(String),
    /// It was not done: the counter was too low, and this is the lowest that the member takes.
    Counter(u64),
}

impl Reply {
    /// By how many bytes the encoding of [`Reply::Done`] is longer than the result.
    pub const OVERHEAD: usize = 8;
    /// The longest encoding of the others.
    pub const REFUSED: usize = MAX_WHY + Self::OVERHEAD;

    /// Its encoding, which may hold secrets.
    #[must_use]
    pub fn encode(&self) -> SecretBytes {
        let mut writer = Writer::default();
        writer.array(2);
        match self {
            Reply::Done(result) => writer.uint(0).bytes(result.expose()),
            Reply::Refused(why) => {
                let mut most = why.len().min(MAX_WHY);
                while !why.is_char_boundary(most) {
                    most = most.saturating_sub(1);
                }
                writer.uint(1).text(why.get(..most).unwrap_or_default())
            }
            Reply::Counter(next) => writer.uint(2).uint(*next),
        };
        writer.into_secret()
    }

    /// Reads it.
    ///
    /// # Errors
    /// Anything but the one encoding.
    pub fn parse(bytes: &[u8]) -> Read<Self> {
        Reader::whole(bytes, "reply", |reader| {
            reader.tuple("reply", 2)?;
            match reader.uint("kind of reply")? {
                0 => Ok(Reply::Done(SecretBytes::copy_of(
                    reader.bytes("result", usize::MAX)?,
                ))),
                1 => Ok(Reply::Refused(reader.text("reason", MAX_WHY)?.to_owned())),
                2 => Ok(Reply::Counter(reader.uint("next counter")?)),
                _ => Err(flawed("kind of reply", Flaw::BadValue)),
            }
        })
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reply::Done(result) => write!(f, "Done({} bytes)", result.len()),
            Reply::Refused(why) => write!(f, "Refused({why})"),
            Reply::Counter(next) => write!(f, "Counter({next})"),
        }
    }
}

/// How a member stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// The domain.
    pub domain: DomainId,
    /// The version that the member runs.
    pub version: u64,
    /// The hash of its token.
    pub token: Digest,
    /// The member.
    pub member: MemberId,
    /// What it thinks the time is, in seconds since 1970-01-01 UTC.
    pub now: u64,
}

impl Status {
    /// Its encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.array(5).bytes(&self.domain.0).uint(self.version);
        writer.bytes(&self.token.0).bytes(&self.member.0);
        writer.uint(self.now);
        writer.into_vec()
    }

    /// Reads it.
    ///
    /// # Errors
    /// Anything but the one encoding.
    pub fn parse(bytes: &[u8]) -> Read<Self> {
        Reader::whole(bytes, "status", |reader| {
            reader.tuple("status", 5)?;
            Ok(Status {
                domain: DomainId(reader.fixed("domain id")?),
                version: reader.uint("version")?,
                token: Digest(reader.fixed("token hash")?),
                member: MemberId(reader.fixed("member id")?),
                now: reader.uint("time")?,
            })
        })
    }
}
