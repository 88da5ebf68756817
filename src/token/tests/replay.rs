//! Counters of operator sessions, over threads, openings of the token, and lost files.

use super::*;
use crate::domain::ids::SessionId;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const NOW: u64 = 1_800_000_000;
const END: u64 = NOW + 3600;
const ONE: SessionId = SessionId([1; 16]);

fn take(token: &Token, counter: u64) -> Counted {
    token.take_counter(ONE, END, counter, NOW).unwrap()
}

/// What a refusal says is next.
fn next(counted: Counted) -> u64 {
    match counted {
        Counted::Replayed { next } => next,
        other => panic!("not a replay: {other:?}"),
    }
}

impl Home {
    fn counters(&self, token: &Token) -> PathBuf {
        self.database(token).with_file_name("sessions")
    }
}

#[test]
fn a_counter_is_taken_once_and_never_below_another() {
    let home = Home::new();
    let token = home.token();
    assert_eq!(take(&token, 1), Counted::Taken);
    assert_eq!(take(&token, 1), Counted::Replayed { next: 2 });
    assert_eq!(next(take(&token, 0)), 2);
    assert_eq!(take(&token, 1000), Counted::Taken);
    assert_eq!(next(take(&token, 999)), 1001);
    assert_eq!(next(take(&token, 2)), 1001);
    assert_eq!(next(take(&token, 1000)), 1001);
    // Another session has counters of its own.
    let other = token.take_counter(SessionId([2; 16]), END, 1, NOW).unwrap();
    assert_eq!(other, Counted::Taken);
}

#[test]
fn only_one_counter_in_256_costs_a_write() {
    let home = Home::new();
    let token = home.token();
    let mut writes = 0;
    for counter in 1..=1024 {
        let before = token.generation();
        assert_eq!(take(&token, counter), Counted::Taken);
        writes += usize::from(token.generation() != before);
    }
    assert_eq!(writes, 4);
    // Nor does a refusal.
    let before = token.generation();
    assert_eq!(next(take(&token, 1)), 1025);
    assert_eq!(token.generation(), before);
}

#[test]
fn another_opening_of_the_token_knows_the_exact_counter() {
    let home = Home::new();
    let token = home.token();
    let other = home.open(&token);
    assert_eq!(take(&token, 5), Counted::Taken);
    assert_eq!(next(take(&other, 5)), 6);
    assert_eq!(take(&other, 6), Counted::Taken);
    assert_eq!(next(take(&token, 6)), 7);
    drop((token, other));
    let serial = Token::list(&home.config).unwrap().tokens.remove(0);
    let again = Token::open(&home.config, &serial).unwrap();
    assert_eq!(next(take(&again, 6)), 7);
    assert_eq!(take(&again, 7), Counted::Taken);
}

#[test]
fn when_the_exact_counter_is_lost_the_whole_block_counts_as_taken() {
    let home = Home::new();
    let token = home.token();
    assert_eq!(take(&token, 5), Counted::Taken);
    std::fs::remove_file(home.counters(&token)).unwrap();
    let again = home.open(&token);
    let after = next(take(&again, 6));
    assert_eq!(after, 5 + 255 + 1);
    assert_eq!(next(take(&again, after - 1)), after);
    assert_eq!(take(&again, after), Counted::Taken);
    // Who still has the lost file takes nothing that the other one may have.
    assert_eq!(take(&token, 6), Counted::Taken);
    assert!(matches!(take(&token, after), Counted::Replayed { .. }));
}

#[test]
fn a_file_of_another_start_of_the_machine_counts_as_lost() {
    let home = Home::new();
    let token = home.token();
    assert_eq!(take(&token, 5), Counted::Taken);
    let path = home.counters(&token);
    let mut bytes = std::fs::read(&path).unwrap();
    for slot in bytes.chunks_mut(64) {
        if slot[..16] == [1; 16] {
            slot[16] ^= 1;
        }
    }
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(next(take(&home.open(&token), 6)), 261);
}

#[test]
fn a_session_that_is_over_does_not_come_back_with_the_clock() {
    let home = Home::new();
    let token = home.token();
    assert_eq!(take(&token, 5), Counted::Taken);
    // Another session of the group, later: the first is forgotten.
    let mut later = [1; 16];
    later[15] = 9;
    let taken = token.take_counter(SessionId(later), END + 3600, 1, END + 1);
    assert_eq!(taken, Ok(Counted::Taken));
    std::fs::remove_file(home.counters(&token)).unwrap();
    let again = home.open(&token);
    assert_eq!(take(&again, 6), Counted::Over);
}

#[test]
fn a_session_is_noted_once() {
    let home = Home::new();
    let token = home.token();
    let note = |token: &Token, now| token.note_session(ONE, END, now, "by alice").unwrap();
    assert_eq!(note(&token, NOW), Noted::New);
    assert_eq!(note(&home.open(&token), NOW), Noted::Known);
    assert_eq!(note(&token, END + 1), Noted::Over);
    let events = token.events(10).unwrap();
    let opened = events.iter().filter(|event| event.kind == SESSION_OPENED);
    assert_eq!(opened.count(), 1);
    // A noted session begins with its first counter.
    assert_eq!(take(&token, 1), Counted::Taken);
}

#[test]
fn there_is_room_for_so_many_sessions_and_the_file_may_be_full() {
    let home = Home::new();
    let token = home.token();
    // All of one group, and all in the same places of the file, of which there are fewer.
    let id = |number: u8| {
        let mut id = [1; 16];
        id[15] = number;
        SessionId(id)
    };
    for number in 0..64 {
        for counter in [3, 4] {
            let counted = token.take_counter(id(number), END, counter, NOW).unwrap();
            assert_eq!(counted, Counted::Taken, "{number}");
        }
        let replayed = token.take_counter(id(number), END, 4, NOW).unwrap();
        assert_eq!(next(replayed), 5, "{number}");
    }
    let full = token.take_counter(id(64), END, 1, NOW).unwrap();
    assert_eq!(full, Counted::Full);
    let later = token.take_counter(id(64), END + 100, 1, END + 1).unwrap();
    assert_eq!(later, Counted::Taken);
}

#[test]
fn of_many_threads_with_one_counter_one_takes_it() {
    let home = Home::new();
    let token = Arc::new(home.token());
    let other = Arc::new(home.open(&token));
    let counter = AtomicU64::new(0);
    for _ in 0..600 {
        let counter = counter.fetch_add(1, Ordering::Relaxed) + 1;
        let taken: usize = std::thread::scope(|scope| {
            let tries: Vec<_> = [&token, &other, &token, &other]
                .into_iter()
                .map(|token| scope.spawn(move || take(token, counter) == Counted::Taken))
                .collect();
            tries
                .into_iter()
                .map(|thread| usize::from(thread.join().unwrap()))
                .sum()
        });
        assert_eq!(taken, 1, "counter {counter}");
    }
}

#[test]
fn a_damaged_record_is_reported_and_nothing_is_taken() {
    let home = Home::new();
    let token = home.token();
    assert_eq!(take(&token, 5), Counted::Taken);
    std::fs::remove_file(home.counters(&token)).unwrap();
    let sql = home.sql(&token);
    let changed = sql.execute(
        "UPDATE facts SET value = x'8300' WHERE name = 'sessions/01'",
        [],
    );
    assert_eq!(changed, Ok(1));
    let again = home.open(&token);
    let refused = again.take_counter(ONE, END, 6, NOW);
    assert!(matches!(refused, Err(Error::StoreTampered(_))));
}
