//! What the store on a server promises beyond the trait: other machines, a server that goes and comes,
//! and errors that say what to do.

use super::postgres::{PASSWORD, Server};
use super::proxy::Proxy;
use super::{everything, row, shared_server, store};
use keyward_pkcs11::error::{Error, Result};
use keyward_pkcs11::object::ObjectId;
use keyward_pkcs11::storage::postgres::PostgresStore;
use keyward_pkcs11::storage::{DomainRow, Query, Row, Scope, Store, Writer};
use std::cell::Cell;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(5);
/// Long enough for a busy machine to do something, short enough to wait for.
const SHORT: Duration = Duration::from_millis(1500);

fn open(url: &str) -> PostgresStore {
    PostgresStore::open(url, TIMEOUT).unwrap()
}

fn put(own: &dyn Store, number: u8) -> Result<()> {
    own.writing(|writer| writer.put_row(&row(number)), &|| ())
}

fn find(own: &dyn Store) -> Result<Vec<u8>> {
    let found = own.reading(|reader| reader.find(&everything()))?;
    Ok(found.into_iter().map(|id| id.0[0]).collect())
}

/// The text of an error, which has one line, names the server and no password.
fn text<T>(answer: Result<T>) -> String {
    match answer.err() {
        Some(Error::Store(text)) => {
            assert!(!text.contains(PASSWORD) && !text.contains('\n'), "{text}");
            assert!(text.contains("the repository keyward at "), "{text}");
            text
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_machines_see_each_others_rows_and_wake_each_other() {
    let url = shared_server().fresh();
    let (one, two) = (open(&url), open(&url));
    put(&one, 1).unwrap();
    assert_eq!(find(&two).unwrap(), [1]);
    let seen = two.stamp().unwrap();
    assert_eq!(seen, one.stamp().unwrap());
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(|| two.wait(seen, Duration::from_secs(3600)).unwrap());
        put(&one, 2).unwrap();
        assert!(sleeper.join().unwrap() > seen);
    });
}

#[test]
fn who_waits_does_not_ask_the_server_again_and_again() {
    let server = Server::start();
    let url = server.fresh();
    let (one, two) = (open(&url), open(&url));
    put(&one, 1).unwrap();
    let seen = one.wait(0, Duration::from_secs(3600)).unwrap();
    // How often the one row was looked at, by everybody; counted by the server with some delay.
    let looks = || -> u64 {
        std::thread::sleep(Duration::from_secs(2));
        let looks = server.sql(
            "SELECT seq_scan + coalesce(idx_scan, 0) FROM pg_stat_all_tables
             WHERE relname = 'keyward_writer'",
        );
        looks.trim().parse().unwrap()
    };
    let before = looks();
    for _ in 0..100 {
        assert_eq!(one.wait(seen, Duration::from_millis(1)).unwrap(), seen);
    }
    let after = looks();
    assert!(after - before < 10, "{before} {after}");
    // And yet it hears of every change.
    let mut seen = seen;
    for number in 2..=20 {
        put(&two, number).unwrap();
        let now = one.wait(seen, Duration::from_secs(3600)).unwrap();
        assert_eq!(now, seen + 1);
        seen = now;
    }
}

#[test]
fn of_two_machines_that_add_a_version_one_wins_every_time() {
    const ROUNDS: u64 = 100;
    let url = shared_server().fresh();
    let machines = [open(&url), open(&url)];
    let start = Barrier::new(2);
    let won = [AtomicUsize::new(0), AtomicUsize::new(0)];
    std::thread::scope(|scope| {
        for (number, machine) in (0_u8..).zip(&machines) {
            let (start, won) = (&start, &won);
            scope.spawn(move || {
                for version in 1..=ROUNDS {
                    let row = DomainRow {
                        version,
                        hash: [number; 32],
                        token: vec![number; 2000],
                    };
                    start.wait();
                    let added = store(machine)
                        .writing(|writer| writer.add_domain_row(&row), &|| ())
                        .unwrap();
                    won[usize::from(number)].fetch_add(usize::from(added), Ordering::SeqCst);
                }
            });
        }
    });
    let won = won.map(AtomicUsize::into_inner);
    assert_eq!(won[0] + won[1], usize::try_from(ROUNDS).unwrap());
    let rows = store(&machines[0])
        .reading(|reader| reader.domain_rows())
        .unwrap();
    for number in [0_u8, 1] {
        let kept = rows.iter().filter(|row| row.hash == [number; 32]).count();
        assert_eq!(kept, won[usize::from(number)]);
    }
}

#[test]
fn many_members_may_make_the_tables_at_once() {
    let url = shared_server().fresh();
    let start = Barrier::new(6);
    std::thread::scope(|scope| {
        for number in 1..=6 {
            let (url, start) = (&url, &start);
            scope.spawn(move || {
                let own = open(url);
                start.wait();
                put(&own, number).unwrap();
            });
        }
    });
    assert_eq!(find(&open(&url)).unwrap().len(), 6);
}

#[test]
fn opening_does_not_connect_and_an_unreachable_server_is_named() {
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = free.local_addr().unwrap().port();
    drop(free);
    let own = open(&format!(
        "postgres://keyward:hidden@127.0.0.1:{port}/keyward"
    ));
    let refused = text(find(&own));
    assert!(refused.contains(&format!("127.0.0.1:{port}")), "{refused}");
    assert!(refused.contains("is the server running"), "{refused}");
    assert!(!refused.contains("hidden"), "{refused}");
}

#[test]
fn a_server_that_does_not_answer_is_given_up() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let url = format!("postgres://keyward@127.0.0.1:{port}/keyward?sslmode=disable");
    let own = PostgresStore::open(&url, SHORT).unwrap();
    assert!(text(find(&own)).contains("no answer for 1500 ms"));
}

#[test]
fn a_wrong_password_is_said_without_it() {
    let server = shared_server();
    let url = server.url("localhost", "wrong-one", "verify-full", "public");
    let refused = text(find(&open(&url)));
    assert!(refused.contains("KEYWARD_REPOSITORY_PASSWORD"), "{refused}");
    assert!(!refused.contains("wrong-one"), "{refused}");
}

#[test]
fn a_password_may_come_from_a_file() {
    use std::os::unix::fs::PermissionsExt;
    let server = shared_server();
    let schema = server.schema();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        format!("localhost:*:keyward:keyward:{PASSWORD}\n"),
    )
    .unwrap();
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(0o600)).unwrap();
    let url = server.url("localhost", "", "verify-full", &schema);
    let url = url.replace("keyward:@", "keyward@");
    put(
        &open(&format!("{url}&passfile={}", file.path().display())),
        1,
    )
    .unwrap();
}

#[test]
fn only_the_right_server_is_taken_for_it() {
    let server = shared_server();
    let schema = server.schema();
    let url = server.at(&schema);
    put(&open(&url), 1).unwrap();
    let encrypted = || {
        server.sql(
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
             WHERE ssl AND usename = 'keyward'",
        )
    };
    let kept = open(&url);
    find(&kept).unwrap();
    assert_ne!(encrypted().trim(), "0");
    let right = server.authority().display().to_string();
    let wrong = server.other_authority().display().to_string();
    for mode in ["verify-full", "verify-ca", "require", "prefer"] {
        let url = server.url("localhost", "a%20test%20password", mode, &schema);
        assert_eq!(find(&open(&url)).unwrap(), [1], "{mode}");
        let refused = text(find(&open(&url.replace(&right, &wrong))));
        assert!(refused.contains("certificate"), "{mode}: {refused}");
    }
    // The certificate is for localhost, not for its number.
    let by_number = |mode: &str| {
        let url = server.url("127.0.0.1", "a%20test%20password", mode, &schema);
        find(&open(&url))
    };
    assert!(text(by_number("verify-full")).contains("certificate"));
    assert_eq!(by_number("verify-ca").unwrap(), [1]);
    assert_eq!(by_number("disable").unwrap(), [1]);
    assert_eq!(find(&open(&server.by_socket(&schema))).unwrap(), [1]);
}

#[test]
fn a_lock_that_is_held_is_not_waited_for_for_ever() {
    let server = shared_server();
    let schema = server.schema();
    put(&open(&server.at(&schema)), 1).unwrap();
    let own = PostgresStore::open(&server.at(&schema), SHORT).unwrap();
    let held = server.hold(&format!(
        "UPDATE {schema}.keyward_writer SET changes = changes"
    ));
    let start = Instant::now();
    assert_eq!(put(&own, 2), Err(Error::StoreBusy));
    assert!(start.elapsed() >= SHORT);
    assert_eq!(find(&own).unwrap(), [1]);
    drop(held);
    put(&own, 3).unwrap();
    let held = server.hold(&format!(
        "LOCK TABLE {schema}.keyward_objects IN ACCESS EXCLUSIVE MODE"
    ));
    assert_eq!(find(&own), Err(Error::StoreBusy));
    drop(held);
    assert_eq!(find(&own).unwrap(), [1, 3]);
}

#[test]
fn a_deadlock_is_run_again() {
    let server = shared_server();
    let schema = server.schema();
    let own = open(&server.at(&schema));
    put(&own, 1).unwrap();
    put(&own, 2).unwrap();
    // The other one holds the row that the change wants next, and then wants what the change holds. It
    // is patient, so it is the change that the server takes back.
    let touch = |number: u8| {
        format!(
            "UPDATE {schema}.keyward_objects SET place = place WHERE get_byte(id, 0) = {number}"
        )
    };
    let mut held = Some(server.hold(&format!("SET deadlock_timeout = '1h'; {}", touch(2))));
    let mut runs = 0;
    let done = store(&own).writing(
        |writer| {
            runs += 1;
            if runs == 2 {
                held = None;
            }
            writer.put_row(&Row {
                revision: runs,
                ..row(1)
            })?;
            if let Some(held) = &mut held {
                held.begin(&touch(1));
                server.wait_for_waiter();
            }
            writer.put_row(&Row {
                revision: runs,
                ..row(2)
            })
        },
        &|| (),
    );
    done.unwrap();
    let revisions = store(&own)
        .reading(|reader| reader.revisions(None, 9))
        .unwrap();
    let revisions: Vec<_> = revisions.iter().map(|(_, revision, _)| *revision).collect();
    assert_eq!((runs, revisions), (2, vec![2, 2]));
}

#[test]
fn a_connection_that_ended_meanwhile_is_made_anew() {
    let server = Server::start();
    let own = open(&server.fresh());
    put(&own, 1).unwrap();
    let seen = own.stamp().unwrap();
    server.end_sessions();
    assert_eq!(find(&own).unwrap(), [1]);
    server.end_sessions();
    put(&own, 2).unwrap();
    server.end_sessions();
    assert!(own.stamp().unwrap() > seen);
    server.end_sessions();
    assert!(own.wait(seen, Duration::from_secs(3600)).unwrap() > seen);

    // In the middle of a change: it is run again, and counts once.
    let runs = Cell::new(0);
    let done = store(&own).writing(
        |writer| {
            runs.set(runs.get() + 1);
            writer.put_row(&row(3))?;
            if runs.get() == 1 {
                server.end_sessions();
            }
            writer.put_row(&row(4))
        },
        &|| (),
    );
    done.unwrap();
    assert_eq!((runs.get(), find(&own).unwrap()), (2, vec![1, 2, 3, 4]));

    // At the last moment: what became of it is found out.
    let ends = Cell::new(1);
    let add = |writer: &dyn Writer| {
        let count = writer.fact("count")?.map_or(0, |count| count[0]);
        writer.set_fact("count", Some(&[count + 1]))
    };
    store(&own)
        .writing(add, &|| {
            if ends.replace(0) == 1 {
                server.end_sessions();
            }
        })
        .unwrap();
    let count = store(&own).reading(|reader| reader.fact("count")).unwrap();
    assert_eq!(count, Some(vec![1]));
}

#[test]
fn a_server_may_go_and_come_back() {
    let server = Server::start();
    let own = open(&server.fresh());
    put(&own, 1).unwrap();
    server.restart();
    assert_eq!(find(&own).unwrap(), [1]);
    server.restart();
    put(&own, 2).unwrap();

    server.stop();
    assert!(text(find(&own)).contains("is the server running"));
    assert!(text(put(&own, 3)).contains("is the server running"));
    assert!(text(own.stamp()).contains("is the server running"));
    assert!(text(own.wait(0, Duration::ZERO)).contains("is the server running"));
    server.start_again();
    assert_eq!(find(&own).unwrap(), [1, 2]);

    // Within a reader: it is told, and the next one is served.
    let cut = store(&own).reading(|reader| {
        reader.find(&everything())?;
        server.restart();
        reader.find(&everything())
    });
    let cut = text(cut);
    assert!(cut.contains("try again"), "{cut}");
    assert_eq!(find(&own).unwrap(), [1, 2]);

    // Within a writer: it is run again.
    let runs = Cell::new(0);
    store(&own)
        .writing(
            |writer| {
                runs.set(runs.get() + 1);
                writer.put_row(&row(4))?;
                if runs.get() == 1 {
                    server.kill();
                    server.start_again();
                }
                writer.put_row(&row(5))
            },
            &|| (),
        )
        .unwrap();
    assert_eq!((runs.get(), find(&own).unwrap()), (2, vec![1, 2, 4, 5]));
}

#[test]
fn a_crash_at_the_last_moment_loses_nothing_that_was_answered() {
    let server = Server::start();
    let own = open(&server.fresh());
    put(&own, 1).unwrap();
    let kills = Cell::new(1);
    store(&own)
        .writing(|writer| writer.put_row(&row(2)), &|| {
            if kills.replace(0) == 1 {
                server.kill();
                server.start_again();
            }
        })
        .unwrap();
    assert_eq!(find(&own).unwrap(), [1, 2]);
    // Not there when asked: whether the change was kept is not known, and that is said.
    let lost = PostgresStore::open(&server.fresh(), SHORT).unwrap();
    let unknown = store(&lost).writing(|writer| writer.put_row(&row(2)), &|| server.crash());
    assert!(text(unknown).contains("whether it was"));
}

#[test]
fn a_change_that_was_kept_is_not_made_twice_when_its_answer_is_lost() {
    let server = shared_server();
    let schema = server.schema();
    let proxy = Proxy::to(server.port(), "NOTIFY keyward; COMMIT");
    let url = server.url("127.0.0.1", "a%20test%20password", "disable", &schema);
    let url = url.replace(
        &format!(":{}/", server.port()),
        &format!(":{}/", proxy.port()),
    );
    let own = open(&url);
    let others = open(&server.at(&schema));
    let add = |own: &PostgresStore| {
        let runs = Cell::new(0);
        store(own)
            .writing(
                |writer| {
                    runs.set(runs.get() + 1);
                    let count = writer.fact("count")?.map_or(0, |count| count[0]);
                    writer.set_fact("count", Some(&[count + 1]))
                },
                &|| (),
            )
            .unwrap();
        assert_eq!(runs.get(), 1);
    };
    for count in 1..=5 {
        proxy.cut();
        add(&own);
        assert!(proxy.is_done());
        let found = store(&others).reading(|reader| reader.fact("count"));
        assert_eq!(found.unwrap(), Some(vec![2 * count - 1]));
        // Others' changes do not hide it.
        add(&others);
    }
}

#[test]
fn a_server_that_stands_still_is_an_error_and_not_a_hang() {
    let server = Server::start();
    let url = server.fresh();
    put(&open(&url), 1).unwrap();
    let own = PostgresStore::open(&url, SHORT).unwrap();
    assert_eq!(find(&own).unwrap(), [1]);
    server.freeze(true);
    // The main process stands, so nobody new is served; who is connected goes on.
    assert_eq!(find(&own).unwrap(), [1]);
    let newcomer = PostgresStore::open(&server.at("public"), SHORT).unwrap();
    assert!(text(find(&newcomer)).contains("no answer"));
    server.freeze(false);
    assert!(find(&newcomer).is_ok());
}

#[test]
fn a_server_that_only_reads_is_write_protected() {
    let server = Server::start();
    let schema = server.schema();
    let own = open(&server.at(&schema));
    put(&own, 1).unwrap();
    server.read_only(true);
    assert!(matches!(put(&own, 2), Err(Error::TokenWriteProtected(_))));
    assert_eq!(find(&own).unwrap(), [1]);
    let empty = open(&server.at("public"));
    assert!(matches!(find(&empty), Err(Error::TokenWriteProtected(_))));
    server.read_only(false);
    put(&own, 3).unwrap();
    assert_eq!(find(&own).unwrap(), [1, 3]);
}

#[test]
fn a_database_of_a_newer_program_is_refused() {
    let server = shared_server();
    let schema = server.schema();
    put(&open(&server.at(&schema)), 1).unwrap();
    server.sql(&format!("UPDATE {schema}.keyward_schema SET version = 99"));
    let refused = text(find(&open(&server.at(&schema))));
    assert!(refused.contains("update Keyward"), "{refused}");
}

#[test]
fn flaws_are_named_and_tidying_works() {
    let server = shared_server();
    let schema = server.schema();
    let own = open(&server.at(&schema));
    put(&own, 1).unwrap();
    assert_eq!(own.flaws().unwrap(), Vec::<String>::new());
    assert!(own.scrub().unwrap());
    put(&own, 2).unwrap();
    server.sql(&format!(
        "UPDATE {schema}.keyward_objects SET standing = 7, clear = NULL, sealed = NULL
         WHERE get_byte(id, 0) = 1"
    ));
    let flaws = own.flaws().unwrap();
    assert_eq!(flaws.len(), 2, "{flaws:?}");
    server.sql(&format!("DELETE FROM {schema}.keyward_writer"));
    assert_eq!(own.flaws().unwrap().len(), 3);
    assert!(matches!(put(&own, 3), Err(Error::StoreTampered(_))));
}

#[test]
fn a_commit_is_on_disk_whatever_the_role_is_set_to() {
    let server = Server::start();
    let schema = server.schema();
    put(&open(&server.at(&schema)), 1).unwrap();
    server.sql(&format!(
        "SET search_path = {schema};
         CREATE TABLE seen (setting TEXT); GRANT INSERT ON seen TO keyward;
         CREATE FUNCTION see() RETURNS TRIGGER LANGUAGE plpgsql AS
            'BEGIN INSERT INTO {schema}.seen VALUES (current_setting(''synchronous_commit''));
             RETURN NULL; END';
         CREATE TRIGGER see AFTER UPDATE ON keyward_writer EXECUTE FUNCTION see();"
    ));
    for (set, wanted) in [
        ("off", "on"),
        ("local", "on"),
        ("on", "on"),
        ("remote_apply", "remote_apply"),
    ] {
        server.sql(&format!(
            "ALTER ROLE keyward SET synchronous_commit = {set}"
        ));
        put(&open(&server.at(&schema)), 1).unwrap();
        let seen = server.sql(&format!("SELECT setting FROM {schema}.seen"));
        assert_eq!(seen.trim(), wanted, "{set}");
        server.sql(&format!("DELETE FROM {schema}.seen"));
    }
}

/// Runs `work` in a forked child; whether it came to its end and answered true.
#[expect(unsafe_code, reason = "a fork has no safe interface")]
fn in_child(work: impl FnOnce() -> bool) -> bool {
    // SAFETY: the child runs the closure, which takes no lock that another thread of this program holds,
    // and leaves by `_exit`.
    match unsafe { libc::fork() } {
        -1 => panic!("no fork"),
        0 => {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            let code = i32::from(!done.unwrap_or(false));
            // SAFETY: ends the process at once, without what the parent has registered for its end.
            unsafe { libc::_exit(code) }
        }
        child => {
            let mut status = 0;
            // SAFETY: the status is a valid place for the length of the call.
            assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
            status == 0
        }
    }
}

#[test]
fn a_forked_child_leaves_its_parents_connections_alone() {
    let url = shared_server().fresh();
    let own = open(&url);
    put(&own, 1).unwrap();
    let child = in_child(|| {
        let found = find(&own).unwrap();
        put(&own, 2).unwrap();
        found == [1]
    });
    assert!(child);
    // The same connection still serves.
    assert_eq!(find(&own).unwrap(), [1, 2]);
    let seen = own.stamp().unwrap();
    let child = in_child(move || {
        drop(own);
        true
    });
    assert!(child);
    assert_eq!(open(&url).stamp().unwrap(), seen);
}

#[test]
fn more_threads_than_connections_are_served() {
    let own = open(&shared_server().fresh());
    put(&own, 1).unwrap();
    std::thread::scope(|scope| {
        for number in 2..=24 {
            let own = &own;
            scope.spawn(move || {
                put(own, number).unwrap();
                assert!(find(own).unwrap().contains(&number));
            });
        }
    });
    let all = Query {
        scope: Scope::All,
        ..Query::default()
    };
    assert_eq!(
        store(&own).reading(|reader| reader.count(&all)).unwrap(),
        24
    );
    let gone = store(&own).writing(|writer| writer.delete_row(ObjectId([2; 16])), &|| ());
    assert!(gone.unwrap());
}
