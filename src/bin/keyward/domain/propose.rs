//! `keyward domain propose`: a member makes the next version out of an approved request.

use super::{approvals_in, now, proposed, shown};
use crate::failure::Failure;
use crate::files::{Form, write};
use crate::output::line;
use crate::select::{Login, Selection};
use clap::Args;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::crypto::random::ThreadGenerator;
use keyward_pkcs11::domain::command::Approvals;
use keyward_pkcs11::domain::ingest::next_change;
use keyward_pkcs11::domain::state::member::Card;
use keyward_pkcs11::domain::token::build::{Proposal, propose};
use keyward_pkcs11::domain::token::running::Running;
use keyward_pkcs11::error::Error;
use keyward_pkcs11::token::{Role, Token, Unlocked};
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
    /// How many of the request's next changes to make; all that one version can, if left out
    #[arg(long, value_name = "N")]
    changes: Option<usize>,
    /// Another member's word that it runs the installed version; once for each
    #[arg(long, value_name = "FILE")]
    running: Vec<PathBuf>,
    /// Another member's new card; once for each
    #[arg(long, value_name = "FILE")]
    renewal: Vec<PathBuf>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    let mut approvals = approvals_in(&arguments.requests)?;
    let token = arguments.selection.open(config)?;
    let unlocked = arguments.login.open(&token)?;
    let domain = unlocked.domain();
    approve_alone(&unlocked, &mut approvals)?;
    let first = next_change(&domain, &approvals).map_err(Error::from)?;
    let all = &approvals.mandate().changes;
    let left = all
        .get(usize::try_from(first).unwrap_or(usize::MAX)..)
        .unwrap_or_default();
    let removes = left.iter().any(|change| change.needs_renewals());
    let ring = token.keyring(&unlocked)?;
    let proposal = Proposal {
        installed: &domain,
        ring: &ring,
        approvals: &approvals,
        count: arguments.changes.unwrap_or_default(),
        running: arguments
            .running
            .iter()
            .map(|path| statement(path))
            .collect::<Result<_, _>>()?,
        renewals: renewals(&arguments.renewal, removes.then_some(&token))?,
    };
    // The identity is read again: it may have a new agreement key waiting.
    let identity = unlocked.identity();
    let (reach, obstacle) = match arguments.changes {
        Some(count) => (count, None),
        None => proposal.reach(&identity, now()).map_err(Error::from)?,
    };
    let proposal = Proposal {
        count: reach,
        ..proposal
    };
    let made = propose(&proposal, &identity, now(), &mut ThreadGenerator).map_err(Error::from)?;
    write(&arguments.out, &made)?;
    proposed(domain.state.version.saturating_add(1), &made)?;
    match (left.get(reach), obstacle) {
        (Some(next), Some(why)) => line(&format!(
            "The request goes on, in a later version, with {}.\nNot in this one: {why}.",
            shown::describe(next)
        )),
        _ => Ok(()),
    }
}

/// In a domain without operators the security officer of its only member decides.
fn approve_alone(unlocked: &Unlocked, approvals: &mut Approvals) -> Result<(), Failure> {
    if unlocked.domain().state.governance.has_operators() {
        return Ok(());
    }
    if unlocked.role() != Role::SecurityOfficer {
        return Err(Failure::Usage(
            "the domain has no operators: the security officer decides (--so)".to_owned(),
        ));
    }
    let identity = unlocked.identity();
    Ok(approvals.approve_as_member(identity.id(), &*identity)?)
}

/// A member's word in a file.
fn statement(path: &Path) -> Result<Running, Failure> {
    let contents = Form::Statement.read(path)?;
    Ok(Running::parse(&contents.bytes).map_err(Error::from)?)
}

/// New cards in files, and that of this member where one is needed.
fn renewals(paths: &[PathBuf], own: Option<&Token>) -> Result<Vec<Card>, Failure> {
    let mut cards = Vec::new();
    for path in paths {
        let contents = Form::ModuleCard.read(path)?;
        cards.push(Card::parse(&contents.bytes).map_err(Error::from)?);
    }
    if let Some(token) = own {
        let card = token.renew_identity()?;
        cards.retain(|other| other.id() != card.id());
        cards.push(card);
    }
    Ok(cards)
}
