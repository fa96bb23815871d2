//! Serving a pipe of another user, who allows it.
//!
//! The folder of a pipe belongs to the user who created it, and nobody else can put anything into it. So a
//! process of another user asks one of the owner's: it sends what instance it wants, and a socket on which it
//! is going to listen. If the descriptor gives it the right, the owner's process binds the socket, writes the
//! record, and hands over the record's file. Each further instance is asked for in the same way, since only
//! the owner's processes can keep the maximum.
//!
//! Root asks nobody, and is refused: a service of root's that finds its name taken shall hear of it.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use super::{Instances, LocalPipe, check_fits, known, new_instance, start};
use crate::engine::access;
use crate::engine::end::End;
use crate::engine::linux::identity::peer_token;
use crate::engine::linux::{clock, code, socket};
use crate::engine::namespace::{Folder, LockedFolder, PipeId, Record, RecordFile};
use crate::engine::rendezvous::{Operation, Request, exchange};
use crate::exact::Result;
use crate::name::PipeName;
use crate::options::{CreateOptions, DesiredAccess};
use crate::security::{SecurityDescriptor, Sid};
use crate::win32::Win32Error;

/// How long to ask again while the owner's processes are busy with the folder.
const PATIENCE: Duration = Duration::from_secs(5);
/// What a process asks with that does not serve the pipe yet.
const NEW: &str = "-";

/// Creates an instance of a pipe in the folder of another user.
pub(super) fn create(name: &PipeName, options: &CreateOptions) -> Result<End> {
    const DENIED: Win32Error = Win32Error::ACCESS_DENIED;
    if options.first_instance {
        return Err(DENIED);
    }
    let folder = Folder::find(name).map_err(|_| DENIED)?;
    let identity = folder.identity()?;
    let pipe = match known(identity, name) {
        Some(pipe) => {
            ask(name, &folder, options, pipe.file.id(), None)?;
            pipe
        }
        None => {
            let listener = socket::unbound().map_err(code)?;
            let (id, file) = ask(name, &folder, options, NEW, Some(&listener))?;
            socket::listen_on(&listener).map_err(code)?;
            let file = RecordFile::handed(&folder, file.ok_or(Win32Error::GEN_FAILURE)?, id)?;
            let mut record = file.read().ok_or(Win32Error::GEN_FAILURE)?;
            // It is counted when it is there.
            record.instances = 0;
            start(name, identity, record, listener, file)?
        }
    };
    new_instance(pipe, options, None)
}

/// Asks the processes of the folder's owner for an instance, until one has an answer.
fn ask(
    name: &PipeName,
    folder: &Folder,
    options: &CreateOptions,
    id: &str,
    listener: Option<&OwnedFd>,
) -> Result<(String, Option<OwnedFd>)> {
    let mut access = DesiredAccess::empty();
    access.set(DesiredAccess::WRITE_DAC, options.write_dac);
    access.set(DesiredAccess::WRITE_OWNER, options.write_owner);
    let request = Request {
        access,
        ..Request::to(Operation::Join, name)
    };
    let mut bytes = request.encode().to_vec();
    bytes.extend(format!("{id}\n{}", wish(name, options).to_text()).bytes());
    let owner = Some(Sid::user(folder.owner()?));
    let end = Instant::now() + PATIENCE;
    let mut pause = Duration::from_micros(100);
    loop {
        let mut refusal = Win32Error::ACCESS_DENIED;
        for server in folder.servers()? {
            let listener = listener.map(|listener| listener.as_fd());
            match exchange(folder, &server, &bytes, owner, listener) {
                Ok(Some(reply)) if reply.answer.code == Win32Error(0) => {
                    return Ok((reply.answer.text, reply.memory));
                }
                Ok(Some(reply)) => {
                    refusal = reply.answer.code;
                    break;
                }
                // Dead, or of a user who is a guest here as well.
                Ok(None) | Err(_) => {}
            }
        }
        if refusal != Win32Error::IO_PENDING {
            return Err(refusal);
        }
        if Instant::now() > end {
            return Err(Win32Error::SEM_TIMEOUT);
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(5));
    }
}

/// What is asked for, as a record. What the pipe itself decides is not looked at.
fn wish(name: &PipeName, options: &CreateOptions) -> Record {
    Record {
        pipe: PipeId(0),
        pipe_type: options.pipe_type,
        access: options.access,
        max_instances: options.max_instances,
        default_timeout: options.default_timeout,
        instances: 1,
        out_quota: options.out_quota,
        in_quota: options.in_quota,
        process: 0,
        since: 0,
        reject_remote_clients: options.reject_remote_clients,
        security: SecurityDescriptor::new(),
        name: name.name().to_owned(),
    }
}

/// The id of the process that asks, and what it asks for.
pub(in crate::engine) fn parse_wish(text: &[u8]) -> Option<(&str, Record)> {
    let (id, record) = std::str::from_utf8(text).ok()?.split_once('\n')?;
    Some((id, Record::parse(record)?))
}

impl LocalPipe {
    /// Lets a process of another user serve the pipe with one more instance, if it may. Gives its id, and the
    /// file of its record when that is new.
    pub(super) fn admit(
        &self,
        instances: &Instances,
        request: &Request,
        text: &[u8],
        listener: Option<OwnedFd>,
        peer: &OwnedFd,
    ) -> Result<(String, Option<OwnedFd>)> {
        let own = &instances.record;
        let (id, wish) = parse_wish(text).ok_or(Win32Error::INVALID_PARAMETER)?;
        let options = CreateOptions {
            access: wish.access,
            pipe_type: wish.pipe_type,
            write_dac: request.access.contains(DesiredAccess::WRITE_DAC),
            write_owner: request.access.contains(DesiredAccess::WRITE_OWNER),
            ..CreateOptions::default()
        };
        access::check_server(&own.security, &peer_token(peer).map_err(code)?, &options)?;
        // This is the thread in the background, which waits for nobody.
        let folder = LockedFolder::try_lock(&self.name)?.ok_or(Win32Error::IO_PENDING)?;
        if !folder.is_ours()? {
            return Err(Win32Error::ACCESS_DENIED);
        }
        check_fits(&folder.tidy()?, &options)?;
        let process = socket::peer(peer).map_err(code)?.process;
        if id != NEW {
            folder.count_instance(id, process)?;
            return Ok((id.to_owned(), None));
        }
        let record = Record {
            instances: 1,
            out_quota: wish.out_quota,
            in_quota: wish.in_quota,
            process,
            since: clock::now(),
            ..own.clone()
        };
        let listener = listener.ok_or(Win32Error::INVALID_PARAMETER)?;
        let (id, file) = folder.add_guest(&record, &listener)?;
        Ok((id, Some(file)))
    }
}
