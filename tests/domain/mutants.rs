//! Every way in which each item of a message can be wrong: a message is taken apart into its CBOR items,
//! those inside byte strings too, and put together again with one of them changed.

/// One CBOR item.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Item {
    Uint(u64),
    Negative(u64),
    Bytes(Vec<u8>),
    /// A byte string that holds one item.
    Inner(Box<Item>),
    Text(String),
    Array(Vec<Item>),
    Map(Vec<(Item, Item)>),
    Tag(u64, Box<Item>),
    Simple(u8),
    /// These bytes, whatever they are.
    Raw(Vec<u8>),
}

/// What is wrong with a mutant.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Wrong {
    /// It is not of the one form: no reader takes it, whoever signed it.
    Form,
    /// An item of a list is missing or there twice, or there is one too many.
    List,
    /// Two items of a list have changed places.
    Order,
    /// The form is right, and a value is another one.
    Value,
}

/// A message with one item changed.
pub(crate) struct Mutant {
    /// Which item, and what became of it.
    pub(crate) name: String,
    pub(crate) wrong: Wrong,
    pub(crate) bytes: Vec<u8>,
}

/// The head of an item: major type and argument, in the shortest form.
fn head(major: u8, value: u64) -> Vec<u8> {
    let first = major << 5;
    let wide = value.to_be_bytes();
    match value {
        0..=23 => vec![first | wide[7]],
        24..=0xff => vec![first | 24, wide[7]],
        0x100..=0xffff => [&[first | 25], &wide[6..]].concat(),
        0x1_0000..=0xffff_ffff => [&[first | 26], &wide[4..]].concat(),
        _ => [&[first | 27], &wide[..]].concat(),
    }
}

fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap()
}

/// The same head, one form longer than it need be; `None` where there is no longer one.
fn long_head(bytes: &[u8]) -> Option<Vec<u8>> {
    let (first, major) = (bytes[0] & 0x1f, bytes[0] & 0xe0);
    Some(match first {
        0..=23 => [&[major | 24, first], &bytes[1..]].concat(),
        24 => [&[major | 25, 0], &bytes[1..]].concat(),
        25 => [&[major | 26, 0, 0], &bytes[1..]].concat(),
        26 => [&[major | 27, 0, 0, 0, 0], &bytes[1..]].concat(),
        _ => return None,
    })
}

impl Item {
    /// Takes apart bytes in the shortest form that hold one item.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Item> {
        let (item, rest) = Item::first(bytes)?;
        (rest.is_empty() && item.encode() == bytes).then_some(item)
    }

    fn first(bytes: &[u8]) -> Option<(Item, &[u8])> {
        let (first, rest) = bytes.split_first()?;
        let (major, short) = (first >> 5, first & 0x1f);
        if major == 7 {
            return (short < 24).then_some((Item::Simple(short), rest));
        }
        let size = match short {
            0..=23 => 0,
            24..=27 => 1 << (short - 24),
            _ => return None,
        };
        let (argument, rest) = rest.split_at_checked(size)?;
        let value = match size {
            0 => u64::from(short),
            _ => argument
                .iter()
                .fold(0, |value, byte| value << 8 | u64::from(*byte)),
        };
        let count = usize::try_from(value).ok()?;
        match major {
            0 => Some((Item::Uint(value), rest)),
            1 => Some((Item::Negative(value), rest)),
            2 => {
                let (content, rest) = rest.split_at_checked(count)?;
                let structured = content
                    .first()
                    .is_some_and(|byte| matches!(byte >> 5, 4 | 6));
                let inner = structured.then(|| Item::parse(content)).flatten();
                let bytes = || Item::Bytes(content.to_vec());
                Some((
                    inner.map_or_else(bytes, |inner| Item::Inner(Box::new(inner))),
                    rest,
                ))
            }
            3 => {
                let (content, rest) = rest.split_at_checked(count)?;
                Some((Item::Text(String::from_utf8(content.to_vec()).ok()?), rest))
            }
            4 => {
                let (mut items, mut rest) = (Vec::new(), rest);
                for _ in 0..count {
                    let (item, after) = Item::first(rest)?;
                    items.push(item);
                    rest = after;
                }
                Some((Item::Array(items), rest))
            }
            5 => {
                let (mut entries, mut rest) = (Vec::new(), rest);
                for _ in 0..count {
                    let (key, after) = Item::first(rest)?;
                    let (value, after) = Item::first(after)?;
                    entries.push((key, value));
                    rest = after;
                }
                Some((Item::Map(entries), rest))
            }
            _ => {
                let (item, rest) = Item::first(rest)?;
                Some((Item::Tag(value, Box::new(item)), rest))
            }
        }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let length = |bytes: &[u8]| wide(bytes.len());
        match self {
            Item::Uint(value) => head(0, *value),
            Item::Negative(value) => head(1, *value),
            Item::Bytes(bytes) => [head(2, length(bytes)), bytes.clone()].concat(),
            Item::Inner(item) => Item::Bytes(item.encode()).encode(),
            Item::Text(text) => [head(3, length(text.as_bytes())), text.clone().into()].concat(),
            Item::Array(items) => {
                let items: Vec<_> = items.iter().map(Item::encode).collect();
                [head(4, wide(items.len())), items.concat()].concat()
            }
            Item::Map(entries) => {
                let both = |(key, value): &(Item, Item)| [key.encode(), value.encode()].concat();
                let entries: Vec<_> = entries.iter().map(both).collect();
                [head(5, wide(entries.len())), entries.concat()].concat()
            }
            Item::Tag(number, item) => [head(6, *number), item.encode()].concat(),
            Item::Simple(number) => vec![7 << 5 | number],
            Item::Raw(bytes) => bytes.clone(),
        }
    }

    /// Every mutant of the item.
    pub(crate) fn mutants(&self) -> Vec<Mutant> {
        let good = self.encode();
        self.changed()
            .into_iter()
            .filter(|(_, _, item)| item.encode() != good)
            .map(|(name, wrong, item)| Mutant {
                name,
                wrong,
                bytes: item.encode(),
            })
            .collect()
    }

    /// The item with it, or one within it, changed.
    fn changed(&self) -> Vec<(String, Wrong, Item)> {
        let mut all: Vec<_> = self.forms().into_iter().chain(self.values()).collect();
        let within = |at: String, item: &Item, wrap: &dyn Fn(Item) -> Item| {
            let named = |(name, wrong, item): (String, Wrong, Item)| {
                (format!("{at}{name}"), wrong, wrap(item))
            };
            item.changed().into_iter().map(named).collect::<Vec<_>>()
        };
        match self {
            Item::Inner(item) => {
                all.extend(within("'".into(), item, &|item| {
                    Item::Inner(Box::new(item))
                }));
            }
            Item::Tag(number, item) => {
                let wrap = |item| Item::Tag(*number, Box::new(item));
                all.extend(within("#".into(), item, &wrap));
            }
            Item::Array(items) => {
                for (place, item) in items.iter().enumerate() {
                    let wrap = |item| {
                        let mut items = items.clone();
                        items[place] = item;
                        Item::Array(items)
                    };
                    all.extend(within(format!("[{place}]"), item, &wrap));
                }
                all.extend(lists(items));
            }
            Item::Map(entries) => {
                for (place, (key, value)) in entries.iter().enumerate() {
                    let wrap = |value| {
                        let mut entries = entries.clone();
                        entries[place] = (key.clone(), value);
                        Item::Map(entries)
                    };
                    all.extend(within(format!("{{{place}}}"), value, &wrap));
                }
                all.extend(maps(entries));
            }
            _ => {}
        }
        all
    }

    /// The item in forms that no reader takes.
    fn forms(&self) -> Vec<(String, Wrong, Item)> {
        let good = self.encode();
        let mut all = Vec::new();
        let mut add = |name: &str, bytes: Vec<u8>| {
            all.push((format!(" {name}"), Wrong::Form, Item::Raw(bytes)));
        };
        if !matches!(self, Item::Simple(_))
            && let Some(long) = long_head(&good)
        {
            add("with a long head", long);
        }
        match self {
            Item::Bytes(_) | Item::Inner(_) => {
                add("in pieces", [&[0x5f], &good[..], &[0xff]].concat())
            }
            Item::Text(_) => add("in pieces", [&[0x7f], &good[..], &[0xff]].concat()),
            Item::Array(items) => {
                let items: Vec<_> = items.iter().map(Item::encode).collect();
                add(
                    "without a length",
                    [&[0x9f], &items.concat()[..], &[0xff]].concat(),
                );
            }
            _ => {}
        }
        add("as undefined", vec![0xf7]);
        add("as a float", vec![0xf9, 0x3c, 0]);
        add("as a negative number", vec![0x20]);
        add("as a map", vec![0xa0]);
        add("tagged", [&[0xc1], &good[..]].concat());
        add("cut", good[..good.len() - 1].to_vec());
        all
    }

    /// The item with another value, in a right form.
    fn values(&self) -> Vec<(String, Wrong, Item)> {
        let value = |name: &str, item: Item| (format!(" {name}"), Wrong::Value, item);
        match self {
            Item::Uint(number) => vec![
                value("one more", Item::Uint(number.wrapping_add(1))),
                value("one less", Item::Uint(number.wrapping_sub(1))),
                value("the highest", Item::Uint(u64::MAX)),
            ],
            Item::Bytes(bytes) => {
                let mut flipped = bytes.clone();
                if let Some(last) = flipped.last_mut() {
                    *last ^= 1;
                }
                let mut all = vec![
                    value("one byte longer", Item::Bytes([&bytes[..], &[0]].concat())),
                    value("of 100,000 bytes", Item::Bytes(vec![7; 100_000])),
                ];
                if !bytes.is_empty() {
                    all.push(value("with a flipped bit", Item::Bytes(flipped)));
                    all.push(value("one byte shorter", Item::Bytes(bytes[1..].to_vec())));
                    all.push(value("empty", Item::Bytes(vec![])));
                }
                all
            }
            Item::Inner(_) => vec![
                value("empty", Item::Bytes(vec![])),
                value("of 100,000 bytes", Item::Bytes(vec![7; 100_000])),
            ],
            Item::Text(text) => vec![
                value("longer", Item::Text(format!("{text}x"))),
                value("of 100,000 letters", Item::Text("x".repeat(100_000))),
            ],
            Item::Simple(20) => vec![value("true", Item::Simple(21))],
            Item::Simple(21) => vec![value("false", Item::Simple(20))],
            Item::Simple(22) => vec![value("0", Item::Uint(0)), value("[]", Item::Array(vec![]))],
            _ => vec![],
        }
    }
}

/// A map with an entry missing, twice, in another place, or too many.
fn maps(entries: &[(Item, Item)]) -> Vec<(String, Wrong, Item)> {
    let mut all = Vec::new();
    let mut add = |name: String, wrong, entries: Vec<(Item, Item)>| {
        all.push((name, wrong, Item::Map(entries)));
    };
    for (place, entry) in entries.iter().enumerate() {
        let mut without = entries.to_vec();
        without.remove(place);
        add(format!("{{{place}}} missing"), Wrong::List, without);
        let mut twice = entries.to_vec();
        twice.insert(place, entry.clone());
        add(format!("{{{place}}} twice"), Wrong::List, twice);
        if place + 1 < entries.len() {
            let mut swapped = entries.to_vec();
            swapped.swap(place, place + 1);
            add(format!("{{{place}}} after the next"), Wrong::List, swapped);
        }
    }
    for (name, key) in [("7", Item::Uint(7)), ("-1", Item::Negative(0))] {
        let more = [entries, &[(key, Item::Uint(0))]].concat();
        add(format!(" and {name}"), Wrong::List, more);
    }
    all
}

/// A list with an item missing, twice, in another place, or too many.
fn lists(items: &[Item]) -> Vec<(String, Wrong, Item)> {
    let mut all = Vec::new();
    let mut add = |name: String, wrong, items: Vec<Item>| {
        all.push((name, wrong, Item::Array(items)));
    };
    for (place, item) in items.iter().enumerate() {
        let mut without = items.to_vec();
        without.remove(place);
        add(format!("[{place}] missing"), Wrong::List, without);
        let mut twice = items.to_vec();
        twice.insert(place, item.clone());
        add(format!("[{place}] twice"), Wrong::List, twice);
        if items.get(place + 1).is_some_and(|next| next != item) {
            let mut swapped = items.to_vec();
            swapped.swap(place, place + 1);
            add(format!("[{place}] after the next"), Wrong::Order, swapped);
        }
    }
    add(
        " and null".into(),
        Wrong::List,
        [items, &[Item::Simple(22)]].concat(),
    );
    all
}
