//! What the safe things cost: the same workloads with one of them less, where a setting or the system can
//! take it away. Erasing cannot be taken away; its share shows in callgrind's profile.

use crate::home;
use crate::support::Home;
use crate::times::{alone, begun};
use crate::workloads::WORKLOADS;

/// What is taken away, and the settings that do so.
const LESS: &[(&str, &str)] = &[
    ("watcher", "[processes]\nwatcher = false\n"),
    ("kept keys", "[cache]\nlifetime_s = 0\n"),
];

/// Prints calls a second of one thread, as they are and with each thing less.
pub(crate) fn table() {
    println!("calls a second          as it is     no watcher      cache off   not locked");
    for workload in WORKLOADS {
        let measured = |home: &Home| {
            begun(home);
            alone(home, workload.name, 1).rate
        };
        print!("{:20} {:11.0}", workload.name, measured(&home("")));
        for (_, settings) in LESS {
            print!(" {:14.0}", measured(&home(settings)));
        }
        println!(" {:12.0}", unlocked(|| measured(&home(""))));
    }
}

/// The same where the system locks no memory.
fn unlocked(measure: impl FnOnce() -> f64) -> f64 {
    let mut before = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the limit of this process, which its children inherit, lowered and put back.
    unsafe {
        assert_eq!(libc::getrlimit(libc::RLIMIT_MEMLOCK, &raw mut before), 0);
        let none = libc::rlimit {
            rlim_cur: 0,
            ..before
        };
        assert_eq!(libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const none), 0);
    }
    let measured = measure();
    // SAFETY: as above.
    unsafe { assert_eq!(libc::setrlimit(libc::RLIMIT_MEMLOCK, &raw const before), 0) };
    measured
}
