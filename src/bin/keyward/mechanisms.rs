//! `keyward mechanisms`: the table that the module itself works by.

use crate::failure::Failure;
use crate::object::names::key_type;
use crate::output::{Output, Table};
use clap::Args;
use cryptoki_sys::{
    CKF_DECAPSULATE, CKF_DECRYPT, CKF_DERIVE, CKF_DIGEST, CKF_ENCAPSULATE, CKF_ENCRYPT,
    CKF_GENERATE, CKF_GENERATE_KEY_PAIR, CKF_MESSAGE_DECRYPT, CKF_MESSAGE_ENCRYPT, CKF_SIGN,
    CKF_SIGN_RECOVER, CKF_UNWRAP, CKF_VERIFY, CKF_VERIFY_RECOVER, CKF_WRAP,
};
use keyward_pkcs11::config::{Config, Deprecated};
use keyward_pkcs11::mechanism::deprecated::{self, Group};
use keyward_pkcs11::mechanism::limits::{Function, Limit, Protection, What, limits};
use keyward_pkcs11::mechanism::row::Row;
use keyward_pkcs11::mechanism::table;
use keyward_pkcs11::object::usage::Use;
use serde::Serialize;

/// Arguments of `keyward mechanisms`.
#[derive(Args)]
#[command(
    after_help = "Lists what this process's settings leave; deprecated algorithms can be turned on and off \
    ([deprecated] in keyward.toml).\n\n\
    Examples:\n  keyward mechanisms\n  keyward mechanisms --json\n  \
    keyward mechanisms --markdown"
)]
pub(crate) struct Arguments {
    /// Print the table in Markdown, as docs/pkcs11.md has it: every mechanism, whatever the settings say, with
    /// what the level `guarded` leaves of it for keys that are sensitive or protected
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
}

/// What each flag of `CK_MECHANISM_INFO` lets a caller do.
const FUNCTIONS: &[(u64, &str)] = &[
    (CKF_DIGEST, "digest"),
    (CKF_ENCRYPT, "encrypt"),
    (CKF_DECRYPT, "decrypt"),
    (CKF_SIGN, "sign"),
    (CKF_VERIFY, "verify"),
    (CKF_SIGN_RECOVER, "sign with recovery"),
    (CKF_VERIFY_RECOVER, "verify with recovery"),
    (CKF_MESSAGE_ENCRYPT, "encrypt messages"),
    (CKF_MESSAGE_DECRYPT, "decrypt messages"),
    (CKF_WRAP, "wrap"),
    (CKF_UNWRAP, "unwrap"),
    (CKF_DERIVE, "derive"),
    (CKF_ENCAPSULATE, "encapsulate"),
    (CKF_DECAPSULATE, "decapsulate"),
    (CKF_GENERATE, "generate"),
    (CKF_GENERATE_KEY_PAIR, "generate pair"),
];

/// One mechanism, as printed.
#[derive(Serialize)]
struct Mechanism {
    name: &'static str,
    number: u64,
    smallest_key: u64,
    largest_key: u64,
    functions: Vec<&'static str>,
    /// What is different for keys that are sensitive but may leave, at the level `guarded`.
    sensitive_keys: Vec<String>,
    /// What is different for keys that are never extractable.
    protected_keys: Vec<String>,
    /// The setting that turns deprecated functions of it off.
    #[serde(skip_serializing_if = "Option::is_none")]
    deprecated: Option<Setting>,
}

/// The setting about a deprecated mechanism.
#[derive(Serialize)]
struct Setting {
    name: &'static str,
    on_by_default: bool,
    functions: Vec<&'static str>,
}

impl Setting {
    fn of(row: &Row) -> Option<Self> {
        let group = Group::of(row.mechanism)?;
        Some(Setting {
            name: group.setting(),
            on_by_default: group.is_on(Deprecated::default()),
            functions: functions(row.flags() & group.functions()),
        })
    }
}

/// The names of functions.
fn functions(flags: u64) -> Vec<&'static str> {
    let offered = FUNCTIONS.iter().filter(|(flag, _)| flags & flag != 0);
    offered.map(|(_, name)| *name).collect()
}

/// A limit in words.
fn words(limit: &Limit, all: &[u64]) -> String {
    let what = match limit.what {
        What::Refused(Function::DigestKey) => "no C_DigestKey".to_owned(),
        What::Refused(Function::Use(Use::Wrap)) => "not wrapped".to_owned(),
        What::Refused(Function::Use(usage)) => {
            format!("no {}", functions(usage.function()).join(""))
        }
        What::WrappedUnderGoodKeys => "wrapped under protected or trusted keys".to_owned(),
        What::AsClosed => "derived keys as closed".to_owned(),
        What::ClosedOnceCarried => "closed keys come back".to_owned(),
        What::OneUse => "one use".to_owned(),
    };
    let names = |types: &[u64]| {
        let names: Vec<String> = types.iter().map(|kind| key_type(*kind)).collect();
        names.join(", ")
    };
    let others = all.iter().filter(|kind| !limit.of.contains(kind));
    let others: Vec<u64> = others.copied().collect();
    match (limit.of.is_empty(), others.len() < limit.of.len()) {
        (true, _) => what,
        (false, true) => format!("{what} (all but {})", names(&others)),
        (false, false) => format!("{what} ({})", names(&limit.of)),
    }
}

impl Mechanism {
    fn of(row: &Row) -> Self {
        let limited = |protection| {
            let limits = limits(row, protection);
            limits.iter().map(|own| words(own, row.key_types)).collect()
        };
        Mechanism {
            name: row.name,
            number: row.mechanism,
            smallest_key: row.key_sizes.0,
            largest_key: row.key_sizes.1,
            functions: functions(row.flags()),
            sensitive_keys: limited(Protection::Sensitive),
            protected_keys: limited(Protection::Protected),
            deprecated: Setting::of(row),
        }
    }

    fn key_sizes(&self) -> String {
        match (self.smallest_key, self.largest_key) {
            (0, 0) => "–".to_owned(),
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least}–{most}"),
        }
    }
}

/// Prints the mechanisms.
pub(crate) fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    if arguments.markdown {
        let mechanisms: Vec<Mechanism> = table::everything().map(Mechanism::of).collect();
        return crate::output::line(&markdown(&mechanisms));
    }
    deprecated::choose(Config::load()?.deprecated);
    let mechanisms: Vec<Mechanism> = table::rows().map(Mechanism::of).collect();
    output.print(&mechanisms, |mechanisms| {
        let mut table = Table::new(&["mechanism", "number", "key sizes", "functions"]);
        for one in mechanisms {
            let number = format!("{:#06x}", one.number);
            table.row(vec![
                one.name.to_owned(),
                number,
                one.key_sizes(),
                one.functions.join(", "),
            ]);
        }
        table.text("no mechanisms")
    })
}

fn markdown(mechanisms: &[Mechanism]) -> String {
    let rows = mechanisms.iter().map(|one| {
        let mut functions = one.functions.join(", ");
        if let Some(setting) = &one.deprecated {
            let all = setting.functions.len() == one.functions.len();
            let what = match all {
                true => String::new(),
                false => format!(" of {}", setting.functions.join(", ")),
            };
            let default = if setting.on_by_default { "on" } else { "off" };
            functions += &format!("; deprecated{what}: `{}`, {default}", setting.name);
        }
        format!(
            "| `{}` | {:#06x} | {} | {functions} | {} | {} |",
            one.name,
            one.number,
            one.key_sizes(),
            one.sensitive_keys.join("; "),
            one.protected_keys.join("; "),
        )
    });
    let head = [
        "| mechanism | number | key sizes | functions | sensitive keys | protected keys |",
        "| --- | --- | --- | --- | --- | --- |",
    ];
    head.into_iter()
        .map(str::to_owned)
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
}
