//! Listing the objects of a token, and showing one whole.

use super::names::{CLASSES, FLAGS, key_type, name};
use super::which::{Filter, Which};
use crate::failure::Failure;
use crate::output::{Output, Table, fields, hex};
use crate::select::{Login, Selection};
use clap::Args;
use cryptoki_sys::*;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::error::Error;
use keyward_pkcs11::object::attribute::Value;
use keyward_pkcs11::object::{Object, read, schema};
use serde::Serialize;
use std::collections::BTreeMap;

/// How much of a long value is shown to people.
const SHOWN_BYTES: usize = 64;

/// Arguments of `keyward object list`.
#[derive(Args)]
#[command(after_help = "Examples:\n  keyward object list --token mine\n  \
    keyward object list --token mine --public\n  keyward object list --class private --label web")]
pub(crate) struct List {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    filter: Filter,
    /// Only what can be seen without a PIN
    #[arg(long)]
    public: bool,
    #[command(flatten)]
    login: Login,
}

/// Arguments of `keyward object show`.
#[derive(Args)]
#[command(after_help = "Examples:\n  keyward object show 0f3c --token mine\n  \
    keyward object show --label web --class private --attributes")]
pub(crate) struct Show {
    #[command(flatten)]
    which: Which,
    /// Show every attribute, by its name in the standard
    #[arg(long)]
    attributes: bool,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// An object, as printed.
#[derive(Serialize)]
pub(super) struct Shown {
    unique_id: String,
    class: String,
    key_type: Option<String>,
    label: String,
    id: String,
    revision: u64,
    flags: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attributes: Option<BTreeMap<&'static str, String>>,
}

/// Lists objects.
pub(super) fn list(arguments: &List, config: &Config, output: &Output) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    if !arguments.public {
        arguments.login.open(&token)?;
    }
    let mut shown = Vec::new();
    for id in token.find(&arguments.filter.template())? {
        match token.load(id) {
            Ok(object) => shown.push(Shown::of(&object)),
            // One damaged object must not hide the others.
            Err(cause) => eprintln!("keyward: {cause}"),
        }
    }
    output.print(&shown, |shown| table(shown).text("no objects"))
}

/// Shows one object.
pub(super) fn show(arguments: &Show, config: &Config, output: &Output) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    arguments.login.open(&token)?;
    let object = arguments.which.one(&token, &[])?;
    let mut shown = Shown::of(&object);
    if arguments.attributes {
        shown.attributes = Some(every_attribute(&object));
    }
    output.print(&shown, |one| {
        let mut lines = vec![
            ("unique id", one.unique_id.clone()),
            ("class", one.class.clone()),
            ("type", one.key_type.clone().unwrap_or_default()),
            ("label", one.label.clone()),
            ("id", one.id.clone()),
            ("revision", one.revision.to_string()),
            ("flags", one.flags.join(", ")),
        ];
        let attributes = one.attributes.iter().flatten();
        lines.extend(attributes.map(|(name, value)| (*name, value.clone())));
        fields(&lines)
    })
}

/// Objects as a table.
pub(super) fn table(shown: &[Shown]) -> Table {
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
    table
}

/// Every attribute that the object has, by name; what it does not reveal is said to be there.
fn every_attribute(object: &Object) -> BTreeMap<&'static str, String> {
    let mut all = BTreeMap::new();
    for row in schema::rows() {
        match read::value(object, row.attribute) {
            Ok(value) => all.insert(row.name, printed(&value)),
            Err(Error::AttributeSensitive(_)) => all.insert(row.name, "(not revealed)".to_owned()),
            Err(_) => None,
        };
    }
    all
}

fn printed(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Ulong(CK_UNAVAILABLE_INFORMATION) => "(unavailable)".to_owned(),
        Value::Ulong(number) => format!("{number:#x}"),
        Value::Bytes(bytes) => shortened(bytes),
        // What may be read is no secret that this program keeps: still it does not go to a screen.
        Value::Secret(secret) => format!("({} bytes)", secret.len()),
        Value::Ulongs(list) => {
            let list = list.iter().map(|one| format!("{one:#x}"));
            list.collect::<Vec<_>>().join(" ")
        }
        Value::Template(template) => {
            let parts = template.0.iter().map(|(kind, value)| {
                let name = schema::name(*kind).unwrap_or("(unknown)");
                format!("{name}={}", printed(value))
            });
            parts.collect::<Vec<_>>().join(" ")
        }
    }
}

fn shortened(bytes: &[u8]) -> String {
    let text = std::str::from_utf8(bytes).ok();
    let text = text.filter(|text| !text.is_empty() && !text.chars().any(char::is_control));
    match (text, bytes.get(..SHOWN_BYTES)) {
        (Some(text), _) => format!("\"{text}\""),
        (None, Some(start)) => format!("{}… ({} bytes)", hex(start), bytes.len()),
        (None, None) => hex(bytes),
    }
}

impl Shown {
    /// What is printed of an object.
    pub(super) fn of(object: &Object) -> Self {
        let attributes = object.attributes();
        let label = attributes.bytes(CKA_LABEL).unwrap_or_default();
        let set = FLAGS.iter().filter(|(flag, _)| attributes.is(*flag));
        Shown {
            unique_id: object.id().to_string(),
            class: name(CLASSES, attributes.class().unwrap_or_default()),
            key_type: attributes.key_type().map(key_type),
            label: String::from_utf8_lossy(label).into_owned(),
            id: hex(attributes.bytes(CKA_ID).unwrap_or_default()),
            revision: object.revision(),
            flags: set.map(|(_, name)| *name).collect(),
            attributes: None,
        }
    }
}
