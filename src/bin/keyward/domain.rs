//! `keyward domain`: the domain that a token belongs to, and how it changes: a request is made, operators
//! approve it, a member proposes the next version, and the members install it.

mod create;
mod diff;
mod events;
mod explain;
mod fingerprint;
mod ingest;
mod install;
mod join;
mod merge;
mod operators;
mod propose;
mod repair;
mod request;
mod rotate;
mod settings;
mod settle;
mod shown;
mod statement;
mod words;

use crate::failure::Failure;
use crate::files::Form;
use crate::output::{Output, line};
use crate::select::Selection;
use clap::{Args, Subcommand};
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::command::Approvals;
use keyward_pkcs11::domain::ids::Digest;
use keyward_pkcs11::domain::state::State;
use keyward_pkcs11::error::Error;
use keyward_pkcs11::token::Token;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// What to do with a domain.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show the installed version: members, operators, rules and domain keys
    Show(Show),
    /// Print what a security officer compares before a module joins
    Fingerprint(fingerprint::Arguments),
    /// Request that operators govern the token's domain from now on
    Create(create::Arguments),
    /// Request changes of the domain
    Request(request::Arguments),
    /// Say what a request or a domain token holds
    Explain(explain::Arguments),
    /// Put the approvals of several copies of a request together
    Merge(merge::Arguments),
    /// Make the domain token of the next version out of an approved request
    Propose(propose::Arguments),
    /// Write this member's word that all its processes run the installed version
    Statement(statement::Arguments),
    /// Install a domain token
    Ingest(ingest::Arguments),
    /// Join a domain: install the token that admits this module
    Join(join::Arguments),
    /// Publish a domain token for every member, and install it here
    Install(install::Install),
    /// Take the versions that the repository has and this token has not
    Follow(install::Follow),
    /// Say which member runs which version, and what is under which domain key
    Status(install::Status),
    /// Carry out an approved rotation of the domain key
    Rotate(rotate::Rotate),
    /// Give the repository the versions that it lacks, after an older copy of it was restored
    Repair(repair::Arguments),
    /// End a fork in favour of the installed version
    Settle(settle::Arguments),
    /// Say in what two versions differ
    Diff(diff::Arguments),
    /// Say why domain tokens and requests were refused, newest first
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

/// Runs a command.
pub(crate) fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    let config = Config::load()?;
    match command {
        Command::Show(arguments) => {
            let (state, hash) = installed(&arguments.selection.open(&config)?)?;
            shown::print(&state, hash, output)
        }
        Command::Fingerprint(arguments) => fingerprint::run(arguments, &config, output),
        Command::Create(arguments) => create::run(arguments, &config),
        Command::Request(arguments) => request::run(arguments, &config),
        Command::Explain(arguments) => explain::run(arguments, output),
        Command::Merge(arguments) => merge::run(arguments),
        Command::Propose(arguments) => propose::run(arguments, &config),
        Command::Statement(arguments) => statement::run(arguments, &config),
        Command::Ingest(arguments) => ingest::run(arguments, &config),
        Command::Join(arguments) => join::run(arguments, &config),
        Command::Install(arguments) => install::install(arguments, &config),
        Command::Follow(arguments) => install::follow(arguments, &config),
        Command::Status(arguments) => install::status(arguments, &config, output),
        Command::Rotate(arguments) => rotate::rotate(arguments, &config, output),
        Command::Repair(arguments) => repair::run(arguments, &config),
        Command::Settle(arguments) => settle::run(arguments, &config),
        Command::Diff(arguments) => diff::run(arguments, &config, output),
        Command::Why(arguments) => events::refused(&arguments.selection.open(&config)?, output),
        Command::History(arguments) => events::all(&arguments.selection.open(&config)?, output),
    }
}

/// The installed version of a token's domain, as anybody may read it, and its token's hash.
pub(crate) fn installed(token: &Token) -> Result<(State, Digest), Failure> {
    Ok(token.domain_state()?)
}

/// The request in several copies, with all their approvals.
pub(crate) fn approvals_in(paths: &[PathBuf]) -> Result<Approvals, Failure> {
    let mut merged: Option<Approvals> = None;
    for path in paths {
        let contents = Form::Request.read(path)?;
        let approvals = Approvals::parse(&contents.bytes).map_err(Error::from)?;
        match &mut merged {
            None => merged = Some(approvals),
            Some(all) if all.hash() == approvals.hash() => all.merge(approvals)?,
            Some(_) => {
                let why = format!("{}: it is another request than the first", path.display());
                return Err(Failure::Usage(why));
            }
        }
    }
    merged.ok_or_else(|| Failure::Usage("name a request".to_owned()))
}

/// Passes on what was read from files that came for a token; damage is kept as an event there.
pub(crate) fn received<T>(
    (token, kind): (&Token, &str),
    files: &[PathBuf],
    read: Result<T, Failure>,
) -> Result<T, Failure> {
    if let Err(failure) = &read
        && files.iter().all(|path| path.is_file())
    {
        // What is wrong with the file is told, even where it cannot be kept.
        let _kept = token.note(kind, &failure.to_string());
    }
    read
}

/// What stands above a request as text.
pub(crate) fn heading(approvals: &Approvals) -> String {
    let mandate = approvals.mandate();
    let mut kinds: Vec<&str> = Vec::new();
    for change in &mandate.changes {
        let name = change.kind().name();
        if !kinds.contains(&name) {
            kinds.push(name);
        }
    }
    let more = if kinds.len() > 4 { " and more" } else { "" };
    kinds.truncate(4);
    format!(
        "domain request: {}{more}; lapses {}; signatures: {}; look with keyward domain explain",
        kinds.join(", "),
        crate::output::time(mandate.expires),
        approvals.signed().signatures.len()
    )
}

/// Says that a version was made.
pub(crate) fn proposed(version: u64, token: &[u8]) -> Result<(), Failure> {
    line(&format!(
        "Version {version} of the domain is proposed: {} bytes.",
        token.len()
    ))
}

/// Seconds since 1970-01-01 UTC.
pub(crate) fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
