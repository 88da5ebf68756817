//! `keyward object export`: out of a token into a file, as far as the object may leave.

use super::making::public_info;
use super::names::{CLASSES, name};
use super::which::Which;
use crate::failure::Failure;
use crate::files;
use crate::output::{Output, line};
use crate::pins::{FilePassphrase, UserPin};
use crate::select::Selection;
use clap::{Args, ValueEnum};
use cryptoki_sys::*;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::crypto::random;
use keyward_pkcs11::mechanism::private_key_info;
use keyward_pkcs11::object::attribute::{Template, Value};
use keyward_pkcs11::object::{Object, read};
use keyward_pkcs11::secret::SecretBytes;
use keyward_pkcs11::token::{Role, Token};
use p12_keystore::{KeyStore, KeyStoreEntry, PrivateKey, PrivateKeyChain};
use pem_rfc7468::LineEnding;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::der::{Decode, Encode};
use pkcs8::pkcs5::pbes2::Parameters;
use pkcs8::{EncryptedPrivateKeyInfoRef, SubjectPublicKeyInfoRef};
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Passes of PBKDF2 with SHA-256 that stretch a passphrase: what OWASP's password storage advice of 2023
/// asks for.
const PASSES: u32 = 600_000;
/// The longest chain of certificates that is followed.
const LONGEST_CHAIN: usize = 16;

/// Arguments of `keyward object export`.
#[derive(Args)]
#[command(
    after_help = "Public keys, certificates and data leave as they are. A private or secret key leaves only if it \
    is not sensitive and is extractable; private keys are encrypted (PKCS#8, PBES2) unless --plain is said. A key that \
    is sensitive and extractable leaves wrapped under another key, through PKCS#11. Without --out, text goes to \
    standard output.\n\n\
    Examples:\n  keyward object export --label web --public > web.pub\n  \
    keyward object export --id 01 --class certificate --out web.crt\n  \
    keyward object export --label moved --class private --pkcs12 --out moved.p12"
)]
pub(crate) struct Export {
    #[command(flatten)]
    which: Which,
    /// The public key, also of a private key or certificate
    #[arg(long)]
    public: bool,
    /// The private key with its certificates, as PKCS#12
    #[arg(long, conflicts_with_all = ["public", "form", "plain"])]
    pkcs12: bool,
    /// Write a private key without a passphrase
    #[arg(long)]
    plain: bool,
    /// Write text (PEM) or bytes (DER)
    #[arg(long, value_enum, default_value = "pem")]
    form: Form,
    /// The file, which must not exist yet
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    selection: Selection,
    #[command(flatten)]
    pin: UserPin,
    #[command(flatten)]
    passphrase: FilePassphrase,
}

/// How a file is written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Pem,
    Der,
}

/// What is written.
struct Written {
    /// The label of the text form; `None` for bytes that have none.
    label: Option<&'static str>,
    bytes: SecretBytes,
}

/// The order in which the objects of one label and id are meant.
const PREFERRED: [u64; 3] = [CKO_PRIVATE_KEY, CKO_SECRET_KEY, CKO_CERTIFICATE];

impl Export {
    /// Runs the command.
    pub(super) fn run(&self, config: &Config, output: &Output) -> Result<(), Failure> {
        let token = self.selection.open(config)?;
        let public = self.find_public(&token);
        let object = match public {
            Some(object) => object,
            None => {
                token.login(Role::User, self.pin.current()?.expose())?;
                self.which.one(&token, &PREFERRED)?
            }
        };
        let written = if self.pkcs12 {
            self.pkcs12(&token, &object)?
        } else if self.public {
            public_key(&object)?
        } else {
            self.written(&object)?
        };
        self.write(&written, output)
    }

    /// What is meant, where it can be seen without a PIN and is all that is asked for.
    fn find_public(&self, token: &Token) -> Option<Arc<Object>> {
        let preferred: &[u64] = if self.public {
            &[CKO_PUBLIC_KEY, CKO_CERTIFICATE]
        } else {
            &[]
        };
        let found = self.which.one(token, preferred).ok()?;
        let class = found.attributes().class()?;
        let open = matches!(class, CKO_PUBLIC_KEY | CKO_CERTIFICATE);
        // Without a class, what is behind the PIN may be meant as well.
        let sure = self.public || self.which.is_exact();
        (open && sure && !self.pkcs12).then_some(found)
    }

    fn written(&self, object: &Object) -> Result<Written, Failure> {
        match object.attributes().class() {
            Some(CKO_PUBLIC_KEY) => public_key(object),
            Some(CKO_CERTIFICATE) => Ok(Written {
                label: Some("CERTIFICATE"),
                bytes: value(object)?,
            }),
            Some(CKO_DATA | CKO_SECRET_KEY) => Ok(Written {
                label: None,
                bytes: value(object)?,
            }),
            Some(CKO_PRIVATE_KEY) if self.plain => Ok(Written {
                label: Some("PRIVATE KEY"),
                bytes: private_key(object)?,
            }),
            Some(CKO_PRIVATE_KEY) => {
                let key = private_key(object)?;
                let passphrase = self.passphrase.fresh()?;
                Ok(Written {
                    label: Some("ENCRYPTED PRIVATE KEY"),
                    bytes: encrypted(&key, &passphrase)?,
                })
            }
            class => Err(Failure::Usage(format!(
                "a {} is not written to files",
                name(CLASSES, class.unwrap_or_default())
            ))),
        }
    }

    fn pkcs12(&self, token: &Token, object: &Object) -> Result<Written, Failure> {
        if object.attributes().class() != Some(CKO_PRIVATE_KEY) {
            return Err(Failure::Usage(
                "--pkcs12 is for a private key with its certificates: add --class private"
                    .to_owned(),
            ));
        }
        let key = private_key(object)?;
        let key = PrivateKey::from_der(key.expose()).map_err(|cause| unwritable(&cause))?;
        let attributes = object.attributes();
        let id = attributes.bytes(CKA_ID).unwrap_or_default();
        let certificates = chain(token, id)?;
        let certificates: Result<Vec<_>, _> = certificates
            .iter()
            .map(|own| p12_keystore::Certificate::from_der(own))
            .collect();
        let certificates = certificates.map_err(|cause| unwritable(&cause))?;
        let label = attributes.bytes(CKA_LABEL).unwrap_or_default();
        let label = String::from_utf8_lossy(label);
        let mut store = KeyStore::new();
        let entry = PrivateKeyChain::new(id, key, certificates);
        store.add_entry(&label, KeyStoreEntry::PrivateKeyChain(entry));
        let passphrase = self.passphrase.fresh()?;
        let passphrase = std::str::from_utf8(passphrase.expose())
            .map_err(|_| Failure::Usage("the passphrase is not text in UTF-8".to_owned()))?;
        let written = store
            .writer(passphrase)
            .encryption_iterations(PASSES)
            .mac_iterations(PASSES)
            .write()
            .map_err(|cause| unwritable(&cause))?;
        Ok(Written {
            label: None,
            bytes: SecretBytes::take(written),
        })
    }

    fn write(&self, written: &Written, output: &Output) -> Result<(), Failure> {
        let text = written.label.filter(|_| self.form == Form::Pem);
        let bytes = match text {
            Some(label) => {
                pem_rfc7468::encode_string(label, LineEnding::LF, written.bytes.expose())
                    .map(String::into_bytes)
                    .map_err(|cause| Failure::File(cause.to_string()))?
            }
            None => written.bytes.expose().to_vec(),
        };
        let bytes = Zeroizing::new(bytes);
        if let Some(path) = &self.out {
            files::write(path, &bytes)?;
            return output.print(&path.display().to_string(), |path| {
                format!("{path} is written.")
            });
        }
        if text.is_none() && io::stdout().is_terminal() {
            return Err(Failure::Usage(
                "these are bytes, not text: name a file with --out".to_owned(),
            ));
        }
        match text {
            Some(_) => line(String::from_utf8_lossy(&bytes).trim_end()),
            None => Ok(io::stdout().write_all(&bytes)?),
        }
    }
}

fn unwritable(cause: &dyn std::fmt::Display) -> Failure {
    Failure::File(format!("the PKCS#12 file cannot be made: {cause}"))
}

/// Why a key does not leave, and what can be done.
fn refusal(object: &Object) -> Failure {
    let attributes = object.attributes();
    let class = name(CLASSES, attributes.class().unwrap_or_default());
    let never = !attributes.is(CKA_EXTRACTABLE);
    Failure::Refused(if never {
        format!("the {class} cannot be exported: it is not extractable, and stays in the token")
    } else {
        format!(
            "the {class} cannot be exported: it is sensitive, and leaves only wrapped under another key (C_WrapKey)"
        )
    })
}

/// Whether who may use a key may also read it.
fn is_readable(object: &Object) -> bool {
    let attributes = object.attributes();
    attributes.is(CKA_EXTRACTABLE) && !attributes.is(CKA_SENSITIVE)
}

/// `CKA_VALUE`, as far as it is revealed.
fn value(object: &Object) -> Result<SecretBytes, Failure> {
    let value = read::value(object, CKA_VALUE).map_err(|_| refusal(object))?;
    let bytes = value.as_bytes().unwrap_or_default();
    Ok(SecretBytes::copy_of(bytes))
}

/// The PrivateKeyInfo of a private key that may be read.
fn private_key(object: &Object) -> Result<SecretBytes, Failure> {
    if !is_readable(object) {
        return Err(refusal(object));
    }
    Ok(private_key_info::encode(object.attributes())?)
}

/// The SubjectPublicKeyInfo of a public or private key or certificate.
fn public_key(object: &Object) -> Result<Written, Failure> {
    let info = public_info(object).ok_or_else(|| {
        Failure::Usage("the object has no public key: name a key or certificate".to_owned())
    })?;
    // What other programs wrote there may be anything.
    SubjectPublicKeyInfoRef::from_der(&info)
        .map_err(|_| Failure::File("the object's public key is damaged".to_owned()))?;
    Ok(Written {
        label: Some("PUBLIC KEY"),
        bytes: SecretBytes::take(info),
    })
}

/// A private key under a passphrase (RFC 5958, RFC 8018): PBKDF2 with SHA-256, AES-256-CBC.
fn encrypted(key: &SecretBytes, passphrase: &SecretBytes) -> Result<SecretBytes, Failure> {
    let cause = |_| Failure::File("the key cannot be encrypted".to_owned());
    let (salt, iv) = (random::array::<16>()?, random::array::<16>()?);
    let scheme = Parameters::generate_pbkdf2_sha256_aes256cbc(PASSES, &salt, iv).map_err(cause)?;
    let sealed = scheme
        .encrypt(passphrase.expose(), key.expose())
        .map_err(cause)?;
    let info = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: scheme.into(),
        encrypted_data: OctetStringRef::new(&sealed)
            .map_err(|_| Failure::File("the key is too long".to_owned()))?,
    };
    info.to_der()
        .map(SecretBytes::take)
        .map_err(|_| Failure::File("the key cannot be encrypted".to_owned()))
}

/// The certificate with this id, and those of its issuers that are in the token.
fn chain(token: &Token, id: &[u8]) -> Result<Vec<Vec<u8>>, Failure> {
    let mut chain = Vec::new();
    let mut wanted = vec![(CKA_ID, Value::Bytes(id.to_vec()))];
    while chain.len() < LONGEST_CHAIN {
        wanted.push((CKA_CLASS, Value::Ulong(CKO_CERTIFICATE)));
        let found = token.find(&Template(wanted))?;
        let Some(id) = found.first() else { break };
        let object = token.load(*id)?;
        let attributes = object.attributes();
        let encoded = attributes.bytes(CKA_VALUE).unwrap_or_default().to_vec();
        if encoded.is_empty() || chain.contains(&encoded) {
            break;
        }
        chain.push(encoded);
        let issuer = attributes.bytes(CKA_ISSUER).unwrap_or_default().to_vec();
        if issuer.is_empty() {
            break;
        }
        wanted = vec![(CKA_SUBJECT, Value::Bytes(issuer))];
    }
    Ok(chain)
}
