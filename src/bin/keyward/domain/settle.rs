//! `keyward domain settle`: the security officer ends a fork in favour of the installed version.

use crate::failure::Failure;
use crate::files::write;
use crate::output::line;
use crate::pins::SoPin;
use crate::select::Selection;
use clap::Args;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::token::build::token_hash;
use keyward_pkcs11::error::Error;
use keyward_pkcs11::token::Role;
use std::path::PathBuf;

/// Arguments of `keyward domain settle`.
#[derive(Args)]
#[command(
    after_help = "Two tokens of one version exist: somebody proposed the same change twice, or a member was copied. Find \
    out first: keyward domain history says who made which, keyward domain explain what the evidence \
    holds. Settle on every member that has the right one; a member that has the other one must join anew.\n\n\
    Example:\n  keyward domain settle --evidence other.token"
)]
pub(crate) struct Arguments {
    /// A file for the other token
    #[arg(long, value_name = "FILE")]
    evidence: PathBuf,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    so_pin: SoPin,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    let other = token.fork()?;
    let other = other.ok_or_else(|| Error::DomainRule("the domain is not forked".into()))?;
    token.login(Role::SecurityOfficer, arguments.so_pin.current()?.expose())?;
    write(&arguments.evidence, &other)?;
    let other = token.settle_fork()?;
    line(&format!(
        "The installed version counts; the other token, {}, is in {}.",
        token_hash(&other),
        arguments.evidence.display()
    ))
}
