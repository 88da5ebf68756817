//! Requests in a session: done at once by a member at hand, or by messages.

use super::opening::member_id;
use super::results::Files;
use super::what::What;
use super::{Member, SessionFile, SessionPath, arrived, now};
use crate::failure::Failure;
use crate::files::{Form, Plain, write};
use crate::output::{Output, line};
use clap::Args;
use keyward_pkcs11::calls::operator_sessions::{Served, Service};
use keyward_pkcs11::domain::ids::MemberId;
use keyward_pkcs11::domain::operator_session::{Ask as Question, Asked, Reply};
use keyward_pkcs11::error::Error;
use std::path::PathBuf;

/// Arguments of `keyward operator session request`.
#[derive(Args)]
#[command(
    after_help = "Any member of the domain will do, whoever opened the session.\n\n\
    Examples:\n  keyward operator session request --session alice.session --token two random 32\n  \
    keyward operator session request --session alice.session create orders\n  \
    keyward operator session request --session alice.session --out bill.sealed encrypt orders bill\n  \
    keyward operator session request --session alice.session --out bill decrypt bill.sealed"
)]
pub(crate) struct Request {
    #[command(flatten)]
    member: Member,
    #[command(flatten)]
    file: SessionPath,
    #[command(flatten)]
    files: Files,
    #[command(subcommand)]
    what: What,
}

/// Arguments of `keyward operator session ask`.
#[derive(Args)]
#[command(
    after_help = "The member answers within five minutes, or not at all.\n\n\
    Example:\n  keyward operator session ask --session alice.session --member 91a2… --out alice.request status\n  \
    keyward operator session serve alice.request --out alice.answer\n  \
    keyward operator session read alice.answer --session alice.session --request alice.request"
)]
pub(crate) struct Ask {
    #[command(flatten)]
    file: SessionPath,
    /// The member's id
    #[arg(long, value_name = "ID", value_parser = member_id)]
    member: MemberId,
    /// The file for the message
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    plain: Plain,
    #[command(subcommand)]
    what: What,
}

/// Arguments of `keyward operator session serve`.
#[derive(Args)]
#[command(
    after_help = "Example:\n  keyward operator session serve alice.request --out alice.answer"
)]
pub(crate) struct Serve {
    #[command(flatten)]
    member: Member,
    /// The operator's message
    request: PathBuf,
    /// The file for the answer
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    plain: Plain,
}

/// Arguments of `keyward operator session read`.
#[derive(Args)]
#[command(
    after_help = "Example:\n  keyward operator session read alice.answer --session alice.session --request alice.request"
)]
pub(crate) struct Read {
    /// The member's answer
    answer: PathBuf,
    #[command(flatten)]
    file: SessionPath,
    /// The request that it answers
    #[arg(long, value_name = "FILE")]
    request: PathBuf,
    #[command(flatten)]
    files: Files,
}

/// `keyward operator session request`.
pub(super) fn request(arguments: &Request, output: &Output) -> Result<(), Failure> {
    let what = arguments.what.question()?;
    arguments.files.check(&what)?;
    let mut file = SessionFile::open(&arguments.file.session)?;
    let (token, config) = arguments.member.open()?;
    let unlocked = token.unlocked().ok_or(Error::UserNotLoggedIn)?;
    let member = unlocked.identity().id();
    let service = Service {
        token: &token,
        longest: config.operators.session_seconds.into(),
        may_change: true,
    };
    let mut exchange = || {
        let (request, asked) = file.ask(member, &what)?;
        let answer = answer(&service, &request)?;
        file.open_answer(&asked, &answer)
    };
    let mut reply = exchange()?;
    if let Reply::Counter(_) = reply {
        // The member may have forgotten how far it was; the file knows now where to go on.
        reply = exchange()?;
    }
    show(&what, reply, &arguments.files, output)
}

/// `keyward operator session ask`.
pub(super) fn ask(arguments: &Ask) -> Result<(), Failure> {
    let mut file = SessionFile::open(&arguments.file.session)?;
    let (request, asked) = file.ask(arguments.member, &arguments.what.question()?)?;
    let heading = format!("request {} in session {}", asked.counter, file.session.id());
    let message = arguments
        .plain
        .contents(Form::SessionRequest, &heading, request)?;
    write(&arguments.out, &message)?;
    line("Send the request to the member at once: it counts for five minutes.")
}

/// `keyward operator session serve`.
pub(super) fn serve(arguments: &Serve) -> Result<(), Failure> {
    let (token, config) = arguments.member.open()?;
    let request = arrived(&token, Form::SessionRequest, &arguments.request)?;
    let service = Service {
        token: &token,
        longest: config.operators.session_seconds.into(),
        may_change: true,
    };
    let answer = answer(&service, &request)?;
    let heading = "answer in an operator session";
    let message = arguments
        .plain
        .contents(Form::SessionAnswer, heading, answer)?;
    write(&arguments.out, &message)?;
    line("Answered: what it says only the operator can read.")
}

/// `keyward operator session read`.
pub(super) fn read_answer(arguments: &Read, output: &Output) -> Result<(), Failure> {
    let mut file = SessionFile::open(&arguments.file.session)?;
    let request = Form::SessionRequest.read(&arguments.request)?.bytes;
    let answer = Form::SessionAnswer.read(&arguments.answer)?.bytes;
    let (asked, question) = file.session.reread(&request).map_err(Error::from)?;
    arguments.files.check(&question)?;
    let reply = file.open_answer(&asked, &answer)?;
    show(&question, reply, &arguments.files, output)
}

impl SessionFile<'_> {
    /// Makes a request, whose counter is used up before anybody sees it.
    fn ask(&mut self, member: MemberId, what: &Question) -> Result<(Vec<u8>, Asked), Failure> {
        let made = self.session.ask(member, what, now())?;
        self.save()?;
        Ok(made)
    }

    /// Opens an answer, and takes in from where the member wants to go on.
    fn open_answer(&mut self, asked: &Asked, answer: &[u8]) -> Result<Reply, Failure> {
        let reply = self.session.open(asked, answer).map_err(Error::from)?;
        if let Reply::Counter(next) = reply {
            self.session.continue_from(asked.member, next);
            self.save()?;
        }
        Ok(reply)
    }
}

/// The member's answer, whatever its length.
fn answer(service: &Service<'_>, request: &[u8]) -> Result<Vec<u8>, Failure> {
    match service.answer(request, Some(usize::MAX))? {
        Served::Answer(answer) => Ok(answer),
        Served::Needs(_) => Err(Error::Internal("an answer that fits nowhere").into()),
    }
}

/// Shows what a member replied.
fn show(question: &Question, reply: Reply, files: &Files, output: &Output) -> Result<(), Failure> {
    match reply {
        Reply::Done(result) => files.show(question, &result, output),
        Reply::Refused(why) => Err(Error::DomainRule(format!("the member refused: {why}")).into()),
        Reply::Counter(next) => Err(Error::OperatorSessionRefused(format!(
            "its counter was used already; the session's file goes on at {next} now: ask again"
        ))
        .into()),
    }
}
