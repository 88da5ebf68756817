//! The directory a module keeps its tokens in: a fresh one for every test process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs};

/// A directory with settings for Keyward (and for SoftHSM2, the oracle), removed on drop.
pub struct Home {
    path: PathBuf,
}

const PREFIX: &str = "keyward-test-";

impl Home {
    /// A fresh directory. PINs are stretched as little as the settings allow: tests set many.
    pub fn new() -> Home {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        let path = env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("softhsm")).expect("a directory for the test");
        fs::write(
            path.join("keyward.toml"),
            "[pin]\nmemory_kib = 64\npasses = 1\nlanes = 1\n[deprecated]\nmd5 = true\n",
        )
        .expect("settings");
        let softhsm = path.join("softhsm");
        let settings = format!(
            "directories.tokendir = {}\nobjectstore.backend = file\nlog.level = ERROR\n",
            softhsm.display()
        );
        fs::write(path.join("softhsm2.conf"), settings).expect("settings of the oracle");
        Home { path }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The environment in which a module uses this directory.
    pub fn environment(&self) -> [(&'static str, PathBuf); 3] {
        [
            ("KEYWARD_HOME", self.path.clone()),
            ("KEYWARD_CONFIG", self.path.join("keyward.toml")),
            ("SOFTHSM2_CONF", self.path.join("softhsm2.conf")),
        ]
    }

    /// A command that runs in this directory's environment.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment());
        command
    }

    /// Gives this process a directory, unless the process that started it gave one.
    pub fn provide() {
        if env::var_os(super::process::CHILD).is_some() {
            return;
        }
        Home::sweep();
        let home = Home::new();
        for (name, value) in home.environment() {
            // SAFETY: called once, before the module that reads the environment is loaded; Rust code
            // of this process reads it under the standard library's lock.
            unsafe { env::set_var(name, value) };
        }
        // The tests of this process share it to the end; the next run removes it.
        std::mem::forget(home);
    }

    /// Removes what test processes that are gone left behind.
    fn sweep() {
        let Ok(entries) = fs::read_dir(env::temp_dir()) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Some(rest) = name.strip_prefix(PREFIX) else {
                continue;
            };
            let pid = rest.split('-').next().unwrap_or_default();
            if !Path::new("/proc").join(pid).exists() {
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}
