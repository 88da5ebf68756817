//! Whether programs get the module: it loads, and p11-kit knows of it.

use super::{Check, Verdict, check};
use crate::failure::Failure;
use crate::output::line;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The module's file.
const FILE: &str = "libkeyward_pkcs11.so";

/// Whether the module loads and answers, in a process of its own: it brings a second copy of what this
/// program is made of, and two copies of SQLite in one process spoil each other's locks.
pub(super) fn loads(given: Option<&Path>) -> Check {
    let subject = "module";
    let Some(path) = given.map(Path::to_owned).or_else(beside) else {
        let finding = format!("{FILE} is not beside this program: make install, or --module FILE");
        return check(Verdict::Warning, subject, finding);
    };
    let shown = path.display();
    let child = env::current_exe().and_then(|program| {
        Command::new(program)
            .args(["doctor", "--load"])
            .arg(&path)
            .stdin(Stdio::null())
            .output()
    });
    match child {
        Err(cause) => check(Verdict::Bad, subject, format!("{shown}: {cause}")),
        Ok(output) if output.status.success() => {
            let said = String::from_utf8_lossy(&output.stdout);
            check(Verdict::Good, subject, format!("{shown}: {}", said.trim()))
        }
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.trim().trim_start_matches("keyward: ");
            let why = if said.is_empty() {
                "it ended the process"
            } else {
                said
            };
            check(
                Verdict::Bad,
                subject,
                format!("{shown} does not load: {why}"),
            )
        }
    }
}

/// The module that was installed, or built, with this program.
fn beside() -> Option<PathBuf> {
    let program = env::current_exe().ok()?;
    let directory = program.parent()?;
    let prefix = directory.parent()?;
    let library = prefix.join("lib");
    // Debian has a directory for each architecture there.
    let inner = fs::read_dir(&library).into_iter().flatten().flatten();
    let inner = inner.map(|entry| entry.path().join(FILE));
    let mut places = [directory.join(FILE), library.join(FILE)]
        .into_iter()
        .chain(inner);
    places.find(|path| path.is_file())
}

/// Loads a module and says what it is.
pub(super) fn load(path: &Path) -> Result<(), Failure> {
    let failed = |cause: cryptoki::error::Error| Failure::File(cause.to_string());
    let module = Pkcs11::new(path).map_err(failed)?;
    module
        .initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK))
        .map_err(failed)?;
    let info = module.get_library_info().map_err(failed)?;
    let slots = module.get_slots_with_initialized_token().map_err(failed)?;
    let (version, library) = (info.cryptoki_version(), info.library_version());
    line(&format!(
        "version {}.{}, PKCS#11 {}.{}, {} tokens",
        library.major(),
        library.minor(),
        version.major(),
        version.minor(),
        slots.len()
    ))
}

/// Whether p11-kit has been told of the module: programs that ask it, such as GnuTLS's, find it then by
/// themselves.
pub(super) fn registered() -> Check {
    let subject = "p11-kit";
    for directory in &directories() {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let Some(module) = named(&text) else { continue };
            let missing = Path::new(module).is_absolute() && !Path::new(module).exists();
            let shown = path.display();
            return if missing {
                let finding = format!("{shown} names {module}, which is not there: correct it");
                check(Verdict::Bad, subject, finding)
            } else {
                check(Verdict::Good, subject, format!("{shown} names {module}"))
            };
        }
    }
    check(
        Verdict::Good,
        subject,
        "it is not told of the module: programs must name the file (make install writes keyward.module)",
    )
}

/// Our module, where a file of p11-kit's names it.
fn named(text: &str) -> Option<&str> {
    let line = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        (name.trim() == "module").then(|| value.trim())
    });
    line.filter(|module| module.contains("keyward"))
}

/// Where p11-kit looks, the user's directory first.
fn directories() -> Vec<PathBuf> {
    let own = env::var_os("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".config")));
    let own = own.map(|own| own.join("pkcs11/modules"));
    let shared = ["/etc/pkcs11/modules", "/usr/share/p11-kit/modules"];
    own.into_iter().chain(shared.map(PathBuf::from)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_module_is_found_in_a_file() {
        assert_eq!(
            named("# ours\nmodule: /usr/lib/libkeyward_pkcs11.so\ncritical: no\n"),
            Some("/usr/lib/libkeyward_pkcs11.so")
        );
        assert_eq!(named("module: p11-kit-trust.so\n"), None);
        assert_eq!(named("remote: keyward\n"), None);
    }
}
