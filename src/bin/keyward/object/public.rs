//! `keyward object public`: the public key object that belongs to a private key.

use super::making::{self, Named, public_info};
use super::shown::{Shown, table};
use super::usage::Usage;
use super::which::Which;
use crate::failure::Failure;
use crate::output::Output;
use crate::pins::UserPin;
use crate::select::Selection;
use clap::Args;
use cryptoki_sys::{
    CKA_CLASS, CKA_ID, CKA_LABEL, CKO_CERTIFICATE, CKO_PRIVATE_KEY, CKO_PUBLIC_KEY,
};
use keyward_pkcs11::config::Config;
use keyward_pkcs11::object::attribute::{Template, Value};
use keyward_pkcs11::token::Role;

/// Arguments of `keyward object public`.
#[derive(Args)]
#[command(
    after_help = "The public key gets the label and id of the private key (or certificate). To write it to a file, \
    export it with --public.\n\n\
    Example:\n  keyward object public --label web"
)]
pub(crate) struct Public {
    #[command(flatten)]
    which: Which,
    /// What the public key may be used for; without it, what keys of its type are used for
    #[arg(long, value_enum, value_delimiter = ',')]
    usage: Vec<Usage>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    pin: UserPin,
}

impl Public {
    /// Runs the command.
    pub(super) fn run(&self, config: &Config, output: &Output) -> Result<(), Failure> {
        let token = self.selection.open(config)?;
        token.login(Role::User, self.pin.current()?.expose())?;
        let key = self
            .which
            .one(&token, &[CKO_PRIVATE_KEY, CKO_CERTIFICATE])?;
        let info = public_info(&key).ok_or_else(|| {
            Failure::Usage("the object has no public key: name a private key".to_owned())
        })?;
        let attributes = key.attributes();
        let id = attributes.bytes(CKA_ID).unwrap_or_default().to_vec();
        let label = attributes.bytes(CKA_LABEL).unwrap_or_default();
        let label = String::from_utf8_lossy(label).into_owned();
        let template = Template(vec![
            (CKA_CLASS, Value::Ulong(CKO_PUBLIC_KEY)),
            (CKA_ID, Value::Bytes(id.clone())),
        ]);
        for known in token.find(&template)? {
            if public_info(&*token.load(known)?).as_ref() == Some(&info) {
                return Err(Failure::Refused(format!(
                    "the token has this public key already: {known}"
                )));
            }
        }
        let made = making::public_key(&info, &Named { label, id }, &self.usage)?;
        let stored = token.insert(vec![made])?;
        let shown: Vec<Shown> = stored.iter().map(|object| Shown::of(object)).collect();
        output.print(&shown, |shown| table(shown).text("nothing"))
    }
}
