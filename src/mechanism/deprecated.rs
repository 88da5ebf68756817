//! Deprecated algorithms: which functions of which mechanisms they are, and whether the settings of this process
//! leave them. What is off is missing from the table; what is on is said in the log when it is first used.

use super::row::{Operations, Row};
use crate::config::Deprecated;
use crate::warnings;
use cryptoki_sys::{
    CKF_DECAPSULATE, CKF_DECRYPT, CKF_MESSAGE_SIGN, CKF_SIGN, CKF_UNWRAP, CKM_ECDSA_SHA1, CKM_MD5,
    CKM_MD5_HMAC, CKM_MD5_HMAC_GENERAL, CKM_MD5_KEY_DERIVATION, CKM_MD5_RSA_PKCS, CKM_RSA_PKCS,
    CKM_SHA1_RSA_PKCS, CKM_SHA1_RSA_PKCS_PSS,
};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Algorithms that one setting is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Group {
    /// MD5, whatever for.
    Md5,
    /// Signatures that are made over SHA-1.
    Sha1Signatures,
    /// Decryption with the padding of PKCS#1 v1.5.
    Pkcs1Decryption,
}

/// How many choices of groups there are.
pub(super) const CHOICES: usize = 8;

/// The groups that are on, as bits. Until the settings are read, those that are on by default.
static ALLOWED: AtomicUsize =
    AtomicUsize::new(Group::Sha1Signatures.bit() | Group::Pkcs1Decryption.bit());
/// The groups that the log has been told about.
static SAID: AtomicUsize = AtomicUsize::new(0);

impl Group {
    /// Every group.
    pub const ALL: [Group; 3] = [Group::Md5, Group::Sha1Signatures, Group::Pkcs1Decryption];

    const fn bit(self) -> usize {
        match self {
            Group::Md5 => 1,
            Group::Sha1Signatures => 2,
            Group::Pkcs1Decryption => 4,
        }
    }

    /// The group that a mechanism, or some of its functions, belongs to.
    #[must_use]
    pub const fn of(mechanism: u64) -> Option<Group> {
        match mechanism {
            CKM_MD5
            | CKM_MD5_HMAC
            | CKM_MD5_HMAC_GENERAL
            | CKM_MD5_RSA_PKCS
            | CKM_MD5_KEY_DERIVATION => Some(Group::Md5),
            CKM_SHA1_RSA_PKCS | CKM_SHA1_RSA_PKCS_PSS | CKM_ECDSA_SHA1 => {
                Some(Group::Sha1Signatures)
            }
            CKM_RSA_PKCS => Some(Group::Pkcs1Decryption),
            _ => None,
        }
    }

    /// The functions (`CKF_…`) of its mechanisms that belong to the group.
    #[must_use]
    pub const fn functions(self) -> u64 {
        match self {
            Group::Md5 => u64::MAX,
            Group::Sha1Signatures => CKF_SIGN | CKF_MESSAGE_SIGN,
            Group::Pkcs1Decryption => CKF_DECRYPT | CKF_UNWRAP | CKF_DECAPSULATE,
        }
    }

    /// The setting that is about the group.
    #[must_use]
    pub const fn setting(self) -> &'static str {
        match self {
            Group::Md5 => "deprecated.md5",
            Group::Sha1Signatures => "deprecated.sha1_signatures",
            Group::Pkcs1Decryption => "deprecated.rsa_pkcs1_decryption",
        }
    }

    /// Whether settings leave the group on.
    #[must_use]
    pub const fn is_on(self, settings: Deprecated) -> bool {
        match self {
            Group::Md5 => settings.md5,
            Group::Sha1Signatures => settings.sha1_signatures,
            Group::Pkcs1Decryption => settings.rsa_pkcs1_decryption,
        }
    }

    /// Whether the group is on in this process.
    #[must_use]
    pub fn is_allowed(self) -> bool {
        chosen() & self.bit() != 0
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Group::Md5 => "MD5",
            Group::Sha1Signatures => "signing over SHA-1",
            Group::Pkcs1Decryption => "RSA decryption with the padding of PKCS#1 v1.5",
        })
    }
}

/// Takes the settings of this process.
pub fn choose(settings: Deprecated) {
    let on = Group::ALL.iter().filter(|group| group.is_on(settings));
    ALLOWED.store(
        on.fold(0, |all, group| all | group.bit()),
        Ordering::Relaxed,
    );
}

/// The choice of this process: a number below [`CHOICES`].
pub(super) fn chosen() -> usize {
    ALLOWED.load(Ordering::Relaxed)
}

/// What a choice leaves of a row; `None` when nothing.
pub(super) fn left(row: &Row, choice: usize) -> Option<Row> {
    let off = Group::of(row.mechanism).filter(|group| choice & group.bit() == 0);
    let operations = match off {
        None => row.operations,
        Some(Group::Md5) => return None,
        Some(Group::Sha1Signatures) => Operations {
            sign: None,
            ..row.operations
        },
        Some(Group::Pkcs1Decryption) => Operations {
            decrypt: None,
            unwrap: None,
            decapsulate: None,
            ..row.operations
        },
    };
    Some(Row { operations, ..*row })
}

/// Says in the log, once in a process for each group, that a deprecated function of a mechanism is used.
pub(super) fn note(mechanism: u64, name: &str, function: u64) {
    let used = Group::of(mechanism).filter(|group| group.functions() & function != 0);
    if let Some(group) = used {
        say(group, name);
    }
}

/// Says in the log, once in a process, that a group is used by a mechanism.
pub(super) fn say(group: Group, name: &str) {
    if SAID.fetch_or(group.bit(), Ordering::Relaxed) & group.bit() == 0 {
        let setting = group.setting();
        warnings::say(&format_args!(
            "{name}: {group} is deprecated; {setting} = false forbids it"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanism::table;

    #[test]
    fn what_is_off_is_just_what_the_group_says() {
        for row in table::everything() {
            assert_eq!(
                left(row, CHOICES - 1).map(|own| own.flags()),
                Some(row.flags())
            );
            let alone = left(row, 0).map_or(0, |own| own.flags());
            let functions = Group::of(row.mechanism).map_or(0, Group::functions);
            assert_eq!(alone, row.flags() & !functions, "{}", row.name);
        }
        for group in Group::ALL {
            assert!(group.bit() < CHOICES);
        }
    }

    #[test]
    fn before_settings_are_read_their_defaults_hold() {
        for group in Group::ALL {
            assert_eq!(
                group.is_allowed(),
                group.is_on(Deprecated::default()),
                "{group}"
            );
        }
    }
}
