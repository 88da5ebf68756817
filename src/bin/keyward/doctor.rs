//! `keyward doctor`: what may be wrong with settings, files and the machine, and what to do about it.

mod known;
mod machine;
mod module;

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
use std::path::PathBuf;

/// The memory for stretching PINs, in KiB, below which a stolen disk is too easy: what OWASP's password
/// storage advice of 2023 asks for at the least with two passes.
const LEAST_MEMORY_KIB: u32 = 19 * 1024;

/// Arguments of `keyward doctor`.
#[derive(Args)]
#[command(
    after_help = "Needs no PIN. To look at every object as well: keyward token verify.\n\n\
    Examples:\n  keyward doctor\n  keyward doctor --module /usr/lib/libkeyward_pkcs11.so"
)]
pub(crate) struct Arguments {
    /// The PKCS#11 module to try; without it, the one that is installed with this program
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Load the module in this process and say what it is: what the check does, in a process of its own
    #[arg(long, value_name = "FILE", hide = true)]
    load: Option<PathBuf>,
}

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
pub(crate) fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    if let Some(path) = &arguments.load {
        return module::load(path);
    }
    let config = Config::load()?;
    let mut checks = vec![settings()];
    checks.extend(home(&config));
    checks.push(machine::clock(&config.home));
    checks.push(stretching(&config));
    checks.push(policy(config.policy));
    checks.extend(machine::memory());
    checks.push(module::loads(arguments.module.as_deref()));
    checks.push(module::registered());
    checks.push(known::answers());
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

/// Where the settings come from, and whether others can change them.
fn settings() -> Check {
    let subject = "settings";
    let Some(path) = Config::file() else {
        return check(Verdict::Good, subject, "no file: the defaults hold");
    };
    let shown = path.display();
    match fs::metadata(&path) {
        Ok(found) if found.permissions().mode() & 0o022 != 0 => check(
            Verdict::Warning,
            subject,
            format!("others can change {shown}: chmod go-w {shown}"),
        ),
        _ => check(Verdict::Good, subject, format!("{shown}")),
    }
}

/// The data directory: whose it is, who else can look into it, and whether it can be written.
fn home(config: &Config) -> Vec<Check> {
    let (path, subject) = (&config.home, "data directory");
    let shown = path.display();
    let found = match fs::metadata(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => {
            let finding = format!("{shown} will be made with the first token");
            return vec![check(Verdict::Good, subject, finding)];
        }
        Err(cause) => return vec![check(Verdict::Bad, subject, format!("{shown}: {cause}"))],
        Ok(found) if !found.is_dir() => {
            let finding = format!("{shown} is not a directory");
            return vec![check(Verdict::Bad, subject, finding)];
        }
        Ok(found) => found,
    };
    let mut checks = Vec::new();
    if found.permissions().mode() & 0o022 != 0 {
        let finding = format!("others can write to {shown}: chmod go-w {shown}");
        checks.push(check(Verdict::Warning, subject, finding));
    }
    checks.extend(machine::open_to_others(&path.join("tokens")));
    checks.push(machine::written(config));
    checks
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

fn tokens(config: &Config) -> Result<Vec<Check>, Failure> {
    let mut checks = Vec::new();
    for serial in Token::list(config)?.tokens {
        let subject = format!("token {serial}");
        match Token::open(config, &serial) {
            Err(cause) => checks.push(check(Verdict::Bad, &subject, cause.to_string())),
            Ok(token) => {
                checks.push(pins(&token, &subject));
                checks.extend(flaws(&token, &subject));
                checks.extend(wrapping(&token, &subject));
                checks.extend(forked(&token, &subject));
            }
        }
    }
    Ok(checks)
}

/// What the database itself finds wrong.
fn flaws(token: &Token, subject: &str) -> Vec<Check> {
    let bad = |finding: String| {
        let what = format!("the database: {finding}: keyward token verify names the objects");
        check(Verdict::Bad, subject, what)
    };
    match token.flaws() {
        Ok(flaws) => flaws.into_iter().map(bad).collect(),
        Err(cause) => vec![bad(cause.to_string())],
    }
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
