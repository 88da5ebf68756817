//! Which object of a token a command is about.

use super::names::{CLASSES, name};
use crate::failure::Failure;
use crate::hex::{Bytes, bytes_in_hex};
use clap::{Args, ValueEnum};
use cryptoki_sys::*;
use keyward_pkcs11::error::Error;
use keyward_pkcs11::object::attribute::{Template, Value};
use keyward_pkcs11::object::{Object, ObjectId};
use keyward_pkcs11::token::Token;
use std::sync::Arc;

/// The object.
#[derive(Args)]
pub(crate) struct Which {
    /// The object's unique id, as the list prints it; the first digits are enough
    unique_id: Option<String>,
    #[command(flatten)]
    filter: Filter,
}

/// What objects must be like.
#[derive(Args, Default)]
pub(crate) struct Filter {
    /// Objects with this label
    #[arg(long)]
    label: Option<String>,
    /// Objects with this id (CKA_ID) in hexadecimal
    #[arg(long, value_name = "HEX", value_parser = bytes_in_hex)]
    id: Option<Bytes>,
    /// Objects of this class
    #[arg(long)]
    class: Option<Class>,
}

/// The classes of objects that can be asked for.
#[derive(Clone, Copy, ValueEnum)]
enum Class {
    Private,
    Public,
    Secret,
    Certificate,
    Data,
}

impl Class {
    fn number(self) -> u64 {
        match self {
            Class::Private => CKO_PRIVATE_KEY,
            Class::Public => CKO_PUBLIC_KEY,
            Class::Secret => CKO_SECRET_KEY,
            Class::Certificate => CKO_CERTIFICATE,
            Class::Data => CKO_DATA,
        }
    }
}

impl Filter {
    /// The search template.
    pub(super) fn template(&self) -> Template {
        let mut template = Template::default();
        if let Some(label) = &self.label {
            let label = label.as_bytes().to_vec();
            template.0.push((CKA_LABEL, Value::Bytes(label)));
        }
        if let Some(Bytes(id)) = &self.id {
            template.0.push((CKA_ID, Value::Bytes(id.clone())));
        }
        if let Some(class) = self.class {
            template.0.push((CKA_CLASS, Value::Ulong(class.number())));
        }
        template
    }
}

impl Which {
    /// Whether nothing was said.
    fn is_empty(&self) -> bool {
        self.unique_id.is_none() && self.filter.template().0.is_empty()
    }

    /// Whether the object is named by its unique id.
    pub(super) fn is_unique_id(&self) -> bool {
        self.unique_id.is_some()
    }

    /// Whether nothing behind the PIN can be meant once something before it was found.
    pub(super) fn is_exact(&self) -> bool {
        self.unique_id.is_some()
            || matches!(self.filter.class, Some(Class::Public | Class::Certificate))
    }

    /// Every object that is meant.
    ///
    /// # Errors
    /// `Usage` where nothing was said, `NotFound` where nothing fits; those of the store.
    pub(super) fn all(&self, token: &Token) -> Result<Vec<Arc<Object>>, Failure> {
        if self.is_empty() {
            return Err(Failure::Usage(
                "say which object: its unique id, --label or --id (keyward object list)".to_owned(),
            ));
        }
        let digits = self.unique_id.as_ref().map(|id| id.to_lowercase());
        let begins = |id: &ObjectId| {
            let digits = digits.as_ref();
            digits.is_none_or(|digits| id.to_string().starts_with(digits))
        };
        let mut ids = token.find(&self.filter.template())?;
        ids.retain(begins);
        let found: Result<Vec<_>, Error> = ids.into_iter().map(|id| token.load(id)).collect();
        let found = found?;
        if found.is_empty() {
            return Err(Failure::NotFound(match &digits {
                Some(digits) => {
                    format!("no object's unique id begins with {digits}: keyward object list")
                }
                None => "there is no such object: keyward object list shows all".to_owned(),
            }));
        }
        Ok(found)
    }

    /// The one object that is meant. Of a key pair with its certificate, which have one label and id, it
    /// is the first of the `preferred` classes that is there.
    ///
    /// # Errors
    /// As [`Which::all`]; `Usage` where several fit.
    pub(super) fn one(&self, token: &Token, preferred: &[u64]) -> Result<Arc<Object>, Failure> {
        let all = self.all(token)?;
        let of_class = |class: &u64| {
            let fitting = all
                .iter()
                .filter(|object| object.attributes().class() == Some(*class));
            fitting.collect::<Vec<_>>()
        };
        let best = preferred
            .iter()
            .map(of_class)
            .find(|fitting| !fitting.is_empty())
            .unwrap_or_else(|| all.iter().collect());
        match best.as_slice() {
            [only] => Ok(Arc::clone(only)),
            several => {
                let names = several.iter().map(|object| {
                    let class = object.attributes().class().unwrap_or_default();
                    format!("{} {}", name(CLASSES, class), object.id())
                });
                let names: Vec<String> = names.collect();
                Err(Failure::Usage(format!(
                    "several objects fit: {}; name one by its unique id, or add --class",
                    names.join(", ")
                )))
            }
        }
    }
}
