//! Where an operator's key is: sealed in a file, or in a PKCS#11 token.

use crate::failure::Failure;
use crate::files::read;
use crate::pins::Passphrase;
use clap::Args;
use keyward_pkcs11::domain::cose::Signer;
use keyward_pkcs11::domain::operator::OperatorKey;
use keyward_pkcs11::error::Error;
use std::path::Path;

/// The operator's key.
#[derive(Args)]
pub(super) struct KeyOption {
    /// The operator's sealed key, or the PKCS#11 URI (RFC 7512) of a key in any token
    #[arg(long, value_name = "FILE|URI")]
    key: String,
    #[command(flatten)]
    passphrase: Passphrase,
}

impl KeyOption {
    /// Opens the key.
    pub(super) fn open(&self) -> Result<Box<dyn Signer>, Failure> {
        let bytes = read(Path::new(&self.key))?;
        match OperatorKey::from_file(&bytes, &self.passphrase.current()?) {
            Ok(key) => Ok(Box::new(key)),
            Err(Error::PinIncorrect) => Err(Failure::Passphrase),
            Err(other) => Err(other.into()),
        }
    }
}
