//! What an operator can ask for in a session.

use super::upkeep::Upkeep;
use crate::failure::Failure;
use crate::files::read;
use clap::{Args, Subcommand};
use keyward_pkcs11::domain::customer::{KeyName, Request};
use keyward_pkcs11::domain::ids::KeyId;
use keyward_pkcs11::domain::operator_session::{Ask, RANDOM_MOST};
use keyward_pkcs11::secret::SecretBytes;
use std::path::PathBuf;

/// What is asked.
#[derive(Subcommand)]
pub(super) enum What {
    /// How the member stands
    Status,
    /// Random bytes
    Random {
        /// How many
        #[arg(value_parser = clap::value_parser!(u32).range(1..=65_536))]
        bytes: u32,
    },
    /// Make a customer key
    Create {
        /// Its label
        label: String,
        /// The tenant that it belongs to
        #[arg(long)]
        tenant: Option<String>,
    },
    /// Encrypt a file under a key's newest version
    Encrypt {
        #[command(flatten)]
        key: Key,
        /// The file
        file: PathBuf,
        #[command(flatten)]
        aad: Aad,
    },
    /// Decrypt a file; it names its key
    Decrypt {
        /// The file
        file: PathBuf,
        #[command(flatten)]
        aad: Aad,
    },
    /// Make a data key, wrapped under a key
    DataKey {
        #[command(flatten)]
        key: Key,
        /// Its length in bytes
        #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(16..=64))]
        length: u32,
        /// Wrapped only: the data key itself stays unknown
        #[arg(long)]
        no_plain: bool,
        #[command(flatten)]
        aad: Aad,
    },
    /// Make a new version of a key
    Rotate {
        #[command(flatten)]
        key: Key,
    },
    /// Tell about every version of a key
    Describe {
        #[command(flatten)]
        key: Key,
    },
    /// Tell about the newest version of each key
    List {
        /// Of this tenant only
        #[arg(long)]
        tenant: Option<String>,
    },
    #[command(flatten)]
    Upkeep(Upkeep),
}

/// A key.
#[derive(Args)]
pub(super) struct Key {
    /// The key: its label, or its id
    #[arg(value_name = "LABEL|ID")]
    key: String,
    /// Its tenant, where two keys have one label
    #[arg(long)]
    tenant: Option<String>,
}

/// Data to be authenticated.
#[derive(Args)]
pub(super) struct Aad {
    /// Data that is authenticated with it, and must be the same to decrypt
    #[arg(long, default_value = "", hide_default_value = true)]
    aad: String,
}

impl Key {
    pub(super) fn name(&self) -> KeyName {
        match KeyId::from_hex(&self.key) {
            Some(id) => KeyName::Family(id),
            None => KeyName::Label {
                label: self.key.clone(),
                tenant: self.tenant.clone().map(String::into_bytes),
            },
        }
    }
}

impl Aad {
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.aad.clone().into_bytes()
    }
}

impl What {
    /// The question, with the contents of the files that it is about.
    pub(super) fn question(&self) -> Result<Ask, Failure> {
        let request = match self {
            What::Status => return Ok(Ask::Status),
            What::Random { bytes } => {
                return Ok(Ask::Random(usize::try_from(*bytes).unwrap_or(RANDOM_MOST)));
            }
            What::Create { label, tenant } => Request::Create {
                label: label.clone(),
                id: Vec::new(),
                tenant: tenant.clone().unwrap_or_default().into_bytes(),
                policy: None,
                material: None,
            },
            What::Encrypt { key, file, aad } => Request::Encrypt {
                key: key.name(),
                version: None,
                aad: aad.bytes(),
                plaintext: SecretBytes::take(read(file)?),
            },
            What::Decrypt { file, aad } => Request::Decrypt {
                ciphertext: read(file)?,
                aad: aad.bytes(),
                update: true,
            },
            What::DataKey {
                key,
                length,
                no_plain,
                aad,
            } => Request::GenerateDataKey {
                key: key.name(),
                length: usize::try_from(*length).unwrap_or_default(),
                aad: aad.bytes(),
                plain: !no_plain,
            },
            What::Rotate { key } => Request::Rotate {
                key: key.name(),
                material: None,
            },
            What::Describe { key } => Request::Describe { key: key.name() },
            What::List { tenant } => Request::List {
                tenant: tenant.clone().map(String::into_bytes),
            },
            What::Upkeep(upkeep) => upkeep.request()?,
        };
        Ok(Ask::Customer(Box::new(request)))
    }
}
