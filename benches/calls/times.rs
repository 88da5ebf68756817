//! Calls a second: one thread, two threads, two processes on one token, and a process that was forked off
//! one that had the token open.

use crate::support::process::CHILD;
use crate::support::{Home, Session, Token, finalize};
use crate::workloads::{Keys, WORKLOADS, by_name, new_token, shared_token};
use crate::{PART, home};
use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};
use std::sync::Barrier;
use std::time::{Duration, Instant};

/// How long one round of a measurement takes, and how many there are.
const ROUND: Duration = Duration::from_millis(150);
const ROUNDS: usize = 5;
/// Calls of which each is timed for itself.
const TIMED: usize = 20_000;
/// A count of threads that stands for one thread in a forked process.
const FORKED: usize = 0;

/// What was measured: calls a second of all threads, and nanoseconds of one call, clock included.
#[derive(Clone, Copy)]
pub(crate) struct Figures {
    pub(crate) rate: f64,
    median: u64,
    high: u64,
}

/// Prints a row for each workload named, or all.
pub(crate) fn table(names: &[&str]) {
    println!(
        "calls a second         one thread  two threads   x    two processes   x       forked    p50 ns   p99 ns"
    );
    for workload in WORKLOADS {
        if !names.is_empty() && !names.contains(&workload.name) {
            continue;
        }
        let name = workload.name;
        let home = home("");
        begun(&home);
        let one = alone(&home, name, 1);
        let two = alone(&home, name, 2);
        let forked = alone(&home, name, FORKED);
        let mut both = [start(&home, name, 1), start(&home, name, 1)];
        let together: f64 = both.iter_mut().map(|child| answer(child).rate).sum();
        println!(
            "{name:22} {:12.0} {:12.0} {:5.2} {together:14.0} {:5.2} {:12.0} {:9} {:8}",
            one.rate,
            two.rate,
            two.rate / one.rate,
            together / one.rate,
            forked.rate,
            one.median,
            one.high
        );
    }
}

/// Makes the token of a directory.
pub(crate) fn begun(home: &Home) {
    let status = home
        .command(std::env::current_exe().expect("the path of this program"))
        .args([PART, "begin", "token"])
        .env(CHILD, "bench")
        .status();
    assert!(status.expect("this program again").success());
}

/// Makes the token that the other parts use.
pub(crate) fn begin(_: &str) {
    let token = new_token();
    let s = token.user();
    Keys::make(&s);
}

/// The figures of a process of its own.
pub(crate) fn alone(home: &Home, name: &str, threads: usize) -> Figures {
    answer(&mut start(home, name, threads))
}

fn start(home: &Home, name: &str, threads: usize) -> Child {
    home.command(std::env::current_exe().expect("the path of this program"))
        .args([PART, "times", name, &threads.to_string()])
        .env(CHILD, "bench")
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program again")
}

fn answer(child: &mut Child) -> Figures {
    let mut said = String::new();
    BufReader::new(child.stdout.take().expect("its output"))
        .read_line(&mut said)
        .expect("its answer");
    assert!(child.wait().expect("its end").success());
    let mut numbers = said.split_whitespace();
    let mut next = || -> f64 {
        let word = numbers.next().expect("three numbers");
        word.parse().expect("a number")
    };
    Figures {
        rate: next(),
        median: next() as u64,
        high: next() as u64,
    }
}

/// What the measured process does.
pub(crate) fn child(name: &str, threads: usize) {
    let token = shared_token();
    if threads == FORKED {
        return forked(name, token);
    }
    told(&measured(name, &token, threads));
}

fn told(figures: &Figures) {
    println!("{} {} {}", figures.rate, figures.median, figures.high);
}

/// Measures in a child that was forked while this process had the token open and had used it.
fn forked(name: &str, token: Token) {
    let s = token.user();
    let keys = Keys::make(&s);
    (by_name(name).prepare)(&s, &keys)();
    // SAFETY: the child goes on as one that a host forks off: it initialises the module anew.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let token = shared_token();
        told(&measured(name, &token, 1));
        finalize();
        std::process::exit(0);
    }
    let mut status = 0;
    // SAFETY: `child` is ours.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!(status, 0, "the forked process");
}

/// Every thread has a session of its own; keys are shared by all, but those that are made in the work.
fn measured(name: &str, token: &Token, threads: usize) -> Figures {
    let s = token.user();
    let keys = Keys::make(&s);
    let sessions: Vec<Session> = (0..threads).map(|_| token.session()).collect();
    let barrier = Barrier::new(threads);
    let mut rates: Vec<Vec<f64>> = std::thread::scope(|scope| {
        let working: Vec<_> = sessions
            .iter()
            .map(|own| {
                let (barrier, keys) = (&barrier, &keys);
                scope.spawn(move || rounds(name, own, keys, barrier))
            })
            .collect();
        let done = working.into_iter().map(|thread| thread.join());
        done.map(|rates| rates.expect("a thread")).collect()
    });
    let first = rates.pop().expect("a thread");
    let all = first
        .into_iter()
        .enumerate()
        .map(|(round, rate)| rate + rates.iter().map(|other| other[round]).sum::<f64>());
    let mut all: Vec<f64> = all.collect();
    all.sort_by(f64::total_cmp);
    let mut work = (by_name(name).prepare)(&s, &keys);
    let mut times: Vec<u64> = (0..TIMED)
        .map(|_| {
            let begun = Instant::now();
            work();
            begun.elapsed().as_nanos() as u64
        })
        .collect();
    times.sort_unstable();
    Figures {
        rate: all[all.len() / 2],
        median: times[TIMED / 2],
        high: times[TIMED * 99 / 100],
    }
}

/// Calls a second in each round.
fn rounds(name: &str, s: &Session, keys: &Keys, barrier: &Barrier) -> Vec<f64> {
    let mut work = (by_name(name).prepare)(s, keys);
    let mut round = |length: Duration| {
        barrier.wait();
        let (begun, mut count) = (Instant::now(), 0u32);
        while begun.elapsed() < length {
            for _ in 0..32 {
                work();
            }
            count += 32;
        }
        f64::from(count) / begun.elapsed().as_secs_f64()
    };
    round(ROUND / 3);
    (0..ROUNDS).map(|_| round(ROUND)).collect()
}
