//! A directory in which people keep their files, with the homes of members beside them.

use crate::support::Home;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The PIN of every user.
pub(crate) const PIN: &str = "1234567";
/// The PIN of every security officer.
pub(crate) const SO_PIN: &str = "87654321";
/// The passphrase of every key file.
const PASSPHRASE: &str = "passphrase";

/// A directory, removed on drop.
pub(crate) struct Place {
    home: Home,
}

impl Place {
    pub(crate) fn new() -> Self {
        Place { home: Home::new() }
    }

    /// A file in it.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Another program, in this directory.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.home.command(program);
        command.current_dir(self.home.path());
        command
    }

    /// The program, for the member whose home is `member`.
    fn keyward(&self, member: &str, words: &[&str]) -> (bool, String) {
        let output = self
            .command(env!("CARGO_BIN_EXE_keyward"))
            .args(words)
            .env("KEYWARD_HOME", self.file(member))
            .env("KEYWARD_PIN", PIN)
            .env("KEYWARD_SO_PIN", SO_PIN)
            .env("KEYWARD_PASSPHRASE", PASSPHRASE)
            .output()
            .expect("the program runs");
        let mut printed = String::from_utf8(output.stdout).expect("text");
        printed.push_str(&String::from_utf8(output.stderr).expect("text"));
        (output.status.success(), printed)
    }

    /// Runs a command line that must succeed, and gives what it prints.
    pub(crate) fn run(&self, member: &str, line: &str) -> String {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (done, printed) = self.keyward(member, &words);
        assert!(done, "keyward {line}\n{printed}");
        printed
    }

    /// Runs a command line that must fail, and gives what it prints.
    pub(crate) fn fail(&self, member: &str, line: &str) -> String {
        let words = words(line);
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let (done, printed) = self.keyward(member, &words);
        assert!(!done, "keyward {line}\n{printed}");
        printed
    }

    /// The value of a field that a member's `keyward domain show --json` prints.
    pub(crate) fn shown(&self, member: &str, pointer: &str) -> serde_json::Value {
        let printed = self.run(member, "domain show --json");
        let value: serde_json::Value = serde_json::from_str(&printed).expect("JSON");
        value.pointer(pointer).cloned().unwrap_or_default()
    }

    /// Makes a token in a home of its own.
    pub(crate) fn member(&self, name: &str) {
        self.run(name, &format!("token init --label {name}"));
    }

    /// Makes an operator's key and card.
    pub(crate) fn operator(&self, name: &str) {
        self.run(
            "",
            &format!("operator keygen --label {name} --key {name}.key --card {name}.card"),
        );
    }

    /// Has operators approve a request.
    pub(crate) fn approve(&self, request: &str, operators: &[&str]) {
        for name in operators {
            self.run("", &format!("operator approve {request} --key {name}.key"));
        }
    }

    /// Has operators approve a request, a member propose it, and members install it.
    pub(crate) fn change(&self, change: &str, operators: &[&str], members: &[&str], token: &str) {
        let first = members.first().expect("a member");
        let request = format!("{token}.request");
        self.run(first, &format!("domain request {change} --out {request}"));
        self.approve(&request, operators);
        self.run(first, &format!("domain propose {request} --out {token}"));
        for member in members {
            self.run(member, &format!("domain ingest {token}"));
        }
    }

    /// Writes a file.
    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.file(name), text).expect("a file");
    }

    /// What pkcs11-tool answers for the user of a member's token; whether it did as told.
    pub(crate) fn tool(&self, member: &str, line: &str) -> (bool, String) {
        let output = self
            .command("pkcs11-tool")
            .env("KEYWARD_HOME", self.file(member))
            .arg("--module")
            .arg(crate::support::module_path())
            .args(["--token-label", member, "--login", "--pin", PIN])
            .args(words(line))
            .output()
            .expect("pkcs11-tool");
        let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
        printed.push_str(&String::from_utf8_lossy(&output.stderr));
        (output.status.success(), printed)
    }

    /// Where a path leads.
    pub(crate) fn shown_path(path: &Path) -> &str {
        path.to_str().expect("text")
    }
}

/// Words between spaces; quotes keep words together.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (at, part) in line.split('\'').enumerate() {
        if at % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}
