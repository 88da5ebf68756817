//! Random bytes: a ChaCha20 generator for each thread, seeded by the operating system.
//!
//! - *Fast key erasure*: each refill draws the next seed first, and bytes are erased from the buffer as
//!   they are handed out, so neither the generator's memory nor anything computed from it shows what
//!   it gave before. (The thread generator of `rand` keeps the key material it gave in its buffer.)
//! - *Forks*: the generation of [`crate::ffi::os::fork`] is compared before every use; a child starts from a
//!   fresh seed. The `rand` crate does not notice forks.
//! - A fresh seed from the operating system after every `RESEED_AFTER` bytes.
//! - Long requests are the key stream of AES-256 under a key that the generator gives each of them.
//! - What callers add ([`mix`]) is hashed into every seed from then on, beside the operating system's, never
//!   in its place: whoever knows or chooses it knows nothing of what comes out.
#![forbid(unsafe_code)]

use super::awslc::feedback::Stream;
use super::digest::MAX_LENGTH;
use super::hash::Hash;
use super::keywrap;
use crate::error::{Error, Result};
use crate::ffi::os::fork::fork_generation;
use crate::secret::SecretBytes;
use chacha20::ChaCha20Rng;
use rand::rngs::SysRng;
use rand::{Rng, SeedableRng, TryCryptoRng, TryRng};
use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use zeroize::{Zeroize, Zeroizing};

/// Bytes given out between two seeds from the operating system.
const RESEED_AFTER: usize = 1 << 20;
/// Bytes of a ChaCha20 key.
const SEED: usize = 32;
/// Bytes made at once for small requests.
const BUFFER: usize = 512;
/// From this length on, in bytes, AES makes them faster.
const LONG: usize = 2048;

thread_local! {
    static OWN: RefCell<Generator> = const { RefCell::new(Generator::unseeded()) };
}

/// What callers have added, in words that are changed without a lock: a lock that another thread holds
/// during a fork would never be free in the child.
static ADDED: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
/// How often they have.
static ADDITIONS: AtomicU64 = AtomicU64::new(0);

/// Mixes bytes of the caller into the seeds of every thread.
///
/// # Errors
/// As [`fill`].
pub fn mix(bytes: &[u8]) -> Result<()> {
    // With bytes of the system's among them, nobody takes back what somebody else has added.
    let fresh: [u8; SEED] = {
        let mut fresh = [0; SEED];
        from_system(&mut fresh)?;
        fresh
    };
    let mut digest = [0; MAX_LENGTH];
    Hash::Sha256.digest(&[&fresh, bytes], &mut digest)?;
    for (word, part) in ADDED.iter().zip(digest.chunks_exact(8)) {
        let part = part.first_chunk().copied().unwrap_or_default();
        word.fetch_xor(u64::from_le_bytes(part), Ordering::Relaxed);
    }
    digest.zeroize();
    ADDITIONS.fetch_add(1, Ordering::Release);
    Ok(())
}

/// Fills `out` with random bytes.
///
/// # Errors
/// `Internal` when the operating system gives no randomness; `out` is then zeros.
pub fn fill(out: &mut [u8]) -> Result<()> {
    let filled = OWN.try_with(|own| match own.try_borrow_mut() {
        Ok(mut generator) => generator.fill(out),
        Err(_) => from_system(out),
    });
    // A thread that is just ending has no generator any more.
    let filled = filled.unwrap_or_else(|_| from_system(out));
    if filled.is_err() {
        out.zeroize();
    }
    filled
}

/// An array of random bytes.
///
/// # Errors
/// As [`fill`].
pub fn array<const N: usize>() -> Result<[u8; N]> {
    let mut out = [0; N];
    fill(&mut out)?;
    Ok(out)
}

impl SecretBytes {
    /// A secret of `length` random bytes.
    ///
    /// # Errors
    /// As [`fill`].
    pub fn random(length: usize) -> Result<Self> {
        let mut secret = SecretBytes::zeroed(length);
        fill(secret.expose_mut())?;
        Ok(secret)
    }
}

/// The thread's generator in the form that other crates ask for (`rand_core::CryptoRng`).
#[derive(Clone, Copy, Default, Debug)]
pub struct ThreadGenerator;

impl TryRng for ThreadGenerator {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(array_or_panic()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(array_or_panic()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        fill_or_panic(out);
        Ok(())
    }
}

impl TryCryptoRng for ThreadGenerator {}

/// [`array()`] where the interface has no place for an error.
fn array_or_panic<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    fill_or_panic(&mut out);
    out
}

/// [`fill`] where the interface has no place for an error.
#[expect(
    clippy::panic,
    reason = "predictable bytes would be worse; the guard catches the unwind"
)]
fn fill_or_panic(out: &mut [u8]) {
    if fill(out).is_err() {
        panic!("the operating system gives no randomness");
    }
}

/// Random bytes straight from the operating system.
fn from_system(out: &mut [u8]) -> Result<()> {
    SysRng
        .try_fill_bytes(out)
        .map_err(|_| Error::Internal("the system gives no randomness"))
}

/// The state of one thread.
struct Generator {
    /// Under which fork generation the seed was drawn; 0 for none.
    generation: u64,
    /// How many additions of callers the seed has taken in.
    additions: u64,
    /// Bytes to give before the next seed from the system.
    left: usize,
    /// The key of the next refill.
    seed: [u8; SEED],
    /// Bytes not given yet, at the end of the buffer.
    buffer: [u8; BUFFER],
    ready: usize,
}

impl Generator {
    const fn unseeded() -> Self {
        Generator {
            generation: 0,
            additions: 0,
            left: 0,
            seed: [0; SEED],
            buffer: [0; BUFFER],
            ready: 0,
        }
    }

    fn fill(&mut self, out: &mut [u8]) -> Result<()> {
        let generation = fork_generation();
        let added = self.additions != ADDITIONS.load(Ordering::Acquire);
        if self.generation != generation || self.left < out.len() || added {
            self.reseed(generation)?;
        }
        self.left = self.left.saturating_sub(out.len());
        if out.len() >= LONG {
            return self.expand(out);
        }
        if out.len() >= BUFFER {
            self.step().fill_bytes(out);
            return Ok(());
        }
        let from_buffer = out.len().min(self.ready);
        let (first, rest) = out.split_at_mut(from_buffer);
        self.take(first);
        if !rest.is_empty() {
            let mut stream = self.step();
            stream.fill_bytes(&mut self.buffer);
            self.ready = BUFFER;
            self.take(rest);
        }
        Ok(())
    }

    /// Many bytes: the key stream of AES-256 in counter mode under a key that is used for nothing else.
    fn expand(&mut self, out: &mut [u8]) -> Result<()> {
        let mut key = Zeroizing::new([0; SEED]);
        self.step().fill_bytes(key.as_mut_slice());
        out.fill(0);
        let stream = Stream::counter(key.as_slice(), &[0; 16]);
        let done = stream.and_then(|mut stream| stream.update_in_place(out));
        keywrap::leave_vector_code();
        done.ok_or(Error::HostMemory)
    }

    /// Moves bytes out of the buffer, which holds as many.
    fn take(&mut self, out: &mut [u8]) {
        let ready = self.buffer.len().saturating_sub(self.ready);
        for (out, kept) in out.iter_mut().zip(self.buffer.iter_mut().skip(ready)) {
            *out = std::mem::take(kept);
        }
        self.ready -= out.len();
    }

    /// The stream of the current seed, whose first bytes became the next seed.
    fn step(&mut self) -> ChaCha20Rng {
        let mut stream = ChaCha20Rng::from_seed(self.seed);
        stream.fill_bytes(&mut self.seed);
        stream
    }

    /// Starts anew from the operating system.
    #[cold]
    fn reseed(&mut self, generation: u64) -> Result<()> {
        self.generation = 0;
        self.buffer.zeroize();
        self.ready = 0;
        self.additions = ADDITIONS.load(Ordering::Acquire);
        from_system(&mut self.seed)?;
        if self.additions > 0 {
            self.take_in_additions()?;
        }
        self.generation = generation;
        self.left = RESEED_AFTER;
        Ok(())
    }
}

impl Generator {
    /// Makes the seed one of the system's bytes and of all that callers have added.
    fn take_in_additions(&mut self) -> Result<()> {
        let added = ADDED.each_ref().map(|word| word.load(Ordering::Relaxed));
        let mut digest = [0; MAX_LENGTH];
        let added = added.map(u64::to_le_bytes);
        Hash::Sha256.digest(&[&self.seed, added.as_flattened()], &mut digest)?;
        for (own, byte) in self.seed.iter_mut().zip(digest) {
            *own = byte;
        }
        digest.zeroize();
        Ok(())
    }
}

impl Drop for Generator {
    fn drop(&mut self) {
        self.seed.zeroize();
        self.buffer.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_filled_and_nothing_repeats() {
        let mut seen = std::collections::HashSet::new();
        for length in (1..100).chain([511, 512, 513, 5000, RESEED_AFTER + 1]) {
            let secret = SecretBytes::random(length + 16).unwrap();
            assert!(seen.insert(secret.expose()[..16].to_vec()));
            assert!(seen.insert(secret.expose()[length..].to_vec()));
        }
    }

    #[test]
    fn bytes_given_are_no_longer_in_the_generator() {
        let mut generator = Generator::unseeded();
        let mut out = [0; 64];
        generator.fill(&mut out).unwrap();
        let kept = generator.buffer;
        assert!(
            !kept
                .windows(8)
                .any(|window| out.windows(8).any(|given| given == window))
        );
        let mut next = Generator::unseeded();
        next.generation = fork_generation();
        next.left = 1000;
        next.seed = generator.seed;
        let mut again = [0; 64];
        next.fill(&mut again).unwrap();
        assert_ne!(
            again, out,
            "the seed that is kept does not give the bytes before it"
        );
    }

    #[test]
    fn what_is_added_never_decides_what_comes_out() {
        let mut seen = std::collections::HashSet::new();
        for _ in 0..50 {
            mix(b"the same each time").unwrap();
            assert!(seen.insert(array::<32>().unwrap()));
        }
        // Other threads take it in as well, and give other bytes.
        let other = std::thread::spawn(|| array::<32>().unwrap());
        assert!(seen.insert(other.join().unwrap()));
    }

    #[test]
    fn an_addition_changes_the_seed_that_is_in_use() {
        let mut generator = Generator::unseeded();
        generator.fill(&mut [0; 8]).unwrap();
        let before = generator.seed;
        mix(b"bytes").unwrap();
        generator.fill(&mut [0; 8]).unwrap();
        assert_ne!(generator.seed, before);
        assert_eq!(generator.additions, ADDITIONS.load(Ordering::Relaxed));
    }

    #[test]
    fn another_fork_generation_means_another_seed() {
        let mut parent = Generator::unseeded();
        parent.fill(&mut [0; 8]).unwrap();
        let mut child = Generator {
            generation: parent.generation + 1,
            ..Generator::unseeded()
        };
        child.seed = parent.seed;
        child.buffer = parent.buffer;
        child.ready = parent.ready;
        child.left = parent.left;
        let (mut of_parent, mut of_child) = ([0; 600], [0; 600]);
        parent.fill(&mut of_parent).unwrap();
        child.fill(&mut of_child).unwrap();
        assert!(
            of_parent
                .iter()
                .zip(&of_child)
                .filter(|(a, b)| a == b)
                .count()
                < 50
        );
    }
}
