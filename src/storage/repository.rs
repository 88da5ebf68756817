//! The database that the members of a domain share, opened as the settings say.

use super::Store;
use super::lazy::Lazy;
use super::postgres::PostgresStore;
use super::sqlite::SqliteStore;
use crate::config::Config;
use crate::error::{Error, Result};
use std::path::Path;
use std::sync::Arc;

/// Opens the repository that the settings name; `None` when they name none. `sqlite:/PATH` is made if
/// it is not there, in a directory that must be. File or server is opened at the first use, not here.
///
/// # Errors
/// `Config` when the URL is not of a known form; those of the backend. No text holds a password.
pub fn open(config: &Config) -> Result<Option<Arc<dyn Store>>> {
    let settings = &config.repository;
    let Some(url) = &settings.url else {
        return Ok(None);
    };
    if let Some(path) = url.strip_prefix("sqlite:") {
        let path = Path::new(path);
        if !path.is_absolute() {
            return Err(Error::Config(
                "repository.url: sqlite: needs the whole path, such as sqlite:/srv/keys/repository.db"
                    .to_owned(),
            ));
        }
        let (path, timeout) = (path.to_owned(), settings.timeout());
        let open = move || -> Result<Box<dyn Store>> {
            Ok(Box::new(SqliteStore::open_repository(&path, timeout)?))
        };
        return Ok(Some(Arc::new(Lazy::new(open))));
    }
    if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        let store = PostgresStore::open(url, settings.timeout())?;
        return Ok(Some(Arc::new(store)));
    }
    Err(Error::Config(
        "repository.url must begin with sqlite:/ or postgres://".to_owned(),
    ))
}
