//! A domain key that is removed: from both views of the token, from the files and from memory, while
//! the objects that were under it live on.

use super::*;
use crate::domain::ids::DomainKeyId;
use crate::domain::keyring::DomainKey;
use std::fs::File;
use std::os::unix::fs::FileExt;

/// Has the lone module's own domain make one change.
fn change(token: &Token, change: Change) -> Result<Ingested> {
    let unlocked = token.login_needed()?;
    let (installed, identity) = (unlocked.domain(), unlocked.identity());
    let seconds = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let mandate = Mandate::new(
        installed.state.domain,
        installed.hash,
        seconds + 60,
        vec![change],
    );
    let mut approvals = Approvals::new(mandate.unwrap());
    approvals.approve_as_member(identity.id(), &*identity)?;
    let ring = token.keyring(&unlocked)?;
    let proposal = Proposal {
        installed: &installed,
        ring: &ring,
        approvals: &approvals,
        count: 1,
        running: vec![],
        renewals: vec![],
    };
    let next = propose(&proposal, &identity, seconds, &mut ThreadGenerator)?;
    token.ingest(&next)
}

/// Rotates to a new domain key and removes the one before.
fn rotate(token: &Token) {
    let old = active(token).id();
    let new = DomainKeyId(token.random_id().unwrap());
    change(token, Change::KeyAdd(new)).unwrap();
    change(token, Change::KeyActivate(new)).unwrap();
    change(
        token,
        Change::KeyRemove {
            id: old,
            last: false,
        },
    )
    .unwrap();
}

fn active(token: &Token) -> Arc<DomainKey> {
    let ring = token.keyring(&token.login_needed().unwrap()).unwrap();
    Arc::clone(ring.active())
}

#[test]
fn objects_outlive_the_domain_key_they_were_under() {
    let home = Home::new();
    let token = home.token();
    let other = home.open(&token);
    logged_in(&token);
    logged_in(&other);
    let made = token
        .insert(vec![key("a", true), key("b", false), certificate("c")])
        .unwrap();
    let old = active(&token).id();
    rotate(&token);
    assert_ne!(active(&token).id(), old);
    for view in [&token, &other] {
        for object in &made {
            let loaded = view.load(object.id()).unwrap();
            assert_eq!(loaded.attributes(), object.attributes());
        }
        assert_eq!(
            view.load(ObjectId(old.0)).err(),
            Some(Error::ObjectHandleInvalid)
        );
        assert!(view.load(ObjectId(active(&token).id().0)).is_ok());
    }
    assert_eq!(home_open_verify(&home, &token), []);
}

#[test]
fn processes_that_still_run_the_version_before_are_named_until_they_take_it_in() {
    let home = Home::new();
    let token = home.token();
    let other = home.open(&token);
    logged_in(&token);
    logged_in(&other);
    rotate(&token);
    let behind = token.laggards().unwrap();
    assert_eq!(behind.len(), 1);
    assert!(!behind[0].own);
    other.refresh().unwrap();
    assert_eq!(token.laggards().unwrap(), []);
}

/// What is searched for is only ever kept under this mask, so that the search does not find itself.
const MASK: u8 = 0x5a;

fn masked(secret: &[u8]) -> Vec<u8> {
    secret.iter().map(|byte| byte ^ MASK).collect()
}

/// Where in this process's writable memory the bytes under the mask are.
fn in_memory(masked: &[u8]) -> Vec<String> {
    const CHUNK: usize = 1 << 20;
    let memory = File::open("/proc/self/mem").unwrap();
    let mut buffer = vec![0; CHUNK + masked.len()];
    let own = buffer.as_ptr().addr()..buffer.as_ptr().addr() + buffer.len();
    let mut found = Vec::new();
    for line in std::fs::read_to_string("/proc/self/maps").unwrap().lines() {
        let mut fields = line.split_whitespace();
        let (range, rights) = (fields.next().unwrap(), fields.next().unwrap());
        let (from, to) = range.split_once('-').unwrap();
        let bound = |text| usize::from_str_radix(text, 16).unwrap();
        let (mut place, end) = (bound(from), bound(to));
        while rights.starts_with("rw") && place < end {
            let wanted = buffer.len().min(end - place);
            let Ok(count) = memory.read_at(&mut buffer[..wanted], place as u64) else {
                break;
            };
            let hits = buffer[..count]
                .windows(masked.len())
                .enumerate()
                .filter(|(_, window)| {
                    window
                        .iter()
                        .zip(masked)
                        .all(|(byte, masked)| byte ^ MASK == *masked)
                });
            let addresses = hits
                .map(|(at, _)| place + at)
                .filter(|at| !own.contains(at));
            found.extend(addresses.map(|at| format!("{at:x} in {line}")));
            place += CHUNK;
        }
    }
    buffer.fill(0);
    found
}

#[test]
fn a_removed_domain_key_is_nowhere_in_memory_or_files() {
    let home = Home::new();
    let token = home.token();
    let other = home.open(&token);
    logged_in(&token);
    logged_in(&other);
    let (secret, wrap) = {
        let key = active(&token);
        (masked(key.secret()), masked(key.wrap().expose()))
    };
    assert!(!in_memory(&secret).is_empty());
    assert!(!in_memory(&wrap).is_empty());
    one(&other, key("k", true));
    rotate(&token);
    other.refresh().unwrap();
    assert_eq!(in_memory(&wrap), Vec::<String>::new());
    assert_eq!(in_memory(&secret), Vec::<String>::new());
    let bytes = home.bytes();
    assert!(
        !bytes
            .windows(32)
            .any(|window| masked(window) == secret || masked(window) == wrap)
    );
}
