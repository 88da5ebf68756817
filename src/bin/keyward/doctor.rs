//! `keyward doctor`: what may be wrong with settings, files and the machine, and what to do about it.

use crate::failure::Failure;
use crate::output::{Output, Table};
use clap::Args;
use keyward_pkcs11::config::{Config, Policy};
use keyward_pkcs11::domain::state::policy::Wrapping;
use keyward_pkcs11::domain::token::Token as DomainToken;
use keyward_pkcs11::token::Token;
use serde::Serialize;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The memory for stretching PINs, in KiB, below which a stolen disk is too easy: what OWASP's password
/// storage advice of 2023 asks for at the least with two passes.
const LEAST_MEMORY_KIB: u32 = 19 * 1024;

/// Arguments of `keyward doctor`.
#[derive(Args)]
#[command(
    after_help = "Needs no PIN. To look at every object as well: keyward token verify.\n\n\
    Example:\n  keyward doctor"
)]
pub(crate) struct Arguments {}

/// How a check came out.
#[derive(Serialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Good,
    Warning,
    Bad,
}

/// One check.
#[derive(Serialize)]
struct Check {
    verdict: Verdict,
    subject: String,
    finding: String,
}

/// Looks at everything that can be looked at without a PIN.
pub(crate) fn run(_: &Arguments, output: &Output) -> Result<(), Failure> {
    let config = Config::load()?;
    let mut checks = vec![
        home(&config.home),
        stretching(&config),
        policy(config.policy),
    ];
    checks.extend(memory());
    checks.extend(tokens(&config)?);
    output.print(&checks, |checks| {
        let mut table = Table::new(&["", "about", "finding"]);
        for check in checks {
            let verdict = match check.verdict {
                Verdict::Good => "ok",
                Verdict::Warning => "warning",
                Verdict::Bad => "BAD",
            };
            let subject = check.subject.clone();
            table.row(vec![verdict.to_owned(), subject, check.finding.clone()]);
        }
        table.text("")
    })?;
    match checks
        .iter()
        .filter(|check| check.verdict == Verdict::Bad)
        .count()
    {
        0 => Ok(()),
        _ => Err(Failure::Findings(
            "something is wrong: see above".to_owned(),
        )),
    }
}

fn check(verdict: Verdict, subject: &str, finding: impl Into<String>) -> Check {
    Check {
        verdict,
        subject: subject.to_owned(),
        finding: finding.into(),
    }
}

fn home(path: &Path) -> Check {
    let subject = "data directory";
    let shown = path.display();
    match fs::metadata(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => check(
            Verdict::Good,
            subject,
            format!("{shown} will be made with the first token"),
        ),
        Err(cause) => check(Verdict::Bad, subject, format!("{shown}: {cause}")),
        Ok(found) if !found.is_dir() => {
            check(Verdict::Bad, subject, format!("{shown} is not a directory"))
        }
        Ok(found) if found.permissions().mode() & 0o022 != 0 => check(
            Verdict::Warning,
            subject,
            format!("others can write to {shown}: chmod go-w {shown}"),
        ),
        Ok(_) => check(Verdict::Good, subject, format!("{shown}")),
    }
}

fn stretching(config: &Config) -> Check {
    let pin = &config.pin;
    let cost = format!(
        "Argon2id, {} KiB, {} passes, {} lanes",
        pin.memory_kib, pin.passes, pin.lanes
    );
    if pin.memory_kib < LEAST_MEMORY_KIB {
        let finding = format!("{cost}: too little for short PINs on a disk that can be stolen");
        return check(Verdict::Warning, "new PINs", finding);
    }
    check(Verdict::Good, "new PINs", cost)
}

fn policy(policy: Policy) -> Check {
    match policy {
        Policy::Guarded => check(Verdict::Good, "policy", "guarded, for every token"),
        Policy::Domain => check(Verdict::Good, "policy", "as each token's domain says"),
    }
}

/// What the domain of a token says of keys that are sensitive but extractable.
fn wrapping(token: &Token, subject: &str) -> Option<Check> {
    let parsed = DomainToken::parse(&token.domain_token().ok()?).ok()?;
    match parsed.public.state.policy.wrapping {
        Wrapping::Guarded => None,
        Wrapping::Standard => Some(check(
            Verdict::Warning,
            subject,
            "policy standard: keys that are sensitive but extractable can be read by whoever may use the token",
        )),
    }
}

/// Whether two tokens of the installed version are known.
fn forked(token: &Token, subject: &str) -> Option<Check> {
    token.fork().ok()??;
    let finding =
        "the domain is forked, and takes no further version: keyward domain history, then settle";
    Some(check(Verdict::Bad, subject, finding))
}

/// Whether secrets can be kept from swap and dumps.
fn memory() -> Option<Check> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max locked memory"))?;
    let soft = line.split_whitespace().nth(3)?;
    Some(match soft.parse::<u64>() {
        Ok(bytes) if bytes < 1 << 20 => check(
            Verdict::Warning,
            "locked memory",
            format!("only {bytes} bytes can be kept from swap: raise the limit (ulimit -l)"),
        ),
        _ => check(Verdict::Good, "locked memory", format!("limit {soft}")),
    })
}

fn tokens(config: &Config) -> Result<Vec<Check>, Failure> {
    let mut checks = Vec::new();
    for serial in Token::list(config)?.tokens {
        let subject = format!("token {serial}");
        match Token::open(config, &serial) {
            Err(cause) => checks.push(check(Verdict::Bad, &subject, cause.to_string())),
            Ok(token) => {
                checks.push(pins(&token, &subject));
                checks.extend(wrapping(&token, &subject));
                checks.extend(forked(&token, &subject));
            }
        }
    }
    Ok(checks)
}

/// How the PINs of a token stand.
fn pins(token: &Token, subject: &str) -> Check {
    match token.header() {
        Err(cause) => check(Verdict::Bad, subject, cause.to_string()),
        Ok(header) if header.so.is_locked() => check(
            Verdict::Bad,
            subject,
            "the SO PIN is locked: there is no way back to it",
        ),
        Ok(header) if header.user.is_locked() => check(
            Verdict::Warning,
            subject,
            "the user PIN is locked: keyward token unlock sets a new one",
        ),
        Ok(header) if !header.user.set => check(
            Verdict::Warning,
            subject,
            "the user PIN is not set: keyward token unlock",
        ),
        Ok(header) => check(Verdict::Good, subject, header.label),
    }
}
