//! A forger with stated powers: takes a genuine token apart, changes one thing, and signs again with the
//! keys it is given.

use crate::world::Member;
use keyward_pkcs11::domain::cose::{Purpose, Signed};
use keyward_pkcs11::domain::identity::Identity;
use keyward_pkcs11::domain::keyring::{DomainKey, StableSecret};
use keyward_pkcs11::domain::sealing::hash;
use keyward_pkcs11::domain::token::keyset::{KeySet, TokenKey};
use keyward_pkcs11::domain::token::{Public, Sealed, Token, encode_public, encode_tagged};
use std::sync::Arc;
use zeroize::Zeroizing;

/// A token in the hands of a member that may have gone bad: it holds the keys of the domain and its own
/// signing key, but no operator's.
pub(crate) struct Forger {
    /// What the token says in the clear.
    pub(crate) public: Public,
    /// The stable secret to seal.
    pub(crate) stable: Arc<StableSecret>,
    /// The domain keys to seal.
    pub(crate) keys: Vec<Arc<DomainKey>>,
    /// The random key of the token.
    pub(crate) random_key: [u8; 32],
}

impl Forger {
    /// Takes a genuine token of `member` apart; `member` can open it.
    pub(crate) fn of(token: &[u8], member: &Member) -> Self {
        let token = Token::parse(token).unwrap();
        let opened = TokenKey::open(&token, &member.identity).unwrap();
        let keys = opened.key_set(&token).unwrap();
        Forger {
            public: token.public,
            stable: keys.stable,
            keys: keys.keys,
            random_key: *opened.0,
        }
    }

    /// Seals, tags and signs the token as it is now.
    pub(crate) fn seal(&self, producer: &Identity) -> Vec<u8> {
        self.seal_changed(producer, |_| ())
    }

    /// As `seal`, with a change to what is sealed; the tag is over the changed parts.
    pub(crate) fn seal_changed(
        &self,
        producer: &Identity,
        change: impl FnOnce(&mut Sealed),
    ) -> Vec<u8> {
        let mut sealed = self.sealed();
        change(&mut sealed);
        self.finish(producer, &sealed, |_| ())
    }

    /// As `seal`, with a change to the tag.
    pub(crate) fn seal_tagged(
        &self,
        producer: &Identity,
        change: impl FnOnce(&mut [u8; 32]),
    ) -> Vec<u8> {
        self.finish(producer, &self.sealed(), change)
    }

    /// The sealed parts of the token.
    pub(crate) fn sealed(&self) -> Sealed {
        let keys = KeySet {
            stable: Arc::clone(&self.stable),
            keys: self.keys.clone(),
        };
        let public_hash = hash(&[&encode_public(&self.public)]);
        self.token_key()
            .seal(
                &self.public.state,
                &public_hash,
                &keys,
                (rand::random(), &mut rand::rng()),
            )
            .unwrap()
    }

    fn token_key(&self) -> TokenKey {
        TokenKey(Zeroizing::new(self.random_key))
    }

    fn finish(
        &self,
        producer: &Identity,
        sealed: &Sealed,
        change: impl FnOnce(&mut [u8; 32]),
    ) -> Vec<u8> {
        let mut writer = encode_tagged(&encode_public(&self.public), sealed);
        let mut tag = self.token_key().tag(&hash(&[writer.as_slice()]));
        change(&mut tag);
        writer.bytes(&tag);
        Signed::make(Purpose::Token, producer.id().0, producer, writer.into_vec()).unwrap()
    }
}
