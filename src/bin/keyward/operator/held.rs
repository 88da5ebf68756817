//! An operator's key that another PKCS#11 token holds: it signs there and never leaves it.

use super::uri::Uri;
use crate::failure::Failure;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::Error as Cause;
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, KeyType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use keyward_pkcs11::domain::cose::{Signer, verify};
use keyward_pkcs11::error::{Error, Result};
use keyward_pkcs11::secret::SecretBytes;

/// The head of a DER octet string of 32 bytes, in which most tokens wrap a point.
const OCTETS: [u8; 2] = [0x04, 32];
/// The head of a DER bit string of 32 bytes, in which some do.
const BITS: [u8; 3] = [0x03, 33, 0];

/// A key in a token, with the session that uses it.
pub(super) struct HeldKey {
    session: Session,
    key: ObjectHandle,
    public: [u8; 32],
}

impl HeldKey {
    /// Finds the key that a URI names and logs in with the PIN.
    pub(super) fn open(
        uri: &Uri,
        pin: impl FnOnce() -> std::result::Result<SecretBytes, Failure>,
    ) -> std::result::Result<Self, Failure> {
        let path = uri.module.as_ref().ok_or_else(|| {
            Failure::Usage("the URI names no module: add ?module-path=FILE".to_owned())
        })?;
        let module = Pkcs11::new(path)
            .map_err(|cause| Failure::File(format!("{}: {cause}", path.display())))?;
        let flags = CInitializeFlags::OS_LOCKING_OK;
        module
            .initialize(CInitializeArgs::new(flags))
            .map_err(refused)?;
        let slot = slot(&module, uri)?;
        let session = module.open_ro_session(slot).map_err(refused)?;
        let info = module.get_token_info(slot).map_err(refused)?;
        if info.login_required() {
            let pin = if info.protected_authentication_path() {
                None
            } else {
                Some(auth_pin(&pin()?)?)
            };
            let login = session.login(UserType::User, pin.as_ref());
            login.map_err(refused)?;
        }
        let key = the_only(&session, uri)?;
        let public = public_half(&session, key)?;
        Ok(HeldKey {
            session,
            key,
            public,
        })
    }
}

impl Signer for HeldKey {
    fn public_key(&self) -> [u8; 32] {
        self.public
    }

    fn sign(&self, message: &[u8]) -> Result<[u8; 64]> {
        let mechanism = Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Pure));
        let foreign = |cause: Cause| Error::ForeignToken(cause.to_string());
        let made = self.session.sign(&mechanism, self.key, message);
        let made = made.map_err(foreign)?;
        // Another token's work is looked at before anybody relies on it.
        let signature = made.try_into().ok();
        signature
            .filter(|signature: &[u8; 64]| verify(&self.public, message, signature))
            .ok_or_else(|| Error::ForeignToken("its signature does not verify".to_owned()))
    }
}

/// The slot with the token that the URI names.
fn slot(module: &Pkcs11, uri: &Uri) -> std::result::Result<Slot, Failure> {
    let slots = module.get_slots_with_initialized_token().map_err(refused)?;
    let mut fitting = Vec::new();
    for slot in slots {
        let info = module.get_token_info(slot).map_err(refused)?;
        let fits =
            |wanted: &Option<String>, own: &str| wanted.as_ref().is_none_or(|wanted| wanted == own);
        if fits(&uri.token, info.label())
            && fits(&uri.serial, info.serial_number())
            && fits(&uri.manufacturer, info.manufacturer_id())
            && fits(&uri.model, info.model())
            && uri.slot.is_none_or(|wanted| wanted == slot.id())
        {
            fitting.push(slot);
        }
    }
    match fitting.as_slice() {
        [only] => Ok(*only),
        [] => Err(Failure::NotFound("the module has no such token".to_owned())),
        _ => Err(Failure::Usage(
            "several tokens fit the URI: name one by token or serial".to_owned(),
        )),
    }
}

/// The one private Ed25519 key that the URI names.
fn the_only(session: &Session, uri: &Uri) -> std::result::Result<ObjectHandle, Failure> {
    let mut template = vec![
        Attribute::Class(ObjectClass::PRIVATE_KEY),
        Attribute::KeyType(KeyType::EC_EDWARDS),
    ];
    template.extend(
        uri.object
            .clone()
            .map(|label| Attribute::Label(label.into_bytes())),
    );
    template.extend(uri.id.clone().map(Attribute::Id));
    let found = session.find_objects(&template).map_err(refused)?;
    match found.as_slice() {
        [only] => Ok(*only),
        [] => Err(Failure::NotFound(
            "the token has no such Ed25519 private key".to_owned(),
        )),
        _ => Err(Failure::Usage(
            "several keys fit the URI: name one by object or id".to_owned(),
        )),
    }
}

/// The public half: the public key with the same id.
fn public_half(session: &Session, private: ObjectHandle) -> std::result::Result<[u8; 32], Failure> {
    let named = [AttributeType::Id, AttributeType::Label];
    let mut template = session.get_attributes(private, &named).map_err(refused)?;
    template.push(Attribute::Class(ObjectClass::PUBLIC_KEY));
    template.push(Attribute::KeyType(KeyType::EC_EDWARDS));
    let found = session.find_objects(&template).map_err(refused)?;
    let mut points = Vec::new();
    for public in found {
        let point = session.get_attributes(public, &[AttributeType::EcPoint]);
        for attribute in point.map_err(refused)? {
            if let Attribute::EcPoint(point) = attribute {
                points.push(point);
            }
        }
    }
    let raw = |point: &Vec<u8>| {
        let bare = point
            .strip_prefix(&OCTETS)
            .or(point.strip_prefix(&BITS))
            .unwrap_or(point);
        bare.try_into().ok()
    };
    points.iter().find_map(raw).ok_or_else(|| {
        Failure::NotFound(
            "the token has no Ed25519 public key with the same label and id".to_owned(),
        )
    })
}

fn auth_pin(pin: &SecretBytes) -> std::result::Result<AuthPin, Failure> {
    let text = std::str::from_utf8(pin.expose());
    let text = text.map_err(|_| Failure::Usage("the PIN is no text".to_owned()))?;
    Ok(AuthPin::from(text.to_owned()))
}

fn refused(cause: Cause) -> Failure {
    use cryptoki::error::RvError;
    if let Cause::Pkcs11(RvError::PinIncorrect | RvError::PinLocked, _) = cause {
        return Failure::Library(Error::PinIncorrect);
    }
    Failure::Library(Error::ForeignToken(cause.to_string()))
}
