//! `keyward domain`: the domain that a token belongs to, and how it changes: a request is made, operators
//! approve it, a member proposes the next version, and the members install it.

mod changes;
mod shown;

use crate::failure::Failure;
use crate::operator::read_card;
use crate::output::{Output, Table, line, time};
use crate::select::{Login, Selection};
use clap::{Args, Subcommand};
use keyward_pkcs11::config::Config;
use keyward_pkcs11::crypto::random::ThreadGenerator;
use keyward_pkcs11::domain::command::{Approvals, Mandate};
use keyward_pkcs11::domain::ingest::next_change;
use keyward_pkcs11::domain::state::State;
use keyward_pkcs11::domain::token::Token as DomainToken;
use keyward_pkcs11::domain::token::build::{Proposal, propose, token_hash};
use keyward_pkcs11::error::Error;
use keyward_pkcs11::storage::Event;
use keyward_pkcs11::token::{Ingested, REFUSED, Token};
use serde::Serialize;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// How many events are shown.
const EVENTS: usize = 1_000;

/// What to do with a domain.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the installed version: members, operators, rules and domain keys
    Show(Show),
    /// Request that operators govern the token's domain from now on
    Create(Create),
    /// Request changes of the domain
    Request(Request),
    /// Say what a request or a domain token holds
    Explain(Explain),
    /// Make the domain token of the next version out of an approved request
    Propose(Propose),
    /// Install a domain token
    Ingest(Ingest),
    /// Say why domain tokens were refused, newest first
    Why(Show),
    /// List what happened to the domain, newest first
    History(Show),
}

/// Arguments of `keyward domain show`, `why` and `history`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward domain show --token mine")]
pub(crate) struct Show {
    #[command(flatten)]
    selection: Selection,
}

/// Arguments of `keyward domain create`.
#[derive(Args)]
#[command(
    after_help = "A new token has a domain of its own, governed by its security officer. This asks \
    for operators to take over: enough of them approve it, then the security officer proposes it.\n\n\
    Example:\n  keyward domain create --operator alice.card --operator bob.card --quorum 2 --out found.request\n  \
    keyward operator approve found.request --key alice.key\n  \
    keyward operator approve found.request --key bob.key\n  \
    keyward domain propose found.request --so --out found.token\n  \
    keyward domain ingest found.token"
)]
pub(crate) struct Create {
    #[command(flatten)]
    selection: Selection,
    /// The card of an operator; once for each
    #[arg(long, value_name = "CARD", required = true)]
    operator: Vec<PathBuf>,
    /// How many operators must approve a change: more than half; the fewest, if left out
    #[arg(long, value_name = "N")]
    quorum: Option<u64>,
    /// The role that the operators have
    #[arg(long, default_value = "operator")]
    role: String,
    /// What people call the domain
    #[arg(long)]
    label: Option<String>,
    #[command(flatten)]
    file: RequestFile,
}

/// Arguments of `keyward domain request`.
#[derive(Args)]
#[command(after_help = changes::HELP)]
pub(crate) struct Request {
    #[command(flatten)]
    selection: Selection,
    /// What to change, in this order; see below
    #[arg(required = true, value_name = "CHANGE")]
    changes: Vec<String>,
    #[command(flatten)]
    file: RequestFile,
}

/// Where a request goes, and until when it counts.
#[derive(Args)]
struct RequestFile {
    /// The file for the request
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// After how many days the request lapses
    #[arg(long, default_value_t = 7, value_name = "DAYS", value_parser = clap::value_parser!(u64).range(1..=3650))]
    days: u64,
}

/// Arguments of `keyward domain explain`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward domain explain add.request")]
pub(crate) struct Explain {
    /// A request or a domain token
    file: PathBuf,
}

/// Arguments of `keyward domain propose`.
#[derive(Args)]
#[command(
    after_help = "A request of several changes may become several versions, one after the other: \
    --changes 1 makes the next change only.\n\nExample:\n  keyward domain propose add.request --out add.token"
)]
pub(crate) struct Propose {
    /// The approved request
    request: PathBuf,
    /// The file for the domain token
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// How many of the request's next changes to make; all, if left out
    #[arg(long, value_name = "N")]
    changes: Option<usize>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// Arguments of `keyward domain ingest`.
#[derive(Args)]
#[command(
    after_help = "The same is done by any PKCS#11 program that writes the domain token as a data \
    object:\n  pkcs11-tool --module libkeyward_pkcs11.so --login --write-object add.token --type data \\\n    \
    --application-label keyward.domain-token --label add\n\n\
    Example:\n  keyward domain ingest add.token"
)]
pub(crate) struct Ingest {
    /// The domain token
    token_file: PathBuf,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// Runs a command.
pub(crate) fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    let config = Config::load()?;
    match command {
        Command::Show(arguments) => {
            let (state, bytes) = installed(&arguments.selection.open(&config)?)?;
            shown::print(&state, token_hash(&bytes), output)
        }
        Command::Create(arguments) => create(arguments, &config),
        Command::Request(arguments) => request(arguments, &config),
        Command::Explain(arguments) => explain(arguments, output),
        Command::Propose(arguments) => make_token(arguments, &config),
        Command::Ingest(arguments) => ingest(arguments, &config),
        Command::Why(arguments) => {
            let token = arguments.selection.open(&config)?;
            events(&token, |event| event.kind == REFUSED, output)
        }
        Command::History(arguments) => {
            events(&arguments.selection.open(&config)?, |_| true, output)
        }
    }
}

fn create(arguments: &Create, config: &Config) -> Result<(), Failure> {
    let (state, bytes) = installed(&arguments.selection.open(config)?)?;
    if state.governance.has_operators() {
        return Err(Failure::Usage(
            "the domain has operators already".to_owned(),
        ));
    }
    let cards = arguments
        .operator
        .iter()
        .map(|path| read_card(path))
        .collect::<Result<_, _>>()?;
    let made = changes::founding(
        cards,
        arguments.quorum,
        &arguments.role,
        arguments.label.as_deref(),
    )?;
    arguments.file.write(&state, &bytes, made)
}

fn request(arguments: &Request, config: &Config) -> Result<(), Failure> {
    let (state, bytes) = installed(&arguments.selection.open(config)?)?;
    let parsed = arguments
        .changes
        .iter()
        .map(|text| changes::parse(text, &state));
    let changes = parsed.collect::<Result<_, _>>()?;
    arguments.file.write(&state, &bytes, changes)
}

fn explain(arguments: &Explain, output: &Output) -> Result<(), Failure> {
    let bytes = read(&arguments.file)?;
    if let Ok(token) = DomainToken::parse(&bytes) {
        return shown::print(&token.public.state, token_hash(&bytes), output);
    }
    let approvals = Approvals::parse(&bytes).map_err(Error::from)?;
    shown::print_request(&approvals, output)
}

fn make_token(arguments: &Propose, config: &Config) -> Result<(), Failure> {
    let mut approvals = Approvals::parse(&read(&arguments.request)?).map_err(Error::from)?;
    let token = arguments.selection.open(config)?;
    let unlocked = arguments.login.open(&token)?;
    let (domain, identity) = (unlocked.domain(), unlocked.identity());
    if !domain.state.governance.has_operators() {
        if unlocked.role() != keyward_pkcs11::token::Role::SecurityOfficer {
            return Err(Failure::Usage(
                "the domain has no operators: the security officer decides (--so)".to_owned(),
            ));
        }
        approvals.approve_as_member(identity.id(), &*identity)?;
    }
    let all = &approvals.mandate().changes;
    let first = next_change(&domain, &approvals).map_err(Error::from)?;
    let left = all
        .len()
        .saturating_sub(usize::try_from(first).unwrap_or(usize::MAX));
    let count = arguments.changes.unwrap_or(left);
    let renewals = if all.iter().any(|change| change.needs_renewals()) {
        vec![token.renew_identity()?]
    } else {
        Vec::new()
    };
    let ring = token.keyring(&unlocked)?;
    // The identity is read again: it may have a new agreement key waiting.
    let identity = unlocked.identity();
    let proposal = Proposal {
        installed: &domain,
        ring: &ring,
        approvals: &approvals,
        count,
        running: Vec::new(),
        renewals,
    };
    let made = propose(&proposal, &identity, now(), &mut ThreadGenerator).map_err(Error::from)?;
    write(&arguments.out, &made)?;
    let version = domain.state.version.saturating_add(1);
    line(&format!(
        "Version {version} of the domain is proposed: {} bytes.",
        made.len()
    ))
}

fn ingest(arguments: &Ingest, config: &Config) -> Result<(), Failure> {
    let bytes = read(&arguments.token_file)?;
    let token = arguments.selection.open(config)?;
    arguments.login.open(&token)?;
    match token.ingest(&bytes)? {
        Ingested::NoOp => line("This version is installed already."),
        Ingested::Installed(version) => line(&format!("Version {version} is installed.")),
        Ingested::Dismissed(version) => line(&format!(
            "Version {version} is installed. This token is no active member of it: the domain's keys are erased."
        )),
        Ingested::Fork => Err(Failure::Findings(
            "another token of the installed version exists: no version is taken until it is clear who made it"
                .to_owned(),
        )),
    }
}

/// One event, as printed.
#[derive(Serialize)]
struct Happened {
    time: String,
    what: String,
    details: String,
}

fn events(token: &Token, wanted: impl Fn(&Event) -> bool, output: &Output) -> Result<(), Failure> {
    let events = token.events(EVENTS)?;
    let happened: Vec<Happened> = events
        .into_iter()
        .filter(|event| wanted(event))
        .map(|event| Happened {
            time: time(event.time),
            what: event.kind,
            details: event.text,
        })
        .collect();
    output.print(&happened, |happened| {
        let mut table = Table::new(&["time", "what", "details"]);
        for event in happened {
            table.row(vec![
                event.time.clone(),
                event.what.clone(),
                event.details.clone(),
            ]);
        }
        table.text("nothing so far")
    })
}

impl RequestFile {
    fn write(
        &self,
        state: &State,
        installed: &[u8],
        changes: Vec<keyward_pkcs11::domain::command::Change>,
    ) -> Result<(), Failure> {
        let expires = now().saturating_add(self.days.saturating_mul(86_400));
        let mandate = Mandate::new(state.domain, token_hash(installed), expires, changes)?;
        let approvals = Approvals::new(mandate);
        write(&self.out, &approvals.encode())?;
        line(&format!("The request is in {}.", self.out.display()))
    }
}

/// The installed version of a token's domain, as anybody may read it, and its domain token.
fn installed(token: &Token) -> Result<(State, Vec<u8>), Failure> {
    let bytes = token.domain_token()?;
    let parsed = DomainToken::parse(&bytes).map_err(Error::from)?;
    Ok((parsed.public.state, bytes))
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

/// Reads a file whole.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|cause| Failure::file(path, &cause))
}

/// Writes a new file, for its owner only; one that exists is never overwritten.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let written = made.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|cause| Failure::file(path, &cause))
}

/// Puts new contents in the place of a file's, whole or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let aside = path.with_file_name(name);
    write(&aside, bytes)?;
    fs::rename(&aside, path).map_err(|cause| Failure::file(path, &cause))
}
