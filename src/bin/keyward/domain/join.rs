//! `keyward domain join`: a module takes its first token of a domain that its security officer named.

use super::ingest::report;
use crate::failure::Failure;
use crate::files::Form;
use crate::select::{Login, Selection};
use clap::Args;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::ids::Digest;
use std::path::PathBuf;

/// Arguments of `keyward domain join`.
#[derive(Args)]
#[command(
    after_help = "The module's card (keyward module card) goes to the operators, who request member.add. Back come \
    the token that admits it and the one before. The fingerprint comes another way: keyward domain \
    fingerprint on a member, read out over the telephone, say.\n\n\
    Example:\n  keyward domain join join.token --parent before.token --fingerprint 4f0c..."
)]
pub(crate) struct Arguments {
    /// The domain token that admits this module
    token_file: PathBuf,
    /// The domain token of the version before
    #[arg(long, value_name = "FILE")]
    parent: PathBuf,
    /// The domain's fingerprint: 64 digits; spaces and colons between them do not count
    #[arg(long, value_name = "DIGITS", value_parser = fingerprint)]
    fingerprint: Digest,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    let parent = Form::DomainToken.read(&arguments.parent)?.bytes;
    let bytes = Form::DomainToken.read(&arguments.token_file)?.bytes;
    let token = arguments.selection.open(config)?;
    arguments.login.open(&token)?;
    report(token.join(&parent, &bytes, arguments.fingerprint)?)
}

/// Reads a fingerprint as people copy it.
fn fingerprint(text: &str) -> Result<Digest, String> {
    let digits: String = text
        .chars()
        .filter(|one| !matches!(one, ' ' | ':'))
        .collect();
    Digest::from_hex(&digits).ok_or_else(|| "a fingerprint has 64 hexadecimal digits".to_owned())
}
