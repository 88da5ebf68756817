//! Operator sessions: what a member opens and takes, and each field forged.

use crate::world::{Member, NOW, approved, governed, key_id, pair};
use keyward_pkcs11::domain::command::Change;
use keyward_pkcs11::domain::cose::{Purpose, Signed};
use keyward_pkcs11::domain::ids::{DomainId, MemberId};
use keyward_pkcs11::domain::operator::{OperatorKey, OperatorSigner};
use keyward_pkcs11::domain::operator_session::{
    Ask, Asked, CLOCK_SKEW, ClientSession, Hello, Incoming, Opening, Refusal, Reply, SessionToken,
    Status, welcome,
};
use keyward_pkcs11::secret::SecretBytes;
use proptest::prelude::*;

/// The longest session of the tests, in seconds.
const LONGEST: u64 = 3600;

/// What an operator asks of a member.
fn ask(member: &Member, key: &OperatorKey) -> Opening {
    ask_at(member, key, NOW)
}

fn ask_at(member: &Member, key: &OperatorKey, at: u64) -> Opening {
    let subject = (member.installed.state.domain, member.identity.id());
    Opening::begin(subject, key, (at, LONGEST)).unwrap()
}

/// The member's answer.
fn answer(member: &Member, hello: &[u8]) -> Result<Vec<u8>, Refusal> {
    answer_at(member, hello, NOW).map(|(answer, _)| answer)
}

fn answer_at(member: &Member, hello: &[u8], now: u64) -> Result<(Vec<u8>, u64), Refusal> {
    let module = (&member.identity, &member.ring);
    let state = &member.installed.state;
    let admission = welcome(hello, state, module, (now, LONGEST), &mut rand::rng())?;
    Ok((admission.answer, admission.noted_until))
}

/// A session with a member.
fn open(member: &Member, key: &OperatorKey) -> ClientSession {
    let opening = ask(member, key);
    opening
        .finish(&answer(member, opening.hello()).unwrap())
        .unwrap()
}

/// What a member makes of a request: the one who asks, or why not.
fn take(member: &Member, request: &[u8], now: u64) -> Result<Incoming, Refusal> {
    let incoming = Incoming::open(request, &member.ring, member.identity.id())?;
    let governance = &member.installed.state.governance;
    incoming.caller(governance, now, LONGEST)?;
    Ok(incoming)
}

/// A request for the member's status.
fn request(session: &mut ClientSession, member: &Member) -> (Vec<u8>, Asked) {
    let id = member.identity.id();
    session.ask(id, &Ask::Status, NOW).unwrap()
}

#[test]
fn every_member_takes_requests_and_the_operator_opens_the_answers() {
    let (first, second, keys) = pair();
    let mut session = open(&first, &keys[0]);
    for member in [&first, &second] {
        for counter in 1..4 {
            let (bytes, asked) = request(&mut session, member);
            assert_eq!(asked.counter, counter);
            let incoming = take(member, &bytes, NOW).unwrap();
            assert_eq!(incoming.counter, counter);
            assert_eq!(incoming.token.operator, keys[0].operator_id());
            assert_eq!(Ask::parse(incoming.ask.expose()), Ok(Ask::Status));
            let reply = Reply::Done(SecretBytes::copy_of(b"well"));
            let sealed = incoming.answer(reply.encode().expose()).unwrap();
            assert_eq!(session.open(&asked, &sealed), Ok(reply));
        }
    }
}

#[test]
fn a_session_survives_its_file_and_so_do_its_counters() {
    let (member, keys) = governed();
    let opening = ask(&member, &keys[0]);
    let kept = Opening::parse(opening.encode().expose()).unwrap();
    let welcome = answer(&member, kept.hello()).unwrap();
    let mut session = kept.finish(&welcome).unwrap();
    request(&mut session, &member);
    let mut again = ClientSession::parse(session.encode().expose()).unwrap();
    let (bytes, asked) = request(&mut again, &member);
    assert_eq!(asked.counter, 2);
    assert!(take(&member, &bytes, NOW).is_ok());
    assert_eq!(
        again.encode().expose()[..200],
        session.encode().expose()[..200]
    );
}

#[test]
fn a_session_ends_with_the_least_of_three_times() {
    let (mut member, keys) = governed();
    let ends = |member: &Member, lifetime| {
        let subject = (member.installed.state.domain, member.identity.id());
        let opening = Opening::begin(subject, &keys[0], (NOW, lifetime)).unwrap();
        let answer = answer(member, opening.hello())?;
        opening.finish(&answer).map(|session| session.expires())
    };
    assert_eq!(ends(&member, 60), Ok(NOW + 60));
    assert_eq!(ends(&member, u64::MAX), Ok(NOW + LONGEST));
    assert_eq!(ends(&member, 0), Err(Refusal::NoTime));
    member
        .installed
        .state
        .governance
        .operators
        .iter_mut()
        .for_each(|operator| {
            operator.expires = Some(NOW + 5);
        });
    assert_eq!(ends(&member, 60), Ok(NOW + 5));
}

#[test]
fn requests_for_a_session_are_refused_one_field_at_a_time() {
    let (member, keys) = governed();
    let stranger = OperatorKey::generate().unwrap();
    let id = keys[0].operator_id();
    let own = (member.installed.state.domain, member.identity.id());
    let hello = |subject, key: &OperatorKey, at| {
        let opening = Opening::begin(subject, key, (at, LONGEST)).unwrap();
        opening.hello().to_vec()
    };
    let refused = |hello: &[u8]| answer(&member, hello).expect_err("refused");

    let other = (DomainId([9; 32]), own.1);
    assert_eq!(
        refused(&hello(other, &keys[0], NOW)),
        Refusal::OtherDomain(DomainId([9; 32]))
    );
    let other = (own.0, MemberId([9; 16]));
    assert_eq!(
        refused(&hello(other, &keys[0], NOW)),
        Refusal::OtherMember(MemberId([9; 16]))
    );
    let unknown = Refusal::UnknownOperator(stranger.operator_id());
    assert_eq!(refused(&hello(own, &stranger, NOW)), unknown);
    for at in [NOW - CLOCK_SKEW - 1, NOW + CLOCK_SKEW + 1] {
        let clock = Refusal::Clock { said: at, now: NOW };
        assert_eq!(refused(&hello(own, &keys[0], at)), clock);
    }
    for at in [NOW - CLOCK_SKEW, NOW + CLOCK_SKEW] {
        assert!(answer(&member, &hello(own, &keys[0], at)).is_ok());
    }
    // Another operator's signature under this one's name.
    let payload = Signed::parse(Purpose::SessionHello, &hello(own, &keys[0], NOW), 4096).unwrap();
    let forged = Signed::make(
        Purpose::SessionHello,
        id.0,
        &stranger,
        payload.payload.clone(),
    );
    assert_eq!(refused(&forged.unwrap()), Refusal::Signature);
    // The right signature, made for another purpose.
    let forged = Signed::make(Purpose::Running, id.0, &keys[0], payload.payload).unwrap();
    assert_eq!(refused(&forged), Refusal::Signature);
}

#[test]
fn operators_that_do_not_count_get_no_session_and_lose_the_one_they_have() {
    let (mut member, keys) = governed();
    let id = keys[0].operator_id();
    let mut session = open(&member, &keys[0]);
    let before = member.installed.clone();
    let cases: [(&dyn Fn(&mut Member), Refusal); 3] = [
        (
            &|member| {
                let place = place(member, id);
                member.installed.state.governance.operators[place].suspended = true;
            },
            Refusal::Suspended(id),
        ),
        (
            &|member| {
                let place = place(member, id);
                member.installed.state.governance.operators[place].expires = Some(NOW - 1);
            },
            Refusal::OperatorExpired(id, NOW - 1),
        ),
        (
            &|member| {
                let place = place(member, id);
                member.installed.state.governance.operators.remove(place);
            },
            Refusal::UnknownOperator(id),
        ),
    ];
    for (change, wanted) in cases {
        member.installed = before.clone();
        change(&mut member);
        let hello = ask(&member, &keys[0]);
        assert_eq!(answer(&member, hello.hello()), Err(wanted.clone()));
        let (bytes, _) = request(&mut session, &member);
        assert_eq!(take(&member, &bytes, NOW).err(), Some(wanted));
        // The others go on.
        assert!(answer(&member, ask(&member, &keys[1]).hello()).is_ok());
    }
}

/// Where an operator is in the installed state.
fn place(member: &Member, id: keyward_pkcs11::domain::ids::OperatorId) -> usize {
    let operators = &member.installed.state.governance.operators;
    operators
        .iter()
        .position(|operator| operator.id() == id)
        .unwrap()
}

#[test]
fn a_suspension_by_quorum_stops_a_session_at_once() {
    let (mut member, keys) = governed();
    let mut session = open(&member, &keys[0]);
    let id = keys[0].operator_id();
    // The quorum of the two who stay: a suspended operator's clauses are met by the others.
    let change = Change::OperatorSuspend(id);
    let token = member
        .propose(&approved(&member, &keys[1..], vec![change]), 1)
        .unwrap();
    member.install(&token);
    let (bytes, _) = request(&mut session, &member);
    assert_eq!(
        take(&member, &bytes, NOW).err(),
        Some(Refusal::Suspended(id))
    );
}

#[test]
fn one_request_for_a_session_leads_to_one_session_only() {
    let (member, keys) = governed();
    let opening = ask(&member, &keys[0]);
    let hello = Hello::parse(opening.hello()).unwrap();
    let one = answer(&member, opening.hello()).unwrap();
    let two = answer(&member, opening.hello()).unwrap();
    assert_ne!(one, two);
    for welcome in [one, two] {
        assert_eq!(opening.finish(&welcome).unwrap().id(), hello.session());
    }
    assert_ne!(
        Hello::parse(ask(&member, &keys[0]).hello())
            .unwrap()
            .session(),
        hello.session()
    );
    // It is known for as long as it could come again.
    let early = ask_at(&member, &keys[0], NOW + CLOCK_SKEW);
    let short = Opening::begin(
        (member.installed.state.domain, member.identity.id()),
        &keys[0],
        (NOW + CLOCK_SKEW, 1),
    );
    assert_eq!(
        answer_at(&member, early.hello(), NOW).unwrap().1,
        NOW + LONGEST
    );
    let known = answer_at(&member, short.unwrap().hello(), NOW).unwrap().1;
    assert_eq!(known, NOW + 2 * CLOCK_SKEW);
}

#[test]
fn an_answer_counts_for_who_asked_and_from_who_was_asked() {
    let (first, second, keys) = pair();
    let (mine, other) = (ask(&first, &keys[0]), ask(&first, &keys[0]));
    let good = answer(&first, mine.hello()).unwrap();
    assert_eq!(other.finish(&good).err(), Some(Refusal::OtherRequest));
    let theirs = answer(&second, ask(&second, &keys[0]).hello()).unwrap();
    let wrong = Refusal::OtherMember(second.identity.id());
    assert_eq!(mine.finish(&theirs).err(), Some(wrong));
    // Another member signs in the name of the first.
    let signed = Signed::parse(Purpose::SessionWelcome, &good, 4096).unwrap();
    let id = first.identity.id().0;
    let forged = Signed::make(
        Purpose::SessionWelcome,
        id,
        &second.identity,
        signed.payload,
    );
    assert_eq!(
        mine.finish(&forged.unwrap()).err(),
        Some(Refusal::Signature)
    );
    assert!(mine.finish(&good).is_ok());
}

#[test]
fn not_one_bit_of_any_message_can_be_changed_nor_its_end_cut() {
    let (member, keys) = governed();
    let opening = ask(&member, &keys[0]);
    let hello = opening.hello().to_vec();
    let welcome = answer(&member, &hello).unwrap();
    let mut session = opening.finish(&welcome).unwrap();
    let (bytes, asked) = request(&mut session, &member);
    let incoming = take(&member, &bytes, NOW).unwrap();
    let reply = Reply::Refused("no".into());
    let sealed = incoming.answer(reply.encode().expose()).unwrap();

    each_damage(&hello, |bad| answer(&member, bad).is_err());
    each_damage(&welcome, |bad| opening.finish(bad).is_err());
    each_damage(&bytes, |bad| take(&member, bad, NOW).is_err());
    each_damage(&sealed, |bad| session.open(&asked, bad).is_err());
    each_damage(session.token(), |bad| {
        SessionToken::open(bad, &member.ring).is_err()
    });
}

/// Every bit changed (of long messages every seventh), and every end cut.
fn each_damage(good: &[u8], refused: impl Fn(&[u8]) -> bool) {
    let step = if good.len() > 600 { 7 } else { 1 };
    for bit in (0..good.len() * 8).step_by(step) {
        let mut bad = good.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        assert!(refused(&bad), "bit {bit}");
    }
    for length in (0..good.len()).step_by(step) {
        assert!(refused(&good[..length]), "length {length}");
    }
    let mut longer = good.to_vec();
    longer.push(0);
    assert!(refused(&longer), "something follows");
}

#[test]
fn a_request_is_for_one_member_at_one_time() {
    let (first, second, keys) = pair();
    let mut session = open(&first, &keys[0]);
    let (bytes, _) = request(&mut session, &second);
    let wrong = Refusal::OtherMember(second.identity.id());
    assert_eq!(take(&first, &bytes, NOW).err(), Some(wrong));
    for now in [NOW - CLOCK_SKEW - 1, NOW + CLOCK_SKEW + 1] {
        let clock = Refusal::Clock { said: NOW, now };
        assert_eq!(take(&second, &bytes, now).err(), Some(clock));
    }
    let end = NOW + LONGEST;
    let (late, _) = session.ask(first.identity.id(), &Ask::Status, end).unwrap();
    assert!(take(&first, &late, end).is_ok());
    assert_eq!(
        take(&first, &late, end + 1).err(),
        Some(Refusal::Ended(end))
    );
}

#[test]
fn a_member_may_allow_less_than_the_one_that_opened_the_session() {
    let (member, keys) = governed();
    let mut session = open(&member, &keys[0]);
    let at = NOW + 100;
    let (bytes, _) = session.ask(member.identity.id(), &Ask::Status, at).unwrap();
    let incoming = Incoming::open(&bytes, &member.ring, member.identity.id()).unwrap();
    let governance = &member.installed.state.governance;
    assert!(incoming.caller(governance, at, 100).is_ok());
    assert_eq!(
        incoming.caller(governance, at, 99),
        Err(Refusal::Ended(NOW + 99))
    );
}

#[test]
fn another_domain_opens_nothing() {
    let ((member, keys), (other, _)) = (governed(), governed());
    let mut session = open(&member, &keys[0]);
    let (bytes, _) = request(&mut session, &member);
    let wrong = Refusal::OtherDomain(member.installed.state.domain);
    let opened = Incoming::open(&bytes, &other.ring, member.identity.id());
    assert_eq!(opened.err(), Some(wrong));
}

#[test]
fn requests_and_answers_are_not_each_others() {
    let (member, keys) = governed();
    let mut session = open(&member, &keys[0]);
    let (one, asked_one) = request(&mut session, &member);
    let (two, asked_two) = request(&mut session, &member);
    let reply = || Reply::Done(SecretBytes::copy_of(b"one"));
    let answered = take(&member, &one, NOW).unwrap();
    let sealed = answered.answer(reply().encode().expose()).unwrap();
    assert_eq!(
        session.open(&asked_two, &sealed),
        Err(Refusal::OtherRequest)
    );
    // The same counter, of another request: as if two had been made from one file.
    let twice = Asked {
        counter: asked_one.counter,
        ..asked_two
    };
    assert_eq!(session.open(&twice, &sealed), Err(Refusal::Sealed));
    assert_eq!(session.open(&asked_one, &sealed), Ok(reply()));
    // What was sealed in one direction does not open in the other.
    assert!(session.open(&asked_two, &two).is_err());
    assert!(Incoming::open(&sealed, &member.ring, member.identity.id()).is_err());
    let body = |frame: &[u8]| frame[frame.len() - 74..].to_vec();
    let mut swapped = sealed.clone();
    let at = swapped.len() - 74;
    swapped[at..].copy_from_slice(&body(&one));
    assert_eq!(session.open(&asked_one, &swapped), Err(Refusal::Sealed));
}

#[test]
fn a_session_under_a_removed_domain_key_is_over() {
    let (mut member, keys) = governed();
    let old = member.ring.active().id();
    let mut session = open(&member, &keys[0]);
    let change = |member: &mut Member, changes: Vec<Change>| {
        let count = changes.len();
        let approvals = approved(member, &keys, changes);
        let token = member.propose(&approvals, count).unwrap();
        member.install(&token);
    };
    change(&mut member, vec![Change::KeyAdd(key_id(1))]);
    change(&mut member, vec![Change::KeyRetire(old)]);
    // Under a key that only decrypts it goes on.
    let (bytes, _) = request(&mut session, &member);
    assert!(take(&member, &bytes, NOW).is_ok());
    let fresh = open(&member, &keys[1]);
    let remove = Change::KeyRemove {
        id: old,
        last: false,
    };
    change(&mut member, vec![remove]);
    let (bytes, _) = request(&mut session, &member);
    assert_eq!(
        take(&member, &bytes, NOW).err(),
        Some(Refusal::UnknownKey(old))
    );
    assert!(SessionToken::open(fresh.token(), &member.ring).is_ok());
}

proptest! {
    #![proptest_config(crate::world::cases(2_000))]

    #[test]
    fn no_bytes_disturb_a_reader_and_what_is_read_is_the_one_encoding(
        bytes in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        if let Ok(ask) = Ask::parse(&bytes) {
            let encoded = ask.encode();
            prop_assert_eq!(encoded.expose(), &bytes[..]);
        }
        if let Ok(reply) = Reply::parse(&bytes) {
            let encoded = reply.encode();
            prop_assert_eq!(encoded.expose(), &bytes[..]);
        }
        if let Ok(status) = Status::parse(&bytes) {
            prop_assert_eq!(status.encode(), bytes.clone());
        }
        prop_assert!(Hello::parse(&bytes).is_err());
        prop_assert!(Opening::parse(&bytes).is_err());
        prop_assert!(ClientSession::parse(&bytes).is_err());
    }

    #[test]
    fn replies_come_back_as_they_were(
        result in prop::collection::vec(any::<u8>(), 0..3000),
        why in ".{0,2000}",
        next in any::<u64>()
    ) {
        let done = Reply::Done(SecretBytes::copy_of(&result));
        prop_assert_eq!(Reply::parse(done.encode().expose()), Ok(done));
        let counter = Reply::Counter(next);
        prop_assert_eq!(Reply::parse(counter.encode().expose()), Ok(counter));
        // A long reason is cut between two characters.
        match Reply::parse(Reply::Refused(why.clone()).encode().expose()) {
            Ok(Reply::Refused(cut)) => prop_assert!(why.starts_with(&cut)),
            other => prop_assert!(false, "{:?}", other),
        }
    }
}

proptest! {
    #![proptest_config(crate::world::cases(300))]

    /// Several changes of good messages at once: bytes overwritten, pieces cut out, doubled or moved.
    #[test]
    fn no_edited_message_is_taken(edits in prop::collection::vec(any::<(u8, u16, u16, u8)>(), 1..6)) {
        let sample = sample();
        for (place, good) in sample.messages.iter().enumerate() {
            let bad = edited(good, &edits);
            if bad == *good {
                continue;
            }
            let refused = match place {
                0 => answer(&sample.member, &bad).is_err(),
                1 => sample.opening.finish(&bad).is_err(),
                2 => take(&sample.member, &bad, NOW).is_err(),
                3 => sample.session.open(&sample.asked, &bad).is_err(),
                _ => SessionToken::open(&bad, &sample.member.ring).is_err(),
            };
            prop_assert!(refused, "message {place}");
        }
    }
}

/// One of each message, and who reads it.
struct Sample {
    member: Member,
    opening: Opening,
    session: ClientSession,
    asked: Asked,
    /// Hello, welcome, request, answer and session token.
    messages: [Vec<u8>; 5],
}

fn sample() -> &'static Sample {
    static SAMPLE: std::sync::OnceLock<Sample> = std::sync::OnceLock::new();
    SAMPLE.get_or_init(|| {
        let (member, keys) = governed();
        let opening = ask(&member, &keys[0]);
        let welcome = answer(&member, opening.hello()).unwrap();
        let mut session = opening.finish(&welcome).unwrap();
        let (bytes, asked) = request(&mut session, &member);
        let incoming = take(&member, &bytes, NOW).unwrap();
        let reply = Reply::Done(SecretBytes::copy_of(b"well")).encode();
        let sealed = incoming.answer(reply.expose()).unwrap();
        let token = session.token().to_vec();
        let messages = [opening.hello().to_vec(), welcome, bytes, sealed, token];
        Sample {
            member,
            opening,
            session,
            asked,
            messages,
        }
    })
}

fn edited(good: &[u8], edits: &[(u8, u16, u16, u8)]) -> Vec<u8> {
    let mut bad = good.to_vec();
    for (kind, one, two, byte) in edits {
        let length = bad.len().max(1);
        let (one, two) = (usize::from(*one) % length, usize::from(*two) % length);
        let (from, to) = (one.min(two), one.max(two).min(bad.len()));
        match kind % 4 {
            0 if !bad.is_empty() => bad[from] = *byte,
            1 => drop(bad.drain(from..to)),
            2 => {
                let piece = bad[from..to.min(from + 64)].to_vec();
                bad.splice(to..to, piece);
            }
            _ => bad[from..to].reverse(),
        }
    }
    bad
}
