//! `C_Initialize`, `C_Finalize`, `C_GetInfo`.

use crate::config::Config;
use crate::error::Result;
use crate::mechanism::{deprecated, table};
use crate::module::Module;
use crate::object::schema;
use crate::warnings;

/// What `C_GetInfo` says of the library.
pub struct Info {
    /// The version of PKCS#11, major and minor.
    pub cryptoki: (u8, u8),
    /// The manufacturer, at most 32 bytes.
    pub manufacturer: &'static str,
    /// The library's description, at most 32 bytes.
    pub description: &'static str,
    /// The library's own version, major and minor.
    pub library: (u8, u8),
}

/// Who made the module and its slots and tokens.
pub(super) const MANUFACTURER: &str = "Keyward";

/// The version of the library, its slots and its tokens, major and minor.
pub(super) const VERSION: (u8, u8) = (
    decimal(env!("CARGO_PKG_VERSION_MAJOR")),
    decimal(env!("CARGO_PKG_VERSION_MINOR")),
);

/// `C_Initialize`: the module of this process, with the settings that its environment gives.
/// Without `threads` the host allows none.
///
/// The tables are built here: a table that one thread was building during a fork would stay half
/// built for ever in the child.
///
/// # Errors
/// Those of the settings and of the home directory.
pub fn initialize(threads: bool) -> Result<Module> {
    let config = Config::load()?;
    deprecated::choose(config.deprecated);
    let _ = (table::row(0), schema::kind(0));
    warnings::direct(&config.log.to);
    Module::start(config, threads)
}

/// `C_Finalize`: ends every thread and session, and erases every key.
pub fn finalize(module: &Module) {
    module.stop();
}

/// `C_GetInfo`.
#[must_use]
pub fn info() -> Info {
    Info {
        cryptoki: (3, 2),
        manufacturer: MANUFACTURER,
        description: "Keyward software HSM",
        library: VERSION,
    }
}

/// A decimal number below 256.
const fn decimal(text: &str) -> u8 {
    match u8::from_str_radix(text, 10) {
        Ok(number) => number,
        Err(_) => 0,
    }
}
