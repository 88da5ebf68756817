//! The making of domain tokens: the first version of a lone module, and the next version of a domain.

use super::keyset::{KeySet, TokenKey};
use super::running::Running;
use super::{Public, encode_public, encode_tagged};
use crate::domain::command::apply::{Contributions, apply};
use crate::domain::command::{Approvals, Change};
use crate::domain::cose::{Purpose, Signed};
use crate::domain::identity::Identity;
use crate::domain::ids::{Digest, DomainId, DomainKeyId, RepositoryId};
use crate::domain::ingest::{Installed, lineage, next_change};
use crate::domain::keyring::{DomainKey, KeyState, Keyring, StableSecret};
use crate::domain::refusal::Refusal;
use crate::domain::sealing::hash;
use crate::domain::state::governance::Governance;
use crate::domain::state::manifest::ManifestKey;
use crate::domain::state::member::{Card, MAX_LABEL, Member};
use crate::domain::state::policy::Policy;
use crate::domain::state::{Applied, State};
use rand::CryptoRng;
use std::collections::BTreeMap;
use std::sync::Arc;
use zeroize::Zeroizing;

/// How long a version can be installed after it was made, in seconds: 30 days.
pub const LIFETIME: u64 = 30 * 24 * 60 * 60;

/// The first version of a lone module: a domain without operators, governed by the module's SO, with
/// one active domain key.
///
/// # Errors
/// A label of more than 64 bytes, and those of signing.
pub fn genesis(
    identity: &Identity,
    label: &str,
    now: u64,
    random: &mut impl CryptoRng,
) -> Result<Vec<u8>, Refusal> {
    if label.len() > MAX_LABEL {
        return Err(Refusal::Failed("the domain's label is too long".into()));
    }
    let domain = DomainId(draw(random));
    let id = DomainKeyId(draw(random));
    let key = Arc::new(DomainKey::new(domain, id, &Zeroizing::new(draw(random))));
    let stable = Arc::new(StableSecret::new(&Zeroizing::new(draw(random))));
    let state = State {
        domain,
        repository: RepositoryId(draw(random)),
        label: label.to_owned(),
        version: 1,
        parent: None,
        created: now,
        not_after: now.saturating_add(LIFETIME),
        applied: None,
        members: vec![Member {
            card: identity.card()?,
            active: true,
            since: 1,
        }],
        governance: Governance::default(),
        keys: vec![ManifestKey {
            id,
            state: KeyState::Active,
            created: now,
            since: now,
            commitment: key.commitment(),
        }],
        tombstones: Vec::new(),
        stable: stable.commitment(domain),
        revoked: Vec::new(),
        minimum_revisions: Vec::new(),
        policy: Policy::founding(),
        recovery: None,
        mandates: Vec::new(),
    };
    let public = Public {
        state,
        approvals: None,
        running: vec![],
        renewals: vec![],
    };
    seal_and_sign(
        &public,
        &KeySet {
            stable,
            keys: vec![key],
        },
        identity,
        random,
    )
}

/// What a member needs to propose the next version.
pub struct Proposal<'a> {
    /// The version that it runs.
    pub installed: &'a Installed,
    /// The keys of that version.
    pub ring: &'a Keyring,
    /// The mandate with its approvals.
    pub approvals: &'a Approvals,
    /// How many of the mandate's next changes the version makes.
    pub count: usize,
    /// The word of other members that they run the installed version; any other word is left out. The
    /// proposing member's own is added.
    pub running: Vec<Running>,
    /// Fresh cards of members, for the final removal of a domain key.
    pub renewals: Vec<Card>,
}

/// Proposes the next version. Nothing is installed: the token is to be ingested, here as elsewhere.
/// The checks are those of [`crate::domain::ingest`]; the proposing member ingests its own token first.
///
/// # Errors
/// Whatever would have the token refused.
pub fn propose(
    proposal: &Proposal<'_>,
    identity: &Identity,
    now: u64,
    random: &mut impl CryptoRng,
) -> Result<Vec<u8>, Refusal> {
    let installed = proposal.installed;
    let mandate = proposal.approvals.mandate();
    let first = next_change(installed, proposal.approvals)?;
    let count = u64::try_from(proposal.count).unwrap_or(u64::MAX);
    let applied = Applied {
        mandate: proposal.approvals.hash(),
        first,
        count,
    };
    let changes = applied
        .of(&mandate.changes)
        .ok_or(Refusal::MandateCount(count))?;
    let keys = KeySet::for_changes(proposal.ring, changes, random);
    let running = proposal.all_running(identity, changes, now)?;
    let renewals = proposal.needed_renewals(changes);
    let contributions = Contributions {
        fresh: keys
            .keys
            .iter()
            .map(|key| (key.id(), key.commitment()))
            .collect(),
        running: running.iter().map(|statement| statement.member).collect(),
        renewals: renewals.clone(),
    };
    let created = now.max(installed.state.created);
    let made = apply(&installed.state, changes, created, &contributions);
    let mut state = made.map_err(Refusal::Change)?;
    lineage(&mut state, installed, mandate, applied);
    state.not_after = created.saturating_add(LIFETIME);
    let keys = keys.only_of(&state);
    let approvals = Some(proposal.approvals.clone());
    let public = Public {
        state,
        approvals,
        running,
        renewals,
    };
    let token = seal_and_sign(&public, &keys, identity, random)?;
    crate::domain::ingest::ingest(installed, &token, identity, now)?;
    Ok(token)
}

impl Proposal<'_> {
    /// How many of the mandate's next changes one version can make now, whatever `count` says, and why
    /// not the one after them.
    ///
    /// # Errors
    /// Why not even the next one can be made.
    pub fn reach(&self, identity: &Identity, now: u64) -> Result<(usize, Option<String>), Refusal> {
        let installed = self.installed;
        let changes = &self.approvals.mandate().changes;
        let first = usize::try_from(next_change(installed, self.approvals)?);
        let left = changes
            .get(first.unwrap_or(usize::MAX)..)
            .unwrap_or_default();
        let mut fresh = BTreeMap::new();
        for change in left {
            if let Change::KeyAdd(id) = change {
                // Any commitment will do: no version is made of it.
                fresh.insert(*id, Digest([0; 32]));
            }
        }
        let running = self.all_running(identity, left, now)?;
        let contributions = Contributions {
            fresh,
            running: running.iter().map(|word| word.member).collect(),
            renewals: self.needed_renewals(left),
        };
        let created = now.max(installed.state.created);
        for count in 1..=left.len() {
            let some = left.get(..count).unwrap_or_default();
            match (
                apply(&installed.state, some, created, &contributions),
                count,
            ) {
                (Ok(_), _) => {}
                (Err(why), 1) => return Err(Refusal::Change(why)),
                (Err(why), _) => return Ok((count.saturating_sub(1), Some(why))),
            }
        }
        Ok((left.len(), None))
    }

    /// The fresh cards, sorted, when the changes need any.
    fn needed_renewals(&self, changes: &[Change]) -> Vec<Card> {
        if !changes.iter().any(Change::needs_renewals) {
            return Vec::new();
        }
        let mut renewals = self.renewals.clone();
        renewals.sort_by_key(Card::id);
        renewals
    }

    /// The running statements that the changes need, sorted, the proposing member's own among them.
    fn all_running(
        &self,
        identity: &Identity,
        changes: &[Change],
        now: u64,
    ) -> Result<Vec<Running>, Refusal> {
        if !changes.iter().any(Change::needs_running) {
            return Ok(Vec::new());
        }
        let Installed { state, hash, .. } = self.installed;
        let subject = (state.domain, state.version, *hash);
        let own = Running::make(identity.id(), identity, subject, now)?;
        let mut all: Vec<_> = self
            .running
            .iter()
            .filter(|other| other.member != own.member && other.confirms(self.installed))
            .cloned()
            .collect();
        all.push(own);
        all.sort_by_key(|statement| statement.member);
        all.dedup_by_key(|statement| statement.member);
        Ok(all)
    }
}

impl KeySet {
    /// The keys of a ring, and a fresh one for each domain key that the changes add.
    fn for_changes(ring: &Keyring, changes: &[Change], random: &mut impl CryptoRng) -> Self {
        let mut keys: Vec<_> = ring.keys().iter().map(|own| Arc::clone(&own.key)).collect();
        for change in changes {
            if let Change::KeyAdd(id) = change {
                let secret = Zeroizing::new(draw(random));
                keys.push(Arc::new(DomainKey::new(ring.domain(), *id, &secret)));
            }
        }
        keys.sort_by_key(|key| key.id());
        KeySet {
            stable: Arc::clone(ring.stable()),
            keys,
        }
    }

    /// Without the keys that the state no longer has.
    fn only_of(mut self, state: &State) -> Self {
        self.keys.retain(|key| state.key(key.id()).is_some());
        self
    }
}

/// Seals the keys to the members of a state, and signs the whole.
pub fn seal_and_sign(
    public: &Public,
    keys: &KeySet,
    identity: &Identity,
    random: &mut impl CryptoRng,
) -> Result<Vec<u8>, Refusal> {
    let encoded = encode_public(public);
    let public_hash = hash(&[&encoded]);
    let key = TokenKey(Zeroizing::new(draw(random)));
    let salt = draw(random);
    let sealed = key.seal(&public.state, &public_hash, keys, (salt, random))?;
    let mut writer = encode_tagged(&encoded, &sealed);
    let tag = key.tag(&hash(&[writer.as_slice()]));
    writer.bytes(&tag);
    Ok(Signed::make(
        Purpose::Token,
        identity.id().0,
        identity,
        writer.into_vec(),
    )?)
}

/// `N` random bytes.
fn draw<const N: usize>(random: &mut impl CryptoRng) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill_bytes(&mut bytes);
    bytes
}

/// The hash by which a token is known.
#[must_use]
pub fn token_hash(token: &[u8]) -> Digest {
    Digest(hash(&[token]))
}
