//! One security module: its identity, PINs, objects and installed domain, over sealed storage.
//!
//! Provisional: objects live in the memory of the process until the storage room lands.
#![forbid(unsafe_code)]

use crate::config::Config;
use crate::error::{Error, Result};
use crate::object::attribute::{Attributes, Template};
use crate::object::policy::RoleState;
use crate::object::{Object, ObjectId};
use parking_lot::RwLock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// A token's serial number; its slot id follows from it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Serial(u64);

impl Serial {
    /// The slot id.
    #[must_use]
    pub fn slot_id(&self) -> u64 {
        self.0
    }

    /// The serial of a free slot's future token.
    #[must_use]
    pub fn of_slot(id: u64) -> Self {
        Serial(id)
    }
}

impl std::fmt::Display for Serial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// How a PIN stands.
#[derive(Default)]
pub struct PinState {
    /// Whether it was ever set.
    pub set: bool,
}

#[expect(missing_docs, reason = "provisional")]
impl PinState {
    #[must_use]
    pub fn is_count_low(&self) -> bool {
        false
    }

    #[must_use]
    pub fn is_final_try(&self) -> bool {
        false
    }

    #[must_use]
    pub fn is_locked(&self) -> bool {
        false
    }
}

/// What `C_GetTokenInfo` tells of a token.
pub struct Header {
    /// The serial number.
    pub serial: Serial,
    /// The label, at most 32 bytes.
    pub label: String,
    /// The security officer's PIN.
    pub so: PinState,
    /// The user's PIN.
    pub user: PinState,
}

/// The tokens there are.
pub struct Listing {
    /// Their serials.
    pub tokens: Vec<Serial>,
    /// The serial of the next token.
    pub free: Serial,
}

/// Whose PIN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The security officer.
    SecurityOfficer,
    /// The user.
    User,
}

/// The keys that a login opens.
pub struct Unlocked;

/// A token.
pub struct Token {
    so_pin: Vec<u8>,
    user_pin: RwLock<Option<Vec<u8>>>,
    objects: RwLock<BTreeMap<ObjectId, Arc<Object>>>,
    roles: RwLock<BTreeMap<[u8; 16], RoleState>>,
}

#[expect(missing_docs, clippy::missing_errors_doc, reason = "provisional")]
impl Token {
    pub fn list(_config: &Config) -> Result<Listing> {
        Ok(Listing {
            tokens: Vec::new(),
            free: Serial(1),
        })
    }

    pub fn create(_config: &Config, _serial: Serial, _label: &str, so_pin: &[u8]) -> Result<Self> {
        Ok(Token {
            so_pin: so_pin.to_vec(),
            user_pin: RwLock::default(),
            objects: RwLock::default(),
            roles: RwLock::default(),
        })
    }

    pub fn open(_config: &Config, _serial: &Serial) -> Result<Self> {
        Err(Error::FunctionNotSupported)
    }

    pub fn reinitialise(&self, so_pin: &[u8], _label: &str) -> Result<Self> {
        if so_pin != self.so_pin {
            return Err(Error::PinIncorrect);
        }
        Ok(Token {
            so_pin: so_pin.to_vec(),
            user_pin: RwLock::default(),
            objects: RwLock::default(),
            roles: RwLock::default(),
        })
    }

    pub fn header(&self) -> Result<Header> {
        Ok(Header {
            serial: Serial(1),
            label: String::new(),
            so: PinState { set: true },
            user: PinState {
                set: self.user_pin.read().is_some(),
            },
        })
    }

    pub fn login(&self, role: Role, pin: &[u8]) -> Result<Arc<Unlocked>> {
        self.verify_pin(role, pin)?;
        Ok(Arc::new(Unlocked))
    }

    pub fn logout(&self) {}

    pub fn verify_pin(&self, role: Role, pin: &[u8]) -> Result<()> {
        let right = match role {
            Role::SecurityOfficer => self.so_pin == pin,
            Role::User => {
                self.user_pin
                    .read()
                    .as_ref()
                    .ok_or(Error::UserPinNotInitialized)?
                    == pin
            }
        };
        if right {
            Ok(())
        } else {
            Err(Error::PinIncorrect)
        }
    }

    pub fn init_pin(&self, pin: &[u8]) -> Result<()> {
        *self.user_pin.write() = Some(pin.to_vec());
        Ok(())
    }

    pub fn set_pin(&self, role: Role, old: &[u8], new: &[u8]) -> Result<()> {
        self.verify_pin(role, old)?;
        if role == Role::User {
            *self.user_pin.write() = Some(new.to_vec());
        }
        Ok(())
    }

    pub fn generation(&self) -> u64 {
        0
    }

    pub fn wait_for_change(&self, most: Duration) {
        std::thread::sleep(most);
    }

    pub fn wake(&self) {}

    pub fn refresh(&self) -> Result<()> {
        Ok(())
    }

    pub fn session_object(&self, attributes: Attributes) -> Result<Object> {
        let mut id = [0; 16];
        rand::Rng::fill_bytes(&mut rand::rng(), &mut id);
        Ok(Object::new(ObjectId(id), 1, attributes))
    }

    pub fn random_id(&self) -> Result<[u8; 16]> {
        let mut id = [0; 16];
        rand::Rng::fill_bytes(&mut rand::rng(), &mut id);
        Ok(id)
    }

    pub fn role(&self, lineage: &[u8; 16]) -> Result<RoleState> {
        Ok(self.roles.read().get(lineage).copied().unwrap_or_default())
    }

    pub fn record_role(&self, lineage: &[u8; 16], state: RoleState) -> Result<()> {
        self.roles.write().insert(*lineage, state);
        Ok(())
    }

    pub fn insert(&self, made: Vec<Attributes>) -> Result<Vec<Arc<Object>>> {
        made.into_iter()
            .map(|attributes| {
                let object = Arc::new(self.session_object(attributes)?);
                self.objects
                    .write()
                    .insert(object.id(), Arc::clone(&object));
                Ok(object)
            })
            .collect()
    }

    pub fn replace(&self, object: &Object, attributes: Attributes) -> Result<Arc<Object>> {
        let next = Arc::new(Object::new(object.id(), object.revision() + 1, attributes));
        self.objects.write().insert(object.id(), Arc::clone(&next));
        Ok(next)
    }

    pub fn remove(&self, object: &Object) -> Result<()> {
        let gone = self.objects.write().remove(&object.id());
        gone.map(drop).ok_or(Error::ObjectHandleInvalid)
    }

    pub fn load(&self, id: ObjectId) -> Result<Arc<Object>> {
        self.objects
            .read()
            .get(&id)
            .cloned()
            .ok_or(Error::ObjectHandleInvalid)
    }

    pub fn find(&self, template: &Template) -> Result<Vec<ObjectId>> {
        let objects = self.objects.read();
        let wanted = |object: &&Arc<Object>| {
            template
                .0
                .iter()
                .all(|(kind, value)| object.attributes().matches(*kind, value))
        };
        Ok(objects
            .values()
            .filter(wanted)
            .map(|object| object.id())
            .collect())
    }
}
