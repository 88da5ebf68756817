//! `keyward object`: what a token holds, what comes in from files, and what goes out.

mod ber;
mod delete;
mod export;
mod found;
mod import;
mod making;
pub(crate) mod names;
mod public;
mod public_key;
mod shown;
mod usage;
mod which;

use crate::failure::Failure;
use crate::output::Output;
use clap::Subcommand;
use keyward_pkcs11::config::Config;

/// What to do with objects.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// List the objects of a token
    List(shown::List),
    /// Show one object
    Show(shown::Show),
    /// Take keys, certificates and data from files
    Import(import::Import),
    /// Write a key, certificate or data to a file, as far as it may leave
    Export(export::Export),
    /// Make the public key object of a private key
    Public(public::Public),
    /// Destroy objects
    Delete(delete::Delete),
}

/// Runs a command.
pub(crate) fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    let config = Config::load()?;
    match command {
        Command::List(arguments) => shown::list(arguments, &config, output),
        Command::Show(arguments) => shown::show(arguments, &config, output),
        Command::Import(arguments) => arguments.run(&config, output),
        Command::Export(arguments) => arguments.run(&config, output),
        Command::Public(arguments) => arguments.run(&config, output),
        Command::Delete(arguments) => arguments.run(&config),
    }
}
