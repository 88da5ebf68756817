//! `keyward domain why` and `keyward domain history`: what became of domain tokens.

use crate::failure::Failure;
use crate::output::{Output, Table, time};
use keyward_pkcs11::storage::Event;
use keyward_pkcs11::token::{REFUSED, REQUEST_REFUSED, Token};
use serde::Serialize;

/// How many events are shown.
const EVENTS: usize = 1_000;

/// One event, as printed.
#[derive(Serialize)]
struct Happened {
    time: String,
    what: String,
    details: String,
}

/// Prints the refused tokens and requests.
pub(super) fn refused(token: &Token, output: &Output) -> Result<(), Failure> {
    print(
        token,
        |event| [REFUSED, REQUEST_REFUSED].contains(&event.kind.as_str()),
        output,
    )
}

/// Prints everything.
pub(super) fn all(token: &Token, output: &Output) -> Result<(), Failure> {
    print(token, |_| true, output)
}

fn print(token: &Token, wanted: impl Fn(&Event) -> bool, output: &Output) -> Result<(), Failure> {
    let events = token.events(EVENTS)?;
    let happened: Vec<Happened> = events
        .into_iter()
        .filter(|event| wanted(event))
        .map(|event| Happened {
            time: time(event.time),
            what: event.kind,
            details: event.text,
        })
        .collect();
    output.print(&happened, |happened| {
        let mut table = Table::new(&["time", "what", "details"]);
        for event in happened {
            table.row(vec![
                event.time.clone(),
                event.what.clone(),
                event.details.clone(),
            ]);
        }
        table.text("nothing so far")
    })
}
