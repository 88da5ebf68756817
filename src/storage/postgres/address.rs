//! Where the server is, who we are to it, and how we know that it is the right one.

use super::tls::{self, Mode};
use crate::error::{Error, Result};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres::Config;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

/// The port of a server that names none.
const PORT: u16 = 5432;
/// Whose password it is, where the settings file has none.
const PASSWORD: &str = "KEYWARD_REPOSITORY_PASSWORD";

/// A server and a database on it.
pub(super) struct Address {
    pub(super) config: Config,
    pub(super) tls: MakeRustlsConnect,
    /// How texts call it: host, port and database, no user and no password.
    pub(super) name: String,
}

/// What a URL says that is ours to understand.
#[derive(Default)]
struct Own {
    mode: Option<Mode>,
    roots: Option<PathBuf>,
    passwords: Option<PathBuf>,
}

impl Address {
    /// Reads `postgres://USER@HOST:PORT/DATABASE?…`. Nothing is connected.
    ///
    /// # Errors
    /// `Config`, naming what is wrong and never the password.
    pub(super) fn parse(url: &str, timeout: Duration) -> Result<Self> {
        let (rest, own) = split(url)?;
        let mut config: Config = rest.parse().map_err(|error: tokio_postgres::Error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            wrong(&cause.unwrap_or_else(|| "it cannot be read".to_owned()))
        })?;
        if config.get_hosts().is_empty() {
            return Err(wrong("it names no host"));
        }
        let places = places(&config);
        let database = config.get_dbname().or(config.get_user());
        let database = database.unwrap_or("its default database").to_owned();
        let name = format!("the repository {database} at {}", places.join(", "));
        let local = config.get_hosts().iter().all(is_local);
        let mode = own.mode.unwrap_or(if local && own.roots.is_none() {
            Mode::Prefer
        } else {
            Mode::VerifyFull
        });
        let tls = tls::connector(mode, own.roots.as_deref())?;
        let sockets = config
            .get_hosts()
            .iter()
            .all(|host| !matches!(host, Host::Tcp(_)));
        config.ssl_mode(match mode {
            _ if sockets => SslMode::Disable,
            Mode::Disable => SslMode::Disable,
            Mode::Prefer => SslMode::Prefer,
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => SslMode::Require,
        });
        if let Some(password) = password(&config, own.passwords)? {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name("keyward");
        }
        config
            .connect_timeout(timeout)
            .tcp_user_timeout(timeout.saturating_mul(2))
            .keepalives_idle(Duration::from_secs(30))
            .keepalives_interval(Duration::from_secs(10))
            .keepalives_retries(3);
        Ok(Address { config, tls, name })
    }
}

/// Takes what is ours out of a URL.
fn split(url: &str) -> Result<(String, Own)> {
    let mut own = Own::default();
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let mut kept = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match key {
            "sslmode" => {
                let mode = Mode::parse(value).ok_or_else(|| {
                    wrong("sslmode is disable, prefer, require, verify-ca or verify-full")
                })?;
                own.mode = Some(mode);
            }
            "sslrootcert" => own.roots = Some(PathBuf::from(decoded(key, value)?)),
            "passfile" => own.passwords = Some(PathBuf::from(decoded(key, value)?)),
            _ => kept.push(pair),
        }
    }
    if kept.is_empty() {
        return Ok((base.to_owned(), own));
    }
    Ok((format!("{base}?{}", kept.join("&")), own))
}

/// A value of a URL without its percent signs.
fn decoded(key: &str, value: &str) -> Result<String> {
    let bad = || wrong(&format!("the value of {key} is not a text of a URL"));
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next(), rest.next()].map(|digit| digit.unwrap_or(b'?'));
            let digits = std::str::from_utf8(&digits).map_err(|_| bad())?;
            bytes.push(u8::from_str_radix(digits, 16).map_err(|_| bad())?);
        } else {
            bytes.push(byte);
        }
    }
    let text = String::from_utf8(bytes).map_err(|_| bad())?;
    Some(text).filter(|text| !text.is_empty()).ok_or_else(bad)
}

/// `host:port` of each server.
fn places(config: &Config) -> Vec<String> {
    let ports = config.get_ports();
    let named = config.get_hosts().iter().enumerate().map(|(place, host)| {
        let port = ports.get(place).or(ports.first()).copied().unwrap_or(PORT);
        match host {
            Host::Tcp(host) => format!("{host}:{port}"),
            #[cfg(unix)]
            Host::Unix(path) => format!("{}:{port}", path.display()),
        }
    });
    named.collect()
}

/// Whether the way to the host stays on this machine.
fn is_local(host: &Host) -> bool {
    match host {
        Host::Tcp(host) => {
            let address = host.parse::<std::net::IpAddr>();
            host == "localhost" || address.is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    }
}

/// The password: of the environment, else of the URL, else of the file.
fn password(config: &Config, file: Option<PathBuf>) -> Result<Option<Vec<u8>>> {
    if let Some(password) = env::var_os(PASSWORD).filter(|password| !password.is_empty()) {
        return Ok(Some(password.into_encoded_bytes()));
    }
    let Some(file) = file.filter(|_| config.get_password().is_none()) else {
        return Ok(None);
    };
    let bad = |cause: &str| wrong(&format!("passfile {}: {cause}", file.display()));
    let text = fs::read_to_string(&file).map_err(|error| bad(&error.to_string()))?;
    if !is_private(&file) {
        return Err(bad("others may read it: chmod 600"));
    }
    let [host, port] = match places(config)
        .first()
        .and_then(|place| place.rsplit_once(':'))
    {
        Some((host, port)) => [host.to_owned(), port.to_owned()],
        None => [String::new(), String::new()],
    };
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or(user);
    let wanted = [host.as_str(), port.as_str(), database, user];
    let found = text.lines().find_map(|line| password_of(line, wanted));
    found
        .map(|password| Some(password.into_bytes()))
        .ok_or_else(|| bad("it has no line for this server, database and user"))
}

/// The password of a line `host:port:database:user:password`, as PostgreSQL's own clients read it, if
/// it is for `wanted`: `*` matches anything, a backslash takes the next character as it is.
fn password_of(line: &str, wanted: [&str; 4]) -> Option<String> {
    let mut fields = vec![String::new()];
    let mut whole = vec![true];
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        let last = fields.last_mut()?;
        match character {
            '\\' => {
                last.push(characters.next()?);
                *whole.last_mut()? = false;
            }
            ':' if whole.len() <= wanted.len() => {
                fields.push(String::new());
                whole.push(true);
            }
            other => last.push(other),
        }
    }
    let (password, names) = fields.split_last()?;
    let fits = names.len() == wanted.len()
        && !line.starts_with('#')
        && names
            .iter()
            .zip(&whole)
            .zip(wanted)
            .all(|((name, whole), wanted)| (*whole && name == "*") || name == wanted);
    fits.then(|| password.clone())
}

#[cfg(unix)]
fn is_private(file: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(file).is_ok_and(|found| found.permissions().mode() & 0o077 == 0)
}

#[cfg(not(unix))]
fn is_private(_file: &std::path::Path) -> bool {
    true
}

fn wrong(cause: &str) -> Error {
    Error::Config(format!("repository.url: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);

    fn parsed(url: &str) -> Address {
        Address::parse(url, TIMEOUT).unwrap()
    }

    fn refusal(url: &str) -> String {
        Address::parse(url, TIMEOUT).err().unwrap().to_string()
    }

    #[test]
    fn a_server_is_named_without_user_and_password() {
        let name = parsed("postgres://me:hidden@127.0.0.1:5433/keys").name;
        assert_eq!(name, "the repository keys at 127.0.0.1:5433");
        let two = parsed("postgres://me@localhost,localhost:1/keys").name;
        assert_eq!(two, "the repository keys at localhost:5432, localhost:1");
        let socket = parsed("postgres://me@%2Frun%2Fpg/keys").name;
        assert_eq!(socket, "the repository keys at /run/pg:5432");
    }

    #[test]
    fn another_machine_must_prove_itself_unless_told_otherwise() {
        assert!(refusal("postgres://me@example.org/keys").contains("sslrootcert"));
        let told = parsed("postgres://me@example.org/keys?sslmode=disable");
        assert_eq!(told.config.get_ssl_mode(), SslMode::Disable);
        let told = parsed("postgres://me@example.org/keys?sslmode=require&application_name=x");
        assert_eq!(told.config.get_ssl_mode(), SslMode::Require);
        assert_eq!(told.config.get_application_name(), Some("x"));
        assert_eq!(
            parsed("postgres://me@localhost/keys").config.get_ssl_mode(),
            SslMode::Prefer
        );
        assert_eq!(
            parsed("postgres:///keys?host=/run/pg")
                .config
                .get_ssl_mode(),
            SslMode::Disable
        );
        let missing = refusal("postgres://me@localhost/k?sslrootcert=%2Fnonexistent%2Fca.pem");
        assert!(missing.contains("/nonexistent/ca.pem"), "{missing}");
    }

    #[test]
    fn what_is_wrong_is_named_without_the_password() {
        for (url, cause) in [
            ("postgres://me:hidden@localhost/k?sslmode=always", "sslmode"),
            ("postgres://me:hidden@localhost/k?nonsense=1", "nonsense"),
            ("postgres://me:hidden@localhost:port/k", "port"),
            ("postgres:///k", "host"),
            ("postgres://me:hidden@localhost/k?passfile=%zz", "passfile"),
        ] {
            let refusal = refusal(url);
            assert!(refusal.contains(cause), "{url}: {refusal}");
            assert!(!refusal.contains("hidden"), "{url}: {refusal}");
        }
    }

    #[test]
    fn a_password_file_is_read_as_other_clients_read_it() {
        let wanted = ["host", "5432", "keys", "me"];
        let of = |line| password_of(line, wanted);
        assert_eq!(of("host:5432:keys:me:secret").as_deref(), Some("secret"));
        assert_eq!(of("*:*:*:*:se:cr\\\\et").as_deref(), Some("se:cr\\et"));
        assert_eq!(of("\\*:*:*:*:secret"), None);
        assert_eq!(of("host:5433:keys:me:secret"), None);
        assert_eq!(of("# host:5432:keys:me:secret"), None);
        assert_eq!(of("host:5432:keys"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn a_password_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "localhost:*:*:me:hidden\n").unwrap();
        let url = |user: &str| {
            format!(
                "postgres://{user}@localhost/k?passfile={}",
                file.path().display()
            )
        };
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(refusal(&url("me")).contains("chmod 600"));
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(
            parsed(&url("me")).config.get_password(),
            Some(&b"hidden"[..])
        );
        assert!(refusal(&url("other")).contains("no line"));
    }
}
