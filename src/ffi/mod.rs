//! Placeholder, replaced by the first change of the room.

pub mod os;
