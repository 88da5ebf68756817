//! Counting what is wrapped under versions, deleting them, and destroying keys.

use super::{Access, Named, shown};
use crate::failure::Failure;
use crate::output::Output;
use clap::Args;
use keyward_pkcs11::domain::customer::Request;

/// Arguments of `keyward key register` and `unregister`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward key unregister vault --version 1 --count 3")]
pub(crate) struct Count {
    #[command(flatten)]
    key: Named,
    /// The version
    #[arg(long, value_name = "N")]
    version: u64,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u64,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `keyward key delete`.
#[derive(Args)]
#[command(
    after_help = "The record of the version stays; what is under it can never be decrypted again.\n\n\
    Example:\n  keyward key delete vault --version 1"
)]
pub(crate) struct Delete {
    #[command(flatten)]
    key: Named,
    /// The version; the newest cannot be deleted
    #[arg(long, value_name = "N")]
    version: u64,
    /// Though something is counted as wrapped under it
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `keyward key shred`.
#[derive(Args)]
#[command(
    after_help = "Without --now the key is marked: it can no longer be used, its material goes with the next rotation \
    of the domain key, and keyward key cancel-shred takes the mark back until then.\n\n\
    Examples:\n  keyward key shred vault\n  keyward key shred vault --now"
)]
pub(crate) struct Shred {
    #[command(flatten)]
    key: Named,
    /// Destroy it at once, for good
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `keyward key cancel-shred`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward key cancel-shred vault")]
pub(crate) struct CancelShred {
    #[command(flatten)]
    key: Named,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `keyward key compromised`.
#[derive(Args)]
#[command(
    after_help = "The note stands in the key's history (keyward key show); the key works as before until it is \
    rotated, suspended or shredded.\n\nExample:\n  keyward key compromised vault --version 1"
)]
pub(crate) struct Compromised {
    #[command(flatten)]
    key: Named,
    /// The version; all of them, if left out
    #[arg(long, value_name = "N")]
    version: Option<u64>,
    #[command(flatten)]
    access: Access,
}

impl Count {
    pub(super) fn run(&self, up: bool, output: &Output) -> Result<(), Failure> {
        let (key, version, count) = (self.key.name(), self.version, self.count);
        let answer = self.access.ask(&if up {
            Request::Register {
                key,
                version,
                count,
            }
        } else {
            Request::Unregister {
                key,
                version,
                count,
            }
        })?;
        shown::one(&answer.keys, output)
    }
}

impl Delete {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let answer = self.access.ask(&Request::DeleteVersion {
            key: self.key.name(),
            version: self.version,
            force: self.force,
        })?;
        shown::versions(&answer.keys, output)
    }
}

impl Shred {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let key = self.key.name();
        let answer = self.access.ask(&if self.now {
            Request::Shred { key }
        } else {
            Request::MarkForShredding { key }
        })?;
        shown::versions(&answer.keys, output)
    }
}

impl Compromised {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let (key, version) = (self.key.name(), self.version);
        let answer = self.access.ask(&Request::NoteCompromise { key, version })?;
        shown::versions(&answer.keys, output)
    }
}

impl CancelShred {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let key = self.key.name();
        let answer = self.access.ask(&Request::CancelShredding { key });
        let answer = answer.map_err(|cause| {
            cause.where_prohibited("no version of the key is marked: keyward key show tells")
        })?;
        shown::versions(&answer.keys, output)
    }
}
