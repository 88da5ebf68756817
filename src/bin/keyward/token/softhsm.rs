//! `keyward token import-softhsm`: a token of SoftHSM2, with everything in it, becomes one of ours.

mod database;
mod files;
mod objects;
mod secrets;

use crate::failure::Failure;
use crate::output::{Output, Table};
use crate::pins::{SoPin, UserPin};
use clap::Args;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::error::Error;
use keyward_pkcs11::object::attribute::AttributeType;
use keyward_pkcs11::secret::SecretBytes;
use keyward_pkcs11::token::{Role, Token};
use objects::{Left, Made};
use secrets::DataKey;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The file of a token in SoftHSM's form of many files that says what the token is.
const TOKEN_FILE: &str = "token.object";
/// The database of a token in its form of one database.
const DATABASE: &str = "sqlite3.db";

/// Where SoftHSM's own attributes begin: vendor defined, and `SH`.
const OWN: AttributeType = 0x8000_0000 + 0x5348;
const LABEL: AttributeType = OWN + 1;
const SO_PIN: AttributeType = OWN + 4;
const USER_PIN: AttributeType = OWN + 5;

/// Arguments of `keyward token import-softhsm`.
#[derive(Args)]
#[command(
    after_help = "DIR is a token's directory, or the directory of all tokens (directories.tokendir in softhsm2.conf, \
    /var/lib/softhsm/tokens often) if it holds one token only. It is only read. A new token is made, with the label \
    and the two PINs that the old one has. What cannot come is named, with the reason. Imported keys count as made \
    outside: CKA_LOCAL, CKA_ALWAYS_SENSITIVE and CKA_NEVER_EXTRACTABLE are false.\n\n\
    Examples:\n  keyward token import-softhsm /var/lib/softhsm/tokens/4f0c7d7c-…\n  \
    keyward token import-softhsm tokens --label moved --new-so-pin"
)]
pub(crate) struct Import {
    /// The directory of the token
    directory: PathBuf,
    /// What to call the new token; without it, as the old one
    #[arg(long)]
    label: Option<String>,
    /// The SO PIN of the old token is not known: the SO PIN is a new one, and nothing is marked as trusted
    #[arg(long)]
    new_so_pin: bool,
    #[command(flatten)]
    so_pin: SoPin,
    #[command(flatten)]
    user_pin: UserPin,
}

/// A value as SoftHSM keeps it.
enum Value {
    Bool(bool),
    Number(u64),
    /// Encrypted, where the object is private.
    Bytes(Vec<u8>),
    Numbers(Vec<u64>),
    Map(BTreeMap<AttributeType, Value>),
}

impl Value {
    fn bytes(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            Value::Bool(_) | Value::Number(_) | Value::Numbers(_) | Value::Map(_) => None,
        }
    }
}

/// One object, and what people find it by.
struct Stored {
    /// The file's name, or the number in the database.
    place: String,
    /// The attributes, or why they cannot be read.
    attributes: Result<BTreeMap<AttributeType, Value>, String>,
}

/// A token as it is stored.
struct Source {
    token: BTreeMap<AttributeType, Value>,
    objects: Vec<Stored>,
}

/// What became of a token, as printed.
#[derive(Serialize)]
struct Report {
    label: String,
    serial: String,
    slot: u64,
    imported: Vec<Made>,
    left: Vec<Left>,
}

impl Import {
    /// Runs the command.
    pub(super) fn run(&self, config: &Config, output: &Output) -> Result<(), Failure> {
        let source = open(&place(&self.directory)?)?;
        let user_pin = self.user_pin.current()?;
        let data_key = unlock(&source, USER_PIN, &user_pin, "user")?;
        let so_pin = if self.new_so_pin {
            self.so_pin.fresh()?
        } else {
            let so_pin = self.so_pin.current()?;
            unlock(&source, SO_PIN, &so_pin, "SO")?;
            so_pin
        };
        let (ready, mut left) = objects::convert(&source.objects, &data_key, !self.new_so_pin);
        let label = self.label.clone().unwrap_or_else(|| label(&source));
        let free = Token::list(config)?.free;
        let token = Token::create(config, free.clone(), &label, so_pin.expose())?;
        let filled = fill(&token, &so_pin, &user_pin, ready, &mut left);
        let imported = match filled {
            Ok(imported) => imported,
            Err(cause) => {
                drop(token);
                // What was begun is in nobody's way; the cause is what counts.
                let _ = Token::delete(config, &free);
                return Err(cause);
            }
        };
        let report = Report {
            label,
            serial: free.to_string(),
            slot: free.slot_id(),
            imported,
            left,
        };
        output.print(&report, text)?;
        let missing = report.left.iter().filter(|left| left.whole).count();
        if missing > 0 {
            return Err(Failure::File(format!(
                "{missing} of {} objects could not come; the token {} holds the others",
                missing + report.imported.len(),
                report.label
            )));
        }
        Ok(())
    }
}

/// Sets the PINs of the new token and stores the objects, all at once; one by one where one of them is
/// refused, so that it can be named.
fn fill(
    token: &Token,
    so_pin: &SecretBytes,
    user_pin: &SecretBytes,
    ready: Vec<objects::Ready>,
    left: &mut Vec<Left>,
) -> Result<Vec<Made>, Failure> {
    token.login(Role::SecurityOfficer, so_pin.expose())?;
    token.init_pin(user_pin.expose())?;
    token.logout();
    token.login(Role::User, user_pin.expose())?;
    let all = ready.iter().map(|one| one.attributes.clone()).collect();
    if token.insert(all).is_ok() {
        return Ok(ready.into_iter().map(|one| one.made).collect());
    }
    let mut imported = Vec::new();
    for one in ready {
        match token.insert(vec![one.attributes]) {
            Ok(_) => imported.push(one.made),
            Err(cause @ (Error::StoreFull | Error::Store(_))) => return Err(cause.into()),
            Err(cause) => left.push(one.made.left(cause.to_string())),
        }
    }
    Ok(imported)
}

fn text(report: &Report) -> String {
    let mut table = Table::new(&["class", "type", "label", "id"]);
    for one in &report.imported {
        table.row(one.cells());
    }
    let mut lines = vec![
        format!(
            "Token {} is ready: serial {}, slot {}.",
            report.label, report.serial, report.slot
        ),
        table.text("no objects"),
    ];
    if !report.left.is_empty() {
        lines.push("Did not come:".to_owned());
        lines.extend(report.left.iter().map(|left| format!("  {left}")));
    }
    lines.join("\n")
}

/// The directory of the one token that is meant.
fn place(given: &Path) -> Result<PathBuf, Failure> {
    let is_token = |path: &Path| path.join(TOKEN_FILE).is_file() || path.join(DATABASE).is_file();
    let entries = fs::read_dir(given).map_err(|cause| Failure::file(given, &cause))?;
    if is_token(given) {
        return Ok(given.to_owned());
    }
    let inner = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let mut inner: Vec<PathBuf> = inner.filter(|path| is_token(path)).collect();
    inner.sort();
    match inner.as_slice() {
        [] => Err(Failure::NotFound(format!(
            "{} holds no token of SoftHSM: name the directory with {TOKEN_FILE} or {DATABASE} in it",
            given.display()
        ))),
        [only] => Ok(only.clone()),
        several => {
            let names = several.iter().map(|path| {
                let label =
                    open(path).map_or_else(|_| "unreadable".to_owned(), |token| label(&token));
                format!("{} ({label})", path.display())
            });
            let names: Vec<String> = names.collect();
            Err(Failure::Usage(format!(
                "there are several tokens: name one of {}",
                names.join(", ")
            )))
        }
    }
}

fn open(directory: &Path) -> Result<Source, Failure> {
    if directory.join(TOKEN_FILE).is_file() {
        files::read(directory)
    } else {
        database::read(&directory.join(DATABASE))
    }
}

/// The label, which SoftHSM fills up with spaces.
fn label(source: &Source) -> String {
    let bytes = source.token.get(&LABEL).and_then(Value::bytes);
    let text = String::from_utf8_lossy(bytes.unwrap_or_default());
    text.trim_end_matches([' ', '\0']).to_owned()
}

/// The key of everything that is private, by one of the two PINs.
fn unlock(
    source: &Source,
    which: AttributeType,
    pin: &SecretBytes,
    name: &str,
) -> Result<DataKey, Failure> {
    let sealed = source.token.get(&which).and_then(Value::bytes);
    let sealed = sealed.ok_or_else(|| {
        Failure::NotFound(format!("the {name} PIN of the SoftHSM token was never set"))
    })?;
    DataKey::open(sealed, pin.expose())?
        .ok_or_else(|| Failure::Pin(format!("the {name} PIN of the SoftHSM token is wrong")))
}
