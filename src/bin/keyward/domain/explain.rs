//! `keyward domain explain`: what a file says, before anybody signs or installs it.

use super::shown;
use crate::failure::Failure;
use crate::files::{Form, read_any};
use crate::output::{Output, fields, time};
use clap::Args;
use keyward_pkcs11::domain::command::Approvals;
use keyward_pkcs11::domain::token::Token as DomainToken;
use keyward_pkcs11::domain::token::running::Running;
use keyward_pkcs11::error::Error;
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `keyward domain explain`.
#[derive(Args)]
#[command(
    after_help = "Cards are shown by keyward module show, keyward operator show and keyward recovery show.\n\n\
    Example:\n  keyward domain explain add.request"
)]
pub(crate) struct Arguments {
    /// A request, a domain token or a running statement
    file: PathBuf,
}

/// A running statement, as printed. Whether its member signed it is checked where it is used.
#[derive(Serialize)]
struct Statement {
    member: String,
    domain: String,
    version: u64,
    token: String,
    at: String,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let bytes = read_any(&arguments.file)?.bytes;
    if let Ok(token) = DomainToken::parse(&bytes) {
        return shown::print(&token.public.state, token.hash, output);
    }
    if let Ok(word) = Running::parse(&bytes) {
        return print(&word, output);
    }
    // Read as a request, so that another file is called what it is.
    let bytes = Form::Request.read(&arguments.file)?.bytes;
    let approvals = Approvals::parse(&bytes).map_err(Error::from)?;
    shown::print_request(&approvals, output)
}

fn print(word: &Running, output: &Output) -> Result<(), Failure> {
    let statement = Statement {
        member: word.member.to_string(),
        domain: word.domain.to_string(),
        version: word.version,
        token: word.token.to_string(),
        at: time(word.at),
    };
    output.print(&statement, |statement| {
        fields(&[
            ("member", statement.member.clone()),
            ("domain", statement.domain.clone()),
            ("runs version", statement.version.to_string()),
            ("of token", statement.token.clone()),
            ("since", statement.at.clone()),
        ])
    })
}
