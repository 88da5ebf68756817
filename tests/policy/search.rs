//! The search itself: breadth first, so that the leak it reports is a shortest one.

use crate::attacker::Call;
use crate::world::{Process, Setting, Start, World};
use std::collections::HashSet;
use std::hash::RandomState;
use std::rc::Rc;

/// The calls that led to a world, the last one first.
struct Path {
    process: Process,
    call: Call,
    before: Option<Rc<Path>>,
}

impl Path {
    fn tell(&self) -> Vec<String> {
        let mut told = self
            .before
            .as_ref()
            .map(|before| before.tell())
            .unwrap_or_default();
        let Process { member, number } = self.process;
        told.push(format!("member {member} process {number}: {:?}", self.call));
        told
    }
}

/// The shortest sequence of at most `depth` calls that tells the attacker the target's value.
pub(crate) fn search(start: Start, setting: Setting, depth: usize) -> Option<Vec<String>> {
    let hashes = RandomState::new();
    let first = World::new(start, setting);
    assert!(!first.is_leaked());
    let mut seen = HashSet::from([first.summary(&hashes)]);
    let mut level: Vec<(World, Option<Rc<Path>>)> = vec![(first, None)];
    for _ in 0..depth {
        let mut next = Vec::new();
        for (world, before) in &level {
            for &process in world.processes() {
                for call in Call::all(world, process) {
                    let mut after = world.clone();
                    if after.call(process, &call).is_err() || !seen.insert(after.summary(&hashes)) {
                        continue;
                    }
                    let path = Path {
                        process,
                        call,
                        before: before.clone(),
                    };
                    if after.is_leaked() {
                        let mut told = vec![format!("{start:?}")];
                        told.extend(path.tell());
                        return Some(told);
                    }
                    next.push((after, Some(Rc::new(path))));
                }
            }
        }
        level = next;
    }
    None
}
