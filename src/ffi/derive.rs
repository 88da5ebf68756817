//! `C_DeriveKey`, whose parameters may have places for further results in them.

use super::params::{self, kdf};
use super::pointers::{self, Place};
use super::template::Given;
use crate::calls::derive::{self, Wrong};
use crate::error::{Error, Result};
use crate::mechanism::params::{Mechanism, Params};
use crate::module::Module;
use crate::object::attribute::Template;
use crate::session::handles::{ObjectHandle, SessionHandle};
use cryptoki_sys::{
    CK_DERIVED_KEY, CK_INVALID_HANDLE, CK_MECHANISM, CK_OBJECT_HANDLE,
    CK_SP800_108_FEEDBACK_KDF_PARAMS, CK_SP800_108_KDF_PARAMS, CK_SSL3_KEY_MAT_OUT,
    CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS, CK_TLS12_KEY_MAT_PARAMS,
    CK_TLS12_MASTER_KEY_DERIVE_PARAMS, CK_ULONG, CK_VERSION, CKM_SP800_108_COUNTER_KDF,
    CKM_SP800_108_DOUBLE_PIPELINE_KDF, CKM_SP800_108_FEEDBACK_KDF,
    CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH,
    CKM_TLS12_KEY_AND_MAC_DERIVE, CKM_TLS12_KEY_SAFE_DERIVE, CKM_TLS12_MASTER_KEY_DERIVE,
    CKM_TLS12_MASTER_KEY_DERIVE_DH,
};

/// The most keys that one derivation makes beside the first.
const MOST_KEYS: usize = 64;

/// What the call gave, beside the mechanism.
pub(super) struct Call<'m> {
    pub(super) module: &'m Module,
    pub(super) session: SessionHandle,
    pub(super) base: ObjectHandle,
    pub(super) template: Given,
    /// Where the first key's handle goes; the derivation of a connection's keys does without.
    pub(super) place: *mut CK_OBJECT_HANDLE,
}

impl Call<'_> {
    /// Derives.
    ///
    /// # Errors
    /// `BadArguments` for NULL where a place must be, and those of [`derive::derive`].
    ///
    /// # Safety
    /// `mechanism` is NULL or points to a mechanism whose parameter, and all that the parameter points to, is as
    /// the mechanism takes it; `place` is NULL or a place for a handle.
    pub(super) unsafe fn run(self, mechanism: *const CK_MECHANISM) -> Result<()> {
        // SAFETY: the caller's promise, passed on.
        unsafe {
            let given = pointers::read(mechanism)?;
            match given.mechanism {
                CKM_TLS12_KEY_AND_MAC_DERIVE | CKM_TLS12_KEY_SAFE_DERIVE => self.connection(&given),
                CKM_SP800_108_COUNTER_KDF
                | CKM_SP800_108_DOUBLE_PIPELINE_KDF
                | CKM_SP800_108_FEEDBACK_KDF => self.several(&given),
                CKM_TLS12_MASTER_KEY_DERIVE
                | CKM_TLS12_MASTER_KEY_DERIVE_DH
                | CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE
                | CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH => self.master(&given),
                _ => {
                    let place = Place::new(self.place)?;
                    let mechanism = params::mechanism(mechanism)?;
                    let template = self.template(&mechanism)?;
                    place.put(self.one(mechanism, template)?.0.0);
                    Ok(())
                }
            }
        }
    }

    /// The template; a mechanism that is wrong itself is reported first.
    fn template(&self, mechanism: &Mechanism<'_>) -> Result<Template> {
        self.template.read().or_else(|error| {
            mechanism.row()?;
            mechanism.params.clone()?;
            Err(error)
        })
    }

    /// One key, and what is shown beside it.
    fn one(&self, mechanism: Mechanism<'_>, template: Template) -> Result<(ObjectHandle, Vec<u8>)> {
        let made = derive::derive(
            self.module,
            self.session,
            mechanism,
            self.base,
            &[template],
            &mut Wrong::default(),
        )?;
        let key = made.keys.first().copied();
        let key = key.ok_or(Error::Internal("a derivation without a key"))?;
        Ok((key, made.shown.to_vec()))
    }

    /// A master secret, and the version that the pre-master secret begins with.
    ///
    /// # Safety
    /// As [`Call::run`].
    unsafe fn master(self, given: &CK_MECHANISM) -> Result<()> {
        let extended = matches!(
            given.mechanism,
            CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE | CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH
        );
        // SAFETY: the caller's promise, passed on.
        unsafe {
            let place = Place::new(self.place)?;
            let mut version: *mut CK_VERSION = std::ptr::null_mut();
            let params = if extended {
                structure::<CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS>(given).and_then(|own| {
                    version = own.pVersion;
                    kdf::tls_extended_master(&own)
                })
            } else {
                structure::<CK_TLS12_MASTER_KEY_DERIVE_PARAMS>(given).and_then(|own| {
                    version = own.pVersion;
                    kdf::tls_master(&own)
                })
            };
            let mechanism = Mechanism::new(given.mechanism, params);
            let template = self.template(&mechanism)?;
            let (key, shown) = self.one(mechanism, template)?;
            if let (false, [major, minor]) = (version.is_null(), shown.as_slice()) {
                version.write_unaligned(CK_VERSION {
                    major: *major,
                    minor: *minor,
                });
            }
            place.put(key.0);
            Ok(())
        }
    }

    /// Keys by SP 800-108: one or several.
    ///
    /// # Safety
    /// As [`Call::run`].
    unsafe fn several(self, given: &CK_MECHANISM) -> Result<()> {
        // SAFETY: the caller's promise, passed on.
        unsafe {
            let place = Place::new(self.place)?;
            let read = sp800(given);
            let (input, more) = match read {
                Ok(read) => read,
                Err(error) => {
                    // In its turn, after the mechanism itself and the keys.
                    let mechanism = Mechanism::new(given.mechanism, Err(error));
                    let template = self.template(&mechanism)?;
                    return self.one(mechanism, template).map(drop);
                }
            };
            let mechanism = Mechanism::new(given.mechanism, Ok(Params::Sp800(&input)));
            let mut templates = vec![self.template(&mechanism)?];
            for one in &more {
                let template = one.template.read();
                templates.push(template.inspect_err(|_| one.place.put(CK_INVALID_HANDLE))?);
            }
            let mut wrong = Wrong::default();
            let made = derive::derive(
                self.module,
                self.session,
                mechanism,
                self.base,
                &templates,
                &mut wrong,
            )
            .inspect_err(|_| {
                let at = wrong.template.and_then(|at| at.checked_sub(1));
                if let Some(one) = at.and_then(|at| more.get(at)) {
                    one.place.put(CK_INVALID_HANDLE);
                }
            })?;
            let places = std::iter::once(&place).chain(more.iter().map(|one| &one.place));
            for (place, key) in places.zip(&made.keys) {
                place.put(key.0);
            }
            Ok(())
        }
    }

    /// The keys of a TLS connection, and their IVs.
    ///
    /// # Safety
    /// As [`Call::run`].
    unsafe fn connection(self, given: &CK_MECHANISM) -> Result<()> {
        let with_ivs = given.mechanism == CKM_TLS12_KEY_AND_MAC_DERIVE;
        // SAFETY: the caller's promise, passed on; the IVs' places have the length that the caller states.
        unsafe {
            let read = structure::<CK_TLS12_KEY_MAT_PARAMS>(given).and_then(|own| {
                let material = kdf::tls_keys(&own, with_ivs)?;
                let out = pointers::read(own.pReturnedKeyMaterial.cast_const())
                    .map_err(|_| Error::MechanismParamInvalid("no place for the keys"))?;
                let [.., iv] = material.lengths()?;
                if iv > 0 && (out.pIVClient.is_null() || out.pIVServer.is_null()) {
                    return Err(Error::MechanismParamInvalid("no place for the IVs"));
                }
                Ok((material, own.pReturnedKeyMaterial, out, iv))
            });
            let params = read
                .as_ref()
                .map(|(material, ..)| Params::TlsKeys(*material))
                .map_err(Clone::clone);
            let mechanism = Mechanism::new(given.mechanism, params);
            let template = self.template(&mechanism)?;
            let made =
                derive::connection(self.module, self.session, mechanism, self.base, &template)?;
            let (_, place, out, iv) = read?;
            let handle = |at: usize| match made.keys.get(at) {
                Some(Some(key)) => key.0,
                Some(None) | None => CK_INVALID_HANDLE,
            };
            place.write_unaligned(CK_SSL3_KEY_MAT_OUT {
                hClientMacSecret: handle(0),
                hServerMacSecret: handle(1),
                hClientKey: handle(2),
                hServerKey: handle(3),
                ..out
            });
            let (client, server) = made.ivs.split_at(iv.min(made.ivs.len()));
            for (bytes, place) in [(client, out.pIVClient), (server, out.pIVServer)] {
                for (at, byte) in bytes.iter().enumerate() {
                    place.add(at).write(*byte);
                }
            }
            Ok(())
        }
    }
}

/// A further key, and where its handle goes.
struct Further {
    template: Given,
    place: Place<CK_OBJECT_HANDLE>,
}

/// The parameter of one of the mechanisms of SP 800-108.
///
/// # Safety
/// As [`Call::run`].
unsafe fn sp800<'a>(
    given: &CK_MECHANISM,
) -> Result<(crate::mechanism::derive::sp800::Input<'a>, Vec<Further>)> {
    // SAFETY: the caller's promise, passed on.
    unsafe {
        if given.mechanism == CKM_SP800_108_FEEDBACK_KDF {
            let own = structure::<CK_SP800_108_FEEDBACK_KDF_PARAMS>(given)?;
            let fields = (own.pDataParams, own.ulNumberOfDataParams);
            let input = kdf::sp800(own.prfType, fields, (own.pIV, own.ulIVLen))?;
            let more = (own.pAdditionalDerivedKeys, own.ulAdditionalDerivedKeys);
            Ok((input, further(more.0, more.1)?))
        } else {
            let own = structure::<CK_SP800_108_KDF_PARAMS>(given)?;
            let fields = (own.pDataParams, own.ulNumberOfDataParams);
            let input = kdf::sp800(own.prfType, fields, (std::ptr::null_mut(), 0))?;
            let more = (own.pAdditionalDerivedKeys, own.ulAdditionalDerivedKeys);
            Ok((input, further(more.0, more.1)?))
        }
    }
}

/// The further keys that a parameter asks for.
///
/// # Safety
/// `first` is NULL or points to `count` descriptions of keys.
unsafe fn further(first: *mut CK_DERIVED_KEY, count: CK_ULONG) -> Result<Vec<Further>> {
    let bad = |_| Error::MechanismParamInvalid("the additional keys");
    let (first, count) = pointers::array(first, count, MOST_KEYS).map_err(bad)?;
    (0..count)
        .map(|at| {
            // SAFETY: within the array by the caller's promise.
            unsafe {
                let one = first.add(at).read_unaligned();
                Ok(Further {
                    template: Given::new(one.pTemplate, one.ulAttributeCount).map_err(bad)?,
                    place: Place::new(one.phKey).map_err(bad)?,
                })
            }
        })
        .collect()
}

/// The structure that is the mechanism's parameter.
///
/// # Safety
/// As [`Call::run`].
unsafe fn structure<T: Copy>(given: &CK_MECHANISM) -> Result<T> {
    if usize::try_from(given.ulParameterLen) != Ok(size_of::<T>()) {
        return Err(Error::MechanismParamInvalid(
            "the parameter has the wrong length",
        ));
    }
    // SAFETY: the caller's promise, and the size is that of a `T`.
    unsafe { pointers::read(given.pParameter.cast_const().cast()) }
        .map_err(|_| Error::MechanismParamInvalid("the parameter is NULL"))
}
