//! The changes of a domain as words: `key.add`, `member.add:CARD`, `rule.set:key.*=2 of admins`.

use super::operators;
use super::settings;
use crate::failure::Failure;
use crate::files::{Form, read};
use crate::recovery::read_key;
use crate::times::duration;
use keyward_pkcs11::domain::command::Change;
use keyward_pkcs11::domain::command::change::RecoveryTerms;
use keyward_pkcs11::domain::command::kind::Kind;
use keyward_pkcs11::domain::ids::{DomainKeyId, KeyId, RepositoryId};
use keyward_pkcs11::domain::state::State;
use keyward_pkcs11::domain::state::member::Card;
use keyward_pkcs11::domain::state::policy::Policy;
use keyward_pkcs11::error::Error;
use std::fmt::Display;
use std::path::Path;

/// What `keyward domain request --help` says of the changes.
pub(crate) const HELP: &str = "\
Changes:
  key.add                 a new domain key, pending
  key.activate:KEY        the pending key becomes the active one
  key.retire[:KEY]        the active key gives way to the only pending one
  rotate[:KEYFILE,delay=7d]
                          a whole rotation: key.add, key.retire and key.remove of the active key; where
                          the domain has a recovery key, with a new one, or as rotate:keep
  key.remove:KEY[,keep]   a key that is not active goes for ever, and every member renews its own key,
                          so that no archived token brings it back; with keep they do not
  member.add:CARDFILE     member.renew:CARDFILE
  member.suspend:MEMBER   member.resume:MEMBER    member.remove:MEMBER
  operator.add:CARDFILE[,role=ROLE][,permissions=KIND+KIND][,expires=DATE][,service]
  operator.suspend:ID     operator.resume:ID      operator.remove:ID
  rule.set:KIND=RULE      who must approve a kind of change; KIND may be all, or end in .*
                          RULE is 2 of admins, or 2 of admins+1 of auditors, or nobody
  policy.set:NAME=VALUE[,NAME=VALUE]
                          wrapping=guarded|standard  trusted=none|+KEY|-KEY  volatile=yes|no
                          cache.lifetime=5m  cache.revalidation=30s  cache.entries=1000
                          removal-wait=7d  away-limit=30d
  revoke:KEY[+KEY]        customer keys that no key token may bring back
  shred.cancel:KEY[+KEY]  customer keys that are marked for shredding are kept
  revision.raise:KEY=N    the lowest revision of a customer key that opens
  recovery.set:KEYFILE,delay=7d    recovery.set:none
                          the key of keyward recovery keygen, and how long a recovery is announced
  recovery.begin:FILE     announces the changes of members, operators and rules in a file: a line each
  recovery.finish:FILE    makes the changes that were announced, after the delay
  recovery.cancel         calls an announced recovery off
  repository.set:ID|new   another store installs the versions
  label.set:TEXT          what people call the domain

KEY, MEMBER and ID are ids as keyward domain show prints them; for domain keys, members and operators
the first digits are enough.

Examples:
  keyward domain request key.add --out add.request
  keyward domain request rotate --out rotate.request
  keyward domain request member.add:north.card --out join.request
  keyward domain request operator.add:carol.card,role=auditor,expires=2027-12-31 \\
    'rule.set:member.*=2 of operator+1 of auditor' --out auditor.request
  keyward domain request policy.set:cache.lifetime=5m,cache.entries=1000 --out cache.request";

/// The fewest digits that may stand for a whole id.
const LEAST_DIGITS: usize = 4;

/// A reader of words, one after the other: each may build on those before it.
pub(crate) struct Words<'s> {
    state: &'s State,
    /// The settings as the words so far make them.
    policy: Policy,
}

impl<'s> Words<'s> {
    /// A reader of changes of `state`; ids may be cut short where it has only one that fits.
    pub(crate) fn new(state: &'s State) -> Self {
        Words {
            state,
            policy: state.policy.clone(),
        }
    }

    /// Reads all the words.
    ///
    /// # Errors
    /// The first word that is none, and why.
    pub(crate) fn all(mut self, texts: &[String]) -> Result<Vec<Change>, Failure> {
        let mut changes = Vec::new();
        for text in texts {
            changes.extend(self.parse(text)?);
        }
        Ok(changes)
    }

    /// Reads one word: most often one change, several where it names several kinds.
    fn parse(&mut self, text: &str) -> Result<Vec<Change>, Failure> {
        if let Some(rest) = text.strip_prefix("rotate")
            && (rest.is_empty() || rest.starts_with(':'))
        {
            return self.rotation(text, rest.trim_start_matches(':'));
        }
        let (name, argument) = text.split_once(':').unwrap_or((text, ""));
        let kind = Kind::from_name(name).ok_or_else(|| {
            wrong(
                text,
                "there is no such change: keyward domain request --help lists all",
            )
        })?;
        match (kind, argument) {
            (Kind::KeyAdd, "") => return Ok(vec![Change::KeyAdd(DomainKeyId(rand::random()))]),
            (Kind::KeyRetire, "") => return Ok(vec![self.retire_active(text)?]),
            (Kind::RecoveryCancel, "") => return Ok(vec![Change::RecoveryCancel]),
            (Kind::KeyAdd | Kind::RecoveryCancel, _) => {
                return Err(wrong(text, "nothing stands after it"));
            }
            (_, "") => {
                let why = "what should be changed? Write it after a colon";
                return Err(wrong(text, why));
            }
            _ => {}
        }
        if kind == Kind::RuleSet {
            return operators::rules(argument).map_err(|why| wrong(text, &why));
        }
        Ok(vec![self.with_argument(kind, (text, argument))?])
    }

    /// The changes of a whole rotation. With a recovery key in the domain a new one goes with the old
    /// domain key, or archived tokens would bring that back.
    fn rotation(&self, text: &str, given: &str) -> Result<Vec<Change>, Failure> {
        let active = self.state.active_key();
        let old = active
            .ok_or_else(|| wrong(text, "no domain key is active"))?
            .id;
        let mut changes = vec![
            Change::KeyAdd(DomainKeyId(rand::random())),
            Change::KeyRetire(old),
        ];
        match (self.state.recovery.is_some(), given) {
            (_, "keep") | (false, "") => {}
            (true, "") => {
                let why = "the domain has a recovery key: write rotate:KEYFILE,delay=7d with a new one, or rotate:keep";
                return Err(wrong(text, why));
            }
            (_, given) => changes.push(Change::RecoverySet(terms(text, given)?)),
        }
        changes.push(Change::KeyRemove {
            id: old,
            last: given != "keep",
        });
        Ok(changes)
    }

    fn retire_active(&self, text: &str) -> Result<Change, Failure> {
        let active = self.state.active_key();
        let active = active.ok_or_else(|| wrong(text, "no domain key is active"))?;
        Ok(Change::KeyRetire(active.id))
    }

    fn with_argument(
        &mut self,
        kind: Kind,
        (text, given): (&str, &str),
    ) -> Result<Change, Failure> {
        let state = self.state;
        let member = || one_of(text, given, state.members.iter().map(|member| member.id()));
        let operator = || {
            let all = state.governance.operators.iter();
            one_of(text, given, all.map(|operator| operator.id()))
        };
        let why = |why: String| wrong(text, &why);
        Ok(match kind {
            Kind::KeyAdd | Kind::KeyActivate | Kind::KeyRetire | Kind::KeyRemove => {
                self.of_key(kind, (text, given))?
            }
            Kind::MemberAdd => Change::MemberAdd(Box::new(module_card(given)?)),
            Kind::MemberRenew => Change::MemberRenew(Box::new(module_card(given)?)),
            Kind::MemberSuspend => Change::MemberSuspend(member()?),
            Kind::MemberResume => Change::MemberResume(member()?),
            Kind::MemberRemove => Change::MemberRemove(member()?),
            Kind::OperatorAdd => Change::OperatorAdd(Box::new(operators::operator(given, None)?)),
            Kind::OperatorSuspend => Change::OperatorSuspend(operator()?),
            Kind::OperatorResume => Change::OperatorResume(operator()?),
            Kind::OperatorRemove => Change::OperatorRemove(operator()?),
            Kind::PolicySet => {
                settings::set_all(&mut self.policy, given).map_err(why)?;
                Change::PolicySet(Box::new(self.policy.clone()))
            }
            Kind::Revoke => Change::Revoke(key_ids(text, given)?),
            Kind::ShredCancel => Change::ShredCancel(key_ids(text, given)?),
            Kind::RevisionRaise => revision(text, given)?,
            Kind::RecoverySet => Change::RecoverySet(terms(text, given)?),
            Kind::RecoveryBegin => Change::RecoveryBegin(self.listed(given)?),
            Kind::RecoveryFinish => Change::RecoveryFinish(self.listed(given)?),
            Kind::RepositorySet if given == "new" => {
                Change::RepositorySet(RepositoryId(rand::random()))
            }
            Kind::RepositorySet => {
                let id = RepositoryId::from_hex(given);
                Change::RepositorySet(
                    id.ok_or_else(|| wrong(text, "a repository id has 32 digits"))?,
                )
            }
            Kind::LabelSet => Change::LabelSet(given.to_owned()),
            Kind::RuleSet | Kind::RecoveryCancel => {
                return Err(wrong(text, "nothing stands after it"));
            }
        })
    }

    /// A change of one domain key.
    fn of_key(&self, kind: Kind, (text, given): (&str, &str)) -> Result<Change, Failure> {
        let (given, keep) = match given.split_once(',') {
            Some((id, "keep")) if kind == Kind::KeyRemove => (id, true),
            Some(_) => {
                return Err(wrong(
                    text,
                    "only ,keep of key.remove may stand after a key",
                ));
            }
            None => (given, false),
        };
        let id = one_of(text, given, self.state.keys.iter().map(|key| key.id))?;
        Ok(if kind == Kind::KeyActivate {
            Change::KeyActivate(id)
        } else if kind == Kind::KeyRetire {
            Change::KeyRetire(id)
        } else {
            Change::KeyRemove { id, last: !keep }
        })
    }

    /// The changes that a file lists, a line each; empty lines and those that begin with # are remarks.
    fn listed(&self, path: &str) -> Result<Vec<Change>, Failure> {
        let text = String::from_utf8(read(Path::new(path))?)
            .map_err(|_| Failure::File(format!("{path}: it is no text")))?;
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let words: Vec<String> = lines.map(str::to_owned).collect();
        let people = |word: &String| {
            let name = word.split(':').next().unwrap_or_default();
            ["member.", "operator.", "rule."]
                .iter()
                .any(|part| name.starts_with(part))
        };
        if let Some(word) = words.iter().find(|word| !people(word)) {
            let why = "a recovery changes members, operators and rules only";
            return Err(wrong(&format!("{path}: {word}"), why));
        }
        Words::new(self.state).all(&words)
    }
}

/// The card of a module in a file.
fn module_card(path: &str) -> Result<Card, Failure> {
    let contents = Form::ModuleCard.read(Path::new(path))?;
    Ok(Card::parse(&contents.bytes).map_err(Error::from)?)
}

/// Customer keys, sorted.
fn key_ids(text: &str, given: &str) -> Result<Vec<KeyId>, Failure> {
    let ids = given.split('+').map(KeyId::from_hex);
    let ids: Option<Vec<KeyId>> = ids.collect();
    let mut ids = ids.ok_or_else(|| wrong(text, "a key id has 32 digits"))?;
    ids.sort();
    ids.dedup();
    Ok(ids)
}

/// `KEY=N`.
fn revision(text: &str, given: &str) -> Result<Change, Failure> {
    let parts = given.split_once('=');
    let parts = parts.and_then(|(key, n)| Some((KeyId::from_hex(key)?, n.parse().ok()?)));
    let (key, revision) =
        parts.ok_or_else(|| wrong(text, "write the key's 32 digits, =, and the revision"))?;
    Ok(Change::RevisionRaise(key, revision))
}

/// `KEYFILE,delay=7d` or `none`.
fn terms(text: &str, given: &str) -> Result<Option<RecoveryTerms>, Failure> {
    if given == "none" {
        return Ok(None);
    }
    let parts = given.split_once(",delay=");
    let (path, delay) =
        parts.ok_or_else(|| wrong(text, "write the key's file, then ,delay= and a time"))?;
    Ok(Some(RecoveryTerms {
        agreement: read_key(Path::new(path))?,
        delay: duration(delay).map_err(|why| wrong(text, &why))?,
    }))
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

/// A word that is none, and why.
pub(super) fn wrong(text: &str, why: &str) -> Failure {
    Failure::Usage(format!("{text}: {why}"))
}
