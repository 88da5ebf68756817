//! What is known of a token without a PIN: its name, its public identity and the state of its PINs.

use super::pins::{self, Role};
use super::{Serial, Token};
use crate::domain::cbor::{Reader as Decoder, Writer as Encoder};
use crate::error::{Error, Result};
use crate::storage::{Reader, Writer};

/// The format of the card.
const FORMAT: u64 = 1;
/// The fact that holds it.
const FACT: &str = "token";
/// The longest label in bytes.
const LABEL_MAX: usize = 32;

/// What is stored of a token in clear.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Card {
    pub(super) serial: u64,
    pub(super) label: String,
    /// Random, made anew with every initialisation.
    pub(super) epoch: [u8; 16],
    /// The module's public signing key.
    pub(super) signing: [u8; 32],
    /// Wrong PINs in a row that lock each role.
    pub(super) user_tries: u32,
    pub(super) so_tries: u32,
}

impl Card {
    pub(super) fn read(reader: &dyn Reader) -> Result<Self> {
        let bytes = reader.fact(FACT)?.ok_or(Error::TokenNotRecognized)?;
        let tries = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
        let card = Decoder::whole(&bytes, "token card", |decoder| {
            decoder.tuple("token card", 7)?;
            decoder.uint("format")?;
            Ok(Card {
                serial: decoder.uint("serial")?,
                label: decoder.text("label", LABEL_MAX)?.to_owned(),
                epoch: decoder.fixed("epoch")?,
                signing: decoder.fixed("signing key")?,
                user_tries: tries(decoder.uint("user tries")?),
                so_tries: tries(decoder.uint("SO tries")?),
            })
        });
        card.map_err(|flaw| Error::StoreTampered(format!("the token card: {flaw}")))
    }

    pub(super) fn write(&self, writer: &dyn Writer) -> Result<()> {
        if self.label.len() > LABEL_MAX {
            return Err(Error::BadArguments("the label has more than 32 bytes"));
        }
        let mut encoder = Encoder::default();
        encoder
            .array(7)
            .uint(FORMAT)
            .uint(self.serial)
            .text(&self.label);
        encoder.bytes(&self.epoch).bytes(&self.signing);
        encoder
            .uint(self.user_tries.into())
            .uint(self.so_tries.into());
        writer.set_fact(FACT, Some(encoder.as_slice()))
    }

    /// Wrong PINs in a row that lock a role.
    pub(super) fn limit(&self, role: Role) -> u32 {
        match role {
            Role::SecurityOfficer => self.so_tries,
            Role::User => self.user_tries,
        }
    }
}

/// How a PIN stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PinState {
    /// Whether it was ever set.
    pub set: bool,
    /// Wrong tries since the last right one.
    pub wrong: u32,
    /// Wrong tries that lock it.
    pub limit: u32,
}

impl PinState {
    /// Whether there was a wrong try since the last right one.
    #[must_use]
    pub fn is_count_low(&self) -> bool {
        self.wrong > 0
    }

    /// Whether the next wrong try locks it.
    #[must_use]
    pub fn is_final_try(&self) -> bool {
        self.wrong.saturating_add(1) == self.limit
    }

    /// Whether it is locked.
    #[must_use]
    pub fn is_locked(&self) -> bool {
        self.wrong >= self.limit
    }
}

/// What `C_GetTokenInfo` tells of a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Header {
    /// The serial number.
    pub serial: Serial,
    /// The label, at most 32 bytes.
    pub label: String,
    /// The security officer's PIN.
    pub so: PinState,
    /// The user's PIN.
    pub user: PinState,
}

impl Token {
    /// The token's name and the state of its PINs, as they are now.
    ///
    /// # Errors
    /// Those of the store.
    pub fn header(&self) -> Result<Header> {
        self.store.reading(|reader| {
            let card = Card::read(reader)?;
            let state = |role| -> Result<PinState> {
                Ok(PinState {
                    set: pins::is_set(reader, role)?,
                    wrong: pins::wrong_tries(reader, role)?,
                    limit: card.limit(role),
                })
            };
            let (so, user) = (state(Role::SecurityOfficer)?, state(Role::User)?);
            Ok(Header {
                serial: self.serial.clone(),
                label: card.label.clone(),
                so,
                user,
            })
        })
    }
}
