//! How people govern domains with the admin program: several members in homes of their own, keys in other
//! tokens, and the ways back when something is lost.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::too_many_lines,
    clippy::macro_metavars_in_unsafe,
    reason = "a test fails by panicking"
)]

#[macro_use]
#[path = "support/mod.rs"]
mod support;

#[path = "governance/bad.rs"]
mod bad;
#[path = "governance/held.rs"]
mod held;
#[path = "governance/offline.rs"]
mod offline;
#[path = "governance/pins.rs"]
mod pins;
#[path = "governance/place.rs"]
mod place;
#[path = "governance/recovery.rs"]
mod recovery;
#[path = "governance/restored.rs"]
mod restored;
#[path = "governance/stock.rs"]
mod stock;
