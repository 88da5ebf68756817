//! Stretching of PINs: Argon2id (RFC 9106).
#![forbid(unsafe_code)]

use crate::error::{Error, Result};
use crate::secret::SecretBytes;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use zeroize::Zeroize;

/// The cost of one try at a PIN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cost {
    /// Memory in KiB, at least 8 for each lane.
    pub memory_kib: u32,
    /// Passes over the memory, from 1.
    pub passes: u32,
    /// Lanes, from 1.
    pub lanes: u32,
}

impl Default for Cost {
    /// 64 MiB, 3 passes: the second recommended option of RFC 9106, section 4, in one lane.
    fn default() -> Self {
        Cost {
            memory_kib: 64 * 1024,
            passes: 3,
            lanes: 1,
        }
    }
}

/// Stretches `pin` with `salt` (8 bytes or more) and `pepper`, a device secret (may be empty), to a
/// secret of `length` bytes (4 or more). Its working memory is erased.
///
/// # Errors
/// `Config` when the cost, the salt or the length is outside Argon2's limits, `HostMemory` when the
/// memory cannot be had.
pub fn stretch(
    cost: Cost,
    pin: &[u8],
    salt: &[u8],
    pepper: &[u8],
    length: usize,
) -> Result<SecretBytes> {
    let refused = |error: argon2::Error| Error::Config(format!("PIN stretching: {error}"));
    let params =
        Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(length)).map_err(refused)?;
    let mut memory: Vec<Block> = Vec::new();
    memory
        .try_reserve_exact(params.block_count())
        .map_err(|_| Error::HostMemory)?;
    memory.resize(params.block_count(), Block::default());
    let argon2 = Argon2::new_with_secret(pepper, Algorithm::Argon2id, Version::V0x13, params)
        .map_err(refused)?;
    let mut out = SecretBytes::zeroed(length);
    let filled =
        argon2.hash_password_into_with_memory(pin, salt, out.expose_mut(), memory.as_mut_slice());
    memory.zeroize();
    filled.map_err(refused)?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: Cost = Cost {
        memory_kib: 32,
        passes: 3,
        lanes: 4,
    };

    #[test]
    fn same_inputs_same_secret_and_every_input_counts() {
        let first = stretch(SMALL, b"1234", b"saltsalt", b"", 32).unwrap();
        assert_eq!(
            first,
            stretch(SMALL, b"1234", b"saltsalt", b"", 32).unwrap()
        );
        let others = [
            stretch(SMALL, b"1235", b"saltsalt", b"", 32).unwrap(),
            stretch(SMALL, b"1234", b"saltsalu", b"", 32).unwrap(),
            stretch(SMALL, b"1234", b"saltsalt", b"p", 32).unwrap(),
            stretch(Cost { passes: 4, ..SMALL }, b"1234", b"saltsalt", b"", 32).unwrap(),
        ];
        assert!(others.iter().all(|other| *other != first));
    }

    #[test]
    fn agrees_with_the_reference_implementation() {
        // argon2 -id -t 2 -k 65536 -p 1 with password "password" and salt "somesalt".
        let cost = Cost {
            memory_kib: 65536,
            passes: 2,
            lanes: 1,
        };
        let out = stretch(cost, b"password", b"somesalt", b"", 32).unwrap();
        assert_eq!(
            out.expose()[..8],
            [0x09, 0x31, 0x61, 0x15, 0xd5, 0xcf, 0x24, 0xed]
        );
    }

    #[test]
    fn bad_costs_are_errors() {
        assert!(
            stretch(
                Cost {
                    memory_kib: 0,
                    ..SMALL
                },
                b"1",
                b"saltsalt",
                b"",
                32
            )
            .is_err()
        );
        assert!(stretch(SMALL, b"1", b"salt", b"", 32).is_err());
    }
}
