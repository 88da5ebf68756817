//! The module of one process: built by `C_Initialize`, taken down by `C_Finalize`.
//!
//! Lock order, the only place that states it: a slot's session counts, then a session's operations,
//! then one shard of a handle table or the object index. No lock is held while another process is
//! waited for, except a slot's counts during login and initialisation.
#![forbid(unsafe_code)]

use crate::config::Config;
use crate::error::{Error, Result};
use crate::session::Session;
use crate::session::handles::{SessionHandle, Table};
use crate::session::objects::Objects;
use crate::session::saved::StateSecret;
use crate::session::slot::Slot;
use crate::session::watcher::Watchers;
use crate::token::{Serial, Token};
use parking_lot::RwLock;
use std::sync::Arc;

/// Everything that a process has open.
pub struct Module {
    config: Config,
    slots: RwLock<Vec<Arc<Slot>>>,
    watchers: Watchers,
    /// The open sessions.
    pub sessions: Table<Arc<Session>>,
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
    /// Those of reading the home directory.
    pub fn start(config: Config, threads: bool) -> Result<Self> {
        let module = Module {
            watchers: Watchers::new(threads && config.processes.watcher),
            config,
            slots: RwLock::default(),
            sessions: Table::new(),
            objects: Arc::default(),
            states: StateSecret::default(),
        };
        module.rescan()?;
        Ok(module)
    }

    /// Ends every thread and drops every key. Sessions and handles die with the module.
    pub fn stop(&self) {
        self.watchers.stop();
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
        Ok(self.slots.read().clone())
    }

    /// The slot with this id. Tokens that other processes have made since are found too.
    ///
    /// # Errors
    /// `SlotIdInvalid`.
    pub fn slot(&self, id: u64) -> Result<Arc<Slot>> {
        let known = |slots: &[Arc<Slot>]| slots.iter().find(|slot| slot.id() == id).cloned();
        let found = known(&self.slots.read());
        if let Some(slot) = found.filter(|slot| slot.token().is_some()) {
            return Ok(slot);
        }
        self.rescan()?;
        known(&self.slots.read()).ok_or(Error::SlotIdInvalid)
    }

    /// The session behind a handle.
    ///
    /// # Errors
    /// `SessionHandleInvalid`.
    pub fn session(&self, handle: SessionHandle) -> Result<Arc<Session>> {
        self.sessions
            .get(handle.0)
            .ok_or(Error::SessionHandleInvalid)
    }

    /// `C_InitToken`: makes a token in the free slot, or initialises the slot's token anew. The
    /// slot keeps its id.
    ///
    /// # Errors
    /// `SlotIdInvalid`, `SessionExists`, and those of the PIN and the store.
    pub fn init_token(&self, slot: u64, so_pin: &[u8], label: &str) -> Result<()> {
        let slot = self.slot(slot)?;
        let counts = slot.counts();
        if counts.all() > 0 {
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
        self.watchers.watch(token);
    }

    /// Brings the slots in line with the tokens on disk.
    fn rescan(&self) -> Result<()> {
        let listing = Token::list(&self.config)?;
        let mut slots = self.slots.write();
        for serial in &listing.tokens {
            let id = serial.slot_id();
            let known = slots.iter().find(|slot| slot.id() == id).cloned();
            if known.as_ref().is_some_and(|slot| slot.token().is_some()) {
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
        slots.retain(|slot| !gone(slot) || slot.counts().all() > 0);
        let free = listing.free.slot_id();
        if !slots.iter().any(|slot| slot.id() == free) {
            slots.push(Arc::new(Slot::new(free, None)));
        }
        slots.sort_by_key(|slot| (slot.token().is_none(), slot.id()));
        Ok(())
    }
}
