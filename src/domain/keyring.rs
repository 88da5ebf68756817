//! The domain keys that a member holds, with the keys derived from each. A ring never changes: a new
//! version of the domain makes a new ring, and the old one is erased when its last user lets go of it.

use super::ids::{Digest, DomainId, DomainKeyId, KeyId};
use super::sealing::{SealingKey, expand};
use crate::secret::SecretBytes;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Where a domain key stands in its life. It moves down this list only.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum KeyState {
    /// Handed out to the members, used for nothing yet.
    Pending,
    /// The one key that new key tokens are made under.
    Active,
    /// Opens what was made under it, makes nothing new.
    DecryptOnly,
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            KeyState::Pending => "pending",
            KeyState::Active => "active",
            KeyState::DecryptOnly => "decrypt-only",
        })
    }
}

/// A domain key with one derived key for each of its uses. Erased on drop.
pub struct DomainKey {
    domain: DomainId,
    id: DomainKeyId,
    secret: Zeroizing<[u8; 32]>,
    tokens: SealingKey,
    wrap: SecretBytes,
    session: SecretBytes,
    public: Zeroizing<[u8; 32]>,
}

impl DomainKey {
    /// The domain key `id` of a domain, from its 32 secret bytes.
    #[must_use]
    pub fn new(domain: DomainId, id: DomainKeyId, secret: &[u8; 32]) -> Self {
        DomainKey {
            domain,
            id,
            secret: Zeroizing::new(*secret),
            tokens: SealingKey::derive(secret, "keyward/1 key token"),
            wrap: SecretBytes::copy_of(&*expand(secret, "keyward/1 aes key wrap", &[])),
            session: SecretBytes::copy_of(&*expand(secret, "keyward/1 operator session", &[])),
            public: expand(secret, "keyward/1 public object", &[]),
        }
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> DomainKeyId {
        self.id
    }

    /// The domain it belongs to.
    #[must_use]
    pub fn domain(&self) -> DomainId {
        self.domain
    }

    /// The key that seals key tokens.
    #[must_use]
    pub fn tokens(&self) -> &SealingKey {
        &self.tokens
    }

    /// The AES-256 key of RFC 3394 and RFC 5649 wraps under this domain key.
    #[must_use]
    pub fn wrap(&self) -> &SecretBytes {
        &self.wrap
    }

    /// The key of operator sessions: 32 bytes.
    #[must_use]
    pub fn session(&self) -> &SecretBytes {
        &self.session
    }

    /// The HMAC-SHA-256 key that authenticates public objects.
    #[must_use]
    pub fn public_objects(&self) -> &[u8; 32] {
        &self.public
    }

    /// The commitment that the domain's manifest carries for this key.
    #[must_use]
    pub fn commitment(&self) -> Digest {
        let context = [&self.domain.0[..], &self.id.0[..]].concat();
        Digest(*expand(&self.secret, "keyward/1 commitment", &context))
    }

    /// The secret itself, for the key set of the next version.
    pub(crate) fn secret(&self) -> &[u8; 32] {
        &self.secret
    }
}

impl fmt::Debug for DomainKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DomainKey({})", self.id)
    }
}

/// The secret of a domain that does not change with its domain keys; what must stay stable over
/// rotations, such as blind indexes, derives from it. Erased on drop.
pub struct StableSecret(Zeroizing<[u8; 32]>);

impl StableSecret {
    /// From its 32 secret bytes.
    #[must_use]
    pub fn new(secret: &[u8; 32]) -> Self {
        StableSecret(Zeroizing::new(*secret))
    }

    /// The derived key of 32 bytes that `purpose` names.
    #[must_use]
    pub fn derive(&self, purpose: &str) -> SecretBytes {
        let derived = expand(&self.0, "keyward/1 stable ", purpose.as_bytes());
        SecretBytes::copy_of(&*derived)
    }

    /// The commitment that the domain's state carries for it.
    #[must_use]
    pub fn commitment(&self, domain: DomainId) -> Digest {
        Digest(*expand(&self.0, "keyward/1 commitment", &domain.0))
    }

    /// The secret itself, for the key set of the next version.
    pub(super) fn secret(&self) -> &[u8; 32] {
        &self.0
    }
}

/// One domain key of a ring with its state.
#[derive(Clone, Debug)]
pub struct RingKey {
    /// The key.
    pub key: Arc<DomainKey>,
    /// Where it stands in its life.
    pub state: KeyState,
}

/// The keys of one version of a domain, and what an opening of a key token is checked against.
pub struct Keyring {
    domain: DomainId,
    version: u64,
    keys: Vec<RingKey>,
    active: Arc<DomainKey>,
    stable: Arc<StableSecret>,
    removed: Vec<DomainKeyId>,
    limits: Limits,
}

/// What the domain says about single customer keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Keys that no token may bring back.
    pub revoked: std::collections::HashSet<KeyId>,
    /// The lowest revision of a key that still opens.
    pub minimum_revisions: HashMap<KeyId, u64>,
}

impl Keyring {
    /// The ring of one version of a domain. `None` unless just one key is active.
    /// `removed` are the tombstones.
    #[must_use]
    pub fn new(
        (domain, version): (DomainId, u64),
        keys: Vec<RingKey>,
        stable: Arc<StableSecret>,
        mut removed: Vec<DomainKeyId>,
        limits: Limits,
    ) -> Option<Self> {
        let mut of_active = keys.iter().filter(|key| key.state == KeyState::Active);
        let active = Arc::clone(&of_active.next()?.key);
        if of_active.next().is_some() {
            return None;
        }
        removed.sort_unstable();
        Some(Keyring {
            domain,
            version,
            keys,
            active,
            stable,
            removed,
            limits,
        })
    }

    /// The domain.
    #[must_use]
    pub fn domain(&self) -> DomainId {
        self.domain
    }

    /// The version of the domain that the ring belongs to.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The key that everything new is made under.
    #[must_use]
    pub fn active(&self) -> &Arc<DomainKey> {
        &self.active
    }

    /// All keys with their states.
    #[must_use]
    pub fn keys(&self) -> &[RingKey] {
        &self.keys
    }

    /// A key by its name. A ring holds a handful: a linear search is the fastest.
    #[must_use]
    pub fn find(&self, id: DomainKeyId) -> Option<&RingKey> {
        self.keys.iter().find(|own| own.key.id == id)
    }

    /// Whether the key was removed for ever.
    #[must_use]
    pub fn is_removed(&self, id: DomainKeyId) -> bool {
        self.removed.binary_search(&id).is_ok()
    }

    /// The secret that does not change with the domain keys.
    #[must_use]
    pub fn stable(&self) -> &Arc<StableSecret> {
        &self.stable
    }

    /// Whether the customer key was revoked.
    #[must_use]
    pub fn is_revoked(&self, key: KeyId) -> bool {
        !self.limits.revoked.is_empty() && self.limits.revoked.contains(&key)
    }

    /// The lowest revision of the customer key that still opens, 0 when there is no such limit.
    #[must_use]
    pub fn minimum_revision(&self, key: KeyId) -> u64 {
        if self.limits.minimum_revisions.is_empty() {
            return 0;
        }
        self.limits
            .minimum_revisions
            .get(&key)
            .copied()
            .unwrap_or(0)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Keyring({} version {}, {} keys)",
            self.domain,
            self.version,
            self.keys.len()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring_key(id: u8, state: KeyState) -> RingKey {
        let key = DomainKey::new(DomainId([1; 32]), DomainKeyId([id; 16]), &[id; 32]);
        RingKey {
            key: Arc::new(key),
            state,
        }
    }

    fn ring(keys: Vec<RingKey>) -> Option<Keyring> {
        let stable = Arc::new(StableSecret::new(&[3; 32]));
        Keyring::new(
            (DomainId([1; 32]), 1),
            keys,
            stable,
            vec![],
            Limits::default(),
        )
    }

    #[test]
    fn a_ring_has_just_one_active_key() {
        assert!(ring(vec![ring_key(1, KeyState::Pending)]).is_none());
        assert!(
            ring(vec![
                ring_key(1, KeyState::Active),
                ring_key(2, KeyState::Active)
            ])
            .is_none()
        );
        let good = ring(vec![
            ring_key(1, KeyState::DecryptOnly),
            ring_key(2, KeyState::Active),
        ])
        .unwrap();
        assert_eq!(good.active().id(), DomainKeyId([2; 16]));
        assert_eq!(
            good.find(DomainKeyId([1; 16])).unwrap().state,
            KeyState::DecryptOnly
        );
    }

    #[test]
    fn derived_keys_all_differ() {
        let key = DomainKey::new(DomainId([1; 32]), DomainKeyId([1; 16]), &[1; 32]);
        let derived = [
            key.wrap().expose(),
            key.session().expose(),
            key.public_objects(),
            key.secret(),
            &key.commitment().0,
        ];
        for (place, one) in derived.iter().enumerate() {
            assert!(derived.iter().skip(place + 1).all(|other| other != one));
        }
    }
}
