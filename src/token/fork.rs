//! A forked domain: two tokens of the installed version exist, so that no further one is taken until the
//! security officer says that the installed one counts.

use super::changes::Touched;
use super::domain::{FORK, put_event};
use super::{Role, Token};
use crate::domain::token::build::token_hash;
use crate::error::{Error, Result};

/// The kind of event of a fork that was settled.
const SETTLED: &str = "domain fork settled";

impl Token {
    /// The other token of the installed version, kept as evidence; none while the domain is not forked.
    ///
    /// # Errors
    /// Those of the store.
    pub fn fork(&self) -> Result<Option<Vec<u8>>> {
        self.store.reading(|reader| reader.fact(FORK))
    }

    /// Goes on with the installed version, as the security officer who knows who made the other token.
    /// Members that installed the other one have to join anew. Answers the other token.
    ///
    /// # Errors
    /// `UserNotLoggedIn` unless the security officer is logged in; `DomainRule` when the domain is not
    /// forked; those of the store.
    pub fn settle_fork(&self) -> Result<Vec<u8>> {
        if self.login_needed()?.role() != Role::SecurityOfficer {
            return Err(Error::UserNotLoggedIn);
        }
        self.change(|writer| {
            let other = writer.fact(FORK)?;
            let other =
                other.ok_or_else(|| Error::DomainRule("the domain is not forked".into()))?;
            writer.set_fact(FORK, None)?;
            let hash = token_hash(&other);
            put_event(writer, SETTLED, &format!("without token {hash}"))?;
            Ok((other, Touched::nothing()))
        })
    }
}
