//! The parameters of single messages: read before the call below, and IV and tag written back after it.

use super::params::mechanism;
use super::pointers::{self, Target, copy, input};
use crate::calls::wrapping::How;
use crate::error::{Error, Result};
use crate::mechanism::message::{Form, MAX_TAG, MessageParams};
use crate::mechanism::table;
use cryptoki_sys::{
    CK_CCM_MESSAGE_PARAMS, CK_CCM_WRAP_PARAMS, CK_GCM_MESSAGE_PARAMS, CK_GCM_WRAP_PARAMS,
    CK_MECHANISM, CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS, CK_ULONG, CKG_NO_GENERATE,
};
use std::ffi::c_void;

/// The longest IV of a message, in bytes.
const MAX_IV: usize = 256;

/// A parameter, and where its IV and its tag lie in the caller's memory.
pub(super) struct Message {
    /// The values.
    pub(super) params: MessageParams,
    places: Places,
}

impl Message {
    /// Reads the structure of this form.
    ///
    /// # Errors
    /// `MechanismParamInvalid` for NULL, a wrong length, or lengths inside it that cannot be.
    ///
    /// # Safety
    /// `parameter` is NULL or points to `length` bytes, and what they point to is as long as they say.
    pub(super) unsafe fn read(
        form: Form,
        parameter: *const c_void,
        length: CK_ULONG,
    ) -> Result<Self> {
        // SAFETY: the caller's promise, passed on; the length that was stated is checked first.
        unsafe {
            match form {
                Form::Gcm => {
                    let given: CK_GCM_MESSAGE_PARAMS = structure(parameter, length)?;
                    let bits = given.ulTagBits;
                    let tag = bits.is_multiple_of(8).then_some(bits / 8);
                    let tag = tag.ok_or(invalid("the tag is no whole number of bytes"))?;
                    Message::new(
                        (form, None),
                        (given.pIv, given.ulIvLen),
                        (given.pTag, tag),
                        (given.ivGenerator, given.ulIvFixedBits),
                    )
                }
                Form::Ccm => {
                    let given: CK_CCM_MESSAGE_PARAMS = structure(parameter, length)?;
                    Message::new(
                        (form, Some(given.ulDataLen)),
                        (given.pNonce, given.ulNonceLen),
                        (given.pMAC, given.ulMACLen),
                        (given.nonceGenerator, given.ulNonceFixedBits),
                    )
                }
                Form::Poly1305 => {
                    let given: CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS =
                        structure(parameter, length)?;
                    Message::new(
                        (form, None),
                        (given.pNonce, given.ulNonceLen),
                        (given.pTag, 16),
                        (CKG_NO_GENERATE, 0),
                    )
                }
            }
        }
    }

    /// # Safety
    /// The pointers are NULL or point to as many bytes.
    unsafe fn new(
        (form, whole): (Form, Option<u64>),
        (iv, iv_length): (*mut u8, CK_ULONG),
        (tag, tag_length): (*mut u8, CK_ULONG),
        (generator, fixed_bits): (u64, u64),
    ) -> Result<Self> {
        let fits = |length, most| usize::try_from(length).is_ok_and(|length| length <= most);
        if !fits(iv_length, MAX_IV) || !fits(tag_length, MAX_TAG) {
            return Err(invalid("the IV or the tag is too long"));
        }
        if iv.is_null() || tag.is_null() {
            return Err(invalid("the IV or the tag is NULL"));
        }
        // SAFETY: the caller's promise, passed on.
        let (iv_bytes, tag_bytes) = unsafe { (input(iv, iv_length)?, input(tag, tag_length)?) };
        Ok(Message {
            params: MessageParams {
                form,
                iv: iv_bytes.to_vec(),
                fixed_bits,
                generator,
                tag: tag_bytes.to_vec(),
                whole,
            },
            places: Places { iv, tag },
        })
    }

    /// Whether IV and tag lie beside the output of the same call.
    ///
    /// # Errors
    /// `BadArguments` when they do not.
    pub(super) fn clear_of(&self, target: &Target) -> Result<()> {
        self.places.clear_of(&self.params, target)
    }

    /// Hands the caller the IV that was used.
    ///
    /// # Safety
    /// The caller's memory that [`Message::read`] read may be written, and no slice of it is in use.
    pub(super) unsafe fn put_iv(&self) {
        // SAFETY: the caller's promise, passed on.
        unsafe { put(&self.params.iv, self.places.iv) };
    }

    /// Hands the caller the tag.
    ///
    /// # Safety
    /// As [`Message::put_iv`].
    pub(super) unsafe fn put_tag(&self) {
        // SAFETY: the caller's promise, passed on.
        unsafe { put(&self.params.tag, self.places.tag) };
    }
}

/// Where IV and tag lie in the caller's memory.
#[derive(Clone, Copy)]
struct Places {
    iv: *mut u8,
    tag: *mut u8,
}

impl Places {
    fn clear_of(self, params: &MessageParams, target: &Target) -> Result<()> {
        let (iv, tag) = (params.iv.len(), params.tag.len());
        let over_tag = !self.tag.is_null() && target.covers(self.tag, tag);
        if target.covers(self.iv, iv) || over_tag {
            return Err(Error::BadArguments(
                "the output overlaps the message's IV or tag",
            ));
        }
        Ok(())
    }
}

/// Copies bytes to the caller.
///
/// # Safety
/// `place` may be written for as many bytes, and no slice of them is in use.
unsafe fn put(bytes: &[u8], place: *mut u8) {
    // SAFETY: as many bytes, by the promise made here; `bytes` are the module's own.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len()) };
}

/// How a caller wants a key wrapped with authenticated data.
pub(super) struct Authenticated<'a> {
    /// What the call below needs to know.
    pub(super) how: How<'a>,
    places: Option<Places>,
}

impl Authenticated<'_> {
    /// Whether IV and tag lie beside the output of the same call.
    ///
    /// # Errors
    /// `BadArguments` when they do not.
    pub(super) fn clear_of(&self, target: &Target) -> Result<()> {
        let (How::Message(_, params) | How::Appended(_, params)) = &self.how else {
            return Ok(());
        };
        match (params, self.places) {
            (Ok(params), Some(places)) => places.clear_of(params, target),
            _ => Ok(()),
        }
    }

    /// Hands the caller the IV and the tag.
    ///
    /// # Safety
    /// As [`Message::put_iv`].
    pub(super) unsafe fn put(&self) {
        let (How::Message(_, params) | How::Appended(_, params)) = &self.how else {
            return;
        };
        if let (Ok(params), Some(places)) = (params, self.places) {
            // SAFETY: the caller's promise, passed on; as many bytes as were read.
            unsafe {
                put(&params.iv, places.iv);
                if !places.tag.is_null() {
                    put(&params.tag, places.tag);
                }
            }
        }
    }
}

/// Reads the mechanism of `C_WrapKeyAuthenticated` and its counterpart: its parameter is that of one message.
///
/// # Errors
/// `BadArguments` for NULL. A malformed parameter is kept, to be reported in its turn.
///
/// # Safety
/// `given` is NULL or points to a mechanism whose parameter, and all that it points to, stays for `'a`.
pub(super) unsafe fn authenticated<'a>(given: *const CK_MECHANISM) -> Result<Authenticated<'a>> {
    // SAFETY: the caller's promise, passed on.
    let read = unsafe { pointers::read(given) }?;
    let messages = table::row(read.mechanism).and_then(|row| row.operations.messages);
    let Some(messages) = messages else {
        // SAFETY: the caller's promise, passed on.
        let mechanism = unsafe { mechanism(given) }?;
        let how = How::Token(mechanism);
        return Ok(Authenticated { how, places: None });
    };
    // SAFETY: the caller's promise, passed on.
    let message = unsafe { Message::read(messages.form, read.pParameter, read.ulParameterLen) };
    let (params, places) = match message {
        Ok(message) => (Ok(message.params), Some(message.places)),
        Err(error) => (Err(error), None),
    };
    let how = How::Message(read.mechanism, params);
    Ok(Authenticated { how, places })
}

/// Reads the mechanism of `C_WrapKey` and `C_UnwrapKey`, if it is one that wraps as messages: its parameter
/// holds the associated data as well, and no place for the tag. `None` for every other mechanism.
///
/// # Errors
/// `BadArguments` for NULL. A malformed parameter is kept, to be reported in its turn.
///
/// # Safety
/// As [`authenticated`].
pub(super) unsafe fn appended(
    given: *const CK_MECHANISM,
) -> Result<Option<(Authenticated<'static>, zeroize::Zeroizing<Vec<u8>>)>> {
    // SAFETY: the caller's promise, passed on.
    let read = unsafe { pointers::read(given) }?;
    let row = table::row(read.mechanism).filter(|row| row.operations.wrap.is_none());
    let messages = row.and_then(|row| row.operations.messages);
    let Some(messages) = messages.filter(|messages| messages.wraps) else {
        return Ok(None);
    };
    // SAFETY: the caller's promise, passed on; the length that was stated is checked first.
    let message = unsafe {
        let (parameter, length) = (read.pParameter.cast_const(), read.ulParameterLen);
        wrap_parameter(messages.form, parameter, length)
    };
    let (params, places, aad) = match message {
        Ok((params, places, aad)) => (Ok(params), Some(places), aad),
        Err(error) => (Err(error), None, zeroize::Zeroizing::default()),
    };
    let how = How::Appended(read.mechanism, params);
    Ok(Some((Authenticated { how, places }, aad)))
}

/// Reads the parameter of a wrap: `CK_GCM_WRAP_PARAMS` or `CK_CCM_WRAP_PARAMS`.
///
/// # Safety
/// As [`Message::read`].
unsafe fn wrap_parameter(
    form: Form,
    parameter: *const c_void,
    length: CK_ULONG,
) -> Result<(MessageParams, Places, zeroize::Zeroizing<Vec<u8>>)> {
    // The tag has no place of its own: it is read from, and written to, this one.
    let mut none = [0u8; MAX_TAG];
    let tag = none.as_mut_ptr();
    // SAFETY: the caller's promise, passed on; a tag is at most as long as `none`.
    unsafe {
        let (message, aad) = match form {
            Form::Gcm => {
                let given: CK_GCM_WRAP_PARAMS = structure(parameter, length)?;
                let bits = given.ulTagBits;
                let bytes = bits.is_multiple_of(8).then_some(bits / 8);
                let bytes = bytes.ok_or(invalid("the tag is no whole number of bytes"))?;
                let message = Message::new(
                    (form, None),
                    (given.pIv, given.ulIvLen),
                    (tag, bytes),
                    (given.ivGenerator, given.ulIvFixedBits),
                )?;
                (message, associated(given.pAAD, given.ulAADLen))
            }
            Form::Ccm => {
                let given: CK_CCM_WRAP_PARAMS = structure(parameter, length)?;
                let message = Message::new(
                    (form, None),
                    (given.pNonce, given.ulNonceLen),
                    (tag, given.ulMACLen),
                    (given.nonceGenerator, given.ulNonceFixedBits),
                )?;
                (message, associated(given.pAAD, given.ulAADLen))
            }
            Form::Poly1305 => return Err(invalid("the mechanism wraps no keys")),
        };
        let aad = aad.map_err(|_| invalid("the associated data is NULL with a length"))?;
        let iv = message.places.iv;
        let places = Places {
            iv,
            tag: std::ptr::null_mut(),
        };
        Ok((message.params, places, aad))
    }
}

/// The mechanism of a process of messages, by number; NULL ends the process. What the parameter says is said
/// again with each message, so only its size is looked at: callers leave it out or give a message's.
///
/// # Errors
/// `MechanismParamInvalid` for a parameter of another size.
///
/// # Safety
/// `given` is NULL or points to a mechanism.
pub(super) unsafe fn process(given: *const CK_MECHANISM) -> Result<Option<u64>> {
    if given.is_null() {
        return Ok(None);
    }
    // SAFETY: the caller's promise, passed on.
    let given = unsafe { pointers::read(given) }?;
    let sizes = [
        0,
        size_of::<CK_GCM_MESSAGE_PARAMS>(),
        size_of::<CK_CCM_MESSAGE_PARAMS>(),
        size_of::<CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS>(),
    ];
    let size = usize::try_from(given.ulParameterLen).unwrap_or(usize::MAX);
    if !sizes.contains(&size) || (size > 0 && given.pParameter.is_null()) {
        return Err(invalid("the parameter has the wrong length"));
    }
    Ok(Some(given.mechanism))
}

/// A copy of data that is authenticated only: it may overlap what the call writes.
///
/// # Errors
/// `BadArguments` for NULL with a length; `HostMemory`.
///
/// # Safety
/// `data` is NULL or points to `length` bytes.
pub(super) unsafe fn associated(
    data: *const u8,
    length: CK_ULONG,
) -> Result<zeroize::Zeroizing<Vec<u8>>> {
    // SAFETY: the caller's promise, passed on.
    copy(unsafe { input(data, length) }?)
}

/// The structure `T`, whose size the caller must have stated.
///
/// # Safety
/// `parameter` is NULL or points to `length` bytes.
unsafe fn structure<T: Copy>(parameter: *const c_void, length: CK_ULONG) -> Result<T> {
    if usize::try_from(length) != Ok(size_of::<T>()) {
        return Err(invalid("the parameter has the wrong length"));
    }
    // SAFETY: the caller's promise, and the size is that of a `T`.
    unsafe { pointers::read(parameter.cast()) }.map_err(|_| invalid("the parameter is NULL"))
}

fn invalid(why: &'static str) -> Error {
    Error::MechanismParamInvalid(why)
}
