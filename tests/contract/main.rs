//! What every store promises, run against each backend, and what the one on disk promises beyond.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on says so by a panic"
)]
#![allow(clippy::tests_outside_test_module, missing_docs)]

mod disk;
mod suite;

use keyward_pkcs11::object::ObjectId;
use keyward_pkcs11::storage::memory::MemoryStore;
use keyward_pkcs11::storage::sqlite::SqliteStore;
use keyward_pkcs11::storage::{Query, Row, Scope, Store};
use std::path::Path;
use std::time::Duration;

/// Runs every promise against every backend.
macro_rules! contract {
    ($($promise:ident),+ $(,)?) => {$(
        mod $promise {
            #[test]
            fn in_memory() {
                crate::suite::$promise(&crate::MemoryStore::new());
            }

            #[test]
            fn in_sqlite() {
                let directory = tempfile::tempdir().unwrap();
                crate::suite::$promise(&crate::on_disk(directory.path()));
            }
        }
    )+};
}

contract!(
    rows_come_back_as_they_were,
    a_row_replaces_the_one_with_its_id,
    a_search_answers_every_condition_in_order_of_creation,
    what_fails_changes_nothing,
    a_reader_sees_one_state,
    writers_take_turns,
    facts_nodes_and_domain_tokens_are_kept_by_name,
    old_events_are_forgotten,
    clearing_leaves_nothing,
);

fn on_disk(directory: &Path) -> SqliteStore {
    SqliteStore::create(&directory.join("token.db"), Duration::from_secs(2)).unwrap()
}

fn store(store: &dyn Store) -> &dyn Store {
    store
}

fn row(number: u8) -> Row {
    Row {
        id: ObjectId([number; 16]),
        revision: 1,
        private: number.is_multiple_of(2),
        index: [
            Some([1; 16]),
            None,
            Some([number; 16]),
            Some([number / 2; 16]),
        ],
        domain_key: (number > 3).then_some([9; 16]),
        clear: (!number.is_multiple_of(2)).then(|| vec![number; 10]),
        sealed: Some(vec![number; 100]),
    }
}

fn everything() -> Query {
    Query {
        scope: Scope::All,
        ..Query::default()
    }
}
