//! Why a session, a request in one, or an answer is refused.

use crate::domain::cbor::Malformed;
use crate::domain::date::date;
use crate::domain::ids::{DomainId, DomainKeyId, MemberId, OperatorId};
use crate::error::Error;
use thiserror::Error;

/// Why a session, a request in one, or an answer is refused. Nothing was done.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    /// A field is not in the one form the format allows.
    #[error("its {0}")]
    Malformed(#[from] Malformed),
    /// It belongs to another domain.
    #[error("it is for domain {0}")]
    OtherDomain(DomainId),
    /// It is for another member.
    #[error("it is for member {0}")]
    OtherMember(MemberId),
    /// The domain does not know the operator, or no longer.
    #[error("the domain knows no operator {0}")]
    UnknownOperator(OperatorId),
    /// The operator is suspended.
    #[error("operator {0} is suspended")]
    Suspended(OperatorId),
    /// The operator's time in the domain is over.
    #[error("operator {0} counted until {until} only", until = date(.1))]
    OperatorExpired(OperatorId, u64),
    /// The signature is not the signer's.
    #[error("its signature does not verify")]
    Signature,
    /// The clocks differ too much, or it is an old message.
    #[error(
        "it was made at {}, and here it is {}: send it at once, and compare the clocks",
        date(.said),
        date(.now)
    )]
    Clock {
        /// The time in the message.
        said: u64,
        /// The time here.
        now: u64,
    },
    /// This request for a session was answered before.
    #[error("it was answered before: make a new one")]
    Seen,
    /// It asks for a session of no time.
    #[error("it asks for a session that ends at once")]
    NoTime,
    /// Its key is not an X-Wing public key.
    #[error("its key is not an X-Wing public key")]
    EphemeralKey,
    /// This member holds no such domain key: it was removed, or the member lags behind.
    #[error("its session is under domain key {0}, which this module does not hold: open a new one")]
    UnknownKey(DomainKeyId),
    /// The session's keys do not open.
    #[error("its session does not open: it was changed")]
    Token,
    /// The request or answer does not open.
    #[error("it does not open under the keys of its session")]
    Sealed,
    /// The session is over.
    #[error("its session ended at {}: open a new one", date(.0))]
    Ended(u64),
    /// The counter is not above every one that this member took.
    #[error("this member takes counters from {next} on in this session")]
    Counter {
        /// The lowest counter that the member takes.
        next: u64,
    },
    /// The member has no room to remember another session.
    #[error("this member has too many operator sessions: wait until some have ended")]
    TooMany,
    /// It answers something else than was asked.
    #[error("it answers another request")]
    OtherRequest,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        if let Refusal::Malformed(malformed) = refusal {
            return malformed.into();
        }
        Error::OperatorSessionRefused(refusal.to_string())
    }
}
