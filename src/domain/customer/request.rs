//! What may be asked about customer keys: one request for each operation, in one encoding, whoever
//! carries it.

mod form;

use crate::domain::ids::KeyId;
use crate::domain::key_policy::KeyPolicy;
use crate::object::ObjectId;
use crate::secret::SecretBytes;

/// The longest plaintext or ciphertext in bytes.
pub const MAX_DATA: usize = 64 << 20;
/// The longest label, id or tenant in bytes.
pub const MAX_NAME: usize = 256;
/// The longest authenticated data in bytes.
pub const MAX_AAD: usize = 1 << 20;
/// The longest public key that a suspended key is sealed to, in bytes.
pub const MAX_PUBLIC_KEY: usize = 8 << 10;
/// The longest list of keys in an answer.
pub const MAX_KEYS: usize = 1 << 20;

/// How a request names a key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum KeyName {
    /// By its id: a family of versions.
    Family(KeyId),
    /// By its label, and its tenant where two keys have the same label.
    Label {
        /// The label, `CKA_LABEL`.
        label: String,
        /// The tenant; any, if absent.
        tenant: Option<Vec<u8>>,
    },
}

/// Key material that the customer supplies, wrapped.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Supplied {
    /// The wrapped key.
    pub wrapped: Vec<u8>,
    /// The object that unwraps it.
    pub unwrapping: ObjectId,
    /// By which mechanism, `CKM_…`.
    pub mechanism: u64,
}

/// What is asked.
#[derive(PartialEq, Eq, Debug)]
pub enum Request {
    /// Makes a key: a family with its first version.
    Create {
        /// `CKA_LABEL`.
        label: String,
        /// `CKA_ID`; the first bytes of the family's id, if empty.
        id: Vec<u8>,
        /// The tenant that the key belongs to; empty for none.
        tenant: Vec<u8>,
        /// What may be done with it.
        policy: Option<KeyPolicy>,
        /// Its material; generated inside, if absent.
        material: Option<Supplied>,
    },
    /// Encrypts under the newest version.
    Encrypt {
        /// The key.
        key: KeyName,
        /// The version that the caller believes to be the newest: any other is refused.
        version: Option<u64>,
        /// Data to be authenticated with it.
        aad: Vec<u8>,
        /// What to encrypt.
        plaintext: SecretBytes,
    },
    /// Decrypts. The ciphertext names key and version.
    Decrypt {
        /// The ciphertext, or a wrapped data key.
        ciphertext: Vec<u8>,
        /// The data authenticated with it.
        aad: Vec<u8>,
        /// Whether the answer should carry the same under the newest version, if this one is stale.
        update: bool,
    },
    /// Decrypts under one key and encrypts under another, inside.
    Rekey {
        /// The ciphertext, or a wrapped data key.
        ciphertext: Vec<u8>,
        /// The data authenticated with it.
        aad: Vec<u8>,
        /// The other key.
        to: KeyName,
        /// The data to be authenticated under the other key.
        to_aad: Vec<u8>,
    },
    /// Makes a data key.
    GenerateDataKey {
        /// The key that it is wrapped under.
        key: KeyName,
        /// Its length in bytes, 16 to 64.
        length: usize,
        /// Data to be authenticated with it.
        aad: Vec<u8>,
        /// Whether the answer carries it in plain, too.
        plain: bool,
    },
    /// Makes a new version.
    Rotate {
        /// The key.
        key: KeyName,
        /// Its new material; generated inside, if absent.
        material: Option<Supplied>,
    },
    /// Tells about every version of a key.
    Describe {
        /// The key.
        key: KeyName,
    },
    /// Tells about the newest version of each key.
    List {
        /// Of this tenant only.
        tenant: Option<Vec<u8>>,
    },
    /// Tightens what may be done with a key.
    SetPolicy {
        /// The key.
        key: KeyName,
        /// The policy in the place of the one it has.
        policy: KeyPolicy,
    },
    /// Marks every version of a key to be destroyed with the next rotation of the domain key.
    MarkForShredding {
        /// The key.
        key: KeyName,
    },
    /// Takes the mark away.
    CancelShredding {
        /// The key.
        key: KeyName,
    },
    /// Destroys every version of a key now.
    Shred {
        /// The key.
        key: KeyName,
    },
    /// The member's signed word that a version was destroyed.
    ProofOfDestruction {
        /// The key.
        key: KeyName,
        /// The version.
        version: u64,
    },
    /// Seals a key to the domain and then to the customer, and erases it here.
    Suspend {
        /// The key.
        key: KeyName,
        /// The customer's public key: an X-Wing key, or an RSA key as `SubjectPublicKeyInfo`.
        to: Vec<u8>,
    },
    /// Takes a suspended key back, in the form that the customer's key opened.
    Reinstate {
        /// What the customer opened.
        opened: Vec<u8>,
    },
    /// Counts things as wrapped under a version.
    Register {
        /// The key.
        key: KeyName,
        /// The version.
        version: u64,
        /// How many.
        count: u64,
    },
    /// Counts them off.
    Unregister {
        /// The key.
        key: KeyName,
        /// The version.
        version: u64,
        /// How many.
        count: u64,
    },
    /// Notes that a key became known to others, whether it is still there or destroyed.
    NoteCompromise {
        /// The key.
        key: KeyName,
        /// The version; all of them, if left out.
        version: Option<u64>,
    },
    /// Deletes an older version for good.
    DeleteVersion {
        /// The key.
        key: KeyName,
        /// The version.
        version: u64,
        /// Though something is counted as wrapped under it.
        force: bool,
    },
}
