//! Which token a command is about, and the login that it needs.

use crate::failure::Failure;
use crate::pins::{SoPin, UserPin};
use clap::Args;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::token::{Role, Serial, Token, Unlocked};
use std::sync::Arc;

/// The token.
#[derive(Args)]
pub(crate) struct Selection {
    /// The token's label or serial number; may be left out where there is only one token
    #[arg(long, short, value_name = "LABEL|SERIAL", env = "KEYWARD_TOKEN")]
    token: Option<String>,
}

/// Who logs in.
#[derive(Args)]
pub(crate) struct Login {
    /// Log in as the security officer, not as the user
    #[arg(long)]
    so: bool,
    #[command(flatten)]
    user_pin: UserPin,
    #[command(flatten)]
    so_pin: SoPin,
}

impl Selection {
    /// Opens the token.
    pub(crate) fn open(&self, config: &Config) -> Result<Token, Failure> {
        Ok(Token::open(config, &self.serial(config)?)?)
    }

    /// The serial of the token.
    pub(crate) fn serial(&self, config: &Config) -> Result<Serial, Failure> {
        let all = Token::list(config)?.tokens;
        let Some(name) = &self.token else {
            return match all.as_slice() {
                [only] => Ok(only.clone()),
                [] => Err(Failure::NotFound(
                    "there is no token: make one with keyward token init".to_owned(),
                )),
                _ => Err(Failure::Usage(
                    "there are several tokens: name one with --token (keyward token list)"
                        .to_owned(),
                )),
            };
        };
        if let Some(serial) = Serial::parse(name).filter(|serial| all.contains(serial)) {
            return Ok(serial);
        }
        // A damaged token has no readable label; it can still be named by its serial.
        let labelled = |serial: &&Serial| {
            let header = Token::open(config, serial).and_then(|token| token.header());
            header.is_ok_and(|header| header.label == *name)
        };
        let found: Vec<&Serial> = all.iter().filter(labelled).collect();
        match found.as_slice() {
            [only] => Ok((*only).clone()),
            [] => Err(Failure::NotFound(format!(
                "there is no token {name}: keyward token list shows all"
            ))),
            _ => Err(Failure::Usage(format!(
                "several tokens are called {name}: name one by its serial"
            ))),
        }
    }
}

impl Login {
    /// Logs in, as the user unless `--so` says otherwise.
    pub(crate) fn open(&self, token: &Token) -> Result<Arc<Unlocked>, Failure> {
        let (role, pin) = if self.so {
            (Role::SecurityOfficer, self.so_pin.current()?)
        } else {
            (Role::User, self.user_pin.current()?)
        };
        Ok(token.login(role, pin.expose())?)
    }
}
