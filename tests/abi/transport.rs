//! Wrapping under a temporary AES key that goes along, by RSA and by ECDH: round trips, against OpenSSL's own
//! commands, bad input, and what rule 33 says of it.

use crate::support::der;
use crate::support::*;
use cryptoki_sys::*;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The attribute that tells what a key has been used for.
const ROLE: CK_ATTRIBUTE_TYPE = 0x804B_5703;
const TRANSPORT: CK_ULONG = 3;

/// The parameters of RSA-AES wrap, and what they point to.
fn rsa_aes(bits: CK_ULONG, hash: CK_MECHANISM_TYPE, mgf: CK_ULONG, label: &[u8]) -> Mech {
    let mut label: Box<[u8]> = label.into();
    let oaep = CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: hash,
        mgf,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: match label.is_empty() {
            true => std::ptr::null_mut(),
            false => label.as_mut_ptr().cast(),
        },
        ulSourceDataLen: label.len() as CK_ULONG,
    };
    let mut oaep: Box<[u8]> = bytes_of(&oaep).into();
    let parameter = CK_RSA_AES_KEY_WRAP_PARAMS {
        ulAESKeyBits: bits,
        pOAEPParams: oaep.as_mut_ptr().cast(),
    };
    Mech::structure(CKM_RSA_AES_KEY_WRAP, parameter, vec![label, oaep])
}

fn sha256(bits: CK_ULONG) -> Mech {
    rsa_aes(bits, CKM_SHA256, CKG_MGF1_SHA256, b"")
}

fn open(template: Template) -> Template {
    template.no(&[CKA_SENSITIVE]).yes(&[CKA_EXTRACTABLE])
}

fn montgomery_pair(
    s: &Session,
    public: &[CK_ATTRIBUTE_TYPE],
    private: &Template,
) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
    let public = Template::new()
        .bytes(CKA_EC_PARAMS, der::X25519)
        .yes(public);
    s.generate_pair(
        &Mech::plain(CKM_EC_MONTGOMERY_KEY_PAIR_GEN),
        &public,
        private,
    )
    .expect("an X25519 pair")
}

/// Each mechanism with a pair of its own, and the length of what goes before the wrapped key.
fn every_way(s: &Session) -> Vec<(Mech, (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE), usize)> {
    let (wrap, unwrap) = ([CKA_WRAP], [CKA_UNWRAP]);
    let ec = |parameters| s.ec_pair(parameters, &wrap, &unwrap);
    let by = |kind, bits, kdf| Mech::ecdh_wrap(kind, bits, kdf, b"");
    let x25519 = || montgomery_pair(s, &wrap, &Template::new().yes(&unwrap));
    vec![
        (sha256(256), s.rsa_pair(2048, &wrap, &unwrap), 256),
        (
            rsa_aes(128, CKM_SHA_1, CKG_MGF1_SHA512, b"label"),
            s.rsa_pair(3072, &wrap, &unwrap),
            384,
        ),
        (by(CKM_ECDH_AES_KEY_WRAP, 256, CKD_NULL), ec(der::P256), 65),
        (
            Mech::ecdh_wrap(CKM_ECDH_AES_KEY_WRAP, 192, CKD_SHA384_KDF, b"shared"),
            ec(der::P521),
            133,
        ),
        (
            by(CKM_ECDH_COF_AES_KEY_WRAP, 128, CKD_SHA256_KDF),
            ec(der::P384),
            99,
        ),
        (
            by(CKM_ECDH_COF_AES_KEY_WRAP, 256, CKD_SHA3_512_KDF_SP800),
            ec(der::P521),
            136,
        ),
        (by(CKM_ECDH_X_AES_KEY_WRAP, 256, CKD_NULL), x25519(), 32),
        (by(CKM_ECDH_AES_KEY_WRAP, 256, CKD_SHA512_KDF), x25519(), 32),
    ]
}

#[test]
fn keys_of_every_type_come_back() {
    let token = Token::fresh();
    let s = token.user();
    let exported = || open(Template::new().yes(&[CKA_SIGN]));
    let rsa = Template::new().ulong(CKA_MODULUS_BITS, 2048);
    let (_, rsa) = s
        .generate_pair(&Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN), &rsa, &exported())
        .unwrap();
    let ec = Template::new().bytes(CKA_EC_PARAMS, der::P384);
    let (_, ec) = s
        .generate_pair(&Mech::plain(CKM_EC_KEY_PAIR_GEN), &ec, &exported())
        .unwrap();
    let aes = s.create(&Template::aes(&[0x5a; 24])).unwrap();
    let secret: Vec<u8> = (1..=61).collect();
    let generic = open(Template::secret(CKK_GENERIC_SECRET)).bytes(CKA_VALUE, &secret);
    let generic = s.create(&generic).unwrap();
    let private = |kind| open(Template::class(CKO_PRIVATE_KEY)).ulong(CKA_KEY_TYPE, kind);
    for (mech, (public, unwrapping), head) in every_way(&s) {
        for (key, template, value) in [
            (aes, open(Template::secret(CKK_AES)), CKA_VALUE),
            (
                generic,
                open(Template::secret(CKK_GENERIC_SECRET)),
                CKA_VALUE,
            ),
            (rsa, private(CKK_RSA), CKA_PRIVATE_EXPONENT),
            (ec, private(CKK_EC), CKA_VALUE),
        ] {
            let wrapped = s.wrap(&mech, public, key).expect("wrapped");
            assert!(
                (wrapped.len() - head).is_multiple_of(8),
                "{:#x}",
                mech.kind()
            );
            assert_ne!(
                wrapped,
                s.wrap(&mech, public, key).unwrap(),
                "fresh each time"
            );
            let back = s.unwrap(&mech, unwrapping, &wrapped, &template).unwrap();
            assert_eq!(s.attribute(back, value), s.attribute(key, value));
            s.destroy(back).unwrap();
        }
    }
}

/// A directory, and OpenSSL in it.
struct OpenSsl(tempfile::TempDir);

impl OpenSsl {
    fn new() -> OpenSsl {
        OpenSsl(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// What a command prints.
    fn run(&self, words: &str) -> Vec<u8> {
        let output = Command::new("openssl")
            .args(words.split_whitespace())
            .current_dir(Path::new(&self.path("")))
            .output()
            .expect("openssl runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words}: {said}");
        output.stdout
    }

    /// KWP with a key, one way or the other.
    fn kwp(&self, direction: &str, key: &[u8], data: &[u8]) -> Vec<u8> {
        self.put("kwp", data);
        let (bits, key) = (8 * key.len(), hex(key));
        self.run(&format!(
            "enc {direction} -id-aes{bits}-wrap-pad -K {key} -iv A65959A6 -in kwp"
        ))
    }
}

/// An open private key as PKCS#8, which the module itself wraps and decrypts under a known key.
fn pkcs8(s: &Session, key: CK_OBJECT_HANDLE) -> Vec<u8> {
    let known = Template::aes(&[3; 32]).yes(&[CKA_WRAP, CKA_DECRYPT]);
    let (known, kwp) = (s.create(&known).unwrap(), Mech::plain(CKM_AES_KEY_WRAP_KWP));
    let wrapped = s.wrap(&kwp, known, key).unwrap();
    s.decrypt(&kwp, known, &wrapped).unwrap()
}

#[test]
fn openssl_takes_rsa_wraps_apart_and_puts_them_together() {
    let token = Token::fresh();
    let s = token.user();
    let public = Template::new()
        .ulong(CKA_MODULUS_BITS, 2048)
        .yes(&[CKA_WRAP]);
    let (public, private) = s
        .generate_pair(
            &Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN),
            &public,
            &open(Template::new().yes(&[CKA_UNWRAP])),
        )
        .unwrap();
    let openssl = OpenSsl::new();
    openssl.put("key.der", &pkcs8(&s, private));
    let value = [0xc3; 32];
    let key = s.create(&Template::aes(&value)).unwrap();
    for (bits, hash, mgf, names) in [
        (256, CKM_SHA256, CKG_MGF1_SHA256, ("sha256", "sha256")),
        (128, CKM_SHA384, CKG_MGF1_SHA1, ("sha384", "sha1")),
    ] {
        let mech = rsa_aes(bits, hash, mgf, b"");
        let padding = format!(
            "-inkey key.der -keyform DER -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:{} \
             -pkeyopt rsa_mgf1_md:{}",
            names.0, names.1
        );
        let wrapped = s.wrap(&mech, public, key).unwrap();
        openssl.put("head", &wrapped[..256]);
        let temporary = openssl.run(&format!("pkeyutl -decrypt -in head {padding}"));
        assert_eq!(temporary.len() as CK_ULONG * 8, bits);
        assert_eq!(openssl.kwp("-d", &temporary, &wrapped[256..]), value);

        let other: Vec<u8> = (0..(bits / 8) as u8).collect();
        openssl.put("other", &other);
        let head = openssl.run(&format!("pkeyutl -encrypt -in other {padding}"));
        let made = [head, openssl.kwp("-e", &other, b"seventeen bytes!!")].concat();
        let template = open(Template::secret(CKK_GENERIC_SECRET));
        let back = s.unwrap(&mech, private, &made, &template).unwrap();
        assert_eq!(s.attribute(back, CKA_VALUE).unwrap(), b"seventeen bytes!!");
    }
}

#[test]
fn openssl_takes_ecdh_wraps_apart_and_puts_them_together() {
    /// The public key of a point of P-256 or of X25519.
    fn spki(algorithm: &[u8], point: &[u8]) -> Vec<u8> {
        let bits = der::tlv(0x03, &[&[0], point].concat());
        der::tlv(0x30, &[der::tlv(0x30, algorithm), bits].concat())
    }
    let token = Token::fresh();
    let s = token.user();
    let exported = open(Template::new().yes(&[CKA_UNWRAP]));
    let p256 = Template::new()
        .bytes(CKA_EC_PARAMS, der::P256)
        .yes(&[CKA_WRAP]);
    let p256 = s
        .generate_pair(&Mech::plain(CKM_EC_KEY_PAIR_GEN), &p256, &exported)
        .unwrap();
    let x25519 = montgomery_pair(&s, &[CKA_WRAP], &exported);
    const EC: &[u8] = &[0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
    let ec = [EC, der::P256].concat();
    let openssl = OpenSsl::new();
    let key = s.create(&Template::aes(&[0x3c; 16])).unwrap();
    for (mechanism, (public, private), algorithm, skipped, size, new) in [
        (
            CKM_ECDH_AES_KEY_WRAP,
            p256,
            &ec[..],
            0,
            65,
            "EC -pkeyopt ec_paramgen_curve:P-256",
        ),
        (
            CKM_ECDH_COF_AES_KEY_WRAP,
            p256,
            &ec,
            2,
            65,
            "EC -pkeyopt ec_paramgen_curve:P-256",
        ),
        (
            CKM_ECDH_X_AES_KEY_WRAP,
            x25519,
            der::X25519,
            0,
            32,
            "X25519",
        ),
    ] {
        openssl.put("key.der", &pkcs8(&s, private));
        let mech = Mech::ecdh_wrap(mechanism, 256, CKD_SHA256_KDF, b"info");
        let wrapped = s.wrap(&mech, public, key).unwrap();
        let (head, body) = wrapped.split_at(skipped + size);
        openssl.put("peer.der", &spki(algorithm, &head[skipped..]));
        let kdf = |secret: Vec<u8>| {
            let (secret, info) = (hex(&secret), hex(b"info"));
            let printed = openssl.run(&format!(
                "kdf -keylen 32 -kdfopt digest:SHA2-256 -kdfopt hexkey:{secret} \
                 -kdfopt hexinfo:{info} -binary X963KDF"
            ));
            assert_eq!(printed.len(), 32);
            printed
        };
        let derive = "pkeyutl -derive -keyform DER -peerform DER";
        let secret = openssl.run(&format!("{derive} -inkey key.der -peerkey peer.der"));
        assert_eq!(openssl.kwp("-d", &kdf(secret), body), [0x3c; 16]);

        // Without a function, the temporary key is what the secret begins with.
        let bare = Mech::ecdh_wrap(mechanism, 128, CKD_NULL, b"");
        let wrapped = s.wrap(&bare, public, key).unwrap();
        let (head, body) = wrapped.split_at(skipped + size);
        openssl.put("peer.der", &spki(algorithm, &head[skipped..]));
        let secret = openssl.run(&format!("{derive} -inkey key.der -peerkey peer.der"));
        assert_eq!(openssl.kwp("-d", &secret[..16], body), [0x3c; 16]);

        openssl.run(&format!(
            "genpkey -outform DER -out own.der -algorithm {new}"
        ));
        let spki = openssl.run("pkey -in own.der -inform DER -pubout -outform DER");
        openssl.run("pkey -in key.der -inform DER -pubout -outform DER -out public.der");
        let secret = openssl.run(&format!("{derive} -inkey own.der -peerkey public.der"));
        let point = &spki[spki.len() - size..];
        let head = match skipped {
            0 => point.to_vec(),
            _ => der::octets(point),
        };
        let made = [head, openssl.kwp("-e", &kdf(secret), &[7; 24])].concat();
        let back = s.unwrap(&mech, private, &made, &open(Template::secret(CKK_AES)));
        assert_eq!(s.attribute(back.unwrap(), CKA_VALUE).unwrap(), [7; 24]);
    }
}

#[test]
fn bad_parameters_are_refused() {
    let token = Token::fresh();
    let s = token.user();
    let key = s.create(&Template::aes(&[1; 16])).unwrap();
    let (rsa, rsa_private) = s.rsa_pair(2048, &[CKA_WRAP], &[CKA_UNWRAP]);
    let (ec, ec_private) = s.ec_pair(der::P224, &[CKA_WRAP], &[CKA_UNWRAP]);
    let structure = |bits, oaep| {
        let parameter = CK_RSA_AES_KEY_WRAP_PARAMS {
            ulAESKeyBits: bits,
            pOAEPParams: oaep,
        };
        Mech::structure(CKM_RSA_AES_KEY_WRAP, parameter, vec![])
    };
    let mut lying = CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: std::ptr::null_mut(),
        ulSourceDataLen: 4,
    };
    let ecdh = |parameter| Mech::structure(CKM_ECDH_AES_KEY_WRAP, parameter, vec![]);
    let shared = |bits, kdf, length| {
        ecdh(CK_ECDH_AES_KEY_WRAP_PARAMS {
            ulAESKeyBits: bits,
            kdf,
            ulSharedDataLen: length,
            pSharedData: std::ptr::null_mut(),
        })
    };
    let mut bad = vec![
        (structure(256, std::ptr::null_mut()), rsa, rsa_private),
        (structure(256, &raw mut lying), rsa, rsa_private),
        (
            rsa_aes(256, CKM_SHA256_HMAC, CKG_MGF1_SHA256, b""),
            rsa,
            rsa_private,
        ),
        (rsa_aes(256, CKM_SHA256, 0x99, b""), rsa, rsa_private),
        (
            Mech::bytes(CKM_RSA_AES_KEY_WRAP, &[0; 15]),
            rsa,
            rsa_private,
        ),
        (Mech::plain(CKM_RSA_AES_KEY_WRAP), rsa, rsa_private),
        (shared(256, CKD_SHA256_KDF, 1), ec, ec_private),
        (shared(256, CKD_SHA256_KDF, 1 << 63), ec, ec_private),
        (shared(256, 0x77, 0), ec, ec_private),
        (Mech::bytes(CKM_ECDH_AES_KEY_WRAP, &[0; 31]), ec, ec_private),
        (Mech::plain(CKM_ECDH_AES_KEY_WRAP), ec, ec_private),
        // Without a function to derive it, 28 bytes of secret give no key of 32.
        (shared(256, CKD_NULL, 0), ec, ec_private),
        (
            Mech::ecdh_wrap(CKM_ECDH_AES_KEY_WRAP, 128, CKD_NULL, b"shared"),
            ec,
            ec_private,
        ),
    ];
    for bits in [0, 1, 127, 129, 512, CK_ULONG::MAX] {
        bad.push((sha256(bits), rsa, rsa_private));
        bad.push((shared(bits, CKD_SHA256_KDF, 0), ec, ec_private));
    }
    for (number, (mech, public, private)) in bad.iter().enumerate() {
        expect_rv!(
            s.wrap(mech, *public, key),
            CKR_MECHANISM_PARAM_INVALID,
            "{number}"
        );
        // The public half of a pair on this curve, so that a bare secret is what is refused.
        let good = shared(128, CKD_SHA256_KDF, 0);
        let wrapped = match *private == ec_private {
            true => s.wrap(&good, ec, key).unwrap(),
            false => s.wrap(&sha256(256), rsa, key).unwrap(),
        };
        expect_rv!(
            s.unwrap(mech, *private, &wrapped, &Template::secret(CKK_AES)),
            CKR_MECHANISM_PARAM_INVALID,
            "{number}"
        );
    }
}

#[test]
fn every_way_of_being_wrong_is_one_error() {
    let token = Token::fresh();
    let s = token.user();
    let key = s.create(&Template::aes(&[9; 32])).unwrap();
    let template = Template::secret(CKK_AES);
    for (mech, (public, private), head) in every_way(&s) {
        let good = s.wrap(&mech, public, key).unwrap();
        let refused = |wrapped: &[u8]| s.unwrap(&mech, private, wrapped, &template);
        // In the head a change makes another temporary key or none, in the body the key's own check fails.
        for place in [
            0,
            1,
            head / 2,
            head - 1,
            head,
            head + 7,
            head + 8,
            good.len() - 1,
        ] {
            let mut bad = good.clone();
            bad[place] ^= 0x10;
            expect_rv!(
                refused(&bad),
                CKR_WRAPPED_KEY_INVALID,
                "{:#x} at {place}",
                mech.kind()
            );
        }
        for length in [1, head - 1, head, head + 8, head + 15, good.len() - 1] {
            expect_rv!(
                refused(&good[..length]),
                CKR_WRAPPED_KEY_LEN_RANGE,
                "{:#x} of {length}",
                mech.kind()
            );
        }
        let longer = [&good[..], &[0]].concat();
        expect_rv!(refused(&longer), CKR_WRAPPED_KEY_LEN_RANGE);
        let longer = [&good[..], &[0; 8]].concat();
        expect_rv!(refused(&longer), CKR_WRAPPED_KEY_INVALID);
        let of_other = Template::class(CKO_PRIVATE_KEY).ulong(CKA_KEY_TYPE, CKK_RSA);
        expect_rv!(
            s.unwrap(&mech, private, &good, &of_other),
            CKR_WRAPPED_KEY_INVALID
        );
        let shorter = template.clone().ulong(CKA_VALUE_LEN, 16);
        expect_rv!(
            s.unwrap(&mech, private, &good, &shorter),
            CKR_WRAPPED_KEY_LEN_RANGE
        );
        // A temporary key of another length than the parameter says is none.
        if mech.kind() == CKM_RSA_AES_KEY_WRAP && head == 256 {
            expect_rv!(
                s.unwrap(&sha256(128), private, &good, &template),
                CKR_WRAPPED_KEY_INVALID
            );
        }
        assert!(refused(&good).is_ok());
    }
}

#[test]
fn keys_that_do_not_fit_are_refused() {
    let token = Token::fresh();
    let s = token.user();
    let (rsa, rsa_private) = s.rsa_pair(2048, &[CKA_WRAP], &[CKA_UNWRAP]);
    let (ec, ec_private) = s.ec_pair(der::P256, &[CKA_WRAP], &[CKA_UNWRAP]);
    let (silent, silent_private) = s.ec_pair(der::P256, &[], &[CKA_DERIVE]);
    let aes = s.aes_key(32, &[CKA_WRAP, CKA_UNWRAP]);
    let key = s.create(&Template::aes(&[1; 16])).unwrap();
    let ecdh = |kind| Mech::ecdh_wrap(kind, 256, CKD_SHA256_KDF, b"");
    for (mech, public, private) in [
        (sha256(256), ec, ec_private),
        (sha256(256), aes, aes),
        (ecdh(CKM_ECDH_AES_KEY_WRAP), rsa, rsa_private),
        (ecdh(CKM_ECDH_X_AES_KEY_WRAP), ec, ec_private),
        // The halves the wrong way round.
        (sha256(256), rsa_private, rsa),
    ] {
        expect_rv!(
            s.wrap(&mech, public, key),
            CKR_WRAPPING_KEY_TYPE_INCONSISTENT
        );
        expect_rv!(
            s.unwrap(&mech, private, &[0; 400], &Template::secret(CKK_AES)),
            CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT
        );
    }
    let mech = ecdh(CKM_ECDH_COF_AES_KEY_WRAP);
    expect_rv!(s.wrap(&mech, silent, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    expect_rv!(
        s.unwrap(&mech, silent_private, &[4; 400], &Template::secret(CKK_AES)),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    expect_rv!(s.wrap(&sha256(256), rsa, rsa), CKR_KEY_NOT_WRAPPABLE);
    expect_rv!(s.wrap(&sha256(256), rsa, aes), CKR_KEY_UNEXTRACTABLE);
    // What is sensitive leaves under pairs that were made here, or that the SO trusts.
    let foreign = Template::class(CKO_PUBLIC_KEY)
        .ulong(CKA_KEY_TYPE, CKK_EC)
        .bytes(CKA_EC_PARAMS, der::P256)
        .bytes(CKA_EC_POINT, &s.attribute(ec, CKA_EC_POINT).unwrap())
        .yes(&[CKA_WRAP]);
    let foreign = s.create(&foreign).unwrap();
    let sensitive = s.aes_key(16, &[CKA_EXTRACTABLE]);
    expect_rv!(s.wrap(&mech, foreign, sensitive), CKR_KEY_NOT_WRAPPABLE);
}

#[test]
fn what_carried_a_sensitive_key_gives_it_back_in_this_way_only() {
    let token = Token::fresh();
    let s = token.user();
    let sensitive = s.aes_key(32, &[CKA_EXTRACTABLE]);
    let loose = open(Template::secret(CKK_AES)).yes(&[CKA_DECRYPT, CKA_UNWRAP]);
    let (rsa, rsa_private) = s.rsa_pair(2048, &[CKA_WRAP], &[CKA_UNWRAP]);
    let both = [CKA_UNWRAP, CKA_DERIVE, CKA_DECAPSULATE];
    let (ec, ec_private) = s.ec_pair(der::P256, &[CKA_WRAP, CKA_ENCAPSULATE], &both);
    let transport = Mech::ecdh_wrap(CKM_ECDH_AES_KEY_WRAP, 256, CKD_NULL, b"");
    let by_rsa = s.wrap(&sha256(256), rsa, sensitive).unwrap();
    let by_ec = s.wrap(&transport, ec, sensitive).unwrap();
    for key in [rsa, rsa_private, ec, ec_private] {
        assert_eq!(s.ulong(key, ROLE).unwrap(), TRANSPORT);
    }
    // The temporary key by itself would decrypt the rest.
    let oaep = Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
    expect_rv!(
        s.unwrap(&oaep, rsa_private, &by_rsa[..256], &loose),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    let agreement = Mech::ecdh(CKD_NULL, b"", &by_ec[..65]);
    expect_rv!(
        s.derive(&agreement, ec_private, &loose),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    expect_rv!(
        s.decapsulate(
            &Mech::ecdh(CKD_NULL, b"", b""),
            ec_private,
            &by_ec[..65],
            &loose
        ),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    // A copy is held to the same.
    let copy = s.copy(ec_private, &Template::new()).unwrap();
    expect_rv!(
        s.derive(&agreement, copy, &loose),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    for (mech, private, wrapped) in [
        (&sha256(256), rsa_private, &by_rsa),
        (&transport, ec_private, &by_ec),
    ] {
        let back = s.unwrap(mech, private, wrapped, &loose).unwrap();
        expect_rv!(s.attribute(back, CKA_VALUE), CKR_ATTRIBUTE_SENSITIVE);
        assert!(!s.flag(back, CKA_EXTRACTABLE).unwrap());
    }
    // A pair that carried one otherwise carries none in this way, nor does one that was not made to unwrap.
    let (other, _) = s.rsa_pair(2048, &[CKA_WRAP], &[CKA_UNWRAP]);
    s.wrap(&oaep, other, sensitive).unwrap();
    expect_rv!(
        s.wrap(&sha256(256), other, sensitive),
        CKR_KEY_NOT_WRAPPABLE
    );
    let (apart, apart_private) = s.ec_pair(der::P256, &[CKA_WRAP], &[CKA_DERIVE]);
    expect_rv!(s.wrap(&transport, apart, sensitive), CKR_KEY_NOT_WRAPPABLE);
    // Open keys are their owner's to show, and bind nothing.
    let known = s.create(&Template::aes(&[5; 16])).unwrap();
    let by_apart = s.wrap(&transport, apart, known).unwrap();
    let agreement = Mech::ecdh(CKD_NULL, b"", &by_apart[..65]);
    assert!(s.derive(&agreement, apart_private, &loose).is_ok());
}
