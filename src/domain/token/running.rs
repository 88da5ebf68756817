//! A member's signed word that all its processes run a version.

use crate::domain::cbor::{Flaw, Reader, Result, Writer, flawed};
use crate::domain::cose::{Purpose, Signature, Signed, Signer};
use crate::domain::ids::{Digest, DomainId, MemberId};
use crate::domain::ingest::Installed;
use crate::domain::state::State;
use crate::error;

/// The format of running statements.
const FORMAT: u64 = 1;
/// The longest statement in bytes.
pub const MAX_LEN: usize = 512;

/// A running statement. Its signature is checked by [`Running::is_by_member_of`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Running {
    /// Who says so.
    pub member: MemberId,
    /// The domain.
    pub domain: DomainId,
    /// The version.
    pub version: u64,
    /// The hash of the version's token.
    pub token: Digest,
    /// When, in seconds since 1970-01-01 UTC.
    pub at: u64,
    signature: Signature,
}

impl Running {
    /// Makes and signs a statement.
    ///
    /// # Errors
    /// Those of the signer.
    pub fn make(
        member: MemberId,
        signer: &dyn Signer,
        (domain, version, token): (DomainId, u64, Digest),
        at: u64,
    ) -> error::Result<Self> {
        let payload = payload(domain, version, token, at);
        let bytes = Signed::make(Purpose::Running, member.0, signer, payload)?;
        Ok(Running::parse(&bytes)?)
    }

    /// Whether an active member of `state` made the statement.
    #[must_use]
    pub fn is_by_member_of(&self, state: &State) -> bool {
        state
            .member(self.member)
            .is_some_and(|member| member.active && self.signature.is_by(&member.card.signing))
    }

    /// Whether an active member of the installed version says that it runs that version.
    #[must_use]
    pub fn confirms(&self, installed: &Installed) -> bool {
        let state = &installed.state;
        (self.domain, self.version) == (state.domain, state.version)
            && self.token == installed.hash
            && self.is_by_member_of(state)
    }

    /// The encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let payload = payload(self.domain, self.version, self.token, self.at);
        Signed::encode(self.member.0, payload, &self.signature.bytes)
    }

    /// Reads a statement. Its signature is not checked.
    ///
    /// # Errors
    /// Anything but the one encoding.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let Signed { payload, signature } = Signed::parse(Purpose::Running, bytes, MAX_LEN)?;
        Reader::whole(&payload, "running statement", |reader| {
            reader.tuple("running statement", 5)?;
            if reader.uint("statement format")? != FORMAT {
                return Err(flawed("statement format", Flaw::BadValue));
            }
            Ok(Running {
                member: MemberId(signature.signer),
                domain: DomainId(reader.fixed("domain id")?),
                version: reader.uint("version")?,
                token: Digest(reader.fixed("token hash")?),
                at: reader.uint("statement date")?,
                signature,
            })
        })
    }
}

/// The signed part.
fn payload(domain: DomainId, version: u64, token: Digest, at: u64) -> Vec<u8> {
    let mut writer = Writer::default();
    writer
        .array(5)
        .uint(FORMAT)
        .bytes(&domain.0)
        .uint(version)
        .bytes(&token.0)
        .uint(at);
    writer.into_vec()
}
