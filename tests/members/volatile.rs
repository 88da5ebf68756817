//! Domain keys in memory only: a member's own files hold none in any form, a restart takes them from the
//! repository, and while that is away there are none.

use crate::members::{Domain, Kind, Member, files, until};
use crate::search::contains;

/// The files of a member that hold the sealed end of a domain token.
fn holding(member: &Member, token: &[u8]) -> Vec<String> {
    let mut all = Vec::new();
    files(&member.home, &mut all);
    all.retain(|file| contains(&std::fs::read(file).unwrap(), &token[token.len() - 200..]));
    all.iter().map(|file| file.display().to_string()).collect()
}

fn kept_in_memory(domain: &mut Domain) {
    let [north, south] = [0, 1].map(|place| domain.members[place].clone());
    let mut user = south.start("module");
    user.ask("generate shared");
    let sealed = user.ask("encrypt shared 00112233");
    let decrypt = format!("decrypt shared {sealed}");
    // The member has the whole token as long as the domain says nothing else.
    let (before, _) = domain.published();
    assert!(!holding(&south, &before).is_empty());
    domain.change(&north, &["policy.set:volatile=yes"]);
    let (token, state) = domain.published();
    let version = state.version;
    until("south runs it", || {
        south.json(&["domain", "show"])["version"] == version
    });
    assert_eq!(user.ask(&decrypt), "00112233");
    user.end();
    // Nothing that opens to domain keys is in the files, of this version or of the one before.
    for token in [&before, &token] {
        assert_eq!(holding(&south, token), [""; 0]);
    }

    // A restart takes them from the repository.
    let key = domain.active_key();
    let mut holds = south.start("core");
    assert_eq!(holds.ask(&format!("has-key {key}")), "true");
    let mut user = south.start("module");
    assert_eq!(user.ask(&decrypt), "00112233");

    // While that is away, who comes has none, and is told so; who has them goes on.
    domain.server().stop();
    let mut late = south.start("core");
    let told = late.ask(&format!("has-key {key}"));
    assert!(told.contains("kept in memory only"), "{told}");
    let mut waits = south.start("module");
    assert!(waits.ask(&decrypt).starts_with("CKR_"));
    assert_eq!(holds.ask(&format!("has-key {key}")), "true");
    // It is back: so are they, by themselves.
    domain.server().start_again();
    until("the keys are back", || waits.ask(&decrypt) == "00112233");
    until("here too", || late.ask("follow").starts_with('['));
    assert_eq!(late.ask(&format!("has-key {key}")), "true");
    for process in [holds, user, waits, late] {
        process.end();
    }
    assert_eq!(holding(&south, &token), [""; 0]);

    // The domain says otherwise again: they are in the files, and the repository need not be there.
    domain.change(&north, &["policy.set:volatile=no"]);
    south.keyward(&["domain", "follow"]).well();
    domain.server().stop();
    let mut core = south.start("core");
    assert_eq!(core.ask(&format!("has-key {key}")), "true");
    core.end();
    domain.server().start_again();
}

#[test]
fn domain_keys_in_memory_only_are_in_no_file_and_come_back_with_the_repository() {
    members!(Kind::OwnPostgres, 2, kept_in_memory);
}
