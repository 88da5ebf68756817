//! The admin program: tokens, domains and operators, from the command line.
#![forbid(unsafe_code)]

mod completions;
mod doctor;
mod domain;
mod failure;
mod files;
mod hex;
mod key;
mod mechanisms;
mod module;
mod object;
mod operator;
mod output;
mod pins;
mod recovery;
mod rewrap;
mod select;
mod times;
mod token;

use clap::{CommandFactory, Parser, Subcommand};
use failure::Failure;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::crypto::known::{self, Families};
use output::Output;
use std::process::ExitCode;

/// What stands below `keyward --help`.
const AFTER_HELP: &str = "\
Settings come from keyward.toml (KEYWARD_CONFIG names another file), tokens lie under KEYWARD_HOME.
PINs are asked for, or read from --pin-file and --so-pin-file, from KEYWARD_PIN and KEYWARD_SO_PIN,
from files named by KEYWARD_PIN_FILE and KEYWARD_SO_PIN_FILE, or from the systemd credentials keyward-pin and keyward-so-pin; they are never arguments.

Exit codes: 0 done, 1 failed or refused, 2 wrong usage, 3 wrong or locked PIN, 4 nothing found,
5 data was changed outside Keyward.

First steps:
  keyward token init --label mine
  keyward token list
  pkcs11-tool --module libkeyward_pkcs11.so --token-label mine --login --keygen --key-type AES:32";

/// A software HSM: a PKCS#11 module, and this program to look after its tokens and domains.
#[derive(Parser)]
#[command(name = "keyward", version, after_help = AFTER_HELP, max_term_width = 100)]
struct Cli {
    /// Print JSON for programs instead of text for people
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    noun: Noun,
}

/// What to look after.
#[derive(Subcommand)]
enum Noun {
    /// Make, list, show, check and delete tokens
    #[command(subcommand)]
    Token(token::Command),
    /// Look at the objects of a token, take them from files and write them to files
    #[command(subcommand)]
    Object(object::Command),
    /// Customer keys: make, use, rotate, restrict and destroy them
    #[command(subcommand)]
    Key(Box<key::Command>),
    /// Show and change the domain that a token belongs to
    #[command(subcommand)]
    Domain(domain::Command),
    /// Make operators' keys, and approve changes with them
    #[command(subcommand)]
    Operator(operator::Command),
    /// A token as a member: its public card
    #[command(subcommand)]
    Module(module::Command),
    /// Make the offline key of a domain's recovery, and recover with it
    #[command(subcommand)]
    Recovery(recovery::Command),
    /// Take key tokens in files to the active domain key
    Rewrap(rewrap::Rewrap),
    /// Check every object of a token (keyward token verify)
    Verify(token::Verify),
    /// Look for what may be wrong with settings, files and the machine
    Doctor(doctor::Arguments),
    /// List the mechanisms that the module offers
    Mechanisms(mechanisms::Arguments),
    /// Print the completions for a shell
    Completions(completions::Completions),
    /// Write the manual pages
    Man(completions::Man),
}

impl Noun {
    /// Whether the command computes anything, and must not go on where algorithms give wrong answers.
    fn computes(&self) -> bool {
        !matches!(
            self,
            Noun::Doctor(_) | Noun::Mechanisms(_) | Noun::Completions(_) | Noun::Man(_)
        )
    }

    fn run(self, output: &Output) -> Result<(), Failure> {
        match self {
            Noun::Token(command) => token::run(&command, output),
            Noun::Object(command) => object::run(&command, output),
            Noun::Key(command) => key::run(&command, output),
            Noun::Domain(command) => domain::run(&command, output),
            Noun::Operator(command) => operator::run(&command, output),
            Noun::Module(command) => module::run(&command, output),
            Noun::Recovery(command) => recovery::run(&command, output),
            Noun::Rewrap(arguments) => rewrap::run(&arguments, output),
            Noun::Verify(arguments) => token::verify(&arguments, &Config::load()?, output),
            Noun::Doctor(arguments) => doctor::run(&arguments, output),
            Noun::Mechanisms(arguments) => mechanisms::run(&arguments, output),
            Noun::Completions(arguments) => completions::print(&arguments, Cli::command()),
            Noun::Man(arguments) => completions::write_manual(&arguments, Cli::command()),
        }
    }
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let output = Output::new(cli.json);
    let tested = match cli.noun.computes() {
        true => known::ready(Families::MODULE).map_err(Failure::from),
        false => Ok(()),
    };
    match tested.and_then(|()| cli.noun.run(&output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_make_sense_to_the_parser() {
        Cli::command().debug_assert();
    }
}
