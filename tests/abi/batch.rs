//! Many keys wrapped and unwrapped in one call: the same as one by one, all or none.

use crate::support::*;
use crate::vendor_list::{Batches, Handle};
use cryptoki_sys::*;
use std::ptr::null_mut;

fn kw() -> Mech {
    Mech::plain(CKM_AES_KEY_WRAP)
}

/// `KW_WrapKeys` as it is. SAFETY throughout: every pointer is of memory that lives, of the length given.
fn wrap_raw(
    s: &Session,
    mech: &Mech,
    kek: Handle,
    keys: &[Handle],
    each: usize,
    (out, length): (*mut CK_BYTE, *mut CK_ULONG),
) -> CK_RV {
    let mut mechanism = mech.raw();
    let call = Batches::of_module().wrap_keys;
    // SAFETY: as above.
    unsafe {
        call(
            s.handle,
            &raw mut mechanism,
            kek,
            keys.as_ptr().cast_mut(),
            keys.len() as CK_ULONG,
            each as CK_ULONG,
            out,
            length,
        )
    }
}

fn wrap(s: &Session, mech: &Mech, kek: Handle, keys: &[Handle], each: usize) -> Outcome<Vec<u8>> {
    two_call(|out, length| wrap_raw(s, mech, kek, keys, each, (out, length)))
}

fn unwrap(
    s: &Session,
    mech: &Mech,
    kek: Handle,
    (wrapped, each): (&[u8], usize),
    template: &Template,
) -> Outcome<Vec<Handle>> {
    let (mut raw, mut mechanism) = (template.raw(), mech.raw());
    let mut keys = vec![0; wrapped.len() / each.max(1)];
    let call = Batches::of_module().unwrap_keys;
    // SAFETY: as above.
    ok(unsafe {
        call(
            s.handle,
            &raw mut mechanism,
            kek,
            wrapped.as_ptr().cast_mut(),
            wrapped.len() as CK_ULONG,
            each as CK_ULONG,
            raw.ptr(),
            raw.len(),
            keys.as_mut_ptr(),
        )
    })?;
    Ok(keys)
}

/// A session, a wrapping key, and so many keys that may leave.
fn ready(count: usize, length: CK_ULONG) -> (Session, Handle, Vec<Handle>) {
    let s = Token::fresh().user();
    let kek = s.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
    let keys = (0..count).map(|_| s.aes_key(length, &[CKA_ENCRYPT, CKA_EXTRACTABLE]));
    let keys = keys.collect();
    (s, kek, keys)
}

fn template() -> Template {
    Template::secret(CKK_AES)
        .label("unwrapped")
        .yes(&[CKA_ENCRYPT, CKA_SENSITIVE])
}

fn sealed(s: &Session, key: Handle) -> Vec<u8> {
    s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[3; 32]).unwrap()
}

#[test]
fn many_are_wrapped_and_unwrapped_as_one_is() {
    module();
    if !is_keyward() {
        return;
    }
    for (mech, length, each) in [
        (kw(), 32, 40),
        (kw(), 16, 24),
        (Mech::bytes(CKM_AES_KEY_WRAP, &[7; 8]), 32, 40),
        (Mech::plain(CKM_AES_KEY_WRAP_KWP), 24, 32),
    ] {
        for count in [1, 2, 17, 130] {
            let (s, kek, keys) = ready(count, length);
            let wrapped = wrap(&s, &mech, kek, &keys, each).unwrap();
            let one_by_one = keys.iter().map(|key| s.wrap(&mech, kek, *key).unwrap());
            assert_eq!(wrapped, one_by_one.collect::<Vec<_>>().concat());
            let back = unwrap(&s, &mech, kek, (&wrapped, each), &template()).unwrap();
            assert_eq!(back.len(), count);
            for (key, back) in keys.iter().zip(&back) {
                assert_eq!(sealed(&s, *key), sealed(&s, *back));
                assert!(s.flag(*back, CKA_SENSITIVE).unwrap());
            }
            let mut found = s.find(&Template::new().label("unwrapped")).unwrap();
            let mut back = back;
            found.sort_unstable();
            back.sort_unstable();
            assert_eq!(found, back);
        }
    }
}

#[test]
fn one_that_is_refused_leaves_none() {
    module();
    if !is_keyward() {
        return;
    }
    let (s, kek, mut keys) = ready(20, 32);
    let wrapped = wrap(&s, &kw(), kek, &keys, 40).unwrap();
    for place in [0, 9, 19] {
        let mut forged = wrapped.clone();
        forged[place * 40 + 5] ^= 1;
        expect_rv!(
            unwrap(&s, &kw(), kek, (&forged, 40), &template()),
            CKR_WRAPPED_KEY_INVALID
        );
    }
    let durable = template().token();
    let mut forged = wrapped.clone();
    forged[799] ^= 1;
    expect_rv!(
        unwrap(&s, &kw(), kek, (&forged, 40), &durable),
        CKR_WRAPPED_KEY_INVALID
    );
    assert!(
        s.find(&Template::new().label("unwrapped"))
            .unwrap()
            .is_empty()
    );
    let back = unwrap(&s, &kw(), kek, (&wrapped, 40), &durable).unwrap();
    assert_eq!(back.len(), 20);
    for (refused, why) in [
        (s.aes_key(32, &[CKA_ENCRYPT]), CKR_KEY_UNEXTRACTABLE),
        (s.aes_key(16, &[CKA_EXTRACTABLE]), CKR_KEY_SIZE_RANGE),
        (12_345_678, CKR_KEY_HANDLE_INVALID),
    ] {
        keys[11] = refused;
        let (mut out, mut length) = ([CANARY; 800], 800);
        let rv = wrap_raw(
            &s,
            &kw(),
            kek,
            &keys,
            40,
            (out.as_mut_ptr(), &raw mut length),
        );
        assert_eq!(rv, why, "{}", rv_name(rv));
        assert!(out.iter().all(|byte| *byte == CANARY));
    }
}

#[test]
fn lengths_and_places_are_checked_first() {
    module();
    if !is_keyward() {
        return;
    }
    let (s, kek, keys) = ready(3, 32);
    let wrapped = wrap(&s, &kw(), kek, &keys, 40).unwrap();
    let (mut out, mut length) = ([0; 200], 119);
    let rv = wrap_raw(
        &s,
        &kw(),
        kek,
        &keys,
        40,
        (out.as_mut_ptr(), &raw mut length),
    );
    expect_rv!(rv, CKR_BUFFER_TOO_SMALL);
    assert_eq!(length, 120);
    expect_rv!(wrap(&s, &kw(), kek, &keys, 48), CKR_KEY_SIZE_RANGE);
    assert!(wrap(&s, &kw(), kek, &[], 40).unwrap().is_empty());
    for each in [0, 7, 41, 240] {
        expect_rv!(
            unwrap(&s, &kw(), kek, (&wrapped, each), &template()),
            CKR_WRAPPED_KEY_LEN_RANGE,
            "{each}"
        );
    }
    let token = Mech::plain(0x804B_5701);
    expect_rv!(wrap(&s, &token, kek, &keys, 40), CKR_MECHANISM_INVALID);
    expect_rv!(
        unwrap(&s, &token, kek, (&wrapped, 40), &template()),
        CKR_MECHANISM_INVALID
    );
    let mut mechanism = kw().raw();
    let calls = Batches::of_module();
    // SAFETY: NULL is what it must survive.
    unsafe {
        let missing = (calls.unwrap_keys)(
            s.handle,
            &raw mut mechanism,
            kek,
            wrapped.as_ptr().cast_mut(),
            120,
            40,
            null_mut(),
            0,
            null_mut(),
        );
        expect_rv!(missing, CKR_ARGUMENTS_BAD);
        let missing = (calls.wrap_keys)(
            s.handle,
            &raw mut mechanism,
            kek,
            null_mut(),
            3,
            40,
            out.as_mut_ptr(),
            &raw mut length,
        );
        expect_rv!(missing, CKR_ARGUMENTS_BAD);
    }
}

#[test]
fn keys_that_were_made_alike_are_still_judged_one_by_one() {
    module();
    if !is_keyward() {
        return;
    }
    let (s, kek, keys) = ready(20, 32);
    // The first wrap decides what the wrapping key is.
    wrap(&s, &kw(), kek, &keys, 40).unwrap();
    s.set(keys[7], &Template::new().no(&[CKA_EXTRACTABLE]))
        .unwrap();
    expect_rv!(wrap(&s, &kw(), kek, &keys, 40), CKR_KEY_UNEXTRACTABLE);
    let trusted = Template::new().yes(&[CKA_WRAP_WITH_TRUSTED]);
    s.set(keys[8], &trusted).unwrap();
    expect_rv!(wrap(&s, &kw(), kek, &keys[8..], 40), CKR_KEY_NOT_WRAPPABLE);
    s.destroy(keys[10]).unwrap();
    expect_rv!(wrap(&s, &kw(), kek, &keys[9..], 40), CKR_KEY_HANDLE_INVALID);
    wrap(&s, &kw(), kek, &keys[11..], 40).unwrap();

    let wanted = Template::new().label("leaves");
    let template = Template::new()
        .ulong(CKA_VALUE_LEN, 32)
        .yes(&[CKA_WRAP, CKA_UNWRAP])
        .nested(CKA_WRAP_TEMPLATE, wanted.clone());
    let choosy = s
        .generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
        .unwrap();
    for key in &keys[11..] {
        s.set(*key, &wanted).unwrap();
    }
    wrap(&s, &kw(), choosy, &keys[11..], 40).unwrap();
    s.set(keys[15], &Template::new().label("stays")).unwrap();
    expect_rv!(
        wrap(&s, &kw(), choosy, &keys[11..], 40),
        CKR_KEY_HANDLE_INVALID
    );
}
