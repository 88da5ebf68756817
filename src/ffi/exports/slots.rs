//! Slots and tokens.

use super::export;
use super::general::{padded, version};
use crate::calls::slots;
use crate::error::Error;
use crate::ffi::guard;
use crate::ffi::pointers::{self, List, Place};
use cryptoki_sys::{
    CK_BBOOL, CK_FLAGS, CK_MECHANISM_INFO, CK_MECHANISM_TYPE, CK_SLOT_ID, CK_SLOT_INFO,
    CK_TOKEN_INFO, CK_ULONG, CK_UNAVAILABLE_INFORMATION, CK_UTF8CHAR, CKF_DONT_BLOCK,
};
use std::ffi::c_void;

export! {
    C_GetSlotList(_token_present: CK_BBOOL, first: *mut CK_SLOT_ID, count: *mut CK_ULONG) {
        guard::module(|module| {
            let target = List::new(first, count)?;
            target.fill(&slots::list(module)?)
        })
    }

    C_GetSlotInfo(slot: CK_SLOT_ID, place: *mut CK_SLOT_INFO) {
        guard::module(|module| {
            let place = Place::new(place)?;
            let info = slots::slot_info(module, slot)?;
            place.put(CK_SLOT_INFO {
                slotDescription: padded(&info.description),
                manufacturerID: padded(info.manufacturer),
                flags: info.flags,
                hardwareVersion: version(info.version),
                firmwareVersion: version(info.version),
            });
            Ok(())
        })
    }

    C_GetTokenInfo(slot: CK_SLOT_ID, place: *mut CK_TOKEN_INFO) {
        guard::module(|module| {
            let place = Place::new(place)?;
            place.put(token_info(&slots::token_info(module, slot)?));
            Ok(())
        })
    }

    C_GetMechanismList(slot: CK_SLOT_ID, first: *mut CK_MECHANISM_TYPE, count: *mut CK_ULONG) {
        guard::module(|module| {
            let target = List::new(first, count)?;
            target.fill(&slots::mechanism_list(module, slot)?)
        })
    }

    C_GetMechanismInfo(slot: CK_SLOT_ID, kind: CK_MECHANISM_TYPE, place: *mut CK_MECHANISM_INFO) {
        guard::module(|module| {
            let place = Place::new(place)?;
            let info = slots::mechanism_info(module, slot, kind)?;
            let (ulMinKeySize, ulMaxKeySize) = info.key_sizes;
            place.put(CK_MECHANISM_INFO { ulMinKeySize, ulMaxKeySize, flags: info.flags });
            Ok(())
        })
    }

    C_InitToken(slot: CK_SLOT_ID, pin: *mut CK_UTF8CHAR, length: CK_ULONG, label: *mut CK_UTF8CHAR) {
        guard::module(|module| {
            let pin = pointers::optional(pin, length)?;
            let label = pointers::read(label.cast::<[u8; 32]>())?;
            slots::init_token(module, slot, pin, &label)
        })
    }

    C_WaitForSlotEvent(flags: CK_FLAGS, place: *mut CK_SLOT_ID, reserved: *mut c_void) {
        guard::module(|module| {
            let place = Place::new(place)?;
            if !reserved.is_null() {
                return Err(Error::BadArguments("pReserved must be NULL"));
            }
            place.put(slots::wait_for_event(module, flags & CKF_DONT_BLOCK == 0)?);
            Ok(())
        })
    }
}

/// The C form of a token's description.
fn token_info(info: &slots::TokenInfo) -> CK_TOKEN_INFO {
    CK_TOKEN_INFO {
        label: padded(&info.label),
        manufacturerID: padded(info.manufacturer),
        model: padded(info.model),
        serialNumber: padded(&info.serial),
        flags: info.flags,
        ulMaxSessionCount: cryptoki_sys::CK_EFFECTIVELY_INFINITE,
        ulSessionCount: info.sessions,
        ulMaxRwSessionCount: cryptoki_sys::CK_EFFECTIVELY_INFINITE,
        ulRwSessionCount: info.read_write_sessions,
        ulMaxPinLen: info.pin_lengths.1.try_into().unwrap_or(CK_ULONG::MAX),
        ulMinPinLen: info.pin_lengths.0.try_into().unwrap_or(CK_ULONG::MAX),
        ulTotalPublicMemory: CK_UNAVAILABLE_INFORMATION,
        ulFreePublicMemory: CK_UNAVAILABLE_INFORMATION,
        ulTotalPrivateMemory: CK_UNAVAILABLE_INFORMATION,
        ulFreePrivateMemory: CK_UNAVAILABLE_INFORMATION,
        hardwareVersion: version(info.version),
        firmwareVersion: version(info.version),
        // No clock is claimed (CKF_CLOCK_ON_TOKEN), so there is no time.
        utcTime: [b' '; 16],
    }
}
