//! The identity of a module: its signing key and its agreement key, generated inside. The private halves
//! leave only sealed, for the module's own store.

use super::cbor::{Flaw, Reader, Result as Read, Writer, flawed};
use super::cose::{Signer, Variant};
use super::ids::{Digest, MemberId};
use super::package::AgreementKey;
use super::sealing::{SealingKey, expand, mac, same};
use super::state::State;
use super::state::member::{Card, MAX_LABEL, member_id};
use crate::crypto::edwards::PrivateKey;
use crate::crypto::random;
use crate::error::{Error, Result};
use crate::secret::SecretBytes;
use std::fmt;
use zeroize::Zeroizing;

/// The format of a sealed identity.
const FORMAT: u64 = 2;
/// The format before it: one agreement key could wait.
const FORMAT_1: u64 = 1;
/// How many agreement keys can wait at once.
const MAX_WAITING: u64 = 256;
/// What the seal of an identity authenticates.
const SEAL: &[u8] = b"keyward/1 module identity";

/// A module's identity. Erased on drop.
pub struct Identity {
    label: String,
    region: String,
    seed: Zeroizing<[u8; 32]>,
    signing: PrivateKey,
    agreement: AgreementKey,
    serial: u64,
    /// The agreement keys of which one takes over when a version of the domain names it.
    waiting: Option<Waiting>,
}

/// Agreement keys that were announced and not installed. All follow from one seed, and go together when
/// one of them takes over: what proposals that lost sealed to the others opens no more.
#[derive(Clone)]
pub(crate) struct Waiting {
    seed: Zeroizing<[u8; 32]>,
    /// How many were announced, at least one.
    announced: u64,
}

impl Waiting {
    fn key(&self, place: u64) -> AgreementKey {
        if place == 0 {
            // The only one there was in the first format.
            return AgreementKey::from_seed(&self.seed);
        }
        let derived = expand(
            &self.seed,
            "keyward/1 waiting agreement key",
            &place.to_be_bytes(),
        );
        AgreementKey::from_seed(&derived)
    }

    /// The one with a public half, the newest first.
    fn find(&self, public: &[u8]) -> Option<AgreementKey> {
        let keys = (0..self.announced).rev().map(|place| self.key(place));
        keys.into_iter()
            .find(|key| key.public().as_slice() == public)
    }
}

impl Identity {
    /// A new identity for a module that people call `label`, in `region` (empty for none).
    ///
    /// # Errors
    /// A label or region of more than 64 bytes.
    pub fn generate(label: &str, region: &str) -> Result<Self> {
        let seed = Zeroizing::new(random::array()?);
        let agreement = AgreementKey::generate()?;
        Self::from_parts((label, region), seed, (agreement, 1), None)
    }

    /// An identity of given keys.
    pub(crate) fn from_parts(
        (label, region): (&str, &str),
        seed: Zeroizing<[u8; 32]>,
        (agreement, serial): (AgreementKey, u64),
        waiting: Option<Waiting>,
    ) -> Result<Self> {
        if label.len() > MAX_LABEL || region.len() > MAX_LABEL {
            return Err(flawed("member label", Flaw::TooLong).into());
        }
        let signing = PrivateKey::new(seed.as_ref()).ok_or(Error::Internal("signing key"))?;
        let (label, region) = (label.to_owned(), region.to_owned());
        Ok(Identity {
            label,
            region,
            seed,
            signing,
            agreement,
            serial,
            waiting,
        })
    }

    /// The module's name in a domain.
    #[must_use]
    pub fn id(&self) -> MemberId {
        member_id(&self.public_key())
    }

    /// The module's public card.
    ///
    /// # Errors
    /// Those of signing.
    pub fn card(&self) -> Result<Card> {
        let names = (self.label.as_str(), self.region.as_str());
        Card::make(names, self.agreement.public(), self.serial, self)
    }

    /// The identity under another label or in another region; what is not given stays.
    ///
    /// # Errors
    /// A label or region of more than 64 bytes.
    pub fn described(&self, label: Option<&str>, region: Option<&str>) -> Result<Self> {
        let names = (label.unwrap_or(&self.label), region.unwrap_or(&self.region));
        let current = (self.agreement.clone(), self.serial);
        Self::from_parts(names, self.seed.clone(), current, self.waiting.clone())
    }

    /// The identity with another agreement key waiting to take over, and the card that announces it: a
    /// card is good for one proposal, and every call makes a new one. The caller stores the identity
    /// before it hands out the card.
    ///
    /// # Errors
    /// `DomainRule` when 256 keys are waiting; those of signing.
    pub fn renewed(&self) -> Result<(Self, Card)> {
        let waiting = match &self.waiting {
            None => Waiting {
                seed: Zeroizing::new(random::array()?),
                announced: 1,
            },
            Some(before) if before.announced < MAX_WAITING => Waiting {
                seed: before.seed.clone(),
                announced: before.announced.saturating_add(1),
            },
            Some(_) => {
                return Err(Error::DomainRule(format!(
                    "{MAX_WAITING} agreement keys of this module wait to be installed: install a version \
                     that renews it (keyward domain request member.renew:CARDFILE)"
                )));
            }
        };
        let names = (self.label.as_str(), self.region.as_str());
        let next = waiting.key(waiting.announced.saturating_sub(1));
        let card = Card::make(names, next.public(), self.serial.saturating_add(1), self)?;
        let current = (self.agreement.clone(), self.serial);
        Ok((
            Self::from_parts(names, self.seed.clone(), current, Some(waiting))?,
            card,
        ))
    }

    /// The identity that the installed `state` leaves the module with, when it differs: a waiting
    /// agreement key has taken over, the old one and all others that waited are gone. Stored with the
    /// state.
    ///
    /// # Errors
    /// None that an identity of this type can meet.
    pub fn settled(&self, state: &State) -> Result<Option<Self>> {
        let Some(member) = state.member(self.id()) else {
            return Ok(None);
        };
        if member.card.agreement == self.agreement.public() {
            return Ok(None);
        }
        let waiting = self.waiting.as_ref();
        let Some(next) = waiting.and_then(|all| all.find(&member.card.agreement)) else {
            return Ok(None);
        };
        let names = (self.label.as_str(), self.region.as_str());
        let current = (next, member.card.serial);
        Self::from_parts(names, self.seed.clone(), current, None).map(Some)
    }

    /// The agreement key of this module, current or waiting, with a public half.
    pub(super) fn agreement_of(&self, public: &[u8]) -> Option<AgreementKey> {
        if self.agreement.public().as_slice() == public {
            return Some(self.agreement.clone());
        }
        self.waiting.as_ref().and_then(|all| all.find(public))
    }

    /// An authenticator of the installed version, to be stored with it: who can write to the store
    /// cannot make the module take another token for the installed one.
    #[must_use]
    pub fn vouch(&self, version: u64, token: Digest) -> [u8; 32] {
        let key = expand(&self.seed, "keyward/1 installed version", &[]);
        mac(&key, &[&version.to_be_bytes()[..], &token.0].concat())
    }

    /// Whether [`Identity::vouch`] of this module made the authenticator.
    #[must_use]
    pub fn vouched(&self, version: u64, token: Digest, authenticator: &[u8; 32]) -> bool {
        same(&self.vouch(version, token), authenticator)
    }

    /// The identity sealed under the key that the PIN unlocks.
    ///
    /// # Errors
    /// Those of sealing.
    pub fn seal(&self, key: &[u8; 32]) -> Result<Vec<u8>> {
        SealingKey::derive(key, "keyward/1 module identity").seal(SEAL, self.encode().expose())
    }

    /// Opens what [`Identity::seal`] sealed.
    ///
    /// # Errors
    /// [`Error::StoreTampered`] when it was changed or is under another key.
    pub fn unseal(key: &[u8; 32], sealed: &[u8]) -> Result<Self> {
        let key = SealingKey::derive(key, "keyward/1 module identity");
        let opened = key.open(SEAL, sealed);
        let opened = opened.ok_or_else(|| Error::StoreTampered("module identity".into()))?;
        Self::decode(&opened)
    }

    /// The private halves, encoded.
    fn encode(&self) -> SecretBytes {
        let mut writer = Writer::default();
        writer
            .array(7)
            .uint(FORMAT)
            .text(&self.label)
            .text(&self.region);
        writer
            .bytes(self.seed.as_ref())
            .bytes(self.agreement.seed())
            .uint(self.serial);
        match &self.waiting {
            Some(all) => writer.array(2).bytes(all.seed.as_ref()).uint(all.announced),
            None => writer.null(),
        };
        writer.into_secret()
    }

    /// Reads the private halves.
    fn decode(bytes: &SecretBytes) -> Result<Self> {
        let (names, seed, current, waiting) =
            Reader::whole(bytes.expose(), "identity", |reader| {
                reader.tuple("identity", 7)?;
                let format = reader.uint("identity format")?;
                if ![FORMAT_1, FORMAT].contains(&format) {
                    return Err(flawed("identity format", Flaw::BadValue));
                }
                let label = reader.text("member label", MAX_LABEL)?;
                let region = reader.text("member region", MAX_LABEL)?;
                let seed = Zeroizing::new(reader.fixed("signing seed")?);
                let current = (read_agreement(reader)?, reader.uint("card serial")?);
                let waiting =
                    reader.optional("waiting keys", |reader| read_waiting(reader, format))?;
                Ok(((label, region), seed, current, waiting))
            })?;
        Self::from_parts(names, seed, current, waiting)
    }
}

/// Reads what the waiting agreement keys follow from.
fn read_waiting(reader: &mut Reader<'_>, format: u64) -> Read<Waiting> {
    if format == FORMAT {
        reader.tuple("waiting keys", 2)?;
    }
    let seed = Zeroizing::new(reader.fixed("waiting seed")?);
    let announced = match format {
        FORMAT => reader.uint("announced cards")?,
        _ => 1,
    };
    if (1..=MAX_WAITING).contains(&announced) {
        Ok(Waiting { seed, announced })
    } else {
        Err(flawed("announced cards", Flaw::BadValue))
    }
}

/// Reads the seed of an agreement key.
fn read_agreement(reader: &mut Reader<'_>) -> Read<AgreementKey> {
    let seed = Zeroizing::new(reader.fixed("agreement seed")?);
    Ok(AgreementKey::from_seed(&seed))
}

impl Signer for Identity {
    fn public_key(&self) -> [u8; 32] {
        *self.signing.public().encoded()
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
        self.signing.sign(message, Variant::Pure)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Identity({})", self.id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_comes_back_from_its_seal() {
        let identity = Identity::generate("one", "north").unwrap();
        let (identity, renewal) = identity.renewed().unwrap();
        let sealed = identity.seal(&[1; 32]).unwrap();
        let back = Identity::unseal(&[1; 32], &sealed).unwrap();
        assert_eq!(back.card().unwrap(), identity.card().unwrap());
        assert!(back.agreement_of(&renewal.agreement).is_some());
        assert!(Identity::unseal(&[2; 32], &sealed).is_err());
    }

    #[test]
    fn every_card_has_a_key_of_its_own_and_the_first_format_is_read() {
        let (identity, first) = Identity::generate("one", "").unwrap().renewed().unwrap();
        let (identity, second) = identity.renewed().unwrap();
        assert_ne!(first.agreement, second.agreement);
        for card in [&first, &second] {
            assert!(identity.agreement_of(&card.agreement).is_some());
        }
        let mut old = Writer::default();
        old.array(7).uint(1).text("one").text("");
        old.bytes(identity.seed.as_ref())
            .bytes(identity.agreement.seed())
            .uint(1);
        old.bytes(identity.waiting.as_ref().unwrap().seed.as_ref());
        let old = Identity::decode(&old.into_secret()).unwrap();
        assert!(old.agreement_of(&first.agreement).is_some());
        assert!(old.agreement_of(&second.agreement).is_none());
    }

    #[test]
    fn only_the_module_vouches_for_a_version() {
        let identity = Identity::generate("one", "").unwrap();
        let word = identity.vouch(3, Digest([1; 32]));
        assert!(identity.vouched(3, Digest([1; 32]), &word));
        assert!(!identity.vouched(4, Digest([1; 32]), &word));
        assert!(
            !Identity::generate("one", "")
                .unwrap()
                .vouched(3, Digest([1; 32]), &word)
        );
    }
}
