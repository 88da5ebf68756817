//! The files of Wycheproof that say something about the module's mechanisms, and what runs each.

use crate::bench::Bench;
use crate::report::{Report, Verdict};
use crate::{aead, elliptic, kdf, lattices, rsa, symmetric};
use serde_json::Value;
use wycheproof::{
    aead as aeads, chunked_encryption, cipher, dsa, ec_curve, ecdh, ecdsa, eddsa, fpe_list,
    fpe_str, hkdf, keywrap, mac, mac_with_nonce, mldsa_sign, mldsa_verify, mlkem, pbes2, pbkdf2,
    primality, rsa_oaep, rsa_pkcs1_decrypt, rsa_pkcs1_verify, rsa_pss_verify, xdh,
};

type Runner = fn(&Bench, &Value, &Value) -> Verdict;

pub(crate) struct File {
    pub(crate) name: String,
    json: &'static str,
    runner: Runner,
}

impl File {
    /// Runs every vector of the file.
    pub(crate) fn run(&self, bench: &Bench) -> Report {
        let set: Value = serde_json::from_str(self.json).expect("JSON");
        let mut report = Report::new(&self.name);
        let mut count = 0;
        for group in set["testGroups"].as_array().expect("groups") {
            let mut group = group.clone();
            group["algorithm"] = set["algorithm"].clone();
            let tests = group["tests"].take();
            for test in tests.as_array().expect("tests") {
                count += 1;
                let verdict = (self.runner)(bench, &group, test);
                let id = format!(
                    "{} ({})",
                    test["tcId"],
                    test["comment"].as_str().unwrap_or_default()
                );
                report.count(&id, test["result"].as_str().expect("a result"), verdict);
            }
        }
        assert_eq!(Some(count), set["numberOfTests"].as_u64(), "{}", self.name);
        report
    }
}

macro_rules! files {
    ($list:ident; $($family:ident: $($set:ident)+ => $runner:path;)+) => {
        $($($list.push(File {
            name: format!("{} {:?}", stringify!($family), $family::TestName::$set),
            json: $family::TestName::$set.json_data(),
            runner: $runner,
        });)+)+
    };
}

/// Every file that applies. [`left_out`] has the others.
pub(crate) fn all() -> Vec<File> {
    let mut list = Vec::new();
    files! { list;
        // The slow ones first, so that both threads end together.
        rsa_oaep: Rsa4096Sha256Mgf1Sha1 Rsa4096Sha256Mgf1Sha256 Rsa4096Sha512Mgf1Sha1
            Rsa4096Sha512Mgf1Sha512 RsaMisc Rsa2048Sha1Mgf1Sha1 Rsa2048Sha224Mgf1Sha1
            Rsa2048Sha224Mgf1Sha224 Rsa2048Sha256Mgf1Sha1 Rsa2048Sha256Mgf1Sha256
            Rsa2048Sha384Mgf1Sha1 Rsa2048Sha384Mgf1Sha384 Rsa2048Sha512Mgf1Sha1
            Rsa2048Sha512Mgf1Sha512 Rsa2048Sha512_224Mgf1Sha1 Rsa2048Sha512_224Mgf1Sha512_224
            Rsa3072Sha256Mgf1Sha1 Rsa3072Sha256Mgf1Sha256 Rsa3072Sha512Mgf1Sha1
            Rsa3072Sha512Mgf1Sha512 Rsa3072Sha512_256Mgf1Sha1
            Rsa3072Sha512_256Mgf1Sha512_256 => rsa::oaep;
        rsa_pkcs1_decrypt: Rsa2048 Rsa3072 Rsa4096 => rsa::pkcs1_decrypt;
        rsa_pkcs1_verify: Rsa8192Sha256 Rsa8192Sha384 Rsa8192Sha512 Rsa2048Sha224 Rsa2048Sha256
            Rsa2048Sha3_224 Rsa2048Sha3_256 Rsa2048Sha3_384 Rsa2048Sha3_512 Rsa2048Sha384
            Rsa2048Sha512_224 Rsa2048Sha512_256 Rsa2048Sha512 Rsa3072Sha256 Rsa3072Sha3_256
            Rsa3072Sha3_384 Rsa3072Sha3_512 Rsa3072Sha384 Rsa3072Sha512_256 Rsa3072Sha512
            Rsa4096Sha256 Rsa4096Sha384 Rsa4096Sha512_256 Rsa4096Sha512 => rsa::pkcs1;
        rsa_pss_verify: RsaPss2048Sha1Mgf1SaltLen20WithParams RsaPss2048Sha1Mgf1SaltLen20
            RsaPss2048Sha256Mgf1SaltLen0WithParams RsaPss2048Sha256Mgf1SaltLen0
            RsaPss2048Sha256Mgf1SaltLen32WithParams RsaPss2048Sha256Mgf1SaltLen32
            RsaPss2048Sha256Mgf1Sha1_20 RsaPss2048Sha384Mgf1SaltLen48
            RsaPss2048Sha512_224Mgf1SaltLen28 RsaPss2048Sha512_256Mgf1SaltLen32
            RsaPss2048Sha512Mgf1Sha256SaltLen32WithParams RsaPss3072Sha256Mgf1SaltLen32WithParams
            RsaPss3072Sha256Mgf1SaltLen32 RsaPss4096Sha256Mgf1SaltLen32
            RsaPss4096Sha384Mgf1SaltLen48 RsaPss4096Sha512Mgf1SaltLen32WithParams
            RsaPss4096Sha512Mgf1SaltLen32 RsaPss4096Sha512Mgf1SaltLen64WithParams
            RsaPss4096Sha512Mgf1SaltLen64 RsaPssmiscWithParams RsaPssmisc => rsa::pss;
        ecdsa: EcdsaBrainpool224r1Sha224 EcdsaBrainpool224r1Sha3_224
            EcdsaBrainpool256r1Sha256 EcdsaBrainpool256r1Sha3_256 EcdsaBrainpool320r1Sha3_384
            EcdsaBrainpool320r1Sha384 EcdsaBrainpool384r1Sha3_384 EcdsaBrainpool384r1Sha384
            EcdsaBrainpool512r1Sha3_512 EcdsaBrainpool512r1Sha512 EcdsaSecp224r1Sha224
            EcdsaSecp224r1Sha256 EcdsaSecp224r1Sha3_224 EcdsaSecp224r1Sha3_256
            EcdsaSecp224r1Sha3_512 EcdsaSecp224r1Sha512 EcdsaSecp256k1Sha256 EcdsaSecp256k1Sha3_256
            EcdsaSecp256k1Sha3_512 EcdsaSecp256k1Sha512 EcdsaSecp256r1Sha256 EcdsaSecp256r1Sha3_256
            EcdsaSecp256r1Sha3_512 EcdsaSecp256r1Sha512 EcdsaSecp384r1Sha256 EcdsaSecp384r1Sha3_384
            EcdsaSecp384r1Sha3_512 EcdsaSecp384r1Sha384 EcdsaSecp384r1Sha512 EcdsaSecp521r1Sha3_512
            EcdsaSecp521r1Sha512 EcdsaSecp224r1Shake128 EcdsaSecp256k1Shake128
            EcdsaSecp256k1Shake256 EcdsaSecp256r1Shake128 EcdsaSecp384r1Shake256
            EcdsaSecp521r1Shake256 => elliptic::ecdsa_der;
        ecdsa: EcdsaSecp256k1Sha256Bitcoin => elliptic::ecdsa_bitcoin;
        ecdsa: EcdsaBrainpool224r1Sha224P1363 EcdsaBrainpool256r1Sha256P1363
            EcdsaBrainpool320r1Sha384P1363 EcdsaBrainpool384r1Sha384P1363
            EcdsaBrainpool512r1Sha512P1363 EcdsaSecp224r1Sha224P1363 EcdsaSecp224r1Sha256P1363
            EcdsaSecp224r1Sha512P1363 EcdsaSecp256k1Sha256P1363 EcdsaSecp256k1Sha512P1363
            EcdsaSecp256r1Sha256P1363 EcdsaSecp256r1Sha512P1363 EcdsaSecp384r1Sha384P1363
            EcdsaSecp384r1Sha512P1363 EcdsaSecp521r1Sha512P1363 EcdsaSecp224r1Shake128P1363
            EcdsaSecp256k1Shake128P1363 EcdsaSecp256k1Shake256P1363 EcdsaSecp256r1Shake128P1363
            EcdsaSecp384r1Shake256P1363 EcdsaSecp521r1Shake256P1363 => elliptic::ecdsa_p1363;
        ecdh: EcdhBrainpool224r1 EcdhBrainpool256r1 EcdhBrainpool320r1 EcdhBrainpool384r1
            EcdhBrainpool512r1 EcdhSecp224r1 EcdhSecp256k1 EcdhSecp256r1 EcdhSecp384r1 EcdhSecp521r1
            => elliptic::ecdh_asn;
        ecdh: EcdhSecp224r1Ecpoint EcdhSecp256r1Ecpoint EcdhSecp384r1Ecpoint
            EcdhSecp521r1Ecpoint => elliptic::ecdh_point;
        mlkem: MlKem512 MlKem768 MlKem1024 => lattices::kem;
        mlkem: MlKem512Encaps MlKem768Encaps MlKem1024Encaps => lattices::kem_encaps;
        mlkem: MlKem512KeyGenSeed MlKem768KeyGenSeed MlKem1024KeyGenSeed => lattices::kem_keys;
        mlkem: MlKem512SemiExpandedDecaps MlKem768SemiExpandedDecaps
            MlKem1024SemiExpandedDecaps => lattices::kem_decaps;
        mldsa_verify: MlDsa44Verify MlDsa65Verify MlDsa87Verify => lattices::dsa_verify;
        mldsa_sign: MlDsa44SignNoSeed MlDsa44SignSeed MlDsa65SignNoSeed MlDsa65SignSeed
            MlDsa87SignNoSeed MlDsa87SignSeed => lattices::dsa_sign;
        eddsa: Ed25519 => elliptic::eddsa;
        xdh: X25519 => elliptic::xdh;
        aeads: AesGcm => symmetric::gcm;
        aeads: AesCcm => aead::ccm;
        aeads: ChaCha20Poly1305 XChaCha20Poly1305 => aead::chacha20_poly1305;
        cipher: AesCbcPkcs5 => symmetric::cbc_pad;
        cipher: AesXts => aead::xts;
        mac_with_nonce: Gmac => aead::gmac;
        keywrap: AesKeyWrap => symmetric::kw;
        keywrap: AesKeyWrapWithPadding => symmetric::kwp;
        hkdf: HkdfSha1 HkdfSha256 HkdfSha384 HkdfSha512 => kdf::hkdf;
        pbkdf2: Pbkdf2HmacSha1 Pbkdf2HmacSha224 Pbkdf2HmacSha256 Pbkdf2HmacSha384 Pbkdf2HmacSha512
            => kdf::pbkdf2;
        pbes2: PbeWithHmacSha1AndAes128 PbeWithHmacSha1AndAes192 PbeWithHmacSha1AndAes256
            PbeWithHmacSha224AndAes128 PbeWithHmacSha224AndAes192 PbeWithHmacSha224AndAes256
            PbeWithHmacSha256AndAes128 PbeWithHmacSha256AndAes192 PbeWithHmacSha256AndAes256
            PbeWithHmacSha384AndAes128 PbeWithHmacSha384AndAes192 PbeWithHmacSha384AndAes256
            PbeWithHmacSha512AndAes128 PbeWithHmacSha512AndAes192 PbeWithHmacSha512AndAes256
            => kdf::pbes2;
        mac: AesCmac => symmetric::cmac;
        mac: HmacSha1 HmacSha224 HmacSha256 HmacSha384 HmacSha512 HmacSha512_224 HmacSha512_256
            HmacSha3_224 HmacSha3_256 HmacSha3_384 HmacSha3_512 => symmetric::hmac;
    }
    list.push(File {
        name: "keywrap AesKeyWrapWithPadding by KEY_WRAP_PAD".to_owned(),
        json: keywrap::TestName::AesKeyWrapWithPadding.json_data(),
        runner: symmetric::kw_pad,
    });
    list
}

/// Why files are left out, by what their names hold. The first that fits counts.
const REASONS: &[(&str, &str)] = &[
    (
        "aeads Aes128CbcHmac",
        "PKCS#11 has AES-CBC and HMAC; joining them is the caller's",
    ),
    (
        "aeads Aes192CbcHmac",
        "PKCS#11 has AES-CBC and HMAC; joining them is the caller's",
    ),
    (
        "aeads Aes256CbcHmac",
        "PKCS#11 has AES-CBC and HMAC; joining them is the caller's",
    ),
    (
        "aeads ",
        "no such mechanism in PKCS#11 3.2, or a cipher that is not offered (ARIA, Camellia, SEED)",
    ),
    ("chunked_encryption ", "no such mechanism in PKCS#11 3.2"),
    ("cipher ", "ARIA and Camellia are not offered"),
    ("dsa Dsa", "DSA is not offered"),
    (
        "ec_curve ",
        "curves described by their numbers are not taken",
    ),
    (
        "ecdsa EcdsaSecp1",
        "curves of fewer than 224 bits are not offered",
    ),
    ("ecdsa EcdsaSecp224k1", "secp224k1 is not offered"),
    ("eddsa Ed448", "Ed448 is not offered"),
    ("fpe_", "no such mechanism in PKCS#11 3.2"),
    ("keywrap ", "ARIA, Camellia and SEED are not offered"),
    ("mac AriaCmac", "ARIA is not offered"),
    ("mac CamelliaCmac", "Camellia is not offered"),
    ("mac ", "no such mechanism in PKCS#11 3.2"),
    ("mac_with_nonce ", "no such mechanism in PKCS#11 3.2"),
    ("primality ", "primes are taken inside of RSA keys only"),
    (
        "rsa_pss_verify RsaPss2048Shake",
        "PKCS#11 has no mask generation by SHAKE",
    ),
    (
        "rsa_pss_verify RsaPss3072Shake",
        "PKCS#11 has no mask generation by SHAKE",
    ),
    (
        "rsa_pss_verify RsaPss4096Shake",
        "PKCS#11 has no mask generation by SHAKE",
    ),
    ("xdh X448", "X448 is not offered"),
];

macro_rules! every {
    ($($family:ident)+) => {{
        let mut list = Vec::new();
        $(for set in $family::TestName::all() {
            list.push((format!("{} {set:?}", stringify!($family)), set.json_data()));
        })+
        list
    }};
}

/// Every other file, with the number of its vectors and why it does not apply. A file that is neither run nor
/// accounted for is a fault, as is a reason that no file needs.
pub(crate) fn left_out() -> Vec<(String, usize, &'static str)> {
    let files = every! {
        aeads chunked_encryption cipher dsa ec_curve ecdh ecdsa eddsa fpe_list fpe_str hkdf keywrap mac
        mac_with_nonce mldsa_sign mldsa_verify mlkem pbes2 pbkdf2 primality rsa_oaep rsa_pkcs1_decrypt
        rsa_pkcs1_verify rsa_pss_verify xdh
    };
    assert_eq!(files.len(), 306, "the files of the crate");
    let run: std::collections::HashSet<String> = all().into_iter().map(|file| file.name).collect();
    let mut needed = vec![false; REASONS.len()];
    let mut list = Vec::new();
    for (name, json) in files {
        if run.contains(&name) {
            continue;
        }
        let fits = |(start, _): &&(&str, &str)| name.starts_with(*start);
        let place = REASONS.iter().position(|reason| fits(&reason));
        let place = place.unwrap_or_else(|| panic!("{name} is neither run nor accounted for"));
        needed[place] = true;
        let set: Value = serde_json::from_str(json).expect("JSON");
        let count = set["numberOfTests"].as_u64().expect("a number");
        list.push((name, count as usize, REASONS[place].1));
    }
    assert!(
        needed.iter().all(|needed| *needed),
        "a reason that no file needs"
    );
    list
}
