//! The parts that processes of members play: each does what the lines of its input say, and answers each
//! with a line. `module` works through the C interface, `core` through the library's own.

use crate::support::process::tell;
use crate::support::{self, Mech, Outcome, Session, Template, slots};
use crate::support::{PIN, SO_PIN, finalize, initialize, rv_name};
pub(crate) use crate::support::{hex, unhex as bytes};
use cryptoki_sys::*;
use keyward_pkcs11::calls::operator_sessions::{Served, Service, admit};
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::command::Approvals;
use keyward_pkcs11::domain::ids::DomainKeyId;
use keyward_pkcs11::domain::ingest::restore;
use keyward_pkcs11::domain::token::Token as DomainToken;
use keyward_pkcs11::domain::token::build::token_hash;
use keyward_pkcs11::error::Error;
use keyward_pkcs11::object::ObjectId;
use keyward_pkcs11::object::attribute::{Template as Wanted, Value};
use keyward_pkcs11::object::standing::Standing;
use keyward_pkcs11::token::{Contributed, Role, Token};
use std::collections::BTreeSet;
use std::io::BufRead;
use std::num::NonZero;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// `CKM_KEYWARD_KEY_TOKEN`, as `include/keyward.h` says.
const KEY_TOKEN: CK_MECHANISM_TYPE = 0x804B_5701;
/// `CKA_KEYWARD_DOMAIN_KEY_STATE`.
const STATE: CK_ATTRIBUTE_TYPE = 0x804B_5702;

/// Plays a part to the end of the input.
pub(crate) fn play(part: &str) {
    match part {
        "module" => module(),
        "core" => core(),
        other => panic!("there is no part {other}"),
    }
}

fn listen(mut act: impl FnMut(&[&str]) -> String) {
    tell("ready");
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        tell(&act(&line.split(' ').collect::<Vec<_>>()));
    }
}

/// The member's only token, through the C interface, with its user logged in.
fn module() {
    expect_rv!(initialize(), CKR_OK);
    let token = support::Token {
        slot: slots(true)[0],
        label: String::new(),
    };
    let mut s = match token.open(CKF_SERIAL_SESSION | CKF_RW_SESSION) {
        Ok(session) => session,
        Err(rv) => return tell(&format!("no session: {rv:?}")),
    };
    if let Err(rv) = s.login(CKU_USER, PIN) {
        return tell(&format!("no login: {rv:?}"));
    }
    let enough = Arc::new(AtomicBool::new(false));
    let mut worker = None;
    listen(|words| match words {
        ["login"] => {
            s = token.session();
            said(s.login(CKU_USER, PIN).map(|()| "ok".to_owned()))
        }
        ["logout"] => said(s.logout().map(|()| "ok".to_owned())),
        ["again", label] => {
            expect_rv!(call!(C_CloseAllSessions(token.slot)), CKR_OK);
            let rv = support::init_token(token.slot, SO_PIN, label);
            s = token.session();
            rv_name(rv)
        }
        ["work"] => {
            let (slot, ended) = (token.slot, Arc::clone(&enough));
            worker = Some(thread::spawn(move || work(slot, &ended)));
            "ok".to_owned()
        }
        ["enough"] => {
            enough.store(true, Ordering::SeqCst);
            let done = worker.take().map(thread::JoinHandle::join);
            said(done.expect("it works").expect("no panic"))
        }
        _ => said(asked(&s, words)),
    });
    expect_rv!(finalize(), CKR_OK);
}

/// Uses keys until it is enough: how often, or the first call that failed.
fn work(slot: CK_SLOT_ID, enough: &AtomicBool) -> Outcome<String> {
    let token = support::Token {
        slot,
        label: String::new(),
    };
    let s = token.session();
    let mut done = 0_u64;
    while !enough.load(Ordering::SeqCst) {
        let label = format!("key{}", done % 100);
        let sealed = asked(&s, &["encrypt", &label, "c0ffee"])?;
        assert_eq!(asked(&s, &["decrypt", &label, &sealed])?, "c0ffee");
        if done.is_multiple_of(8) {
            let own = format!("own{}-{done}", std::process::id());
            asked(&s, &["generate", &own])?;
            asked(&s, &["destroy", &own])?;
        }
        done += 1;
        thread::sleep(Duration::from_millis(1));
    }
    Ok(done.to_string())
}

fn said(outcome: Outcome<String>) -> String {
    outcome.unwrap_or_else(|rv| rv_name(rv.0))
}

/// What a call through the C interface gives.
fn asked(s: &Session, words: &[&str]) -> Outcome<String> {
    let key = |label: &str| {
        let found = s.find(&Template::class(CKO_SECRET_KEY).label(label))?;
        found
            .first()
            .copied()
            .ok_or(support::Rv(CKR_OBJECT_HANDLE_INVALID))
    };
    let ok = |()| "ok".to_owned();
    let cbc = Mech::bytes(CKM_AES_CBC_PAD, &[7; 16]);
    let domain_key = || {
        let found = s.find(&Template::secret(CKK_AES).ulong(STATE, 1))?;
        found
            .first()
            .copied()
            .ok_or(support::Rv(CKR_OBJECT_HANDLE_INVALID))
    };
    match words {
        ["generate", label, count] => {
            let count: u32 = count.parse().unwrap();
            for number in 0..count {
                let template = Template::new()
                    .ulong(CKA_VALUE_LEN, 32)
                    .token()
                    .label(&format!("{label}{number}"))
                    .yes(&[CKA_ENCRYPT, CKA_DECRYPT]);
                s.generate(&Mech::plain(CKM_AES_KEY_GEN), &template)?;
            }
            Ok("ok".to_owned())
        }
        ["generate", label] => {
            let template = Template::new()
                .ulong(CKA_VALUE_LEN, 32)
                .token()
                .label(label)
                .yes(&[CKA_ENCRYPT, CKA_DECRYPT]);
            s.generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
                .map(|handle| handle.to_string())
        }
        ["session-key", label] => {
            let template = Template::new()
                .ulong(CKA_VALUE_LEN, 32)
                .label(label)
                .yes(&[CKA_ENCRYPT]);
            s.generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
                .map(|_| "ok".to_owned())
        }
        ["data", label] => {
            let template = Template::data(label, b"value").token().no(&[CKA_PRIVATE]);
            s.create(&template).map(|_| "ok".to_owned())
        }
        ["find-data", label] => {
            let found = s.find(&Template::class(CKO_DATA).label(label))?;
            Ok(found.len().to_string())
        }
        ["forbid-encryption", label] => s
            .set(key(label)?, &Template::new().no(&[CKA_ENCRYPT]))
            .map(ok),
        ["count"] => {
            let all = s.find(&Template::class(CKO_SECRET_KEY).yes(&[CKA_ENCRYPT]))?;
            Ok(all.len().to_string())
        }
        ["use-every"] => {
            let all = s.find(&Template::class(CKO_SECRET_KEY).yes(&[CKA_ENCRYPT]))?;
            let mut labels = BTreeSet::new();
            for handle in &all {
                s.encrypt(&cbc, *handle, b"data")?;
                labels.insert(s.attribute(*handle, CKA_LABEL)?);
            }
            Ok(format!("{} of {}", labels.len(), all.len()))
        }
        ["domain-keys"] => {
            let all = s.find(
                &Template::secret(CKK_AES)
                    .no(&[CKA_ENCRYPT])
                    .yes(&[CKA_UNWRAP]),
            )?;
            Ok(all.len().to_string())
        }
        ["find", label] => {
            let found = s.find(&Template::class(CKO_SECRET_KEY).label(label))?;
            Ok(found.len().to_string())
        }
        ["handle", label] => key(label).map(|handle| handle.to_string()),
        ["label", handle] => {
            let label = s.attribute(handle.parse().unwrap(), CKA_LABEL)?;
            Ok(String::from_utf8_lossy(&label).into_owned())
        }
        ["encrypt", label, data] => s.encrypt(&cbc, key(label)?, &bytes(data)).map(|b| hex(&b)),
        ["decrypt", label, data] => s.decrypt(&cbc, key(label)?, &bytes(data)).map(|b| hex(&b)),
        ["encrypt-with", handle, data] => s
            .encrypt(&cbc, handle.parse().unwrap(), &bytes(data))
            .map(|b| hex(&b)),
        ["rename", old, new] => s.set(key(old)?, &Template::new().label(new)).map(ok),
        ["destroy", label] => s.destroy(key(label)?).map(ok),
        ["wrap", label] => s
            .wrap(&Mech::plain(KEY_TOKEN), domain_key()?, key(label)?)
            .map(|b| hex(&b)),
        ["unwrap", data] => s
            .unwrap(
                &Mech::plain(KEY_TOKEN),
                domain_key()?,
                &bytes(data),
                &Template::new(),
            )
            .and_then(|handle| s.encrypt(&cbc, handle, b"data"))
            .map(|b| hex(&b)),
        other => panic!("nobody says {other:?}"),
    }
}

/// The member's only token, through the library.
fn core() {
    let config = Config::load().unwrap();
    let serial = Token::list(&config).unwrap().tokens[0].clone();
    let token = Token::open(&config, &serial).unwrap();
    if let Err(error) = token.login(Role::User, PIN.as_bytes()) {
        return tell(&format!("no login: {error}"));
    }
    listen(|words| done(&token, words).unwrap_or_else(|error| format!("error: {error}")));
}

/// What the library answers.
fn done(token: &Token, words: &[&str]) -> Result<String, Error> {
    let find = |label: &str| -> Result<ObjectId, Error> {
        let wanted = Wanted(vec![(CKA_LABEL, Value::Bytes(label.into()))]);
        let found = token.find(&wanted)?;
        found.first().copied().ok_or(Error::ObjectHandleInvalid)
    };
    let key = |id: &str| DomainKeyId::from_hex(id).expect("a domain key's id");
    Ok(match words {
        ["follow"] => format!("{:?}", token.follow()?),
        ["restore", archived] => {
            let unlocked = token.unlocked().ok_or(Error::UserNotLoggedIn)?;
            let archived = bytes(archived);
            let version = DomainToken::parse(&archived)?.public.state.version;
            let identity = unlocked.identity();
            let word = identity.vouch(version, token_hash(&archived));
            let (_, ring) = restore(&archived, &word, &identity, 0)?;
            format!(
                "it opens: {} keys",
                ring.map_or(0, |ring| ring.keys().len())
            )
        }
        ["admit", hello] => hex(&admit(token, 3600, &bytes(hello))?),
        ["serve", request] => {
            let service = Service {
                token,
                longest: 3600,
                may_change: true,
            };
            match service.answer(&bytes(request), Some(usize::MAX))? {
                Served::Answer(answer) => hex(&answer),
                Served::Needs(length) => format!("error: it needs {length} bytes"),
            }
        }
        ["version"] => {
            let unlocked = token.unlocked().ok_or(Error::UserNotLoggedIn)?;
            token.keyring(&unlocked)?.version().to_string()
        }
        ["rewrap", data] => {
            let fresh = token.rewrap(&bytes(data))?;
            fresh.map_or_else(|| "current".to_owned(), |fresh| hex(&fresh))
        }
        ["held", id] => token.held_under(key(id))?.to_string(),
        ["insert", label, count] => {
            let like = token.load(find("seed")?)?;
            let all: Vec<_> = (0..count.parse::<usize>().unwrap())
                .map(|number| {
                    let mut attributes = like.attributes().clone();
                    let label = format!("{label}{number}");
                    attributes.set(CKA_LABEL, Value::Bytes(label.into_bytes()));
                    attributes
                })
                .collect();
            for some in all.chunks(500) {
                token.insert(some.to_vec())?;
            }
            "ok".to_owned()
        }
        ["installed"] => {
            let unlocked = token.unlocked().ok_or(Error::UserNotLoggedIn)?;
            // Taken in from other processes of the member; one that was dismissed has no keys.
            let _ = token.keyring(&unlocked);
            let installed = unlocked.domain();
            format!("{} {}", installed.state.version, installed.hash)
        }
        ["has-key", id] => {
            let unlocked = token.unlocked().ok_or(Error::UserNotLoggedIn)?;
            let ring = token.keyring(&unlocked)?;
            ring.find(key(id)).is_some().to_string()
        }
        ["propose", approvals] => {
            let mut approvals = Approvals::parse(&bytes(approvals))?;
            hex(&token
                .propose(&mut approvals, Some(1), Contributed::default())?
                .token)
        }
        ["ingest", token_bytes] => format!("{:?}", token.ingest(&bytes(token_bytes))?),
        ["publish", token_bytes] => format!("{:?}", token.publish(&bytes(token_bytes))?),
        ["sealed", id] => token.sealed_under(key(id))?.to_string(),
        ["mark", label] => {
            let marked = token.restand(find(label)?, |object| {
                Ok((object.attributes().clone(), Standing::ShredPending))
            })?;
            marked.id().to_string()
        }
        ["standing", id] => {
            let id = ObjectId(DomainKeyId::from_hex(id).unwrap().0);
            let object = token.load(id)?;
            let material = object.secret_value().is_some();
            format!(
                "{:?} {}",
                object.standing(),
                if material { "whole" } else { "empty" }
            )
        }
        ["reencrypt", from, batch] => {
            let batch = NonZero::new(batch.parse().unwrap()).unwrap();
            let counts = token.reencrypt(key(from), batch, &mut |_, _| Ok(()))?;
            format!("{counts:?}")
        }
        other => panic!("nobody says {other:?}"),
    })
}
