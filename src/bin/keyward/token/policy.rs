//! `keyward token policy`: the security officer of a lone token says how keys that are sensitive but may
//! leave are guarded.

use crate::domain::now;
use crate::failure::Failure;
use crate::output::line;
use crate::pins::SoPin;
use crate::select::Selection;
use clap::{Args, ValueEnum};
use keyward_pkcs11::config::Config;
use keyward_pkcs11::crypto::random::ThreadGenerator;
use keyward_pkcs11::domain::command::{Approvals, Change, Mandate};
use keyward_pkcs11::domain::state::policy::{Policy, Wrapping};
use keyward_pkcs11::domain::token::build::{Proposal, propose};
use keyward_pkcs11::error::Error;
use keyward_pkcs11::token::{Role, Token, Unlocked};

/// For how long the mandate of this one change is good, in seconds.
const MANDATE_LIFETIME: u64 = 3_600;

/// Arguments of `keyward token policy`.
#[derive(Args)]
#[command(
    after_help = "guarded, as every token begins, stops the known ways of reading such keys through a second key; \
    standard allows what PKCS#11 allows. Keys that cannot leave are guarded whatever is said here. The \
    setting policy = \"guarded\" in keyward.toml outranks it for a process. Where operators govern, they \
    decide: keyward domain request policy.set:wrapping=standard.\n\n\
    Example:\n  keyward token policy standard --token mine"
)]
pub(crate) struct Arguments {
    /// The level
    level: Level,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    so_pin: SoPin,
}

/// How such keys are guarded.
#[derive(Clone, Copy, ValueEnum)]
enum Level {
    /// Wrapped under trusted or protected keys only
    Guarded,
    /// Wrapped as PKCS#11 allows
    Standard,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    let pin = arguments.so_pin.current()?;
    let unlocked = token.login(Role::SecurityOfficer, pin.expose())?;
    let state = &unlocked.domain().state;
    if state.governance.has_operators() {
        return Err(Failure::Usage(
            "operators decide: keyward domain request policy.set:wrapping=...".to_owned(),
        ));
    }
    let wrapping = match arguments.level {
        Level::Guarded => Wrapping::Guarded,
        Level::Standard => Wrapping::Standard,
    };
    if state.policy.wrapping != wrapping {
        let policy = Policy {
            wrapping,
            ..state.policy.clone()
        };
        change(&token, &unlocked, Change::PolicySet(Box::new(policy)))?;
    }
    line(match arguments.level {
        Level::Guarded => "Keys that are sensitive but may leave are guarded.",
        Level::Standard => {
            "Keys that are sensitive but may leave can be read by whoever may use the token, through a second key."
        }
    })
}

/// Makes a change of a domain without operators, and installs it.
fn change(token: &Token, unlocked: &Unlocked, change: Change) -> Result<(), Failure> {
    let (domain, identity) = (unlocked.domain(), unlocked.identity());
    let expires = now().saturating_add(MANDATE_LIFETIME);
    let mandate = Mandate::new(domain.state.domain, domain.hash, expires, vec![change])?;
    let mut approvals = Approvals::new(mandate);
    approvals.approve_as_member(identity.id(), &*identity)?;
    let proposal = Proposal {
        installed: &domain,
        ring: &*token.keyring(unlocked)?,
        approvals: &approvals,
        count: 1,
        running: Vec::new(),
        renewals: Vec::new(),
    };
    let made = propose(&proposal, &identity, now(), &mut ThreadGenerator).map_err(Error::from)?;
    token.ingest(&made)?;
    Ok(())
}
