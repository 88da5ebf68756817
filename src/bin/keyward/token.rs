//! `keyward token`: making, showing, checking and removing tokens.

mod policy;
mod softhsm;

use crate::failure::Failure;
use crate::output::{Output, Table, fields, line};
use crate::pins::{SoPin, UserPin};
use crate::select::{Login, Selection};
use clap::{Args, Subcommand};
use keyward_pkcs11::config::Config;
use keyward_pkcs11::token::{Header, PinState, Role, Serial, Token};
use serde::Serialize;
use std::io::{self, Write};

/// What to do with tokens.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a token: a security module with its own identity and domain
    Init(Init),
    /// Make a token of one of SoftHSM2, with everything in it
    ImportSofthsm(softhsm::Import),
    /// List the tokens
    List,
    /// Show one token
    Show(Show),
    /// Check every object, and the whole database against its anchor
    Verify(Verify),
    /// Give up what is damaged and go on with the rest
    Accept(Accept),
    /// Set a new user PIN, which also unlocks it
    Unlock(Unlock),
    /// Say how keys that are sensitive but may leave are guarded, in a domain without operators
    Policy(policy::Arguments),
    /// Remove a token and all its keys, for ever
    Delete(Delete),
}

/// Arguments of `keyward token init`.
#[derive(Args)]
#[command(after_help = "Examples:\n  keyward token init --label mine\n  \
    keyward token init --label mine --so-pin-file so.pin --pin-file user.pin\n  \
    keyward token init --label mine --again 0123456789abcdef")]
pub(crate) struct Init {
    /// What people call the token, at most 32 bytes
    #[arg(long)]
    label: String,
    /// Initialise this token anew: all its keys are destroyed, and its SO PIN is asked for
    #[arg(long, value_name = "SERIAL")]
    again: Option<String>,
    /// Leave the user PIN unset
    #[arg(long, conflicts_with = "pin_file")]
    no_user_pin: bool,
    #[command(flatten)]
    so_pin: SoPin,
    #[command(flatten)]
    user_pin: UserPin,
}

/// Arguments of `keyward token show`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward token show --token mine")]
pub(crate) struct Show {
    #[command(flatten)]
    selection: Selection,
}

/// Arguments of `keyward token verify`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward token verify --token mine --pin-file user.pin")]
pub(crate) struct Verify {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    login: Login,
}

/// Arguments of `keyward token accept`.
#[derive(Args)]
#[command(
    after_help = "Run keyward token verify first: it names what will be given up.\n\n\
    Example:\n  keyward token accept --token mine --yes"
)]
pub(crate) struct Accept {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    so_pin: SoPin,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Arguments of `keyward token unlock`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward token unlock --token mine")]
pub(crate) struct Unlock {
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    so_pin: SoPin,
    #[command(flatten)]
    user_pin: UserPin,
}

/// Arguments of `keyward token delete`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward token delete --token mine --yes")]
pub(crate) struct Delete {
    #[command(flatten)]
    selection: Selection,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// A token, as printed.
#[derive(Serialize)]
struct Shown {
    serial: String,
    label: String,
    slot: u64,
    user_pin: &'static str,
    so_pin: &'static str,
}

/// A token with its domain, as printed.
#[derive(Serialize)]
struct Detailed {
    #[serde(flatten)]
    token: Shown,
    domain: String,
    domain_version: u64,
    members: usize,
    operators: usize,
    domain_keys: usize,
    processes: usize,
}

/// Runs a command.
pub(crate) fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    let config = Config::load()?;
    match command {
        Command::Init(arguments) => init(arguments, &config, output),
        Command::ImportSofthsm(arguments) => arguments.run(&config, output),
        Command::List => list(&config, output),
        Command::Show(arguments) => show(arguments, &config, output),
        Command::Verify(arguments) => verify(arguments, &config, output),
        Command::Accept(arguments) => accept(arguments, &config, output),
        Command::Unlock(arguments) => unlock(arguments, &config),
        Command::Policy(arguments) => policy::run(arguments, &config),
        Command::Delete(arguments) => delete(arguments, &config),
    }
}

fn init(arguments: &Init, config: &Config, output: &Output) -> Result<(), Failure> {
    if arguments.label.trim().is_empty() {
        return Err(Failure::Usage(
            "--label is empty: a token is named by it".to_owned(),
        ));
    }
    let (token, so_pin) = match &arguments.again {
        Some(serial) => {
            let token = Token::open(config, &known(serial, config)?)?;
            let so_pin = arguments.so_pin.current()?;
            token.reinitialise(so_pin.expose(), &arguments.label)?;
            (token, so_pin)
        }
        None => {
            let so_pin = arguments.so_pin.fresh()?;
            let free = Token::list(config)?.free;
            let token = Token::create(config, free, &arguments.label, so_pin.expose())?;
            (token, so_pin)
        }
    };
    if !arguments.no_user_pin {
        token.login(Role::SecurityOfficer, so_pin.expose())?;
        token.init_pin(arguments.user_pin.fresh()?.expose())?;
    }
    output.print(&Shown::of(&token.header()?), |shown| {
        format!(
            "Token {} is ready: serial {}, slot {}.",
            shown.label, shown.serial, shown.slot
        )
    })
}

/// The serial of an existing token.
fn known(serial: &str, config: &Config) -> Result<Serial, Failure> {
    let all = Token::list(config)?.tokens;
    Serial::parse(serial)
        .filter(|serial| all.contains(serial))
        .ok_or_else(|| {
            Failure::NotFound("there is no token with this serial: keyward token list".to_owned())
        })
}

fn list(config: &Config, output: &Output) -> Result<(), Failure> {
    let (mut shown, mut failed) = (Vec::new(), 0);
    for serial in Token::list(config)?.tokens {
        match Token::open(config, &serial).and_then(|token| token.header()) {
            Ok(header) => shown.push(Shown::of(&header)),
            // One damaged token must not hide the others.
            Err(cause) => {
                eprintln!("keyward: token {serial}: {cause}");
                failed += 1;
            }
        }
    }
    output.print(&shown, |shown| {
        let mut table = Table::new(&["label", "serial", "slot", "user PIN", "SO PIN"]);
        for token in shown {
            let slot = token.slot.to_string();
            let (user, so) = (token.user_pin.to_owned(), token.so_pin.to_owned());
            table.row(vec![
                token.label.clone(),
                token.serial.clone(),
                slot,
                user,
                so,
            ]);
        }
        match failed {
            0 => table.text("no tokens: make one with keyward token init"),
            _ => table.text("no token that can be opened"),
        }
    })?;
    match failed {
        0 => Ok(()),
        _ => Err(Failure::Refused(format!(
            "tokens that cannot be opened: {failed}"
        ))),
    }
}

fn show(arguments: &Show, config: &Config, output: &Output) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    let (state, _) = token.domain_state()?;
    let detailed = Detailed {
        token: Shown::of(&token.header()?),
        domain: state.domain.to_string(),
        domain_version: state.version,
        members: state.members.len(),
        operators: state.governance.operators.len(),
        domain_keys: state.keys.len(),
        processes: token
            .processes()
            .iter()
            .filter(|process| !process.own)
            .count(),
    };
    output.print(&detailed, |detailed| {
        fields(&[
            ("label", detailed.token.label.clone()),
            ("serial", detailed.token.serial.clone()),
            ("slot", detailed.token.slot.to_string()),
            ("user PIN", detailed.token.user_pin.to_owned()),
            ("SO PIN", detailed.token.so_pin.to_owned()),
            ("domain", detailed.domain.clone()),
            ("domain version", detailed.domain_version.to_string()),
            ("members", detailed.members.to_string()),
            ("operators", detailed.operators.to_string()),
            ("domain keys", detailed.domain_keys.to_string()),
            ("open in", format!("{} other processes", detailed.processes)),
        ])
    })
}

/// Checks a token; what is wrong is printed, a line for each finding.
pub(crate) fn verify(arguments: &Verify, config: &Config, output: &Output) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    arguments.login.open(&token)?;
    let findings: Vec<String> = token.verify()?.iter().map(ToString::to_string).collect();
    output.print(&findings, |findings| match findings.as_slice() {
        [] => "Everything is as this module left it.".to_owned(),
        several => several.join("\n"),
    })?;
    match findings.len() {
        0 => Ok(()),
        1 => Err(Failure::Findings("one thing is wrong".to_owned())),
        several => Err(Failure::Findings(format!("{several} things are wrong"))),
    }
}

fn accept(arguments: &Accept, config: &Config, output: &Output) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    confirm(
        arguments.yes,
        &token.header()?.label,
        "Give up what is damaged in",
    )?;
    token.login(Role::SecurityOfficer, arguments.so_pin.current()?.expose())?;
    let given_up: Vec<String> = token.accept()?.iter().map(ToString::to_string).collect();
    output.print(&given_up, |given_up| match given_up.as_slice() {
        [] => "Nothing had to be given up.".to_owned(),
        several => format!("Given up:\n{}", several.join("\n")),
    })
}

fn unlock(arguments: &Unlock, config: &Config) -> Result<(), Failure> {
    let token = arguments.selection.open(config)?;
    token.login(Role::SecurityOfficer, arguments.so_pin.current()?.expose())?;
    token.init_pin(arguments.user_pin.fresh()?.expose())?;
    line("The user PIN is set.")
}

fn delete(arguments: &Delete, config: &Config) -> Result<(), Failure> {
    let serial = arguments.selection.serial(config)?;
    // A token that is too damaged to be opened can still be removed.
    let header = Token::open(config, &serial).and_then(|token| token.header());
    let label = header.map_or_else(|_| serial.to_string(), |header| header.label);
    confirm(arguments.yes, &label, "Destroy all keys of")?;
    Token::delete(config, &serial)?;
    line(&format!("Token {label} is gone."))
}

/// Has the label typed, unless `--yes` was given.
fn confirm(yes: bool, label: &str, what: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    eprint!("{what} token {label}? Type its label: ");
    io::stderr().flush()?;
    let mut typed = String::new();
    io::stdin().read_line(&mut typed)?;
    if typed.trim_end_matches(['\n', '\r']) == label && !typed.is_empty() {
        return Ok(());
    }
    if typed.is_empty() {
        eprintln!();
    }
    Err(Failure::Usage(
        "not confirmed: nothing was changed (--yes confirms without asking)".to_owned(),
    ))
}

impl Shown {
    fn of(header: &Header) -> Self {
        Shown {
            serial: header.serial.to_string(),
            label: header.label.clone(),
            slot: header.serial.slot_id(),
            user_pin: standing(&header.user),
            so_pin: standing(&header.so),
        }
    }
}

/// How a PIN stands, in a word.
fn standing(pin: &PinState) -> &'static str {
    match pin {
        pin if !pin.set => "not set",
        pin if pin.is_locked() => "locked",
        pin if pin.is_final_try() => "last try",
        pin if pin.is_count_low() => "wrong tries",
        _ => "set",
    }
}
