//! The world that the attacker acts in: members, their processes, keys, ciphertexts, and what the
//! attacker knows. Keys are real objects, built and judged by the code of the module; only their values
//! are symbols.

use crate::attacker::Call;
use cryptoki_sys::*;
use keyward_pkcs11::error::Error;
use keyward_pkcs11::object::access::State;
use keyward_pkcs11::object::attribute::{AttributeType, Attributes, Template, Value};
use keyward_pkcs11::object::build::{self, Generation, Plan};
use keyward_pkcs11::object::policy::{
    Act, Decision, Facts, Key as KeyFacts, Level, RULES, RoleState, judge_by, lineage, mode,
};
use keyward_pkcs11::object::usage;
use keyward_pkcs11::object::vendor::{CKA_KEYWARD_DOMAIN_KEY_ID, CKA_KEYWARD_LINEAGE};
use keyward_pkcs11::object::{Object, ObjectId};
use keyward_pkcs11::secret::SecretBytes;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// The session that every attacker has: logged in, read/write.
pub(crate) const USER: State = State::RwUser;

/// A value, as a symbol.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Secret {
    /// Made here, known to nobody.
    Fresh(u8),
    /// Chosen by the attacker.
    Chosen,
    /// Another with the attacker's bytes beside it, or XORed into it.
    Joined(Box<Secret>),
    /// A few bytes of another.
    Part(Box<Secret>),
}

impl Secret {
    /// What whoever knows this knows.
    pub(crate) fn innermost(&self) -> &Secret {
        match self {
            Secret::Fresh(_) | Secret::Chosen => self,
            Secret::Joined(inner) | Secret::Part(inner) => inner.innermost(),
        }
    }
}

/// A key that a wrap makes for once.
pub(crate) const TEMPORARY: Secret = Secret::Fresh(2);

/// The object identifier of P-256.
const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];

/// The value of the key that the attacker is after.
pub(crate) const TARGET: Secret = Secret::Fresh(0);

/// A key on a member.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) member: usize,
    pub(crate) object: Arc<Object>,
    pub(crate) value: Secret,
}

impl Key {
    pub(crate) fn attributes(&self) -> &Attributes {
        self.object.attributes()
    }
}

/// How a key was wrapped.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub(crate) enum Form {
    /// By AES key wrap or RSA.
    Whole,
    /// As the sum with a key stream.
    Stream,
    /// As a key token.
    Token,
    /// As what the private half agrees on.
    Agreed,
}

/// A wrapped key, in the attacker's hands.
#[derive(Clone)]
pub(crate) struct Wrapped {
    pub(crate) under: Secret,
    pub(crate) content: Secret,
    pub(crate) form: Form,
    /// What a key token carries.
    pub(crate) attributes: Option<Attributes>,
}

/// What is missing from the module's defences.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Hole {
    None,
    /// The rule of this name.
    Without(&'static str),
    /// Each process keeps its own record of roles.
    RecordsPerProcess,
    /// Copies and pairs do not share a record.
    LineageForgotten,
}

/// What the attacker is after.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Target {
    /// A key that was never extractable.
    Protected,
    /// A key that is sensitive and extractable.
    Guarded,
    /// The same, that may be wrapped by trusted keys only.
    WithTrusted,
}

/// The terms of a search.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setting {
    pub(crate) level: Level,
    pub(crate) target: Target,
    pub(crate) hole: Hole,
}

/// What the attacker has beside the target and a domain key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Start {
    /// A generated AES key with every usage.
    BothRoles,
    /// A generated AES key that only wraps.
    Wrapping,
    /// A generated AES key for data.
    Data,
    /// A generated RSA pair with every usage.
    Pair,
    /// An imported AES key that the attacker chose.
    Known,
    /// An AES key with every usage that the SO trusts.
    Trusted,
    /// The same, although it can be wrapped itself.
    TrustedExtractable,
    /// Nothing more.
    DomainOnly,
    /// A generated RSA pair that only wraps, whose private half is on both members.
    PairElsewhere,
    /// A generated EC pair that wraps, unwraps and derives.
    Agreeing,
    /// A generated EC pair that was not made to unwrap.
    AgreeingOnly,
}

impl Start {
    pub(crate) const ALL: [Start; 11] = [
        Start::BothRoles,
        Start::Wrapping,
        Start::Data,
        Start::Pair,
        Start::Known,
        Start::Trusted,
        Start::TrustedExtractable,
        Start::DomainOnly,
        Start::PairElsewhere,
        Start::Agreeing,
        Start::AgreeingOnly,
    ];
}

/// Who acts: a process of a member. Members 0 and 1; member 0 has two processes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Process {
    pub(crate) member: usize,
    pub(crate) number: usize,
}

const PROCESSES: [Process; 3] = [
    Process {
        member: 0,
        number: 0,
    },
    Process {
        member: 0,
        number: 1,
    },
    Process {
        member: 1,
        number: 2,
    },
];

/// Everything there is at one moment.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) setting: Setting,
    pub(crate) keys: Vec<Key>,
    pub(crate) wrapped: Vec<Wrapped>,
    pub(crate) known: Vec<Secret>,
    /// By member or process, and lineage.
    records: BTreeMap<(usize, [u8; 16]), RoleState>,
    next_id: u8,
}

/// A template with every usage, as loose as can be.
pub(crate) fn loose(class: u64, kind: u64) -> Template {
    let mut all = vec![
        (CKA_CLASS, Value::Ulong(class)),
        (CKA_KEY_TYPE, Value::Ulong(kind)),
        (CKA_SENSITIVE, Value::Bool(false)),
        (CKA_EXTRACTABLE, Value::Bool(true)),
    ];
    let usages: &[AttributeType] = if kind == CKK_AES {
        &AES_USAGES
    } else {
        &[CKA_DERIVE]
    };
    all.extend(usages.iter().map(|usage| (*usage, Value::Bool(true))));
    Template(all)
}

const AES_USAGES: [AttributeType; 5] = [CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE];

impl World {
    pub(crate) fn new(start: Start, setting: Setting) -> World {
        let mut world = World {
            setting,
            keys: Vec::new(),
            wrapped: Vec::new(),
            known: vec![Secret::Chosen],
            records: BTreeMap::new(),
            next_id: 1,
        };
        let target = match setting.target {
            Target::Protected => vec![],
            Target::Guarded => vec![CKA_EXTRACTABLE],
            Target::WithTrusted => vec![CKA_EXTRACTABLE, CKA_WRAP_WITH_TRUSTED],
        };
        world.generate(&[target, vec![CKA_DERIVE]].concat(), TARGET);
        world.add_domain_key();
        match start {
            Start::BothRoles => world.generate(&AES_USAGES, Secret::Fresh(1)),
            Start::Wrapping => {
                world.generate(&[CKA_WRAP, CKA_UNWRAP, CKA_DERIVE], Secret::Fresh(1));
            }
            Start::Data => world.generate(&[CKA_ENCRYPT, CKA_DECRYPT], Secret::Fresh(1)),
            Start::Pair => world.generate_pair(CKK_RSA, &[], &[]),
            Start::Known => {
                let template = loose(CKO_SECRET_KEY, CKK_AES);
                world.import(template, USER, Secret::Chosen);
            }
            Start::Trusted | Start::TrustedExtractable => {
                let mut template = loose(CKO_SECRET_KEY, CKK_AES);
                template
                    .0
                    .retain(|(kind, _)| ![CKA_SENSITIVE, CKA_EXTRACTABLE].contains(kind));
                let extractable = start == Start::TrustedExtractable;
                template.0.push((CKA_EXTRACTABLE, Value::Bool(extractable)));
                template.0.push((CKA_TRUSTED, Value::Bool(true)));
                world.import(template, State::RwSo, Secret::Fresh(1));
            }
            Start::DomainOnly => {}
            Start::PairElsewhere => {
                world.generate_pair(CKK_RSA, &[CKA_WRAP], &[CKA_UNWRAP]);
                world.seal_elsewhere();
            }
            Start::Agreeing => {
                world.generate_pair(CKK_EC, &[CKA_WRAP], &[CKA_UNWRAP, CKA_DERIVE]);
            }
            Start::AgreeingOnly => world.generate_pair(CKK_EC, &[CKA_WRAP], &[CKA_DERIVE]),
        }
        world
    }

    /// Brings the private key that is there to the other member, as a key token.
    fn seal_elsewhere(&mut self) {
        let place = |world: &World, member, fits: fn(&Attributes) -> bool| {
            let mut keys = world.keys.iter();
            let found = keys.position(|key| key.member == member && fits(key.attributes()));
            found.unwrap()
        };
        let domain = |key: &Attributes| key.has(CKA_KEYWARD_DOMAIN_KEY_ID);
        let private = |key: &Attributes| key.class() == Some(CKO_PRIVATE_KEY);
        let [here, _, there] = PROCESSES;
        let seal = Call::Wrap(place(self, 0, domain), place(self, 0, private), Form::Token);
        self.call(here, &seal).unwrap();
        let open = Call::Open(place(self, 1, domain), 0);
        self.call(there, &open).unwrap();
        self.wrapped.clear();
    }

    fn generate(&mut self, with: &[AttributeType], value: Secret) {
        let mut template = vec![(CKA_VALUE_LEN, Value::Ulong(16))];
        template.extend(with.iter().map(|kind| (*kind, Value::Bool(true))));
        let spec = Generation {
            class: CKO_SECRET_KEY,
            key_types: &[CKK_AES],
            mechanism: CKM_AES_KEY_GEN,
        };
        let plan = Plan::generate(&Template(template), spec, USER).unwrap();
        self.add(0, plan.finish(some_value()).unwrap(), value);
    }

    fn generate_pair(&mut self, kind: u64, public: &[AttributeType], private: &[AttributeType]) {
        let yes = |kinds: &[AttributeType]| -> Vec<(AttributeType, Value)> {
            kinds
                .iter()
                .map(|kind| (*kind, Value::Bool(true)))
                .collect()
        };
        let needed = if kind == CKK_RSA {
            (CKA_MODULUS_BITS, Value::Ulong(2048))
        } else {
            (CKA_EC_PARAMS, Value::Bytes(P256.to_vec()))
        };
        let public = Template([vec![needed], yes(public)].concat());
        let private = Template(yes(private));
        let spec = Generation {
            class: 0,
            key_types: &[kind],
            mechanism: 0,
        };
        let (public, private) =
            Plan::generate_pair(&public, &private, spec, USER, [0xfe; 16]).unwrap();
        for half in [public, private] {
            let attributes = self.remembered(half.attributes().clone());
            self.add(0, attributes, Secret::Fresh(1));
        }
    }

    fn import(&mut self, mut template: Template, state: State, value: Secret) {
        template.0.extend(some_value());
        self.add(0, build::create(&template, state).unwrap(), value);
    }

    /// A domain key, with more usages than the module gives one: the rules alone must do.
    fn add_domain_key(&mut self) {
        for member in [0, 1] {
            let mut key = Attributes::new();
            key.set(CKA_CLASS, Value::Ulong(CKO_SECRET_KEY));
            key.set(CKA_KEY_TYPE, Value::Ulong(CKK_AES));
            key.set(CKA_SENSITIVE, Value::Bool(true));
            key.set(CKA_KEYWARD_DOMAIN_KEY_ID, Value::Bytes(vec![0; 16]));
            for usage in AES_USAGES {
                key.set(usage, Value::Bool(true));
            }
            self.add(member, key, Secret::Fresh(9));
        }
    }

    pub(crate) fn add(&mut self, member: usize, attributes: Attributes, value: Secret) {
        let id = ObjectId([self.next_id; 16]);
        self.next_id += 1;
        let object = Arc::new(Object::new(id, 1, attributes));
        self.keys.push(Key {
            member,
            object,
            value,
        });
    }

    /// Puts new attributes in an object's place.
    pub(crate) fn replace(&mut self, key: usize, attributes: Attributes) {
        let id = self.keys[key].object.id();
        self.keys[key].object = Arc::new(Object::new(id, 2, attributes));
    }

    /// What a copy or a half of a pair remembers of the others.
    pub(crate) fn remembered(&self, mut attributes: Attributes) -> Attributes {
        if self.setting.hole == Hole::LineageForgotten {
            attributes.remove(CKA_KEYWARD_LINEAGE);
        }
        attributes
    }

    fn record_key(&self, process: Process, key: &Key) -> (usize, [u8; 16]) {
        let place = if self.setting.hole == Hole::RecordsPerProcess {
            process.number
        } else {
            process.member
        };
        (place, lineage(&key.object))
    }

    pub(crate) fn facts_of(&self, process: Process, key: usize) -> KeyFacts {
        let key = &self.keys[key];
        let record = self.records.get(&self.record_key(process, key)).copied();
        KeyFacts::of(key.attributes(), record.unwrap_or_default())
    }

    /// Judges an act as the module does, and records what was decided.
    pub(crate) fn act(
        &mut self,
        process: Process,
        act: Act,
        mechanism: u64,
        key: usize,
        target: Option<usize>,
        shorter: bool,
    ) -> Result<Decision, Error> {
        let mode = match act {
            Act::Use(usage) => {
                let attributes = self.keys[key].attributes();
                usage::permit(
                    usage,
                    attributes,
                    mechanism,
                    &[CKK_AES, CKK_RSA, CKK_EC],
                    no_date,
                )?;
                mode(mechanism, usage)
            }
            Act::DigestKey => keyward_pkcs11::object::policy::Mode::Ordinary,
        };
        let facts = Facts::new(self.setting.level, act, mode, self.facts_of(process, key));
        let facts = facts.with_shorter(shorter);
        let facts = match target {
            Some(target) => facts.with_target(self.facts_of(process, target)),
            None => facts,
        };
        let hole = self.setting.hole;
        let rules = RULES.iter().filter(|rule| hole != Hole::Without(rule.name));
        let decision = judge_by(rules, facts)?;
        if let Some(state) = decision.record {
            self.record(process, key, state)?;
        }
        if let (Some(state), Some(target)) = (decision.record_target, target) {
            self.record(process, target, state)?;
        }
        Ok(decision)
    }

    fn record(&mut self, process: Process, key: usize, more: RoleState) -> Result<(), Error> {
        let place = self.record_key(process, &self.keys[key]);
        let record = self.records.entry(place).or_default();
        *record = record.and(more)?;
        Ok(())
    }

    /// Adds to what the attacker knows, and to what follows from it.
    pub(crate) fn learn(&mut self, secret: &Secret) {
        let secret = secret.innermost();
        if self.known.contains(secret) {
            return;
        }
        self.known.push(secret.clone());
        let opened: Vec<Secret> = self
            .wrapped
            .iter()
            .filter(|wrapped| wrapped.under.innermost() == secret)
            .map(|wrapped| wrapped.content.clone())
            .collect();
        for content in opened {
            self.learn(&content);
        }
    }

    /// Gives the attacker a ciphertext.
    pub(crate) fn hand_out(&mut self, wrapped: Wrapped) {
        let known = self.known.contains(wrapped.under.innermost());
        let content = wrapped.content.clone();
        self.wrapped.push(wrapped);
        if known {
            self.learn(&content);
        }
    }

    pub(crate) fn is_leaked(&self) -> bool {
        self.known.contains(&TARGET)
    }

    /// What makes this moment different from others, for not looking at it twice. The order in which keys
    /// and ciphertexts came does not matter.
    pub(crate) fn summary(&self, hashes: &RandomState) -> u64 {
        let key = |key: &Key| {
            let own = key.attributes();
            let lineage = lineage(&key.object);
            hashes.hash_one((
                key.member,
                &key.value,
                own.flags(),
                RoleState::of(own),
                lineage,
            ))
        };
        let wrapped = |own: &Wrapped| {
            let uses = own
                .attributes
                .as_ref()
                .map(|own| (own.flags(), RoleState::of(own)));
            hashes.hash_one((&own.under, &own.content, own.form, uses))
        };
        let mut keys: Vec<u64> = self.keys.iter().map(key).collect();
        let mut blobs: Vec<u64> = self.wrapped.iter().map(wrapped).collect();
        keys.sort_unstable();
        blobs.sort_unstable();
        hashes.hash_one((keys, blobs, &self.known, &self.records))
    }

    /// The processes whose calls can differ. Those of one member share its keys and its records, so one
    /// speaks for all unless the records are what is missing.
    pub(crate) fn processes(&self) -> &'static [Process] {
        match self.setting.hole {
            Hole::RecordsPerProcess => &PROCESSES,
            Hole::None | Hole::Without(_) | Hole::LineageForgotten => &PROCESSES[1..],
        }
    }
}

/// Any value: the model's values are symbols.
pub(crate) fn some_value() -> build::Material {
    build::secret_value(SecretBytes::zeroed(16)).into()
}

fn no_date() -> usage::Date {
    *b"20260101"
}
