//! X25519 key pairs (PKCS #11 3.2, section 6.3.11). They agree on keys through `CKM_ECDH1_DERIVE`, which is
//! a row of the `ec` family.

use super::ec::{FLAGS, keys};
use super::params::{ParamKind, Params};
use super::row::{Generated, Operations, Row};
use crate::crypto::curve::NamedCurve;
use crate::crypto::known::Families;
use crate::crypto::montgomery;
use crate::error::{Error, Result};
use crate::object::attribute::Template;
use crate::secret::SecretBytes;
use cryptoki_sys::{CKK_EC_MONTGOMERY, CKM_EC_MONTGOMERY_KEY_PAIR_GEN};

/// The rows of the family.
pub(super) const ROWS: &[Row] = &[Row {
    mechanism: CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
    name: "CKM_EC_MONTGOMERY_KEY_PAIR_GEN",
    key_sizes: (255, 255),
    key_types: &[CKK_EC_MONTGOMERY],
    more_flags: FLAGS,
    needs: Families::X25519,
    params: ParamKind::None,
    operations: Operations {
        generate_pair: Some(pair),
        ..Operations::NONE
    },
}];

/// Makes a pair on curve25519.
///
/// # Errors
/// Those of [`keys::asked`]; `CurveNotSupported` for any other curve.
fn pair(_: Params<'_>, public: &Template, _: &Template) -> Result<(Generated, Generated)> {
    let (curve, parameters) = keys::asked(public)?;
    if curve != NamedCurve::X25519 {
        return Err(Error::CurveNotSupported);
    }
    let number = SecretBytes::random(montgomery::KEY_SIZE)?;
    let own = number
        .expose()
        .try_into()
        .map_err(|_| Error::Internal("a key of another length"))?;
    let point = montgomery::public(own);
    Ok(keys::made(curve, parameters, number, &point))
}
