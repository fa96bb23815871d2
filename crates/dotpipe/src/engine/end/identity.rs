//! Who is at the other end, acting in its name, and who may do what with the pipe.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;

use super::{End, Owner};
use crate::engine::core::Rights;
use crate::engine::link::{Link, Remote};
use crate::engine::linux::impersonation::Impersonation;
use crate::engine::linux::{code, identity};
use crate::engine::local::rights_to_change;
use crate::engine::rendezvous::{security_of, set_security_of};
use crate::exact::Result;
use crate::options::{ImpersonationLevel, PipeEnd};
use crate::security::{PipeRights, RemoteClient, SecurityDescriptor, Token};
use crate::win32::Win32Error;

/// Who this process is.
pub(crate) fn own_token() -> Result<Token> {
    identity::own_token().map_err(code)
}

/// Who a client on another machine is on this one, for a server that acts in its name.
fn of_this_machine(remote: &Remote) -> Result<Token> {
    let here = remote.client.unix_token().ok_or(Win32Error::NONE_MAPPED)?;
    // The server may have privileges that other processes of its user have not, and must not lend them.
    if remote.by_root || *here == own_token()? {
        Ok(here.clone())
    } else {
        Err(Win32Error::PRIVILEGE_NOT_HELD)
    }
}

impl End {
    pub(super) fn link(&self) -> Result<Arc<Link>> {
        Ok(self.core.inlet().linked()?.link.clone())
    }

    /// The conversation with another process of this machine. That of a bridge is not the client's.
    pub(super) fn other_process(&self) -> Result<Arc<Link>> {
        let link = self.link()?;
        match link.other_end.remote {
            None => Ok(link),
            Some(_) => Err(Win32Error::NOT_SUPPORTED),
        }
    }

    /// What a client lets its server do. A server hides nothing from its client.
    fn need_level(
        &self,
        link: &Link,
        level: ImpersonationLevel,
        otherwise: Win32Error,
    ) -> Result<()> {
        match self.end() {
            PipeEnd::Server if link.other_end.level < level => Err(otherwise),
            _ => Ok(()),
        }
    }

    pub(crate) fn peer_token(&self) -> Result<Token> {
        let link = self.link()?;
        let anonymous = Win32Error::CANT_OPEN_ANONYMOUS;
        self.need_level(&link, ImpersonationLevel::Identification, anonymous)?;
        match &link.other_end.remote {
            Some(remote) => Ok(remote.client.token().clone()),
            None => identity::peer_token(&link.bell).map_err(code),
        }
    }

    pub(crate) fn remote_client(&self) -> Result<Option<RemoteClient>> {
        let link = self.link()?;
        let Some(remote) = &link.other_end.remote else {
            return Ok(None);
        };
        let anonymous = Win32Error::CANT_OPEN_ANONYMOUS;
        self.need_level(&link, ImpersonationLevel::Identification, anonymous)?;
        Ok(Some(remote.client.clone()))
    }

    pub(crate) fn peer_descriptor(&self) -> Result<OwnedFd> {
        identity::peer_descriptor(&self.other_process()?.bell).map_err(|error| match error {
            Errno::INVAL | Errno::NOPROTOOPT => Win32Error::NOT_SUPPORTED,
            Errno::SRCH => Win32Error::NOT_FOUND,
            error => code(error),
        })
    }

    pub(crate) fn peer_session_id(&self) -> Result<u32> {
        identity::peer_session(&self.other_process()?.bell).map_err(|error| match error {
            Errno::NOENT | Errno::INVAL | Errno::NOPROTOOPT => Win32Error::NOT_SUPPORTED,
            Errno::SRCH => Win32Error::NOT_FOUND,
            error => code(error),
        })
    }

    pub(crate) fn impersonate(&self) -> Result<Impersonation> {
        if self.end() == PipeEnd::Client {
            return Err(Win32Error::INVALID_FUNCTION);
        }
        let link = self.link().map_err(|_| Win32Error::CANNOT_IMPERSONATE)?;
        let refused = Win32Error::BAD_IMPERSONATION_LEVEL;
        self.need_level(&link, ImpersonationLevel::Impersonation, refused)?;
        let client = match &link.other_end.remote {
            Some(remote) => of_this_machine(remote)?,
            None => identity::peer_token(&link.bell).map_err(code)?,
        };
        Impersonation::begin(&client).map_err(|error| match error {
            Errno::PERM => Win32Error::PRIVILEGE_NOT_HELD,
            Errno::BUSY => Win32Error::CANNOT_IMPERSONATE,
            error => code(error),
        })
    }

    pub(crate) fn security(&self) -> Result<SecurityDescriptor> {
        self.core.need(Rights::READ_CONTROL)?;
        match &self.owner {
            Owner::Instance(instance) => Ok(instance.security()),
            Owner::Pipe(name, pipe) => security_of(name, Some(*pipe)),
        }
    }

    pub(crate) fn set_security(&self, descriptor: &SecurityDescriptor) -> Result<()> {
        let mut rights = Rights::WRITE_DAC;
        match &self.owner {
            Owner::Instance(instance) => {
                let taken = rights_to_change(&instance.security(), descriptor);
                rights.set(Rights::WRITE_OWNER, taken.contains(PipeRights::WRITE_OWNER));
                self.core.need(rights)?;
                instance.set_security(descriptor)?;
                let (name, pipe, own) = instance.identity();
                set_security_of(name, pipe, descriptor, Some(own))
            }
            Owner::Pipe(name, pipe) => {
                let names = descriptor.owner().is_some() || descriptor.group().is_some();
                if names {
                    let taken = rights_to_change(&security_of(name, Some(*pipe))?, descriptor);
                    rights.set(Rights::WRITE_OWNER, taken.contains(PipeRights::WRITE_OWNER));
                }
                self.core.need(rights)?;
                set_security_of(name, *pipe, descriptor, None)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::Sid;

    #[test]
    fn only_root_can_say_that_a_client_is_another_user_here() {
        let anonymous = Token::of(Sid::ANONYMOUS, Sid::ANONYMOUS, []);
        let unmapped = RemoteClient::new(anonymous, "192.0.2.7");
        let who = |client: &RemoteClient, by_root| {
            let client = client.clone();
            of_this_machine(&Remote { client, by_root })
        };
        assert_eq!(who(&unmapped, true), Err(Win32Error::NONE_MAPPED));

        let stranger = Token::new(4001, 4002, [4003]);
        let mapped = unmapped.clone().unix_ids(4001, 4002, [4003]);
        assert_eq!(who(&mapped, true), Ok(stranger));
        assert_eq!(who(&mapped, false), Err(Win32Error::PRIVILEGE_NOT_HELD));

        let own = own_token().unwrap();
        let groups = own.groups().filter_map(|group| group.group_id());
        let ids = (own.user_id().unwrap(), own.group_id().unwrap());
        let same = unmapped.clone().unix_ids(ids.0, ids.1, groups);
        assert_eq!(who(&same, false), Ok(own));
        // The same user with a group more is more than this process is.
        let more = unmapped.unix_ids(ids.0, ids.1, [4003]);
        assert_eq!(who(&more, false), Err(Win32Error::PRIVILEGE_NOT_HELD));
    }
}
