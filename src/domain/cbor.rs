//! Deterministic CBOR (RFC 8949 section 4.2.1): a writer that knows no other form, and a reader that
//! refuses every other form. Definite lengths, shortest heads, map keys ascending, nothing trailing.

mod flaw;

pub use flaw::{Flaw, Malformed};

use crate::secret::SecretBytes;
use minicbor::encode::Write;
use minicbor::{Decoder, Encoder};
use std::convert::Infallible;
use zeroize::Zeroize;

/// The result of reading.
pub type Result<T> = std::result::Result<T, Malformed>;

/// A refusal of `field`.
#[must_use]
pub fn flawed(field: &'static str, flaw: Flaw) -> Malformed {
    Malformed { field, flaw }
}

/// A buffer that leaves no copy of its bytes behind, neither when it grows nor when it goes.
struct ErasingBuffer(Vec<u8>);

impl Write for ErasingBuffer {
    type Error = Infallible;

    fn write_all(&mut self, bytes: &[u8]) -> std::result::Result<(), Infallible> {
        let needed = self.0.len().saturating_add(bytes.len());
        if needed > self.0.capacity() {
            let mut larger = Vec::with_capacity(needed.saturating_mul(2));
            larger.extend_from_slice(&self.0);
            self.0.zeroize();
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
        Ok(())
    }
}

impl Drop for ErasingBuffer {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Writes deterministic CBOR. Maps must be written with ascending keys. What was written may be
/// secret: the buffer erases itself. Writing to memory cannot fail, so the library's results, whose
/// error is [`Infallible`], are dropped.
pub struct Writer(Encoder<ErasingBuffer>);

impl Writer {
    /// A writer with room for `capacity` bytes before it has to grow.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Writer(Encoder::new(ErasingBuffer(Vec::with_capacity(capacity))))
    }

    /// An unsigned number.
    pub fn uint(&mut self, value: u64) -> &mut Self {
        let _ = self.0.u64(value);
        self
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        let _ = self.0.bytes(value);
        self
    }

    /// A text.
    pub fn text(&mut self, value: &str) -> &mut Self {
        let _ = self.0.str(value);
        self
    }

    /// A boolean.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        let _ = self.0.bool(value);
        self
    }

    /// The absence of a value.
    pub fn null(&mut self) -> &mut Self {
        let _ = self.0.null();
        self
    }

    /// The head of an array of `items` items, which follow.
    pub fn array(&mut self, items: usize) -> &mut Self {
        let _ = self.0.array(wide(items));
        self
    }

    /// The head of a map of `entries` entries, which follow as key and value.
    pub fn map(&mut self, entries: usize) -> &mut Self {
        let _ = self.0.map(wide(entries));
        self
    }

    /// What was written so far.
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.0.writer().0
    }

    /// What was written, when it is public.
    #[must_use]
    pub fn into_vec(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0.writer_mut().0)
    }

    /// What was written, when it is secret.
    #[must_use]
    pub fn into_secret(self) -> SecretBytes {
        SecretBytes::copy_of(self.as_slice())
    }
}

impl Default for Writer {
    fn default() -> Self {
        Writer::with_capacity(256)
    }
}

/// Reads deterministic CBOR. Every method names the field it reads, for the refusal.
pub struct Reader<'b>(Decoder<'b>);

impl<'b> Reader<'b> {
    /// A reader at the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'b [u8]) -> Self {
        Reader(Decoder::new(bytes))
    }

    /// How many bytes have been read.
    #[must_use]
    pub fn position(&self) -> usize {
        self.0.position()
    }

    /// Reads all of `bytes` with `read`.
    ///
    /// # Errors
    /// Those of `read`, and [`Flaw::Trailing`].
    pub fn whole<T>(
        bytes: &'b [u8],
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        let mut reader = Reader::new(bytes);
        let value = read(&mut reader)?;
        reader.end(field)?;
        Ok(value)
    }

    /// Nothing may follow.
    ///
    /// # Errors
    /// [`Flaw::Trailing`].
    pub fn end(&self, field: &'static str) -> Result<()> {
        if self.position() == self.0.input().len() {
            Ok(())
        } else {
            Err(flawed(field, Flaw::Trailing))
        }
    }

    /// An unsigned number.
    ///
    /// # Errors
    /// Any other item, or a head that is not the shortest.
    pub fn uint(&mut self, field: &'static str) -> Result<u64> {
        let start = self.position();
        let value = self.0.u64().map_err(|error| self.cause(field, &error))?;
        self.shortest(field, start, value, 0)?;
        Ok(value)
    }

    /// A byte string of at most `limit` bytes.
    ///
    /// # Errors
    /// Any other item, a longer one, or a head that is not the shortest.
    pub fn bytes(&mut self, field: &'static str, limit: usize) -> Result<&'b [u8]> {
        let start = self.position();
        let value = self.0.bytes().map_err(|error| self.cause(field, &error))?;
        self.shortest(field, start, wide(value.len()), value.len())?;
        if value.len() > limit {
            return Err(flawed(field, Flaw::TooLong));
        }
        Ok(value)
    }

    /// A byte string of just `N` bytes.
    ///
    /// # Errors
    /// Any other item or length.
    pub fn fixed<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N]> {
        let value = self.bytes(field, N)?;
        value.try_into().map_err(|_| flawed(field, Flaw::WrongType))
    }

    /// A text of at most `limit` bytes.
    ///
    /// # Errors
    /// Any other item, a longer one, or a head that is not the shortest.
    pub fn text(&mut self, field: &'static str, limit: usize) -> Result<&'b str> {
        let start = self.position();
        let value = self.0.str().map_err(|error| self.cause(field, &error))?;
        self.shortest(field, start, wide(value.len()), value.len())?;
        if value.len() > limit {
            return Err(flawed(field, Flaw::TooLong));
        }
        Ok(value)
    }

    /// A boolean.
    ///
    /// # Errors
    /// Any other item.
    pub fn bool(&mut self, field: &'static str) -> Result<bool> {
        self.0.bool().map_err(|error| self.cause(field, &error))
    }

    /// The head of an array of at most `limit` items.
    ///
    /// # Errors
    /// Any other item, a longer one, an indefinite one, or a head that is not the shortest.
    pub fn array(&mut self, field: &'static str, limit: usize) -> Result<usize> {
        let start = self.position();
        let items = self.0.array().map_err(|error| self.cause(field, &error))?;
        self.count(field, start, items, limit)
    }

    /// The head of an array of just `items` items.
    ///
    /// # Errors
    /// Any other item or length.
    pub fn tuple(&mut self, field: &'static str, items: usize) -> Result<()> {
        if self.array(field, items)? == items {
            Ok(())
        } else {
            Err(flawed(field, Flaw::WrongType))
        }
    }

    /// The head of a map of at most `limit` entries, whose keys [`Reader::key`] reads.
    ///
    /// # Errors
    /// Any other item, a longer one, an indefinite one, or a head that is not the shortest.
    pub fn map(&mut self, field: &'static str, limit: usize) -> Result<Keys> {
        let start = self.position();
        let entries = self.0.map().map_err(|error| self.cause(field, &error))?;
        Ok(Keys {
            left: self.count(field, start, entries, limit)?,
            last: None,
        })
    }

    /// The next key of a map, `None` after the last entry.
    ///
    /// # Errors
    /// A key that is not an integer, out of order or twice.
    pub fn key(&mut self, field: &'static str, keys: &mut Keys) -> Result<Option<Key>> {
        let Some(left) = keys.left.checked_sub(1) else {
            return Ok(None);
        };
        keys.left = left;
        let start = self.position();
        let number = self.0.int().map_err(|error| self.cause(field, &error))?;
        let number = i128::from(number);
        // A negative integer n is encoded as −1 − n after the non-negative ones (RFC 8949 section 3.1).
        let key = match u64::try_from(number) {
            Ok(value) => Key::Critical(value),
            Err(_) => Key::Ignorable(u64::try_from(-1 - number).unwrap_or(u64::MAX)),
        };
        let (Key::Critical(magnitude) | Key::Ignorable(magnitude)) = key;
        self.shortest(field, start, magnitude, 0)?;
        if keys.last.is_some_and(|last| last >= key) {
            return Err(flawed(field, Flaw::Disordered));
        }
        keys.last = Some(key);
        Ok(Some(key))
    }

    /// A list of at most `limit` items, each read by `read`.
    ///
    /// # Errors
    /// Those of [`Reader::array`] and of `read`.
    pub fn list<T>(
        &mut self,
        field: &'static str,
        limit: usize,
        mut read: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let items = self.array(field, limit)?;
        (0..items).map(|_| read(self)).collect()
    }

    /// A list whose items ascend strictly by `key`: none out of order, none twice.
    ///
    /// # Errors
    /// Those of [`Reader::list`], and [`Flaw::Disordered`].
    pub fn sorted_list<T, K: Ord>(
        &mut self,
        field: &'static str,
        limit: usize,
        read: impl FnMut(&mut Self) -> Result<T>,
        key: impl Fn(&T) -> K,
    ) -> Result<Vec<T>> {
        let items = self.list(field, limit, read)?;
        if items.is_sorted_by(|a, b| key(a) < key(b)) {
            Ok(items)
        } else {
            Err(flawed(field, Flaw::Disordered))
        }
    }

    /// A value that may be null.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn optional<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<Option<T>> {
        if self.form(field)? == Form::Null {
            self.0.null().map_err(|error| self.cause(field, &error))?;
            return Ok(None);
        }
        read(self).map(Some)
    }

    /// The form of the next item.
    ///
    /// # Errors
    /// The end of the input.
    pub fn form(&self, field: &'static str) -> Result<Form> {
        let first = self.0.input().get(self.position());
        // The major type is in the three highest bits (RFC 8949 section 3).
        Ok(match first.ok_or(flawed(field, Flaw::Truncated))? {
            0x00..=0x1f => Form::Number,
            0x40..=0x5f => Form::Bytes,
            0x60..=0x7f => Form::Text,
            0x80..=0x9f => Form::Array,
            0xa0..=0xbf => Form::Map,
            0xf4 | 0xf5 => Form::Bool,
            0xf6 => Form::Null,
            _ => Form::Other,
        })
    }

    /// Skips an item that may be ignored: a number, byte string, text or boolean.
    ///
    /// # Errors
    /// Any other item, or one that is not canonical.
    pub fn skip(&mut self, field: &'static str) -> Result<()> {
        match self.form(field)? {
            Form::Number => self.uint(field).map(|_| ()),
            Form::Bytes => self.bytes(field, usize::MAX).map(|_| ()),
            Form::Text => self.text(field, usize::MAX).map(|_| ()),
            Form::Bool => self.bool(field).map(|_| ()),
            Form::Null | Form::Array | Form::Map | Form::Other => {
                Err(flawed(field, Flaw::WrongType))
            }
        }
    }

    /// The item count of an array or map head that began at `start`.
    fn count(
        &self,
        field: &'static str,
        start: usize,
        items: Option<u64>,
        limit: usize,
    ) -> Result<usize> {
        let items = items.ok_or(flawed(field, Flaw::NotCanonical))?;
        self.shortest(field, start, items, 0)?;
        usize::try_from(items)
            .ok()
            .filter(|items| *items <= limit)
            .ok_or(flawed(field, Flaw::TooLong))
    }

    /// The item that began at `start` has the shortest head for `value`, then `content` bytes.
    fn shortest(
        &self,
        field: &'static str,
        start: usize,
        value: u64,
        content: usize,
    ) -> Result<()> {
        let head: usize = match value {
            0..=23 => 1,
            24..=0xff => 2,
            0x100..=0xffff => 3,
            0x1_0000..=0xffff_ffff => 5,
            0x1_0000_0000..=u64::MAX => 9,
        };
        if self.position().checked_sub(start) == head.checked_add(content) {
            Ok(())
        } else {
            Err(flawed(field, Flaw::NotCanonical))
        }
    }

    /// What the library's refusal of `field` means.
    fn cause(&self, field: &'static str, error: &minicbor::decode::Error) -> Malformed {
        let flaw = if error.is_end_of_input() {
            Flaw::Truncated
        } else {
            Flaw::WrongType
        };
        flawed(field, flaw)
    }
}

/// The forms of items that this product writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// A non-negative integer.
    Number,
    /// A byte string.
    Bytes,
    /// A text.
    Text,
    /// A boolean.
    Bool,
    /// The absence of a value.
    Null,
    /// An array.
    Array,
    /// A map.
    Map,
    /// Anything else.
    Other,
}

/// The keys of a map that is being read.
pub struct Keys {
    left: usize,
    last: Option<Key>,
}

/// A map key. In the order of deterministic encoding.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Key {
    /// A non-negative integer: a reader that does not know it must refuse the map.
    Critical(u64),
    /// A negative integer −1 − n: a reader that does not know it skips the value.
    Ignorable(u64),
}

/// `usize` as `u64`: never loses anything on the platforms of this crate.
fn wide(value: usize) -> u64 {
    u64::try_from(value).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads one item as a number, byte string and array in turn; gives the first success.
    fn flaw_of<T>(result: Result<T>) -> Flaw {
        result.err().expect("refused").flaw
    }

    #[test]
    fn only_the_shortest_heads_are_read() {
        for long in [
            &[0x18, 23][..],
            &[0x19, 0, 255],
            &[0x1a, 0, 0, 255, 255],
            &[0x1b, 0, 0, 0, 0, 1, 0, 0, 0],
        ] {
            assert_eq!(flaw_of(Reader::new(long).uint("x")), Flaw::NotCanonical);
        }
        assert_eq!(
            flaw_of(Reader::new(&[0x58, 1, 7]).bytes("x", 9)),
            Flaw::NotCanonical
        );
        assert_eq!(
            flaw_of(Reader::new(&[0x98, 0]).array("x", 9)),
            Flaw::NotCanonical
        );
        assert_eq!(
            flaw_of(Reader::new(&[0x9f, 0xff]).array("x", 9)),
            Flaw::NotCanonical
        );
        assert_eq!(
            flaw_of(Reader::new(&[0xbf, 0xff]).map("x", 9).map(|_| ())),
            Flaw::NotCanonical
        );
    }

    #[test]
    fn indefinite_strings_and_foreign_types_are_refused() {
        assert!(Reader::new(&[0x5f, 0x41, 7, 0xff]).bytes("x", 9).is_err());
        assert!(Reader::new(&[0x7f, 0x61, b'a', 0xff]).text("x", 9).is_err());
        assert_eq!(
            flaw_of(Reader::new(&[0x61, b'a']).uint("x")),
            Flaw::WrongType
        );
        assert_eq!(flaw_of(Reader::new(&[]).uint("x")), Flaw::Truncated);
        assert_eq!(
            flaw_of(Reader::new(&[0x42, 1]).bytes("x", 9)),
            Flaw::Truncated
        );
        assert_eq!(
            flaw_of(Reader::new(&[0x43, 1, 2, 3]).bytes("x", 2)),
            Flaw::TooLong
        );
        assert_eq!(
            flaw_of(Reader::whole(&[1, 2], "x", |r| r.uint("x"))),
            Flaw::Trailing
        );
    }

    #[test]
    fn map_keys_ascend() {
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            let mut keys = reader.map("x", 9)?;
            let mut seen = Vec::new();
            while let Some(key) = reader.key("x", &mut keys)? {
                reader.skip("x")?;
                seen.push(key);
            }
            Ok(seen)
        };
        assert_eq!(
            read(&[0xa3, 1, 0, 2, 0x40, 0x20, 0xf5]),
            Ok(vec![Key::Critical(1), Key::Critical(2), Key::Ignorable(0)])
        );
        assert_eq!(flaw_of(read(&[0xa2, 2, 0, 1, 0])), Flaw::Disordered);
        assert_eq!(flaw_of(read(&[0xa2, 1, 0, 1, 0])), Flaw::Disordered);
        assert_eq!(flaw_of(read(&[0xa2, 0x20, 0, 1, 0])), Flaw::Disordered);
    }

    #[test]
    fn a_growing_writer_keeps_what_it_wrote() {
        let mut writer = Writer::with_capacity(1);
        writer.array(3).bytes(&[7; 40]).uint(1000).text("grown");
        let bytes = writer.into_vec();
        let mut reader = Reader::new(&bytes);
        assert_eq!(reader.tuple("x", 3), Ok(()));
        assert_eq!(reader.fixed::<40>("x"), Ok([7; 40]));
        assert_eq!(reader.uint("x"), Ok(1000));
        assert_eq!(reader.text("x", 5), Ok("grown"));
        assert_eq!(reader.end("x"), Ok(()));
    }
}
