//! The key set of a version, and the random key that seals it to the members.

use super::{Sealed, Token};
use crate::domain::cbor::{Reader, Result as Read, Writer};
use crate::domain::identity::Identity;
use crate::domain::ids::{DomainId, DomainKeyId, MemberId};
use crate::domain::keyring::{DomainKey, Keyring, RingKey, StableSecret};
use crate::domain::package::{AgreementKey, Package};
use crate::domain::refusal::Refusal;
use crate::domain::sealing::{SealingKey, expand, mac, same};
use crate::domain::state::{MAX_KEYS, State};
use crate::secret::SecretBytes;
use rand::CryptoRng;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The longest sealed key set in bytes.
pub const MAX_LEN: usize = 1 << 14;

/// The secrets of a version.
pub struct KeySet {
    /// What stays stable over rotations.
    pub stable: Arc<StableSecret>,
    /// The domain keys, sorted by name.
    pub keys: Vec<Arc<DomainKey>>,
}

impl KeySet {
    /// The encoding.
    fn encode(&self) -> SecretBytes {
        let mut writer = Writer::with_capacity(self.keys.len().saturating_mul(64) + 64);
        writer
            .array(2)
            .bytes(self.stable.secret())
            .array(self.keys.len());
        for key in &self.keys {
            writer.array(2).bytes(&key.id().0).bytes(key.secret());
        }
        writer.into_secret()
    }

    /// Reads a key set.
    fn decode(domain: DomainId, bytes: &SecretBytes) -> Read<Self> {
        Reader::whole(bytes.expose(), "key set", |reader| {
            reader.tuple("key set", 2)?;
            let stable = Zeroizing::new(reader.fixed("stable secret")?);
            let read = |reader: &mut Reader<'_>| {
                reader.tuple("domain key", 2)?;
                let id = DomainKeyId(reader.fixed("domain-key id")?);
                let secret = Zeroizing::new(reader.fixed("domain-key secret")?);
                Ok(Arc::new(DomainKey::new(domain, id, &secret)))
            };
            let keys = reader.sorted_list("key set", MAX_KEYS, read, |key| key.id())?;
            Ok(KeySet {
                stable: Arc::new(StableSecret::new(&stable)),
                keys,
            })
        })
    }

    /// The ring of these keys in this state, when the set holds just the keys of the manifest and each
    /// fits its commitment.
    ///
    /// # Errors
    /// [`Refusal::KeySetOther`], [`Refusal::Commitment`] and [`Refusal::StableCommitment`].
    pub fn ring(self, state: &State) -> Result<Keyring, Refusal> {
        if self.keys.len() != state.keys.len() {
            return Err(Refusal::KeySetOther);
        }
        if !same(&self.stable.commitment(state.domain).0, &state.stable.0) {
            return Err(Refusal::StableCommitment);
        }
        let mut ring = Vec::with_capacity(self.keys.len());
        for (key, listed) in self.keys.into_iter().zip(&state.keys) {
            if key.id() != listed.id {
                return Err(Refusal::KeySetOther);
            }
            if !same(&key.commitment().0, &listed.commitment.0) {
                return Err(Refusal::Commitment(listed.id));
            }
            ring.push(RingKey {
                key,
                state: listed.state,
            });
        }
        let removed = state
            .tombstones
            .iter()
            .map(|tombstone| tombstone.id)
            .collect();
        Keyring::new(
            (state.domain, state.version),
            ring,
            self.stable,
            removed,
            state.limits(),
        )
        .ok_or(Refusal::KeySetOther)
    }
}

/// The random key of a token.
pub struct TokenKey(pub Zeroizing<[u8; 32]>);

impl TokenKey {
    /// Seals the key set, and this key to every active member and the recovery key.
    ///
    /// # Errors
    /// A public key that is none.
    pub fn seal(
        &self,
        state: &State,
        public_hash: &[u8; 32],
        keys: &KeySet,
        (salt, random): ([u8; 24], &mut impl CryptoRng),
    ) -> Result<Sealed, Refusal> {
        let mut packages = Vec::new();
        for member in state.active_members() {
            let info = member_info(state, member.id());
            let package = Package::seal(
                &member.card.agreement,
                (&info, public_hash),
                &self.0,
                random,
            );
            packages.push((member.id(), package.ok_or(Refusal::Packages)?));
        }
        let recovery = match &state.recovery {
            Some(recovery) => {
                let info = recovery_info(state);
                let sealed =
                    Package::seal(&recovery.agreement, (&info, public_hash), &self.0, random);
                Some(sealed.ok_or(Refusal::Packages)?)
            }
            None => None,
        };
        let sealing = SealingKey::derive(&self.0, "keyward/1 key set");
        let key_set = sealing.seal_with_salt(&salt, public_hash, keys.encode().expose())?;
        Ok(Sealed {
            packages,
            recovery,
            key_set,
        })
    }

    /// The tag over the hash of a token's tagged part.
    #[must_use]
    pub fn tag(&self, tagged: &[u8; 32]) -> [u8; 32] {
        mac(&expand(&self.0, "keyward/1 tag", &[]), tagged)
    }

    /// Takes the random key of a token out of the module's own package.
    ///
    /// # Errors
    /// [`Refusal::Packages`] and [`Refusal::PackageSealed`].
    pub fn open(token: &Token, identity: &Identity) -> Result<Self, Refusal> {
        let state = &token.public.state;
        let member = state.member(identity.id()).ok_or(Refusal::Packages)?;
        let package = token.package(identity.id()).ok_or(Refusal::Packages)?;
        let key = identity
            .agreement_of(&member.card.agreement)
            .ok_or(Refusal::PackageSealed)?;
        let info = member_info(state, identity.id());
        package
            .open(&key, &info, &token.public_hash.0)
            .map(TokenKey)
            .ok_or(Refusal::PackageSealed)
    }

    /// Takes the random key of a token out of the recovery package, with the recovery key.
    ///
    /// # Errors
    /// [`Refusal::Packages`] and [`Refusal::PackageSealed`].
    pub fn recover(token: &Token, key: &AgreementKey) -> Result<Self, Refusal> {
        let package = token.sealed.recovery.as_ref().ok_or(Refusal::Packages)?;
        let info = recovery_info(&token.public.state);
        package
            .open(key, &info, &token.public_hash.0)
            .map(TokenKey)
            .ok_or(Refusal::PackageSealed)
    }

    /// Opens the key set of a token, once the tag holds.
    ///
    /// # Errors
    /// [`Refusal::Tag`] and [`Refusal::KeySet`].
    pub fn key_set(&self, token: &Token) -> Result<KeySet, Refusal> {
        if !same(&self.tag(&token.tagged.0), &token.tag) {
            return Err(Refusal::Tag);
        }
        let sealing = SealingKey::derive(&self.0, "keyward/1 key set");
        let opened = sealing.open(&token.public_hash.0, &token.sealed.key_set);
        let opened = opened.ok_or(Refusal::KeySet)?;
        Ok(KeySet::decode(token.public.state.domain, &opened)?)
    }
}

/// To what a member's package is bound: domain, version and member.
fn member_info(state: &State, member: MemberId) -> Vec<u8> {
    let version = state.version.to_be_bytes();
    [
        b"keyward/1 member package",
        &state.domain.0[..],
        &version,
        &member.0,
    ]
    .concat()
}

/// To what the recovery package is bound.
fn recovery_info(state: &State) -> Vec<u8> {
    let version = state.version.to_be_bytes();
    [b"keyward/1 recovery package", &state.domain.0[..], &version].concat()
}
