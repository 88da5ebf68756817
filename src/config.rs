//! Settings: `keyward.toml` (named by `KEYWARD_CONFIG`) and the data directory (`KEYWARD_HOME`).
//!
//! Every setting has a default, so no file is needed. A file with an unknown key, a wrong type or a
//! value out of range is refused as a whole: a misspelt setting must not silently mean its default.
#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use serde::Deserialize;
use std::env;
use std::fmt;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The name of the settings file in its directories.
const FILE_NAME: &str = "keyward.toml";
/// The most bytes of a settings file that are read.
const LONGEST: u64 = 1 << 20;
/// The settings file of the whole machine, read when the user has none.
const SYSTEM_FILE: &str = "/etc/keyward/keyward.toml";

/// Everything that can be set.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The directory that holds all tokens. `KEYWARD_HOME` outranks it; absolute once loaded.
    pub home: PathBuf,
    /// How PINs are stretched and counted.
    pub pin: Pin,
    /// Which rules hold for keys that are sensitive but extractable.
    pub policy: Policy,
    /// How the token databases are opened.
    pub store: Store,
    /// How the processes of one token keep up with each other.
    pub processes: Processes,
    /// The database that the members of a domain share.
    pub repository: Repository,
    /// How operators use the module from afar.
    pub operators: Operators,
    /// What is kept of opened objects.
    pub cache: Cache,
    /// Warnings for whoever runs the machine.
    pub log: Log,
    /// Which deprecated algorithms are offered still.
    pub deprecated: Deprecated,
}

/// Which deprecated algorithms are offered still. What is off is neither listed nor done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Deprecated {
    /// MD5: digests, HMAC, RSA signatures and keys derived by it.
    pub md5: bool,
    /// Making signatures over SHA-1. Old ones are checked all the same.
    pub sha1_signatures: bool,
    /// Decrypting, unwrapping and decapsulating by RSA with the padding of PKCS#1 v1.5.
    pub rsa_pkcs1_decryption: bool,
}

impl Default for Deprecated {
    /// What programs in use still ask for is on.
    fn default() -> Self {
        Deprecated {
            md5: false,
            sha1_signatures: true,
            rsa_pkcs1_decryption: true,
        }
    }
}

/// Warnings for whoever runs the machine.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// Where the module writes them. `KEYWARD_LOG` outranks it.
    pub to: Destination,
}

/// Where warnings go.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(try_from = "String")]
pub enum Destination {
    /// Nobody sees them: `none`.
    #[default]
    Nowhere,
    /// The process's standard error: `stderr`.
    Stderr,
    /// The machine's log: `syslog`.
    Syslog,
    /// The end of a file: its absolute path.
    File(PathBuf),
}

impl Destination {
    /// What `KEYWARD_LOG` says, if it says something that can be understood.
    #[must_use]
    pub fn of_environment() -> Option<Destination> {
        let text = env::var("KEYWARD_LOG").ok()?;
        Destination::try_from(text).ok()
    }
}

impl TryFrom<String> for Destination {
    type Error = String;

    fn try_from(text: String) -> std::result::Result<Self, String> {
        match text.as_str() {
            "none" | "" => Ok(Destination::Nowhere),
            "stderr" => Ok(Destination::Stderr),
            "syslog" => Ok(Destination::Syslog),
            path if path.starts_with('/') => Ok(Destination::File(PathBuf::from(path))),
            other => Err(format!(
                "log.to (KEYWARD_LOG) is {other}: it takes none, stderr, syslog or an absolute path"
            )),
        }
    }
}

/// What a process keeps of opened objects of a token. The domain's own settings can be tighter, and then
/// count; objects that are not kept are opened at each use.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Cache {
    /// For how long after its last use an object is kept, in seconds; 0 for not at all.
    pub lifetime_s: u32,
    /// How many objects are kept.
    pub entries: u32,
}

impl Default for Cache {
    fn default() -> Self {
        Cache {
            lifetime_s: 300,
            entries: 65_536,
        }
    }
}

/// How PINs are stretched (Argon2id, RFC 9106) and how many wrong ones are allowed. The cost is
/// recorded with each PIN when it is set: changing it here changes PINs set from then on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Pin {
    /// Memory that one try takes, in KiB: from 8 for each lane to 4,194,304 (4 GiB).
    pub memory_kib: u32,
    /// Passes over that memory, 1 to 1,000.
    pub passes: u32,
    /// Parallel lanes, 1 to 64.
    pub lanes: u32,
    /// Wrong user PINs in a row before the user PIN locks, 1 to 1,000.
    pub user_tries: u32,
    /// Wrong SO PINs in a row before the SO PIN locks, 1 to 1,000.
    pub so_tries: u32,
}

/// The rules for keys that are sensitive and extractable: what a token's domain says, or tighter.
/// Never-extractable keys have one rule that no setting changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    /// As the domain of each token says.
    #[default]
    Domain,
    /// Such keys are wrapped under trusted or protected keys only, and a key serves either data or
    /// wrapping, not both, whatever the domain says.
    Guarded,
}

/// How the token databases are opened.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Store {
    /// How long a write waits for another process's write, in milliseconds, 0 to 60,000.
    pub busy_timeout_ms: u32,
    /// Whether tokens are only read: each process works on a copy of its own, and every change is refused.
    /// For homes that cannot be written. `KEYWARD_READ_ONLY` outranks it.
    pub read_only: bool,
}

/// How the processes of one token keep up with each other.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Processes {
    /// Whether a thread in each process watches for removed domain keys, so that an idle process
    /// erases them too. A host that forbids threads to `C_Initialize` has none whatever is set.
    pub watcher: bool,
}

/// The database that the members of a domain share, if they share one.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Repository {
    /// Where it is: `sqlite:/PATH` or `postgres://…`; `storage::repository` says the whole form.
    /// `KEYWARD_REPOSITORY` outranks it; absent, each token keeps its objects itself.
    pub url: Option<String>,
    /// How long a process may take to notice what another machine changed, in milliseconds, 10 to
    /// 3,600,000.
    pub poll_ms: u32,
    /// How long a call waits for the database or for another member's write, in milliseconds, 100 to
    /// 600,000.
    pub timeout_ms: u32,
}

/// How operators use the module from afar.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Operators {
    /// The longest life of an operator session, in seconds, 1 to 86,400. Sessions that another member
    /// opened for longer end here after this time, too.
    pub session_seconds: u32,
}

impl Config {
    /// Reads the settings as programs do: the file that `KEYWARD_CONFIG` names, or the user's, or
    /// the machine's, or none; then `KEYWARD_HOME`, `KEYWARD_REPOSITORY` (empty: none), `KEYWARD_READ_ONLY` (1 or 0) and `KEYWARD_LOG`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the file and the setting, when `KEYWARD_CONFIG` names a file that
    /// cannot be read, or any file found is not valid.
    pub fn load() -> Result<Config> {
        let mut config = match env::var_os("KEYWARD_CONFIG") {
            Some(path) => Config::read(Path::new(&path))?,
            None => Config::read_first(&default_files())?,
        };
        if let Some(home) = env::var_os("KEYWARD_HOME") {
            config.home = PathBuf::from(home);
        }
        if let Some(url) = env::var_os("KEYWARD_REPOSITORY") {
            let url = url
                .into_string()
                .map_err(|_| Error::Config("KEYWARD_REPOSITORY is not text in UTF-8".to_owned()))?;
            config.repository.url = Some(url).filter(|url| !url.is_empty());
        }
        if let Some(value) = env::var_os("KEYWARD_LOG") {
            let text = value.to_string_lossy().into_owned();
            config.log.to = Destination::try_from(text).map_err(Error::Config)?;
        }
        if let Some(value) = env::var_os("KEYWARD_READ_ONLY") {
            config.store.read_only = match value.to_str() {
                Some("" | "0" | "false" | "no") => false,
                Some("1" | "true" | "yes") => true,
                _ => {
                    let text = "KEYWARD_READ_ONLY is neither 1 nor 0";
                    return Err(Error::Config(text.to_owned()));
                }
            };
        }
        config.home = std::path::absolute(&config.home)
            .map_err(|_| Error::Config("KEYWARD_HOME (home) is empty".to_owned()))?;
        Ok(config)
    }

    /// The settings file that [`Config::load`] reads, where there is one.
    #[must_use]
    pub fn file() -> Option<PathBuf> {
        match env::var_os("KEYWARD_CONFIG") {
            Some(path) => Some(PathBuf::from(path)),
            None => default_files().into_iter().find(|path| path.exists()),
        }
    }

    /// Reads the settings file at `path`.
    ///
    /// # Errors
    /// [`Error::Config`] naming the file and what is wrong with it.
    pub fn read(path: &Path) -> Result<Config> {
        let wrong =
            |cause: &dyn fmt::Display| Error::Config(format!("{}: {cause}", path.display()));
        let file = std::fs::File::open(path).map_err(|cause| wrong(&cause))?;
        let mut text = String::new();
        let end = file.take(LONGEST).read_to_string(&mut text);
        end.map_err(|cause| wrong(&cause))?;
        let parsed = Config::parse(&text);
        if let Err(Error::Config(cause)) = &parsed {
            return Err(Error::Config(format!("{}: {cause}", path.display())));
        }
        parsed
    }

    /// Takes settings from the text of a settings file.
    ///
    /// # Errors
    /// [`Error::Config`] naming the setting.
    pub fn parse(text: &str) -> Result<Config> {
        let config: Config =
            toml::from_str(text).map_err(|cause| Error::Config(one_line(&cause, text)))?;
        config.check()?;
        Ok(config)
    }

    /// Reads the first of `files` that exists; the defaults when none does.
    fn read_first(files: &[PathBuf]) -> Result<Config> {
        for file in files {
            match std::fs::metadata(file) {
                Ok(_) => return Config::read(file),
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
                // A file that may exist but cannot be looked at must not silently count as absent.
                Err(_) => return Config::read(file),
            }
        }
        Ok(Config::default())
    }

    fn check(&self) -> Result<()> {
        let pin = &self.pin;
        within("pin.lanes", pin.lanes, 1, 64)?;
        within(
            "pin.memory_kib",
            pin.memory_kib,
            pin.lanes.saturating_mul(8),
            4_194_304,
        )?;
        within("pin.passes", pin.passes, 1, 1_000)?;
        within("pin.user_tries", pin.user_tries, 1, 1_000)?;
        within("pin.so_tries", pin.so_tries, 1, 1_000)?;
        within(
            "store.busy_timeout_ms",
            self.store.busy_timeout_ms,
            0,
            60_000,
        )?;
        let repository = &self.repository;
        within("repository.poll_ms", repository.poll_ms, 10, 3_600_000)?;
        within("repository.timeout_ms", repository.timeout_ms, 100, 600_000)?;
        if repository.url.as_ref().is_some_and(String::is_empty) {
            return Err(Error::Config("repository.url is empty".to_owned()));
        }
        within(
            "operators.session_seconds",
            self.operators.session_seconds,
            1,
            86_400,
        )?;
        if self.home.as_os_str().is_empty() {
            return Err(Error::Config("home is empty".to_owned()));
        }
        Ok(())
    }
}

impl Default for Config {
    fn default() -> Self {
        Config {
            home: default_home(),
            pin: Pin::default(),
            policy: Policy::default(),
            store: Store::default(),
            processes: Processes::default(),
            repository: Repository::default(),
            operators: Operators::default(),
            cache: Cache::default(),
            log: Log::default(),
            deprecated: Deprecated::default(),
        }
    }
}

impl Default for Pin {
    /// The second recommended choice of RFC 9106 section 4, with one lane: 64 MiB, three passes.
    fn default() -> Self {
        Pin {
            memory_kib: 65_536,
            passes: 3,
            lanes: 1,
            user_tries: 10,
            so_tries: 10,
        }
    }
}

impl Store {
    /// How long a write waits for another process's write.
    #[must_use]
    pub fn busy_timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.busy_timeout_ms))
    }
}

impl Default for Store {
    fn default() -> Self {
        Store {
            busy_timeout_ms: 5_000,
            read_only: false,
        }
    }
}

impl Default for Processes {
    fn default() -> Self {
        Processes { watcher: true }
    }
}

impl Repository {
    /// How long a process may take to notice what another machine changed.
    #[must_use]
    pub fn poll(&self) -> Duration {
        Duration::from_millis(u64::from(self.poll_ms))
    }

    /// How long a call waits for the database or for another member's write.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        Duration::from_millis(u64::from(self.timeout_ms))
    }
}

impl Default for Repository {
    fn default() -> Self {
        Repository {
            url: None,
            poll_ms: 1_000,
            timeout_ms: 5_000,
        }
    }
}

impl Default for Operators {
    fn default() -> Self {
        Operators {
            session_seconds: 3_600,
        }
    }
}

impl fmt::Debug for Repository {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Repository")
            .field("url", &self.url.as_ref().map(|_| "…"))
            .field("poll_ms", &self.poll_ms)
            .field("timeout_ms", &self.timeout_ms)
            .finish()
    }
}

fn within(name: &str, value: u32, least: u32, most: u32) -> Result<()> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Error::Config(format!(
        "{name} is {value}; it must be {least} to {most}"
    )))
}

/// The parser's message with the number of the line, without its drawing of it.
fn one_line(cause: &toml::de::Error, text: &str) -> String {
    let message = cause.message().lines().collect::<Vec<_>>().join("; ");
    let before = cause.span().and_then(|span| text.get(..span.start));
    match before {
        Some(before) => format!("line {}: {message}", before.matches('\n').count() + 1),
        None => message,
    }
}

/// A directory of the user by the XDG Base Directory Specification: the variable when it holds an
/// absolute path, else the given place under the home directory.
fn user_directory(variable: &str, under_home: &str) -> Option<PathBuf> {
    let set = env::var_os(variable)
        .map(PathBuf::from)
        .filter(|path| path.is_absolute());
    set.or_else(|| env::home_dir().map(|home| home.join(under_home)))
}

fn default_files() -> Vec<PathBuf> {
    let own = user_directory("XDG_CONFIG_HOME", ".config");
    let own = own.map(|directory| directory.join("keyward").join(FILE_NAME));
    own.into_iter()
        .chain([PathBuf::from(SYSTEM_FILE)])
        .collect()
}

fn default_home() -> PathBuf {
    user_directory("XDG_DATA_HOME", ".local/share")
        .unwrap_or_else(|| PathBuf::from("/var/lib"))
        .join("keyward")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Config::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        let config = Config::parse("").unwrap();
        assert_eq!(config, Config::default());
        assert_eq!(
            (config.pin.memory_kib, config.pin.passes, config.pin.lanes),
            (65_536, 3, 1)
        );
        assert_eq!(config.policy, Policy::Domain);
    }

    #[test]
    fn every_setting_is_read() {
        let text = "home = '/srv/keyward'\npolicy = 'guarded'\n\
            [pin]\nmemory_kib = 32\npasses = 1\nlanes = 2\nuser_tries = 3\nso_tries = 4\n\
            [store]\nbusy_timeout_ms = 100\nread_only = true\n[processes]\nwatcher = false\n\
            [repository]\nurl = 'sqlite:/srv/r.db'\npoll_ms = 50\ntimeout_ms = 200\n\
            [operators]\nsession_seconds = 60\n[log]\nto = '/var/log/keyward'\n\
            [deprecated]\nmd5 = true\nsha1_signatures = false\nrsa_pkcs1_decryption = false\n";
        let expected = Config {
            home: PathBuf::from("/srv/keyward"),
            pin: Pin {
                memory_kib: 32,
                passes: 1,
                lanes: 2,
                user_tries: 3,
                so_tries: 4,
            },
            policy: Policy::Guarded,
            store: Store {
                busy_timeout_ms: 100,
                read_only: true,
            },
            processes: Processes { watcher: false },
            cache: Cache::default(),
            log: Log {
                to: Destination::File(PathBuf::from("/var/log/keyward")),
            },
            repository: Repository {
                url: Some("sqlite:/srv/r.db".to_owned()),
                poll_ms: 50,
                timeout_ms: 200,
            },
            operators: Operators {
                session_seconds: 60,
            },
            deprecated: Deprecated {
                md5: true,
                sha1_signatures: false,
                rsa_pkcs1_decryption: false,
            },
        };
        assert_eq!(Config::parse(text).unwrap(), expected);
    }

    #[test]
    fn an_unknown_setting_is_named() {
        assert!(refusal("polcy = 'standard'").contains("polcy"));
        assert!(refusal("[pin]\nmemory = 1").contains("memory"));
        assert!(refusal("[deprecated]\nmd4 = true").contains("md4"));
    }

    #[test]
    fn a_value_out_of_range_is_named() {
        assert!(refusal("[pin]\nmemory_kib = 7").contains("pin.memory_kib"));
        assert!(refusal("[pin]\nlanes = 2\nmemory_kib = 15").contains("pin.memory_kib"));
        assert!(refusal("[pin]\nuser_tries = 0").contains("pin.user_tries"));
        assert!(refusal("[store]\nbusy_timeout_ms = 60001").contains("busy_timeout_ms"));
        assert!(refusal("[operators]\nsession_seconds = 0").contains("operators.session_seconds"));
        assert!(refusal("policy = 'loose'").contains("loose"));
        assert!(refusal("[repository]\npoll_ms = 9").contains("repository.poll_ms"));
        assert!(refusal("[repository]\ntimeout_ms = 99").contains("repository.timeout_ms"));
        assert!(refusal("[repository]\nurl = ''").contains("repository.url"));
        assert!(refusal("home = ''").contains("home"));
        assert!(refusal("[log]\nto = 'somewhere'").contains("log.to"));
    }

    #[test]
    fn a_password_is_not_printed_with_the_settings() {
        let config = Config::parse("[repository]\nurl = 'postgres://me:hidden@host/db'").unwrap();
        assert!(!format!("{config:?}").contains("hidden"));
    }

    #[test]
    fn a_missing_file_is_named() {
        let cause = Config::read(Path::new("/nonexistent/keyward.toml")).unwrap_err();
        assert!(cause.to_string().contains("/nonexistent/keyward.toml"));
    }

    #[test]
    fn files_that_do_not_exist_are_passed_over() {
        let directory = tempfile::tempdir().unwrap();
        let second = directory.path().join("second.toml");
        std::fs::write(&second, "policy = 'guarded'").unwrap();
        let files = [directory.path().join("first.toml"), second];
        assert_eq!(Config::read_first(&files).unwrap().policy, Policy::Guarded);
    }
}
