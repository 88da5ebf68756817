//! The promises of the trait.

use super::{everything, row};
use keyward_pkcs11::error::Error;
use keyward_pkcs11::object::ObjectId;
use keyward_pkcs11::storage::{
    Column, DomainRow, EVENTS_KEPT, Event, Node, Query, Row, Scope, Store,
};
use std::cell::Cell;
use std::sync::mpsc;

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
        index: [None; 4],
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
        index: [None; 4],
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
    let revisions = store.reading(|reader| reader.revisions()).unwrap();
    let listed: Vec<_> = revisions
        .iter()
        .map(|(id, revision)| (id.0[0], *revision))
        .collect();
    assert_eq!(listed, [(1, 2), (3, 1), (2, 1)]);
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
