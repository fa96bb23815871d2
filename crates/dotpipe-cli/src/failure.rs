//! [`Failure`]: why a command did not do what it was asked to.
//!
//! The rule it owns: what is said about it, if anything, and with which [`Exit`] it ends.

use std::io;

use dotpipe::error::Error;
use dotpipe::name::PipeName;
use dotpipe::win32::Win32Error;

use crate::exit::Exit;

/// The result of a command.
pub(crate) type Result<T = ()> = std::result::Result<T, Failure>;

/// Why a command failed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// An operation on a pipe.
    Pipe(Error),
    /// Something else that the system refused; the text says what was tried.
    System(String, io::Error),
    /// Options that do not go together.
    Usage(String),
    /// Nobody reads the output any more, as after `| head`: no reason to complain.
    OutputClosed,
    /// All has been said already.
    Reported,
}

impl Failure {
    /// An operation of the exact layer, which knows neither its name nor that of the pipe.
    pub(crate) fn at<'a>(
        operation: &'static str,
        name: &'a PipeName,
    ) -> impl Fn(Win32Error) -> Failure + use<'a> {
        move |code| Failure::Pipe(Error::new(operation, Some(name), code))
    }

    /// The output could not be written.
    pub(crate) fn output(error: io::Error) -> Failure {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Failure::OutputClosed
        } else {
            Failure::System("write the output".into(), error)
        }
    }

    /// What the command ends with.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Failure::Pipe(error) => Exit::of(error.code()),
            Failure::Usage(_) => Exit::Usage,
            Failure::OutputClosed => Exit::Success,
            Failure::System(..) | Failure::Reported => Exit::Failure,
        }
    }

    /// What there is to say to a person, on one line.
    pub(crate) fn message(&self) -> Option<String> {
        match self {
            Failure::Pipe(error) => Some(error.to_string()),
            Failure::System(what, error) => Some(format!("{what}: {error}")),
            Failure::Usage(text) => Some(text.clone()),
            Failure::OutputClosed | Failure::Reported => None,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        Failure::Pipe(error)
    }
}
