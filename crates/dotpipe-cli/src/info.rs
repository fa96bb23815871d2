//! `dotpipe info`: what there is to know of one pipe.

use dotpipe::error::Error;
use dotpipe::exact;
use dotpipe::name::PipeName;
use dotpipe::win32::Win32Error;

use crate::failure::Result;
use crate::{output, system};

/// Show what there is to know of a pipe, without opening it.
///
/// Type, access, instances and their states, buffer sizes (those of the newest instance), default
/// time-out, who may do what (as SDDL, if you may know it) and the processes that serve it. `unknown` counts the
/// instances of a server that does not answer. What the system does not tell is `?`: on Windows that is all but
/// name and instances, of which none says its state. Directions are seen from the server, as in
/// Win32: `in` is from client to server.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The pipe: `Name`, `//./pipe/Name` or '\\.\pipe\Name'.
    #[arg(value_parser = PipeName::from_shell)]
    name: PipeName,

    /// Print one JSON object; an `instances.maximum` of null means no limit, and what the system does not
    /// tell, or not to you, is null or, there, "?".
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &Args) -> Result {
    let status = exact::status(&args.name).map_err(|code| {
        let error = Error::new("info", Some(&args.name), code);
        match code {
            Win32Error::NOT_SUPPORTED => {
                error.with_hint("a pipe on another machine tells nothing to whom does not open it")
            }
            _ => error,
        }
    })?;
    // Not everybody may know, and a server may not answer: the rest can be told all the same.
    let security = system::security_of(&args.name);
    let security = security.map(|descriptor| descriptor.to_string());
    if args.json {
        let mut value = output::status_value(&status);
        value["security"] = security.into();
        output::value(&value)
    } else {
        output::bytes(output::status_text(&status, security.as_deref()).as_bytes())
    }
}
