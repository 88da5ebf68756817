//! The state of a domain: everything that its members hold the same. `docs/formats.md`, "Domain state".

pub mod governance;
pub mod manifest;
pub mod member;
pub mod policy;

use super::cbor::{Reader, Result, Writer};
use super::ids::{Digest, DomainId, DomainKeyId, KeyId, MemberId, RepositoryId};
use super::keyring::{KeyState, Limits};
use super::sealing::hash;
use governance::{Governance, Operator, Rule};
use manifest::{ManifestKey, Tombstone};
use member::{MAX_LABEL, Member};
use policy::{Policy, Recovery};

/// The most members of a domain.
pub const MAX_MEMBERS: usize = 1024;
/// The most operators of a domain.
pub const MAX_OPERATORS: usize = 256;
/// The most domain keys that are not removed.
pub const MAX_KEYS: usize = 64;
/// The most removed domain keys, revoked keys and minimum revisions, each.
pub const MAX_ENTRIES: usize = 1 << 16;
/// The most mandates that are begun and not finished.
pub const MAX_MANDATES: usize = 16;

/// What a version did: some changes of a mandate, in order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Applied {
    /// The hash of the mandate.
    pub mandate: Digest,
    /// The place of the first change, from 0.
    pub first: u64,
    /// How many changes.
    pub count: u64,
}

/// A mandate of which some changes are still to be made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpenMandate {
    /// The hash of the mandate.
    pub mandate: Digest,
    /// The place of the next change.
    pub next: u64,
    /// When it lapses, in seconds since 1970-01-01 UTC.
    pub expires: u64,
}

/// The whole state of one version of a domain. Every list is sorted by the name of its items.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct State {
    /// The domain.
    pub domain: DomainId,
    /// The store that may install versions.
    pub repository: RepositoryId,
    /// What people call the domain: a label only.
    pub label: String,
    /// The serial number, from 1.
    pub version: u64,
    /// The hash of the parent token; none for the first version.
    pub parent: Option<Digest>,
    /// When the version was made, in seconds since 1970-01-01 UTC.
    pub created: u64,
    /// Until when it can be installed.
    pub not_after: u64,
    /// What made it out of its parent; nothing for the first version.
    pub applied: Option<Applied>,
    /// The members.
    pub members: Vec<Member>,
    /// The operators and rules.
    pub governance: Governance,
    /// The domain keys.
    pub keys: Vec<ManifestKey>,
    /// The removed domain keys.
    pub tombstones: Vec<Tombstone>,
    /// The commitment to the secret that does not change with the domain keys.
    pub stable: Digest,
    /// Customer keys that no token may bring back.
    pub revoked: Vec<KeyId>,
    /// The lowest revision of a customer key that opens.
    pub minimum_revisions: Vec<(KeyId, u64)>,
    /// The settings.
    pub policy: Policy,
    /// The way back.
    pub recovery: Option<Recovery>,
    /// Mandates begun and not finished.
    pub mandates: Vec<OpenMandate>,
}

impl State {
    /// A member by name.
    #[must_use]
    pub fn member(&self, id: MemberId) -> Option<&Member> {
        let place = self.members.binary_search_by_key(&id, Member::id).ok()?;
        self.members.get(place)
    }

    /// The members that take part.
    pub fn active_members(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.active)
    }

    /// A domain key by name.
    #[must_use]
    pub fn key(&self, id: DomainKeyId) -> Option<&ManifestKey> {
        self.keys.iter().find(|key| key.id == id)
    }

    /// The active domain key, of which a valid state has one.
    #[must_use]
    pub fn active_key(&self) -> Option<&ManifestKey> {
        self.keys.iter().find(|key| key.state == KeyState::Active)
    }

    /// Whether the domain key was removed for ever.
    #[must_use]
    pub fn is_removed(&self, id: DomainKeyId) -> bool {
        self.tombstones
            .binary_search_by_key(&id, |tombstone| tombstone.id)
            .is_ok()
    }

    /// What openings of key tokens are checked against.
    #[must_use]
    pub fn limits(&self) -> Limits {
        Limits {
            revoked: self.revoked.iter().copied().collect(),
            minimum_revisions: self.minimum_revisions.iter().copied().collect(),
        }
    }

    /// By what a new member recognises the domain: who governs it, and how.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        let mut writer = Writer::default();
        writer.array(3).bytes(&self.domain.0);
        write_governance(&mut writer, &self.governance);
        Digest(hash(&[b"keyward/1 fingerprint", writer.as_slice()]))
    }

    /// The first part in which two states differ, in words; `None` when they are the same.
    #[must_use]
    pub fn difference(&self, other: &State) -> Option<&'static str> {
        let parts = [
            ("domain ids", self.domain == other.domain),
            ("repositories", self.repository == other.repository),
            ("labels", self.label == other.label),
            ("versions", self.version == other.version),
            ("parents", self.parent == other.parent),
            (
                "dates",
                (self.created, self.not_after) == (other.created, other.not_after),
            ),
            ("applied changes", self.applied == other.applied),
            ("members", self.members == other.members),
            (
                "operators",
                self.governance.operators == other.governance.operators,
            ),
            ("rules", self.governance.rules == other.governance.rules),
            ("domain keys", self.keys == other.keys),
            ("tombstones", self.tombstones == other.tombstones),
            ("stable secrets", self.stable == other.stable),
            ("revoked keys", self.revoked == other.revoked),
            (
                "minimum revisions",
                self.minimum_revisions == other.minimum_revisions,
            ),
            ("settings", self.policy == other.policy),
            ("recoveries", self.recovery == other.recovery),
            ("open mandates", self.mandates == other.mandates),
        ];
        let first = parts
            .into_iter()
            .find(|(_, same)| !same)
            .map(|(part, _)| part);
        // A field that the list forgot still counts.
        first.or((self != other).then_some("states"))
    }

    /// Whether the state can be a domain's.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn validate(&self) -> std::result::Result<(), String> {
        self.governance.validate()?;
        if self.active_members().next().is_none() {
            return Err("no member is active".into());
        }
        if !self.governance.has_operators() && self.members.len() > 1 {
            return Err("a domain without operators has one member only".into());
        }
        if self
            .keys
            .iter()
            .filter(|key| key.state == KeyState::Active)
            .count()
            != 1
        {
            return Err("there must be just one active domain key".into());
        }
        if let Some(key) = self.keys.iter().find(|key| self.is_removed(key.id)) {
            return Err(format!("domain key {} was removed for ever", key.id));
        }
        Ok(())
    }

    /// The encoding.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::with_capacity(4096);
        writer
            .array(19)
            .bytes(&self.domain.0)
            .bytes(&self.repository.0)
            .text(&self.label);
        writer.uint(self.version);
        match &self.parent {
            Some(parent) => writer.bytes(&parent.0),
            None => writer.null(),
        };
        writer.uint(self.created).uint(self.not_after);
        match &self.applied {
            Some(applied) => writer
                .array(3)
                .bytes(&applied.mandate.0)
                .uint(applied.first)
                .uint(applied.count),
            None => writer.null(),
        };
        write_list(&mut writer, &self.members, |writer, member| {
            member.write(writer)
        });
        write_governance(&mut writer, &self.governance);
        write_list(&mut writer, &self.keys, |writer, key| key.write(writer));
        write_list(&mut writer, &self.tombstones, |writer, tombstone| {
            tombstone.write(writer)
        });
        writer.bytes(&self.stable.0);
        write_list(&mut writer, &self.revoked, |writer, key| {
            writer.bytes(&key.0);
        });
        write_list(
            &mut writer,
            &self.minimum_revisions,
            |writer, (key, revision)| {
                writer.array(2).bytes(&key.0).uint(*revision);
            },
        );
        self.policy.write(&mut writer);
        match &self.recovery {
            Some(recovery) => recovery.write(&mut writer),
            None => {
                writer.null();
            }
        }
        write_list(&mut writer, &self.mandates, |writer, open| {
            writer
                .array(3)
                .bytes(&open.mandate.0)
                .uint(open.next)
                .uint(open.expires);
        });
        writer.into_vec()
    }

    /// Reads a state. Only its form is checked; [`State::validate`] checks the rest.
    ///
    /// # Errors
    /// Anything but the one encoding.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        Reader::whole(bytes, "state", |reader| {
            reader.tuple("state", 19)?;
            Ok(State {
                domain: DomainId(reader.fixed("domain id")?),
                repository: RepositoryId(reader.fixed("repository id")?),
                label: reader.text("domain label", MAX_LABEL)?.to_owned(),
                version: reader.uint("version")?,
                parent: reader.optional("parent hash", |r| r.fixed("parent hash").map(Digest))?,
                created: reader.uint("creation date")?,
                not_after: reader.uint("expiry")?,
                applied: reader.optional("applied changes", read_applied)?,
                members: reader.sorted_list("members", MAX_MEMBERS, Member::read, Member::id)?,
                governance: read_governance(reader)?,
                keys: reader
                    .sorted_list("domain keys", MAX_KEYS, ManifestKey::read, |key| key.id)?,
                tombstones: reader.sorted_list(
                    "tombstones",
                    MAX_ENTRIES,
                    Tombstone::read,
                    |own| own.id,
                )?,
                stable: Digest(reader.fixed("stable commitment")?),
                revoked: reader.sorted_list("revoked keys", MAX_ENTRIES, read_key, |key| *key)?,
                minimum_revisions: reader.sorted_list(
                    "minimum revisions",
                    MAX_ENTRIES,
                    read_revision,
                    |(key, _)| *key,
                )?,
                policy: Policy::read(reader)?,
                recovery: reader.optional("recovery", Recovery::read)?,
                mandates: reader.sorted_list("open mandates", MAX_MANDATES, read_open, |open| {
                    open.mandate
                })?,
            })
        })
    }
}

/// Writes a list.
fn write_list<T>(writer: &mut Writer, items: &[T], write: impl Fn(&mut Writer, &T)) {
    writer.array(items.len());
    items.iter().for_each(|item| write(writer, item));
}

/// Writes operators and rules, as two items.
fn write_governance(writer: &mut Writer, governance: &Governance) {
    write_list(writer, &governance.operators, |writer, operator| {
        operator.write(writer)
    });
    write_list(writer, &governance.rules, |writer, rule| rule.write(writer));
}

/// Reads operators and rules.
fn read_governance(reader: &mut Reader<'_>) -> Result<Governance> {
    Ok(Governance {
        operators: reader.sorted_list("operators", MAX_OPERATORS, Operator::read, Operator::id)?,
        rules: reader.sorted_list("rules", MAX_OPERATORS, Rule::read, |rule| rule.kind)?,
    })
}

/// Reads what a version did.
fn read_applied(reader: &mut Reader<'_>) -> Result<Applied> {
    reader.tuple("applied changes", 3)?;
    Ok(Applied {
        mandate: Digest(reader.fixed("mandate hash")?),
        first: reader.uint("first change")?,
        count: reader.uint("count of changes")?,
    })
}

/// Reads the name of a customer key.
fn read_key(reader: &mut Reader<'_>) -> Result<KeyId> {
    reader.fixed("key id").map(KeyId)
}

/// Reads a minimum revision.
fn read_revision(reader: &mut Reader<'_>) -> Result<(KeyId, u64)> {
    reader.tuple("minimum revision", 2)?;
    Ok((read_key(reader)?, reader.uint("minimum revision")?))
}

/// Reads a mandate begun and not finished.
fn read_open(reader: &mut Reader<'_>) -> Result<OpenMandate> {
    reader.tuple("open mandate", 3)?;
    Ok(OpenMandate {
        mandate: Digest(reader.fixed("mandate hash")?),
        next: reader.uint("next change")?,
        expires: reader.uint("mandate expiry")?,
    })
}
