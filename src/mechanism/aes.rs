//! AES: key generation, its modes of operation and its MACs (PKCS #11 3.2, sections 6.13 to 6.16). Wrapping by
//! key wrap has a file of its own.

mod ccm;
mod cts;
mod feedback;
mod gcm;
mod gmac;
mod messages;
mod modes;
pub(super) mod xts;

use super::generic_secret::random_key;
use super::mac::{self, Mac, MacOperation};
use super::params::{ParamKind, Params};
use super::row::{Generated, Operations, Row};
use crate::crypto::known::Families;
use crate::crypto::{aes, cmac};
use crate::error::{Error, Result};
use crate::object::Object;
use crate::object::attribute::Template;
use cryptoki_sys::{
    CKK_AES, CKM_AES_CBC, CKM_AES_CBC_PAD, CKM_AES_CCM, CKM_AES_CFB1, CKM_AES_CFB8, CKM_AES_CFB128,
    CKM_AES_CMAC, CKM_AES_CMAC_GENERAL, CKM_AES_CTR, CKM_AES_CTS, CKM_AES_ECB, CKM_AES_GCM,
    CKM_AES_GMAC, CKM_AES_KEY_GEN, CKM_AES_OFB,
};
use std::sync::Arc;

/// The rows. Key sizes are in bytes.
pub(super) const ROWS: &[Row] = &[
    row(
        CKM_AES_KEY_GEN,
        "CKM_AES_KEY_GEN",
        ParamKind::None,
        Operations {
            generate: Some(generate),
            ..Operations::NONE
        },
    ),
    row(CKM_AES_ECB, "CKM_AES_ECB", ParamKind::None, modes::ECB),
    row(
        CKM_AES_CBC,
        "CKM_AES_CBC",
        ParamKind::Bytes(aes::BLOCK, aes::BLOCK),
        modes::CBC,
    ),
    row(
        CKM_AES_CBC_PAD,
        "CKM_AES_CBC_PAD",
        ParamKind::Bytes(aes::BLOCK, aes::BLOCK),
        modes::CBC_PAD,
    ),
    row(CKM_AES_CTR, "CKM_AES_CTR", ParamKind::Ctr, modes::CTR),
    row(
        CKM_AES_CTS,
        "CKM_AES_CTS",
        ParamKind::Bytes(aes::BLOCK, aes::BLOCK),
        cts::CTS,
    ),
    row(
        CKM_AES_OFB,
        "CKM_AES_OFB",
        ParamKind::Bytes(aes::BLOCK, aes::BLOCK),
        feedback::OFB,
    ),
    row(
        CKM_AES_CFB1,
        "CKM_AES_CFB1",
        ParamKind::Bytes(aes::BLOCK, aes::BLOCK),
        feedback::CFB1,
    ),
    row(
        CKM_AES_CFB8,
        "CKM_AES_CFB8",
        ParamKind::Bytes(aes::BLOCK, aes::BLOCK),
        feedback::CFB8,
    ),
    row(
        CKM_AES_CFB128,
        "CKM_AES_CFB128",
        ParamKind::Bytes(aes::BLOCK, aes::BLOCK),
        feedback::CFB128,
    ),
    row(CKM_AES_GCM, "CKM_AES_GCM", ParamKind::Gcm, gcm::GCM),
    row(CKM_AES_CCM, "CKM_AES_CCM", ParamKind::Ccm, ccm::CCM),
    row(CKM_AES_GMAC, "CKM_AES_GMAC", ParamKind::Gcm, gmac::GMAC),
    row(CKM_AES_CMAC, "CKM_AES_CMAC", ParamKind::None, CMAC),
    row(
        CKM_AES_CMAC_GENERAL,
        "CKM_AES_CMAC_GENERAL",
        ParamKind::Ulong,
        CMAC,
    ),
];

/// A row of an AES mechanism.
pub(super) const fn row(
    mechanism: u64,
    name: &'static str,
    params: ParamKind,
    operations: Operations,
) -> Row {
    Row {
        mechanism,
        name,
        key_sizes: (16, 32),
        key_types: &[CKK_AES],
        more_flags: 0,
        needs: Families::AES,
        params,
        operations,
    }
}

/// The object's key, prepared at its first use.
pub(super) fn key(object: &Object) -> Result<Arc<aes::Key>> {
    object.shared(|attributes| {
        let value = attributes
            .shared_secret(cryptoki_sys::CKA_VALUE)
            .ok_or(Error::KeyTypeInconsistent)?;
        aes::Key::sharing(value).map(Arc::new)
    })
}

fn generate(_: Params<'_>, template: &Template) -> Result<Generated> {
    random_key(CKK_AES, template, |length| matches!(length, 16 | 24 | 32))
}

const CMAC: Operations = Operations {
    sign: Some(|params, object| Ok(Box::new(cmac_operation(params, object)?))),
    verify: Some(|params, object| Ok(Box::new(cmac_operation(params, object)?))),
    ..Operations::NONE
};

fn cmac_operation(params: Params<'_>, object: &Object) -> Result<MacOperation<cmac::Mac>> {
    let length = mac::length(params, cmac::OUTPUT_SIZE)?;
    Ok(MacOperation::new(cmac::Mac::new(&*key(object)?), length))
}

impl Mac for cmac::Mac {
    fn update(&mut self, data: &[u8]) {
        cmac::Mac::update(self, data);
    }

    fn finish(self, out: &mut [u8]) -> Result<()> {
        let whole = cmac::Mac::finish(self);
        let start = whole
            .get(..out.len())
            .ok_or(Error::Internal("CMAC length"))?;
        out.copy_from_slice(start);
        Ok(())
    }

    fn verify(self, tag: &[u8]) -> bool {
        cmac::Mac::verify(self, tag)
    }
}
