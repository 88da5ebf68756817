//! Where PINs and passphrases come from: a file, the environment, a file that it names, a systemd credential,
//! a prompt.

use crate::failure::Failure;
use clap::Args;
use keyward_pkcs11::secret::SecretBytes;
use std::env;
use std::io::{self, IsTerminal};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// The user's PIN.
#[derive(Args)]
pub(crate) struct UserPin {
    /// Read the user PIN from the first line of this file
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
}

/// The security officer's PIN.
#[derive(Args)]
pub(crate) struct SoPin {
    /// Read the security officer's PIN from the first line of this file
    #[arg(long, value_name = "FILE")]
    so_pin_file: Option<PathBuf>,
}

/// The passphrase of an operator's key file.
#[derive(Args)]
pub(crate) struct Passphrase {
    /// Read the passphrase of the key file, or the PIN of the key's token, from the first line of this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

/// The passphrase of a file with keys.
#[derive(Args)]
pub(crate) struct FilePassphrase {
    /// Read the passphrase of the file with keys from the first line of this file
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl FilePassphrase {
    /// The passphrase of the existing file at `path`.
    pub(crate) fn current(&self, path: &Path) -> Result<SecretBytes, Failure> {
        let name = format!("passphrase of {}", path.display());
        source(&name, "passphrase", self.passphrase_file.as_deref()).current()
    }

    /// The passphrase of a new file.
    pub(crate) fn fresh(&self) -> Result<SecretBytes, Failure> {
        source("passphrase", "passphrase", self.passphrase_file.as_deref()).fresh()
    }
}

impl UserPin {
    /// The PIN that is in force.
    pub(crate) fn current(&self) -> Result<SecretBytes, Failure> {
        source("user PIN", "pin", self.pin_file.as_deref()).current()
    }

    /// A PIN to be set.
    pub(crate) fn fresh(&self) -> Result<SecretBytes, Failure> {
        source("user PIN", "pin", self.pin_file.as_deref()).fresh()
    }
}

impl SoPin {
    /// The PIN that is in force.
    pub(crate) fn current(&self) -> Result<SecretBytes, Failure> {
        source("SO PIN", "so-pin", self.so_pin_file.as_deref()).current()
    }

    /// A PIN to be set.
    pub(crate) fn fresh(&self) -> Result<SecretBytes, Failure> {
        source("SO PIN", "so-pin", self.so_pin_file.as_deref()).fresh()
    }
}

impl Passphrase {
    /// The passphrase of an existing key file.
    pub(crate) fn current(&self) -> Result<SecretBytes, Failure> {
        source("passphrase", "passphrase", self.passphrase_file.as_deref()).current()
    }

    /// The passphrase of a new key file.
    pub(crate) fn fresh(&self) -> Result<SecretBytes, Failure> {
        source("passphrase", "passphrase", self.passphrase_file.as_deref()).fresh()
    }
}

/// The places where one kind of secret may come from.
struct Source<'a> {
    /// What people call it.
    name: &'a str,
    /// `pin` for `--pin-file`, `KEYWARD_PIN` and the credential `keyward-pin`.
    key: &'a str,
    file: Option<&'a Path>,
}

fn source<'a>(name: &'a str, key: &'a str, file: Option<&'a Path>) -> Source<'a> {
    Source { name, key, file }
}

impl Source<'_> {
    fn current(&self) -> Result<SecretBytes, Failure> {
        match self.given()? {
            Some(secret) => Ok(secret),
            None => self.ask(&format!("{}: ", capitalized(self.name))),
        }
    }

    fn fresh(&self) -> Result<SecretBytes, Failure> {
        if let Some(secret) = self.given()? {
            return Ok(secret);
        }
        let first = self.ask(&format!("New {}: ", self.name))?;
        let second = self.ask(&format!("New {} again: ", self.name))?;
        if first != second {
            return Err(Failure::Usage("the two are not the same".to_owned()));
        }
        Ok(first)
    }

    /// What was given without asking anybody: file, environment, a file that it names, credential, in this
    /// order.
    fn given(&self) -> Result<Option<SecretBytes>, Failure> {
        if let Some(path) = self.file {
            return first_line(path).map(Some);
        }
        let variable = format!("KEYWARD_{}", self.key.replace('-', "_").to_uppercase());
        if let Some(value) = env::var_os(&variable) {
            return Ok(Some(SecretBytes::take(value.into_vec())));
        }
        let variable = format!("{variable}_FILE");
        if let Some(path) = env::var_os(variable).filter(|path| !path.is_empty()) {
            return first_line(Path::new(&path)).map(Some);
        }
        let credentials = env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let path = credentials.map(|directory| directory.join(format!("keyward-{}", self.key)));
        path.filter(|path| path.exists())
            .map(|path| first_line(&path))
            .transpose()
    }

    fn ask(&self, prompt: &str) -> Result<SecretBytes, Failure> {
        if !io::stdin().is_terminal() {
            let name = self.name;
            let key = self.key;
            let variable = key.replace('-', "_").to_uppercase();
            return Err(Failure::Usage(format!(
                "there is no terminal to ask for the {name}: give --{key}-file or KEYWARD_{variable}"
            )));
        }
        let typed = rpassword::prompt_password(prompt)?;
        Ok(SecretBytes::take(typed.into_bytes()))
    }
}

/// The file's first line without its end.
pub(crate) fn first_line(path: &Path) -> Result<SecretBytes, Failure> {
    let whole = SecretBytes::take(crate::files::read(path)?);
    let line = whole
        .expose()
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    Ok(SecretBytes::copy_of(
        line.strip_suffix(b"\r").unwrap_or(line),
    ))
}

fn capitalized(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_line_of_a_file_counts() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("pin");
        for text in ["1234", "1234\n", "1234\r\n", "1234\nmore\n"] {
            std::fs::write(&path, text).unwrap();
            assert_eq!(first_line(&path).unwrap().expose(), b"1234");
        }
        let missing = first_line(&directory.path().join("missing")).unwrap_err();
        assert!(missing.to_string().contains("missing"));
    }
}
