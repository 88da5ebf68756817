//! `keyward recovery`: the key held offline by several people, and what they do with it when every
//! member of a domain is lost.

use crate::domain::{approvals_in, now, proposed};
use crate::failure::Failure;
use crate::files::{Form, write};
use crate::output::{Output, fields, line};
use crate::select::{Login, Selection};
use clap::{Args, Subcommand};
use keyward_pkcs11::config::Config;
use keyward_pkcs11::crypto::random::ThreadGenerator;
use keyward_pkcs11::domain::package::AgreementKey;
use keyward_pkcs11::domain::recovery::{Share, encode_public, name, open, read_public};
use keyward_pkcs11::domain::token::build::{Proposal, propose, token_hash};
use keyward_pkcs11::error::Error;
use serde::Serialize;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// What to do for a recovery.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a recovery key, in shares for several people
    Keygen(Keygen),
    /// Show which recovery key a file is, or is a share of
    Show(Show),
    /// Make the next version of a domain of which every member is lost
    Open(Open),
}

/// Arguments of `keyward recovery keygen`.
#[derive(Args)]
#[command(
    after_help = "Writes recovery.key, which the domain is told (keyward domain request recovery.set:...), and a \
    file for each share. Do it on a machine without a network, give each share to its holder on a \
    medium of its own or on paper, and keep no copy.\n\n\
    Example:\n  keyward recovery keygen --shares 5 --threshold 3 --out-dir ceremony\n  \
    keyward domain request recovery.set:ceremony/recovery.key,delay=7d --out recovery.request"
)]
pub(crate) struct Keygen {
    /// How many shares there are
    #[arg(long, value_name = "N")]
    shares: u8,
    /// How many shares give the key
    #[arg(long, value_name = "K")]
    threshold: u8,
    /// A directory, which is made for the files
    #[arg(long, value_name = "DIR")]
    out_dir: PathBuf,
}

/// Arguments of `keyward recovery show`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward recovery show recovery.key")]
pub(crate) struct Show {
    /// A recovery key or a share
    file: PathBuf,
}

/// Arguments of `keyward recovery open`.
#[derive(Args)]
#[command(
    after_help = "A new module (keyward token init, keyward module card) is admitted by a recovery. The holders bring \
    enough shares and the newest domain token that was archived. The module makes the version that \
    announces the recovery, and after the delay the one that does it; then it joins. \
    docs/operations.md has every step.\n\n\
    Example:\n  keyward recovery open begin.request --archived last.token --share 1.share --share 4.share \\\n    \
    --out begin.token"
)]
pub(crate) struct Open {
    /// The approved request of recovery.begin or recovery.finish
    request: PathBuf,
    /// The newest domain token there is
    #[arg(long, value_name = "FILE")]
    archived: PathBuf,
    /// A share of the recovery key; once for each
    #[arg(long, value_name = "FILE", required = true)]
    share: Vec<PathBuf>,
    /// The file for the domain token
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// A recovery key or share, as printed.
#[derive(Serialize)]
struct Shown {
    recovery_key: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    share: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<u8>,
}

/// Runs a command.
pub(crate) fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Keygen(arguments) => keygen(arguments),
        Command::Show(arguments) => show(arguments, output),
        Command::Open(arguments) => make_token(arguments),
    }
}

fn keygen(arguments: &Keygen) -> Result<(), Failure> {
    let key = AgreementKey::generate()?;
    let (threshold, count) = (arguments.threshold, arguments.shares);
    let shares = Share::split(&key, threshold, count)?;
    let directory = &arguments.out_dir;
    let made = DirBuilder::new().mode(0o700).create(directory);
    made.map_err(|cause| Failure::file(directory, &cause))?;
    let id = name(key.public());
    let public = Form::RecoveryKey.text(&format!("recovery key {id}"), &encode_public(&key))?;
    write(&directory.join("recovery.key"), &public)?;
    for share in &shares {
        let number = share.number();
        let heading =
            format!("recovery share {number} of {count}, {threshold} are needed, of key {id}");
        let text = Zeroizing::new(Form::RecoveryShare.text(&heading, &share.encode())?);
        write(&directory.join(format!("{number}.share")), &text)?;
    }
    line(&format!(
        "Recovery key {id}: {count} shares are in {}, {threshold} of them give the key.",
        directory.display()
    ))
}

fn show(arguments: &Show, output: &Output) -> Result<(), Failure> {
    let shown = match read_share(&arguments.file) {
        Ok(share) => Shown {
            recovery_key: share.key.to_string(),
            share: Some(share.number()),
            threshold: Some(share.threshold),
        },
        Err(_) => Shown {
            recovery_key: name(&read_key(&arguments.file)?).to_string(),
            share: None,
            threshold: None,
        },
    };
    output.print(&shown, |shown| {
        let mut pairs = vec![("recovery key", shown.recovery_key.clone())];
        if let (Some(share), Some(threshold)) = (shown.share, shown.threshold) {
            pairs.push(("share", format!("{share}, {threshold} are needed")));
        }
        fields(&pairs)
    })
}

fn make_token(arguments: &Open) -> Result<(), Failure> {
    let approvals = approvals_in(std::slice::from_ref(&arguments.request))?;
    let shares = arguments.share.iter().map(|path| read_share(path));
    let key = Share::combine(&shares.collect::<Result<Vec<_>, _>>()?)?;
    let archived = Form::DomainToken.read(&arguments.archived)?.bytes;
    let (installed, ring) = open(&archived, &key, now()).map_err(Error::from)?;
    line(&format!(
        "The archived token {} is version {} of domain {}.",
        token_hash(&archived),
        installed.state.version,
        installed.state.domain
    ))?;
    let token = arguments.selection.open(&Config::load()?)?;
    let identity = arguments.login.open(&token)?.identity();
    let proposal = Proposal {
        installed: &installed,
        ring: &ring,
        approvals: &approvals,
        count: 1,
        running: Vec::new(),
        renewals: Vec::new(),
    };
    let made = propose(&proposal, &identity, now(), &mut ThreadGenerator).map_err(Error::from)?;
    write(&arguments.out, &made)?;
    proposed(installed.state.version.saturating_add(1), &made)
}

/// Reads the public half of a recovery key.
pub(crate) fn read_key(path: &Path) -> Result<Vec<u8>, Failure> {
    let contents = Form::RecoveryKey.read(path)?;
    Ok(read_public(&contents.bytes).map_err(Error::from)?)
}

/// Reads a share.
fn read_share(path: &Path) -> Result<Share, Failure> {
    let bytes = Zeroizing::new(Form::RecoveryShare.read(path)?.bytes);
    Ok(Share::parse(&bytes).map_err(Error::from)?)
}
