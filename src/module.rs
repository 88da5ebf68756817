//! Builds everything once.
