//! Domains to test with: members, operators, and tokens made by those who can make them.
#![allow(dead_code, reason = "each test file uses its own part")]

use keyward_pkcs11::domain::command::{Approvals, Change, Kind, Mandate};
use keyward_pkcs11::domain::identity::Identity;
use keyward_pkcs11::domain::ids::DomainKeyId;
use keyward_pkcs11::domain::ingest::{Installed, Outcome, begin, ingest, join};
use keyward_pkcs11::domain::keyring::Keyring;
use keyward_pkcs11::domain::operator::{OperatorKey, OperatorSigner};
use keyward_pkcs11::domain::refusal::Refusal;
use keyward_pkcs11::domain::state::governance::{Clause, Operator, Permissions, Rule};
use keyward_pkcs11::domain::token::build::{Proposal, genesis, propose};
use keyward_pkcs11::domain::token::running::Running;
use proptest::test_runner::Config as ProptestConfig;

/// The time of the tests.
pub(crate) const NOW: u64 = 1_800_000_000;

/// So many random cases, or as many as `PROPTEST_CASES` says.
pub(crate) fn cases(usual: u32) -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok();
    ProptestConfig {
        cases: asked.and_then(|asked| asked.parse().ok()).unwrap_or(usual),
        ..ProptestConfig::default()
    }
}

/// One member: its identity and what it has installed.
pub(crate) struct Member {
    pub(crate) identity: Identity,
    pub(crate) installed: Installed,
    pub(crate) ring: Keyring,
    /// The installed token.
    pub(crate) token: Vec<u8>,
}

impl Member {
    /// A lone module with its first version.
    pub(crate) fn lone(label: &str) -> Self {
        let identity = Identity::generate(label, "").unwrap();
        let token = genesis(&identity, "test", NOW, &mut rand::rng()).unwrap();
        let first = begin(&token, &identity).unwrap();
        Member {
            identity,
            installed: first.installed,
            ring: first.ring,
            token,
        }
    }

    /// A mandate on the installed version.
    pub(crate) fn mandate(&self, changes: Vec<Change>) -> Approvals {
        let state = &self.installed.state;
        Approvals::new(
            Mandate::new(state.domain, self.installed.hash, NOW + 3600, changes).unwrap(),
        )
    }

    /// A mandate signed by this member for its SO.
    pub(crate) fn own_mandate(&self, changes: Vec<Change>) -> Approvals {
        let mut approvals = self.mandate(changes);
        approvals
            .approve_as_member(self.identity.id(), &self.identity)
            .unwrap();
        approvals
    }

    /// Proposes a version of the next `count` changes.
    pub(crate) fn propose(&self, approvals: &Approvals, count: usize) -> Result<Vec<u8>, Refusal> {
        self.propose_with(approvals, count, vec![])
    }

    /// As `propose`, with the word of other members.
    pub(crate) fn propose_with(
        &self,
        approvals: &Approvals,
        count: usize,
        running: Vec<Running>,
    ) -> Result<Vec<u8>, Refusal> {
        self.propose_at(approvals, count, running, NOW)
    }

    /// As `propose_with`, at another time.
    pub(crate) fn propose_at(
        &self,
        approvals: &Approvals,
        count: usize,
        running: Vec<Running>,
        now: u64,
    ) -> Result<Vec<u8>, Refusal> {
        let (installed, ring) = (&self.installed, &self.ring);
        let proposal = Proposal {
            installed,
            ring,
            approvals,
            count,
            running,
            renewals: vec![],
        };
        propose(&proposal, &self.identity, now, &mut rand::rng())
    }

    /// Ingests a token that must be the next version.
    pub(crate) fn install(&mut self, token: &[u8]) {
        match ingest(&self.installed, token, &self.identity, NOW).unwrap() {
            Outcome::Install(next) => {
                (self.installed, self.ring, self.token) =
                    (next.installed, next.ring, token.to_vec());
            }
            other => panic!("not the next version: {other:?}"),
        }
    }

    /// Ingests a token that must be refused.
    pub(crate) fn refuse(&self, token: &[u8]) -> Refusal {
        ingest(&self.installed, token, &self.identity, NOW).expect_err("refused")
    }

    /// This member's word that it runs what it has installed.
    pub(crate) fn running(&self) -> Running {
        let Installed { state, hash, .. } = &self.installed;
        let subject = (state.domain, state.version, *hash);
        Running::make(self.identity.id(), &self.identity, subject, NOW).unwrap()
    }

    /// Signs for the SO, proposes and installs changes as one version.
    pub(crate) fn change(&mut self, changes: Vec<Change>) {
        let token = self
            .propose(&self.own_mandate(changes.clone()), changes.len())
            .unwrap();
        self.install(&token);
    }
}

/// A name for a new domain key.
pub(crate) fn key_id(number: u8) -> DomainKeyId {
    DomainKeyId([number; 16])
}

/// An operator of `role` who may approve everything.
pub(crate) fn operator(key: &OperatorKey, label: &str, role: &str) -> Operator {
    Operator {
        card: key.card(label).unwrap(),
        role: role.into(),
        permissions: Permissions::all(),
        service: false,
        expires: None,
        suspended: false,
    }
}

/// For every kind of command: `needed` of `role`.
pub(crate) fn rules(role: &str, needed: u64) -> Vec<Change> {
    let clauses = vec![Clause {
        role: role.into(),
        needed,
    }];
    Kind::ALL
        .into_iter()
        .map(|kind| {
            Change::RuleSet(Rule {
                kind,
                clauses: clauses.clone(),
            })
        })
        .collect()
}

/// A domain of one member, governed by two of three operators.
pub(crate) fn governed() -> (Member, Vec<OperatorKey>) {
    let mut member = Member::lone("first");
    let keys: Vec<_> = (0..3).map(|_| OperatorKey::generate().unwrap()).collect();
    let mut changes: Vec<_> = keys
        .iter()
        .map(|key| Change::OperatorAdd(Box::new(operator(key, "someone", "keeper"))))
        .collect();
    changes.extend(rules("keeper", 2));
    let mut approvals = member.own_mandate(changes.clone());
    keys[0].approve(&mut approvals).unwrap();
    keys[1].approve(&mut approvals).unwrap();
    let token = member.propose(&approvals, changes.len()).unwrap();
    member.install(&token);
    (member, keys)
}

/// A mandate on the member's installed version, signed by the first two of `keys`.
pub(crate) fn approved(member: &Member, keys: &[OperatorKey], changes: Vec<Change>) -> Approvals {
    let mut approvals = member.mandate(changes);
    for key in keys.iter().take(2) {
        key.approve(&mut approvals).unwrap();
    }
    approvals
}

/// A governed domain of two members.
pub(crate) fn pair() -> (Member, Member, Vec<OperatorKey>) {
    let (mut first, keys) = governed();
    let identity = Identity::generate("second", "").unwrap();
    let change = Change::MemberAdd(Box::new(identity.card().unwrap()));
    let before = first.token.clone();
    let token = first
        .propose(&approved(&first, &keys, vec![change]), 1)
        .unwrap();
    let fingerprint = first.installed.state.fingerprint();
    first.install(&token);
    let Outcome::Install(joined) = join(&before, &token, fingerprint, &identity, NOW).unwrap()
    else {
        panic!("not admitted")
    };
    let second = Member {
        identity,
        installed: joined.installed,
        ring: joined.ring,
        token,
    };
    (first, second, keys)
}
