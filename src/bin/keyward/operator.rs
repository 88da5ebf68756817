//! `keyward operator`: the keys of the people who govern a domain, and their approvals.

mod held;
mod key;
mod session;
mod uri;

use crate::domain::{approvals_in, heading};
use crate::failure::Failure;
use crate::files::{Form, Plain, replace, write};
use crate::output::{Output, fields, line};
use crate::pins::Passphrase;
use clap::{Args, Subcommand};
use key::KeyOption;
use keyward_pkcs11::domain::operator::{MIN_PASSPHRASE, OperatorKey};
use keyward_pkcs11::domain::state::governance::{OperatorCard, operator_id};
use keyward_pkcs11::error::Error;
use serde::Serialize;
use std::path::PathBuf;

/// What to do for an operator.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make an operator's key and public card
    Keygen(Keygen),
    /// Make the public card of a key that there is, in a file or in a PKCS#11 token
    Card(Card),
    /// Show whose card a file is
    Show(Show),
    /// Approve a request for a change of the domain
    Approve(Approve),
    /// Open a session with a member, and ask members for things in it
    #[command(subcommand)]
    Session(Box<session::Command>),
}

/// Arguments of `keyward operator keygen`.
#[derive(Args)]
#[command(
    after_help = "Writes the key, sealed under a passphrase, and beside it the public card that the \
    domain is told.\n\nExample:\n  keyward operator keygen --label alice --key alice.key --card alice.card"
)]
pub(crate) struct Keygen {
    /// What people call the operator
    #[arg(long)]
    label: String,
    /// The file for the sealed key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The file for the public card
    #[arg(long, value_name = "FILE")]
    card: PathBuf,
    #[command(flatten)]
    plain: Plain,
    #[command(flatten)]
    passphrase: Passphrase,
}

/// Arguments of `keyward operator card`.
#[derive(Args)]
#[command(
    after_help = "The key is an Ed25519 key pair; it stays where it is and signs there. Its PIN comes from pin-source \
    in the URI, or as passphrases come.\n\n\
    Examples:\n  keyward operator card --label alice --key alice.key --out alice.card\n  \
    keyward operator card --label alice --out alice.card \\\n    \
    --key 'pkcs11:token=alice;object=operator?module-path=/usr/lib/softhsm/libsofthsm2.so'"
)]
pub(crate) struct Card {
    /// What people call the operator
    #[arg(long)]
    label: String,
    #[command(flatten)]
    key: KeyOption,
    /// The file for the public card
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    plain: Plain,
}

/// Arguments of `keyward operator show`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward operator show alice.card")]
pub(crate) struct Show {
    /// The card
    card: PathBuf,
}

/// Arguments of `keyward operator approve`.
#[derive(Args)]
#[command(
    after_help = "Look at the request first: keyward domain explain FILE. Of several copies of a request the approvals \
    are put together in the first.\n\n\
    Examples:\n  keyward operator approve add.request --key alice.key\n  \
    keyward operator approve add.request --key \\\n    \
    'pkcs11:token=alice;object=operator?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin'"
)]
pub(crate) struct Approve {
    /// The request, in one copy or several; the approval is added to the first
    #[arg(required = true, value_name = "REQUEST")]
    requests: Vec<PathBuf>,
    #[command(flatten)]
    key: KeyOption,
}

/// An operator, as printed.
#[derive(Serialize)]
struct Shown {
    id: String,
    label: String,
}

/// Runs a command.
pub(crate) fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Keygen(arguments) => keygen(arguments, output),
        Command::Card(arguments) => card(arguments, output),
        Command::Show(arguments) => show(&read_card(&arguments.card)?, output),
        Command::Approve(arguments) => approve(arguments),
        Command::Session(command) => session::run(command, output),
    }
}

fn keygen(arguments: &Keygen, output: &Output) -> Result<(), Failure> {
    let passphrase = arguments.passphrase.fresh()?;
    if passphrase.len() < MIN_PASSPHRASE {
        let text = format!("the passphrase must have at least {MIN_PASSPHRASE} bytes");
        return Err(Failure::Usage(text));
    }
    let key = OperatorKey::generate()?;
    let card = key.card(&arguments.label)?;
    let sealed = key.to_file(&passphrase)?;
    write(&arguments.key, &sealed)?;
    write(&arguments.card, &contents(&card, &arguments.plain)?)?;
    show(&card, output)
}

fn card(arguments: &Card, output: &Output) -> Result<(), Failure> {
    let key = arguments.key.open()?;
    let card = OperatorCard::make(&arguments.label, &*key)?;
    write(&arguments.out, &contents(&card, &arguments.plain)?)?;
    show(&card, output)
}

fn contents(card: &OperatorCard, plain: &Plain) -> Result<Vec<u8>, Failure> {
    let heading = format!("operator card: {} ({})", card.id(), card.label);
    plain.contents(Form::OperatorCard, &heading, card.encode())
}

fn show(card: &OperatorCard, output: &Output) -> Result<(), Failure> {
    let shown = Shown {
        id: card.id().to_string(),
        label: card.label.clone(),
    };
    output.print(&shown, |shown| {
        fields(&[("operator", shown.label.clone()), ("id", shown.id.clone())])
    })
}

fn approve(arguments: &Approve) -> Result<(), Failure> {
    let mut approvals = approvals_in(&arguments.requests)?;
    let first = arguments.requests.first();
    let first = first.ok_or_else(|| Failure::Usage("name a request".to_owned()))?;
    let before = Form::Request.read(first)?;
    let key = arguments.key.open()?;
    let id = operator_id(&key.public_key());
    approvals.approve(id, &*key)?;
    let bytes = approvals.encode();
    replace(
        first,
        &Form::Request.like(&before, &heading(&approvals), bytes)?,
    )?;
    line(&format!("Approved by operator {id}."))
}

/// Reads an operator's card.
pub(crate) fn read_card(path: &std::path::Path) -> Result<OperatorCard, Failure> {
    let contents = Form::OperatorCard.read(path)?;
    Ok(OperatorCard::parse(&contents.bytes).map_err(Error::from)?)
}
