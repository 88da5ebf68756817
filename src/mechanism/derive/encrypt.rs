//! Ciphertext as a key (PKCS #11 3.2, section 6.27). The policy takes it for the encryption that it is.

use super::{LONGEST, row};
use crate::crypto::aes::BLOCK;
use crate::error::{Error, Result};
use crate::mechanism::aes::key;
use crate::mechanism::params::{ParamKind, Params};
use crate::mechanism::row::{Operations, Row};
use crate::object::Object;
use crate::secret::SecretBytes;
use cryptoki_sys::{CKK_AES, CKM_AES_CBC_ENCRYPT_DATA, CKM_AES_ECB_ENCRYPT_DATA};

/// The rows. Key sizes are in bytes.
pub(in crate::mechanism) const ROWS: &[Row] = &[
    Row {
        key_sizes: (16, 32),
        ..row(
            CKM_AES_ECB_ENCRYPT_DATA,
            "CKM_AES_ECB_ENCRYPT_DATA",
            &[CKK_AES],
            ParamKind::Data,
            DERIVE,
        )
    },
    Row {
        key_sizes: (16, 32),
        ..row(
            CKM_AES_CBC_ENCRYPT_DATA,
            "CKM_AES_CBC_ENCRYPT_DATA",
            &[CKK_AES],
            ParamKind::CbcData,
            DERIVE,
        )
    },
];

const DERIVE: Operations = Operations {
    derive: Some(|params, base, length| derive(params, base, length)),
    ..Operations::NONE
};

fn derive(params: Params<'_>, base: &Object, length: Option<usize>) -> Result<SecretBytes> {
    let (iv, data) = if let Params::Data(data) = params {
        (None, data)
    } else if let Params::CbcData { iv, data } = params {
        (Some(iv), data)
    } else {
        return Err(Error::MechanismParamInvalid("there is no data"));
    };
    if data.is_empty() || !data.len().is_multiple_of(BLOCK) || data.len() > LONGEST {
        return Err(Error::MechanismParamInvalid(
            "the data must be whole blocks of AES",
        ));
    }
    let key = key(base)?;
    let mut whole = SecretBytes::zeroed(data.len());
    match iv {
        None => key.ecb_encrypt(data, whole.expose_mut())?,
        Some(mut iv) => key.cbc_encrypt(&mut iv, data, whole.expose_mut())?,
    }
    let length = length.unwrap_or(data.len());
    let start = whole.expose().get(..length);
    start.map(SecretBytes::copy_of).ok_or(Error::DataLenRange)
}
