//! Which tokens there are, and how one is made, opened and taken away.

use super::cache::{Cache, Limits};
use super::freshness::Freshness;
use super::header::Card;
use super::pins::{self, Role};
use super::rows::{Attached, Attachment};
use super::{Token, anchoring, domain, roles};
use crate::config::Config;
use crate::crypto::pin::Cost;
use crate::domain::cose::Signer;
use crate::domain::identity::Identity;
use crate::error::{Error, Result};
use crate::seal::envelope::random;
use crate::seal::root::Root;
use crate::storage::anchor::Anchor;
use crate::storage::registry::Registry;
use crate::storage::snapshot::Snapshot;
use crate::storage::sqlite::SqliteStore;
use crate::storage::tree::Tree;
use crate::storage::{Store, Writer, files, repository};
use arc_swap::{ArcSwap, ArcSwapOption};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, OnceLock};

/// A token's serial number; its slot id follows from it, so that neither ever changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Serial(u64);

impl Serial {
    /// The slot id: 31 bits, because some consumers keep it in a signed 32-bit number.
    #[must_use]
    pub fn slot_id(&self) -> u64 {
        self.0
    }

    /// The serial of the token in this slot.
    #[must_use]
    pub fn of_slot(id: u64) -> Self {
        Serial(id)
    }

    /// Reads the 16 hexadecimal digits; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.len() == 16 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
        digits
            .then(|| u64::from_str_radix(text, 16).ok().map(Serial))
            .flatten()
    }
}

impl fmt::Display for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The tokens there are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// Their serials, ascending.
    pub tokens: Vec<Serial>,
    /// The serial of the next token. It stays the same until that token is made.
    pub free: Serial,
}

impl Token {
    /// The tokens in the home directory, which need not exist.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn list(config: &Config) -> Result<Listing> {
        let directory = tokens_in(&config.home);
        let mut tokens = match fs::read_dir(&directory) {
            Ok(entries) => entries
                .filter_map(|entry| entry.ok()?.file_name().to_str().and_then(Serial::parse))
                .collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(files::cause(&directory, &error)),
        };
        tokens.sort_unstable_by_key(|serial: &Serial| serial.0);
        let free = free_serial(&config.home, &tokens);
        Ok(Listing { tokens, free })
    }

    /// Makes a token: a security module with its own identity and a domain of its own.
    ///
    /// # Errors
    /// `PinLenRange`; `SessionExists` when another process has just made it; those of the store.
    pub fn create(config: &Config, serial: Serial, label: &str, so_pin: &[u8]) -> Result<Self> {
        must_be_writable(config)?;
        pins::check_length(so_pin)?;
        let place = tokens_in(&config.home).join(serial.to_string());
        // Made aside and moved into place whole: there is never half a token.
        let aside = tokens_in(&config.home).join(format!(".new-{serial}-{}", std::process::id()));
        files::make_directory(&aside)?;
        files::make_directory(&anchors_in(&config.home))?;
        let made = fill(config, &serial, label, so_pin, &aside).and_then(|anchored| {
            fs::rename(&aside, &place).map_err(|error| {
                if error.kind() == std::io::ErrorKind::DirectoryNotEmpty {
                    Error::SessionExists
                } else {
                    files::cause(&place, &error)
                }
            })?;
            files::sync_directory(&tokens_in(&config.home))?;
            let anchor = Anchor::open(&anchor_of(&config.home, &serial))?;
            anchor.restart(&anchored)
        });
        if let Err(error) = made {
            // What is left aside is in nobody's way; the cause is what counts.
            let _ = fs::remove_dir_all(&aside);
            return Err(error);
        }
        Self::open(config, &serial)
    }

    /// Opens a token, or a copy of it where the settings say that it is only read. No object is read.
    ///
    /// # Errors
    /// Those of the store; the text names the file.
    pub fn open(config: &Config, serial: &Serial) -> Result<Self> {
        let snapshot = match config.store.read_only {
            true => Some(Snapshot::take(&config.home, &serial.to_string())?),
            false => None,
        };
        let home = snapshot
            .as_ref()
            .map_or(config.home.as_path(), Snapshot::home);
        let directory = tokens_in(home).join(serial.to_string());
        // A process that was killed may not have come to erasing what it removed.
        let log = fs::metadata(directory.join("token.db-wal"));
        let unscrubbed = log.is_ok_and(|log| log.len() > 0);
        let store = open_store(config, &directory)?;
        let registry = Registry::open(&directory.join("shared"))?;
        files::make_directory(&anchors_in(home))?;
        let anchor = Anchor::open(&anchor_of(home, serial))?;
        let rows_anchor = Anchor::open(&rows_anchor_of(home, serial))?;
        let card = store.reading(|reader| Card::read(reader))?;
        let watched = AtomicU64::new(registry.generation());
        let generation = registry.domain_generation();
        let attached = store
            .reading(|reader| Attached::read(reader))?
            .map(Arc::new);
        Ok(Token {
            serial: serial.clone(),
            pin_settings: config.pin.clone(),
            cache_settings: config.cache.clone(),
            poll: config.repository.poll(),
            freshness: Freshness::new(attached.is_some()),
            store,
            repository: repository::open(config)?,
            attached: ArcSwap::from_pointee(Attachment {
                generation,
                attached,
            }),
            registry,
            anchor,
            rows_anchor,
            card: ArcSwap::from_pointee(card),
            unlocked: ArcSwapOption::empty(),
            public: Cache::new(Limits {
                lifetime: config.cache.lifetime_s.into(),
                entries: usize::try_from(config.cache.entries).unwrap_or(usize::MAX),
            }),
            roles: roles::RoleCache::new(),
            searches: super::searches::Searches::default(),
            operator_sessions: super::replay::OperatorSessions::new(directory.join("sessions")),
            counts: super::counts::Counts::default(),
            unscrubbed: AtomicBool::new(unscrubbed),
            following: Mutex::new(None),
            in_memory: ArcSwapOption::empty(),
            reported: AtomicU64::new(0),
            watched,
            holders: OnceLock::new(),
            let_go: AtomicU64::new(0),
            snapshot,
        })
    }

    /// Initialises the token anew, under its serial: its objects, PINs, identity and domain go, and
    /// new ones are made. Whoever is logged in, in any process, is so no more.
    ///
    /// # Errors
    /// `PinIncorrect`, `PinLocked`; those of the store.
    pub fn reinitialise(&self, so_pin: &[u8], label: &str) -> Result<()> {
        self.must_be_writable()?;
        self.verify_pin(Role::SecurityOfficer, so_pin)?;
        self.logout();
        let mut fresh = Fresh::make(&self.serial, label, so_pin, &self.pin_settings)?;
        // Between these two steps there is no anchor, which is reported and not fatal; an anchor of
        // the old state would be.
        self.anchor.forget()?;
        self.rows_anchor.forget()?;
        let anchored = self.change(|writer| {
            writer.clear()?;
            let anchored = fresh.write(writer)?;
            Ok((anchored, super::changes::Touched::everything()))
        })?;
        self.anchor.restart(&anchored)?;
        self.card
            .store(Arc::new(self.store.reading(|reader| Card::read(reader))?));
        self.public.clear();
        self.scrub()?;
        Ok(())
    }

    /// Removes the token with everything in it, for ever.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn delete(config: &Config, serial: &Serial) -> Result<()> {
        must_be_writable(config)?;
        let directory = tokens_in(&config.home).join(serial.to_string());
        // Moved away first, so that there is never half a token.
        let aside = tokens_in(&config.home).join(format!(".old-{serial}-{}", std::process::id()));
        fs::rename(&directory, &aside).map_err(|error| files::cause(&directory, &error))?;
        fs::remove_dir_all(&aside).map_err(|error| files::cause(&aside, &error))?;
        // The empty anchor stays: its serial is not given to another token.
        Anchor::open(&anchor_of(&config.home, serial))?.forget()?;
        files::sync_directory(&tokens_in(&config.home))
    }
}

/// # Errors
/// `TokenReadOnly` where tokens are only read.
fn must_be_writable(config: &Config) -> Result<()> {
    match config.store.read_only {
        true => Err(Error::TokenReadOnly),
        false => Ok(()),
    }
}

/// Everything that a new token begins with.
struct Fresh {
    card: Card,
    root: Root,
    identity: Identity,
    so: crate::seal::pin::LockedRoot,
}

impl Fresh {
    fn make(
        serial: &Serial,
        label: &str,
        so_pin: &[u8],
        settings: &crate::config::Pin,
    ) -> Result<Self> {
        let root = Root::generate();
        let identity = Identity::generate(label, "")?;
        let card = Card {
            serial: serial.0,
            label: label.to_owned(),
            epoch: random(),
            signing: identity.public_key(),
            user_tries: settings.user_tries,
            so_tries: settings.so_tries,
        };
        let so = pins::lock(&root, &card, Role::SecurityOfficer, so_pin, cost(settings))?;
        Ok(Fresh {
            card,
            root,
            identity,
            so,
        })
    }

    /// Writes it all into an empty store, and answers the anchor of that state.
    fn write(&mut self, writer: &dyn Writer) -> Result<crate::storage::anchor::Anchored> {
        let keys = self.root.keys();
        self.card.write(writer)?;
        pins::write(writer, Role::SecurityOfficer, &self.so)?;
        let version = domain::found(writer, &keys, &self.identity, &self.card)?;
        let tree = Tree::new(keys.tree.clone(), 0);
        tree.plant(writer)?;
        let head = tree
            .head(writer)?
            .ok_or(Error::Internal("a new row tree without a root"))?;
        Ok(anchoring::State {
            head,
            version,
            card: &self.card,
        }
        .encode(&keys))
    }
}

/// Fills the directory of a new token.
fn fill(
    config: &Config,
    serial: &Serial,
    label: &str,
    so_pin: &[u8],
    directory: &Path,
) -> Result<crate::storage::anchor::Anchored> {
    let mut fresh = Fresh::make(serial, label, so_pin, &config.pin)?;
    // Made with the right permissions before SQLite, which keeps them for its other files, opens it.
    drop(files::open_or_make(&directory.join("token.db"))?);
    let store = SqliteStore::create(&directory.join("token.db"), config.store.busy_timeout())?;
    let store: &dyn Store = &store;
    store.writing(|writer| fresh.write(writer), &|| ())
}

fn open_store(config: &Config, directory: &Path) -> Result<Box<dyn Store>> {
    let path = directory.join("token.db");
    Ok(Box::new(SqliteStore::open(
        &path,
        config.store.busy_timeout(),
    )?))
}

/// What a try at a new PIN costs.
pub(super) fn cost(settings: &crate::config::Pin) -> Cost {
    Cost {
        memory_kib: settings.memory_kib,
        passes: settings.passes,
        lanes: settings.lanes,
    }
}

fn tokens_in(home: &Path) -> PathBuf {
    home.join("tokens")
}

fn anchors_in(home: &Path) -> PathBuf {
    home.join("anchors")
}

fn anchor_of(home: &Path, serial: &Serial) -> PathBuf {
    anchors_in(home).join(serial.to_string())
}

/// What the module last saw of its domain's repository.
fn rows_anchor_of(home: &Path, serial: &Serial) -> PathBuf {
    anchors_in(home).join(format!("{serial}.repository"))
}

/// The first serial of this machine's and directory's sequence that no token has or had: every
/// process finds the same one without writing anything.
fn free_serial(home: &Path, tokens: &[Serial]) -> Serial {
    let machine = fs::read("/etc/machine-id").unwrap_or_default();
    let used = |serial: &Serial| {
        serial.0 == 0 || tokens.contains(serial) || anchor_of(home, serial).exists()
    };
    let mut serials = (0_u64..).map(|number| {
        let mut hasher = Sha256::new();
        hasher.update(b"keyward/1 serial");
        hasher.update(&machine);
        hasher.update(home.as_os_str().as_encoded_bytes());
        hasher.update(number.to_be_bytes());
        let hash: [u8; 32] = hasher.finalize().into();
        let [a, b, c, d, ..] = hash;
        Serial(u64::from(u32::from_be_bytes([a & 0x7f, b, c, d])))
    });
    serials.find(|serial| !used(serial)).unwrap_or(Serial(1))
}
