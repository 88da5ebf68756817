//! `keyward domain diff`: in what two versions of a domain differ.

use super::{installed, operators, settings};
use crate::failure::Failure;
use crate::files::Form;
use crate::output::{Output, Table, time};
use crate::select::Selection;
use crate::times::duration_text;
use clap::Args;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::recovery::name;
use keyward_pkcs11::domain::state::State;
use keyward_pkcs11::domain::state::governance::Operator;
use keyward_pkcs11::domain::state::member::Member;
use keyward_pkcs11::domain::token::Token as DomainToken;
use keyward_pkcs11::error::Error;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Arguments of `keyward domain diff`.
#[derive(Args)]
#[command(
    after_help = "Look before you install: keyward domain diff installed next.token.\n\n\
    Examples:\n  keyward domain diff before.token after.token --json\n  keyward domain diff 4 5"
)]
pub(crate) struct Arguments {
    /// A domain token, the number of a version that the repository has, or the word installed
    before: String,
    /// The one to compare it with
    after: String,
    #[command(flatten)]
    selection: Selection,
}

/// One thing in which two versions differ, as printed.
#[derive(Serialize)]
struct Difference {
    part: &'static str,
    name: String,
    before: Option<String>,
    after: Option<String>,
}

/// Everything that a version says, by part and name.
type Said = BTreeMap<(&'static str, String), String>;

/// Runs the command.
pub(super) fn run(arguments: &Arguments, config: &Config, output: &Output) -> Result<(), Failure> {
    let (before, after) = (
        said(&state(&arguments.before, arguments, config)?),
        said(&state(&arguments.after, arguments, config)?),
    );
    let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let differing = names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name));
    let mut differences: Vec<Difference> = differing
        .map(|name| Difference {
            part: name.0,
            name: name.1.clone(),
            before: before.get(name).cloned(),
            after: after.get(name).cloned(),
        })
        .collect();
    // People look for labels, which values begin with, not for ids.
    differences.sort_by(|a, b| {
        let value = |one: &Difference| one.before.clone().or(one.after.clone());
        (a.part, value(a), &a.name).cmp(&(b.part, value(b), &b.name))
    });
    output.print(&differences, |differences| {
        let mut table = Table::new(&["part", "name", "before", "after"]);
        let value = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        for one in differences {
            table.row(vec![
                one.part.to_owned(),
                one.name.clone(),
                value(&one.before),
                value(&one.after),
            ]);
        }
        table.text("The two are the same.")
    })
}

/// The version that an argument names.
fn state(name: &str, arguments: &Arguments, config: &Config) -> Result<State, Failure> {
    if name == "installed" {
        return Ok(installed(&arguments.selection.open(config)?)?.0);
    }
    let bytes = match name.parse() {
        Ok(version) => arguments.selection.open(config)?.version(version)?,
        Err(_) => Form::DomainToken.read(Path::new(name))?.bytes,
    };
    Ok(DomainToken::parse(&bytes)
        .map_err(Error::from)?
        .public
        .state)
}

fn said(state: &State) -> Said {
    let mut said = Said::new();
    let mut say = |part, name: String, value: String| said.insert((part, name), value);
    say("domain", "id".to_owned(), state.domain.to_string());
    say("domain", "label".to_owned(), state.label.clone());
    say(
        "domain",
        "repository".to_owned(),
        state.repository.to_string(),
    );
    say("domain", "version".to_owned(), state.version.to_string());
    for one in &state.members {
        say("member", one.id().to_string(), member(one));
    }
    for one in &state.governance.operators {
        say("operator", one.id().to_string(), operator(one));
    }
    for rule in &state.governance.rules {
        let needs = operators::in_words(&rule.clauses);
        say("rule", rule.kind.name().to_owned(), needs);
    }
    for key in &state.keys {
        say("domain key", key.id.to_string(), key.state.to_string());
    }
    for tomb in &state.tombstones {
        let how = if tomb.last {
            "removed for ever"
        } else {
            "removed"
        };
        say("domain key", tomb.id.to_string(), how.to_owned());
    }
    for (name, value) in settings::all(&state.policy) {
        say("setting", name.to_owned(), value);
    }
    for key in &state.revoked {
        say("customer key", key.to_string(), "revoked".to_owned());
    }
    for (key, revision) in &state.minimum_revisions {
        say("lowest revision", key.to_string(), revision.to_string());
    }
    if let Some(recovery) = &state.recovery {
        let delay = duration_text(recovery.delay);
        say(
            "recovery",
            "key".to_owned(),
            name(&recovery.agreement).to_string(),
        );
        say("recovery", "delay".to_owned(), delay);
        if let Some((changes, at)) = &recovery.announced {
            say(
                "recovery",
                "announced".to_owned(),
                format!("{changes} at {}", time(*at)),
            );
        }
    }
    said
}

fn member(one: &Member) -> String {
    let state = if one.active { "active" } else { "suspended" };
    let region = if one.card.region.is_empty() {
        String::new()
    } else {
        format!(" in {}", one.card.region)
    };
    format!(
        "{}{region}, {state}, card {}",
        one.card.label, one.card.serial
    )
}

fn operator(one: &Operator) -> String {
    let state = if one.suspended { "suspended" } else { "active" };
    let kind = if one.service { "service, " } else { "" };
    let expires = one
        .expires
        .map_or(String::new(), |at| format!(", until {}", time(at)));
    let may = operators::permissions_in_words(one.permissions);
    format!(
        "{}, {kind}{}, {state}, may approve {may}{expires}",
        one.card.label, one.role
    )
}
