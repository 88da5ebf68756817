//! ML-KEM, ML-DSA and SLH-DSA: keys of every set, made, imported, stored, wrapped and used.

use crate::support::*;
use cryptoki_sys::*;

/// Key type, mechanism of key pairs, and the sets with the lengths of public keys, private keys and
/// signatures or ciphertexts.
type Family = (
    CK_KEY_TYPE,
    CK_MECHANISM_TYPE,
    &'static [(CK_ULONG, usize, usize, usize)],
);

const KEM: Family = (
    CKK_ML_KEM,
    CKM_ML_KEM_KEY_PAIR_GEN,
    &[
        (CKP_ML_KEM_512, 800, 1632, 768),
        (CKP_ML_KEM_768, 1184, 2400, 1088),
        (CKP_ML_KEM_1024, 1568, 3168, 1568),
    ],
);
const LATTICE: Family = (
    CKK_ML_DSA,
    CKM_ML_DSA_KEY_PAIR_GEN,
    &[
        (CKP_ML_DSA_44, 1312, 2560, 2420),
        (CKP_ML_DSA_65, 1952, 4032, 3309),
        (CKP_ML_DSA_87, 2592, 4896, 4627),
    ],
);
/// The fast ones; the others are tried in `every_set_of_slh_dsa`.
const HASH: Family = (
    CKK_SLH_DSA,
    CKM_SLH_DSA_KEY_PAIR_GEN,
    &[
        (CKP_SLH_DSA_SHA2_128F, 32, 64, 17_088),
        (CKP_SLH_DSA_SHAKE_128F, 32, 64, 17_088),
    ],
);

fn open() -> Template {
    Template::new().no(&[CKA_SENSITIVE]).yes(&[CKA_EXTRACTABLE])
}

fn pair(
    s: &Session,
    kind: CK_MECHANISM_TYPE,
    set: CK_ULONG,
    private: &Template,
) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let public = Template::new().ulong(CKA_PARAMETER_SET, set);
    s.generate_pair(&Mech::plain(kind), &public, private)
        .unwrap()
}

/// A private key object of these parts.
fn private(kind: CK_KEY_TYPE, set: CK_ULONG) -> Template {
    Template::class(CKO_PRIVATE_KEY)
        .ulong(CKA_KEY_TYPE, kind)
        .ulong(CKA_PARAMETER_SET, set)
        .no(&[CKA_SENSITIVE])
        .yes(&[CKA_EXTRACTABLE])
}

/// An open AES key, to be read.
fn open_aes() -> Template {
    Template::secret(CKK_AES)
        .no(&[CKA_SENSITIVE])
        .yes(&[CKA_EXTRACTABLE])
}

/// Whether two halves belong together.
fn belong(s: &Session, kind: CK_KEY_TYPE, public: CK_OBJECT_HANDLE, private: CK_OBJECT_HANDLE) {
    if kind == CKK_ML_KEM {
        let mech = Mech::plain(CKM_ML_KEM);
        let (ciphertext, key) = s.encapsulate(&mech, public, &open_aes()).unwrap();
        let other = s
            .decapsulate(&mech, private, &ciphertext, &open_aes())
            .unwrap();
        let value = s.attribute(key, CKA_VALUE).unwrap();
        assert_eq!(value.len(), 32);
        assert_eq!(s.attribute(other, CKA_VALUE).unwrap(), value);
        return;
    }
    let mech = Mech::plain(if kind == CKK_ML_DSA {
        CKM_ML_DSA
    } else {
        CKM_SLH_DSA
    });
    let signature = s.sign(&mech, private, b"message").unwrap();
    s.verify(&mech, public, b"message", &signature).unwrap();
    expect_rv!(
        s.verify(&mech, public, b"massage", &signature),
        CKR_SIGNATURE_INVALID
    );
    expect_rv!(
        s.verify(&mech, public, b"message", &signature[1..]),
        CKR_SIGNATURE_LEN_RANGE
    );
}

#[test]
fn keys_of_every_set_are_made_read_and_imported() {
    let token = Token::fresh();
    let s = token.user();
    for (kind, mechanism, sets) in [KEM, LATTICE, HASH] {
        for &(set, public_size, private_size, _) in sets {
            let (public, own) = pair(&s, mechanism, set, &open());
            let value = s.attribute(public, CKA_VALUE).unwrap();
            let secret = s.attribute(own, CKA_VALUE).unwrap();
            assert_eq!((value.len(), secret.len()), (public_size, private_size));
            for half in [public, own] {
                assert_eq!(s.ulong(half, CKA_PARAMETER_SET).unwrap(), set);
                assert_eq!(s.ulong(half, CKA_KEY_TYPE).unwrap(), kind);
                assert_eq!(s.ulong(half, CKA_KEY_GEN_MECHANISM).unwrap(), mechanism);
                assert!(s.flag(half, CKA_LOCAL).unwrap());
                let info = s.attribute(half, CKA_PUBLIC_KEY_INFO).unwrap();
                assert!(info.ends_with(&value));
                assert_eq!(info[0], 0x30);
            }
            belong(&s, kind, public, own);
            let again = Template::class(CKO_PUBLIC_KEY)
                .ulong(CKA_KEY_TYPE, kind)
                .ulong(CKA_PARAMETER_SET, set);
            let again = s.create(&again.bytes(CKA_VALUE, &value)).unwrap();
            let by_value = private(kind, set).bytes(CKA_VALUE, &secret);
            let imported = s.create(&by_value).unwrap();
            assert!(!s.flag(imported, CKA_LOCAL).unwrap());
            belong(&s, kind, again, imported);
            if kind == CKK_SLH_DSA {
                expect_rv!(s.attribute(own, CKA_SEED), CKR_ATTRIBUTE_TYPE_INVALID);
                continue;
            }
            expect_rv!(s.attribute(imported, CKA_SEED), CKR_ATTRIBUTE_TYPE_INVALID);
            let seed = s.attribute(own, CKA_SEED).unwrap();
            let by_seed = private(kind, set).bytes(CKA_SEED, &seed);
            for template in [by_seed, by_value.bytes(CKA_SEED, &seed)] {
                let imported = s.create(&template).unwrap();
                assert_eq!(s.attribute(imported, CKA_VALUE).unwrap(), secret);
                assert_eq!(s.attribute(imported, CKA_SEED).unwrap(), seed);
                belong(&s, kind, public, imported);
            }
            let mut other = seed.clone();
            other[0] ^= 1;
            let contradicting = private(kind, set)
                .bytes(CKA_VALUE, &secret)
                .bytes(CKA_SEED, &other);
            expect_rv!(s.create(&contradicting), CKR_ATTRIBUTE_VALUE_INVALID);
            let short = private(kind, set).bytes(CKA_SEED, &seed[1..]);
            expect_rv!(s.create(&short), CKR_ATTRIBUTE_VALUE_INVALID);
        }
    }
}

#[test]
fn slh_dsa_signs_with_other_sets() {
    // The sets of small signatures, and SHAKE with the larger ones, take a minute in an unoptimised build.
    let token = Token::fresh();
    let s = token.user();
    for (set, length) in [
        (CKP_SLH_DSA_SHA2_192F, 35_664),
        (CKP_SLH_DSA_SHA2_256F, 49_856),
    ] {
        let (public, own) = pair(&s, CKM_SLH_DSA_KEY_PAIR_GEN, set, &Template::new());
        let mech = Mech::plain(CKM_SLH_DSA);
        let signature = s.sign(&mech, own, b"m").unwrap();
        s.verify(&mech, public, b"m", &signature).unwrap();
        assert_eq!(signature.len(), length);
    }
}

#[test]
fn keys_are_hidden_unless_told_otherwise_and_survive_the_session() {
    let token = Token::fresh();
    let s = token.user();
    for (kind, mechanism, sets) in [KEM, LATTICE, HASH] {
        let (set, ..) = sets[0];
        let label = format!("stored {kind}");
        let half = || Template::new().token().label(&label);
        let public = half().ulong(CKA_PARAMETER_SET, set);
        let (_, own) = s
            .generate_pair(&Mech::plain(mechanism), &public, &half())
            .unwrap();
        for hidden in [CKA_VALUE, CKA_SEED] {
            if kind != CKK_SLH_DSA || hidden == CKA_VALUE {
                expect_rv!(s.attribute(own, hidden), CKR_ATTRIBUTE_SENSITIVE);
            }
        }
        assert!(s.flag(own, CKA_NEVER_EXTRACTABLE).unwrap());
    }
    drop(s);
    let s = token.user();
    for (kind, ..) in [KEM, LATTICE, HASH] {
        let label = format!("stored {kind}");
        let public = s.find_one(CKO_PUBLIC_KEY, &label).unwrap();
        let own = s.find_one(CKO_PRIVATE_KEY, &label).unwrap();
        belong(&s, kind, public, own);
    }
}

#[test]
fn private_keys_are_wrapped() {
    let token = Token::fresh();
    let s = token.user();
    let wrapping = s.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
    for (kind, mechanism, sets) in [KEM, LATTICE, HASH] {
        for &(set, ..) in sets {
            let guarded = Template::new().yes(&[CKA_SENSITIVE, CKA_EXTRACTABLE]);
            let (public, own) = pair(&s, mechanism, set, &guarded);
            let wrapped = s
                .wrap(&Mech::plain(CKM_AES_KEY_WRAP_KWP), wrapping, own)
                .unwrap();
            let back = Template::class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, kind);
            let unwrapped = s
                .unwrap(
                    &Mech::plain(CKM_AES_KEY_WRAP_KWP),
                    wrapping,
                    &wrapped,
                    &back,
                )
                .unwrap();
            assert!(s.flag(unwrapped, CKA_SENSITIVE).unwrap());
            assert_eq!(s.ulong(unwrapped, CKA_PARAMETER_SET).unwrap(), set);
            belong(&s, kind, public, unwrapped);
            let other = Template::class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_RSA);
            expect_rv!(
                s.unwrap(
                    &Mech::plain(CKM_AES_KEY_WRAP_KWP),
                    wrapping,
                    &wrapped,
                    &other
                ),
                CKR_WRAPPED_KEY_INVALID
            );
        }
    }
}

#[test]
fn protected_keys_come_back_from_their_key_tokens() {
    let token = Token::fresh();
    if !is_keyward() {
        return;
    }
    let s = token.user();
    let domain = crate::key_tokens::domain_key(&s);
    let seal = Mech::plain(0x804B_5701);
    for (kind, mechanism, sets) in [KEM, LATTICE, HASH] {
        for &(set, ..) in sets {
            let (public, own) = pair(&s, mechanism, set, &Template::new());
            let sealed = s.wrap(&seal, domain, own).unwrap();
            s.destroy(own).unwrap();
            let back = s.unwrap(&seal, domain, &sealed, &Template::new()).unwrap();
            assert!(s.flag(back, CKA_NEVER_EXTRACTABLE).unwrap());
            assert_eq!(s.ulong(back, CKA_PARAMETER_SET).unwrap(), set);
            belong(&s, kind, public, back);
        }
    }
}

#[test]
fn nonsense_keys_are_refused() {
    let token = Token::fresh();
    let s = token.user();
    for (kind, mechanism, sets) in [KEM, LATTICE, HASH] {
        let public = Template::new().ulong(CKA_PARAMETER_SET, 99);
        expect_rv!(
            s.generate_pair(&Mech::plain(mechanism), &public, &Template::new()),
            CKR_PARAMETER_SET_NOT_SUPPORTED
        );
        expect_rv!(
            s.generate_pair(&Mech::plain(mechanism), &Template::new(), &Template::new()),
            CKR_TEMPLATE_INCOMPLETE
        );
        let (set, public_size, private_size, _) = sets[0];
        let public = || {
            Template::class(CKO_PUBLIC_KEY)
                .ulong(CKA_KEY_TYPE, kind)
                .bytes(CKA_VALUE, &vec![1; public_size])
        };
        expect_rv!(s.create(&public()), CKR_TEMPLATE_INCOMPLETE);
        expect_rv!(
            s.create(&public().ulong(CKA_PARAMETER_SET, 77)),
            CKR_PARAMETER_SET_NOT_SUPPORTED
        );
        let (other, ..) = sets[1];
        if kind != CKK_SLH_DSA {
            expect_rv!(
                s.create(&public().ulong(CKA_PARAMETER_SET, other)),
                CKR_ATTRIBUTE_VALUE_INVALID
            );
        }
        expect_rv!(s.create(&private(kind, set)), CKR_TEMPLATE_INCOMPLETE);
        let nonsense = private(kind, set).bytes(CKA_VALUE, &vec![0xff; private_size]);
        expect_rv!(s.create(&nonsense), CKR_ATTRIBUTE_VALUE_INVALID);
    }
    // Coefficients that are not reduced.
    let overflowing = Template::class(CKO_PUBLIC_KEY)
        .ulong(CKA_KEY_TYPE, CKK_ML_KEM)
        .ulong(CKA_PARAMETER_SET, CKP_ML_KEM_768)
        .bytes(CKA_VALUE, &[0xff; 1184]);
    expect_rv!(s.create(&overflowing), CKR_ATTRIBUTE_VALUE_INVALID);
}

#[test]
fn the_hedge_variant_is_kept() {
    let token = Token::fresh();
    let s = token.user();
    for (kind, mechanism, plain) in [
        (CKM_ML_DSA_KEY_PAIR_GEN, CKM_ML_DSA, CKP_ML_DSA_44),
        (CKM_SLH_DSA_KEY_PAIR_GEN, CKM_SLH_DSA, CKP_SLH_DSA_SHA2_128F),
    ] {
        let (public, own) = pair(&s, kind, plain, &Template::new());
        let sign = |hedge, context: &[u8]| {
            let mech = Mech::context(mechanism, hedge, context);
            let signature = s.sign(&mech, own, b"data").unwrap();
            s.verify(&mech, public, b"data", &signature).unwrap();
            signature
        };
        let same = sign(CKH_DETERMINISTIC_REQUIRED, b"");
        assert_eq!(same, sign(CKH_DETERMINISTIC_REQUIRED, b""));
        assert_ne!(same, sign(CKH_DETERMINISTIC_REQUIRED, b"context"));
        for hedge in [CKH_HEDGE_PREFERRED, CKH_HEDGE_REQUIRED] {
            assert_ne!(sign(hedge, b""), sign(hedge, b""));
            assert_ne!(same, sign(hedge, b""));
        }
        s.verify(&Mech::plain(mechanism), public, b"data", &same)
            .unwrap();
        let other = Mech::context(mechanism, CKH_HEDGE_PREFERRED, b"other");
        expect_rv!(
            s.verify(&other, public, b"data", &same),
            CKR_SIGNATURE_INVALID
        );
        let longest = Mech::context(mechanism, CKH_HEDGE_PREFERRED, &[7; 255]);
        let signature = s.sign(&longest, own, b"data").unwrap();
        s.verify(&longest, public, b"data", &signature).unwrap();
        for bad in [
            Mech::context(mechanism, CKH_HEDGE_PREFERRED, &[7; 256]),
            Mech::context(mechanism, 3, b""),
            Mech::bytes(mechanism, &[0; 23]),
        ] {
            expect_rv!(s.sign_init(&bad, own), CKR_MECHANISM_PARAM_INVALID);
        }
        // Verification ignores the hedge variant.
        let unknown = Mech::context(mechanism, 3, b"");
        s.verify(&unknown, public, b"data", &same).unwrap();
    }
}

#[test]
fn hashed_signatures_agree_with_those_of_the_digest() {
    let token = Token::fresh();
    let s = token.user();
    let lattice: &[(CK_MECHANISM_TYPE, CK_MECHANISM_TYPE)] = &[
        (CKM_HASH_ML_DSA_SHA224, CKM_SHA224),
        (CKM_HASH_ML_DSA_SHA256, CKM_SHA256),
        (CKM_HASH_ML_DSA_SHA384, CKM_SHA384),
        (CKM_HASH_ML_DSA_SHA512, CKM_SHA512),
        (CKM_HASH_ML_DSA_SHA3_224, CKM_SHA3_224),
        (CKM_HASH_ML_DSA_SHA3_256, CKM_SHA3_256),
        (CKM_HASH_ML_DSA_SHA3_384, CKM_SHA3_384),
        (CKM_HASH_ML_DSA_SHA3_512, CKM_SHA3_512),
    ];
    let hash: &[(CK_MECHANISM_TYPE, CK_MECHANISM_TYPE)] = &[
        (CKM_HASH_SLH_DSA_SHA224, CKM_SHA224),
        (CKM_HASH_SLH_DSA_SHA256, CKM_SHA256),
        (CKM_HASH_SLH_DSA_SHA384, CKM_SHA384),
        (CKM_HASH_SLH_DSA_SHA512, CKM_SHA512),
        (CKM_HASH_SLH_DSA_SHA3_224, CKM_SHA3_224),
        (CKM_HASH_SLH_DSA_SHA3_256, CKM_SHA3_256),
        (CKM_HASH_SLH_DSA_SHA3_384, CKM_SHA3_384),
        (CKM_HASH_SLH_DSA_SHA3_512, CKM_SHA3_512),
    ];
    let message = b"a message in several parts";
    for (maker, set, digest_only, hashed, pure, extendable) in [
        (
            CKM_ML_DSA_KEY_PAIR_GEN,
            CKP_ML_DSA_44,
            CKM_HASH_ML_DSA,
            lattice,
            CKM_ML_DSA,
            [CKM_HASH_ML_DSA_SHAKE128, CKM_HASH_ML_DSA_SHAKE256],
        ),
        (
            CKM_SLH_DSA_KEY_PAIR_GEN,
            CKP_SLH_DSA_SHA2_128F,
            CKM_HASH_SLH_DSA,
            hash,
            CKM_SLH_DSA,
            [CKM_HASH_SLH_DSA_SHAKE128, CKM_HASH_SLH_DSA_SHAKE256],
        ),
    ] {
        let (public, own) = pair(&s, maker, set, &Template::new());
        for &(mechanism, digest) in hashed {
            let mech = Mech::context(mechanism, CKH_HEDGE_PREFERRED, b"ctx");
            let signature = s.sign_parts(&mech, own, message, 5).unwrap();
            let short = s.digest(&Mech::plain(digest), message).unwrap();
            let direct = |hash| Mech::hash_context(digest_only, hash, CKH_HEDGE_PREFERRED, b"ctx");
            s.verify(&direct(digest), public, &short, &signature)
                .unwrap();
            let signature = s.sign(&direct(digest), own, &short).unwrap();
            s.verify_parts(&mech, public, message, &signature, 7)
                .unwrap();
            let other = if digest == CKM_SHA256 {
                CKM_SHA3_256
            } else {
                CKM_SHA256
            };
            let mixed = s.verify(&direct(other), public, &[0; 32], &signature);
            expect_rv!(mixed, CKR_SIGNATURE_INVALID);
            expect_rv!(
                s.sign(&direct(digest), own, &short[1..]),
                CKR_DATA_LEN_RANGE
            );
        }
        for mechanism in extendable {
            let mech = Mech::plain(mechanism);
            let signature = s.sign(&mech, own, message).unwrap();
            s.verify_parts(&mech, public, message, &signature, 3)
                .unwrap();
            expect_rv!(
                s.verify(&Mech::plain(pure), public, message, &signature),
                CKR_SIGNATURE_INVALID
            );
        }
        for bad in [CKM_SHA_1, CKM_AES_CBC, 0] {
            let mech = Mech::hash_context(digest_only, bad, CKH_HEDGE_PREFERRED, b"");
            expect_rv!(s.sign_init(&mech, own), CKR_MECHANISM_PARAM_INVALID);
        }
        expect_rv!(
            s.sign_init(&Mech::plain(digest_only), own),
            CKR_MECHANISM_PARAM_INVALID
        );
    }
}

#[test]
fn ciphertexts_and_templates_that_do_not_fit_are_refused() {
    let token = Token::fresh();
    let s = token.user();
    let (public, own) = pair(
        &s,
        CKM_ML_KEM_KEY_PAIR_GEN,
        CKP_ML_KEM_768,
        &Template::new(),
    );
    let mech = Mech::plain(CKM_ML_KEM);
    let (ciphertext, key) = s.encapsulate(&mech, public, &open_aes()).unwrap();
    for bad in [&ciphertext[1..], &[&ciphertext[..], &[0]].concat()] {
        expect_rv!(
            s.decapsulate(&mech, own, bad, &open_aes()),
            CKR_WRAPPED_KEY_LEN_RANGE
        );
    }
    // One that was changed gives another key, and says nothing of it.
    let mut other = ciphertext.clone();
    other[0] ^= 1;
    let wrong = s.decapsulate(&mech, own, &other, &open_aes()).unwrap();
    assert_ne!(
        s.attribute(wrong, CKA_VALUE).unwrap(),
        s.attribute(key, CKA_VALUE).unwrap()
    );
    // A shorter key is the secret's start, down to what nobody can guess.
    let whole = s.attribute(key, CKA_VALUE).unwrap();
    for length in [16, 24, 32] {
        let template = open_aes().ulong(CKA_VALUE_LEN, length);
        let cut = s.decapsulate(&mech, own, &ciphertext, &template).unwrap();
        let length = usize::try_from(length).unwrap();
        assert_eq!(s.attribute(cut, CKA_VALUE).unwrap(), &whole[..length]);
    }
    let short = open_aes().ulong(CKA_VALUE_LEN, 16);
    let (sealed, key) = s.encapsulate(&mech, public, &short).unwrap();
    let again = s.decapsulate(&mech, own, &sealed, &short).unwrap();
    let value = s.attribute(key, CKA_VALUE).unwrap();
    assert_eq!(value.len(), 16);
    assert_eq!(s.attribute(again, CKA_VALUE).unwrap(), value);
    for length in [1, 15, 33] {
        let template = Template::secret(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, length);
        expect_rv!(
            s.encapsulate(&mech, public, &template),
            CKR_TEMPLATE_INCONSISTENT
        );
        expect_rv!(
            s.decapsulate(&mech, own, &ciphertext, &template),
            CKR_TEMPLATE_INCONSISTENT
        );
    }
    expect_rv!(
        s.encapsulate(&mech, own, &open_aes()),
        CKR_KEY_TYPE_INCONSISTENT
    );
    expect_rv!(s.sign_init(&mech, own), CKR_MECHANISM_INVALID);
    // Keys that were made here are hidden unless told otherwise.
    let (_, hidden) = s
        .encapsulate(&mech, public, &Template::secret(CKK_AES))
        .unwrap();
    expect_rv!(s.attribute(hidden, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    assert!(!s.flag(hidden, CKA_LOCAL).unwrap());
    assert!(!s.flag(hidden, CKA_NEVER_EXTRACTABLE).unwrap());
}
