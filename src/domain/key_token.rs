//! The key token: a key with all its attributes, sealed under a domain key. `docs/formats.md`,
//! "Key token".

pub mod body;

use super::cbor::{self, Flaw, Key, Malformed, Reader, Writer, flawed};
use super::ids::{DomainId, DomainKeyId, KeyId};
use super::keyring::{DomainKey, Keyring};
use crate::error::{Error, Result};
pub use body::{Body, Validity};
use std::borrow::Cow;
use std::fmt;

/// The one format there is.
const FORMAT: u64 = 1;
/// The longest key token in bytes: a private data object may be long, a key is a few hundred bytes.
pub const MAX_LEN: usize = 16 << 20;
/// The most fields a header may have, ignorable ones included.
const MAX_FIELDS: usize = 16;
/// An upper bound of the header's length in bytes.
const HEADER_LEN: usize = 112;

/// What a key token says in the clear, authenticated with the rest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// The domain.
    pub domain: DomainId,
    /// The domain key that the token is under.
    pub domain_key: DomainKeyId,
    /// The customer key: a family of versions.
    pub key: KeyId,
    /// Which version of the customer key.
    pub version: u64,
    /// Which revision of that version's attributes.
    pub revision: u64,
}

/// Which key in which version and revision: what the maker of a token says of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Subject {
    /// The customer key: a family of versions.
    pub key: KeyId,
    /// Which version of the customer key, from 1.
    pub version: u64,
    /// Which revision of that version's attributes, from 1.
    pub revision: u64,
}

/// Why a key token does not open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It is not a key token, or a field of it is wrong.
    Malformed(Malformed),
    /// Its format number is not 1.
    UnknownFormat(u64),
    /// It has a field that this format does not know and must not ignore.
    UnknownCritical(u64),
    /// It belongs to another domain.
    WrongDomain(DomainId),
    /// It is under a domain key that this member does not hold.
    UnknownDomainKey(DomainKeyId),
    /// It is under a domain key that was removed for ever.
    RemovedDomainKey(DomainKeyId),
    /// The domain revoked the key.
    Revoked(KeyId),
    /// The domain asks for a later revision of the key than this one.
    OldRevision {
        /// The token's revision.
        revision: u64,
        /// The lowest that opens.
        minimum: u64,
    },
    /// It was changed, or was not made under the domain key that it names.
    NotAuthentic,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Malformed(malformed) => write!(f, "its {malformed}"),
            Fault::UnknownFormat(format) => write!(f, "format {format} is not known here"),
            Fault::UnknownCritical(field) => write!(f, "critical field {field} is not known here"),
            Fault::WrongDomain(domain) => write!(f, "it belongs to domain {domain}"),
            Fault::UnknownDomainKey(id) => {
                write!(
                    f,
                    "it is under domain key {id}, which this module does not hold"
                )
            }
            Fault::RemovedDomainKey(id) => {
                write!(f, "it is under domain key {id}, which was removed for ever")
            }
            Fault::Revoked(key) => write!(f, "the domain revoked key {key}"),
            Fault::OldRevision { revision, minimum } => {
                write!(
                    f,
                    "revision {revision} is older than {minimum}, the oldest that may be used"
                )
            }
            Fault::NotAuthentic => f.write_str("it was changed, or made under another key"),
        }
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        Fault::Malformed(malformed)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        if let Fault::UnknownDomainKey(id) = fault {
            return Error::UnknownDomainKey(id.to_string());
        }
        Error::KeyTokenRefused(fault.to_string())
    }
}

/// Seals a key with its attributes under `under`, which is the active key of a ring in every use but
/// tests.
///
/// # Errors
/// A nested template that holds a secret or is nested too deep, or a body beyond [`MAX_LEN`].
pub fn seal(under: &DomainKey, subject: Subject, body: &Body) -> Result<Vec<u8>> {
    seal_with(under, subject, body, &[])
}

/// As [`seal`], bound to `associated` data, which is not part of the token: it opens only for who
/// knows the same data. The header ends by itself, so header and data join without ambiguity.
///
/// # Errors
/// As [`seal`].
pub fn seal_with(
    under: &DomainKey,
    subject: Subject,
    body: &Body,
    associated: &[u8],
) -> Result<Vec<u8>> {
    let body = body.encode().map_err(Fault::from)?;
    seal_body(under, subject, |header| {
        under
            .tokens()
            .seal(&bound(header, associated), body.as_slice())
    })
}

/// What a token authenticates in the clear: its header, and the data it is bound to.
fn bound<'a>(header: &'a [u8], associated: &[u8]) -> Cow<'a, [u8]> {
    if associated.is_empty() {
        Cow::Borrowed(header)
    } else {
        [header, associated].concat().into()
    }
}

/// The token around what `seal` makes of the encoded header.
pub(crate) fn seal_body(
    under: &DomainKey,
    subject: Subject,
    seal: impl FnOnce(&[u8]) -> Result<Vec<u8>>,
) -> Result<Vec<u8>> {
    let mut token = Writer::with_capacity(1024);
    token.array(2);
    let start = token.as_slice().len();
    write_header(&mut token, under, subject);
    let header = token.as_slice().get(start..).unwrap_or_default();
    let sealed = seal(header)?;
    if sealed.len() > MAX_LEN - HEADER_LEN {
        return Err(Fault::from(flawed("body", Flaw::TooLong)).into());
    }
    token.bytes(&sealed);
    Ok(token.into_vec())
}

/// Opens a key token with the keys of a ring, and checks it against what the domain says of the key.
///
/// # Errors
/// [`Error::UnknownDomainKey`], and [`Error::KeyTokenRefused`] with any other [`Fault`].
pub fn open(ring: &Keyring, token: &[u8]) -> Result<(Header, Body)> {
    open_token(ring, token).map_err(Error::from)
}

/// As [`open`], for a token that [`seal_with`] bound to this data.
///
/// # Errors
/// As [`open`].
pub fn open_with(ring: &Keyring, token: &[u8], associated: &[u8]) -> Result<(Header, Body)> {
    open_bound(ring, token, associated).map_err(Error::from)
}

/// As [`open`], with the cause as a type.
///
/// # Errors
/// Any [`Fault`].
pub fn open_token(ring: &Keyring, token: &[u8]) -> Result<(Header, Body), Fault> {
    open_bound(ring, token, &[])
}

/// Seals what a token holds anew under the active key of the ring, as it is: the body is opened and not
/// read. `associated` is what [`seal_with`] bound the token to, and what the new one is bound to.
///
/// # Errors
/// As [`open`].
pub fn reseal(ring: &Keyring, token: &[u8], associated: &[u8]) -> Result<Vec<u8>> {
    let parts = split(token)?;
    let body = admit(ring, &parts.header)?
        .tokens()
        .open(&bound(parts.authenticated, associated), parts.sealed)
        .ok_or(Fault::NotAuthentic)?;
    let subject = Subject {
        key: parts.header.key,
        version: parts.header.version,
        revision: parts.header.revision,
    };
    let under = ring.active();
    seal_body(under, subject, |header| {
        under
            .tokens()
            .seal(&bound(header, associated), body.expose())
    })
}

fn open_bound(ring: &Keyring, token: &[u8], associated: &[u8]) -> Result<(Header, Body), Fault> {
    let parts = split(token)?;
    let header = parts.header;
    let key = admit(ring, &header)?;
    let body = key
        .tokens()
        .open(&bound(parts.authenticated, associated), parts.sealed)
        .ok_or(Fault::NotAuthentic)?;
    Ok((header, Body::decode(body.expose())?))
}

/// What a key token says in the clear. Nothing of it is authenticated before the token is opened.
///
/// # Errors
/// [`Error::KeyTokenRefused`].
pub fn header(token: &[u8]) -> Result<Header> {
    Ok(split(token)?.header)
}

/// The domain key that opens a token with this header, if the domain lets it open.
fn admit<'r>(ring: &'r Keyring, header: &Header) -> Result<&'r DomainKey, Fault> {
    if header.domain != ring.domain() {
        return Err(Fault::WrongDomain(header.domain));
    }
    if ring.is_removed(header.domain_key) {
        return Err(Fault::RemovedDomainKey(header.domain_key));
    }
    let key = ring
        .find(header.domain_key)
        .ok_or(Fault::UnknownDomainKey(header.domain_key))?;
    if ring.is_revoked(header.key) {
        return Err(Fault::Revoked(header.key));
    }
    let minimum = ring.minimum_revision(header.key);
    if header.revision < minimum {
        return Err(Fault::OldRevision {
            revision: header.revision,
            minimum,
        });
    }
    Ok(&key.key)
}

/// The parts of a token.
struct Parts<'t> {
    header: Header,
    /// The header as encoded.
    authenticated: &'t [u8],
    sealed: &'t [u8],
}

/// Takes a token apart.
fn split(token: &[u8]) -> Result<Parts<'_>, Fault> {
    if token.len() > MAX_LEN {
        return Err(flawed("key token", Flaw::TooLong).into());
    }
    let mut reader = Reader::new(token);
    reader.tuple("key token", 2)?;
    let start = reader.position();
    let header = read_header(&mut reader)?;
    let authenticated = token.get(start..reader.position()).unwrap_or_default();
    let sealed = reader.bytes("sealed body", MAX_LEN)?;
    reader.end("key token")?;
    Ok(Parts {
        header,
        authenticated,
        sealed,
    })
}

/// Writes the header of a token under `under`.
fn write_header(writer: &mut Writer, under: &DomainKey, subject: Subject) {
    writer.map(6);
    writer.uint(1).uint(FORMAT);
    writer.uint(2).bytes(&under.domain().0);
    writer.uint(3).bytes(&under.id().0);
    writer.uint(4).bytes(&subject.key.0);
    writer.uint(5).uint(subject.version);
    writer.uint(6).uint(subject.revision);
}

/// Reads the header.
fn read_header(reader: &mut Reader<'_>) -> Result<Header, Fault> {
    let mut keys = reader.map("header", MAX_FIELDS)?;
    expect(reader, &mut keys, 1)?;
    match reader.uint("format")? {
        FORMAT => {}
        other => return Err(Fault::UnknownFormat(other)),
    }
    expect(reader, &mut keys, 2)?;
    let domain = DomainId(reader.fixed("domain id")?);
    expect(reader, &mut keys, 3)?;
    let domain_key = DomainKeyId(reader.fixed("domain-key id")?);
    expect(reader, &mut keys, 4)?;
    let key = KeyId(reader.fixed("key id")?);
    expect(reader, &mut keys, 5)?;
    let version = reader.uint("key version")?;
    expect(reader, &mut keys, 6)?;
    let revision = reader.uint("revision")?;
    while let Some(key) = reader.key("header", &mut keys)? {
        match key {
            Key::Critical(field) => return Err(Fault::UnknownCritical(field)),
            Key::Ignorable(_) => reader.skip("header")?,
        }
    }
    Ok(Header {
        domain,
        domain_key,
        key,
        version,
        revision,
    })
}

/// The next field must be `field`.
fn expect(reader: &mut Reader<'_>, keys: &mut cbor::Keys, field: u64) -> Result<(), Fault> {
    match reader.key("header", keys)? {
        Some(Key::Critical(found)) if found == field => Ok(()),
        _ => Err(flawed("header", Flaw::WrongType).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::keyring::{KeyState, Limits, RingKey, StableSecret};
    use crate::object::attribute::{Attributes, Template, Value};
    use crate::secret::SecretBytes;
    use cryptoki_sys::*;
    use proptest::prelude::*;
    use std::sync::Arc;

    const DOMAIN: DomainId = DomainId([0xd0; 32]);
    const SUBJECT: Subject = Subject {
        key: KeyId([0xcc; 16]),
        version: 1,
        revision: 3,
    };

    fn domain_key(id: u8) -> Arc<DomainKey> {
        Arc::new(DomainKey::new(DOMAIN, DomainKeyId([id; 16]), &[id; 32]))
    }

    fn ring(limits: Limits) -> Keyring {
        let keys = vec![
            RingKey {
                key: domain_key(1),
                state: KeyState::DecryptOnly,
            },
            RingKey {
                key: domain_key(2),
                state: KeyState::Active,
            },
        ];
        let stable = Arc::new(StableSecret::new(&[9; 32]));
        Keyring::new(
            (DOMAIN, 4),
            keys,
            stable,
            vec![DomainKeyId([7; 16])],
            limits,
        )
        .unwrap()
    }

    /// An AES key as stock tools make one.
    fn aes_key() -> Body {
        let mut attributes: Attributes = [
            (CKA_CLASS, Value::Ulong(CKO_SECRET_KEY)),
            (CKA_KEY_TYPE, Value::Ulong(CKK_AES)),
            (CKA_ID, Value::Bytes(vec![1, 2])),
            (CKA_LABEL, Value::Bytes(b"customer 4711".to_vec())),
            (CKA_VALUE, Value::secret(SecretBytes::copy_of(&[0x5a; 32]))),
            (CKA_VALUE_LEN, Value::Ulong(32)),
            (CKA_KEY_GEN_MECHANISM, Value::Ulong(CKM_AES_KEY_GEN)),
            (
                CKA_ALLOWED_MECHANISMS,
                Value::Ulongs(vec![CKM_AES_GCM, CKM_AES_CBC_PAD]),
            ),
        ]
        .into_iter()
        .collect();
        for kind in body::BITS {
            attributes.set(
                kind,
                Value::Bool(kind != CKA_EXTRACTABLE && kind != CKA_TRUSTED),
            );
        }
        let inner = Template(vec![(CKA_EXTRACTABLE, Value::Bool(false))]);
        attributes.set(CKA_UNWRAP_TEMPLATE, Value::Template(inner));
        attributes.into()
    }

    #[test]
    fn a_key_comes_back_with_every_attribute() {
        let mut body = aes_key();
        body.validity = Some(Validity {
            not_before: 1,
            not_after: 2,
        });
        body.policy = Some(vec![0xa0]);
        let token = seal(&domain_key(2), SUBJECT, &body).unwrap();
        let (header, opened) = open(&ring(Limits::default()), &token).unwrap();
        assert_eq!(opened, body);
        let Header {
            domain,
            domain_key,
            key,
            version,
            revision,
        } = header;
        assert_eq!((domain, domain_key), (DOMAIN, DomainKeyId([2; 16])));
        assert_eq!(
            Subject {
                key,
                version,
                revision
            },
            SUBJECT
        );
    }

    #[test]
    fn an_aes_key_takes_a_few_hundred_bytes() {
        let token = seal(&domain_key(2), SUBJECT, &aes_key()).unwrap();
        assert!(token.len() < 320, "{} bytes", token.len());
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_refused() {
        let ring = ring(Limits::default());
        let token = seal(&domain_key(2), SUBJECT, &aes_key()).unwrap();
        for bit in 0..token.len() * 8 {
            let mut changed = token.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&ring, &changed).is_err(), "bit {bit}");
        }
        for length in 0..token.len() {
            assert!(open(&ring, &token[..length]).is_err());
        }
        assert!(open(&ring, &[&token[..], &[0]].concat()).is_err());
    }

    #[test]
    fn what_the_domain_forbids_does_not_open() {
        let fault = |under: &DomainKey, limits: Limits| {
            let token = seal(under, SUBJECT, &aes_key()).unwrap();
            open_token(&ring(limits), &token).unwrap_err()
        };
        let none = Limits::default;
        let elsewhere = DomainKey::new(DomainId([1; 32]), DomainKeyId([2; 16]), &[2; 32]);
        assert_eq!(
            fault(&elsewhere, none()),
            Fault::WrongDomain(DomainId([1; 32]))
        );
        assert_eq!(
            fault(&domain_key(7), none()),
            Fault::RemovedDomainKey(DomainKeyId([7; 16]))
        );
        assert_eq!(
            fault(&domain_key(6), none()),
            Fault::UnknownDomainKey(DomainKeyId([6; 16]))
        );
        let impostor = DomainKey::new(DOMAIN, DomainKeyId([2; 16]), &[3; 32]);
        assert_eq!(fault(&impostor, none()), Fault::NotAuthentic);
        let revoked = Limits {
            revoked: [SUBJECT.key].into(),
            ..none()
        };
        assert_eq!(fault(&domain_key(1), revoked), Fault::Revoked(SUBJECT.key));
        let raised = Limits {
            minimum_revisions: [(SUBJECT.key, 4)].into(),
            ..none()
        };
        assert_eq!(
            fault(&domain_key(1), raised),
            Fault::OldRevision {
                revision: 3,
                minimum: 4
            }
        );
        let met = Limits {
            minimum_revisions: [(SUBJECT.key, 3)].into(),
            ..none()
        };
        let token = seal(&domain_key(1), SUBJECT, &aes_key()).unwrap();
        assert!(open_token(&ring(met), &token).is_ok());
    }

    /// A token whose header has one more field, sealed as a later format might.
    fn with_field(field: &[u8]) -> Vec<u8> {
        let under = domain_key(2);
        let mut header = Writer::default();
        write_header(&mut header, &under, SUBJECT);
        let header = [&[0xa7], &header.as_slice()[1..], field].concat();
        let sealed = under
            .tokens()
            .seal(&header, aes_key().encode().unwrap().as_slice())
            .unwrap();
        let mut tail = Writer::default();
        tail.bytes(&sealed);
        [&[0x82], &header[..], tail.as_slice()].concat()
    }

    #[test]
    fn unknown_fields_are_refused_when_critical_and_ignored_when_not() {
        let open = |field: &[u8]| open_token(&ring(Limits::default()), &with_field(field));
        assert_eq!(open(&[9, 0]).unwrap_err(), Fault::UnknownCritical(9));
        assert!(open(&[0x20, 0]).is_ok());
        assert!(open(&[0x20, 0x18, 0]).is_err());
    }

    /// A boolean without a bit would be lost on the way.
    #[test]
    fn every_boolean_attribute_has_its_bit() {
        for kind in crate::object::flags::BOOLEANS {
            assert!(body::BITS.contains(&kind), "{kind:#x}");
        }
    }

    #[test]
    fn another_format_is_refused() {
        let mut token = seal(&domain_key(2), SUBJECT, &aes_key()).unwrap();
        let place = token.windows(2).position(|pair| pair == [1, 1]).unwrap();
        token[place + 1] = 2;
        let fault = open_token(&ring(Limits::default()), &token).unwrap_err();
        assert_eq!(fault, Fault::UnknownFormat(2));
    }

    #[test]
    fn templates_nest_only_so_deep_and_hold_no_secrets() {
        let mut template = Template(vec![(CKA_EXTRACTABLE, Value::Bool(false))]);
        for _ in 0..3 {
            template = Template(vec![(CKA_WRAP_TEMPLATE, Value::Template(template))]);
        }
        let mut body = Body::default();
        body.attributes
            .set(CKA_WRAP_TEMPLATE, Value::Template(template.clone()));
        assert!(seal(&domain_key(2), SUBJECT, &body).is_ok());
        let deeper = Template(vec![(CKA_WRAP_TEMPLATE, Value::Template(template))]);
        body.attributes
            .set(CKA_WRAP_TEMPLATE, Value::Template(deeper));
        assert!(seal(&domain_key(2), SUBJECT, &body).is_err());
        let secret = Template(vec![(CKA_VALUE, Value::secret(SecretBytes::copy_of(b"x")))]);
        body.attributes
            .set(CKA_WRAP_TEMPLATE, Value::Template(secret));
        assert!(seal(&domain_key(2), SUBJECT, &body).is_err());
    }

    proptest! {
        #[test]
        fn bodies_of_any_bytes_never_panic(bytes: Vec<u8>) {
            let _ = Body::decode(&bytes);
            let _ = header(&bytes);
        }
    }
}
