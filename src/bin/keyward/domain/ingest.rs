//! `keyward domain ingest`: a member installs the next version.

use super::received;
use crate::failure::Failure;
use crate::files::Form;
use crate::output::line;
use crate::select::{Login, Selection};
use clap::Args;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::token::{Ingested, REFUSED, Token};
use std::path::{Path, PathBuf};

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
    let token = arguments.selection.open(config)?;
    let bytes = token_in(&token, &arguments.token_file)?;
    arguments.login.open(&token)?;
    report(token.ingest(&bytes)?)
}

/// The domain token that a file holds, which came for `token`.
pub(super) fn token_in(token: &Token, file: &Path) -> Result<Vec<u8>, Failure> {
    let read = Form::DomainToken.read(file);
    Ok(received((token, REFUSED), &[file.to_owned()], read)?.bytes)
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
