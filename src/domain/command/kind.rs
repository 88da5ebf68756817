//! The kinds of command: each has a number, a name, a permission and a rule of its own.

use crate::domain::cbor::{Flaw, Reader, Result, flawed};
use std::fmt;

/// Defines the kinds, from one table.
macro_rules! kinds {
    ($($number:literal $kind:ident $name:literal #[doc = $doc:literal])+) => {
        /// A kind of command.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Kind {
            $(#[doc = $doc] $kind,)+
        }

        impl Kind {
            /// Every kind, by number.
            pub const ALL: [Kind; [$($number),+].len()] = [$(Kind::$kind),+];

            /// Its number in the format.
            #[must_use]
            pub fn number(self) -> u64 {
                match self { $(Kind::$kind => $number,)+ }
            }

            /// Its name, as people write it.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Kind::$kind => $name,)+ }
            }
        }
    };
}

kinds! {
    1 KeyAdd "key.add" #[doc = "A new domain key, pending."]
    2 KeyActivate "key.activate" #[doc = "A pending domain key becomes the active one."]
    3 KeyRetire "key.retire" #[doc = "The active domain key gives way to the only pending one."]
    4 KeyRemove "key.remove" #[doc = "A domain key goes for ever."]
    5 MemberAdd "member.add" #[doc = "A module joins."]
    6 MemberSuspend "member.suspend" #[doc = "A member is not waited for and gets no package."]
    7 MemberResume "member.resume" #[doc = "A suspended member takes part again."]
    8 MemberRemove "member.remove" #[doc = "A member leaves."]
    9 MemberRenew "member.renew" #[doc = "A member changes its agreement key."]
    10 OperatorAdd "operator.add" #[doc = "A new operator."]
    11 OperatorSuspend "operator.suspend" #[doc = "An operator's signature no longer counts."]
    12 OperatorResume "operator.resume" #[doc = "A suspended operator's signature counts again."]
    13 OperatorRemove "operator.remove" #[doc = "An operator leaves."]
    14 RuleSet "rule.set" #[doc = "The rule of a kind of command changes."]
    15 PolicySet "policy.set" #[doc = "The domain's settings change."]
    16 Revoke "revoke" #[doc = "Customer keys that no token may bring back."]
    17 RevisionRaise "revision.raise" #[doc = "The lowest revision of a customer key that opens."]
    18 RecoverySet "recovery.set" #[doc = "The recovery key and delay change."]
    19 RecoveryBegin "recovery.begin" #[doc = "A recovery is announced."]
    20 RecoveryCancel "recovery.cancel" #[doc = "An announced recovery is called off."]
    21 RecoveryFinish "recovery.finish" #[doc = "An announced recovery is done after its delay."]
    22 RepositorySet "repository.set" #[doc = "Another store installs the versions."]
    23 LabelSet "label.set" #[doc = "The domain's name changes."]
    24 ShredCancel "shred.cancel" #[doc = "Keys that were marked for shredding are kept."]
}

impl Kind {
    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether a domain with operators may do without a rule for it: nobody may then.
    #[must_use]
    pub fn is_optional(self) -> bool {
        matches!(
            self,
            Kind::RecoveryBegin | Kind::RecoveryCancel | Kind::RecoveryFinish | Kind::ShredCancel
        )
    }

    /// Whether it changes who governs, so that the new rules must approve it too.
    #[must_use]
    pub fn governs(self) -> bool {
        matches!(
            self,
            Kind::OperatorAdd
                | Kind::OperatorSuspend
                | Kind::OperatorResume
                | Kind::OperatorRemove
                | Kind::RuleSet
        )
    }

    /// Reads a kind by its number.
    pub(in crate::domain) fn read(reader: &mut Reader<'_>) -> Result<Self> {
        let number = reader.uint("command kind")?;
        Kind::ALL
            .into_iter()
            .find(|kind| kind.number() == number)
            .ok_or(flawed("command kind", Flaw::BadValue))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
