//! The coordinator's part: a proposed version goes into the repository, which takes one of each number;
//! and a module that belongs to the repository's domain has its objects there from then on.

use super::changes::Touched;
use super::domain::{Entry, Ingested, REFUSED, now};
use super::objects::{checked_row, entry, touched};
use super::pins::PATIENCE;
use super::rows::{Attached, RowKeys};
use super::unlocked::Unlocked;
use super::{Token, record, roles};
use crate::domain::ids::{Digest, MemberId, RepositoryId};
use crate::domain::ingest::{self, Outcome};
use crate::domain::token::Token as DomainToken;
use crate::error::{Error, Result};
use crate::object::policy::lineage;
use crate::object::{Object, ObjectId};
use crate::storage::{DomainRow, Query, Reader, Scope, Writer};

/// The fact that holds the repository's id.
const REPOSITORY: &str = "repository";
/// How many objects move in one transaction.
const BATCH: usize = 500;

impl Token {
    /// Publishes a proposed version in the repository, and installs it here. An empty repository becomes
    /// that of the domain, and the objects of this token move there.
    ///
    /// # Errors
    /// `DomainTokenRefused` when this module would not take the token, or another version with its
    /// number was published first; `DomainRule` when the repository is another domain's; those of the
    /// stores.
    pub fn publish(&self, token: &[u8]) -> Result<Ingested> {
        let unlocked = self.login_needed()?;
        self.follow()?;
        let done = self.publish_next(&unlocked, token);
        if let Err(Error::DomainTokenRefused(reason) | Error::DomainRule(reason)) = &done {
            self.note_refusal(&unlocked, token, reason)?;
        }
        done
    }

    /// Publishes a version, when everything that the repository has is installed.
    fn publish_next(&self, unlocked: &Unlocked, token: &[u8]) -> Result<Ingested> {
        let installed = unlocked.domain();
        match ingest::ingest(&installed, token, &unlocked.identity(), now())? {
            Outcome::NoOp(_) => {
                self.keep_what_it_says(&DomainToken::parse(token)?.public)?;
                return Ok(Ingested::NoOp);
            }
            Outcome::Install(_) | Outcome::Dismissed(_) => {}
            Outcome::Fork(_) => return Err(taken(installed.state.version)),
        }
        let parsed = DomainToken::parse(token).map_err(Error::from)?;
        let row = DomainRow {
            version: parsed.public.state.version,
            hash: parsed.hash.0,
            token: token.to_vec(),
        };
        let repository = parsed.public.state.repository;
        let base = DomainRow {
            version: installed.state.version,
            hash: installed.hash.0,
            token: self.domain_token()?,
        };
        let keys = self.shared_keys(unlocked)?;
        let added = self.repository()?.writing(
            |writer| {
                claim(writer, repository, &base, &keys)?;
                match writer.newest_domain_row()? {
                    Some(newest) if newest == (base.version, base.hash) => {
                        writer.add_domain_row(&row)
                    }
                    // Published by an earlier try of ours that did not come to its end.
                    newest => Ok(newest == Some((row.version, row.hash))),
                }
            },
            &|| (),
        )?;
        if !added {
            return Err(taken(row.version));
        }
        self.attach(unlocked, repository)?;
        // Another process of this member may have followed already.
        let done = self.take(&Entry::Successor(token))?;
        self.follow()?;
        self.keep_what_it_says(&parsed.public)?;
        Ok(if done == Ingested::NoOp {
            Ingested::Installed(row.version)
        } else {
            done
        })
    }

    /// Joins the domain of the repository: takes the version that a quorum admitted this module with, and
    /// everything after it. `fingerprint` is what the security officer was told of the domain. The
    /// objects that the token has move to the repository.
    ///
    /// # Errors
    /// `DomainTokenRefused` when the fingerprint is another, or this module was not admitted, which is kept as
    /// an event; those of the stores.
    pub fn join_repository(&self, fingerprint: Digest) -> Result<Ingested> {
        let unlocked = self.login_needed()?;
        let own = unlocked.identity().id();
        let (repository, rows) = self
            .repository()?
            .reading(|reader| Ok((repository_id(reader)?, reader.domain_rows()?)))?;
        let repository = repository
            .ok_or_else(|| Error::DomainRule("the repository is no domain's yet".into()))?;
        let Some((parent, token)) = admission(&rows, own) else {
            let why = format!("no version of the repository admits member {own}");
            self.note(REFUSED, &format!("repository {repository}: {why}"))?;
            return Err(Error::DomainTokenRefused(why));
        };
        let done = self.join(&parent.token, &token.token, fingerprint)?;
        self.attach(&unlocked, repository)?;
        self.follow()?;
        Ok(done)
    }

    /// How many objects the own store has.
    ///
    /// # Errors
    /// Those of the store.
    pub fn own_objects(&self) -> Result<u64> {
        self.store.reading(|reader| reader.count(&everything()))
    }

    /// Destroys every object of the own store, as before joining a domain without them.
    ///
    /// # Errors
    /// `UserNotLoggedIn`; those of the store.
    pub fn discard_own_objects(&self) -> Result<()> {
        let unlocked = self.login_needed()?;
        self.change(|writer| {
            let ids = writer.find(&everything())?;
            let mut changes = Vec::new();
            for id in ids {
                writer.delete_row(id)?;
                changes.push((id, None));
            }
            let head = unlocked.own.tree.update(writer, &changes)?;
            Ok(((), touched(&changes, head)))
        })?;
        unlocked.cache.clear();
        self.scrub().map(drop)
    }

    /// The keys of the repository's rows.
    pub(super) fn shared_keys(&self, unlocked: &Unlocked) -> Result<RowKeys> {
        let ring = self.keyring(unlocked)?;
        RowKeys::shared(ring.domain(), ring.stable(), 0)
    }

    /// Notes that the objects are in the repository from now on, and moves those that are not.
    fn attach(&self, unlocked: &Unlocked, repository: RepositoryId) -> Result<()> {
        if self.attached()?.is_none() {
            let seal = self.shared_keys(unlocked)?.seal;
            self.rows_anchor.forget()?;
            self.change(|writer| {
                Attached { repository, seal }.write(writer)?;
                Ok((
                    (),
                    Touched {
                        domain: true,
                        ..Touched::nothing()
                    },
                ))
            })?;
        }
        self.look_anew(unlocked)?;
        self.public.clear();
        self.move_objects(unlocked)
    }

    /// Goes on with a move of objects that a crash cut off: until it is done they are in neither view.
    ///
    /// # Errors
    /// Those of the stores.
    pub(super) fn finish_moving(&self, unlocked: &Unlocked) -> Result<()> {
        if self.attached()?.is_none() || self.own_objects()? == 0 {
            return Ok(());
        }
        let _alone = self.registry.alone(PATIENCE)?;
        self.move_objects(unlocked)
    }

    /// Moves the objects of the own store to the repository. Begun and not finished, it goes on at the
    /// next call: what is there already is not moved twice.
    fn move_objects(&self, unlocked: &Unlocked) -> Result<()> {
        loop {
            let objects = self.next_to_move(unlocked)?;
            if objects.is_empty() {
                return Ok(());
            }
            self.change_rows(unlocked, |writer, rows| {
                let tree = &rows.keys.tree;
                let mut changes = Vec::new();
                for (object, used) in &objects {
                    if tree.entry(writer, tree.floor(), object.id())?.is_some() {
                        continue;
                    }
                    let row = record::seal(unlocked, &rows.keys, rows.ring()?, object)?;
                    writer.put_row(&row)?;
                    changes.push((object.id(), Some(entry(object))));
                    changes.extend(roles::moved(&rows.keys, object, *used));
                }
                let head = tree.update(writer, &changes)?;
                Ok(((), touched(&changes, head)))
            })?;
            self.change(|writer| {
                let mut changes = Vec::new();
                for (object, _) in &objects {
                    writer.delete_row(object.id())?;
                    changes.push((object.id(), None));
                }
                let head = unlocked.own.tree.update(writer, &changes)?;
                Ok(((), touched(&changes, head)))
            })?;
        }
    }

    /// Some objects of the own store, with what each was used for.
    fn next_to_move(
        &self,
        unlocked: &Unlocked,
    ) -> Result<Vec<(Object, crate::object::policy::RoleState)>> {
        let ring = self.keyring(unlocked)?;
        let keys = &unlocked.own;
        self.store.reading(|reader| {
            let ids: Vec<ObjectId> = reader.find(&everything())?;
            let some = ids.into_iter().take(BATCH);
            some.map(|id| {
                let row = checked_row(keys, reader, keys.tree.floor(), id)?;
                let object = record::open(keys, &ring, &row)?;
                let used = roles::recorded(keys, reader, &lineage(&object))?;
                Ok((object, used))
            })
            .collect()
        })
    }
}

/// Makes an empty repository that of a domain, and checks that another one is.
pub(super) fn claim(
    writer: &dyn Writer,
    id: RepositoryId,
    base: &DomainRow,
    keys: &RowKeys,
) -> Result<()> {
    match repository_id(writer)? {
        Some(found) if found == id => Ok(()),
        Some(found) => Err(Error::DomainRule(format!(
            "this is repository {found}, and the domain's is {id}: set the right repository.url"
        ))),
        None => {
            writer.set_fact(REPOSITORY, Some(&id.0))?;
            keys.tree.plant(writer)?;
            if writer.add_domain_row(base)? {
                Ok(())
            } else {
                Err(Error::StoreTampered(
                    "the repository has versions of a domain, and does not say whose".into(),
                ))
            }
        }
    }
}

/// The repository's own id; none while it is no domain's.
fn repository_id(reader: &dyn Reader) -> Result<Option<RepositoryId>> {
    let fact = reader.fact(REPOSITORY)?;
    fact.map(|bytes| {
        <[u8; 16]>::try_from(bytes.as_slice())
            .map(RepositoryId)
            .map_err(|_| Error::StoreTampered("the repository's id is damaged".into()))
    })
    .transpose()
}

/// The version that made a module a member, and the one before it.
fn admission(rows: &[DomainRow], member: MemberId) -> Option<(&DomainRow, &DomainRow)> {
    let has = |row: &DomainRow| {
        DomainToken::parse(&row.token)
            .is_ok_and(|token| token.public.state.member(member).is_some())
    };
    // The newest admission counts: a member may have left and come back.
    rows.windows(2).rev().find_map(|pair| match pair {
        [before, after] if has(after) && !has(before) => Some((before, after)),
        _ => None,
    })
}

fn everything() -> Query {
    Query {
        scope: Scope::All,
        any_standing: true,
        ..Query::default()
    }
}

fn taken(version: u64) -> Error {
    Error::DomainTokenRefused(format!(
        "version {version} was published by another coordinator first: propose the change anew"
    ))
}
