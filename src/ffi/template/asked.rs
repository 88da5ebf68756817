//! Templates that are looked at before they are read: is it the same as the one before?

use super::Given;
use crate::error::Result;
use crate::ffi::pointers;
use crate::object::attribute::Template;
use crate::object::build::again::{Asked, Verbatim};
use crate::object::schema::{self, ValueKind};
use cryptoki_sys::CK_ATTRIBUTE;

impl Asked for Given {
    fn read(&self) -> Result<Template> {
        Given::read(self)
    }

    fn is(&self, before: &Verbatim) -> bool {
        let known = before.attributes();
        let alike = |(place, (kind, value)): (usize, (_, &[u8]))| {
            // SAFETY: as whoever made `self` promised, and `place` is below the count.
            let element = unsafe { self.element(place) };
            // SAFETY: the promise covers the values, too.
            element.type_ == kind && unsafe { bytes(&element) } == Some(value)
        };
        known.len() == self.count && known.enumerate().all(alike)
    }

    fn verbatim(&self) -> Option<Verbatim> {
        let mut all = Vec::with_capacity(self.count.min(16));
        for place in 0..self.count {
            // SAFETY: as whoever made `self` promised, and `place` is below the count.
            let element = unsafe { self.element(place) };
            let kind = schema::kind(element.type_)?;
            if matches!(kind, ValueKind::Secret | ValueKind::Template) {
                return None;
            }
            // SAFETY: the promise covers the values, too.
            all.push((element.type_, unsafe { bytes(&element) }?));
        }
        Verbatim::new(all.into_iter())
    }
}

/// The value of an attribute; `None` where there is none.
///
/// # Safety
/// As [`Given::new`], for this attribute.
unsafe fn bytes<'a>(element: &CK_ATTRIBUTE) -> Option<&'a [u8]> {
    // SAFETY: the caller's promise, passed on.
    unsafe { pointers::input(element.pValue.cast_const().cast(), element.ulValueLen) }.ok()
}
