//! One-way flags over random sequences of calls: they only ever tighten.

use super::*;
use crate::object::policy::{RoleState, lineage};
use crate::object::{Object, ObjectId};
use cryptoki_sys::{
    CKA_COPYABLE, CKA_DECRYPT, CKA_ENCRYPT, CKA_LABEL, CKA_MODIFIABLE, CKA_PRIVATE, CKA_TOKEN,
    CKA_TRUSTED, CKA_UNWRAP, CKA_WRAP, CKK_AES, CKM_AES_KEY_GEN,
};
use proptest::prelude::*;

/// What templates of the sequences ask for.
const ASKED: [AttributeType; 12] = [
    CKA_SENSITIVE,
    CKA_EXTRACTABLE,
    CKA_WRAP_WITH_TRUSTED,
    CKA_TRUSTED,
    CKA_COPYABLE,
    CKA_MODIFIABLE,
    CKA_PRIVATE,
    CKA_TOKEN,
    CKA_ENCRYPT,
    CKA_DECRYPT,
    CKA_WRAP,
    CKA_UNWRAP,
];

/// One step: which way, and what its template asks for.
#[derive(Clone, Debug)]
enum Step {
    Set(Template),
    Copy(Template),
    Restore(Template),
    DeriveHolding(Template),
}

fn asked(most: usize) -> impl Strategy<Value = Template> {
    let flag = (proptest::sample::select(ASKED.to_vec()), any::<bool>());
    proptest::collection::btree_map(
        flag.clone().prop_map(|(kind, _)| kind),
        any::<bool>(),
        0..most,
    )
    .prop_map(|flags| {
        Template(
            flags
                .into_iter()
                .map(|(kind, on)| (kind, Value::Bool(on)))
                .collect(),
        )
    })
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        asked(3).prop_map(Step::Set),
        asked(3).prop_map(Step::Copy),
        asked(6).prop_map(Step::Restore),
        asked(6).prop_map(Step::DeriveHolding),
    ]
}

fn generated(template: &Template) -> Option<Attributes> {
    let mut template = template.clone();
    template.0.push((CKA_VALUE_LEN, Value::Ulong(16)));
    let spec = Generation {
        class: CKO_SECRET_KEY,
        key_types: &[CKK_AES],
        mechanism: CKM_AES_KEY_GEN,
    };
    Plan::generate(&template, spec, State::RwUser)
        .ok()?
        .finish(value())
        .ok()
}

fn value() -> Material {
    secret_value(SecretBytes::zeroed(16)).into()
}

fn take(before: &Object, step: &Step) -> Result<Attributes> {
    let own = before.attributes();
    match step {
        Step::Set(template) => set(own, template, State::RwUser),
        Step::Copy(template) => copy(before, template, State::RwUser),
        Step::Restore(template) => restore(with_role(own.clone(), RoleState::of(own)), template),
        Step::DeriveHolding(template) => {
            let decision = Decision {
                sensitive: own.is(CKA_SENSITIVE),
                unextractable: !own.is(CKA_EXTRACTABLE),
                trusted_only: own.is(CKA_WRAP_WITH_TRUSTED),
                ..Decision::default()
            };
            Plan::derive(template, own, &decision, State::RwUser)?.finish(value())
        }
    }
}

/// What must hold between an object and whatever comes of it.
fn only_tightens(before: &Attributes, after: &Attributes) -> bool {
    let stays = |kind| !before.is(kind) || after.is(kind);
    let comes_back = |kind| !before.is(kind) && after.is(kind);
    stays(CKA_SENSITIVE)
        && stays(CKA_WRAP_WITH_TRUSTED)
        && !comes_back(CKA_EXTRACTABLE)
        && !comes_back(CKA_ALWAYS_SENSITIVE)
        && !comes_back(CKA_NEVER_EXTRACTABLE)
        && !comes_back(CKA_LOCAL)
        && !comes_back(CKA_TRUSTED)
}

proptest! {
    #[test]
    fn one_way_flags_only_tighten(
        first in asked(6),
        steps in proptest::collection::vec(step(), 1..12),
    ) {
        let Some(made) = generated(&first) else { return Ok(()) };
        let mut object = Object::new(ObjectId([1; 16]), 1, made);
        for (number, step) in steps.iter().enumerate() {
            let Ok(next) = take(&object, step) else { continue };
            prop_assert!(only_tightens(object.attributes(), &next), "{:?}", step);
            let same_value = !matches!(step, Step::DeriveHolding(_));
            if same_value {
                let (old, new) = (RoleState::of(object.attributes()), RoleState::of(&next));
                prop_assert!(old.role == Role::Undecided || old == new, "{:?}", step);
            }
            let id = ObjectId([u8::try_from(number + 2).unwrap(); 16]);
            let after = Object::new(id, 1, next);
            let bound = Family::of_object(after.attributes()).is_some_and(Family::has_roles)
                && role_of(after.attributes()) != Role::Data;
            if bound && matches!(step, Step::Copy(_)) {
                prop_assert_eq!(lineage(&after), lineage(&object));
            }
            object = after;
        }
    }

    #[test]
    fn what_an_unwrap_must_hide_no_template_shows(template in asked(6)) {
        let mut template = template;
        template.0.push((CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)));
        template.0.push((CKA_KEY_TYPE, Value::Ulong(CKK_AES)));
        template.0.push((CKA_LABEL, Value::Bytes(b"key".to_vec())));
        let decision =
            Decision { sensitive: true, unextractable: true, ..Decision::default() };
        let none = Attributes::new();
        let Ok(plan) = Plan::unwrap(&template, &none, &decision, State::RwUser) else {
            return Ok(());
        };
        let key = plan.finish(value()).unwrap();
        prop_assert!(key.is(CKA_SENSITIVE) && !key.is(CKA_EXTRACTABLE));
        prop_assert!(!key.is(CKA_LOCAL) && !key.is(CKA_NEVER_EXTRACTABLE));
    }
}
