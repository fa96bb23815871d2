//! The security descriptor of a pipe that this process serves: who may read it and who may change it.

use std::os::fd::{AsFd, OwnedFd};

use super::{Instance, Instances, LocalPipe};
use crate::engine::access;
use crate::engine::core::lock;
use crate::engine::linux::code;
use crate::engine::linux::identity::peer_token;
use crate::engine::namespace::PipeId;
use crate::engine::rendezvous::parse_security;
use crate::exact::Result;
use crate::name::PipeName;
use crate::security::{LONGEST_SDDL, PipeRights, SecurityDescriptor, Token};
use crate::win32::Win32Error;

/// The descriptor, unless it is too long to be handed about.
pub(super) fn bounded(descriptor: SecurityDescriptor) -> Result<SecurityDescriptor> {
    if descriptor.to_string().len() <= LONGEST_SDDL {
        Ok(descriptor)
    } else {
        Err(Win32Error::INVALID_SECURITY_DESCR)
    }
}

impl LocalPipe {
    /// Answers somebody who wants to know the descriptor, or to change it (then `set` is what came with the
    /// request).
    pub(super) fn descriptor_for(
        &self,
        instances: &mut Instances,
        peer: &OwnedFd,
        set: Option<&[u8]>,
    ) -> Result<String> {
        let token = peer_token(peer.as_fd()).map_err(code)?;
        let Some(text) = set else {
            let descriptor = &instances.record.security;
            access::check_control(descriptor, &token, PipeRights::READ_CONTROL)?;
            return Ok(descriptor.to_string());
        };
        let (pipe, descriptor) = parse_security(text)?;
        if pipe != instances.record.pipe {
            return Err(Win32Error::FILE_NOT_FOUND);
        }
        let old = &instances.record.security;
        access::check_control(old, &token, rights_to_change(old, &descriptor))?;
        self.change(instances, &token, &descriptor)?;
        Ok(String::new())
    }

    /// Gives the pipe another descriptor, as far as this process serves it.
    fn change(
        &self,
        instances: &mut Instances,
        who: &Token,
        descriptor: &SecurityDescriptor,
    ) -> Result<()> {
        let old = &instances.record.security;
        let new = bounded(descriptor.after(old))?;
        if new.owner() != old.owner()
            && !who.is_root()
            && !new.owner().is_some_and(|sid| who.is(&sid))
        {
            return Err(Win32Error::INVALID_OWNER);
        }
        let mut record = instances.record.clone();
        record.security = new;
        self.file.replace(&record)?;
        instances.record = record;
        Ok(())
    }
}

/// What replacing one descriptor by another takes.
pub(in crate::engine) fn rights_to_change(
    old: &SecurityDescriptor,
    new: &SecurityDescriptor,
) -> PipeRights {
    let stays = |old, new: Option<_>| new.is_none() || old == new;
    let owner = stays(old.owner(), new.owner()) && stays(old.group(), new.group());
    if owner {
        PipeRights::WRITE_DAC
    } else {
        PipeRights::WRITE_DAC | PipeRights::WRITE_OWNER
    }
}

impl Instance {
    /// The descriptor of the pipe.
    pub(in crate::engine) fn security(&self) -> SecurityDescriptor {
        lock(&self.pipe.instances).record.security.clone()
    }

    /// Changes it, as far as this process serves the pipe.
    pub(in crate::engine) fn set_security(&self, descriptor: &SecurityDescriptor) -> Result<()> {
        let who = crate::engine::linux::identity::own_token().map_err(code)?;
        self.pipe
            .change(&mut lock(&self.pipe.instances), &who, descriptor)
    }

    /// The name of the pipe, which creation of it this is, and the id of this process as its server.
    pub(in crate::engine) fn identity(&self) -> (&PipeName, PipeId, &str) {
        let id = lock(&self.pipe.instances).record.pipe;
        (&self.pipe.name, id, self.pipe.file.id())
    }
}
