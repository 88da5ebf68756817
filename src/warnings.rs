//! Warnings for whoever runs the machine: to standard error, syslog or a file, by a setting; nowhere, unless
//! set. A line says what is wrong with stores, settings and policies; no value of a key or PIN can be in it,
//! because error texts hold none.

use crate::config::Destination;
use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Where syslog listens.
const SYSLOG: &str = "/dev/log";
/// Security messages (10) of the level warning (4), as RFC 5424, section 6.2.1, numbers them.
const PRIORITY: u8 = 10 * 8 + 4;
/// For how long the same warning is not repeated: a call that fails is often tried again at once.
const PAUSE: Duration = Duration::from_secs(60);

static TO: ArcSwapOption<Destination> = ArcSwapOption::const_empty();

/// Sends the warnings of this process there from now on.
pub fn direct(to: &Destination) {
    TO.store(Some(Arc::new(to.clone())));
}

/// Says a warning. One that cannot be written is lost: nothing fails for it.
pub fn say(warning: &dyn Display) {
    // Before the settings are read, or when they cannot be, the environment still says where.
    let to = match TO.load_full() {
        Some(to) => to,
        None => match Destination::of_environment() {
            Some(to) => Arc::new(to),
            None => return,
        },
    };
    if *to == Destination::Nowhere {
        return;
    }
    let text = warning.to_string();
    let text: String = text
        .chars()
        .map(|one| if one.is_control() { ' ' } else { one })
        .collect();
    if !is_repeated(&text) {
        let _ = write(&to, &text);
    }
}

/// Whether the same was said just now.
fn is_repeated(text: &str) -> bool {
    static LAST: Mutex<Option<(String, Instant)>> = Mutex::new(None);
    // Not waited for: another thread may have held it when the process was forked.
    let Some(mut last) = LAST.try_lock() else {
        return false;
    };
    let repeated = last
        .as_ref()
        .is_some_and(|(own, when)| own == text && when.elapsed() < PAUSE);
    if !repeated {
        *last = Some((text.to_owned(), Instant::now()));
    }
    repeated
}

fn write(to: &Destination, text: &str) -> io::Result<()> {
    let process = std::process::id();
    match to {
        Destination::Nowhere => Ok(()),
        Destination::Stderr => writeln!(io::stderr(), "keyward[{process}]: {text}"),
        Destination::Syslog => syslog(Path::new(SYSLOG), text),
        Destination::File(path) => {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let seconds = now.unwrap_or_default().as_secs();
            // One write, at the end of whatever others wrote.
            let line = format!("{seconds} keyward[{process}]: {text}\n");
            let mut options = OpenOptions::new();
            options.append(true).create(true).mode(0o600);
            options.open(path)?.write_all(line.as_bytes())
        }
    }
}

/// A message as local syslog daemons take it; never waited for.
fn syslog(socket: &Path, text: &str) -> io::Result<()> {
    let sender = UnixDatagram::unbound()?;
    sender.set_nonblocking(true)?;
    let process = std::process::id();
    let message = format!("<{PRIORITY}>keyward[{process}]: {text}");
    sender.send_to(message.as_bytes(), socket).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gets_a_line_and_syslog_a_message() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        for text in ["one", "two"] {
            write(&Destination::File(path.clone()), text).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("]: one") && lines[0].contains(" keyward["));
        let socket = directory.path().join("socket");
        let daemon = UnixDatagram::bind(&socket).unwrap();
        syslog(&socket, "three").unwrap();
        let mut message = [0; 100];
        let length = daemon.recv(&mut message).unwrap();
        let message = String::from_utf8_lossy(&message[..length]).into_owned();
        assert!(message.starts_with("<84>keyward[") && message.ends_with("]: three"));
    }

    #[test]
    fn the_same_is_not_said_twice_in_a_row() {
        assert!(!is_repeated("first"));
        assert!(is_repeated("first"));
        assert!(!is_repeated("second"));
        assert!(!is_repeated("first"));
    }
}
