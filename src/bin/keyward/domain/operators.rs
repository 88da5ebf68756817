//! Operators and rules as words: `alice.card,role=admin` and `member.*=2 of admin+1 of auditor`.

use super::words::wrong;
use crate::failure::Failure;
use crate::operator::read_card;
use crate::times::date;
use keyward_pkcs11::domain::command::Change;
use keyward_pkcs11::domain::command::kind::Kind;
use keyward_pkcs11::domain::state::governance::{Clause, Operator, Permissions, Rule};
use std::path::Path;

/// The role of operators for whom none is given.
pub(super) const ROLE: &str = "operator";

/// `CARDFILE[,role=ROLE][,permissions=KIND+KIND][,expires=DATE][,service]`.
///
/// # Errors
/// The part that is none, and why; those of reading the card.
pub(super) fn operator(text: &str, role: Option<&str>) -> Result<Operator, Failure> {
    let mut parts = text.split(',');
    let card = read_card(Path::new(parts.next().unwrap_or_default()))?;
    let mut operator = Operator {
        card,
        role: role.unwrap_or(ROLE).to_owned(),
        permissions: Permissions::all(),
        service: false,
        expires: None,
        suspended: false,
    };
    for part in parts {
        let why = |why: String| wrong(text, &why);
        match part.split_once('=') {
            None if part == "service" => operator.service = true,
            Some(("role", role)) if !role.is_empty() => role.clone_into(&mut operator.role),
            Some(("permissions", kinds)) => {
                operator.permissions = permissions(kinds).map_err(why)?;
            }
            Some(("expires", day)) => operator.expires = Some(date(day).map_err(why)?),
            _ => return Err(wrong(text, &format!("an operator has no {part}"))),
        }
    }
    Ok(operator)
}

/// `KIND+KIND`, where a kind may be `all` or end in `.*`.
fn permissions(text: &str) -> Result<Permissions, String> {
    let mut granted = Permissions(0);
    for pattern in text.split('+') {
        granted = kinds(pattern)?.into_iter().fold(granted, Permissions::with);
    }
    Ok(granted)
}

/// `KIND=RULE` as one change for each kind that it names.
///
/// # Errors
/// What is wrong with it.
pub(super) fn rules(text: &str) -> Result<Vec<Change>, String> {
    let (pattern, rule) = text
        .split_once('=')
        .ok_or("write a kind of change, =, and who must approve it")?;
    let clauses = clauses(rule)?;
    let rule = |kind| {
        Change::RuleSet(Rule {
            kind,
            clauses: clauses.clone(),
        })
    };
    Ok(kinds(pattern)?.into_iter().map(rule).collect())
}

/// `2 of admin+1 of auditor`, or `nobody`.
fn clauses(text: &str) -> Result<Vec<Clause>, String> {
    if text == "nobody" {
        return Ok(Vec::new());
    }
    let clause = |part: &str| {
        let (needed, role) = part.trim().split_once(" of ")?;
        let (needed, role) = (needed.trim().parse().ok()?, role.trim().to_owned());
        (!role.is_empty()).then_some(Clause { role, needed })
    };
    let clauses: Option<Vec<Clause>> = text.split('+').map(clause).collect();
    let mut clauses =
        clauses.ok_or_else(|| format!("{text} is no rule: write 2 of admins+1 of auditors"))?;
    clauses.sort_by(|a, b| a.role.cmp(&b.role));
    if clauses
        .windows(2)
        .any(|pair| matches!(pair, [a, b] if a.role == b.role))
    {
        return Err(format!("{text} names a role twice"));
    }
    Ok(clauses)
}

/// The kinds of change that a pattern names: one, those that begin alike (`key.*`), or `all`.
fn kinds(pattern: &str) -> Result<Vec<Kind>, String> {
    let fits = |kind: &Kind| match pattern.strip_suffix('*') {
        Some(beginning) if beginning.ends_with('.') => kind.name().starts_with(beginning),
        _ => pattern == "all" || kind.name() == pattern,
    };
    let kinds: Vec<Kind> = Kind::ALL.into_iter().filter(fits).collect();
    if kinds.is_empty() {
        Err(format!("there is no kind of change {pattern}"))
    } else {
        Ok(kinds)
    }
}

/// A rule in words.
pub(super) fn in_words(clauses: &[Clause]) -> String {
    let parts: Vec<String> = clauses
        .iter()
        .map(|one| format!("{} of {}", one.needed, one.role))
        .collect();
    if parts.is_empty() {
        "nobody".to_owned()
    } else {
        parts.join(" and ")
    }
}

/// Permissions in words: `all`, or the kinds, whole groups as `key.*`.
pub(super) fn permissions_in_words(permissions: Permissions) -> String {
    if permissions == Permissions::all() {
        return "all".to_owned();
    }
    let mut names: Vec<String> = Vec::new();
    for kind in Kind::ALL
        .into_iter()
        .filter(|kind| permissions.include(*kind))
    {
        let group = kind.name().split('.').next().unwrap_or_default();
        let group = format!("{group}.*");
        let whole = kinds(&group)
            .is_ok_and(|all| all.len() > 1 && all.iter().all(|one| permissions.include(*one)));
        let name = if whole { group } else { kind.name().to_owned() };
        if names.last() != Some(&name) {
            names.push(name);
        }
    }
    names.join("+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read_for_one_kind_and_for_many() {
        let rule = rules("member.*=1 of auditor + 2 of admin").unwrap();
        assert_eq!(rule.len(), 5);
        let Change::RuleSet(first) = &rule[0] else {
            panic!("a rule")
        };
        assert_eq!(in_words(&first.clauses), "2 of admin and 1 of auditor");
        assert_eq!(rules("all=1 of a").unwrap().len(), Kind::ALL.len());
        assert_eq!(rules("key.add=nobody").unwrap().len(), 1);
        for wrong in [
            "key.add",
            "key=1 of a",
            "key.add=a",
            "key.add=1 of a+2 of a",
            "*=1 of a",
        ] {
            assert!(rules(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn permissions_are_read_and_written() {
        for text in ["all", "key.*", "key.add+member.*+revoke"] {
            assert_eq!(permissions_in_words(permissions(text).unwrap()), text);
        }
        assert!(permissions("key").is_err());
    }
}
