//! What is kept of a domain token or request that came in, whatever became of it: who made it and who signed
//! its mandate.

use crate::domain::command::Approvals;
use crate::domain::ids::{MemberId, OperatorId};
use crate::domain::state::State;
use crate::domain::token::Token;

/// Who made a token and who signed its mandate, by the names that the given states know; nothing of bytes
/// that are no token. Only of an installed token were the signatures checked.
pub(super) fn signers(token: &[u8], known: &[&State]) -> String {
    let Ok(token) = Token::parse(token) else {
        return String::new();
    };
    let mut text = format!("; made by {}", member(token.producer(), known));
    if let Some(approvals) = &token.public.approvals {
        text.push_str(&approvers(approvals, known));
    }
    text
}

/// Who signed a mandate, as [`signers`] says it.
pub(super) fn approvers(approvals: &Approvals, known: &[&State]) -> String {
    let signatures = approvals.signed().signatures.iter();
    let mut names: Vec<String> = signatures.map(|own| signer(own.signer, known)).collect();
    names.sort_by_key(|name| {
        name.split_once(' ')
            .map(|(id, label)| (label.to_owned(), id.to_owned()))
    });
    if names.is_empty() {
        return String::new();
    }
    format!("; signed by {}", names.join(", "))
}

/// A member by id and label.
fn member(id: MemberId, known: &[&State]) -> String {
    let found = known.iter().find_map(|state| state.member(id));
    named(&id.to_string(), found.map(|one| one.card.label.as_str()))
}

/// An operator by id and label, or the member that signed for its security officer.
fn signer(id: [u8; 16], known: &[&State]) -> String {
    let operator = |state: &&State| {
        let found = state.governance.operator(OperatorId(id));
        found.map(|one| one.card.label.clone())
    };
    match known.iter().find_map(operator) {
        Some(label) => named(&OperatorId(id).to_string(), Some(&label)),
        None => member(MemberId(id), known),
    }
}

fn named(id: &str, label: Option<&str>) -> String {
    // What people call themselves must not look like another event.
    let label: Option<String> = label.map(|label| {
        let shown = label.chars().filter(|one| !one.is_control());
        shown.collect()
    });
    match label {
        Some(label) => format!("{id} ({label})"),
        None => format!("{id} (unknown here)"),
    }
}
