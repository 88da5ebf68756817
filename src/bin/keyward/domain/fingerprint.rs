//! `keyward domain fingerprint`: what a security officer compares before a module joins a domain.

use super::{installed, operators};
use crate::failure::Failure;
use crate::files::Form;
use crate::output::{Output, fields};
use crate::select::Selection;
use clap::Args;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::state::State;
use keyward_pkcs11::domain::token::Token as DomainToken;
use keyward_pkcs11::error::Error;
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `keyward domain fingerprint`.
#[derive(Args)]
#[command(
    after_help = "The fingerprint changes with operators and rules, not with members and keys.\n\n\
    Example:\n  keyward domain fingerprint --token mine"
)]
pub(crate) struct Arguments {
    /// A domain token; the installed one, if left out
    file: Option<PathBuf>,
    #[command(flatten)]
    selection: Selection,
}

/// A fingerprint with what it stands for, as printed.
#[derive(Serialize)]
struct Printed {
    fingerprint: String,
    domain: String,
    label: String,
    version: u64,
    operators: Vec<String>,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, config: &Config, output: &Output) -> Result<(), Failure> {
    let state = match &arguments.file {
        Some(path) => {
            let bytes = Form::DomainToken.read(path)?.bytes;
            DomainToken::parse(&bytes)
                .map_err(Error::from)?
                .public
                .state
        }
        None => installed(&arguments.selection.open(config)?)?.0,
    };
    output.print(&Printed::of(&state), |printed| {
        let mut pairs = vec![
            ("fingerprint", printed.fingerprint.clone()),
            ("domain", printed.domain.clone()),
            ("label", printed.label.clone()),
            ("version", printed.version.to_string()),
        ];
        let operators = printed.operators.iter();
        pairs.extend(operators.map(|one| ("operator", one.clone())));
        fields(&pairs)
    })
}

impl Printed {
    fn of(state: &State) -> Self {
        let mut all: Vec<_> = state.governance.operators.iter().collect();
        all.sort_by_key(|one| (&one.card.label, one.id()));
        let operators = all.into_iter().map(|one| {
            let may = operators::permissions_in_words(one.permissions);
            format!(
                "{} ({}) as {}, may approve {may}",
                one.id(),
                one.card.label,
                one.role
            )
        });
        Printed {
            fingerprint: state.fingerprint().to_string(),
            domain: state.domain.to_string(),
            label: state.label.clone(),
            version: state.version,
            operators: operators.collect(),
        }
    }
}
