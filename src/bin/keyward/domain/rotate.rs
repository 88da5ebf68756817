//! `keyward domain rotate`: carries out an approved rotation from wherever it stands: the new domain key is
//! added and becomes active, everything is sealed under it, and the old key is removed for ever.

use super::install::wait_for_members;
use super::{approvals_in, received};
use crate::failure::Failure;
use crate::output::{Output, line};
use crate::select::{Login, Selection};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::command::{Approvals, Change};
use keyward_pkcs11::domain::ids::DomainKeyId;
use keyward_pkcs11::token::{Contributed, Counts, REQUEST_REFUSED, Token, Unlocked};
use serde::Serialize;
use std::num::NonZero;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How many keys are sealed anew in one transaction, where nothing else is said.
const BATCH: &str = "2000";

/// Arguments of `keyward domain rotate`.
#[derive(Args)]
#[command(
    after_help = "The request holds the whole rotation and is approved once:\n  \
    keyward domain request rotate --out r.request\n  \
    keyward operator approve r.request --key alice.key\n  \
    keyward domain rotate r.request\n\n\
    Killed or stopped at any point, the same command goes on where it was. Service goes on throughout."
)]
pub(crate) struct Rotate {
    /// The approved request, in one copy or several
    #[arg(required = true, value_name = "REQUEST")]
    requests: Vec<PathBuf>,
    /// How many keys are sealed anew in one transaction
    #[arg(long, default_value = BATCH, value_name = "N")]
    batch: NonZero<usize>,
    /// How long to wait for members that lag, in seconds, before the run stops and names them
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    patience: u64,
    /// Remove the old key though objects that cannot be opened, or key tokens that callers hold, may
    /// remain under it: they are lost
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// What a run did, as printed.
#[derive(Serialize, Default)]
struct Report {
    versions: Vec<u64>,
    found: u64,
    reencrypted: u64,
    marked: u64,
    failed: u64,
    shredded: usize,
    seconds: f64,
    rate: f64,
}

/// One run.
struct Run<'a> {
    arguments: &'a Rotate,
    token: Token,
    unlocked: std::sync::Arc<Unlocked>,
    approvals: Approvals,
    report: Report,
    quiet: bool,
}

/// Runs `keyward domain rotate`.
pub(crate) fn rotate(arguments: &Rotate, config: &Config, output: &Output) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    let kind = (&token, REQUEST_REFUSED);
    let approvals = received(kind, &arguments.requests, approvals_in(&arguments.requests))?;
    let unlocked = arguments.login.open(&token)?;
    let mut run = Run {
        arguments,
        token,
        unlocked,
        approvals,
        report: Report::default(),
        quiet: output.is_json(),
    };
    run.all()?;
    output.print(&run.report, |report| {
        format!(
            "found {} = re-encrypted {} + marked {} + failed {} ({:.0} keys a second); shredded {}",
            report.found,
            report.reencrypted,
            report.marked,
            report.failed,
            report.rate,
            report.shredded
        )
    })
}

impl Run<'_> {
    fn all(&mut self) -> Result<(), Failure> {
        while let Some((change, count)) = self.next()? {
            if change.needs_running() {
                self.everybody()?;
            }
            if let Change::KeyRemove { id, .. } = &change {
                self.empty(*id)?;
            }
            let version = self.make(count)?;
            self.say(&format!("Version {version}: {}", change.kind()))?;
            self.report.versions.push(version);
        }
        self.everybody()?;
        self.report.shredded = self.token.complete_shredding()?.len();
        self.token.forget_removed_counts()?;
        Ok(())
    }

    /// The next change of the request, and how many of the request's changes its version makes; none when
    /// it is all done. A removal is made together with the new recovery key before it: until then archived
    /// tokens bring the removed key back.
    fn next(&self) -> Result<Option<(Change, usize)>, Failure> {
        self.token.follow()?;
        let changes = &self.approvals.mandate().changes;
        let left = self.token.changes_left(&self.approvals)?;
        let next = changes.len().saturating_sub(left);
        Ok(match changes.get(next..).unwrap_or_default() {
            [
                Change::RecoverySet(_),
                removal @ Change::KeyRemove { .. },
                ..,
            ] => Some((removal.clone(), 2)),
            [first, ..] => Some((first.clone(), 1)),
            [] => None,
        })
    }

    /// Makes the next `count` changes a version, and installs it.
    fn make(&mut self, count: usize) -> Result<u64, Failure> {
        let contributed = Contributed {
            force: self.arguments.force,
            ..Contributed::default()
        };
        let made = self
            .token
            .propose(&mut self.approvals, Some(count), contributed)?;
        self.token.advance(&made.token)?;
        Ok(self.unlocked.domain().state.version)
    }

    /// Waits until every active member runs the installed version.
    fn everybody(&self) -> Result<(), Failure> {
        let patience = Duration::from_secs(self.arguments.patience);
        let lagging = wait_for_members(&self.token, patience)?;
        if lagging.is_empty() {
            return Ok(());
        }
        Err(Failure::Findings(format!(
            "these members do not run version {} yet: {}. Start them, or suspend them by quorum, and run this again",
            self.unlocked.domain().state.version,
            lagging.join(", ")
        )))
    }

    /// Takes everything that is under the old key to the active one.
    fn empty(&mut self, old: DomainKeyId) -> Result<(), Failure> {
        self.everybody()?;
        let all = self.token.sealed_under(old)?;
        let bar = self.bar(all);
        let start = Instant::now();
        let counts = self
            .token
            .reencrypt(old, self.arguments.batch, &mut |counts, failed| {
                bar.set_position(counts.found);
                for (id, cause) in failed {
                    bar.suspend(|| eprintln!("keyward: {id}: {cause}"));
                }
                Ok(())
            })?;
        bar.finish_and_clear();
        self.count(&counts, start.elapsed());
        Ok(())
    }

    fn count(&mut self, counts: &Counts, took: Duration) {
        self.report.found += counts.found;
        self.report.reencrypted += counts.reencrypted;
        self.report.marked += counts.marked;
        self.report.failed += counts.failed;
        self.report.seconds += took.as_secs_f64();
        if self.report.seconds > 0.0 {
            let found = u32::try_from(self.report.found).unwrap_or(u32::MAX);
            self.report.rate = f64::from(found) / self.report.seconds;
        }
    }

    fn bar(&self, all: u64) -> ProgressBar {
        if self.quiet {
            return ProgressBar::hidden();
        }
        let style = ProgressStyle::with_template(
            "{wide_bar} {human_pos} of {human_len}, {per_sec}, {eta} left",
        );
        let bar = ProgressBar::new(all);
        match style {
            Ok(style) => bar.with_style(style),
            Err(_) => bar,
        }
    }

    fn say(&self, text: &str) -> Result<(), Failure> {
        if self.quiet { Ok(()) } else { line(text) }
    }
}
