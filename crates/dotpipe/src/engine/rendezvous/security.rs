//! Reading and changing the descriptor of a pipe from another process than the one that serves it.

use super::client::{exchange, refuse_remote};
use super::wire::{Operation, Request};
use crate::engine::namespace::{Folder, PipeId};
use crate::exact::Result;
use crate::name::PipeName;
use crate::security::SecurityDescriptor;
use crate::win32::Win32Error;

/// The descriptor of a pipe, for whoever may read it.
pub(crate) fn security(name: &PipeName) -> Result<SecurityDescriptor> {
    refuse_remote(name)?;
    security_of(name, None)
}

/// The descriptor of a pipe, of this creation of it if one is named, as the first of its server processes
/// tells it.
pub(in crate::engine) fn security_of(
    name: &PipeName,
    pipe: Option<PipeId>,
) -> Result<SecurityDescriptor> {
    let request = Request::to(Operation::GetSecurity, name).encode();
    let folder = Folder::find(name)?;
    let mut failed = Win32Error::FILE_NOT_FOUND;
    for id in folder.servers()? {
        match exchange(&folder, &id, &request, None, None) {
            Ok(Some(reply)) if pipe.is_some_and(|pipe| reply.answer.pipe != pipe) => {}
            Ok(Some(reply)) if reply.answer.code == Win32Error(0) => {
                return reply
                    .answer
                    .text
                    .parse()
                    .map_err(|_| Win32Error::GEN_FAILURE);
            }
            Ok(Some(reply)) => failed = reply.answer.code,
            Ok(None) => {}
            Err(code) => failed = code,
        }
    }
    Err(failed)
}

/// Changes it in all server processes but `except`. Each decides by its own right; all are asked, whatever
/// one of them says.
pub(in crate::engine) fn set_security_of(
    name: &PipeName,
    pipe: PipeId,
    descriptor: &SecurityDescriptor,
    except: Option<&str>,
) -> Result<()> {
    let mut request = Request::to(Operation::SetSecurity, name).encode().to_vec();
    request.extend(security_text(pipe, descriptor).bytes());
    let folder = Folder::find(name)?;
    let mut result = match except {
        Some(_) => Ok(()),
        None => Err(Win32Error::FILE_NOT_FOUND),
    };
    for id in folder.servers()? {
        if except == Some(&*id) {
            continue;
        }
        let code = match exchange(&folder, &id, &request, None, None) {
            Ok(Some(reply)) if reply.answer.pipe != pipe => continue,
            Ok(Some(reply)) => reply.answer.code,
            Ok(None) => continue,
            Err(code) => code,
        };
        if code != Win32Error(0) {
            result = Err(code);
        } else if result == Err(Win32Error::FILE_NOT_FOUND) {
            result = Ok(());
        }
    }
    result
}

/// What a request to change a descriptor goes on with.
pub(in crate::engine) fn security_text(pipe: PipeId, descriptor: &SecurityDescriptor) -> String {
    format!("{:016x}\n{descriptor}", pipe.0)
}

/// The same, as the server reads it.
pub(in crate::engine) fn parse_security(text: &[u8]) -> Result<(PipeId, SecurityDescriptor)> {
    const NONSENSE: Win32Error = Win32Error::INVALID_PARAMETER;
    let text = std::str::from_utf8(text).map_err(|_| NONSENSE)?;
    let (pipe, descriptor) = text.split_once('\n').ok_or(NONSENSE)?;
    let pipe = u64::from_str_radix(pipe, 16).map_err(|_| NONSENSE)?;
    let descriptor = descriptor.parse::<SecurityDescriptor>();
    Ok((PipeId(pipe), descriptor.map_err(|error| error.code())?))
}
