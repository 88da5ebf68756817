//! Clients at work: keys are made and stored in the token, found by label and used until told to stop.

use super::{Outcome, Service, record};
use cryptoki::object::{Attribute, AttributeType};
use std::path::Path;
use std::time::{Duration, Instant};

/// `CKA_KEYWARD_STANDING` of include/keyward.h.
const STANDING: u64 = 0x804B_570A;
/// How many keys a client looks at before it looks whether it should stop.
const TURN: usize = 50;

/// Makes `count` customer keys that stay in the token, each found by its label.
pub(super) fn fill(service: &Service, first: usize, count: usize) -> Outcome<()> {
    let start = Instant::now();
    for number in first..first + count {
        service.stored_key(&label(number))?;
    }
    let time = start.elapsed().as_secs_f64();
    println!(
        "  {count} customer keys made and stored in {time:.1} s: {:.0} a second",
        count as f64 / time
    );
    Ok(())
}

/// Finds a key, encrypts and decrypts with it, and takes the next, until the file `stop` is there.
/// Every request must succeed.
pub(super) fn load(service: &Service, stop: &Path, count: usize) -> Outcome<()> {
    let (start, mut done, mut slowest) = (Instant::now(), 0_usize, Duration::ZERO);
    let mut number = std::process::id() as usize % count;
    while !stop.exists() {
        for _ in 0..TURN {
            // A step without a common divisor comes by every key.
            number = (number + 7_919) % count;
            let begun = Instant::now();
            request(service, &label(number))
                .map_err(|cause| format!("request {done}, {}: {cause}", label(number)))?;
            slowest = slowest.max(begun.elapsed());
            done += 1;
        }
    }
    println!(
        "  client {}: {done} requests in {:.1} s, none failed, the slowest took {} ms",
        std::process::id(),
        start.elapsed().as_secs_f64(),
        slowest.as_millis()
    );
    Ok(())
}

/// Expects that `count` keys are there, stand as said, and cannot be used by anybody.
pub(super) fn dead(service: &Service, standing: &str, first: usize, count: usize) -> Outcome<()> {
    let number: u64 = match standing {
        "marked" => 2,
        "destroyed" => 3,
        _ => return Err("keys are marked or destroyed".into()),
    };
    for key in first..first + count {
        let template = [
            Attribute::Label(label(key).into_bytes()),
            Attribute::VendorDefined((
                AttributeType::VendorDefined(STANDING),
                number.to_ne_bytes().to_vec(),
            )),
        ];
        let found = service.session.find_objects(&template)?;
        let handle = *found
            .first()
            .ok_or_else(|| format!("{} is not {standing}", label(key)))?;
        if service.encrypt(handle, b"anything").is_ok() {
            return Err(format!("{} can still be used", label(key)).into());
        }
    }
    println!("  {count} keys are {standing}, and none can be used here");
    Ok(())
}

/// One request: find the key, encrypt, decrypt.
fn request(service: &Service, label: &str) -> Outcome<()> {
    let template = [Attribute::Label(label.as_bytes().to_vec())];
    let found = service.session.find_objects(&template)?;
    let key = *found.first().ok_or("the key is not found")?;
    let text = record(label);
    let sealed = service.encrypt(key, &text)?;
    if service.decrypt(key, &sealed)? != text {
        return Err("the record came back wrong".into());
    }
    Ok(())
}

fn label(number: usize) -> String {
    format!("customer {number}")
}
