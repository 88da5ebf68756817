//! What every store promises, run against each backend, and what those on disk and on a server promise
//! beyond.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::zombie_processes,
    clippy::too_many_lines,
    clippy::wildcard_enum_match_arm,
    reason = "a test that cannot go on says so by a panic"
)]
#![allow(clippy::tests_outside_test_module, missing_docs)]

mod disk;
#[path = "../support/postgres.rs"]
mod postgres;
mod proxy;
mod server;
mod suite;
mod upgrades;

use keyward_pkcs11::object::ObjectId;
use keyward_pkcs11::object::standing::Standing;
use keyward_pkcs11::storage::memory::MemoryStore;
use keyward_pkcs11::storage::postgres::PostgresStore;
use keyward_pkcs11::storage::sqlite::SqliteStore;
use keyward_pkcs11::storage::{Query, Row, Scope, Store};
use postgres::Server;
use std::path::Path;
use std::sync::OnceLock;
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

            #[test]
            fn in_postgresql() {
                crate::suite::$promise(&crate::on_server());
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
    a_search_answers_current_rows_unless_asked_for_every_standing,
    tenants_and_families_are_found,
    no_standing_is_a_flaw,
    rows_under_a_domain_key_come_in_parts_of_every_standing,
    resealing_replaces_what_is_still_as_it_was_and_nothing_else,
    thousands_are_resealed_at_once,
    nodes_are_read_in_any_order_as_they_were_written,
    facts_are_listed_by_their_beginning,
    a_version_of_the_domain_is_added_once,
    of_many_who_add_a_version_one_wins,
    the_stamp_moves_with_every_commit,
    a_sleeper_wakes_at_a_change_or_when_its_time_is_up,
);

fn on_disk(directory: &Path) -> SqliteStore {
    SqliteStore::create(&directory.join("token.db"), Duration::from_secs(2)).unwrap()
}

/// The server that most tests share, each with a schema of its own.
fn shared_server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(Server::start)
}

fn on_server() -> PostgresStore {
    PostgresStore::open(&shared_server().fresh(), Duration::from_secs(20)).unwrap()
}

fn store(store: &dyn Store) -> &dyn Store {
    store
}

fn row(number: u8) -> Row {
    Row {
        id: ObjectId([number; 16]),
        revision: 1,
        standing: Standing::Current,
        private: number.is_multiple_of(2),
        index: [
            Some([1; 16]),
            None,
            Some([number; 16]),
            Some([number / 2; 16]),
            (number > 4).then_some([5; 16]),
            None,
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
