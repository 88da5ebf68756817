//! What comes back in a session: files for bytes, and text or JSON for people and programs.

use crate::failure::Failure;
use crate::files::write;
use crate::key::shown;
use crate::output::{Output, Table, fields, hex, time};
use clap::Args;
use keyward_pkcs11::domain::customer::{Answer, KeyInfo, Request};
use keyward_pkcs11::domain::operator_session::{Ask, Status};
use keyward_pkcs11::error::Error;
use keyward_pkcs11::secret::SecretBytes;
use serde::Serialize;
use std::io::ErrorKind;
use std::path::PathBuf;

/// Where results go.
#[derive(Args)]
pub(super) struct Files {
    /// The file for the plaintext, ciphertext, data key, suspended key or signed word
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// The file for a data key as it is wrapped
    #[arg(long, value_name = "FILE")]
    wrapped: Option<PathBuf>,
    /// The file for the same under the key's newest version, where what was decrypted is older
    #[arg(long, value_name = "FILE")]
    update: Option<PathBuf>,
}

/// A member's status, as printed.
#[derive(Serialize)]
struct Shown {
    member: String,
    domain: String,
    version: u64,
    token: String,
    time: String,
}

/// A version of a key, as printed.
#[derive(Serialize)]
struct Version {
    label: String,
    id: String,
    version: u64,
    newest: u64,
    created: String,
    tenant: String,
}

impl Files {
    /// Whether there is a new file for each result that is not for the eye: asked before anything is
    /// done, so that no result is lost.
    pub(super) fn check(&self, question: &Ask) -> Result<(), Failure> {
        let given = [&self.out, &self.wrapped, &self.update]
            .into_iter()
            .flatten();
        for path in given {
            if path.exists() {
                return Err(Failure::file(path, &ErrorKind::AlreadyExists.into()));
            }
        }
        let Ask::Customer(request) = question else {
            return Ok(());
        };
        let (out, wrapped) = wants(request);
        let missing = match (out && self.out.is_none(), wrapped && self.wrapped.is_none()) {
            (true, _) => "--out",
            (_, true) => "--wrapped",
            (false, false) => return Ok(()),
        };
        Err(Failure::Usage(format!(
            "name a file for the result: {missing}"
        )))
    }

    /// Shows what was done.
    pub(super) fn show(
        &self,
        question: &Ask,
        result: &SecretBytes,
        output: &Output,
    ) -> Result<(), Failure> {
        match question {
            Ask::Status => show_status(result, output),
            Ask::Random(_) => match &self.out {
                Some(path) => write(path, result.expose()),
                None => output.print(&hex(result.expose()), String::clone),
            },
            Ask::Customer(request) => {
                let answer = Answer::decode(result.expose()).map_err(Error::from)?;
                self.keep(request, &answer)?;
                show_answer(request, &answer.keys, output)
            }
        }
    }

    /// Writes the files.
    fn keep(&self, request: &Request, answer: &Answer) -> Result<(), Failure> {
        let (_, wrapped) = wants(request);
        let sealed = if wrapped { &self.wrapped } else { &self.out };
        let parts = [
            (&self.out, answer.plain.as_ref().map(SecretBytes::expose)),
            (sealed, answer.sealed.as_deref()),
            (&self.update, answer.update.as_deref()),
        ];
        for (path, bytes) in parts {
            if let (Some(path), Some(bytes)) = (path, bytes) {
                write(path, bytes)?;
            }
        }
        Ok(())
    }
}

/// Whether a request brings a plaintext, ciphertext or data key, and whether a wrapped data key.
fn wants(request: &Request) -> (bool, bool) {
    if let Request::GenerateDataKey { plain, .. } = request {
        return (*plain, true);
    }
    let bytes = matches!(
        request,
        Request::Encrypt { .. }
            | Request::Decrypt { .. }
            | Request::Rekey { .. }
            | Request::Suspend { .. }
            | Request::ProofOfDestruction { .. }
    );
    (bytes, false)
}

/// Shows the keys of an answer: what a request is about, as `keyward key` does, and else in a table.
fn show_answer(request: &Request, keys: &[KeyInfo], output: &Output) -> Result<(), Failure> {
    match request {
        Request::Create { .. }
        | Request::Encrypt { .. }
        | Request::Decrypt { .. }
        | Request::Rekey { .. }
        | Request::GenerateDataKey { .. }
        | Request::Rotate { .. }
        | Request::List { .. } => show_keys(keys, output),
        Request::SetPolicy { .. }
        | Request::Register { .. }
        | Request::Unregister { .. }
        | Request::ProofOfDestruction { .. } => shown::one(keys, output),
        Request::Describe { .. }
        | Request::MarkForShredding { .. }
        | Request::CancelShredding { .. }
        | Request::Shred { .. }
        | Request::Suspend { .. }
        | Request::Reinstate { .. }
        | Request::NoteCompromise { .. }
        | Request::DeleteVersion { .. } => shown::versions(keys, output),
    }
}

fn show_status(result: &SecretBytes, output: &Output) -> Result<(), Failure> {
    let status = Status::parse(result.expose()).map_err(Error::from)?;
    let shown = Shown {
        member: status.member.to_string(),
        domain: status.domain.to_string(),
        version: status.version,
        token: status.token.to_string(),
        time: time(status.now),
    };
    output.print(&shown, |shown| {
        fields(&[
            ("member", shown.member.clone()),
            ("domain", shown.domain.clone()),
            ("version", shown.version.to_string()),
            ("token", shown.token.clone()),
            ("time", shown.time.clone()),
        ])
    })
}

fn show_keys(keys: &[KeyInfo], output: &Output) -> Result<(), Failure> {
    let shown: Vec<Version> = keys
        .iter()
        .map(|key| Version {
            label: key.label.clone(),
            id: hex(&key.family),
            version: key.version,
            newest: key.newest,
            created: time(key.created),
            tenant: String::from_utf8_lossy(&key.tenant).into_owned(),
        })
        .collect();
    output.print(&shown, |shown| {
        let mut table = Table::new(&["key", "id", "version", "newest", "created"]);
        for key in shown {
            table.row(vec![
                key.label.clone(),
                key.id.clone(),
                key.version.to_string(),
                key.newest.to_string(),
                key.created.clone(),
            ]);
        }
        table.text("done")
    })
}
