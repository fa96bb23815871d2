//! `dotpipe call`: one question, one reply.

use std::io;
use std::io::Read;
use std::time::Duration;

use dotpipe::name::PipeName;
use dotpipe::options::{PipeMode, WaitTimeout};
use dotpipe::security::Sid;
use dotpipe::sync::ClientOptions;
use dotpipe::win32::Win32Error;

use crate::failure::{Failure, Result};
use crate::{milliseconds, output};

/// How much of a reply is read at a time.
const PORTION: usize = 64 * 1024;

/// Send one message to a message pipe and print the reply (CallNamedPipe).
///
/// Waits for an instance when all are busy. Unlike CallNamedPipe it takes a reply of any size. The
/// server must be there already: see the statuses 3 and 4 below.
#[derive(clap::Args)]
#[command(after_help = crate::exit::table())]
pub(crate) struct Args {
    /// The pipe: `Name`, `//./pipe/Name` or '\\.\pipe\Name'.
    #[arg(value_parser = PipeName::from_shell)]
    name: PipeName,

    /// The message; `-` takes all of standard input, as it is.
    #[arg(allow_hyphen_values = true)]
    text: String,

    /// Give up after so many milliseconds, the wait for an instance and for the reply together.
    ///
    /// Without it an instance is waited for as long as the server has set, and the reply without limit.
    #[arg(long, value_name = "MS", value_parser = milliseconds::duration)]
    timeout: Option<Duration>,

    /// Who must serve the pipe: S-1-22-1-UID, SY for root, or S-1-22-2-GID. Nothing is sent to others.
    #[arg(long, value_name = "SID")]
    server: Option<Sid>,

    /// Print the reply as it is. Without this option a line feed follows, unless the reply ends with one.
    #[arg(short = 'n', long)]
    no_newline: bool,
}

pub(crate) fn run(args: &Args) -> Result {
    let question = match args.text.as_str() {
        "-" => all_input()?,
        text => text.as_bytes().to_vec(),
    };
    let mut reply = ask(args, &question)?;
    if !args.no_newline && reply.last() != Some(&b'\n') {
        reply.push(b'\n');
    }
    output::bytes(&reply)
}

fn all_input() -> Result<Vec<u8>> {
    let mut input = Vec::new();
    io::stdin()
        .lock()
        .read_to_end(&mut input)
        .map_err(|error| Failure::System("read standard input".into(), error))?;
    Ok(input)
}

/// Sends the question and gathers the reply, however long it is.
fn ask(args: &Args, question: &[u8]) -> Result<Vec<u8>> {
    let deadline = milliseconds::deadline(args.timeout);
    let mut options = ClientOptions::new();
    options.pipe_mode(PipeMode::Message).wait_timeout(Some(
        args.timeout.map_or(WaitTimeout::Default, WaitTimeout::For),
    ));
    if let Some(server) = args.server {
        options.require_server(server);
    }
    let client = options.open(&args.name)?;
    let end = client.as_exact();

    let mut reply = vec![0; PORTION];
    let mut received = end
        .transact_until(question, &mut reply, deadline)
        .map_err(|code| match code {
            // Type and read mode are right, so there is one reason left.
            Win32Error::BAD_PIPE => Win32Error::PIPE_NOT_CONNECTED,
            code => code,
        })
        .map_err(Failure::at("call", &args.name))?;
    let mut len = received.len;
    while received.more {
        reply.resize(len + PORTION, 0);
        received = end
            .read_until(&mut reply[len..], deadline)
            .map_err(Failure::at("read", &args.name))?;
        len += received.len;
    }
    reply.truncate(len);
    Ok(reply)
}
