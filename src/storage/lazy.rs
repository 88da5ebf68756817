//! A store that is opened when it is first needed, so that a module can be asked about itself while its
//! repository is away.

use super::{Reading, Store, Witness, Writing};
use crate::error::Result;
use std::sync::OnceLock;
use std::time::Duration;

/// How a store is opened.
type Open = dyn Fn() -> Result<Box<dyn Store>> + Send + Sync;

/// A store that may not be open yet. Opening it is tried anew at each use until it succeeds.
pub(super) struct Lazy {
    open: Box<Open>,
    store: OnceLock<Box<dyn Store>>,
}

impl Lazy {
    /// A store that `open` opens.
    pub(super) fn new(open: impl Fn() -> Result<Box<dyn Store>> + Send + Sync + 'static) -> Self {
        Lazy {
            open: Box::new(open),
            store: OnceLock::new(),
        }
    }

    fn store(&self) -> Result<&dyn Store> {
        if let Some(store) = self.store.get() {
            return Ok(&**store);
        }
        let opened = (self.open)()?;
        // A second thread may have been first: its store is as good.
        Ok(&**self.store.get_or_init(|| opened))
    }
}

impl Store for Lazy {
    fn read(&self, work: &mut Reading<'_>) -> Result<()> {
        self.store()?.read(work)
    }

    fn write(&self, work: &mut Writing<'_>, witness: &dyn Witness) -> Result<()> {
        self.store()?.write(work, witness)
    }

    fn stamp(&self) -> Result<u64> {
        self.store()?.stamp()
    }

    fn wait(&self, stamp: u64, most: Duration) -> Result<u64> {
        self.store()?.wait(stamp, most)
    }

    fn scrub(&self) -> Result<bool> {
        self.store()?.scrub()
    }

    fn tidy(&self) -> Result<bool> {
        // Who has not opened it has removed nothing there.
        self.store.get().map_or(Ok(true), |store| store.tidy())
    }

    fn flaws(&self) -> Result<Vec<String>> {
        self.store()?.flaws()
    }
}
