//! PINs: who may try, how often, and what a right one opens.

use super::header::Card;
use super::unlocked::Unlocked;
use super::{Token, changes::Touched, home};
use crate::crypto::pin::Cost;
use crate::domain::cbor::{Reader as Decoder, Writer as Encoder};
use crate::error::{Error, Result};
use crate::seal::pin::{LockedRoot, PIN_MAX, PIN_MIN};
use crate::seal::root::Root;
use crate::storage::{Reader, Writer};
use std::sync::Arc;
use std::time::Duration;

/// How long a try at a PIN waits for those of other threads and processes.
pub(super) const PATIENCE: Duration = Duration::from_secs(30);

/// Whose PIN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The security officer.
    SecurityOfficer,
    /// The user.
    User,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Role::SecurityOfficer => "so",
            Role::User => "user",
        }
    }
}

impl Token {
    /// Opens the module's keys with a PIN, for this process.
    ///
    /// # Errors
    /// `PinIncorrect`, `PinLocked`, `UserPinNotInitialized`; those of the store.
    pub fn login(&self, role: Role, pin: &[u8]) -> Result<Arc<Unlocked>> {
        let root = self.try_pin(role, pin)?;
        let unlocked = Arc::new(self.unlock(role, &root)?);
        self.unlocked.store(Some(Arc::clone(&unlocked)));
        self.refresh()?;
        // A repository that cannot be reached says so where it is needed.
        let _ = self.follow();
        let _ = self.finish_moving(&unlocked);
        Ok(unlocked)
    }

    /// Lets go of the module's keys; they are erased when the last operation that uses them ends.
    pub fn logout(&self) {
        // As when the token is closed.
        // What stays counted is too many, which is safe.
        let _ = self.give_back_counts();
        self.unlocked.store(None);
        self.in_memory.store(None);
        self.roles.clear();
        self.tidy();
        self.acknowledge(self.registry.generation(), 0);
    }

    /// Checks a PIN and counts the try, without a login.
    ///
    /// # Errors
    /// As [`Token::login`].
    pub fn verify_pin(&self, role: Role, pin: &[u8]) -> Result<()> {
        self.try_pin(role, pin).map(drop)
    }

    /// Sets the user's PIN; the security officer must be logged in.
    ///
    /// # Errors
    /// `UserNotLoggedIn`, `PinLenRange`; those of the store.
    pub fn init_pin(&self, new: &[u8]) -> Result<()> {
        check_length(new)?;
        let unlocked = self.login_needed()?;
        if unlocked.role() != Role::SecurityOfficer {
            return Err(Error::UserNotLoggedIn);
        }
        self.put_pin(unlocked.root(), Role::User, new)
    }

    /// Changes a PIN to another.
    ///
    /// # Errors
    /// `PinLenRange`, with the PIN unchanged and no try counted; those of [`Token::verify_pin`].
    pub fn set_pin(&self, role: Role, old: &[u8], new: &[u8]) -> Result<()> {
        check_length(new)?;
        let root = self.try_pin(role, old)?;
        self.put_pin(&root, role, new)
    }

    /// The root that a PIN opens. The try is counted durably before it is made: no crash, and no
    /// second process, wins a try.
    fn try_pin(&self, role: Role, pin: &[u8]) -> Result<Root> {
        // One at a time: tries that are counted and not yet judged must not add up to a lock-out.
        let _alone = self.registry.alone(PATIENCE)?;
        let (card, locked) = self.count_tries(|writer| {
            let card = Card::read(writer)?;
            let locked = read(writer, role)?.ok_or(Error::UserPinNotInitialized)?;
            let wrong = wrong_tries(writer, role)?;
            if wrong >= card.limit(role) {
                return Err(Error::PinLocked);
            }
            set_wrong_tries(writer, role, wrong.saturating_add(1))?;
            Ok(((card, locked), Touched::nothing()))
        })?;
        let root = locked
            .unlock(pin, &[], &context(&card, role))?
            .ok_or(Error::PinIncorrect)?;
        self.count_tries(|writer| Ok((set_wrong_tries(writer, role, 0)?, Touched::nothing())))?;
        Ok(root)
    }

    fn put_pin(&self, root: &Root, role: Role, new: &[u8]) -> Result<()> {
        let card = self.store.reading(|reader| Card::read(reader))?;
        let locked = lock(root, &card, role, new, home::cost(&self.pin_settings))?;
        self.change(|writer| {
            if Card::read(writer)?.epoch != card.epoch {
                return Err(Error::UserNotLoggedIn);
            }
            write(writer, role, &locked)?;
            Ok((set_wrong_tries(writer, role, 0)?, Touched::nothing()))
        })?;
        // The root under the old PIN must not be found in a file any more.
        self.scrub()?;
        Ok(())
    }
}

/// A PIN must have 4 to 255 bytes.
///
/// # Errors
/// `PinLenRange`.
pub(super) fn check_length(pin: &[u8]) -> Result<()> {
    if (PIN_MIN..=PIN_MAX).contains(&pin.len()) {
        Ok(())
    } else {
        Err(Error::PinLenRange)
    }
}

/// Locks the root under a PIN of this token.
pub(super) fn lock(
    root: &Root,
    card: &Card,
    role: Role,
    pin: &[u8],
    cost: Cost,
) -> Result<LockedRoot> {
    LockedRoot::lock(root, pin, &[], cost, &context(card, role))
}

/// Binds a locked root to its token and role.
fn context(card: &Card, role: Role) -> Vec<u8> {
    [role.name().as_bytes(), b" of ", &card.epoch].concat()
}

pub(super) fn is_set(reader: &dyn Reader, role: Role) -> Result<bool> {
    Ok(reader.fact(&fact(role))?.is_some())
}

fn read(reader: &dyn Reader, role: Role) -> Result<Option<LockedRoot>> {
    let Some(bytes) = reader.fact(&fact(role))? else {
        return Ok(None);
    };
    let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX);
    let locked = Decoder::whole(&bytes, "PIN record", |decoder| {
        decoder.tuple("PIN record", 5)?;
        let cost = Cost {
            memory_kib: number(decoder.uint("memory")?),
            passes: number(decoder.uint("passes")?),
            lanes: number(decoder.uint("lanes")?),
        };
        let salt = decoder.fixed("salt")?;
        Ok(LockedRoot {
            cost,
            salt,
            sealed: decoder.bytes("sealed root", 1024)?.to_vec(),
        })
    });
    locked
        .map(Some)
        .map_err(|flaw| Error::StoreTampered(format!("a PIN record: {flaw}")))
}

pub(super) fn write(writer: &dyn Writer, role: Role, locked: &LockedRoot) -> Result<()> {
    let mut encoder = Encoder::default();
    encoder
        .array(5)
        .uint(locked.cost.memory_kib.into())
        .uint(locked.cost.passes.into());
    encoder
        .uint(locked.cost.lanes.into())
        .bytes(&locked.salt)
        .bytes(&locked.sealed);
    writer.set_fact(&fact(role), Some(encoder.as_slice()))
}

pub(super) fn wrong_tries(reader: &dyn Reader, role: Role) -> Result<u32> {
    let Some(bytes) = reader.fact(&tries_fact(role))? else {
        return Ok(0);
    };
    // A count that was edited to nonsense locks.
    Ok(bytes.try_into().map_or(u32::MAX, u32::from_be_bytes))
}

fn set_wrong_tries(writer: &dyn Writer, role: Role, count: u32) -> Result<()> {
    writer.set_fact(&tries_fact(role), Some(&count.to_be_bytes()))
}

fn fact(role: Role) -> String {
    format!("pin/{}", role.name())
}

fn tries_fact(role: Role) -> String {
    format!("tries/{}", role.name())
}
