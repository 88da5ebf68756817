//! Operator sessions through the vendor's interface, in one process, in several, and after a kill.

use crate::library::{World, now};
use crate::support::process::{Other, part, tell};
use crate::support::*;
use crate::vendor_list::{Exchange, Functions};
use cryptoki_sys::*;
use keyward_pkcs11::domain::command::Change;
use keyward_pkcs11::domain::customer::{Answer, Request};
use keyward_pkcs11::domain::ids::DomainKeyId;
use keyward_pkcs11::domain::operator::{OperatorKey, OperatorSigner};
use keyward_pkcs11::domain::operator_session::{Ask, Asked, ClientSession, Opening, Reply, Status};
use std::io::BufRead;
use std::ptr::null_mut;

/// The two calls: the one for a session, and the one for a request.
fn functions() -> (Exchange, Exchange) {
    let list = Functions::of_module();
    (list.open_operator_session, list.operator_request)
}

impl World {
    fn hello(&self) -> Opening {
        Opening::begin(self.library.names(), &self.keys[0], (now(), 600)).unwrap()
    }

    /// A session of the first operator.
    fn session(&self) -> ClientSession {
        let opening = self.hello();
        let welcome = open(&self.s, opening.hello()).expect("a session");
        opening.finish(&welcome).unwrap()
    }

    /// A request, and what waits for its answer.
    fn ask(&self, session: &mut ClientSession, ask: &Ask) -> (Vec<u8>, Asked) {
        session.ask(self.library.names().1, ask, now()).unwrap()
    }

    /// What the module answers to a question.
    fn reply(&self, session: &mut ClientSession, ask: &Ask) -> Reply {
        let (bytes, asked) = self.ask(session, ask);
        let answer = request(&self.s, &bytes).expect("an answer");
        session.open(&asked, &answer).unwrap()
    }
}

/// One call as it is. SAFETY throughout: every pointer is of memory that lives, of the length given.
fn raw(
    call: Exchange,
    s: CK_SESSION_HANDLE,
    message: &[u8],
    out: *mut CK_BYTE,
    length: *mut CK_ULONG,
) -> CK_RV {
    // SAFETY: as above.
    unsafe {
        call(
            s,
            message.as_ptr().cast_mut(),
            message.len() as CK_ULONG,
            out,
            length,
        )
    }
}

/// `KW_OpenOperatorSession`, with the length query.
fn open(s: &Session, hello: &[u8]) -> Outcome<Vec<u8>> {
    two_call(|out, length| raw(functions().0, s.handle, hello, out, length))
}

/// `KW_OperatorRequest`, with the length query.
fn request(s: &Session, bytes: &[u8]) -> Outcome<Vec<u8>> {
    two_call(|out, length| raw(functions().1, s.handle, bytes, out, length))
}

/// The bytes of the answer to a request in another process.
fn asked_of(other: &mut Other, bytes: &[u8]) -> Vec<u8> {
    unhex(&other.ask(&hex(bytes)))
}

/// Whether this process can test anything: other modules have no such calls.
fn nothing_to_do() -> bool {
    module();
    !is_keyward()
}

#[test]
fn a_session_opens_and_answers() {
    if nothing_to_do() {
        return;
    }
    let world = World::new(&Token::fresh());
    let mut session = world.session();
    let Reply::Done(result) = world.reply(&mut session, &Ask::Status) else {
        panic!("no status");
    };
    let status = Status::parse(result.expose()).unwrap();
    assert_eq!((status.domain, status.member), world.library.names());
    assert_eq!(status.version, 2);
    let Reply::Done(one) = world.reply(&mut session, &Ask::Random(4096)) else {
        panic!("no random bytes");
    };
    let Reply::Done(two) = world.reply(&mut session, &Ask::Random(4096)) else {
        panic!("no random bytes");
    };
    assert_eq!((one.len(), two.len()), (4096, 4096));
    assert_ne!(one, two);
    assert_eq!(world.library.events("operator session opened"), 1);
}

#[test]
fn a_request_for_a_session_is_answered_once() {
    if nothing_to_do() {
        return;
    }
    let world = World::new(&Token::fresh());
    let opening = world.hello();
    open(&world.s, opening.hello()).expect("a session");
    expect_rv!(open(&world.s, opening.hello()), CKR_ACTION_PROHIBITED);
    assert_eq!(world.library.events("operator session refused"), 1);
    let stranger = OperatorKey::generate().unwrap();
    let opening = Opening::begin(world.library.names(), &stranger, (now(), 600)).unwrap();
    expect_rv!(open(&world.s, opening.hello()), CKR_ACTION_PROHIBITED);
    assert_eq!(world.library.events("operator session refused"), 2);
}

#[test]
fn lengths_are_told_without_doing_anything() {
    if nothing_to_do() {
        return;
    }
    let world = World::new(&Token::fresh());
    let opening = world.hello();
    let (open_call, request_call) = functions();
    let handle = world.s.handle;
    let mut length = 1;
    let mut short = [CANARY; 100];
    // The call for a session, twice for the length and once with too little.
    for _ in 0..2 {
        let rv = raw(
            open_call,
            handle,
            opening.hello(),
            null_mut(),
            &raw mut length,
        );
        assert_eq!(rv, CKR_OK);
    }
    length = 100;
    let rv = raw(
        open_call,
        handle,
        opening.hello(),
        short.as_mut_ptr(),
        &raw mut length,
    );
    assert_eq!(rv, CKR_BUFFER_TOO_SMALL);
    let mut session = opening
        .finish(&open(&world.s, opening.hello()).expect("still not answered"))
        .unwrap();
    // A request.
    let (bytes, asked) = world.ask(&mut session, &Ask::Random(1000));
    for _ in 0..2 {
        let rv = raw(request_call, handle, &bytes, null_mut(), &raw mut length);
        assert_eq!(rv, CKR_OK);
        assert!(length > 1000);
    }
    for given in [0, 1, 100] {
        length = given;
        let rv = raw(
            request_call,
            handle,
            &bytes,
            short.as_mut_ptr(),
            &raw mut length,
        );
        assert_eq!(rv, CKR_BUFFER_TOO_SMALL);
    }
    assert_eq!(short, [CANARY; 100]);
    let answer = request(&world.s, &bytes).expect("still not done");
    assert!(matches!(session.open(&asked, &answer), Ok(Reply::Done(_))));
    // Now it is done, and a length query does not undo that.
    let answer = request(&world.s, &bytes).expect("an answer");
    assert_eq!(session.open(&asked, &answer), Ok(Reply::Counter(2)));
}

#[test]
fn bad_calls_are_refused_in_the_order_of_the_checks() {
    if nothing_to_do() {
        return;
    }
    let token = Token::fresh();
    let world = World::new(&token);
    let opening = world.hello();
    let (open_call, request_call) = functions();
    let mut length = 4096;
    let mut buffer = vec![0; 4096];
    for call in [open_call, request_call] {
        let out = buffer.as_mut_ptr();
        let bad_session = raw(call, 999_999, opening.hello(), out, &raw mut length);
        assert_eq!(bad_session, CKR_SESSION_HANDLE_INVALID);
        let no_length = raw(call, world.s.handle, opening.hello(), out, null_mut());
        assert_eq!(no_length, CKR_ARGUMENTS_BAD);
        // SAFETY: NULL and lengths that no memory has are refused before anything is read.
        unsafe {
            let null = call(world.s.handle, null_mut(), 0, out, &raw mut length);
            assert_eq!(null, CKR_ARGUMENTS_BAD);
            let message = opening.hello().as_ptr().cast_mut();
            let endless = call(world.s.handle, message, u64::MAX, out, &raw mut length);
            assert_eq!(endless, CKR_ARGUMENTS_BAD);
        }
        for garbage in [&b""[..], b"x", &[0x86; 40], &[0xff; 3000]] {
            length = 4096;
            let rv = raw(call, world.s.handle, garbage, out, &raw mut length);
            assert_eq!(rv, CKR_DATA_INVALID, "{garbage:?}");
        }
    }
    // One message is not the other.
    expect_rv!(request(&world.s, opening.hello()), CKR_DATA_INVALID);
    world.s.logout().unwrap();
    expect_rv!(open(&world.s, opening.hello()), CKR_USER_NOT_LOGGED_IN);
    world.s.login(CKU_SO, SO_PIN).unwrap();
    expect_rv!(open(&world.s, opening.hello()), CKR_USER_NOT_LOGGED_IN);
    expect_rv!(request(&world.s, opening.hello()), CKR_USER_NOT_LOGGED_IN);
}

#[test]
fn a_message_may_lie_where_the_answer_goes() {
    if nothing_to_do() {
        return;
    }
    let world = World::new(&Token::fresh());
    let mut session = world.session();
    let (bytes, asked) = world.ask(&mut session, &Ask::Random(100));
    let mut memory = bytes.clone();
    memory.resize(8192, 0);
    let mut length = 8192;
    let message = memory.as_mut_ptr();
    // SAFETY: one buffer of 8,192 bytes, of which the first are the message.
    let rv = unsafe {
        functions().1(
            world.s.handle,
            message,
            bytes.len() as CK_ULONG,
            message,
            &raw mut length,
        )
    };
    assert_eq!(rv, CKR_OK);
    let reply = session.open(&asked, &memory[..length as usize]);
    assert!(matches!(reply, Ok(Reply::Done(_))));
}

#[test]
fn operators_that_were_suspended_stop_at_once() {
    if nothing_to_do() {
        return;
    }
    let world = World::new(&Token::fresh());
    let mut session = world.session();
    assert!(matches!(
        world.reply(&mut session, &Ask::Status),
        Reply::Done(_)
    ));
    let suspend = Change::OperatorSuspend(world.keys[0].operator_id());
    world.library.change(vec![suspend], &world.keys[1..]);
    let Reply::Refused(why) = world.reply(&mut session, &Ask::Status) else {
        panic!("not refused");
    };
    assert!(why.ends_with("is suspended"), "{why}");
    expect_rv!(open(&world.s, world.hello().hello()), CKR_ACTION_PROHIBITED);
    let resume = Change::OperatorResume(world.keys[0].operator_id());
    world.library.change(vec![resume], &world.keys[1..]);
    assert!(matches!(
        world.reply(&mut session, &Ask::Status),
        Reply::Done(_)
    ));
    let remove = Change::OperatorRemove(world.keys[0].operator_id());
    world.library.change(vec![remove], &world.keys[1..]);
    let Reply::Refused(why) = world.reply(&mut session, &Ask::Status) else {
        panic!("not refused");
    };
    assert!(why.contains("knows no operator"), "{why}");
}

#[test]
fn a_session_ends_with_its_domain_key() {
    if nothing_to_do() {
        return;
    }
    let world = World::new(&Token::fresh());
    let mut session = world.session();
    let old = world.library.active_key();
    let (quorum, new) = (&world.keys[..2], DomainKeyId([7; 16]));
    world.library.change(vec![Change::KeyAdd(new)], quorum);
    world.library.change(vec![Change::KeyRetire(old)], quorum);
    assert!(matches!(
        world.reply(&mut session, &Ask::Status),
        Reply::Done(_)
    ));
    let fresh = world.session();
    assert!(world.library.opens(fresh.token()));
    let remove = Change::KeyRemove {
        id: old,
        last: false,
    };
    world.library.change(vec![remove], quorum);
    let (bytes, _) = world.ask(&mut session, &Ask::Status);
    expect_rv!(request(&world.s, &bytes), CKR_ACTION_PROHIBITED);
    let mut session = fresh;
    assert!(matches!(
        world.reply(&mut session, &Ask::Status),
        Reply::Done(_)
    ));
}

/// A request for a key with this label.
fn create(label: &str) -> Ask {
    Ask::Customer(Box::new(Request::Create {
        label: label.to_owned(),
        id: vec![],
        tenant: vec![],
        policy: None,
        material: None,
    }))
}

#[test]
fn an_answer_that_is_longer_than_foreseen_waits_for_a_larger_buffer() {
    if nothing_to_do() {
        return;
    }
    let world = World::new(&Token::fresh());
    let mut session = world.session();
    for number in 0..80 {
        let label = format!("{number:0250}");
        let made = world.reply(&mut session, &create(&label));
        assert!(matches!(made, Reply::Done(_)), "{made:?}");
    }
    let list = Ask::Customer(Box::new(Request::List { tenant: None }));
    let (bytes, asked) = world.ask(&mut session, &list);
    let (handle, call) = (world.s.handle, functions().1);
    let mut length = 0;
    let foreseen = raw(call, handle, &bytes, null_mut(), &raw mut length);
    assert_eq!(foreseen, CKR_OK);
    let mut buffer = vec![CANARY; length as usize];
    let first = raw(call, handle, &bytes, buffer.as_mut_ptr(), &raw mut length);
    assert_eq!(first, CKR_BUFFER_TOO_SMALL);
    assert!(buffer.iter().all(|byte| *byte == CANARY));
    let needed = length as usize;
    assert!(needed > buffer.len());
    // It waits, however often one asks, and comes once.
    let mut again = 0;
    assert_eq!(
        raw(call, handle, &bytes, null_mut(), &raw mut again),
        CKR_OK
    );
    assert_eq!(again as usize, needed);
    let answer = request(&world.s, &bytes).expect("the answer");
    assert_eq!(answer.len(), needed);
    let Ok(Reply::Done(result)) = session.open(&asked, &answer) else {
        panic!("no list");
    };
    assert_eq!(Answer::decode(result.expose()).unwrap().keys.len(), 80);
    let replayed = request(&world.s, &bytes).expect("an answer");
    let next = Reply::Counter(asked.counter + 1);
    assert_eq!(session.open(&asked, &replayed), Ok(next));
}

#[test]
fn a_read_only_session_changes_nothing_for_operators() {
    if nothing_to_do() {
        return;
    }
    let token = Token::fresh();
    let world = World::new(&token);
    let mut session = world.session();
    let read_only = token.read_only();
    let (bytes, asked) = world.ask(&mut session, &create("a key"));
    let answer = request(&read_only, &bytes).expect("an answer");
    let Ok(Reply::Refused(why)) = session.open(&asked, &answer) else {
        panic!("not refused");
    };
    assert!(why.contains("read-only"), "{why}");
    assert!(world.s.find_one(CKO_SECRET_KEY, "a key").is_none());
    assert!(matches!(
        world.reply(&mut session, &create("a key")),
        Reply::Done(_)
    ));
    assert!(world.s.find_one(CKO_SECRET_KEY, "a key").is_some());
}

/// Answers each request that it is given.
fn serves() {
    expect_rv!(initialize(), CKR_OK);
    let s = Token::named("test 0").expect("the token").user();
    tell("ready");
    for line in std::io::stdin().lock().lines() {
        tell(&hex(
            &request(&s, &unhex(&line.unwrap())).unwrap_or_default()
        ));
    }
}

#[test]
fn no_process_takes_a_request_that_another_took() {
    if part().as_deref() == Some("serves") {
        return serves();
    }
    if part().is_none() && nothing_to_do() {
        return;
    }
    isolated!(|| {
        expect_rv!(initialize(), CKR_OK);
        let world = World::new(&Token::create());
        let mut session = world.session();
        let mut other = another!("serves");
        assert_eq!(other.answer().as_deref(), Some("ready"));
        let mut refused = 0;
        for round in 0..600 {
            let (bytes, asked) = world.ask(&mut session, &Ask::Random(8));
            let here_first = round % 3 == 0;
            let (first, second) = if here_first {
                let here = request(&world.s, &bytes).unwrap();
                (here, asked_of(&mut other, &bytes))
            } else {
                let there = asked_of(&mut other, &bytes);
                (there, request(&world.s, &bytes).unwrap())
            };
            assert!(
                matches!(session.open(&asked, &first), Ok(Reply::Done(_))),
                "{round}"
            );
            let next = Reply::Counter(asked.counter + 1);
            assert_eq!(session.open(&asked, &second), Ok(next), "{round}");
            refused += 1;
        }
        assert_eq!(refused, 600);
        // Each process said so once.
        assert_eq!(world.library.events("operator session refused"), 2);
        other.end();
    });
}

#[test]
fn after_a_kill_nothing_is_taken_twice() {
    if part().as_deref() == Some("serves") {
        return serves();
    }
    if part().is_none() && nothing_to_do() {
        return;
    }
    isolated!(|| {
        expect_rv!(initialize(), CKR_OK);
        let world = World::new(&Token::create());
        let mut session = world.session();
        let mut done = Vec::new();
        for round in 0..6 {
            let mut other = another!("serves");
            assert_eq!(other.answer().as_deref(), Some("ready"));
            for _ in 0..5 {
                let (bytes, asked) = world.ask(&mut session, &Ask::Random(8));
                let answer = asked_of(&mut other, &bytes);
                let reply = session.open(&asked, &answer).unwrap();
                assert!(matches!(reply, Reply::Done(_)), "{round}");
                done.push((bytes, asked));
            }
            other.kill();
            if round == 3 {
                // As after a start of the machine, when only what was written is known. Nobody has the
                // file open now but this process, which has taken nothing yet.
                std::fs::remove_file(world.library.directory().join("sessions")).unwrap();
                let mut other = another!("serves");
                assert_eq!(other.answer().as_deref(), Some("ready"));
                let (bytes, asked) = world.ask(&mut session, &Ask::Status);
                let answer = asked_of(&mut other, &bytes);
                let Ok(Reply::Counter(next)) = session.open(&asked, &answer) else {
                    panic!("the block does not count as taken");
                };
                assert!(next > asked.counter);
                session.continue_from(asked.member, next);
                other.end();
            }
            let mut other = another!("serves");
            assert_eq!(other.answer().as_deref(), Some("ready"));
            for (bytes, asked) in &done {
                let answer = asked_of(&mut other, bytes);
                let reply = session.open(asked, &answer).unwrap();
                assert!(matches!(reply, Reply::Counter(_)), "{round}: {reply:?}");
            }
            other.end();
        }
        for (bytes, asked) in &done {
            let reply = session.open(asked, &request(&world.s, bytes).unwrap());
            assert!(matches!(reply, Ok(Reply::Counter(_))));
        }
    });
}

#[test]
fn a_kill_in_the_middle_of_a_request_does_nothing_twice() {
    if part().as_deref() == Some("serves") {
        return serves();
    }
    if part().is_none() && nothing_to_do() {
        return;
    }
    isolated!(|| {
        expect_rv!(initialize(), CKR_OK);
        let world = World::new(&Token::create());
        let mut session = world.session();
        let (mut labels, mut unanswered) = (Vec::new(), 0);
        for round in 0..12_u64 {
            let mut other = another!("serves");
            assert_eq!(other.answer().as_deref(), Some("ready"));
            let pid = other.id();
            let killer = std::thread::spawn(move || {
                std::thread::sleep(std::time::Duration::from_millis(3 + round * 7 % 20));
                // SAFETY: a signal to a child that nobody has waited for yet.
                unsafe { libc::kill(libc::pid_t::try_from(pid).unwrap(), libc::SIGKILL) }
            });
            let mut sent = Vec::new();
            loop {
                let label = format!("key {}", labels.len());
                let request = world.ask(&mut session, &create(&label));
                labels.push(label);
                let asked = std::panic::AssertUnwindSafe(|| other.ask(&hex(&request.0)));
                let answered = std::panic::catch_unwind(asked).is_ok();
                sent.push(request);
                if !answered {
                    break;
                }
            }
            unanswered += 1;
            killer.join().unwrap();
            other.kill();
            // Everything again, from the first on: the last one may not have been begun.
            for (bytes, asked) in &sent {
                let reply = session
                    .open(asked, &request(&world.s, bytes).unwrap())
                    .unwrap();
                let last = *asked == sent.last().unwrap().1;
                let refused = matches!(reply, Reply::Counter(_));
                assert!(
                    refused || last && matches!(reply, Reply::Done(_)),
                    "{reply:?}"
                );
            }
        }
        assert_eq!(unanswered, 12);
        for label in labels {
            let found = world.s.find(&Template::class(CKO_SECRET_KEY).label(&label));
            assert!(found.unwrap().len() <= 1, "{label} was made twice");
        }
    });
}
