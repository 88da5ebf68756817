//! How an operator asks for a session: a signed message with a key of its own for the answer.

use super::welcome::{Welcome, context};
use super::{ClientSession, FORMAT, Refusal};
use crate::domain::cbor::{Flaw, Reader, Result as Read, Writer, flawed};
use crate::domain::cose::{Purpose, Signature, Signed, Signer};
use crate::domain::ids::{Digest, DomainId, MemberId, OperatorId, SessionId};
use crate::domain::package::{AgreementKey, PUBLIC_KEY_LEN};
use crate::domain::sealing::hash;
use crate::domain::state::governance::operator_id;
use crate::error;
use crate::secret::SecretBytes;
use std::fmt;

/// The longest message in bytes.
pub const MAX_HELLO: usize = 2048;

/// A request for a session, as read. Its signature is checked by [`super::welcome`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hello {
    /// The domain.
    pub domain: DomainId,
    /// The member that is asked.
    pub member: MemberId,
    /// Who asks.
    pub operator: OperatorId,
    /// The X-Wing key that the answer is sealed to, used for nothing else.
    pub ephemeral: Box<[u8; PUBLIC_KEY_LEN]>,
    /// Makes the message differ from every other.
    pub nonce: [u8; 16],
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub at: u64,
    /// How long the session should last, in seconds.
    pub lifetime: u64,
    /// The hash of the message.
    pub hash: Digest,
    pub(super) signature: Signature,
}

impl Hello {
    /// Reads a request. Its signature is not checked.
    ///
    /// # Errors
    /// Anything but the one encoding.
    pub fn parse(bytes: &[u8]) -> Read<Self> {
        let Signed { payload, signature } = Signed::parse(Purpose::SessionHello, bytes, MAX_HELLO)?;
        Reader::whole(&payload, "session request", |reader| {
            reader.tuple("session request", 7)?;
            if reader.uint("session request format")? != FORMAT {
                return Err(flawed("session request format", Flaw::BadValue));
            }
            Ok(Hello {
                domain: DomainId(reader.fixed("domain id")?),
                member: MemberId(reader.fixed("member id")?),
                operator: OperatorId(signature.signer),
                ephemeral: Box::new(reader.fixed("session request key")?),
                nonce: reader.fixed("nonce")?,
                at: reader.uint("session request date")?,
                lifetime: reader.uint("session lifetime")?,
                hash: Digest(hash(&[bytes])),
                signature,
            })
        })
    }

    /// The name of the session that it leads to: one message leads to one session.
    #[must_use]
    pub fn session(&self) -> SessionId {
        let whole = hash(&[b"keyward/1 operator session", &self.hash.0]);
        SessionId(whole.first_chunk().copied().unwrap_or_default())
    }
}

/// The operator's side of a request for a session that waits for its answer. Erased on drop.
pub struct Opening {
    hello: Vec<u8>,
    asked: Hello,
    ephemeral: AgreementKey,
}

impl Opening {
    /// Asks `member` of `domain` for a session of `lifetime` seconds.
    ///
    /// # Errors
    /// Those of the signer and of the random generator.
    pub fn begin(
        (domain, member): (DomainId, MemberId),
        operator: &dyn Signer,
        (at, lifetime): (u64, u64),
    ) -> error::Result<Self> {
        let ephemeral = AgreementKey::generate()?;
        let nonce = crate::crypto::random::array()?;
        Self::of_parts(
            (domain, member),
            operator,
            (at, lifetime),
            (ephemeral, nonce),
        )
    }

    /// As [`Opening::begin`], with what it draws given.
    pub(crate) fn of_parts(
        (domain, member): (DomainId, MemberId),
        operator: &dyn Signer,
        (at, lifetime): (u64, u64),
        (ephemeral, nonce): (AgreementKey, [u8; 16]),
    ) -> error::Result<Self> {
        let mut payload = Writer::with_capacity(MAX_HELLO);
        payload.array(7).uint(FORMAT);
        payload.bytes(&domain.0).bytes(&member.0);
        payload.bytes(ephemeral.public()).bytes(&nonce);
        payload.uint(at).uint(lifetime);
        let id = operator_id(&operator.public_key()).0;
        let hello = Signed::make(Purpose::SessionHello, id, operator, payload.into_vec())?;
        let asked = Hello::parse(&hello)?;
        Ok(Opening {
            hello,
            asked,
            ephemeral,
        })
    }

    /// What is asked.
    #[must_use]
    pub fn asked(&self) -> &Hello {
        &self.asked
    }

    /// The message for the member.
    #[must_use]
    pub fn hello(&self) -> &[u8] {
        &self.hello
    }

    /// Everything of it, to be kept until the answer comes: it holds a secret.
    #[must_use]
    pub fn encode(&self) -> SecretBytes {
        let mut writer = Writer::with_capacity(MAX_HELLO);
        writer.array(3).uint(FORMAT).bytes(&self.hello);
        writer.bytes(self.ephemeral.seed());
        writer.into_secret()
    }

    /// Reads what [`Opening::encode`] wrote.
    ///
    /// # Errors
    /// Anything else.
    pub fn parse(bytes: &[u8]) -> Read<Self> {
        Reader::whole(bytes, "waiting session request", |reader| {
            reader.tuple("waiting session request", 3)?;
            if reader.uint("waiting session request format")? != FORMAT {
                return Err(flawed("waiting session request format", Flaw::BadValue));
            }
            let hello = reader.bytes("session request", MAX_HELLO)?.to_vec();
            let asked = Hello::parse(&hello)?;
            let ephemeral = AgreementKey::from_seed(&zeroize::Zeroizing::new(
                reader.fixed("session request key")?,
            ));
            if *ephemeral.public() != *asked.ephemeral {
                return Err(flawed("session request key", Flaw::BadValue));
            }
            Ok(Opening {
                hello,
                asked,
                ephemeral,
            })
        })
    }

    /// The session that the member's answer opens.
    ///
    /// # Errors
    /// An answer that is not by the member that was asked, or not to this message.
    pub fn finish(&self, answer: &[u8]) -> Result<ClientSession, Refusal> {
        let welcome = Welcome::parse(answer)?;
        let asked = &self.asked;
        if welcome.member() != asked.member {
            return Err(Refusal::OtherMember(welcome.member()));
        }
        if !welcome.signature.is_by(&welcome.signing) {
            return Err(Refusal::Signature);
        }
        if welcome.hello != asked.hash {
            return Err(Refusal::OtherRequest);
        }
        let info = context(asked);
        let root = welcome.package.open(&self.ephemeral, &info, &welcome.token);
        let root = root.ok_or(Refusal::Sealed)?;
        let session = (asked.domain, asked.session(), asked.operator);
        Ok(ClientSession::new(
            session,
            welcome.token,
            welcome.expires,
            root,
        ))
    }
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Opening({})", self.asked.session())
    }
}
