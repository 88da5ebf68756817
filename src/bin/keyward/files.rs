//! Files that travel: requests, cards, statements and tokens, as text for mail or as bare bytes. Every
//! reader takes both.

use crate::failure::Failure;
use clap::Args;
use keyward_pkcs11::domain::customer::request::MAX_DATA;
use pem_rfc7468::LineEnding;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// What every text form begins with.
const BEGIN: &str = "-----BEGIN KEYWARD ";
/// What its last line begins with.
const END: &str = "-----END KEYWARD ";

/// The longest file that is read, in bytes: what a customer key encrypts in one piece, and what goes round it.
const LONGEST: usize = MAX_DATA + (1 << 20);

/// What a file holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Form {
    /// A request for changes of a domain, with the approvals that it has.
    Request,
    /// A version of a domain.
    DomainToken,
    /// A customer key under a domain key.
    KeyToken,
    /// A member's word that it runs a version.
    Statement,
    /// A module's public card.
    ModuleCard,
    /// An operator's public card.
    OperatorCard,
    /// The public half of a recovery key.
    RecoveryKey,
    /// One person's share of a recovery key.
    RecoveryShare,
    /// An operator's request for a session.
    SessionHello,
    /// A member's answer to it.
    SessionWelcome,
    /// A request in a session.
    SessionRequest,
    /// A member's answer to it.
    SessionAnswer,
}

/// Every form.
const FORMS: [Form; 12] = [
    Form::Request,
    Form::DomainToken,
    Form::KeyToken,
    Form::Statement,
    Form::ModuleCard,
    Form::OperatorCard,
    Form::RecoveryKey,
    Form::RecoveryShare,
    Form::SessionHello,
    Form::SessionWelcome,
    Form::SessionRequest,
    Form::SessionAnswer,
];

/// A file as it was read.
pub(crate) struct Contents {
    /// What it says it is, where it says so.
    pub(crate) form: Option<Form>,
    /// The bytes, without armour.
    pub(crate) bytes: Vec<u8>,
}

/// Whether a file is written as text.
#[derive(Args)]
pub(crate) struct Plain {
    /// Write bare bytes, not text
    #[arg(long)]
    binary: bool,
}

impl Plain {
    /// The contents of a file in this way.
    pub(crate) fn contents(
        &self,
        form: Form,
        heading: &str,
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, Failure> {
        if self.binary {
            Ok(bytes)
        } else {
            form.text(heading, &bytes)
        }
    }
}

impl Form {
    /// The label between the dashes.
    fn label(self) -> &'static str {
        match self {
            Form::Request => "KEYWARD DOMAIN REQUEST",
            Form::DomainToken => "KEYWARD DOMAIN TOKEN",
            Form::KeyToken => "KEYWARD KEY TOKEN",
            Form::Statement => "KEYWARD RUNNING STATEMENT",
            Form::ModuleCard => "KEYWARD MODULE CARD",
            Form::OperatorCard => "KEYWARD OPERATOR CARD",
            Form::RecoveryKey => "KEYWARD RECOVERY KEY",
            Form::RecoveryShare => "KEYWARD RECOVERY SHARE",
            Form::SessionHello => "KEYWARD SESSION HELLO",
            Form::SessionWelcome => "KEYWARD SESSION WELCOME",
            Form::SessionRequest => "KEYWARD SESSION REQUEST",
            Form::SessionAnswer => "KEYWARD SESSION ANSWER",
        }
    }

    /// `bytes` as text (RFC 7468), below a line for people.
    ///
    /// # Errors
    /// None but those of the encoder.
    pub(crate) fn text(self, heading: &str, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
        let body = pem_rfc7468::encode_string(self.label(), LineEnding::LF, bytes)
            .map(Zeroizing::new)
            .map_err(|cause| Failure::File(cause.to_string()))?;
        // What people call things is part of it: no line may begin within.
        let heading: String = heading.chars().filter(|one| !one.is_control()).collect();
        Ok(format!("Keyward {heading}\n{}", *body).into_bytes())
    }

    /// Reads a file of this form, text or bytes.
    ///
    /// # Errors
    /// A file that cannot be read, damaged text, or one that is or says that it is something else.
    pub(crate) fn read(self, path: &Path) -> Result<Contents, Failure> {
        let contents = read_any(path)?;
        let own = self.label().to_lowercase();
        let is = |what: &str| Err(Failure::File(format!("{}: it {what}", path.display())));
        match contents.form {
            Some(other) if other != self => is(&format!(
                "holds a {}, not a {own}",
                other.label().to_lowercase()
            )),
            None if contents.bytes.is_empty() => is(&format!("is empty, and no {own}")),
            None if is_text(&contents.bytes) => is(&format!("is text that holds no {own}")),
            _ => Ok(contents),
        }
    }

    /// The bytes again as the file had them: as text where it was text.
    pub(crate) fn like(
        self,
        contents: &Contents,
        heading: &str,
        bytes: Vec<u8>,
    ) -> Result<Vec<u8>, Failure> {
        Plain {
            binary: contents.form.is_none(),
        }
        .contents(self, heading, bytes)
    }
}

/// Whether bytes are text and nothing else. None of the forms is: each has hashes or signatures in it.
fn is_text(bytes: &[u8]) -> bool {
    let controls = |one: char| one.is_control() && !matches!(one, '\n' | '\r' | '\t');
    std::str::from_utf8(bytes).is_ok_and(|text| !text.contains(controls))
}

/// Reads a file of any form.
///
/// # Errors
/// A file that cannot be read, or damaged text.
pub(crate) fn read_any(path: &Path) -> Result<Contents, Failure> {
    // What is read may be secret.
    let mut bytes = Zeroizing::new(read(path)?);
    let text = std::str::from_utf8(&bytes)
        .ok()
        .and_then(|text| text.find(BEGIN).map(|from| text.get(from..)));
    let Some(text) = text.flatten() else {
        let bytes = std::mem::take(&mut *bytes);
        return Ok(Contents { form: None, bytes });
    };
    let damaged =
        |why: &str| Failure::File(format!("{}: the text is damaged: {why}", path.display()));
    let end = text
        .find(END)
        .ok_or_else(|| damaged("its last line is missing"))?;
    // Mail programs add lines below, and ends of lines of their own.
    let last = text.get(end..).and_then(|rest| rest.lines().next());
    let lines = text.get(..end).unwrap_or_default().lines().chain(last);
    let clean: Vec<&str> = lines.map(str::trim_end).chain([""]).collect();
    let clean = Zeroizing::new(clean.join("\n"));
    let decoded =
        pem_rfc7468::decode_vec(clean.as_bytes()).map(|(label, bytes)| (label.to_owned(), bytes));
    let (label, bytes) = decoded.map_err(|cause| damaged(&cause.to_string()))?;
    let form = FORMS.into_iter().find(|form| form.label() == label);
    let form = form.ok_or_else(|| damaged(&format!("it holds an unknown {label}")))?;
    Ok(Contents {
        form: Some(form),
        bytes,
    })
}

/// Reads a file whole.
///
/// # Errors
/// A file that cannot be read, or is longer than anything that the program takes.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let file = File::open(path).map_err(|cause| Failure::file(path, &cause))?;
    read_from(file, &path.display().to_string())
}

/// Reads what is called `name` whole, as far as [`LONGEST`].
///
/// # Errors
/// As [`read`].
pub(crate) fn read_from(source: impl Read, name: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Zeroizing::new(Vec::new());
    let most = u64::try_from(LONGEST).unwrap_or(u64::MAX);
    let end = source.take(most + 1).read_to_end(&mut bytes);
    end.map_err(|cause| Failure::File(format!("{name}: {cause}")))?;
    if bytes.len() > LONGEST {
        return Err(Failure::File(format!(
            "{name}: it has more than {} MiB, and nothing as long is taken here",
            LONGEST >> 20
        )));
    }
    Ok(std::mem::take(&mut *bytes))
}

/// Writes a new file, for its owner only; one that exists is never overwritten.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    use std::os::unix::fs::OpenOptionsExt;
    let made = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let written = made.and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()));
    written.map_err(|cause| Failure::file(path, &cause))
}

/// Puts new contents in the place of a file's, whole or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".new-{}", std::process::id()));
    let aside = path.with_file_name(name);
    write(&aside, bytes)?;
    fs::rename(&aside, path).map_err(|cause| Failure::file(path, &cause))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(text: &str) -> Result<Contents, Failure> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        fs::write(&path, text).unwrap();
        Form::Request.read(&path)
    }

    #[test]
    fn text_comes_back_whatever_mail_did_to_it() {
        let bytes: Vec<u8> = (0..=255).collect();
        let text = Form::Request.text("request: some\nthing", &bytes).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.starts_with("Keyward request: something\n-----BEGIN KEYWARD DOMAIN REQUEST"));
        let mailed = format!(
            "> Hello,\r\n\r\n{}\r\n--\r\nme\r\n",
            text.replace('\n', "\r\n")
        );
        for text in [&text, &mailed] {
            assert_eq!(through(text).unwrap().bytes, bytes);
        }
    }

    #[test]
    fn text_that_is_cut_or_is_something_else_is_refused() {
        let text = Form::Request.text("request", &[7; 100]).unwrap();
        let text = String::from_utf8(text).unwrap();
        let cut = &text[..text.len() - 40];
        assert!(through(cut).err().unwrap().to_string().contains("damaged"));
        let edited = text.replace("BwcH", "B!cH");
        assert!(
            through(&edited)
                .err()
                .unwrap()
                .to_string()
                .contains("damaged")
        );
        let card = String::from_utf8(Form::ModuleCard.text("card", &[7; 100]).unwrap()).unwrap();
        let error = through(&card).err().unwrap().to_string();
        assert!(error.contains("holds a keyward module card"), "{error}");
    }
}
