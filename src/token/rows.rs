//! Where a token's objects are, and the keys that guard them: the rows of its own store under keys of the
//! module, or those of the repository that its domain shares, under keys that every member derives.

use super::Token;
use super::header::Card;
use super::unlocked::Unlocked;
use crate::crypto::edwards::{PrivateKey, Variant};
use crate::domain::cbor::{Reader as Decoder, Writer as Encoder};
use crate::domain::cose::Signer;
use crate::domain::ids::{DomainId, RepositoryId};
use crate::domain::keyring::StableSecret;
use crate::error::{Error, Result};
use crate::seal::root::ModuleKeys;
use crate::secret::SecretBytes;
use crate::storage::tree::Tree;
use crate::storage::{Reader, Store, Writer};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use zeroize::Zeroizing;

/// The fact of the own store that says which repository the objects are in.
const ATTACHED: &str = "attached";

/// By what the clear records of a token's rows are known to be genuine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seal {
    /// Whose rows they are; no row of another owner passes for one.
    pub(super) owner: [u8; 16],
    /// The Ed25519 key that signs them.
    pub(super) signing: [u8; 32],
}

impl Seal {
    /// That of a module's own rows.
    pub(super) fn of(card: &Card) -> Self {
        Seal {
            owner: card.epoch,
            signing: card.signing,
        }
    }
}

/// Keys that guard a set of rows. Erased on drop.
pub(super) struct RowKeys {
    pub(super) seal: Seal,
    /// Blinds the index keys of private objects.
    pub(super) index: Zeroizing<[u8; 32]>,
    /// Names the records of what keys were used for.
    pub(super) roles: Zeroizing<[u8; 32]>,
    /// Which rows there are.
    pub(super) tree: Tree,
    /// What signs the clear records of a repository; a module signs its own with its identity.
    signer: Option<PrivateKey>,
}

impl RowKeys {
    /// Those of a module's own store. `floor` is the lowest count of changes that its tree may have.
    pub(super) fn own(keys: &ModuleKeys, card: &Card, floor: u64) -> Self {
        RowKeys {
            seal: Seal::of(card),
            index: keys.index.clone(),
            roles: keys.roles.clone(),
            tree: Tree::new(keys.tree.clone(), floor),
            signer: None,
        }
    }

    /// Those of a domain's repository, which do not change with the domain keys.
    ///
    /// # Errors
    /// None that a secret of this type can meet.
    pub(super) fn shared(domain: DomainId, stable: &StableSecret, floor: u64) -> Result<Self> {
        let derive = |purpose| fixed(&stable.derive(purpose));
        let seed = derive("repository signing");
        let signer = PrivateKey::new(seed.as_ref()).ok_or(Error::Internal("signing key"))?;
        let owner = domain.0.first_chunk::<16>().copied().unwrap_or_default();
        Ok(RowKeys {
            seal: Seal {
                owner,
                signing: *signer.public().encoded(),
            },
            index: derive("repository index"),
            roles: derive("repository roles"),
            tree: Tree::new(derive("repository row tree"), floor),
            signer: Some(signer),
        })
    }

    /// Whether they guard a repository.
    pub(super) fn are_shared(&self) -> bool {
        self.signer.is_some()
    }

    /// Signs a clear record.
    ///
    /// # Errors
    /// Those of signing.
    pub(super) fn sign(&self, unlocked: &Unlocked, message: &[u8]) -> Result<[u8; 64]> {
        match &self.signer {
            Some(signer) => signer.sign(message, Variant::Pure),
            None => unlocked.identity().sign(message),
        }
    }
}

/// The 32 bytes of a derived key.
pub(super) fn fixed(secret: &SecretBytes) -> Zeroizing<[u8; 32]> {
    let mut bytes = Zeroizing::new([0; 32]);
    bytes
        .iter_mut()
        .zip(secret.expose())
        .for_each(|(to, from)| *to = *from);
    bytes
}

/// What a module that has its objects in a repository knows of it without a PIN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Attached {
    pub(super) repository: RepositoryId,
    pub(super) seal: Seal,
}

impl Attached {
    /// Reads it; `None` when the objects are in the own store.
    pub(super) fn read(reader: &dyn Reader) -> Result<Option<Self>> {
        let Some(bytes) = reader.fact(ATTACHED)? else {
            return Ok(None);
        };
        let attached = Decoder::whole(&bytes, "repository", |decoder| {
            decoder.tuple("repository", 3)?;
            Ok(Attached {
                repository: RepositoryId(decoder.fixed("repository id")?),
                seal: Seal {
                    owner: decoder.fixed("owner")?,
                    signing: decoder.fixed("signing key")?,
                },
            })
        });
        attached
            .map(Some)
            .map_err(|flaw| Error::StoreTampered(format!("the record of the repository: {flaw}")))
    }

    pub(super) fn write(&self, writer: &dyn Writer) -> Result<()> {
        let mut encoder = Encoder::default();
        encoder
            .array(3)
            .bytes(&self.repository.0)
            .bytes(&self.seal.owner)
            .bytes(&self.seal.signing);
        writer.set_fact(ATTACHED, Some(encoder.as_slice()))
    }
}

impl Token {
    /// The keys of the rows that the login works on.
    ///
    /// # Errors
    /// `DomainRule` when the objects are in a repository and this module holds no keys of its domain.
    pub(super) fn row_keys(&self, unlocked: &Unlocked) -> Result<Arc<RowKeys>> {
        unlocked
            .view()
            .rows
            .as_ref()
            .map(Arc::clone)
            .ok_or_else(super::unlocked::no_keys)
    }

    /// The store of the rows that these keys guard.
    ///
    /// # Errors
    /// `Config` when no repository is set.
    pub(super) fn store_of(&self, keys: &RowKeys) -> Result<&dyn Store> {
        if keys.are_shared() {
            self.repository()
        } else {
            Ok(&*self.store)
        }
    }

    /// The repository.
    ///
    /// # Errors
    /// `Config` when none is set.
    pub(super) fn repository(&self) -> Result<&dyn Store> {
        self.repository.as_deref().ok_or_else(|| {
            Error::Config(
                "the token's objects are in its domain's repository: set repository.url".into(),
            )
        })
    }

    /// Whether a repository is set, so that there may be versions of the domain to follow.
    #[must_use]
    pub fn may_follow(&self) -> bool {
        self.repository.is_some()
    }

    /// The repository that the objects are in; `None` when they are in the own store.
    pub(super) fn attached(&self) -> Result<Option<Arc<Attached>>> {
        let now = self.registry.domain_generation();
        let mut known = self.attached.load_full();
        if known.generation != now {
            let attached = self.store.reading(|reader| Attached::read(reader))?;
            known = Arc::new(Attachment {
                generation: now,
                attached: attached.map(Arc::new),
            });
            self.freshness
                .shared
                .store(known.attached.is_some(), Ordering::Relaxed);
            self.attached.store(Arc::clone(&known));
        }
        Ok(known.attached.clone())
    }
}

/// What was last read of the repository, and at which generation of the domain.
pub(super) struct Attachment {
    pub(super) generation: u64,
    pub(super) attached: Option<Arc<Attached>>,
}
