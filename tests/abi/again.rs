//! Session keys that are made again and again by one template, as a loop that unwraps and forgets them does:
//! whatever the module remembers of the first, each is what its own call asked for.

use crate::support::*;
use cryptoki_sys::*;

/// So often that everything is remembered that can be.
const MUCH: usize = 20;

fn kw() -> Mech {
    Mech::plain(CKM_AES_KEY_WRAP)
}

fn ecb() -> Mech {
    Mech::plain(CKM_AES_ECB)
}

/// A wrapping key, and two keys of different values wrapped with it: each with its encryption of a block.
struct Loop {
    kek: CK_OBJECT_HANDLE,
    wrapped: [(Vec<u8>, Vec<u8>); 2],
}

impl Loop {
    fn new(s: &Session, more: &Template) -> Loop {
        let template = more.clone().ulong(CKA_VALUE_LEN, 32);
        let template = template.yes(&[CKA_WRAP, CKA_UNWRAP]);
        let kek = s
            .generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
            .unwrap();
        let wrapped = [(); 2].map(|()| {
            let key = s.aes_key(32, &[CKA_ENCRYPT, CKA_EXTRACTABLE]);
            let wrapped = s.wrap(&kw(), kek, key).unwrap();
            (wrapped, s.encrypt(&ecb(), key, &[1; 16]).unwrap())
        });
        Loop { kek, wrapped }
    }

    fn open(&self, s: &Session, which: usize, template: &Template) -> Outcome<CK_OBJECT_HANDLE> {
        s.unwrap(&kw(), self.kek, &self.wrapped[which].0, template)
    }

    /// Opens, uses and forgets keys, until everything about it is known.
    fn run(&self, s: &Session, template: &Template) {
        for round in 0..MUCH {
            let key = self.open(s, round % 2, template).unwrap();
            let sealed = s.encrypt(&ecb(), key, &[1; 16]).unwrap();
            assert_eq!(sealed, self.wrapped[round % 2].1, "round {round}");
            s.destroy(key).unwrap();
        }
    }
}

fn wanted() -> Template {
    Template::secret(CKK_AES)
        .no(&[CKA_TOKEN, CKA_EXTRACTABLE])
        .yes(&[CKA_SENSITIVE, CKA_ENCRYPT, CKA_DECRYPT])
        .label("opened")
}

#[test]
fn each_key_has_its_own_value_and_end() {
    let token = Token::fresh();
    let s = token.user();
    let own = Loop::new(&s, &Template::new());
    own.run(&s, &wanted());
    let keys = [0, 1].map(|which| own.open(&s, which, &wanted()).unwrap());
    assert_ne!(
        s.attribute(keys[0], CKA_UNIQUE_ID).unwrap(),
        s.attribute(keys[1], CKA_UNIQUE_ID).unwrap()
    );
    for (key, (_, sealed)) in keys.iter().zip(&own.wrapped) {
        assert_eq!(s.encrypt(&ecb(), *key, &[1; 16]).unwrap(), *sealed);
        assert_eq!(s.attribute(*key, CKA_LABEL).unwrap(), b"opened");
        expect_rv!(s.attribute(*key, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    }
    s.destroy(keys[0]).unwrap();
    expect_rv!(s.encrypt_init(&ecb(), keys[0]), CKR_KEY_HANDLE_INVALID);
    expect_rv!(s.destroy(keys[0]), CKR_OBJECT_HANDLE_INVALID);
    let sealed = s.encrypt(&ecb(), keys[1], &[1; 16]).unwrap();
    assert_eq!(sealed, own.wrapped[1].1);
}

#[test]
fn another_template_is_another_key() {
    let token = Token::fresh();
    let s = token.user();
    let own = Loop::new(&s, &Template::new());
    own.run(&s, &wanted());
    for (template, may) in [
        (wanted().no(&[CKA_SIGN]), true),
        (
            Template::secret(CKK_AES)
                .no(&[CKA_ENCRYPT])
                .yes(&[CKA_DECRYPT]),
            false,
        ),
        (
            Template::secret(CKK_AES)
                .no(&[CKA_TOKEN, CKA_EXTRACTABLE])
                .yes(&[CKA_SENSITIVE])
                .no(&[CKA_ENCRYPT])
                .yes(&[CKA_DECRYPT])
                .label("opened"),
            false,
        ),
        (wanted().ulong(CKA_VALUE_LEN, 32), true),
    ] {
        for _ in 0..MUCH {
            let key = own.open(&s, 0, &template).unwrap();
            let rv = s.encrypt(&ecb(), key, &[1; 16]).map(drop);
            if may {
                rv.unwrap();
            } else {
                expect_rv!(rv, CKR_KEY_FUNCTION_NOT_PERMITTED);
            }
            s.destroy(key).unwrap();
            own.run(&s, &wanted());
        }
    }
    let bad = wanted().ulong(CKA_VALUE_LEN, 16);
    for _ in 0..MUCH {
        expect_rv!(own.open(&s, 0, &bad), CKR_WRAPPED_KEY_LEN_RANGE);
        let twice = wanted().again(CKA_LABEL, b"opened");
        expect_rv!(own.open(&s, 0, &twice), CKR_TEMPLATE_INCONSISTENT);
    }
    own.run(&s, &wanted());
}

#[test]
fn what_is_wrong_with_a_wrapped_key_is_found_each_time() {
    let token = Token::fresh();
    let s = token.user();
    let own = Loop::new(&s, &Template::new());
    let short = s.aes_key(16, &[CKA_ENCRYPT, CKA_EXTRACTABLE]);
    let short = s.wrap(&kw(), own.kek, short).unwrap();
    let secret = s
        .create(
            &Template::secret(CKK_GENERIC_SECRET)
                .bytes(CKA_VALUE, &[7; 40])
                .no(&[CKA_SENSITIVE])
                .yes(&[CKA_EXTRACTABLE]),
        )
        .unwrap();
    let long = s.wrap(&kw(), own.kek, secret).unwrap();
    let exact = wanted().ulong(CKA_VALUE_LEN, 32);
    own.run(&s, &exact);
    own.run(&s, &wanted());
    let mut broken = own.wrapped[0].0.clone();
    broken[9] ^= 1;
    for _ in 0..MUCH {
        let open = |bytes: &[u8], template: &Template| s.unwrap(&kw(), own.kek, bytes, template);
        for template in [&wanted(), &exact] {
            expect_rv!(open(&broken, template), CKR_WRAPPED_KEY_INVALID);
            expect_rv!(open(&long, template), CKR_WRAPPED_KEY_LEN_RANGE);
        }
        expect_rv!(open(&short, &exact), CKR_WRAPPED_KEY_LEN_RANGE);
        let shorter = open(&short, &wanted()).unwrap();
        assert_eq!(s.ulong(shorter, CKA_VALUE_LEN).unwrap(), 16);
        s.destroy(shorter).unwrap();
    }
    own.run(&s, &wanted());
}

#[test]
fn a_wrapping_key_that_goes_or_changes_takes_its_plans_along() {
    let token = Token::fresh();
    let (a, b) = (token.user(), token.session());
    for more in [Template::new(), Template::new().token()] {
        let own = Loop::new(&a, &more);
        own.run(&a, &wanted());
        own.run(&b, &wanted());
        b.set(own.kek, &Template::new().no(&[CKA_UNWRAP])).unwrap();
        for s in [&a, &b] {
            expect_rv!(own.open(s, 0, &wanted()), CKR_KEY_FUNCTION_NOT_PERMITTED);
        }
        a.set(own.kek, &Template::new().yes(&[CKA_UNWRAP])).unwrap();
        own.run(&a, &wanted());
        own.run(&b, &wanted());
        a.destroy(own.kek).unwrap();
        for s in [&a, &b] {
            expect_rv!(own.open(s, 0, &wanted()), CKR_UNWRAPPING_KEY_HANDLE_INVALID);
        }
    }
}

#[test]
fn the_unwrap_template_of_the_key_holds_for_each() {
    let token = Token::fresh();
    let s = token.user();
    let forced = Template::new().no(&[CKA_DECRYPT]);
    let own = Loop::new(&s, &Template::new().nested(CKA_UNWRAP_TEMPLATE, forced));
    let wanted = Template::secret(CKK_AES).yes(&[CKA_ENCRYPT]);
    own.run(&s, &wanted);
    for _ in 0..MUCH {
        let key = own.open(&s, 0, &wanted).unwrap();
        assert!(!s.flag(key, CKA_DECRYPT).unwrap());
        expect_rv!(
            own.open(&s, 0, &wanted.clone().yes(&[CKA_DECRYPT])),
            CKR_TEMPLATE_INCONSISTENT
        );
        s.destroy(key).unwrap();
    }
}

#[test]
fn what_carried_a_sensitive_key_gives_back_hidden_ones_from_then_on() {
    let token = Token::fresh();
    let (a, b) = (token.user(), token.session());
    let kek = a.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
    let open = a
        .create(
            &Template::aes(&[5; 32])
                .no(&[CKA_SENSITIVE])
                .yes(&[CKA_EXTRACTABLE]),
        )
        .unwrap();
    let guarded = a.aes_key(32, &[CKA_ENCRYPT, CKA_EXTRACTABLE]);
    let wrapped = a.wrap(&kw(), kek, open).unwrap();
    let wanted = Template::secret(CKK_AES)
        .no(&[CKA_SENSITIVE])
        .yes(&[CKA_EXTRACTABLE]);
    for _ in 0..MUCH {
        let key = a.unwrap(&kw(), kek, &wrapped, &wanted).unwrap();
        assert_eq!(a.attribute(key, CKA_VALUE).unwrap(), [5; 32]);
        a.destroy(key).unwrap();
    }
    b.wrap(&kw(), kek, guarded).unwrap();
    for s in [&a, &b] {
        let key = s.unwrap(&kw(), kek, &wrapped, &wanted).unwrap();
        expect_rv!(s.attribute(key, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    }
}

#[test]
fn a_key_that_was_changed_is_no_longer_like_the_others() {
    let token = Token::fresh();
    let s = token.user();
    let own = Loop::new(&s, &Template::new());
    own.run(&s, &wanted());
    let key = own.open(&s, 0, &wanted()).unwrap();
    s.set(key, &Template::new().no(&[CKA_ENCRYPT])).unwrap();
    expect_rv!(s.encrypt_init(&ecb(), key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let copy = own.open(&s, 0, &wanted()).unwrap();
    let copy = s.copy(copy, &Template::new().no(&[CKA_ENCRYPT])).unwrap();
    expect_rv!(s.encrypt_init(&ecb(), copy), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let bound = wanted().ulongs(CKA_ALLOWED_MECHANISMS, &[CKM_AES_ECB]);
    own.run(&s, &bound);
    let key = own.open(&s, 0, &bound).unwrap();
    expect_rv!(
        s.encrypt_init(&Mech::bytes(CKM_AES_CBC, &[0; 16]), key),
        CKR_MECHANISM_INVALID
    );
}

#[test]
fn nothing_is_made_after_a_logout() {
    let token = Token::fresh();
    let (a, b) = (token.user(), token.session());
    let own = Loop::new(&a, &Template::new().token());
    let generated = Template::new().ulong(CKA_VALUE_LEN, 32).yes(&[CKA_ENCRYPT]);
    let generate = |s: &Session| s.generate(&Mech::plain(CKM_AES_KEY_GEN), &generated);
    own.run(&a, &wanted());
    for _ in 0..MUCH {
        generate(&a).unwrap();
    }
    b.logout().unwrap();
    expect_rv!(generate(&a), CKR_USER_NOT_LOGGED_IN);
    expect_rv!(
        own.open(&a, 0, &wanted()),
        CKR_USER_NOT_LOGGED_IN | CKR_UNWRAPPING_KEY_HANDLE_INVALID
    );
    a.login(CKU_USER, PIN).unwrap();
    own.run(&a, &wanted());
}

#[test]
fn generated_keys_of_one_template_differ() {
    let token = Token::fresh();
    let s = token.user();
    let open = Template::new()
        .no(&[CKA_SENSITIVE])
        .yes(&[CKA_EXTRACTABLE, CKA_ENCRYPT]);
    let mut seen = std::collections::HashSet::new();
    for length in [16, 32, 16, 32] {
        let template = open.clone().ulong(CKA_VALUE_LEN, length);
        for _ in 0..MUCH {
            let key = s
                .generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
                .unwrap();
            let value = s.attribute(key, CKA_VALUE).unwrap();
            assert_eq!(value.len() as CK_ULONG, length);
            assert!(s.flag(key, CKA_LOCAL).unwrap());
            assert!(seen.insert(value));
        }
        // Another mechanism makes another type of key of the same template.
        let secret = s
            .generate(&Mech::plain(CKM_GENERIC_SECRET_KEY_GEN), &template)
            .map(drop);
        expect_rv!(secret, CKR_OK | CKR_TEMPLATE_INCONSISTENT);
    }
}
