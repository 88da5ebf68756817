//! Files and directories of a token: for their owner only, and every error names file and cause.

use crate::error::{Error, Result};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

/// What to answer when a file cannot be read or written.
#[must_use]
pub fn cause(path: &Path, error: &io::Error) -> Error {
    use io::ErrorKind::{PermissionDenied, QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    let named = || format!("{}: {error}", path.display());
    if matches!(error.kind(), StorageFull | QuotaExceeded) {
        Error::StoreFull
    } else if error.kind() == ReadOnlyFilesystem
        || error.kind() == PermissionDenied && File::open(path).is_ok()
    {
        Error::TokenWriteProtected(named())
    } else if error.kind() == PermissionDenied {
        Error::Store(format!(
            "{}: allow this user to read and write there",
            named()
        ))
    } else {
        Error::Store(named())
    }
}

/// Makes a directory and those above it, readable by the owner only (0700).
///
/// # Errors
/// Those of the file system.
pub fn make_directory(path: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder
        .recursive(true)
        .create(path)
        .map_err(|error| cause(path, &error))
}

/// Opens a file for reading and writing, and makes it, for the owner only (0600), if it is not there.
///
/// # Errors
/// Those of the file system.
pub fn open_or_make(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(|error| cause(path, &error))
}

/// As [`open_or_make`], but for the group too (0660) when the directory is meant for one: when its
/// group may write in it, or gives its files its group.
///
/// # Errors
/// Those of the file system.
#[cfg(unix)]
pub fn open_or_make_for_group(path: &Path) -> Result<File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    /// Set-group-id, and the group's permission to write.
    const OF_GROUP: u32 = 0o2020;
    let failed = |error| cause(path, &error);
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mode = fs::metadata(directory)
        .map_err(|error| cause(directory, &error))?
        .permissions()
        .mode();
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(0o600);
    match options.open(path) {
        Ok(file) => {
            // Set afterwards, because the user's mask takes permissions away from a new file.
            if mode & OF_GROUP != 0 {
                file.set_permissions(fs::Permissions::from_mode(0o660))
                    .map_err(failed)?;
            }
            Ok(file)
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => open_or_make(path),
        Err(error) => Err(failed(error)),
    }
}

/// Elsewhere there are no groups.
///
/// # Errors
/// Those of the file system.
#[cfg(not(unix))]
pub fn open_or_make_for_group(path: &Path) -> Result<File> {
    open_or_make(path)
}

/// Makes the entries of a directory durable.
///
/// # Errors
/// Those of the file system.
pub fn sync_directory(path: &Path) -> Result<()> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(|error| cause(path, &error))
}

/// Removes a file, if it is there.
///
/// # Errors
/// Those of the file system.
pub fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(cause(path, &error)),
        _ => Ok(()),
    }
}
