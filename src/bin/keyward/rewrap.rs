//! `keyward rewrap`: key tokens that callers hold in files are taken to the active domain key.

use crate::failure::Failure;
use crate::files::{Form, replace};
use crate::output::Output;
use crate::select::{Login, Selection};
use clap::Args;
use keyward_pkcs11::config::Config;
use serde::Serialize;
use std::path::PathBuf;

/// Arguments of `keyward rewrap`.
#[derive(Args)]
#[command(
    after_help = "A file holds one key token, or one key wrapped by AES key wrap under a domain key. Each is replaced \
    whole or not at all. A domain key can be removed when nothing is left under it.\n\n\
    Example:\n  keyward rewrap keys/*.token"
)]
pub(crate) struct Rewrap {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// What was done, as printed.
#[derive(Serialize, Default)]
struct Report {
    found: usize,
    rewrapped: usize,
    current: usize,
    failed: usize,
}

/// Runs the command.
pub(crate) fn run(arguments: &Rewrap, output: &Output) -> Result<(), Failure> {
    let token = arguments.selection.open(&Config::load()?)?;
    arguments.login.open(&token)?;
    let mut report = Report::default();
    for path in &arguments.files {
        report.found += 1;
        let done = Form::KeyToken
            .read(path)
            .and_then(|held| match token.rewrap(&held.bytes)? {
                Some(fresh) => {
                    let fresh = Form::KeyToken.like(&held, "key token", fresh)?;
                    replace(path, &fresh).map(|()| true)
                }
                None => Ok(false),
            });
        match done {
            Ok(true) => report.rewrapped += 1,
            Ok(false) => report.current += 1,
            Err(cause) => {
                report.failed += 1;
                // A file that cannot be read names itself.
                if let Failure::File(cause) = cause {
                    eprintln!("keyward: {cause}");
                } else {
                    eprintln!("keyward: {}: {cause}", path.display());
                }
            }
        }
    }
    output.print(&report, |report| {
        format!(
            "found {} = re-wrapped {} + current {} + failed {}",
            report.found, report.rewrapped, report.current, report.failed
        )
    })?;
    if report.failed > 0 {
        return Err(Failure::Findings(format!(
            "{} files could not be re-wrapped",
            report.failed
        )));
    }
    Ok(())
}
