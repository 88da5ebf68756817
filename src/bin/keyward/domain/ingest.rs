//! `keyward domain ingest`: a member installs the next version.

use crate::failure::Failure;
use crate::files::Form;
use crate::output::line;
use crate::select::{Login, Selection};
use clap::Args;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::token::Ingested;
use std::path::PathBuf;

/// Arguments of `keyward domain ingest`.
#[derive(Args)]
#[command(
    after_help = "The same is done by any PKCS#11 program that writes the domain token as a data \
    object:\n  pkcs11-tool --module libkeyward_pkcs11.so --login --write-object add.token --type data \\\n    \
    --application-label keyward.domain-token --label add\n\n\
    Example:\n  keyward domain ingest add.token"
)]
pub(crate) struct Arguments {
    /// The domain token
    token_file: PathBuf,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    let bytes = Form::DomainToken.read(&arguments.token_file)?.bytes;
    let token = arguments.selection.open(config)?;
    arguments.login.open(&token)?;
    report(token.ingest(&bytes)?)
}

/// Says what an ingest led to.
pub(super) fn report(ingested: Ingested) -> Result<(), Failure> {
    match ingested {
        Ingested::NoOp => line("This version is installed already."),
        Ingested::Installed(version) => line(&format!("Version {version} is installed.")),
        Ingested::Dismissed(version) => line(&format!(
            "Version {version} is installed. This token is no active member of it: the domain's keys are erased."
        )),
        Ingested::Fork => Err(Failure::Findings(
            "another token of the installed version exists: no version is taken until it is clear who made it"
                .to_owned(),
        )),
    }
}
