//! What the machine is like: permissions, memory that stays out of swap, the clock.

use super::{Check, Verdict, check};
use keyward_pkcs11::config::Config;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// 2026-01-01: no clock that is right says less.
const LEAST_TIME: u64 = 1_767_225_600;
/// By how much a clock may be behind the files' times before it is worth a word.
const BEHIND: Duration = Duration::from_secs(3_600);
/// What is locked at once: keys of a busy process.
const LEAST_LOCKED: u64 = 1 << 20;

/// Directories of tokens that others can look into.
pub(super) fn open_to_others(tokens: &Path) -> Vec<Check> {
    let entries = fs::read_dir(tokens).into_iter().flatten().flatten();
    let mut open: Vec<String> = entries
        .filter(|entry| {
            let found = entry.metadata().ok();
            found.is_some_and(|found| found.is_dir() && found.permissions().mode() & 0o077 != 0)
        })
        .map(|entry| entry.path().display().to_string())
        .collect();
    open.sort();
    let finding = |path: String| {
        let finding = format!("others can look into {path}: chmod 700 {path}");
        check(Verdict::Warning, "data directory", finding)
    };
    open.into_iter().map(finding).collect()
}

/// Whether the data directory can be written, and whether it has to be.
pub(super) fn written(config: &Config) -> Check {
    let subject = "data directory";
    let shown = config.home.display();
    if config.store.read_only {
        let finding =
            format!("{shown}, only read: every process works on a copy, changes are refused");
        return check(Verdict::Good, subject, finding);
    }
    let probe = config.home.join(format!(".doctor-{}", std::process::id()));
    match fs::create_dir(&probe).and_then(|()| fs::remove_dir(&probe)) {
        Ok(()) => check(Verdict::Good, subject, format!("{shown}")),
        Err(cause)
            if matches!(
                cause.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded
            ) =>
        {
            check(
                Verdict::Bad,
                subject,
                format!("{shown}: the disk is full: make room"),
            )
        }
        Err(cause) => check(
            Verdict::Bad,
            subject,
            format!(
                "{shown} cannot be written ({cause}): give it to this user, or set store.read_only = true"
            ),
        ),
    }
}

/// Whether the clock can be right: dates of keys, sessions of operators and time limits go by it.
pub(super) fn clock(home: &Path) -> Check {
    let subject = "clock";
    let now = SystemTime::now();
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if since < LEAST_TIME {
        let finding = "it is years behind: set it, and let a time service keep it";
        return check(Verdict::Bad, subject, finding);
    }
    let entries = fs::read_dir(home.join("anchors"))
        .into_iter()
        .flatten()
        .flatten();
    let times = entries.filter_map(|entry| entry.metadata().ok()?.modified().ok());
    match times
        .max()
        .and_then(|newest| newest.duration_since(now).ok())
    {
        Some(ahead) if ahead > BEHIND => check(
            Verdict::Warning,
            subject,
            format!(
                "it is {} minutes behind the newest change of a token: set it",
                ahead.as_secs() / 60
            ),
        ),
        _ => check(Verdict::Good, subject, crate::output::time(since)),
    }
}

/// Whether secrets can be kept from swap and dumps.
pub(super) fn memory() -> Option<Check> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max locked memory"))?;
    let soft = line.split_whitespace().nth(3)?;
    Some(match soft.parse::<u64>() {
        Ok(bytes) if bytes < LEAST_LOCKED => check(
            Verdict::Warning,
            "locked memory",
            format!(
                "only {bytes} bytes can be kept from swap: raise the limit (ulimit -l, LimitMEMLOCK=64M in a unit)"
            ),
        ),
        _ => check(Verdict::Good, "locked memory", format!("limit {soft}")),
    })
}
