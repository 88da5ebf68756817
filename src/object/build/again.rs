//! Plans kept for calls that ask for the same once more. A loop that unwraps or generates session keys reads
//! and checks the template of its first call; after that it only fills in values.

use super::{Lengths, Plan};
use crate::error::Result;
use crate::object::attribute::{AttributeType, Attributes, Template, Value};
use crate::object::classes;
use crate::object::schema::family::Families;
use cryptoki_sys::{CKA_TOKEN, CKA_VALUE};
use std::sync::Arc;

/// The most attributes of a template of which a plan is kept.
const MOST: usize = 32;
/// The most bytes of one attribute's value.
const LONGEST: usize = 256;

/// A template byte for byte as a caller gave it. It holds neither secrets nor further templates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verbatim(Vec<(AttributeType, Vec<u8>)>);

impl Verbatim {
    /// Keeps a template, if it is a short one.
    #[must_use]
    pub fn new<'a>(attributes: impl Iterator<Item = (AttributeType, &'a [u8])>) -> Option<Self> {
        let mut kept = Vec::new();
        for (kind, value) in attributes {
            if kept.len() == MOST || value.len() > LONGEST {
                return None;
            }
            kept.push((kind, value.to_vec()));
        }
        Some(Verbatim(kept))
    }

    /// The attributes in the caller's order.
    pub fn attributes(&self) -> impl ExactSizeIterator<Item = (AttributeType, &[u8])> {
        self.0.iter().map(|(kind, value)| (*kind, value.as_slice()))
    }
}

/// A template that a caller gave, not read yet.
pub trait Asked {
    /// Reads it.
    ///
    /// # Errors
    /// Those of a template that is none.
    fn read(&self) -> Result<Template>;

    /// Whether it is, byte for byte, what was asked before.
    fn is(&self, before: &Verbatim) -> bool;

    /// A copy; `None` where it is too long, or holds what should not be kept.
    fn verbatim(&self) -> Option<Verbatim>;
}

/// The plan of more of the same: session keys that differ in nothing but their value from the first that was
/// finished from it.
#[derive(Clone, Debug)]
pub struct Again(Arc<Plan>);

impl Again {
    /// Keeps a plan that was finished as `made` for the first time, if it is one of secret keys of a session.
    #[must_use]
    pub fn of(plan: Plan, made: &Attributes) -> Option<Self> {
        let alike = Families::SECRET.has(plan.family) && !made.is(CKA_TOKEN);
        alike.then(|| {
            Again(Arc::new(Plan {
                // What is finished from it shares them.
                attributes: made.kind(),
                ..plan
            }))
        })
    }

    /// The lengths that the value may have, as [`Plan::lengths`].
    ///
    /// # Errors
    /// As [`Plan::lengths`].
    pub fn lengths(&self) -> Result<Lengths> {
        self.0.lengths()
    }

    /// One more object, with this `CKA_VALUE`.
    ///
    /// # Errors
    /// As [`Plan::finish`].
    pub fn finish(&self, value: Value) -> Result<Attributes> {
        let plan = &self.0;
        let mut object = plan.attributes.clone();
        object.set(CKA_VALUE, value);
        let complete = classes::complete(plan.family, &mut object);
        complete.map_err(|error| plan.as_wrapped(error))?;
        for (kind, asked) in &plan.to_agree {
            plan.agrees(&object, *kind, asked)?;
        }
        Ok(object)
    }
}

/// A plan that a template led to.
#[derive(Clone, Debug)]
pub struct Kept {
    mechanism: u64,
    asked: Verbatim,
    template: Arc<Template>,
    plan: Again,
}

impl Kept {
    /// Keeps the plan that `asked` led to with `mechanism`, after it was finished as `made` for the first
    /// time.
    pub fn new(
        mechanism: u64,
        asked: &impl Asked,
        template: Template,
        plan: Plan,
        made: &Attributes,
    ) -> Option<Self> {
        Some(Kept {
            mechanism,
            plan: Again::of(plan, made)?,
            asked: asked.verbatim()?,
            template: Arc::new(template),
        })
    }

    /// Whether this is what is asked for now.
    pub fn answers(&self, mechanism: u64, asked: &impl Asked) -> bool {
        self.mechanism == mechanism && asked.is(&self.asked)
    }

    /// The template.
    #[must_use]
    pub fn template(&self) -> Arc<Template> {
        Arc::clone(&self.template)
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> Again {
        self.plan.clone()
    }
}
