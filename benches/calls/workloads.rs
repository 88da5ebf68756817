//! The table of workloads: each prepares, outside the measurement, an operation that is then repeated.

use crate::batches;
use crate::support::{Mech, Session, Template, Token, initialize, ok};
use cryptoki_sys::*;
use std::ptr;

/// An operation to repeat.
pub(crate) type Work<'s> = Box<dyn FnMut() + 's>;

/// One row of the table.
pub(crate) struct Workload {
    pub(crate) name: &'static str,
    /// How often callgrind repeats it, in its longer run.
    pub(crate) count: u64,
    pub(crate) prepare: for<'s> fn(&'s Session, &Keys) -> Work<'s>,
}

const fn row(
    name: &'static str,
    count: u64,
    prepare: for<'s> fn(&'s Session, &Keys) -> Work<'s>,
) -> Workload {
    Workload {
        name,
        count,
        prepare,
    }
}

/// Every workload. The first eight are those of which the issue of this benchmark asked.
pub(crate) const WORKLOADS: &[Workload] = &[
    row("encrypt_gcm_16", 4000, |s, keys| encrypt(s, keys.data)),
    row("sign_hmac_64", 4000, |s, keys| sign(s, keys.hmac)),
    row("wrap_kw", 2000, wrap),
    row("unwrap_kw_destroy", 2000, unwrap),
    row("envelope_cycle", 2000, envelope),
    row("get_attribute", 4000, attributes),
    row("find_token_object", 1000, |s, _| find(s, "token key")),
    row("find_session_object", 1000, |s, _| {
        find(s, "session key 500")
    }),
    row("keygen_aes_session", 2000, keygen),
    row("session_open_close", 2000, open_close),
    row("digest_sha256_64", 4000, digest),
    row("random_32", 4000, random),
    row("wrap_keys_128", 100, batches::wrap),
    row("unwrap_keys_128", 100, batches::unwrap),
];

pub(crate) fn by_name(name: &str) -> &'static Workload {
    let found = WORKLOADS.iter().find(|workload| workload.name == name);
    found.unwrap_or_else(|| panic!("no workload is called {name}"))
}

/// How the first token of a test's directory is called: the one that the processes of a measurement share.
const LABEL: &str = "test 0";
/// Session objects beside those that the workloads use.
const SESSION_OBJECTS: usize = 1000;

/// A new token, in a module that is initialised here.
pub(crate) fn new_token() -> Token {
    Token::fresh()
}

/// The token of another process's measurement, in a module that is initialised here.
pub(crate) fn shared_token() -> Token {
    assert_eq!(initialize(), CKR_OK);
    Token::named(LABEL).expect("the token of the measurement")
}

/// What the workloads use, made once in a process.
#[derive(Clone, Copy)]
pub(crate) struct Keys {
    data: CK_OBJECT_HANDLE,
    pub(crate) kek: CK_OBJECT_HANDLE,
    pub(crate) target: CK_OBJECT_HANDLE,
    hmac: CK_OBJECT_HANDLE,
}

impl Keys {
    /// Makes the keys, session objects of `s`, and the other objects among which searches look.
    pub(crate) fn make(s: &Session) -> Keys {
        let aes = |label: &str, usages: &[CK_ATTRIBUTE_TYPE], extractable: bool| {
            let template = Template::new()
                .ulong(CKA_VALUE_LEN, 32)
                .label(label)
                .bytes(CKA_ID, b"bench-id")
                .bytes(CKA_EXTRACTABLE, &[u8::from(extractable)])
                .yes(usages);
            s.generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
                .expect("an AES key")
        };
        let keys = Keys {
            data: aes("data", &[CKA_ENCRYPT, CKA_DECRYPT], false),
            kek: aes("kek", &[CKA_WRAP, CKA_UNWRAP], false),
            target: aes("target", &[CKA_ENCRYPT, CKA_DECRYPT], true),
            hmac: s
                .create(
                    &Template::secret(CKK_GENERIC_SECRET)
                        .bytes(CKA_VALUE, &[0x5a; 32])
                        .yes(&[CKA_SIGN, CKA_VERIFY]),
                )
                .expect("a secret"),
        };
        for number in 0..SESSION_OBJECTS {
            let label = format!("session key {number}");
            s.create(&Template::aes(&[7; 32]).label(&label))
                .expect("a session object");
        }
        if s.find_one(CKO_SECRET_KEY, "token key").is_none() {
            for number in 0..100 {
                let label = format!("other {number}");
                s.create(&Template::data(&label, b"value").token())
                    .expect("a token object");
            }
            let template = Template::new()
                .ulong(CKA_VALUE_LEN, 32)
                .label("token key")
                .token();
            s.generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
                .expect("a token key");
        }
        keys
    }
}

pub(crate) fn check(rv: CK_RV) {
    ok(rv).expect("a call that works");
}

/// The IV of the next encryption: no key meets one twice.
fn step(iv: &mut [u8; 12]) {
    for byte in iv.iter_mut().rev() {
        *byte = byte.wrapping_add(1);
        if *byte != 0 {
            break;
        }
    }
}

fn first_iv(s: &Session) -> [u8; 12] {
    let mut iv = [0; 12];
    iv[..6].copy_from_slice(&s.random(6).expect("random bytes"));
    iv
}

fn seal(
    s: &Session,
    key: CK_OBJECT_HANDLE,
    iv: &mut [u8; 12],
    data: &mut [u8],
    out: &mut [u8; 64],
) {
    step(iv);
    let mut parameter = CK_GCM_PARAMS {
        pIv: iv.as_mut_ptr(),
        ulIvLen: 12,
        ulIvBits: 96,
        pAAD: ptr::null_mut(),
        ulAADLen: 0,
        ulTagBits: 128,
    };
    let mut kind = CK_MECHANISM {
        mechanism: CKM_AES_GCM,
        pParameter: (&raw mut parameter).cast(),
        ulParameterLen: size_of::<CK_GCM_PARAMS>() as CK_ULONG,
    };
    check(call!(C_EncryptInit(s.handle, &raw mut kind, key)));
    let mut length = out.len() as CK_ULONG;
    check(call!(C_Encrypt(
        s.handle,
        data.as_mut_ptr(),
        data.len() as CK_ULONG,
        out.as_mut_ptr(),
        &raw mut length
    )));
}

pub(crate) fn plain(mechanism: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism,
        pParameter: ptr::null_mut(),
        ulParameterLen: 0,
    }
}

fn encrypt(s: &Session, key: CK_OBJECT_HANDLE) -> Work<'_> {
    let mut iv = first_iv(s);
    let (mut data, mut out) = ([0x22; 16], [0; 64]);
    Box::new(move || seal(s, key, &mut iv, &mut data, &mut out))
}

fn sign(s: &Session, key: CK_OBJECT_HANDLE) -> Work<'_> {
    let (mut data, mut out) = ([0x77; 64], [0; 32]);
    Box::new(move || {
        let (mut kind, mut length) = (plain(CKM_SHA256_HMAC), 32);
        check(call!(C_SignInit(s.handle, &raw mut kind, key)));
        check(call!(C_Sign(
            s.handle,
            data.as_mut_ptr(),
            64,
            out.as_mut_ptr(),
            &raw mut length
        )));
    })
}

fn wrap<'s>(s: &'s Session, keys: &Keys) -> Work<'s> {
    let keys = *keys;
    let mut out = [0; 64];
    Box::new(move || {
        let (mut kind, mut length) = (plain(CKM_AES_KEY_WRAP), 64);
        check(call!(C_WrapKey(
            s.handle,
            &raw mut kind,
            keys.kek,
            keys.target,
            out.as_mut_ptr(),
            &raw mut length
        )));
    })
}

/// Unwraps again and again; what is done with the key comes before it is destroyed.
fn unwrapping<'s>(
    s: &'s Session,
    keys: &Keys,
    mut done: impl FnMut(CK_OBJECT_HANDLE) + 's,
) -> Work<'s> {
    let keys = *keys;
    let mut wrapped = s
        .wrap(&Mech::plain(CKM_AES_KEY_WRAP), keys.kek, keys.target)
        .expect("a wrapped key");
    let template = Template::secret(CKK_AES)
        .no(&[CKA_TOKEN, CKA_EXTRACTABLE])
        .yes(&[CKA_SENSITIVE, CKA_ENCRYPT, CKA_DECRYPT]);
    let mut template = template.raw();
    Box::new(move || {
        let (mut kind, mut key) = (plain(CKM_AES_KEY_WRAP), 0);
        check(call!(C_UnwrapKey(
            s.handle,
            &raw mut kind,
            keys.kek,
            wrapped.as_mut_ptr(),
            wrapped.len() as CK_ULONG,
            template.ptr(),
            template.len(),
            &raw mut key
        )));
        done(key);
        check(call!(C_DestroyObject(s.handle, key)));
    })
}

fn unwrap<'s>(s: &'s Session, keys: &Keys) -> Work<'s> {
    unwrapping(s, keys, |_| {})
}

fn envelope<'s>(s: &'s Session, keys: &Keys) -> Work<'s> {
    let mut iv = first_iv(s);
    let (mut data, mut out) = ([0x11; 32], [0; 64]);
    unwrapping(s, keys, move |key| {
        seal(s, key, &mut iv, &mut data, &mut out);
    })
}

fn attributes<'s>(s: &'s Session, keys: &Keys) -> Work<'s> {
    let key = keys.data;
    let (mut label, mut id) = ([0u8; 64], [0u8; 64]);
    Box::new(move || {
        let place = |kind, buffer: &mut [u8; 64]| CK_ATTRIBUTE {
            type_: kind,
            pValue: buffer.as_mut_ptr().cast(),
            ulValueLen: 64,
        };
        let mut wanted = [place(CKA_LABEL, &mut label), place(CKA_ID, &mut id)];
        check(call!(C_GetAttributeValue(
            s.handle,
            key,
            wanted.as_mut_ptr(),
            2
        )));
    })
}

fn find<'s>(s: &'s Session, label: &str) -> Work<'s> {
    let template = Template::class(CKO_SECRET_KEY).label(label);
    let mut template = template.raw();
    Box::new(move || {
        let (mut found, mut count) = ([0; 4], 0);
        check(call!(C_FindObjectsInit(
            s.handle,
            template.ptr(),
            template.len()
        )));
        check(call!(C_FindObjects(
            s.handle,
            found.as_mut_ptr(),
            4,
            &raw mut count
        )));
        assert_eq!(count, 1, "one object has the label");
        check(call!(C_FindObjectsFinal(s.handle)));
    })
}

fn keygen<'s>(s: &'s Session, _: &Keys) -> Work<'s> {
    let template = Template::secret(CKK_AES)
        .ulong(CKA_VALUE_LEN, 32)
        .label("generated")
        .no(&[CKA_TOKEN])
        .yes(&[CKA_SENSITIVE, CKA_ENCRYPT, CKA_DECRYPT]);
    let mut template = template.raw();
    Box::new(move || {
        let (mut kind, mut key) = (plain(CKM_AES_KEY_GEN), 0);
        check(call!(C_GenerateKey(
            s.handle,
            &raw mut kind,
            template.ptr(),
            template.len(),
            &raw mut key
        )));
        check(call!(C_DestroyObject(s.handle, key)));
    })
}

fn open_close<'s>(s: &'s Session, _: &Keys) -> Work<'s> {
    Box::new(move || {
        let mut opened = 0;
        let flags = CKF_SERIAL_SESSION | CKF_RW_SESSION;
        check(call!(C_OpenSession(
            s.slot,
            flags,
            ptr::null_mut(),
            None,
            &raw mut opened
        )));
        check(call!(C_CloseSession(opened)));
    })
}

fn digest<'s>(s: &'s Session, _: &Keys) -> Work<'s> {
    let (mut data, mut out) = ([0x77; 64], [0; 32]);
    Box::new(move || {
        let (mut kind, mut length) = (plain(CKM_SHA256), 32);
        check(call!(C_DigestInit(s.handle, &raw mut kind)));
        check(call!(C_Digest(
            s.handle,
            data.as_mut_ptr(),
            64,
            out.as_mut_ptr(),
            &raw mut length
        )));
    })
}

fn random<'s>(s: &'s Session, _: &Keys) -> Work<'s> {
    let mut out = [0; 32];
    Box::new(move || check(call!(C_GenerateRandom(s.handle, out.as_mut_ptr(), 32))))
}
