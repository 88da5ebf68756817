//! `keyward operator`: the keys of the people who govern a domain, and their approvals.

use crate::domain::{read, write};
use crate::failure::Failure;
use crate::output::{Output, fields, line};
use crate::pins::Passphrase;
use clap::{Args, Subcommand};
use keyward_pkcs11::domain::command::Approvals;
use keyward_pkcs11::domain::operator::{MIN_PASSPHRASE, OperatorKey, OperatorSigner};
use keyward_pkcs11::domain::state::governance::OperatorCard;
use keyward_pkcs11::error::Error;
use serde::Serialize;
use std::path::PathBuf;

/// What to do for an operator.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make an operator's key and public card
    Keygen(Keygen),
    /// Show whose card a file is
    Show(Show),
    /// Approve a request for a change of the domain
    Approve(Approve),
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
    passphrase: Passphrase,
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
    after_help = "Look at the request first: keyward domain explain FILE.\n\n\
    Example:\n  keyward operator approve add.request --key alice.key"
)]
pub(crate) struct Approve {
    /// The request; the approval is added to it
    request: PathBuf,
    /// The operator's sealed key
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    #[command(flatten)]
    passphrase: Passphrase,
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
        Command::Show(arguments) => show(&read_card(&arguments.card)?, output),
        Command::Approve(arguments) => approve(arguments),
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
    write(&arguments.card, &card.encode())?;
    show(&card, output)
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
    let mut approvals = Approvals::parse(&read(&arguments.request)?).map_err(Error::from)?;
    let opened = OperatorKey::from_file(&read(&arguments.key)?, &arguments.passphrase.current()?);
    if let Err(Error::PinIncorrect) = opened {
        return Err(Failure::Passphrase);
    }
    let key = opened?;
    key.approve(&mut approvals)?;
    crate::domain::replace(&arguments.request, &approvals.encode())?;
    line(&format!("Approved by operator {}.", key.operator_id()))
}

/// Reads an operator's card.
pub(crate) fn read_card(path: &std::path::Path) -> Result<OperatorCard, Failure> {
    Ok(OperatorCard::parse(&read(path)?).map_err(Error::from)?)
}
