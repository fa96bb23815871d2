//! Whether Samba and this machine are set up for an [`Export`](crate::Export), and what to do if not.
//!
//! Layer: questions to Samba's `testparm`, to files, and to the pipes. Nothing is changed. The rule it owns: every
//! [`Finding`] that is not in order says what to do next.
//!
//! | file | what it has |
//! |---|---|
//! | `samba` | [`Samba`]: what its configuration says |
//! | `examine` | [`examine`]: what is in order and what is not |

mod examine;
mod samba;

pub use examine::{Finding, Scope, Verdict, examine};
pub use samba::Samba;
