//! The root secret locked under a PIN.

use super::envelope::{SealingKey, random};
use super::root::Root;
use crate::crypto::pin::{Cost, stretch};
use crate::error::Result;

/// The fewest bytes of a PIN.
pub const PIN_MIN: usize = 4;
/// The most bytes of a PIN.
pub const PIN_MAX: usize = 255;

/// A root secret locked under a PIN, as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LockedRoot {
    /// What a try costs.
    pub cost: Cost,
    /// The salt of the stretching.
    pub salt: [u8; 32],
    /// The root, sealed.
    pub sealed: Vec<u8>,
}

impl LockedRoot {
    /// Locks `root` under a PIN and a device secret (empty when there is none). `context` says whose
    /// PIN of which token it is, so that records cannot be exchanged.
    ///
    /// # Errors
    /// Those of the stretching.
    pub fn lock(
        root: &Root,
        pin: &[u8],
        device: &[u8],
        cost: Cost,
        context: &[u8],
    ) -> Result<Self> {
        let salt = random();
        let sealed = key(pin, device, cost, &salt)?.seal(context, root.bytes())?;
        Ok(LockedRoot { cost, salt, sealed })
    }

    /// The root; `None` when the PIN or the device secret is wrong, or the record was changed.
    ///
    /// # Errors
    /// Those of the stretching.
    pub fn unlock(&self, pin: &[u8], device: &[u8], context: &[u8]) -> Result<Option<Root>> {
        let key = key(pin, device, self.cost, &self.salt)?;
        Ok(key
            .open(context, &self.sealed)
            .as_ref()
            .and_then(Root::from_secret))
    }
}

/// The key that a PIN stands for.
fn key(pin: &[u8], device: &[u8], cost: Cost, salt: &[u8; 32]) -> Result<SealingKey> {
    let stretched = stretch(cost, pin, salt, device, 32)?;
    let mut root = zeroize::Zeroizing::new([0; 32]);
    root.iter_mut()
        .zip(stretched.expose())
        .for_each(|(to, from)| *to = *from);
    Ok(SealingKey::derive(&root, "keyward/1 pin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost {
        memory_kib: 8,
        passes: 1,
        lanes: 1,
    };

    #[test]
    fn only_pin_device_and_context_together_unlock() {
        let root = Root::generate();
        let locked = LockedRoot::lock(&root, b"1234", b"device", CHEAP, b"user").unwrap();
        let opened = locked.unlock(b"1234", b"device", b"user").unwrap().unwrap();
        assert_eq!(opened.bytes(), root.bytes());
        assert!(
            locked
                .unlock(b"1235", b"device", b"user")
                .unwrap()
                .is_none()
        );
        assert!(locked.unlock(b"1234", b"", b"user").unwrap().is_none());
        assert!(locked.unlock(b"1234", b"device", b"so").unwrap().is_none());
    }
}
