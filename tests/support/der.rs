//! The little DER that keys and points need.

/// The curves' parameters: their object identifiers, encoded.
pub const P224: &[u8] = &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x21];
pub const P256: &[u8] = &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
pub const P384: &[u8] = &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22];
pub const P521: &[u8] = &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23];
pub const SECP256K1: &[u8] = &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x0A];
pub const BRAINPOOL_224: &[u8] = b"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x05";
pub const BRAINPOOL_256: &[u8] = b"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x07";
pub const BRAINPOOL_320: &[u8] = b"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x09";
pub const BRAINPOOL_384: &[u8] = b"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x0b";
pub const BRAINPOOL_512: &[u8] = b"\x06\x09\x2b\x24\x03\x03\x02\x08\x01\x01\x0d";
pub const ED25519: &[u8] = &[0x06, 0x03, 0x2B, 0x65, 0x70];
pub const X25519: &[u8] = &[0x06, 0x03, 0x2B, 0x65, 0x6E];
/// The same two curves by name, as older tools write them.
pub const ED25519_NAME: &[u8] = b"\x13\x0cedwards25519";
pub const X25519_NAME: &[u8] = b"\x13\x0acurve25519";

/// A value under a tag.
pub fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match value.len() {
        n @ 0..=0x7F => out.push(n as u8),
        n @ 0x80..=0xFF => out.extend([0x81, n as u8]),
        n => out.extend([0x82, (n >> 8) as u8, n as u8]),
    }
    out.extend_from_slice(value);
    out
}

/// An OCTET STRING.
pub fn octets(value: &[u8]) -> Vec<u8> {
    tlv(0x04, value)
}

/// The first value and the rest, without the tag; `None` where the encoding is broken.
pub fn read(data: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = data.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        n @ 0..=0x7F => (usize::from(n), rest),
        n => {
            let count = usize::from(n & 0x7F);
            let bytes = rest.get(..count)?;
            if count == 0 || count > 4 {
                return None;
            }
            let length = bytes.iter().fold(0usize, |n, b| n << 8 | usize::from(*b));
            (length, rest.get(count..)?)
        }
    };
    Some((tag, rest.get(..length)?, rest.get(length..)?))
}

/// What an OCTET STRING holds.
pub fn octets_of(data: &[u8]) -> Option<&[u8]> {
    match read(data)? {
        (0x04, value, []) => Some(value),
        _ => None,
    }
}

/// The two numbers of a DER signature, each as long as the order, as PKCS#11 wants them; `None`
/// where it is not strictly DER or a number does not fit.
pub fn ecdsa_signature(der: &[u8], size: usize) -> Option<Vec<u8>> {
    let (0x30, body, []) = read(der)? else {
        return None;
    };
    let (0x02, r, rest) = read(body)? else {
        return None;
    };
    let (0x02, s, []) = read(rest)? else {
        return None;
    };
    let mut out = Vec::new();
    for number in [r, s] {
        let (&first, _) = number.split_first()?;
        if first & 0x80 != 0 {
            return None;
        }
        let skip = number.iter().take_while(|b| **b == 0).count();
        let padding = size.checked_sub(number.len() - skip)?;
        out.extend(std::iter::repeat_n(0, padding));
        out.extend_from_slice(&number[skip..]);
    }
    // Only what encodes back to the same bytes is strictly DER.
    (encode_ecdsa(&out) == der).then_some(out)
}

/// A signature of two numbers, as DER.
pub fn encode_ecdsa(signature: &[u8]) -> Vec<u8> {
    let half = signature.len() / 2;
    let body: Vec<u8> = [&signature[..half], &signature[half..]]
        .iter()
        .flat_map(|n| integer(n))
        .collect();
    tlv(0x30, &body)
}

/// A positive INTEGER.
pub fn integer(number: &[u8]) -> Vec<u8> {
    let skip = number.iter().take_while(|b| **b == 0).count();
    let mut value = number[skip.min(number.len().saturating_sub(1))..].to_vec();
    if value.first().is_none_or(|b| b & 0x80 != 0) {
        value.insert(0, 0);
    }
    tlv(0x02, &value)
}
