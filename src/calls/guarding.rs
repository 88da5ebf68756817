//! Rule 33 in the calls: collects the facts of an act, has them judged, and records what the
//! judgement decided before the act yields its first byte.

use super::admission;
use super::context::{Context, stands_for, today};
use crate::config;
use crate::domain::state::policy::Wrapping;
use crate::error::{Error, Result};
use crate::mechanism::row::Row;
use crate::object::Object;
use crate::object::policy::{
    self, Act, Decision, Facts, Key, Level, Role, RoleState, judge, lineage, mode,
};
use crate::object::usage::{self, Use};
use crate::session::handles::ObjectHandle;
use crate::session::messages::Terms;
use crate::token::Token;
use cryptoki_sys::{CKO_PRIVATE_KEY, CKO_SECRET_KEY};
use std::sync::Arc;

impl Context<'_> {
    /// The level that the token's domain chose; this process's settings can only tighten it.
    fn level(&self) -> Level {
        match self.module.config().policy {
            config::Policy::Guarded => Level::Guarded,
            config::Policy::Domain => match self.session.token().wrapping() {
                Wrapping::Guarded => Level::Guarded,
                Wrapping::Standard => Level::Standard,
            },
        }
    }

    /// What a key has been used for, the token's record included.
    ///
    /// # Errors
    /// Those of reading the record.
    pub fn uses_of(&self, key: &Object) -> Result<RoleState> {
        Ok(self.facts_of(key)?.uses)
    }

    /// What the rules know of a key, the token's record included.
    fn facts_of(&self, key: &Object) -> Result<Key> {
        facts_of(self.session.token(), key)
    }

    /// The facts of an act of one key.
    ///
    /// # Errors
    /// Those of reading the record.
    pub fn facts(&self, act: Act, mechanism: u64, key: &Object) -> Result<Facts> {
        let mode = match act {
            Act::Use(usage) => mode(mechanism, usage),
            Act::DigestKey => policy::Mode::Ordinary,
        };
        Ok(Facts::new(self.level(), act, mode, self.facts_of(key)?))
    }

    /// The same with the key that is wrapped.
    ///
    /// # Errors
    /// Those of reading the record.
    pub fn wrap_facts(&self, mechanism: u64, key: &Object, target: &Object) -> Result<Facts> {
        let mut facts = self.facts(Act::Use(Use::Wrap), mechanism, key)?;
        // Beside CKA_TRUSTED, which the SO sets, the domain has a list of its own.
        let bound = facts.key.public || !facts.key.extractable;
        facts.key.trusted |= bound && self.session.token().trusts(key.id());
        Ok(facts.with_target(self.facts_of(target)?))
    }

    /// Judges a use of one key that makes no other key, and records what it decided.
    ///
    /// # Errors
    /// The refusal of the first rule that refuses; those of the record.
    pub fn judge_use(&self, usage: Use, row: &Row, key: &Object) -> Result<Decision> {
        let decision = judge(self.facts(Act::Use(usage), row.mechanism, key)?)?;
        self.record(&decision, key, None)?;
        Ok(decision)
    }

    /// Records what a judgement decided, and a use that the key's policy counts, durably, before the act
    /// yields anything.
    ///
    /// # Errors
    /// Those of the store.
    pub fn record(&self, decision: &Decision, key: &Object, target: Option<&Object>) -> Result<()> {
        let token = self.session.token();
        record(token, decision, key)?;
        if let (Some(state), Some(target)) = (decision.record_target, target) {
            token.record_role(&lineage(target), state)?;
        }
        Ok(())
    }
}

/// Processes of messages: what is asked once, and what with each message.
impl Context<'_> {
    /// The key of a process of messages, checked but for what its policy says of each message.
    ///
    /// # Errors
    /// As [`Context::judged_key`].
    pub fn key_for_messages(
        &self,
        handle: ObjectHandle,
        usage: Use,
        row: &Row,
    ) -> Result<Arc<Object>> {
        let key = self.key(handle, Error::KeyHandleInvalid)?;
        usage::permit(usage, key.attributes(), row.mechanism, row.key_types, today)?;
        stands_for(&key, usage)?;
        let decision = judge(self.facts(Act::Use(usage), row.mechanism, &key)?)?;
        if let Some(state) = decision.record {
            self.session.token().record_role(&lineage(&key), state)?;
        }
        Ok(key)
    }

    /// Whether the key's policy admits one more message with this authenticated data. It is one use.
    ///
    /// # Errors
    /// `PolicyDenied`, `OperatorNeeded`; those of the store.
    pub fn admit_message(&self, terms: &Terms, usage: Use, data: Option<&[u8]>) -> Result<()> {
        self.admit(&terms.key, usage, terms.row.mechanism, data)?;
        admission::count(self.session.token(), &terms.key)
    }
}

/// What the rules know of a key, the token's record included.
fn facts_of(token: &Token, key: &Object) -> Result<Key> {
    let record = if is_recorded(key) {
        token.role(&lineage(key))?
    } else {
        RoleState::default()
    };
    let mut facts = Key::of(key.attributes(), record);
    let bound = facts.public || !facts.extractable;
    facts.trusted |= bound && token.trusts(key.id());
    Ok(facts)
}

/// Records what a judgement decided of the acting key, and counts the use.
fn record(token: &Token, decision: &Decision, key: &Object) -> Result<()> {
    admission::count(token, key)?;
    match decision.record {
        Some(state) => token.record_role(&lineage(key), state),
        None => Ok(()),
    }
}

/// Judges a use of a customer key by an operation that makes no other key, and records it. The level
/// makes no difference: it is about keys that leave by a standard wrap.
///
/// # Errors
/// The refusal of the first rule that refuses; those of the record.
pub(super) fn judge_customer_use(
    token: &Token,
    usage: Use,
    mechanism: u64,
    key: &Object,
) -> Result<()> {
    let known = facts_of(token, key)?;
    let facts = Facts::new(
        Level::Guarded,
        Act::Use(usage),
        mode(mechanism, usage),
        known,
    );
    record(token, &judge(facts)?, key)
}

/// Whether the token may have a record of the key: keys whose own attributes say all that a record
/// could are spared the look.
pub(super) fn is_recorded(key: &Object) -> bool {
    let attributes = key.attributes();
    let hidden = matches!(attributes.class(), Some(CKO_SECRET_KEY | CKO_PRIVATE_KEY));
    let paired = attributes.has(crate::object::vendor::CKA_KEYWARD_LINEAGE);
    (hidden || paired) && policy::role_of(attributes) != Role::Data
}
