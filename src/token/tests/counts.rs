//! Counts: taken over from a former version, shared by processes, and not to be edited.

use super::*;

#[test]
fn counts_of_a_former_version_are_taken_over_and_an_edited_one_is_noticed() {
    let home = Home::new();
    let token = home.token();
    logged_in(&token);
    let unlocked = token.unlocked().unwrap();
    let key = unlocked.domain().state.active_key().unwrap().id;
    assert_eq!(token.held_under(key).unwrap(), 0);
    let fact = format!("held/{key}");
    let former = 5_u64.to_be_bytes();
    token
        .store
        .writing(|writer| writer.set_fact(&fact, Some(&former)), &|| ())
        .unwrap();
    assert_eq!(token.held_under(key).unwrap(), 5);
    token.count_held(key).unwrap();
    assert_eq!(token.held_under(key).unwrap(), 6);
    let left = token.store.reading(|reader| reader.fact(&fact)).unwrap();
    assert_eq!(left, None);
    let edit = "UPDATE nodes SET body = zeroblob(0) WHERE level = 2 AND length(body) > 0";
    assert!(home.sql(&token).execute(edit, []).unwrap() > 0);
    assert!(token.held_under(key).is_err());
}

#[test]
fn what_a_process_reserved_counts_for_others_until_it_gives_it_back() {
    let home = Home::new();
    let token = home.token();
    let other = home.open(&token);
    logged_in(&token);
    logged_in(&other);
    let unlocked = token.unlocked().unwrap();
    let key = unlocked.domain().state.active_key().unwrap().id;
    for _ in 0..5 {
        token.count_held(key).unwrap();
    }
    assert_eq!(token.held_under(key).unwrap(), 5);
    assert!(other.held_under(key).unwrap() >= 5);
    token.logout();
    assert_eq!(other.held_under(key).unwrap(), 5);
}

#[test]
fn a_search_that_was_kept_sees_what_another_process_changes() {
    let home = Home::new();
    let token = home.token();
    let other = home.open(&token);
    logged_in(&token);
    logged_in(&other);
    for _ in 0..2 {
        assert_eq!(token.find(&by_label("a")).unwrap(), []);
    }
    let made = one(&other, key("a", true));
    assert_eq!(token.find(&by_label("a")).unwrap(), [made.id()]);
    token.logout();
    assert_eq!(token.find(&by_label("a")).unwrap(), []);
    logged_in(&token);
    assert_eq!(token.find(&by_label("a")).unwrap(), [made.id()]);
    other.remove(&made).unwrap();
    assert_eq!(token.find(&by_label("a")).unwrap(), []);
}
