//! The recovery key and its shares: made once, held offline by several people, some of whom together
//! open every version of the domain that was sealed to it. `docs/formats.md`, "Recovery".

use super::cbor::{Flaw, Reader, Result as Read, Writer, flawed};
use super::ids::Digest;
use super::ingest::Installed;
use super::keyring::Keyring;
use super::package::{AgreementKey, PUBLIC_KEY_LEN, Package};
use super::refusal::Refusal;
use super::sealing::hash;
use super::token::Token;
use super::token::keyset::TokenKey;
use crate::crypto::sharing::{self, LEN, Part};
use crate::error::{Error, Result};
use std::fmt;
use zeroize::Zeroizing;

/// The format of recovery keys and shares.
const FORMAT: u64 = 1;

/// The public half of a recovery key, as a domain is told.
///
/// # Errors
/// Anything but the one encoding of an X-Wing key.
pub fn read_public(bytes: &[u8]) -> Read<Vec<u8>> {
    Reader::whole(bytes, "recovery key", |reader| {
        reader.tuple("recovery key", 2)?;
        if reader.uint("recovery key format")? != FORMAT {
            return Err(flawed("recovery key format", Flaw::BadValue));
        }
        let key = reader.fixed::<PUBLIC_KEY_LEN>("recovery key")?.to_vec();
        if Package::is_public_key(&key) {
            Ok(key)
        } else {
            Err(flawed("recovery key", Flaw::BadValue))
        }
    })
}

/// The encoding of the public half.
#[must_use]
pub fn encode_public(key: &AgreementKey) -> Vec<u8> {
    let mut writer = Writer::with_capacity(PUBLIC_KEY_LEN.saturating_add(16));
    writer.array(2).uint(FORMAT).bytes(key.public());
    writer.into_vec()
}

/// By what people tell recovery keys apart.
#[must_use]
pub fn name(public: &[u8]) -> Digest {
    Digest(hash(&[b"keyward/1 recovery key", public]))
}

/// One person's share of a recovery key. Erased on drop.
pub struct Share {
    /// The key that it is a share of.
    pub key: Digest,
    /// How many shares give the key.
    pub threshold: u8,
    part: Part,
}

impl Share {
    /// Splits a key into `count` shares, any `threshold` of which give it back.
    ///
    /// # Errors
    /// `BadArguments` unless 1 ≤ threshold ≤ count; those of the random generator.
    pub fn split(key: &AgreementKey, threshold: u8, count: u8) -> Result<Vec<Share>> {
        let parts = sharing::split(key.seed(), threshold, count)?;
        let share = |part| Share {
            key: name(key.public()),
            threshold,
            part,
        };
        Ok(parts.into_iter().map(share).collect())
    }

    /// The key of enough shares.
    ///
    /// # Errors
    /// `Malformed` for shares of different keys, too few, one twice, or one that was changed.
    pub fn combine(shares: &[Share]) -> Result<AgreementKey> {
        let wrong = |why: &str| Error::Malformed(format!("set of recovery shares: {why}"));
        let first = shares.first().ok_or_else(|| wrong("there is none"))?;
        let alike = |own: &Share| (own.key, own.threshold) == (first.key, first.threshold);
        if !shares.iter().all(alike) {
            return Err(wrong("they are of different keys"));
        }
        if shares.len() < first.threshold.into() {
            let (given, needed) = (shares.len(), first.threshold);
            return Err(wrong(&format!("{given} are given, {needed} are needed")));
        }
        let parts: Vec<Part> = shares.iter().map(|own| own.part.clone()).collect();
        let seed = sharing::combine(&parts).map_err(|_| wrong("one comes twice"))?;
        let key = AgreementKey::from_seed(&seed);
        if name(key.public()) == first.key {
            Ok(key)
        } else {
            Err(wrong("one of them was changed"))
        }
    }

    /// Its number, from 1.
    #[must_use]
    pub fn number(&self) -> u8 {
        self.part.place
    }

    /// The encoding, which is as secret as the share.
    #[must_use]
    pub fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut writer = Writer::default();
        writer
            .array(5)
            .uint(FORMAT)
            .bytes(&self.key.0)
            .uint(self.threshold.into())
            .uint(self.part.place.into())
            .bytes(self.part.values.as_ref());
        Zeroizing::new(writer.into_vec())
    }

    /// Reads a share.
    ///
    /// # Errors
    /// Anything but the one encoding.
    pub fn parse(bytes: &[u8]) -> Read<Self> {
        Reader::whole(bytes, "recovery share", |reader| {
            reader.tuple("recovery share", 5)?;
            if reader.uint("recovery share format")? != FORMAT {
                return Err(flawed("recovery share format", Flaw::BadValue));
            }
            let key = Digest(reader.fixed("recovery key")?);
            let mut small = |field| {
                let number = u8::try_from(reader.uint(field)?).ok();
                number
                    .filter(|number| *number > 0)
                    .ok_or(flawed(field, Flaw::BadValue))
            };
            let (threshold, place) = (small("threshold")?, small("number of the share")?);
            let values = Zeroizing::new(reader.fixed::<LEN>("share")?);
            Ok(Share {
                key,
                threshold,
                part: Part { place, values },
            })
        })
    }
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Share({} of {})", self.part.place, self.key)
    }
}

/// Opens a version with the recovery key: its state and its domain keys, for a module that makes the
/// versions of a recovery when no member is left.
///
/// # Errors
/// Why it does not open.
pub fn open(
    token: &[u8],
    key: &AgreementKey,
    now: u64,
) -> std::result::Result<(Installed, Keyring), Refusal> {
    let token = Token::parse(token)?;
    let ring = TokenKey::recover(&token, key)?
        .key_set(&token)?
        .ring(&token.public.state)?;
    let installed = Installed {
        state: token.public.state,
        hash: token.hash,
        seen: now,
    };
    Ok((installed, ring))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_travel_and_give_the_key_back() {
        let key = AgreementKey::generate().unwrap();
        let shares = Share::split(&key, 2, 3).unwrap();
        let files: Vec<_> = shares.iter().map(Share::encode).collect();
        let back = |numbers: &[usize]| {
            let read = numbers.iter().map(|at| Share::parse(&files[*at]).unwrap());
            Share::combine(&read.collect::<Vec<_>>())
        };
        assert_eq!(back(&[2, 0]).unwrap().public(), key.public());
        let refused = |numbers: &[usize]| back(numbers).err().unwrap().to_string();
        assert!(refused(&[1]).contains("1 are given, 2 are needed"));
        assert!(refused(&[1, 1]).contains("comes twice"));
        let mut changed = files[1].to_vec();
        *changed.last_mut().unwrap() ^= 1;
        let pair = [
            Share::parse(&files[0]).unwrap(),
            Share::parse(&changed).unwrap(),
        ];
        let why = Share::combine(&pair).err().unwrap().to_string();
        assert!(why.contains("was changed"), "{why}");
        let other = Share::split(&AgreementKey::generate().unwrap(), 2, 3).unwrap();
        let mixed = [
            Share::parse(&files[0]).unwrap(),
            other.into_iter().next().unwrap(),
        ];
        let why = Share::combine(&mixed).err().unwrap().to_string();
        assert!(why.contains("different keys"), "{why}");
        assert_eq!(read_public(&encode_public(&key)).unwrap(), key.public());
    }

    #[test]
    fn a_share_with_a_changed_byte_gives_no_key() {
        let key = AgreementKey::generate().unwrap();
        let shares = Share::split(&key, 2, 2).unwrap();
        let file = shares[1].encode();
        for at in 0..file.len() {
            let mut changed = file.to_vec();
            changed[at] ^= 4;
            let Ok(changed) = Share::parse(&changed) else {
                continue;
            };
            let first = Share::parse(&shares[0].encode()).unwrap();
            assert!(Share::combine(&[first, changed]).is_err(), "byte {at}");
        }
        for end in 0..file.len() {
            assert!(Share::parse(&file[..end]).is_err());
        }
        let public = encode_public(&key);
        assert!(read_public(&public[..public.len() - 1]).is_err());
        assert!(read_public(&[public, vec![0]].concat()).is_err());
    }
}
