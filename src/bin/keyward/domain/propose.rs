//! `keyward domain propose`: a member makes the next version out of an approved request.

use super::{approvals_in, proposed, received, shown};
use crate::failure::Failure;
use crate::files::{Form, write};
use crate::output::line;
use crate::select::{Login, Selection};
use clap::Args;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::state::member::Card;
use keyward_pkcs11::domain::token::running::Running;
use keyward_pkcs11::error::Error;
use keyward_pkcs11::token::{Contributed, REQUEST_REFUSED};
use std::path::{Path, PathBuf};

/// Arguments of `keyward domain propose`.
#[derive(Args)]
#[command(
    after_help = "A request of several changes may become several versions, one after the other: the next version \
    makes all that one can. A new domain key becomes active in a version of its own, once every member \
    says that it runs the one that added it (keyward domain statement there, --running here); a final \
    key.remove needs a new card of every member (keyward module renew there, --renewal here).\n\n\
    Examples:\n  keyward domain propose add.request --out add.token\n  \
    keyward domain propose alice.request bob.request --running north.running --running south.running \\\n    \
    --out activate.token"
)]
pub(crate) struct Arguments {
    /// The approved request, in one copy or several
    #[arg(required = true, value_name = "REQUEST")]
    requests: Vec<PathBuf>,
    /// The file for the domain token
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Write text, which mail leaves whole, not bare bytes
    #[arg(long)]
    text: bool,
    /// How many of the request's next changes to make; all that one version can, if left out
    #[arg(long, value_name = "N")]
    changes: Option<usize>,
    /// Another member's word that it runs the installed version; once for each
    #[arg(long, value_name = "FILE")]
    running: Vec<PathBuf>,
    /// Another member's new card; once for each
    #[arg(long, value_name = "FILE")]
    renewal: Vec<PathBuf>,
    /// Remove a domain key though objects or key tokens that callers hold may be under it: they are lost
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    let kind = (&token, REQUEST_REFUSED);
    let mut approvals = received(kind, &arguments.requests, approvals_in(&arguments.requests))?;
    let unlocked = arguments.login.open(&token)?;
    let given = Contributed {
        running: arguments
            .running
            .iter()
            .map(|path| statement(path))
            .collect::<Result<_, _>>()?,
        renewals: arguments
            .renewal
            .iter()
            .map(|path| renewal(path))
            .collect::<Result<_, _>>()?,
        force: arguments.force,
    };
    let left = token.changes_left(&approvals)?;
    let made = token.propose(&mut approvals, arguments.changes, given)?;
    let version = unlocked.domain().state.version.saturating_add(1);
    if arguments.text {
        let heading = format!("domain token: version {version}; look with keyward domain explain");
        write(
            &arguments.out,
            &Form::DomainToken.text(&heading, &made.token)?,
        )?;
    } else {
        write(&arguments.out, &made.token)?;
    }
    proposed(version, &made.token)?;
    let changes = &approvals.mandate().changes;
    let next = changes
        .len()
        .saturating_sub(left)
        .saturating_add(made.changes);
    match (changes.get(next), made.obstacle) {
        (Some(next), Some(why)) => line(&format!(
            "The request goes on, in a later version, with {}.\nNot in this one: {why}.",
            shown::describe(next)
        )),
        _ => Ok(()),
    }
}

/// A member's word in a file.
fn statement(path: &Path) -> Result<Running, Failure> {
    let contents = Form::Statement.read(path)?;
    Ok(Running::parse(&contents.bytes).map_err(Error::from)?)
}

/// A member's new card in a file.
fn renewal(path: &Path) -> Result<Card, Failure> {
    let contents = Form::ModuleCard.read(path)?;
    Ok(Card::parse(&contents.bytes).map_err(Error::from)?)
}
