//! Suspending keys to customers and reinstating them, and the customers' own side of it.

use super::{Access, Named, shown};
use crate::failure::Failure;
use crate::files::{read, write};
use crate::output::{Output, line};
use crate::pins::Passphrase;
use clap::Args;
use keyward_pkcs11::domain::customer::Request;
use keyward_pkcs11::domain::customer::suspension::{CustomerKey, Outer};
use keyward_pkcs11::error::Error;
use std::path::PathBuf;

/// Arguments of `keyward key suspend`.
#[derive(Args)]
#[command(
    after_help = "The key is sealed to the domain and then to the customer, and erased here. Asked again, the command \
    writes the same file again.\n\n\
    Example:\n  keyward key suspend orders --to acme.pub --out orders.suspended"
)]
pub(crate) struct Suspend {
    #[command(flatten)]
    key: Named,
    /// The customer's public key: as keyward key customer-keygen writes it, or an RSA key in DER
    /// (SubjectPublicKeyInfo)
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// Write what the customer keeps to this new file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `keyward key reinstate`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward key reinstate orders.opened")]
pub(crate) struct Reinstate {
    /// What the customer opened with keyward key customer-open
    file: PathBuf,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `keyward key customer-keygen`.
#[derive(Args)]
#[command(after_help = "For customers, on a machine of their own.\n\n\
    Example:\n  keyward key customer-keygen --out acme.key --public acme.pub")]
pub(crate) struct CustomerKeygen {
    /// Write the key to this new file, sealed under a passphrase
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write its public half to this new file
    #[arg(long, value_name = "FILE")]
    public: PathBuf,
    #[command(flatten)]
    passphrase: Passphrase,
}

/// Arguments of `keyward key customer-open`.
#[derive(Args)]
#[command(
    after_help = "For customers, on a machine of their own. What comes out opens only inside the domain that the key \
    belongs to.\n\n\
    Example:\n  keyward key customer-open orders.suspended --key acme.key --out orders.opened"
)]
pub(crate) struct CustomerOpen {
    /// The suspended key
    file: PathBuf,
    /// The customer's key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Write what was opened to this new file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    passphrase: Passphrase,
}

/// Arguments of `keyward key proof`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward key proof orders --version 1 --out orders.proof")]
pub(crate) struct Proof {
    #[command(flatten)]
    key: Named,
    /// The version that was destroyed
    #[arg(long, value_name = "N")]
    version: u64,
    /// Write the signed word of this member to this new file
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    access: Access,
}

impl Suspend {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let answer = self.access.ask(&Request::Suspend {
            key: self.key.name(),
            to: read(&self.to)?,
        })?;
        write(&self.out, &answer.sealed.unwrap_or_default())?;
        shown::versions(&answer.keys, output)
    }
}

impl Reinstate {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let opened = read(&self.file)?;
        let answer = self.access.ask(&Request::Reinstate { opened })?;
        shown::versions(&answer.keys, output)
    }
}

impl CustomerKeygen {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let key = CustomerKey::generate()?;
        let sealed = key.to_file(&self.passphrase.fresh()?)?;
        write(&self.out, &sealed)?;
        write(&self.public, &key.public())?;
        line(&format!(
            "The key is in {}, its public half in {}.",
            self.out.display(),
            self.public.display()
        ))
    }
}

impl CustomerOpen {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let (suspended, file) = (read(&self.file)?, read(&self.key)?);
        let key = CustomerKey::from_file(&file, &self.passphrase.current()?);
        let key = key.map_err(|cause| {
            if cause == Error::PinIncorrect {
                Failure::Passphrase
            } else {
                cause.into()
            }
        })?;
        let outer = Outer::parse(&suspended).map_err(Error::from)?;
        write(&self.out, outer.open(&key)?.expose())?;
        line(&format!(
            "Key {} is opened for its domain: {}.",
            outer.family,
            self.out.display()
        ))
    }
}

impl Proof {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let answer = self.access.ask(&Request::ProofOfDestruction {
            key: self.key.name(),
            version: self.version,
        });
        let answer = answer.map_err(|cause| {
            cause.where_prohibited("this version was not destroyed: keyward key shred destroys it")
        })?;
        write(&self.out, &answer.sealed.unwrap_or_default())?;
        shown::one(&answer.keys, output)
    }
}
