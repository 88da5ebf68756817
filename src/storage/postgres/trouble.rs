//! What went wrong with the server: what to tell the caller, and whether to try again.

use crate::error::Error;
use std::error::Error as _;
use std::time::Duration;

/// What can be done about it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// Nothing here.
    Plain,
    /// The server took the transaction back because of another one: it can be run again.
    Again,
    /// The connection is gone; a new one may do.
    Lost,
    /// The server says that it is not ready yet.
    Starting,
}

/// A failure, with what can be done about it.
#[derive(Clone, Debug)]
pub(super) struct Trouble {
    pub(super) kind: Kind,
    pub(super) error: Error,
}

impl Trouble {
    /// The failure of a statement, or of connecting, on the server called `name`.
    pub(super) fn of(name: &str, error: &tokio_postgres::Error) -> Self {
        match error.as_db_error() {
            Some(said) => Self::said(name, said.code().code(), said.message()),
            None => Trouble {
                kind: Kind::Lost,
                error: Error::Store(format!("{name}: {}", whole_text(error))),
            },
        }
    }

    /// What the server said, by its SQLSTATE (PostgreSQL manual, appendix A).
    fn said(name: &str, code: &str, message: &str) -> Self {
        let text = |what: &str| Error::Store(format!("{name}: {message}{what}"));
        let (kind, error) = match code {
            "40001" | "40P01" => (Kind::Again, Error::StoreBusy),
            "55P03" => (Kind::Plain, Error::StoreBusy),
            "57014" => (
                Kind::Plain,
                text(": the server is slow; try again, or raise repository.timeout_ms"),
            ),
            "25006" => (
                Kind::Plain,
                Error::TokenWriteProtected(format!("{name}: {message}")),
            ),
            "53100" => (Kind::Plain, Error::StoreFull),
            "57P03" => (Kind::Starting, text("; try again")),
            "57P01" | "57P02" | "57P05" | "25P03" | "08000" | "08003" | "08006" => {
                (Kind::Lost, text("; try again"))
            }
            "28P01" | "28000" => (
                Kind::Plain,
                text(
                    ": set KEYWARD_REPOSITORY_PASSWORD or passfile= in repository.url, and look at \
                     the server's pg_hba.conf",
                ),
            ),
            "3D000" => (Kind::Plain, text(": make it with createdb")),
            "3F000" => (
                Kind::Plain,
                text(": make the schema that search_path names"),
            ),
            "42501" => (Kind::Plain, text(": grant the user this right")),
            "53300" => (Kind::Plain, text(": raise the server's max_connections")),
            "XX001" | "XX002" => (
                Kind::Plain,
                Error::StoreTampered(format!(
                    "{name}: {message} (damaged: restore it from a backup)"
                )),
            ),
            _ => (Kind::Plain, text(&format!(" (SQLSTATE {code})"))),
        };
        Trouble { kind, error }
    }

    /// The server did not answer a statement in time. The connection is of no use any more.
    pub(super) fn slow(name: &str, limit: Duration) -> Self {
        Self::plain(Error::Store(format!(
            "{name}: the server has not answered for {} ms: try again, or raise repository.timeout_ms",
            limit.as_millis()
        )))
    }

    /// No connection could be made.
    pub(super) fn unreachable(name: &str, error: &tokio_postgres::Error) -> Self {
        if error.as_db_error().is_some() {
            return Self::of(name, error);
        }
        Self::plain(Error::Store(format!(
            "{name} cannot be reached: {}: is the server running, and is repository.url right?",
            whole_text(error)
        )))
    }

    /// No connection could be made in time.
    pub(super) fn silent(name: &str, limit: Duration) -> Self {
        Self::plain(Error::Store(format!(
            "{name} cannot be reached: no answer for {} ms: is the server running, and is \
             repository.url right?",
            limit.as_millis()
        )))
    }

    /// A failure that trying again does not mend.
    pub(super) fn plain(error: Error) -> Self {
        Trouble {
            kind: Kind::Plain,
            error,
        }
    }
}

/// The texts of an error and its causes, in one line.
fn whole_text(error: &tokio_postgres::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !text.ends_with(&said) {
            text = format!("{text}: {said}");
        }
        cause = next.source();
    }
    text.replace('\n', " ")
}
