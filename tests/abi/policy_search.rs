//! Rule 33 on the built module: every short attack that `tests/policy.rs` knows of, tried with real
//! mechanisms and real bytes. A leak is seen by its effect: some output holds the target's value.

use crate::support::*;
use aes::Aes128;
use aes::cipher::{BlockCipherEncrypt, KeyInit};
use cryptoki_sys::*;

/// `CKM_KEYWARD_KEY_TOKEN` and `CKA_KEYWARD_DOMAIN_KEY_ID`.
const KEY_TOKEN: CK_MECHANISM_TYPE = 0x804B_5701;
const DOMAIN_KEY_ID: CK_ATTRIBUTE_TYPE = 0x804B_5701;

const BOTH: [CK_ATTRIBUTE_TYPE; 5] = [CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE];

/// What wraps the target.
#[derive(Clone, Copy, Debug)]
enum Wrapper {
    BothRoles,
    WrapOnly,
    Known,
    Pair,
    Domain,
}

/// What is tried on the wrapped target.
#[derive(Clone, Copy, Debug)]
enum Opening {
    Unwrap,
    Decrypt,
    DeriveStream,
    RawSign,
}

/// When the opening key is used for data, or copied, to slip past the first use.
#[derive(Clone, Copy, Debug)]
enum Trick {
    None,
    CopyFirst,
    CopyAfter,
    SealAndOpen,
    DataFirst,
}

const WRAPPERS: [Wrapper; 5] = [
    Wrapper::BothRoles,
    Wrapper::WrapOnly,
    Wrapper::Known,
    Wrapper::Pair,
    Wrapper::Domain,
];
const OPENINGS: [Opening; 4] = [
    Opening::Unwrap,
    Opening::Decrypt,
    Opening::DeriveStream,
    Opening::RawSign,
];
const TRICKS: [Trick; 5] = [
    Trick::None,
    Trick::CopyFirst,
    Trick::CopyAfter,
    Trick::SealAndOpen,
    Trick::DataFirst,
];

/// The attacker: a session, the key it is after, and a way to know that key's value when it sees it.
struct Attacker<'s> {
    s: &'s Session,
    domain: CK_OBJECT_HANDLE,
    target: CK_OBJECT_HANDLE,
    proof: Vec<u8>,
}

impl Attacker<'_> {
    fn new(s: &Session, extractable: bool) -> Attacker<'_> {
        let usages: &[CK_ATTRIBUTE_TYPE] = if extractable {
            &[CKA_EXTRACTABLE, CKA_DERIVE]
        } else {
            &[CKA_DERIVE]
        };
        let target = s.aes_key(16, usages);
        let proof = s
            .encrypt(&Mech::plain(CKM_AES_ECB), target, &[0; 16])
            .unwrap();
        let keys = s.find(&Template::secret(CKK_AES)).unwrap();
        let domain = keys
            .into_iter()
            .find(|key| s.attribute(*key, DOMAIN_KEY_ID).is_ok());
        Attacker {
            s,
            domain: domain.expect("a domain key"),
            target,
            proof,
        }
    }

    /// Whether 16 bytes anywhere in an output are the target's value.
    fn is_leak(&self, output: &[u8]) -> bool {
        output.windows(16).any(|window| {
            let key: [u8; 16] = window.try_into().unwrap();
            let mut block = [0; 16].into();
            Aes128::new(&key.into()).encrypt_block(&mut block);
            block.as_slice() == self.proof
        })
    }

    /// Whether a key shows the target's value.
    fn shows(&self, key: CK_OBJECT_HANDLE) -> bool {
        let value = self.s.attribute(key, CKA_VALUE);
        value.is_ok_and(|value| self.is_leak(&value))
    }

    /// The wrapping key and the one that may open what it wrapped.
    fn keys(&self, wrapper: Wrapper) -> (CK_OBJECT_HANDLE, CK_OBJECT_HANDLE) {
        let twice = |key| (key, key);
        match wrapper {
            Wrapper::BothRoles => twice(self.s.aes_key(16, &BOTH)),
            Wrapper::WrapOnly => twice(self.s.aes_key(16, &[CKA_WRAP, CKA_UNWRAP])),
            Wrapper::Known => {
                let known = Template::aes(&[1; 16])
                    .no(&[CKA_SENSITIVE])
                    .yes(&[CKA_EXTRACTABLE])
                    .yes(&BOTH);
                twice(self.s.create(&known).unwrap())
            }
            Wrapper::Pair => self.s.rsa_pair(
                2048,
                &[CKA_WRAP, CKA_ENCRYPT],
                &[CKA_UNWRAP, CKA_DECRYPT, CKA_SIGN],
            ),
            Wrapper::Domain => twice(self.domain),
        }
    }

    /// Wraps and opens in one way; tells whether the target's value came out.
    fn attack(&self, wrapper: Wrapper, mech: &Mech, opening: Opening, trick: Trick) -> bool {
        let (wrapping, opener) = self.keys(wrapper);
        let copy = |key| self.s.copy(key, &Template::new()).unwrap_or(key);
        let opener = match trick {
            Trick::CopyFirst => copy(opener),
            Trick::SealAndOpen => self.sealed_and_opened(opener),
            Trick::DataFirst => {
                let _ = self.s.encrypt(&Mech::plain(CKM_AES_ECB), opener, &[0; 16]);
                opener
            }
            Trick::None | Trick::CopyAfter => opener,
        };
        let Ok(wrapped) = self.s.wrap(mech, wrapping, self.target) else {
            return false;
        };
        let opener = if let Trick::CopyAfter = trick {
            copy(opener)
        } else {
            opener
        };
        match opening {
            Opening::Unwrap => {
                let loose = Template::secret(CKK_AES)
                    .no(&[CKA_SENSITIVE])
                    .yes(&[CKA_EXTRACTABLE]);
                let back = self.s.unwrap(mech, opener, &wrapped, &loose);
                back.is_ok_and(|back| self.shows(back))
            }
            Opening::Decrypt => {
                let plain = self.s.decrypt(mech, opener, &wrapped);
                plain.is_ok_and(|plain| self.is_leak(&plain))
            }
            Opening::DeriveStream => {
                let stream = Mech::text(CKM_AES_ECB_ENCRYPT_DATA, &[0; 16]);
                let loose = Template::secret(CKK_GENERIC_SECRET)
                    .no(&[CKA_SENSITIVE])
                    .yes(&[CKA_EXTRACTABLE])
                    .ulong(CKA_VALUE_LEN, 16);
                let derived = self.s.derive(&stream, opener, &loose);
                let Ok(stream) = derived.and_then(|key| self.s.attribute(key, CKA_VALUE)) else {
                    return false;
                };
                let sum: Vec<u8> = stream.iter().zip(&wrapped).map(|(a, b)| a ^ b).collect();
                self.is_leak(&sum)
            }
            Opening::RawSign => {
                let raw = self.s.sign(&Mech::plain(CKM_RSA_X_509), opener, &wrapped);
                raw.is_ok_and(|raw| self.is_leak(&raw))
            }
        }
    }

    /// A second object of the same key, by way of a key token.
    fn sealed_and_opened(&self, key: CK_OBJECT_HANDLE) -> CK_OBJECT_HANDLE {
        let mech = Mech::plain(KEY_TOKEN);
        let token = self.s.wrap(&mech, self.domain, key);
        let template = Template::secret(CKK_AES);
        let opened = token.and_then(|token| self.s.unwrap(&mech, self.domain, &token, &template));
        opened.unwrap_or(key)
    }

    /// Every attack that leads to the target.
    fn leaks(&self) -> Vec<String> {
        let mut found = Vec::new();
        for wrapper in WRAPPERS {
            let mechs = match wrapper {
                Wrapper::Pair => vec![Mech::plain(CKM_RSA_PKCS), Mech::plain(CKM_RSA_X_509)],
                _ => vec![
                    Mech::plain(CKM_AES_KEY_WRAP),
                    Mech::plain(CKM_AES_KEY_WRAP_KWP),
                    Mech::plain(CKM_AES_ECB),
                    Mech::bytes(CKM_AES_CBC_PAD, &[0; 16]),
                    Mech::ctr(128, [0; 16]),
                    Mech::plain(KEY_TOKEN),
                ],
            };
            for mech in &mechs {
                for opening in OPENINGS {
                    for trick in TRICKS {
                        if self.attack(wrapper, mech, opening, trick) {
                            let kind = mech.kind();
                            found.push(format!("{wrapper:?} {kind:#x} {opening:?} {trick:?}"));
                        }
                    }
                }
            }
        }
        let loose = || {
            Template::secret(CKK_GENERIC_SECRET)
                .no(&[CKA_SENSITIVE])
                .yes(&[CKA_EXTRACTABLE])
        };
        for mech in [
            Mech::text(CKM_CONCATENATE_BASE_AND_DATA, b"data"),
            Mech::text(CKM_XOR_BASE_AND_DATA, &[0; 16]),
            Mech::general(CKM_EXTRACT_KEY_FROM_KEY, 0),
        ] {
            if self
                .s
                .derive(&mech, self.target, &loose())
                .is_ok_and(|key| self.shows(key))
            {
                found.push(format!("{:#x}", mech.kind()));
            }
        }
        if self.shows(self.target) {
            found.push("read".to_owned());
        }
        found
    }
}

#[test]
fn no_short_attack_on_the_module_leads_to_a_key() {
    if !is_keyward() {
        return;
    }
    let token = Token::fresh();
    let s = token.user();
    for extractable in [false, true] {
        let leaks = Attacker::new(&s, extractable).leaks();
        assert!(leaks.is_empty(), "extractable {extractable}: {leaks:?}");
    }
}

#[test]
fn the_same_attacks_find_the_classical_leaks_at_the_standard_level() {
    if !is_keyward() {
        return;
    }
    isolated!(|| {
        let token = Token::fresh();
        let s = token.user();
        let before = Attacker::new(&s, true).leaks();
        assert!(before.is_empty(), "guarded to begin with: {before:?}");
        // The security officer says so in another process; this one follows without a new login.
        token.set_policy("standard");
        let leaks = Attacker::new(&s, false).leaks();
        assert!(
            leaks.is_empty(),
            "protected keys are so at every level: {leaks:?}"
        );
        let leaks = Attacker::new(&s, true).leaks();
        for classical in ["BothRoles", "WrapOnly", "Known"] {
            let found = leaks.iter().any(|leak| leak.starts_with(classical));
            assert!(found, "{classical}: {leaks:?}");
        }
        assert!(
            !leaks.iter().any(|leak| leak.starts_with("Domain")),
            "{leaks:?}"
        );
    });
}

#[test]
fn a_process_can_tighten_what_the_token_says_and_not_loosen_it() {
    if !is_keyward() {
        return;
    }
    isolated!(|| {
        let settings = std::env::var("KEYWARD_CONFIG").unwrap();
        let text = std::fs::read_to_string(&settings).unwrap();
        std::fs::write(&settings, format!("policy = 'guarded'\n{text}")).unwrap();
        let token = Token::fresh();
        token.set_policy("standard");
        let s = token.user();
        let leaks = Attacker::new(&s, true).leaks();
        assert!(leaks.is_empty(), "{leaks:?}");
    });
}
