//! C_DeriveKey and PBKDF2: what the vectors do not show, above all what a derivation must not give away.

use crate::support::derivation::{self, Field, Salt};
use crate::support::*;
use cryptoki_sys::*;

fn open(key_type: CK_KEY_TYPE) -> Template {
    Template::secret(key_type)
        .no(&[CKA_SENSITIVE])
        .yes(&[CKA_EXTRACTABLE])
}

/// A hidden key that may derive.
fn hidden(s: &Session, length: CK_ULONG) -> CK_OBJECT_HANDLE {
    let template = Template::secret(CKK_GENERIC_SECRET)
        .ulong(CKA_VALUE_LEN, length)
        .yes(&[CKA_DERIVE]);
    let mech = Mech::plain(CKM_GENERIC_SECRET_KEY_GEN);
    s.generate(&mech, &template).unwrap()
}

fn known(s: &Session, value: &[u8]) -> CK_OBJECT_HANDLE {
    let template = open(CKK_GENERIC_SECRET).bytes(CKA_VALUE, value);
    s.create(&template.yes(&[CKA_DERIVE])).unwrap()
}

#[test]
fn what_holds_a_hidden_key_is_hidden_and_whole() {
    let token = Token::fresh();
    let s = token.user();
    let key = hidden(&s, 32);
    let data = [7; 32];
    for mech in [
        || Mech::text(CKM_CONCATENATE_BASE_AND_DATA, &[7; 32]),
        || Mech::text(CKM_CONCATENATE_DATA_AND_BASE, &[7; 32]),
        || Mech::text(CKM_XOR_BASE_AND_DATA, &[7; 32]),
    ] {
        let made = s.derive(&mech(), key, &open(CKK_GENERIC_SECRET)).unwrap();
        assert!(s.flag(made, CKA_SENSITIVE).unwrap());
        assert!(!s.flag(made, CKA_EXTRACTABLE).unwrap());
        assert!(s.flag(made, CKA_NEVER_EXTRACTABLE).unwrap());
        expect_rv!(s.attribute(made, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
        let short = open(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, 31);
        expect_rv!(
            s.derive(&mech(), key, &short),
            CKR_KEY_FUNCTION_NOT_PERMITTED
        );
    }
    // Beside known bytes, a part of the key would be guessed.
    let prefixed = Mech::text(CKM_CONCATENATE_DATA_AND_BASE, &data);
    let cut = open(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, 33);
    expect_rv!(
        s.derive(&prefixed, key, &cut),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    let xor = Mech::text(CKM_XOR_BASE_AND_DATA, &data[..31]);
    let template = open(CKK_GENERIC_SECRET);
    expect_rv!(
        s.derive(&xor, key, &template),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    let extract = Mech::general(CKM_EXTRACT_KEY_FROM_KEY, 0);
    let whole = open(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, 32);
    expect_rv!(
        s.derive(&extract, key, &whole),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
}

#[test]
fn a_derive_template_cannot_cut_what_holds_a_hidden_key() {
    let token = Token::fresh();
    let s = token.user();
    let forced = Template::new().ulong(CKA_VALUE_LEN, 1);
    let template = Template::secret(CKK_GENERIC_SECRET)
        .ulong(CKA_VALUE_LEN, 32)
        .nested(CKA_DERIVE_TEMPLATE, forced)
        .yes(&[CKA_DERIVE]);
    let mech = Mech::plain(CKM_GENERIC_SECRET_KEY_GEN);
    let key = s.generate(&mech, &template).unwrap();
    let join = Mech::text(CKM_CONCATENATE_BASE_AND_DATA, b"x");
    let derived = s.derive(&join, key, &open(CKK_GENERIC_SECRET));
    expect_rv!(derived, CKR_KEY_FUNCTION_NOT_PERMITTED);
}

#[test]
fn a_wrapping_key_is_not_remade_as_a_key_for_data() {
    let token = Token::fresh();
    let s = token.user();
    let key = s.aes_key(32, &[CKA_WRAP, CKA_UNWRAP, CKA_DERIVE]);
    let xor = Mech::text(CKM_XOR_BASE_AND_DATA, &[0; 32]);
    let template = Template::secret(CKK_AES).yes(&[CKA_DECRYPT]);
    expect_rv!(
        s.derive(&xor, key, &template),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    let other = known(&s, b"other");
    let join = Mech::general(CKM_CONCATENATE_BASE_AND_KEY, key);
    let template = open(CKK_GENERIC_SECRET);
    expect_rv!(
        s.derive(&join, other, &template),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    // By encryption it would be used for data as well, and a wrapping key is not.
    let encrypt = Mech::text(CKM_AES_ECB_ENCRYPT_DATA, &[0; 16]);
    expect_rv!(
        s.derive(&encrypt, key, &template),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
}

#[test]
fn two_keys_are_joined_and_the_more_hidden_one_decides() {
    let token = Token::fresh();
    let s = token.user();
    let (first, second) = (known(&s, b"first"), known(&s, b"second"));
    let join = |other| Mech::general(CKM_CONCATENATE_BASE_AND_KEY, other);
    let template = open(CKK_GENERIC_SECRET);
    let made = s.derive(&join(second), first, &template).unwrap();
    assert_eq!(s.attribute(made, CKA_VALUE).unwrap(), b"firstsecond");
    let made = s.derive(&join(hidden(&s, 16)), first, &template).unwrap();
    expect_rv!(s.attribute(made, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
    assert!(!s.flag(made, CKA_NEVER_EXTRACTABLE).unwrap());
    expect_rv!(
        s.derive(&join(99_999), first, &template),
        CKR_KEY_HANDLE_INVALID
    );
    let mute = s.create(
        &open(CKK_GENERIC_SECRET)
            .bytes(CKA_VALUE, b"x")
            .no(&[CKA_DERIVE]),
    );
    let joined = s.derive(&join(mute.unwrap()), first, &template);
    expect_rv!(joined, CKR_KEY_FUNCTION_NOT_PERMITTED);
}

#[test]
fn hkdf_takes_its_salt_from_a_key_and_gives_data() {
    let token = Token::fresh();
    let s = token.user();
    let (key, salt) = (known(&s, &[9; 22]), known(&s, b"salt"));
    let template = open(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, 42);
    let by = |salt| derivation::hkdf((true, true), CKM_SHA256, salt, b"info");
    let one = s.derive(&by(Salt::Data(b"salt")), key, &template).unwrap();
    let other = s.derive(&by(Salt::Key(salt)), key, &template).unwrap();
    let value = s.attribute(one, CKA_VALUE).unwrap();
    assert_eq!(s.attribute(other, CKA_VALUE).unwrap(), value);
    let data = s.derive(
        &by(Salt::Data(b"salt")).of_kind(CKM_HKDF_DATA),
        key,
        &Template::class(CKO_DATA),
    );
    // A data object has no length of its own to ask for.
    expect_rv!(data, CKR_TEMPLATE_INCOMPLETE);
    let extract = derivation::hkdf((true, false), CKM_SHA256, Salt::None, b"");
    let data = s
        .derive(
            &extract.of_kind(CKM_HKDF_DATA),
            key,
            &Template::class(CKO_DATA),
        )
        .unwrap();
    assert_eq!(s.attribute(data, CKA_VALUE).unwrap().len(), 32);
    let no_step = derivation::hkdf((false, false), CKM_SHA256, Salt::None, b"");
    expect_rv!(
        s.derive(&no_step, key, &template),
        CKR_MECHANISM_PARAM_INVALID
    );
}

#[test]
fn sp800_108_gives_several_keys_from_blocks_of_their_own() {
    let token = Token::fresh();
    let s = token.user();
    let key = known(&s, &[5; 32]);
    let fields = [
        Field::Iteration(Some((32, false))),
        Field::Bytes(b"label".to_vec()),
    ];
    let all = derivation::sp800(
        CKM_SP800_108_COUNTER_KDF,
        CKM_SHA256_HMAC,
        &fields,
        &[],
        &[],
    );
    let of = |length| open(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, length);
    let whole = s.derive(&all, key, &of(96)).unwrap();
    let whole = s.attribute(whole, CKA_VALUE).unwrap();
    let (mut handle, second) = (0, open(CKK_AES).ulong(CKA_VALUE_LEN, 16));
    let mut raw = second.raw();
    let further = [CK_DERIVED_KEY {
        pTemplate: raw.ptr(),
        ulAttributeCount: raw.len(),
        phKey: &raw mut handle,
    }];
    let mech = derivation::sp800(
        CKM_SP800_108_COUNTER_KDF,
        CKM_SHA256_HMAC,
        &fields,
        &[],
        &further,
    );
    let first = s.derive(&mech, key, &of(48)).unwrap();
    assert_eq!(s.attribute(first, CKA_VALUE).unwrap(), whole[..48]);
    assert_eq!(s.attribute(handle, CKA_VALUE).unwrap(), whole[64..80]);
    assert_eq!(s.ulong(handle, CKA_KEY_TYPE).unwrap(), CKK_AES);

    // One bad template, and there is none of them; its handle says whose.
    let before = s.find(&Template::new()).unwrap().len();
    let bad = open(CKK_AES).ulong(CKA_VALUE_LEN, 17);
    let (mut handle, mut raw) = (77, bad.raw());
    let further = [CK_DERIVED_KEY {
        pTemplate: raw.ptr(),
        ulAttributeCount: raw.len(),
        phKey: &raw mut handle,
    }];
    let mech = derivation::sp800(
        CKM_SP800_108_COUNTER_KDF,
        CKM_SHA256_HMAC,
        &fields,
        &[],
        &further,
    );
    expect_rv!(s.derive(&mech, key, &of(48)), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_eq!(handle, CK_INVALID_HANDLE);
    assert_eq!(s.find(&Template::new()).unwrap().len(), before);
}

#[test]
fn class_05_bad_fields_of_sp800_108() {
    let token = Token::fresh();
    let s = token.user();
    let key = known(&s, &[5; 32]);
    let counter = Field::Iteration(Some((32, false)));
    let template = open(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, 32);
    for (kind, fields) in [
        (CKM_SP800_108_COUNTER_KDF, vec![]),
        (CKM_SP800_108_COUNTER_KDF, vec![Field::Iteration(None)]),
        (
            CKM_SP800_108_COUNTER_KDF,
            vec![counter.clone(), counter.clone()],
        ),
        (
            CKM_SP800_108_COUNTER_KDF,
            vec![counter.clone(), Field::Counter(8, false)],
        ),
        (
            CKM_SP800_108_COUNTER_KDF,
            vec![Field::Iteration(Some((9, false)))],
        ),
        (
            CKM_SP800_108_COUNTER_KDF,
            vec![counter.clone(), Field::Bytes(vec![])],
        ),
        (
            CKM_SP800_108_COUNTER_KDF,
            vec![counter.clone(), Field::Length(9, 32, false)],
        ),
        (
            CKM_SP800_108_COUNTER_KDF,
            vec![counter.clone(), Field::Length(1, 8, false)],
        ),
        (CKM_SP800_108_FEEDBACK_KDF, vec![counter.clone()]),
        (
            CKM_SP800_108_DOUBLE_PIPELINE_KDF,
            vec![Field::Bytes(vec![1])],
        ),
    ] {
        let mech = derivation::sp800(kind, CKM_SHA256_HMAC, &fields, b"iv", &[]);
        let derived = s.derive(&mech, key, &template);
        expect_rv!(
            derived,
            CKR_MECHANISM_PARAM_INVALID,
            "{kind:#x} {}",
            fields.len()
        );
    }
    let fields = [counter, Field::Key(99_999)];
    let mech = derivation::sp800(
        CKM_SP800_108_COUNTER_KDF,
        CKM_SHA256_HMAC,
        &fields,
        &[],
        &[],
    );
    expect_rv!(s.derive(&mech, key, &template), CKR_KEY_HANDLE_INVALID);
}

#[test]
fn a_connection_of_tls_1_2() {
    let token = Token::fresh();
    let s = token.user();
    let (client, server) = ([1; 32], [2; 32]);
    let pre = s.generate(
        &Mech::bytes(CKM_TLS_PRE_MASTER_KEY_GEN, &[3, 3]),
        &open(CKK_GENERIC_SECRET)
            .ulong(CKA_VALUE_LEN, 48)
            .yes(&[CKA_DERIVE]),
    );
    let pre = pre.unwrap();
    let mut version = CK_VERSION { major: 0, minor: 0 };
    let to_master = derivation::tls_master(
        CKM_TLS12_MASTER_KEY_DERIVE,
        (&client, &server),
        &raw mut version,
    );
    let template = open(CKK_GENERIC_SECRET).yes(&[CKA_DERIVE, CKA_SIGN, CKA_VERIFY]);
    let master = s.derive(&to_master, pre, &template).unwrap();
    assert_eq!((version.major, version.minor), (3, 3));
    assert_eq!(s.attribute(master, CKA_VALUE).unwrap().len(), 48);

    let mut ivs = ([0; 4], [0; 4]);
    let mut out = CK_SSL3_KEY_MAT_OUT {
        hClientMacSecret: 9,
        hServerMacSecret: 9,
        hClientKey: 9,
        hServerKey: 9,
        pIVClient: ivs.0.as_mut_ptr(),
        pIVServer: ivs.1.as_mut_ptr(),
    };
    let keys = derivation::tls_keys(
        CKM_TLS12_KEY_AND_MAC_DERIVE,
        [160, 128, 32],
        (&client, &server),
        &raw mut out,
    );
    let made = s.derive(&keys, master, &Template::secret(CKK_AES));
    expect_rv!(made, CKR_OK);
    // The whole block, by the other way to the same function.
    let block = derivation::tls_kdf(CKM_SHA256, b"key expansion", (&server, &client), None);
    let template = open(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, 80);
    let block = s.derive(&block, master, &template).unwrap();
    let block = s.attribute(block, CKA_VALUE).unwrap();
    let value = |key| s.attribute(key, CKA_VALUE).unwrap();
    assert_eq!(value(out.hClientMacSecret), block[..20]);
    assert_eq!(value(out.hServerMacSecret), block[20..40]);
    assert_eq!(value(out.hClientKey), block[40..56]);
    assert_eq!(value(out.hServerKey), block[56..72]);
    assert_eq!((&ivs.0[..], &ivs.1[..]), (&block[72..76], &block[76..]));

    let mac = derivation::tls_mac(CKM_SHA256, 12, 1);
    let tag = s.sign(&mac, master, b"hash of the handshake").unwrap();
    assert_eq!(tag.len(), 12);
    s.verify(&mac, master, b"hash of the handshake", &tag)
        .unwrap();
    let other = derivation::tls_mac(CKM_SHA256, 12, 2);
    let refused = s.verify(&other, master, b"hash of the handshake", &tag);
    expect_rv!(refused, CKR_SIGNATURE_INVALID);
    let extended = derivation::tls_extended_master(CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, &[7; 32]);
    s.derive(&extended, pre, &open(CKK_GENERIC_SECRET)).unwrap();
}

#[test]
fn hidden_secrets_of_tls_show_nothing() {
    let token = Token::fresh();
    let s = token.user();
    let randoms: (&[u8], &[u8]) = (&[1; 32], &[2; 32]);
    let key = hidden(&s, 48);
    let mut version = CK_VERSION { major: 0, minor: 0 };
    let kind = CKM_TLS12_MASTER_KEY_DERIVE;
    let with_version = derivation::tls_master(kind, randoms, &raw mut version);
    let template = Template::secret(CKK_GENERIC_SECRET).yes(&[CKA_DERIVE]);
    let derived = s.derive(&with_version, key, &template);
    expect_rv!(derived, CKR_KEY_FUNCTION_NOT_PERMITTED);
    let without = derivation::tls_master(kind, randoms, std::ptr::null_mut());
    let master = s.derive(&without, key, &template).unwrap();
    let mut ivs = ([0; 16], [0; 16]);
    let mut out = CK_SSL3_KEY_MAT_OUT {
        hClientMacSecret: 9,
        hServerMacSecret: 9,
        hClientKey: 9,
        hServerKey: 9,
        pIVClient: ivs.0.as_mut_ptr(),
        pIVServer: ivs.1.as_mut_ptr(),
    };
    let mut keys = |kind, iv| {
        let mech = derivation::tls_keys(kind, [0, 256, iv], randoms, &raw mut out);
        let made = s.derive(&mech, master, &Template::secret(CKK_AES));
        (made.map(drop), out.hClientMacSecret, out.hClientKey)
    };
    let shown = keys(CKM_TLS12_KEY_AND_MAC_DERIVE, 128);
    expect_rv!(shown.0, CKR_KEY_FUNCTION_NOT_PERMITTED);
    let (made, mac, cipher) = keys(CKM_TLS12_KEY_SAFE_DERIVE, 128);
    expect_rv!(made, CKR_OK);
    assert_eq!(mac, CK_INVALID_HANDLE);
    assert!(!s.flag(cipher, CKA_EXTRACTABLE).unwrap());
    assert_eq!(ivs, ([0; 16], [0; 16]));
    let export = derivation::tls_kdf(CKM_SHA256, b"EXPORTER", randoms, None);
    let made = s.derive(
        &export,
        master,
        &open(CKK_GENERIC_SECRET).ulong(CKA_VALUE_LEN, 16),
    );
    expect_rv!(
        s.attribute(made.unwrap(), CKA_VALUE),
        CKR_ATTRIBUTE_SENSITIVE
    );
}

#[test]
fn a_key_from_a_password_counts_as_known() {
    let token = Token::fresh();
    let s = token.user();
    let stretch = |iterations| {
        derivation::pbkdf2(
            CKP_PKCS5_PBKD2_HMAC_SHA256,
            b"password",
            b"salt",
            iterations,
        )
    };
    let template = Template::secret(CKK_AES)
        .ulong(CKA_VALUE_LEN, 32)
        .yes(&[CKA_WRAP]);
    let key = s.generate(&stretch(1000), &template).unwrap();
    for flag in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
        assert!(!s.flag(key, flag).unwrap());
    }
    let secret = Template::secret(CKK_GENERIC_SECRET)
        .ulong(CKA_VALUE_LEN, 16)
        .yes(&[CKA_EXTRACTABLE]);
    let secret = s
        .generate(&Mech::plain(CKM_GENERIC_SECRET_KEY_GEN), &secret)
        .unwrap();
    let wrapped = s.wrap(&Mech::plain(CKM_AES_KEY_WRAP), key, secret);
    expect_rv!(wrapped, CKR_KEY_NOT_WRAPPABLE);
    for iterations in [0, 1 << 32, u64::MAX] {
        let made = s.generate(&stretch(iterations), &template);
        expect_rv!(made, CKR_MECHANISM_PARAM_INVALID);
    }
}

#[test]
fn keys_and_data_of_the_new_ciphers() {
    let token = Token::fresh();
    let s = token.user();
    let xts = |length| {
        let template = Template::secret(CKK_AES_XTS).ulong(CKA_VALUE_LEN, length);
        s.generate(&Mech::plain(CKM_AES_XTS_KEY_GEN), &template)
    };
    expect_rv!(xts(48), CKR_ATTRIBUTE_VALUE_INVALID);
    let key = xts(64).unwrap();
    let unit = Mech::bytes(CKM_AES_XTS, &[0; 16]);
    expect_rv!(s.encrypt(&unit, key, &[0; 15]), CKR_DATA_LEN_RANGE);
    let twice = Template::secret(CKK_AES_XTS).bytes(CKA_VALUE, &[1; 32]);
    expect_rv!(s.create(&twice), CKR_ATTRIBUTE_VALUE_INVALID);

    let chacha = s
        .generate(
            &Mech::plain(CKM_CHACHA20_KEY_GEN),
            &Template::secret(CKK_CHACHA20),
        )
        .unwrap();
    assert_eq!(s.ulong(chacha, CKA_VALUE_LEN).unwrap(), 32);
    let aead = Mech::chacha20_poly1305(&[1; 12], b"aad");
    let mut sealed = s.encrypt(&aead, chacha, b"text").unwrap();
    assert_eq!(s.decrypt(&aead, chacha, &sealed).unwrap(), b"text");
    sealed[0] ^= 1;
    expect_rv!(
        s.decrypt(&aead, chacha, &sealed),
        CKR_ENCRYPTED_DATA_INVALID
    );
    expect_rv!(
        s.decrypt(&aead, chacha, &sealed[..15]),
        CKR_ENCRYPTED_DATA_LEN_RANGE
    );
    let short = Mech::chacha20_poly1305(&[1; 8], b"");
    expect_rv!(s.encrypt_init(&short, chacha), CKR_MECHANISM_PARAM_INVALID);

    let aes = s.aes_key(24, &[CKA_ENCRYPT, CKA_DECRYPT]);
    let ccm = |length, nonce: &[u8], tag| Mech::ccm(length, nonce, b"aad", tag);
    let sealed = s.encrypt(&ccm(4, &[1; 7], 4), aes, b"text").unwrap();
    assert_eq!(sealed.len(), 8);
    expect_rv!(
        s.encrypt(&ccm(5, &[1; 7], 4), aes, b"text"),
        CKR_DATA_LEN_RANGE
    );
    for (nonce, tag) in [(6, 4), (14, 4), (7, 0), (7, 5), (7, 18)] {
        let init = s.encrypt_init(&ccm(4, &vec![1; nonce], tag), aes);
        expect_rv!(init, CKR_MECHANISM_PARAM_INVALID);
    }
    let refused = s.decrypt(&ccm(4, &[2; 7], 4), aes, &sealed);
    expect_rv!(refused, CKR_ENCRYPTED_DATA_INVALID);
}
