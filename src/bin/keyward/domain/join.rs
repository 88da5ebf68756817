//! `keyward domain join`: a module takes its first token of a domain that its security officer named.

use super::ingest::{report, token_in};
use crate::failure::Failure;
use crate::select::{Login, Selection};
use clap::Args;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::ids::Digest;
use keyward_pkcs11::token::Token;
use std::path::PathBuf;

/// Arguments of `keyward domain join`.
#[derive(Args)]
#[command(
    after_help = "The module's card (keyward module card) goes to the operators, who request member.add. Back come \
    the token that admits it and the one before, or both are in the repository that the settings name. \
    The fingerprint comes another way: keyward domain fingerprint on a member, read out over the \
    telephone, say.\n\n\
    Examples:\n  keyward domain join --fingerprint 4f0c...\n  \
    keyward domain join join.token --parent before.token --fingerprint 4f0c..."
)]
pub(crate) struct Arguments {
    /// The domain token that admits this module; that of the repository, if left out
    #[arg(requires = "parent")]
    token_file: Option<PathBuf>,
    /// The domain token of the version before
    #[arg(long, value_name = "FILE", requires = "token_file")]
    parent: Option<PathBuf>,
    /// The domain's fingerprint: 64 digits; spaces and colons between them do not count
    #[arg(long, value_name = "DIGITS", value_parser = fingerprint)]
    fingerprint: Digest,
    /// Bring the token's objects along: every member of the domain can use them then
    #[arg(long, conflicts_with = "discard_objects")]
    bring_objects: bool,
    /// Destroy the token's objects first
    #[arg(long)]
    discard_objects: bool,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    let files = match (&arguments.parent, &arguments.token_file) {
        (Some(parent), Some(own)) => Some((token_in(&token, parent)?, token_in(&token, own)?)),
        _ => None,
    };
    arguments.login.open(&token)?;
    settle_objects(arguments, &token)?;
    report(match files {
        Some((parent, own)) => token.join(&parent, &own, arguments.fingerprint)?,
        None => token.join_repository(arguments.fingerprint)?,
    })
}

/// What the token has is brought along or destroyed as told, and never by oversight.
fn settle_objects(arguments: &Arguments, token: &Token) -> Result<(), Failure> {
    let objects = token.own_objects()?;
    if objects == 0 || arguments.bring_objects {
        return Ok(());
    }
    if arguments.discard_objects {
        return Ok(token.discard_own_objects()?);
    }
    Err(Failure::Usage(format!(
        "the token has {objects} objects: say --bring-objects or --discard-objects"
    )))
}

/// Reads a fingerprint as people copy it.
fn fingerprint(text: &str) -> Result<Digest, String> {
    let digits: String = text
        .chars()
        .filter(|one| !matches!(one, ' ' | ':'))
        .collect();
    Digest::from_hex(&digits).ok_or_else(|| "a fingerprint has 64 hexadecimal digits".to_owned())
}
