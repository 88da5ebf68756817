//! `keyward key`: customer keys, by the same requests that the vendor's calls and operator sessions make.

mod data;
mod ending;
mod making;
pub(crate) mod policy;
pub(crate) mod shown;
mod suspension;

use crate::failure::Failure;
use crate::output::Output;
use crate::pins::UserPin;
use crate::select::Selection;
use clap::{Args, Subcommand};
use keyward_pkcs11::calls::admission::operator_named;
use keyward_pkcs11::calls::customer::{Actor, execute};
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::customer::{Answer, KeyName, Request};
use keyward_pkcs11::domain::ids::KeyId;
use keyward_pkcs11::error::Error;
use keyward_pkcs11::object::vendor::CKA_KEYWARD_POLICY;
use keyward_pkcs11::token::{Role, Token};

/// What to do with customer keys.
#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a key
    Create(making::Create),
    /// List the keys
    List(making::List),
    /// Show a key with all its versions
    Show(making::Show),
    /// Encrypt with the newest version
    Encrypt(data::Encrypt),
    /// Decrypt with the version that the ciphertext names
    Decrypt(data::Decrypt),
    /// Decrypt with one key and encrypt with another, inside
    Rekey(data::Rekey),
    /// Make a data key, wrapped under a key
    DataKey(data::DataKey),
    /// Make a new version
    Rotate(making::Rotate),
    /// Show what may be done with a key, or allow less
    Policy(policy::Policy),
    /// Count things as wrapped under a version
    Register(ending::Count),
    /// Count things as no longer wrapped under a version
    Unregister(ending::Count),
    /// Delete an older version for good
    Delete(ending::Delete),
    /// Destroy a key: at the next rotation of the domain key, or now
    Shred(ending::Shred),
    /// Take back that a key is to be destroyed
    CancelShred(ending::CancelShred),
    /// Note that a key became known to others, also one that is destroyed
    Compromised(ending::Compromised),
    /// Write this member's signed word that a version was destroyed
    Proof(suspension::Proof),
    /// Seal a key to the domain and its customer, and erase it here
    Suspend(suspension::Suspend),
    /// Take a suspended key back
    Reinstate(suspension::Reinstate),
    /// For customers: make the key that keys are suspended to
    CustomerKeygen(suspension::CustomerKeygen),
    /// For customers: open a suspended key for its domain
    CustomerOpen(suspension::CustomerOpen),
}

/// Whose keys, and who asks.
#[derive(Args)]
pub(crate) struct Access {
    #[command(flatten)]
    selection: Selection,
    /// Log in under the name of this operator, by label or id
    #[arg(long, value_name = "NAME")]
    operator: Option<String>,
    #[command(flatten)]
    pin: UserPin,
}

/// A key.
#[derive(Args)]
pub(crate) struct Named {
    /// The key's label, or its id as the list prints it
    key: String,
    /// Whose key it is, where several have the label
    #[arg(long)]
    tenant: Option<String>,
}

/// A token with the user logged in.
pub(crate) struct Asker {
    token: Token,
    actor: Actor,
}

impl Access {
    /// Logs in.
    fn open(&self) -> Result<Asker, Failure> {
        let token = self.selection.open(&Config::load()?)?;
        let unlocked = token.login(Role::User, self.pin.current()?.expose())?;
        let operator = self
            .operator
            .as_deref()
            .map(|name| operator_named(&unlocked, name))
            .transpose()?;
        let actor = Actor {
            operator,
            may_change: true,
        };
        Ok(Asker { token, actor })
    }

    /// The answer to one request.
    fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        self.open()?.ask(request)
    }
}

impl Asker {
    fn ask(&self, request: &Request) -> Result<Answer, Failure> {
        execute(&self.token, self.actor, request).map_err(|cause| {
            if cause == Error::KeyHandleInvalid {
                let none = "there is no such key: keyward key list shows all";
                Failure::NotFound(none.to_owned())
            } else if cause == Error::AttributeReadOnly(CKA_KEYWARD_POLICY) {
                let looser =
                    "the key's policy allows less than that: it can only be made to allow less";
                Failure::Usage(looser.to_owned())
            } else {
                cause.into()
            }
        })
    }
}

impl Named {
    fn name(&self) -> KeyName {
        named(&self.key, self.tenant.as_deref())
    }
}

/// A key by its id or label.
fn named(key: &str, tenant: Option<&str>) -> KeyName {
    match KeyId::from_hex(key) {
        Some(family) => KeyName::Family(family),
        None => KeyName::Label {
            label: key.to_owned(),
            tenant: tenant.map(|tenant| tenant.as_bytes().to_vec()),
        },
    }
}

/// Runs a command.
pub(crate) fn run(command: &Command, output: &Output) -> Result<(), Failure> {
    match command {
        Command::Create(arguments) => arguments.run(output),
        Command::List(arguments) => arguments.run(output),
        Command::Show(arguments) => arguments.run(output),
        Command::Encrypt(arguments) => arguments.run(output),
        Command::Decrypt(arguments) => arguments.run(output),
        Command::Rekey(arguments) => arguments.run(output),
        Command::DataKey(arguments) => arguments.run(output),
        Command::Rotate(arguments) => arguments.run(output),
        Command::Policy(arguments) => arguments.run(output),
        Command::Register(arguments) => arguments.run(true, output),
        Command::Unregister(arguments) => arguments.run(false, output),
        Command::Delete(arguments) => arguments.run(output),
        Command::Shred(arguments) => arguments.run(output),
        Command::CancelShred(arguments) => arguments.run(output),
        Command::Compromised(arguments) => arguments.run(output),
        Command::Proof(arguments) => arguments.run(output),
        Command::Suspend(arguments) => arguments.run(output),
        Command::Reinstate(arguments) => arguments.run(output),
        Command::CustomerKeygen(arguments) => arguments.run(),
        Command::CustomerOpen(arguments) => arguments.run(),
    }
}
