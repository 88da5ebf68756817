//! `keyward object delete`: objects that are no longer wanted.

use super::names::{CLASSES, name};
use super::which::Which;
use crate::failure::Failure;
use crate::output::line;
use crate::pins::UserPin;
use crate::select::Selection;
use clap::Args;
use cryptoki_sys::CKA_LABEL;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::object::Object;
use keyward_pkcs11::object::access::{State, may_destroy};
use keyward_pkcs11::token::Role;
use std::io::{self, Write};

/// Arguments of `keyward object delete`.
#[derive(Args)]
#[command(
    after_help = "A key is gone for good. With --label or --id, everything that fits is meant: the private key, its \
    public key and its certificate.\n\n\
    Examples:\n  keyward object delete 0f3c\n  keyward object delete --label web --class certificate --yes"
)]
pub(crate) struct Delete {
    #[command(flatten)]
    which: Which,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    pin: UserPin,
}

impl Delete {
    /// Runs the command.
    pub(super) fn run(&self, config: &Config) -> Result<(), Failure> {
        let token = self.selection.open(config)?;
        token.login(Role::User, self.pin.current()?.expose())?;
        let found = self.which.all(&token)?;
        if self.which.is_unique_id() && found.len() > 1 {
            return Err(Failure::Usage(
                "several unique ids begin like this: give more of its digits".to_owned(),
            ));
        }
        for object in &found {
            may_destroy(State::RwUser, object.attributes()).map_err(|_| {
                Failure::Refused(format!(
                    "{} does not allow it to be destroyed",
                    described(object)
                ))
            })?;
        }
        if !self.yes {
            let names: Vec<String> = found.iter().map(|object| described(object)).collect();
            confirm(&names)?;
        }
        for object in &found {
            token.remove(object)?;
            line(&format!("Destroyed: {}.", described(object)))?;
        }
        Ok(())
    }
}

fn described(object: &Object) -> String {
    let attributes = object.attributes();
    let class = name(CLASSES, attributes.class().unwrap_or_default());
    let label = attributes.bytes(CKA_LABEL).unwrap_or_default();
    format!("{class} {} {}", object.id(), String::from_utf8_lossy(label))
        .trim_end()
        .to_owned()
}

/// Has `yes` typed.
fn confirm(names: &[String]) -> Result<(), Failure> {
    eprint!("Destroy for good:\n  {}\nType yes: ", names.join("\n  "));
    io::stderr().flush()?;
    let mut typed = String::new();
    io::stdin().read_line(&mut typed)?;
    if typed.trim() == "yes" {
        return Ok(());
    }
    if typed.is_empty() {
        eprintln!();
    }
    Err(Failure::Usage(
        "not confirmed: nothing was changed (--yes confirms without asking)".to_owned(),
    ))
}
