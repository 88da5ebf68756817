//! Every restriction of a key's policy, through the standard calls and the vendor's; who is named by
//! `C_LoginUser`; and the update that a stale key token brings.

use crate::customer_calls::{Customer, POLICY};
use crate::key_tokens::domain_key;
use crate::library::{Library, World};
use crate::support::*;
use cryptoki_sys::*;
use keyward_pkcs11::domain::customer::suspension::Outer;
use keyward_pkcs11::domain::customer::{Answer, KeyName, Request};
use keyward_pkcs11::domain::ids::{KeyId, MemberId};
use keyward_pkcs11::domain::key_policy::{DataRule, KeyPolicy, Operation, Operations};
use keyward_pkcs11::domain::operator::OperatorSigner;
use keyward_pkcs11::secret::SecretBytes;

/// `CKM_KEYWARD_CUSTOMER_DATA`, `CKM_KEYWARD_KEY_TOKEN`, `CKA_KEYWARD_UPDATE`.
const CUSTOMER_DATA: CK_MECHANISM_TYPE = 0x804B_5702;
const KEY_TOKEN: CK_MECHANISM_TYPE = 0x804B_5701;
const UPDATE: CK_ATTRIBUTE_TYPE = 0x804B_570D;

fn gcm(aad: &[u8]) -> Mech {
    Mech::gcm(&[7; 12], aad, 128)
}

/// What encrypting answers, by a standard call and by the vendor's, with the same authenticated data.
fn both(s: &Session, key: CK_OBJECT_HANDLE, aad: &[u8]) -> [CK_RV; 2] {
    let standard = s.encrypt(&gcm(aad), key, b"text");
    let vendor = Customer::new(s).encrypt(key, 0, aad, b"text");
    [standard.rv(), vendor.rv()]
}

fn key_with(s: &Session, policy: &KeyPolicy) -> CK_OBJECT_HANDLE {
    let encoded = policy.encode();
    let made = Customer::new(s).create(b"k", &[(POLICY, &encoded)]);
    made.unwrap().0
}

/// `C_LoginUser` under a name.
fn login_as(s: &Session, name: &str) -> CK_RV {
    let (mut pin, mut name) = (PIN.as_bytes().to_vec(), name.as_bytes().to_vec());
    call30!(C_LoginUser(
        s.handle,
        CKU_USER,
        pin.as_mut_ptr(),
        pin.len() as CK_ULONG,
        name.as_mut_ptr(),
        name.len() as CK_ULONG,
    ))
}

const NO: CK_RV = CKR_KEY_FUNCTION_NOT_PERMITTED;
const YES: CK_RV = CKR_OK;

#[test]
fn operations_mechanisms_place_time_and_data_are_kept_to() {
    module();
    if !is_keyward() {
        return;
    }
    let t = Token::fresh();
    let s = t.user();
    let own = Library::of(t.slot).names().1;
    let open = KeyPolicy::default;
    let cases: Vec<(KeyPolicy, [CK_RV; 2])> = vec![
        (open(), [YES, YES]),
        (
            KeyPolicy {
                operations: Some(Operations::of(&[Operation::Decrypt])),
                ..open()
            },
            [NO, NO],
        ),
        (
            KeyPolicy {
                mechanisms: Some(vec![CKM_AES_GCM]),
                ..open()
            },
            [YES, NO],
        ),
        (
            KeyPolicy {
                mechanisms: Some(vec![CUSTOMER_DATA]),
                ..open()
            },
            [NO, YES],
        ),
        (
            KeyPolicy {
                members: Some(vec![own]),
                ..open()
            },
            [YES, YES],
        ),
        (
            KeyPolicy {
                members: Some(vec![MemberId([7; 16])]),
                ..open()
            },
            [NO, NO],
        ),
        (
            KeyPolicy {
                regions: Some(vec!["elsewhere".into()]),
                ..open()
            },
            [NO, NO],
        ),
        (
            KeyPolicy {
                not_before: Some(u64::MAX),
                ..open()
            },
            [NO, NO],
        ),
        (
            KeyPolicy {
                not_before: Some(1),
                not_after: Some(u64::MAX),
                ..open()
            },
            [YES, YES],
        ),
        (
            KeyPolicy {
                not_after: Some(1),
                ..open()
            },
            [NO, NO],
        ),
        (
            KeyPolicy {
                data: Some(vec![DataRule {
                    exact: false,
                    value: b"tenant=a".to_vec(),
                }]),
                ..open()
            },
            [YES, YES],
        ),
        (
            KeyPolicy {
                data: Some(vec![DataRule {
                    exact: true,
                    value: b"tenant=a".to_vec(),
                }]),
                ..open()
            },
            [NO, NO],
        ),
    ];
    for (policy, wanted) in cases {
        let key = key_with(&s, &policy);
        assert_eq!(both(&s, key, b"tenant=a;x"), wanted, "{policy:?}");
        if policy.data.is_some() {
            // What carries no authenticated data does not satisfy a rule about them.
            let padded = Mech::bytes(CKM_AES_CBC_PAD, &[0; 16]);
            expect_rv!(
                s.encrypt(&padded, key, b"text"),
                CKR_KEY_FUNCTION_NOT_PERMITTED
            );
        }
    }
}

#[test]
fn a_policy_about_operators_wants_their_name() {
    module();
    if !is_keyward() {
        return;
    }
    let t = Token::fresh();
    let world = World::new(&t);
    let s = &world.s;
    let [first, second] = [0, 1].map(|place| world.keys[place].operator_id());
    let named = key_with(
        s,
        &KeyPolicy {
            operators: Some(vec![first]),
            ..KeyPolicy::default()
        },
    );
    let by_role = key_with(
        s,
        &KeyPolicy {
            roles: Some(vec!["keeper".into()]),
            ..KeyPolicy::default()
        },
    );
    let other_role = key_with(
        s,
        &KeyPolicy {
            roles: Some(vec!["auditor".into()]),
            ..KeyPolicy::default()
        },
    );
    for key in [named, by_role, other_role] {
        assert_eq!(
            both(s, key, b""),
            [CKR_USER_NOT_LOGGED_IN; 2],
            "nobody named"
        );
    }
    s.logout().unwrap();
    expect_rv!(login_as(s, "nobody"), CKR_USER_TYPE_INVALID);
    expect_rv!(
        s.info().map(|info| info.state == CKS_RW_PUBLIC_SESSION),
        CKR_OK
    );
    expect_rv!(login_as(s, &first.to_string()), CKR_OK);
    assert_eq!(both(s, named, b""), [YES; 2]);
    assert_eq!(both(s, by_role, b""), [YES; 2]);
    assert_eq!(both(s, other_role, b""), [NO; 2]);
    expect_rv!(login_as(s, &second.to_string()), CKR_USER_ALREADY_LOGGED_IN);
    s.logout().unwrap();
    expect_rv!(login_as(s, &second.to_string()), CKR_OK);
    assert_eq!(both(s, named, b""), [NO; 2]);
    assert_eq!(both(s, by_role, b""), [YES; 2]);
    // Looking after the key wants the same operators.
    expect_rv!(
        Customer::new(s).rotate(named, 0),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    // A name of nothing is C_Login.
    s.logout().unwrap();
    expect_rv!(login_as(s, ""), CKR_OK);
    assert_eq!(both(s, by_role, b""), [CKR_USER_NOT_LOGGED_IN; 2]);
}

#[test]
fn uses_are_counted_over_calls_copies_versions_and_processes() {
    module();
    if !is_keyward() {
        return;
    }
    let t = Token::fresh();
    let s = t.user();
    let c = Customer::new(&s);
    let policy = KeyPolicy {
        max_uses: Some(8),
        ..KeyPolicy::default()
    };
    let key = key_with(&s, &policy);
    let family = c.info(key, 0).unwrap().1.family;
    // Two by asking and doing: the asking counts nothing.
    assert_eq!(both(&s, key, b""), [YES, YES]);
    // One by a copy.
    let copy = s.copy(key, &Template::new()).unwrap();
    s.encrypt(&gcm(b""), copy, b"x").unwrap();
    // Two by another process, the first of which reserves no more than it uses.
    let other = Library::of(t.slot);
    let by_other = |other: &Library| {
        other.does(&Request::Encrypt {
            key: KeyName::Family(KeyId(family)),
            version: None,
            aad: vec![],
            plaintext: SecretBytes::copy_of(b"x"),
        })
    };
    assert!(by_other(&other) && by_other(&other));
    other.logout();
    // The next version shares the count: what is left is used up by all together.
    let (newest, _) = c.rotate(key, 0).unwrap();
    let mut done = 0;
    while c.encrypt(newest, 0, b"", b"x").is_ok() {
        done += 1;
        assert!(done <= 8, "more uses than the policy allows");
    }
    assert_eq!(done, 3, "2 + 1 + 2 + 3 are the 8");
    assert_eq!(both(&s, newest, b""), [NO, NO]);
    assert!(!by_other(&Library::of(t.slot)));
    // A key whose uses are counted is not handed out.
    expect_rv!(
        s.wrap(&Mech::plain(KEY_TOKEN), domain_key(&s), newest),
        CKR_KEY_NOT_WRAPPABLE
    );
}

#[test]
fn a_policy_is_only_tightened_and_goes_along() {
    module();
    if !is_keyward() {
        return;
    }
    let s = Token::fresh().user();
    let with = |operations: &[Operation]| KeyPolicy {
        operations: Some(Operations::of(operations)),
        ..KeyPolicy::default()
    };
    let two = with(&[Operation::Encrypt, Operation::Decrypt]);
    let key = key_with(&s, &two);
    let set = |policy: &KeyPolicy| s.set(key, &Template::new().bytes(POLICY, &policy.encode()));
    let all = with(&Operation::ALL);
    for looser in [&all, &KeyPolicy::default()] {
        expect_rv!(set(looser), CKR_ATTRIBUTE_READ_ONLY);
        let copied = s.copy(key, &Template::new().bytes(POLICY, &looser.encode()));
        expect_rv!(copied, CKR_ATTRIBUTE_READ_ONLY);
    }
    expect_rv!(
        s.set(key, &Template::new().bytes(POLICY, b"")),
        CKR_ATTRIBUTE_READ_ONLY
    );
    expect_rv!(
        s.set(key, &Template::new().bytes(POLICY, &[0xff])),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    let sealed = s.encrypt(&gcm(b""), key, b"text").unwrap();
    set(&with(&[Operation::Encrypt])).unwrap();
    expect_rv!(
        s.decrypt(&gcm(b""), key, &sealed),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    // As a key token it keeps its policy; by a standard mechanism it does not leave at all.
    let (domain, token) = (domain_key(&s), Mech::plain(KEY_TOKEN));
    let wrapped = s.wrap(&token, domain, key).unwrap();
    let back = s
        .unwrap(&token, domain, &wrapped, &Template::new())
        .unwrap();
    expect_rv!(
        s.decrypt(&gcm(b""), back, &sealed),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    assert_eq!(s.encrypt(&gcm(b""), back, b"text").unwrap(), sealed);
    // Any key can have one, by standard calls alone.
    let template = Template::new()
        .ulong(CKA_VALUE_LEN, 32)
        .yes(&[CKA_ENCRYPT, CKA_DECRYPT, CKA_EXTRACTABLE])
        .bytes(POLICY, &with(&[Operation::Decrypt]).encode());
    let made = s
        .generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
        .unwrap();
    expect_rv!(
        s.encrypt(&gcm(b""), made, b"x"),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    let wrapping = s.aes_key(32, &[CKA_WRAP]);
    expect_rv!(
        s.wrap(&Mech::plain(CKM_AES_KEY_WRAP), wrapping, made),
        CKR_KEY_NOT_WRAPPABLE
    );
}

#[test]
fn a_stale_key_token_still_works_and_brings_its_update() {
    module();
    if !is_keyward() {
        return;
    }
    let t = Token::fresh();
    let s = t.user();
    let c = Customer::new(&s);
    let (key, _) = c.create(b"held", &[]).unwrap();
    let token = Mech::plain(KEY_TOKEN);
    let old_domain = domain_key(&s);
    let wrapped = s.wrap(&token, old_domain, key).unwrap();
    let (sealed, update, known) = c
        .use_token(&wrapped, CKF_ENCRYPT, &gcm(b""), b"text")
        .unwrap();
    assert_eq!((update.len(), known.label.as_str()), (0, "held"));
    let fresh = s
        .unwrap(&token, old_domain, &wrapped, &Template::new())
        .unwrap();
    assert!(s.attribute(fresh, UPDATE).unwrap().is_empty());

    t.change_domain("key.add");
    t.change_domain("key.retire");
    let new_domain = domain_key(&s);
    assert_ne!(old_domain, new_domain);
    let (opened, update, known) = c
        .use_token(&wrapped, CKF_DECRYPT, &gcm(b""), &sealed)
        .unwrap();
    assert_eq!(opened, b"text");
    assert_eq!((known.version, known.label.as_str()), (1, "held"));
    assert!(!update.is_empty() && update != wrapped);
    let (opened, none, _) = c
        .use_token(&update, CKF_DECRYPT, &gcm(b""), &sealed)
        .unwrap();
    assert_eq!((opened.as_slice(), none.len()), (&b"text"[..], 0));
    // Through standard calls: the handle has it.
    let handle = s
        .unwrap(&token, old_domain, &wrapped, &Template::new())
        .unwrap();
    assert_eq!(s.decrypt(&gcm(b""), handle, &sealed).unwrap(), b"text");
    let update = s.attribute(handle, UPDATE).unwrap();
    assert_eq!(s.attribute(handle, UPDATE).unwrap(), update, "made once");
    let again = s
        .unwrap(&token, new_domain, &update, &Template::new())
        .unwrap();
    assert_eq!(s.decrypt(&gcm(b""), again, &sealed).unwrap(), b"text");
    assert!(s.attribute(again, UPDATE).unwrap().is_empty());
    assert_eq!(s.attribute(handle, CKA_LABEL).unwrap(), b"held");
    assert!(s.ulong(handle, 0x804B_570C).unwrap() > 1_700_000_000);
}

#[test]
fn a_suspended_key_comes_back_through_an_rsa_key_only() {
    module();
    if !is_keyward() {
        return;
    }
    let s = Token::fresh().user();
    let c = Customer::new(&s);
    let (key, known) = c.create(b"orders", &[]).unwrap();
    let sealed = c.encrypt(key, 0, b"", b"text").unwrap().0;
    let (public, private) = s.rsa_pair(2048, &[CKA_ENCRYPT], &[CKA_DECRYPT]);
    let to = s.attribute(public, CKA_PUBLIC_KEY_INFO).unwrap();
    let ask = |request: Request| {
        let answer = c.request(request.encode().expose())?;
        Ok::<_, Rv>(Answer::decode(&answer).unwrap())
    };
    let name = || KeyName::Family(KeyId(known.family));
    let suspended = ask(Request::Suspend { key: name(), to }).unwrap();
    assert_eq!(suspended.keys[0].standing, 4);
    expect_rv!(c.decrypt(0, b"", &sealed), CKR_KEY_FUNCTION_NOT_PERMITTED);
    // Nothing else brings it back, or changes what it will be.
    expect_rv!(
        s.set(key, &Template::new().bytes(CKA_LABEL, b"other")),
        CKR_ACTION_PROHIBITED
    );
    expect_rv!(
        s.copy(key, &Template::new()),
        CKR_ACTION_PROHIBITED | CKR_OK
    );
    let blob = suspended.sealed.unwrap();
    expect_rv!(
        ask(Request::Reinstate {
            opened: blob.clone()
        }),
        CKR_DATA_INVALID
    );
    let outer = Outer::parse(&blob).unwrap();
    let oaep = Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
    let root = s.decrypt(&oaep, private, outer.to_rsa().unwrap()).unwrap();
    let opened = outer.open_with(&root.try_into().unwrap()).unwrap();
    let mut forged = opened.expose().to_vec();
    *forged.last_mut().unwrap() ^= 1;
    expect_rv!(
        ask(Request::Reinstate { opened: forged }),
        CKR_WRAPPED_KEY_INVALID
    );
    let opened = opened.expose().to_vec();
    let back = ask(Request::Reinstate { opened }).unwrap();
    assert_eq!(back.keys[0].standing, 0);
    assert_eq!(c.decrypt(key, b"", &sealed).unwrap().0, b"text");
    assert!(s.flag(key, CKA_NEVER_EXTRACTABLE).unwrap());
    // A proof of what was destroyed, and of nothing else.
    let prove = || Request::ProofOfDestruction {
        key: name(),
        version: 1,
    };
    expect_rv!(ask(prove()), CKR_ACTION_PROHIBITED);
    ask(Request::Shred { key: name() }).unwrap();
    assert!(ask(prove()).unwrap().sealed.is_some());
}
