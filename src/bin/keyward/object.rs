//! `keyward object`: a look at what a token holds.

use crate::failure::Failure;
use crate::output::{Output, Table, fields, hex};
use crate::select::{Login, Selection};
use clap::{Args, Subcommand};
use cryptoki_sys::*;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::object::attribute::Template;
use keyward_pkcs11::object::{Object, ObjectId};
use keyward_pkcs11::token::Token;
use serde::Serialize;

/// What to do with objects.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the objects of a token
    List(List),
    /// Show one object
    Show(Show),
}

/// Arguments of `keyward object list`.
#[derive(Args)]
#[command(after_help = "Examples:\n  keyward object list --token mine\n  \
    keyward object list --token mine --public")]
pub(crate) struct List {
    #[command(flatten)]
    selection: Selection,
    /// Only what can be seen without a PIN
    #[arg(long)]
    public: bool,
    #[command(flatten)]
    login: Login,
}

/// Arguments of `keyward object show`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward object show 0f3c --token mine")]
pub(crate) struct Show {
    /// The object's unique id, as the list prints it; the first digits are enough
    id: String,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// An object, as printed.
#[derive(Serialize)]
struct Shown {
    unique_id: String,
    class: String,
    key_type: Option<String>,
    label: String,
    id: String,
    revision: u64,
    flags: Vec<&'static str>,
}

/// The flags worth a look, by the names that people use.
const FLAGS: &[(u64, &str)] = &[
    (CKA_PRIVATE, "private"),
    (CKA_SENSITIVE, "sensitive"),
    (CKA_ALWAYS_SENSITIVE, "always-sensitive"),
    (CKA_EXTRACTABLE, "extractable"),
    (CKA_NEVER_EXTRACTABLE, "never-extractable"),
    (CKA_LOCAL, "local"),
    (CKA_TRUSTED, "trusted"),
    (CKA_ALWAYS_AUTHENTICATE, "always-authenticate"),
    (CKA_ENCRYPT, "encrypt"),
    (CKA_DECRYPT, "decrypt"),
    (CKA_SIGN, "sign"),
    (CKA_VERIFY, "verify"),
    (CKA_WRAP, "wrap"),
    (CKA_UNWRAP, "unwrap"),
    (CKA_DERIVE, "derive"),
];

const CLASSES: &[(u64, &str)] = &[
    (CKO_DATA, "data"),
    (CKO_CERTIFICATE, "certificate"),
    (CKO_PUBLIC_KEY, "public key"),
    (CKO_PRIVATE_KEY, "private key"),
    (CKO_SECRET_KEY, "secret key"),
    (CKO_DOMAIN_PARAMETERS, "domain parameters"),
    (CKO_PROFILE, "profile"),
];

const KEY_TYPES: &[(u64, &str)] = &[
    (CKK_AES, "AES"),
    (CKK_GENERIC_SECRET, "generic secret"),
    (CKK_RSA, "RSA"),
    (CKK_EC, "EC"),
    (CKK_EC_EDWARDS, "EC Edwards"),
    (CKK_EC_MONTGOMERY, "EC Montgomery"),
];

/// Runs a command.
pub(crate) fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    let config = Config::load()?;
    match command {
        Command::List(arguments) => list(arguments, &config, output),
        Command::Show(arguments) => show(arguments, &config, output),
    }
}

fn list(arguments: &List, config: &Config, output: &Output) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    if !arguments.public {
        arguments.login.open(&token)?;
    }
    let mut shown = Vec::new();
    for id in all(&token)? {
        match token.load(id) {
            Ok(object) => shown.push(Shown::of(&object)),
            // One damaged object must not hide the others.
            Err(cause) => eprintln!("keyward: {cause}"),
        }
    }
    output.print(&shown, |shown| {
        let mut table = Table::new(&["unique id", "class", "type", "label", "id"]);
        for one in shown {
            table.row(vec![
                one.unique_id.clone(),
                one.class.clone(),
                one.key_type.clone().unwrap_or_default(),
                one.label.clone(),
                one.id.clone(),
            ]);
        }
        table.text("no objects")
    })
}

fn show(arguments: &Show, config: &Config, output: &Output) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    arguments.login.open(&token)?;
    let wanted = arguments.id.to_lowercase();
    let ids = all(&token)?;
    let mut fitting = ids.iter().filter(|id| id.to_string().starts_with(&wanted));
    let id = match (fitting.next(), fitting.next()) {
        (Some(only), None) => *only,
        (None, _) => return Err(Failure::NotFound(format!("there is no object {wanted}"))),
        (Some(_), Some(_)) => {
            return Err(Failure::Usage(format!(
                "several objects begin with {wanted}"
            )));
        }
    };
    output.print(&Shown::of(&*token.load(id)?), |one| {
        fields(&[
            ("unique id", one.unique_id.clone()),
            ("class", one.class.clone()),
            ("type", one.key_type.clone().unwrap_or_default()),
            ("label", one.label.clone()),
            ("id", one.id.clone()),
            ("revision", one.revision.to_string()),
            ("flags", one.flags.join(", ")),
        ])
    })
}

fn all(token: &Token) -> Result<Vec<ObjectId>, Failure> {
    Ok(token.find(&Template::default())?)
}

impl Shown {
    fn of(object: &Object) -> Self {
        let attributes = object.attributes();
        let label = attributes.bytes(CKA_LABEL).unwrap_or_default();
        let set = FLAGS.iter().filter(|(flag, _)| attributes.is(*flag));
        Shown {
            unique_id: object.id().to_string(),
            class: name(CLASSES, attributes.class().unwrap_or_default()),
            key_type: attributes.key_type().map(|number| name(KEY_TYPES, number)),
            label: String::from_utf8_lossy(label).into_owned(),
            id: hex(attributes.bytes(CKA_ID).unwrap_or_default()),
            revision: object.revision(),
            flags: set.map(|(_, name)| *name).collect(),
        }
    }
}

/// The name of a number, or the number itself.
fn name(names: &[(u64, &str)], number: u64) -> String {
    let known = names.iter().find(|(known, _)| *known == number);
    known.map_or_else(|| format!("{number:#x}"), |(_, name)| (*name).to_owned())
}
