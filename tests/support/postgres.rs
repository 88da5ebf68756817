//! A PostgreSQL server of the test's own, from the programs of Debian's package `postgresql`: in a
//! directory that goes with it, as a user that is not root, reached by TCP with TLS under an authority
//! of its own and by a socket. It ends with the test program, however that ends.
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "shared by several test programs, none of which uses all of it"
)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The password of the one role that tests connect as, `keyward`. Its database is `keyward` too.
pub const PASSWORD: &str = "a test password";
/// The same in a URL.
const IN_URL: &str = "a%20test%20password";

/// A server.
pub struct Server {
    directory: PathBuf,
    programs: PathBuf,
    port: u16,
    schemas: AtomicUsize,
    /// Its end is the end of the server.
    _watched: ChildStdin,
}

/// A transaction of somebody else, open until it is dropped.
pub struct Held {
    psql: Child,
}

impl Server {
    /// Starts a server.
    pub fn start() -> Self {
        let programs = programs();
        let directory = tempfile::tempdir().unwrap().keep();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
        if let Some((user, group)) = unprivileged() {
            chown(&directory, Some(user), Some(group)).unwrap();
        }
        let watched = watch(&directory, &programs);
        let mut server = Server {
            directory,
            programs,
            port: 0,
            schemas: AtomicUsize::new(0),
            _watched: watched,
        };
        server.certificates();
        server.make();
        server.first_start();
        server.sql_in(
            "postgres",
            &format!("CREATE ROLE keyward LOGIN PASSWORD '{PASSWORD}'"),
        );
        server.sql_in("postgres", "CREATE DATABASE keyward OWNER keyward");
        server
    }

    /// The URL of a new schema, by TCP with TLS.
    pub fn fresh(&self) -> String {
        self.at(&self.schema())
    }

    /// The name of a new, empty schema.
    pub fn schema(&self) -> String {
        let number = self.schemas.fetch_add(1, Ordering::SeqCst);
        let name = format!("test_{number}");
        self.sql(&format!("CREATE SCHEMA {name} AUTHORIZATION keyward"));
        name
    }

    /// The URL of a schema.
    pub fn at(&self, schema: &str) -> String {
        self.url("localhost", IN_URL, "verify-full", schema)
    }

    /// A URL with everything chosen; the certificate of the server's authority is named.
    pub fn url(&self, host: &str, password: &str, mode: &str, schema: &str) -> String {
        let roots = match mode {
            "disable" => String::new(),
            _ => format!("&sslrootcert={}", self.authority().display()),
        };
        format!(
            "postgres://keyward:{password}@{host}:{}/keyward?sslmode={mode}{roots}\
             &options=-c%20search_path%3D{schema}",
            self.port
        )
    }

    /// The URL of a schema by the socket, where no password is asked for.
    pub fn by_socket(&self, schema: &str) -> String {
        let directory = self.directory.display().to_string().replace('/', "%2F");
        format!(
            "postgres://keyward@{directory}:{}/keyward?options=-c%20search_path%3D{schema}",
            self.port
        )
    }

    /// The port on the local machine.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate of the authority, in PEM.
    pub fn authority(&self) -> PathBuf {
        self.directory.join("ca.pem")
    }

    /// The certificate of an authority that has nothing to do with the server.
    pub fn other_authority(&self) -> PathBuf {
        self.directory.join("other.pem")
    }

    /// Runs SQL as the superuser, and answers what psql prints.
    pub fn sql(&self, sql: &str) -> String {
        self.sql_in("keyward", sql)
    }

    fn sql_in(&self, database: &str, sql: &str) -> String {
        let mut psql = self.psql(database);
        succeed(psql.args(["-c", sql]))
    }

    /// Runs SQL as the superuser in a transaction that stays open, and waits until it has run.
    pub fn hold(&self, sql: &str) -> Held {
        let mut psql = self.psql("keyward");
        psql.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut held = Held {
            psql: psql.spawn().unwrap(),
        };
        let input = held.psql.stdin.as_mut().unwrap();
        writeln!(input, "BEGIN; {sql}; SELECT 'it is held';").unwrap();
        let answers = BufReader::new(held.psql.stdout.as_mut().unwrap()).lines();
        for line in answers {
            if line.unwrap() == "it is held" {
                return held;
            }
        }
        panic!("psql ended: {sql}");
    }

    /// Waits until the superuser waits for a lock.
    pub fn wait_for_waiter(&self) {
        let end = Instant::now() + Duration::from_secs(60);
        let waiting = "SELECT count(*) FROM pg_stat_activity
            WHERE wait_event_type = 'Lock' AND usename = 'postgres'";
        while self.sql(waiting).trim() == "0" {
            assert!(Instant::now() < end, "nobody waits");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends the server, with its sessions.
    pub fn stop(&self) {
        self.control(&["-m", "fast", "-w", "stop"]);
    }

    /// Ends the server and its sessions at once, as a crash of the machine would.
    pub fn crash(&self) {
        self.control(&["-m", "immediate", "-w", "stop"]);
    }

    /// Starts the server again.
    pub fn start_again(&self) {
        // Backends of one that was killed may hold its memory for a moment.
        let end = Instant::now() + Duration::from_secs(60);
        while !self.try_start() {
            assert!(Instant::now() < end, "{}", self.log());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Ends the server and starts it again.
    pub fn restart(&self) {
        self.stop();
        self.start_again();
    }

    /// Ends the server's main process without a word, as a crash would.
    pub fn kill(&self) {
        self.signal("KILL");
    }

    /// Has the server's main process stand still, or go on.
    pub fn freeze(&self, frozen: bool) {
        self.signal(if frozen { "STOP" } else { "CONT" });
    }

    /// Has every transaction only read, or write again.
    pub fn read_only(&self, only: bool) {
        let value = if only { "on" } else { "off" };
        self.sql(&format!(
            "ALTER SYSTEM SET default_transaction_read_only = {value}"
        ));
        self.sql("SELECT pg_reload_conf()");
        let end = Instant::now() + Duration::from_secs(60);
        while self.sql("SHOW default_transaction_read_only").trim() != value {
            assert!(Instant::now() < end);
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends every session of tests on the server.
    pub fn end_sessions(&self) {
        self.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'keyward'",
        );
    }

    /// What the server has written to its log.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }

    fn psql(&self, database: &str) -> Command {
        let mut psql = Command::new(self.programs.join("psql"));
        psql.args([
            "-X",
            "-q",
            "-t",
            "-A",
            "-v",
            "ON_ERROR_STOP=1",
            "-U",
            "postgres",
        ])
        .args(["-d", database, "-p", &self.port.to_string(), "-h"])
        .arg(&self.directory)
        .env("PGOPTIONS", "-c client_min_messages=warning");
        psql
    }

    fn signal(&self, signal: &str) {
        let file = fs::read_to_string(self.directory.join("data/postmaster.pid")).unwrap();
        let own = file.lines().next().unwrap().to_owned();
        succeed(Command::new("kill").args(["-s", signal, &own]));
    }

    fn make(&self) {
        let mut initdb = as_server(&self.programs.join("initdb"));
        initdb
            .args([
                "-U",
                "postgres",
                "--auth-local=trust",
                "--auth-host=scram-sha-256",
            ])
            .args(["--no-sync", "--locale=C", "--encoding=UTF8", "-D"])
            .arg(self.directory.join("data"));
        succeed(&mut initdb);
        let place = self.directory.display();
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nunix_socket_directories = '{place}'\n\
             max_connections = 60\nssl = on\nssl_cert_file = '{place}/server.pem'\n\
             ssl_key_file = '{place}/server.key'\nshared_buffers = '64MB'\n"
        );
        let file = self.directory.join("data/postgresql.conf");
        let mut file = fs::File::options().append(true).open(file).unwrap();
        file.write_all(settings.as_bytes()).unwrap();
    }

    /// An authority, the server's certificate, and an authority that has nothing to do with it.
    fn certificates(&self) {
        let file = |name: &str| self.directory.join(name).display().to_string();
        let make = |subject: &str, key: &str, out: &str, more: &[&str]| {
            let mut openssl = Command::new("openssl");
            openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt"]);
            openssl.args(["ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj"]);
            openssl.args([&format!("/CN={subject}"), "-keyout", &file(key)]);
            succeed(openssl.args(["-out", &file(out)]).args(more));
        };
        make("authority of a test", "ca.key", "ca.pem", &[]);
        make("another authority", "other.key", "other.pem", &[]);
        let authority = [file("ca.pem"), file("ca.key")];
        let names = "subjectAltName=DNS:localhost";
        let more = [
            "-CA",
            &authority[0],
            "-CAkey",
            &authority[1],
            "-addext",
            names,
        ];
        let leaf = ["-addext", "basicConstraints=critical,CA:FALSE"];
        let more: Vec<&str> = more.into_iter().chain(leaf).collect();
        make("localhost", "server.key", "server.pem", &more);
        let key = self.directory.join("server.key");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        if let Some((user, group)) = unprivileged() {
            chown(&key, Some(user), Some(group)).unwrap();
        }
    }

    /// Starts the server on a port that nobody has.
    fn first_start(&mut self) {
        for _ in 0..10 {
            let free = TcpListener::bind("127.0.0.1:0").unwrap();
            self.port = free.local_addr().unwrap().port();
            drop(free);
            if self.try_start() {
                return;
            }
        }
        panic!("the server does not start:\n{}", self.log());
    }

    fn try_start(&self) -> bool {
        let options = format!("-p {}", self.port);
        let mut start = self.controlling(&["-w", "-t", "60", "-o", &options, "start"]);
        start.status().unwrap().success()
    }

    fn control(&self, arguments: &[&str]) {
        succeed(&mut self.controlling(arguments));
    }

    fn controlling(&self, arguments: &[&str]) -> Command {
        let mut control = as_server(&self.programs.join("pg_ctl"));
        control.args(["-s", "-D"]).arg(self.directory.join("data"));
        control.arg("-l").arg(self.directory.join("log"));
        control.args(arguments);
        control
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        control
    }
}

impl Held {
    /// Begins one more statement, which may have to wait.
    pub fn begin(&mut self, sql: &str) {
        let input = self.psql.stdin.as_mut().unwrap();
        writeln!(input, "{sql};").unwrap();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let _ = self.psql.kill();
        let _ = self.psql.wait();
    }
}

/// Where the newest server's programs are.
fn programs() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten();
    let mut found: Vec<(u32, PathBuf)> = versions
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version = entry.file_name().to_str()?.parse().ok()?;
            let programs = entry.path().join("bin");
            programs
                .join("initdb")
                .exists()
                .then_some((version, programs))
        })
        .collect();
    found.sort();
    let newest = found.pop();
    newest
        .expect("no PostgreSQL server here: install Debian's package postgresql (scripts/need postgresql)")
        .1
}

/// The user and group that a server runs as when this program runs as root, whom it refuses.
fn unprivileged() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let number = |what: &str| {
        succeed(Command::new("id").args([what, "postgres"]))
            .trim()
            .parse()
            .unwrap()
    };
    Some((number("-u"), number("-g")))
}

/// A program of the server, run as the user that it runs as.
fn as_server(program: &Path) -> Command {
    let mut command = match unprivileged() {
        Some((user, group)) => {
            let mut command = Command::new("setpriv");
            command.args([format!("--reuid={user}"), format!("--regid={group}")]);
            command.arg("--clear-groups").arg(program);
            command
        }
        None => Command::new(program),
    };
    command.current_dir("/");
    command
}

/// A shell that ends the server and removes its directory when this program has ended.
#[expect(
    clippy::zombie_processes,
    reason = "it outlives this program, which is what it waits for"
)]
fn watch(directory: &Path, programs: &Path) -> ChildStdin {
    let mut shell = as_server(Path::new("/bin/sh"));
    let ending = "trap '' HUP INT TERM; cat >/dev/null; \"$2/pg_ctl\" -s -m immediate -D \"$1/data\" stop 2>/dev/null; rm -rf \"$1\"";
    shell
        .args(["-c", ending, "sh"])
        .arg(directory)
        .arg(programs);
    shell
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let shell = shell.spawn().unwrap();
    shell.stdin.unwrap()
}

fn succeed(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}
