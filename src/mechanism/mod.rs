//! Mechanisms: one row of the table each, with everything that is known of it in one value.
#![forbid(unsafe_code)]

pub mod operation;
pub mod params;
pub mod row;
pub mod table;
