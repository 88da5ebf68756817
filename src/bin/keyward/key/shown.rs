//! Keys, as printed.

use super::policy::in_words;
use crate::failure::Failure;
use crate::output::{Output, Table, fields, hex, time};
use keyward_pkcs11::domain::customer::KeyInfo;
use keyward_pkcs11::object::history::Entry;
use keyward_pkcs11::object::standing::Standing;
use serde::Serialize;

/// One version of a key.
#[derive(Serialize)]
pub(super) struct Shown {
    pub(super) key: String,
    pub(super) label: String,
    id: String,
    tenant: String,
    version: u64,
    newest: u64,
    standing: &'static str,
    created: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wrapped_under_it: Option<u64>,
    policy: Vec<String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    fingerprint: String,
    history: Vec<Happened>,
}

/// What became of a version, and when.
#[derive(Serialize)]
struct Happened {
    what: &'static str,
    at: String,
}

impl Shown {
    pub(super) fn of(known: &KeyInfo) -> Self {
        Shown {
            key: known.family().to_string(),
            label: known.label.clone(),
            id: hex(&known.id),
            tenant: String::from_utf8_lossy(&known.tenant).into_owned(),
            version: known.version,
            newest: known.newest,
            standing: Standing::from_number(known.standing).map_or("unknown", Standing::name),
            created: Some(known.created).filter(|created| *created > 0).map(time),
            wrapped_under_it: known.registered,
            policy: in_words(known.policy.as_deref()),
            fingerprint: hex(&known.fingerprint),
            history: Entry::all(&known.history)
                .into_iter()
                .map(|entry| Happened {
                    what: entry.name(),
                    at: time(entry.at),
                })
                .collect(),
        }
    }

    fn text(&self) -> String {
        let mut lines = vec![
            ("key", self.key.clone()),
            ("label", self.label.clone()),
            ("id", self.id.clone()),
            ("tenant", self.tenant.clone()),
            ("version", self.version.to_string()),
            ("standing", self.standing.to_owned()),
            ("created", self.created.clone().unwrap_or_default()),
        ];
        if let Some(count) = self.wrapped_under_it {
            lines.push(("wrapped under it", count.to_string()));
        }
        let policy = self.policy.join("; ");
        lines.push(("policy", policy));
        lines.retain(|(_, value)| !value.is_empty());
        fields(&lines)
    }

    /// What stays when the material is gone.
    fn record(&self) -> String {
        let what = self.history.iter();
        let mut lines: Vec<String> = what.map(|own| format!("{} {}", own.at, own.what)).collect();
        if !self.fingerprint.is_empty() {
            lines.insert(0, format!("fingerprint {}", self.fingerprint));
        }
        let version = self.version;
        lines
            .iter()
            .map(|line| format!("\nversion {version}: {line}"))
            .collect()
    }
}

/// Prints what is known of one version.
pub(crate) fn one(keys: &[KeyInfo], output: &Output) -> Result<(), Failure> {
    match keys.first() {
        Some(known) => output.print(&Shown::of(known), Shown::text),
        None => Ok(()),
    }
}

/// Prints a key with all its versions.
pub(crate) fn versions(keys: &[KeyInfo], output: &Output) -> Result<(), Failure> {
    let shown: Vec<Shown> = keys.iter().map(Shown::of).collect();
    output.print(&shown, |shown| {
        let mut table = Table::new(&["version", "standing", "created", "wrapped under it"]);
        for one in shown {
            table.row(vec![
                one.version.to_string(),
                one.standing.to_owned(),
                one.created.clone().unwrap_or_default(),
                one.wrapped_under_it.unwrap_or_default().to_string(),
            ]);
        }
        let head = shown.first().map(|one| {
            let mut lines = vec![
                ("key", one.key.clone()),
                ("label", one.label.clone()),
                ("id", one.id.clone()),
                ("tenant", one.tenant.clone()),
                ("policy", one.policy.join("; ")),
            ];
            lines.retain(|(_, value)| !value.is_empty());
            fields(&lines)
        });
        let record = shown.iter().map(Shown::record).collect::<String>();
        format!("{}\n\n{}{record}", head.unwrap_or_default(), table.text(""))
    })
}

/// Prints a list of keys.
pub(super) fn list(keys: &[KeyInfo], output: &Output) -> Result<(), Failure> {
    let shown: Vec<Shown> = keys.iter().map(Shown::of).collect();
    output.print(&shown, |shown| {
        let mut table = Table::new(&["key", "label", "tenant", "version", "created"]);
        for one in shown {
            table.row(vec![
                one.key.clone(),
                one.label.clone(),
                one.tenant.clone(),
                one.version.to_string(),
                one.created.clone().unwrap_or_default(),
            ]);
        }
        table.text("no keys")
    })
}
