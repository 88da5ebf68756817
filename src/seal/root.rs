//! The root secret of a security module and the keys derived from it, one for each use. The root
//! never changes in the life of a token: what must stay stable when domain keys change derives from it.

use super::envelope::{expand, random};
use crate::secret::SecretBytes;
use zeroize::Zeroizing;

/// The root secret: 32 random bytes. Erased on drop.
pub struct Root(Zeroizing<[u8; 32]>);

impl Root {
    /// A new root.
    #[must_use]
    pub fn generate() -> Self {
        Root(Zeroizing::new(random()))
    }

    /// The root of these bytes; `None` unless there are 32.
    #[must_use]
    pub fn from_secret(secret: &SecretBytes) -> Option<Self> {
        secret
            .expose()
            .try_into()
            .ok()
            .map(|bytes| Root(Zeroizing::new(bytes)))
    }

    /// A second copy of the root.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Root(self.0.clone())
    }

    /// The root itself, to be sealed under a PIN.
    pub(super) fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The keys of the module.
    #[must_use]
    pub fn keys(&self) -> ModuleKeys {
        let derive = |label| expand(&self.0, label, &[]);
        ModuleKeys {
            identity: derive("keyward/1 module identity"),
            index: derive("keyward/1 blind index"),
            tree: derive("keyward/1 row tree"),
            anchor: derive("keyward/1 anchor"),
            roles: derive("keyward/1 key roles"),
        }
    }
}

/// The keys derived from a root. Erased on drop.
pub struct ModuleKeys {
    /// Seals the module's private identity keys.
    pub identity: Zeroizing<[u8; 32]>,
    /// Blinds the index keys of private objects.
    pub index: Zeroizing<[u8; 32]>,
    /// Authenticates which rows there are.
    pub tree: Zeroizing<[u8; 32]>,
    /// Authenticates the anchor.
    pub anchor: Zeroizing<[u8; 32]>,
    /// Names the records of what keys were used for.
    pub roles: Zeroizing<[u8; 32]>,
}
