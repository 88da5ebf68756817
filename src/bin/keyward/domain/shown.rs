//! How a version of a domain, or a request for one, is printed.

use super::operators::{in_words, permissions_in_words};
use super::settings;
use crate::failure::Failure;
use crate::output::{Output, Table, fields, hex, time};
use crate::times::duration_text;
use keyward_pkcs11::domain::command::{Approvals, Change};
use keyward_pkcs11::domain::ids::Digest;
use keyward_pkcs11::domain::recovery;
use keyward_pkcs11::domain::state::State;
use keyward_pkcs11::domain::state::governance::Permissions;
use keyward_pkcs11::domain::state::policy::{self, Policy};
use serde::Serialize;
use std::collections::BTreeMap;

/// A version, as printed.
#[derive(Serialize)]
struct Version {
    domain: String,
    label: String,
    version: u64,
    token: String,
    fingerprint: String,
    created: String,
    members: Vec<Member>,
    operators: Vec<Operator>,
    rules: Vec<Rule>,
    keys: Vec<Key>,
    removed_keys: Vec<String>,
    settings: BTreeMap<&'static str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recovery: Option<Recovery>,
    /// The settings that are not as every domain begins, for people.
    #[serde(skip)]
    changed_settings: Vec<String>,
}

#[derive(Serialize)]
struct Recovery {
    key: String,
    delay: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    announced: Option<String>,
}

#[derive(Serialize)]
struct Member {
    id: String,
    label: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    region: String,
    active: bool,
}

#[derive(Serialize)]
struct Operator {
    id: String,
    label: String,
    role: String,
    permissions: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    service: bool,
    suspended: bool,
}

#[derive(Serialize)]
struct Rule {
    command: &'static str,
    needs: Vec<String>,
}

#[derive(Serialize)]
struct Key {
    id: String,
    state: String,
    created: String,
}

/// A request, as printed.
#[derive(Serialize)]
struct Request {
    domain: String,
    parent: String,
    expires: String,
    changes: Vec<String>,
    signers: Vec<String>,
}

/// Prints a version.
pub(crate) fn print(state: &State, token: Digest, output: &Output) -> Result<(), Failure> {
    output.print(&Version::of(state, token), Version::text)
}

/// Prints a request.
pub(crate) fn print_request(approvals: &Approvals, output: &Output) -> Result<(), Failure> {
    let mandate = approvals.mandate();
    let signatures = &approvals.signed().signatures;
    let request = Request {
        domain: mandate.domain.to_string(),
        parent: mandate.parent.to_string(),
        expires: time(mandate.expires),
        changes: mandate.changes.iter().map(describe).collect(),
        signers: signatures
            .iter()
            .map(|signature| hex(&signature.signer))
            .collect(),
    };
    output.print(&request, |request| {
        fields(&[
            ("domain", request.domain.clone()),
            ("made for token", request.parent.clone()),
            ("lapses", request.expires.clone()),
            ("changes", request.changes.join("\n                ")),
            ("signed by", request.signers.join("\n                ")),
        ])
    })
}

impl Recovery {
    fn of(own: &policy::Recovery) -> Self {
        let announced = own.announced;
        Recovery {
            key: recovery::name(&own.agreement).to_string(),
            delay: duration_text(own.delay),
            announced: announced.map(|(changes, at)| format!("{changes} at {}", time(at))),
        }
    }
}

impl Version {
    fn of(state: &State, token: Digest) -> Self {
        let governance = &state.governance;
        let members = state.members.iter().map(|member| Member {
            id: member.id().to_string(),
            label: member.card.label.clone(),
            region: member.card.region.clone(),
            active: member.active,
        });
        let operators = governance.operators.iter().map(|operator| Operator {
            id: operator.id().to_string(),
            label: operator.card.label.clone(),
            role: operator.role.clone(),
            permissions: permissions_in_words(operator.permissions),
            expires: operator.expires.map(time),
            service: operator.service,
            suspended: operator.suspended,
        });
        let rules = governance.rules.iter().map(|rule| Rule {
            command: rule.kind.name(),
            needs: rule
                .clauses
                .iter()
                .map(|clause| format!("{} of {}", clause.needed, clause.role))
                .collect(),
        });
        let keys = state.keys.iter().map(|key| Key {
            id: key.id.to_string(),
            state: key.state.to_string(),
            created: time(key.created),
        });
        // People look for names and states; the state itself is sorted by ids.
        let mut members: Vec<Member> = members.collect();
        members.sort_by(|a, b| (&a.label, &a.id).cmp(&(&b.label, &b.id)));
        let mut operators: Vec<Operator> = operators.collect();
        operators.sort_by(|a, b| (&a.label, &a.id).cmp(&(&b.label, &b.id)));
        let mut keys: Vec<Key> = keys.collect();
        keys.sort_by(|a, b| (&a.state, &a.created).cmp(&(&b.state, &b.created)));
        Version {
            domain: state.domain.to_string(),
            label: state.label.clone(),
            version: state.version,
            token: token.to_string(),
            fingerprint: state.fingerprint().to_string(),
            created: time(state.created),
            members,
            operators,
            rules: rules.collect(),
            keys,
            removed_keys: state
                .tombstones
                .iter()
                .map(|tomb| tomb.id.to_string())
                .collect(),
            settings: settings::all(&state.policy).into_iter().collect(),
            recovery: state.recovery.as_ref().map(Recovery::of),
            changed_settings: settings::differing(&Policy::founding(), &state.policy)
                .map(|(name, _, value)| format!("{name}={value}"))
                .collect(),
        }
    }

    fn text(&self) -> String {
        let head = fields(&[
            ("domain", self.domain.clone()),
            ("label", self.label.clone()),
            ("version", format!("{} of {}", self.version, self.created)),
            ("domain token", self.token.clone()),
            ("fingerprint", self.fingerprint.clone()),
        ]);
        let mut keys = Table::new(&["domain key", "state", "created"]);
        for key in &self.keys {
            keys.row(vec![key.id.clone(), key.state.clone(), key.created.clone()]);
        }
        for id in &self.removed_keys {
            keys.row(vec![id.clone(), "removed".to_owned()]);
        }
        let mut members = Table::new(&["member", "state", "label"]);
        for member in &self.members {
            let state = if member.active { "active" } else { "suspended" };
            members.row(vec![
                member.id.clone(),
                state.to_owned(),
                member.label.clone(),
            ]);
        }
        let mut operators = Table::new(&["operator", "state", "role", "label"]);
        for one in &self.operators {
            let state = if one.suspended { "suspended" } else { "active" };
            operators.row(vec![
                one.id.clone(),
                state.to_owned(),
                one.role.clone(),
                one.label.clone(),
            ]);
        }
        [
            head,
            keys.text("no domain keys"),
            members.text("no members"),
            operators.text("No operators: the security officer governs."),
            self.rules_text(),
            self.settings_text(),
        ]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join("\n\n")
        .trim_end()
        .to_owned()
    }

    /// The settings that were changed, and the way back.
    fn settings_text(&self) -> String {
        let mut lines = Vec::new();
        if !self.changed_settings.is_empty() {
            lines.push(format!("Settings: {}.", self.changed_settings.join(", ")));
        }
        if let Some(own) = &self.recovery {
            lines.push(format!(
                "Recovery: key {}, announced for {}.",
                own.key, own.delay
            ));
            if let Some(announced) = &own.announced {
                lines.push(format!("A RECOVERY IS ANNOUNCED: {announced}."));
            }
        }
        lines.join("\n")
    }

    /// The rules; where all are the same, in one line.
    fn rules_text(&self) -> String {
        let mut needs: Vec<&Vec<String>> = self.rules.iter().map(|rule| &rule.needs).collect();
        needs.dedup();
        match needs.as_slice() {
            [] => String::new(),
            [same] if !same.is_empty() => format!("Every change needs {}.", same.join(" and ")),
            _ => {
                let mut table = Table::new(&["change", "needs"]);
                for rule in &self.rules {
                    let needs = if rule.needs.is_empty() {
                        "nobody may".to_owned()
                    } else {
                        rule.needs.join(" and ")
                    };
                    table.row(vec![rule.command.to_owned(), needs]);
                }
                table.text("")
            }
        }
    }
}

/// A change in words.
pub(super) fn describe(change: &Change) -> String {
    let name = change.kind().name();
    match change {
        Change::KeyAdd(id) | Change::KeyActivate(id) | Change::KeyRetire(id) => {
            format!("{name} {id}")
        }
        Change::KeyRemove { id, last: true } => format!("{name} {id}, for ever"),
        Change::KeyRemove { id, last: false } => format!("{name} {id}"),
        Change::MemberAdd(card) | Change::MemberRenew(card) => {
            format!("{name} {} ({})", card.id(), card.label)
        }
        Change::MemberSuspend(id) | Change::MemberResume(id) | Change::MemberRemove(id) => {
            format!("{name} {id}")
        }
        Change::OperatorAdd(one) => {
            let mut text = format!("{name} {} ({}) as {}", one.id(), one.card.label, one.role);
            if one.permissions != Permissions::all() {
                text.push_str(&format!(
                    ", may approve {}",
                    permissions_in_words(one.permissions)
                ));
            }
            if let Some(at) = one.expires {
                text.push_str(&format!(", until {}", time(at)));
            }
            if one.service {
                text.push_str(", a service");
            }
            text
        }
        Change::OperatorSuspend(id) | Change::OperatorResume(id) | Change::OperatorRemove(id) => {
            format!("{name} {id}")
        }
        Change::RuleSet(rule) => {
            format!("{name} {}: {}", rule.kind, in_words(&rule.clauses))
        }
        Change::PolicySet(policy) => {
            let all = settings::all(policy).into_iter();
            let all: Vec<String> = all.map(|(name, value)| format!("{name}={value}")).collect();
            format!("{name} {}", all.join(","))
        }
        Change::Revoke(keys) | Change::ShredCancel(keys) => {
            let ids: Vec<String> = keys.iter().map(ToString::to_string).collect();
            format!("{name} {}", ids.join(" "))
        }
        Change::RevisionRaise(key, revision) => format!("{name} {key} to {revision}"),
        Change::RecoverySet(Some(terms)) => format!(
            "{name} {} with a delay of {}",
            recovery::name(&terms.agreement),
            duration_text(terms.delay)
        ),
        Change::RecoverySet(None) => format!("{name} to none"),
        Change::RecoveryBegin(changes) | Change::RecoveryFinish(changes) => {
            let inner: Vec<String> = changes.iter().map(describe).collect();
            format!("{name}: {}", inner.join("; "))
        }
        Change::RecoveryCancel => name.to_owned(),
        Change::RepositorySet(id) => format!("{name} {id}"),
        Change::LabelSet(label) => format!("{name} {label}"),
    }
}
