//! Members of a domain, and the public cards by which they ask to join or to change a key.

use crate::domain::cbor::{Flaw, Reader, Result, Writer, flawed};
use crate::domain::cose::{Purpose, Signed, Signer};
use crate::domain::ids::MemberId;
use crate::domain::package::PUBLIC_KEY_LEN;
use crate::domain::sealing::hash;
use crate::error;

/// The longest label or region in bytes.
pub const MAX_LABEL: usize = 64;
/// The longest card in bytes.
pub const MAX_CARD: usize = 2048;
/// The format of cards.
const FORMAT: u64 = 1;

/// The public half of a module's identity, signed by itself: it shows that the module holds its keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Card {
    /// What people call the module.
    pub label: String,
    /// Where it stands; keys can be restricted to regions. Empty for none.
    pub region: String,
    /// Its Ed25519 key.
    pub signing: [u8; 32],
    /// Its X-Wing key, which packages are sealed to.
    pub agreement: Vec<u8>,
    /// Grows with every new agreement key, so that an old card brings none back.
    pub serial: u64,
    /// The signature of the card by the signing key.
    pub proof: [u8; 64],
}

impl Card {
    /// Makes and signs a card.
    ///
    /// # Errors
    /// A label or region beyond [`MAX_LABEL`], and those of the signer.
    pub fn make(
        (label, region): (&str, &str),
        agreement: &[u8; PUBLIC_KEY_LEN],
        serial: u64,
        signer: &dyn Signer,
    ) -> error::Result<Self> {
        if label.len() > MAX_LABEL || region.len() > MAX_LABEL {
            return Err(flawed("label", Flaw::TooLong).into());
        }
        let signing = signer.public_key();
        let payload = payload(label, region, &signing, agreement, serial);
        let bytes = Signed::make(Purpose::Card, member_id(&signing).0, signer, payload)?;
        Ok(Card::parse(&bytes)?)
    }

    /// The module's name in its domain.
    #[must_use]
    pub fn id(&self) -> MemberId {
        member_id(&self.signing)
    }

    /// Whether the module that the card names signed it.
    #[must_use]
    pub fn is_authentic(&self) -> bool {
        Card::parse(&self.encode()).is_ok()
    }

    /// The card as a signed message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let payload = payload(
            &self.label,
            &self.region,
            &self.signing,
            &self.agreement,
            self.serial,
        );
        Signed::encode(self.id().0, payload, &self.proof)
    }

    /// Reads a card and checks its signature.
    ///
    /// # Errors
    /// Anything but the one encoding, and a signature that its own key did not make.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let signed = Signed::parse(Purpose::Card, bytes, MAX_CARD)?;
        let card = Reader::whole(&signed.payload, "module card", |reader| {
            reader.tuple("module card", 6)?;
            if reader.uint("card format")? != FORMAT {
                return Err(flawed("card format", Flaw::BadValue));
            }
            Ok(Card {
                label: reader.text("member label", MAX_LABEL)?.to_owned(),
                region: reader.text("member region", MAX_LABEL)?.to_owned(),
                signing: reader.fixed("signing key")?,
                agreement: reader.fixed::<PUBLIC_KEY_LEN>("agreement key")?.to_vec(),
                serial: reader.uint("card serial")?,
                proof: signed.signature.bytes,
            })
        })?;
        if signed.signature.signer != card.id().0 || !signed.signature.is_by(&card.signing) {
            return Err(flawed("signature of the module card", Flaw::BadValue));
        }
        Ok(card)
    }
}

/// The signed part of a card.
fn payload(
    label: &str,
    region: &str,
    signing: &[u8; 32],
    agreement: &[u8],
    serial: u64,
) -> Vec<u8> {
    let mut writer = Writer::with_capacity(1400);
    writer.array(6).uint(FORMAT).text(label).text(region);
    writer.bytes(signing).bytes(agreement).uint(serial);
    writer.into_vec()
}

/// The name of the member with this signing key.
#[must_use]
pub fn member_id(signing: &[u8; 32]) -> MemberId {
    MemberId(short_hash(b"keyward/1 member", signing))
}

/// The first 16 bytes of a labelled hash of a key.
pub(crate) fn short_hash(label: &[u8], key: &[u8; 32]) -> [u8; 16] {
    let mut short = [0; 16];
    short
        .iter_mut()
        .zip(hash(&[label, key]))
        .for_each(|(to, from)| *to = from);
    short
}

/// A member of a domain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// The card by which it joined, or by which it last changed its agreement key.
    pub card: Card,
    /// Whether it takes part.
    pub active: bool,
    /// The version that brought its agreement key.
    pub since: u64,
}

impl Member {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> MemberId {
        self.card.id()
    }

    /// Writes it as part of a state.
    pub(super) fn write(&self, writer: &mut Writer) {
        writer
            .array(3)
            .bytes(&self.card.encode())
            .bool(self.active)
            .uint(self.since);
    }

    /// Reads it. The proof of its card is checked.
    pub(super) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.tuple("member", 3)?;
        Ok(Member {
            card: Card::parse(reader.bytes("module card", MAX_CARD)?)?,
            active: reader.bool("member status")?,
            since: reader.uint("member version")?,
        })
    }
}
