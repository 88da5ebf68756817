//! `C_DeriveKey`: one key or several, from one or several.

use super::context::Context;
use crate::error::{Error, Result};
use crate::mechanism::derive::simple;
use crate::mechanism::params::{Mechanism, Params};
use crate::mechanism::row::{Bases, Derived, Row};
use crate::module::Module;
use crate::object::attribute::{Template, Value};
use crate::object::build::{self, Plan};
use crate::object::policy::{Act, Decision, Facts, Mode, judge, mode};
use crate::object::usage::Use;
use crate::object::{Object, access};
use crate::secret::SecretBytes;
use crate::session::handles::{ObjectHandle, SessionHandle};
use cryptoki_sys::{
    CKA_CLASS, CKA_EXTRACTABLE, CKA_KEY_TYPE, CKA_PRIVATE, CKA_SENSITIVE, CKA_SIGN, CKA_TOKEN,
    CKA_VERIFY, CKK_GENERIC_SECRET, CKM_HKDF_DATA, CKO_DATA, CKO_SECRET_KEY,
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// What a derivation made.
pub struct Made {
    /// The handles of the keys, in the order of their templates.
    pub keys: Vec<ObjectHandle>,
    /// What the mechanism shows beside them.
    pub shown: Zeroizing<Vec<u8>>,
}

/// Which template a derivation failed for.
#[derive(Default)]
pub struct Wrong {
    /// Its number, where it was a template's fault.
    pub template: Option<usize>,
}

/// What the derivation of a connection's keys made.
pub struct Connection {
    /// The MAC keys of client and server, then their cipher keys; `None` for those of no length.
    pub keys: Vec<Option<ObjectHandle>>,
    /// The IVs of client and server.
    pub ivs: Zeroizing<Vec<u8>>,
}

/// `C_DeriveKey`, with a template for each key.
///
/// # Errors
/// Those of mechanism, base key, the keys that the parameter names, and templates, in that order.
pub fn derive(
    module: &Module,
    session: SessionHandle,
    mechanism: Mechanism<'_>,
    base: ObjectHandle,
    templates: &[Template],
    wrong: &mut Wrong,
) -> Result<Made> {
    let context = Context::new(module, session)?;
    let start = Start::new(&context, mechanism, base)?;
    let mut plans = Vec::new();
    for (number, template) in templates.iter().enumerate() {
        wrong.template = Some(number);
        plans.push(start.plan(&context, template)?);
    }
    let lengths: Vec<_> = plans.iter().map(Plan::length).collect::<Result<_>>()?;
    wrong.template = None;
    for length in &lengths {
        start.judge_length(*length)?;
    }
    start.record(&context)?;
    let derived = start.run(&lengths)?;
    if derived.keys.len() != plans.len() {
        return Err(Error::Internal("a derivation made another number of keys"));
    }
    let mut more = Some(derived.more);
    let mut finished = Vec::new();
    for (number, (plan, value)) in plans.into_iter().zip(derived.keys).enumerate() {
        wrong.template = Some(number);
        let more = more.take().unwrap_or_default();
        finished.push(plan.finish(build::secret_value(value).into_iter().chain(more))?);
    }
    wrong.template = None;
    Ok(Made {
        keys: context.store(finished)?,
        shown: derived.shown,
    })
}

/// `C_DeriveKey` of the keys of a TLS connection. They are as closed as the master secret.
///
/// # Errors
/// As [`derive()`]; `TemplateInconsistent` for a template that wants them otherwise.
pub fn connection(
    module: &Module,
    session: SessionHandle,
    mechanism: Mechanism<'_>,
    base: ObjectHandle,
    template: &Template,
) -> Result<Connection> {
    let context = Context::new(module, session)?;
    let start = Start::new(&context, mechanism, base)?;
    let for_cipher = inherited(template, &start.base)?;
    let for_mac = mac_template(&for_cipher);
    let Params::TlsKeys(material) = start.params else {
        return Err(Error::MechanismInvalid);
    };
    let [mac, key, _] = material.lengths()?;
    let wanted = [
        (mac, &for_mac),
        (mac, &for_mac),
        (key, &for_cipher),
        (key, &for_cipher),
    ];
    let mut plans = Vec::new();
    for (length, template) in wanted {
        plans.push(match length {
            0 => None,
            _ => Some(start.plan(&context, template)?),
        });
    }
    start.record(&context)?;
    let derived = start.run(&[])?;
    let mut finished = Vec::new();
    let made: Vec<bool> = plans.iter().map(Option::is_some).collect();
    for (plan, value) in plans.into_iter().zip(derived.keys) {
        if let Some(plan) = plan {
            finished.push(plan.finish(build::secret_value(value))?);
        }
    }
    let mut handles = context.store(finished)?.into_iter();
    let keys = made
        .into_iter()
        .map(|made| made.then(|| handles.next()).flatten());
    Ok(Connection {
        keys: keys.collect(),
        ivs: derived.shown,
    })
}

/// The template with the protection of the base key, which it may not contradict.
fn inherited(template: &Template, base: &Object) -> Result<Template> {
    let mut joined = template.clone();
    for kind in [CKA_SENSITIVE, CKA_EXTRACTABLE] {
        let own = base.attributes().is(kind);
        match template.bool(kind) {
            None => joined.0.push((kind, Value::Bool(own))),
            Some(asked) if asked == own => {}
            Some(_) => return Err(Error::TemplateInconsistent(kind)),
        }
    }
    Ok(joined)
}

/// The template of a MAC key beside a cipher key.
fn mac_template(cipher: &Template) -> Template {
    let kept = [CKA_SENSITIVE, CKA_EXTRACTABLE, CKA_TOKEN, CKA_PRIVATE];
    let mut template = Template(vec![
        (CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)),
        (CKA_KEY_TYPE, Value::Ulong(CKK_GENERIC_SECRET)),
        (CKA_SIGN, Value::Bool(true)),
        (CKA_VERIFY, Value::Bool(true)),
    ]);
    let own = cipher.0.iter().filter(|(kind, _)| kept.contains(kind));
    template.0.extend(own.cloned());
    template
}

/// A derivation whose keys are known to permit it.
struct Start<'p> {
    row: &'static Row,
    params: Params<'p>,
    base: Arc<Object>,
    others: Vec<Arc<Object>>,
    /// What the rules look at, where more than the base key matters.
    facts: Option<Facts>,
    decision: Decision,
    /// What is to be recorded for the other keys.
    of_others: Vec<Decision>,
}

impl<'p> Start<'p> {
    fn new(context: &Context<'_>, mechanism: Mechanism<'p>, base: ObjectHandle) -> Result<Self> {
        let row = mechanism.row_for(Use::Derive.function())?;
        let own = &row.operations;
        if own.derive.is_none() && own.derive_set.is_none() {
            return Err(Error::MechanismInvalid);
        }
        let params = mechanism.params?;
        let alone = params.keys().is_empty() && !params.shows_key_bytes();
        if alone && mode(row.mechanism, Use::Derive) != Mode::HoldsKey {
            let (base, decision) = context.making_key(base, Use::Derive, row)?;
            return Ok(Start {
                row,
                params,
                base,
                others: Vec::new(),
                facts: None,
                decision,
                of_others: Vec::new(),
            });
        }
        let base = context.usable_key(base, Use::Derive, row)?;
        let others: Vec<_> = params
            .keys()
            .into_iter()
            .map(|key| context.usable_key(ObjectHandle(key), Use::Derive, row))
            .collect::<Result<_>>()?;
        let act = Act::Use(Use::Derive);
        let of_others = others
            .iter()
            .map(|other| {
                // What comes out is judged with the base key; here it is the use of this one.
                let mut facts = context.facts(act, row.mechanism, other)?;
                facts.mode = Mode::OneWay;
                judge(facts)
            })
            .collect::<Result<_>>()?;
        let mut facts = context.facts(act, row.mechanism, &base)?;
        if params.shows_key_bytes() {
            facts.mode = Mode::PartOfKey;
        }
        if let Some(other) = others.first() {
            let other = context.facts(act, row.mechanism, other)?.key;
            facts = facts.with_target(other);
        }
        // How long the key will be, its template tells later.
        let whole = facts.with_shorter(false);
        Ok(Start {
            row,
            params,
            base,
            others,
            facts: Some(facts),
            decision: judge(whole)?,
            of_others,
        })
    }

    fn holds_key(&self) -> bool {
        self.facts
            .as_ref()
            .is_some_and(|facts| facts.mode == Mode::HoldsKey)
    }

    /// Judges once more, when a key that holds the base key is to be too short to hold all of it.
    fn judge_length(&self, length: Option<usize>) -> Result<()> {
        let Some(facts) = self.facts.filter(|facts| facts.mode == Mode::HoldsKey) else {
            return Ok(());
        };
        let of = |key: &Object| key.secret_value().map_or(0, SecretBytes::len);
        let lengths = (
            of(&self.base),
            self.others.first().map_or(0, |other| of(other)),
        );
        if simple::is_cut(self.row.mechanism, self.params, lengths, length) {
            judge(facts.with_shorter(true))?;
        }
        Ok(())
    }

    /// The key that a template asks for.
    fn plan(&self, context: &Context<'_>, template: &Template) -> Result<Plan> {
        let state = context.state();
        let is_data = self.row.mechanism == CKM_HKDF_DATA;
        let mut plan = if is_data {
            Plan::derive_data(template, state)?
        } else {
            if template.ulong(CKA_CLASS) == Some(CKO_DATA) {
                return Err(Error::TemplateInconsistent(CKA_CLASS));
            }
            Plan::derive(template, self.base.attributes(), &self.decision, state)?
        };
        if self.holds_key() {
            for other in &self.others {
                plan.descends_from(other.attributes());
            }
        }
        access::may_make(state, plan.attributes())?;
        Ok(plan)
    }

    /// Records what was decided, durably, before anything is derived.
    fn record(&self, context: &Context<'_>) -> Result<()> {
        context.record(&self.decision, &self.base, None)?;
        for (other, decision) in self.others.iter().zip(&self.of_others) {
            context.record(decision, other, None)?;
        }
        Ok(())
    }

    fn run(&self, lengths: &[Option<usize>]) -> Result<Derived> {
        if let Some(derive) = self.row.operations.derive_set {
            let bases = Bases {
                base: &self.base,
                others: &self.others,
            };
            return derive(self.params, bases, lengths);
        }
        let derive = self.row.operations.derive.ok_or(Error::MechanismInvalid)?;
        let length = lengths.first().copied().flatten();
        derive(self.params, &self.base, length).map(Derived::key)
    }
}
