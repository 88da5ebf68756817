//! C_MessageEncrypt*, C_EncryptMessage* and their counterparts, with AES-GCM.

use crate::support::*;
use cryptoki_sys::*;
use std::collections::HashSet;
use std::ptr::null_mut;

/// The parameter of a message, with room for IV and tag.
struct Params {
    iv: Vec<u8>,
    tag: Vec<u8>,
    fixed: CK_ULONG,
    generator: CK_GENERATOR_FUNCTION,
}

const SIZE: CK_ULONG = size_of::<CK_GCM_MESSAGE_PARAMS>() as CK_ULONG;

impl Params {
    fn given(iv: &[u8]) -> Params {
        Params {
            iv: iv.to_vec(),
            tag: vec![0; 16],
            fixed: 0,
            generator: CKG_NO_GENERATE,
        }
    }

    fn generated(generator: CK_GENERATOR_FUNCTION, fixed: CK_ULONG) -> Params {
        Params {
            generator,
            fixed,
            ..Params::given(&[0x5a; 12])
        }
    }

    fn raw(&mut self) -> CK_GCM_MESSAGE_PARAMS {
        CK_GCM_MESSAGE_PARAMS {
            pIv: self.iv.as_mut_ptr(),
            ulIvLen: self.iv.len() as CK_ULONG,
            ulIvFixedBits: self.fixed,
            ivGenerator: self.generator,
            pTag: self.tag.as_mut_ptr(),
            ulTagBits: 8 * self.tag.len() as CK_ULONG,
        }
    }
}

fn at(bytes: &[u8]) -> (*mut u8, CK_ULONG) {
    (bytes.as_ptr().cast_mut(), bytes.len() as CK_ULONG)
}

fn init(s: &Session, key: CK_OBJECT_HANDLE, encrypt: bool) -> CK_RV {
    let mut m = Mech::plain(CKM_AES_GCM).raw();
    if encrypt {
        call30!(C_MessageEncryptInit(s.handle, &raw mut m, key))
    } else {
        call30!(C_MessageDecryptInit(s.handle, &raw mut m, key))
    }
}

fn encrypt(s: &Session, p: &mut Params, aad: &[u8], plain: &[u8]) -> Outcome<Vec<u8>> {
    let mut raw = p.raw();
    let ((a, an), (d, dn)) = (at(aad), at(plain));
    two_call(|out, n| {
        let parameter = (&raw mut raw).cast();
        call30!(C_EncryptMessage(
            s.handle, parameter, SIZE, a, an, d, dn, out, n
        ))
    })
}

fn decrypt(s: &Session, p: &mut Params, aad: &[u8], sealed: &[u8]) -> Outcome<Vec<u8>> {
    let mut raw = p.raw();
    let ((a, an), (d, dn)) = (at(aad), at(sealed));
    two_call(|out, n| {
        let parameter = (&raw mut raw).cast();
        call30!(C_DecryptMessage(
            s.handle, parameter, SIZE, a, an, d, dn, out, n
        ))
    })
}

fn started() -> (Token, Session, CK_OBJECT_HANDLE) {
    let token = Token::fresh();
    let session = token.user();
    let key = session.aes_key(32, &[CKA_ENCRYPT, CKA_DECRYPT]);
    (token, session, key)
}

#[test]
fn many_messages_under_one_key() {
    let (_token, s, key) = started();
    expect_rv!(init(&s, key, true), CKR_OK);
    expect_rv!(init(&s, key, false), CKR_OK);
    for length in [0usize, 1, 15, 16, 17, 1000, 5000] {
        let plain = vec![length as u8; length];
        for tag in [4, 8, 12, 13, 14, 15, 16] {
            let mut p = Params::given(&[length as u8, tag, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
            p.tag = vec![0; tag.into()];
            let sealed = encrypt(&s, &mut p, b"aad", &plain).unwrap();
            // The same as in one piece.
            let whole = Mech::gcm(&p.iv, b"aad", 8 * CK_ULONG::from(tag));
            let whole = s.encrypt(&whole, key, &plain).unwrap();
            assert_eq!([&sealed[..], &p.tag].concat(), whole);
            assert_eq!(decrypt(&s, &mut p, b"aad", &sealed).unwrap(), plain);
        }
    }
    expect_rv!(call30!(C_MessageEncryptFinal(s.handle)), CKR_OK);
    expect_rv!(call30!(C_MessageDecryptFinal(s.handle)), CKR_OK);
    expect_rv!(
        call30!(C_MessageEncryptFinal(s.handle)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(
        encrypt(&s, &mut Params::given(&[1; 12]), b"", b"x"),
        CKR_OPERATION_NOT_INITIALIZED
    );
}

#[test]
fn messages_in_parts() {
    let (_token, s, key) = started();
    let plain: Vec<u8> = (0..=255).collect();
    expect_rv!(init(&s, key, true), CKR_OK);
    expect_rv!(init(&s, key, false), CKR_OK);
    for part in [1, 7, 16, 100, 256] {
        let mut p = Params::generated(CKG_GENERATE, 0);
        let mut raw = p.raw();
        let parameter = (&raw mut raw).cast();
        let (a, an) = at(b"aad");
        let h = s.handle;
        expect_rv!(
            call30!(C_EncryptMessageBegin(h, parameter, SIZE, a, an)),
            CKR_OK
        );
        assert_ne!(p.iv, [0x5a; 12], "the IV comes with the beginning");
        let mut sealed = Vec::new();
        let count = plain.chunks(part).count();
        for (number, chunk) in plain.chunks(part).enumerate() {
            let last = if number + 1 == count {
                CKF_END_OF_MESSAGE
            } else {
                0
            };
            let (d, dn) = at(chunk);
            sealed.extend(
                two_call(|out, n| {
                    call30!(C_EncryptMessageNext(
                        h, parameter, SIZE, d, dn, out, n, last
                    ))
                })
                .unwrap(),
            );
        }
        let whole = s
            .encrypt(&Mech::gcm(&p.iv, b"aad", 128), key, &plain)
            .unwrap();
        assert_eq!([&sealed[..], &p.tag].concat(), whole);

        expect_rv!(
            call30!(C_DecryptMessageBegin(h, parameter, SIZE, a, an)),
            CKR_OK
        );
        let mut opened = Vec::new();
        for (number, chunk) in sealed.chunks(part).enumerate() {
            let last = if number + 1 == count {
                CKF_END_OF_MESSAGE
            } else {
                0
            };
            let (d, dn) = at(chunk);
            let some = two_call(|out, n| {
                call30!(C_DecryptMessageNext(
                    h, parameter, SIZE, d, dn, out, n, last
                ))
            })
            .unwrap();
            assert!(last != 0 || some.is_empty(), "plaintext before the tag");
            opened.extend(some);
        }
        assert_eq!(opened, plain);
    }
}

#[test]
fn generated_ivs() {
    let (_token, s, key) = started();
    let mut seen = HashSet::new();
    for (generator, fixed) in [
        (CKG_GENERATE, 0),
        (CKG_GENERATE, 64),
        (CKG_GENERATE_RANDOM, 0),
        (CKG_GENERATE_RANDOM, 32),
        (CKG_GENERATE_COUNTER, 32),
        (CKG_GENERATE_COUNTER_XOR, 32),
    ] {
        expect_rv!(init(&s, key, true), CKR_OK);
        seen.clear();
        for count in 0..20u8 {
            let mut p = Params::generated(generator, fixed);
            let sealed = encrypt(&s, &mut p, b"", b"data").unwrap();
            assert!(seen.insert(p.iv.clone()), "{generator}");
            assert!(p.iv[..fixed as usize / 8].iter().all(|b| *b == 0x5a));
            if generator == CKG_GENERATE_COUNTER {
                assert_eq!(p.iv[4..], [0, 0, 0, 0, 0, 0, 0, count]);
            }
            if generator == CKG_GENERATE_COUNTER_XOR {
                assert_eq!(p.iv[11], 0x5a ^ count);
            }
            let gcm = Mech::gcm(&p.iv, b"", 128);
            let sealed = [sealed, p.tag].concat();
            assert_eq!(s.decrypt(&gcm, key, &sealed).unwrap(), b"data");
        }
        expect_rv!(call30!(C_MessageEncryptFinal(s.handle)), CKR_OK);
    }
}

#[test]
fn a_counter_that_is_used_up_is_refused() {
    let (_token, s, key) = started();
    expect_rv!(init(&s, key, true), CKR_OK);
    for _ in 0..16 {
        let mut p = Params::generated(CKG_GENERATE_COUNTER, 92);
        encrypt(&s, &mut p, b"", b"data").unwrap();
    }
    for _ in 0..2 {
        let mut p = Params::generated(CKG_GENERATE_COUNTER, 92);
        expect_rv!(
            encrypt(&s, &mut p, b"", b"data"),
            CKR_MECHANISM_PARAM_INVALID
        );
        assert_eq!((&p.iv[..], &p.tag[..]), (&[0x5a; 12][..], &[0; 16][..]));
    }
    for (generator, fixed) in [
        (CKG_GENERATE, 96),
        (CKG_GENERATE, 97),
        (CKG_GENERATE_RANDOM, 40),
        (CKG_GENERATE_COUNTER, u64::MAX),
        (77, 0),
    ] {
        let mut p = Params::generated(generator, fixed);
        expect_rv!(
            encrypt(&s, &mut p, b"", b"data"),
            CKR_MECHANISM_PARAM_INVALID,
            "{generator} {fixed}"
        );
    }
    // The process goes on.
    encrypt(&s, &mut Params::generated(CKG_GENERATE_RANDOM, 0), b"", b"").unwrap();
}

#[test]
fn a_length_query_takes_no_iv() {
    let (_token, s, key) = started();
    expect_rv!(init(&s, key, true), CKR_OK);
    let mut p = Params::generated(CKG_GENERATE_COUNTER, 32);
    let mut raw = p.raw();
    let (d, dn) = at(b"data");
    for short in [None, Some(0), Some(3)] {
        let mut buffer = [CANARY; 8];
        let mut n = short.unwrap_or_default();
        let out = short.map_or(null_mut(), |_| buffer.as_mut_ptr());
        let parameter = (&raw mut raw).cast();
        let rv = call30!(C_EncryptMessage(
            s.handle,
            parameter,
            SIZE,
            null_mut(),
            0,
            d,
            dn,
            out,
            &raw mut n
        ));
        match short {
            None => expect_rv!(rv, CKR_OK),
            Some(_) => expect_rv!(rv, CKR_BUFFER_TOO_SMALL),
        }
        assert_eq!((n, buffer), (4, [CANARY; 8]));
        assert_eq!((&p.iv[..], &p.tag[..]), (&[0x5a; 12][..], &[0; 16][..]));
    }
    encrypt(&s, &mut p, b"", b"data").unwrap();
    assert_eq!(p.iv[4..], [0; 8]);
}

#[test]
fn forged_messages_show_nothing() {
    let (_token, s, key) = started();
    expect_rv!(init(&s, key, true), CKR_OK);
    expect_rv!(init(&s, key, false), CKR_OK);
    for length in [5usize, 2000] {
        let mut p = Params::given(&[7; 12]);
        let sealed = encrypt(&s, &mut p, b"aad", &vec![9; length]).unwrap();
        let good = (p.iv.clone(), p.tag.clone());
        let mut changed = sealed.clone();
        changed[0] ^= 1;
        let mut cases = vec![
            (good.0.clone(), good.1.clone(), b"aad".to_vec(), changed),
            (
                good.0.clone(),
                good.1.clone(),
                b"aae".to_vec(),
                sealed.clone(),
            ),
            (good.0.clone(), good.1.clone(), Vec::new(), sealed.clone()),
            (vec![8; 12], good.1.clone(), b"aad".to_vec(), sealed.clone()),
            (
                good.0.clone(),
                good.1.clone(),
                b"aad".to_vec(),
                sealed[1..].to_vec(),
            ),
        ];
        for byte in 0..16 {
            let mut tag = good.1.clone();
            tag[byte] ^= 0x80;
            cases.push((good.0.clone(), tag, b"aad".to_vec(), sealed.clone()));
        }
        for (iv, tag, aad, sealed) in cases {
            let mut p = Params {
                tag,
                ..Params::given(&iv)
            };
            let mut raw = p.raw();
            let parameter = (&raw mut raw).cast();
            let ((a, an), (d, dn)) = (at(&aad), at(&sealed));
            let mut buffer = vec![CANARY; 4096];
            let mut n = 4096;
            let h = s.handle;
            let rv = call30!(C_DecryptMessage(
                h,
                parameter,
                SIZE,
                a,
                an,
                d,
                dn,
                buffer.as_mut_ptr(),
                &raw mut n
            ));
            expect_rv!(rv, CKR_AEAD_DECRYPT_FAILED);
            assert!(buffer.iter().all(|b| *b == CANARY), "unverified plaintext");
            expect_rv!(
                call30!(C_DecryptMessageBegin(h, parameter, SIZE, a, an)),
                CKR_OK
            );
            let rv = call30!(C_DecryptMessageNext(
                h,
                parameter,
                SIZE,
                d,
                dn,
                buffer.as_mut_ptr(),
                &raw mut n,
                CKF_END_OF_MESSAGE
            ));
            expect_rv!(rv, CKR_AEAD_DECRYPT_FAILED);
            assert!(buffer.iter().all(|b| *b == CANARY), "unverified plaintext");
        }
        // The process survives them all.
        let mut p = Params {
            tag: good.1,
            ..Params::given(&good.0)
        };
        assert_eq!(
            decrypt(&s, &mut p, b"aad", &sealed).unwrap(),
            vec![9; length]
        );
    }
}

#[test]
fn calls_in_the_wrong_order() {
    let (_token, s, key) = started();
    let h = s.handle;
    let mut p = Params::given(&[1; 12]);
    let mut raw = p.raw();
    let parameter = (&raw mut raw).cast();
    let mut buffer = [0u8; 64];
    let (out, mut n) = (buffer.as_mut_ptr(), 64);
    let none = CKR_OPERATION_NOT_INITIALIZED;
    for rv in [
        call30!(C_EncryptMessageBegin(h, parameter, SIZE, null_mut(), 0)),
        call30!(C_EncryptMessageNext(
            h, parameter, SIZE, out, 4, out, &raw mut n, 0
        )),
        call30!(C_DecryptMessageBegin(h, parameter, SIZE, null_mut(), 0)),
        call30!(C_DecryptMessageNext(
            h, parameter, SIZE, out, 4, out, &raw mut n, 0
        )),
        call30!(C_MessageEncryptFinal(h)),
        call30!(C_MessageDecryptFinal(h)),
    ] {
        assert_eq!(rv, none);
    }
    expect_rv!(init(&s, key, true), CKR_OK);
    expect_rv!(init(&s, key, true), CKR_OPERATION_ACTIVE);
    // Beside an ordinary encryption.
    s.encrypt_init(&Mech::gcm(&[2; 12], b"", 128), key).unwrap();
    n = 64;
    let rv = call30!(C_EncryptMessageNext(
        h, parameter, SIZE, out, 4, out, &raw mut n, 0
    ));
    assert_eq!(rv, none);
    expect_rv!(
        call30!(C_EncryptMessageBegin(h, parameter, SIZE, null_mut(), 0)),
        CKR_OK
    );
    expect_rv!(
        call30!(C_EncryptMessageBegin(h, parameter, SIZE, null_mut(), 0)),
        CKR_OPERATION_ACTIVE
    );
    expect_rv!(encrypt(&s, &mut p, b"", b"x"), CKR_OPERATION_ACTIVE);
    // A flag that is none ends the message, not the process.
    n = 64;
    let rv = call30!(C_EncryptMessageNext(
        h, parameter, SIZE, out, 4, out, &raw mut n, 6
    ));
    expect_rv!(rv, CKR_ARGUMENTS_BAD);
    n = 64;
    let rv = call30!(C_EncryptMessageNext(
        h, parameter, SIZE, out, 4, out, &raw mut n, 0
    ));
    assert_eq!(rv, none);
    encrypt(&s, &mut Params::given(&[3; 12]), b"", b"x").unwrap();
    // NULL ends process and message; the final call ends a message that is in progress.
    expect_rv!(
        call30!(C_EncryptMessageBegin(h, parameter, SIZE, null_mut(), 0)),
        CKR_OK
    );
    expect_rv!(call30!(C_MessageEncryptInit(h, null_mut(), 0)), CKR_OK);
    assert_eq!(call30!(C_MessageEncryptFinal(h)), none);
    expect_rv!(init(&s, key, true), CKR_OK);
    expect_rv!(
        call30!(C_EncryptMessageBegin(h, parameter, SIZE, null_mut(), 0)),
        CKR_OK
    );
    expect_rv!(call30!(C_MessageEncryptFinal(h)), CKR_OK);
    assert_eq!(call30!(C_MessageEncryptFinal(h)), none);
}

#[test]
fn bad_parameters() {
    let (_token, s, key) = started();
    let h = s.handle;
    expect_rv!(init(&s, key, true), CKR_OK);
    let mut p = Params::given(&[1; 12]);
    let good = p.raw();
    let mut buffer = [CANARY; 64];
    let mut n = 64;
    let (d, dn) = at(b"data");
    let mut cases = vec![
        CK_GCM_MESSAGE_PARAMS {
            pIv: null_mut(),
            ..good
        },
        CK_GCM_MESSAGE_PARAMS {
            pTag: null_mut(),
            ..good
        },
        CK_GCM_MESSAGE_PARAMS { ulIvLen: 0, ..good },
        CK_GCM_MESSAGE_PARAMS {
            ulIvLen: 257,
            ..good
        },
        CK_GCM_MESSAGE_PARAMS {
            ulIvLen: 1 << 63,
            ..good
        },
    ];
    for bits in [0, 8, 31, 33, 40, 127, 136, 1 << 40, u64::MAX] {
        cases.push(CK_GCM_MESSAGE_PARAMS {
            ulTagBits: bits,
            ..good
        });
    }
    for mut raw in cases {
        let parameter = (&raw mut raw).cast();
        let rv = call30!(C_EncryptMessage(
            h,
            parameter,
            SIZE,
            null_mut(),
            0,
            d,
            dn,
            buffer.as_mut_ptr(),
            &raw mut n
        ));
        expect_rv!(rv, CKR_MECHANISM_PARAM_INVALID, "{raw:?}");
        expect_rv!(
            call30!(C_EncryptMessageBegin(h, parameter, SIZE, null_mut(), 0)),
            CKR_MECHANISM_PARAM_INVALID,
            "{raw:?}"
        );
    }
    let mut raw = good;
    let parameter = (&raw mut raw).cast();
    for size in [0, 1, SIZE - 1, SIZE + 1, u64::MAX] {
        let rv = call30!(C_EncryptMessage(
            h,
            parameter,
            size,
            null_mut(),
            0,
            d,
            dn,
            buffer.as_mut_ptr(),
            &raw mut n
        ));
        expect_rv!(rv, CKR_MECHANISM_PARAM_INVALID, "{size}");
    }
    let null = null_mut();
    for rv in [
        call30!(C_EncryptMessage(
            h,
            parameter,
            SIZE,
            null,
            3,
            d,
            dn,
            buffer.as_mut_ptr(),
            &raw mut n
        )),
        call30!(C_EncryptMessage(
            h,
            parameter,
            SIZE,
            null,
            0,
            null,
            3,
            buffer.as_mut_ptr(),
            &raw mut n
        )),
        call30!(C_EncryptMessage(
            h,
            parameter,
            SIZE,
            null,
            0,
            d,
            1 << 63,
            buffer.as_mut_ptr(),
            &raw mut n
        )),
        call30!(C_EncryptMessage(
            h,
            parameter,
            SIZE,
            null,
            0,
            d,
            dn,
            buffer.as_mut_ptr(),
            null_mut()
        )),
        call30!(C_EncryptMessageBegin(h, parameter, SIZE, null, 3)),
    ] {
        assert_eq!(rv, CKR_ARGUMENTS_BAD);
    }
    // IV and tag are not to be written into the ciphertext.
    let mut raw = CK_GCM_MESSAGE_PARAMS {
        pTag: buffer[2..].as_mut_ptr(),
        ..good
    };
    n = 64;
    let parameter = (&raw mut raw).cast();
    let rv = call30!(C_EncryptMessage(
        h,
        parameter,
        SIZE,
        null,
        0,
        d,
        dn,
        buffer.as_mut_ptr(),
        &raw mut n
    ));
    expect_rv!(rv, CKR_ARGUMENTS_BAD);
    assert!(buffer.iter().all(|b| *b == CANARY));
    // Wrong keys and mechanisms.
    let mut m = Mech::plain(CKM_AES_CTR).raw();
    expect_rv!(call30!(C_MessageEncryptInit(h, null_mut(), 0)), CKR_OK);
    expect_rv!(
        call30!(C_MessageEncryptInit(h, &raw mut m, key)),
        CKR_MECHANISM_INVALID
    );
    m = Mech::plain(CKM_AES_GCM).raw();
    expect_rv!(
        call30!(C_MessageEncryptInit(h, &raw mut m, 0)),
        CKR_KEY_HANDLE_INVALID
    );
    m.ulParameterLen = 5;
    m.pParameter = buffer.as_mut_ptr().cast();
    expect_rv!(
        call30!(C_MessageEncryptInit(h, &raw mut m, key)),
        CKR_MECHANISM_PARAM_INVALID
    );
    let other = s.aes_key(32, &[CKA_DECRYPT]);
    let other_template = Template::new().no(&[CKA_ENCRYPT]);
    s.set(other, &other_template).unwrap();
    expect_rv!(init(&s, other, true), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let generic = s
        .generate(
            &Mech::plain(CKM_GENERIC_SECRET_KEY_GEN),
            &Template::new().ulong(CKA_VALUE_LEN, 32),
        )
        .unwrap();
    expect_rv!(init(&s, generic, true), CKR_KEY_TYPE_INCONSISTENT);
}

#[test]
fn in_place_and_with_the_parameter_at_the_beginning() {
    let (_token, s, key) = started();
    let h = s.handle;
    let mut p = Params::given(&[1; 12]);
    let mut raw = p.raw();
    // As the standard's own example: the first call brings a message's parameter.
    let mut m = Mech::plain(CKM_AES_GCM).raw();
    m.pParameter = (&raw mut raw).cast();
    m.ulParameterLen = SIZE;
    expect_rv!(call30!(C_MessageEncryptInit(h, &raw mut m, key)), CKR_OK);
    let wanted = encrypt(&s, &mut Params::given(&[1; 12]), b"", &[5; 40]).unwrap();
    let mut memory = [5u8; 64];
    let (from, to) = (memory.as_mut_ptr(), memory[3..].as_mut_ptr());
    let mut n = 40;
    let parameter = (&raw mut raw).cast();
    let rv = call30!(C_EncryptMessage(
        h,
        parameter,
        SIZE,
        null_mut(),
        0,
        from,
        40,
        to,
        &raw mut n
    ));
    expect_rv!(rv, CKR_OK);
    assert_eq!(memory[3..43], wanted[..]);
}

#[test]
fn logout_cancel_and_other_sessions() {
    let (token, s, key) = started();
    let other = token.session();
    expect_rv!(init(&s, key, true), CKR_OK);
    expect_rv!(init(&s, key, false), CKR_OK);
    expect_rv!(init(&other, key, true), CKR_OK);
    expect_rv!(
        call30!(C_SessionCancel(s.handle, CKF_MESSAGE_ENCRYPT)),
        CKR_OK
    );
    expect_rv!(
        encrypt(&s, &mut Params::given(&[1; 12]), b"", b"x"),
        CKR_OPERATION_NOT_INITIALIZED
    );
    decrypt(&s, &mut Params::given(&[1; 12]), b"", b"x").unwrap_err();
    encrypt(&other, &mut Params::given(&[1; 12]), b"", b"x").unwrap();
    expect_rv!(
        call30!(C_SessionCancel(s.handle, CKF_MESSAGE_DECRYPT)),
        CKR_OK
    );
    expect_rv!(
        call30!(C_MessageDecryptFinal(s.handle)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    expect_rv!(init(&s, key, true), CKR_OK);
    s.logout().unwrap();
    for session in [&s, &other] {
        expect_rv!(
            encrypt(session, &mut Params::given(&[2; 12]), b"", b"x"),
            CKR_OPERATION_NOT_INITIALIZED
        );
    }
}

#[test]
fn messages_in_many_sessions_at_once() {
    let (token, s, key) = started();
    let gcm = |iv: &[u8]| Mech::gcm(iv, b"thread", 128);
    std::thread::scope(|scope| {
        for number in 0..8u8 {
            let token = &token;
            scope.spawn(move || {
                let session = token.session();
                expect_rv!(init(&session, key, true), CKR_OK);
                for count in 0..50u8 {
                    let mut p = Params::generated(CKG_GENERATE_COUNTER, 32);
                    p.iv[..4].copy_from_slice(&[number; 4]);
                    let sealed = encrypt(&session, &mut p, b"thread", &[count; 100]).unwrap();
                    assert_eq!(p.iv[11], count);
                    let sealed = [sealed, p.tag].concat();
                    let opened = session.decrypt(&gcm(&p.iv), key, &sealed).unwrap();
                    assert_eq!(opened, [count; 100]);
                }
            });
        }
    });
    drop(s);
}

#[test]
fn the_mechanism_says_what_it_does_with_messages() {
    let token = Token::fresh();
    let flags = |kind| {
        let mut info = CK_MECHANISM_INFO::default();
        expect_rv!(
            call!(C_GetMechanismInfo(token.slot, kind, &raw mut info)),
            CKR_OK
        );
        info.flags
    };
    let both = CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT | CKF_MULTI_MESSAGE;
    assert_eq!(flags(CKM_AES_GCM) & both, both);
    assert_eq!(flags(CKM_AES_CBC) & both, 0);
    let signs = CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY;
    assert_eq!(
        flags(CKM_SHA256_HMAC) & (signs | CKF_MULTI_MESSAGE),
        signs | CKF_MULTI_MESSAGE
    );
    assert_eq!(flags(CKM_ECDSA) & (signs | CKF_MULTI_MESSAGE), signs);
    assert_eq!(flags(CKM_SHA256) & signs, 0);
}
