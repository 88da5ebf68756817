//! `keyward domain install`, `follow` and `status`: versions go into the repository, and come out of it.

use super::ingest::token_in;
use crate::failure::Failure;
use crate::output::{Output, Table, line, time};
use crate::select::{Login, Selection};
use clap::Args;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::token::{Ingested, MemberStanding, Token};
use serde::Serialize;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// The pause between two looks at what members report.
const LOOK: Duration = Duration::from_millis(200);

/// Arguments of `keyward domain install`.
#[derive(Args)]
#[command(
    after_help = "Puts a proposed version into the repository (repository.url in keyward.toml), which takes \
    one token of each number, and installs it here. Every other member takes it from there by itself. \
    An empty repository becomes that of the domain, and this token's objects move there.\n\n\
    Examples:\n  keyward domain install add.token\n  keyward domain install add.token --wait 30"
)]
pub(crate) struct Install {
    /// The domain token
    token_file: PathBuf,
    /// Wait so many seconds until every active member runs the version
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// Arguments of `keyward domain follow`.
#[derive(Args)]
#[command(
    after_help = "Programs that have the token open do this by themselves; this is for a member that runs \
    none, or that was away.\n\nExamples:\n  keyward domain follow\n  keyward domain follow --every 5"
)]
pub(crate) struct Follow {
    /// Go on, and look every so many seconds
    #[arg(long, value_name = "SECONDS")]
    every: Option<u64>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// Arguments of `keyward domain status`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward domain status --token mine")]
pub(crate) struct Status {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// Runs `keyward domain install`.
pub(crate) fn install(arguments: &Install, config: &Config) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    let bytes = token_in(&token, &arguments.token_file)?;
    arguments.login.open(&token)?;
    match token.publish(&bytes)? {
        Ingested::NoOp => line("This version is installed already.")?,
        Ingested::Installed(version) => {
            line(&format!("Version {version} is published and installed."))?;
        }
        Ingested::Dismissed(version) => line(&format!(
            "Version {version} is published. This token is no active member of it: the domain's keys are erased."
        ))?,
        Ingested::Fork => {
            return Err(Failure::Findings(
                "another token of the installed version exists".to_owned(),
            ));
        }
    }
    match arguments.wait {
        None => Ok(()),
        Some(seconds) => match wait_for_members(&token, Duration::from_secs(seconds))? {
            lagging if lagging.is_empty() => line("Every active member runs it."),
            lagging => Err(Failure::Findings(format!(
                "not every active member runs it yet: {}",
                lagging.join(", ")
            ))),
        },
    }
}

/// Runs `keyward domain follow`.
pub(crate) fn follow(arguments: &Follow, config: &Config) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    let unlocked = arguments.login.open(&token)?;
    loop {
        // Logging in has followed already; here it says what went wrong.
        token.follow()?;
        let version = unlocked.domain().state.version;
        line(&format!("Version {version} is installed."))?;
        let Some(seconds) = arguments.every else {
            return Ok(());
        };
        let running = version;
        while unlocked.domain().state.version == running {
            std::thread::sleep(Duration::from_secs(seconds.max(1)));
            if let Err(cause) = token.follow() {
                eprintln!("keyward: {cause}");
            }
        }
    }
}

/// One member, as printed.
#[derive(Serialize)]
struct MemberStatus {
    member: String,
    label: String,
    region: String,
    active: bool,
    runs: Option<u64>,
    since: Option<String>,
    current: bool,
    renewal: bool,
}

/// One domain key, as printed.
#[derive(Serialize)]
struct KeyStatus {
    key: String,
    state: String,
    sealed: u64,
}

/// What `keyward domain status` prints.
#[derive(Serialize)]
struct Printed {
    version: u64,
    members: Vec<MemberStatus>,
    keys: Vec<KeyStatus>,
}

/// Runs `keyward domain status`.
pub(crate) fn status(arguments: &Status, config: &Config, output: &Output) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    let unlocked = arguments.login.open(&token)?;
    let domain = unlocked.domain();
    // A token whose domain shares no repository knows of nobody but itself.
    let standings = match token.may_follow() {
        true => token.standings()?,
        false => Vec::new(),
    };
    let word = |standing: &MemberStanding| standing.running.as_ref().map(|word| word.version);
    let members = domain.state.members.iter().map(|member| {
        let standing = standings.iter().find(|own| own.member == member.id());
        let runs = standing.and_then(word);
        let at = standing.and_then(|own| own.running.as_ref().map(|word| word.at));
        MemberStatus {
            member: member.id().to_string(),
            label: member.card.label.clone(),
            region: member.card.region.clone(),
            active: member.active,
            runs,
            since: at.map(time),
            current: runs == Some(domain.state.version),
            renewal: standing
                .and_then(|own| own.renewal.as_ref())
                .is_some_and(|card| card.serial > member.card.serial),
        }
    });
    let keys = domain.state.keys.iter().map(|key| {
        Ok(KeyStatus {
            key: key.id.to_string(),
            state: key.state.to_string(),
            sealed: token.sealed_under(key.id)?,
        })
    });
    let printed = Printed {
        version: domain.state.version,
        members: members.collect(),
        keys: keys.collect::<Result<_, Failure>>()?,
    };
    output.print(&printed, text)
}

fn text(printed: &Printed) -> String {
    let mut members = Table::new(&["member", "label", "region", "takes part", "runs", "since"]);
    for member in &printed.members {
        members.row(vec![
            member.member.clone(),
            member.label.clone(),
            member.region.clone(),
            if member.active { "yes" } else { "suspended" }.to_owned(),
            member
                .runs
                .map_or("unknown".to_owned(), |runs| runs.to_string()),
            member.since.clone().unwrap_or_default(),
        ]);
    }
    let mut keys = Table::new(&["domain key", "state", "objects under it"]);
    for key in &printed.keys {
        keys.row(vec![
            key.key.clone(),
            key.state.clone(),
            key.sealed.to_string(),
        ]);
    }
    format!(
        "version {}\n\n{}\n\n{}",
        printed.version,
        members.text("no members"),
        keys.text("no domain keys")
    )
}

/// Waits until every active member runs the installed version. Answers those that do not, by name.
pub(crate) fn wait_for_members(token: &Token, most: Duration) -> Result<Vec<String>, Failure> {
    let start = Instant::now();
    loop {
        token.follow()?;
        let lagging = token.lagging_members()?;
        if lagging.is_empty() || start.elapsed() >= most {
            return Ok(lagging);
        }
        std::thread::sleep(LOOK);
    }
}
