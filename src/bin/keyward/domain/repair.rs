//! `keyward domain repair`: a repository that was restored from an older copy gets the versions of the
//! domain that it lacks.

use crate::failure::Failure;
use crate::files::Form;
use crate::output::line;
use crate::pins::SoPin;
use crate::select::Selection;
use clap::Args;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::token::Role;
use std::path::PathBuf;

/// Arguments of `keyward domain repair`.
#[derive(Args)]
#[command(
    after_help = "Run it on the member with the newest version, as its security officer. It knows its own version; the \
    files of those between are needed too, and checked against it. Afterwards keyward token verify on each \
    member names the objects that the copy is too old for, and keyward token accept gives them up.\n\n\
    Example:\n  keyward domain repair add.token retire.token"
)]
pub(crate) struct Arguments {
    /// Archived domain tokens
    token_files: Vec<PathBuf>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    so_pin: SoPin,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    let files = arguments.token_files.iter();
    let archived = files.map(|path| Ok(Form::DomainToken.read(path)?.bytes));
    let archived: Vec<Vec<u8>> = archived.collect::<Result<_, Failure>>()?;
    let token = arguments.selection.open(config)?;
    let pin = arguments.so_pin.current()?;
    token.login(Role::SecurityOfficer, pin.expose())?;
    let given = token.complete_repository(&archived)?;
    if given.is_empty() {
        return line("The repository has every version that this member has.");
    }
    let versions: Vec<String> = given.iter().map(u64::to_string).collect();
    line(&format!(
        "The repository has version {} again.",
        versions.join(", ")
    ))
}
