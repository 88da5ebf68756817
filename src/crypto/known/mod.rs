//! Self-tests: the known answers of a family of algorithms, computed once in a process before the family is used
//! first. One that is wrong is final: nothing of any family is given out after it, until the process ends.
#![forbid(unsafe_code)]

mod answers;
mod derivation;
mod public_key;
mod symmetric;

use crate::error::{Error, Result};
use answers::Answers;
use std::sync::atomic::{AtomicU64, Ordering};

/// What computes the answers of a family and compares them. Whatever error it ends with is a wrong answer.
type Test = fn(Answers<'_>) -> Result<()>;

/// A family of algorithms.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "the names are the algorithms' own")]
pub enum Family {
    Hashes,
    Hmac,
    Aes,
    KeyWrap,
    ChaCha,
    Rsa,
    Ec,
    Ed25519,
    X25519,
    MlKem,
    MlDsa,
    SlhDsa,
    Derivation,
    Argon2,
}

impl Family {
    /// Every family, in the order of its numbers.
    pub const ALL: [Family; 14] = [
        Family::Hashes,
        Family::Hmac,
        Family::Aes,
        Family::KeyWrap,
        Family::ChaCha,
        Family::Rsa,
        Family::Ec,
        Family::Ed25519,
        Family::X25519,
        Family::MlKem,
        Family::MlDsa,
        Family::SlhDsa,
        Family::Derivation,
        Family::Argon2,
    ];

    /// What people call it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Family::Hashes => "hash functions",
            Family::Hmac => "HMAC",
            Family::Aes => "AES",
            Family::KeyWrap => "AES key wrap",
            Family::ChaCha => "ChaCha20-Poly1305",
            Family::Rsa => "RSA",
            Family::Ec => "ECDSA and ECDH",
            Family::Ed25519 => "Ed25519",
            Family::X25519 => "X25519",
            Family::MlKem => "ML-KEM",
            Family::MlDsa => "ML-DSA",
            Family::SlhDsa => "SLH-DSA",
            Family::Derivation => "key derivation",
            Family::Argon2 => "Argon2id",
        }
    }

    const fn test(self) -> Test {
        match self {
            Family::Hashes => symmetric::hashes,
            Family::Hmac => symmetric::hmac,
            Family::Aes => symmetric::aes,
            Family::KeyWrap => symmetric::key_wrap,
            Family::ChaCha => symmetric::chacha,
            Family::Rsa => public_key::rsa,
            Family::Ec => public_key::ec,
            Family::Ed25519 => public_key::ed25519,
            Family::X25519 => public_key::x25519,
            Family::MlKem => public_key::mlkem,
            Family::MlDsa => public_key::mldsa,
            Family::SlhDsa => public_key::slhdsa,
            Family::Derivation => derivation::functions,
            Family::Argon2 => derivation::argon2,
        }
    }

    const fn bit(self) -> u64 {
        let number: u64 = match self {
            Family::Hashes => 0,
            Family::Hmac => 1,
            Family::Aes => 2,
            Family::KeyWrap => 3,
            Family::ChaCha => 4,
            Family::Rsa => 5,
            Family::Ec => 6,
            Family::Ed25519 => 7,
            Family::X25519 => 8,
            Family::MlKem => 9,
            Family::MlDsa => 10,
            Family::SlhDsa => 11,
            Family::Derivation => 12,
            Family::Argon2 => 13,
        };
        1 << number
    }
}

/// The families that something rests on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Families(u64);

impl Families {
    /// None: what computes nothing.
    pub const NONE: Families = Families(0);
    /// Hash functions alone.
    pub const HASHES: Families = Families::of(&[Family::Hashes]);
    /// MACs with a hash.
    pub const HMAC: Families = Families::of(&[Family::Hashes, Family::Hmac]);
    /// AES in all modes but key wrap.
    pub const AES: Families = Families::of(&[Family::Aes]);
    /// Key wrap.
    pub const KEY_WRAP: Families = Families::of(&[Family::Aes, Family::KeyWrap]);
    /// ChaCha20, Poly1305, and both together.
    pub const CHACHA: Families = Families::of(&[Family::ChaCha]);
    /// RSA with its hashes, and what wraps by it.
    pub const RSA: Families = Families::of(&[Family::Hashes, Family::KeyWrap, Family::Rsa]);
    /// Curves of the short Weierstrass form with their hashes, and what agrees and wraps by them.
    pub const EC: Families = Families::of(&[
        Family::Hashes,
        Family::KeyWrap,
        Family::Ec,
        Family::X25519,
        Family::Derivation,
    ]);
    /// Ed25519.
    pub const ED25519: Families = Families::of(&[Family::Hashes, Family::Ed25519]);
    /// X25519.
    pub const X25519: Families = Families::of(&[Family::X25519]);
    /// ML-KEM.
    pub const ML_KEM: Families = Families::of(&[Family::MlKem]);
    /// ML-DSA with its hashes.
    pub const ML_DSA: Families = Families::of(&[Family::Hashes, Family::MlDsa]);
    /// SLH-DSA with its hashes.
    pub const SLH_DSA: Families = Families::of(&[Family::Hashes, Family::SlhDsa]);
    /// Key derivation functions.
    pub const DERIVATION: Families = Families::of(&[
        Family::Hashes,
        Family::Hmac,
        Family::Aes,
        Family::Derivation,
    ]);
    /// What the module itself rests on, whatever it is used for.
    pub const MODULE: Families = Families::of(&[
        Family::Hashes,
        Family::Hmac,
        Family::Aes,
        Family::KeyWrap,
        Family::ChaCha,
        Family::Ed25519,
        Family::X25519,
        Family::Derivation,
        Family::Argon2,
    ]);

    const fn of(families: &[Family]) -> Self {
        let mut all = 0;
        let mut rest = families;
        while let [first, others @ ..] = rest {
            all |= first.bit();
            rest = others;
        }
        Families(all)
    }
}

/// What is known of the families in one process.
struct State {
    /// A bit for each family whose answers were right; [`ENDED`] alone once one was wrong.
    passed: AtomicU64,
    /// What was wrong: one more than the family's place in [`Family::ALL`], and [`PAIR`] where it was a new
    /// pair of keys.
    failed: AtomicU64,
}

/// No family has this bit.
const ENDED: u64 = 1 << 63;
/// Marks that two keys of a new pair did not fit.
const PAIR: u64 = 1 << 32;

static PROCESS: State = State::new();

impl State {
    const fn new() -> Self {
        State {
            passed: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    fn has(&self, families: Families) -> bool {
        self.passed.load(Ordering::Relaxed) & families.0 == families.0
    }

    /// Tests those of the families that were not tested yet.
    #[cold]
    fn prove(&self, families: Families, known: Answers<'_>) -> Result<()> {
        for family in Family::ALL {
            if families.0 & family.bit() == 0 || self.has(Families(family.bit())) {
                continue;
            }
            self.check()?;
            if family.test()(known).is_err() {
                return Err(self.end(family, 0));
            }
            let tested = |now| (now & ENDED == 0).then_some(now | family.bit());
            let both = Ordering::Relaxed;
            let _ = self.passed.fetch_update(both, both, tested);
        }
        self.check()
    }

    /// Ends the state for good; the error that says why.
    fn end(&self, family: Family, what: u64) -> Error {
        let place = Family::ALL.iter().position(|own| *own == family);
        let place = place.and_then(|place| u64::try_from(place).ok());
        let why = (place.unwrap_or_default() + 1) | what;
        let first = Ordering::Relaxed;
        let _ = self.failed.compare_exchange(0, why, first, first);
        self.passed.store(ENDED, Ordering::Relaxed);
        cause(why)
    }

    /// # Errors
    /// `SelfTest` when a test has failed.
    fn check(&self) -> Result<()> {
        match self.failed.load(Ordering::Relaxed) {
            0 => Ok(()),
            why => Err(cause(why)),
        }
    }
}

/// The error of what is noted in a state.
fn cause(why: u64) -> Error {
    let place = usize::try_from((why & !PAIR).saturating_sub(1));
    let family = place.ok().and_then(|place| Family::ALL.get(place));
    let name = family.map_or("an algorithm", |family| family.name());
    match why & PAIR {
        0 => Error::SelfTest(name),
        _ => Error::PairTest(name),
    }
}

/// Whether everything of these families may be used: their known answers are right. They are computed when
/// they are first asked for.
///
/// # Errors
/// `SelfTest` or `PairTest` when a test, of whatever family, has failed in this process.
#[inline]
pub fn ready(families: Families) -> Result<()> {
    if PROCESS.has(families) {
        return Ok(());
    }
    PROCESS.prove(families, Answers::own())
}

/// Whether no test has failed in this process.
///
/// # Errors
/// `SelfTest` or `PairTest` otherwise.
pub fn check() -> Result<()> {
    PROCESS.check()
}

/// Ends the use of every algorithm in this process, because the keys of a new pair do not fit; the error.
#[cold]
#[must_use]
pub fn unfit(family: Family) -> Error {
    PROCESS.end(family, PAIR)
}

/// The families whose known answers are wrong, computed now.
#[must_use]
pub fn wrong() -> Vec<Family> {
    let wrong = |family: &Family| family.test()(Answers::own()).is_err();
    Family::ALL.into_iter().filter(wrong).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_answer_is_the_known_one() {
        assert_eq!(wrong(), []);
        for family in Family::ALL {
            ready(Families(family.bit())).unwrap();
        }
    }

    #[test]
    fn numbers_are_places() {
        for (place, family) in Family::ALL.into_iter().enumerate() {
            assert_eq!(family.bit(), 1 << place);
        }
    }

    /// Changes the first digit of a named value.
    fn changed(text: &str, name: &str) -> String {
        let start = text.find(&format!("\n{name} ")).unwrap() + name.len() + 2;
        let digit = match &text[start..=start] {
            "0" => "1",
            _ => "0",
        };
        format!("{}{digit}{}", &text[..start], &text[start + 1..])
    }

    #[test]
    fn each_wrong_answer_fails_its_family_and_ends_every_other() {
        let mut seen = Vec::new();
        for line in answers::TEXT.lines() {
            let Some((name, _)) = line
                .split_once(' ')
                .filter(|own| own.0.ends_with(".answer"))
            else {
                continue;
            };
            let text = changed(answers::TEXT, name);
            // SLH-DSA takes as long as all others together.
            let slow = |family: &Family| *family == Family::SlhDsa && !name.starts_with("slhdsa.");
            let fails =
                |family: &Family| !slow(family) && family.test()(Answers::new(&text)).is_err();
            let failing: Vec<Family> = Family::ALL.into_iter().filter(fails).collect();
            let [family] = failing.as_slice() else {
                panic!("{name}: {failing:?}");
            };
            seen.push(*family);
            let good = Family::ALL.into_iter().find(|own| own != family).unwrap();
            let good = Families(good.bit());
            let state = State::new();
            state.prove(good, Answers::own()).unwrap();
            assert!(state.has(good));
            let error = Error::SelfTest(family.name());
            let both = Families(good.0 | family.bit());
            assert_eq!(state.prove(both, Answers::new(&text)).unwrap_err(), error);
            assert!(!state.has(good));
            assert_eq!(state.prove(good, Answers::own()).unwrap_err(), error);
        }
        for family in Family::ALL {
            assert!(seen.contains(&family), "{family:?} has no answer");
        }
    }

    #[test]
    fn keys_that_do_not_fit_end_every_family() {
        let state = State::new();
        state.prove(Families::AES, Answers::own()).unwrap();
        let error = state.end(Family::Rsa, PAIR);
        assert_eq!(error, Error::PairTest("RSA"));
        assert!(!state.has(Families::AES));
        assert_eq!(state.check(), Err(error));
    }
}
