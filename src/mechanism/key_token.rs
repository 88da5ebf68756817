//! The key token's row. Wrapping and unwrapping need the keyring and every attribute of the key, so
//! `calls::key_tokens` does them; the row lists the mechanism.

use super::params::ParamKind;
use super::row::{Operations, Row};
use crate::crypto::known::Families;
use crate::object::vendor::CKM_KEYWARD_KEY_TOKEN;
use cryptoki_sys::{CKF_UNWRAP, CKF_WRAP, CKK_AES};

/// The rows of this family.
pub const ROWS: &[Row] = &[Row {
    mechanism: CKM_KEYWARD_KEY_TOKEN,
    name: "CKM_KEYWARD_KEY_TOKEN",
    key_sizes: (32, 32),
    key_types: &[CKK_AES],
    more_flags: CKF_WRAP | CKF_UNWRAP,
    needs: Families::MODULE,
    params: ParamKind::None,
    operations: Operations::NONE,
}];
