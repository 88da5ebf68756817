//! The way back for a repository that was restored from an older copy, or lost: a member gives it the
//! versions of the domain that it lacks.

use super::publishing::claim;
use super::{REFUSED, Token};
use crate::domain::ids::Digest;
use crate::domain::ingest::Installed;
use crate::domain::token::Token as DomainToken;
use crate::domain::token::build::token_hash;
use crate::error::{Error, Result};
use crate::storage::{DomainRow, Writer};
use std::collections::HashMap;

/// The kind of event of versions that were given back to a repository.
const GIVEN_BACK: &str = "repository completed";

/// Domain tokens by their hashes.
type Archive = HashMap<[u8; 32], Vec<u8>>;

impl Token {
    /// The domain token of a version: from the repository, or the installed one. Needs no login.
    ///
    /// # Errors
    /// `DomainRule` when no token of that version is kept; those of the stores.
    pub fn version(&self, version: u64) -> Result<Vec<u8>> {
        let rows = if self.attached()?.is_some() {
            self.repository()?.reading(|reader| reader.domain_rows())?
        } else {
            self.store.reading(|reader| reader.domain_rows())?
        };
        let mut kept = rows.into_iter().filter(|row| !row.token.is_empty());
        let found = kept.find(|row| row.version == version);
        found.map(|row| row.token).ok_or_else(|| {
            Error::DomainRule(format!(
                "version {version} is not kept here: name the file of its domain token"
            ))
        })
    }

    /// Takes every version of the repository, among which the token with this hash must be.
    ///
    /// # Errors
    /// As [`Token::follow`]; `DomainTokenRefused`, which is kept as an event, when the repository has no
    /// such token.
    pub fn take_published(&self, hash: Digest) -> Result<()> {
        self.follow()?;
        let known = self.attached()?.is_some()
            && self.repository()?.reading(|reader| {
                let rows = reader.domain_rows()?;
                Ok(rows.iter().any(|row| row.hash == hash.0))
            })?;
        if known {
            return Ok(());
        }
        let why = "the repository has no token with this hash";
        self.note(REFUSED, &format!("{hash}: {why}"))?;
        Err(Error::DomainTokenRefused(why.into()))
    }

    /// Gives the repository the versions between its newest one and the installed one, as the security
    /// officer. The installed token names its parent by hash, and so on: `archived` tokens, in any order,
    /// need no other check. An empty repository gets the installed version only. Answers the versions
    /// that were given back.
    ///
    /// # Errors
    /// `UserNotLoggedIn` unless the security officer is logged in; `DomainRule` naming the token that is
    /// missing; `StoreTampered` when the repository has another history; those of the stores.
    pub fn complete_repository(&self, archived: &[Vec<u8>]) -> Result<Vec<u64>> {
        let unlocked = self.login_needed()?;
        if unlocked.role() != super::Role::SecurityOfficer {
            return Err(Error::UserNotLoggedIn);
        }
        let installed = unlocked.domain();
        if self.attached()?.is_none() {
            return Err(Error::DomainRule(
                "this token has no repository but its own database".into(),
            ));
        }
        let own = self.domain_token()?;
        let all = archived.iter().chain([&own]);
        let archive: Archive = all
            .map(|token| (token_hash(token).0, token.clone()))
            .collect();
        let keys = self.shared_keys(&unlocked)?;
        let given = self.repository()?.writing(
            |writer| {
                let Some((newest, hash)) = writer.newest_domain_row()? else {
                    let base = row(&own)?;
                    claim(writer, installed.state.repository, &base, &keys)?;
                    return Ok(vec![base.version]);
                };
                append(writer, &lacking(&installed, (newest, hash), &archive)?)
            },
            &|| (),
        )?;
        if !given.is_empty() {
            let versions: Vec<String> = given.iter().map(u64::to_string).collect();
            self.note(GIVEN_BACK, &format!("versions {}", versions.join(", ")))?;
        }
        self.follow()?;
        Ok(given)
    }
}

/// The versions after the repository's newest, oldest first.
fn lacking(
    installed: &Installed,
    (newest, hash): (u64, [u8; 32]),
    archive: &Archive,
) -> Result<Vec<DomainRow>> {
    let mut rows: Vec<DomainRow> = Vec::new();
    let mut wanted = installed.hash;
    for version in (newest.saturating_add(1)..=installed.state.version).rev() {
        let token = archive.get(&wanted.0).ok_or_else(|| {
            Error::DomainRule(format!(
                "the repository lacks version {version} too: name the file of domain token {wanted}"
            ))
        })?;
        rows.push(row(token)?);
        let parent = DomainToken::parse(token).map_err(Error::from)?;
        wanted = parent.public.state.parent.unwrap_or(Digest([0; 32]));
    }
    let ahead = newest > installed.state.version;
    if !ahead && wanted.0 != hash {
        return Err(Error::StoreTampered(format!(
            "the repository's version {newest} of the domain is not the one that this module knows"
        )));
    }
    rows.reverse();
    Ok(rows)
}

fn append(writer: &dyn Writer, rows: &[DomainRow]) -> Result<Vec<u64>> {
    let mut given = Vec::new();
    for row in rows {
        if !writer.add_domain_row(row)? {
            return Err(Error::StoreTampered(format!(
                "the repository has a version {} already",
                row.version
            )));
        }
        given.push(row.version);
    }
    Ok(given)
}

fn row(token: &[u8]) -> Result<DomainRow> {
    let parsed = DomainToken::parse(token).map_err(Error::from)?;
    Ok(DomainRow {
        version: parsed.public.state.version,
        hash: parsed.hash.0,
        token: token.to_vec(),
    })
}
