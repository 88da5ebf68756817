//! C_FindObjectsInit, C_FindObjects, C_FindObjectsFinal.

use crate::support::*;
use cryptoki_sys::*;

#[test]
fn by_class_label_id_and_value() {
    let token = Token::fresh();
    let s = token.user();
    for number in 0..20u8 {
        let label = format!("object {number}");
        let object = Template::data(&label, &[number]).text(CKA_APPLICATION, "find");
        s.create(&if number % 2 == 0 {
            object.token()
        } else {
            object
        })
        .unwrap();
        s.generate(
            &Mech::plain(CKM_AES_KEY_GEN),
            &Template::new()
                .ulong(CKA_VALUE_LEN, 32)
                .label(&label)
                .bytes(CKA_ID, &[number])
                .token(),
        )
        .unwrap();
    }
    let count = |t: &Template| s.find(t).unwrap().len();
    assert_eq!(count(&Template::class(CKO_DATA)), 20);
    assert_eq!(count(&Template::class(CKO_DATA).token()), 10);
    assert_eq!(
        count(&Template::class(CKO_SECRET_KEY).token().label("object 7")),
        1
    );
    assert_eq!(count(&Template::new().label("object 7")), 2);
    assert_eq!(
        count(&Template::class(CKO_SECRET_KEY).bytes(CKA_ID, &[7])),
        1
    );
    assert_eq!(
        count(&Template::class(CKO_SECRET_KEY).bytes(CKA_ID, &[77])),
        0
    );
    assert_eq!(count(&Template::class(CKO_DATA).bytes(CKA_VALUE, &[3])), 1);
    assert_eq!(count(&Template::secret(CKK_AES).label("object 1")), 1);
    assert_eq!(
        count(&Template::class(CKO_DATA).text(CKA_APPLICATION, "find")),
        20
    );
    assert_eq!(count(&Template::class(CKO_PRIVATE_KEY)), 0);
    assert_eq!(
        count(&Template::new().bytes(0x8765_4321, &[1])),
        0,
        "no object has it"
    );
    assert!(count(&Template::new()) >= 40, "an empty template finds all");
    // Nothing by a part of a label, by none, or by another case.
    assert_eq!(count(&Template::class(CKO_DATA).label("object")), 0);
    assert_eq!(count(&Template::class(CKO_DATA).label("")), 0);
    assert_eq!(count(&Template::class(CKO_DATA).label("Object 7")), 0);
}

#[test]
fn in_portions() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    for number in 0..10 {
        session
            .create(&Template::data(&format!("{number}"), b"x"))
            .unwrap();
    }
    let mut t = Template::class(CKO_DATA).raw();
    expect_rv!(call!(C_FindObjectsInit(s, t.ptr(), t.len())), CKR_OK);
    expect_rv!(
        call!(C_FindObjectsInit(s, t.ptr(), t.len())),
        CKR_OPERATION_ACTIVE
    );
    let mut all = std::collections::HashSet::<CK_OBJECT_HANDLE>::new();
    let mut some = [0; 4];
    let mut n = 0;
    expect_rv!(
        call!(C_FindObjects(s, some.as_mut_ptr(), 0, &raw mut n)),
        CKR_OK | CKR_ARGUMENTS_BAD
    );
    for expected in [4, 4, 2, 0, 0] {
        expect_rv!(
            call!(C_FindObjects(s, some.as_mut_ptr(), 4, &raw mut n)),
            CKR_OK
        );
        assert_eq!(n, expected);
        all.extend(&some[..n as usize]);
    }
    assert_eq!(all.len(), 10);
    expect_rv!(call!(C_FindObjectsFinal(s)), CKR_OK);
    expect_rv!(call!(C_FindObjectsFinal(s)), CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn objects_that_go_while_the_search_runs() {
    let token = Token::fresh();
    let session = token.user();
    let s = session.handle;
    let objects: Vec<_> = (0..10)
        .map(|_| session.create(&Template::data("x", b"x").token()).unwrap())
        .collect();
    let mut t = Template::class(CKO_DATA).raw();
    expect_rv!(call!(C_FindObjectsInit(s, t.ptr(), t.len())), CKR_OK);
    for object in &objects[..5] {
        session.destroy(*object).unwrap();
    }
    session
        .create(&Template::data("new", b"x").token())
        .unwrap();
    let (mut found, mut n) = ([0; 64], 0);
    expect_rv!(
        call!(C_FindObjects(s, found.as_mut_ptr(), 64, &raw mut n)),
        CKR_OK
    );
    expect_rv!(call!(C_FindObjectsFinal(s)), CKR_OK);
    for object in &found[..n as usize] {
        let rv = session.attribute(*object, CKA_LABEL);
        expect_rv!(rv, CKR_OK | CKR_OBJECT_HANDLE_INVALID);
    }
    assert_eq!(session.find(&Template::class(CKO_DATA)).unwrap().len(), 6);
}

#[test]
fn labels_change_and_are_found_again() {
    let token = Token::fresh();
    let s = token.user();
    for private in [false, true] {
        let flag = Template::new().bytes(CKA_PRIVATE, &[u8::from(private)]);
        let template = Template::data("before", b"x")
            .token()
            .bytes(CKA_PRIVATE, &[u8::from(private)]);
        let object = s.create(&template).unwrap();
        let _ = flag;
        s.set(object, &Template::new().label("after")).unwrap();
        assert!(s.find_one(CKO_DATA, "before").is_none());
        assert_eq!(s.find_one(CKO_DATA, "after"), Some(object));
        s.destroy(object).unwrap();
        assert!(s.find_one(CKO_DATA, "after").is_none());
    }
}

#[test]
fn the_same_object_has_the_same_handle() {
    let token = Token::fresh();
    let (one, two) = (token.user(), token.session());
    let object = one.create(&Template::data("x", b"x").token()).unwrap();
    assert_eq!(one.find_one(CKO_DATA, "x"), Some(object));
    assert_eq!(two.find_one(CKO_DATA, "x"), Some(object));
}

#[test]
fn mechanism_and_profile_objects_show_to_who_asks_for_them() {
    let token = Token::fresh();
    let s = token.session();
    let everything = s.find(&Template::new()).unwrap();
    for (class, kind, number) in [
        (CKO_MECHANISM, CKA_MECHANISM_TYPE, CKM_AES_GCM),
        (CKO_PROFILE, CKA_PROFILE_ID, CKP_BASELINE_PROVIDER),
    ] {
        let found = s.find(&Template::class(class)).unwrap();
        let numbers: Vec<_> = found
            .iter()
            .map(|own| s.attribute(*own, kind).unwrap())
            .collect();
        assert!(numbers.contains(&number.to_ne_bytes().to_vec()));
        assert!(found.iter().all(|own| !everything.contains(own)));
        assert!(s.destroy(found[0]).is_err());
    }
}
