//! GMAC. The parameter is that of GCM, without authenticated data: that is what is signed.

use super::{gcm, key};
use crate::crypto::aes::Gmac;
use crate::error::{Error, Result};
use crate::mechanism::mac::{Mac, MacOperation};
use crate::mechanism::params::Params;
use crate::mechanism::row::Operations;
use crate::object::Object;

pub(super) const GMAC: Operations = Operations {
    sign: Some(|params, object| Ok(Box::new(start(params, object)?))),
    verify: Some(|params, object| Ok(Box::new(start(params, object)?))),
    ..Operations::NONE
};

fn start(params: Params<'_>, object: &Object) -> Result<MacOperation<Gmac>> {
    let shape = gcm::shape(params)?;
    if !shape.aad().is_empty() {
        return Err(Error::MechanismParamInvalid(
            "GMAC takes the authenticated data as the data to sign",
        ));
    }
    let mac = Gmac::new(&*key(object)?, shape)?;
    Ok(MacOperation::new(mac, shape.tag_length()))
}

impl Mac for Gmac {
    fn update(&mut self, data: &[u8]) {
        Gmac::update(self, data);
    }

    fn finish(self, out: &mut [u8]) -> Result<()> {
        Gmac::finish(self, out)
    }

    fn verify(self, tag: &[u8]) -> bool {
        Gmac::verify(self, tag)
    }
}
