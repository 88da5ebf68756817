//! After a domain key is removed by one process, neither that one nor an idle one holds it, nor does a file.

use crate::search::{contains, held, search};
use crate::support::process::{part, tell};
use crate::support::*;
use cryptoki_sys::*;
use keyward_pkcs11::domain::ids::{Digest, DomainId, DomainKeyId};
use keyward_pkcs11::domain::keyring::DomainKey;
use keyward_pkcs11::domain::token::Token as DomainToken;
use std::io::BufRead;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Opens the token, wraps under the domain key, and waits: told a file, it writes that domain token as a
/// data object, as pkcs11-tool would.
fn member() {
    expect_rv!(initialize(), CKR_OK);
    let slot = slots(true)[0];
    let mut handle = 0;
    let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
    expect_rv!(
        call!(C_OpenSession(
            slot,
            flags,
            std::ptr::null_mut(),
            None,
            &raw mut handle
        )),
        CKR_OK
    );
    let s = Session::adopt(slot, handle);
    s.login(CKU_USER, PIN).unwrap();
    let domain = s
        .find(&Template::secret(CKK_AES).ulong(0x804B_5702, 1))
        .unwrap()[0];
    let key = s.aes_key(32, &[CKA_EXTRACTABLE]);
    s.wrap(&Mech::plain(CKM_AES_KEY_WRAP), domain, key).unwrap();
    tell("ready");
    for path in std::io::stdin().lock().lines() {
        let token = std::fs::read(path.unwrap()).unwrap();
        let object = Template::data("domain", &token).text(CKA_APPLICATION, "keyward.domain-token");
        s.create(&object.token()).unwrap();
        tell("taken");
    }
}

/// `keyward` with the PINs of the tests.
fn keyward(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_keyward"))
        .args(arguments)
        .current_dir(directory)
        .env("KEYWARD_PIN", PIN)
        .env("KEYWARD_SO_PIN", SO_PIN)
        .env("KEYWARD_PASSPHRASE", "a passphrase")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "keyward {arguments:?}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

/// Every file below a directory.
fn files(directory: &Path, all: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => files(&entry.path(), all),
            false => all.push(entry.path()),
        }
    }
}

#[test]
fn a_removed_domain_key_is_found_nowhere() {
    if matches!(part().as_deref(), Some("idle" | "remover")) {
        return member();
    }
    isolated!(|| {
        let home = PathBuf::from(std::env::var_os("KEYWARD_HOME").unwrap());
        let work = home.with_extension("work");
        std::fs::create_dir_all(&work).unwrap();
        expect_rv!(initialize(), CKR_OK);
        let token = Token::create();
        drop(token);
        keyward(
            &work,
            &[
                "operator",
                "keygen",
                "--label",
                "alice",
                "--key",
                "alice.key",
                "--card",
                "alice.card",
            ],
        );
        keyward(
            &work,
            &[
                "domain",
                "create",
                "--operator",
                "alice.card",
                "--out",
                "found.request",
            ],
        );
        let change = |name: &str, so: bool| {
            let (request, token) = (format!("{name}.request"), format!("{name}.token"));
            keyward(
                &work,
                &["operator", "approve", &request, "--key", "alice.key"],
            );
            // Forced: the processes have wrapped keys for callers.
            let mut propose = vec!["domain", "propose", &request, "--out", &token, "--force"];
            if so {
                propose.push("--so");
            }
            keyward(&work, &propose);
            work.join(token)
        };
        let ingest = |token: PathBuf| {
            keyward(&work, &["domain", "ingest", token.to_str().unwrap()]);
        };
        ingest(change("found", true));
        let (domain, id, commitment) = active(&work.join("found.token"));
        let mut idle = another!("idle");
        let mut remover = another!("remover");
        assert_eq!(idle.answer().as_deref(), Some("ready"));
        assert_eq!(remover.answer().as_deref(), Some("ready"));
        let [secret, _] = [&idle, &remover].map(|process| {
            search(process.id(), domain, id, commitment)
                .expect("the search finds the key while it is in use")
        });
        let key = DomainKey::new(domain, id, &secret);
        let secrets = [
            ("the domain key", secret.to_vec()),
            ("its wrapping key", key.wrap().expose().to_vec()),
        ];

        keyward(
            &work,
            &["domain", "request", "key.add", "--out", "add.request"],
        );
        ingest(change("add", false));
        keyward(
            &work,
            &["domain", "request", "key.retire", "--out", "retire.request"],
        );
        ingest(change("retire", false));
        let remove = format!("key.remove:{id}");
        keyward(
            &work,
            &["domain", "request", &remove, "--out", "remove.request"],
        );
        let removal = change("remove", false);
        assert_eq!(remover.ask(removal.to_str().unwrap()), "taken");
        let still = held(remover.id(), &secrets);
        assert!(still.is_empty(), "the remover still holds {still:#?}");

        // The idle process has a moment to notice.
        let begun = Instant::now();
        let found = loop {
            let found = held(idle.id(), &secrets);
            if found.is_empty() || begun.elapsed() > Duration::from_secs(20) {
                break found;
            }
            std::thread::sleep(Duration::from_millis(200));
        };
        assert!(found.is_empty(), "the idle process still holds {found:#?}");
        let mut all = Vec::new();
        files(&home, &mut all);
        files(&work, &mut all);
        for path in all {
            let bytes = std::fs::read(&path).unwrap();
            assert!(
                !secrets.iter().any(|(_, secret)| contains(&bytes, secret)),
                "{} holds the key",
                path.display()
            );
        }
        println!("the removed key was in both processes' memory before, and is nowhere now");
        idle.end();
        remover.end();
        std::fs::remove_dir_all(&work).unwrap();
    });
}

/// The domain's id, and id and commitment of its active key, as a domain token says in the clear.
fn active(token: &Path) -> (DomainId, DomainKeyId, Digest) {
    let token = DomainToken::parse(&std::fs::read(token).unwrap()).expect("a domain token");
    let state = &token.public.state;
    let key = state.active_key().expect("an active key");
    (state.domain, key.id, key.commitment)
}
