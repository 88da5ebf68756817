//! Parameters that outlive the call which gave them, for operations that begin anew with each message.

use super::params::Params;
use crate::error::{Error, Result};

/// A kept parameter. `ParamKind::is_keepable` says of which mechanisms.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kept {
    /// None was given.
    None,
    /// A number.
    Ulong(u64),
    /// RSA-PSS.
    Pss {
        /// The hash, `CKM_…`.
        hash: u64,
        /// The mask generation function, `CKG_…`.
        mgf: u64,
        /// The salt's length in bytes.
        salt: u64,
    },
    /// EdDSA.
    Eddsa {
        /// Whether the data is hashed first.
        prehash: bool,
        /// The context.
        context: Vec<u8>,
    },
    /// ML-DSA or SLH-DSA with a context.
    Context {
        /// Whether signatures hold fresh randomness, `CKH_…`.
        hedge: u64,
        /// The context.
        context: Vec<u8>,
        /// The hash that the data is a digest of, `CKM_…`.
        hash: Option<u64>,
    },
}

impl Kept {
    /// Keeps a parameter.
    ///
    /// # Errors
    /// `MechanismInvalid` for one that cannot be kept.
    pub fn new(params: Params<'_>) -> Result<Self> {
        if let Params::Ulong(number) = params {
            Ok(Kept::Ulong(number))
        } else if let Params::Pss { hash, mgf, salt } = params {
            Ok(Kept::Pss { hash, mgf, salt })
        } else if let Params::Eddsa { prehash, context } = params {
            let context = context.to_vec();
            Ok(Kept::Eddsa { prehash, context })
        } else if let Params::Context {
            hedge,
            context,
            hash,
        } = params
        {
            let context = context.to_vec();
            Ok(Kept::Context {
                hedge,
                context,
                hash,
            })
        } else if params == Params::None {
            Ok(Kept::None)
        } else {
            Err(Error::MechanismInvalid)
        }
    }

    /// The parameter.
    #[must_use]
    pub fn params(&self) -> Params<'_> {
        match self {
            Kept::None => Params::None,
            Kept::Ulong(number) => Params::Ulong(*number),
            Kept::Pss { hash, mgf, salt } => Params::Pss {
                hash: *hash,
                mgf: *mgf,
                salt: *salt,
            },
            Kept::Eddsa { prehash, context } => Params::Eddsa {
                prehash: *prehash,
                context,
            },
            Kept::Context {
                hedge,
                context,
                hash,
            } => Params::Context {
                hedge: *hedge,
                context,
                hash: *hash,
            },
        }
    }
}
