//! What a process has open: slots, logins, sessions, and the handles that name them.
#![forbid(unsafe_code)]

pub mod active;
pub mod events;
pub mod handles;
pub mod login;
pub mod messages;
pub mod near;
pub mod objects;
pub mod output;
pub mod rarer;
pub mod recent;
pub mod saved;
pub mod slot;
pub mod watcher;

mod state;
mod volatile;

pub use state::{Find, Operations, Session};
