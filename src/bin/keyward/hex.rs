//! Bytes that people give in hexadecimal.

/// Bytes that were given in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

/// Bytes from hexadecimal digits; colons between them do not count.
pub(crate) fn bytes_in_hex(text: &str) -> Result<Bytes, String> {
    let wrong = || format!("{text} is not hexadecimal: it takes pairs of digits, such as 01af");
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let (pairs, rest) = digits.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(wrong());
    }
    let byte = |pair: &[u8; 2]| {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        u8::try_from(high? << 4 | low?).ok()
    };
    pairs
        .iter()
        .map(byte)
        .collect::<Option<Vec<u8>>>()
        .map(Bytes)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_make_bytes_with_colons_or_without() {
        for text in ["01af", "01AF", "01:af"] {
            assert_eq!(bytes_in_hex(text).unwrap().0, [0x01, 0xaf], "{text}");
        }
        assert_eq!(bytes_in_hex("").unwrap().0, Vec::<u8>::new());
        for bad in ["0", "0g", "01 af", "0x01"] {
            assert!(bytes_in_hex(bad).unwrap_err().contains(bad));
        }
    }
}
