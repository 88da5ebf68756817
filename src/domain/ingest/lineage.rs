//! The place of a version in its chain, and of its changes in their mandate.

use super::Installed;
use crate::domain::command::{Approvals, Change, Mandate};
use crate::domain::refusal::Refusal;
use crate::domain::state::{Applied, OpenMandate, State};

/// The place of the mandate's change that comes next: the first, when the mandate names the installed
/// token; a later one, when the mandate is begun.
///
/// # Errors
/// [`Refusal::MandateDomain`] and [`Refusal::MandateParent`].
pub fn next_change(installed: &Installed, approvals: &Approvals) -> Result<u64, Refusal> {
    let mandate = approvals.mandate();
    if mandate.domain != installed.state.domain {
        return Err(Refusal::MandateDomain(mandate.domain));
    }
    let hash = approvals.hash();
    if let Some(open) = installed
        .state
        .mandates
        .iter()
        .find(|open| open.mandate == hash)
    {
        return Ok(open.next);
    }
    if mandate.parent != installed.hash {
        return Err(Refusal::MandateParent(mandate.parent));
    }
    Ok(0)
}

/// Gives a state its place in the chain: the parent, what was applied, and the mandates still open.
pub fn lineage(state: &mut State, installed: &Installed, mandate: &Mandate, applied: Applied) {
    state.parent = Some(installed.hash);
    state.applied = Some(applied);
    let created = state.created;
    state
        .mandates
        .retain(|open| open.mandate != applied.mandate && open.expires >= created);
    let next = applied.first.saturating_add(applied.count);
    if u64::try_from(mandate.changes.len()).is_ok_and(|all| next < all) {
        let open = OpenMandate {
            mandate: applied.mandate,
            next,
            expires: mandate.expires,
        };
        let place = state
            .mandates
            .partition_point(|own| own.mandate < open.mandate);
        state.mandates.insert(place, open);
    }
}

impl Applied {
    /// The changes of a mandate that were made; `None` when it has not that many, or they are none.
    #[must_use]
    pub fn of(self, changes: &[Change]) -> Option<&[Change]> {
        let first = usize::try_from(self.first).ok()?;
        let count = usize::try_from(self.count)
            .ok()
            .filter(|count| *count > 0)?;
        changes.get(first..first.checked_add(count)?)
    }
}
