//! Files and directories of a token: for their owner only, and every error names file and cause.

use crate::error::{Error, Result};
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

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
    builder
        .mode(0o700)
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
    options.mode(0o600);
    options.open(path).map_err(|error| cause(path, &error))
}

/// Makes a file, if it is not there, for the owner only (0600), and for the group too (0660) when the
/// directory is meant for one: when its group may write in it, or gives its files its group.
///
/// # Errors
/// Those of the file system.
pub fn make_for_group(path: &Path) -> Result<()> {
    /// Set-group-id, and the group's permission to write.
    const OF_GROUP: u32 = 0o2020;
    let directory = path.parent().unwrap_or(Path::new("/"));
    let mode = fs::metadata(directory)
        .map_err(|error| cause(directory, &error))?
        .permissions()
        .mode();
    let own = if mode & OF_GROUP == 0 { 0o600 } else { 0o660 };
    make_whole(path, |new| new.set_permissions(Permissions::from_mode(own)))
}

/// Makes a file, if it is not there, with the permissions of another, and its owner and group as far as this
/// user can give files to them.
///
/// # Errors
/// Those of the file system.
pub fn make_like(path: &Path, other: &Path) -> Result<()> {
    let like = fs::metadata(other).map_err(|error| cause(other, &error))?;
    make_whole(path, |new| {
        for owner in [Some(like.uid()), None] {
            match fchown(new, owner, Some(like.gid())) {
                Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
                given => {
                    given?;
                    break;
                }
            }
        }
        // Last: a change of the owner may take permissions away.
        new.set_permissions(like.permissions())
    })
}

/// Makes an empty file, if it is not there, which nobody sees before it has its permissions: who opened it
/// in between, as another user, would be refused.
fn make_whole(path: &Path, permit: impl FnOnce(&File) -> io::Result<()>) -> Result<()> {
    if path.exists() {
        return Ok(());
    }
    let mut unfinished = path.as_os_str().to_owned();
    // Processes of one number can share a directory, from containers.
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let moment = since.unwrap_or_default().subsec_nanos();
    unfinished.push(format!("-new-{}-{moment}", std::process::id()));
    let unfinished = PathBuf::from(unfinished);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600);
    let made = options.open(&unfinished).and_then(|new| {
        permit(&new)?;
        match fs::hard_link(&unfinished, path) {
            // Somebody else was first.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            linked => linked,
        }
    });
    remove_file(&unfinished)?;
    made.map_err(|error| cause(path, &error))
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_file_is_made_once_and_for_those_who_the_directory_is_for() {
        let directory = tempfile::tempdir().unwrap();
        let (own, shared) = (
            directory.path().join("own"),
            directory.path().join("shared"),
        );
        make_for_group(&own).unwrap();
        assert_eq!(mode(&own), 0o600);
        fs::set_permissions(directory.path(), Permissions::from_mode(0o2770)).unwrap();
        make_for_group(&shared).unwrap();
        assert_eq!(mode(&shared), 0o660);
        File::options()
            .append(true)
            .open(&shared)
            .unwrap()
            .write_all(b"kept")
            .unwrap();
        make_for_group(&shared).unwrap();
        make_like(&shared, &own).unwrap();
        assert_eq!(fs::read(&shared).unwrap(), b"kept");
        assert_eq!(mode(&shared), 0o660);
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_beside_another_is_for_the_same_people() {
        let directory = tempfile::tempdir().unwrap();
        let (first, second) = (
            directory.path().join("first"),
            directory.path().join("second"),
        );
        File::create(&first).unwrap();
        fs::set_permissions(&first, Permissions::from_mode(0o664)).unwrap();
        // Only root can give files away.
        let other = fchown(File::open(&first).unwrap(), Some(61_001), Some(61_000));
        make_like(&second, &first).unwrap();
        let [first, second] = [first, second].map(|path| fs::metadata(path).unwrap());
        assert_eq!(second.mode(), first.mode());
        assert_eq!((second.uid(), second.gid()), (first.uid(), first.gid()));
        assert!(other.is_err() || second.uid() == 61_001);
    }
}
