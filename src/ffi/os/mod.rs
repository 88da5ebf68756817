//! Safe wrappers of operating-system calls that need `unsafe`. Part of the ground: any room may import it.

pub mod fork;
pub mod locks;
pub mod memory;
pub mod shared;
pub mod thread;
