//! How the program fails: one line that says what to do, and an exit code by kind.

use keyward_pkcs11::error::Error;
use keyward_pkcs11::object::schema;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// Why a command ended without doing what it was told.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The library's own word.
    Library(Error),
    /// The arguments do not fit together, or what was asked for at a prompt is missing.
    Usage(String),
    /// What was named does not exist.
    NotFound(String),
    /// A file or stream cannot be read or written.
    File(String),
    /// The passphrase of a key file is wrong, or the file was changed.
    Passphrase,
    /// What was asked for is not allowed, or would change what is there.
    Refused(String),
    /// A PIN that is not that of a token of ours is wrong.
    Pin(String),
    /// A check found data changed outside the program; the findings were printed.
    Findings(String),
}

impl Failure {
    /// A failure to read or write `path`.
    pub(crate) fn file(path: &Path, cause: &io::Error) -> Self {
        if cause.kind() == io::ErrorKind::AlreadyExists {
            return Failure::File(format!(
                "{} exists already: name another file",
                path.display()
            ));
        }
        Failure::File(format!("{}: {cause}", path.display()))
    }

    /// The same, about a part of something: a file, or a block in it.
    pub(crate) fn within(self, place: &str) -> Self {
        if let Failure::File(cause) = self {
            return Failure::File(format!("{place}: {cause}"));
        }
        if let Failure::Passphrase = self {
            let cause = "the passphrase is wrong, or the file was changed";
            return Failure::Pin(format!("{place}: {cause}"));
        }
        self
    }

    /// The same with a reason, where the library says no more than that the object does not allow it.
    pub(crate) fn where_prohibited(self, why: &str) -> Self {
        if let Failure::Library(Error::ActionProhibited) = self {
            return Failure::Refused(why.to_owned());
        }
        self
    }

    /// Prints the failure to standard error and gives its exit code.
    pub(crate) fn report(&self) -> ExitCode {
        eprintln!("keyward: {self}");
        ExitCode::from(self.code())
    }

    /// The exit code: those that `keyward --help` lists.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "most causes have the same code"
    )]
    fn code(&self) -> u8 {
        match self {
            Failure::Usage(_) => 2,
            Failure::Passphrase | Failure::Pin(_) => 3,
            Failure::NotFound(_) => 4,
            Failure::Findings(_) => 5,
            Failure::File(_) | Failure::Refused(_) => 1,
            Failure::Library(cause) => match cause {
                Error::PinIncorrect | Error::PinLocked => 3,
                Error::ObjectTampered(_) | Error::StoreTampered(_) => 5,
                _ => 1,
            },
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Library(cause) => match named(cause) {
                Some((name, what)) => write!(f, "{name} {what}"),
                None => cause.fmt(f),
            },
            Failure::Passphrase => {
                f.write_str("the passphrase is wrong, or the key file was changed")
            }
            Failure::Usage(text)
            | Failure::NotFound(text)
            | Failure::File(text)
            | Failure::Refused(text)
            | Failure::Pin(text)
            | Failure::Findings(text) => f.write_str(text),
        }
    }
}

/// What the library says of an attribute, by its name in the standard.
fn named(cause: &Error) -> Option<(&'static str, &'static str)> {
    let (kind, what) = if let Error::AttributeValueInvalid(kind) = cause {
        (kind, "cannot have this value")
    } else if let Error::AttributeReadOnly(kind) = cause {
        (kind, "cannot be set to this")
    } else if let Error::TemplateInconsistent(kind) = cause {
        (kind, "does not fit this kind of object")
    } else if let Error::TemplateIncomplete(kind) = cause {
        (kind, "is missing")
    } else {
        return None;
    };
    Some((schema::name(*kind)?, what))
}

impl From<Error> for Failure {
    fn from(cause: Error) -> Self {
        Failure::Library(cause)
    }
}

impl From<io::Error> for Failure {
    fn from(cause: io::Error) -> Self {
        Failure::File(format!("standard output: {cause}"))
    }
}
