//! Domain tokens: what a member accepts, and each check with a token that fails that check alone.

#[path = "domain/lone.rs"]
mod lone;
#[path = "domain/world.rs"]
mod world;
