//! What a file of keys and certificates holds: PEM or DER, by its shape and not by its name.
//!
//! Everything is brought to the few forms in which the rest of the program takes it: PrivateKeyInfo,
//! SubjectPublicKeyInfo, certificate, bare secret.

use super::ber;
use crate::failure::Failure;
use cryptoki_sys::{
    CKK_AES, CKK_GENERIC_SECRET, CKK_SHA_1_HMAC, CKK_SHA224_HMAC, CKK_SHA256_HMAC, CKK_SHA384_HMAC,
    CKK_SHA512_HMAC,
};
use keyward_pkcs11::secret::SecretBytes;
use p12_keystore::Pkcs12Archive;
use p12_keystore::error::Error as Pkcs12Error;
use p12_keystore::secret::SecretKeyType;
use pkcs8::der::asn1::{AnyRef, OctetStringRef};
use pkcs8::der::{Decode, Encode, Tag, Tagged};
use pkcs8::{
    AlgorithmIdentifierRef, EncryptedPrivateKeyInfoRef, ObjectIdentifier, PrivateKeyInfoRef,
};
use zeroize::Zeroizing;

/// rsaEncryption (RFC 8017, appendix C).
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
/// id-ecPublicKey (RFC 5480, section 2.1.1).
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

/// What begins and ends a text form.
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
/// What stands in keys that OpenSSL encrypted before there was PKCS#8.
const LEGACY: &str = "Proc-Type:";
/// Text forms that hold nothing to keep: a curve that the key names again.
const PASSED_OVER: [&str; 2] = ["EC PARAMETERS", "DH PARAMETERS"];

/// One thing out of a file.
pub(super) enum Kind {
    /// PrivateKeyInfo (RFC 5958).
    Private(SecretBytes),
    /// SubjectPublicKeyInfo (RFC 5280).
    Public(Vec<u8>),
    /// An X.509 certificate.
    Certificate(Vec<u8>),
    /// A secret key, and its type (`CKK_…`).
    Secret(u64, SecretBytes),
    /// Any bytes.
    Data(SecretBytes),
}

/// One thing out of a file, with the name that the file gives it.
pub(super) struct Item {
    pub(super) kind: Kind,
    pub(super) label: Option<String>,
}

impl From<Kind> for Item {
    fn from(kind: Kind) -> Self {
        Item { kind, label: None }
    }
}

/// The forms of DER that keys and certificates come in, by the types of their outermost elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shape {
    EncryptedPrivate,
    Private,
    RsaPrivate,
    EcPrivate,
    Public,
    RsaPublic,
    Certificate,
    Pkcs12,
    Bundle,
}

/// Everything in a file. `passphrase` is asked at most once, and only when something is encrypted.
///
/// # Errors
/// `File` for what is none of the forms, or damaged; `Passphrase` for a wrong one.
pub(super) fn read(
    bytes: &[u8],
    passphrase: &dyn Fn() -> Result<SecretBytes, Failure>,
) -> Result<Vec<Item>, Failure> {
    let text = std::str::from_utf8(bytes).ok();
    match text.filter(|text| text.contains(BEGIN)) {
        Some(text) => read_text(text, passphrase),
        None => read_der(bytes, passphrase),
    }
}

fn read_text(
    text: &str,
    passphrase: &dyn Fn() -> Result<SecretBytes, Failure>,
) -> Result<Vec<Item>, Failure> {
    let mut items = Vec::new();
    let mut rest = text;
    while let Some(from) = rest.find(BEGIN) {
        let block = rest.get(from..).unwrap_or_default();
        let end = block.find(END).and_then(|end| {
            let line = block.get(end..)?.find('\n');
            Some(line.map_or(block.len(), |line| end + line))
        });
        let end = end.ok_or_else(|| damaged("its last line is missing"))?;
        let (block, after) = block.split_at_checked(end).unwrap_or((block, ""));
        rest = after;
        items.extend(read_block(block, passphrase)?);
    }
    Ok(items)
}

/// One block of text, from its first line to its last.
fn read_block(
    block: &str,
    passphrase: &dyn Fn() -> Result<SecretBytes, Failure>,
) -> Result<Vec<Item>, Failure> {
    let label = block
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.split("-----").next());
    let label = label.unwrap_or_default();
    if PASSED_OVER.contains(&label) {
        return Ok(Vec::new());
    }
    if label == "OPENSSH PRIVATE KEY" {
        return Err(Failure::File(
            "it is in OpenSSH's own form: ssh-keygen -p -m PKCS8 -f FILE writes it as PKCS#8"
                .to_owned(),
        ));
    }
    if block.contains(LEGACY) {
        return Err(Failure::File(
            "it is encrypted in OpenSSL's old way: openssl pkcs8 -topk8 -in FILE -out NEW writes it as PKCS#8"
                .to_owned(),
        ));
    }
    let clean: Vec<&str> = block.lines().map(str::trim).chain([""]).collect();
    let clean = Zeroizing::new(clean.join("\n"));
    let (_, bytes) =
        pem_rfc7468::decode_vec(clean.as_bytes()).map_err(|cause| damaged(&cause.to_string()))?;
    let bytes = Zeroizing::new(bytes);
    read_der(&bytes, passphrase).map_err(|cause| {
        if let Failure::File(cause) = cause {
            return Failure::File(format!("{label}: {cause}"));
        }
        cause
    })
}

fn damaged(why: &str) -> Failure {
    Failure::File(format!("the text is damaged: {why}"))
}

fn unknown() -> Failure {
    Failure::File(
        "it is no key or certificate that is known here; for the bare bytes of a secret key say --type, \
         for any other file --data"
            .to_owned(),
    )
}

/// Encodings whose length is written nowhere (X.690, section 8.1.3.6), which some programs write PKCS#12 in.
fn is_indefinite(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x30, 0x80])
}

fn indefinite() -> Failure {
    Failure::File(
        "it is in BER without its lengths, and no PKCS#12 file: write it as DER".to_owned(),
    )
}

fn bundle() -> Failure {
    Failure::File(
        "it is a bundle of PKCS#7: openssl pkcs7 -in FILE -print_certs -out NEW writes its certificates (-inform DER for bytes)"
            .to_owned(),
    )
}

fn malformed(what: &str) -> Failure {
    Failure::File(format!(
        "it looks like {what}, but is damaged or of a kind that is not supported"
    ))
}

/// The form of an encoding, told by its outermost elements.
fn shape(bytes: &[u8]) -> Option<Shape> {
    let elements = Vec::<AnyRef<'_>>::from_der(bytes).ok()?;
    let tags: Vec<Tag> = elements.iter().map(Tagged::tag).collect();
    let first = elements.first()?.value();
    match tags.as_slice() {
        [Tag::Sequence, Tag::OctetString] => Some(Shape::EncryptedPrivate),
        [Tag::Integer, Tag::Sequence, Tag::OctetString, ..] => Some(Shape::Private),
        [Tag::Integer, Tag::OctetString, ..] => Some(Shape::EcPrivate),
        [Tag::Integer, Tag::Integer] => Some(Shape::RsaPublic),
        [Tag::Integer, Tag::Sequence] | [Tag::Integer, Tag::Sequence, Tag::Sequence] => {
            (first == [3]).then_some(Shape::Pkcs12)
        }
        [Tag::ObjectIdentifier, Tag::ContextSpecific { .. }] => Some(Shape::Bundle),
        [Tag::Sequence, Tag::BitString] => Some(Shape::Public),
        [Tag::Sequence, Tag::Sequence, Tag::BitString] => Some(Shape::Certificate),
        numbers if numbers.len() == 9 && numbers.iter().all(|tag| *tag == Tag::Integer) => {
            Some(Shape::RsaPrivate)
        }
        _ => None,
    }
}

fn read_der(
    bytes: &[u8],
    passphrase: &dyn Fn() -> Result<SecretBytes, Failure>,
) -> Result<Vec<Item>, Failure> {
    if is_indefinite(bytes) {
        return match bytes.get(2..5) {
            Some([0x02, 1, 3]) => pkcs12(bytes, &passphrase()?),
            _ => Err(indefinite()),
        };
    }
    let kind = match shape(bytes).ok_or_else(unknown)? {
        Shape::Bundle => return Err(bundle()),
        Shape::EncryptedPrivate => Kind::Private(decrypted(bytes, passphrase)?),
        Shape::Private => Kind::Private(SecretBytes::copy_of(bytes)),
        Shape::RsaPrivate => Kind::Private(private_key_info(RSA, AnyRef::NULL, bytes)?),
        Shape::EcPrivate => Kind::Private(from_sec1(bytes)?),
        Shape::Public => Kind::Public(bytes.to_vec()),
        Shape::RsaPublic => Kind::Public(rsa_public_key_info(bytes)?),
        Shape::Certificate => Kind::Certificate(bytes.to_vec()),
        Shape::Pkcs12 => return pkcs12(bytes, &passphrase()?),
    };
    Ok(vec![kind.into()])
}

/// An encrypted PKCS#8 key, opened.
fn decrypted(
    bytes: &[u8],
    passphrase: &dyn Fn() -> Result<SecretBytes, Failure>,
) -> Result<SecretBytes, Failure> {
    let encrypted = EncryptedPrivateKeyInfoRef::from_der(bytes).ok();
    let encrypted = encrypted.filter(|key| key.encryption_algorithm.pbes2().is_some());
    let encrypted = encrypted.ok_or_else(|| {
        Failure::File(
            "it is encrypted in a way that is not supported: openssl pkcs8 -topk8 -in FILE -out NEW writes it as PBES2"
                .to_owned(),
        )
    })?;
    let passphrase = passphrase()?;
    // What a wrong passphrase gives is found out by its padding or its form, never for certain.
    let opened = encrypted
        .decrypt(passphrase.expose())
        .map_err(|_| Failure::Passphrase)?;
    Ok(SecretBytes::copy_of(opened.as_bytes()))
}

fn private_key_info(
    oid: ObjectIdentifier,
    parameters: AnyRef<'_>,
    key: &[u8],
) -> Result<SecretBytes, Failure> {
    let parameters = Some(parameters);
    let algorithm = AlgorithmIdentifierRef { oid, parameters };
    OctetStringRef::new(key)
        .and_then(|key| PrivateKeyInfoRef::new(algorithm, key).to_der())
        .map(SecretBytes::take)
        .map_err(|_| malformed("a private key"))
}

/// A key in the form of SEC 1, which must name its curve.
fn from_sec1(bytes: &[u8]) -> Result<SecretBytes, Failure> {
    let key = sec1::EcPrivateKey::from_der(bytes).map_err(|_| malformed("an EC private key"))?;
    let curve = key
        .parameters
        .and_then(|parameters| parameters.named_curve());
    let curve = curve.ok_or_else(|| {
        Failure::File("it is an EC private key that does not name its curve".to_owned())
    })?;
    private_key_info(EC, AnyRef::from(&curve), bytes)
}

/// A public key in the form of PKCS#1 in that of SubjectPublicKeyInfo.
fn rsa_public_key_info(bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let algorithm = AlgorithmIdentifierRef {
        oid: RSA,
        parameters: Some(AnyRef::NULL),
    };
    pkcs8::der::asn1::BitStringRef::from_bytes(bytes)
        .and_then(|subject_public_key| {
            pkcs8::SubjectPublicKeyInfoRef {
                algorithm,
                subject_public_key,
            }
            .to_der()
        })
        .map_err(|_| malformed("an RSA public key"))
}

/// Everything in a PKCS#12 file.
fn pkcs12(bytes: &[u8], passphrase: &SecretBytes) -> Result<Vec<Item>, Failure> {
    let passphrase = std::str::from_utf8(passphrase.expose())
        .map_err(|_| Failure::Usage("the passphrase is not text in UTF-8".to_owned()))?;
    let mut read = Pkcs12Archive::from_pkcs12(bytes, passphrase);
    if is_indefinite(bytes) || matches!(&read, Err(Pkcs12Error::DerError(_))) {
        let der = ber::pkcs12_in_der(bytes, passphrase)?;
        read = Pkcs12Archive::from_pkcs12(&der, passphrase);
    }
    let archive = read.map_err(|cause| refused(&cause))?;
    let mut items = Vec::new();
    for bag in archive.keys {
        let kind = Kind::Private(SecretBytes::copy_of(bag.key.as_der()));
        let label = bag.friendly_name;
        items.push(Item { kind, label });
    }
    for bag in archive.certs {
        let kind = Kind::Certificate(bag.cert.as_der().to_vec());
        let label = bag.friendly_name;
        items.push(Item { kind, label });
    }
    for bag in archive.secrets {
        let key_type = secret_type(bag.key.key_type());
        let kind = Kind::Secret(key_type, SecretBytes::copy_of(bag.key.key()));
        let label = bag.friendly_name;
        items.push(Item { kind, label });
    }
    Ok(items)
}

/// Why a PKCS#12 file was not read.
fn refused(cause: &Pkcs12Error) -> Failure {
    // A file without a MAC shows a wrong passphrase only when it is opened.
    let opened =
        matches!(cause, Pkcs12Error::Pkcs5Error(cause) if cause.contains("decryption failed"));
    let wrong = opened || matches!(cause, Pkcs12Error::MacError(_) | Pkcs12Error::UnpadError);
    if wrong {
        return Failure::Passphrase;
    }
    Failure::File(format!(
        "it looks like PKCS#12, but cannot be read ({cause}): openssl pkcs12 -in FILE -out NEW writes it as \
         PKCS#8 and certificates"
    ))
}

/// The type of a secret key of a PKCS#12 file.
fn secret_type(kind: SecretKeyType) -> u64 {
    match kind {
        SecretKeyType::Aes
        | SecretKeyType::Aes128Cbc
        | SecretKeyType::Aes192Cbc
        | SecretKeyType::Aes256Cbc => CKK_AES,
        SecretKeyType::HmacSha1 => CKK_SHA_1_HMAC,
        SecretKeyType::HmacSha224 => CKK_SHA224_HMAC,
        SecretKeyType::HmacSha256 => CKK_SHA256_HMAC,
        SecretKeyType::HmacSha384 => CKK_SHA384_HMAC,
        SecretKeyType::HmacSha512 => CKK_SHA512_HMAC,
        SecretKeyType::DesCbc
        | SecretKeyType::DesEde3Cbc
        | SecretKeyType::Blowfish
        | SecretKeyType::Rc2Cbc
        | SecretKeyType::Rc4
        | SecretKeyType::Camelia
        | SecretKeyType::Unknown(_) => CKK_GENERIC_SECRET,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(bytes: &[u8]) -> String {
        let none = || Err(Failure::Passphrase);
        read(bytes, &none).err().unwrap().to_string()
    }

    #[test]
    fn what_is_no_key_is_said_to_be_none() {
        for bytes in [&b"hello"[..], &[], &[0x30, 0], &[0x30, 3, 2, 1, 0]] {
            assert!(
                refusal(bytes).contains("no key or certificate"),
                "{bytes:?}"
            );
        }
    }

    #[test]
    fn text_that_is_cut_or_of_another_kind_says_what_to_do() {
        let cut = "-----BEGIN PRIVATE KEY-----\nAAAA\n";
        assert!(refusal(cut.as_bytes()).contains("last line is missing"));
        let ssh = "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n";
        assert!(refusal(ssh.as_bytes()).contains("ssh-keygen -p"));
        let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\nAAAA\n-----END RSA PRIVATE KEY-----\n";
        assert!(refusal(legacy.as_bytes()).contains("openssl pkcs8"));
        assert!(refusal(&[0x30, 0x80, 2, 1, 0, 0, 0]).contains("without its lengths"));
        assert!(refusal(&[0x30, 5, 6, 1, 42, 0xa0, 0]).contains("-print_certs"));
        let odd = "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n";
        assert!(refusal(odd.as_bytes()).contains("damaged"));
    }

    #[test]
    fn forms_are_told_by_their_elements() {
        let integer = [2u8, 1, 0];
        let sequence = |parts: &[&[u8]]| {
            let content = parts.concat();
            let mut out = vec![0x30, u8::try_from(content.len()).unwrap()];
            out.extend(content);
            out
        };
        let octets = [4u8, 1, 0];
        let bits = [3u8, 2, 0, 1];
        let empty = sequence(&[]);
        assert_eq!(
            shape(&sequence(&[&empty, &octets])),
            Some(Shape::EncryptedPrivate)
        );
        assert_eq!(
            shape(&sequence(&[&integer, &empty, &octets])),
            Some(Shape::Private)
        );
        assert_eq!(
            shape(&sequence(&[&integer, &octets])),
            Some(Shape::EcPrivate)
        );
        assert_eq!(
            shape(&sequence(&[&integer[..]; 9])),
            Some(Shape::RsaPrivate)
        );
        assert_eq!(shape(&sequence(&[&integer[..]; 2])), Some(Shape::RsaPublic));
        assert_eq!(shape(&sequence(&[&empty, &bits])), Some(Shape::Public));
        assert_eq!(
            shape(&sequence(&[&empty, &empty, &bits])),
            Some(Shape::Certificate)
        );
        assert_eq!(shape(&sequence(&[&[2, 1, 3], &empty])), Some(Shape::Pkcs12));
        assert_eq!(shape(&sequence(&[&integer, &empty])), None);
        assert_eq!(
            shape(&sequence(&[&[6, 1, 42], &[0xa0, 0]])),
            Some(Shape::Bundle)
        );
    }
}
