//! Instructions of each call: callgrind counts two runs that differ in length only.

use crate::support::process::CHILD;
use crate::workloads::{Keys, WORKLOADS, Workload, by_name, new_token};
use crate::{PART, home};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The shorter run, in calls.
const FEW: u64 = 200;

/// Where the figures are kept.
fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.toml")
}

/// Measures every workload and prints it beside the figure kept; with `write`, keeps the new ones.
pub(crate) fn compare(write: bool) {
    let kept = std::fs::read_to_string(file()).unwrap_or_default();
    let kept: BTreeMap<String, u64> = toml::from_str(&kept).expect("the figures kept");
    println!("instructions a call         before       now    ratio");
    let mut fresh = String::from(
        "# Instructions of one call each, of a release build, counted by `cargo bench --bench calls -- instructions --write`.\n",
    );
    for workload in WORKLOADS {
        let now = measure(workload);
        let name = workload.name;
        match kept.get(name) {
            Some(before) => {
                let ratio = now as f64 / *before as f64;
                println!("{name:24} {before:9} {now:9} {ratio:8.3}");
            }
            None => println!("{name:24}         - {now:9}        -"),
        }
        writeln!(fresh, "{name} = {now}").expect("a string");
    }
    if write {
        std::fs::write(file(), fresh).expect("the figures are written");
    }
}

/// The instructions of one call.
fn measure(workload: &Workload) -> u64 {
    let (few, many) = (run(workload, FEW), run(workload, FEW + workload.count));
    (many - few + workload.count / 2) / workload.count
}

/// The instructions of a whole process that makes so many calls. Threads of its own would add theirs, so it
/// has none.
fn run(workload: &Workload, count: u64) -> u64 {
    let home = home("[processes]\nwatcher = false\n");
    let out = home.path().join("callgrind.out");
    let own = std::env::current_exe().expect("the path of this program");
    let output = home
        .command("valgrind")
        .arg("--tool=callgrind")
        // Only what happens inside the module counts, not this program.
        .arg("--toggle-collect=C_*")
        .arg("--toggle-collect=*::vendor::batch::wrap_keys")
        .arg("--toggle-collect=*::vendor::batch::unwrap_keys")
        .arg(format!("--callgrind-out-file={}", out.display()))
        .arg(own)
        .args([PART, "instructions", workload.name, &count.to_string()])
        .env(CHILD, "bench")
        .output()
        .expect("valgrind, which counts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", workload.name);
    let counted = std::fs::read_to_string(&out).expect("what callgrind counted");
    let total = counted.lines().find_map(|line| {
        let number = line
            .strip_prefix("totals: ")
            .or_else(|| line.strip_prefix("summary: "))?;
        number.split_whitespace().next()?.parse().ok()
    });
    if let Some(kept) = std::env::var_os("KEYWARD_BENCH_PROFILES") {
        let name = format!("{}.{count}.callgrind", workload.name);
        let _ = Command::new("cp")
            .arg(&out)
            .arg(Path::new(&kept).join(name))
            .status();
    }
    total.unwrap_or_else(|| panic!("{}: callgrind gave no total", workload.name))
}

/// What the counted process does.
pub(crate) fn child(name: &str, count: u64) {
    let token = new_token();
    let s = token.user();
    let keys = Keys::make(&s);
    let mut work = (by_name(name).prepare)(&s, &keys);
    for _ in 0..count {
        work();
    }
}
