//! What an operator can ask for in a session to look after customer keys.

use super::what::{Aad, Key};
use crate::failure::Failure;
use crate::files::read;
use crate::key::policy::Limits;
use clap::{Args, Subcommand};
use keyward_pkcs11::domain::customer::Request;
use keyward_pkcs11::domain::key_policy::KeyPolicy;
use std::path::PathBuf;

/// What is asked.
#[derive(Subcommand)]
pub(super) enum Upkeep {
    /// Decrypt a file and encrypt it under another key, inside
    Rekey {
        #[command(flatten)]
        to: Key,
        /// The file; it names the key that it is under
        file: PathBuf,
        #[command(flatten)]
        aad: Aad,
        /// Data that is authenticated under the other key
        #[arg(long, default_value = "", hide_default_value = true)]
        to_aad: String,
    },
    /// Allow less to be done with a key
    Policy {
        #[command(flatten)]
        key: Key,
        #[command(flatten)]
        limits: Limits,
    },
    /// Count things as wrapped under a version
    Register(Counted),
    /// Count things as no longer wrapped under a version
    Unregister(Counted),
    #[command(flatten)]
    Ending(Ending),
    /// Seal a key to the domain and its customer, and erase it there
    Suspend {
        #[command(flatten)]
        key: Key,
        /// The customer's public key: as keyward key customer-keygen writes it, or an RSA key in DER
        /// (SubjectPublicKeyInfo)
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Take a suspended key back
    Reinstate {
        /// What the customer opened with keyward key customer-open
        file: PathBuf,
    },
}

/// So many things under a version.
#[derive(Args)]
pub(super) struct Counted {
    #[command(flatten)]
    key: Key,
    /// The version
    #[arg(long, value_name = "N")]
    version: u64,
    /// How many
    #[arg(long, value_name = "N", default_value_t = 1)]
    count: u64,
}

/// What is asked about the end of keys.
#[derive(Subcommand)]
pub(super) enum Ending {
    /// Delete an older version for good
    Delete {
        #[command(flatten)]
        key: Key,
        /// The version
        #[arg(long, value_name = "N")]
        version: u64,
        /// Though something is counted as wrapped under it
        #[arg(long)]
        force: bool,
    },
    /// Destroy a key: at the next rotation of the domain key, or now
    Shred {
        #[command(flatten)]
        key: Key,
        /// Destroy it at once, for good
        #[arg(long)]
        now: bool,
    },
    /// Take back that a key is to be destroyed
    CancelShred {
        #[command(flatten)]
        key: Key,
    },
    /// Note that a key became known to others, also one that is destroyed
    Compromised {
        #[command(flatten)]
        key: Key,
        /// The version; all of them, if left out
        #[arg(long, value_name = "N")]
        version: Option<u64>,
    },
    /// Write the member's signed word that a version was destroyed
    Proof {
        #[command(flatten)]
        key: Key,
        /// The version that was destroyed
        #[arg(long, value_name = "N")]
        version: u64,
    },
}

impl Upkeep {
    /// The request, with the contents of the files that it is about.
    pub(super) fn request(&self) -> Result<Request, Failure> {
        Ok(match self {
            Upkeep::Rekey {
                to,
                file,
                aad,
                to_aad,
            } => Request::Rekey {
                ciphertext: read(file)?,
                aad: aad.bytes(),
                to: to.name(),
                to_aad: to_aad.clone().into_bytes(),
            },
            Upkeep::Policy { key, limits } => Request::SetPolicy {
                key: key.name(),
                policy: tighter(limits)?,
            },
            Upkeep::Register(counted) => Request::Register {
                key: counted.key.name(),
                version: counted.version,
                count: counted.count,
            },
            Upkeep::Unregister(counted) => Request::Unregister {
                key: counted.key.name(),
                version: counted.version,
                count: counted.count,
            },
            Upkeep::Ending(ending) => ending.request(),
            Upkeep::Suspend { key, to } => Request::Suspend {
                key: key.name(),
                to: read(to)?,
            },
            Upkeep::Reinstate { file } => Request::Reinstate {
                opened: read(file)?,
            },
        })
    }
}

impl Ending {
    fn request(&self) -> Request {
        match self {
            Ending::Delete {
                key,
                version,
                force,
            } => Request::DeleteVersion {
                key: key.name(),
                version: *version,
                force: *force,
            },
            Ending::Shred { key, now: true } => Request::Shred { key: key.name() },
            Ending::Shred { key, now: false } => Request::MarkForShredding { key: key.name() },
            Ending::CancelShred { key } => Request::CancelShredding { key: key.name() },
            Ending::Compromised { key, version } => Request::NoteCompromise {
                key: key.name(),
                version: *version,
            },
            Ending::Proof { key, version } => Request::ProofOfDestruction {
                key: key.name(),
                version: *version,
            },
        }
    }
}

/// The policy that the limits make, of which there must be some.
fn tighter(limits: &Limits) -> Result<KeyPolicy, Failure> {
    let policy = limits.policy()?;
    if policy.is_open() {
        let none = "say what is still allowed, such as --allow decrypt; describe shows the policy";
        return Err(Failure::Usage(none.to_owned()));
    }
    Ok(policy)
}
