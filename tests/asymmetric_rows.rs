//! The rows of the asymmetric mechanisms: what they make, take and refuse.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::too_many_lines,
    reason = "a test fails by panicking"
)]

use cryptoki_sys::*;
use keyward_pkcs11::crypto::curve::NamedCurve;
use keyward_pkcs11::error::{Error, Result};
use keyward_pkcs11::mechanism::params::Params;
use keyward_pkcs11::mechanism::private_key_info;
use keyward_pkcs11::mechanism::row::{Generated, Row};
use keyward_pkcs11::mechanism::table;
use keyward_pkcs11::object::attribute::{Attributes, Template, Value};
use keyward_pkcs11::object::{Object, ObjectId};
use std::sync::{Arc, LazyLock};

type Pair = (Arc<Object>, Arc<Object>);

fn row(mechanism: u64) -> &'static Row {
    table::row(mechanism).expect("the mechanism is offered")
}

fn object(class: u64, kind: u64, generated: Generated) -> Arc<Object> {
    let head = [
        (CKA_CLASS, Value::Ulong(class)),
        (CKA_KEY_TYPE, Value::Ulong(kind)),
    ];
    let attributes = head.into_iter().chain(generated).collect::<Attributes>();
    Arc::new(Object::new(ObjectId([7; 16]), 1, attributes))
}

fn generate(mechanism: u64, kind: u64, public: Template) -> Result<Pair> {
    let make = row(mechanism).operations.generate_pair.unwrap();
    let (public, private) = make(Params::None, &public, &Template::default())?;
    Ok((
        object(CKO_PUBLIC_KEY, kind, public),
        object(CKO_PRIVATE_KEY, kind, private),
    ))
}

fn parameters(curve: &[u8]) -> Template {
    Template(vec![(CKA_EC_PARAMS, Value::Bytes(curve.to_vec()))])
}

fn on_curve(curve: NamedCurve) -> Pair {
    let (mechanism, kind) = match curve {
        NamedCurve::Weierstrass(_) => (CKM_EC_KEY_PAIR_GEN, CKK_EC),
        NamedCurve::Ed25519 => (CKM_EC_EDWARDS_KEY_PAIR_GEN, CKK_EC_EDWARDS),
        NamedCurve::X25519 => (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, CKK_EC_MONTGOMERY),
    };
    generate(mechanism, kind, parameters(&curve.parameters())).unwrap()
}

static RSA: LazyLock<Pair> = LazyLock::new(|| {
    let template = Template(vec![(CKA_MODULUS_BITS, Value::Ulong(2048))]);
    generate(CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, template).unwrap()
});

const PSS: Params<'_> = Params::Pss {
    hash: CKM_SHA256,
    mgf: CKG_MGF1_SHA1,
    salt: 11,
};

fn signature(mechanism: u64, params: Params<'_>, key: &Arc<Object>, data: &[u8]) -> Vec<u8> {
    let mut signer = row(mechanism).operations.sign.unwrap()(params, key).unwrap();
    let mut out = vec![0; signer.length()];
    assert_eq!(signer.whole(data, &mut out), Ok(out.len()));
    out
}

fn verdict(
    mechanism: u64,
    params: Params<'_>,
    key: &Arc<Object>,
    data: &[u8],
    signature: &[u8],
) -> Result<()> {
    row(mechanism).operations.verify.unwrap()(params, key)
        .unwrap()
        .whole(data, signature)
}

#[test]
fn every_hashed_signature_is_verified_whole_and_in_parts() {
    let ec = on_curve(NamedCurve::read(b"\x06\x05\x2b\x81\x04\x00\x22").unwrap());
    let ed = on_curve(NamedCurve::Ed25519);
    let mut count = 0;
    for row in table::rows() {
        let (Some(sign), Some(verify)) = (row.operations.sign, row.operations.verify) else {
            continue;
        };
        let (public, private) = match row.key_types {
            [CKK_RSA] => &*RSA,
            [CKK_EC] => &ec,
            [CKK_EC_EDWARDS] => &ed,
            _ => continue,
        };
        let own_hash = [
            (CKM_SHA1_RSA_PKCS_PSS, CKM_SHA_1),
            (CKM_SHA224_RSA_PKCS_PSS, CKM_SHA224),
            (CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256),
            (CKM_SHA384_RSA_PKCS_PSS, CKM_SHA384),
            (CKM_SHA512_RSA_PKCS_PSS, CKM_SHA512),
            (CKM_SHA3_224_RSA_PKCS_PSS, CKM_SHA3_224),
            (CKM_SHA3_256_RSA_PKCS_PSS, CKM_SHA3_256),
            (CKM_SHA3_384_RSA_PKCS_PSS, CKM_SHA3_384),
            (CKM_SHA3_512_RSA_PKCS_PSS, CKM_SHA3_512),
        ];
        let pss = own_hash.iter().find(|(kind, _)| *kind == row.mechanism);
        let params = match (pss, row.mechanism) {
            (Some((_, hash)), _) => Params::Pss {
                hash: *hash,
                mgf: CKG_MGF1_SHA3_512,
                salt: 5,
            },
            (None, CKM_RSA_PKCS_PSS) => PSS,
            (None, _) => Params::None,
        };
        let data = [42; 32];
        let made = signature(row.mechanism, params, private, &data);
        let name = row.name;
        assert_eq!(
            verdict(row.mechanism, params, public, &data, &made),
            Ok(()),
            "{name}"
        );
        for bad in [&made[1..], &[&made[..], &[0]].concat(), &[]] {
            let refused = verdict(row.mechanism, params, public, &data, bad);
            assert_eq!(refused, Err(Error::SignatureLenRange), "{name}");
        }
        let mut bad = made.clone();
        bad[20] ^= 4;
        let refused = verdict(row.mechanism, params, public, &data, &bad);
        assert_eq!(refused, Err(Error::SignatureInvalid), "{name}");
        let one_part = [CKM_RSA_PKCS, CKM_RSA_X_509, CKM_RSA_PKCS_PSS, CKM_ECDSA];
        let mut signer = sign(params, private).unwrap();
        let mut verifier = verify(params, public).unwrap();
        if one_part.contains(&row.mechanism) {
            assert_eq!(signer.update(&data), Err(Error::OperationNotInitialized));
            assert_eq!(verifier.update(&data), Err(Error::OperationNotInitialized));
        } else {
            signer.update(&data[..7]).unwrap();
            signer.update(&data[7..]).unwrap();
            let short = &mut vec![0; made.len() - 1];
            assert_eq!(signer.finish(short), Err(Error::BufferTooSmall(made.len())));
            let mut parts = vec![0; made.len()];
            signer.finish(&mut parts).unwrap();
            verifier.update(&data[..30]).unwrap();
            verifier.update(&data[30..]).unwrap();
            assert_eq!(verifier.finish(&parts), Ok(()), "{name}");
        }
        count += 1;
    }
    assert_eq!(count, 3 + 9 + 9 + 1 + 9 + 1);
}

#[test]
fn pss_parameters_that_do_not_fit_are_refused() {
    let (public, private) = &*RSA;
    let pss = |hash, mgf, salt| Params::Pss { hash, mgf, salt };
    let bad = [
        (CKM_RSA_PKCS_PSS, Params::None),
        (CKM_RSA_PKCS_PSS, pss(CKM_MD5, CKG_MGF1_SHA256, 20)),
        (CKM_RSA_PKCS_PSS, pss(CKM_SHA256, 0, 20)),
        (CKM_RSA_PKCS_PSS, pss(CKM_SHA256, CKG_MGF1_SHA256, 223)),
        (CKM_RSA_PKCS_PSS, pss(CKM_SHA256, CKG_MGF1_SHA256, u64::MAX)),
        (
            CKM_SHA384_RSA_PKCS_PSS,
            pss(CKM_SHA256, CKG_MGF1_SHA256, 20),
        ),
    ];
    for (mechanism, params) in bad {
        let sign = row(mechanism).operations.sign.unwrap()(params, private).err();
        assert!(
            matches!(sign, Some(Error::MechanismParamInvalid(_))),
            "{params:?}"
        );
        let verify = row(mechanism).operations.verify.unwrap()(params, public).err();
        assert!(
            matches!(verify, Some(Error::MechanismParamInvalid(_))),
            "{params:?}"
        );
    }
    let mut signer = row(CKM_RSA_PKCS_PSS).operations.sign.unwrap()(PSS, private).unwrap();
    assert_eq!(
        signer.whole(&[1; 31], &mut [0; 256]),
        Err(Error::DataLenRange)
    );
    let refused = verdict(CKM_RSA_PKCS_PSS, PSS, public, &[1; 33], &[1; 256]);
    assert_eq!(refused, Err(Error::DataLenRange));
}

const OAEP: Params<'_> = Params::Oaep {
    hash: CKM_SHA3_256,
    mgf: CKG_MGF1_SHA224,
    label: b"label",
};

#[test]
fn rsa_encryption_comes_back_and_keeps_to_the_output_rule() {
    let (public, private) = &*RSA;
    for (mechanism, params) in [
        (CKM_RSA_PKCS, Params::None),
        (CKM_RSA_PKCS_OAEP, OAEP),
        (CKM_RSA_X_509, Params::None),
    ] {
        let own = &row(mechanism).operations;
        let mut encrypt = own.encrypt.unwrap()(params, public).unwrap();
        let mut cipher = vec![0; 256];
        let short = &mut [9; 255];
        assert_eq!(
            encrypt.whole(b"message", short),
            Err(Error::BufferTooSmall(256))
        );
        assert_eq!(short, &[9; 255]);
        assert_eq!(encrypt.whole_bound(7), 256);
        assert_eq!(encrypt.whole(b"message", &mut cipher), Ok(256));
        let mut decrypt = own.decrypt.unwrap()(params, private).unwrap();
        let raw = mechanism == CKM_RSA_X_509;
        let needed = if raw { 256 } else { 7 };
        let short = &mut vec![9; needed - 1];
        assert_eq!(
            decrypt.whole(&cipher, short),
            Err(Error::BufferTooSmall(needed))
        );
        assert!(short.iter().all(|byte| *byte == 9));
        let mut plain = vec![0; needed];
        assert_eq!(decrypt.whole(&cipher, &mut plain), Ok(needed));
        assert!(plain.ends_with(b"message"));
        assert_eq!(
            decrypt.whole(&cipher[1..], &mut [0; 256]),
            Err(Error::EncryptedDataLenRange)
        );
        let too_large = decrypt.whole(&[0xff; 256], &mut [0; 256]);
        assert_eq!(too_large, Err(Error::EncryptedDataInvalid));
        let long = encrypt.whole(&[1; 257], &mut cipher);
        assert_eq!(long, Err(Error::DataLenRange));
        assert_eq!(
            encrypt.update(b"part", &mut []),
            Err(Error::OperationNotInitialized)
        );
    }
}

#[test]
fn rsa_wraps_and_unwraps_keys() {
    let (public, private) = &*RSA;
    let value = [0xa5; 32];
    for (mechanism, params, longest) in [
        (CKM_RSA_PKCS, Params::None, 245),
        (CKM_RSA_PKCS_OAEP, OAEP, 190),
        (CKM_RSA_X_509, Params::None, 256),
    ] {
        let (length, wrap) = row(mechanism).operations.wrap.unwrap();
        let unwrap = row(mechanism).operations.unwrap.unwrap();
        assert_eq!(length(params, public, longest), Ok(256));
        assert_eq!(
            length(params, public, longest + 1),
            Err(Error::KeySizeRange)
        );
        let mut wrapped = [0; 256];
        assert_eq!(wrap(params, public, &value, &mut wrapped), Ok(256));
        let got = unwrap(params, private, &wrapped, Some(&[32])).unwrap();
        assert_eq!(got.expose(), value);
        let cut = unwrap(params, private, &wrapped[1..], Some(&[32])).err();
        assert_eq!(cut, Some(Error::WrappedKeyLenRange));
        let large = unwrap(params, private, &[0xff; 256], Some(&[32])).err();
        assert_eq!(large, Some(Error::WrappedKeyInvalid));
        wrapped[255] ^= 1;
        let broken = unwrap(params, private, &wrapped, Some(&[16, 24]));
        match mechanism {
            CKM_RSA_PKCS => assert!([16, 24].contains(&broken.unwrap().len())),
            CKM_RSA_PKCS_OAEP => assert_eq!(broken.err(), Some(Error::WrappedKeyInvalid)),
            _ => assert_eq!(broken.err(), Some(Error::TemplateIncomplete(CKA_VALUE_LEN))),
        }
    }
}

#[test]
fn private_keys_of_every_type_survive_a_wrap() {
    let mut pairs = vec![(CKK_RSA, RSA.1.clone())];
    for curve in NamedCurve::all() {
        let (_, private) = on_curve(curve);
        pairs.push((private.attributes().key_type().unwrap(), private));
    }
    for (kind, key) in pairs {
        let encoded = private_key_info::encode(key.attributes()).unwrap();
        let back = private_key_info::decode(&encoded, kind).unwrap();
        for (attribute, value) in &back {
            assert_eq!(
                key.attributes().value(*attribute),
                Some(value),
                "{kind} {attribute:#x}"
            );
        }
        let other = if kind == CKK_RSA { CKK_EC } else { CKK_RSA };
        let refused = private_key_info::decode(&encoded, other).err();
        assert_eq!(refused, Some(Error::WrappedKeyInvalid));
        let cut = &encoded.expose()[..encoded.len() - 1];
        let cut = keyward_pkcs11::secret::SecretBytes::copy_of(cut);
        assert_eq!(
            private_key_info::decode(&cut, kind).err(),
            Some(Error::WrappedKeyInvalid)
        );
    }
}

#[test]
fn both_sides_derive_the_same_key_by_every_function() {
    let functions = [
        CKD_NULL,
        CKD_SHA1_KDF,
        CKD_SHA224_KDF,
        CKD_SHA256_KDF,
        CKD_SHA384_KDF,
        CKD_SHA512_KDF,
        CKD_SHA3_224_KDF,
        CKD_SHA3_256_KDF,
        CKD_SHA3_384_KDF,
        CKD_SHA3_512_KDF,
        CKD_SHA1_KDF_SP800,
        CKD_SHA224_KDF_SP800,
        CKD_SHA256_KDF_SP800,
        CKD_SHA384_KDF_SP800,
        CKD_SHA512_KDF_SP800,
        CKD_SHA3_224_KDF_SP800,
        CKD_SHA3_256_KDF_SP800,
        CKD_SHA3_384_KDF_SP800,
        CKD_SHA3_512_KDF_SP800,
    ];
    let derive = row(CKM_ECDH1_DERIVE).operations.derive.unwrap();
    for curve in NamedCurve::all().filter(|curve| *curve != NamedCurve::Ed25519) {
        let (mine, yours) = (on_curve(curve), on_curve(curve));
        let point = |pair: &Pair| pair.0.attributes().bytes(CKA_EC_POINT).unwrap().to_vec();
        let (my_point, your_point) = (point(&mine), point(&yours));
        let raw = curve.read_point(&my_point).unwrap();
        let mut seen = Vec::new();
        for kdf in functions {
            let shared: &[u8] = if kdf == CKD_NULL { b"" } else { b"shared" };
            let with = |public| Params::Ecdh1 {
                kdf,
                shared,
                public,
            };
            let ours = derive(with(&your_point), &mine.1, Some(24)).unwrap();
            assert_eq!(
                derive(with(&my_point), &yours.1, Some(24)),
                Ok(ours.duplicate())
            );
            assert_eq!(derive(with(&raw), &yours.1, Some(24)), Ok(ours.duplicate()));
            assert!(!seen.contains(&ours), "{kdf}");
            seen.push(ours);
            for length in [0, usize::MAX] {
                let refused = derive(with(&raw), &yours.1, Some(length)).err();
                assert_eq!(refused, Some(Error::AttributeValueInvalid(CKA_VALUE_LEN)));
            }
        }
    }
}

#[test]
fn a_bare_shared_secret_is_cut_at_its_front() {
    let curve = NamedCurve::X25519;
    let (mine, yours) = (on_curve(curve), on_curve(curve));
    let public = yours.0.attributes().bytes(CKA_EC_POINT).unwrap();
    let params = Params::Ecdh1 {
        kdf: CKD_NULL,
        shared: b"",
        public,
    };
    let derive = row(CKM_ECDH1_DERIVE).operations.derive.unwrap();
    let whole = derive(params, &mine.1, None).unwrap();
    assert_eq!(whole.len(), 32);
    let part = derive(params, &mine.1, Some(5)).unwrap();
    assert_eq!(part.expose(), &whole.expose()[27..]);
    let long = derive(params, &mine.1, Some(33)).err();
    assert_eq!(long, Some(Error::AttributeValueInvalid(CKA_VALUE_LEN)));
}

#[test]
fn ecdh_refuses_bad_parameters() {
    let p256 = NamedCurve::read(b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07").unwrap();
    let p384 = NamedCurve::read(b"\x06\x05\x2b\x81\x04\x00\x22").unwrap();
    let (mine, foreign) = (on_curve(p256), on_curve(p384));
    let good = mine.0.attributes().bytes(CKA_EC_POINT).unwrap().to_vec();
    let other = foreign.0.attributes().bytes(CKA_EC_POINT).unwrap();
    let mut off = good.clone();
    off[40] ^= 1;
    let derive = row(CKM_ECDH1_DERIVE).operations.derive.unwrap();
    for (kdf, shared, public) in [
        (CKD_NULL, &b"data"[..], good.as_slice()),
        (0x7777, b"", &good),
        (CKD_NULL, b"", &off),
        (CKD_NULL, b"", other),
        (CKD_NULL, b"", &[]),
        (CKD_NULL, b"", &[0]),
    ] {
        let refused = derive(
            Params::Ecdh1 {
                kdf,
                shared,
                public,
            },
            &mine.1,
            Some(16),
        )
        .err();
        assert!(
            matches!(refused, Some(Error::MechanismParamInvalid(_))),
            "{public:?}"
        );
    }
    let x = on_curve(NamedCurve::X25519);
    let params = Params::Ecdh1 {
        kdf: CKD_NULL,
        shared: b"",
        public: &[0; 32],
    };
    let refused = derive(params, &x.1, Some(16)).err();
    assert!(matches!(refused, Some(Error::MechanismParamInvalid(_))));
}

#[test]
fn ed25519_takes_a_context_and_a_prehash() {
    let (public, private) = on_curve(NamedCurve::Ed25519);
    let eddsa = |prehash, context| Params::Eddsa { prehash, context };
    let forms = [
        Params::None,
        eddsa(false, b"one"),
        eddsa(false, b"two"),
        eddsa(true, b""),
        eddsa(true, b"one"),
    ];
    let made = forms.map(|form| signature(CKM_EDDSA, form, &private, b"data"));
    for (place, own) in made.iter().enumerate() {
        for (form, params) in forms.into_iter().enumerate() {
            let result = verdict(CKM_EDDSA, params, &public, b"data", own);
            assert_eq!(result.is_ok(), place == form, "{place} {form}");
        }
    }
    let empty = eddsa(false, b"");
    assert_eq!(
        verdict(CKM_EDDSA, empty, &public, b"data", &made[0]),
        Ok(())
    );
    let long = eddsa(false, &[0; 256]);
    let refused = row(CKM_EDDSA).operations.sign.unwrap()(long, &private).err();
    assert!(matches!(refused, Some(Error::MechanismParamInvalid(_))));
}

#[test]
fn key_pairs_are_refused_where_the_template_is_wrong() {
    let rsa = |entries: Vec<(u64, Value)>| {
        generate(CKM_RSA_PKCS_KEY_PAIR_GEN, CKK_RSA, Template(entries)).err()
    };
    let bits = |bits| (CKA_MODULUS_BITS, Value::Ulong(bits));
    let exponent = |bytes: &[u8]| (CKA_PUBLIC_EXPONENT, Value::Bytes(bytes.to_vec()));
    assert_eq!(
        rsa(vec![]),
        Some(Error::TemplateIncomplete(CKA_MODULUS_BITS))
    );
    for size in [0, 1024, 2047, 2050, 8193, 1 << 40, u64::MAX] {
        let refused = Some(Error::AttributeValueInvalid(CKA_MODULUS_BITS));
        assert_eq!(rsa(vec![bits(size)]), refused);
    }
    for bad in [&[][..], &[0], &[1], &[2], &[1, 0, 0]] {
        let refused = Some(Error::AttributeValueInvalid(CKA_PUBLIC_EXPONENT));
        assert_eq!(rsa(vec![bits(2048), exponent(bad)]), refused, "{bad:?}");
    }
    for unused in [&[3][..], &[17], &[0xff; 8]] {
        let refused = Some(Error::TemplateInconsistent(CKA_PUBLIC_EXPONENT));
        assert_eq!(
            rsa(vec![bits(2048), exponent(unused)]),
            refused,
            "{unused:?}"
        );
    }
    let ec = |mechanism, params: &[u8]| generate(mechanism, CKK_EC, parameters(params)).err();
    let p256 = b"\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07";
    let ed25519 = b"\x13\x0cedwards25519";
    let secp192k1 = b"\x06\x05\x2b\x81\x04\x00\x1f";
    let unsupported = Some(Error::CurveNotSupported);
    assert_eq!(ec(CKM_EC_KEY_PAIR_GEN, ed25519), unsupported);
    assert_eq!(ec(CKM_EC_EDWARDS_KEY_PAIR_GEN, p256), unsupported);
    assert_eq!(ec(CKM_EC_MONTGOMERY_KEY_PAIR_GEN, ed25519), unsupported);
    assert_eq!(ec(CKM_EC_KEY_PAIR_GEN, secp192k1), unsupported);
    let malformed = Some(Error::AttributeValueInvalid(CKA_EC_PARAMS));
    assert_eq!(ec(CKM_EC_KEY_PAIR_GEN, b"nonsense"), malformed);
    let missing = generate(CKM_EC_KEY_PAIR_GEN, CKK_EC, Template::default()).err();
    assert_eq!(missing, Some(Error::TemplateIncomplete(CKA_EC_PARAMS)));
}

#[test]
fn keys_of_another_kind_are_refused() {
    let (rsa_public, rsa_private) = &*RSA;
    let (_, ed) = on_curve(NamedCurve::Ed25519);
    let refused = Some(Error::KeyTypeInconsistent);
    let sign =
        |mechanism: u64, key| row(mechanism).operations.sign.unwrap()(Params::None, key).err();
    assert_eq!(sign(CKM_RSA_PKCS, rsa_public), refused);
    assert_eq!(sign(CKM_ECDSA, rsa_private), refused);
    assert_eq!(sign(CKM_ECDSA, &ed), refused);
    assert_eq!(sign(CKM_RSA_PKCS, &ed), refused);
}
