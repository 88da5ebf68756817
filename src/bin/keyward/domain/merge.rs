//! `keyward domain merge`: the approvals that operators gave to copies of a request, in one file.

use super::{approvals_in, heading};
use crate::failure::Failure;
use crate::files::{Form, Plain, write};
use crate::output::line;
use clap::Args;
use std::path::PathBuf;

/// Arguments of `keyward domain merge`.
#[derive(Args)]
#[command(after_help = "keyward domain propose takes several copies too.\n\n\
    Example:\n  keyward domain merge alice.request bob.request --out both.request")]
pub(crate) struct Arguments {
    /// The copies of the request
    #[arg(required = true, value_name = "REQUEST")]
    requests: Vec<PathBuf>,
    /// The file for the request with all approvals
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    plain: Plain,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let approvals = approvals_in(&arguments.requests)?;
    let contents =
        arguments
            .plain
            .contents(Form::Request, &heading(&approvals), approvals.encode())?;
    write(&arguments.out, &contents)?;
    let count = approvals.signed().signatures.len();
    line(&format!(
        "The request is in {}. Signatures: {count}.",
        arguments.out.display()
    ))
}
