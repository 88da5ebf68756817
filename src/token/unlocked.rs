//! What a login opens: the module's keys, its identity and the domain keys.

use super::anchoring::Installed as Version;
use super::cache::Cache;
use super::header::Card;
use super::pins::Role;
use super::rows::{Attached, RowKeys};
use super::{Token, anchoring};
use super::{domain, domain_keys};
use crate::domain::identity::Identity;
use crate::domain::ids::DomainId;
use crate::domain::ingest::Installed;
use crate::domain::keyring::Keyring;
use crate::error::{Error, Result};
use crate::object::Object;
use crate::seal::root::{ModuleKeys, Root};
use crate::secret::{LOGIN_STACK, apart};
use crate::storage::Reader;
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Everything that a PIN opens. Erased when the last holder lets go of it.
pub struct Unlocked {
    role: Role,
    epoch: [u8; 16],
    root: Root,
    keys: ModuleKeys,
    /// What guards the rows of the own store.
    pub(super) own: Arc<RowKeys>,
    view: ArcSwap<View>,
    /// The domain generation that `view` belongs to.
    seen: AtomicU64,
    /// Who puts another view in place: one that was read earlier must not come after one read later.
    turn: Mutex<()>,
    pub(super) cache: Cache,
}

/// The identity and the domain as they are installed. Swapped whole, never changed.
pub(super) struct View {
    pub(super) identity: Arc<Identity>,
    pub(super) installed: Arc<Installed>,
    /// The domain keys; none when the module is suspended or no member.
    pub(super) ring: Option<Arc<Keyring>>,
    /// The same as objects.
    pub(super) domain_keys: Vec<Arc<Object>>,
    /// What guards the rows of the objects; none when they are in a repository and there is no ring.
    pub(super) rows: Option<Arc<RowKeys>>,
}

impl View {
    pub(super) fn new(
        identity: Arc<Identity>,
        installed: Installed,
        ring: Option<Arc<Keyring>>,
        rows: Option<Arc<RowKeys>>,
    ) -> Self {
        let domain_keys = ring
            .as_deref()
            .map(domain_keys::objects)
            .unwrap_or_default();
        View {
            identity,
            installed: Arc::new(installed),
            ring,
            domain_keys,
            rows,
        }
    }

    /// Whether this module should hold domain keys that only the repository has.
    pub(super) fn waits_for_keys(&self) -> bool {
        let state = &self.installed.state;
        let member = state.member(self.identity.id());
        self.ring.is_none() && state.policy.volatile && member.is_some_and(|own| own.active)
    }

    /// Why it holds none.
    fn no_keys(&self) -> Error {
        if self.waits_for_keys() {
            return Error::DomainRule(
                "the domain's keys are kept in memory only, and the repository did not give them: look whether it \
                 can be reached, or ingest the installed domain token"
                    .into(),
            );
        }
        no_keys()
    }
}

impl Unlocked {
    /// Who is logged in.
    #[must_use]
    pub fn role(&self) -> Role {
        self.role
    }

    /// The module's identity.
    #[must_use]
    pub fn identity(&self) -> Arc<Identity> {
        Arc::clone(&self.view.load().identity)
    }

    /// The installed version of the domain.
    #[must_use]
    pub fn domain(&self) -> Arc<Installed> {
        Arc::clone(&self.view.load().installed)
    }

    /// What is installed, as one.
    pub(super) fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Its number and its token's hash.
    pub(super) fn installed(&self) -> Version {
        let view = self.view.load();
        (view.installed.state.version, view.installed.hash.0)
    }

    pub(super) fn root(&self) -> &Root {
        &self.root
    }

    pub(super) fn keys(&self) -> &ModuleKeys {
        &self.keys
    }

    /// Puts a newer view in place; what was opened under the older one goes.
    pub(super) fn show(&self, view: View) {
        self.view.store(Arc::new(view));
        self.cache.clear();
    }
}

impl Token {
    /// Opens everything with the root.
    pub(super) fn unlock(&self, role: Role, root: &Root) -> Result<Unlocked> {
        let keys = root.keys();
        let anchored = self.anchored()?.filter(|known| known.is_genuine(&keys));
        let seen = self.registry.domain_generation();
        let card = self.store.reading(|reader| Card::read(reader))?;
        let of_now = |known: &anchoring::Known| known.epoch == card.epoch;
        // An anchor of another initialisation: nothing in the database is as new as that.
        let floor = anchored.map_or(0, |known| {
            if of_now(&known) {
                known.counter
            } else {
                u64::MAX
            }
        });
        let own = Arc::new(RowKeys::own(&keys, &card, floor));
        let view = self
            .store
            .reading(|reader| self.open_view(reader, &keys, &own, None))?;
        let limits = self.cache_limits(&view.installed.state.policy);
        let unlocked = Unlocked {
            role,
            epoch: card.epoch,
            root: root.duplicate(),
            own,
            keys,
            view: ArcSwap::from_pointee(view),
            seen: AtomicU64::new(seen),
            turn: Mutex::new(()),
            cache: Cache::new(limits),
        };
        self.card.store(Arc::new(card));
        Ok(unlocked)
    }

    /// The domain keys as they are now, whichever process changed them.
    ///
    /// # Errors
    /// `UserNotLoggedIn` when the token was initialised anew; `DomainRule` when this module holds no
    /// keys of its domain; those of the store.
    pub fn keyring(&self, unlocked: &Unlocked) -> Result<Arc<Keyring>> {
        self.catch_up(unlocked)?;
        let view = unlocked.view.load();
        view.ring
            .as_ref()
            .map(Arc::clone)
            .ok_or_else(|| view.no_keys())
    }

    /// Reads something of the installed version as it is now, whichever process changed it: two atomic
    /// reads, and nothing counted that other threads count too.
    ///
    /// # Errors
    /// `UserNotLoggedIn` when the token was initialised anew; those of the store.
    pub(super) fn of_installed<T>(
        &self,
        unlocked: &Unlocked,
        read: impl FnOnce(&Installed) -> T,
    ) -> Result<T> {
        self.catch_up(unlocked)?;
        Ok(read(&unlocked.view.load().installed))
    }

    /// Takes in what another process changed.
    fn catch_up(&self, unlocked: &Unlocked) -> Result<()> {
        let current = || unlocked.seen.load(Ordering::Acquire) == self.registry.domain_generation();
        if !current() {
            let _turn = unlocked.turn.lock();
            let now = self.registry.domain_generation();
            if !current() {
                self.store
                    .reading(|reader| self.look_again(unlocked, reader))?;
                unlocked.seen.store(now, Ordering::Release);
            }
        }
        Ok(())
    }

    /// As [`Token::keyring`], within a transaction that writes: nobody else changes anything now.
    pub(super) fn keyring_within(
        &self,
        unlocked: &Unlocked,
        reader: &dyn Reader,
    ) -> Result<Arc<Keyring>> {
        // Whoever has the turn only reads, and so does not wait for this transaction.
        let _turn = unlocked.turn.lock();
        self.look_again(unlocked, reader)?;
        let view = unlocked.view.load();
        view.ring
            .as_ref()
            .map(Arc::clone)
            .ok_or_else(|| view.no_keys())
    }

    /// Compares what is unlocked with what is installed, and takes in what is newer.
    fn look_again(&self, unlocked: &Unlocked, reader: &dyn Reader) -> Result<()> {
        let installed = domain::version(reader)?;
        if installed == Some(unlocked.installed()) {
            return Ok(());
        }
        if Card::read(reader)?.epoch != unlocked.epoch {
            unlocked.cache.clear();
            let gone = self.unlocked.load_full();
            if gone.is_some_and(|own| own.epoch == unlocked.epoch) {
                self.unlocked.store(None);
            }
            return Err(Error::UserNotLoggedIn);
        }
        self.look(unlocked, reader)
    }

    /// Opens what is installed now, and shows it, though the version may be the same.
    pub(super) fn look_anew(&self, unlocked: &Unlocked) -> Result<()> {
        let _turn = unlocked.turn.lock();
        self.store.reading(|reader| self.look(unlocked, reader))
    }

    /// Opens what is installed as `reader` sees it, and shows it. The caller has the turn.
    fn look(&self, unlocked: &Unlocked, reader: &dyn Reader) -> Result<()> {
        let view = apart::<LOGIN_STACK, _>(|| {
            let before = unlocked.view();
            self.open_view(reader, &unlocked.keys, &unlocked.own, Some(&before))
        })?;
        unlocked
            .cache
            .limit(self.cache_limits(&view.installed.state.policy));
        unlocked.show(view);
        // Whether the objects are in a repository may have changed with it.
        self.attached().map(drop)
    }

    /// Opens the identity and the installed domain.
    fn open_view(
        &self,
        reader: &dyn Reader,
        keys: &ModuleKeys,
        own: &Arc<RowKeys>,
        before: Option<&View>,
    ) -> Result<View> {
        let identity = Arc::new(domain::identity(reader, keys)?);
        let (installed, ring) = domain::restore(reader, &identity)?;
        let ring = if installed.state.policy.volatile {
            self.ring_in_memory(&installed, &identity, before)
        } else {
            ring.map(Arc::new)
        };
        let rows = if Attached::read(reader)?.is_some() {
            let domain = installed.state.domain;
            ring.as_ref()
                .map(|ring| self.shared_rows(domain, ring, keys, before))
                .transpose()?
        } else {
            Some(Arc::clone(own))
        };
        Ok(View::new(identity, installed, ring, rows))
    }

    /// The keys of the repository's rows: the same as before where they are known, because they know
    /// what was seen of the repository.
    fn shared_rows(
        &self,
        domain: DomainId,
        ring: &Keyring,
        keys: &ModuleKeys,
        before: Option<&View>,
    ) -> Result<Arc<RowKeys>> {
        let known = self.rows_anchor.newest()?;
        let floor = anchoring::genuine(known, keys).map_or(0, |known| known.counter);
        let fresh = RowKeys::shared(domain, ring.stable(), floor)?;
        let same = before
            .and_then(|view| view.rows.as_ref())
            .filter(|rows| rows.seal == fresh.seal);
        Ok(same.map_or_else(|| Arc::new(fresh), Arc::clone))
    }
}

pub(super) fn no_keys() -> Error {
    Error::DomainRule(
        "this module holds no keys of its domain: it is suspended or no member".into(),
    )
}
