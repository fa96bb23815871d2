//! Answers those who come to a pipe that this process serves: who gets an instance, and what is told to whom.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Weak};

use dotpipe_ring::{Direction, Side};

use super::client::Client;
use super::{Instances, LocalPipe};
use crate::engine::access;
use crate::engine::bell::Bell;
use crate::engine::core::{Core, Port, Traits, lock};
use crate::engine::link::{Link, Other};
use crate::engine::linux::{code, socket};
use crate::engine::rendezvous::{Answer, Doorman, Operation, Request};
use crate::exact::{InstanceCounts, Result};
use crate::win32::Win32Error;

/// An answer that says how the pipe is.
pub(super) fn answer(instances: &Instances, code: Win32Error) -> Answer {
    let record = &instances.record;
    Answer {
        code,
        access: record.access,
        pipe_type: record.pipe_type,
        max_instances: record.max_instances,
        default_timeout: record.default_timeout,
        out_quota: record.out_quota,
        in_quota: record.in_quota,
        counts: InstanceCounts::default(),
        process: record.process,
        pipe: record.pipe,
        rings: (0, 0),
        token: 0,
        recycled: false,
        reject_remote_clients: record.reject_remote_clients,
        text: String::new(),
    }
}

impl Doorman for LocalPipe {
    fn answer(&self, request: Request, more: &[u8], enclosed: Option<OwnedFd>, socket: OwnedFd) {
        let mut instances = lock(&self.instances);
        let refusal = match request.operation {
            _ if request.name != self.digest => answer(&instances, Win32Error::FILE_NOT_FOUND),
            Operation::GetSecurity | Operation::SetSecurity => {
                let set = (request.operation == Operation::SetSecurity).then_some(more);
                match self.descriptor_for(&mut instances, &socket, set) {
                    Ok(text) => Answer {
                        text,
                        ..answer(&instances, Win32Error(0))
                    },
                    Err(code) => answer(&instances, code),
                }
            }
            Operation::Join => match self.admit(&instances, &request, more, enclosed, &socket) {
                Ok((text, file)) => {
                    let welcome = Answer {
                        text,
                        ..answer(&instances, Win32Error(0))
                    };
                    let file = file.as_ref().map(|file| file.as_fd());
                    let _ = socket::send(&socket, &welcome.encode(), file);
                    return;
                }
                Err(code) => answer(&instances, code),
            },
            Operation::Wait if instances.listening.is_empty() => {
                // With the instances locked: one that listens from now on finds the guest waiting.
                let patience = answer(&instances, Win32Error::IO_PENDING);
                return self.guests.keep_waiting(socket, &patience);
            }
            Operation::Wait => answer(&instances, Win32Error(0)),
            Operation::Query => Answer {
                counts: instances.count(),
                text: instances.record.name.clone(),
                ..answer(&instances, Win32Error(0))
            },
            Operation::Open => match instances.choose(&request, more, &socket) {
                Ok((core, client)) => {
                    let mut seat = Some(socket);
                    let attached = core
                        .attach(|| instances.hand_over(core.traits, &request, &mut seat, client));
                    match (attached, seat) {
                        // It did not work out, and the instance keeps its place.
                        (Err(code), Some(socket)) => {
                            let refusal = answer(&instances, code);
                            let _ = socket::send(&socket, &refusal.encode(), None);
                        }
                        _ => {
                            drop(instances.listening.pop_front());
                            // While the client finds its way.
                            instances.memories.prepare(core.traits);
                        }
                    }
                    return;
                }
                Err(code) => answer(&instances, code),
            },
        };
        // A client that has left meanwhile misses nothing.
        let _ = socket::send(&socket, &refusal.encode(), None);
    }

    fn refusal(&self, code: Win32Error) -> Answer {
        answer(&lock(&self.instances), code)
    }
}

impl Instances {
    /// Checks a client that wants to open the pipe, and picks the instance for it.
    fn choose(
        &self,
        request: &Request,
        more: &[u8],
        socket: &OwnedFd,
    ) -> Result<(Arc<Core>, Client)> {
        let client = Client::at(socket, more)?;
        if client.remote.is_some() && self.record.reject_remote_clients {
            return Err(Win32Error::ACCESS_DENIED);
        }
        access::check_client(
            self.record.access,
            &self.record.security,
            &client.token(socket)?,
            request.access,
        )?;
        let core = self.listening.front().ok_or(Win32Error::PIPE_BUSY)?;
        Ok((core.clone(), client))
    }

    /// Gives the client the memory of its conversation, which may be one that it had before.
    fn hand_over(
        &mut self,
        traits: Traits,
        request: &Request,
        seat: &mut Option<OwnedFd>,
        client: Client,
    ) -> Result<Arc<Link>> {
        let memory = match client.remote {
            None => self.memories.take(traits, request.token, client.peer.user),
            // One process speaks for many, who shall have nothing in common.
            Some(_) => self.memories.take_once(traits),
        }?;
        let layout = memory.segment.layout();
        let size = |direction| layout.ring_len(direction) as u64;
        let welcome = Answer {
            out_quota: traits.out_quota,
            in_quota: traits.in_quota,
            rings: (
                size(Direction::ServerToClient),
                size(Direction::ClientToServer),
            ),
            token: memory.token,
            recycled: memory.descriptor.is_none(),
            ..answer(self, Win32Error(0))
        };
        let socket = seat.as_ref().ok_or(Win32Error::GEN_FAILURE)?;
        let descriptor = memory.descriptor.as_ref().map(AsFd::as_fd);
        socket::send(socket, &welcome.encode(), descriptor).map_err(code)?;
        let bell = Bell::new(seat.take().ok_or(Win32Error::GEN_FAILURE)?);
        let other = Other {
            process: client.peer.process,
            level: request.level,
            remote: client.remote,
        };
        Ok(Link::new(memory.segment, bell, Side::Server, other))
    }

    fn count(&self) -> InstanceCounts {
        let mut counts = InstanceCounts::default();
        for core in self.all.iter().filter_map(Weak::upgrade) {
            match &*core.inlet() {
                Port::Listening => counts.listening += 1,
                Port::Disconnected => counts.disconnected += 1,
                Port::Linked(inlet) if inlet.link.ending_exactly().is_some() => counts.closing += 1,
                Port::Linked(_) => counts.connected += 1,
            }
        }
        counts
    }
}
