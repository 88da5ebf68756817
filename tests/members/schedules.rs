//! Random schedules of five members that propose, install, ingest, follow, are killed, restarted and held
//! up: at no time are there two states under one version, no version that was acknowledged is lost, no
//! member goes back, and a destroyed domain key never opens again.
//!
//! Real are the processes (one for each member, working on the library without the C interface), their
//! SIGKILL, SIGSTOP and SIGCONT at random moments of a call, the files, the locks and the database. The
//! operators sign in the test. A schedule is a seed: `KEYWARD_TEST_SCHEDULES` sets how many are run,
//! `KEYWARD_TEST_SEED` the first, `KEYWARD_TEST_STEPS` how long each is. What the members do while they
//! overlap is up to the system, so that a seed repeats the steps and not every interleaving.

use crate::members::{Domain, Member};
use crate::parts::{bytes, hex};
use crate::setting;
use crate::support::process::Other;
use keyward_pkcs11::domain::command::{Approvals, Change, Mandate};
use keyward_pkcs11::domain::ids::{Digest, DomainKeyId};
use keyward_pkcs11::domain::keyring::KeyState;
use keyward_pkcs11::domain::operator::OperatorSigner;
use keyward_pkcs11::domain::state::State;
use keyward_pkcs11::domain::token::Token as DomainToken;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Numbers that follow from a seed (xorshift64*).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let mixed = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D);
        (mixed >> 33) as usize % below
    }
}

/// One member's process.
enum Process {
    Dead,
    Up(Other),
    /// Stopped within a call, whose answer is still to come.
    Held(Other, String),
}

/// One schedule under way.
struct Schedule {
    domain: Domain,
    dice: Dice,
    processes: Vec<Process>,
    /// Tokens that were proposed, whatever became of them.
    proposed: Vec<Vec<u8>>,
    /// What was ever seen installed under each version.
    seen: BTreeMap<u64, String>,
    /// The version that every member had at the beginning, or is on its way to.
    base: u64,
    /// The hash of each version that a member has said it published or took.
    acknowledged: BTreeMap<u64, String>,
    /// The newest version that each member was seen to have.
    reached: Vec<u64>,
    /// Every version that was published, as it was.
    archive: BTreeMap<u64, Vec<u8>>,
    log: Vec<String>,
}

impl Schedule {
    fn begin(template: &Domain, seed: u64) -> Schedule {
        let domain = template.twin();
        let count = domain.members.len();
        let processes = domain
            .members
            .iter()
            .map(|own| Process::Up(own.start("core")));
        Schedule {
            processes: processes.collect(),
            domain,
            dice: Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            proposed: Vec::new(),
            seen: BTreeMap::new(),
            base: template.published().1.version,
            acknowledged: BTreeMap::new(),
            reached: vec![0; count],
            archive: BTreeMap::new(),
            log: Vec::new(),
        }
    }

    /// Runs it all.
    fn run(mut self, steps: usize) -> Outcome {
        for _ in 0..steps {
            if self.dice.roll(8) == 0 {
                self.calm();
            } else {
                let place = self.dice.roll(self.processes.len());
                self.step(place);
            }
            self.archive_newest();
        }
        self.finish()
    }

    fn step(&mut self, place: usize) {
        match std::mem::replace(&mut self.processes[place], Process::Dead) {
            Process::Dead => {
                let started = self.domain.members[place].start("core");
                self.log.push(format!("{place} starts"));
                self.processes[place] = Process::Up(started);
                self.look(place);
            }
            Process::Held(mut other, command) => {
                signal(&other, libc::SIGCONT);
                let answer = other.answer().expect("it goes on");
                self.log
                    .push(format!("{place} goes on: {}", short(&answer)));
                self.note(&command, &answer);
                self.processes[place] = Process::Up(other);
                self.look(place);
            }
            Process::Up(mut other) => {
                let command = self.command(&mut other);
                let told = short(&command);
                other.send(&command);
                match self.dice.roll(10) {
                    // Killed, or held up, somewhere in the middle.
                    fate @ 0..3 => {
                        std::thread::sleep(Duration::from_micros(self.dice.roll(12_000) as u64));
                        if fate == 0 {
                            signal(&other, libc::SIGSTOP);
                            self.log.push(format!("{place} is held up in {told}"));
                            self.processes[place] = Process::Held(other, command);
                        } else {
                            other.kill();
                            // What it said before it died it said.
                            while let Some(answer) = other.answer() {
                                self.note(&command, &answer);
                            }
                            self.log.push(format!("{place} is killed in {told}"));
                        }
                    }
                    _ => {
                        let answer = other.answer().expect("an answer");
                        self.log
                            .push(format!("{place}: {told}: {}", short(&answer)));
                        self.note(&command, &answer);
                        self.processes[place] = Process::Up(other);
                        self.look(place);
                    }
                }
            }
        }
    }

    /// What a member is told next.
    fn command(&mut self, other: &mut Other) -> String {
        let (_, published) = self.domain.published();
        let next = self.proposed.last().filter(|token| {
            let token = DomainToken::parse(token).expect("a domain token");
            token.public.state.version == published.version + 1
        });
        match (self.dice.roll(10), next) {
            (0..5, Some(next)) => format!("publish {}", hex(next)),
            (5 | 6, _) if !self.proposed.is_empty() => {
                let any = hex(&self.proposed[self.dice.roll(self.proposed.len())]);
                let how = ["publish", "ingest"][self.dice.roll(2)];
                format!("{how} {any}")
            }
            (7, _) => "follow".to_owned(),
            _ => {
                let approvals = self.approved(&other.ask("installed"));
                format!("propose {}", hex(&approvals.encode()))
            }
        }
    }

    /// A change of what a member has installed, approved by both operators.
    fn approved(&mut self, installed: &str) -> Approvals {
        let (_, hash) = installed.split_once(' ').expect("a version and its hash");
        let state = self.state_of(hash);
        let changes = vec![self.change(&state)];
        let parent = Digest::from_hex(hash).expect("a hash");
        let mandate = Mandate::new(state.domain, parent, state.created + 3600, changes).unwrap();
        let mut approvals = Approvals::new(mandate);
        for key in &self.domain.operators {
            key.approve(&mut approvals).unwrap();
        }
        approvals
    }

    /// The state of a version that a member has.
    fn state_of(&self, hash: &str) -> State {
        let known = self.proposed.iter().chain(self.archive.values());
        let parsed = known.map(|token| DomainToken::parse(token).expect("a domain token"));
        let mut found = parsed.filter(|token| token.hash.to_string() == hash);
        match found.next() {
            Some(token) => token.public.state,
            None => self.domain.published().1,
        }
    }

    fn change(&mut self, state: &State) -> Change {
        let key = |wanted: KeyState| state.keys.iter().find(|own| own.state == wanted);
        let id = |dice: &mut Dice| DomainKeyId([0; 16].map(|_: u8| dice.roll(256) as u8));
        if self.dice.roll(4) == 0 {
            return Change::LabelSet(format!("label {}", self.dice.roll(1000)));
        }
        match (key(KeyState::DecryptOnly), key(KeyState::Pending)) {
            (Some(old), _) => Change::KeyRemove {
                id: old.id,
                last: true,
            },
            (None, Some(pending)) => Change::KeyActivate(pending.id),
            (None, None) => Change::KeyAdd(id(&mut self.dice)),
        }
    }

    /// Keeps what an answer to a command brought: a proposed token, or an acknowledged version.
    fn note(&mut self, command: &str, answer: &str) {
        let proposed = answer.len() > 400 && !answer.starts_with("error");
        if proposed {
            self.proposed.push(bytes(answer));
        }
        if let Some(version) = answer.strip_prefix("Installed(") {
            let (_, token) = command.split_once(' ').expect("a token was taken");
            let token = DomainToken::parse(&bytes(token)).expect("a domain token");
            let version: u64 = version.trim_end_matches(')').parse().expect("a version");
            assert_eq!(token.public.state.version, version);
            let hash = token.hash.to_string();
            let before = self.acknowledged.insert(version, hash.clone());
            assert!(
                before.is_none_or(|before| before == hash),
                "two tokens were acknowledged as version {version}\n{}",
                self.log.join("\n")
            );
        }
        assert!(
            !answer.contains("Fork"),
            "{answer}\n{}",
            self.log.join("\n")
        );
    }

    /// What a member that answers has installed: the same as whoever had this version, and no older one
    /// than it had before.
    fn look(&mut self, place: usize) {
        let Process::Up(other) = &mut self.processes[place] else {
            return;
        };
        let installed = other.ask("installed");
        let (version, hash) = installed.split_once(' ').expect("a version and its hash");
        let version: u64 = version.parse().expect("a version");
        let known = self.seen.entry(version).or_insert_with(|| hash.to_owned());
        assert_eq!(
            known,
            hash,
            "two states under version {version}\n{}",
            self.log.join("\n")
        );
        let before = &mut self.reached[place];
        assert!(
            version >= *before,
            "{place} went back to {version} from {before}\n{}",
            self.log.join("\n")
        );
        *before = version;
    }

    fn archive_newest(&mut self) {
        let (token, state) = self.domain.published();
        let hash = DomainToken::parse(&token).unwrap().hash.to_string();
        let known = self
            .seen
            .entry(state.version)
            .or_insert_with(|| hash.clone());
        assert_eq!(
            *known,
            hash,
            "two states under version {}\n{}",
            state.version,
            self.log.join("\n")
        );
        let newest = self.archive.keys().next_back().copied().unwrap_or(0);
        assert!(
            state.version >= newest,
            "version {newest} was lost\n{}",
            self.log.join("\n")
        );
        self.archive.insert(state.version, token);
    }

    /// Everybody comes back, and takes and reports what there is.
    fn calm(&mut self) {
        for place in 0..self.processes.len() {
            while !matches!(self.processes[place], Process::Up(_)) {
                self.step(place);
            }
        }
        for _ in 0..2 {
            for place in 0..self.processes.len() {
                let Process::Up(other) = &mut self.processes[place] else {
                    unreachable!("all are up");
                };
                let answer = other.ask("follow");
                assert!(answer.starts_with('['), "{answer}\n{}", self.log.join("\n"));
                self.look(place);
            }
            self.archive_newest();
        }
    }

    /// Everybody comes back: all end with the newest version and the same history, and nobody opens a
    /// destroyed key.
    fn finish(mut self) -> Outcome {
        self.calm();
        let version = self.domain.published().1.version;
        assert!(
            self.reached.iter().all(|own| *own == version),
            "{:?}",
            self.reached
        );
        assert_eq!(
            self.seen.keys().next_back(),
            Some(&version),
            "an installed version is lost"
        );
        let destroyed = self.check_destroyed();
        for process in std::mem::take(&mut self.processes) {
            if let Process::Up(other) = process {
                other.end();
            }
        }
        self.check_histories(version);
        Outcome {
            versions: self.archive.len() - 1,
            acknowledged: self.acknowledged.len(),
            destroyed,
        }
    }

    /// Every version since the beginning is in the repository and in each member's own history, as the one
    /// that was acknowledged and seen under its number.
    fn check_histories(&self, newest: u64) {
        let own = self.domain.members.iter().map(Member::own_store);
        let repository = self.domain.place().join("repository/repository.db");
        let histories: Vec<_> = own.chain([repository]).map(|own| history(&own)).collect();
        let told = self.log.join("\n");
        for version in self.base..=newest {
            let hash = histories[0].get(&version);
            assert!(hash.is_some(), "version {version} is lost\n{told}");
            for other in &histories {
                assert_eq!(other.get(&version), hash, "as version {version}\n{told}");
            }
            for known in [&self.seen, &self.acknowledged] {
                let known = known.get(&version);
                assert!(
                    known.is_none() || known == hash,
                    "version {version}: {known:?}\n{told}"
                );
            }
        }
        let last = self.acknowledged.keys().next_back();
        assert!(
            last.is_none_or(|last| *last <= newest),
            "{last:?} of {newest}\n{told}"
        );
    }

    /// No member opens any token with a destroyed key, published or not. Answers how many keys those are.
    fn check_destroyed(&mut self) -> usize {
        let (_, state) = self.domain.published();
        for gone in &state.tombstones {
            let with_key = |token: &&Vec<u8>| {
                let token = DomainToken::parse(token).unwrap();
                token.public.state.key(gone.id).is_some()
            };
            let archived = self.archive.values().chain(&self.proposed).filter(with_key);
            let archived: Vec<String> = archived.map(|token| hex(token)).collect();
            for process in &mut self.processes {
                let Process::Up(other) = process else {
                    continue;
                };
                assert_eq!(other.ask(&format!("has-key {}", gone.id)), "false");
                for token in &archived {
                    let answer = other.ask(&format!("restore {token}"));
                    assert!(
                        answer.starts_with("error: "),
                        "{answer}\n{}",
                        self.log.join("\n")
                    );
                }
            }
        }
        state.tombstones.len()
    }
}

/// What came of a schedule.
struct Outcome {
    versions: usize,
    acknowledged: usize,
    destroyed: usize,
}

/// The hash of each version in a database of a member or of the repository.
fn history(database: &Path) -> BTreeMap<u64, String> {
    let connection = rusqlite::Connection::open(database).unwrap();
    let mut all = connection
        .prepare("SELECT version, hash FROM domain_tokens")
        .unwrap();
    let rows = all.query_map([], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
    });
    let rows = rows.unwrap().map(Result::unwrap);
    rows.map(|(version, hash)| (version.unsigned_abs(), hex(&hash)))
        .collect()
}

fn signal(other: &Other, signal: i32) {
    // SAFETY: the process was started here and has not been waited for.
    unsafe { libc::kill(other.id() as i32, signal) };
}

fn short(text: &str) -> String {
    text.chars().take(90).collect()
}

#[test]
fn no_schedule_forks_loses_or_brings_back() {
    members!(5, |template: &mut Domain| {
        let schedules = setting("KEYWARD_TEST_SCHEDULES", 12);
        let steps = setting("KEYWARD_TEST_STEPS", 40);
        let first = setting("KEYWARD_TEST_SEED", std::process::id() as usize * 1_000_000);
        println!("{schedules} schedules of {steps} steps from seed {first}");
        let next = AtomicUsize::new(0);
        let [versions, acknowledged, destroyed] = [0; 3].map(AtomicUsize::new);
        let template = &*template;
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= schedules {
                            return;
                        }
                        let seed = (first + number) as u64;
                        let schedule = Schedule::begin(template, seed);
                        let begun = std::panic::AssertUnwindSafe(|| schedule.run(steps));
                        match std::panic::catch_unwind(begun) {
                            Ok(came) => {
                                versions.fetch_add(came.versions, Ordering::SeqCst);
                                acknowledged.fetch_add(came.acknowledged, Ordering::SeqCst);
                                destroyed.fetch_add(came.destroyed, Ordering::SeqCst);
                            }
                            Err(panic) => {
                                println!("the seed was {seed}");
                                std::panic::resume_unwind(panic);
                            }
                        }
                    }
                });
            }
        });
        let [versions, acknowledged, destroyed] =
            [versions, acknowledged, destroyed].map(AtomicUsize::into_inner);
        println!(
            "{versions} versions, {acknowledged} acknowledged, {destroyed} domain keys destroyed"
        );
        assert!(
            versions >= schedules && acknowledged >= schedules,
            "too little happened to tell: {versions} versions, {acknowledged} acknowledged"
        );
    });
}
