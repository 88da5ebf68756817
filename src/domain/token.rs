//! The domain token: one version of a domain, with the keys of that version sealed to each member.
//! `docs/formats.md`, "Domain token".

pub mod build;
pub mod keyset;
pub mod running;

use super::cbor::{Flaw, Reader, Result as Read, Writer, flawed};
use super::command::Approvals;
use super::command::mandate;
use super::cose::{Purpose, Signature, Signed};
use super::ids::{Digest, MemberId};
use super::package::Package;
use super::refusal::Refusal;
use super::sealing::hash;
use super::state::member::{Card, MAX_CARD};
use super::state::{MAX_MEMBERS, State};
use running::Running;

/// The one format there is.
const FORMAT: u64 = 1;
/// The longest domain token in bytes: a thousand members with their cards and packages.
pub const MAX_LEN: usize = 8 << 20;

/// What a domain token says in the clear.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Public {
    /// The proposed state.
    pub state: State,
    /// The mandate with its signatures; none for the first version.
    pub approvals: Option<Approvals>,
    /// The word of members that they run the parent version, sorted by member.
    pub running: Vec<Running>,
    /// Fresh cards for the final removal of a domain key, sorted by member.
    pub renewals: Vec<Card>,
}

/// What a domain token seals.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// The random key of the token, sealed to each active member, sorted by member.
    pub packages: Vec<(MemberId, Package)>,
    /// The random key sealed to the recovery key, if the state has one.
    pub recovery: Option<Package>,
    /// The key set, sealed under the random key.
    pub key_set: Vec<u8>,
}

/// A domain token whose form is right. Nothing else of it has been checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// The hash of the whole token, by which its successor names it.
    pub hash: Digest,
    /// What it says in the clear.
    pub public: Public,
    /// The hash of the public part: the associated data of every sealing.
    pub public_hash: Digest,
    /// What it seals.
    pub sealed: Sealed,
    /// What the tag is over.
    pub tagged: Digest,
    /// The tag under a key derived from the random key.
    pub tag: [u8; 32],
    /// The signature of the member that made it.
    pub signature: Signature,
}

impl Token {
    /// Reads a token.
    ///
    /// # Errors
    /// [`Refusal::TooLong`], [`Refusal::UnknownFormat`] and [`Refusal::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        if bytes.len() > MAX_LEN {
            return Err(Refusal::TooLong(bytes.len()));
        }
        check_complete(bytes)?;
        let Signed { payload, signature } = Signed::parse(Purpose::Token, bytes, MAX_LEN)?;
        let mut reader = Reader::new(&payload);
        reader.tuple("domain token", 6)?;
        match reader.uint("format")? {
            FORMAT => {}
            other => return Err(Refusal::UnknownFormat(other)),
        }
        let encoded = reader.bytes("public part", MAX_LEN)?;
        let sealed = read_sealed(&mut reader)?;
        let tagged = payload.get(..reader.position()).unwrap_or_default();
        let tag = reader.fixed("tag")?;
        reader.end("domain token")?;
        Ok(Token {
            hash: Digest(hash(&[bytes])),
            public: Reader::whole(encoded, "public part", read_public)?,
            public_hash: Digest(hash(&[encoded])),
            sealed,
            tagged: Digest(hash(&[tagged])),
            tag,
            signature,
        })
    }

    /// The member that made it.
    #[must_use]
    pub fn producer(&self) -> MemberId {
        MemberId(self.signature.signer)
    }

    /// The package of a member.
    #[must_use]
    pub fn package(&self, member: MemberId) -> Option<&Package> {
        let place = self
            .sealed
            .packages
            .binary_search_by_key(&member, |(own, _)| *own)
            .ok()?;
        self.sealed.packages.get(place).map(|(_, package)| package)
    }
}

/// The public part, encoded.
#[must_use]
pub fn encode_public(public: &Public) -> Vec<u8> {
    let mut writer = Writer::with_capacity(8192);
    writer.array(4).bytes(&public.state.encode());
    match &public.approvals {
        Some(approvals) => writer.bytes(&approvals.encode()),
        None => writer.null(),
    };
    writer.array(public.running.len());
    for running in &public.running {
        writer.bytes(&running.encode());
    }
    writer.array(public.renewals.len());
    for card in &public.renewals {
        writer.bytes(&card.encode());
    }
    writer.into_vec()
}

/// The public part of a token, as it is encoded.
///
/// # Errors
/// As [`Token::parse`].
pub fn public_part(token: &[u8]) -> Result<Vec<u8>, Refusal> {
    Ok(encode_public(&Token::parse(token)?.public))
}

/// Reads what [`public_part`] gave.
///
/// # Errors
/// Anything but the one encoding.
pub fn read_public_part(bytes: &[u8]) -> Result<Public, Refusal> {
    Ok(Reader::whole(bytes, "public part", read_public)?)
}

/// Reads the public part.
fn read_public(reader: &mut Reader<'_>) -> Read<Public> {
    reader.tuple("public part", 4)?;
    let state = State::decode(reader.bytes("state", MAX_LEN)?)?;
    let approvals = reader.optional("mandate", |reader| {
        Approvals::parse(reader.bytes("mandate", mandate::MAX_LEN)?)
    })?;
    let read_running = |reader: &mut Reader<'_>| {
        Running::parse(reader.bytes("running statement", running::MAX_LEN)?)
    };
    let running = reader.sorted_list("running statements", MAX_MEMBERS, read_running, |own| {
        own.member
    })?;
    let read_card = |reader: &mut Reader<'_>| Card::parse(reader.bytes("renewal", MAX_CARD)?);
    let renewals = reader.sorted_list("renewals", MAX_MEMBERS, read_card, Card::id)?;
    Ok(Public {
        state,
        approvals,
        running,
        renewals,
    })
}

/// The signed part but for its last item, the tag.
#[must_use]
pub fn encode_tagged(public: &[u8], sealed: &Sealed) -> Writer {
    let mut writer = Writer::with_capacity(public.len().saturating_add(8192));
    writer.array(6).uint(FORMAT).bytes(public);
    writer.array(sealed.packages.len());
    for (member, package) in &sealed.packages {
        writer.array(3).bytes(&member.0);
        package.write(&mut writer);
    }
    match &sealed.recovery {
        Some(package) => {
            writer.array(2);
            package.write(&mut writer);
        }
        None => {
            writer.null();
        }
    }
    writer.bytes(&sealed.key_set);
    writer
}

/// Reads what a token seals.
fn read_sealed(reader: &mut Reader<'_>) -> Read<Sealed> {
    let read = |reader: &mut Reader<'_>| {
        reader.tuple("package", 3)?;
        Ok((MemberId(reader.fixed("member id")?), Package::read(reader)?))
    };
    Ok(Sealed {
        packages: reader.sorted_list("packages", MAX_MEMBERS, read, |(member, _)| *member)?,
        recovery: reader.optional("recovery package", |reader| {
            reader.tuple("recovery package", 2)?;
            Package::read(reader)
        })?,
        key_set: reader.bytes("key set", keyset::MAX_LEN)?.to_vec(),
    })
}

/// A token that is cut is refused as such, because a common tool cuts at 5,000 bytes.
fn check_complete(bytes: &[u8]) -> Read<()> {
    let mut decoder = minicbor::Decoder::new(bytes);
    match decoder.skip() {
        Ok(()) if decoder.position() == bytes.len() => Ok(()),
        Ok(()) => Err(flawed("domain token", Flaw::Trailing)),
        Err(error) if error.is_end_of_input() => Err(flawed("domain token", Flaw::Truncated)),
        Err(_) => Err(flawed("domain token", Flaw::WrongType)),
    }
}
