//! `keyward operator session`: an operator opens a session with one member, and asks any member of the domain
//! for things in it. The messages are files, so that the member may be elsewhere.

mod asking;
mod opening;
mod results;
mod upkeep;
mod what;

use crate::domain::received;
use crate::failure::Failure;
use crate::files::{Form, read, replace, write};
use crate::output::Output;
use crate::pins::UserPin;
use crate::select::Selection;
use clap::{Args, Subcommand};
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::operator_session::ClientSession;
use keyward_pkcs11::error::Error;
use keyward_pkcs11::secret::SecretBytes;
use keyward_pkcs11::token::{Role, SESSION_REFUSED, Token};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// What to do about a session.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Open a session with a member at hand
    Open(opening::Open),
    /// Write the request for a session with a member elsewhere
    Hello(opening::Hello),
    /// Answer the request for a session, where the member is
    Accept(opening::Accept),
    /// Open the session that the member's answer brings
    Finish(opening::Finish),
    /// Ask a member at hand
    Request(asking::Request),
    /// Write a request to a member elsewhere
    Ask(asking::Ask),
    /// Do a request, where the member is
    Serve(asking::Serve),
    /// Read the answer of a member elsewhere
    Read(asking::Read),
}

/// Runs a command.
pub(crate) fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Open(arguments) => opening::open(arguments, output),
        Command::Hello(arguments) => opening::hello(arguments),
        Command::Accept(arguments) => opening::accept(arguments),
        Command::Finish(arguments) => opening::finish(arguments, output),
        Command::Request(arguments) => asking::request(arguments, output),
        Command::Ask(arguments) => asking::ask(arguments),
        Command::Serve(arguments) => asking::serve(arguments),
        Command::Read(arguments) => asking::read_answer(arguments, output),
    }
}

/// A member at hand.
#[derive(Args)]
struct Member {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    pin: UserPin,
}

impl Member {
    /// Opens the token and logs in as its user.
    fn open(&self) -> Result<(Token, Config), Failure> {
        let config = Config::load()?;
        let token = self.selection.open(&config)?;
        token.login(Role::User, self.pin.current()?.expose())?;
        Ok((token, config))
    }
}

/// The message of a form that came for `token` in a file; damage is kept as an event there.
fn arrived(token: &Token, form: Form, file: &Path) -> Result<Vec<u8>, Failure> {
    let read = form.read(file);
    Ok(received((token, SESSION_REFUSED), &[file.to_owned()], read)?.bytes)
}

/// A session's file. It holds the session's keys: it is for its owner only.
struct SessionFile<'p> {
    path: &'p Path,
    session: ClientSession,
}

impl<'p> SessionFile<'p> {
    /// Writes a new file.
    fn make(path: &'p Path, session: ClientSession) -> Result<Self, Failure> {
        write(path, session.encode().expose())?;
        Ok(SessionFile { path, session })
    }

    /// Reads it.
    fn open(path: &'p Path) -> Result<Self, Failure> {
        let bytes = SecretBytes::take(read(path)?);
        let session = ClientSession::parse(bytes.expose()).map_err(Error::from)?;
        Ok(SessionFile { path, session })
    }

    /// Writes it again, with the counters that were used.
    fn save(&self) -> Result<(), Failure> {
        replace(self.path, self.session.encode().expose())
    }
}

/// The session's file among the arguments.
#[derive(Args)]
struct SessionPath {
    /// The session's file
    #[arg(long, value_name = "FILE")]
    session: PathBuf,
}

/// Seconds since 1970-01-01 UTC.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
