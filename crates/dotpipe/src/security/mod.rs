//! Who may do what: security identifiers, access rights, security descriptors and the check.
//!
//! Layer: plain data and arithmetic that all others share; no input or output, no system call. Who a
//! client *is*, the engine learns from the kernel and puts into a [`Token`]; what that client may do is
//! decided here on Linux, by [`access_check`], with the algorithm of Windows.
//!
//! # Examples
//! ```
//! use dotpipe::security::{PipeRights, SecurityDescriptor, Sid, Token, access_check};
//!
//! // The members of group 100 may talk to the server; user 1007 may not, though a member.
//! let descriptor = SecurityDescriptor::new()
//!     .deny(Sid::user(1007), PipeRights::ALL)
//!     .allow(Sid::group(100), PipeRights::CLIENT);
//! let may = |user| access_check(&descriptor, &Token::new(user, 100, []), PipeRights::CLIENT);
//! assert!(may(1000) && !may(1007));
//!
//! // The same in the language of Windows.
//! assert_eq!(
//!     descriptor.to_string(),
//!     "D:(D;;FA;;;S-1-22-1-1007)(A;;0x12019b;;;S-1-22-2-100)"
//! );
//! # assert_eq!(descriptor.to_string().parse(), Ok(descriptor));
//! ```
//!
//! # Users and groups of Linux
//! They are mapped as Samba does: user 1000 is `S-1-22-1-1000`, group 100 is `S-1-22-2-100`. Of the
//! well-known identifiers these have a meaning:
//!
//! | SDDL | who | of the clients here, on Linux |
//! |---|---|---|
//! | `WD`, `AU`, `BU` | Everyone, Authenticated Users, Users | every client |
//! | `SY` | Local System | root |
//! | `BA` | Administrators | root, and the members of group 0 |
//! | `CO`, `CG` | Creator Owner, Creator Group | who creates the pipe; replaced when it is created |
//! | `OW` | Owner Rights | the owner; takes the place of the rights that an owner has anyway |
//! | `NU`, `AN` | Network, Anonymous | nobody: local clients are neither |
//!
//! Any other is kept, written and read, and matches nobody of this machine.
//!
//! # Clients on other machines
//! They are what a [`RemoteClient`] says and no more, with any identifiers that Windows or Samba have given them,
//! and `NU` always. `WD`, `AU` and `BU` are those of them who have proven who they are: not the anonymous, who are `AN`, and
//! not guests, who are `BG`. Nobody of them is `SY`, not even root.
//!
//! # Platforms
//! On Windows users and groups are whatever identifiers the system gave them, the system checks, and all
//! identifiers mean what they mean there; `S-1-22-...` is nobody. [`exact::own_token`](crate::exact::own_token) tells
//! one's own on both systems.

mod check;
mod descriptor;
mod remote;
mod rights;
mod sddl;
mod sid;
mod token;

pub use check::access_check;
pub use descriptor::{Ace, AceKind, SecurityDescriptor};
pub use remote::{Protection, RemoteClient};
pub use rights::PipeRights;
pub use sddl::{LONGEST_SDDL, SddlError};
pub use sid::{Sid, SidError};
pub use token::Token;
