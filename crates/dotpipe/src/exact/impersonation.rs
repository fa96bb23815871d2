//! [`Impersonation`]: that a thread acts as its client.

use std::fmt;
use std::marker::PhantomData;

use super::{End, sys};

/// That this thread acts as the client of a server end when it gets at files. Dropping it ends that, also
/// when a panic does: `RevertToSelf`.
///
/// [`End::impersonate`] gives one, and says what holds meanwhile. It cannot go to another thread, and it
/// ends before its server end.
#[doc(alias = "RevertToSelf")]
#[must_use = "the thread stops acting as its client when this is dropped"]
pub struct Impersonation<'a> {
    _inner: sys::Impersonation,
    _end: PhantomData<&'a End>,
}

impl<'a> Impersonation<'a> {
    pub(super) fn new(inner: sys::Impersonation) -> Impersonation<'a> {
        Impersonation {
            _inner: inner,
            _end: PhantomData,
        }
    }
}

impl fmt::Debug for Impersonation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Impersonation")
    }
}
