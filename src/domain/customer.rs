//! Customer keys: what may be asked of a domain about them, what is answered, and the forms of what
//! leaves a domain under them. `docs/formats.md`, "Customer keys".

pub mod answer;
pub mod ciphertext;
pub mod request;
pub mod suspension;

pub use answer::{Answer, KeyInfo};
pub use request::{KeyName, Request, Supplied};
