//! Operator sessions (system requirement 5): a session is opened, and requests in one are done, for an
//! operator somewhere else. The caller carries the messages; it can neither read nor change them.

use super::context::Context;
use super::customer::{self, Actor};
use crate::crypto::random::{self, ThreadGenerator};
use crate::domain::date::Date;
use crate::domain::ids::OperatorId;
use crate::domain::operator_session::{
    Ask, Incoming, MAX_WELCOME, Refusal, Reply, Status, answer_bound, welcome,
};
use crate::error::{Error, Result};
use crate::module::Module;
use crate::secret::{KEY_STACK, LOGIN_STACK, SecretBytes, apart};
use crate::session::handles::SessionHandle;
use crate::session::login::Who;
use crate::session::output::Output;
use crate::token::{Counted, Noted, Role, SESSION_REFUSED, Token, Unlocked};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// How much longer than its request an answer is taken to be. One that is longer still waits for a larger
/// buffer.
const ROOM: usize = 16 << 10;

/// `KW_OpenOperatorSession`.
///
/// # Errors
/// `UserNotLoggedIn`; `BufferTooSmall` before anything is done; `OperatorSessionRefused`; `Malformed`.
pub fn open(
    module: &Module,
    session: SessionHandle,
    hello: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    let context = Context::new(module, session)?;
    context.user_needed()?;
    if let Output::Buffer(buffer) = &output
        && buffer.len() >= MAX_WELCOME
    {
        let answer = admit(context.session.token(), context.longest(), hello)?;
        return output.deliver(&answer);
    }
    output.needs(MAX_WELCOME)
}

/// `KW_OperatorRequest`.
///
/// # Errors
/// `UserNotLoggedIn`; `BufferTooSmall`, after which the same request brings the answer that is ready or
/// was not begun; `OperatorSessionRefused` and `Malformed` for what is not a request of a session that
/// this member's keys open. What a session's operator may learn is in the answer.
pub fn request(
    module: &Module,
    session: SessionHandle,
    request: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    let context = Context::new(module, session)?;
    context.user_needed()?;
    let room = match &output {
        Output::Length => None,
        Output::Buffer(buffer) => Some(buffer.len()),
    };
    let service = Service {
        token: context.session.token(),
        longest: context.longest(),
        may_change: context.session.is_read_write(),
    };
    match service.answer(request, room)? {
        Served::Answer(answer) => output.deliver(&answer),
        Served::Needs(length) => output.needs(length),
    }
}

impl Context<'_> {
    /// The user must be logged in.
    fn user_needed(&self) -> Result<()> {
        match self.session.who() {
            Who::User => Ok(()),
            Who::Nobody | Who::SecurityOfficer => Err(Error::UserNotLoggedIn),
        }
    }

    /// The longest life of an operator session here, in seconds.
    fn longest(&self) -> u64 {
        self.module.config().operators.session_seconds.into()
    }
}

/// Opens a session for an operator of the installed domain, for at most `longest` seconds.
///
/// # Errors
/// `UserNotLoggedIn`; `OperatorSessionRefused` and `Malformed`, kept in the history; those of the store.
pub fn admit(token: &Token, longest: u64, hello: &[u8]) -> Result<Vec<u8>> {
    let unlocked = user_of(token)?;
    let ring = token.keyring(&unlocked)?;
    let (identity, installed) = (unlocked.identity(), unlocked.domain());
    let now = now();
    let admitted = apart::<LOGIN_STACK, _>(|| {
        let module = (&*identity, &*ring);
        welcome(
            hello,
            &installed.state,
            module,
            (now, longest),
            &mut ThreadGenerator,
        )
        .map(Box::new)
    });
    let admitted = admitted.map(|admission| {
        let session = &admission.token;
        let opened = format!(
            "session {} of operator {} until {}",
            session.id,
            session.operator,
            Date(session.expires)
        );
        (session.id, admission.noted_until, opened, admission.answer)
    });
    let refused = match admitted {
        Ok((id, until, opened, answer)) => match token.note_session(id, until, now, &opened)? {
            Noted::New => return Ok(answer),
            Noted::Known | Noted::Over => Refusal::Seen,
            Noted::Full => Refusal::TooMany,
        },
        Err(refusal) => refusal,
    };
    token.note(
        SESSION_REFUSED,
        &format!("request for a session: {refused}"),
    )?;
    Err(refused.into())
}

/// One process of a member, as it answers requests.
#[derive(Clone, Copy)]
pub struct Service<'t> {
    /// The member's token, with the user logged in.
    pub token: &'t Token,
    /// The longest life of a session here, in seconds.
    pub longest: u64,
    /// Whether requests may change the token.
    pub may_change: bool,
}

/// What became of a request.
pub enum Served {
    /// The answer, sealed.
    Answer(Vec<u8>),
    /// The answer needs so many bytes. Nothing was done, or it was done and the answer waits.
    Needs(usize),
}

impl Service<'_> {
    /// Does a request and seals the answer, if it has room for so many bytes; `None` asks how many.
    ///
    /// # Errors
    /// As [`request`], but for the length.
    pub fn answer(&self, request: &[u8], room: Option<usize>) -> Result<Served> {
        let unlocked = user_of(self.token)?;
        let incoming = self.read(request, &unlocked)?;
        let room = room.unwrap_or(0);
        if let Some(waiting) = self.token.waiting_answer(incoming.hash, room) {
            return Ok(waiting.map_or_else(Served::Needs, Served::Answer));
        }
        let longest = answer_bound(Reply::REFUSED);
        let ask = Ask::parse(incoming.ask.expose());
        let needed = ask
            .as_ref()
            .map_or(longest, |ask| bound(ask, incoming.ask.len()));
        if room < needed.max(longest) {
            return Ok(Served::Needs(needed.max(longest)));
        }
        let reply = match ask {
            Ok(ask) => self.reply(&incoming, &unlocked, &ask)?,
            Err(malformed) => Reply::Refused(malformed.to_string()),
        };
        let answer = incoming.answer(reply.encode().expose())?;
        if answer.len() > room {
            let length = answer.len();
            self.token.keep_answer(incoming.hash, answer);
            return Ok(Served::Needs(length));
        }
        Ok(Served::Answer(answer))
    }

    /// Opens a request.
    fn read(&self, request: &[u8], unlocked: &Unlocked) -> Result<Incoming> {
        let member = unlocked.identity().id();
        let ring = self.token.keyring(unlocked)?;
        let opened = apart::<KEY_STACK, _>(|| Incoming::open(request, &ring, member).map(Box::new));
        match opened {
            Ok(incoming) => Ok(*incoming),
            Err(refusal) => {
                self.token
                    .note_session_refusal(None, &refusal.to_string())?;
                Err(refusal.into())
            }
        }
    }

    /// Does what is asked, if the operator may and the counter was never taken.
    fn reply(&self, incoming: &Incoming, unlocked: &Unlocked, ask: &Ask) -> Result<Reply> {
        let installed = unlocked.domain();
        let (session, now) = (&incoming.token, now());
        let refuse = |refusal: Refusal| {
            let why = refusal.to_string();
            self.token.note_session_refusal(Some(session.id), &why)?;
            if let Refusal::Counter { next } = refusal {
                return Ok(Reply::Counter(next));
            }
            Ok(Reply::Refused(why))
        };
        let governance = &installed.state.governance;
        if let Err(refusal) = incoming.caller(governance, now, self.longest) {
            return refuse(refusal);
        }
        let end = session.expires;
        match self
            .token
            .take_counter(session.id, end, incoming.counter, now)?
        {
            Counted::Taken => {}
            Counted::Replayed { next } => return refuse(Refusal::Counter { next }),
            Counted::Over => return refuse(Refusal::Ended(end)),
            Counted::Full => return refuse(Refusal::TooMany),
        }
        // From here on the operator is told what went wrong: the request was theirs, and it is used up.
        let done = self.execute(session.operator, unlocked, ask, now);
        Ok(done.map_or_else(|cause| Reply::Refused(cause.to_string()), Reply::Done))
    }

    fn execute(
        &self,
        operator: OperatorId,
        unlocked: &Unlocked,
        ask: &Ask,
        now: u64,
    ) -> Result<SecretBytes> {
        match ask {
            Ask::Status => {
                let installed = unlocked.domain();
                let status = Status {
                    domain: installed.state.domain,
                    version: installed.state.version,
                    token: installed.hash,
                    member: unlocked.identity().id(),
                    now,
                };
                Ok(SecretBytes::take(status.encode()))
            }
            Ask::Random(length) => {
                let mut bytes = SecretBytes::zeroed(*length);
                random::fill(bytes.expose_mut())?;
                Ok(bytes)
            }
            Ask::Customer(request) => {
                let actor = Actor {
                    operator: Some(operator),
                    may_change: self.may_change,
                };
                Ok(customer::execute(self.token, actor, request)?.encode())
            }
        }
    }
}

/// How long the sealed answer to a question of `length` bytes is taken to be.
fn bound(ask: &Ask, length: usize) -> usize {
    let result = match ask {
        Ask::Status => 128,
        Ask::Random(length) => *length,
        // A plaintext or ciphertext, and the same again where it was stale.
        Ask::Customer(_) => length.saturating_mul(2).saturating_add(ROOM),
    };
    answer_bound(result.saturating_add(Reply::OVERHEAD))
}

/// The login as the user.
fn user_of(token: &Token) -> Result<Arc<Unlocked>> {
    let unlocked = token.unlocked().ok_or(Error::UserNotLoggedIn)?;
    match unlocked.role() {
        Role::User => Ok(unlocked),
        Role::SecurityOfficer => Err(Error::UserNotLoggedIn),
    }
}

/// Seconds since 1970-01-01 UTC.
fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
