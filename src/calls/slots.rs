//! Slots, the tokens in them, and the mechanisms they offer.

use super::general::{MANUFACTURER, VERSION};
use crate::error::{Error, Result};
use crate::mechanism::table;
use crate::module::Module;
use crate::seal::pin::{PIN_MAX, PIN_MIN};
use crate::token::{Header, PinState};
use cryptoki_sys::{
    CKF_LOGIN_REQUIRED, CKF_RESTORE_KEY_NOT_NEEDED, CKF_RNG, CKF_SO_PIN_COUNT_LOW,
    CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED, CKF_TOKEN_INITIALIZED, CKF_TOKEN_PRESENT,
    CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_INITIALIZED, CKF_USER_PIN_LOCKED,
    CKF_WRITE_PROTECTED,
};

/// What `C_GetSlotInfo` says.
pub struct SlotInfo {
    /// The description, at most 64 bytes.
    pub description: String,
    /// The manufacturer, at most 32 bytes.
    pub manufacturer: &'static str,
    /// `CKF_TOKEN_PRESENT` and the like.
    pub flags: u64,
    /// The version of the slot, major and minor.
    pub version: (u8, u8),
}

/// What `C_GetTokenInfo` says.
pub struct TokenInfo {
    /// The label, at most 32 bytes.
    pub label: String,
    /// The manufacturer, at most 32 bytes.
    pub manufacturer: &'static str,
    /// The model, at most 16 bytes.
    pub model: &'static str,
    /// The serial number, 16 characters, or none for a token that is not initialised.
    pub serial: String,
    /// `CKF_TOKEN_INITIALIZED` and the like.
    pub flags: u64,
    /// Sessions of this process with the token.
    pub sessions: u64,
    /// Read/write sessions among them.
    pub read_write_sessions: u64,
    /// The shortest and the longest PIN, in bytes.
    pub pin_lengths: (usize, usize),
    /// The version of the token, major and minor.
    pub version: (u8, u8),
}

/// What `C_GetMechanismInfo` says.
pub struct MechanismInfo {
    /// The smallest and the largest key, in the unit that the standard gives for the mechanism.
    pub key_sizes: (u64, u64),
    /// `CKF_ENCRYPT` and the like.
    pub flags: u64,
}

/// `C_GetSlotList`: the slots of the tokens, then the free one. The free slot counts as one with a
/// token, which is not initialised yet: stock tools look for it there.
///
/// # Errors
/// Those of reading the home directory.
pub fn list(module: &Module) -> Result<Vec<u64>> {
    Ok(module.slots()?.iter().map(|slot| slot.id()).collect())
}

/// `C_GetSlotInfo`.
///
/// # Errors
/// `SlotIdInvalid`.
pub fn slot_info(module: &Module, slot: u64) -> Result<SlotInfo> {
    let slot = module.slot(slot)?;
    Ok(SlotInfo {
        description: format!("Keyward slot {:#x}", slot.id()),
        manufacturer: MANUFACTURER,
        flags: CKF_TOKEN_PRESENT,
        version: VERSION,
    })
}

/// `C_GetTokenInfo`.
///
/// # Errors
/// `SlotIdInvalid`; those of reading the token.
pub fn token_info(module: &Module, slot: u64) -> Result<TokenInfo> {
    let slot = module.slot(slot)?;
    let header = slot.token().map(|token| token.header()).transpose()?;
    let counts = slot.counts().sum();
    let read_only = slot.token().is_some_and(|token| token.is_read_only());
    let (label, serial) = header.as_ref().map_or_else(Default::default, |header| {
        (header.label.clone(), header.serial.to_string())
    });
    Ok(TokenInfo {
        label,
        manufacturer: MANUFACTURER,
        model: "Keyward",
        serial,
        flags: CKF_RNG
            | CKF_LOGIN_REQUIRED
            | flag(read_only, CKF_WRITE_PROTECTED)
            | CKF_RESTORE_KEY_NOT_NEEDED
            | header.map_or(0, |header| token_flags(&header)),
        sessions: counts.all(),
        read_write_sessions: counts.read_write,
        pin_lengths: (PIN_MIN, PIN_MAX),
        version: VERSION,
    })
}

/// The flags of an initialised token, which tell how its PINs stand.
fn token_flags(header: &Header) -> u64 {
    let pin = |state: &PinState, low, last, locked| {
        flag(state.is_count_low(), low)
            | flag(state.is_final_try(), last)
            | flag(state.is_locked(), locked)
    };
    let (user, so) = (&header.user, &header.so);
    CKF_TOKEN_INITIALIZED
        | flag(user.set, CKF_USER_PIN_INITIALIZED)
        | pin(
            user,
            CKF_USER_PIN_COUNT_LOW,
            CKF_USER_PIN_FINAL_TRY,
            CKF_USER_PIN_LOCKED,
        )
        | pin(
            so,
            CKF_SO_PIN_COUNT_LOW,
            CKF_SO_PIN_FINAL_TRY,
            CKF_SO_PIN_LOCKED,
        )
}

fn flag(is_so: bool, flag: u64) -> u64 {
    if is_so { flag } else { 0 }
}

/// `C_GetMechanismList`: every mechanism, in the order of the table.
///
/// # Errors
/// `SlotIdInvalid`.
pub fn mechanism_list(module: &Module, slot: u64) -> Result<Vec<u64>> {
    module.slot(slot)?;
    Ok(table::rows().map(|row| row.mechanism).collect())
}

/// `C_GetMechanismInfo`.
///
/// # Errors
/// `SlotIdInvalid`, `MechanismInvalid`.
pub fn mechanism_info(module: &Module, slot: u64, mechanism: u64) -> Result<MechanismInfo> {
    module.slot(slot)?;
    let row = table::row(mechanism).ok_or(Error::MechanismInvalid)?;
    Ok(MechanismInfo {
        key_sizes: row.key_sizes,
        flags: row.flags(),
    })
}

/// `C_InitToken`. The label is padded with blanks.
///
/// # Errors
/// `BadArguments` without a PIN or with a label that is no UTF-8; those of
/// [`Module::init_token`].
pub fn init_token(module: &Module, slot: u64, pin: Option<&[u8]>, label: &[u8; 32]) -> Result<()> {
    let pin = pin.ok_or(Error::BadArguments("the PIN is missing"))?;
    let label =
        std::str::from_utf8(label).map_err(|_| Error::BadArguments("the label is no UTF-8"))?;
    module.init_token(slot, pin, label.trim_end_matches([' ', '\0']))
}

/// `C_WaitForSlotEvent`: the slot of a token that came or went, made or removed by whatever process.
///
/// # Errors
/// `NoEvent` to a caller that does not want to wait; `NotInitialized` to one that waited until `C_Finalize`;
/// those of reading the home directory.
pub fn wait_for_event(module: &Module, may_block: bool) -> Result<u64> {
    module.next_event(may_block)?.ok_or(Error::NoEvent)
}
