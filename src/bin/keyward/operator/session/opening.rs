//! Opening a session: at once with a member at hand, or by messages.

use super::super::key::KeyOption;
use super::{Member, SessionFile, arrived, now};
use crate::failure::Failure;
use crate::files::{Form, Plain, read, write};
use crate::output::{Output, fields, line, time};
use crate::times::duration;
use clap::Args;
use keyward_pkcs11::calls::operator_sessions::admit;
use keyward_pkcs11::domain::ids::{DomainId, MemberId};
use keyward_pkcs11::domain::operator_session::{ClientSession, Hello as Asked, Opening};
use keyward_pkcs11::error::Error;
use keyward_pkcs11::secret::SecretBytes;
use serde::Serialize;
use std::path::PathBuf;

/// Who opens a session, and for how long.
#[derive(Args)]
struct Wish {
    #[command(flatten)]
    key: KeyOption,
    /// How long the session should last (30m, 8h); the member may allow less
    #[arg(long, default_value = "1h", value_name = "TIME", value_parser = duration)]
    lifetime: u64,
}

/// Arguments of `keyward operator session open`.
#[derive(Args)]
#[command(
    after_help = "The session's file holds the session's keys: whoever reads it acts as the operator until the \
    session ends. It is written for its owner only.\n\n\
    Example:\n  keyward operator session open --key alice.key --token one --out alice.session\n  \
    keyward operator session request --session alice.session status"
)]
pub(crate) struct Open {
    #[command(flatten)]
    member: Member,
    #[command(flatten)]
    wish: Wish,
    /// The file for the session
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Arguments of `keyward operator session hello`.
#[derive(Args)]
#[command(
    after_help = "The member answers within five minutes, or not at all; keyward domain show prints the ids.\n\n\
    Example:\n  keyward operator session hello --key alice.key --domain 5d0f… --member 91a2… \\\n    \
    --waiting alice.waiting --out alice.hello\n  \
    keyward operator session accept alice.hello --out alice.welcome\n  \
    keyward operator session finish alice.welcome --waiting alice.waiting --out alice.session"
)]
pub(crate) struct Hello {
    #[command(flatten)]
    wish: Wish,
    /// The domain's id
    #[arg(long, value_name = "ID", value_parser = domain_id)]
    domain: DomainId,
    /// The member's id
    #[arg(long, value_name = "ID", value_parser = member_id)]
    member: MemberId,
    /// The file for the secret that opens the answer
    #[arg(long, value_name = "FILE")]
    waiting: PathBuf,
    /// The file for the message
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    plain: Plain,
}

/// Arguments of `keyward operator session accept`.
#[derive(Args)]
#[command(
    after_help = "Example:\n  keyward operator session accept alice.hello --out alice.welcome"
)]
pub(crate) struct Accept {
    #[command(flatten)]
    member: Member,
    /// The operator's message
    hello: PathBuf,
    /// The file for the answer
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    plain: Plain,
}

/// Arguments of `keyward operator session finish`.
#[derive(Args)]
#[command(
    after_help = "Example:\n  keyward operator session finish alice.welcome --waiting alice.waiting --out alice.session"
)]
pub(crate) struct Finish {
    /// The member's answer
    welcome: PathBuf,
    /// The file with the secret that opens it; removed when it has served
    #[arg(long, value_name = "FILE")]
    waiting: PathBuf,
    /// The file for the session
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// A session, as printed.
#[derive(Serialize)]
struct Shown {
    session: String,
    operator: String,
    domain: String,
    ends: String,
}

/// `keyward operator session open`.
pub(super) fn open(arguments: &Open, output: &Output) -> Result<(), Failure> {
    let (token, config) = arguments.member.open()?;
    let unlocked = token.unlocked().ok_or(Error::UserNotLoggedIn)?;
    let subject = (unlocked.domain().state.domain, unlocked.identity().id());
    let opening = arguments.wish.begin(subject)?;
    let longest = config.operators.session_seconds.into();
    let answer = admit(&token, longest, opening.hello())?;
    let session = opening.finish(&answer).map_err(Error::from)?;
    show(&SessionFile::make(&arguments.out, session)?.session, output)
}

/// `keyward operator session hello`.
pub(super) fn hello(arguments: &Hello) -> Result<(), Failure> {
    let subject = (arguments.domain, arguments.member);
    let opening = arguments.wish.begin(subject)?;
    write(&arguments.waiting, opening.encode().expose())?;
    let asked = opening.asked();
    let heading = format!(
        "session request: operator {}, {}",
        asked.operator,
        time(asked.at)
    );
    let bytes = opening.hello().to_vec();
    let message = arguments
        .plain
        .contents(Form::SessionHello, &heading, bytes)?;
    write(&arguments.out, &message)?;
    line("Send the message to the member at once: it counts for five minutes.")
}

/// `keyward operator session accept`.
pub(super) fn accept(arguments: &Accept) -> Result<(), Failure> {
    let (token, config) = arguments.member.open()?;
    let hello = arrived(&token, Form::SessionHello, &arguments.hello)?;
    // What is malformed is refused here, and kept as an event.
    let answer = admit(&token, config.operators.session_seconds.into(), &hello)?;
    let asked = Asked::parse(&hello).map_err(Error::from)?;
    let heading = format!("session answer: operator {}", asked.operator);
    let message = arguments
        .plain
        .contents(Form::SessionWelcome, &heading, answer)?;
    write(&arguments.out, &message)?;
    line(&format!(
        "Opened a session for operator {}.",
        asked.operator
    ))
}

/// `keyward operator session finish`.
pub(super) fn finish(arguments: &Finish, output: &Output) -> Result<(), Failure> {
    let waiting = SecretBytes::take(read(&arguments.waiting)?);
    let opening = Opening::parse(waiting.expose()).map_err(Error::from)?;
    let welcome = Form::SessionWelcome.read(&arguments.welcome)?.bytes;
    let session = opening.finish(&welcome).map_err(Error::from)?;
    let file = SessionFile::make(&arguments.out, session)?;
    let removed = std::fs::remove_file(&arguments.waiting);
    removed.map_err(|cause| Failure::file(&arguments.waiting, &cause))?;
    show(&file.session, output)
}

impl Wish {
    fn begin(&self, subject: (DomainId, MemberId)) -> Result<Opening, Failure> {
        let key = self.key.open()?;
        Ok(Opening::begin(subject, &*key, (now(), self.lifetime))?)
    }
}

fn show(session: &ClientSession, output: &Output) -> Result<(), Failure> {
    let shown = Shown {
        session: session.id().to_string(),
        operator: session.operator().to_string(),
        domain: session.domain().to_string(),
        ends: time(session.expires()),
    };
    output.print(&shown, |shown| {
        fields(&[
            ("session", shown.session.clone()),
            ("operator", shown.operator.clone()),
            ("domain", shown.domain.clone()),
            ("ends", shown.ends.clone()),
        ])
    })
}

fn domain_id(text: &str) -> Result<DomainId, String> {
    DomainId::from_hex(text).ok_or_else(|| "a domain's id has 64 digits".to_owned())
}

pub(super) fn member_id(text: &str) -> Result<MemberId, String> {
    MemberId::from_hex(text).ok_or_else(|| "a member's id has 32 digits".to_owned())
}
