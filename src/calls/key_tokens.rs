//! Key tokens: a key with all its attributes, wrapped under a domain key (system requirement 3.1),
//! and the single call that opens one, does one operation and forgets the key.

use super::admission::policy_of;
use super::context::Context;
use super::customer::naming::{info, version_of};
use crate::domain::customer::KeyInfo;
use crate::domain::ids::{DomainKeyId, KeyId};
use crate::domain::key_token::{self, Body, Subject};
use crate::domain::keyring::{KeyState, Keyring, RingKey};
use crate::error::{Error, Result};
use crate::mechanism::params::Mechanism;
use crate::mechanism::row::Row;
use crate::module::Module;
use crate::object::attribute::{Attributes, Template, Value};
use crate::object::build;
use crate::object::policy::{judge, lineage};
use crate::object::usage::Use;
use crate::object::vendor::{
    CKA_KEYWARD_DOMAIN_KEY_ID, CKA_KEYWARD_LINEAGE, CKA_KEYWARD_UPDATE, CKM_KEYWARD_KEY_TOKEN,
};
use crate::object::{Object, ObjectId, access};
use crate::secret::{KEY_STACK, apart};
use crate::session::handles::{ObjectHandle, SessionHandle};
use crate::session::output::Output;
use cryptoki_sys::{CKA_TOKEN, CKO_PRIVATE_KEY, CKO_SECRET_KEY};
use std::sync::Arc;

/// What [`use_token`] does with the key.
pub enum Once<'a> {
    /// Encrypts.
    Encrypt,
    /// Decrypts.
    Decrypt,
    /// Signs, or computes a MAC.
    Sign,
    /// Verifies this signature or MAC; there is no output.
    Verify(&'a [u8]),
}

impl Once<'_> {
    fn usage(&self) -> Use {
        match self {
            Once::Encrypt => Use::Encrypt,
            Once::Decrypt => Use::Decrypt,
            Once::Sign => Use::Sign,
            Once::Verify(_) => Use::Verify,
        }
    }

    /// Whether the mechanism does this at all.
    fn is_offered_by(&self, row: &Row) -> bool {
        match self {
            Once::Encrypt => row.operations.encrypt.is_some(),
            Once::Decrypt => row.operations.decrypt.is_some(),
            Once::Sign => row.operations.sign.is_some(),
            Once::Verify(_) => row.operations.verify.is_some(),
        }
    }
}

impl Context<'_> {
    /// The domain keys that the login opened.
    fn keyring(&self) -> Result<Arc<Keyring>> {
        let token = self.session.token();
        let unlocked = token.unlocked().ok_or(Error::UserNotLoggedIn)?;
        token.keyring(&unlocked)
    }

    /// Counts a wrapped key that is about to be handed out, if it is wrapped under a domain key.
    ///
    /// # Errors
    /// Those of the store.
    pub fn count_held(&self, wrapping: &Object) -> Result<()> {
        let id = wrapping.attributes().bytes(CKA_KEYWARD_DOMAIN_KEY_ID);
        match id.and_then(|id| id.try_into().ok()) {
            Some(id) => self.session.token().count_held(DomainKeyId(id)),
            None => Ok(()),
        }
    }

    /// The domain key behind a handle, for a use.
    fn domain_key(&self, handle: ObjectHandle, usage: Use) -> Result<(Arc<Object>, RingKey)> {
        let row = crate::mechanism::table::row(CKM_KEYWARD_KEY_TOKEN);
        let key = self.usable_key(handle, usage, row.ok_or(Error::MechanismInvalid)?)?;
        let wrong = usage.wrong_type();
        let id = key.attributes().bytes(CKA_KEYWARD_DOMAIN_KEY_ID);
        let id = id
            .and_then(|id| id.try_into().ok())
            .map(DomainKeyId)
            .ok_or(wrong)?;
        let held = self.keyring()?.find(id).cloned();
        Ok((
            key,
            held.ok_or_else(|| Error::UnknownDomainKey(id.to_string()))?,
        ))
    }
}

/// `C_WrapKey` with the key-token mechanism, or `C_WrapKeyAuthenticated` with data to bind: every attribute goes along, and the key need not be
/// extractable, because it stays within the domain.
///
/// # Errors
/// `WrappingKeyTypeInconsistent` unless `wrapping` is a domain key; `KeyFunctionNotPermitted` under
/// a domain key that is not active; those of rule 33; `BufferTooSmall`.
pub(super) fn wrap(
    context: &Context<'_>,
    mechanism: Mechanism<'_>,
    wrapping: ObjectHandle,
    key: ObjectHandle,
    associated: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    mechanism.params?;
    let (wrapping, under) = context.domain_key(wrapping, Use::Wrap)?;
    if under.state != KeyState::Active {
        return Err(Error::KeyFunctionNotPermitted);
    }
    let key = context.target_key(key)?;
    if !matches!(
        key.attributes().class(),
        Some(CKO_SECRET_KEY | CKO_PRIVATE_KEY)
    ) {
        return Err(Error::KeyNotWrappable);
    }
    if key.attributes().has(CKA_KEYWARD_DOMAIN_KEY_ID) {
        return Err(Error::KeyNotWrappable);
    }
    // Uses are counted where the key is kept: a key token has no count.
    if policy_of(key.attributes())?.is_some_and(|policy| policy.max_uses.is_some()) {
        return Err(Error::KeyNotWrappable);
    }
    let decision = judge(context.wrap_facts(CKM_KEYWARD_KEY_TOKEN, &wrapping, &key)?)?;
    let uses = context.uses_of(&key)?;
    let uses = decision
        .record_target
        .map_or(uses, |decided| uses.joined(decided));
    let mut attributes = build::with_role(key.attributes().clone(), uses);
    // All copies of a key share its lineage, so that revoking it in the domain stops them all.
    let lineage = lineage(&key);
    attributes.set(CKA_KEYWARD_LINEAGE, Value::Bytes(lineage.to_vec()));
    attributes.remove(CKA_KEYWARD_UPDATE);
    let subject = Subject {
        key: KeyId(lineage),
        version: 1,
        revision: key.revision(),
    };
    let sealed = key_token::seal_with(&under.key, subject, &Body::from(attributes), associated)?;
    if !output.is_query() {
        context.record(&decision, &wrapping, Some(&key))?;
        context.session.token().count_held(under.key.id())?;
    }
    output.deliver(&sealed)
}

/// `C_UnwrapKey` with the key-token mechanism, `associated` data and all: the key comes back as it was, whatever the template
/// asks, except where it lives and what it tightens.
///
/// # Errors
/// `WrappedKeyInvalid` for a token that does not open; `TemplateInconsistent` when the template
/// expects another class or type of key.
pub(super) fn unwrap(
    context: &Context<'_>,
    mechanism: Mechanism<'_>,
    unwrapping: ObjectHandle,
    wrapped: &[u8],
    associated: &[u8],
    template: &Template,
) -> Result<ObjectHandle> {
    mechanism.params?;
    let _ = context.domain_key(unwrapping, Use::Unwrap)?;
    let ring = context.keyring()?;
    let attributes = opened(&ring, wrapped, associated)?.1;
    let mut restored = build::restore(attributes, template)?;
    access::may_make(context.state(), &restored)?;
    let stale = key_token::header(wrapped)?.domain_key != ring.active().id();
    if stale && associated.is_empty() && !restored.is(CKA_TOKEN) {
        // Taken to the active key when the caller reads it: who does not ask pays for no more than this.
        restored.set(CKA_KEYWARD_UPDATE, Value::Bytes(wrapped.to_vec()));
    }
    context.store_one(restored)
}

/// Opens a key token: its subject's id and revision, and its attributes.
fn opened(
    ring: &Keyring,
    token: &[u8],
    associated: &[u8],
) -> Result<((ObjectId, u64), Attributes)> {
    let opened = apart::<KEY_STACK, _>(|| key_token::open_with(ring, token, associated));
    let (header, body) = opened?;
    Ok(((ObjectId(header.key.0), header.revision), body.attributes))
}

/// Opens a key token, does one operation with the key, and forgets it. The key needs no handle and
/// is gone, erased, before the call returns.
///
/// # Errors
/// `UserNotLoggedIn`; `WrappedKeyInvalid` for a token that does not open; then those of mechanism,
/// usage, rule 33 and the operation.
pub fn use_token(
    module: &Module,
    session: SessionHandle,
    token: &[u8],
    once: &Once<'_>,
    mechanism: Mechanism<'_>,
    input: &[u8],
    output: Output<'_>,
) -> Result<usize> {
    let context = Context::new(module, session)?;
    let row = mechanism.row()?;
    if !once.is_offered_by(row) {
        return Err(Error::MechanismInvalid);
    }
    let params = mechanism.params?;
    let ((id, revision), attributes) = opened(context.keyring()?.as_ref(), token, &[])?;
    let key = Arc::new(Object::new(id, revision, attributes));
    context.permit(&key, once.usage(), row, params.authenticated())?;
    match once {
        Once::Encrypt | Once::Decrypt => {
            let start = cipher_of(row, once).ok_or(Error::MechanismInvalid)?;
            let mut cipher = start(params, &key)?;
            match output {
                Output::Length => Ok(cipher.whole_bound(input.len())),
                Output::Buffer(buffer) => cipher.whole(input, buffer),
            }
        }
        Once::Sign => {
            let mut signer = row.operations.sign.ok_or(Error::MechanismInvalid)?(params, &key)?;
            let length = signer.length();
            match output {
                Output::Length => Ok(length),
                Output::Buffer(buffer) => signer.whole(
                    input,
                    buffer
                        .get_mut(..length)
                        .ok_or(Error::BufferTooSmall(length))?,
                ),
            }
        }
        Once::Verify(signature) => {
            let start = row.operations.verify.ok_or(Error::MechanismInvalid)?;
            start(params, &key)?.whole(input, signature).map(|()| 0)
        }
    }
}

/// What a key token says of its key, and how many bytes its update has: the token under the active domain
/// key, when it is under one that gave way; else 0.
///
/// # Errors
/// `UserNotLoggedIn`; `WrappedKeyInvalid` for a token that does not open.
pub fn told_of_token(
    module: &Module,
    session: SessionHandle,
    token: &[u8],
) -> Result<(KeyInfo, usize)> {
    let context = Context::new(module, session)?;
    let ring = context.keyring()?;
    let ((id, revision), attributes) = opened(&ring, token, &[])?;
    let stale = key_token::header(token)?.domain_key != ring.active().id();
    let key = Object::new(id, revision, attributes);
    let known = info(&key, version_of(&key));
    Ok((known, if stale { token.len() } else { 0 }))
}

/// A key token under the active domain key; empty when it is under it already.
///
/// # Errors
/// As [`told_of_token`]; those of the store.
pub fn renewed_token(module: &Module, session: SessionHandle, token: &[u8]) -> Result<Vec<u8>> {
    let context = Context::new(module, session)?;
    Ok(context.session.token().rewrap(token)?.unwrap_or_default())
}

fn cipher_of(row: &Row, once: &Once<'_>) -> Option<crate::mechanism::row::StartCipher> {
    match once {
        Once::Encrypt => row.operations.encrypt,
        Once::Decrypt => row.operations.decrypt,
        Once::Sign | Once::Verify(_) => None,
    }
}
