//! A database that is locked, slow, read-only or gone, as a member sees it through the module and the program:
//! one line that says what to do, the right code, nothing changed, and all is as before when it is over.

use crate::members::{Domain, Kind, Member, permissions_count, until};
use crate::support::process::Other;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

/// Somebody's transaction that writes, until it is dropped.
fn writing(database: &Path) -> rusqlite::Connection {
    let connection = rusqlite::Connection::open(database).unwrap();
    connection.busy_timeout(Duration::from_secs(20)).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    connection
}

/// Users of two members, with a key that they share. Answers what it encrypted, too.
fn users(domain: &Domain) -> ([Other; 2], String) {
    let mut users = [0, 1].map(|place| domain.members[place].start("module"));
    users[0].ask("generate shared");
    let sealed = users[1].ask("encrypt shared 00112233");
    assert!(!sealed.starts_with("CKR_"), "{sealed}");
    (users, sealed)
}

/// The program's one line, which has these words, when it is to make a key.
fn refused(member: &Member, says: &[&str]) {
    let why = member.keyward(&["key", "create", "lost"]).refused();
    println!("{why}");
    for words in says {
        assert!(why.contains(words), "{words}: {why}");
    }
}

/// Everything works again, and nothing of what was refused has happened.
fn over(domain: &Domain, users: &mut [Other], sealed: &str) {
    for (place, user) in users.iter_mut().enumerate() {
        let found = format!("generate found{place}");
        until(&found, || user.ask(&found).parse::<u64>().is_ok());
        assert_eq!(user.ask("find lost"), "0");
        assert_eq!(user.ask(&format!("decrypt shared {sealed}")), "00112233");
        assert_eq!(user.ask(&format!("destroy found{place}")), "ok");
    }
    for member in &domain.members {
        member.keyward(&["key", "create", member.name]).well();
        let listed = member.json(&["key", "list"]).to_string();
        assert!(!listed.contains("lost"), "{listed}");
        member.keyward(&["token", "verify"]).well();
    }
}

#[test]
fn a_locked_repository_is_waited_for_and_then_said_to_be_busy() {
    members!(2, |domain: &mut Domain| {
        let south = domain.members[1].clone();
        let (mut users, sealed) = users(domain);
        let database = domain.place().join("repository/repository.db");
        // For less than the timeout: it is waited for.
        let held = writing(&database);
        let letting_go = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(500));
            drop(held);
        });
        let handle = users[1].ask("generate late");
        assert!(handle.parse::<u64>().is_ok(), "{handle}");
        letting_go.join().unwrap();
        // For longer.
        let held = writing(&database);
        assert_eq!(users[1].ask("generate lost"), "CKR_FUNCTION_FAILED");
        assert_eq!(users[1].ask("destroy shared"), "CKR_FUNCTION_FAILED");
        // Who only reads does not wait.
        let opened = users[1].ask(&format!("decrypt shared {sealed}"));
        assert_eq!(opened, "00112233");
        refused(&south, &["busy", "try again"]);
        drop(held);
        over(domain, &mut users, &sealed);
        users.into_iter().for_each(Other::end);
    });
}

#[test]
fn a_locked_store_of_a_member_is_said_to_be_busy() {
    members!(2, |domain: &mut Domain| {
        let south = domain.members[1].clone();
        let (mut users, sealed) = users(domain);
        let held = writing(&south.own_store());
        // A try at a PIN is counted before it is made.
        let said = south.try_start("module").1;
        assert_eq!(said, "no login: CKR_FUNCTION_FAILED");
        let opened = users[1].ask(&format!("decrypt shared {sealed}"));
        assert_eq!(opened, "00112233");
        refused(&south, &["busy", "try again"]);
        drop(held);
        let (process, said) = south.try_start("module");
        assert_eq!(said, "ready");
        process.end();
        over(domain, &mut users, &sealed);
        users.into_iter().for_each(Other::end);
    });
}

/// Takes the right to write away from everybody, in a directory and its files, or gives it back.
fn write_protect(directory: &Path, protected: bool) {
    let set = |path: &Path, bits: u32| {
        let mode = fs::metadata(path).unwrap().permissions().mode();
        let mode = if protected {
            mode & !0o222
        } else {
            mode | bits
        };
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for entry in fs::read_dir(directory).unwrap() {
        set(&entry.unwrap().path(), 0o220);
    }
    set(directory, 0o220);
}

#[test]
fn a_repository_that_may_not_be_written_is_said_to_be_so() {
    members!(2, |domain: &mut Domain| {
        if !permissions_count() {
            return;
        }
        let south = domain.members[1].clone();
        let (users, sealed) = users(domain);
        users.into_iter().for_each(Other::end);
        let repository = domain.place().join("repository");
        write_protect(&repository, true);
        let mut user = south.start("module");
        assert_eq!(user.ask("generate lost"), "CKR_TOKEN_WRITE_PROTECTED");
        refused(&south, &["repository.db", "allow this user to write there"]);
        write_protect(&repository, false);
        over(domain, &mut [user], &sealed);
    });
}

#[test]
fn a_store_of_a_member_that_may_not_be_written_is_said_to_be_so() {
    members!(2, |domain: &mut Domain| {
        if !permissions_count() {
            return;
        }
        let south = domain.members[1].clone();
        let (mut users, sealed) = users(domain);
        let store = south.own_store().parent().unwrap().to_owned();
        write_protect(&store, true);
        // A token that cannot be opened has no slot; who has it open goes on.
        let said = south.try_start("module").1;
        assert_eq!(said, "no session: CKR_TOKEN_NOT_RECOGNIZED");
        let opened = users[1].ask(&format!("decrypt shared {sealed}"));
        assert_eq!(opened, "00112233");
        refused(&south, &["shared", "allow this user to write there"]);
        let doctor = south.keyward(&["doctor"]);
        assert!(
            doctor.out.contains("allow this user to write there"),
            "{doctor:?}"
        );
        write_protect(&store, false);
        over(domain, &mut users, &sealed);
        users.into_iter().for_each(Other::end);
    });
}

#[test]
fn a_server_that_is_locked_slow_read_only_or_gone_is_said_to_be_so() {
    members!(Kind::OwnPostgres, 2, |domain: &mut Domain| {
        let server = domain.server();
        let south = domain.members[1].clone();
        let (mut users, sealed) = users(domain);
        let decrypt = format!("decrypt shared {sealed}");

        let held = server.hold(
            &domain.in_tables("LOCK TABLE {}objects, {}nodes, {}facts IN SHARE ROW EXCLUSIVE MODE"),
        );
        assert_eq!(users[1].ask("generate lost"), "CKR_FUNCTION_FAILED");
        assert_eq!(
            users[1].ask(&decrypt),
            "00112233",
            "who reads does not wait"
        );
        refused(&south, &["busy", "try again"]);
        drop(held);
        over(domain, &mut users, &sealed);

        // Nothing is answered any more, not even to who reads.
        let held = server.hold(&domain.in_tables(
            "LOCK TABLE {}objects, {}nodes, {}facts, {}domain_tokens IN ACCESS EXCLUSIVE MODE",
        ));
        let answer = users[1].ask("generate lost");
        assert!(
            ["CKR_FUNCTION_FAILED", "CKR_DEVICE_ERROR"].contains(&answer.as_str()),
            "{answer}"
        );
        refused(&south, &["try again"]);
        drop(held);
        over(domain, &mut users, &sealed);

        server.read_only(true);
        server.end_sessions();
        until("it may not write", || {
            users[1].ask("generate lost") == "CKR_TOKEN_WRITE_PROTECTED"
        });
        assert_eq!(users[1].ask(&decrypt), "00112233");
        refused(&south, &["read-only", "allow this user to write there"]);
        server.read_only(false);
        server.end_sessions();
        over(domain, &mut users, &sealed);

        server.stop();
        assert_eq!(users[1].ask("generate lost"), "CKR_DEVICE_ERROR");
        let mut late = south.start("module");
        assert_eq!(
            late.ask("generate lost"),
            "CKR_DEVICE_ERROR",
            "after a login"
        );
        late.end();
        refused(&south, &["cannot be reached", "is the server running"]);
        server.start_again();
        over(domain, &mut users, &sealed);
        users.into_iter().for_each(Other::end);
    });
}

/// What members say to a repository that a newer program wrote.
fn newer(domain: &mut Domain, raise: &str, lower: &str) {
    let south = domain.members[1].clone();
    let (mut users, sealed) = users(domain);
    domain.sql(raise);
    // Who has it open goes on.
    let opened = users[1].ask(&format!("decrypt shared {sealed}"));
    assert_eq!(opened, "00112233");
    // Who comes is refused, and the line says what to do.
    refused(&south, &["a newer Keyward wrote", "update Keyward here"]);
    let verified = south.keyward(&["token", "verify"]).refused();
    assert!(verified.contains("update Keyward here"), "{verified}");
    domain.sql(lower);
    over(domain, &mut users, &sealed);
    users.into_iter().for_each(Other::end);
}

#[test]
fn a_repository_that_a_newer_program_wrote_is_refused_and_left_alone() {
    members!(2, |domain: &mut Domain| {
        newer(
            domain,
            "PRAGMA user_version = 99",
            "PRAGMA user_version = 3",
        );
    });
}

#[test]
fn a_repository_that_a_newer_program_wrote_is_refused_with_postgres() {
    members!(Kind::Postgres, 2, |domain: &mut Domain| {
        newer(
            domain,
            "UPDATE {}schema SET version = 99",
            "UPDATE {}schema SET version = 2",
        );
    });
}
