//! `keyward domain create`: operators take over from the security officer of a lone token.

use super::installed;
use super::operators::{self, ROLE};
use super::request::RequestFile;
use super::words::wrong;
use crate::failure::Failure;
use crate::recovery::read_key;
use crate::select::Selection;
use crate::times::duration;
use clap::Args;
use keyward_pkcs11::config::Config;
use keyward_pkcs11::domain::command::Change;
use keyward_pkcs11::domain::command::change::RecoveryTerms;
use keyward_pkcs11::domain::command::kind::Kind;
use keyward_pkcs11::domain::state::governance::{Clause, Governance, Operator, Rule};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// The role whose operators announce and do recoveries, where there are any.
const RECOVERY_ROLE: &str = "recovery";

/// Arguments of `keyward domain create`.
#[derive(Args)]
#[command(
    after_help = "A new token has a domain of its own, governed by its security officer. This asks \
    for operators to take over: enough of them approve it, then the security officer proposes it.\n\n\
    Every kind of change needs the quorum of --role, unless a --rule says otherwise. Operators with the \
    role recovery announce and do recoveries (more than half of them); the others can call one off.\n\n\
    Examples:\n  keyward domain create --operator alice.card --operator bob.card --quorum 2 --out found.request\n  \
    keyward operator approve found.request --key alice.key\n  \
    keyward operator approve found.request --key bob.key\n  \
    keyward domain propose found.request --so --out found.token\n  \
    keyward domain ingest found.token\n\n  \
    keyward domain create --role admin --operator alice.card --operator bob.card \\\n    \
    --operator eve.card,role=auditor --operator carl.card,role=recovery --rule 'member.*=2 of admin+1 of auditor' \\\n    \
    --recovery ceremony/recovery.key --recovery-delay 7d --out found.request"
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    selection: Selection,
    /// An operator: the card, and what keyward domain request takes after it; once for each
    #[arg(long, value_name = "CARD[,role=ROLE...]", required = true)]
    operator: Vec<String>,
    /// How many operators of --role must approve a change: more than half; the fewest, if left out
    #[arg(long, value_name = "N")]
    quorum: Option<u64>,
    /// The role of operators for whom none is given, and of the rules that are not given
    #[arg(long, default_value = ROLE)]
    role: String,
    /// A rule of its own for a kind of change, as rule.set takes it; may come several times
    #[arg(long, value_name = "KIND=RULE")]
    rule: Vec<String>,
    /// The recovery key of keyward recovery keygen
    #[arg(long, value_name = "FILE")]
    recovery: Option<PathBuf>,
    /// How long a recovery is announced before it can be done
    #[arg(long, value_name = "TIME", default_value = "7d")]
    recovery_delay: String,
    /// What people call the domain
    #[arg(long)]
    label: Option<String>,
    #[command(flatten)]
    file: RequestFile,
}

/// Runs the command.
pub(super) fn run(arguments: &Arguments, config: &Config) -> Result<(), Failure> {
    let (state, hash) = installed(&arguments.selection.open(config)?)?;
    if state.governance.has_operators() {
        return Err(Failure::Usage(
            "the domain has operators already".to_owned(),
        ));
    }
    arguments.file.write(&state, hash, founding(arguments)?)
}

/// The changes that hand a domain over: each operator, a rule for every kind of change, and the rest.
fn founding(arguments: &Arguments) -> Result<Vec<Change>, Failure> {
    let role = Some(arguments.role.as_str());
    let operators = arguments.operator.iter();
    let operators: Vec<Operator> = operators
        .map(|text| operators::operator(text, role))
        .collect::<Result<_, _>>()?;
    let rules: Vec<Rule> = rules(arguments, &operators)?;
    let mut governance = Governance {
        operators: operators.clone(),
        rules: rules.clone(),
    };
    governance.operators.sort_by_key(Operator::id);
    governance.validate().map_err(Failure::Usage)?;
    let recovery = arguments.recovery.as_deref().map(|path| {
        Ok::<_, Failure>(RecoveryTerms {
            agreement: read_key(path)?,
            delay: duration(&arguments.recovery_delay).map_err(Failure::Usage)?,
        })
    });
    let recovery = recovery
        .transpose()?
        .map(|terms| Change::RecoverySet(Some(terms)));
    let label = arguments.label.clone().map(Change::LabelSet);
    let operators = operators
        .into_iter()
        .map(|operator| Change::OperatorAdd(Box::new(operator)));
    let rules = rules.into_iter().map(Change::RuleSet);
    Ok(operators
        .chain(rules)
        .chain(recovery)
        .chain(label)
        .collect())
}

/// A rule for every kind of change: the quorum of the role, and what `--rule` says.
fn rules(arguments: &Arguments, operators: &[Operator]) -> Result<Vec<Rule>, Failure> {
    let mut rules: BTreeMap<Kind, Vec<Clause>> = BTreeMap::new();
    let usual = quorum(arguments, operators)?;
    let recovers = majority(RECOVERY_ROLE, operators);
    for kind in Kind::ALL {
        let recovery = recovers
            .clone()
            .filter(|_| matches!(kind, Kind::RecoveryBegin | Kind::RecoveryFinish));
        let wanted = !kind.is_optional() || arguments.recovery.is_some() || recovers.is_some();
        if let Some(clause) = recovery.or(usual.clone()).filter(|_| wanted) {
            rules.insert(kind, vec![clause]);
        }
    }
    for text in &arguments.rule {
        for change in operators::rules(text).map_err(|why| wrong(text, &why))? {
            if let Change::RuleSet(Rule { kind, clauses }) = change {
                rules.insert(kind, clauses);
            }
        }
    }
    let rule = |(kind, clauses)| Rule { kind, clauses };
    Ok(rules.into_iter().map(rule).collect())
}

/// The quorum of the role that governs; none where no operator has it, so that rules must be given.
fn quorum(arguments: &Arguments, operators: &[Operator]) -> Result<Option<Clause>, Failure> {
    let role = &arguments.role;
    let Some(fewest) = majority(role, operators) else {
        return match arguments.quorum {
            Some(_) => Err(Failure::Usage(format!("no operator has the role {role}"))),
            None => Ok(None),
        };
    };
    let all = operators.iter().filter(|own| own.role == *role).count();
    let all = u64::try_from(all).unwrap_or(u64::MAX);
    let needed = arguments.quorum.unwrap_or(fewest.needed);
    if needed < fewest.needed || needed > all {
        return Err(Failure::Usage(format!(
            "of {all} operators, {} to {all} can be the quorum, not {needed}",
            fewest.needed
        )));
    }
    let role = role.clone();
    Ok(Some(Clause { role, needed }))
}

/// More than half of a role, by the fewest; none where no operator has it.
fn majority(role: &str, operators: &[Operator]) -> Option<Clause> {
    let all = operators.iter().filter(|own| own.role == role).count();
    let needed = u64::try_from(all / 2).ok()?.checked_add(1)?;
    let role = role.to_owned();
    (all > 0).then_some(Clause { role, needed })
}
