//! What the families with parameter sets share: new key pairs.

use super::row::Generated;
use crate::error::Result;
use crate::object::attribute::{Template, Value};
use crate::object::parameter_sets::{asked, private_attributes};
use cryptoki_sys::CKA_VALUE;

/// A new pair of the set that the public template asks for.
///
/// # Errors
/// Those of [`asked`]; `HostMemory`.
pub(super) fn pair(key_type: u64, public: &Template) -> Result<(Generated, Generated)> {
    let scheme = asked(key_type, public)?;
    let pair = scheme.generate()?;
    let public = vec![(CKA_VALUE, Value::Bytes(pair.public.clone()))];
    Ok((public, private_attributes(scheme, pair)))
}
