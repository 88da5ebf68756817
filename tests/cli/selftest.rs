//! A copy of the program with one digit of a known answer changed: what it computes is then wrong, as far as it
//! knows.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program with another first digit in the known answer of this name.
fn changed(directory: &Path, name: &str) -> PathBuf {
    let mut program = fs::read(env!("CARGO_BIN_EXE_keyward")).unwrap();
    let wanted = format!("\n{name} ").into_bytes();
    let windows = program.windows(wanted.len()).enumerate();
    let found = windows.filter(|(_, window)| *window == wanted.as_slice());
    let [place] = found.map(|(place, _)| place).collect::<Vec<_>>()[..] else {
        panic!("{name} is not in the program once");
    };
    let digit = place + wanted.len();
    program[digit] = if program[digit] == b'0' { b'1' } else { b'0' };
    let path = directory.join(name);
    fs::write(&path, program).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

/// The exit code, and all that is printed.
fn run(program: &Path, directory: &Path, words: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(program)
        .args(words)
        .current_dir(directory)
        .env_clear()
        .env("KEYWARD_HOME", directory.join("home"))
        .env("KEYWARD_CONFIG", directory.join("keyward.toml"))
        .env("KEYWARD_SO_PIN", "87654321")
        .env("KEYWARD_PIN", "1234567")
        .output()
        .unwrap();
    let streams = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(streams).unwrap())
}

#[test]
fn a_wrong_answer_ends_what_rests_on_it() {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    fs::write(here.join("keyward.toml"), super::SETTINGS).unwrap();
    for file in ["ec.pem", "ed25519.pem"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/files");
        fs::copy(from.join(file), here.join(file)).unwrap();
    }

    // What the program itself rests on: it does nothing but say so.
    let program = changed(here, "digest.sha256.answer");
    let (code, told) = run(&program, here, &["token", "list"]);
    assert_eq!(code, Some(1));
    assert!(
        told.starts_with("keyward: the self-test of hash functions failed")
            && told.contains("keyward doctor"),
        "{told}"
    );
    let (code, told) = run(&program, here, &["doctor"]);
    assert_eq!(code, Some(5));
    assert!(told.contains("wrong answers of hash functions:"), "{told}");

    // What only some keys need.
    let program = changed(here, "ecdsa.p256.public.answer");
    let ok = |words: &[&str]| {
        let (code, told) = run(&program, here, words);
        assert_eq!(code, Some(0), "{told}");
    };
    ok(&["token", "init", "--label", "mine"]);
    ok(&["object", "import", "ed25519.pem"]);
    let (code, told) = run(&program, here, &["object", "import", "ec.pem"]);
    assert_eq!(code, Some(1));
    assert!(
        told.contains("the self-test of ECDSA and ECDH failed"),
        "{told}"
    );
}
