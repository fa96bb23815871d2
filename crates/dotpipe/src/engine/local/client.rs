//! Who opens a pipe: a process of this machine, as the kernel says, or a client on another one, as a bridge does.
//!
//! The rule it owns: whom to believe. A process that runs as root, or as the user of the server's own process, could open
//! the pipe and do with it what it likes anyway; so it is believed when it says that it opens the pipe for somebody else, who
//! may do less. Nobody else is; and a server that runs as the user as whom strangers appear cannot tell its own processes.

use std::os::fd::AsFd;

use rustix::process::{Uid, geteuid};

use crate::engine::link::Remote;
use crate::engine::linux::identity::{is_anybody, peer_token};
use crate::engine::linux::{code, socket};
use crate::engine::rendezvous::claim;
use crate::exact::Result;
use crate::security::Token;
use crate::win32::Win32Error;

/// Somebody who wants to open the pipe.
pub(super) struct Client {
    /// The process, and the user it runs as.
    pub(super) peer: socket::Peer,
    /// For whom it does so, if not for itself.
    pub(super) remote: Option<Box<Remote>>,
}

impl Client {
    /// The one at the other end of `socket`, whose request goes on with `more`.
    ///
    /// # Errors
    /// `ERROR_ACCESS_DENIED` for who may not speak for others, whatever it says, and `ERROR_INVALID_PARAMETER` for who
    /// may and talks nonsense.
    pub(super) fn at(socket: impl AsFd, more: &[u8]) -> Result<Client> {
        let peer = socket::peer(socket).map_err(code)?;
        let remote = match more {
            [] => None,
            _ if !may_speak_for_others(peer.user, geteuid()) => {
                return Err(Win32Error::ACCESS_DENIED);
            }
            more => Some(Box::new(Remote {
                client: claim::decode(more)?,
                by_root: peer.user.is_root(),
            })),
        };
        Ok(Client { peer, remote })
    }

    /// By what it is decided what this client may do: that of the client on another machine alone, if it is one.
    pub(super) fn token(&self, socket: impl AsFd) -> Result<Token> {
        match &self.remote {
            Some(remote) => Ok(remote.client.token().clone()),
            None => peer_token(socket).map_err(code),
        }
    }
}

fn may_speak_for_others(peer: Uid, own: Uid) -> bool {
    peer.is_root() || (peer == own && !is_anybody(own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn root_and_ones_own_user_are_believed() {
        let overflow = std::fs::read_to_string("/proc/sys/kernel/overflowuid").unwrap();
        let overflow = overflow.trim().parse().unwrap();
        let [root, alice, bob, anybody] = [0, 1000, 1001, overflow].map(Uid::from_raw);
        for (peer, own, believed) in [
            (root, root, true),
            (root, alice, true),
            (alice, alice, true),
            (bob, alice, false),
            (alice, root, false),
            // Who runs as that user sees everybody as it who is not of its namespace.
            (anybody, anybody, false),
            (root, anybody, true),
        ] {
            assert_eq!(
                may_speak_for_others(peer, own),
                believed,
                "{peer:?} {own:?}"
            );
        }
    }
}
