//! How a member answers a request for a session.

use super::session_token::counting;
use super::{CLOCK_SKEW, FORMAT, Hello, Refusal, SessionToken, in_time};
use crate::domain::cbor::{Flaw, Reader, Result as Read, Writer, flawed};
use crate::domain::cose::{Purpose, Signature, Signed, Signer};
use crate::domain::identity::Identity;
use crate::domain::ids::{Digest, MemberId};
use crate::domain::keyring::Keyring;
use crate::domain::package::Package;
use crate::domain::state::State;
use crate::domain::state::member::member_id;
use rand::CryptoRng;
use zeroize::Zeroizing;

/// The longest answer in bytes.
pub const MAX_WELCOME: usize = 2048;
/// The longest session token in bytes.
pub(super) const MAX_TOKEN: usize = 512;

/// A session that a member is ready to open. The answer is handed out only after the session's name was
/// found to be new and durably noted, until [`Admission::noted_until`].
pub struct Admission {
    /// The session.
    pub token: SessionToken,
    /// The last second in which the request could come again.
    pub noted_until: u64,
    /// The answer.
    pub answer: Vec<u8>,
}

/// Answers a request for a session at the time `now`, for no more than `longest` seconds.
///
/// # Errors
/// Why the session is refused. Whether the request was answered before, the caller sees to.
pub fn welcome(
    hello: &[u8],
    state: &State,
    (identity, ring): (&Identity, &Keyring),
    (now, longest): (u64, u64),
    random: &mut impl CryptoRng,
) -> Result<Admission, Refusal> {
    let asked = Hello::parse(hello)?;
    if asked.domain != state.domain {
        return Err(Refusal::OtherDomain(asked.domain));
    }
    if asked.member != identity.id() {
        return Err(Refusal::OtherMember(asked.member));
    }
    let operator = counting(&state.governance, asked.operator, now)?;
    if !asked.signature.is_by(&operator.card.key) {
        return Err(Refusal::Signature);
    }
    in_time(asked.at, now)?;
    let lasts = asked.lifetime.min(longest);
    if lasts == 0 {
        return Err(Refusal::NoTime);
    }
    let end = now.saturating_add(lasts);
    let end = operator.expires.map_or(end, |expires| end.min(expires));
    let mut root = Zeroizing::new([0; 32]);
    random.fill_bytes(root.as_mut());
    let token = SessionToken::new(asked.session(), asked.operator, (now, end), root.clone());
    // Neither fails but for want of randomness or memory.
    let sealed = token
        .seal(ring.active(), random)
        .map_err(|_| Refusal::Token)?;
    let (info, key) = (context(&asked), &root);
    let package = Package::seal(asked.ephemeral.as_slice(), (&info, &sealed), key, random);
    let package = package.ok_or(Refusal::EphemeralKey)?;
    let answer = Welcome::make(identity, &asked, &sealed, end, &package)?;
    Ok(Admission {
        token,
        noted_until: end.max(asked.at.saturating_add(CLOCK_SKEW)),
        answer,
    })
}

/// What the sealing of the session's keys to the operator is bound to.
pub(super) fn context(asked: &Hello) -> Vec<u8> {
    [
        b"keyward/1 operator session".as_slice(),
        &asked.domain.0,
        &asked.member.0,
        &asked.operator.0,
        &asked.session().0,
    ]
    .concat()
}

/// The answer, as the operator reads it. Its signature is not yet checked.
pub(super) struct Welcome {
    /// The member's public key, which its name is made of.
    pub(super) signing: [u8; 32],
    /// The hash of the message that it answers.
    pub(super) hello: Digest,
    /// The session token.
    pub(super) token: Vec<u8>,
    /// The last second of the session.
    pub(super) expires: u64,
    /// The session's keys.
    pub(super) package: Package,
    pub(super) signature: Signature,
}

impl Welcome {
    /// Signs an answer.
    fn make(
        identity: &Identity,
        asked: &Hello,
        token: &[u8],
        expires: u64,
        package: &Package,
    ) -> Result<Vec<u8>, Refusal> {
        let mut payload = Writer::with_capacity(MAX_WELCOME);
        payload.array(7).uint(FORMAT).bytes(&identity.public_key());
        payload.bytes(&asked.hash.0).bytes(token).uint(expires);
        package.write(&mut payload);
        let id = identity.id().0;
        let signed = Signed::make(Purpose::SessionWelcome, id, identity, payload.into_vec());
        signed.map_err(|_| Refusal::Signature)
    }

    /// Reads an answer.
    pub(super) fn parse(bytes: &[u8]) -> Read<Self> {
        let read = Signed::parse(Purpose::SessionWelcome, bytes, MAX_WELCOME)?;
        let Signed { payload, signature } = read;
        let welcome = Reader::whole(&payload, "session answer", |reader| {
            reader.tuple("session answer", 7)?;
            if reader.uint("session answer format")? != FORMAT {
                return Err(flawed("session answer format", Flaw::BadValue));
            }
            Ok(Welcome {
                signing: reader.fixed("member key")?,
                hello: Digest(reader.fixed("session request hash")?),
                token: reader.bytes("session token", MAX_TOKEN)?.to_vec(),
                expires: reader.uint("session end")?,
                package: Package::read(reader)?,
                signature,
            })
        })?;
        if welcome.signature.signer != welcome.member().0 {
            return Err(flawed("member key", Flaw::BadValue));
        }
        Ok(welcome)
    }

    /// Who answers.
    pub(super) fn member(&self) -> MemberId {
        member_id(&self.signing)
    }
}
