//! The policies of keys: from arguments, and in words.

use super::{Access, Named, shown};
use crate::failure::Failure;
use crate::output::{Output, hex, time};
use crate::times::date;
use clap::Args;
use keyward_pkcs11::domain::customer::Request;
use keyward_pkcs11::domain::ids::{MemberId, OperatorId};
use keyward_pkcs11::domain::key_policy::{DataRule, KeyPolicy, Operation, Operations};
use keyward_pkcs11::mechanism::table;

/// What may be done with a key. What is not restricted is allowed.
#[derive(Args)]
pub(crate) struct Limits {
    /// Allow these operations only: encrypt, decrypt, data-key, rekey, sign, verify, wrap, unwrap, derive
    #[arg(long, value_name = "OPERATION", value_delimiter = ',', value_parser = operation)]
    allow: Vec<Operation>,
    /// Allow these mechanisms only, by name or number; CUSTOMER_DATA is that of these commands
    #[arg(long, value_name = "MECHANISM", value_delimiter = ',', value_parser = mechanism)]
    mechanism: Vec<u64>,
    /// Allow these operators only, by id (and those of --role)
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = operator_id)]
    by_operator: Vec<OperatorId>,
    /// Allow operators in these roles only (and those of --by-operator)
    #[arg(long, value_name = "ROLE", value_delimiter = ',')]
    role: Vec<String>,
    /// Allow use on these members only, by id (and in the regions of --region)
    #[arg(long, value_name = "ID", value_delimiter = ',', value_parser = member_id)]
    member: Vec<MemberId>,
    /// Allow use in these regions only (and on the members of --member)
    #[arg(long, value_delimiter = ',')]
    region: Vec<String>,
    /// Allow no use before this date or time
    #[arg(long, value_name = "DATE", value_parser = date)]
    not_before: Option<u64>,
    /// Allow no use after this date or time
    #[arg(long, value_name = "DATE", value_parser = date)]
    not_after: Option<u64>,
    /// Allow so many uses in all
    #[arg(long, value_name = "N")]
    max_uses: Option<u64>,
    /// Allow this authenticated text only (or what another --only-aad or --aad-prefix allows)
    #[arg(long, value_name = "TEXT")]
    only_aad: Vec<String>,
    /// Allow authenticated text only that begins so
    #[arg(long, value_name = "TEXT")]
    aad_prefix: Vec<String>,
}

impl Limits {
    /// The policy.
    pub(crate) fn policy(&self) -> Result<KeyPolicy, Failure> {
        let exact = self.only_aad.iter().map(|value| (true, value));
        let prefixes = self.aad_prefix.iter().map(|value| (false, value));
        let data = exact.chain(prefixes).map(|(exact, value)| DataRule {
            exact,
            value: value.as_bytes().to_vec(),
        });
        let operations = (!self.allow.is_empty()).then(|| Operations::of(&self.allow));
        let policy = KeyPolicy {
            operations,
            mechanisms: list(&self.mechanism),
            operators: list(&self.by_operator),
            roles: list(&self.role),
            members: list(&self.member),
            regions: list(&self.region),
            not_before: self.not_before,
            not_after: self.not_after,
            max_uses: self.max_uses,
            data: list(&data.collect::<Vec<_>>()),
        };
        // What cannot be read back is refused here, with its reason.
        KeyPolicy::decode(&policy.encode()).map_err(|flaw| Failure::Usage(flaw.to_string()))
    }
}

/// A list in order, each item once; nothing where none was given.
fn list<T: Clone + Ord>(items: &[T]) -> Option<Vec<T>> {
    let mut items = items.to_vec();
    items.sort();
    items.dedup();
    Some(items).filter(|items| !items.is_empty())
}

/// Arguments of `keyward key policy`.
#[derive(Args)]
#[command(
    after_help = "Without limits, the policy is shown. With limits, they take the place of the policy, which can only be \
    made to allow less.\n\n\
    Examples:\n  keyward key policy archive\n  \
    keyward key policy archive --allow decrypt --role custodian --not-after 2030-12-31"
)]
pub(crate) struct Policy {
    #[command(flatten)]
    key: Named,
    #[command(flatten)]
    limits: Limits,
    #[command(flatten)]
    access: Access,
}

impl Policy {
    pub(super) fn run(&self, output: &Output) -> Result<(), Failure> {
        let (key, policy) = (self.key.name(), self.limits.policy()?);
        let answer = self.access.ask(&if policy.is_open() {
            Request::Describe { key }
        } else {
            Request::SetPolicy { key, policy }
        })?;
        shown::one(&answer.keys, output)
    }
}

/// A policy in words, one restriction each.
pub(super) fn in_words(encoded: Option<&[u8]>) -> Vec<String> {
    let Some(encoded) = encoded else {
        return Vec::new();
    };
    let Ok(policy) = KeyPolicy::decode(encoded) else {
        return vec!["it cannot be read here: nothing is allowed".to_owned()];
    };
    let mut words = Vec::new();
    if let Some(operations) = policy.operations {
        let names: Vec<&str> = operations.iter().map(Operation::name).collect();
        words.push(format!("only {}", names.join(", ")));
    }
    let mut named = |what: &str, items: Option<Vec<String>>| {
        if let Some(items) = items {
            words.push(format!("{what} {}", items.join(", ")));
        }
    };
    let texts = |items: &Option<Vec<String>>| items.clone();
    named(
        "by mechanisms",
        policy
            .mechanisms
            .map(|all| all.into_iter().map(mechanism_name).collect()),
    );
    named(
        "by operators",
        policy
            .operators
            .map(|all| all.iter().map(ToString::to_string).collect()),
    );
    named("by operators in the roles", texts(&policy.roles));
    named(
        "on members",
        policy
            .members
            .map(|all| all.iter().map(ToString::to_string).collect()),
    );
    named("in regions", texts(&policy.regions));
    named("not before", policy.not_before.map(|at| vec![time(at)]));
    named("not after", policy.not_after.map(|at| vec![time(at)]));
    let uses = policy.max_uses.map(|most| vec![format!("{most} times")]);
    named("at most", uses);
    let rule = |own: &DataRule| {
        let how = if own.exact { "just" } else { "beginning with" };
        format!("{how} {}", quoted(&own.value))
    };
    named(
        "with authenticated data",
        policy.data.map(|all| all.iter().map(rule).collect()),
    );
    words
}

/// Text in quotes, or bytes that are none in hexadecimal.
fn quoted(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => format!("\"{text}\""),
        _ => hex(bytes),
    }
}

/// The vendor's mechanism of these commands.
const CUSTOMER_DATA: u64 = keyward_pkcs11::object::vendor::CKM_KEYWARD_CUSTOMER_DATA;

fn mechanism_name(number: u64) -> String {
    if number == CUSTOMER_DATA {
        return "CUSTOMER_DATA".to_owned();
    }
    table::row(number).map_or_else(
        || format!("{number:#x}"),
        |row| row.name.trim_start_matches("CKM_").to_owned(),
    )
}

fn mechanism(text: &str) -> Result<u64, String> {
    let wanted = text.trim_start_matches("CKM_");
    if wanted == "CUSTOMER_DATA" {
        return Ok(CUSTOMER_DATA);
    }
    let digits = text.strip_prefix("0x");
    if let Some(number) = digits.and_then(|digits| u64::from_str_radix(digits, 16).ok()) {
        return Ok(number);
    }
    table::rows()
        .find(|row| row.name.trim_start_matches("CKM_") == wanted)
        .map(|row| row.mechanism)
        .ok_or_else(|| format!("{text} is no mechanism: keyward mechanisms lists them"))
}

fn operation(text: &str) -> Result<Operation, String> {
    let names = || Operation::ALL.map(Operation::name).join(", ");
    Operation::from_name(text).ok_or_else(|| format!("{text} is none of {}", names()))
}

fn operator_id(text: &str) -> Result<OperatorId, String> {
    OperatorId::from_hex(text).ok_or_else(|| format!("{text} is no operator's id"))
}

fn member_id(text: &str) -> Result<MemberId, String> {
    MemberId::from_hex(text).ok_or_else(|| format!("{text} is no member's id"))
}
