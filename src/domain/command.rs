//! Commands: what operators can sign, what each needs, and what each does to a state.

pub mod apply;
pub mod change;
pub mod kind;
pub mod mandate;

pub use change::Change;
pub use kind::Kind;
pub use mandate::{Approvals, Mandate};
