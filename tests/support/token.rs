//! Tokens of the tests' own: every test that shares the process takes a fresh one.

use super::{Outcome, Session, module, ok, rv_name};
use cryptoki_sys::*;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The PINs of every test token.
pub const SO_PIN: &str = "so-pin-12345678";
pub const PIN: &str = "user-pin-1234";

/// An initialised token with both PINs set and nobody logged in.
pub struct Token {
    pub slot: CK_SLOT_ID,
    pub label: String,
}

/// The slots, with or without a token.
pub fn slots(with_token: bool) -> Vec<CK_SLOT_ID> {
    let present = CK_BBOOL::from(with_token);
    let mut count = 0;
    expect_rv!(
        call!(C_GetSlotList(present, ptr::null_mut(), &raw mut count)),
        CKR_OK
    );
    // Another thread may add a slot between the two calls.
    let mut slots = vec![0; count as usize + 64];
    count = slots.len() as CK_ULONG;
    expect_rv!(
        call!(C_GetSlotList(present, slots.as_mut_ptr(), &raw mut count)),
        CKR_OK
    );
    slots.truncate(count as usize);
    slots
}

/// The slot that waits for a token.
pub fn free_slot() -> CK_SLOT_ID {
    let free = |slot: &CK_SLOT_ID| info(*slot).flags & CKF_TOKEN_INITIALIZED == 0;
    slots(true)
        .into_iter()
        .rev()
        .find(free)
        .expect("a free slot")
}

/// What `C_GetTokenInfo` says.
pub fn info(slot: CK_SLOT_ID) -> CK_TOKEN_INFO {
    let mut info = CK_TOKEN_INFO::default();
    expect_rv!(call!(C_GetTokenInfo(slot, &raw mut info)), CKR_OK);
    info
}

/// A label as the standard pads it.
pub fn padded(label: &str) -> [u8; 32] {
    let mut padded = [b' '; 32];
    padded[..label.len()].copy_from_slice(label.as_bytes());
    padded
}

/// `C_InitToken`.
pub fn init_token(slot: CK_SLOT_ID, so_pin: &str, label: &str) -> CK_RV {
    let (mut pin, mut label) = (so_pin.as_bytes().to_vec(), padded(label));
    call!(C_InitToken(
        slot,
        pin.as_mut_ptr(),
        pin.len() as CK_ULONG,
        label.as_mut_ptr()
    ))
}

impl Token {
    /// A fresh token, in a module that is initialised if it was not yet.
    pub fn fresh() -> Token {
        module();
        Token::create()
    }

    /// A fresh token in a module that the test initialised itself.
    pub fn create() -> Token {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        // Two tests must not take the same free slot.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let label = format!("test {}", NEXT.fetch_add(1, Ordering::Relaxed));
        let rv = init_token(free_slot(), SO_PIN, &label);
        assert_eq!(rv, CKR_OK, "C_InitToken: {}", rv_name(rv));
        let token = Token::named(&label).expect("the token just made");
        let session = token.session();
        session
            .login(CKU_SO, SO_PIN)
            .expect("the security officer logs in");
        session.init_pin(PIN).expect("C_InitPIN");
        session.logout().expect("C_Logout");
        token
    }

    /// Has the security officer say how sensitive keys that may leave are guarded.
    pub fn set_policy(&self, level: &str) {
        self.keyward(&["token", "policy", level]);
    }

    /// Has the security officer make a change of the token's domain, in words.
    pub fn change_domain(&self, change: &str) {
        let directory = tempfile::tempdir().expect("a directory");
        let file = |name| directory.path().join(name).display().to_string();
        let (request, token) = (file("request"), file("token"));
        self.keyward(&["domain", "request", change, "--out", &request]);
        self.keyward(&["domain", "propose", &request, "--so", "--out", &token]);
        self.keyward(&["domain", "ingest", &token, "--so"]);
    }

    /// Runs the program for this token.
    fn keyward(&self, words: &[&str]) {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_keyward"))
            .args(words)
            .args(["--token", &self.label])
            .env("KEYWARD_SO_PIN", SO_PIN)
            .output()
            .expect("the program runs");
        let printed = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {printed}");
    }

    /// The token with this label.
    pub fn named(label: &str) -> Option<Token> {
        let wanted = padded(label);
        let slot = slots(true).into_iter().find(|slot| {
            let info = info(*slot);
            info.flags & CKF_TOKEN_INITIALIZED != 0 && info.label == wanted
        })?;
        Some(Token {
            slot,
            label: label.to_owned(),
        })
    }

    pub fn info(&self) -> CK_TOKEN_INFO {
        info(self.slot)
    }

    /// A read/write session; it is public until somebody logs in.
    pub fn session(&self) -> Session {
        self.open(CKF_SERIAL_SESSION | CKF_RW_SESSION)
            .expect("C_OpenSession")
    }

    /// A read-only session.
    pub fn read_only(&self) -> Session {
        self.open(CKF_SERIAL_SESSION).expect("C_OpenSession")
    }

    pub fn open(&self, flags: CK_FLAGS) -> Outcome<Session> {
        let mut handle = 0;
        ok(call!(C_OpenSession(
            self.slot,
            flags,
            ptr::null_mut(),
            None,
            &raw mut handle
        )))?;
        Ok(Session::adopt(self.slot, handle))
    }

    /// A read/write session with the user logged in.
    pub fn user(&self) -> Session {
        let session = self.session();
        match session.login(CKU_USER, PIN) {
            Ok(()) => session,
            Err(rv) if rv.0 == CKR_USER_ALREADY_LOGGED_IN => session,
            Err(rv) => panic!("C_Login: {rv:?}"),
        }
    }
}
