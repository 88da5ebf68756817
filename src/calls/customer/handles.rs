//! The vendor's calls on customer keys: sessions and handles in, results into the caller's buffers. A
//! call that only asks for lengths, or whose buffers are too small, has used nothing.

use super::data::{self, DataKey};
use super::naming::{self, Versions, family_of, info, version_of};
use super::{Actor, answer_bound, execute_within, making};
use crate::calls::context::Context;
use crate::domain::customer::ciphertext::Kind;
use crate::domain::customer::{KeyInfo, Request};
use crate::domain::key_policy::KeyPolicy;
use crate::error::{Error, Result};
use crate::module::Module;
use crate::object::attribute::Template;
use crate::object::vendor::{CKA_KEYWARD_POLICY, CKA_KEYWARD_TENANT};
use crate::object::{Object, access};
use crate::secret::SecretBytes;
use crate::session::handles::{ObjectHandle, SessionHandle};
use crate::session::login::Who;
use crate::session::output::Output;
use crate::token::Token;
use cryptoki_sys::{CK_INVALID_HANDLE, CKA_ID, CKA_LABEL};
use std::sync::Arc;

/// A session in which the user is logged in.
pub struct Customer<'m> {
    context: Context<'m>,
    actor: Actor,
}

/// Two outputs of one call, by their lengths.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub struct Lengths {
    /// Of the result.
    pub result: usize,
    /// Of the update; 0 when there is none.
    pub update: usize,
}

impl<'m> Customer<'m> {
    /// The session.
    ///
    /// # Errors
    /// `SessionHandleInvalid`, `UserNotLoggedIn`.
    pub fn new(module: &'m Module, session: SessionHandle) -> Result<Self> {
        let context = Context::new(module, session)?;
        if context.session.who() != Who::User {
            return Err(Error::UserNotLoggedIn);
        }
        let actor = context.actor();
        Ok(Customer { context, actor })
    }

    fn token(&self) -> &Token {
        self.context.session.token()
    }

    /// The key behind a handle, however it stands.
    fn named(&self, handle: ObjectHandle) -> Result<Arc<Object>> {
        let found = self.context.object(handle);
        let (key, _) = found.map_err(|error| match error == Error::ObjectHandleInvalid {
            true => Error::KeyHandleInvalid,
            false => error,
        })?;
        access::may_use(self.context.state(), key.attributes())?;
        Ok(key)
    }

    /// The version that the key behind a handle stands for.
    fn key(&self, handle: ObjectHandle) -> Result<Arc<Object>> {
        naming::stands_for(self.token(), self.named(handle)?)
    }

    /// The handle of an object of the token.
    fn handle(&self, key: &Object) -> ObjectHandle {
        let slot = self.context.session.slot().id();
        self.context.module.objects.token_handle(slot, key.id())
    }

    /// The material behind a handle; none for no handle.
    fn material(&self, handle: ObjectHandle) -> Result<Option<SecretBytes>> {
        if handle.0 == CK_INVALID_HANDLE {
            return Ok(None);
        }
        let key = self.context.key(handle, Error::KeyHandleInvalid)?;
        making::material_of(self.token(), self.actor, &key).map(Some)
    }

    /// `KW_CreateKey`.
    ///
    /// # Errors
    /// `TemplateInconsistent` for attributes that a customer key is not given; `AttributeValueInvalid`;
    /// those of [`making::create`].
    pub fn create(
        &self,
        template: &Template,
        material: ObjectHandle,
    ) -> Result<(ObjectHandle, KeyInfo)> {
        self.actor.needs_change()?;
        let known = [CKA_LABEL, CKA_ID, CKA_KEYWARD_TENANT, CKA_KEYWARD_POLICY];
        if let Some((kind, _)) = template.0.iter().find(|(kind, _)| !known.contains(kind)) {
            return Err(Error::TemplateInconsistent(*kind));
        }
        let bytes = |kind| template.bytes(kind).unwrap_or_default();
        let label = std::str::from_utf8(bytes(CKA_LABEL))
            .map_err(|_| Error::AttributeValueInvalid(CKA_LABEL))?;
        let policy = Some(bytes(CKA_KEYWARD_POLICY)).filter(|policy| !policy.is_empty());
        let policy = policy
            .map(KeyPolicy::decode)
            .transpose()
            .map_err(|_| Error::AttributeValueInvalid(CKA_KEYWARD_POLICY))?;
        let new = making::New {
            label,
            id: bytes(CKA_ID),
            tenant: bytes(CKA_KEYWARD_TENANT),
            policy: policy.as_ref(),
        };
        let material = self.material(material)?;
        let made = making::create(self.token(), self.actor, &new, material)?;
        Ok((self.handle(&made), info(&made, 1)))
    }

    /// `KW_RotateKey`.
    ///
    /// # Errors
    /// Those of [`making::rotate`] and [`making::material_of`].
    pub fn rotate(
        &self,
        key: ObjectHandle,
        material: ObjectHandle,
    ) -> Result<(ObjectHandle, KeyInfo)> {
        let old = self.key(key)?;
        self.actor.needs_change()?;
        let material = self.material(material)?;
        let made = making::rotate(self.token(), self.actor, &old, material)?;
        Ok((self.handle(&made), info(&made, version_of(&made))))
    }

    /// `KW_KeyInfo`: what there is to know of a version of the key behind a handle, 0 for the newest, and
    /// the version's own handle.
    ///
    /// # Errors
    /// `KeyHandleInvalid` when there is no such version.
    pub fn info(&self, key: ObjectHandle, version: u64) -> Result<(ObjectHandle, KeyInfo)> {
        let key = self.named(key)?;
        let family = family_of(&key).ok_or(Error::KeyHandleInvalid)?;
        let versions = Versions::of(self.token(), family)?;
        let newest = versions.newest()?;
        let found = match version {
            0 => Arc::clone(&newest),
            number => versions.version(number)?,
        };
        let mut known = info(&found, version_of(&newest));
        known.registered = Some(self.token().registered(found.id())?);
        Ok((self.handle(&found), known))
    }

    /// `KW_Encrypt`; `version` is the one that the caller believes to be the newest, 0 when it does not
    /// care.
    ///
    /// # Errors
    /// Those of [`data::encrypt`]; `BufferTooSmall`.
    pub fn encrypt(
        &self,
        (key, version): (ObjectHandle, u64),
        aad: &[u8],
        plain: &[u8],
        output: Output<'_>,
    ) -> Result<(usize, Option<KeyInfo>)> {
        let key = self.key(key)?;
        data::names_newest(&key, Some(version).filter(|version| *version != 0))?;
        let length = data::sealed_length(&key, Kind::Data, plain.len())?;
        let Some(buffer) = room(output, length)? else {
            return Ok((length, None));
        };
        let done = data::encrypt(self.token(), self.actor, &key, aad, plain)?;
        put(buffer, &done.result)?;
        Ok((length, Some(done.key)))
    }

    /// `KW_Decrypt`. Without a handle the ciphertext alone names the key. Without `update` no update is
    /// made. `lengths` tells what was written or, for a query or short buffers, what is needed.
    ///
    /// # Errors
    /// Those of [`data::decrypt`]; `BufferTooSmall`.
    pub fn decrypt(
        &self,
        key: ObjectHandle,
        (given, aad): (&[u8], &[u8]),
        (output, update): (Output<'_>, Option<Output<'_>>),
        lengths: &mut Lengths,
    ) -> Result<Option<KeyInfo>> {
        let hint = match key.0 {
            CK_INVALID_HANDLE => None,
            _ => Some(self.named(key)?),
        };
        let (token, hint) = (self.token(), hint.as_ref());
        let wanted = update.is_some();
        lengths.result = data::opened_length(given)?;
        if wanted {
            lengths.update = data::update_length(token, hint, given)?;
        }
        let into = update
            .map(|update| room(update, lengths.update))
            .transpose()?
            .flatten();
        let Some(buffer) = room(output, lengths.result)? else {
            return Ok(None);
        };
        if wanted && into.is_none() && lengths.update > 0 {
            return Err(Error::BufferTooSmall(lengths.result));
        }
        let done = data::decrypt(token, self.actor, hint, (given, aad), wanted)?;
        put(buffer, done.result.expose())?;
        let update = done.update.unwrap_or_default();
        if let Some(into) = into {
            put(into, &update)?;
        }
        lengths.update = update.len();
        Ok(Some(done.key))
    }

    /// `KW_Rekey`.
    ///
    /// # Errors
    /// Those of [`data::rekey`]; `BufferTooSmall`.
    pub fn rekey(
        &self,
        (given, aad): (&[u8], &[u8]),
        (to, to_aad): (ObjectHandle, &[u8]),
        output: Output<'_>,
    ) -> Result<(usize, Option<KeyInfo>)> {
        let to = self.key(to)?;
        let length = data::rekeyed_length(given, &to)?;
        let Some(buffer) = room(output, length)? else {
            return Ok((length, None));
        };
        let done = data::rekey(self.token(), self.actor, (given, aad), (&to, to_aad))?;
        put(buffer, &done.result)?;
        Ok((length, Some(done.key)))
    }

    /// `KW_GenerateDataKey`; `plain` is filled with the key itself, whose length it has, unless it is
    /// empty.
    ///
    /// # Errors
    /// Those of [`data::generate_data_key`]; `BufferTooSmall`.
    pub fn generate_data_key(
        &self,
        key: ObjectHandle,
        aad: &[u8],
        (length, plain): (usize, &mut [u8]),
        output: Output<'_>,
    ) -> Result<(usize, Option<KeyInfo>)> {
        let key = self.key(key)?;
        if !data::DATA_KEY_LENGTHS.contains(&length) {
            return Err(Error::DataLenRange);
        }
        let needed = data::sealed_length(&key, Kind::DataKey, length)?;
        let Some(buffer) = room(output, needed)? else {
            return Ok((needed, None));
        };
        let made = data::generate_data_key(self.token(), self.actor, &key, length, aad)?;
        let DataKey {
            plain: secret,
            wrapped,
        } = made;
        put(buffer, &wrapped.result)?;
        if !plain.is_empty() {
            put(plain, secret.expose())?;
        }
        Ok((needed, Some(wrapped.key)))
    }

    /// `KW_Request`: any request, encoded, and its answer.
    ///
    /// # Errors
    /// `Malformed`; those of [`super::execute`]; `BufferTooSmall` with the most bytes that the answer may
    /// have.
    pub fn request(&self, request: &[u8], output: Output<'_>) -> Result<usize> {
        let asked = Request::decode(request)?;
        let token = self.token();
        let bound = answer_bound(token, self.actor, &asked, request.len())?;
        let Some(buffer) = room(output, bound)? else {
            return Ok(bound);
        };
        let answer = execute_within(token, self.actor, &asked, bound)?;
        put(buffer, answer.expose())?;
        Ok(answer.len())
    }
}

/// The buffer, which must have room for `length` bytes; none when the caller asks for the length.
fn room(output: Output<'_>, length: usize) -> Result<Option<&mut [u8]>> {
    match output {
        Output::Length => Ok(None),
        Output::Buffer(buffer) if buffer.len() < length => Err(Error::BufferTooSmall(length)),
        Output::Buffer(buffer) => Ok(Some(buffer)),
    }
}

/// Puts bytes at the beginning of a buffer that has room for them.
fn put(buffer: &mut [u8], bytes: &[u8]) -> Result<()> {
    buffer
        .get_mut(..bytes.len())
        .ok_or(Error::BufferTooSmall(bytes.len()))?
        .copy_from_slice(bytes);
    Ok(())
}
