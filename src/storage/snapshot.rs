//! A token that is only read: a private copy of its sealed files, in memory where there is such a place.
//!
//! SQLite's log, the counters that processes share and the locks want a directory that can be written. A
//! home that cannot be, such as a volume of a container, is copied, and the copy is opened. It holds what
//! the home holds: sealed rows, nothing in clear. Nothing that happens in it goes back.

use super::files;
use crate::crypto::random;
use crate::error::{Error, Result};
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Where shared memory is a directory, on Linux.
const MEMORY: &str = "/dev/shm";
/// What copies are called, whole and while they are made.
const NAME: &str = "keyward-copy-";
const UNFINISHED: &str = "keyward-new-";
/// The file that is locked for as long as the copy is used.
const LOCK: &str = "lock";

/// The copy of one token. It goes when this is dropped, or by the next one when the process died.
pub struct Snapshot {
    home: PathBuf,
    /// Held, not used: nobody takes a copy away whose lock is held.
    _lock: File,
    process: u32,
}

impl Snapshot {
    /// Copies the token with this serial out of the home directory.
    ///
    /// # Errors
    /// `Store` where there is no place for the copy; those of the file system.
    pub fn take(home: &Path, serial: &str) -> Result<Self> {
        let place = place()?;
        sweep(&place);
        let name = random_name()?;
        let unfinished = place.join(format!("{UNFINISHED}{name}"));
        let made = fill(home, serial, &unfinished).and_then(|lock| {
            let home = place.join(format!("{NAME}{name}"));
            fs::rename(&unfinished, &home).map_err(|error| files::cause(&home, &error))?;
            Ok(Snapshot {
                home,
                _lock: lock,
                process: std::process::id(),
            })
        });
        if made.is_err() {
            // What is left is in nobody's way; the cause is what counts.
            let _ = fs::remove_dir_all(&unfinished);
        }
        made
    }

    /// The home directory that the copy stands for.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        // A forked child's copy is its parent's.
        if self.process == std::process::id() {
            let _ = fs::remove_dir_all(&self.home);
        }
    }
}

fn random_name() -> Result<String> {
    Ok(format!("{:016x}", u64::from_ne_bytes(random::array()?)))
}

/// The first directory in which a copy can be made.
fn place() -> Result<PathBuf> {
    let places = [PathBuf::from(MEMORY), std::env::temp_dir()];
    let name = random_name()?;
    let writable = |path: &PathBuf| {
        let probe = path.join(format!("{UNFINISHED}probe-{name}"));
        let made = directory(&probe).is_ok();
        // Removed at once; where that fails, the next sweep finds nothing that is locked there.
        let _ = fs::remove_dir(&probe);
        made
    };
    places.into_iter().find(writable).ok_or_else(|| {
        Error::Store(
            "a token that is only read needs a place for its copy: make /dev/shm or /tmp writable"
                .to_owned(),
        )
    })
}

fn directory(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

/// Takes away the copies of processes that died.
fn sweep(place: &Path) {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    for path in entries.map(|entry| entry.path()) {
        let ours = path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(NAME));
        let abandoned =
            ours && File::open(path.join(LOCK)).is_ok_and(|lock| lock.try_lock().is_ok());
        if abandoned {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

/// Copies the files, and answers the lock that the copy is held by.
fn fill(home: &Path, serial: &str, target: &Path) -> Result<File> {
    let cause = |path: &Path| {
        let path = path.to_owned();
        move |error: std::io::Error| files::cause(&path, &error)
    };
    directory(target).map_err(cause(target))?;
    let lock = target.join(LOCK);
    let held = files::open_or_make(&lock)?;
    held.lock().map_err(cause(&lock))?;
    let (tokens, anchors) = (target.join("tokens"), target.join("anchors"));
    let token = tokens.join(serial);
    for path in [&tokens, &anchors, &token] {
        directory(path).map_err(cause(path))?;
    }
    // The wal-index and the counters are for the processes of the home.
    let kept = |name: &str| !name.ends_with("-shm") && name != "shared";
    copy(&home.join("tokens").join(serial), &token, &kept)?;
    copy(&home.join("anchors"), &anchors, &|name| {
        name.starts_with(serial)
    })?;
    Ok(held)
}

/// Copies the files of a directory that are wanted, for their owner to read and write.
fn copy(from: &Path, to: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<()> {
    let entries = fs::read_dir(from).map_err(|error| files::cause(from, &error))?;
    for entry in entries {
        let entry = entry.map_err(|error| files::cause(from, &error))?;
        let (path, name) = (entry.path(), entry.file_name());
        if !path.is_file() || !wanted(&name.to_string_lossy()) {
            continue;
        }
        let target = to.join(name);
        fs::copy(&path, &target)
            .and_then(|_| fs::set_permissions(&target, fs::Permissions::from_mode(0o600)))
            .map_err(|error| files::cause(&path, &error))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let token = home.path().join("tokens/0123456789abcdef");
        fs::create_dir_all(&token).unwrap();
        fs::create_dir(home.path().join("anchors")).unwrap();
        for name in ["token.db", "token.db-wal", "token.db-shm", "shared"] {
            fs::write(token.join(name), name).unwrap();
        }
        fs::write(home.path().join("anchors/0123456789abcdef"), "anchor").unwrap();
        fs::write(home.path().join("anchors/fedcba9876543210"), "another").unwrap();
        home
    }

    #[test]
    fn a_copy_has_what_one_token_needs_and_goes_with_its_owner() {
        let home = home();
        let snapshot = Snapshot::take(home.path(), "0123456789abcdef").unwrap();
        let copy = snapshot.home().to_owned();
        let token = copy.join("tokens/0123456789abcdef");
        assert_eq!(
            fs::read(token.join("token.db-wal")).unwrap(),
            b"token.db-wal"
        );
        assert!(!token.join("token.db-shm").exists() && !token.join("shared").exists());
        assert!(copy.join("anchors/0123456789abcdef").exists());
        assert!(!copy.join("anchors/fedcba9876543210").exists());
        // Another one is made beside it, and does not take it away.
        let second = Snapshot::take(home.path(), "0123456789abcdef").unwrap();
        assert!(copy.exists() && second.home() != copy);
        drop(snapshot);
        assert!(!copy.exists());
    }

    #[test]
    fn what_a_process_left_is_taken_away() {
        let place = tempfile::tempdir().unwrap();
        let left = place.path().join(format!("{NAME}1"));
        let other = place.path().join("other");
        for path in [&left, &other] {
            fs::create_dir(path).unwrap();
            fs::write(path.join(LOCK), "").unwrap();
        }
        sweep(place.path());
        assert!(!left.exists() && other.exists());
    }

    #[test]
    fn a_token_that_is_not_there_is_no_copy() {
        let home = home();
        let cause = Snapshot::take(home.path(), "fedcba9876543210")
            .err()
            .unwrap();
        assert!(matches!(cause, Error::Store(_)), "{cause}");
    }
}
