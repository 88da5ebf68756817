//! The one encoding of a key policy: a map of what it restricts.

use super::{DataRule, KeyPolicy, MAX_DATA, MAX_ITEMS, MAX_LEN, Operation, Operations};
use crate::domain::cbor::{Flaw, Key, Reader, Result, Writer, flawed};
use crate::domain::ids::{MemberId, OperatorId};
use crate::domain::state::member::MAX_LABEL;

/// The most fields, ignorable ones included.
const MAX_FIELDS: usize = 32;

impl KeyPolicy {
    /// The policy, encoded.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let fields = [
            self.operations.is_some(),
            self.mechanisms.is_some(),
            self.operators.is_some(),
            self.roles.is_some(),
            self.members.is_some(),
            self.regions.is_some(),
            self.not_before.is_some(),
            self.not_after.is_some(),
            self.max_uses.is_some(),
            self.data.is_some(),
        ];
        let mut writer = Writer::default();
        writer.map(fields.into_iter().filter(|there| *there).count());
        if let Some(operations) = self.operations {
            writer.uint(1).uint(operations.0);
        }
        list(&mut writer, 2, &self.mechanisms, |writer, mechanism| {
            writer.uint(*mechanism);
        });
        list(&mut writer, 3, &self.operators, |writer, id| {
            writer.bytes(&id.0);
        });
        list(&mut writer, 4, &self.roles, |writer, role| {
            writer.text(role);
        });
        list(&mut writer, 5, &self.members, |writer, id| {
            writer.bytes(&id.0);
        });
        list(&mut writer, 6, &self.regions, |writer, region| {
            writer.text(region);
        });
        for (field, value) in [
            (7, self.not_before),
            (8, self.not_after),
            (9, self.max_uses),
        ] {
            if let Some(value) = value {
                writer.uint(field).uint(value);
            }
        }
        list(&mut writer, 10, &self.data, |writer, rule| {
            writer.array(2).bool(rule.exact).bytes(&rule.value);
        });
        writer.into_vec()
    }

    /// Reads a policy.
    ///
    /// # Errors
    /// Anything but the one encoding; operations and restrictions that are not known here, since they
    /// could not be kept.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        if bytes.len() > MAX_LEN {
            return Err(flawed("key policy", Flaw::TooLong));
        }
        Reader::whole(bytes, "key policy", |reader| {
            let mut policy = KeyPolicy::default();
            let mut keys = reader.map("key policy", MAX_FIELDS)?;
            while let Some(key) = reader.key("key policy", &mut keys)? {
                match key {
                    Key::Critical(field) => policy.read(field, reader)?,
                    Key::Ignorable(_) => reader.skip("key policy")?,
                }
            }
            Ok(policy)
        })
    }

    /// Reads one field.
    fn read(&mut self, field: u64, reader: &mut Reader<'_>) -> Result<()> {
        match field {
            1 => self.operations = Some(operations(reader)?),
            2 => {
                let list = reader.sorted_list(
                    "mechanisms",
                    MAX_ITEMS,
                    |reader| reader.uint("mechanism"),
                    |own| *own,
                );
                self.mechanisms = Some(list?);
            }
            3 => {
                let one = |reader: &mut Reader<'_>| reader.fixed("operator id").map(OperatorId);
                let list = reader.sorted_list("operators", MAX_ITEMS, one, |own| *own);
                self.operators = Some(list?);
            }
            4 => self.roles = Some(texts(reader, "roles")?),
            5 => {
                let one = |reader: &mut Reader<'_>| reader.fixed("member id").map(MemberId);
                let list = reader.sorted_list("members", MAX_ITEMS, one, |own| *own);
                self.members = Some(list?);
            }
            6 => self.regions = Some(texts(reader, "regions")?),
            7 => self.not_before = Some(reader.uint("not before")?),
            8 => self.not_after = Some(reader.uint("not after")?),
            9 => self.max_uses = Some(reader.uint("most uses")?),
            10 => {
                let list = reader.sorted_list("data rules", MAX_ITEMS, data_rule, Clone::clone);
                self.data = Some(list?);
            }
            _ => return Err(flawed("key policy", Flaw::UnknownCritical)),
        }
        Ok(())
    }
}

/// Writes a field that is a list, when it is there.
fn list<T>(
    writer: &mut Writer,
    field: u64,
    items: &Option<Vec<T>>,
    write: impl Fn(&mut Writer, &T),
) {
    if let Some(items) = items {
        writer.uint(field).array(items.len());
        for item in items {
            write(writer, item);
        }
    }
}

fn operations(reader: &mut Reader<'_>) -> Result<Operations> {
    let bits = reader.uint("operations")?;
    let known = Operations::of(&Operation::ALL);
    if bits & !known.0 != 0 {
        return Err(flawed("operations", Flaw::UnknownCritical));
    }
    Ok(Operations(bits))
}

fn texts(reader: &mut Reader<'_>, field: &'static str) -> Result<Vec<String>> {
    let one = |reader: &mut Reader<'_>| Ok(reader.text(field, MAX_LABEL)?.to_owned());
    reader.sorted_list(field, MAX_ITEMS, one, Clone::clone)
}

fn data_rule(reader: &mut Reader<'_>) -> Result<DataRule> {
    reader.tuple("data rule", 2)?;
    Ok(DataRule {
        exact: reader.bool("exact")?,
        value: reader.bytes("data value", MAX_DATA)?.to_vec(),
    })
}
