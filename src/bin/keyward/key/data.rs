//! Encrypting, decrypting, re-keying and data keys, from files to files.

use super::{Access, Named, named, shown};
use crate::failure::Failure;
use crate::files::{read, read_from, write};
use crate::output::Output;
use clap::Args;
use keyward_pkcs11::domain::customer::Request;
use keyward_pkcs11::secret::SecretBytes;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What comes in and goes out.
#[derive(Args)]
struct Streams {
    /// Read from this file, not from standard input
    #[arg(long = "in", value_name = "FILE")]
    from: Option<PathBuf>,
    /// Write to this new file, not to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Data that are authenticated with the ciphertext.
#[derive(Args)]
struct Aad {
    /// Text that is authenticated with the ciphertext, and needed again to decrypt it
    #[arg(long, value_name = "TEXT", default_value = "")]
    aad: String,
}

impl Streams {
    fn input(&self) -> Result<SecretBytes, Failure> {
        if let Some(path) = &self.from {
            return Ok(SecretBytes::take(read(path)?));
        }
        let bytes = read_from(io::stdin().lock(), "standard input")?;
        Ok(SecretBytes::take(bytes))
    }

    fn write(&self, bytes: &[u8]) -> Result<(), Failure> {
        put(self.out.as_deref(), bytes)
    }
}

/// Writes a result to a new file, or to standard output.
fn put(out: Option<&Path>, bytes: &[u8]) -> Result<(), Failure> {
    match out {
        Some(path) => write(path, bytes),
        None => Ok(io::stdout().lock().write_all(bytes)?),
    }
}

/// Arguments of `keyward key encrypt`.
#[derive(Args)]
#[command(after_help = "Example:\n  \
    keyward key encrypt orders --aad 'order 7' --in order.txt --out order.enc")]
pub(crate) struct Encrypt {
    #[command(flatten)]
    key: Named,
    /// Refuse unless this is the newest version
    #[arg(long, value_name = "N")]
    version: Option<u64>,
    #[command(flatten)]
    aad: Aad,
    #[command(flatten)]
    streams: Streams,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `keyward key decrypt`.
#[derive(Args)]
#[command(after_help = "The ciphertext names its key.\n\n\
    Example:\n  keyward key decrypt --aad 'order 7' --in order.enc --update order.enc.new")]
pub(crate) struct Decrypt {
    #[command(flatten)]
    aad: Aad,
    /// If the ciphertext is under an older version, write it under the newest one to this new file
    #[arg(long, value_name = "FILE")]
    update: Option<PathBuf>,
    #[command(flatten)]
    streams: Streams,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `keyward key rekey`.
#[derive(Args)]
#[command(after_help = "Example:\n  \
    keyward key rekey archive --to-tenant acme --in order.enc --out order.archived")]
pub(crate) struct Rekey {
    /// The key to encrypt with: its label or id
    to: String,
    /// Whose key that is, where several have the label
    #[arg(long, value_name = "TENANT")]
    to_tenant: Option<String>,
    #[command(flatten)]
    aad: Aad,
    /// Text that is authenticated with the new ciphertext
    #[arg(long, value_name = "TEXT", default_value = "")]
    to_aad: String,
    #[command(flatten)]
    streams: Streams,
    #[command(flatten)]
    access: Access,
}

/// Arguments of `keyward key data-key`.
#[derive(Args)]
#[command(
    after_help = "keyward key decrypt opens the wrapped key. It is counted as wrapped under the version.\n\n\
    Example:\n  keyward key data-key vault --aad 'file 1' --plain file.key --out file.key.wrapped"
)]
pub(crate) struct DataKey {
    #[command(flatten)]
    key: Named,
    /// Its length in bytes, 16 to 64
    #[arg(long, value_name = "BYTES", default_value_t = 32)]
    length: usize,
    #[command(flatten)]
    aad: Aad,
    /// Write the key itself to this new file; without it the key stays inside
    #[arg(long, value_name = "FILE")]
    plain: Option<PathBuf>,
    /// Write the wrapped key to this new file, not to standard output
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    access: Access,
}

impl Encrypt {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let answer = self.access.ask(&Request::Encrypt {
            key: self.key.name(),
            version: self.version,
            aad: self.aad.aad.as_bytes().to_vec(),
            plaintext: self.streams.input()?,
        })?;
        self.streams.write(&answer.sealed.unwrap_or_default())?;
        told(self.streams.out.as_deref(), &answer.keys, output)
    }
}

impl Decrypt {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let answer = self.access.ask(&Request::Decrypt {
            ciphertext: self.streams.input()?.expose().to_vec(),
            aad: self.aad.aad.as_bytes().to_vec(),
            update: self.update.is_some(),
        })?;
        if let (Some(path), Some(update)) = (&self.update, &answer.update) {
            write(path, update)?;
        }
        let plain = answer.plain.unwrap_or_else(|| SecretBytes::zeroed(0));
        self.streams.write(plain.expose())?;
        told(self.streams.out.as_deref(), &answer.keys, output)
    }
}

impl Rekey {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let answer = self.access.ask(&Request::Rekey {
            ciphertext: self.streams.input()?.expose().to_vec(),
            aad: self.aad.aad.as_bytes().to_vec(),
            to: named(&self.to, self.to_tenant.as_deref()),
            to_aad: self.to_aad.as_bytes().to_vec(),
        })?;
        self.streams.write(&answer.sealed.unwrap_or_default())?;
        told(self.streams.out.as_deref(), &answer.keys, output)
    }
}

impl DataKey {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let answer = self.access.ask(&Request::GenerateDataKey {
            key: self.key.name(),
            length: self.length,
            aad: self.aad.aad.as_bytes().to_vec(),
            plain: self.plain.is_some(),
        })?;
        if let (Some(path), Some(plain)) = (&self.plain, &answer.plain) {
            write(path, plain.expose())?;
        }
        put(self.out.as_deref(), &answer.sealed.unwrap_or_default())?;
        told(self.out.as_deref(), &answer.keys, output)
    }
}

/// Says which key was used, unless the result itself went to standard output.
fn told(
    out: Option<&Path>,
    keys: &[keyward_pkcs11::domain::customer::KeyInfo],
    output: &Output,
) -> Result<(), Failure> {
    match out {
        Some(_) => shown::one(keys, output),
        None => Ok(()),
    }
}
