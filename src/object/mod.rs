//! Placeholder, replaced by the first change of the room.
