//! Suspended keys: sealed under a key of the domain that does not change, and then to the customer. The
//! customer opens the outer layer; the inner one opens only inside the domain. `docs/formats.md`,
//! "Suspended keys".

use crate::crypto::hash::Hash;
use crate::crypto::random::{ThreadGenerator, array};
use crate::crypto::rsa::{Oaep, PublicKey};
use crate::domain::cbor::{Flaw, Reader, Result as Read, Writer, flawed};
use crate::domain::ids::{DomainId, KeyId};
use crate::domain::key_token::{Body, Fault};
use crate::domain::keyring::StableSecret;
use crate::domain::operator::{MIN_PASSPHRASE, stretch};
use crate::domain::package::{AgreementKey, PUBLIC_KEY_LEN, Package};
use crate::domain::sealing::SealingKey;
use crate::error::{Error, Result};
use crate::object::ObjectId;
use crate::object::attribute::Attributes;
use crate::secret::SecretBytes;
use pkcs8::spki::SubjectPublicKeyInfoRef;
use zeroize::Zeroizing;

/// The one format there is.
const FORMAT: u64 = 1;
/// The most versions of a suspended key.
const MAX_VERSIONS: usize = 1 << 16;
/// The longest suspended key in bytes.
const MAX_LEN: usize = 64 << 20;
/// The shortest modulus in bits of an RSA key that a key is sealed to.
const MIN_BITS: usize = 2048;
/// What both layers are sealed under.
const LABEL: &str = "keyward/1 suspended key";
/// What the outer layer's package is for; domain and key follow.
const INFO: &[u8] = b"keyward/1 suspension package";

/// One version of a suspended key.
#[derive(Clone, Debug)]
pub struct Version {
    /// The object.
    pub id: ObjectId,
    /// The revision that was sealed.
    pub revision: u64,
    /// How it stood, `CKA_KEYWARD_STANDING`.
    pub standing: u64,
    /// Every attribute, the material too.
    pub attributes: Attributes,
}

/// A suspended key in the form that only the domain opens.
#[derive(Debug)]
pub struct Inner<'b> {
    /// The domain.
    pub domain: DomainId,
    /// The key.
    pub family: KeyId,
    head: &'b [u8],
    sealed: &'b [u8],
}

fn inner_key(stable: &StableSecret) -> Result<SealingKey> {
    let derived = stable.derive("suspended key");
    let root: Zeroizing<[u8; 32]> = Zeroizing::new(
        derived
            .expose()
            .try_into()
            .map_err(|_| Error::Internal("a derived key of another length"))?,
    );
    Ok(SealingKey::derive(&root, LABEL))
}

/// Seals versions to the domain: the inner layer.
///
/// # Errors
/// A nested template that holds a secret; those of sealing.
pub fn seal_inner(
    stable: &StableSecret,
    (domain, family): (DomainId, KeyId),
    versions: &[Version],
) -> Result<Vec<u8>> {
    let mut content = Writer::default();
    content.array(versions.len());
    for version in versions {
        let body = Body::from(version.attributes.clone());
        let body = body.encode().map_err(Fault::from)?;
        content.array(4).bytes(&version.id.0).uint(version.revision);
        content.uint(version.standing).bytes(body.as_slice());
    }
    let mut writer = Writer::default();
    writer.array(4).uint(FORMAT);
    writer.bytes(&domain.0).bytes(&family.0);
    let sealed = inner_key(stable)?.seal(writer.as_slice(), content.as_slice())?;
    writer.bytes(&sealed);
    Ok(writer.into_vec())
}

impl<'b> Inner<'b> {
    /// Reads the inner layer; nothing is opened.
    ///
    /// # Errors
    /// Anything but the one encoding.
    pub fn parse(bytes: &'b [u8]) -> Read<Self> {
        Reader::whole(bytes, "suspended key", |reader| {
            reader.tuple("suspended key", 4)?;
            format(reader)?;
            let domain = DomainId(reader.fixed("domain id")?);
            let family = KeyId(reader.fixed("key id")?);
            let head = bytes.get(..reader.position()).unwrap_or_default();
            let sealed = reader.bytes("sealed key", MAX_LEN)?;
            Ok(Inner {
                domain,
                family,
                head,
                sealed,
            })
        })
    }

    /// The versions.
    ///
    /// # Errors
    /// `KeyTokenRefused` when it was changed, or belongs to another domain.
    pub fn open(&self, stable: &StableSecret) -> Result<Vec<Version>> {
        let opened = inner_key(stable)?.open(self.head, self.sealed);
        let opened = opened.ok_or_else(|| Error::from(Fault::NotAuthentic))?;
        let versions = Reader::whole(opened.expose(), "suspended key", |reader| {
            reader.list("versions", MAX_VERSIONS, |reader| {
                reader.tuple("version", 4)?;
                let id = ObjectId(reader.fixed("object id")?);
                let revision = reader.uint("revision")?;
                let standing = reader.uint("standing")?;
                let body = Body::decode(reader.bytes("body", MAX_LEN)?)?;
                Ok(Version {
                    id,
                    revision,
                    standing,
                    attributes: body.attributes,
                })
            })
        });
        Ok(versions?)
    }
}

/// Seals the inner layer to the customer's public key: an X-Wing key as [`CustomerKey::public`] gives it,
/// or an RSA key of at least 2048 bits as `SubjectPublicKeyInfo`.
///
/// # Errors
/// `BadArguments` for another key; those of sealing.
pub fn seal_outer(to: &[u8], inner: &[u8]) -> Result<Vec<u8>> {
    let names = Inner::parse(inner)?;
    let (domain, family) = (names.domain, names.family);
    let key = Zeroizing::new(array::<32>()?);
    let mut writer = Writer::default();
    writer.array(6).uint(FORMAT);
    writer.bytes(&domain.0).bytes(&family.0);
    if let Ok(public) = read_public(to) {
        let info = info(domain, family);
        let package = Package::seal(&public, (&info, &[]), &key, &mut ThreadGenerator)
            .ok_or(Error::BadArguments("not an X-Wing public key"))?;
        let mut packed = Writer::default();
        package.write(packed.array(2));
        writer.uint(0).bytes(packed.as_slice());
    } else {
        writer.uint(1).bytes(&to_rsa(to, &key)?);
    }
    let sealed = SealingKey::derive(&key, LABEL).seal(writer.as_slice(), inner)?;
    writer.bytes(&sealed);
    Ok(writer.into_vec())
}

/// Encrypts a key by RSA-OAEP with SHA-256.
fn to_rsa(to: &[u8], key: &[u8; 32]) -> Result<Vec<u8>> {
    let none = || Error::BadArguments("not a public key that a key can be sealed to");
    let info = SubjectPublicKeyInfoRef::try_from(to).map_err(|_| none())?;
    let numbers = pkcs1::RsaPublicKeyRef::try_from(info.subject_public_key.raw_bytes());
    let numbers = numbers.map_err(|_| none())?;
    let public = PublicKey::new(
        numbers.modulus.as_bytes(),
        numbers.public_exponent.as_bytes(),
    );
    let public = public.filter(|key| key.bits() >= MIN_BITS);
    let public = public.ok_or_else(none)?;
    let mut out = vec![0; public.size()];
    let oaep = Oaep {
        hash: Hash::Sha256,
        mgf: Hash::Sha256,
        label: &[],
    };
    public.encrypt_oaep(key, oaep, &mut out)?;
    Ok(out)
}

fn info(domain: DomainId, family: KeyId) -> Vec<u8> {
    [INFO, &domain.0, &family.0].concat()
}

fn format(reader: &mut Reader<'_>) -> Read<()> {
    match reader.uint("format")? {
        FORMAT => Ok(()),
        _ => Err(flawed("format", Flaw::BadValue)),
    }
}

/// A suspended key as the customer holds it.
pub struct Outer<'b> {
    /// The domain.
    pub domain: DomainId,
    /// The key.
    pub family: KeyId,
    kind: u64,
    package: &'b [u8],
    head: &'b [u8],
    sealed: &'b [u8],
}

impl<'b> Outer<'b> {
    /// Reads what [`seal_outer`] made.
    ///
    /// # Errors
    /// Anything but the one encoding.
    pub fn parse(bytes: &'b [u8]) -> Read<Self> {
        Reader::whole(bytes, "suspended key", |reader| {
            reader.tuple("suspended key", 6)?;
            format(reader)?;
            let domain = DomainId(reader.fixed("domain id")?);
            let family = KeyId(reader.fixed("key id")?);
            let kind = reader.uint("kind of package")?;
            let package = reader.bytes("package", 4096)?;
            let head = bytes.get(..reader.position()).unwrap_or_default();
            let sealed = reader.bytes("sealed key", MAX_LEN)?;
            Ok(Outer {
                domain,
                family,
                kind,
                package,
                head,
                sealed,
            })
        })
    }

    /// The ciphertext that an RSA key opens, by OAEP with SHA-256; `None` when it is sealed to an X-Wing
    /// key.
    #[must_use]
    pub fn to_rsa(&self) -> Option<&'b [u8]> {
        (self.kind == 1).then_some(self.package)
    }

    /// Opens the outer layer with the customer's X-Wing key. What comes out is of use to the domain only.
    ///
    /// # Errors
    /// `KeyTokenRefused` when it is not for that key, or was changed.
    pub fn open(&self, key: &CustomerKey) -> Result<SecretBytes> {
        let refused = || Error::from(Fault::NotAuthentic);
        if self.kind != 0 {
            return Err(refused());
        }
        let package = Reader::whole(self.package, "package", |reader| {
            reader.tuple("package", 2)?;
            Package::read(reader)
        })?;
        let info = info(self.domain, self.family);
        let opened = package.open(&key.0, &info, &[]).ok_or_else(refused)?;
        self.open_with(&opened)
    }

    /// Opens it with the key of 32 bytes that the customer's RSA key opened.
    ///
    /// # Errors
    /// As [`Outer::open`].
    pub fn open_with(&self, key: &[u8; 32]) -> Result<SecretBytes> {
        SealingKey::derive(key, LABEL)
            .open(self.head, self.sealed)
            .ok_or_else(|| Fault::NotAuthentic.into())
    }
}

/// A customer's key pair, for the keys that the customer has suspended.
pub struct CustomerKey(AgreementKey);

impl CustomerKey {
    /// A new key pair.
    ///
    /// # Errors
    /// Those of the random generator.
    pub fn generate() -> Result<Self> {
        AgreementKey::generate().map(CustomerKey)
    }

    /// The public half, as [`seal_outer`] takes it.
    #[must_use]
    pub fn public(&self) -> Vec<u8> {
        let mut writer = Writer::default();
        writer.array(2).uint(FORMAT).bytes(self.0.public());
        writer.into_vec()
    }

    /// The key pair as the contents of a file, sealed under a passphrase. Takes a tenth of a second.
    ///
    /// # Errors
    /// `PinLenRange` for a passphrase of fewer than 8 bytes.
    pub fn to_file(&self, passphrase: &SecretBytes) -> Result<Vec<u8>> {
        if passphrase.len() < MIN_PASSPHRASE {
            return Err(Error::PinLenRange);
        }
        let salt: [u8; 16] = array()?;
        let mut head = Writer::default();
        head.array(3).uint(FORMAT).bytes(&salt);
        let sealed = stretch(passphrase, &salt, FILE)?.seal(head.as_slice(), self.0.seed())?;
        head.bytes(&sealed);
        Ok(head.into_vec())
    }

    /// Reads the contents of a file. Takes a tenth of a second.
    ///
    /// # Errors
    /// `PinIncorrect` for a wrong passphrase or a changed file; `Malformed` for something else.
    pub fn from_file(bytes: &[u8], passphrase: &SecretBytes) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        reader.tuple("customer key file", 3)?;
        format(&mut reader)?;
        let salt: [u8; 16] = reader.fixed("salt")?;
        let head = bytes.get(..reader.position()).unwrap_or_default();
        let sealed = reader.bytes("sealed seed", 1024)?;
        reader.end("customer key file")?;
        let seed = stretch(passphrase, &salt, FILE)?.open(head, sealed);
        let seed = seed.ok_or(Error::PinIncorrect)?;
        let seed: Zeroizing<[u8; 32]> =
            Zeroizing::new(seed.expose().try_into().map_err(|_| Error::PinIncorrect)?);
        Ok(CustomerKey(AgreementKey::from_seed(&seed)))
    }
}

/// What the key of a customer's file derives under.
const FILE: &str = "keyward/1 customer key file";

/// Reads the public half of a customer's key pair.
fn read_public(bytes: &[u8]) -> Read<[u8; PUBLIC_KEY_LEN]> {
    Reader::whole(bytes, "customer key", |reader| {
        reader.tuple("customer key", 2)?;
        format(reader)?;
        reader.fixed("public key")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::attribute::Value;
    use cryptoki_sys::CKA_VALUE;

    const NAMES: (DomainId, KeyId) = (DomainId([1; 32]), KeyId([2; 16]));

    fn versions() -> Vec<Version> {
        let value = Value::secret(SecretBytes::copy_of(&[7; 32]));
        vec![Version {
            id: ObjectId([3; 16]),
            revision: 4,
            standing: 1,
            attributes: [(CKA_VALUE, value)].into_iter().collect(),
        }]
    }

    #[test]
    fn both_layers_are_needed() {
        let stable = StableSecret::new(&[9; 32]);
        let inner = seal_inner(&stable, NAMES, &versions()).unwrap();
        let customer = CustomerKey::generate().unwrap();
        let outer = seal_outer(&customer.public(), &inner).unwrap();
        assert!(!outer.windows(32).any(|window| window == [7; 32]));
        let parsed = Outer::parse(&outer).unwrap();
        let opened = parsed.open(&customer).unwrap();
        assert_eq!(opened.expose(), inner);
        assert!(!inner.windows(32).any(|window| window == [7; 32]));
        assert!(parsed.open(&CustomerKey::generate().unwrap()).is_err());
        let read = Inner::parse(&inner).unwrap();
        assert_eq!((read.domain, read.family), NAMES);
        let back = read.open(&stable).unwrap();
        assert_eq!(back[0].attributes, versions()[0].attributes);
        assert_eq!((back[0].revision, back[0].standing), (4, 1));
        assert!(read.open(&StableSecret::new(&[8; 32])).is_err());
        for bit in (0..inner.len() * 8).step_by(7) {
            let mut changed = inner.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            let opened = Inner::parse(&changed).map(|own| own.open(&stable).is_ok());
            assert_ne!(opened, Ok(true), "bit {bit}");
        }
    }

    #[test]
    fn a_customer_key_file_opens_with_its_passphrase_only() {
        let key = CustomerKey::generate().unwrap();
        let passphrase = SecretBytes::copy_of(b"correct horse");
        let file = key.to_file(&passphrase).unwrap();
        let back = CustomerKey::from_file(&file, &passphrase).unwrap();
        assert_eq!(back.public(), key.public());
        let wrong = SecretBytes::copy_of(b"wrong horse");
        assert_eq!(
            CustomerKey::from_file(&file, &wrong).err(),
            Some(Error::PinIncorrect)
        );
    }

    #[test]
    fn only_keys_that_can_receive_are_sealed_to() {
        let stable = StableSecret::new(&[9; 32]);
        let inner = seal_inner(&stable, NAMES, &versions()).unwrap();
        for bad in [&b""[..], &[0x30, 0], &[0x82, 1, 0x41, 0]] {
            assert!(matches!(
                seal_outer(bad, &inner),
                Err(Error::BadArguments(_))
            ));
        }
    }
}
