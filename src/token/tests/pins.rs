//! PINs: counted, locked, changed.

use super::*;

#[test]
fn wrong_pins_are_counted_in_every_process_and_lock() {
    let home = Home::new();
    let token = home.token();
    let other = home.open(&token);
    assert_eq!(
        token.verify_pin(Role::User, b"wrong"),
        Err(Error::PinIncorrect)
    );
    assert!(other.header().unwrap().user.is_count_low());
    assert_eq!(
        other.verify_pin(Role::User, b"wrong"),
        Err(Error::PinIncorrect)
    );
    assert!(token.header().unwrap().user.is_final_try());
    token.verify_pin(Role::User, USER).unwrap();
    assert!(!token.header().unwrap().user.is_count_low());
    for _ in 0..3 {
        assert_eq!(
            token.verify_pin(Role::User, b"wrong"),
            Err(Error::PinIncorrect)
        );
    }
    assert_eq!(other.verify_pin(Role::User, USER), Err(Error::PinLocked));
    assert!(token.header().unwrap().user.is_locked());
    assert!(!token.header().unwrap().so.is_locked());
    token.login(Role::SecurityOfficer, SO).unwrap();
    token.init_pin(b"new pin").unwrap();
    other.verify_pin(Role::User, b"new pin").unwrap();
}

#[test]
fn many_right_logins_at_once_lock_nobody_out() {
    let home = Home::new();
    let token = home.token();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            let view = home.open(&token);
            scope.spawn(move || logged_in(&view));
        }
    });
    assert!(!token.header().unwrap().user.is_count_low());
}

#[test]
fn a_new_pin_of_bad_length_changes_nothing() {
    let home = Home::new();
    let token = home.token();
    assert_eq!(
        token.set_pin(Role::User, USER, b"abc"),
        Err(Error::PinLenRange)
    );
    assert_eq!(
        token.set_pin(Role::User, USER, &[b'a'; 256]),
        Err(Error::PinLenRange)
    );
    assert_eq!(
        token.set_pin(Role::User, b"wrong", b"next"),
        Err(Error::PinIncorrect)
    );
    token.verify_pin(Role::User, USER).unwrap();
    token.set_pin(Role::User, USER, b"next").unwrap();
    assert_eq!(token.verify_pin(Role::User, USER), Err(Error::PinIncorrect));
    token.verify_pin(Role::User, b"next").unwrap();
}
