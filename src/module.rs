//! The module of one process: built by `C_Initialize`, taken down by `C_Finalize`.
//!
//! Lock order, the only place that states it: the parts of a slot's session counts in their order, then a
//! session's operations, then one shard of a handle table or the object index, or what a session keeps
//! near. No lock is held while another process is waited for, except a slot's counts during login and
//! initialisation.
#![forbid(unsafe_code)]

use crate::config::Config;
use crate::crypto::known::{self, Families};
use crate::error::{Error, Result};
use crate::object::ObjectId;
use crate::session::events::Events;
use crate::session::handles::{SessionHandle, Table};
use crate::session::objects::{Objects, Place};
use crate::session::saved::StateSecret;
use crate::session::slot::Slot;
use crate::session::watcher::Watchers;
use crate::session::{Session, recent};
use crate::token::{Serial, Token};
use arc_swap::ArcSwap;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The number of the last module that a process, or those that it was forked from, has started.
static LAST: AtomicU64 = AtomicU64::new(0);

/// Everything that a process has open.
pub struct Module {
    number: u64,
    config: Config,
    /// Read by every call that names a slot, changed by few.
    slots: ArcSwap<Vec<Arc<Slot>>>,
    /// Who brings the slots in line with what is on disk.
    rescanning: Mutex<()>,
    watchers: Watchers,
    events: Events,
    /// The open sessions.
    pub sessions: Arc<Table<Arc<Session>>>,
    /// The object handles.
    pub objects: Arc<Objects>,
    /// What seals the saved states of operations.
    pub states: StateSecret,
}

impl Module {
    /// Starts the module with these settings. Without `threads` the host allows none, and changes
    /// of other processes are noticed at the next call only.
    ///
    /// # Errors
    /// Those of the self-tests of what the module itself rests on, and of reading the home directory.
    pub fn start(config: Config, threads: bool) -> Result<Self> {
        known::ready(Families::MODULE)?;
        let module = Module {
            number: LAST.fetch_add(1, Ordering::Relaxed) + 1,
            watchers: Watchers::new(threads && config.processes.watcher),
            config,
            slots: ArcSwap::default(),
            rescanning: Mutex::default(),
            sessions: Arc::default(),
            events: Events::default(),
            objects: Arc::default(),
            states: StateSecret::default(),
        };
        module.rescan()?;
        module.events.begin(module.tokens().into_iter());
        Ok(module)
    }

    /// Ends every thread and drops every key, session and handle: threads that have not noticed yet keep
    /// nothing but an empty shell.
    pub fn stop(&self) {
        self.events.end();
        self.watchers.stop();
        for session in self.sessions.take() {
            session.close();
        }
        self.objects.end_all();
        for slot in self.slots.load().iter() {
            slot.vacate();
        }
    }

    /// A slot whose token came or went since the module started, each told once; `None` when there is none.
    /// With `wait`, one that comes or goes later.
    ///
    /// # Errors
    /// `NotInitialized` when the module ended meanwhile; those of reading the home directory.
    pub fn next_event(&self, wait: bool) -> Result<Option<u64>> {
        loop {
            self.rescan()?;
            let event = self.events.take(self.tokens().into_iter());
            if event.is_some() || !wait {
                return Ok(event);
            }
            if !self.events.rest() {
                return Err(Error::NotInitialized);
            }
        }
    }

    /// Each slot, and whether a token is in it.
    fn tokens(&self) -> Vec<(u64, bool)> {
        let slots = self.slots.load();
        let state = |slot: &Arc<Slot>| (slot.id(), slot.has_token());
        slots.iter().map(state).collect()
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The slots: one for each token, then the free one.
    ///
    /// # Errors
    /// Those of reading the home directory.
    pub fn slots(&self) -> Result<Vec<Arc<Slot>>> {
        self.rescan()?;
        Ok(self.slots.load().to_vec())
    }

    /// The slot with this id. Tokens that other processes have made since are found too.
    ///
    /// # Errors
    /// `SlotIdInvalid`.
    pub fn slot(&self, id: u64) -> Result<Arc<Slot>> {
        self.with_slot(id, |slot| Ok(Arc::clone(slot)))
    }

    /// As [`Module::slot`], for the length of a call, which then counts no reference that others count.
    ///
    /// # Errors
    /// `SlotIdInvalid`, and those of `run`.
    pub fn with_slot<T>(&self, id: u64, run: impl FnOnce(&Arc<Slot>) -> Result<T>) -> Result<T> {
        let slots = self.slots.load();
        let found = slots.iter().find(|slot| slot.id() == id);
        if let Some(slot) = found.filter(|slot| slot.has_token()) {
            return run(slot);
        }
        drop(slots);
        self.rescan()?;
        let slots = self.slots.load();
        let found = slots.iter().find(|slot| slot.id() == id);
        run(found.ok_or(Error::SlotIdInvalid)?)
    }

    /// The session behind a handle.
    ///
    /// # Errors
    /// `SessionHandleInvalid`.
    pub fn session(&self, handle: SessionHandle) -> Result<Arc<Session>> {
        recent::session(self.number, handle, || self.sessions.get(handle.0))
    }

    /// Has every session let go of its copies of objects that have ended, and of the copy of the token
    /// object of `gone`.
    pub fn let_go(&self, gone: Option<ObjectId>) {
        for session in self.sessions.select(|_| true) {
            session.near().retain(|copy, place| {
                let gone = place == Place::Token && Some(copy.id()) == gone;
                !gone && !copy.has_ended()
            });
        }
    }

    /// `C_InitToken`: makes a token in the free slot, or initialises the slot's token anew. The
    /// slot keeps its id.
    ///
    /// # Errors
    /// `SlotIdInvalid`, `SessionExists`, and those of the PIN and the store.
    pub fn init_token(&self, slot: u64, so_pin: &[u8], label: &str) -> Result<()> {
        let slot = self.slot(slot)?;
        let counts = slot.counts();
        if counts.sum().all() > 0 {
            return Err(Error::SessionExists);
        }
        match slot.token() {
            Some(token) => token.reinitialise(so_pin, label)?,
            None => {
                let serial = Serial::of_slot(slot.id());
                slot.insert(Arc::new(Token::create(
                    &self.config,
                    serial,
                    label,
                    so_pin,
                )?));
            }
        }
        self.objects.end_slot(slot.id());
        drop(counts);
        self.rescan()
    }

    /// Lets a thread watch the token for changes by other processes, if the host allows threads.
    pub fn watch(&self, token: &Arc<Token>) {
        self.watchers.watch(token, &self.sessions);
    }

    /// Brings the slots in line with the tokens on disk.
    fn rescan(&self) -> Result<()> {
        let listing = Token::list(&self.config)?;
        let _turn = self.rescanning.lock();
        let mut slots = self.slots.load().to_vec();
        for serial in &listing.tokens {
            let id = serial.slot_id();
            let known = slots.iter().find(|slot| slot.id() == id).cloned();
            if known.as_ref().is_some_and(|slot| slot.has_token()) {
                continue;
            }
            // A token that cannot be opened takes no other one down: `keyward doctor` names it.
            let Ok(token) = Token::open(&self.config, serial) else {
                continue;
            };
            match known {
                Some(slot) => slot.insert(Arc::new(token)),
                None => slots.push(Arc::new(Slot::new(id, Some(Arc::new(token))))),
            }
        }
        let gone = |slot: &Slot| !listing.tokens.iter().any(|own| own.slot_id() == slot.id());
        slots.retain(|slot| !gone(slot) || !slot.is_empty());
        let free = listing.free.slot_id();
        if !slots.iter().any(|slot| slot.id() == free) {
            slots.push(Arc::new(Slot::new(free, None)));
        }
        slots.sort_by_key(|slot| (!slot.has_token(), slot.id()));
        self.slots.store(Arc::new(slots));
        Ok(())
    }
}
