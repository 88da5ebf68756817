//! `keyward domain request`: changes that operators are asked to approve, as a file that can travel.

use super::words::{HELP, Words};
use super::{heading, installed, now};
use crate::failure::Failure;
use crate::files::{Form, Plain, write};
use crate::output::line;
use crate::select::Selection;
use clap::Args;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::command::{Approvals, Change, Mandate};
use keyward_pkcs11::domain::ids::Digest;
use keyward_pkcs11::domain::state::State;
use keyward_pkcs11::domain::token::Token as DomainToken;
use keyward_pkcs11::error::Error;
use std::path::PathBuf;

/// Arguments of `keyward domain request`.
#[derive(Args)]
#[command(after_help = HELP)]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// Request changes of the version that this domain token holds, not of the installed one
    #[arg(long, value_name = "FILE")]
    of: Option<PathBuf>,
    /// What to change, in this order; see below
    #[arg(required = true, value_name = "CHANGE")]
    changes: Vec<String>,
    #[command(flatten)]
    file: RequestFile,
}

/// Where a request goes, and until when it counts.
#[derive(Args)]
pub(super) struct RequestFile {
    /// The file for the request
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// After how many days the request lapses
    #[arg(long, default_value_t = 7, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=3650))]
    days: u64,
    #[command(flatten)]
    plain: Plain,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    let (state, hash) = match &arguments.of {
        Some(path) => {
            let bytes = Form::DomainToken.read(path)?.bytes;
            let token = DomainToken::parse(&bytes).map_err(Error::from)?;
            (token.public.state, token.hash)
        }
        None => installed(&arguments.selection.open(config)?)?,
    };
    let changes = Words::new(&state).all(&arguments.changes)?;
    arguments.file.write(&state, hash, changes)
}

impl RequestFile {
    /// Writes a request of changes of the installed version.
    pub(super) fn write(
        &self,
        state: &State,
        installed: Digest,
        changes: Vec<Change>,
    ) -> Result<(), Failure> {
        let expires = now().saturating_add(self.days.saturating_mul(86_400));
        let mandate = Mandate::new(state.domain, installed, expires, changes)?;
        let approvals = Approvals::new(mandate);
        let bytes = approvals.encode();
        let contents = self
            .plain
            .contents(Form::Request, &heading(&approvals), bytes)?;
        write(&self.out, &contents)?;
        line(&format!("The request is in {}.", self.out.display()))
    }
}
