//! Why a domain token is refused.

use super::cbor::Malformed;
use super::command::Kind;
use super::date::date;
use super::ids::{Digest, DomainId, DomainKeyId, MemberId};
use super::state::governance::Shortfall;
use crate::error::Error;
use thiserror::Error;

/// Why a domain token, or the making of one, was refused. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refusal {
    // --- 1: form -----------------------------------------------------------------------------
    /// It is longer than any domain token may be.
    #[error("it has {0} bytes, more than any domain token")]
    TooLong(usize),
    /// A field is not in the one form the format allows.
    #[error("its {0}")]
    Malformed(#[from] Malformed),
    /// Its format number is not 1.
    #[error("format {0} is not known here")]
    UnknownFormat(u64),
    /// It belongs to another domain.
    #[error("it belongs to domain {0}")]
    OtherDomain(DomainId),
    /// It holds something that its version has no use for.
    #[error("it carries {0} that it has no use for")]
    Superfluous(&'static str),

    // --- 2: lineage --------------------------------------------------------------------------
    /// It is older than the installed version.
    #[error("version {proposed} is older than the installed version {installed}")]
    Older {
        /// The token's version.
        proposed: u64,
        /// The installed version.
        installed: u64,
    },
    /// Versions between it and the installed one are missing.
    #[error(
        "version {proposed} does not follow version {installed}: the versions between are missing"
    )]
    Gap {
        /// The token's version.
        proposed: u64,
        /// The installed version.
        installed: u64,
    },
    /// It does not descend from the installed version.
    #[error("it does not descend from the installed version, token {0}")]
    OtherParent(Digest),
    /// It was made before its parent.
    #[error("it was made before its parent: compare the clocks")]
    BeforeParent,
    /// It was made in the future.
    #[error("it was made at {}, which is in the future: compare the clocks", date(.0))]
    FromFuture(u64),
    /// Its time to be installed is over.
    #[error("it could be installed until {} only: propose the change anew, and compare the clocks", date(.0))]
    Expired(u64),
    /// The member was away so long that it wants most others to confirm the newest version.
    #[error(
        "this module was away too long: {confirmed} of {needed} other members confirm the version"
    )]
    Unconfirmed {
        /// How many confirmed it.
        confirmed: usize,
        /// How many must.
        needed: usize,
    },

    // --- 3: authority ------------------------------------------------------------------------
    /// Who made it is not an active member of the installed version.
    #[error("its maker {0} is not an active member of the installed version")]
    ProducerNotActive(MemberId),
    /// The maker's signature does not verify.
    #[error("the signature of its maker {0} does not verify")]
    ProducerSignature(MemberId),
    /// It carries no mandate.
    #[error("it carries no mandate")]
    NoMandate,
    /// Its mandate is for another domain.
    #[error("its mandate is for domain {0}")]
    MandateDomain(DomainId),
    /// Its mandate is for another version.
    #[error("its mandate is for token {0}, not for the installed one: request the change anew")]
    MandateParent(Digest),
    /// Its mandate is not the one that it says it applies.
    #[error("it says it applies another mandate than it carries")]
    MandateOther,
    /// The mandate's changes are not taken in order.
    #[error("it takes the changes of its mandate from {taken}, but {next} comes next")]
    MandateOrder {
        /// The first change it takes.
        taken: u64,
        /// The first it should.
        next: u64,
    },
    /// It takes none of the mandate's changes, or more than there are.
    #[error("it takes {0} changes, which its mandate does not have")]
    MandateCount(u64),
    /// The mandate had lapsed.
    #[error("its mandate lapsed at {}: request the change anew", date(.0))]
    MandateExpired(u64),
    /// A signature is by nobody the domain knows.
    #[error("its mandate is signed by {0}, who is not known here")]
    UnknownSigner(String),
    /// A signature does not verify.
    #[error("the signature of {0} on its mandate does not verify")]
    OperatorSignature(String),
    /// The quorum of the installed version is not met.
    #[error("{0}")]
    Quorum(QuorumFailure),
    /// The quorum of the proposed version is not met, which changes operators or rules.
    #[error("under the new operators and rules, {0}")]
    NewQuorum(QuorumFailure),

    // --- 4: the change -----------------------------------------------------------------------
    /// A change cannot be made to the installed version.
    #[error("{0}")]
    Change(String),
    /// The resulting state cannot be a domain's.
    #[error("the new version would not be sound: {0}")]
    Unsound(String),
    /// The state differs from the installed one in more than the signed changes.
    #[error("its {0} differ from what the signed changes make")]
    Unsigned(&'static str),

    // --- 5: secrets --------------------------------------------------------------------------
    /// There is no package for an active member, or one for someone else.
    #[error("its packages are not those of its active members")]
    Packages,
    /// The package of this module does not open.
    #[error("the package for this module does not open")]
    PackageSealed,
    /// The tag does not verify.
    #[error("its tag does not verify")]
    Tag,
    /// The key set does not open.
    #[error("its key set does not open")]
    KeySet,
    /// The key set does not hold just the keys of the manifest.
    #[error("its key set does not hold just the domain keys of its manifest")]
    KeySetOther,
    /// A domain key does not fit its commitment.
    #[error("domain key {0} does not fit its commitment")]
    Commitment(DomainKeyId),
    /// The stable secret does not fit its commitment.
    #[error("the stable secret does not fit its commitment")]
    StableCommitment,

    // --- first trust, and the making of a token ----------------------------------------------
    /// The domain is not the one that the security officer named.
    #[error("the fingerprint of the domain is {0}, not the one that was given")]
    Fingerprint(Digest),
    /// The token does not admit this module.
    #[error("it does not admit this module")]
    NotAdmitted,
    /// The installed token that the store holds is not the one this module installed.
    #[error("the stored domain token is not the one that this module installed")]
    NotInstalled,
    /// Two tokens of the installed version exist.
    #[error(
        "the domain is forked: a member made two tokens of the installed version (see keyward domain history and settle)"
    )]
    Forked,
    /// Something failed that has nothing to do with the token.
    #[error("{0}")]
    Failed(String),
}

/// A quorum that is not met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuorumFailure(pub Shortfall);

impl std::fmt::Display for QuorumFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Shortfall {
            kind,
            role,
            needed,
            given,
        } = &self.0;
        if role.is_empty() {
            return write!(f, "nobody may do {kind}");
        }
        write!(f, "{kind} needs {needed} of role {role}, and has {given}")
    }
}

impl Refusal {
    /// The approval of `kind` fell short.
    #[must_use]
    pub fn shortfall(shortfall: Shortfall) -> Self {
        Refusal::Quorum(QuorumFailure(shortfall))
    }

    /// In a domain without operators, the one member did not sign.
    #[must_use]
    pub fn without_operators(kind: Kind) -> Self {
        let role = "security officer".to_owned();
        Self::shortfall(Shortfall {
            kind,
            role,
            needed: 1,
            given: 0,
        })
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Error::DomainTokenRefused(refusal.to_string())
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Refusal::Failed(error.to_string())
    }
}
