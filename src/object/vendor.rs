//! The vendor's own numbers, as `include/keyward.h` publishes them.

/// Where the vendor's numbers begin: `CKA_VENDOR_DEFINED | "KW" << 8`.
const BASE: u64 = 0x8000_0000 | 0x004B_5700;

/// `CKM_KEYWARD_KEY_TOKEN`: wraps a key with all its attributes as a key token under a domain key.
pub const CKM_KEYWARD_KEY_TOKEN: u64 = BASE | 0x01;
/// `CKM_KEYWARD_CUSTOMER_DATA`: the ciphertext of customer-key operations. It stands in lists of allowed
/// mechanisms and in policies; no standard call takes it.
pub const CKM_KEYWARD_CUSTOMER_DATA: u64 = BASE | 0x02;
/// `CKA_KEYWARD_DOMAIN_KEY_ID`: on a domain-key object, the 16-byte id of the domain key.
pub const CKA_KEYWARD_DOMAIN_KEY_ID: u64 = BASE | 0x01;
/// `CKA_KEYWARD_DOMAIN_KEY_STATE`: on a domain-key object, 0 pending, 1 active, 2 decrypt-only.
pub const CKA_KEYWARD_DOMAIN_KEY_STATE: u64 = BASE | 0x02;
/// `CKA_KEYWARD_ROLE`: what a key has been used for, read-only: 0 undecided, 1 data, 2 wrapping,
/// 3 wrapping by way of temporary keys alone.
pub const CKA_KEYWARD_ROLE: u64 = BASE | 0x03;
/// `CKA_KEYWARD_LINEAGE`: the 16-byte id that copies of one key, and both halves of a pair, share:
/// what one of them is first used for binds them all. Read-only.
pub const CKA_KEYWARD_LINEAGE: u64 = BASE | 0x04;
/// `CKA_KEYWARD_PROTECTED_PAIR`: on a public key, that its private half was made here with it and
/// has never been extractable. Read-only.
pub const CKA_KEYWARD_PROTECTED_PAIR: u64 = BASE | 0x05;
/// `CKA_KEYWARD_CARRIED`: that the key has wrapped, or may elsewhere have wrapped, a sensitive key;
/// it then gives back only sensitive, non-extractable ones. Read-only.
pub const CKA_KEYWARD_CARRIED: u64 = BASE | 0x06;
/// `CKA_KEYWARD_FAMILY`: the 16-byte id that all versions of a customer key share. Read-only.
pub const CKA_KEYWARD_FAMILY: u64 = BASE | 0x07;
/// `CKA_KEYWARD_KEY_VERSION`: which version of its family a key is, counted from 1. Read-only.
pub const CKA_KEYWARD_KEY_VERSION: u64 = BASE | 0x08;
/// `CKA_KEYWARD_TENANT`: whose key it is, as its owner names tenants. Given at creation.
pub const CKA_KEYWARD_TENANT: u64 = BASE | 0x09;
/// `CKA_KEYWARD_STANDING`: 0 current, 1 superseded, 2 shred pending, 3 destroyed. Read-only.
pub const CKA_KEYWARD_STANDING: u64 = BASE | 0x0A;
/// `CKA_KEYWARD_POLICY`: what may be done with the key, encoded. Given at creation, then only
/// tightened.
pub const CKA_KEYWARD_POLICY: u64 = BASE | 0x0B;
/// `CKA_KEYWARD_CREATED`: when the key was made, in seconds since 1970-01-01 UTC. Read-only.
pub const CKA_KEYWARD_CREATED: u64 = BASE | 0x0C;
/// `CKA_KEYWARD_UPDATE`: on a key that came from a key token under a retired domain key, the token
/// under the active one; else empty. Read-only.
pub const CKA_KEYWARD_UPDATE: u64 = BASE | 0x0D;
/// `CKA_KEYWARD_FINGERPRINT`: 16 bytes that tell a key that is destroyed, or is to be, from others in its
/// domain; empty before. They say nothing of the key to who does not have the domain's secret. Read-only.
pub const CKA_KEYWARD_FINGERPRINT: u64 = BASE | 0x0E;
/// `CKA_KEYWARD_HISTORY`: what became of the key, oldest first: for each entry a standing, or 255 for a
/// compromise that became known, and 8 bytes with the time. Read-only.
pub const CKA_KEYWARD_HISTORY: u64 = BASE | 0x0F;
