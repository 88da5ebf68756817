//! `keyward domain explain`: what a file says, before anybody signs or installs it.

use super::shown;
use crate::failure::Failure;
use crate::files::read_any;
use crate::output::Output;
use clap::Args;
use keyward_pkcs11::domain::command::Approvals;
use keyward_pkcs11::domain::token::Token as DomainToken;
use keyward_pkcs11::error::Error;
use std::path::PathBuf;

/// Arguments of `keyward domain explain`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward domain explain add.request")]
pub(crate) struct Arguments {
    /// A request or a domain token
    file: PathBuf,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let bytes = read_any(&arguments.file)?.bytes;
    if let Ok(token) = DomainToken::parse(&bytes) {
        return shown::print(&token.public.state, token.hash, output);
    }
    let approvals = Approvals::parse(&bytes).map_err(Error::from)?;
    shown::print_request(&approvals, output)
}
