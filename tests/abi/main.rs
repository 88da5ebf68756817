//! The C interface through the built module: a file per group of functions, and a test per class of
//! bad input. Set `KEYWARD_TEST_MODULE` to run it against another module.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::too_many_lines,
    clippy::undocumented_unsafe_blocks,
    clippy::macro_metavars_in_unsafe,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking, and talks to C"
)]

#[macro_use]
#[path = "../support/mod.rs"]
mod support;

mod again;
mod attributes;
mod batch;
mod cipher;
mod class_01;
mod class_02_04;
mod class_05_08;
mod class_09_11;
mod class_12_14;
mod class_15_17;
mod class_18_20;
mod class_21_23;
mod class_24_28;
mod class_29_33;
mod customer;
mod customer_calls;
mod customer_policy;
mod deprecated;
mod derivation;
mod digest;
mod encapsulation;
mod find;
mod general;
mod interfaces;
mod key_tokens;
mod keys;
mod library;
mod messages;
mod near;
mod newer;
mod objects;
mod operator_sessions;
mod parameter_sets;
mod pins;
mod policy_search;
mod profiles;
mod recovering;
mod sessions;
mod sign;
mod signed_messages;
mod slots;
mod threads;
mod transport;
mod vendor;
mod vendor_list;

use cryptoki_sys::*;
use support::{Template, unhex};

/// The parts of a 2048-bit RSA key made for these tests, as the vectors' data have it.
fn rsa_parts() -> Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)> {
    let set: serde_json::Value =
        serde_json::from_str(include_str!("../vectors/data/rsa.json")).unwrap();
    let key = &set["cases"][0]["privateKey"];
    let part = |kind, field: &str| {
        let bytes = unhex(key[field].as_str().unwrap());
        let zeros = bytes.iter().take_while(|b| **b == 0).count();
        (kind, bytes[zeros..].to_vec())
    };
    vec![
        part(CKA_MODULUS, "modulus"),
        part(CKA_PUBLIC_EXPONENT, "publicExponent"),
        part(CKA_PRIVATE_EXPONENT, "privateExponent"),
        part(CKA_PRIME_1, "prime1"),
        part(CKA_PRIME_2, "prime2"),
        part(CKA_EXPONENT_1, "exponent1"),
        part(CKA_EXPONENT_2, "exponent2"),
        part(CKA_COEFFICIENT, "coefficient"),
    ]
}

/// That key as a private key to import.
fn rsa_template() -> Template {
    let empty = Template::class(CKO_PRIVATE_KEY)
        .ulong(CKA_KEY_TYPE, CKK_RSA)
        .yes(&[CKA_SIGN, CKA_DECRYPT]);
    rsa_parts()
        .iter()
        .fold(empty, |t, (kind, value)| t.bytes(*kind, value))
}
