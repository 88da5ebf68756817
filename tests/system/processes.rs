//! Several processes on one token at once. `KEYWARD_TEST_SECONDS` sets for how long.

use crate::setting;
use crate::support::process::{part, tell};
use crate::support::*;
use cryptoki_sys::*;
use std::io::BufRead;
use std::time::{Duration, Instant};

/// The token of the process that started this one.
fn only_token() -> Token {
    let slot = slots(true)[0];
    let mut info = CK_TOKEN_INFO::default();
    expect_rv!(call!(C_GetTokenInfo(slot, &raw mut info)), CKR_OK);
    let label = String::from_utf8_lossy(&info.label).trim_end().to_owned();
    Token::named(&label).expect("the token")
}

/// One of several that work on the token at the same time.
fn worker(name: &str) {
    expect_rv!(initialize(), CKR_OK);
    let token = only_token();
    let s = token.user();
    let seconds = setting("KEYWARD_TEST_SECONDS", 4);
    let begun = Instant::now();
    let mut rounds = 0u64;
    while begun.elapsed() < Duration::from_secs(seconds as u64) {
        let label = format!("{name} {rounds}");
        let key = s
            .generate(
                &Mech::plain(CKM_AES_KEY_GEN),
                &Template::new()
                    .ulong(CKA_VALUE_LEN, 32)
                    .token()
                    .label(&label)
                    .yes(&[CKA_ENCRYPT, CKA_DECRYPT]),
            )
            .unwrap();
        let data = s
            .create(&Template::data(&label, name.as_bytes()).token())
            .unwrap();
        let sealed = s
            .encrypt(&Mech::gcm(&[1; 12], b"", 128), key, b"message")
            .unwrap();
        assert_eq!(
            s.decrypt(&Mech::gcm(&[1; 12], b"", 128), key, &sealed)
                .unwrap(),
            b"message"
        );
        assert_eq!(s.find_one(CKO_SECRET_KEY, &label), Some(key));
        s.set(data, &Template::new().label(&format!("{label} done")))
            .unwrap();
        // The others' objects come and go, and change their labels between two calls.
        for object in s.find(&Template::class(CKO_DATA)).unwrap() {
            expect_rv!(
                s.attribute(object, CKA_LABEL),
                CKR_OK | CKR_OBJECT_HANDLE_INVALID | CKR_BUFFER_TOO_SMALL
            );
        }
        s.destroy(data).unwrap();
        s.destroy(key).unwrap();
        rounds += 1;
    }
    tell(&rounds.to_string());
}

#[test]
fn four_processes_at_once() {
    if let Some(name) = part().filter(|name| name.starts_with("worker")) {
        return worker(&name);
    }
    isolated!(|| {
        expect_rv!(initialize(), CKR_OK);
        let token = Token::create();
        let s = token.user();
        let mut others: Vec<_> = ["worker a", "worker b", "worker c", "worker d"]
            .into_iter()
            .map(|name| another!(name))
            .collect();
        for other in &mut others {
            let rounds: u64 = other.answer().expect("a count of rounds").parse().unwrap();
            assert!(rounds > 0);
            println!("{rounds} rounds");
        }
        for other in others {
            other.end();
        }
        assert!(s.find(&Template::class(CKO_DATA)).unwrap().is_empty());
    });
}

/// Does on the token what it is told.
fn obeys() {
    expect_rv!(initialize(), CKR_OK);
    let token = only_token();
    let s = token.user();
    tell("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let (verb, label) = line.split_once(' ').unwrap_or((&line, ""));
        let found = || s.find_one(CKO_DATA, label);
        match verb {
            "create" => tell(
                &s.create(&Template::data(label, b"theirs").token())
                    .is_ok()
                    .to_string(),
            ),
            "local" => tell(
                &s.create(&Template::data(label, b"theirs"))
                    .is_ok()
                    .to_string(),
            ),
            "rename" => tell(
                &s.set(found().unwrap(), &Template::new().label("renamed"))
                    .is_ok()
                    .to_string(),
            ),
            "destroy" => tell(&s.destroy(found().unwrap()).is_ok().to_string()),
            "find" => tell(&found().is_some().to_string()),
            "pin" => tell(&s.set_pin(PIN, label).is_ok().to_string()),
            _ => tell("what?"),
        }
    }
}

#[test]
fn changes_of_others_are_seen_at_the_next_call() {
    if part().as_deref() == Some("obeys") {
        return obeys();
    }
    isolated!(|| {
        expect_rv!(initialize(), CKR_OK);
        let token = Token::create();
        let s = token.user();
        let mut other = another!("obeys");
        assert_eq!(other.answer().as_deref(), Some("ready"));
        for _ in 0..20 {
            assert_eq!(other.ask("create theirs"), "true");
            let object = s.find_one(CKO_DATA, "theirs").expect("seen at once");
            assert_eq!(other.ask("rename theirs"), "true");
            assert_eq!(s.attribute(object, CKA_LABEL).unwrap(), b"renamed");
            assert!(s.find_one(CKO_DATA, "theirs").is_none());
            s.set(object, &Template::new().label("renamed again"))
                .unwrap();
            assert_eq!(other.ask("find renamed"), "false");
            assert_eq!(other.ask("find renamed again"), "true");
            assert_eq!(other.ask("destroy renamed again"), "true");
            expect_rv!(s.attribute(object, CKA_LABEL), CKR_OBJECT_HANDLE_INVALID);
            let ours = s.create(&Template::data("ours", b"x").token()).unwrap();
            assert_eq!(other.ask("find ours"), "true");
            s.destroy(ours).unwrap();
            assert_eq!(other.ask("find ours"), "false");
        }
        // Session objects are nobody else's.
        assert_eq!(other.ask("local mine"), "true");
        assert!(s.find_one(CKO_DATA, "mine").is_none());
        assert_eq!(other.ask("pin changed-pin-77"), "true");
        s.logout().unwrap();
        expect_rv!(s.login(CKU_USER, PIN), CKR_PIN_INCORRECT);
        s.login(CKU_USER, "changed-pin-77").unwrap();
        other.end();
    });
}

/// Says more than a pipe holds, and then what it is told to.
fn talks() {
    for number in 0..20_000 {
        tell(&number.to_string());
    }
    for line in std::io::stdin().lock().lines() {
        tell(&line.unwrap());
    }
}

/// Whether a process that was started here is still there, ended and not waited for included.
fn is_there(id: u32) -> bool {
    // SAFETY: no signal is sent.
    unsafe { libc::kill(id as i32, 0) == 0 }
}

#[test]
fn a_process_that_a_test_leaves_behind_ends_with_it() {
    if part().as_deref() == Some("talks") {
        return talks();
    }
    // What it still says is read: it ends as it would have.
    let other = another!("talks");
    let id = other.id();
    drop(other);
    assert!(!is_there(id));
    // One that stands still is killed with the test that failed.
    let mut held = another!("talks");
    assert_eq!(held.answer().as_deref(), Some("0"));
    let id = held.id();
    // SAFETY: the process was started here and has not been waited for.
    unsafe { libc::kill(id as i32, libc::SIGSTOP) };
    let failed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        let _held = held;
        std::panic::resume_unwind(Box::new("a test failed"));
    }));
    assert!(failed.is_err() && !is_there(id));
}
