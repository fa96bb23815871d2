//! Which process made something. After a `fork` without `exec` the child holds copies of everything of
//! its parent's: ends, the background thread's descriptors, but not the thread. What is here tells the
//! two apart, so that the child begins anew and its copies, when they go, do not harm the parent.

/// The process that made what carries this.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Origin(u32);

impl Origin {
    /// This process.
    pub(in crate::engine) fn here() -> Origin {
        Origin(std::process::id())
    }

    /// Whether it was this process and not one that has forked since.
    pub(in crate::engine) fn is_here(self) -> bool {
        self == Origin::here()
    }
}
