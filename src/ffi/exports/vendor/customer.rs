//! The vendor's functions on customer keys (`include/keyward.h`, list version 1.1).

use super::{use_once, vendor_functions};
use crate::calls::customer::handles::{Customer, Lengths};
use crate::calls::key_tokens::{renewed_token, told_of_token};
use crate::domain::customer::KeyInfo;
use crate::error::{Error, Result};
use crate::ffi::guard;
use crate::ffi::pointers::{Place, Target, copy, input, output, required};
use crate::ffi::template::Given;
use crate::session::handles::ObjectHandle;
use crate::session::output::Output;
use cryptoki_sys::{
    CK_ATTRIBUTE, CK_BYTE, CK_FLAGS, CK_MECHANISM, CK_OBJECT_HANDLE, CK_RV, CK_SESSION_HANDLE,
    CK_ULONG, CK_UNAVAILABLE_INFORMATION, CK_UTF8CHAR, CKF_VERIFY,
};
use std::cell::Cell;

/// The most bytes of a label in [`Info`].
const LABEL: usize = 256;

/// `KEYWARD_KEY_INFO`: what there is to know of one version of a key.
#[repr(C)]
#[derive(Clone, Copy)]
#[expect(non_snake_case, reason = "the names of the C header")]
pub(in crate::ffi) struct Info {
    /// The key: a family of versions.
    pub family: [CK_BYTE; 16],
    /// Which version.
    pub ulVersion: CK_ULONG,
    /// The newest version.
    pub ulNewest: CK_ULONG,
    /// `CKA_KEYWARD_STANDING`.
    pub ulStanding: CK_ULONG,
    /// When it was made, in seconds since 1970-01-01 UTC.
    pub ulCreated: CK_ULONG,
    /// How many things are counted as wrapped under it.
    pub ulRegistered: CK_ULONG,
    /// The bytes of the label.
    pub ulLabelLen: CK_ULONG,
    /// The label, cut at 256 bytes.
    pub label: [CK_UTF8CHAR; LABEL],
}

impl From<&KeyInfo> for Info {
    fn from(known: &KeyInfo) -> Self {
        let text = known.label.as_str();
        let text = text
            .get(..text.floor_char_boundary(LABEL))
            .unwrap_or_default();
        let mut label = [0; LABEL];
        for (place, byte) in label.iter_mut().zip(text.bytes()) {
            *place = byte;
        }
        Info {
            family: known.family,
            ulVersion: known.version,
            ulNewest: known.newest,
            ulStanding: known.standing,
            ulCreated: known.created,
            ulRegistered: known.registered.unwrap_or(CK_UNAVAILABLE_INFORMATION),
            ulLabelLen: CK_ULONG::try_from(text.len()).unwrap_or(0),
            label,
        }
    }
}

/// The place for what there is to know, which the caller may leave out.
struct InfoPlace(Option<Place<Info>>);

impl InfoPlace {
    /// The place behind a pointer, or none.
    ///
    /// # Errors
    /// None.
    ///
    /// # Safety
    /// As [`Place::new`].
    unsafe fn new(place: *mut Info) -> Result<Self> {
        if place.is_null() {
            return Ok(InfoPlace(None));
        }
        // SAFETY: the caller's promise, passed on.
        unsafe { Place::new(place) }.map(|place| InfoPlace(Some(place)))
    }

    fn put(&self, known: Option<&KeyInfo>) {
        if let (Some(place), Some(known)) = (&self.0, known) {
            place.put(Info::from(known));
        }
    }
}

/// Fills a buffer, and keeps what there is to know of the key.
///
/// # Errors
/// Those of `run`.
///
/// # Safety
/// As [`Target::fill`].
unsafe fn fill(
    target: Target,
    place: &InfoPlace,
    run: impl FnOnce(Output<'_>) -> Result<(usize, Option<KeyInfo>)>,
) -> Result<()> {
    let mut known = None;
    // SAFETY: the caller's promise, passed on.
    let answer = unsafe {
        target.fill(|output| {
            let (length, key) = run(output)?;
            known = key;
            Ok(length)
        })
    };
    answer?;
    place.put(known.as_ref());
    Ok(())
}

vendor_functions! {
    CreateKey create_key(
        session: CK_SESSION_HANDLE,
        template: *mut CK_ATTRIBUTE,
        count: CK_ULONG,
        material: CK_OBJECT_HANDLE,
        place: *mut CK_OBJECT_HANDLE,
        info: *mut Info,
    ) {
        guard::session(session, |module, session| {
            let (place, info) = (Place::new(place)?, InfoPlace::new(info)?);
            let template = Given::new(template, count)?.read()?;
            let customer = Customer::new(module, session)?;
            let (key, known) = customer.create(&template, ObjectHandle(material))?;
            place.put(key.0);
            info.put(Some(&known));
            Ok(())
        })
    }

    RotateKey rotate_key(
        session: CK_SESSION_HANDLE,
        key: CK_OBJECT_HANDLE,
        material: CK_OBJECT_HANDLE,
        place: *mut CK_OBJECT_HANDLE,
        info: *mut Info,
    ) {
        guard::session(session, |module, session| {
            let (place, info) = (Place::new(place)?, InfoPlace::new(info)?);
            let customer = Customer::new(module, session)?;
            let (key, known) = customer.rotate(ObjectHandle(key), ObjectHandle(material))?;
            place.put(key.0);
            info.put(Some(&known));
            Ok(())
        })
    }

    KeyInfoOf key_info(
        session: CK_SESSION_HANDLE,
        key: CK_OBJECT_HANDLE,
        version: CK_ULONG,
        place: *mut CK_OBJECT_HANDLE,
        info: *mut Info,
    ) {
        guard::session(session, |module, session| {
            let info = InfoPlace::new(info)?;
            let customer = Customer::new(module, session)?;
            let (key, known) = customer.info(ObjectHandle(key), version)?;
            if !place.is_null() {
                Place::new(place)?.put(key.0);
            }
            info.put(Some(&known));
            Ok(())
        })
    }

    Encrypt encrypt(
        session: CK_SESSION_HANDLE,
        key: CK_OBJECT_HANDLE,
        version: CK_ULONG,
        aad: *mut CK_BYTE,
        aad_length: CK_ULONG,
        data: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
        info: *mut Info,
    ) {
        guard::session(session, |module, session| {
            let (target, info) = (Target::new(out, out_length)?, InfoPlace::new(info)?);
            let aad = target.beside(input(aad, aad_length)?)?;
            let data = target.beside(input(data, length)?)?;
            let customer = Customer::new(module, session)?;
            fill(target, &info, |output| {
                customer.encrypt((ObjectHandle(key), version), &aad, &data, output)
            })
        })
    }

    Decrypt decrypt(
        session: CK_SESSION_HANDLE,
        key: CK_OBJECT_HANDLE,
        aad: *mut CK_BYTE,
        aad_length: CK_ULONG,
        data: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
        update: *mut CK_BYTE,
        update_length: *mut CK_ULONG,
        info: *mut Info,
    ) {
        guard::session(session, |module, session| {
            let (target, info) = (Target::new(out, out_length)?, InfoPlace::new(info)?);
            let wanted = if update_length.is_null() && update.is_null() {
                None
            } else {
                Some(Target::new(update, update_length)?)
            };
            if wanted.as_ref().is_some_and(|wanted| wanted.meets(&target)) {
                return Err(Error::BadArguments("two results in one place"));
            }
            let (aad, data) = (input(aad, aad_length)?, required(data, length)?);
            let copied = |bytes| match &wanted {
                Some(other) if other.overlaps(bytes) => other.beside(bytes),
                _ => target.beside(bytes),
            };
            let (aad, data) = (copied(aad)?, copied(data)?);
            let customer = Customer::new(module, session)?;
            let asked = (ObjectHandle(key), &*data, &*aad);
            let known = decrypt_into(&customer, asked, target, wanted)?;
            info.put(known.as_ref());
            Ok(())
        })
    }

    Rekey rekey(
        session: CK_SESSION_HANDLE,
        aad: *mut CK_BYTE,
        aad_length: CK_ULONG,
        data: *mut CK_BYTE,
        length: CK_ULONG,
        to: CK_OBJECT_HANDLE,
        to_aad: *mut CK_BYTE,
        to_aad_length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
        info: *mut Info,
    ) {
        guard::session(session, |module, session| {
            let (target, info) = (Target::new(out, out_length)?, InfoPlace::new(info)?);
            let aad = target.beside(input(aad, aad_length)?)?;
            let to_aad = target.beside(input(to_aad, to_aad_length)?)?;
            let data = target.beside(required(data, length)?)?;
            let customer = Customer::new(module, session)?;
            fill(target, &info, |output| {
                customer.rekey((&data, &aad), (ObjectHandle(to), &to_aad), output)
            })
        })
    }

    GenerateDataKey generate_data_key(
        session: CK_SESSION_HANDLE,
        key: CK_OBJECT_HANDLE,
        aad: *mut CK_BYTE,
        aad_length: CK_ULONG,
        length: CK_ULONG,
        plain: *mut CK_BYTE,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
        info: *mut Info,
    ) {
        guard::session(session, |module, session| {
            let (target, info) = (Target::new(out, out_length)?, InfoPlace::new(info)?);
            let length = usize::try_from(length).map_err(|_| Error::DataLenRange)?;
            if length > MOST_DATA_KEY {
                return Err(Error::DataLenRange);
            }
            let wanted = if plain.is_null() { 0 } else { length };
            let aad = target.beside(input(aad, aad_length)?)?;
            // Filled first in memory of our own: the caller's two buffers may overlap.
            let mut secret = zeroize::Zeroizing::new(vec![0; wanted]);
            let customer = Customer::new(module, session)?;
            let mut made = false;
            fill(target, &info, |output| {
                let (length, known) = customer.generate_data_key(
                    ObjectHandle(key),
                    &aad,
                    (length, secret.as_mut_slice()),
                    output,
                )?;
                made = known.is_some();
                Ok((length, known))
            })?;
            if made && wanted > 0 {
                let wanted = CK_ULONG::try_from(wanted).map_err(|_| Error::DataLenRange)?;
                output(plain, wanted)?.copy_from_slice(&secret);
            }
            Ok(())
        })
    }

    UseKeyToken2 use_key_token_2(
        session: CK_SESSION_HANDLE,
        token: *mut CK_BYTE,
        token_length: CK_ULONG,
        operation: CK_FLAGS,
        kind: *mut CK_MECHANISM,
        data: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
        update: *mut CK_BYTE,
        update_length: *mut CK_ULONG,
        info: *mut Info,
    ) {
        guard::session(session, |module, session| {
            let (target, info) = (Target::new(update, update_length)?, InfoPlace::new(info)?);
            // A copy, because the result may be written over it.
            let given = copy(required(token, token_length)?)?;
            let (known, needed) = told_of_token(module, session, &given)?;
            let query = out.is_null() && operation != CKF_VERIFY;
            let at = (module, session);
            let once = || {
                use_once(
                    at,
                    (token, token_length),
                    operation,
                    kind,
                    (data, length),
                    (out, out_length),
                )
            };
            target.room_for(needed)?;
            once()?;
            target.fill(|output| match output {
                Output::Buffer(buffer) if needed > 0 && !query => {
                    Output::Buffer(buffer).deliver(&renewed_token(module, session, &given)?)
                }
                Output::Length | Output::Buffer(_) => Ok(needed),
            })?;
            info.put(Some(&known));
            Ok(())
        })
    }

    CustomerRequest request(
        session: CK_SESSION_HANDLE,
        asked: *mut CK_BYTE,
        length: CK_ULONG,
        out: *mut CK_BYTE,
        out_length: *mut CK_ULONG,
    ) {
        guard::session(session, |module, session| {
            let target = Target::new(out, out_length)?;
            let asked = target.beside(required(asked, length)?)?;
            let customer = Customer::new(module, session)?;
            target.fill(|output| customer.request(&asked, output))
        })
    }
}

/// The longest data key in bytes.
const MOST_DATA_KEY: usize = *crate::calls::customer::data::DATA_KEY_LENGTHS.end();

/// Decrypts into the caller's buffers; both lengths are told, of what was written or is needed.
///
/// # Errors
/// Those of [`Customer::decrypt`].
///
/// # Safety
/// As [`Target::fill`], for both targets.
unsafe fn decrypt_into(
    customer: &Customer<'_>,
    (key, data, aad): (ObjectHandle, &[u8], &[u8]),
    target: Target,
    wanted: Option<Target>,
) -> Result<Option<KeyInfo>> {
    let lengths = Cell::new(Lengths::default());
    let mut known = None;
    let mut run = |output: Output<'_>, update: Option<Output<'_>>| {
        let mut told = Lengths::default();
        let answer = customer.decrypt(key, (data, aad), (output, update), &mut told);
        lengths.set(told);
        known = match answer {
            Err(Error::BufferTooSmall(_)) => return Err(Error::BufferTooSmall(told.result)),
            other => other?,
        };
        Ok(told.result)
    };
    let Some(wanted) = wanted else {
        // SAFETY: the caller's promise, passed on.
        unsafe { target.fill(|output| run(output, None)) }?;
        return Ok(known);
    };
    // SAFETY: the caller's promise, passed on.
    unsafe {
        wanted.fill(
            |update| match target.fill(|output| run(output, Some(update))) {
                Ok(()) => Ok(lengths.get().update),
                Err(Error::BufferTooSmall(_)) => Err(Error::BufferTooSmall(lengths.get().update)),
                Err(other) => Err(other),
            },
        )
    }?;
    Ok(known)
}
