//! `keyward module`: a token as a member of domains: its public card.

use crate::failure::Failure;
use crate::files::{Form, Plain, write};
use crate::output::{Output, fields, line};
use crate::select::{Login, Selection};
use clap::{Args, Subcommand};
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::state::member::Card;
use keyward_pkcs11::error::Error;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What to do with a module's card.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Print the public card by which the module asks to join a domain
    Card(Own),
    /// Make a card with a new agreement key, for a removal of a domain key
    Renew(Renew),
    /// Show whose card a file is
    Show(Show),
}

/// Arguments of `keyward module card`.
#[derive(Args)]
#[command(
    after_help = "Needs no PIN, but to give the module another label or region.\n\n\
    Examples:\n  keyward module card --out north.card\n  keyward module card --region north --out north.card"
)]
pub(crate) struct Own {
    /// The file for the card; standard output, if left out
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Where the module stands from now on: keys can be restricted to regions
    #[arg(long)]
    region: Option<String>,
    /// What people call the module from now on
    #[arg(long)]
    label: Option<String>,
    #[command(flatten)]
    plain: Plain,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// Arguments of `keyward module renew`.
#[derive(Args)]
#[command(
    after_help = "The card counts once a version names it: keyward domain propose --renewal, or member.renew. \
    Every call makes a new one: give each to one module that proposes.\n\n\
    Example:\n  keyward module renew --out north.renewal"
)]
pub(crate) struct Renew {
    /// The file for the card
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    plain: Plain,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// Arguments of `keyward module show`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward module show north.card")]
pub(crate) struct Show {
    /// The card
    card: PathBuf,
}

/// A card, as printed.
#[derive(Serialize)]
struct Shown {
    module: String,
    id: String,
    region: String,
    serial: u64,
}

/// Runs a command.
pub(crate) fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Card(arguments) => card(arguments),
        Command::Renew(arguments) => renew(arguments),
        Command::Show(arguments) => show(&arguments.card, output),
    }
}

fn card(arguments: &Own) -> Result<(), Failure> {
    let token = arguments.selection.open(&Config::load()?)?;
    let card = if arguments.region.is_some() || arguments.label.is_some() {
        arguments.login.open(&token)?;
        token.describe(arguments.label.as_deref(), arguments.region.as_deref())?
    } else {
        token.module_card()?
    };
    let contents = contents(&card, &arguments.plain)?;
    match &arguments.out {
        Some(path) => {
            write(path, &contents)?;
            line(&format!(
                "The card of module {} is in {}.",
                card.id(),
                path.display()
            ))
        }
        None => print(&contents),
    }
}

fn renew(arguments: &Renew) -> Result<(), Failure> {
    let token = arguments.selection.open(&Config::load()?)?;
    arguments.login.open(&token)?;
    let card = token.renew_identity()?;
    write(&arguments.out, &contents(&card, &arguments.plain)?)?;
    line(&format!(
        "Card {} of module {} is in {}.",
        card.serial,
        card.id(),
        arguments.out.display()
    ))
}

fn show(path: &Path, output: &Output) -> Result<(), Failure> {
    let contents = Form::ModuleCard.read(path)?;
    let card = Card::parse(&contents.bytes).map_err(Error::from)?;
    let shown = Shown {
        module: card.label.clone(),
        id: card.id().to_string(),
        region: card.region.clone(),
        serial: card.serial,
    };
    output.print(&shown, |shown| {
        fields(&[
            ("module", shown.module.clone()),
            ("id", shown.id.clone()),
            ("region", shown.region.clone()),
            ("card", shown.serial.to_string()),
        ])
    })
}

fn contents(card: &Card, plain: &Plain) -> Result<Vec<u8>, Failure> {
    let heading = format!(
        "module card {}: {} ({})",
        card.serial,
        card.id(),
        card.label
    );
    plain.contents(Form::ModuleCard, &heading, card.encode())
}

fn print(contents: &[u8]) -> Result<(), Failure> {
    use std::io::Write;
    Ok(std::io::stdout().write_all(contents)?)
}
