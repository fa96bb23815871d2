//! [`Event`]: what an export tells of itself, as data and as lines for a log.
//!
//! Layer: data. The rule it owns: what comes from another process cannot move the cursor of a terminal,
//! begin a new line or turn the order of a line around, and no secret is told.

use std::fmt;
use std::path::PathBuf;

use dotpipe::name::{PipeName, printable};

/// Who has come, as Samba says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visitor {
    /// The user, as `DOMAIN\account`.
    pub user: String,
    /// The address of the client's machine.
    pub address: String,
    /// Whether what travels between the client and Samba is encrypted.
    pub is_encrypted: bool,
}

/// Something that happened while pipes were exported.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A pipe can be opened from other machines now.
    Exported {
        /// The pipe.
        pipe: PipeName,
        /// Where Samba finds it.
        socket: PathBuf,
    },
    /// A pipe can no longer be opened from other machines: its server has gone.
    Withdrawn {
        /// The pipe.
        pipe: PipeName,
    },
    /// A pipe cannot be exported, and is tried again at every look.
    Skipped {
        /// The pipe.
        pipe: PipeName,
        /// Why, and what helps.
        reason: String,
    },
    /// A client has opened a pipe.
    Opened {
        /// The pipe.
        pipe: PipeName,
        /// Who it is.
        visitor: Visitor,
    },
    /// A client has been turned away.
    Refused {
        /// The pipe.
        pipe: PipeName,
        /// Who it is.
        visitor: Visitor,
        /// Why.
        reason: String,
    },
    /// A conversation has been broken off, other than by one of its ends closing.
    BrokenOff {
        /// The pipe.
        pipe: PipeName,
        /// Who the client is.
        visitor: Visitor,
        /// Why.
        reason: String,
    },
    /// Something was left out of a conversation that goes on.
    Dropped {
        /// The pipe.
        pipe: PipeName,
        /// Who the client is.
        visitor: Visitor,
        /// What, and why.
        reason: String,
    },
    /// Somebody who is not Samba has connected, or something that is no request has come.
    Stranger {
        /// The pipe.
        pipe: PipeName,
        /// What is strange about it.
        reason: String,
    },
    /// The pipes cannot be looked at, or no client can be accepted; it is tried again.
    Trouble {
        /// What does not work, and why.
        reason: String,
    },
}

impl fmt::Display for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let protection = if self.is_encrypted { ", encrypted" } else { "" };
        write!(
            f,
            "{} from {}{protection}",
            printable(&self.user),
            printable(&self.address)
        )
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |pipe: &PipeName| printable(pipe.name()).to_string();
        match self {
            Event::Exported { pipe, socket } => {
                write!(
                    f,
                    "{}: exported as {}",
                    name(pipe),
                    printable(&socket.to_string_lossy())
                )
            }
            Event::Withdrawn { pipe } => write!(f, "{}: gone, no longer exported", name(pipe)),
            Event::Skipped { pipe, reason } => {
                write!(f, "{}: not exported: {}", name(pipe), printable(reason))
            }
            Event::Opened { pipe, visitor } => write!(f, "{}: opened by {visitor}", name(pipe)),
            Event::Refused {
                pipe,
                visitor,
                reason,
            } => write!(
                f,
                "{}: refused {visitor}: {}",
                name(pipe),
                printable(reason)
            ),
            Event::BrokenOff {
                pipe,
                visitor,
                reason,
            } => write!(
                f,
                "{}: broke off with {visitor}: {}",
                name(pipe),
                printable(reason)
            ),
            Event::Dropped {
                pipe,
                visitor,
                reason,
            } => write!(
                f,
                "{}: dropped for {visitor}: {}",
                name(pipe),
                printable(reason)
            ),
            Event::Stranger { pipe, reason } => {
                write!(
                    f,
                    "{}: turned a stranger away: {}",
                    name(pipe),
                    printable(reason)
                )
            }
            Event::Trouble { reason } => write!(f, "{}", printable(reason)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line() {
        let visitor = Visitor {
            user: "VM\\tes\u{202e}ter\n".into(),
            address: "\x1b[2J".into(),
            is_encrypted: true,
        };
        let pipe = PipeName::local("be\x07ll").unwrap();
        let reason = "two\nlines".to_owned();
        let line = Event::Refused {
            pipe,
            visitor,
            reason,
        };
        assert_eq!(
            line.to_string(),
            r"be\u{7}ll: refused VM\tes\u{202e}ter\n from \u{1b}[2J, encrypted: two\nlines"
        );
    }
}
