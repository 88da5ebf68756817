//! What a process has in memory, searched for keys that should be gone.

use keyward_pkcs11::domain::ids::{Digest, DomainId, DomainKeyId};
use keyward_pkcs11::domain::keyring::DomainKey;
use std::collections::HashSet;

/// The writable memory of a process: what each region is called, and what it holds.
fn memory(pid: u32) -> Vec<(String, Vec<u8>)> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let file = std::fs::File::open(format!("/proc/{pid}/mem")).unwrap();
    maps.lines()
        .filter(|line| line.contains(" rw"))
        .filter_map(|line| {
            let (from, to) = line.split(' ').next()?.split_once('-')?;
            let from = u64::from_str_radix(from, 16).ok()?;
            let mut bytes = vec![0; (u64::from_str_radix(to, 16).ok()? - from) as usize];
            std::os::unix::fs::FileExt::read_exact_at(&file, &mut bytes, from).ok()?;
            Some((line.to_owned(), bytes))
        })
        .collect()
}

/// The secret of a domain key, recognised among everything in memory by its commitment.
pub(crate) fn search(
    pid: u32,
    domain: DomainId,
    id: DomainKeyId,
    commitment: Digest,
) -> Option<[u8; 32]> {
    let mut tried = HashSet::new();
    for (_, region) in memory(pid) {
        for window in region.windows(32).step_by(8) {
            let candidate: [u8; 32] = window.try_into().unwrap();
            // 32 random bytes hold about 30 different ones.
            if candidate.iter().collect::<HashSet<_>>().len() < 24 || !tried.insert(candidate) {
                continue;
            }
            if DomainKey::new(domain, id, &candidate).commitment() == commitment {
                return Some(candidate);
            }
        }
    }
    None
}

/// Which of some secrets are in the memory of a process, and where.
pub(crate) fn held(pid: u32, secrets: &[(&str, Vec<u8>)]) -> Vec<String> {
    let regions = memory(pid);
    let found = regions.iter().flat_map(|(place, bytes)| {
        let held = secrets.iter().filter(|(_, secret)| contains(bytes, secret));
        held.map(move |(name, _)| format!("{name} in {place}"))
    });
    found.collect()
}

pub(crate) fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack
        .windows(needle.len())
        .any(|window| window == needle)
}
