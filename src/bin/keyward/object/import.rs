//! `keyward object import`: keys, certificates and data out of files, into a token.

use super::found::{self, Item, Kind};
use super::making::{self, Keeping, Named};
use super::names::{CLASSES, SECRET_KEY_TYPES, name, number};
use super::public_key;
use super::shown::{Shown, table};
use super::usage::Usage;
use crate::failure::Failure;
use crate::files;
use crate::hex::{Bytes, bytes_in_hex};
use crate::output::{Output, hex};
use crate::pins::{FilePassphrase, UserPin};
use crate::select::Selection;
use clap::Args;
use cryptoki_sys::*;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::key_token::MAX_LEN;
use keyward_pkcs11::object::attribute::{Attributes, Template, Value};
use keyward_pkcs11::secret::SecretBytes;
use keyward_pkcs11::token::{Role, Token};
use std::cell::OnceCell;
use std::path::{Path, PathBuf};

/// The most bytes of a data object: it must fit into a key token with its attributes.
const MOST_DATA: usize = MAX_LEN - (64 << 10);

/// Arguments of `keyward object import`.
#[derive(Args)]
#[command(
    after_help = "Taken are PKCS#8 (encrypted, too), PKCS#1, SEC 1, SubjectPublicKeyInfo, X.509 certificates and \
    PKCS#12 (BER, too), as text (PEM) or bytes (DER), told by what they are; with --type the bare bytes of a secret key. Of a \
    private key the public key is kept as well. Keys come in sensitive and cannot leave, unless told otherwise. \
    Without --id, a key, its public key and its certificate get the same one: SHA-1 of the public key's bits.\n\n\
    Examples:\n  keyward object import web.key web.crt --label web\n  \
    keyward object import bundle.p12 --passphrase-file bundle.pass\n  \
    keyward object import backup.bin --type aes --label backup --usage wrap,unwrap"
)]
pub(crate) struct Import {
    /// The files
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What to call the objects; a certificate without one is called by its common name
    #[arg(long)]
    label: Option<String>,
    /// Their id (CKA_ID) in hexadecimal
    #[arg(long, value_name = "HEX", value_parser = bytes_in_hex)]
    id: Option<Bytes>,
    /// The files hold the bare bytes of secret keys of this type, such as aes or generic-secret
    #[arg(long = "type", value_name = "TYPE", value_parser = key_type)]
    secret: Option<u64>,
    /// The files with --type hold hexadecimal digits, not bytes
    #[arg(long, requires = "secret")]
    hex: bool,
    /// Keep the files as data objects, whatever they hold
    #[arg(long, conflicts_with_all = ["secret", "id", "usage", "extractable", "readable"])]
    data: bool,
    /// The application of data objects (CKA_APPLICATION)
    #[arg(long, requires = "data", default_value = "")]
    application: String,
    /// What the keys may be used for, and nothing else; without it, what keys of their type are used for
    #[arg(long, value_enum, value_delimiter = ',')]
    usage: Vec<Usage>,
    /// Let private and secret keys leave, wrapped under another key
    #[arg(long)]
    extractable: bool,
    /// Let private and secret keys be read by whoever may use the token (not sensitive, extractable)
    #[arg(long)]
    readable: bool,
    /// Keep no public key beside a private key
    #[arg(long)]
    no_public: bool,
    /// Import also what the token has already
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    pin: UserPin,
    #[command(flatten)]
    passphrase: FilePassphrase,
}

fn key_type(text: &str) -> Result<u64, String> {
    number(SECRET_KEY_TYPES, text)
}

impl Import {
    /// Runs the command: all that the files hold becomes objects, or nothing.
    pub(super) fn run(&self, config: &Config, output: &Output) -> Result<(), Failure> {
        let mut items = Vec::new();
        for path in &self.files {
            items.extend(self.read(path)?);
        }
        let mut made = Vec::new();
        let main = self.main_key(&items)?;
        for item in &items {
            made.extend(self.objects(item, main.as_deref())?);
        }
        if made.is_empty() {
            return Err(Failure::File(
                "there is no key or certificate in the files".to_owned(),
            ));
        }
        let token = self.selection.open(config)?;
        token.login(Role::User, self.pin.current()?.expose())?;
        if !self.force {
            made = fresh(&token, made)?;
        }
        let stored = token.insert(made)?;
        let shown: Vec<Shown> = stored.iter().map(|object| Shown::of(object)).collect();
        output.print(&shown, |shown| table(shown).text("nothing"))
    }

    /// What one file holds.
    fn read(&self, path: &Path) -> Result<Vec<Item>, Failure> {
        let bytes = SecretBytes::take(files::read(path)?);
        if self.data {
            if bytes.len() > MOST_DATA {
                return Err(Failure::File(format!(
                    "{}: a data object has at most {MOST_DATA} bytes",
                    path.display()
                )));
            }
            return Ok(vec![Kind::Data(bytes).into()]);
        }
        if let Some(kind) = self.secret {
            let value = if self.hex { digits(&bytes)? } else { bytes };
            return Ok(vec![Kind::Secret(kind, value).into()]);
        }
        let asked = OnceCell::new();
        let passphrase = || {
            if let Some(known) = asked.get() {
                return Ok(SecretBytes::duplicate(known));
            }
            let fresh = self.passphrase.current(path)?;
            Ok(asked.get_or_init(|| fresh).duplicate())
        };
        found::read(bytes.expose(), &passphrase)
            .map_err(|cause| cause.within(&path.display().to_string()))
    }

    /// The public half of what label and id are given for: the first private key, or the first thing.
    fn main_key(&self, items: &[Item]) -> Result<Option<Vec<u8>>, Failure> {
        let private = items
            .iter()
            .find(|item| matches!(item.kind, Kind::Private(_)));
        match private.or(items.first()) {
            Some(item) => making::public_half(&item.kind),
            None => Ok(None),
        }
    }

    /// The objects that one thing becomes.
    fn objects(&self, item: &Item, main: Option<&[u8]>) -> Result<Vec<Attributes>, Failure> {
        let half = making::public_half(&item.kind)?;
        let named = self.name(item, half.as_deref(), main)?;
        let keeping = Keeping {
            usage: &self.usage,
            extractable: self.extractable,
            readable: self.readable,
        };
        match &item.kind {
            Kind::Private(info) => {
                let mut made = vec![making::private_key(info, &named, keeping)?];
                if let Some(half) = half.filter(|_| !self.no_public) {
                    made.push(making::public_key(&half, &named, &self.usage)?);
                }
                Ok(made)
            }
            Kind::Public(info) => Ok(vec![making::public_key(info, &named, &self.usage)?]),
            Kind::Certificate(encoded) => Ok(vec![making::certificate(encoded, &named)?]),
            Kind::Secret(kind, value) => {
                Ok(vec![making::secret_key(*kind, value, &named, keeping)?])
            }
            Kind::Data(value) => Ok(vec![making::data(value, &named.label, &self.application)?]),
        }
    }

    /// What to call a thing. The id is for the main key and what belongs to it.
    fn name(
        &self,
        item: &Item,
        half: Option<&[u8]>,
        main: Option<&[u8]>,
    ) -> Result<Named, Failure> {
        let belongs = half == main;
        let own = match &item.kind {
            Kind::Certificate(encoded) => {
                item.label.clone().or_else(|| making::common_name(encoded))
            }
            Kind::Private(_) | Kind::Public(_) | Kind::Secret(..) | Kind::Data(_) => {
                item.label.clone()
            }
        };
        // Issuers' certificates keep their names.
        let is_certificate = matches!(item.kind, Kind::Certificate(_));
        let given = self.label.clone().filter(|_| belongs || !is_certificate);
        let id = match (self.id.clone().filter(|_| belongs), half) {
            (Some(Bytes(id)), _) => id,
            (None, Some(half)) => public_key::id(half)?,
            (None, None) => Vec::new(),
        };
        let label = given.or(own).unwrap_or_default();
        Ok(Named { label, id })
    }
}

/// The bytes that a file writes in hexadecimal.
fn digits(file: &SecretBytes) -> Result<SecretBytes, Failure> {
    let wrong = || Failure::File("the file holds no hexadecimal digits".to_owned());
    let text = std::str::from_utf8(file.expose()).map_err(|_| wrong())?;
    // The message of the parser would show the key.
    let Bytes(bytes) = bytes_in_hex(text.trim()).map_err(|_| wrong())?;
    Ok(SecretBytes::take(bytes))
}

/// What the token does not have: certificates and public keys that are there are passed over, a private or
/// secret key of the same id is refused.
fn fresh(token: &Token, made: Vec<Attributes>) -> Result<Vec<Attributes>, Failure> {
    let mut kept = Vec::new();
    for attributes in made {
        let class = attributes.class().unwrap_or_default();
        let id = attributes.bytes(CKA_ID).unwrap_or_default();
        let mut template = Template(vec![(CKA_CLASS, Value::Ulong(class))]);
        match (class, attributes.bytes(CKA_VALUE)) {
            (CKO_CERTIFICATE, Some(value)) => {
                template.0.push((CKA_VALUE, Value::Bytes(value.to_vec())));
            }
            _ => template.0.push((CKA_ID, Value::Bytes(id.to_vec()))),
        }
        let there = || format!("a {} with the id {}", name(CLASSES, class), hex(id));
        let unnamed = id.is_empty() && class != CKO_CERTIFICATE;
        if unnamed || token.find(&template)?.is_empty() {
            kept.push(attributes);
        } else if matches!(class, CKO_PRIVATE_KEY | CKO_SECRET_KEY) {
            return Err(Failure::Refused(format!(
                "the token has {} already: give another --id, or --force to import it all the same",
                there()
            )));
        } else {
            eprintln!(
                "keyward: passed over, the token has it already: {}",
                there()
            );
        }
    }
    if kept.is_empty() {
        return Err(Failure::Refused(
            "the token has all of this already: --force imports it all the same".to_owned(),
        ));
    }
    Ok(kept)
}
