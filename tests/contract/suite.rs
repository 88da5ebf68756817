//! The promises of the trait.

use super::{everything, row};
use keyward_pkcs11::error::Error;
use keyward_pkcs11::object::ObjectId;
use keyward_pkcs11::object::standing::Standing;
use keyward_pkcs11::storage::{
    Column, DomainRow, EVENTS_KEPT, Event, Node, Query, Resealed, Row, Scope, Store,
};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Barrier, mpsc};
use std::time::{Duration, Instant};

fn put(store: &dyn Store, rows: &[Row]) {
    store
        .writing(
            |writer| rows.iter().try_for_each(|row| writer.put_row(row)),
            &|| (),
        )
        .unwrap();
}

fn find(store: &dyn Store, query: &Query) -> Vec<u8> {
    let found = store.reading(|reader| reader.find(query)).unwrap();
    found.into_iter().map(|id| id.0[0]).collect()
}

pub(crate) fn rows_come_back_as_they_were(store: &dyn Store) {
    let empty = Row {
        index: [None; Column::COUNT],
        clear: None,
        sealed: None,
        ..row(7)
    };
    let large = Row {
        sealed: Some(vec![3; 1 << 20]),
        revision: u64::from(u32::MAX),
        ..row(3)
    };
    put(store, &[row(1), row(2), large.clone(), empty.clone()]);
    for wanted in [row(1), row(2), large, empty] {
        assert_eq!(
            store.reading(|reader| reader.row(wanted.id)).unwrap(),
            Some(wanted)
        );
    }
    assert_eq!(
        store
            .reading(|reader| reader.row(ObjectId([9; 16])))
            .unwrap(),
        None
    );
}

pub(crate) fn a_row_replaces_the_one_with_its_id(store: &dyn Store) {
    put(store, &[row(1), row(2), row(3)]);
    let next = Row {
        revision: 2,
        index: [None; Column::COUNT],
        clear: None,
        ..row(1)
    };
    put(store, std::slice::from_ref(&next));
    assert_eq!(
        store.reading(|reader| reader.row(next.id)).unwrap(),
        Some(next)
    );
    assert_eq!(find(store, &everything()), [1, 2, 3]);
    let removed = store
        .writing(|writer| writer.delete_row(ObjectId([2; 16])), &|| ())
        .unwrap();
    assert!(removed);
    let removed = store
        .writing(|writer| writer.delete_row(ObjectId([2; 16])), &|| ())
        .unwrap();
    assert!(!removed);
    assert_eq!(find(store, &everything()), [1, 3]);
    put(store, &[row(2)]);
    assert_eq!(find(store, &everything()), [1, 3, 2]);
    let listed = |after: Option<u8>, limit| {
        let after = after.map(|number| ObjectId([number; 16]));
        let revisions = store.reading(|reader| reader.revisions(after, limit));
        let revisions = revisions.unwrap().into_iter();
        revisions
            .map(|(id, revision, _)| (id.0[0], revision))
            .collect::<Vec<_>>()
    };
    assert_eq!(listed(None, 9), [(1, 2), (2, 1), (3, 1)]);
    assert_eq!(listed(None, 2), [(1, 2), (2, 1)]);
    assert_eq!(listed(Some(1), 1), [(2, 1)]);
    assert_eq!(listed(Some(3), 1), []);
}

pub(crate) fn a_search_answers_every_condition_in_order_of_creation(store: &dyn Store) {
    put(store, &[row(5), row(4), row(3), row(2), row(1)]);
    assert_eq!(find(store, &everything()), [5, 4, 3, 2, 1]);
    assert_eq!(find(store, &Query::default()), [5, 3, 1]);
    assert_eq!(
        find(
            store,
            &Query {
                scope: Scope::Private,
                ..Query::default()
            }
        ),
        [4, 2]
    );
    let with = |conditions: &[(Column, &[u8])]| {
        let keys = |values: &[u8]| values.iter().map(|value| [*value; 16]).collect();
        let conditions = conditions
            .iter()
            .map(|(column, values)| (*column, keys(values)));
        Query {
            conditions: conditions.collect(),
            ..everything()
        }
    };
    assert_eq!(find(store, &with(&[(Column::Label, &[2])])), [5, 4]);
    assert_eq!(
        find(store, &with(&[(Column::Label, &[1, 2])])),
        [5, 4, 3, 2]
    );
    assert_eq!(
        find(store, &with(&[(Column::Label, &[2]), (Column::Id, &[4])])),
        [4]
    );
    assert_eq!(
        find(
            store,
            &with(&[(Column::Class, &[1]), (Column::Id, &[4, 5])])
        ),
        [5, 4]
    );
    assert_eq!(find(store, &with(&[(Column::Class, &[2])])), []);
    assert_eq!(find(store, &with(&[(Column::KeyType, &[1])])), []);
    assert_eq!(find(store, &with(&[(Column::Label, &[])])), []);
    assert_eq!(
        find(
            store,
            &Query {
                domain_key: Some([9; 16]),
                ..everything()
            }
        ),
        [5, 4]
    );
}

pub(crate) fn what_fails_changes_nothing(store: &dyn Store) {
    put(store, &[row(1)]);
    let committed = Cell::new(false);
    let failed: Result<(), _> = store.writing(
        |writer| {
            writer.put_row(&row(2))?;
            writer.delete_row(ObjectId([1; 16]))?;
            writer.set_fact("a", Some(b"b"))?;
            assert_eq!(writer.find(&everything())?.len(), 1);
            Err(Error::Internal("on purpose"))
        },
        &|| committed.set(true),
    );
    assert_eq!(failed, Err(Error::Internal("on purpose")));
    assert!(!committed.get());
    assert_eq!(find(store, &everything()), [1]);
    assert_eq!(store.reading(|reader| reader.fact("a")).unwrap(), None);
    store
        .writing(|writer| writer.set_fact("a", Some(b"c")), &|| {
            committed.set(true)
        })
        .unwrap();
    assert!(committed.get());
}

pub(crate) fn a_reader_sees_one_state(store: &dyn Store) {
    put(store, &[row(1)]);
    let (begun, wait_begun) = mpsc::channel();
    let (changed, wait_changed) = mpsc::channel();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            wait_begun.recv().unwrap();
            put(
                store,
                &[
                    row(2),
                    Row {
                        revision: 2,
                        ..row(1)
                    },
                ],
            );
            changed.send(()).unwrap();
        });
        let seen = store.reading(|reader| {
            let before = reader.find(&everything())?.len();
            begun.send(()).unwrap();
            wait_changed.recv().unwrap();
            let revision = reader.row(ObjectId([1; 16]))?.unwrap().revision;
            Ok((before, reader.find(&everything())?.len(), revision))
        });
        assert_eq!(seen.unwrap(), (1, 1, 1));
    });
    assert_eq!(find(store, &everything()), [1, 2]);
}

pub(crate) fn writers_take_turns(store: &dyn Store) {
    let add_one = || {
        let added = store.writing(
            |writer| {
                let count = writer.fact("count")?.map_or(0, |count| count[0]);
                writer.set_fact("count", Some(&[count + 1]))
            },
            &|| (),
        );
        added.unwrap();
    };
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..25).for_each(|_| add_one()));
        }
    });
    assert_eq!(
        store.reading(|reader| reader.fact("count")).unwrap(),
        Some(vec![100])
    );
}

pub(crate) fn facts_nodes_and_domain_tokens_are_kept_by_name(store: &dyn Store) {
    let node = |byte: u8| Node {
        body: vec![byte; 30],
        mac: [byte; 32],
    };
    let token = |version: u64| DomainRow {
        version,
        hash: [8; 32],
        token: vec![8; 3000],
    };
    store
        .writing(
            |writer| {
                writer.set_fact("a", Some(b"1"))?;
                writer.set_fact("b", Some(b""))?;
                writer.set_fact("a", Some(b"2"))?;
                writer.set_fact("c", Some(b"3"))?;
                writer.set_fact("c", None)?;
                writer.put_node(2, 4095, &node(1))?;
                writer.put_node(1, 4095, &node(2))?;
                writer.put_node(2, 4095, &node(3))?;
                writer.put_domain_row(&token(2))?;
                writer.put_domain_row(&token(1))?;
                writer.put_domain_row(&DomainRow {
                    token: Vec::new(),
                    ..token(1)
                })?;
                writer.put_domain_row(&token(3))
            },
            &|| (),
        )
        .unwrap();
    let facts = ["a", "b", "c"].map(|name| store.reading(|reader| reader.fact(name)).unwrap());
    assert_eq!(facts, [Some(b"2".to_vec()), Some(Vec::new()), None]);
    assert_eq!(
        store.reading(|reader| reader.node(2, 4095)).unwrap(),
        Some(node(3))
    );
    assert_eq!(
        store.reading(|reader| reader.node(1, 4095)).unwrap(),
        Some(node(2))
    );
    assert_eq!(store.reading(|reader| reader.node(2, 0)).unwrap(), None);
    let emptied = DomainRow {
        token: Vec::new(),
        ..token(1)
    };
    let kept = store.reading(|reader| reader.domain_rows()).unwrap();
    assert_eq!(kept, [emptied, token(2), token(3)]);
    store
        .writing(|writer| writer.forget_domain_rows(3), &|| ())
        .unwrap();
    assert_eq!(
        store.reading(|reader| reader.domain_rows()).unwrap(),
        [token(3)]
    );
}

pub(crate) fn old_events_are_forgotten(store: &dyn Store) {
    let event = |time| Event {
        time,
        kind: "kind".into(),
        text: format!("event {time}"),
    };
    let last = u64::try_from(EVENTS_KEPT).unwrap() + 10;
    store
        .writing(
            |writer| (0..last).try_for_each(|time| writer.put_event(&event(time))),
            &|| (),
        )
        .unwrap();
    let newest = store.reading(|reader| reader.events(2)).unwrap();
    assert_eq!(newest, [event(last - 1), event(last - 2)]);
    let all = store.reading(|reader| reader.events(usize::MAX)).unwrap();
    assert_eq!(all.len(), EVENTS_KEPT);
}

pub(crate) fn clearing_leaves_nothing(store: &dyn Store) {
    put(store, &[row(1)]);
    store
        .writing(
            |writer| {
                writer.set_fact("a", Some(b"b"))?;
                writer.put_node(
                    0,
                    0,
                    &Node {
                        body: vec![1],
                        mac: [1; 32],
                    },
                )?;
                writer.clear()
            },
            &|| (),
        )
        .unwrap();
    assert_eq!(find(store, &everything()), []);
    assert_eq!(store.reading(|reader| reader.fact("a")).unwrap(), None);
    assert_eq!(store.reading(|reader| reader.node(0, 0)).unwrap(), None);
    put(store, &[row(2)]);
    assert_eq!(find(store, &everything()), [2]);
}

/// Rows 1 to 5 of every standing; 1 and 5 are current.
fn of_every_standing() -> Vec<Row> {
    let standing = |number: u8| Standing::ALL[usize::from(number - 1) % Standing::ALL.len()];
    let rows = (1..=6).map(|number| Row {
        standing: standing(number),
        ..row(number)
    });
    rows.collect()
}

pub(crate) fn a_search_answers_current_rows_unless_asked_for_every_standing(store: &dyn Store) {
    put(store, &of_every_standing());
    let all = Query {
        any_standing: true,
        ..everything()
    };
    assert_eq!(find(store, &everything()), [1, 6]);
    assert_eq!(find(store, &all), [1, 2, 3, 4, 5, 6]);
    let count = |query: &Query| store.reading(|reader| reader.count(query)).unwrap();
    assert_eq!((count(&everything()), count(&all)), (2, 6));
    for (number, standing) in (0_u8..).zip(Standing::ALL) {
        for any_standing in [false, true] {
            let one = Query {
                standing: Some(standing),
                any_standing,
                ..everything()
            };
            let expected = if number == 0 {
                vec![1, 6]
            } else {
                vec![number + 1]
            };
            assert_eq!(find(store, &one), expected);
            assert_eq!(count(&one), u64::try_from(expected.len()).unwrap());
        }
    }
    let listed = store.reading(|reader| reader.revisions(None, 9)).unwrap();
    let listed: Vec<_> = listed.iter().map(|(_, _, standing)| *standing).collect();
    assert_eq!(listed[..5], Standing::ALL);
    for wanted in of_every_standing() {
        assert_eq!(
            store.reading(|reader| reader.row(wanted.id)).unwrap(),
            Some(wanted)
        );
    }
    put(store, &[row(2)]);
    assert_eq!(find(store, &everything()), [1, 2, 6]);
}

pub(crate) fn tenants_and_families_are_found(store: &dyn Store) {
    let of = |number: u8, tenant: u8, family: u8| {
        let mut row = row(number);
        row.index[4] = Some([tenant; 16]);
        row.index[5] = Some([family; 16]);
        row
    };
    put(store, &[of(1, 7, 1), of(2, 7, 2), of(3, 8, 1)]);
    let with = |conditions: &[(Column, u8)]| Query {
        conditions: conditions
            .iter()
            .map(|(column, value)| (*column, vec![[*value; 16]]))
            .collect(),
        ..everything()
    };
    assert_eq!(find(store, &with(&[(Column::Tenant, 7)])), [1, 2]);
    assert_eq!(find(store, &with(&[(Column::Family, 1)])), [1, 3]);
    let both = with(&[(Column::Class, 1), (Column::Tenant, 7), (Column::Family, 1)]);
    assert_eq!(find(store, &both), [1]);
    let of_class = with(&[(Column::Class, 1), (Column::Tenant, 7)]);
    assert_eq!(find(store, &of_class), [1, 2]);
    assert_eq!(find(store, &with(&[(Column::Tenant, 1)])), []);
}

pub(crate) fn rows_under_a_domain_key_come_in_parts_of_every_standing(store: &dyn Store) {
    let numbers = [9, 4, 7, 5, 8, 1, 6];
    let rows = numbers.map(|number| Row {
        standing: Standing::ALL[usize::from(number) % 4],
        ..row(number)
    });
    put(store, &rows);
    let part = |after: u64, limit| {
        let rows = store.reading(|reader| reader.rows_under([9; 16], after, limit));
        let rows = rows.unwrap();
        let places: Vec<_> = rows.iter().map(|(place, _)| *place).collect();
        assert!(places.is_sorted() && places.first().is_none_or(|first| *first > after));
        let numbers = rows.iter().map(|(_, row)| row.id.0[0]).collect::<Vec<_>>();
        (numbers, places.last().copied().unwrap_or(after))
    };
    let (first, after) = part(0, 4);
    assert_eq!(first, [9, 4, 7, 5]);
    let (second, after) = part(after, 4);
    assert_eq!(second, [8, 6]);
    assert_eq!(part(after, 4).0, []);
    let whole = store.reading(|reader| reader.rows_under([9; 16], 0, 1));
    assert_eq!(whole.unwrap().first().map(|(_, row)| row), rows.first());
    let none = store.reading(|reader| reader.rows_under([8; 16], 0, 10));
    assert_eq!(none.unwrap(), []);
}

/// Where the rows under a domain key stand.
fn places(store: &dyn Store, domain_key: u8) -> BTreeMap<ObjectId, u64> {
    let rows = store.reading(|reader| reader.rows_under([domain_key; 16], 0, usize::MAX));
    let rows = rows.unwrap().into_iter();
    rows.map(|(place, row)| (row.id, place)).collect()
}

fn resealed(places: &BTreeMap<ObjectId, u64>, row: &Row, to: u8) -> Resealed {
    Resealed {
        place: places.get(&row.id).copied().unwrap_or_default(),
        id: row.id,
        revision: row.revision,
        from: row.domain_key.unwrap(),
        to: [to; 16],
        sealed: vec![to; 50],
    }
}

pub(crate) fn resealing_replaces_what_is_still_as_it_was_and_nothing_else(store: &dyn Store) {
    put(store, &[row(3), row(4), row(5), row(6), row(7)]);
    let moved = Row {
        revision: 2,
        ..row(5)
    };
    put(store, std::slice::from_ref(&moved));
    let places = places(store, 9);
    let resealed = |row: &Row, to| resealed(&places, row, to);
    let elsewhere = Resealed {
        from: [1; 16],
        ..resealed(&row(6), 10)
    };
    let gone = Resealed {
        id: ObjectId([99; 16]),
        ..resealed(&row(6), 10)
    };
    let all = [
        resealed(&row(4), 10),
        resealed(&row(5), 10),
        elsewhere,
        gone,
        resealed(&row(7), 11),
    ];
    let count = store.writing(|writer| writer.reseal(&all), &|| ()).unwrap();
    assert_eq!(count, 2);
    let under = |number: u8, key: u8| Row {
        domain_key: Some([key; 16]),
        sealed: Some(vec![key; 50]),
        ..row(number)
    };
    for wanted in [row(3), under(4, 10), moved, row(6), under(7, 11)] {
        assert_eq!(
            store.reading(|reader| reader.row(wanted.id)).unwrap(),
            Some(wanted)
        );
    }
    assert_eq!(find(store, &everything()), [3, 4, 5, 6, 7]);
    let again = store.writing(|writer| writer.reseal(&all), &|| ()).unwrap();
    assert_eq!(again, 0);
    let none = store.writing(|writer| writer.reseal(&[]), &|| ()).unwrap();
    assert_eq!(none, 0);
}

pub(crate) fn thousands_are_resealed_at_once(store: &dyn Store) {
    let numbered = |number: u16| {
        let mut row = row(9);
        row.id.0[..2].copy_from_slice(&number.to_be_bytes());
        row
    };
    let rows: Vec<_> = (0..4000).map(numbered).collect();
    put(store, &rows);
    let places = places(store, 9);
    let new: Vec<_> = rows.iter().map(|row| resealed(&places, row, 3)).collect();
    let count = store.writing(|writer| writer.reseal(&new), &|| ()).unwrap();
    assert_eq!(count, 4000);
    let left = Query {
        domain_key: Some([9; 16]),
        any_standing: true,
        ..everything()
    };
    assert_eq!(store.reading(|reader| reader.count(&left)).unwrap(), 0);
}

pub(crate) fn nodes_are_read_in_any_order_as_they_were_written(store: &dyn Store) {
    let node = |place: u16, byte: u8| Node {
        body: [&place.to_be_bytes()[..], &[byte]].concat(),
        mac: [byte; 32],
    };
    let is_there = |place: u16| !place.is_multiple_of(3);
    let expected = |place: u16, byte: u8| is_there(place).then(|| node(place, byte));
    let write = |byte: u8| {
        let done = store.writing(
            |writer| {
                for place in (0..300).filter(|place| is_there(*place)) {
                    // What was there is seen before, what is written after.
                    let before = writer.node(2, place)?;
                    assert_eq!(before, (byte > 1).then(|| node(place, byte - 1)));
                    writer.put_node(2, place, &node(place, 0))?;
                    writer.put_node(2, place, &node(place, byte))?;
                    assert_eq!(writer.node(2, place)?, Some(node(place, byte)));
                }
                writer.put_node(1, 2, &node(2, byte))
            },
            &|| (),
        );
        done.unwrap();
    };
    for byte in [1, 2] {
        write(byte);
        let read = store.reading(|reader| {
            for place in (0..300).chain((0..300).rev()).chain([7, 255, 299, 4095]) {
                let there = expected(place, byte).filter(|_| place < 300);
                assert_eq!(reader.node(2, place)?, there);
            }
            assert_eq!(reader.node(1, 2)?, Some(node(2, byte)));
            assert_eq!(reader.node(1, 3)?, None);
            reader.node(0, 0)
        });
        assert_eq!(read.unwrap(), None);
    }
    let failed: Result<(), _> = store.writing(
        |writer| {
            writer.put_node(0, 0, &node(0, 9))?;
            Err(Error::Internal("on purpose"))
        },
        &|| (),
    );
    assert!(failed.is_err());
    assert_eq!(store.reading(|reader| reader.node(0, 0)).unwrap(), None);
}

pub(crate) fn facts_are_listed_by_their_beginning(store: &dyn Store) {
    let names = [
        "running/b",
        "running/a",
        "running",
        "runningx",
        "running/\u{e9}",
        "other",
        "s",
    ];
    store
        .writing(
            |writer| {
                let mut named = names.iter();
                named.try_for_each(|name| writer.set_fact(name, Some(name.as_bytes())))
            },
            &|| (),
        )
        .unwrap();
    let listed = |prefix: &str| {
        let facts = store.reading(|reader| reader.facts(prefix)).unwrap();
        for (name, value) in &facts {
            assert_eq!(name.as_bytes(), value);
        }
        facts.into_iter().map(|(name, _)| name).collect::<Vec<_>>()
    };
    assert_eq!(
        listed("running/"),
        ["running/a", "running/b", "running/\u{e9}"]
    );
    assert_eq!(listed("none"), Vec::<String>::new());
    assert_eq!(listed("%"), Vec::<String>::new());
    assert_eq!(listed("").len(), names.len());
}

fn version(version: u64, byte: u8) -> DomainRow {
    DomainRow {
        version,
        hash: [byte; 32],
        token: vec![byte; 40],
    }
}

fn add(store: &dyn Store, row: &DomainRow) -> bool {
    store
        .writing(|writer| writer.add_domain_row(row), &|| ())
        .unwrap()
}

pub(crate) fn a_version_of_the_domain_is_added_once(store: &dyn Store) {
    let newest = || store.reading(|reader| reader.newest_domain_row()).unwrap();
    assert_eq!(newest(), None);
    assert!(add(store, &version(1, 1)));
    assert!(add(store, &version(2, 2)));
    assert!(!add(store, &version(2, 3)));
    assert!(!add(store, &version(1, 3)));
    assert_eq!(newest(), Some((2, [2; 32])));
    // What was refused took nothing else of its transaction with it.
    let both = store.writing(
        |writer| {
            let added = writer.add_domain_row(&version(2, 9))?;
            writer.set_fact("a", Some(b"b"))?;
            Ok((added, writer.add_domain_row(&version(3, 4))?))
        },
        &|| (),
    );
    assert_eq!(both.unwrap(), (false, true));
    let after = |least| {
        store
            .reading(|reader| reader.domain_rows_after(least))
            .unwrap()
    };
    assert_eq!(after(1), [version(2, 2), version(3, 4)]);
    assert_eq!(after(3), []);
    assert_eq!(after(0).len(), 3);
    assert_eq!(
        store.reading(|reader| reader.fact("a")).unwrap(),
        Some(b"b".to_vec())
    );
}

pub(crate) fn of_many_who_add_a_version_one_wins(store: &dyn Store) {
    const RACERS: u8 = 4;
    for round in 1..=20 {
        let start = Barrier::new(usize::from(RACERS));
        let won: Vec<u8> = std::thread::scope(|scope| {
            let race = |racer: u8| {
                let start = &start;
                scope.spawn(move || {
                    start.wait();
                    add(store, &version(round, racer)).then_some(racer)
                })
            };
            let racers: Vec<_> = (0..RACERS).map(race).collect();
            let answers = racers.into_iter().map(|racer| racer.join().unwrap());
            answers.flatten().collect()
        });
        assert_eq!(won.len(), 1);
        let kept = store.reading(|reader| reader.newest_domain_row()).unwrap();
        assert_eq!(kept, Some((round, [won[0]; 32])));
    }
}

pub(crate) fn the_stamp_moves_with_every_commit(store: &dyn Store) {
    let mut stamps = vec![store.stamp().unwrap()];
    for number in 1..=3 {
        put(store, &[row(number)]);
        stamps.push(store.stamp().unwrap());
    }
    let mut different = stamps.clone();
    different.dedup();
    assert_eq!(different, stamps);
    let quiet = store.stamp().unwrap();
    store.reading(|reader| reader.find(&everything())).unwrap();
    assert_eq!(store.stamp().unwrap(), quiet);
}

pub(crate) fn a_sleeper_wakes_at_a_change_or_when_its_time_is_up(store: &dyn Store) {
    let seen = store.stamp().unwrap();
    let start = Instant::now();
    let most = Duration::from_millis(30);
    assert_eq!(store.wait(seen, most).unwrap(), seen);
    assert!(start.elapsed() >= most);
    let (asleep, wait_asleep) = mpsc::channel();
    std::thread::scope(|scope| {
        let sleeper = scope.spawn(move || {
            asleep.send(()).unwrap();
            store.wait(seen, Duration::from_secs(3600)).unwrap()
        });
        wait_asleep.recv().unwrap();
        put(store, &[row(1)]);
        assert_ne!(sleeper.join().unwrap(), seen);
    });
    // What has changed already is not waited for.
    let now = store.wait(seen, Duration::from_secs(3600)).unwrap();
    assert_ne!(now, seen);
}

pub(crate) fn no_standing_is_a_flaw(store: &dyn Store) {
    for (number, standing) in (1..).zip(Standing::ALL) {
        let stands = Row {
            standing,
            ..row(number)
        };
        put(store, &[stands]);
        assert_eq!(store.flaws().unwrap(), [""; 0], "{standing:?}");
    }
}
