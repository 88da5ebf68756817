//! PKCS#11 URIs (RFC 7512): which key, in which token, of which module.

use std::path::PathBuf;

/// What every URI begins with.
const SCHEME: &str = "pkcs11:";

/// The parts of a URI that find a key. What is absent fits everything.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Uri {
    /// The token's label.
    pub(super) token: Option<String>,
    /// The token's serial number.
    pub(super) serial: Option<String>,
    /// Who made the token.
    pub(super) manufacturer: Option<String>,
    /// The token's model.
    pub(super) model: Option<String>,
    /// The key's label.
    pub(super) object: Option<String>,
    /// The key's id.
    pub(super) id: Option<Vec<u8>>,
    /// The slot.
    pub(super) slot: Option<u64>,
    /// The module's file.
    pub(super) module: Option<PathBuf>,
    /// The file with the PIN.
    pub(super) pin_file: Option<PathBuf>,
}

impl Uri {
    /// Whether a text is meant as a URI.
    pub(super) fn is_one(text: &str) -> bool {
        text.starts_with(SCHEME)
    }

    /// Reads a URI.
    ///
    /// # Errors
    /// What is wrong with it: attributes that select something unknown would select too much.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let text = text.strip_prefix(SCHEME).ok_or("it begins with pkcs11:")?;
        let (path, query) = text.split_once('?').unwrap_or((text, ""));
        let mut uri = Uri::default();
        for (name, value) in pairs(path, ';') {
            uri.select(name, value?)?;
        }
        for (name, value) in pairs(query, '&') {
            uri.ask(name, value?)?;
        }
        Ok(uri)
    }

    /// A path attribute.
    fn select(&mut self, name: &str, value: Vec<u8>) -> Result<(), String> {
        if name == "id" {
            self.id = Some(value);
            return Ok(());
        }
        let value = text(name, value)?;
        match name {
            "token" => self.token = Some(value),
            "serial" => self.serial = Some(value),
            "manufacturer" => self.manufacturer = Some(value),
            "model" => self.model = Some(value),
            "object" => self.object = Some(value),
            "slot-id" => {
                let slot = value.parse();
                self.slot = Some(slot.map_err(|_| "slot-id is no number")?);
            }
            "type" if value == "private" => {}
            "type" => return Err("its type must be private".to_owned()),
            _ => return Err(format!("{name} is not known here")),
        }
        Ok(())
    }

    /// A query attribute.
    fn ask(&mut self, name: &str, value: Vec<u8>) -> Result<(), String> {
        let value = text(name, value)?;
        match name {
            "module-path" => self.module = Some(PathBuf::from(value)),
            "pin-source" => {
                let path = value.strip_prefix("file:").unwrap_or(&value);
                let path = path.strip_prefix("//").unwrap_or(path);
                self.pin_file = Some(PathBuf::from(path));
            }
            // Every user of the machine can read the arguments of a program.
            "pin-value" => return Err("a PIN is no argument: use pin-source".to_owned()),
            _ => return Err(format!("{name} is not known here")),
        }
        Ok(())
    }
}

/// Names and decoded values.
fn pairs(text: &str, between: char) -> impl Iterator<Item = (&str, Result<Vec<u8>, String>)> {
    let parts = text.split(between).filter(|part| !part.is_empty());
    parts.map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let decoded = decode(value).ok_or_else(|| format!("{name} is not percent-encoded right"));
        (name, decoded)
    })
}

/// Percent-decoding (RFC 3986 section 2.1).
fn decode(text: &str) -> Option<Vec<u8>> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let value = digit()? << 4 | digit()?;
        decoded.push(u8::try_from(value).ok()?);
    }
    Some(decoded)
}

fn text(name: &str, value: Vec<u8>) -> Result<String, String> {
    String::from_utf8(value).map_err(|_| format!("{name} is no text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_a_uri_are_found() {
        let uri = Uri::parse(
            "pkcs11:token=The%20token;object=key%3B1;id=%01%ff;type=private?module-path=/lib/p.so&pin-source=file:/run/pin",
        );
        let expected = Uri {
            token: Some("The token".to_owned()),
            object: Some("key;1".to_owned()),
            id: Some(vec![1, 0xff]),
            module: Some(PathBuf::from("/lib/p.so")),
            pin_file: Some(PathBuf::from("/run/pin")),
            ..Uri::default()
        };
        assert_eq!(uri, Ok(expected));
        let other = Uri::parse("pkcs11:serial=12;slot-id=3?pin-source=file:///run/pin").unwrap();
        assert_eq!((other.serial.as_deref(), other.slot), (Some("12"), Some(3)));
        assert_eq!(other.pin_file, Some(PathBuf::from("/run/pin")));
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for wrong in [
            "file:key",
            "pkcs11:token=%2",
            "pkcs11:token=%zz",
            "pkcs11:tokn=x",
            "pkcs11:type=public",
            "pkcs11:slot-id=x",
            "pkcs11:token=%ff",
            "pkcs11:?pin-value=1234",
            "pkcs11:?module-name=x",
        ] {
            assert!(Uri::parse(wrong).is_err(), "{wrong}");
        }
    }
}
