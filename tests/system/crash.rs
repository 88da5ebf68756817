//! Processes killed at random moments: what was acknowledged stays, what was destroyed stays gone.
//! `KEYWARD_TEST_CRASHES` sets how many are killed.

use crate::setting;
use crate::support::process::{part, tell};
use crate::support::*;
use cryptoki_sys::*;
use std::collections::BTreeMap;
use std::time::Duration;

const LABEL: &str = "crash token";

/// The objects that exist, by number: their version. A label is `number/version`.
type Objects = BTreeMap<u64, u64>;

/// What a process is about to do; the next answer, if it comes, says that it is done.
#[derive(Clone, Copy, Debug)]
struct Intent {
    number: u64,
    /// None for destroying.
    version: Option<u64>,
}

impl Intent {
    fn parse(text: &str) -> Option<Intent> {
        let (number, version) = text.split_once('/')?;
        Some(Intent {
            number: number.parse().ok()?,
            version: version.parse().ok(),
        })
    }

    fn apply(self, objects: &mut Objects) {
        match self.version {
            Some(version) => objects.insert(self.number, version),
            None => objects.remove(&self.number),
        };
    }
}

fn label(number: u64, version: u64) -> String {
    format!("{number}/{version}")
}

/// Data objects, private ones, and keys, in turn.
fn make(s: &Session, number: u64, version: u64) -> Outcome<CK_OBJECT_HANDLE> {
    let label = label(number, version);
    match number % 3 {
        0 => s.create(&Template::data(&label, b"value").token().no(&[CKA_PRIVATE])),
        1 => s.create(&Template::data(&label, b"value").token().yes(&[CKA_PRIVATE])),
        _ => s.generate(
            &Mech::plain(CKM_AES_KEY_GEN),
            &Template::new()
                .ulong(CKA_VALUE_LEN, 32)
                .token()
                .label(&label)
                .yes(&[CKA_ENCRYPT]),
        ),
    }
}

/// Every object of these tests: its number, version and handle.
fn present(s: &Session) -> Vec<(u64, u64, CK_OBJECT_HANDLE)> {
    let mut all = Vec::new();
    for class in [CKO_DATA, CKO_SECRET_KEY] {
        for object in s.find(&Template::class(class)).expect("a search") {
            let label =
                String::from_utf8(s.attribute(object, CKA_LABEL).expect("a label")).unwrap();
            let Some((number, version)) = label.split_once('/') else {
                continue;
            };
            all.push((number.parse().unwrap(), version.parse().unwrap(), object));
        }
    }
    all
}

/// The part that is killed: creates, modifies and destroys, saying each intent before and "done" after.
fn writer() {
    expect_rv!(initialize(), CKR_OK);
    let s = Token::named(LABEL).expect("the token").user();
    let mut handles: BTreeMap<u64, (u64, CK_OBJECT_HANDLE)> = present(&s)
        .into_iter()
        .map(|(n, v, h)| (n, (v, h)))
        .collect();
    let mut dice = u64::from_ne_bytes(s.random(8).unwrap().try_into().unwrap());
    loop {
        dice = dice
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let number = (dice >> 33) % 24;
        match (handles.get(&number).copied(), (dice >> 20) % 3) {
            (None, _) => {
                tell(&label(number, 0));
                let handle = make(&s, number, 0).unwrap();
                handles.insert(number, (0, handle));
            }
            (Some((_, handle)), 0) => {
                tell(&format!("{number}/x"));
                s.destroy(handle).unwrap();
                handles.remove(&number);
            }
            (Some((version, handle)), _) => {
                tell(&label(number, version + 1));
                s.set(handle, &Template::new().label(&label(number, version + 1)))
                    .unwrap();
                handles.insert(number, (version + 1, handle));
            }
        }
        tell("done");
    }
}

#[test]
fn killed_processes_lose_nothing_and_bring_nothing_back() {
    if part().as_deref() == Some("writer") {
        writer();
    }
    let rounds = setting("KEYWARD_TEST_CRASHES", 20);
    isolated!(|| {
        expect_rv!(initialize(), CKR_OK);
        let first = Token::create();
        let rv = call!(C_CloseAllSessions(first.slot));
        expect_rv!(rv, CKR_OK);
        rename(&first);
        let token = Token::named(LABEL).expect("the token");
        let s = token.user();
        let mut objects = Objects::new();
        let mut acknowledged = 0u64;
        for round in 0..rounds {
            let mut other = another!("writer");
            let mut pending = Intent::parse(&other.answer().expect("a first intent"));
            // Every second time from the first call on, else from the fourth on, for up to 40 ms: so that enough is
            // acknowledged on a busy machine too.
            for _ in 0..round % 2 * 3 {
                assert_eq!(other.answer().as_deref(), Some("done"));
                let done =
                    pending.replace(Intent::parse(&other.answer().expect("an intent")).unwrap());
                done.expect("an intent before").apply(&mut objects);
                acknowledged += 1;
            }
            let wait = Duration::from_micros(u64::from(s.random(2).unwrap()[0]) * 157);
            let pid = other.id();
            let killer = std::thread::spawn(move || {
                std::thread::sleep(wait);
                // SAFETY: the process was started here, and is waited for below.
                unsafe { libc::kill(pid as i32, libc::SIGKILL) };
            });
            while let Some(answer) = other.answer() {
                match Intent::parse(&answer) {
                    Some(intent) => pending = Some(intent),
                    None => {
                        pending
                            .take()
                            .expect("an intent before")
                            .apply(&mut objects);
                        acknowledged += 1;
                    }
                }
            }
            killer.join().unwrap();
            other.kill();
            let found = present(&s);
            let mut seen: Objects = found.iter().map(|(n, v, _)| (*n, *v)).collect();
            assert_eq!(seen.len(), found.len(), "an object twice in round {round}");
            // What was under way may have happened or not.
            if let Some(intent) = pending
                && seen != objects
            {
                intent.apply(&mut objects);
            }
            assert_eq!(
                seen, objects,
                "round {round}: what was acknowledged is not what is there"
            );
            for (number, _, object) in found {
                if number % 3 == 2 {
                    s.encrypt(&Mech::plain(CKM_AES_ECB), object, &[0; 16])
                        .expect("a whole key");
                } else {
                    assert_eq!(s.attribute(object, CKA_VALUE).unwrap(), b"value");
                }
            }
            seen.clear();
        }
        assert!(
            acknowledged > rounds as u64,
            "too few changes to tell: {acknowledged}"
        );
        println!("{rounds} processes killed, {acknowledged} acknowledged changes, none lost");
    });
}

/// Gives the token the name that the other process looks for, by initialising it again.
fn rename(token: &Token) {
    let mut pin = SO_PIN.as_bytes().to_vec();
    let mut label = *b"crash token                     ";
    let rv = call!(C_InitToken(
        token.slot,
        pin.as_mut_ptr(),
        pin.len() as CK_ULONG,
        label.as_mut_ptr()
    ));
    expect_rv!(rv, CKR_OK);
    let session = token.session();
    session.login(CKU_SO, SO_PIN).unwrap();
    session.init_pin(PIN).unwrap();
}
