//! How long key wrap takes, and whether its time tells anything of what it works on.
//!
//! `cargo bench --bench keywrap` prints nanoseconds for each implementation and for batches, and then a
//! comparison in the manner of dudect (Reparaz, Balasch, Verbauwhede 2017): unwraps of one fixed input
//! against unwraps of random ones, in random order, Welch's t over their times. Values of |t| that stay
//! above 4.5 as the number of measurements grows mean a leak. Machines are noisy, so this is read by
//! people and fails no test.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a measurement that cannot go on says so by a panic"
)]

use keyward_pkcs11::crypto::keywrap::{DEFAULT_IV, Item, Key};
use keyward_pkcs11::crypto::random;
use std::hint::black_box;
use std::time::Instant;

fn main() {
    times();
    println!("|t| by where the integrity check fails:");
    by_place();
    println!("|t| by key:");
    by_key();
    println!("|t| of a planted leak:");
    by_leak();
}

/// Nanoseconds for a 32-byte key under AES-256.
fn times() {
    let bytes: [u8; 32] = random::array().unwrap();
    let own = Key::new(&bytes).unwrap();
    let portable = Key::portable(&bytes).unwrap();
    for key in [&own, &portable] {
        let name = key.implementation();
        let mut wrapped = [0; 40];
        let wrap = median(1000, || {
            key.wrap(&DEFAULT_IV, black_box(&bytes), &mut wrapped)
                .unwrap()
        });
        let mut plain = [0; 32];
        let unwrap = median(1000, || {
            key.unwrap(&DEFAULT_IV, black_box(&wrapped), &mut plain)
                .unwrap()
        });
        println!("{name}: wrap {wrap:.0} ns, unwrap {unwrap:.0} ns");
    }
    let prepare = median(1000, || drop(black_box(Key::new(black_box(&bytes)))));
    println!("preparing a key: {prepare:.0} ns");
    for count in [1, 4, 16, 128] {
        let inputs = vec![bytes; count];
        let mut outs = vec![[0; 40]; count];
        let batch = median(100, || {
            let mut items: Vec<Item> = inputs
                .iter()
                .zip(&mut outs)
                .map(|(input, out)| Item { input, out })
                .collect();
            own.wrap_batch(black_box(&mut items)).unwrap();
        });
        let each = batch / f64::from(u32::try_from(count).unwrap());
        println!("batch of {count}: {each:.0} ns each");
    }
}

/// The median over runs of the mean time of one call in nanoseconds.
fn median(calls: u32, mut call: impl FnMut()) -> f64 {
    let mut means: Vec<f64> = (0..31)
        .map(|_| {
            let start = Instant::now();
            (0..calls).for_each(|_| call());
            start.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
        })
        .collect();
    means.sort_by(f64::total_cmp);
    means[means.len() / 2]
}

/// Unwraps that fail: one class always with the same input, the other with random ones.
fn by_place() {
    let key = Key::new(&random::array::<32>().unwrap()).unwrap();
    let fixed: [u8; 40] = random::array().unwrap();
    compare(&fixed, |input| {
        let mut out = [0; 32];
        let _ = black_box(key.unwrap(&DEFAULT_IV, black_box(input), &mut out));
    });
}

/// Preparing and wrapping: one class always with the same key, the other with random ones.
fn by_key() {
    let fixed: [u8; 32] = random::array().unwrap();
    compare(&fixed, |bytes| {
        let key = Key::new(black_box(bytes)).unwrap();
        let mut out = [0; 40];
        let _ = black_box(key.wrap(&DEFAULT_IV, &[7; 32], &mut out));
    });
}

/// A comparison that stops at the first difference, as a leak to find.
fn by_leak() {
    compare(&[7; 32], |bytes: &[u8; 32]| {
        black_box(
            bytes
                .iter()
                .take_while(|byte| black_box(**byte) == 7)
                .count(),
        );
    });
}

/// The fixed bytes or random ones. Both classes do the same work to get them, so that caches and predictors
/// are alike when the clock starts.
#[inline(never)]
fn chosen<const N: usize>(class: u8, fixed: &[u8; N]) -> [u8; N] {
    let mut bytes: [u8; N] = random::array().unwrap();
    let keep = class.wrapping_sub(1);
    for (byte, fixed) in bytes.iter_mut().zip(fixed) {
        *byte = (*byte & keep) | (fixed & !keep);
    }
    bytes
}

/// Seconds that one run takes.
#[inline(never)]
fn timed<const N: usize>(run: &impl Fn(&[u8; N]), bytes: &[u8; N]) -> f64 {
    let start = Instant::now();
    run(bytes);
    start.elapsed().as_secs_f64()
}

/// Welch's t between the two classes, as measurements accumulate; the slowest tenth is cut off.
fn compare<const N: usize>(fixed: &[u8; N], run: impl Fn(&[u8; N])) {
    let mut classes = [Vec::new(), Vec::new()];
    for round in 1..=5u32 {
        for _ in 0..200_000 {
            let class = random::array::<1>().unwrap()[0] & 1;
            let bytes = chosen(black_box(class), fixed);
            classes[usize::from(class)].push(timed(&run, &bytes));
        }
        let [first, second] = &classes;
        println!(
            "  {:>7} measurements: {:.2}",
            round * 200_000,
            welch(first, second).abs()
        );
    }
}

fn welch(first: &[f64], second: &[f64]) -> f64 {
    let mut all: Vec<f64> = first.iter().chain(second).copied().collect();
    all.sort_by(f64::total_cmp);
    let most = all[all.len() * 9 / 10];
    let summary = |times: &[f64]| {
        let kept: Vec<f64> = times.iter().copied().filter(|time| *time <= most).collect();
        let count = f64::from(u32::try_from(kept.len()).unwrap());
        let mean = kept.iter().sum::<f64>() / count;
        let spread = kept.iter().map(|time| (time - mean).powi(2)).sum::<f64>() / (count - 1.0);
        (mean, spread / count)
    };
    let ((mean, variance), (other_mean, other_variance)) = (summary(first), summary(second));
    (mean - other_mean) / (variance + other_variance).sqrt()
}
