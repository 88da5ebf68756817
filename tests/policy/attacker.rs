//! What an attacker who may call every function can do in one call.

use crate::world::{Form, Process, Secret, TEMPORARY, USER, World, Wrapped, loose, some_value};
use cryptoki_sys::*;
use keyward_pkcs11::error::Error;
use keyward_pkcs11::object::attribute::{AttributeType, Template, Value};
use keyward_pkcs11::object::build::{self, Plan};
use keyward_pkcs11::object::policy::{Act, Decision, Level};
use keyward_pkcs11::object::usage::Use;
use keyward_pkcs11::object::vendor::CKM_KEYWARD_KEY_TOKEN;
use keyward_pkcs11::object::{access, read};

/// One call, by a process, on the keys and ciphertexts of these numbers.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Read(usize),
    Copy(usize, Change),
    Set(usize, Change),
    Wrap(usize, usize, Form),
    /// Wraps under a temporary key that goes along.
    WrapByTemporary(usize, usize),
    UnwrapByTemporary(usize, usize),
    /// Derives what a pair agrees on, as a key that can be read.
    Agree(usize, usize),
    Unwrap(usize, usize),
    /// Unwraps one block of a longer ciphertext by a mechanism that cannot tell.
    UnwrapBlock(usize, usize),
    Open(usize, usize),
    Decrypt(usize, usize),
    Encrypt(usize),
    RawSign(usize, usize),
    /// Derives by encrypting the counter blocks of a ciphertext's key stream.
    DeriveStream(usize, usize),
    DeriveJoined(usize),
    /// XORs with zeros: a key of the same value, with any usage.
    DeriveSame(usize),
    DeriveShort(usize),
    DerivePart(usize),
    Digest(usize),
}

/// What a copy or a change asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    Nothing,
    Reveal,
    MayWrap,
    MayDecrypt,
    MayNotWrap,
}

impl Change {
    const ALL: [Change; 5] = [
        Change::Nothing,
        Change::Reveal,
        Change::MayWrap,
        Change::MayDecrypt,
        Change::MayNotWrap,
    ];

    fn template(self) -> Template {
        let all: &[(AttributeType, bool)] = match self {
            Change::Nothing => &[],
            Change::Reveal => &[(CKA_SENSITIVE, false), (CKA_EXTRACTABLE, true)],
            Change::MayWrap => &[(CKA_WRAP, true), (CKA_UNWRAP, true)],
            Change::MayDecrypt => &[(CKA_DECRYPT, true)],
            Change::MayNotWrap => &[(CKA_WRAP, false), (CKA_UNWRAP, false)],
        };
        Template(
            all.iter()
                .map(|(kind, value)| (*kind, Value::Bool(*value)))
                .collect(),
        )
    }
}

/// The most keys and ciphertexts that the attacker keeps at a time.
const MOST_KEYS: usize = 7;
const MOST_WRAPPED: usize = 3;

impl Call {
    /// Every call that could do something for a process now.
    pub(crate) fn all(world: &World, process: Process) -> Vec<Call> {
        let own = |key: &usize| world.keys[*key].member == process.member;
        let keys: Vec<usize> = (0..world.keys.len()).filter(own).collect();
        let wrapped = 0..world.wrapped.len();
        let more_keys = world.keys.len() < MOST_KEYS;
        let mut calls = Vec::new();
        for &key in &keys {
            calls.push(Call::Read(key));
            calls.push(Call::Digest(key));
            calls.push(Call::Encrypt(key));
            for change in Change::ALL {
                calls.push(Call::Set(key, change));
                if more_keys {
                    calls.push(Call::Copy(key, change));
                }
            }
            if more_keys {
                calls.extend([
                    Call::DeriveJoined(key),
                    Call::DeriveSame(key),
                    Call::DeriveShort(key),
                    Call::DerivePart(key),
                ]);
            }
            if world.wrapped.len() < MOST_WRAPPED {
                for &target in &keys {
                    for form in [Form::Whole, Form::Stream, Form::Token] {
                        calls.push(Call::Wrap(key, target, form));
                    }
                    calls.push(Call::WrapByTemporary(key, target));
                }
            }
            for blob in wrapped.clone() {
                calls.extend([
                    Call::Decrypt(key, blob),
                    Call::RawSign(key, blob),
                    Call::DeriveStream(key, blob),
                    Call::Agree(key, blob),
                ]);
                if more_keys {
                    calls.extend([
                        Call::Unwrap(key, blob),
                        Call::UnwrapByTemporary(key, blob),
                        Call::UnwrapBlock(key, blob),
                        Call::Open(key, blob),
                    ]);
                }
            }
        }
        calls
    }
}

impl World {
    /// Makes a call. An error means that the module refused it, or that it makes no sense.
    pub(crate) fn call(&mut self, process: Process, call: &Call) -> Result<(), Error> {
        match *call {
            Call::Read(key) => {
                read::value(&self.keys[key].object, CKA_VALUE)?;
                self.learn_value(key);
            }
            Call::Copy(key, change) => {
                access::may_copy(USER, self.keys[key].attributes())?;
                let copied = build::copy(&self.keys[key].object, &change.template(), USER)?;
                let copied = self.remembered(copied);
                self.add(process.member, copied, self.keys[key].value.clone());
            }
            Call::Set(key, change) => {
                access::may_change(USER, self.keys[key].attributes())?;
                let changed = build::set(self.keys[key].attributes(), &change.template(), USER)?;
                self.replace(key, changed);
            }
            Call::Digest(key) => self.digest(process, key)?,
            Call::Encrypt(key) => {
                let mechanism = self.cipher(key);
                self.act(process, Act::Use(Use::Encrypt), mechanism, key, None, false)?;
            }
            Call::Wrap(key, target, form) => self.wrap(process, key, target, form)?,
            Call::Unwrap(key, blob) => self.unwrap(process, key, blob)?,
            Call::WrapByTemporary(key, target) => self.wrap_by_temporary(process, key, target)?,
            Call::UnwrapByTemporary(key, blob) => self.unwrap_by_temporary(process, key, blob)?,
            Call::Agree(key, blob) => {
                let usage = Act::Use(Use::Derive);
                let decision = self.act(process, usage, CKM_ECDH1_DERIVE, key, None, false)?;
                self.opens(key, blob, &[Form::Agreed])?;
                let plan = self.plan_derived(key, &decision)?;
                if !plan.attributes().is(CKA_SENSITIVE) && plan.attributes().is(CKA_EXTRACTABLE) {
                    self.learn_content(blob);
                }
            }
            Call::UnwrapBlock(key, blob) => self.unwrap_block(process, key, blob)?,
            Call::Open(key, blob) => self.open(process, key, blob)?,
            Call::Decrypt(key, blob) => {
                let mechanism = self.cipher(key);
                self.act(process, Act::Use(Use::Decrypt), mechanism, key, None, false)?;
                self.opens(key, blob, &[Form::Whole, Form::Stream])?;
                self.learn_content(blob);
            }
            Call::RawSign(key, blob) => {
                self.act(
                    process,
                    Act::Use(Use::Sign),
                    CKM_RSA_X_509,
                    key,
                    None,
                    false,
                )?;
                if self.keys[key].attributes().key_type() != Some(CKK_RSA) {
                    return Err(Error::KeyTypeInconsistent);
                }
                self.opens(key, blob, &[Form::Whole])?;
                self.learn_content(blob);
            }
            Call::DeriveStream(key, blob) => {
                let decision = self.derive_by(process, key, CKM_AES_ECB_ENCRYPT_DATA, false)?;
                self.opens(key, blob, &[Form::Stream])?;
                let plan = self.plan_derived(key, &decision)?;
                let readable = !plan.attributes().is(CKA_SENSITIVE);
                if readable && plan.attributes().is(CKA_EXTRACTABLE) {
                    self.learn_content(blob);
                }
            }
            Call::DeriveJoined(key) => {
                let value = Secret::Joined(Box::new(self.keys[key].value.clone()));
                self.derive(process, key, CKM_CONCATENATE_BASE_AND_DATA, false, value)?;
            }
            Call::DeriveSame(key) => {
                let value = self.keys[key].value.clone();
                let decision = self.derive_by(process, key, CKM_XOR_BASE_AND_DATA, false)?;
                let template = loose(CKO_SECRET_KEY, CKK_AES);
                let base = self.keys[key].attributes();
                let plan = Plan::derive(&template, base, &decision, USER)?;
                let attributes = plan.finish(some_value())?;
                self.add(process.member, attributes, value);
            }
            Call::DeriveShort(key) => {
                let value = Secret::Part(Box::new(self.keys[key].value.clone()));
                self.derive(process, key, CKM_XOR_BASE_AND_DATA, true, value)?;
            }
            Call::DerivePart(key) => {
                let value = Secret::Part(Box::new(self.keys[key].value.clone()));
                self.derive(process, key, CKM_EXTRACT_KEY_FROM_KEY, true, value)?;
            }
        }
        Ok(())
    }

    /// The mechanism by which a key encrypts and decrypts.
    fn cipher(&self, key: usize) -> u64 {
        match self.keys[key].attributes().key_type() {
            Some(CKK_RSA) => CKM_RSA_PKCS,
            _ => CKM_AES_CTR,
        }
    }

    /// At the standard level the owner of a key that may leave accepts that it is digested.
    fn digest(&mut self, process: Process, key: usize) -> Result<(), Error> {
        let own = self.keys[key].attributes();
        if own.class() != Some(CKO_SECRET_KEY) {
            return Err(Error::KeyIndigestible);
        }
        let accepted = self.setting.level == Level::Standard && own.is(CKA_EXTRACTABLE);
        self.act(process, Act::DigestKey, CKM_SHA256, key, None, false)?;
        if !accepted {
            self.learn_value(key);
        }
        Ok(())
    }

    fn learn_value(&mut self, key: usize) {
        let value = self.keys[key].value.clone();
        self.learn(&value);
    }

    fn learn_content(&mut self, blob: usize) {
        let content = self.wrapped[blob].content.clone();
        self.learn(&content);
    }

    /// Whether a key is the one that a ciphertext of one of these forms is under.
    fn opens(&self, key: usize, blob: usize, forms: &[Form]) -> Result<(), Error> {
        let wrapped = &self.wrapped[blob];
        if wrapped.under == self.keys[key].value && forms.contains(&wrapped.form) {
            Ok(())
        } else {
            Err(Error::WrappedKeyInvalid)
        }
    }

    fn wrap(
        &mut self,
        process: Process,
        key: usize,
        target: usize,
        form: Form,
    ) -> Result<(), Error> {
        let rsa = self.keys[key].attributes().key_type() == Some(CKK_RSA);
        let agrees = self.keys[key].attributes().key_type() == Some(CKK_EC);
        let domain = self.facts_of(process, key).domain;
        let domain_target = self.facts_of(process, target).domain;
        let mechanism = match form {
            Form::Whole if rsa => CKM_RSA_PKCS,
            Form::Whole => CKM_AES_KEY_WRAP,
            Form::Stream => CKM_AES_CTR,
            Form::Token | Form::Agreed => CKM_KEYWARD_KEY_TOKEN,
        };
        // No mechanism does these: a stream under RSA, a token under an ordinary key.
        let absent = match form {
            Form::Stream => rsa,
            Form::Token => !domain,
            Form::Whole => false,
            Form::Agreed => true,
        };
        // Private halves matter as key tokens only: their values are not what is searched for.
        let hidden = match self.keys[target].attributes().class() {
            Some(CKO_SECRET_KEY) => true,
            Some(CKO_PRIVATE_KEY) => form == Form::Token,
            _ => false,
        };
        if absent || agrees || domain_target || !hidden {
            return Err(Error::KeyNotWrappable);
        }
        let decision = self.act(
            process,
            Act::Use(Use::Wrap),
            mechanism,
            key,
            Some(target),
            false,
        )?;
        let attributes = (form == Form::Token).then(|| {
            let known = self.facts_of(process, target).uses;
            let uses = decision.record_target.unwrap_or(known);
            build::with_role(self.keys[target].attributes().clone(), uses)
        });
        self.hand_out(Wrapped {
            under: self.keys[key].value.clone(),
            content: self.keys[target].value.clone(),
            form,
            attributes,
        });
        Ok(())
    }

    fn unwrap(&mut self, process: Process, key: usize, blob: usize) -> Result<(), Error> {
        let rsa = self.keys[key].attributes().key_type() == Some(CKK_RSA);
        let mechanism = if rsa { CKM_RSA_PKCS } else { CKM_AES_KEY_WRAP };
        if self.keys[key].attributes().key_type() == Some(CKK_EC) {
            return Err(Error::UnwrappingKeyTypeInconsistent);
        }
        let decision = self.act(process, Act::Use(Use::Unwrap), mechanism, key, None, false)?;
        self.opens(key, blob, &[Form::Whole])?;
        let content = self.wrapped[blob].content.clone();
        self.unwrapped(process, key, &decision, content)
    }

    /// The mechanism by which a pair wraps under a temporary key, and the form in which that goes along.
    fn transport(&self, key: usize) -> Result<(u64, Form), Error> {
        match self.keys[key].attributes().key_type() {
            Some(CKK_RSA) => Ok((CKM_RSA_AES_KEY_WRAP, Form::Whole)),
            Some(CKK_EC) => Ok((CKM_ECDH_COF_AES_KEY_WRAP, Form::Agreed)),
            _ => Err(Error::MechanismInvalid),
        }
    }

    fn wrap_by_temporary(
        &mut self,
        process: Process,
        key: usize,
        target: usize,
    ) -> Result<(), Error> {
        let (mechanism, form) = self.transport(key)?;
        let secret = self.keys[target].attributes().class() == Some(CKO_SECRET_KEY);
        if self.facts_of(process, target).domain || !secret {
            return Err(Error::KeyNotWrappable);
        }
        let wrap = Act::Use(Use::Wrap);
        self.act(process, wrap, mechanism, key, Some(target), false)?;
        for (under, content, form) in [
            (self.keys[key].value.clone(), TEMPORARY, form),
            (TEMPORARY, self.keys[target].value.clone(), Form::Whole),
        ] {
            self.hand_out(Wrapped {
                under,
                content,
                form,
                attributes: None,
            });
        }
        Ok(())
    }

    fn unwrap_by_temporary(
        &mut self,
        process: Process,
        key: usize,
        blob: usize,
    ) -> Result<(), Error> {
        let (mechanism, form) = self.transport(key)?;
        let unwrap = Act::Use(Use::Unwrap);
        let decision = self.act(process, unwrap, mechanism, key, None, false)?;
        let head = |own: &Wrapped| {
            own.under == self.keys[key].value && own.form == form && own.content == TEMPORARY
        };
        let body = &self.wrapped[blob];
        if body.under != TEMPORARY || !self.wrapped.iter().any(head) {
            return Err(Error::WrappedKeyInvalid);
        }
        let content = body.content.clone();
        self.unwrapped(process, key, &decision, content)
    }

    fn unwrap_block(&mut self, process: Process, key: usize, blob: usize) -> Result<(), Error> {
        let decision = self.act(
            process,
            Act::Use(Use::Unwrap),
            CKM_AES_CTR,
            key,
            None,
            false,
        )?;
        self.opens(key, blob, &[Form::Stream])?;
        let content = Secret::Part(Box::new(self.wrapped[blob].content.clone()));
        self.learn_if_part(&content);
        self.unwrapped(process, key, &decision, content)
    }

    fn unwrapped(
        &mut self,
        process: Process,
        key: usize,
        decision: &Decision,
        content: Secret,
    ) -> Result<(), Error> {
        let template = loose(CKO_SECRET_KEY, CKK_AES);
        let plan = Plan::unwrap(&template, self.keys[key].attributes(), decision, USER)?;
        let attributes = plan.finish(some_value())?;
        self.add(process.member, attributes, content);
        Ok(())
    }

    fn open(&mut self, process: Process, key: usize, blob: usize) -> Result<(), Error> {
        if !self.facts_of(process, key).domain {
            return Err(Error::UnwrappingKeyTypeInconsistent);
        }
        self.act(
            process,
            Act::Use(Use::Unwrap),
            CKM_KEYWARD_KEY_TOKEN,
            key,
            None,
            false,
        )?;
        self.opens(key, blob, &[Form::Token])?;
        let wrapped = &self.wrapped[blob];
        let attributes = wrapped.attributes.clone().ok_or(Error::WrappedKeyInvalid)?;
        let class = attributes.class().unwrap_or(CKO_SECRET_KEY);
        let template = loose(class, attributes.key_type().unwrap_or(CKK_AES));
        let restored = build::restore(attributes, &template)?;
        let content = wrapped.content.clone();
        self.add(process.member, restored, content);
        Ok(())
    }

    fn derive_by(
        &mut self,
        process: Process,
        key: usize,
        mechanism: u64,
        shorter: bool,
    ) -> Result<Decision, Error> {
        if self.keys[key].attributes().class() != Some(CKO_SECRET_KEY) {
            return Err(Error::KeyTypeInconsistent);
        }
        self.act(
            process,
            Act::Use(Use::Derive),
            mechanism,
            key,
            None,
            shorter,
        )
    }

    fn plan_derived(&self, key: usize, decision: &Decision) -> Result<Plan, Error> {
        let template = loose(CKO_SECRET_KEY, CKK_GENERIC_SECRET);
        Plan::derive(&template, self.keys[key].attributes(), decision, USER)
    }

    fn derive(
        &mut self,
        process: Process,
        key: usize,
        mechanism: u64,
        shorter: bool,
        value: Secret,
    ) -> Result<(), Error> {
        let decision = self.derive_by(process, key, mechanism, shorter)?;
        let attributes = self.plan_derived(key, &decision)?.finish(some_value())?;
        self.learn_if_part(&value);
        self.add(process.member, attributes, value);
        Ok(())
    }

    /// A key of a few bytes is guessed by using it.
    fn learn_if_part(&mut self, value: &Secret) {
        if matches!(value, Secret::Part(_)) {
            self.learn(value);
        }
    }
}
