//! `keyward domain statement`: a member's signed word that it runs the installed version.

use super::now;
use crate::failure::Failure;
use crate::files::{Form, Plain, write};
use crate::output::line;
use crate::select::{Login, Selection};
use clap::Args;
use keyward_pkcs11::config::Config;
use std::path::PathBuf;

/// Arguments of `keyward domain statement`.
#[derive(Args)]
#[command(
    after_help = "A member runs a version when every process that has its token open does. A process that is idle \
    and watches for nothing may have to be ended.\n\n\
    Example:\n  keyward domain statement --out north.running"
)]
pub(crate) struct Arguments {
    /// The file for the statement
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    plain: Plain,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    arguments.login.open(&token)?;
    let word = token.statement(now())?;
    let heading = format!(
        "running statement: member {} runs version {}",
        word.member, word.version
    );
    let contents = arguments
        .plain
        .contents(Form::Statement, &heading, word.encode())?;
    write(&arguments.out, &contents)?;
    line(&format!(
        "Member {} runs version {}: its word is in {}.",
        word.member,
        word.version,
        arguments.out.display()
    ))
}
