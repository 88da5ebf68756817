//! Keys on the short Weierstrass curves, ECDSA and ECDH.

use super::owned::{Number, Owned, bytes_of};
use super::succeeded;
use crate::secret::SecretBytes;
use aws_lc_sys::{EC_GROUP, EC_KEY, EC_POINT, ECDSA_SIG, point_conversion_form_t};
use std::ptr::{null, null_mut};

/// A curve of AWS-LC: a static constant, never freed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group(*const EC_GROUP);

// SAFETY: points to a constant that nobody changes.
unsafe impl Send for Group {}
// SAFETY: as for `Send`.
unsafe impl Sync for Group {}

impl Group {
    /// NIST P-224.
    pub(crate) fn p224() -> Self {
        // SAFETY: takes nothing, returns a static constant; so all those below.
        Group(unsafe { aws_lc_sys::EC_group_p224() })
    }

    /// NIST P-256.
    pub(crate) fn p256() -> Self {
        // SAFETY: as in `p224`.
        Group(unsafe { aws_lc_sys::EC_group_p256() })
    }

    /// NIST P-384.
    pub(crate) fn p384() -> Self {
        // SAFETY: as in `p224`.
        Group(unsafe { aws_lc_sys::EC_group_p384() })
    }

    /// NIST P-521.
    pub(crate) fn p521() -> Self {
        // SAFETY: as in `p224`.
        Group(unsafe { aws_lc_sys::EC_group_p521() })
    }

    /// secp256k1 of SEC 2.
    pub(crate) fn secp256k1() -> Self {
        // SAFETY: as in `p224`.
        Group(unsafe { aws_lc_sys::EC_group_secp256k1() })
    }

    /// brainpoolP224r1 of RFC 5639.
    pub(crate) fn brainpool224() -> Self {
        // SAFETY: as in `p224`.
        Group(unsafe { aws_lc_sys::EC_group_brainpoolP224r1() })
    }

    /// brainpoolP256r1 of RFC 5639.
    pub(crate) fn brainpool256() -> Self {
        // SAFETY: as in `p224`.
        Group(unsafe { aws_lc_sys::EC_group_brainpoolP256r1() })
    }

    /// brainpoolP320r1 of RFC 5639.
    pub(crate) fn brainpool320() -> Self {
        // SAFETY: as in `p224`.
        Group(unsafe { aws_lc_sys::EC_group_brainpoolP320r1() })
    }

    /// brainpoolP384r1 of RFC 5639.
    pub(crate) fn brainpool384() -> Self {
        // SAFETY: as in `p224`.
        Group(unsafe { aws_lc_sys::EC_group_brainpoolP384r1() })
    }

    /// brainpoolP512r1 of RFC 5639.
    pub(crate) fn brainpool512() -> Self {
        // SAFETY: as in `p224`.
        Group(unsafe { aws_lc_sys::EC_group_brainpoolP512r1() })
    }

    /// A key with this curve and nothing else.
    fn empty_key(self) -> Option<Owned<EC_KEY>> {
        // SAFETY: no argument; `take` checks for null.
        let key = unsafe { Owned::take(aws_lc_sys::EC_KEY_new()) }?;
        // SAFETY: the key is live, the group a constant.
        succeeded(unsafe { aws_lc_sys::EC_KEY_set_group(key.as_ptr(), self.0) }).then_some(key)
    }

    fn empty_point(self) -> Option<Owned<EC_POINT>> {
        // SAFETY: the group is a constant; `take` checks for null.
        unsafe { Owned::take(aws_lc_sys::EC_POINT_new(self.0)) }
    }

    /// Reads a point from its SEC 1 encoding (uncompressed or compressed) and checks that it is on the
    /// curve and finite.
    fn point(self, encoded: &[u8]) -> Option<Owned<EC_POINT>> {
        let point = self.empty_point()?;
        // SAFETY: group and point are live and fit; pointer and length are of one slice.
        let code = unsafe {
            aws_lc_sys::EC_POINT_oct2point(
                self.0,
                point.as_ptr(),
                encoded.as_ptr(),
                encoded.len(),
                null_mut(),
            )
        };
        if !succeeded(code) {
            return None;
        }
        // SAFETY: group and point are live and fit.
        let infinite = unsafe { aws_lc_sys::EC_POINT_is_at_infinity(self.0, point.as_ptr()) };
        (infinite == 0).then_some(point)
    }

    /// The uncompressed SEC 1 encoding of a point, `length` bytes.
    fn encode(self, point: *const EC_POINT, length: usize) -> Option<Vec<u8>> {
        if point.is_null() {
            return None;
        }
        let mut out = vec![0; length];
        // SAFETY: group and point are live and fit; pointer and length are of one vector.
        let written = unsafe {
            aws_lc_sys::EC_POINT_point2oct(
                self.0,
                point,
                point_conversion_form_t::POINT_CONVERSION_UNCOMPRESSED,
                out.as_mut_ptr(),
                out.len(),
                null_mut(),
            )
        };
        (written == length).then_some(out)
    }
}

/// A public key, or a private key with its public one, that never changes.
pub(crate) struct Key {
    key: Owned<EC_KEY>,
    group: Group,
}

// SAFETY: see point 3 of the module: all operations are `&self` and leave the key as it is.
unsafe impl Send for Key {}
// SAFETY: as for `Send`.
unsafe impl Sync for Key {}

impl Key {
    /// A public key from a SEC 1 point. `None` unless the point is on the curve and finite.
    pub(crate) fn public(group: Group, encoded: &[u8]) -> Option<Self> {
        let point = group.point(encoded)?;
        let key = group.empty_key()?;
        // SAFETY: both are live and of one curve; the point is copied.
        succeeded(unsafe { aws_lc_sys::EC_KEY_set_public_key(key.as_ptr(), point.as_ptr()) })
            .then_some(Key { key, group })
    }

    /// A private key from its big-endian number, with the public key computed from it. `None` unless the
    /// number is from 1 to the order less 1.
    pub(crate) fn private(group: Group, scalar: &[u8]) -> Option<Self> {
        let number = Number::from_bytes(scalar)?;
        let key = group.empty_key()?;
        // SAFETY: both are live; the number is copied.
        if !succeeded(unsafe { aws_lc_sys::EC_KEY_set_private_key(key.as_ptr(), number.as_ptr()) })
        {
            return None;
        }
        let point = group.empty_point()?;
        // SAFETY: group, point and number are live and fit; no second point.
        let multiplied = unsafe {
            aws_lc_sys::EC_POINT_mul(
                group.0,
                point.as_ptr(),
                number.as_ptr(),
                null(),
                null(),
                null_mut(),
            )
        };
        // SAFETY: both are live and of one curve; the point is copied.
        let set = succeeded(multiplied)
            && succeeded(unsafe {
                aws_lc_sys::EC_KEY_set_public_key(key.as_ptr(), point.as_ptr())
            });
        set.then_some(Key { key, group })
    }

    /// A new private key.
    pub(crate) fn generate(group: Group) -> Option<Self> {
        let key = group.empty_key()?;
        // SAFETY: the key is live and has a curve.
        succeeded(unsafe { aws_lc_sys::EC_KEY_generate_key(key.as_ptr()) })
            .then_some(Key { key, group })
    }

    /// The uncompressed SEC 1 encoding of the public key, `length` bytes.
    pub(crate) fn public_point(&self, length: usize) -> Option<Vec<u8>> {
        // SAFETY: the key is live; the borrowed point lives as long.
        self.group.encode(
            unsafe { aws_lc_sys::EC_KEY_get0_public_key(self.key.as_ptr()) },
            length,
        )
    }

    /// The private number, big-endian, `length` bytes; `None` for a public key.
    pub(crate) fn scalar(&self, length: usize) -> Option<SecretBytes> {
        // SAFETY: the key is live; the borrowed number lives as long, and is null for a public key.
        unsafe {
            bytes_of(
                aws_lc_sys::EC_KEY_get0_private_key(self.key.as_ptr()),
                Some(length),
            )
        }
    }

    /// Signs a digest by ECDSA: r and s, `length` bytes each. The nonce is random, with the key and the
    /// digest mixed in against a weak generator.
    pub(crate) fn sign(&self, digest: &[u8], length: usize) -> Option<(SecretBytes, SecretBytes)> {
        // SAFETY: pointer and length are of one slice; the key is live; `take` checks for null.
        let signature = unsafe {
            Owned::<ECDSA_SIG>::take(aws_lc_sys::ECDSA_do_sign(
                digest.as_ptr(),
                digest.len(),
                self.key.as_ptr(),
            ))
        }?;
        // SAFETY: the signature is live and lends both numbers as long as it lives.
        unsafe {
            let r = bytes_of(
                aws_lc_sys::ECDSA_SIG_get0_r(signature.as_ptr()),
                Some(length),
            )?;
            let s = bytes_of(
                aws_lc_sys::ECDSA_SIG_get0_s(signature.as_ptr()),
                Some(length),
            )?;
            Some((r, s))
        }
    }

    /// Whether (r, s), big-endian, is a signature of the digest.
    pub(crate) fn verify(&self, digest: &[u8], r: &[u8], s: &[u8]) -> bool {
        let (Some(r), Some(s)) = (Number::from_bytes(r), Number::from_bytes(s)) else {
            return false;
        };
        // SAFETY: no argument; `take` checks for null.
        let Some(signature) = (unsafe { Owned::<ECDSA_SIG>::take(aws_lc_sys::ECDSA_SIG_new()) })
        else {
            return false;
        };
        let (r, s) = (r.into_raw(), s.into_raw());
        // SAFETY: all are live; on success, certain for numbers that are not null, the signature owns
        // both numbers.
        if !succeeded(unsafe { aws_lc_sys::ECDSA_SIG_set0(signature.as_ptr(), r, s) }) {
            return false;
        }
        // SAFETY: pointer and length are of one slice; signature and key are live.
        succeeded(unsafe {
            aws_lc_sys::ECDSA_do_verify(
                digest.as_ptr(),
                digest.len(),
                signature.as_ptr(),
                self.key.as_ptr(),
            )
        })
    }

    /// The x coordinate, `length` bytes, of the ECDH secret with a peer's SEC 1 point. `None` when the
    /// point is not on the curve or the key is public.
    pub(crate) fn agree(&self, peer: &[u8], length: usize) -> Option<SecretBytes> {
        let peer = self.group.point(peer)?;
        let mut out = SecretBytes::zeroed(length);
        let room = out.expose_mut();
        // SAFETY: pointer and length are of one slice; point and key are live and of one curve.
        let written = unsafe {
            aws_lc_sys::ECDH_compute_key(
                room.as_mut_ptr().cast(),
                room.len(),
                peer.as_ptr(),
                self.key.as_ptr(),
                None,
            )
        };
        if usize::try_from(written) == Ok(length) {
            return Some(out);
        }
        super::forget_errors();
        None
    }
}
