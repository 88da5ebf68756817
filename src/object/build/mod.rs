//! From a caller's template to a complete object, for each way an object can come about.
//!
//! A call makes a [`Plan`] from the template before any secret moves, so that a bad template costs
//! nothing, and finishes it with the material that it created, generated, unwrapped or derived.
//! Attributes that are as the schema's default are not stored: [`super::read`] answers them.

pub mod again;
mod change;
mod defaults;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use change::{copy, restore, set, with_role};

use super::access::State;
use super::attribute::{AttributeType, Attributes, Template, Value};
use super::policy::{Decision, Role, role_of};
use super::schema::family::{Families, Family};
use super::schema::{self, Row, Rules};
use super::vendor::{CKA_KEYWARD_LINEAGE, CKA_KEYWARD_PROTECTED_PAIR, CKA_KEYWARD_ROLE};
use super::{classes, read};
use crate::error::{Error, Result};
use crate::secret::SecretBytes;
use cryptoki_sys::{
    CKA_ALWAYS_SENSITIVE, CKA_CERTIFICATE_TYPE, CKA_CHECK_VALUE, CKA_CLASS, CKA_DERIVE_TEMPLATE,
    CKA_EXTRACTABLE, CKA_KEY_GEN_MECHANISM, CKA_KEY_TYPE, CKA_LOCAL, CKA_NEVER_EXTRACTABLE,
    CKA_SENSITIVE, CKA_UNWRAP, CKA_UNWRAP_TEMPLATE, CKA_VALUE, CKA_VALUE_LEN,
    CKA_WRAP_WITH_TRUSTED, CKK_GENERIC_SECRET, CKO_CERTIFICATE, CKO_DATA, CKO_SECRET_KEY,
};

/// Attributes that a mechanism gives a key: what it generated, unwrapped or derived.
pub type Material = Vec<(AttributeType, Value)>;

/// The way in which an object comes about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Origin {
    Create,
    Generate,
    Unwrap,
    Derive,
}

impl Origin {
    /// The rules that keep an attribute out of this way's templates.
    fn barred(self) -> Rules {
        match self {
            Origin::Create => Rules::CREATE_BARRED,
            Origin::Generate => Rules::GENERATE_BARRED,
            Origin::Unwrap | Origin::Derive => Rules::UNWRAP_BARRED,
        }
    }

    /// The rule that wants an attribute in this way's templates.
    fn needed(self) -> Option<Rules> {
        match self {
            Origin::Create => Some(Rules::CREATE_NEEDED),
            Origin::Generate => Some(Rules::GENERATE_NEEDED),
            Origin::Unwrap => Some(Rules::UNWRAP_NEEDED),
            Origin::Derive => None,
        }
    }
}

/// An object that lacks nothing but its material.
#[derive(Clone, Debug)]
pub struct Plan {
    origin: Origin,
    family: Family,
    attributes: Attributes,
    /// What the template says of things that the module finds itself.
    to_agree: Vec<(AttributeType, Value)>,
}

/// What a generating mechanism makes, and what it is called.
#[derive(Clone, Copy, Debug)]
pub struct Generation<'a> {
    /// The class of the new object, `CKO_…`.
    pub class: u64,
    /// The types of keys that the mechanism makes; the first where the template names none.
    pub key_types: &'a [u64],
    /// The mechanism, `CKM_…`.
    pub mechanism: u64,
}

/// The lengths in bytes that a value may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lengths {
    /// Every length.
    Any,
    /// This one.
    One([usize; 1]),
    /// These.
    Some(&'static [usize]),
}

impl Lengths {
    /// The list; `None` for every length.
    #[must_use]
    pub fn list(&self) -> Option<&[usize]> {
        match self {
            Lengths::Any => None,
            Lengths::One(one) => Some(one),
            Lengths::Some(some) => Some(some),
        }
    }
}

/// `C_CreateObject`.
///
/// # Errors
/// Those of the standard's section 4.1.1: `AttributeTypeInvalid`, `AttributeValueInvalid` (also for keys
/// that contradict themselves), `AttributeReadOnly`, `TemplateIncomplete`, `TemplateInconsistent`.
pub fn create(template: &Template, state: State) -> Result<Attributes> {
    let class = template
        .ulong(CKA_CLASS)
        .ok_or(Error::TemplateIncomplete(CKA_CLASS))?;
    let kind = if class == CKO_CERTIFICATE {
        CKA_CERTIFICATE_TYPE
    } else {
        CKA_KEY_TYPE
    };
    let family = family_of(class, template.ulong(kind), kind)?;
    if !Families::STORED.has(family) {
        return Err(Error::TemplateInconsistent(CKA_CLASS));
    }
    let plan = Plan::new(Origin::Create, family, template, state)?;
    plan.finish(Vec::new())
}

/// The key family of a class and type.
fn family_of(class: u64, subtype: Option<u64>, kind: AttributeType) -> Result<Family> {
    match (Family::of(class, subtype), subtype) {
        (Some(family), _) => Ok(family),
        (None, Some(_)) if classes::exists(class) => Err(Error::AttributeValueInvalid(kind)),
        (None, None) if classes::exists(class) => Err(Error::TemplateIncomplete(kind)),
        (None, _) => Err(Error::AttributeValueInvalid(CKA_CLASS)),
    }
}

/// A secret key's material: its value.
#[must_use]
pub fn secret_value(value: SecretBytes) -> [(AttributeType, Value); 1] {
    [(CKA_VALUE, Value::secret(value))]
}

impl Plan {
    /// `C_GenerateKey`, or one half of `C_GenerateKeyPair`.
    ///
    /// # Errors
    /// As [`create`]; `TemplateInconsistent` for another class or type than the mechanism makes.
    pub fn generate(template: &Template, spec: Generation<'_>, state: State) -> Result<Plan> {
        if template
            .get(CKA_CLASS)
            .is_some_and(|class| *class != Value::Ulong(spec.class))
        {
            return Err(Error::TemplateInconsistent(CKA_CLASS));
        }
        let made = spec.key_types.first().copied();
        let kind = match template.get(CKA_KEY_TYPE) {
            None => made,
            Some(Value::Ulong(asked)) if spec.key_types.contains(asked) => Some(*asked),
            Some(_) => return Err(Error::TemplateInconsistent(CKA_KEY_TYPE)),
        };
        let family = family_of(spec.class, kind, CKA_KEY_TYPE)?;
        let mut plan = Plan::new(Origin::Generate, family, template, state)?;
        plan.attributes.set(CKA_CLASS, Value::Ulong(spec.class));
        if let Some(kind) = kind {
            plan.attributes.set(CKA_KEY_TYPE, Value::Ulong(kind));
        }
        plan.attributes.set(CKA_LOCAL, Value::Bool(true));
        plan.attributes
            .set(CKA_KEY_GEN_MECHANISM, Value::Ulong(spec.mechanism));
        if Families::HIDDEN.has(family) {
            plan.remember_history(true, true);
        }
        Ok(plan)
    }

    /// Both halves of a key pair. They share what they are used for: `lineage` is a fresh random id.
    ///
    /// # Errors
    /// As [`Plan::generate`]. `spec.class` is not looked at.
    pub fn generate_pair(
        public: &Template,
        private: &Template,
        spec: Generation<'_>,
        state: State,
        lineage: [u8; 16],
    ) -> Result<(Plan, Plan)> {
        let of_class = |class| Generation { class, ..spec };
        let mut public = Plan::generate(public, of_class(cryptoki_sys::CKO_PUBLIC_KEY), state)?;
        let mut private = Plan::generate(private, of_class(cryptoki_sys::CKO_PRIVATE_KEY), state)?;
        if public.attributes.key_type() != private.attributes.key_type() {
            return Err(Error::TemplateInconsistent(CKA_KEY_TYPE));
        }
        let protected = private.attributes.is(CKA_NEVER_EXTRACTABLE);
        public
            .attributes
            .set(CKA_KEYWARD_PROTECTED_PAIR, Value::Bool(protected));
        // A pair that may wrap by what it agrees on shares a record as well.
        let unwraps = private.family.agrees() && private.attributes.is(CKA_UNWRAP);
        // What the public half does is no secret: the private half's flags decide the role of both. What a
        // wrapping pair carries, or a pair's first use, is recorded under an id that both share.
        public.attributes.remove(CKA_KEYWARD_ROLE);
        let role = role_of(&private.attributes);
        if role != Role::Undecided {
            let role = Value::Ulong(role.number());
            public.attributes.set(CKA_KEYWARD_ROLE, role);
        }
        if unwraps || (private.family.has_roles() && role != Role::Data) {
            for half in [&mut public, &mut private] {
                let lineage = Value::Bytes(lineage.to_vec());
                half.attributes.set(CKA_KEYWARD_LINEAGE, lineage);
            }
        }
        Ok((public, private))
    }

    /// `C_UnwrapKey` by a standard mechanism, as `decision` of the policy allows.
    ///
    /// # Errors
    /// As [`create`]; `TemplateInconsistent` against the unwrapping key's `CKA_UNWRAP_TEMPLATE`.
    pub fn unwrap(
        template: &Template,
        unwrapping: &Attributes,
        decision: &Decision,
        state: State,
    ) -> Result<Plan> {
        let forced = nested(unwrapping, CKA_UNWRAP_TEMPLATE);
        Plan::from_key(Origin::Unwrap, template, forced, decision, state)
    }

    /// `C_DeriveKey` from `base`, as `decision` of the policy allows.
    ///
    /// # Errors
    /// As [`create`]; `TemplateInconsistent` against the base key's `CKA_DERIVE_TEMPLATE`.
    pub fn derive(
        template: &Template,
        base: &Attributes,
        decision: &Decision,
        state: State,
    ) -> Result<Plan> {
        let forced = nested(base, CKA_DERIVE_TEMPLATE);
        let mut plan = Plan::from_key(Origin::Derive, template, forced, decision, state)?;
        let (sensitive, hidden) = (
            base.is(CKA_ALWAYS_SENSITIVE),
            base.is(CKA_NEVER_EXTRACTABLE),
        );
        plan.remember_history(sensitive, hidden);
        Ok(plan)
    }

    /// `C_EncapsulateKey` and `C_DecapsulateKey` by `key`, as `decision` of the policy allows. `forced` is
    /// the attribute of the key that adds to the template.
    ///
    /// # Errors
    /// As [`create`]; `TemplateInconsistent` against what the key adds, and for anything but a secret key.
    pub fn encapsulation(
        template: &Template,
        key: &Attributes,
        forced: Option<AttributeType>,
        decision: &Decision,
        state: State,
    ) -> Result<Plan> {
        let forced = forced.and_then(|forced| nested(key, forced));
        let mut plan = Plan::from_key(Origin::Derive, template, forced, decision, state)?;
        if !Families::SECRET.has(plan.family) {
            return Err(Error::TemplateInconsistent(CKA_CLASS));
        }
        plan.remember_history(false, false);
        Ok(plan)
    }

    /// `C_DeriveKey` of a data object.
    ///
    /// # Errors
    /// As [`create`]; `TemplateInconsistent` for another class.
    pub fn derive_data(template: &Template, state: State) -> Result<Plan> {
        if template
            .get(CKA_CLASS)
            .is_some_and(|class| *class != Value::Ulong(CKO_DATA))
        {
            return Err(Error::TemplateInconsistent(CKA_CLASS));
        }
        let mut plan = Plan::new(Origin::Derive, Family::Data, template, state)?;
        plan.attributes.set(CKA_CLASS, Value::Ulong(CKO_DATA));
        Ok(plan)
    }

    /// Takes note of a further key that a derived one holds: it is no more hidden than that was.
    pub fn descends_from(&mut self, other: &Attributes) {
        let own = |kind| self.attributes.is(kind) && other.is(kind);
        let (sensitive, hidden) = (own(CKA_ALWAYS_SENSITIVE), own(CKA_NEVER_EXTRACTABLE));
        self.remember_history(sensitive, hidden);
    }

    fn from_key(
        origin: Origin,
        template: &Template,
        forced: Option<&Template>,
        decision: &Decision,
        state: State,
    ) -> Result<Plan> {
        let joined = forced.map(|forced| join(template, forced)).transpose()?;
        let template = joined.as_ref().unwrap_or(template);
        let (class, kind) = class_and_type(origin, template)?;
        let family = family_of(class, kind, CKA_KEY_TYPE)?;
        if !Families::HIDDEN.has(family) {
            return Err(Error::TemplateInconsistent(CKA_CLASS));
        }
        let mut plan = Plan::new(origin, family, template, state)?;
        plan.attributes.set(CKA_CLASS, Value::Ulong(class));
        if let Some(kind) = kind {
            plan.attributes.set(CKA_KEY_TYPE, Value::Ulong(kind));
        }
        if decision.sensitive {
            plan.attributes.set(CKA_SENSITIVE, Value::Bool(true));
        }
        if decision.unextractable {
            plan.attributes.set(CKA_EXTRACTABLE, Value::Bool(false));
        }
        if decision.trusted_only {
            plan.attributes
                .set(CKA_WRAP_WITH_TRUSTED, Value::Bool(true));
        }
        Ok(plan)
    }

    /// Everything that the template and the schema say.
    fn new(origin: Origin, family: Family, template: &Template, state: State) -> Result<Plan> {
        let mut plan = Plan {
            origin,
            family,
            attributes: Attributes::with_flags(schema::default_flags(family)),
            to_agree: Vec::new(),
        };
        for (kind, value) in &template.0 {
            plan.take(*kind, value, state)?;
        }
        defaults::settle_usage(&mut plan.attributes, family, template);
        plan.check_needed(template)?;
        if let Some(role) = defaults::role_at_birth(&plan.attributes, family) {
            plan.attributes
                .set(CKA_KEYWARD_ROLE, Value::Ulong(role.number()));
        }
        Ok(plan)
    }

    /// Takes one attribute of the template.
    fn take(&mut self, kind: AttributeType, value: &Value, state: State) -> Result<()> {
        let Some(row) = own_row(kind, value, self.family)? else {
            return Ok(());
        };
        if row.rules.any(Rules::COMPUTED) {
            return Err(Error::AttributeReadOnly(kind));
        }
        let value = classes::checked(row, self.family, value)?;
        let barred = row.rules.any(self.origin.barred());
        if row.rules.any(Rules::FOUND) || (barred && row.rules.any(Rules::MUST_AGREE)) {
            self.to_agree.push((kind, value));
            return Ok(());
        }
        if barred {
            return Err(Error::TemplateInconsistent(kind));
        }
        if row.rules.any(Rules::SO_ONLY) && value == Value::Bool(true) && !state.is_so() {
            return Err(Error::AttributeReadOnly(kind));
        }
        if !row.is_stored_default(&value) {
            self.attributes.set(kind, value);
        }
        Ok(())
    }

    fn check_needed(&self, template: &Template) -> Result<()> {
        let Some(rule) = self.origin.needed() else {
            return Ok(());
        };
        match schema::needed(self.family, rule).find(|kind| template.get(*kind).is_none()) {
            Some(missing) => Err(Error::TemplateIncomplete(missing)),
            None => Ok(()),
        }
    }

    /// Computes what the key always and never was, from what it came from.
    fn remember_history(&mut self, always_sensitive: bool, never_extractable: bool) {
        let sensitive = always_sensitive && self.attributes.is(CKA_SENSITIVE);
        let hidden = never_extractable && !self.attributes.is(CKA_EXTRACTABLE);
        self.attributes
            .set(CKA_ALWAYS_SENSITIVE, Value::Bool(sensitive));
        self.attributes
            .set(CKA_NEVER_EXTRACTABLE, Value::Bool(hidden));
    }

    /// The object so far, for [`super::access::may_make`].
    #[must_use]
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// The class of the new object.
    #[must_use]
    pub fn class(&self) -> u64 {
        self.attributes.class().unwrap_or(CKO_SECRET_KEY)
    }

    /// The length in bytes that the template wants the value to have.
    ///
    /// # Errors
    /// `AttributeValueInvalid` when no such key can be.
    pub fn length(&self) -> Result<Option<usize>> {
        let Some(asked) = self.asked(CKA_VALUE_LEN) else {
            return Ok(match self.family.lengths() {
                Some([only]) => Some(*only),
                Some(_) | None => None,
            });
        };
        let length = asked
            .as_ulong()
            .and_then(|length| usize::try_from(length).ok());
        match length.filter(|length| classes::is_length(self.family, *length)) {
            Some(length) => Ok(Some(length)),
            None => Err(Error::AttributeValueInvalid(CKA_VALUE_LEN)),
        }
    }

    /// The lengths in bytes that the value may have: the one that the template wants, or those of the
    /// type. A mechanism that must not tell one bad length from another is given them.
    ///
    /// # Errors
    /// As [`Plan::length`].
    pub fn lengths(&self) -> Result<Lengths> {
        Ok(match self.length()? {
            Some(asked) => Lengths::One([asked]),
            None => self.family.lengths().map_or(Lengths::Any, Lengths::Some),
        })
    }

    fn asked(&self, kind: AttributeType) -> Option<&Value> {
        self.to_agree
            .iter()
            .find(|(own, _)| *own == kind)
            .map(|(_, value)| value)
    }

    /// The complete object, with the material that the mechanism gave.
    ///
    /// # Errors
    /// `AttributeValueInvalid` for a key that is none; `WrappedKeyLenRange` when an unwrapped key has
    /// another length than its type or the template says; `TemplateInconsistent` when the template
    /// contradicts what the module found.
    pub fn finish(
        mut self,
        material: impl IntoIterator<Item = (AttributeType, Value)>,
    ) -> Result<Attributes> {
        for (kind, value) in material {
            if let Some(row) = schema::row(kind, self.family) {
                self.attributes.set(kind, classes::in_form(row, value));
            }
        }
        if self.origin == Origin::Create && Families::HIDDEN.has(self.family) {
            self.remember_history(false, false);
        }
        // A generated RSA key needs no proof that its primes are prime, nor one of a parameter set that it
        // does not contradict itself.
        let costly = Family::RsaPrivate.only().or(Families::SET_PRIVATE);
        let made_here = self.origin == Origin::Generate && costly.has(self.family);
        if !made_here && let Err(error) = classes::complete(self.family, &mut self.attributes) {
            return Err(self.as_wrapped(error));
        }
        classes::consistent(&self.attributes)?;
        for (kind, value) in std::mem::take(&mut self.to_agree) {
            if kind == CKA_CHECK_VALUE && value.as_bytes().is_some_and(<[u8]>::is_empty) {
                // The caller wants no check value to be shown: an empty one is kept.
                self.attributes.set(kind, value.clone());
            }
            self.agrees(&self.attributes, kind, &value)?;
        }
        Ok(self.attributes)
    }

    /// The error of bad material, as the call that brought it names it.
    fn as_wrapped(&self, error: Error) -> Error {
        match (self.origin, error) {
            (Origin::Unwrap, Error::AttributeValueInvalid(CKA_VALUE))
                if Families::SECRET.has(self.family) =>
            {
                Error::WrappedKeyLenRange
            }
            (Origin::Unwrap, Error::AttributeValueInvalid(_)) => Error::WrappedKeyInvalid,
            (_, error) => error,
        }
    }

    /// Whether an attribute of the object is what the template says.
    fn agrees(&self, object: &Attributes, kind: AttributeType, asked: &Value) -> Result<()> {
        if read::computed(object, self.family, kind).as_deref() == Some(asked) {
            return Ok(());
        }
        Err(match (self.origin, kind) {
            (Origin::Unwrap, CKA_VALUE_LEN) => Error::WrappedKeyLenRange,
            (_, CKA_VALUE_LEN | cryptoki_sys::CKA_MODULUS_BITS) => {
                Error::TemplateInconsistent(kind)
            }
            (_, _) => Error::AttributeValueInvalid(kind),
        })
    }
}

/// The row of an attribute of the template; `None` for one that asks for nothing.
fn own_row(kind: AttributeType, value: &Value, family: Family) -> Result<Option<&'static Row>> {
    match schema::row(kind, family) {
        Some(row) => Ok(Some(row)),
        None if schema::kind(kind).is_none() => Err(Error::AttributeTypeInvalid(kind)),
        // Tools deny keys what keys of the type cannot do anyway.
        None if *value == Value::Bool(false) => Ok(None),
        None => Err(Error::TemplateInconsistent(kind)),
    }
}

/// The template that a key holds in an attribute.
fn nested(key: &Attributes, kind: AttributeType) -> Option<&Template> {
    match key.value(kind) {
        Some(Value::Template(template)) => Some(template),
        _ => None,
    }
}

/// The caller's template and the one that the key adds.
fn join(template: &Template, forced: &Template) -> Result<Template> {
    let mut joined = template.clone();
    for (kind, value) in &forced.0 {
        match template.get(*kind) {
            None => joined.0.push((*kind, value.clone())),
            Some(asked) if asked == value => {}
            Some(_) => return Err(Error::TemplateInconsistent(*kind)),
        }
    }
    Ok(joined)
}

/// Class and type of a key that is unwrapped or derived. A derived key is a generic secret unless the
/// template says otherwise.
fn class_and_type(origin: Origin, template: &Template) -> Result<(u64, Option<u64>)> {
    let derived = origin == Origin::Derive;
    let or_derived = |kind, value| match template.ulong(kind) {
        Some(asked) => Ok(asked),
        None if derived => Ok(value),
        None => Err(Error::TemplateIncomplete(kind)),
    };
    let class = or_derived(CKA_CLASS, CKO_SECRET_KEY)?;
    let kind = or_derived(CKA_KEY_TYPE, CKK_GENERIC_SECRET)?;
    Ok((class, Some(kind)))
}
