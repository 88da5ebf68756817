//! The changes of a domain as words: `key.add`, `key.remove:ID`.

use crate::domain::read;
use crate::failure::Failure;
use keyward_pkcs11::domain::command::Change;
use keyward_pkcs11::domain::command::kind::Kind;
use keyward_pkcs11::domain::ids::{DomainKeyId, KeyId};
use keyward_pkcs11::domain::keyring::KeyState;
use keyward_pkcs11::domain::state::State;
use keyward_pkcs11::domain::state::governance::{
    Clause, Operator, OperatorCard, Permissions, Rule,
};
use keyward_pkcs11::domain::state::member::Card;
use keyward_pkcs11::error::Error;
use std::fmt::Display;
use std::path::Path;

/// What `keyward domain request --help` says of the changes.
pub(crate) const HELP: &str = "\
Changes:
  key.add                 a new domain key, pending
  key.activate:KEY        the pending key becomes the active one
  key.retire[:KEY]        the active key gives way to the only pending one
  key.remove:KEY          a key that is not active goes for ever, and every member renews its own key
  member.suspend:MEMBER   member.resume:MEMBER    member.remove:MEMBER    member.add:CARDFILE
  operator.suspend:ID     operator.resume:ID      operator.remove:ID
  revoke:ID               a customer key that no key token may bring back
  label.set:TEXT          what people call the domain

KEY, MEMBER and ID are ids as keyward domain show prints them; the first digits are enough.

Examples:
  keyward domain request key.add --out add.request
  keyward domain request key.retire key.remove:1f3a --out rotate.request";

/// The fewest digits that may stand for a whole id.
const LEAST_DIGITS: usize = 4;

/// Reads one change; ids may be cut short where the installed version has only one that fits.
pub(crate) fn parse(text: &str, state: &State) -> Result<Change, Failure> {
    let (name, argument) = text.split_once(':').unwrap_or((text, ""));
    let kind = Kind::from_name(name).ok_or_else(|| wrong(text, "there is no such change"))?;
    if kind == Kind::KeyAdd && argument.is_empty() {
        return Ok(Change::KeyAdd(DomainKeyId(rand::random())));
    }
    if kind == Kind::KeyRetire && argument.is_empty() {
        let active = state.keys.iter().find(|key| key.state == KeyState::Active);
        let active = active.ok_or_else(|| wrong(text, "no domain key is active"))?;
        return Ok(Change::KeyRetire(active.id));
    }
    if argument.is_empty() {
        return Err(wrong(
            text,
            "what should be changed? Write it after a colon",
        ));
    }
    with_argument(kind, text, argument, state)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the other kinds cannot be written as words"
)]
fn with_argument(kind: Kind, text: &str, given: &str, state: &State) -> Result<Change, Failure> {
    let key = || one_of(text, given, state.keys.iter().map(|key| key.id));
    let member = || one_of(text, given, state.members.iter().map(|member| member.id()));
    let operator = || {
        one_of(
            text,
            given,
            state
                .governance
                .operators
                .iter()
                .map(|operator| operator.id()),
        )
    };
    Ok(match kind {
        Kind::KeyActivate => Change::KeyActivate(key()?),
        Kind::KeyRetire => Change::KeyRetire(key()?),
        Kind::KeyRemove => Change::KeyRemove {
            id: key()?,
            last: true,
        },
        Kind::MemberSuspend => Change::MemberSuspend(member()?),
        Kind::MemberResume => Change::MemberResume(member()?),
        Kind::MemberRemove => Change::MemberRemove(member()?),
        Kind::MemberAdd => {
            let card = Card::parse(&read(Path::new(given))?).map_err(Error::from)?;
            Change::MemberAdd(Box::new(card))
        }
        Kind::OperatorSuspend => Change::OperatorSuspend(operator()?),
        Kind::OperatorResume => Change::OperatorResume(operator()?),
        Kind::OperatorRemove => Change::OperatorRemove(operator()?),
        Kind::Revoke => {
            let id = KeyId::from_hex(given);
            Change::Revoke(vec![
                id.ok_or_else(|| wrong(text, "a key id has 32 digits"))?,
            ])
        }
        Kind::LabelSet => Change::LabelSet(given.to_owned()),
        _ => return Err(wrong(text, "this change cannot be requested here")),
    })
}

/// The changes that hand a domain over to operators: each of them, and a rule for every command.
pub(crate) fn founding(
    cards: Vec<OperatorCard>,
    quorum: Option<u64>,
    role: &str,
    label: Option<&str>,
) -> Result<Vec<Change>, Failure> {
    let all = u64::try_from(cards.len()).unwrap_or(u64::MAX);
    let fewest = (all / 2).saturating_add(1);
    let needed = quorum.unwrap_or(fewest);
    if needed < fewest || needed > all {
        return Err(Failure::Usage(format!(
            "of {all} operators, {fewest} to {all} can be the quorum, not {needed}"
        )));
    }
    let operators = cards.into_iter().map(|card| {
        Change::OperatorAdd(Box::new(Operator {
            card,
            role: role.to_owned(),
            permissions: Permissions::all(),
            service: false,
            expires: None,
            suspended: false,
        }))
    });
    let kinds = Kind::ALL.into_iter().filter(|kind| !kind.is_optional());
    let rules = kinds.map(|kind| {
        let clauses = vec![Clause {
            role: role.to_owned(),
            needed,
        }];
        Change::RuleSet(Rule { kind, clauses })
    });
    let label = label.map(|label| Change::LabelSet(label.to_owned()));
    Ok(operators.chain(rules).chain(label).collect())
}

/// The one id whose hexadecimal form begins with what was given.
fn one_of<T: Display>(
    text: &str,
    given: &str,
    known: impl Iterator<Item = T>,
) -> Result<T, Failure> {
    if given.len() < LEAST_DIGITS {
        return Err(wrong(text, "give at least 4 digits of the id"));
    }
    let given = given.to_lowercase();
    let mut fitting = known.filter(|id| id.to_string().starts_with(&given));
    match (fitting.next(), fitting.next()) {
        (Some(only), None) => Ok(only),
        (None, _) => Err(wrong(
            text,
            "the installed version has nothing with this id",
        )),
        (Some(_), Some(_)) => Err(wrong(text, "several ids begin like this: give more digits")),
    }
}

fn wrong(text: &str, why: &str) -> Failure {
    Failure::Usage(format!("{text}: {why}"))
}
