//! Domains of several members: each with a home, and where the tests run as root a user, of its own; one
//! repository; operators whose keys the test holds. Members act through `keyward`, and as processes of
//! the test that play a part.

use crate::postgres::Server;
use crate::support::process::{Other, part};
use crate::support::{Home, PIN, SO_PIN};
use keyward_pkcs11::domain::command::Approvals;
use keyward_pkcs11::domain::ids::DomainKeyId;
use keyward_pkcs11::domain::operator::{OperatorKey, OperatorSigner};
use keyward_pkcs11::domain::state::State;
use keyward_pkcs11::domain::token::Token as DomainToken;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// The first member's user; the next ones follow. Nobody needs to know them by a name.
const FIRST_USER: u32 = 61_001;
/// The group that all members share.
const GROUP: u32 = 61_000;
/// What the members are called.
const NAMES: [&str; 5] = ["north", "south", "east", "west", "centre"];

/// How long members may take to notice something, at most.
const PATIENCE: Duration = Duration::from_secs(20);

/// Runs a test with a domain of so many members: `members!(3, |domain| { .. })`. In a process that
/// a test started to play a part, plays it.
#[macro_export]
macro_rules! members {
    ($count:expr, $body:expr) => {
        $crate::members!($crate::members::Kind::Sqlite, $count, $body)
    };
    ($kind:expr, $count:expr, $body:expr) => {{
        fn here() {}
        $crate::members::run(std::any::type_name_of_val(&here), $kind, $count, $body)
    }};
}

/// See the macro `members!`.
pub(crate) fn run(inner: &'static str, kind: Kind, count: usize, body: impl FnOnce(&mut Domain)) {
    match part() {
        Some(part) => crate::parts::play(&part),
        None => body(&mut Domain::found(inner, kind, count)),
    }
}

/// What a repository is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Sqlite,
    Postgres,
    /// A server for one test, which may end it.
    OwnPostgres,
}

/// Where a repository is.
enum Store {
    File(PathBuf),
    /// The server of this test program, and the schema.
    Schema(&'static Server, String),
}

/// The server of this test program.
fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

/// A domain with its members, operators and repository. Its files are removed on drop.
pub(crate) struct Domain {
    place: Home,
    store: Store,
    pub(crate) members: Vec<Member>,
    pub(crate) operators: Vec<Arc<OperatorKey>>,
    requests: usize,
}

/// One member.
#[derive(Clone)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) home: PathBuf,
    inner: &'static str,
    /// Where the files that travel are.
    work: PathBuf,
    settings: PathBuf,
    user: Option<u32>,
}

/// How a command of a member ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ended {
    /// Its output; fails where the command did.
    pub(crate) fn well(self) -> String {
        assert_eq!(self.code, Some(0), "{}{}", self.out, self.err);
        self.out
    }

    /// Its one line of complaint; fails where it succeeded or wrote more than a line.
    pub(crate) fn refused(self) -> String {
        assert_ne!(self.code, Some(0), "not refused: {}", self.out);
        let lines: Vec<&str> = self.err.lines().collect();
        let [line] = lines.as_slice() else {
            panic!("not one line: {}\n{}", self.out, self.err);
        };
        assert!(line.starts_with("keyward: "), "{line}");
        (*line).to_owned()
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ended {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }
}

impl Member {
    /// A command in the member's environment, run by its user.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(&self.work)
            .env("KEYWARD_HOME", &self.home)
            .env("KEYWARD_CONFIG", &self.settings)
            .env("KEYWARD_PIN", PIN)
            .env("KEYWARD_SO_PIN", SO_PIN);
        if let Some(user) = self.user {
            command.uid(user).gid(GROUP);
        }
        command
    }

    /// The database of the store of its only token.
    pub(crate) fn own_store(&self) -> PathBuf {
        let tokens = fs::read_dir(self.home.join("tokens")).unwrap();
        let mut all: Vec<_> = tokens.map(|entry| entry.unwrap().path()).collect();
        assert_eq!(all.len(), 1, "{all:?}");
        all.remove(0).join("token.db")
    }

    /// Runs `keyward` as the member.
    pub(crate) fn keyward(&self, arguments: &[&str]) -> Ended {
        let done = self
            .command(env!("CARGO_BIN_EXE_keyward"))
            .args(arguments)
            .output()
            .expect("keyward runs");
        open_to_all(&self.work);
        done.into()
    }

    /// `keyward` with its program's output in JSON.
    pub(crate) fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let all = [arguments, &["--json"]].concat();
        let text = self.keyward(&all).well();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Starts a process of this member that plays a part.
    pub(crate) fn start(&self, part: &str) -> Other {
        let (other, said) = self.try_start(part);
        assert_eq!(said, "ready", "{}", self.name);
        other
    }

    /// As `start`, with what the process says first: that it is ready, or why it is not.
    pub(crate) fn try_start(&self, part: &str) -> (Other, String) {
        let program = std::env::current_exe().expect("the path of this test");
        let mut other = Other::playing(&mut self.command(program), self.inner, part);
        let said = other.answer().unwrap_or_default();
        (other, said)
    }
}

impl Domain {
    /// Founds a domain of two operators, both needed, and so many members that follow one repository.
    fn found(inner: &'static str, kind: Kind, count: usize) -> Domain {
        let place = Home::new();
        let directory = place.path().to_owned();
        let apart = users_apart();
        let make = |name: &str, user: Option<u32>, mode: u32| {
            let path = directory.join(name);
            fs::create_dir(&path).unwrap();
            if apart {
                chown(&path, user, Some(GROUP)).unwrap();
            }
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            path
        };
        make("repository", None, 0o2770);
        let work = make("work", None, 0o2777);
        let settings = directory.join("members.toml");
        let names = NAMES.iter().take(count).zip(FIRST_USER..);
        let members: Vec<Member> = names
            .map(|(name, user)| Member {
                name,
                home: make(name, apart.then_some(user), 0o700),
                inner,
                work: work.clone(),
                settings: settings.clone(),
                user: apart.then_some(user),
            })
            .collect();
        assert_eq!(members.len(), count, "so many members have names");
        let operators = (0..2)
            .map(|_| Arc::new(OperatorKey::generate().unwrap()))
            .collect();
        let store = match kind {
            Kind::Sqlite => Store::File(directory.join("repository/repository.db")),
            Kind::Postgres => Store::Schema(server(), server().schema()),
            Kind::OwnPostgres => {
                // It ends with the test program.
                let server: &'static Server = Box::leak(Box::new(Server::start()));
                Store::Schema(server, server.schema())
            }
        };
        let mut domain = Domain {
            place,
            store,
            members,
            operators,
            requests: 0,
        };
        domain.write_settings();
        domain.begin();
        domain
    }

    /// The same domain once more, with files of its own: what one does the other knows nothing of. Nobody is
    /// at work meanwhile. Of a repository in a file only.
    pub(crate) fn twin(&self) -> Domain {
        let place = Home::new();
        let to = |path: &Path| {
            place
                .path()
                .join(path.strip_prefix(self.place.path()).unwrap())
        };
        for name in ["repository", "work"] {
            copy(&self.place.path().join(name), &place.path().join(name));
        }
        let members = self.members.iter().map(|own| {
            copy(&own.home, &to(&own.home));
            Member {
                home: to(&own.home),
                work: to(&own.work),
                settings: to(&own.settings),
                ..own.clone()
            }
        });
        let twin = Domain {
            members: members.collect(),
            store: Store::File(place.path().join("repository/repository.db")),
            operators: self.operators.clone(),
            requests: self.requests,
            place,
        };
        twin.write_settings();
        twin
    }

    /// Writes the settings of every member.
    fn write_settings(&self) {
        let text = format!(
            "[pin]\nmemory_kib = 64\npasses = 1\nlanes = 1\n\
             [repository]\nurl = \"{}\"\npoll_ms = 50\ntimeout_ms = 3000\n",
            self.url()
        );
        fs::write(self.place.path().join("members.toml"), text).unwrap();
    }

    /// The number that a question to the repository gives; as in [`Domain::sql`].
    pub(crate) fn number(&self, sql: &str) -> i64 {
        match &self.store {
            Store::File(path) => {
                let connection = rusqlite::Connection::open(path).expect("the repository");
                let number = connection.query_row(&sql.replace("{}", ""), [], |row| row.get(0));
                number.unwrap_or_else(|error| panic!("{sql}: {error}"))
            }
            Store::Schema(server, schema) => {
                let answer = server.sql(&sql.replace("{}", &format!("{schema}.keyward_")));
                answer.trim().parse().expect("a number")
            }
        }
    }

    /// The server of the repository.
    pub(crate) fn server(&self) -> &'static Server {
        match &self.store {
            Store::File(path) => panic!("{} has no server", path.display()),
            Store::Schema(server, _) => server,
        }
    }

    /// What the members know the repository by.
    pub(crate) fn url(&self) -> String {
        match &self.store {
            Store::File(path) => format!("sqlite:{}", path.display()),
            Store::Schema(server, schema) => server.at(schema),
        }
    }

    /// Runs SQL on the repository, as its owner can. `{}` stands before the name of each table; tables of
    /// the owner's own begin with `mine.`.
    pub(crate) fn sql(&self, sql: &str) {
        match &self.store {
            Store::File(path) => {
                let sql = sql.replace("{}", "");
                let connection = rusqlite::Connection::open(path).expect("the repository");
                let mine = self.place.path().join("mine.db");
                connection.busy_timeout(PATIENCE).unwrap();
                connection
                    .execute("ATTACH ? AS mine", [mine.to_str().unwrap()])
                    .unwrap();
                connection
                    .execute_batch(&sql)
                    .unwrap_or_else(|error| panic!("{sql}: {error}"));
            }
            Store::Schema(server, schema) => {
                let sql = sql
                    .replace("{}", &format!("{schema}.keyward_"))
                    .replace("mine.", &format!("mine_{schema}."));
                server.sql(&format!("CREATE SCHEMA IF NOT EXISTS mine_{schema}"));
                server.sql(&sql);
            }
        }
    }

    /// SQL with the names of the tables in the server's schema; `{}` stands before each.
    pub(crate) fn in_tables(&self, sql: &str) -> String {
        match &self.store {
            Store::File(path) => panic!("{} has no server", path.display()),
            Store::Schema(_, schema) => sql.replace("{}", &format!("{schema}.keyward_")),
        }
    }

    /// Where everything is: the homes, the repository, the files that travel.
    pub(crate) fn place(&self) -> &Path {
        self.place.path()
    }

    /// Where the files that travel are.
    pub(crate) fn work(&self) -> PathBuf {
        self.place.path().join("work")
    }

    /// Makes the tokens, hands the first one's domain to the operators, and lets the others join.
    fn begin(&mut self) {
        for member in &self.members {
            let made = member.keyward(&["token", "init", "--label", member.name]);
            made.well();
        }
        let mut create = vec![
            "domain",
            "create",
            "--quorum",
            "2",
            "--out",
            "found.request",
        ];
        for (key, card) in self.operators.iter().zip(["alice.card", "bob.card"]) {
            let bytes = key.card(card.trim_end_matches(".card")).unwrap().encode();
            fs::write(self.work().join(card), bytes).unwrap();
            create.extend(["--operator", card]);
        }
        create.push("--binary");
        let first = self.members[0].clone();
        first.keyward(&create).well();
        self.approve("found.request");
        let propose = [
            "domain",
            "propose",
            "found.request",
            "--so",
            "--out",
            "found.token",
        ];
        first.keyward(&propose).well();
        first
            .keyward(&["domain", "install", "found.token", "--so"])
            .well();
        let shown = first.json(&["domain", "fingerprint"]);
        let fingerprint = shown["fingerprint"].as_str().unwrap().to_owned();
        for member in self.members.clone().iter().skip(1) {
            let card = format!("{}.card", member.name);
            member.keyward(&["module", "card", "--out", &card]).well();
            self.change(&first, &[&format!("member.add:{card}")]);
            let join = ["domain", "join", "--fingerprint", &fingerprint];
            member.keyward(&join).well();
        }
    }

    /// Both operators approve a request.
    pub(crate) fn approve(&self, request: &str) {
        let path = self.work().join(request);
        let mut approvals = Approvals::parse(&fs::read(&path).unwrap()).expect("a request");
        for key in &self.operators {
            key.approve(&mut approvals).unwrap();
        }
        fs::write(&path, approvals.encode()).unwrap();
    }

    /// A request for these changes, which both operators have approved.
    pub(crate) fn request(&mut self, by: &Member, changes: &[&str]) -> String {
        self.requests += 1;
        let name = format!("{}.request", self.requests);
        let words = [&["domain", "request", "--binary", "--out", &name], changes].concat();
        by.keyward(&words).well();
        self.approve(&name);
        name
    }

    /// Makes approved changes one version, which is published and installed at `by`.
    pub(crate) fn change(&mut self, by: &Member, changes: &[&str]) {
        let token = self.proposed(by, changes);
        by.keyward(&["domain", "install", &token]).well();
    }

    /// Proposes approved changes as one version, and answers the file.
    pub(crate) fn proposed(&mut self, by: &Member, changes: &[&str]) -> String {
        let request = self.request(by, changes);
        let token = request.replace(".request", ".token");
        by.keyward(&["domain", "propose", &request, "--out", &token])
            .well();
        token
    }

    /// The newest version that is published.
    pub(crate) fn published(&self) -> (Vec<u8>, State) {
        let newest = "ORDER BY version DESC LIMIT 1";
        let token: Vec<u8> = match &self.store {
            Store::File(path) => {
                let connection = rusqlite::Connection::open(path).expect("the repository");
                let sql = format!("SELECT token FROM domain_tokens {newest}");
                let token = connection.query_row(&sql, [], |row| row.get(0));
                token.expect("a published version")
            }
            Store::Schema(server, schema) => {
                let from = format!("{schema}.keyward_domain_tokens");
                let sql = format!("SELECT encode(token, 'hex') FROM {from} {newest}");
                crate::parts::bytes(server.sql(&sql).trim())
            }
        };
        let state = DomainToken::parse(&token)
            .expect("a domain token")
            .public
            .state;
        (token, state)
    }

    /// The name of a member in the domain.
    pub(crate) fn id(&self, member: &Member) -> String {
        let (_, state) = self.published();
        let own = state
            .members
            .iter()
            .find(|own| own.card.label == member.name);
        own.expect("a member").id().to_string()
    }

    /// The active domain key of the newest version.
    pub(crate) fn active_key(&self) -> DomainKeyId {
        let (_, state) = self.published();
        state.active_key().expect("an active key").id
    }
}

/// Waits until something is so, which other processes bring about in a moment.
pub(crate) fn until(what: &str, mut so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !so() {
        assert!(begun.elapsed() < PATIENCE, "not so after long: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Puts a copy of a directory in the place of another, with owners and modes.
pub(crate) fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    let done = Command::new("cp").arg("-a").args([from, to]).status();
    assert!(done.unwrap().success());
}

/// Every file below a directory.
pub(crate) fn files(directory: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => files(&entry.path(), all),
            false => all.push(entry.path()),
        }
    }
}

/// Lets every member read what one of them wrote for all: files that travel are for their owner only.
fn open_to_all(work: &Path) {
    for entry in fs::read_dir(work).unwrap().flatten() {
        let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o666));
    }
}

/// Whether the permissions of files keep members from anything: they keep nothing from root.
pub(crate) fn permissions_count() -> bool {
    // SAFETY: the call has no arguments and cannot fail.
    users_apart() || unsafe { libc::geteuid() } != 0
}

/// Whether each member runs under a user of its own: where the tests run as root, and other users can
/// run what was built.
fn users_apart() -> bool {
    static APART: OnceLock<bool> = OnceLock::new();
    *APART.get_or_init(|| {
        // SAFETY: the call has no arguments and cannot fail.
        let root = unsafe { libc::geteuid() } == 0;
        let runs = |program: &OsStr, argument| {
            let mut command = Command::new(program);
            command
                .arg(argument)
                .current_dir("/")
                .uid(FIRST_USER)
                .gid(GROUP);
            command.output().is_ok_and(|output| output.status.success())
        };
        let test = std::env::current_exe().expect("the path of this test");
        let apart = root
            && runs(OsStr::new(env!("CARGO_BIN_EXE_keyward")), "--version")
            && runs(test.as_os_str(), "--list");
        println!(
            "members run under {}",
            if apart {
                "users of their own"
            } else {
                "one user"
            }
        );
        apart
    })
}
