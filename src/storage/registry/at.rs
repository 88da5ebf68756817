//! Where the parts of the shared file are, in bytes. Everything begins as zero.

use super::GROUPS;

/// Raised with every change.
pub(super) const GENERATION: usize = 0;
/// Raised when the domain or the PINs change.
pub(super) const DOMAIN: usize = 8;
/// Follows the generation, for sleepers.
pub(super) const BELL: usize = 16;
/// Not zero from before a change becomes visible until it is counted.
pub(super) const PENDING: usize = 20;
/// When a process last asked for its turn to write and had to wait, in milliseconds since 1970.
pub(super) const WANTED: usize = 24;
/// One counter for each group of objects.
pub(super) const GROUP: usize = 64;
/// The registered processes.
pub(super) const MEMBER: usize = GROUP + 8 * GROUPS;
/// Bytes of one registered process.
pub(super) const MEMBER_SIZE: usize = 64;
/// What is known of the commits of a database: see `turns`.
const COMMITS: usize = MEMBER + MEMBER_SIZE * MEMBERS;
/// The number of the newest commit that was begun.
pub(super) const BEGUN: usize = COMMITS;
/// The number of the newest commit that is in the log.
pub(super) const WRITTEN: usize = COMMITS + 8;
/// The number of the newest commit that is on disk, and with it every earlier one.
pub(super) const KEPT: usize = COMMITS + 16;
/// The number of the newest commit that changed more than rows.
pub(super) const OTHER: usize = COMMITS + 24;
/// Follows the ends of turns to write, for those who wait.
pub(super) const FREED: usize = COMMITS + 32;
/// For each group of objects, the number of the newest commit that changed one of them.
pub(super) const CHANGED: usize = COMMITS + 64;
/// The whole file.
pub(super) const END: usize = CHANGED + 8 * GROUPS;

/// In a member: the process id, 0 when free.
pub(super) const PID: usize = 0;
/// In a member: which start of a process with that id, 0 until it is written.
pub(super) const START: usize = 8;
/// In a member: the process-id namespace.
pub(super) const NAMESPACE: usize = 16;
/// In a member: the generation it has seen.
pub(super) const SEEN: usize = 24;
/// In a member: the version of the domain that it runs.
pub(super) const VERSION: usize = 32;

/// The most processes at once on one token. More work without a place; they are not waited for.
pub(super) const MEMBERS: usize = 1024;
