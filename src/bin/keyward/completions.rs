//! `keyward completions` and `keyward man`: what a shell and `man` know about the program.

use crate::failure::Failure;
use clap::{Args, Command};
use clap_complete::Shell;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Arguments of `keyward completions`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward completions bash > \
    ~/.local/share/bash-completion/completions/keyward")]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

/// Arguments of `keyward man`.
#[derive(Args)]
#[command(after_help = "Example:\n  keyward man ~/.local/share/man/man1")]
pub(crate) struct Man {
    /// The directory to write to
    directory: PathBuf,
}

/// Prints the completions for a shell.
pub(crate) fn print(arguments: &Completions, mut command: Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "keyward", &mut script);
    // A reader that has seen enough is no failure.
    let _ = io::stdout().write_all(&script);
    Ok(())
}

/// Writes a manual page for the program and each of its commands.
pub(crate) fn write_manual(arguments: &Man, command: Command) -> Result<(), Failure> {
    let directory = &arguments.directory;
    fs::create_dir_all(directory).map_err(|cause| Failure::file(directory, &cause))?;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    write_pages(directory, &command)
}

fn write_pages(directory: &Path, command: &Command) -> Result<(), Failure> {
    clap_mangen::Man::new(command.clone())
        .generate_to(directory)
        .map_err(|cause| Failure::file(directory, &cause))?;
    command
        .get_subcommands()
        .try_for_each(|sub| write_pages(directory, sub))
}
