//! Where the vectors run: one session, and what every family of vectors needs.

use crate::report::Verdict;
use crate::support::{Mech, Outcome, Rv, Session, Template, is_keyward, slots};
use cryptoki_sys::*;
use serde_json::Value;
use std::cell::RefCell;
use std::collections::{HashMap, HashSet};

/// Why vectors do not apply to a peer.
pub(crate) const LACKING: &str = "this module does not offer it";

pub(crate) struct Bench {
    pub(crate) session: Session,
    offered: HashSet<CK_MECHANISM_TYPE>,
    /// The objects made so far, by what their templates hold.
    objects: RefCell<HashMap<Vec<u8>, CK_OBJECT_HANDLE>>,
}

impl Bench {
    pub(crate) fn new(session: Session) -> Bench {
        let mut count = 0;
        expect_rv!(
            call!(C_GetMechanismList(
                session.slot,
                std::ptr::null_mut(),
                &raw mut count
            )),
            CKR_OK
        );
        let mut list = vec![0; count as usize];
        expect_rv!(
            call!(C_GetMechanismList(
                session.slot,
                list.as_mut_ptr(),
                &raw mut count
            )),
            CKR_OK
        );
        assert!(slots(true).contains(&session.slot));
        Bench {
            session,
            offered: list.into_iter().collect(),
            objects: RefCell::default(),
        }
    }

    pub(crate) fn offers(&self, mechanism: CK_MECHANISM_TYPE) -> bool {
        self.offered.contains(&mechanism)
    }

    /// Whether a peer module lacks one of these. Keyward must have them all.
    pub(crate) fn lacks(&self, mechanisms: &[CK_MECHANISM_TYPE]) -> bool {
        !is_keyward() && mechanisms.iter().any(|m| !self.offers(*m))
    }

    /// Runs `work` with the object this template makes. Vectors of a group share their key, and
    /// importing one costs more than using it, so each is made once. A template that the module
    /// refuses is a refusal of the vector.
    pub(crate) fn with(
        &self,
        template: &Template,
        work: impl FnOnce(CK_OBJECT_HANDLE) -> Verdict,
    ) -> Verdict {
        let name = template.bytes_of();
        let known = self.objects.borrow().get(&name).copied();
        let object = match known.map_or_else(|| self.session.create(template), Ok) {
            Ok(object) => object,
            Err(rv) => return Verdict::Refused(format!("C_CreateObject {rv:?}")),
        };
        self.objects.borrow_mut().insert(name, object);
        work(object)
    }

    /// A digest by the module itself.
    pub(crate) fn digest(&self, mechanism: CK_MECHANISM_TYPE, data: &[u8]) -> Option<Vec<u8>> {
        self.offers(mechanism).then(|| {
            self.session
                .digest(&Mech::plain(mechanism), data)
                .expect("a digest")
        })
    }
}

/// The bytes of a hexadecimal field; none where it is absent.
pub(crate) fn hex(object: &Value, field: &str) -> Vec<u8> {
    decode(object[field].as_str().unwrap_or_default())
}

pub(crate) fn decode(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2), "an odd number of digits");
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).expect("hexadecimal"))
        .collect()
}

/// A number without leading zeros.
pub(crate) fn trimmed(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|b| **b == 0).count();
    &number[zeros..]
}

/// An output held against the expected one.
pub(crate) fn same(what: &str, outcome: Outcome<Vec<u8>>, expected: &[u8]) -> Verdict {
    match outcome {
        Ok(output) if output == expected => Verdict::Accepted,
        Ok(output) => Verdict::Wrong(format!("{what} gave {output:02x?}")),
        Err(rv) => Verdict::Refused(format!("{what} {rv:?}")),
    }
}

/// A verification's answer: refusals must be one of the two that the standard has for signatures.
pub(crate) fn verified(what: &str, outcome: Outcome<()>) -> Verdict {
    match outcome {
        Ok(()) => Verdict::Accepted,
        Err(Rv(CKR_SIGNATURE_INVALID | CKR_SIGNATURE_LEN_RANGE)) => {
            Verdict::Refused(format!("{what}: bad signature"))
        }
        Err(rv) => Verdict::Wrong(format!("{what} answered {rv:?}")),
    }
}

/// The first verdict that is not an acceptance, if both must hold.
pub(crate) fn both(first: Verdict, second: impl FnOnce() -> Verdict) -> Verdict {
    match (first, second()) {
        (Verdict::Accepted, second) => second,
        (Verdict::Refused(_), Verdict::Accepted) => Verdict::Wrong("two ways that disagree".into()),
        (first, _) => first,
    }
}
