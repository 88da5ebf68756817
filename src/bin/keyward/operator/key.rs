//! Where an operator's key is: sealed in a file, or in a PKCS#11 token.

use super::held::HeldKey;
use super::uri::Uri;
use crate::failure::Failure;
use crate::files::read;
use crate::pins::{Passphrase, first_line};
use clap::Args;
use keyward_pkcs11::domain::cose::Signer;
use keyward_pkcs11::domain::operator::OperatorKey;
use keyward_pkcs11::error::Error;
use std::path::Path;

/// The operator's key.
#[derive(Args)]
pub(super) struct KeyOption {
    /// The operator's sealed key, or the PKCS#11 URI (RFC 7512) of an Ed25519 key in any token
    #[arg(long, value_name = "FILE|URI")]
    key: String,
    #[command(flatten)]
    passphrase: Passphrase,
}

impl KeyOption {
    /// Opens the key.
    pub(super) fn open(&self) -> Result<Box<dyn Signer>, Failure> {
        if Uri::is_one(&self.key) {
            let uri = Uri::parse(&self.key);
            let uri = uri.map_err(|why| Failure::Usage(format!("{}: {why}", self.key)))?;
            let pin = || match &uri.pin_file {
                Some(path) => first_line(path),
                None => self.passphrase.current(),
            };
            return Ok(Box::new(HeldKey::open(&uri, pin)?));
        }
        let bytes = read(Path::new(&self.key))?;
        match OperatorKey::from_file(&bytes, &self.passphrase.current()?) {
            Ok(key) => Ok(Box::new(key)),
            Err(Error::PinIncorrect) => Err(Failure::Passphrase),
            Err(other) => Err(other.into()),
        }
    }
}
