//! Every field of every message: cut, doubled, moved, in another form, too long, another value. Each is
//! refused with one line, whoever signed it.

use crate::mutants::{Item, Mutant, Wrong};
use crate::world::{Member, NOW, approved, key_id, pair};
use cryptoki_sys::*;
use keyward_pkcs11::domain::command::{Approvals, Change};
use keyward_pkcs11::domain::cose::{Purpose, Signed, Signer};
use keyward_pkcs11::domain::customer::{KeyName, Request};
use keyward_pkcs11::domain::ids::KeyId;
use keyward_pkcs11::domain::ingest::{Outcome, ingest};
use keyward_pkcs11::domain::key_token::{self, Body, Subject};
use keyward_pkcs11::domain::operator::OperatorKey;
use keyward_pkcs11::domain::operator_session::{Ask, Opening, welcome};
use keyward_pkcs11::domain::package::AgreementKey;
use keyward_pkcs11::domain::recovery::{self, Share};
use keyward_pkcs11::domain::refusal::Refusal;
use keyward_pkcs11::domain::state::governance::OperatorCard;
use keyward_pkcs11::domain::state::member::Card;
use keyward_pkcs11::domain::token::running::Running;
use keyward_pkcs11::object::attribute::{Attributes, Value};
use keyward_pkcs11::secret::SecretBytes;
use std::fmt::Display;

/// What is refused says why in one line.
fn one_line(name: &str, refusal: &dyn Display) {
    let text = refusal.to_string();
    assert!(!text.is_empty() && text.len() < 500, "{name}: {text}");
    assert!(!text.contains('\n'), "{name}: {text}");
}

/// A domain of two members, with the genuine next version as the first made it.
fn next() -> (Member, Member, Vec<OperatorKey>, Approvals, Vec<u8>) {
    let (first, second, keys) = pair();
    let approvals = approved(&first, &keys, vec![Change::KeyAdd(key_id(1))]);
    let token = first.propose(&approvals, 1).unwrap();
    (first, second, keys, approvals, token)
}

/// The mutants of a message as it is, signatures and all.
fn unsigned(message: &[u8]) -> Vec<Mutant> {
    Item::parse(message).expect("canonical").mutants()
}

/// The mutants of what a message with one signature says, each signed by who signed the message.
fn signed(message: &[u8], purpose: Purpose, signer: &dyn Signer) -> Vec<Mutant> {
    let Signed { payload, signature } = Signed::parse(purpose, message, usize::MAX).unwrap();
    let mut mutants = Item::parse(&payload).expect("canonical").mutants();
    for mutant in &mut mutants {
        let payload = std::mem::take(&mut mutant.bytes);
        mutant.bytes = Signed::make(purpose, signature.signer, signer, payload).unwrap();
    }
    mutants
}

/// Refuses every mutant, and those of a wrong form for their form.
fn each_refused<T>(
    mutants: Vec<Mutant>,
    fewest: usize,
    read: impl Fn(&[u8]) -> Result<T, Refusal>,
) {
    assert!(mutants.len() >= fewest, "only {} mutants", mutants.len());
    for mutant in mutants {
        let Err(refusal) = read(&mutant.bytes) else {
            panic!("taken with{}", mutant.name);
        };
        one_line(&mutant.name, &refusal);
        if mutant.wrong == Wrong::Form {
            let by_form = matches!(refusal, Refusal::Malformed(_) | Refusal::UnknownFormat(_));
            assert!(by_form, "{}: {refusal}", mutant.name);
        }
    }
}

#[test]
fn of_a_domain_token() {
    let (first, second, _, _, token) = next();
    let read = |bytes: &[u8]| match ingest(&second.installed, bytes, &second.identity, NOW)? {
        // Kept as evidence of a member gone bad, and not installed.
        Outcome::Fork(_) => Err(Refusal::Forked),
        taken => Ok(taken),
    };
    assert!(read(&token).is_ok());
    each_refused(unsigned(&token), 500, read);
    each_refused(signed(&token, Purpose::Token, &first.identity), 500, read);
    assert!(read(&token).is_ok());
}

#[test]
fn of_an_approval() {
    let (first, _, keys, approvals, _) = next();
    let good = approvals.encode();
    let propose = |bytes: &[u8]| {
        let approvals = Approvals::parse(bytes)?;
        first.propose(&approvals, 1)
    };
    assert!(propose(&good).is_ok());
    each_refused(unsigned(&good), 100, propose);
    // Signed by the quorum, a mandate of a wrong form is still none.
    let Some(Item::Tag(98, message)) = Item::parse(&good) else {
        panic!("not a message with signatures");
    };
    let Item::Array(parts) = *message else {
        panic!("not a message with signatures");
    };
    let Item::Inner(payload) = &parts[2] else {
        panic!("no payload");
    };
    let forms = payload.mutants().into_iter();
    let forms: Vec<_> = forms.filter(|mutant| mutant.wrong == Wrong::Form).collect();
    assert!(forms.len() > 50);
    for mutant in forms {
        let mut many =
            keyward_pkcs11::domain::cose::ManySigned::new(Purpose::Mandate, mutant.bytes);
        for key in &keys[..2] {
            let id = keyward_pkcs11::domain::state::governance::operator_id(&key.public_key());
            many.add(id.0, key).unwrap();
        }
        let refusal = Approvals::parse(&many.encode()).err();
        one_line(&mutant.name, &refusal.expect(&mutant.name));
    }
}

#[test]
fn of_cards_and_statements() {
    let (mut first, _, keys, _, token) = next();
    let card = keys[0].card("alice").unwrap().encode();
    let parse = |bytes: &[u8]| OperatorCard::parse(bytes).map_err(Refusal::from);
    each_refused(unsigned(&card), 30, parse);
    let forms = |mutants: Vec<Mutant>| -> Vec<Mutant> {
        let of_form = mutants.into_iter();
        of_form
            .filter(|mutant| matches!(mutant.wrong, Wrong::Form | Wrong::List))
            .collect()
    };
    each_refused(
        forms(signed(&card, Purpose::OperatorCard, &keys[0])),
        15,
        parse,
    );

    let card = first.identity.card().unwrap().encode();
    let parse = |bytes: &[u8]| Card::parse(bytes).map_err(Refusal::from);
    each_refused(unsigned(&card), 30, parse);
    each_refused(
        forms(signed(&card, Purpose::Card, &first.identity)),
        20,
        parse,
    );

    first.install(&token);
    let word = first.running().encode();
    let state = first.installed.state.clone();
    let counts = |bytes: &[u8]| {
        let word = Running::parse(bytes)?;
        let by = word.is_by_member_of(&state);
        by.then_some(())
            .ok_or(Refusal::ProducerNotActive(word.member))
    };
    assert!(counts(&word).is_ok());
    each_refused(unsigned(&word), 30, counts);
    each_refused(
        forms(signed(&word, Purpose::Running, &first.identity)),
        15,
        counts,
    );
}

#[test]
fn of_an_operator_session() {
    let (first, _, keys, _, _) = next();
    let subject = (first.installed.state.domain, first.identity.id());
    let opening = Opening::begin(subject, &keys[0], (NOW, 600)).unwrap();
    let answer = |bytes: &[u8]| {
        let module = (&first.identity, &first.ring);
        let state = &first.installed.state;
        welcome(bytes, state, module, (NOW, 3600), &mut rand::rng()).map(|made| made.answer)
    };
    let good = answer(opening.hello()).unwrap();
    for mutant in unsigned(opening.hello()) {
        one_line(
            &mutant.name,
            &answer(&mutant.bytes).expect_err(&mutant.name),
        );
    }
    for mutant in signed(opening.hello(), Purpose::SessionHello, &keys[0]) {
        // The operator may ask for another time, nonce or key; all else is not theirs to choose.
        if mutant.wrong != Wrong::Value || mutant.name.starts_with("[0]") {
            one_line(
                &mutant.name,
                &answer(&mutant.bytes).expect_err(&mutant.name),
            );
        }
    }
    let finish = |bytes: &[u8]| opening.finish(bytes);
    assert!(finish(&good).is_ok());
    for mutant in unsigned(&good) {
        one_line(
            &mutant.name,
            &finish(&mutant.bytes).expect_err(&mutant.name),
        );
    }
    let mut free = 0;
    for mutant in signed(&good, Purpose::SessionWelcome, &first.identity) {
        // What is left to the member is when it ends: the session token has the word.
        match finish(&mutant.bytes) {
            Ok(_) => free += usize::from(mutant.name.starts_with("[4] ")),
            Err(refusal) => one_line(&mutant.name, &refusal),
        }
        let ends = mutant.name.starts_with("[4] ") && mutant.wrong == Wrong::Value;
        assert_eq!(finish(&mutant.bytes).is_ok(), ends, "{}", mutant.name);
    }
    assert_eq!(free, 3);
}

/// As `each_refused`, of what has causes of its own.
fn each_fails<T, E: Display>(
    mutants: Vec<Mutant>,
    fewest: usize,
    read: impl Fn(&[u8]) -> Result<T, E>,
) {
    assert!(mutants.len() >= fewest, "only {} mutants", mutants.len());
    for mutant in mutants {
        let Err(cause) = read(&mutant.bytes) else {
            panic!("taken with{}", mutant.name);
        };
        one_line(&mutant.name, &cause);
    }
}

#[test]
fn of_a_key_token() {
    let (member, ..) = next();
    let attributes: Attributes = [
        (CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)),
        (CKA_KEY_TYPE, Value::Ulong(CKK_AES)),
        (CKA_VALUE, Value::secret(SecretBytes::copy_of(&[9; 32]))),
        (CKA_SENSITIVE, Value::Bool(true)),
    ]
    .into_iter()
    .collect();
    let subject = Subject {
        key: KeyId([5; 16]),
        version: 1,
        revision: 1,
    };
    let token = key_token::seal(member.ring.active(), subject, &Body::from(attributes)).unwrap();
    assert!(key_token::open(&member.ring, &token).is_ok());
    each_fails(unsigned(&token), 80, |bytes| {
        key_token::open(&member.ring, bytes)
    });
}

#[test]
fn of_a_recovery_key_and_its_shares() {
    let key = AgreementKey::generate().unwrap();
    let public = recovery::encode_public(&key);
    each_fails(of_form(&public), 15, recovery::read_public);
    let shares = Share::split(&key, 2, 3).unwrap();
    each_fails(of_form(&shares[0].encode()), 30, Share::parse);
    // A share with another value in it gives no key, or not this one.
    for mutant in unsigned(&shares[0].encode()) {
        let Ok(share) = Share::parse(&mutant.bytes) else {
            continue;
        };
        let other = Share::parse(&shares[1].encode()).unwrap();
        let made = Share::combine(&[share, other]);
        one_line(&mutant.name, &made.map(|_| ()).expect_err(&mutant.name));
    }
}

/// The mutants of a message whose values are free, and whose lists are not.
fn of_form(message: &[u8]) -> Vec<Mutant> {
    let mutants = unsigned(message).into_iter();
    mutants
        .filter(|mutant| matches!(mutant.wrong, Wrong::Form | Wrong::List))
        .collect()
}

#[test]
fn of_requests_about_customer_keys() {
    let by_label = || KeyName::Label {
        label: "orders".into(),
        tenant: Some(b"acme".to_vec()),
    };
    let requests = [
        Request::Create {
            label: "orders".into(),
            id: vec![1],
            tenant: b"acme".to_vec(),
            policy: None,
            material: None,
        },
        Request::Encrypt {
            key: by_label(),
            version: Some(3),
            aad: b"aad".to_vec(),
            plaintext: SecretBytes::copy_of(b"plain"),
        },
        Request::Decrypt {
            ciphertext: b"sealed".to_vec(),
            aad: vec![],
            update: true,
        },
        Request::GenerateDataKey {
            key: KeyName::Family(KeyId([5; 16])),
            length: 32,
            aad: vec![],
            plain: false,
        },
        Request::DeleteVersion {
            key: by_label(),
            version: 1,
            force: false,
        },
    ];
    for request in requests {
        let good = request.encode();
        assert_eq!(Request::decode(good.expose()).unwrap(), request);
        each_fails(of_form(good.expose()), 20, Request::decode);
        let asked = Ask::Customer(Box::new(request)).encode();
        each_fails(of_form(asked.expose()), 20, Ask::parse);
    }
}
