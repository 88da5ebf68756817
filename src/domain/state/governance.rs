//! Who governs a domain: operators, the rule for each kind of command, and whether a rule is met.

use super::member::{MAX_LABEL, short_hash};
use crate::domain::cbor::{Flaw, Reader, Result, Writer, flawed};
use crate::domain::command::kind::Kind;
use crate::domain::cose::{Purpose, Signed, Signer};
use crate::domain::ids::OperatorId;
use crate::error;
use std::collections::BTreeSet;

/// The format of operator cards.
const CARD_FORMAT: u64 = 1;
/// The longest operator card in bytes.
const MAX_CARD: usize = 512;
/// The most clauses of one rule.
const MAX_CLAUSES: usize = 8;

/// A set of command kinds, one bit for each by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Permissions(pub u64);

impl Permissions {
    /// Every command.
    #[must_use]
    pub fn all() -> Self {
        Kind::ALL
            .into_iter()
            .fold(Permissions(0), Permissions::with)
    }

    /// These, and `kind`.
    #[must_use]
    pub fn with(self, kind: Kind) -> Self {
        Permissions(self.0 | 1 << kind.number())
    }

    /// Whether `kind` is among them.
    #[must_use]
    pub fn include(self, kind: Kind) -> bool {
        self.0 & 1 << kind.number() != 0
    }
}

/// The public half of an operator's key, signed by itself: it shows that the operator holds the key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OperatorCard {
    /// What people call them.
    pub label: String,
    /// Their Ed25519 key.
    pub key: [u8; 32],
    /// The signature of the card by the key.
    pub proof: [u8; 64],
}

impl OperatorCard {
    /// Makes and signs a card.
    ///
    /// # Errors
    /// A label beyond [`MAX_LABEL`], and those of the signer.
    pub fn make(label: &str, signer: &dyn Signer) -> error::Result<Self> {
        if label.len() > MAX_LABEL {
            return Err(flawed("operator label", Flaw::TooLong).into());
        }
        let key = signer.public_key();
        let payload = card_payload(label, &key);
        let bytes = Signed::make(Purpose::OperatorCard, operator_id(&key).0, signer, payload)?;
        Ok(OperatorCard::parse(&bytes)?)
    }

    /// The operator's name in a domain.
    #[must_use]
    pub fn id(&self) -> OperatorId {
        operator_id(&self.key)
    }

    /// The card as a signed message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        Signed::encode(
            self.id().0,
            card_payload(&self.label, &self.key),
            &self.proof,
        )
    }

    /// Reads a card and checks its signature.
    ///
    /// # Errors
    /// Anything but the one encoding, and a signature that its own key did not make.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let signed = Signed::parse(Purpose::OperatorCard, bytes, MAX_CARD)?;
        let card = Reader::whole(&signed.payload, "operator card", |reader| {
            reader.tuple("operator card", 3)?;
            if reader.uint("operator card format")? != CARD_FORMAT {
                return Err(flawed("operator card format", Flaw::BadValue));
            }
            Ok(OperatorCard {
                label: reader.text("operator label", MAX_LABEL)?.to_owned(),
                key: reader.fixed("operator key")?,
                proof: signed.signature.bytes,
            })
        })?;
        if signed.signature.signer != card.id().0 || !signed.signature.is_by(&card.key) {
            return Err(flawed("signature of the operator card", Flaw::BadValue));
        }
        Ok(card)
    }
}

/// The signed part of a card.
fn card_payload(label: &str, key: &[u8; 32]) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.array(3).uint(CARD_FORMAT).text(label).bytes(key);
    writer.into_vec()
}

/// A person or an automated service that governs the domain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operator {
    /// The card by which they joined.
    pub card: OperatorCard,
    /// The role in which they count for rules.
    pub role: String,
    /// The commands they may approve.
    pub permissions: Permissions,
    /// Whether this is an automated service.
    pub service: bool,
    /// Until when their signature counts, in seconds since 1970-01-01 UTC; for ever, if absent.
    pub expires: Option<u64>,
    /// Whether they are suspended.
    pub suspended: bool,
}

impl Operator {
    /// Their name in the domain.
    #[must_use]
    pub fn id(&self) -> OperatorId {
        self.card.id()
    }

    /// Whether their approval of a `kind` counts at the time `at`.
    #[must_use]
    pub fn may_approve(&self, kind: Kind, at: u64) -> bool {
        !self.suspended
            && self.permissions.include(kind)
            && self.expires.is_none_or(|expires| at <= expires)
    }

    /// Writes it.
    pub(in crate::domain) fn write(&self, writer: &mut Writer) {
        writer.array(6).bytes(&self.card.encode()).text(&self.role);
        writer.uint(self.permissions.0).bool(self.service);
        match self.expires {
            Some(expires) => writer.uint(expires),
            None => writer.null(),
        };
        writer.bool(self.suspended);
    }

    /// Reads it.
    pub(in crate::domain) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.tuple("operator", 6)?;
        let operator = Operator {
            card: OperatorCard::parse(reader.bytes("operator card", MAX_CARD)?)?,
            role: read_role(reader)?,
            permissions: Permissions(reader.uint("operator permissions")?),
            service: reader.bool("operator service flag")?,
            expires: reader.optional("operator expiry", |r| r.uint("operator expiry"))?,
            suspended: reader.bool("operator status")?,
        };
        if operator.permissions.0 & !Permissions::all().0 != 0 {
            return Err(flawed("operator permissions", Flaw::BadValue));
        }
        Ok(operator)
    }
}

/// The name of the operator with this key.
#[must_use]
pub fn operator_id(key: &[u8; 32]) -> OperatorId {
    OperatorId(short_hash(b"keyward/1 operator", key))
}

/// One clause of a rule: so many distinct operators of a role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clause {
    /// The role.
    pub role: String,
    /// How many of its operators.
    pub needed: u64,
}

/// What a kind of command needs: every clause. No clause at all means that nobody may.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rule {
    /// The kind of command.
    pub kind: Kind,
    /// The clauses, sorted by role.
    pub clauses: Vec<Clause>,
}

impl Rule {
    /// Writes it.
    pub(in crate::domain) fn write(&self, writer: &mut Writer) {
        writer
            .array(2)
            .uint(self.kind.number())
            .array(self.clauses.len());
        for clause in &self.clauses {
            writer.array(2).text(&clause.role).uint(clause.needed);
        }
    }

    /// Reads it.
    pub(in crate::domain) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        reader.tuple("rule", 2)?;
        let kind = Kind::read(reader)?;
        let read = |reader: &mut Reader<'_>| {
            reader.tuple("clause", 2)?;
            Ok(Clause {
                role: read_role(reader)?,
                needed: reader.uint("quorum")?,
            })
        };
        let clauses =
            reader.sorted_list("clauses", MAX_CLAUSES, read, |clause| clause.role.clone())?;
        Ok(Rule { kind, clauses })
    }
}

/// Reads the name of a role.
fn read_role(reader: &mut Reader<'_>) -> Result<String> {
    let role = reader.text("role", MAX_LABEL)?;
    if role.is_empty() {
        return Err(flawed("role", Flaw::BadValue));
    }
    Ok(role.to_owned())
}

/// The operators and rules of a state.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Governance {
    /// The operators, sorted by id. None at all: the domain is governed by its one member's SO.
    pub operators: Vec<Operator>,
    /// The rules, sorted by kind.
    pub rules: Vec<Rule>,
}

/// A clause that is not met.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shortfall {
    /// The kind of command.
    pub kind: Kind,
    /// The role that lacks approvals; empty when there is no rule for the kind.
    pub role: String,
    /// How many it needs.
    pub needed: u64,
    /// How many it has.
    pub given: u64,
}

impl Governance {
    /// Whether operators govern, and not the SO of the only member.
    #[must_use]
    pub fn has_operators(&self) -> bool {
        !self.operators.is_empty()
    }

    /// An operator by name.
    #[must_use]
    pub fn operator(&self, id: OperatorId) -> Option<&Operator> {
        self.operators.iter().find(|operator| operator.id() == id)
    }

    /// The rule of a kind.
    #[must_use]
    pub fn rule(&self, kind: Kind) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.kind == kind)
    }

    /// Whether the operators in `signers` (each of whom signed) meet the rule of `kind` at time `at`.
    ///
    /// # Errors
    /// The first clause that is not met.
    pub fn approve(
        &self,
        kind: Kind,
        signers: &BTreeSet<OperatorId>,
        at: u64,
    ) -> std::result::Result<(), Shortfall> {
        let rule = self.rule(kind).filter(|rule| !rule.clauses.is_empty());
        let Some(rule) = rule else {
            return Err(Shortfall {
                kind,
                role: String::new(),
                needed: 0,
                given: 0,
            });
        };
        for clause in &rule.clauses {
            let given = self.count(|operator| {
                operator.role == clause.role
                    && operator.may_approve(kind, at)
                    && signers.contains(&operator.id())
            });
            if given < clause.needed {
                let (role, needed) = (clause.role.clone(), clause.needed);
                return Err(Shortfall {
                    kind,
                    role,
                    needed,
                    given,
                });
            }
        }
        Ok(())
    }

    /// Whether the rules are sound: one for every kind that needs one, each asking for more than half
    /// of a role (else two disjoint quorums could fork the domain), and none for more than there are.
    ///
    /// # Errors
    /// What is wrong.
    pub fn validate(&self) -> std::result::Result<(), String> {
        if !self.has_operators() {
            return if self.rules.is_empty() {
                Ok(())
            } else {
                Err("there are rules but no operators".into())
            };
        }
        for kind in Kind::ALL.into_iter().filter(|kind| !kind.is_optional()) {
            if self.rule(kind).is_none_or(|rule| rule.clauses.is_empty()) {
                return Err(format!("there is no rule for {kind}"));
            }
        }
        for rule in &self.rules {
            for clause in &rule.clauses {
                self.validate_clause(rule.kind, clause)?;
            }
        }
        Ok(())
    }

    /// Whether a clause is more than half of its role and within reach.
    fn validate_clause(&self, kind: Kind, clause: &Clause) -> std::result::Result<(), String> {
        let active = self.count(|operator| operator.role == clause.role && !operator.suspended);
        let able = self.count(|operator| {
            operator.role == clause.role
                && !operator.suspended
                && operator.permissions.include(kind)
        });
        let Clause { role, needed } = clause;
        if needed.saturating_mul(2) <= active {
            return Err(format!(
                "{kind}: {needed} is not more than half of {active} {role}"
            ));
        }
        if *needed > able {
            return Err(format!(
                "{kind}: it needs {needed} {role}, but only {able} may approve it"
            ));
        }
        Ok(())
    }

    /// How many operators satisfy a condition.
    fn count(&self, condition: impl Fn(&Operator) -> bool) -> u64 {
        self.operators
            .iter()
            .filter(|operator| condition(operator))
            .map(|_| 1)
            .sum()
    }
}
