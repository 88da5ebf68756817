//! Every field of every message: cut, doubled, moved, in another form, too long, another value. Each is
//! refused with one line, whoever signed it.

use crate::mutants::{Item, Mutant, Wrong};
use crate::world::{Member, NOW, approved, key_id, pair};
use keyward_pkcs11::domain::command::{Approvals, Change};
use keyward_pkcs11::domain::cose::{Purpose, Signed, Signer};
use keyward_pkcs11::domain::ingest::{Outcome, ingest};
use keyward_pkcs11::domain::operator::OperatorKey;
use keyward_pkcs11::domain::operator_session::{Opening, welcome};
use keyward_pkcs11::domain::refusal::Refusal;
use keyward_pkcs11::domain::state::governance::OperatorCard;
use keyward_pkcs11::domain::state::member::Card;
use keyward_pkcs11::domain::token::running::Running;
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
