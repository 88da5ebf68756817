//! TLS 1.2 (PKCS #11 3.2, section 6.40): master secrets, the keys of a connection, exported keys, and the MAC of
//! the handshake. The functions of TLS 1.0 and 1.1 serve exported keys and the MAC only.

use super::{value, wanted};
use crate::crypto::hash::Hash;
use crate::crypto::kdf::tls_prf;
use crate::error::{Error, Result};
use crate::mechanism::hashes;
use crate::mechanism::params::{ParamKind, Params};
use crate::mechanism::row::{Bases, Derived, Generated, Operations, Row};
use crate::mechanism::signing::{Check, Gathered, Sign};
use crate::object::Object;
use crate::object::attribute::Value;
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKA_ALLOWED_MECHANISMS, CKA_KEY_TYPE, CKA_VALUE, CKA_VALUE_LEN, CKK_GENERIC_SECRET,
    CKM_TLS_KDF, CKM_TLS_MAC, CKM_TLS_PRE_MASTER_KEY_GEN, CKM_TLS_PRF,
    CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH, CKM_TLS12_KDF,
    CKM_TLS12_KEY_AND_MAC_DERIVE, CKM_TLS12_KEY_SAFE_DERIVE, CKM_TLS12_MAC,
    CKM_TLS12_MASTER_KEY_DERIVE, CKM_TLS12_MASTER_KEY_DERIVE_DH,
};
use std::sync::Arc;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// The length of pre-master and master secrets in bytes.
const MASTER: usize = 48;
/// The lengths that a MAC may have, in bytes. Twelve is the usual one.
const MACS: std::ops::RangeInclusive<usize> = 12..=64;
/// What a master secret may be used for.
const OF_MASTER: [u64; 6] = [
    CKM_TLS12_KEY_AND_MAC_DERIVE,
    CKM_TLS12_KEY_SAFE_DERIVE,
    CKM_TLS_KDF,
    CKM_TLS_MAC,
    CKM_TLS12_KDF,
    CKM_TLS12_MAC,
];

/// The parameter of the derivation of a connection's keys; sizes are in bits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeyMaterial<'a> {
    /// The size of a MAC key.
    pub mac: u64,
    /// The size of a cipher key.
    pub key: u64,
    /// The size of an IV.
    pub iv: u64,
    /// The client's random bytes.
    pub client: &'a [u8],
    /// The server's.
    pub server: &'a [u8],
    /// The hash, `CKM_…`.
    pub hash: u64,
}

impl KeyMaterial<'_> {
    /// The lengths of a MAC key, a cipher key and an IV in bytes.
    ///
    /// # Errors
    /// `MechanismParamInvalid` for sizes that are not whole bytes, or beyond any cipher's.
    pub fn lengths(&self) -> Result<[usize; 3]> {
        let bytes = |bits: u64| {
            let bytes = usize::try_from(bits / 8).ok();
            bytes
                .filter(|bytes| bits.is_multiple_of(8) && *bytes <= 1024)
                .ok_or(Error::MechanismParamInvalid("size of a key or IV"))
        };
        Ok([bytes(self.mac)?, bytes(self.key)?, bytes(self.iv)?])
    }
}

/// The rows. Key sizes are in bytes.
pub(in crate::mechanism) const ROWS: &[Row] = &[
    Row {
        key_sizes: (48, 48),
        ..row(
            CKM_TLS_PRE_MASTER_KEY_GEN,
            "CKM_TLS_PRE_MASTER_KEY_GEN",
            ParamKind::Bytes(2, 2),
            Operations {
                generate: Some(|params, template| {
                    if template
                        .ulong(CKA_VALUE_LEN)
                        .is_some_and(|length| usize::try_from(length) != Ok(MASTER))
                    {
                        return Err(Error::AttributeValueInvalid(CKA_VALUE_LEN));
                    }
                    pre_master(params)
                }),
                ..Operations::NONE
            },
        )
    },
    master(
        CKM_TLS12_MASTER_KEY_DERIVE,
        "CKM_TLS12_MASTER_KEY_DERIVE",
        |params, bases, lengths| derive_master(params, bases, lengths, Exchange::Rsa),
    ),
    master(
        CKM_TLS12_MASTER_KEY_DERIVE_DH,
        "CKM_TLS12_MASTER_KEY_DERIVE_DH",
        |params, bases, lengths| derive_master(params, bases, lengths, Exchange::DiffieHellman),
    ),
    master(
        CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE,
        "CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE",
        |params, bases, lengths| derive_master(params, bases, lengths, Exchange::Rsa),
    ),
    master(
        CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH,
        "CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH",
        |params, bases, lengths| derive_master(params, bases, lengths, Exchange::DiffieHellman),
    ),
    row(
        CKM_TLS12_KEY_AND_MAC_DERIVE,
        "CKM_TLS12_KEY_AND_MAC_DERIVE",
        ParamKind::Apart,
        set(|params, bases, _| derive_keys(params, bases)),
    ),
    row(
        CKM_TLS12_KEY_SAFE_DERIVE,
        "CKM_TLS12_KEY_SAFE_DERIVE",
        ParamKind::Apart,
        set(|params, bases, _| derive_keys(params, bases)),
    ),
    row(CKM_TLS_KDF, "CKM_TLS_KDF", ParamKind::TlsKdf, set(export)),
    row(
        CKM_TLS12_KDF,
        "CKM_TLS12_KDF",
        ParamKind::TlsKdf,
        set(export),
    ),
    row(CKM_TLS_MAC, "CKM_TLS_MAC", ParamKind::TlsMac, MAC),
    row(CKM_TLS12_MAC, "CKM_TLS12_MAC", ParamKind::TlsMac, MAC),
];

const fn row(mechanism: u64, name: &'static str, params: ParamKind, operations: Operations) -> Row {
    super::row(mechanism, name, &[CKK_GENERIC_SECRET], params, operations)
}

const fn master(
    mechanism: u64,
    name: &'static str,
    derive: crate::mechanism::row::DeriveSet,
) -> Row {
    Row {
        key_sizes: (48, 48),
        ..row(mechanism, name, ParamKind::Apart, set(derive))
    }
}

const fn set(derive: crate::mechanism::row::DeriveSet) -> Operations {
    Operations {
        derive_set: Some(derive),
        ..Operations::NONE
    }
}

/// A fresh pre-master secret, which begins with the client's version of the protocol.
fn pre_master(params: Params<'_>) -> Result<Generated> {
    let Params::Bytes(version) = params else {
        return Err(Error::MechanismParamInvalid(
            "the mechanism takes CK_VERSION",
        ));
    };
    let mut secret = SecretBytes::random(MASTER)?;
    for (own, byte) in secret.expose_mut().iter_mut().zip(version) {
        *own = *byte;
    }
    Ok(vec![
        (CKA_KEY_TYPE, Value::Ulong(CKK_GENERIC_SECRET)),
        (CKA_VALUE, Value::secret(secret)),
    ])
}

/// How the pre-master secret came about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Exchange {
    /// It has 48 bytes, of which the first two are the version.
    Rsa,
    /// It has any length.
    DiffieHellman,
}

fn derive_master(
    params: Params<'_>,
    bases: Bases<'_>,
    lengths: &[Option<usize>],
    exchange: Exchange,
) -> Result<Derived> {
    let Params::TlsMaster {
        hash,
        label,
        seed,
        version,
    } = params
    else {
        return Err(Error::MechanismParamInvalid(
            "the mechanism takes the parameters of a master secret",
        ));
    };
    let secret = value(bases.base)?.expose();
    if exchange == Exchange::Rsa && secret.len() != MASTER {
        return Err(Error::KeySizeRange);
    }
    if exchange == Exchange::DiffieHellman && version {
        return Err(Error::MechanismParamInvalid(
            "the version is not part of a shared secret",
        ));
    }
    let length = lengths.first().copied().flatten();
    if length.is_some_and(|length| length != MASTER) {
        return Err(Error::AttributeValueInvalid(CKA_VALUE_LEN));
    }
    let mut master = SecretBytes::zeroed(MASTER);
    let hash = hashes::by_mechanism(hash)?;
    tls_prf(Some(hash), secret, label, seed, master.expose_mut())?;
    let mut derived = Derived::key(master);
    if version {
        derived.shown = Zeroizing::new(secret.get(..2).unwrap_or_default().to_vec());
    }
    derived.more = vec![(CKA_ALLOWED_MECHANISMS, Value::Ulongs(OF_MASTER.to_vec()))];
    Ok(derived)
}

/// The MAC keys of client and server, their cipher keys, and what is shown, their IVs.
fn derive_keys(params: Params<'_>, bases: Bases<'_>) -> Result<Derived> {
    let Params::TlsKeys(material) = params else {
        return Err(Error::MechanismParamInvalid(
            "the mechanism takes CK_TLS12_KEY_MAT_PARAMS",
        ));
    };
    let [mac, key, iv] = material.lengths()?;
    let secret = value(bases.base)?.expose();
    if secret.len() != MASTER {
        return Err(Error::KeySizeRange);
    }
    let mut block = SecretBytes::zeroed(2 * (mac + key + iv));
    let hash = hashes::by_mechanism(material.hash)?;
    let seed = [material.server, material.client];
    tls_prf(
        Some(hash),
        secret,
        b"key expansion",
        seed,
        block.expose_mut(),
    )?;
    let mut derived = Derived::default();
    let mut rest = block.expose();
    for length in [mac, mac, key, key] {
        let (own, next) = rest
            .split_at_checked(length)
            .ok_or(Error::Internal("key block"))?;
        derived.keys.push(SecretBytes::copy_of(own));
        rest = next;
    }
    derived.shown = Zeroizing::new(rest.to_vec());
    Ok(derived)
}

/// A hash of TLS 1.2; `None` for the function of TLS 1.0 and 1.1.
fn prf_hash(mechanism: u64) -> Result<Option<Hash>> {
    if mechanism == CKM_TLS_PRF {
        return Ok(None);
    }
    hashes::by_mechanism(mechanism).map(Some)
}

/// An exported key (RFC 5705, section 4).
fn export(params: Params<'_>, bases: Bases<'_>, lengths: &[Option<usize>]) -> Result<Derived> {
    let Params::TlsKdf {
        hash,
        label,
        client,
        server,
        context,
    } = params
    else {
        return Err(Error::MechanismParamInvalid(
            "the mechanism takes CK_TLS_KDF_PARAMS",
        ));
    };
    let length = wanted(lengths.first().copied().flatten())?;
    let mut after = server.to_vec();
    if let Some(context) = context {
        let length = u16::try_from(context.len());
        let length = length.map_err(|_| Error::MechanismParamInvalid("length of the context"))?;
        after.extend_from_slice(&length.to_be_bytes());
        after.extend_from_slice(context);
    }
    let mut out = SecretBytes::zeroed(length);
    let secret = value(bases.base)?.expose();
    tls_prf(
        prf_hash(hash)?,
        secret,
        label,
        [client, &after],
        out.expose_mut(),
    )?;
    Ok(Derived::key(out))
}

const MAC: Operations = Operations {
    sign: Some(|params, key| Ok(Gathered::new(Mac::new(params, key)?))),
    verify: Some(|params, key| Ok(Gathered::new(Mac::new(params, key)?))),
    ..Operations::NONE
};

/// The MAC of a handshake.
struct Mac {
    key: Arc<Object>,
    hash: Option<Hash>,
    label: &'static [u8],
    length: usize,
}

impl Mac {
    fn new(params: Params<'_>, key: &Arc<Object>) -> Result<Self> {
        let Params::TlsMac { hash, length, side } = params else {
            return Err(Error::MechanismParamInvalid(
                "the mechanism takes CK_TLS_MAC_PARAMS",
            ));
        };
        let label: &[u8] = match side {
            1 => b"server finished",
            2 => b"client finished",
            _ => return Err(Error::MechanismParamInvalid("neither server nor client")),
        };
        let length = usize::try_from(length)
            .ok()
            .filter(|length| MACS.contains(length))
            .ok_or(Error::MechanismParamInvalid("MAC length"))?;
        Ok(Mac {
            key: Arc::clone(key),
            hash: prf_hash(hash)?,
            label,
            length,
        })
    }

    fn compute(&self, data: &[u8], out: &mut [u8]) -> Result<()> {
        let secret = value(&self.key)?.expose();
        tls_prf(self.hash, secret, self.label, [data, &[]], out)
    }
}

impl Sign for Mac {
    fn length(&self) -> usize {
        self.length
    }

    fn sign(&self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        let needed = self.length;
        let out = out.get_mut(..needed).ok_or(Error::BufferTooSmall(needed))?;
        self.compute(data, out)?;
        Ok(needed)
    }
}

impl Check for Mac {
    fn check(&self, data: &[u8], signature: &[u8]) -> Result<()> {
        if signature.len() != self.length {
            return Err(Error::SignatureLenRange);
        }
        let mut own = SecretBytes::zeroed(self.length);
        self.compute(data, own.expose_mut())?;
        if bool::from(own.expose().ct_eq(signature)) {
            Ok(())
        } else {
            Err(Error::SignatureInvalid)
        }
    }
}
