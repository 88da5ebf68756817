//! A domain's settings by name: what `policy.set` takes and `keyward domain show` prints.

use crate::times::{duration, duration_text};
use keyward_pkcs11::domain::ids::KeyId;
use keyward_pkcs11::domain::state::policy::{Policy, Wrapping};

/// Every setting with its value.
pub(super) fn all(policy: &Policy) -> Vec<(&'static str, String)> {
    let wrapping = match policy.wrapping {
        Wrapping::Guarded => "guarded",
        Wrapping::Standard => "standard",
    };
    let trusted: Vec<String> = policy.trusted.iter().map(ToString::to_string).collect();
    let trusted = if trusted.is_empty() {
        "none".to_owned()
    } else {
        trusted.join("+")
    };
    vec![
        ("wrapping", wrapping.to_owned()),
        ("trusted", trusted),
        ("cache.lifetime", duration_text(policy.cache_lifetime)),
        (
            "cache.revalidation",
            duration_text(policy.cache_revalidation),
        ),
        ("cache.entries", policy.cache_entries.to_string()),
        (
            "volatile",
            if policy.volatile { "yes" } else { "no" }.to_owned(),
        ),
        ("removal-wait", duration_text(policy.removal_wait)),
        ("away-limit", duration_text(policy.away_limit)),
    ]
}

/// Those that differ between two, with both values.
pub(super) fn differing(
    one: &Policy,
    other: &Policy,
) -> impl Iterator<Item = (&'static str, String, String)> {
    let both = all(one).into_iter().zip(all(other));
    both.filter(|((_, a), (_, b))| a != b)
        .map(|((name, a), (_, b))| (name, a, b))
}

/// Changes settings as `NAME=VALUE,NAME=VALUE` says.
///
/// # Errors
/// The first that is none, and why.
pub(super) fn set_all(policy: &mut Policy, given: &str) -> Result<(), String> {
    for piece in given.split(',') {
        let (name, value) = piece
            .split_once('=')
            .ok_or_else(|| format!("{piece}: write NAME=VALUE"))?;
        set(policy, name, value)?;
    }
    Ok(())
}

fn set(policy: &mut Policy, name: &str, value: &str) -> Result<(), String> {
    match name {
        "wrapping" => {
            policy.wrapping = match value {
                "guarded" => Wrapping::Guarded,
                "standard" => Wrapping::Standard,
                _ => return Err(format!("wrapping is guarded or standard, not {value}")),
            }
        }
        "trusted" => trust(&mut policy.trusted, value)?,
        "cache.lifetime" => policy.cache_lifetime = duration(value)?,
        "cache.revalidation" => policy.cache_revalidation = duration(value)?,
        "cache.entries" => {
            let entries = value.parse();
            policy.cache_entries = entries.map_err(|_| format!("{value} is no number"))?;
        }
        "volatile" => {
            policy.volatile = match value {
                "yes" => true,
                "no" => false,
                _ => return Err(format!("volatile is yes or no, not {value}")),
            }
        }
        "removal-wait" => policy.removal_wait = duration(value)?,
        "away-limit" => policy.away_limit = duration(value)?,
        _ => return Err(format!("there is no setting {name}")),
    }
    Ok(())
}

/// Changes the trusted wrapping keys: `none`, `+KEY` or `-KEY`.
fn trust(trusted: &mut Vec<KeyId>, value: &str) -> Result<(), String> {
    if value == "none" {
        trusted.clear();
        return Ok(());
    }
    let added = value.strip_prefix('+');
    let id = added.or(value.strip_prefix('-')).and_then(KeyId::from_hex);
    let id = id.ok_or("trusted takes none, or + or - and a key's 32 digits")?;
    trusted.retain(|own| *own != id);
    if added.is_some() {
        let place = trusted.partition_point(|own| *own < id);
        trusted.insert(place, id);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_changed_one_by_one() {
        let mut policy = Policy::default();
        set_all(
            &mut policy,
            "wrapping=standard,cache.lifetime=5m,volatile=yes",
        )
        .unwrap();
        set_all(&mut policy, "trusted=+0f0102030405060708090a0b0c0d0ef0").unwrap();
        let changed: Vec<_> = differing(&Policy::default(), &policy).collect();
        let names: Vec<_> = changed.iter().map(|(name, ..)| *name).collect();
        assert_eq!(names, ["wrapping", "trusted", "cache.lifetime", "volatile"]);
        set_all(&mut policy, "trusted=-0f0102030405060708090a0b0c0d0ef0").unwrap();
        set_all(&mut policy, "wrapping=guarded,cache.lifetime=0,volatile=no").unwrap();
        assert_eq!(policy, Policy::default());
        for wrong in [
            "",
            "wrapping",
            "wrapping=loose",
            "trusted=+1",
            "cache.size=1",
        ] {
            assert!(set_all(&mut policy, wrong).is_err(), "{wrong}");
        }
    }
}
