//! Many independent wraps under one key. Runs of equal length go through the interleaved kernel where
//! the processor has one, everything else one by one.
#![forbid(unsafe_code)]

use super::{DEFAULT_IV, Key, SEMIBLOCK, Verdict};
use crate::error::{Error, Result};

/// One wrap or unwrap of a batch.
pub struct Item<'a> {
    /// What to wrap or unwrap.
    pub input: &'a [u8],
    /// Where the result goes: one semiblock longer than the input for a wrap, one shorter for an unwrap.
    pub out: &'a mut [u8],
}

impl Key {
    /// KW of every item with the default initial value.
    ///
    /// # Errors
    /// As [`Key::wrap`], found before anything is written.
    pub fn wrap_batch(&self, items: &mut [Item<'_>]) -> Result<()> {
        for item in &*items {
            let needed = item.input.len().saturating_add(SEMIBLOCK);
            if !item.input.len().is_multiple_of(SEMIBLOCK) || item.input.len() < 2 * SEMIBLOCK {
                return Err(Error::DataLenRange);
            }
            if item.out.len() < needed {
                return Err(Error::BufferTooSmall(needed));
            }
        }
        for run in items.chunk_by_mut(|one, next| one.input.len() == next.input.len()) {
            self.wrap_run(run)?;
        }
        Ok(())
    }

    /// The inverse of [`Key::wrap_batch`]: a verdict for each item, in their order. The output of an item
    /// that is not valid is zeroed.
    ///
    /// # Errors
    /// Those of [`Key::unwrap`] that lengths alone decide, found before anything is written.
    pub fn unwrap_batch(&self, items: &mut [Item<'_>]) -> Result<Vec<Verdict>> {
        for item in &*items {
            let needed = item.input.len().saturating_sub(SEMIBLOCK);
            if !item.input.len().is_multiple_of(SEMIBLOCK) || item.input.len() < 3 * SEMIBLOCK {
                return Err(Error::WrappedKeyLenRange);
            }
            if item.out.len() < needed {
                return Err(Error::BufferTooSmall(needed));
            }
        }
        let mut verdicts = Vec::new();
        verdicts
            .try_reserve(items.len())
            .map_err(|_| Error::HostMemory)?;
        for run in items.chunk_by_mut(|one, next| one.input.len() == next.input.len()) {
            self.unwrap_run(run, &mut verdicts)?;
        }
        Ok(verdicts)
    }

    /// Wraps of equal length.
    fn wrap_run(&self, run: &mut [Item<'_>]) -> Result<()> {
        #[cfg(target_arch = "x86_64")]
        let run = match self.lanes() {
            Some(lanes) => lanes.wrap(run)?,
            None => run,
        };
        run.iter_mut()
            .try_for_each(|item| self.wrap(&DEFAULT_IV, item.input, item.out))
    }

    /// Unwraps of equal length.
    fn unwrap_run(&self, run: &mut [Item<'_>], verdicts: &mut Vec<Verdict>) -> Result<()> {
        #[cfg(target_arch = "x86_64")]
        let run = match self.lanes() {
            Some(lanes) => lanes.unwrap(run, verdicts)?,
            None => run,
        };
        for item in run {
            verdicts.push(self.unwrap_unread(&DEFAULT_IV, item.input, item.out)?);
        }
        Ok(())
    }
}

#[cfg(target_arch = "x86_64")]
mod lanes {
    //! Items into lanes and back.

    use super::super::aesni::Schedule;
    use super::super::vaes::{LANES, Row, Width};
    use super::super::{DEFAULT_IV, Engine, Key, SEMIBLOCK, Semiblock, Verdict};
    use super::Item;
    use crate::error::{Error, Result};

    /// Fewer items than this are faster one by one.
    const WORTHWHILE: usize = 3;

    /// The interleaved kernel under one key.
    pub(in super::super) struct Lanes<'k> {
        schedule: &'k Schedule,
        width: Width,
    }

    impl Key {
        /// The interleaved kernel, where the processor has one.
        pub(super) fn lanes(&self) -> Option<Lanes<'_>> {
            self.lanes_of(Width::find()?)
        }

        /// The interleaved kernel of a width that the processor has.
        pub(in super::super) fn lanes_of(&self, width: Width) -> Option<Lanes<'_>> {
            match &self.0 {
                Engine::Hardware(schedule) => Some(Lanes { schedule, width }),
                Engine::Portable(_) => None,
            }
        }
    }

    impl Lanes<'_> {
        /// Wraps items of equal length, as many as are worth it; answers the rest.
        pub(in super::super) fn wrap<'r, 'i>(
            &self,
            mut run: &'r mut [Item<'i>],
        ) -> Result<&'r mut [Item<'i>]> {
            if run.len() < WORTHWHILE {
                return Ok(run);
            }
            let mut rows = rows_for(run, |item| item.input.len())?;
            while run.len() >= WORTHWHILE {
                let (group, rest) = run.split_at_mut(run.len().min(LANES));
                run = rest;
                let mut a = Row::ZERO;
                a.a().for_each(|a| *a = u64::from_ne_bytes(DEFAULT_IV));
                for (lane, item) in group.iter().enumerate() {
                    put(&mut rows, lane, item.input);
                }
                self.width.wrap(self.schedule, &mut a, &mut rows);
                for ((lane, item), a) in group.iter_mut().enumerate().zip(a.a()) {
                    let (first, r) = item.out.split_first_chunk_mut().ok_or(LENGTHS)?;
                    *first = a.to_ne_bytes();
                    take(&mut rows, lane, r.as_chunks_mut().0);
                }
            }
            Ok(run)
        }

        /// Unwraps items of equal length, as many as are worth it; answers the rest.
        pub(in super::super) fn unwrap<'r, 'i>(
            &self,
            mut run: &'r mut [Item<'i>],
            verdicts: &mut Vec<Verdict>,
        ) -> Result<&'r mut [Item<'i>]> {
            if run.len() < WORTHWHILE {
                return Ok(run);
            }
            let mut rows = rows_for(run, |item| item.input.len().saturating_sub(SEMIBLOCK))?;
            while run.len() >= WORTHWHILE {
                let (group, rest) = run.split_at_mut(run.len().min(LANES));
                run = rest;
                let mut a = Row::ZERO;
                for ((lane, item), a) in group.iter().enumerate().zip(a.a()) {
                    let (first, r) = item.input.split_first_chunk().ok_or(LENGTHS)?;
                    *a = u64::from_ne_bytes(*first);
                    put(&mut rows, lane, r);
                }
                self.width.unwrap(self.schedule, &mut a, &mut rows);
                for ((lane, item), a) in group.iter_mut().enumerate().zip(a.a()) {
                    let length = item.input.len().saturating_sub(SEMIBLOCK);
                    let out = item.out.get_mut(..length).ok_or(LENGTHS)?.as_chunks_mut().0;
                    take(&mut rows, lane, out);
                    verdicts.push(Verdict::of_kw(a.to_ne_bytes(), DEFAULT_IV, out));
                }
            }
            Ok(run)
        }
    }

    /// The lengths were checked for the whole batch.
    const LENGTHS: Error = Error::Internal("key wrap batch lengths");

    /// Rows for the semiblocks of one item.
    fn rows_for(run: &[Item<'_>], length: impl Fn(&Item<'_>) -> usize) -> Result<Vec<Row>> {
        let semiblocks = run.first().map_or(0, |item| length(item) / SEMIBLOCK);
        let mut rows = Vec::new();
        rows.try_reserve_exact(semiblocks)
            .map_err(|_| Error::HostMemory)?;
        rows.resize(semiblocks, Row::ZERO);
        Ok(rows)
    }

    /// Puts an item's semiblocks into its lane.
    fn put(rows: &mut [Row], lane: usize, data: &[u8]) {
        for (row, semiblock) in rows.iter_mut().zip(data.as_chunks().0) {
            row.r()
                .skip(lane)
                .take(1)
                .for_each(|r| *r = u64::from_ne_bytes(*semiblock));
        }
    }

    /// Takes an item's semiblocks out of its lane.
    fn take(rows: &mut [Row], lane: usize, out: &mut [Semiblock]) {
        for (row, semiblock) in rows.iter_mut().zip(out) {
            row.r()
                .skip(lane)
                .take(1)
                .for_each(|r| *semiblock = r.to_ne_bytes());
        }
    }
}
