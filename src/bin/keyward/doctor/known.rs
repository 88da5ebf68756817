//! The known answers that the module computes before it uses an algorithm, all of them, computed by this program.

use super::{Check, Verdict, check};
use keyward_pkcs11::crypto::known::{Family, wrong};

/// Whether every family of algorithms gives its known answers.
pub(super) fn answers() -> Check {
    let subject = "self-test";
    let names = |families: &[Family]| {
        let names: Vec<&str> = families.iter().map(|family| family.name()).collect();
        names.join(", ")
    };
    let wrong = wrong();
    if wrong.is_empty() {
        let finding = format!("{} give their known answers", names(&Family::ALL));
        return check(Verdict::Good, subject, finding);
    }
    let finding = format!(
        "wrong answers of {}: use nothing that this program or module makes; try another machine",
        names(&wrong)
    );
    check(Verdict::Bad, subject, finding)
}
