//! The admin program's behaviour as transcripts: each file of `cases/` holds commands (`$ keyward …`)
//! and all that they print, with `[exit N]` where a command fails. They run in an empty directory of
//! their own, beside copies of the files in `files/`. `KEYWARD_BLESS=1 cargo test --test cli` writes down what the program does now.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a test fails by panicking"
)]

mod mask;
mod selftest;
mod softhsm;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The settings of every case: PINs stretched little, so that the tests are quick.
const SETTINGS: &str = "[pin]\nmemory_kib = 64\npasses = 1\nlanes = 1\n";

/// One command line of a transcript: words, `NAME=value` before the program, quotes round spaces.
struct Line {
    variables: Vec<(String, String)>,
    words: Vec<String>,
}

impl Line {
    fn parse(text: &str) -> Self {
        let (mut words, mut word, mut quoted, mut begun) =
            (Vec::new(), String::new(), false, false);
        for c in text.chars() {
            match c {
                '\'' => (quoted, begun) = (!quoted, true),
                ' ' if !quoted => {
                    if begun {
                        words.push(std::mem::take(&mut word));
                    }
                    begun = false;
                }
                _ => {
                    word.push(c);
                    begun = true;
                }
            }
        }
        if begun {
            words.push(word);
        }
        let program = words.iter().position(|word| word == "keyward");
        let program = program.unwrap_or_else(|| panic!("not a keyward command: {text}"));
        let variables = words[..program].iter().map(|word| {
            let (name, value) = word.split_once('=').expect("NAME=value");
            (name.to_owned(), value.to_owned())
        });
        Line {
            variables: variables.collect(),
            words: words[program + 1..].to_vec(),
        }
    }

    /// What the command prints, to both streams, and how it ends.
    fn run(&self, directory: &Path) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_keyward"))
            .args(&self.words)
            .current_dir(directory)
            .env_clear()
            .env("KEYWARD_HOME", directory.join("home"))
            .env("KEYWARD_CONFIG", directory.join("keyward.toml"))
            .env("COLUMNS", "100")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .expect("the program runs");
        let mut printed = String::from_utf8(output.stdout).expect("text");
        printed.push_str(&String::from_utf8(output.stderr).expect("text"));
        if !output.status.success() {
            printed.push_str(&format!("[exit {}]\n", output.status.code().unwrap_or(-1)));
        }
        printed
    }
}

/// Runs the commands of a transcript and gives the transcript that they make.
fn replay(transcript: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("keyward.toml"), SETTINGS).unwrap();
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/files");
    for file in fs::read_dir(files).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), directory.path().join(file.file_name())).unwrap();
    }
    let mut mask = mask::Mask::new(directory.path());
    let mut made = String::new();
    let mut lines = transcript.lines().peekable();
    while let Some(line) = lines.next() {
        made.push_str(line);
        made.push('\n');
        if let Some(command) = line.strip_prefix("$ ") {
            let command = mask.unmask(command);
            made.push_str(&mask.mask(&Line::parse(&command).run(directory.path())));
            // The old output, up to the next command or remark.
            while lines
                .next_if(|next| !next.starts_with("$ ") && !next.starts_with("# "))
                .is_some()
            {}
        }
    }
    made
}

fn cases() -> Vec<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/cases");
    let mut cases: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    cases
}

#[test]
fn the_program_does_what_the_transcripts_say() {
    let cases = cases();
    assert!(cases.len() >= 3, "the transcripts were not found");
    let mut differing = Vec::new();
    for case in cases {
        let expected = fs::read_to_string(&case).unwrap();
        let found = replay(&expected);
        if found == expected {
            continue;
        }
        if std::env::var_os("KEYWARD_BLESS").is_some() {
            fs::write(&case, &found).unwrap();
            continue;
        }
        differing.push(format!(
            "{}:\n{}",
            case.display(),
            difference(&expected, &found)
        ));
    }
    assert!(differing.is_empty(), "\n{}", differing.join("\n"));
}

/// The first lines in which two texts differ.
fn difference(expected: &str, found: &str) -> String {
    let (mut left, mut right) = (expected.lines(), found.lines());
    for number in 1.. {
        match (left.next(), right.next()) {
            (None, None) => break,
            (a, b) if a != b => {
                let (a, b) = (a.unwrap_or("(end)"), b.unwrap_or("(end)"));
                return format!("line {number}\n  expected: {a}\n  found:    {b}");
            }
            _ => {}
        }
    }
    "they differ in line ends".to_owned()
}

#[test]
fn the_doctor_names_settings_that_are_too_weak() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("keyward.toml"), SETTINGS).unwrap();
    let printed = Line::parse("keyward doctor").run(directory.path());
    assert!(printed.contains("warning  new PINs"), "{printed}");
    assert!(!printed.contains("[exit"), "{printed}");
    // What loosened a process once is refused: the token says it now.
    fs::write(directory.path().join("keyward.toml"), "policy = 'standard'").unwrap();
    let printed = Line::parse("keyward doctor").run(directory.path());
    assert!(
        printed.contains("`domain` or `guarded`") && printed.contains("[exit 1]"),
        "{printed}"
    );
    fs::write(directory.path().join("keyward.toml"), SETTINGS).unwrap();
    let pins = "KEYWARD_SO_PIN=87654321 KEYWARD_PIN=1234567 keyward token";
    for words in ["init --label mine", "policy standard"] {
        Line::parse(&format!("{pins} {words}")).run(directory.path());
    }
    let printed = Line::parse("keyward doctor").run(directory.path());
    assert!(printed.contains("policy standard: keys"), "{printed}");
    fs::write(directory.path().join("keyward.toml"), "polcy = 'standard'").unwrap();
    let printed = Line::parse("keyward doctor").run(directory.path());
    assert!(
        printed.contains("polcy") && printed.contains("[exit 1]"),
        "{printed}"
    );
}

#[test]
fn the_list_of_mechanisms_in_the_documentation_is_the_module_s() {
    let output = Command::new(env!("CARGO_BIN_EXE_keyward"))
        .args(["mechanisms", "--markdown"])
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pkcs11.md");
    let page = fs::read_to_string(&path).unwrap();
    let (start, end) = ("<!-- mechanisms: begin -->\n", "<!-- mechanisms: end -->");
    let from = page.find(start).expect("where the table begins") + start.len();
    let to = page.find(end).expect("where the table ends");
    if page[from..to] == printed {
        return;
    }
    if std::env::var_os("KEYWARD_BLESS").is_some() {
        fs::write(&path, format!("{}{printed}{}", &page[..from], &page[to..])).unwrap();
        return;
    }
    panic!("docs/pkcs11.md is not current: run KEYWARD_BLESS=1 cargo test --test cli");
}
