//! Known answers of the functions that derive keys from secrets and passwords.

use super::answers::Answers;
use crate::crypto::hash::Hash;
use crate::crypto::sp800_108::{Mode, Number, Part, Prf};
use crate::crypto::{hmac, kdf, pin, sp800_108};
use crate::error::Result;

/// HKDF, PBKDF2, SP 800-108, X9.63, SP 800-56A and the functions of TLS.
pub(super) fn functions(known: Answers<'_>) -> Result<()> {
    let secret = known.bytes("hkdf.secret")?;
    let (salt, info) = (known.bytes("hkdf.salt")?, known.bytes("hkdf.info")?);
    let hash = Hash::Sha256;
    let (mut out, mut long) = ([0; 42], [0; 64]);
    kdf::hkdf(hash, &salt, &secret, &[&info], &mut out)?;
    known.compare("hkdf.answer", &out)?;
    kdf::pbkdf2(hash, b"passwd", b"salt", 1, &mut long)?;
    known.compare("pbkdf2.answer", &long)?;
    let mut out = [0; 48];
    kdf::x963(hash, &secret, &salt, &mut out)?;
    known.compare("x963.answer", &out)?;
    kdf::sp800_56a(hash, &secret, &salt, &mut out)?;
    known.compare("sp800-56a.answer", &out)?;
    kdf::tls_prf(Some(hash), &secret, &[], [&salt, &info], &mut out)?;
    known.compare("tls.answer", &out)?;
    let number = Number {
        bits: 32,
        little_endian: false,
    };
    let bits = [0, 0, 1, 0x80];
    let parts = [&salt, &[0][..], &info, &bits];
    let parts = parts.map(Part::Bytes);
    let with_counter = [&[Part::Iteration], &parts[..]].concat();
    let prf = Prf::Hmac(Box::new(hmac::Key::new(hash, &secret)));
    sp800_108::derive(&prf, Mode::Counter(number), &with_counter, &mut out)?;
    known.compare("sp800-108.answer", &out)
}

/// Argon2id.
pub(super) fn argon2(known: Answers<'_>) -> Result<()> {
    let cost = pin::Cost {
        memory_kib: 32,
        passes: 3,
        lanes: 4,
    };
    let secret = pin::stretch(cost, &[1; 32], &[2; 16], &[3; 8], 32)?;
    known.compare("argon2id.answer", secret.expose())
}
