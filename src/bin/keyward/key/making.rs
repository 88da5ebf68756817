//! Making, listing and showing keys, and new versions of them.

use super::policy::Limits;
use super::{Access, Named, shown};
use crate::failure::Failure;
use crate::files::read;
use crate::hex::{Bytes, bytes_in_hex};
use crate::output::Output;
use clap::Args;
use cryptoki_sys::{CKM_AES_KEY_WRAP_KWP, CKM_RSA_PKCS_OAEP};
use keyward_pkcs11::domain::customer::{Request, Supplied};
use keyward_pkcs11::object::ObjectId;
use std::path::PathBuf;

/// Arguments of `keyward key create`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  keyward key create orders --tenant acme\n  \
    keyward key create archive --allow decrypt,rekey --max-uses 1000"
)]
pub(crate) struct Create {
    /// The key's label
    label: String,
    /// The key's id (CKA_ID) in hexadecimal
    #[arg(long, value_name = "HEX", value_parser = bytes_in_hex)]
    id: Option<Bytes>,
    /// Whose key it is
    #[arg(long, default_value = "")]
    tenant: String,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    material: Material,
    #[command(flatten)]
    access: Access,
}

/// Where a key's bytes come from, if not from inside.
#[derive(Args)]
struct Material {
    /// Take the key's bytes from this file, wrapped by RSA-OAEP with SHA-256 or by AES key wrap with padding
    #[arg(long, value_name = "FILE", requires = "unwrap_with")]
    wrapped: Option<PathBuf>,
    /// The object that unwraps them: its unique id, as keyward object list prints it
    #[arg(long, value_name = "UNIQUE-ID", value_parser = object_id, requires = "wrapped")]
    unwrap_with: Option<ObjectId>,
    /// They are wrapped by AES key wrap with padding (RFC 5649), not by RSA-OAEP
    #[arg(long, requires = "wrapped")]
    aes: bool,
}

impl Material {
    fn supplied(&self) -> Result<Option<Supplied>, Failure> {
        let (Some(path), Some(unwrapping)) = (&self.wrapped, self.unwrap_with) else {
            return Ok(None);
        };
        let mechanism = if self.aes {
            CKM_AES_KEY_WRAP_KWP
        } else {
            CKM_RSA_PKCS_OAEP
        };
        Ok(Some(Supplied {
            wrapped: read(path)?,
            unwrapping,
            mechanism,
        }))
    }
}

/// Arguments of `keyward key list`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward key list --tenant acme")]
pub(crate) struct List {
    /// Only keys of this tenant
    #[arg(long)]
    tenant: Option<String>,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `keyward key show`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward key show orders")]
pub(crate) struct Show {
    #[command(flatten)]
    key: Named,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `keyward key rotate`.
#[derive(Args)]
#[command(
    after_help = "The version before it only decrypts, verifies and unwraps from then on.\n\n\
    Examples:\n  keyward key rotate orders\n  \
    keyward key rotate orders --wrapped new.bin --unwrap-with 0f3c..."
)]
pub(crate) struct Rotate {
    #[command(flatten)]
    key: Named,
    #[command(flatten)]
    material: Material,
    #[command(flatten)]
    access: Access,
}

impl Create {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let policy = self.limits.policy()?;
        let answer = self.access.ask(&Request::Create {
            label: self.label.clone(),
            id: self.id.clone().map(|id| id.0).unwrap_or_default(),
            tenant: self.tenant.as_bytes().to_vec(),
            policy: Some(policy).filter(|policy| !policy.is_open()),
            material: self.material.supplied()?,
        })?;
        shown::one(&answer.keys, output)
    }
}

impl List {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let tenant = self.tenant.as_ref().map(|own| own.as_bytes().to_vec());
        let answer = self.access.ask(&Request::List { tenant })?;
        shown::list(&answer.keys, output)
    }
}

impl Show {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let key = self.key.name();
        let answer = self.access.ask(&Request::Describe { key })?;
        shown::versions(&answer.keys, output)
    }
}

impl Rotate {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let answer = self.access.ask(&Request::Rotate {
            key: self.key.name(),
            material: self.material.supplied()?,
        })?;
        shown::one(&answer.keys, output)
    }
}

fn object_id(text: &str) -> Result<ObjectId, String> {
    bytes_in_hex(text)?
        .0
        .try_into()
        .map(ObjectId)
        .map_err(|_| format!("{text} is no unique id: it has 32 digits"))
}
