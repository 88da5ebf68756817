//! Operator sessions on several members: opened at one, used at each, and ended for all.

use crate::members::{Domain, Kind, Member};
use crate::parts::{bytes, hex};
use crate::support::process::Other;
use keyward_pkcs11::domain::customer::{Answer, KeyName, Request};
use keyward_pkcs11::domain::ids::MemberId;
use keyward_pkcs11::domain::operator::{OperatorKey, OperatorSigner};
use keyward_pkcs11::domain::operator_session::{Ask, Asked, ClientSession, Opening, Reply};
use keyward_pkcs11::secret::SecretBytes;
use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}

fn name(domain: &Domain, member: &Member) -> MemberId {
    MemberId::from_hex(&domain.id(member)).unwrap()
}

/// A session that a process of a member opens.
fn open(domain: &Domain, at: &Member, process: &mut Other, key: &OperatorKey) -> ClientSession {
    let (_, state) = domain.published();
    let subject = (state.domain, name(domain, at));
    let opening = Opening::begin(subject, key, (now(), 3600)).unwrap();
    let welcome = process.ask(&format!("admit {}", hex(opening.hello())));
    assert!(!welcome.starts_with("error"), "{welcome}");
    opening.finish(&bytes(&welcome)).unwrap()
}

/// What a process answers to a request.
fn serve(
    session: &ClientSession,
    process: &mut Other,
    (request, asked): &(Vec<u8>, Asked),
) -> Reply {
    let answer = process.ask(&format!("serve {}", hex(request)));
    assert!(!answer.starts_with("error"), "{answer}");
    session.open(asked, &bytes(&answer)).unwrap()
}

/// What a member says to a question about customer keys.
fn customer(
    session: &mut ClientSession,
    (member, process): (MemberId, &mut Other),
    request: Request,
) -> Answer {
    let asked = session.ask(member, &Ask::Customer(Box::new(request)), now());
    let reply = serve(session, process, &asked.unwrap());
    let Reply::Done(result) = &reply else {
        panic!("{reply:?}");
    };
    Answer::decode(result.expose()).unwrap()
}

fn works_at_each_once(domain: &mut Domain) {
    let [north, south] = [0, 1].map(|place| domain.members[place].clone());
    let mut norths = [north.start("core"), north.start("core")];
    let mut souths = [south.start("core"), south.start("core")];
    let mut session = open(domain, &north, &mut norths[0], &domain.operators[0]);
    for (member, processes) in [(&north, &mut norths), (&south, &mut souths)] {
        let id = name(domain, member);
        for counter in 1..8 {
            let request = session.ask(id, &Ask::Status, now()).unwrap();
            assert_eq!(request.1.counter, counter);
            let [one, two] = processes.each_mut();
            let (first, second) = if counter % 2 == 0 {
                (one, two)
            } else {
                (two, one)
            };
            assert!(matches!(serve(&session, first, &request), Reply::Done(_)));
            let again = Reply::Counter(counter + 1);
            assert_eq!(serve(&session, second, &request), again);
            assert_eq!(serve(&session, first, &request), again);
        }
    }
    // A request says which member it is for, and no other takes it.
    let request = session
        .ask(name(domain, &north), &Ask::Status, now())
        .unwrap();
    let stolen = souths[0].ask(&format!("serve {}", hex(&request.0)));
    assert!(
        stolen.contains("operator session refused: it is for member"),
        "{stolen}"
    );
    // After the member's processes were killed, others of it know what was taken.
    for process in norths.iter_mut().chain(&mut souths) {
        process.kill();
    }
    let mut back = north.start("core");
    assert!(matches!(
        serve(&session, &mut back, &request),
        Reply::Done(_)
    ));
    let mut more = north.start("core");
    let taken = Reply::Counter(request.1.counter + 1);
    assert_eq!(serve(&session, &mut more, &request), taken);
}

#[test]
fn a_session_opened_at_one_member_works_at_each_and_no_request_twice() {
    members!(2, works_at_each_once);
}

#[test]
fn a_session_opened_at_one_member_works_at_each_and_no_request_twice_with_postgres() {
    members!(Kind::Postgres, 2, works_at_each_once);
}

fn a_key_serves_at_another(domain: &mut Domain) {
    let [north, south] = [0, 1].map(|place| domain.members[place].clone());
    let (mut at_north, mut at_south) = (north.start("core"), south.start("core"));
    let ids = [&north, &south].map(|member| name(domain, member));
    let mut session = open(domain, &north, &mut at_north, &domain.operators[0]);
    let create = Request::Create {
        label: "customer 1".into(),
        id: vec![],
        tenant: vec![],
        policy: None,
        material: None,
    };
    customer(&mut session, (ids[0], &mut at_north), create);
    let encrypt = Request::Encrypt {
        key: KeyName::Label {
            label: "customer 1".into(),
            tenant: None,
        },
        version: None,
        aad: b"order 7".to_vec(),
        plaintext: SecretBytes::copy_of(b"a plaintext"),
    };
    let sealed = customer(&mut session, (ids[1], &mut at_south), encrypt);
    let decrypt = |aad: &[u8]| Request::Decrypt {
        ciphertext: sealed.sealed.clone().unwrap(),
        aad: aad.to_vec(),
        update: false,
    };
    let opened = customer(&mut session, (ids[0], &mut at_north), decrypt(b"order 7"));
    assert_eq!(opened.plain.unwrap().expose(), b"a plaintext");
    // What goes wrong is told to the operator only, and uses the counter up.
    let wrong = Ask::Customer(Box::new(decrypt(b"order 8")));
    let request = session.ask(ids[1], &wrong, now()).unwrap();
    assert!(matches!(
        serve(&session, &mut at_south, &request),
        Reply::Refused(_)
    ));
    let again = serve(&session, &mut at_south, &request);
    assert_eq!(again, Reply::Counter(request.1.counter + 1));
}

#[test]
fn a_key_that_an_operator_made_at_one_member_serves_at_another() {
    members!(2, a_key_serves_at_another);
}

#[test]
fn a_key_that_an_operator_made_at_one_member_serves_at_another_with_postgres() {
    members!(Kind::Postgres, 2, a_key_serves_at_another);
}

fn a_suspended_one_is_refused(domain: &mut Domain) {
    let [north, south] = [0, 1].map(|place| domain.members[place].clone());
    let carol = OperatorKey::generate().unwrap();
    let card = carol.card("carol").unwrap().encode();
    fs::write(domain.work().join("carol.card"), card).unwrap();
    domain.change(&north, &["operator.add:carol.card"]);
    let (mut at_north, mut at_south) = (north.start("core"), south.start("core"));
    at_south.ask("follow");
    let ids = [&north, &south].map(|member| name(domain, member));
    let mut session = open(domain, &north, &mut at_north, &carol);
    for (id, process) in ids.into_iter().zip([&mut at_north, &mut at_south]) {
        let request = session.ask(id, &Ask::Status, now()).unwrap();
        assert!(matches!(serve(&session, process, &request), Reply::Done(_)));
    }
    let suspend = format!("operator.suspend:{}", carol.operator_id());
    domain.change(&north, &[&suspend]);
    // North's other process has installed it: the next request is refused. South has to hear of it.
    at_south.ask("follow");
    for (id, process) in ids.into_iter().zip([&mut at_north, &mut at_south]) {
        let request = session.ask(id, &Ask::Status, now()).unwrap();
        let reply = serve(&session, process, &request);
        let Reply::Refused(why) = &reply else {
            panic!("{reply:?}");
        };
        assert!(why.ends_with("is suspended"), "{why}");
    }
}

#[test]
fn an_operator_that_is_suspended_is_refused_by_every_member_that_knows() {
    members!(2, a_suspended_one_is_refused);
}

#[test]
fn an_operator_that_is_suspended_is_refused_by_every_member_that_knows_with_postgres() {
    members!(Kind::Postgres, 2, a_suspended_one_is_refused);
}
