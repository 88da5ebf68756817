//! The admin program.

fn main() {}
