//! Customer keys through the vendor's functions: versions, data keys, re-keying, updates, and what bad
//! input is answered.

use crate::customer_calls::{Customer, POLICY, TENANT, bytes_of};
use crate::support::*;
use crate::vendor_list::Known;
use cryptoki_sys::*;
use std::ptr::null_mut;

/// `CKA_KEYWARD_STANDING`, `CKA_KEYWARD_FINGERPRINT` and `CKA_KEYWARD_HISTORY` of `include/keyward.h`.
const STANDING: CK_ATTRIBUTE_TYPE = 0x804B_570A;
const FINGERPRINT: CK_ATTRIBUTE_TYPE = 0x804B_570E;
const HISTORY: CK_ATTRIBUTE_TYPE = 0x804B_570F;

#[test]
fn what_a_key_encrypts_it_decrypts_with_the_same_data_only() {
    module();
    if !is_keyward() {
        return;
    }
    let s = Token::fresh().user();
    let c = Customer::new(&s);
    let (key, known) = c.create(b"orders", &[]).unwrap();
    assert_eq!((known.version, known.newest, known.standing), (1, 1, 0));
    assert_eq!(known.label, "orders");
    assert!(known.created > 1_700_000_000);
    let sealed = c.encrypt(key, 0, b"order 7", b"secret").unwrap();
    assert_eq!(sealed.1.version, 1);
    let opened = c.decrypt(key, b"order 7", &sealed.0).unwrap();
    assert_eq!((opened.0.as_slice(), opened.1.version), (&b"secret"[..], 1));
    let without_handle = c.decrypt(0, b"order 7", &sealed.0).unwrap();
    assert_eq!(without_handle.0, b"secret");
    for (aad, change) in [(&b"order 8"[..], None), (b"order 7", Some(40))] {
        let mut given = sealed.0.clone();
        if let Some(place) = change {
            given[place] ^= 1;
        }
        expect_rv!(c.decrypt(key, aad, &given), CKR_ENCRYPTED_DATA_INVALID);
    }
    let empty = c.encrypt(key, 0, b"", b"").unwrap();
    assert_eq!(c.decrypt(key, b"", &empty.0).unwrap().0, b"");
    // Another key does not open it, and is not taken for it.
    let (other, _) = c.create(b"invoices", &[]).unwrap();
    expect_rv!(
        c.decrypt(other, b"order 7", &sealed.0),
        CKR_ENCRYPTED_DATA_INVALID
    );
}

#[test]
fn a_new_version_encrypts_and_the_old_one_still_decrypts() {
    module();
    if !is_keyward() {
        return;
    }
    let s = Token::fresh().user();
    let c = Customer::new(&s);
    let (first, before) = c.create(b"orders", &[(TENANT, b"acme")]).unwrap();
    let sealed = c.encrypt(first, 0, b"a", b"text").unwrap().0;
    let (second, known) = c.rotate(first, 0).unwrap();
    assert_eq!((known.version, known.newest), (2, 2));
    assert_eq!((known.family, &known.label), (before.family, &before.label));
    assert_ne!(first, second);
    // Find by label gives the newest; the older one is found by its version.
    let found = s
        .find(&Template::new().bytes(CKA_LABEL, b"orders"))
        .unwrap();
    assert_eq!(found, [second]);
    let by_version = Template::new()
        .bytes(CKA_LABEL, b"orders")
        .ulong(0x804B_5708, 1);
    assert_eq!(s.find(&by_version).unwrap(), [first]);
    let by_tenant = Template::new().bytes(TENANT, b"acme");
    assert_eq!(s.find(&by_tenant).unwrap(), [second]);
    assert_eq!(s.ulong(first, 0x804B_570A).unwrap(), 1);
    assert_eq!(s.ulong(second, 0x804B_570A).unwrap(), 0);
    assert_eq!(
        s.attribute(first, CKA_ID).unwrap(),
        s.attribute(second, CKA_ID).unwrap()
    );
    // The older one protects nothing more, by no call.
    let gcm = Mech::gcm(&[7; 12], b"", 128);
    expect_rv!(s.encrypt(&gcm, first, b"x"), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let again = Template::new().yes(&[CKA_ENCRYPT]);
    let _ = s.set(first, &again);
    expect_rv!(s.encrypt(&gcm, first, b"x"), CKR_KEY_FUNCTION_NOT_PERMITTED);
    expect_rv!(
        c.encrypt(first, 0, b"", b"x"),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    expect_rv!(
        c.encrypt(second, 1, b"", b"x"),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    expect_rv!(c.rotate(first, 0), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_eq!(c.encrypt(second, 2, b"", b"x").unwrap().1.version, 2);
    for handle in [0, first, second] {
        let opened = c.decrypt(handle, b"a", &sealed).unwrap();
        assert_eq!(opened.0, b"text");
        assert_eq!((opened.1.version, opened.1.newest), (1, 2));
    }
    assert_eq!(c.info(second, 1).unwrap().0, first);
    expect_rv!(c.info(second, 3), CKR_KEY_HANDLE_INVALID);
}

#[test]
fn a_stale_data_key_still_opens_and_brings_its_update() {
    module();
    if !is_keyward() {
        return;
    }
    let s = Token::fresh().user();
    let c = Customer::new(&s);
    let (key, _) = c.create(b"vault", &[]).unwrap();
    let (plain, wrapped, known) = c.data_key(key, b"file 1", 32, true).unwrap();
    assert_eq!((plain.len(), known.version), (32, 1));
    let (none, only_wrapped, _) = c.data_key(key, b"file 2", 16, false).unwrap();
    assert!(none.is_empty());
    assert_eq!(
        c.decrypt(key, b"file 2", &only_wrapped).unwrap().0.len(),
        16
    );
    let (opened, update, _) = c.decrypt_update(key, b"file 1", &wrapped).unwrap();
    assert_eq!(
        (opened, update.len()),
        (plain.clone(), 0),
        "it is not stale"
    );
    assert_eq!(c.info(key, 1).unwrap().1.registered, 2);

    let (newest, _) = c.rotate(key, 0).unwrap();
    let (opened, update, known) = c.decrypt_update(newest, b"file 1", &wrapped).unwrap();
    assert_eq!(opened, plain);
    assert_eq!((known.version, known.newest), (1, 2));
    let (again, none, known) = c.decrypt_update(0, b"file 1", &update).unwrap();
    assert_eq!((again, none.len(), known.version), (plain.clone(), 0, 2));
    // Who does not ask gets no update, and is answered as before.
    assert_eq!(c.decrypt(newest, b"file 1", &wrapped).unwrap().0, plain);
    assert_eq!(c.info(newest, 2).unwrap().1.registered, 1);
    for length in [0, 15, 65, 1 << 40] {
        expect_rv!(c.data_key(newest, b"", length, true), CKR_DATA_LEN_RANGE);
    }
}

#[test]
fn what_is_re_keyed_never_leaves() {
    module();
    if !is_keyward() {
        return;
    }
    let s = Token::fresh().user();
    let c = Customer::new(&s);
    // Operations: 1 << 8 is rekey. The first key may re-key and not decrypt.
    let rekey_only = [0xa1, 1, 0x19, 0x01, 0x01];
    let (from, _) = c
        .create(b"from", &[(POLICY, &rekey_only), (TENANT, b"one")])
        .unwrap();
    let (to, _) = c.create(b"to", &[(TENANT, b"two")]).unwrap();
    let sealed = c.encrypt(from, 0, b"a", b"text").unwrap().0;
    expect_rv!(
        c.decrypt(from, b"a", &sealed),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    let moved = c.rekey(b"a", &sealed, to, b"b").unwrap();
    assert_eq!(moved.1.label, "to");
    assert_eq!(c.decrypt(to, b"b", &moved.0).unwrap().0, b"text");
    expect_rv!(c.rekey(b"c", &sealed, to, b"b"), CKR_ENCRYPTED_DATA_INVALID);
    // The other way, the key that receives must allow it too.
    let decrypt_only = [0xa1, 1, 2];
    let (closed, _) = c.create(b"closed", &[(POLICY, &decrypt_only)]).unwrap();
    expect_rv!(
        c.rekey(b"b", &moved.0, closed, b""),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
}

#[test]
fn a_key_of_a_standard_call_becomes_a_family() {
    module();
    if !is_keyward() {
        return;
    }
    let s = Token::fresh().user();
    let c = Customer::new(&s);
    let template = Template::new()
        .ulong(CKA_VALUE_LEN, 32)
        .bytes(CKA_LABEL, b"plain")
        .yes(&[CKA_TOKEN]);
    let key = s
        .generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
        .unwrap();
    let sealed = c.encrypt(key, 0, b"", b"text").unwrap();
    let (newest, known) = c.rotate(key, 0).unwrap();
    assert_eq!((known.version, known.family), (2, sealed.1.family));
    assert_eq!(c.decrypt(newest, b"", &sealed.0).unwrap().0, b"text");
    // What customers supply: an unwrapped key is the material of the next version.
    let given = s
        .create(
            &Template::class(CKO_SECRET_KEY)
                .ulong(CKA_KEY_TYPE, CKK_AES)
                .bytes(CKA_VALUE, &[0x42; 32])
                .yes(&[CKA_ENCRYPT, CKA_DECRYPT]),
        )
        .unwrap();
    let (third, known) = c.rotate(newest, given).unwrap();
    assert_eq!(known.version, 3);
    assert!(!s.flag(third, CKA_LOCAL).unwrap());
    let gcm = Mech::gcm(&[7; 12], b"", 128);
    assert_eq!(
        s.encrypt(&gcm, third, b"x").unwrap(),
        s.encrypt(&gcm, given, b"x").unwrap()
    );
    let short = Template::class(CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_AES)
        .bytes(CKA_VALUE, &[0x42; 16])
        .yes(&[CKA_ENCRYPT]);
    let short = s.create(&short).unwrap();
    expect_rv!(c.rotate(third, short), CKR_KEY_SIZE_RANGE);
    let wrapping = Template::class(CKO_SECRET_KEY)
        .ulong(CKA_KEY_TYPE, CKK_AES)
        .bytes(CKA_VALUE, &[0x43; 32])
        .yes(&[CKA_WRAP]);
    let wrapping = s.create(&wrapping).unwrap();
    expect_rv!(c.rotate(third, wrapping), CKR_KEY_FUNCTION_NOT_PERMITTED);
}

#[test]
fn requests_do_the_rest() {
    module();
    if !is_keyward() {
        return;
    }
    let s = Token::fresh().user();
    let c = Customer::new(&s);
    let (key, known) = c.create(b"orders", &[]).unwrap();
    let (_, wrapped, _) = c.data_key(key, b"", 32, false).unwrap();
    c.rotate(key, 0).unwrap();
    let named = |kind: u8, more: &[u8]| {
        let items = 0x82 + u8::try_from(more.len()).unwrap();
        let mut request = vec![items, kind, 0x50];
        if kind > 23 {
            unreachable!();
        }
        request.extend_from_slice(&known.family);
        request.extend_from_slice(more);
        request
    };
    // Delete version 1: something is wrapped under it.
    expect_rv!(c.request(&named(17, &[1, 0xf4])), CKR_ACTION_PROHIBITED);
    c.request(&named(16, &[1, 1])).unwrap();
    c.request(&named(17, &[1, 0xf4])).unwrap();
    expect_rv!(c.decrypt(0, b"", &wrapped), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_eq!(c.info(key, 2).unwrap().1.standing, 0);
    // The newest is not deleted.
    expect_rv!(c.request(&named(17, &[2, 0xf5])), CKR_ACTION_PROHIBITED);
    // Marked for shredding, it does nothing more; cancelled, it does again.
    let (newest, _) = c.info(key, 0).unwrap();
    let sealed = c.encrypt(newest, 0, b"", b"text").unwrap().0;
    c.request(&named(9, &[])).unwrap();
    expect_rv!(
        c.encrypt(newest, 0, b"", b"x"),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    expect_rv!(c.decrypt(0, b"", &sealed), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let by_label = Template::new().bytes(CKA_LABEL, b"orders");
    assert!(s.find(&by_label).unwrap().is_empty());
    c.request(&named(10, &[])).unwrap();
    assert_eq!(c.decrypt(0, b"", &sealed).unwrap().0, b"text");
    c.encrypt(newest, 0, b"", b"x").unwrap();
    expect_rv!(c.request(&named(10, &[])), CKR_ACTION_PROHIBITED);
    // Shredded, it is gone for good; its record stays.
    c.request(&named(11, &[])).unwrap();
    expect_rv!(c.decrypt(0, b"", &sealed), CKR_KEY_FUNCTION_NOT_PERMITTED);
    expect_rv!(c.request(&named(10, &[])), CKR_ACTION_PROHIBITED);
    assert_eq!(c.info(key, 2).unwrap().1.standing, 3);
    // Its name, fingerprint and history; a compromise that is found later still goes there.
    c.request(&named(18, &[0xf6])).unwrap();
    let answer = c.request(&named(6, &[])).unwrap();
    assert!(bytes_of(&answer, b"orders"));
    let destroyed = Template::new()
        .bytes(CKA_LABEL, b"orders")
        .ulong(STANDING, 3);
    let found = s.find(&destroyed).unwrap();
    assert_eq!(found.len(), 2);
    let prints: Vec<_> = found
        .iter()
        .map(|own| s.attribute(*own, FINGERPRINT).unwrap())
        .collect();
    assert_ne!(prints[0], prints[1]);
    for own in found {
        assert_eq!(s.attribute(own, FINGERPRINT).unwrap().len(), 16);
        let history = s.attribute(own, HISTORY).unwrap();
        let marks: Vec<u8> = history.chunks(9).map(|entry| entry[0]).collect();
        assert_eq!(marks.last_chunk(), Some(&[3, 255]), "{marks:?}");
        assert!(
            history
                .chunks(9)
                .all(|entry| entry.len() == 9 && entry[1..5] == [0; 4])
        );
    }
    for bad in [&b""[..], b"\x82\x12\x00", b"\x82\x06\x41\x00", &[0xff; 40]] {
        expect_rv!(c.request(bad), CKR_DATA_INVALID | CKR_ARGUMENTS_BAD);
    }
}

#[test]
fn bad_arguments_of_the_customer_calls() {
    module();
    if !is_keyward() {
        return;
    }
    let s = Token::fresh().user();
    let c = Customer::new(&s);
    let (key, _) = c.create(b"k", &[]).unwrap();
    expect_rv!(
        c.create(b"k", &[(CKA_VALUE, &[1; 32])]),
        CKR_TEMPLATE_INCONSISTENT
    );
    expect_rv!(
        c.create(b"k", &[(POLICY, &[0xff])]),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    expect_rv!(c.encrypt(0xDEAD, 0, b"", b"x"), CKR_KEY_HANDLE_INVALID);
    expect_rv!(c.encrypt(0, 0, b"", b"x"), CKR_KEY_HANDLE_INVALID);
    let sealed = c.encrypt(key, 0, b"", b"text").unwrap().0;
    for length in 0..sealed.len() {
        let cut = c.decrypt(key, b"", &sealed[..length]);
        expect_rv!(
            cut,
            CKR_ENCRYPTED_DATA_INVALID | CKR_ENCRYPTED_DATA_LEN_RANGE
        );
    }
    let mut length = 0;
    let f = c.functions();
    // SAFETY: NULL and lengths of nothing, which the functions check.
    unsafe {
        let null = null_mut();
        let n = &raw mut length;
        let encrypt = |aad, al, data, dl, out, ol| {
            (f.encrypt)(s.handle, key, 0, aad, al, data, dl, out, ol, null_mut())
        };
        expect_rv!(encrypt(null, 1, null, 0, null, n), CKR_ARGUMENTS_BAD);
        expect_rv!(encrypt(null, 0, null, 1, null, n), CKR_ARGUMENTS_BAD);
        expect_rv!(
            encrypt(null, 0, null, 0, null, null_mut()),
            CKR_ARGUMENTS_BAD
        );
        expect_rv!(encrypt(null, u64::MAX, null, 0, null, n), CKR_ARGUMENTS_BAD);
        expect_rv!(encrypt(null, 0, null, 0, null, n), CKR_OK);
        assert!(length > 70);
        let mut out = [0x55_u8; 16];
        length = 16;
        let code = encrypt(null, 0, null, 0, out.as_mut_ptr(), n);
        expect_rv!(code, CKR_BUFFER_TOO_SMALL);
        assert_eq!(out, [0x55; 16]);
        let code = (f.create)(s.handle, null_mut(), 0, 0, null_mut(), null_mut());
        expect_rv!(code, CKR_ARGUMENTS_BAD);
        let code = (f.create)(s.handle, null_mut(), 1, 0, &raw mut length, null_mut());
        expect_rv!(code, CKR_ARGUMENTS_BAD);
        let code = (f.request)(s.handle, null, 0, null, n);
        expect_rv!(code, CKR_ARGUMENTS_BAD);
        let code = (f.encrypt)(0xDEAD, key, 0, null, 0, null, 0, null, n, null_mut());
        expect_rv!(code, CKR_SESSION_HANDLE_INVALID);
    }
    s.logout().unwrap();
    expect_rv!(c.encrypt(key, 0, b"", b"x"), CKR_USER_NOT_LOGGED_IN);
    expect_rv!(c.create(b"k", &[]), CKR_USER_NOT_LOGGED_IN);
}

#[test]
fn a_read_only_session_uses_keys_and_makes_none() {
    module();
    if !is_keyward() {
        return;
    }
    let token = Token::fresh();
    let s = token.user();
    let c = Customer::new(&s);
    let (key, known): (_, Known) = c.create(b"k", &[]).unwrap();
    let reader = token.read_only();
    let r = Customer::new(&reader);
    let sealed = r.encrypt(key, 0, b"", b"text").unwrap().0;
    assert_eq!(r.decrypt(0, b"", &sealed).unwrap().0, b"text");
    expect_rv!(r.create(b"other", &[]), CKR_SESSION_READ_ONLY);
    expect_rv!(r.rotate(key, 0), CKR_SESSION_READ_ONLY);
    let mut shred = vec![0x82, 11, 0x50];
    shred.extend_from_slice(&known.family);
    expect_rv!(r.request(&shred), CKR_SESSION_READ_ONLY);
}
