//! PKCS#12 files as NSS and others write them, brought into the form that everything else reads: in DER, where
//! they have lengths that are written nowhere and strings in pieces (X.690, section 8). Their MAC is over the bytes as they
//! came, so it is checked here (RFC 7292, section 4 and appendix B).

use crate::failure::Failure;
use keyward_pkcs11::crypto::hash::Hash;
use keyward_pkcs11::crypto::hmac;
use pkcs8::ObjectIdentifier;
use zeroize::Zeroizing;

/// Bytes that may hold keys.
type Bytes = Zeroizing<Vec<u8>>;

const INTEGER: u8 = 0x02;
const OCTETS: u8 = 0x04;
const IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
/// What is set in the tag of an element that is made of others.
const CONSTRUCTED: u8 = 0x20;
/// Content of a ContentInfo, or encrypted content in pieces.
const CONTENT: u8 = 0xa0;
/// Encrypted content in one piece.
const WHOLE_CONTENT: u8 = 0x80;
/// How deep elements may lie in others: twice as deep as in any PKCS#12 file.
const DEPTH: usize = 32;
/// How often a passphrase is hashed at most.
const MOST_ROUNDS: u64 = 10_000_000;

/// The hashes of a MAC by their identifiers.
const HASHES: [(&str, Hash); 5] = [
    ("1.3.14.3.2.26", Hash::Sha1),
    ("2.16.840.1.101.3.4.2.4", Hash::Sha224),
    ("2.16.840.1.101.3.4.2.1", Hash::Sha256),
    ("2.16.840.1.101.3.4.2.2", Hash::Sha384),
    ("2.16.840.1.101.3.4.2.3", Hash::Sha512),
];

/// A PKCS#12 file in BER as one in DER. Its MAC has been checked and is left out.
///
/// # Errors
/// `Passphrase` when the MAC is not that of the passphrase; `File` for what is damaged or not supported.
pub(super) fn pkcs12_in_der(file: &[u8], passphrase: &str) -> Result<Bytes, Failure> {
    let outer = normal(file, DEPTH).filter(|(_, rest)| rest.is_empty());
    let (outer, _) = outer.ok_or_else(damaged)?;
    let parts = children(&outer).ok_or_else(damaged)?;
    let [version, info, mac @ ..] = parts.as_slice() else {
        return Err(damaged());
    };
    let [kind, content] = children(info)
        .ok_or_else(damaged)?
        .try_into()
        .map_err(|_| damaged())?;
    let safe = children(content).and_then(|parts| parts.first().and_then(|safe| value(safe)));
    let safe = safe.ok_or_else(damaged)?;
    if let [mac] = mac {
        check(mac, safe, passphrase)?;
    }
    let (inner, _) = normal(safe, DEPTH).ok_or_else(damaged)?;
    let content = element(CONTENT, &[&element(OCTETS, &[&inner])]);
    let info = element(SEQUENCE, &[kind, &content]);
    Ok(element(SEQUENCE, &[version, &info]))
}

fn damaged() -> Failure {
    Failure::File("it looks like PKCS#12 in BER, but is damaged".to_owned())
}

/// An element of this tag and content.
fn element(tag: u8, parts: &[&[u8]]) -> Bytes {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let digits = length.to_be_bytes();
    let skipped = digits.iter().take_while(|digit| **digit == 0).count();
    let digits = digits.get(skipped..).unwrap_or_default();
    let mut made = Zeroizing::new(Vec::with_capacity(length + digits.len() + 2));
    made.push(tag);
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => made.push(short),
        _ => {
            made.push(0x80 | u8::try_from(digits.len()).unwrap_or_default());
            made.extend_from_slice(digits);
        }
    }
    parts.iter().for_each(|part| made.extend_from_slice(part));
    made
}

/// The tag of an element, the length of its content where it is written, and what follows.
fn head(bytes: &[u8]) -> Option<(u8, Option<usize>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    if tag & 0x1f == 0x1f {
        return None;
    }
    match first {
        0x80 => Some((tag, None, rest)),
        0..0x80 => Some((tag, Some(usize::from(first)), rest)),
        _ => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let fits = digits.len() <= 4;
            let length = digits
                .iter()
                .fold(0, |sum: usize, digit| (sum << 8) | usize::from(*digit));
            fits.then_some((tag, Some(length), rest))
        }
    }
}

/// The first element in DER, and what follows it.
fn normal(bytes: &[u8], depth: usize) -> Option<(Bytes, &[u8])> {
    let depth = depth.checked_sub(1)?;
    let (tag, length, rest) = head(bytes)?;
    let (content, rest) = match length {
        Some(length) => rest.split_at_checked(length)?,
        None => (rest, rest),
    };
    if tag & CONSTRUCTED == 0 {
        return length.map(|_| (element(tag, &[content]), rest));
    }
    let mut parts = Vec::new();
    let mut left = content;
    let rest = loop {
        match (length, left) {
            (Some(_), []) => break rest,
            (None, [0, 0, after @ ..]) => break after,
            _ => {}
        }
        let (part, after) = normal(left, depth)?;
        parts.push(part);
        left = after;
    };
    Some((joined(tag, &parts)?, rest))
}

/// An element made of others. A string in pieces becomes one in one piece; so does the encrypted content
/// that stands behind the names of its type and of its algorithm.
fn joined(tag: u8, parts: &[Bytes]) -> Option<Bytes> {
    if tag == OCTETS | CONSTRUCTED {
        return pieces(OCTETS, parts);
    }
    let starts = |part: &Bytes, tag| part.first() == Some(&tag);
    if let (SEQUENCE, [kind, algorithm, content]) = (tag, parts)
        && starts(kind, IDENTIFIER)
        && starts(algorithm, SEQUENCE)
        && starts(content, CONTENT)
    {
        let content: Vec<Bytes> = children(content)?
            .into_iter()
            .map(|part| Zeroizing::new(part.to_vec()))
            .collect();
        let whole = pieces(WHOLE_CONTENT, &content)?;
        return Some(element(tag, &[kind, algorithm, &whole]));
    }
    let parts: Vec<&[u8]> = parts.iter().map(|part| part.as_slice()).collect();
    Some(element(tag, &parts))
}

/// What the pieces of a string hold, in one.
fn pieces(tag: u8, parts: &[Bytes]) -> Option<Bytes> {
    let strings = parts.iter().all(|part| part.first() == Some(&OCTETS));
    let values: Option<Vec<&[u8]>> = parts.iter().map(|part| value(part)).collect();
    values
        .filter(|_| strings)
        .map(|values| element(tag, &values))
}

/// The content of an element in DER.
fn value(element: &[u8]) -> Option<&[u8]> {
    let (_, length, rest) = head(element)?;
    rest.get(..length?)
}

/// The elements in one in DER.
fn children(element: &[u8]) -> Option<Vec<&[u8]>> {
    let mut left = value(element)?;
    let mut found = Vec::new();
    while !left.is_empty() {
        let (_, length, rest) = head(left)?;
        let after = rest.get(length?..)?;
        found.push(left.get(..left.len() - after.len())?);
        left = after;
    }
    Some(found)
}

/// Whether the MAC is that of the content under the passphrase.
fn check(mac: &[u8], content: &[u8], passphrase: &str) -> Result<(), Failure> {
    let (digest, salt, rounds) = match children(mac).as_deref() {
        Some([digest, salt]) => (*digest, *salt, 1),
        Some([digest, salt, rounds]) => (*digest, *salt, number(rounds).ok_or_else(damaged)?),
        _ => return Err(damaged()),
    };
    let parts = children(digest).ok_or_else(damaged)?;
    let [algorithm, tag] = parts.as_slice() else {
        return Err(damaged());
    };
    let named = children(algorithm).and_then(|parts| parts.first().and_then(|name| value(name)));
    let named = named.and_then(|name| ObjectIdentifier::from_bytes(name).ok());
    let named = named.ok_or_else(damaged)?.to_string();
    let known = HASHES.iter().find(|(oid, _)| *oid == named);
    let Some((_, hash)) = known.filter(|_| rounds <= MOST_ROUNDS) else {
        return Err(Failure::File(format!(
            "it is PKCS#12 with a MAC that is not supported ({named}, {rounds} rounds)"
        )));
    };
    let (salt, tag) = (
        value(salt).ok_or_else(damaged)?,
        value(tag).ok_or_else(damaged)?,
    );
    let key = mac_key(*hash, passphrase, salt, rounds)?;
    let key = hmac::Key::new(*hash, &key);
    let mut own = key.begin();
    own.update(content);
    match own.verify(tag) {
        true => Ok(()),
        false => Err(Failure::Passphrase),
    }
}

/// A number that is not negative and has at most 7 bytes.
fn number(element: &[u8]) -> Option<u64> {
    let digits = value(element).filter(|digits| digits.len() <= 7)?;
    let all = digits
        .iter()
        .fold(0, |sum: u64, digit| (sum << 8) | u64::from(*digit));
    (element.first() == Some(&INTEGER)).then_some(all)
}

/// The key of a MAC (RFC 7292, appendix B.2, with the identifier 3): as long as the hash, so one block is enough.
fn mac_key(hash: Hash, passphrase: &str, salt: &[u8], rounds: u64) -> Result<Bytes, Failure> {
    let block = hash.block_length();
    let whole = |bytes: &[u8]| {
        let length = bytes.len().div_ceil(block) * block;
        Zeroizing::new(
            bytes
                .iter()
                .copied()
                .cycle()
                .take(length)
                .collect::<Vec<u8>>(),
        )
    };
    let units = passphrase.encode_utf16().chain([0]);
    let password: Bytes = Zeroizing::new(units.flat_map(u16::to_be_bytes).collect());
    let mut key = Zeroizing::new(vec![0; hash.length()]);
    hash.digest(
        &[&vec![3; block], &whole(salt), &whole(&password)],
        &mut key,
    )?;
    for _ in 1..rounds {
        let last = key.clone();
        hash.digest(&[&last], &mut key)?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_pieces_are_joined() {
        let (made, rest) = normal(
            &[
                0x30, 0x80, 2, 1, 3, 0x24, 0x80, 4, 1, 7, 4, 0x81, 1, 8, 0, 0, 0, 0, 9,
            ],
            DEPTH,
        )
        .unwrap();
        assert_eq!(*made, [0x30, 7, 2, 1, 3, 4, 2, 7, 8]);
        assert_eq!(rest, [9]);
        let long = element(OCTETS, &[&[1; 200], &[2; 100]]);
        assert_eq!(long.get(..4), Some(&[4, 0x82, 1, 44][..]));
        assert_eq!(long.len(), 304);
    }

    #[test]
    fn a_changed_file_is_refused_by_its_mac() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cli/files/nss.p12");
        let mut file = std::fs::read(path).unwrap();
        assert!(pkcs12_in_der(&file, "secret").is_ok());
        // In the encrypted certificate, where nothing else would notice.
        file[600] ^= 1;
        let refused = pkcs12_in_der(&file, "secret").unwrap_err();
        assert!(matches!(refused, Failure::Passphrase), "{refused}");
    }

    #[test]
    fn what_is_cut_or_too_deep_is_none() {
        let good = [0x30, 0x80, 2, 1, 3, 0x24, 0x80, 4, 1, 7, 0, 0, 0, 0];
        for end in 0..good.len() {
            assert!(normal(&good[..end], DEPTH).is_none(), "{end}");
        }
        assert!(normal(&[0x30, 0x80].repeat(100), DEPTH).is_none());
        assert!(normal(&[4, 0x80, 0, 0], DEPTH).is_none());
        assert!(normal(&[4, 0x85, 1, 0, 0, 0, 0], DEPTH).is_none());
        assert!(normal(&[0x24, 0x80, 2, 1, 1, 0, 0], DEPTH).is_none());
    }
}
