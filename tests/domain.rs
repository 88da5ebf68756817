//! Domain tokens: what a member accepts, and each check with a token that fails that check alone.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    clippy::type_complexity,
    reason = "a test that cannot go on says so by a panic"
)]
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "a test names the one outcome that it wants"
)]

#[path = "domain/audit.rs"]
mod audit;
#[path = "domain/authority.rs"]
mod authority;
#[path = "domain/change.rs"]
mod change;
#[path = "domain/every_field.rs"]
mod every_field;
#[path = "domain/forge.rs"]
mod forge;
#[path = "domain/form.rs"]
mod form;
#[path = "domain/joining.rs"]
mod joining;
#[path = "domain/known.rs"]
mod known;
#[path = "domain/lineage.rs"]
mod lineage;
#[path = "domain/lone.rs"]
mod lone;
#[path = "domain/mutants.rs"]
mod mutants;
#[path = "domain/operator_sessions.rs"]
mod operator_sessions;
#[path = "domain/reach.rs"]
mod reach;
#[path = "domain/recovery.rs"]
mod recovery;
#[path = "domain/secrets.rs"]
mod secrets;
#[path = "domain/world.rs"]
mod world;
