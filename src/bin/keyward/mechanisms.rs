//! `keyward mechanisms`: the table that the module itself works by.

use crate::failure::Failure;
use crate::output::{Output, Table};
use clap::Args;
use cryptoki_sys::{
    CKF_DECAPSULATE, CKF_DECRYPT, CKF_DERIVE, CKF_DIGEST, CKF_ENCAPSULATE, CKF_ENCRYPT,
    CKF_GENERATE, CKF_GENERATE_KEY_PAIR, CKF_MESSAGE_DECRYPT, CKF_MESSAGE_ENCRYPT, CKF_SIGN,
    CKF_SIGN_RECOVER, CKF_UNWRAP, CKF_VERIFY, CKF_VERIFY_RECOVER, CKF_WRAP,
};
use keyward_pkcs11::mechanism::row::Row;
use keyward_pkcs11::mechanism::table;
use serde::Serialize;

/// Arguments of `keyward mechanisms`.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  keyward mechanisms\n  keyward mechanisms --json\n  \
    keyward mechanisms --markdown"
)]
pub(crate) struct Arguments {
    /// Print the table in Markdown, as docs/pkcs11.md has it
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
}

impl Mechanism {
    fn of(row: &Row) -> Self {
        let flags = row.flags();
        let offered = FUNCTIONS.iter().filter(|(flag, _)| flags & flag != 0);
        Mechanism {
            name: row.name,
            number: row.mechanism,
            smallest_key: row.key_sizes.0,
            largest_key: row.key_sizes.1,
            functions: offered.map(|(_, name)| *name).collect(),
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
    let mechanisms: Vec<Mechanism> = table::rows().map(Mechanism::of).collect();
    if arguments.markdown {
        return crate::output::line(&markdown(&mechanisms));
    }
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
        let functions = one.functions.join(", ");
        format!(
            "| `{}` | {:#06x} | {} | {functions} |",
            one.name,
            one.number,
            one.key_sizes()
        )
    });
    let head = [
        "| mechanism | number | key sizes | functions |",
        "| --- | --- | --- | --- |",
    ];
    head.into_iter()
        .map(str::to_owned)
        .chain(rows)
        .collect::<Vec<_>>()
        .join("\n")
}
