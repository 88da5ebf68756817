//! Templates in, objects out.

use super::*;
use crate::object::{Object, ObjectId};
use cryptoki_sys::{
    CKA_ALWAYS_AUTHENTICATE, CKA_COPYABLE, CKA_DECRYPT, CKA_EC_PARAMS, CKA_EC_POINT, CKA_ENCRYPT,
    CKA_ID, CKA_LABEL, CKA_MODIFIABLE, CKA_MODULUS, CKA_MODULUS_BITS, CKA_PRIVATE, CKA_SIGN,
    CKA_SUBJECT, CKA_TOKEN, CKA_TRUSTED, CKA_UNIQUE_ID, CKA_UNWRAP, CKA_WRAP,
    CKA_WRAP_WITH_TRUSTED, CKK_AES, CKK_EC, CKK_EC_EDWARDS, CKK_RSA, CKM_AES_KEY_GEN, CKO_DATA,
    CKO_PRIVATE_KEY, CKO_PUBLIC_KEY,
};

const USER: State = State::RwUser;
const P256: &[u8] = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";

fn template(entries: &[(AttributeType, Value)]) -> Template {
    Template(entries.to_vec())
}

fn secret(bytes: &[u8]) -> Value {
    Value::secret(SecretBytes::copy_of(bytes))
}

fn yes(kind: AttributeType) -> (AttributeType, Value) {
    (kind, Value::Bool(true))
}

fn no(kind: AttributeType) -> (AttributeType, Value) {
    (kind, Value::Bool(false))
}

fn key(class: u64, kind: u64, extra: &[(AttributeType, Value)]) -> Template {
    let mut all = vec![
        (CKA_CLASS, Value::Ulong(class)),
        (CKA_KEY_TYPE, Value::Ulong(kind)),
    ];
    all.extend_from_slice(extra);
    Template(all)
}

fn aes(extra: &[(AttributeType, Value)]) -> Template {
    let mut all = key(CKO_SECRET_KEY, CKK_AES, extra);
    all.0.push((CKA_VALUE, secret(&[7; 16])));
    all
}

fn create_with(base: Template, extra: (AttributeType, Value)) -> Result<Attributes> {
    let mut all = base;
    all.0.retain(|(kind, _)| *kind != extra.0);
    all.0.push(extra);
    create(&all, USER)
}

fn generate(entries: &[(AttributeType, Value)]) -> Result<Attributes> {
    let mut all = template(entries);
    all.0.push((CKA_VALUE_LEN, Value::Ulong(32)));
    let spec = Generation {
        class: CKO_SECRET_KEY,
        key_types: &[CKK_AES],
        mechanism: CKM_AES_KEY_GEN,
    };
    Plan::generate(&all, spec, USER)?.finish(vec![(CKA_VALUE, secret(&[9; 32]))])
}

fn object(attributes: Attributes) -> Object {
    Object::new(ObjectId([5; 16]), 1, attributes)
}

#[test]
fn keys_are_hidden_unless_told_otherwise() {
    for key in [create(&aes(&[]), USER).unwrap(), generate(&[]).unwrap()] {
        assert!(key.is(CKA_SENSITIVE));
        assert!(!key.is(CKA_EXTRACTABLE));
        assert!(key.is(CKA_PRIVATE));
        assert!(!key.is(CKA_TOKEN));
    }
    let open = create(&aes(&[no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)]), USER).unwrap();
    assert!(!open.is(CKA_SENSITIVE) && open.is(CKA_EXTRACTABLE));
}

#[test]
fn history_is_the_modules_to_tell() {
    let made = generate(&[]).unwrap();
    assert!(made.is(CKA_LOCAL) && made.is(CKA_ALWAYS_SENSITIVE) && made.is(CKA_NEVER_EXTRACTABLE));
    assert_eq!(made.ulong(CKA_KEY_GEN_MECHANISM), Some(CKM_AES_KEY_GEN));
    let made = generate(&[yes(CKA_EXTRACTABLE), no(CKA_SENSITIVE)]).unwrap();
    assert!(!made.is(CKA_ALWAYS_SENSITIVE) && !made.is(CKA_NEVER_EXTRACTABLE));
    let given = create(&aes(&[]), USER).unwrap();
    assert!(!given.is(CKA_LOCAL) && !given.is(CKA_ALWAYS_SENSITIVE));
    assert!(!given.is(CKA_NEVER_EXTRACTABLE));
    for kind in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
        assert_eq!(
            create(&aes(&[yes(kind)]), USER),
            Err(Error::AttributeReadOnly(kind))
        );
        assert_eq!(generate(&[yes(kind)]), Err(Error::AttributeReadOnly(kind)));
    }
    let named = (CKA_UNIQUE_ID, Value::Bytes(b"mine".to_vec()));
    assert_eq!(
        create(&aes(&[named]), USER),
        Err(Error::AttributeReadOnly(CKA_UNIQUE_ID))
    );
}

#[test]
fn only_the_so_makes_trusted() {
    let asking = aes(&[yes(CKA_TRUSTED)]);
    assert_eq!(
        create(&asking, USER),
        Err(Error::AttributeReadOnly(CKA_TRUSTED))
    );
    assert_eq!(
        generate(&[yes(CKA_TRUSTED)]),
        Err(Error::AttributeReadOnly(CKA_TRUSTED))
    );
    assert!(create(&asking, State::RwSo).unwrap().is(CKA_TRUSTED));
    let plain = create(&aes(&[]), USER).unwrap();
    let raise = template(&[yes(CKA_TRUSTED)]);
    assert_eq!(
        set(&plain, &raise, USER),
        Err(Error::AttributeReadOnly(CKA_TRUSTED))
    );
    let raised = set(&plain, &raise, State::RwSo).unwrap();
    assert!(raised.is(CKA_TRUSTED));
    let lower = template(&[no(CKA_TRUSTED)]);
    assert_eq!(
        set(&raised, &lower, USER),
        Err(Error::AttributeReadOnly(CKA_TRUSTED))
    );
    assert_eq!(
        copy(&object(raised), &lower, USER),
        Err(Error::AttributeReadOnly(CKA_TRUSTED))
    );
}

#[test]
fn wrong_templates_are_named() {
    let class = (CKA_CLASS, Value::Ulong(CKO_SECRET_KEY));
    let kind = (CKA_KEY_TYPE, Value::Ulong(CKK_AES));
    let cases = [
        (template(&[]), Error::TemplateIncomplete(CKA_CLASS)),
        (
            template(std::slice::from_ref(&class)),
            Error::TemplateIncomplete(CKA_KEY_TYPE),
        ),
        (
            template(&[class.clone(), kind.clone()]),
            Error::TemplateIncomplete(CKA_VALUE),
        ),
        (
            template(&[(CKA_CLASS, Value::Ulong(99))]),
            Error::AttributeValueInvalid(CKA_CLASS),
        ),
        (
            template(&[class.clone(), (CKA_KEY_TYPE, Value::Ulong(99))]),
            Error::AttributeValueInvalid(CKA_KEY_TYPE),
        ),
        (
            aes(&[(0x7777, Value::Ulong(1))]),
            Error::AttributeTypeInvalid(0x7777),
        ),
        (
            aes(&[(CKA_MODULUS, Value::Bytes(vec![1]))]),
            Error::TemplateInconsistent(CKA_MODULUS),
        ),
        (
            aes(&[(CKA_LABEL, Value::Ulong(1))]),
            Error::AttributeValueInvalid(CKA_LABEL),
        ),
        (
            aes(&[(CKA_VALUE_LEN, Value::Ulong(32))]),
            Error::TemplateInconsistent(CKA_VALUE_LEN),
        ),
        (
            template(&[(CKA_CLASS, Value::Ulong(cryptoki_sys::CKO_MECHANISM))]),
            Error::TemplateInconsistent(CKA_CLASS),
        ),
    ];
    for (template, error) in cases {
        assert_eq!(create(&template, USER), Err(error), "{template:?}");
    }
    assert!(create(&aes(&[(CKA_VALUE_LEN, Value::Ulong(16))]), USER).is_ok());
    // A denied usage that the type lacks asks for nothing.
    assert!(create(&aes(&[no(CKA_ALWAYS_AUTHENTICATE)]), USER).is_ok());
}

#[test]
fn aes_keys_have_three_lengths() {
    for length in [0, 1, 15, 16, 17, 24, 31, 32, 33, 64] {
        let made = create_with(aes(&[]), (CKA_VALUE, secret(&vec![1; length])));
        let fits = matches!(length, 16 | 24 | 32);
        let wanted = if fits {
            None
        } else {
            Some(Error::AttributeValueInvalid(CKA_VALUE))
        };
        assert_eq!(made.err(), wanted, "{length}");
    }
    let spec = Generation {
        class: CKO_SECRET_KEY,
        key_types: &[CKK_AES],
        mechanism: CKM_AES_KEY_GEN,
    };
    for length in [0, 1, 15, 17, 64, 1 << 40, u64::MAX] {
        let asked = template(&[(CKA_VALUE_LEN, Value::Ulong(length))]);
        let plan = Plan::generate(&asked, spec, USER).unwrap();
        assert_eq!(
            plan.length(),
            Err(Error::AttributeValueInvalid(CKA_VALUE_LEN))
        );
    }
    let none = Plan::generate(&template(&[]), spec, USER);
    assert_eq!(none.err(), Some(Error::TemplateIncomplete(CKA_VALUE_LEN)));
    let value = template(&[
        (CKA_VALUE_LEN, Value::Ulong(16)),
        (CKA_VALUE, secret(&[1; 16])),
    ]);
    let given = Plan::generate(&value, spec, USER);
    assert_eq!(given.err(), Some(Error::TemplateInconsistent(CKA_VALUE)));
}

#[test]
fn one_way_flags_do_not_come_back() {
    let key = create(&aes(&[yes(CKA_EXTRACTABLE), no(CKA_SENSITIVE)]), USER).unwrap();
    let close = template(&[
        yes(CKA_SENSITIVE),
        no(CKA_EXTRACTABLE),
        yes(CKA_WRAP_WITH_TRUSTED),
    ]);
    let closed = set(&key, &close, USER).unwrap();
    let copied = copy(&object(key), &close, USER).unwrap();
    for closed in [closed, copied] {
        assert!(closed.is(CKA_SENSITIVE) && !closed.is(CKA_EXTRACTABLE));
        assert!(!closed.is(CKA_ALWAYS_SENSITIVE) && !closed.is(CKA_NEVER_EXTRACTABLE));
        for back in [
            no(CKA_SENSITIVE),
            yes(CKA_EXTRACTABLE),
            no(CKA_WRAP_WITH_TRUSTED),
        ] {
            let asked = template(std::slice::from_ref(&back));
            let refused = Err(Error::AttributeReadOnly(back.0));
            assert_eq!(set(&closed, &asked, USER), refused);
            assert_eq!(copy(&object(closed.clone()), &asked, USER), refused);
        }
    }
}

#[test]
fn copies_may_move_and_changes_may_not() {
    let key = create(&aes(&[]), USER).unwrap();
    for kind in [CKA_TOKEN, CKA_MODIFIABLE] {
        let flip = template(&[(kind, Value::Bool(!key.is(kind)))]);
        assert_eq!(set(&key, &flip, USER), Err(Error::AttributeReadOnly(kind)));
        assert_ne!(
            copy(&object(key.clone()), &flip, USER).unwrap().is(kind),
            key.is(kind)
        );
    }
    let public = template(&[no(CKA_PRIVATE)]);
    assert_eq!(
        copy(&object(key.clone()), &public, USER),
        Err(Error::TemplateInconsistent(CKA_PRIVATE))
    );
    let single = template(&[no(CKA_COPYABLE)]);
    assert!(
        !copy(&object(key.clone()), &single, USER)
            .unwrap()
            .is(CKA_COPYABLE)
    );
    let other = template(&[(CKA_KEY_TYPE, Value::Ulong(CKK_GENERIC_SECRET))]);
    assert_eq!(
        copy(&object(key.clone()), &other, USER),
        Err(Error::AttributeReadOnly(CKA_KEY_TYPE))
    );
    let renamed = set(
        &key,
        &template(&[(CKA_LABEL, Value::Bytes(b"new".to_vec()))]),
        USER,
    );
    assert_eq!(renamed.unwrap().bytes(CKA_LABEL), Some(b"new".as_slice()));
}

#[test]
fn asking_for_one_role_gives_no_other() {
    let data = generate(&[yes(CKA_ENCRYPT)]).unwrap();
    assert!(data.is(CKA_DECRYPT) && data.is(CKA_SIGN) && !data.is(CKA_WRAP));
    assert_eq!(data.ulong(CKA_KEYWARD_ROLE), Some(1));
    let wrapping = generate(&[yes(CKA_WRAP), yes(CKA_UNWRAP)]).unwrap();
    assert!(!wrapping.is(CKA_ENCRYPT) && !wrapping.is(CKA_DECRYPT));
    assert_eq!(wrapping.ulong(CKA_KEYWARD_ROLE), Some(2));
    let both = generate(&[yes(CKA_WRAP), yes(CKA_ENCRYPT)]).unwrap();
    assert_eq!(both.ulong(CKA_KEYWARD_ROLE), None);
    let neither = generate(&[]).unwrap();
    assert!(neither.is(CKA_ENCRYPT) && !neither.is(CKA_WRAP));
    // What is switched on later does not change what the key was made for.
    let widened = set(&data, &template(&[yes(CKA_WRAP)]), USER).unwrap();
    assert_eq!(widened.ulong(CKA_KEYWARD_ROLE), Some(1));
}

#[test]
fn copies_of_a_key_that_may_wrap_share_its_lineage() {
    let wrapping = object(generate(&[yes(CKA_WRAP)]).unwrap());
    let copied = copy(&wrapping, &template(&[]), USER).unwrap();
    assert_eq!(
        copied.bytes(CKA_KEYWARD_LINEAGE),
        Some(wrapping.id().0.as_slice())
    );
    let both = object(generate(&[yes(CKA_WRAP), yes(CKA_ENCRYPT)]).unwrap());
    let first = copy(&both, &template(&[]), USER).unwrap();
    let first = Object::new(ObjectId([6; 16]), 1, first);
    let second = copy(&first, &template(&[no(CKA_WRAP)]), USER).unwrap();
    let second = Object::new(ObjectId([7; 16]), 1, second);
    for copy in [&first, &second] {
        assert_eq!(crate::object::policy::lineage(copy), both.id().0);
    }
}

fn pair(
    public: &[(AttributeType, Value)],
    private: &[(AttributeType, Value)],
) -> (Attributes, Attributes) {
    let mut public = template(public);
    public.0.push((CKA_MODULUS_BITS, Value::Ulong(2048)));
    let spec = Generation {
        class: 0,
        key_types: &[CKK_RSA],
        mechanism: 0,
    };
    let made = Plan::generate_pair(&public, &template(private), spec, USER, [3; 16]).unwrap();
    (made.0.attributes().clone(), made.1.attributes().clone())
}

#[test]
fn the_private_half_decides_for_the_pair() {
    let (public, private) = pair(&[], &[yes(CKA_UNWRAP)]);
    for half in [&public, &private] {
        assert_eq!(half.ulong(CKA_KEYWARD_ROLE), Some(2));
        assert!(
            half.has(CKA_KEYWARD_LINEAGE),
            "what one half carries binds the other"
        );
    }
    let (public, private) = pair(&[], &[]);
    assert!(private.is(CKA_UNWRAP) && private.is(CKA_DECRYPT) && private.is(CKA_NEVER_EXTRACTABLE));
    for half in [&public, &private] {
        assert_eq!(half.bytes(CKA_KEYWARD_LINEAGE), Some([3; 16].as_slice()));
        assert_eq!(half.ulong(CKA_KEYWARD_ROLE), None);
    }
    assert!(public.is(CKA_KEYWARD_PROTECTED_PAIR) && !public.is(CKA_PRIVATE));
    let (public, private) = pair(&[yes(CKA_WRAP)], &[yes(CKA_DECRYPT), yes(CKA_EXTRACTABLE)]);
    assert_eq!(public.ulong(CKA_KEYWARD_ROLE), Some(1));
    assert_eq!(private.ulong(CKA_KEYWARD_ROLE), Some(1));
    assert!(!public.is(CKA_KEYWARD_PROTECTED_PAIR));
}

fn unwrap(
    asked: &Template,
    unwrapping: &[(AttributeType, Value)],
    decision: Decision,
    value: &[u8],
) -> Result<Attributes> {
    let unwrapping = create(&aes(unwrapping), USER)?;
    Plan::unwrap(asked, &unwrapping, &decision, USER)?
        .finish(secret_value(SecretBytes::copy_of(value)))
}

#[test]
fn unwrapped_keys_are_hidden_unless_told_and_allowed() {
    let loose = key(
        CKO_SECRET_KEY,
        CKK_AES,
        &[no(CKA_SENSITIVE), yes(CKA_EXTRACTABLE)],
    );
    let plain = key(CKO_SECRET_KEY, CKK_AES, &[]);
    let allowed = Decision::default();
    let tight = Decision {
        sensitive: true,
        unextractable: true,
        ..allowed
    };
    for (template, decision, hidden) in [
        (&loose, allowed, false),
        (&loose, tight, true),
        (&plain, allowed, true),
    ] {
        let made = unwrap(template, &[], decision, &[1; 16]).unwrap();
        assert_eq!(made.is(CKA_SENSITIVE), hidden);
        assert_eq!(!made.is(CKA_EXTRACTABLE), hidden);
        assert!(!made.is(CKA_LOCAL) && !made.is(CKA_NEVER_EXTRACTABLE));
    }
}

#[test]
fn an_unwrapped_length_must_fit_type_and_template() {
    let decision = Decision::default();
    let of = |kind, extra: &[(AttributeType, Value)], length| {
        unwrap(
            &key(CKO_SECRET_KEY, kind, extra),
            &[],
            decision,
            &vec![1; length],
        )
        .err()
    };
    let len = |length| [(CKA_VALUE_LEN, Value::Ulong(length))];
    assert_eq!(of(CKK_AES, &[], 16), None);
    assert_eq!(of(CKK_AES, &[], 20), Some(Error::WrappedKeyLenRange));
    assert_eq!(of(CKK_AES, &len(16), 16), None);
    assert_eq!(of(CKK_AES, &len(32), 16), Some(Error::WrappedKeyLenRange));
    assert_eq!(
        of(CKK_GENERIC_SECRET, &len(7), 8),
        Some(Error::WrappedKeyLenRange)
    );
    assert_eq!(of(CKK_GENERIC_SECRET, &[], 8), None);
    assert_eq!(
        unwrap(&template(&[]), &[], decision, &[1; 16]).err(),
        Some(Error::TemplateIncomplete(CKA_CLASS))
    );
    let value = key(CKO_SECRET_KEY, CKK_AES, &[(CKA_VALUE, secret(&[1; 16]))]);
    assert_eq!(
        unwrap(&value, &[], decision, &[1; 16]).err(),
        Some(Error::TemplateInconsistent(CKA_VALUE))
    );
}

#[test]
fn an_unwrap_template_is_added_and_not_contradicted() {
    let inner = template(&[yes(CKA_SENSITIVE), no(CKA_EXTRACTABLE), no(CKA_ENCRYPT)]);
    let forcing = [(CKA_UNWRAP_TEMPLATE, Value::Template(inner))];
    let plain = key(CKO_SECRET_KEY, CKK_AES, &[yes(CKA_SENSITIVE)]);
    let made = unwrap(&plain, &forcing, Decision::default(), &[1; 16]).unwrap();
    assert!(made.is(CKA_SENSITIVE) && !made.is(CKA_EXTRACTABLE) && !made.is(CKA_ENCRYPT));
    let loose = key(CKO_SECRET_KEY, CKK_AES, &[yes(CKA_EXTRACTABLE)]);
    assert_eq!(
        unwrap(&loose, &forcing, Decision::default(), &[1; 16]).err(),
        Some(Error::TemplateInconsistent(CKA_EXTRACTABLE))
    );
}

#[test]
fn templates_nest_only_so_deep() {
    let mut nested = template(&[(CKA_LABEL, Value::Bytes(vec![1]))]);
    for depth in 1..8 {
        let made = create(
            &aes(&[(CKA_UNWRAP_TEMPLATE, Value::Template(nested.clone()))]),
            USER,
        );
        assert_eq!(made.is_ok(), depth <= schema::MAX_NESTING, "{depth}");
        if let Err(error) = made {
            assert_eq!(error, Error::AttributeValueInvalid(CKA_UNWRAP_TEMPLATE));
        }
        nested = template(&[(CKA_UNWRAP_TEMPLATE, Value::Template(nested))]);
    }
}

#[test]
fn derived_keys_remember_what_they_came_from() {
    let derive = |base: &Attributes, asked: &[(AttributeType, Value)]| {
        Plan::derive(&template(asked), base, &Decision::default(), USER)
            .and_then(|plan| plan.finish(secret_value(SecretBytes::copy_of(&[1; 20]))))
            .unwrap()
    };
    let hidden = generate(&[]).unwrap();
    let made = derive(&hidden, &[]);
    assert_eq!(made.key_type(), Some(CKK_GENERIC_SECRET));
    assert!(made.is(CKA_ALWAYS_SENSITIVE) && made.is(CKA_NEVER_EXTRACTABLE) && !made.is(CKA_LOCAL));
    assert!(!derive(&hidden, &[no(CKA_SENSITIVE)]).is(CKA_ALWAYS_SENSITIVE));
    let given = create(&aes(&[]), USER).unwrap();
    let made = derive(&given, &[]);
    assert!(!made.is(CKA_ALWAYS_SENSITIVE) && !made.is(CKA_NEVER_EXTRACTABLE));
}

#[test]
fn a_key_token_outranks_the_template() {
    let sealed = generate(&[(CKA_LABEL, Value::Bytes(b"mine".to_vec()))]).unwrap();
    let asked = key(
        CKO_SECRET_KEY,
        CKK_AES,
        &[
            no(CKA_SENSITIVE),
            yes(CKA_EXTRACTABLE),
            yes(CKA_WRAP),
            yes(CKA_TOKEN),
            (CKA_LABEL, Value::Bytes(b"theirs".to_vec())),
        ],
    );
    let mut wanted = sealed.clone();
    wanted.set(CKA_TOKEN, Value::Bool(true));
    assert_eq!(restore(sealed.clone(), &asked), Ok(wanted));
    let other = key(CKO_SECRET_KEY, CKK_GENERIC_SECRET, &[]);
    assert_eq!(
        restore(sealed.clone(), &other),
        Err(Error::TemplateInconsistent(CKA_KEY_TYPE))
    );
    let short = template(&[(CKA_VALUE_LEN, Value::Ulong(16))]);
    assert_eq!(restore(sealed, &short), Err(Error::WrappedKeyLenRange));
}

#[test]
fn curve_keys_from_outside_are_points_and_numbers_of_their_curve() {
    let number = |number: u8| {
        let mut bytes = [0; 32];
        bytes[31] = number;
        bytes
    };
    let private = |params: &[u8], value: &[u8]| {
        let entries = [
            (CKA_EC_PARAMS, Value::Bytes(params.to_vec())),
            (CKA_VALUE, secret(value)),
        ];
        create(&key(CKO_PRIVATE_KEY, CKK_EC, &entries), USER)
    };
    let good = private(P256, &number(2)).unwrap();
    let point = good.bytes(CKA_EC_POINT).unwrap().to_vec();
    assert_eq!(point.len(), 67);
    for bad in [number(0).as_slice(), &[0xff; 32], &[]] {
        assert_eq!(
            private(P256, bad).err(),
            Some(Error::AttributeValueInvalid(CKA_VALUE))
        );
    }
    assert_eq!(
        private(b"\x06\x01\x2a", &number(2)).err(),
        Some(Error::CurveNotSupported)
    );
    for bad in [
        b"\x06\x02\x2a".as_slice(),
        b"",
        b"\x30\x00",
        b"\x06\x03\x2b\x65\x70",
    ] {
        let error = private(bad, &number(2)).err();
        assert_eq!(
            error,
            Some(Error::AttributeValueInvalid(CKA_EC_PARAMS)),
            "{bad:?}"
        );
    }
    let public = |point: &[u8]| {
        let entries = [
            (CKA_EC_PARAMS, Value::Bytes(P256.to_vec())),
            (CKA_EC_POINT, Value::Bytes(point.to_vec())),
        ];
        create(&key(CKO_PUBLIC_KEY, CKK_EC, &entries), USER)
    };
    for form in [&point[..], &point[2..]] {
        assert_eq!(
            public(form).unwrap().bytes(CKA_EC_POINT),
            Some(point.as_slice())
        );
    }
    let mut off = point.clone();
    off[66] ^= 1;
    for bad in [&off[..], &point[..66], &[4, 0], &[0; 65], &[]] {
        assert_eq!(
            public(bad).err(),
            Some(Error::AttributeValueInvalid(CKA_EC_POINT))
        );
    }
}

#[test]
fn edwards_keys_tell_their_point() {
    let entries = [
        (
            CKA_EC_PARAMS,
            Value::Bytes(b"\x13\x0cedwards25519".to_vec()),
        ),
        (CKA_VALUE, secret(&[1; 32])),
    ];
    let made = create(&key(CKO_PRIVATE_KEY, CKK_EC_EDWARDS, &entries), USER).unwrap();
    assert_eq!(made.bytes(CKA_EC_POINT).map(<[u8]>::len), Some(34));
    let info = read::computed(
        &made,
        Family::EdwardsPrivate,
        cryptoki_sys::CKA_PUBLIC_KEY_INFO,
    );
    assert_eq!(info.unwrap().as_bytes().map(<[u8]>::len), Some(44));
}

#[test]
fn nonsense_rsa_keys_are_refused() {
    let public = |modulus: Vec<u8>, exponent: u8| {
        let entries = [
            (CKA_MODULUS, Value::Bytes(modulus)),
            (
                cryptoki_sys::CKA_PUBLIC_EXPONENT,
                Value::Bytes(vec![exponent]),
            ),
        ];
        create(&key(CKO_PUBLIC_KEY, CKK_RSA, &entries), USER)
    };
    assert!(public(vec![0xff; 256], 3).is_ok());
    let padded = public([vec![0; 3], vec![0xff; 256]].concat(), 3).unwrap();
    assert_eq!(padded.bytes(CKA_MODULUS).map(<[u8]>::len), Some(256));
    for (modulus, exponent) in [
        (vec![0xff; 256], 1),
        (vec![0xff; 256], 2),
        (vec![0xfe; 256], 3),
        (vec![0xff; 16], 3),
    ] {
        assert!(public(modulus, exponent).is_err(), "{exponent}");
    }
    assert!(public(Vec::new(), 3).is_err());
}

#[test]
fn pin_at_each_use_is_for_private_keys_alone() {
    let entries = [
        (CKA_EC_PARAMS, Value::Bytes(P256.to_vec())),
        (CKA_VALUE, secret(&[1; 32])),
        yes(CKA_ALWAYS_AUTHENTICATE),
        no(CKA_PRIVATE),
    ];
    assert_eq!(
        create(&key(CKO_PRIVATE_KEY, CKK_EC, &entries), USER),
        Err(Error::TemplateInconsistent(CKA_ALWAYS_AUTHENTICATE))
    );
}

#[test]
fn certificates_need_a_subject_and_a_certificate() {
    let certificate = |entries: &[(AttributeType, Value)]| {
        let mut all = vec![
            (CKA_CLASS, Value::Ulong(CKO_CERTIFICATE)),
            (CKA_CERTIFICATE_TYPE, Value::Ulong(0)),
        ];
        all.extend_from_slice(entries);
        create(&Template(all), USER)
    };
    let subject = (CKA_SUBJECT, Value::Bytes(vec![0x30, 0]));
    let value = (
        CKA_VALUE,
        secret(&[0x30, 9, 0x30, 0, 0x30, 1, 5, 0x03, 2, 0, 1]),
    );
    let good = certificate(&[subject.clone(), value.clone()]).unwrap();
    assert!(!good.is(CKA_PRIVATE) && good.bytes(CKA_VALUE).is_some());
    assert_eq!(
        certificate(&[value]),
        Err(Error::TemplateIncomplete(CKA_SUBJECT))
    );
    let broken = (CKA_VALUE, secret(b"certificate"));
    assert_eq!(
        certificate(&[subject, broken]),
        Err(Error::AttributeValueInvalid(CKA_VALUE))
    );
}

#[test]
fn data_needs_nothing_and_keeps_its_value_readable() {
    let data = [
        (CKA_CLASS, Value::Ulong(CKO_DATA)),
        (CKA_VALUE, secret(b"text")),
    ];
    let data = create(&template(&data), USER).unwrap();
    assert_eq!(data.bytes(CKA_VALUE), Some(b"text".as_slice()));
    assert!(create(&template(&[(CKA_CLASS, Value::Ulong(CKO_DATA))]), USER).is_ok());
    let id = template(&[
        (CKA_CLASS, Value::Ulong(CKO_DATA)),
        (CKA_ID, Value::Bytes(vec![1])),
    ]);
    assert_eq!(create(&id, USER), Err(Error::TemplateInconsistent(CKA_ID)));
}
