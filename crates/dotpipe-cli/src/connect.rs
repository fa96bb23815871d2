//! `dotpipe connect`: a conversation over standard input and output.
//!
//! The rule it owns: when such a conversation is over. A pipe cannot be closed in one direction only, so
//! the end of the input is not passed on; the server decides, or an option does.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use dotpipe::error::Error;
use dotpipe::exact;
use dotpipe::name::PipeName;
use dotpipe::options::PipeMode;
use dotpipe::security::Sid;
use dotpipe::sync::{ClientOptions, NamedPipeClient};
use dotpipe::win32::Win32Error;

use crate::failure::{Failure, Result};
use crate::milliseconds::{self, Wait};
use crate::pump::{self, Framing, Stopped};

/// Open a pipe and join it to standard input and output.
///
/// What is typed or piped in goes to the server, what the server writes is printed. When the server
/// closes or disconnects, the command ends: with status 0, unless there was input left to send.
///
/// At the end of the input it waits until the server has read everything and then goes on printing
/// until the server closes: unlike a TCP connection a pipe cannot be closed in one direction only, so
/// the server does not learn that there is no more input. With a server that waits for more, end with
/// --no-wait-reply or --linger; for one question and one reply use `dotpipe call`.
#[derive(clap::Args)]
#[command(after_help = crate::exit::table())]
pub(crate) struct Args {
    /// The pipe: `Name`, `//./pipe/Name` or '\\.\pipe\Name'.
    #[arg(value_parser = PipeName::from_shell)]
    name: PipeName,

    /// Talk in messages: every line of the input is sent as one message, without its line feed, and
    /// every message is printed on a line. Needs a pipe of message type.
    #[arg(short, long)]
    message: bool,

    /// What to ask for.
    #[arg(long, value_enum, default_value_t = Direction::Auto)]
    access: Direction,

    /// How long to wait for an instance when all are busy: a number of milliseconds, `forever`,
    /// `default` for what the server has set, or `none` to fail at once.
    #[arg(long, value_name = "MS", default_value = "default", value_parser = milliseconds::wait_or_none)]
    wait: Wait,

    /// Who must serve the pipe: S-1-22-1-UID, SY for root, or S-1-22-2-GID. Nothing is sent to others.
    #[arg(long, value_name = "SID")]
    server: Option<Sid>,

    /// Close when the input has ended and the server has read all of it; status 7 when it has gone
    /// before.
    #[arg(short = 'N', long, conflicts_with = "linger")]
    no_wait_reply: bool,

    /// Close when the input has ended and the server has said nothing for so many milliseconds.
    #[arg(short = 'q', long, value_name = "MS", value_parser = milliseconds::duration)]
    linger: Option<Duration>,
}

/// How long the sending side may take to find out that the server has gone. When it says nothing, it
/// waits for input, and there is nothing left to send.
const GRACE: Duration = Duration::from_millis(100);

/// Which way data may go, seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Direction {
    /// Whatever the pipe offers.
    Auto,
    /// Print what the server writes; the input is not looked at.
    Read,
    /// Send the input; nothing is printed.
    Write,
    /// Both.
    Both,
}

/// What the two copying threads tell.
enum Event {
    /// Something was printed.
    Printed,
    /// The conversation is over, or the output is.
    OutputEnded(std::result::Result<(), Stopped>),
    /// The input has ended and all of it was sent, or not; if so, how the wait for the server to read
    /// it ended.
    InputEnded(std::result::Result<exact::Result<()>, Stopped>),
}

pub(crate) fn run(args: Args) -> Result {
    let (reads, writes) = directions(&args)?;
    let client = Arc::new(open(&args, reads, writes)?);
    let framing = if args.message {
        Framing::Lines
    } else {
        Framing::Stream
    };
    let (events, received) = channel();

    if writes {
        send_input(client.clone(), framing, events.clone());
    }
    if reads {
        print_output(client.clone(), framing, events);
    }
    converse(&args, &received, reads)
}

/// Whether to read and whether to write.
fn directions(args: &Args) -> Result<(bool, bool)> {
    // A pipe on another machine, or one that is gone, cannot be asked; opening it will say what is wrong.
    let status = exact::status(&args.name).ok();
    if let Some(status) = &status
        && args.message
        && status.pipe_type == Some(PipeMode::Byte)
    {
        let error = Error::new("open", Some(&args.name), Win32Error::INVALID_PARAMETER)
            .with_hint("the pipe is of byte type and has no messages: leave --message out");
        return Err(error.into());
    }
    Ok(match args.access {
        Direction::Auto => status
            .and_then(|status| status.access)
            .map_or((true, true), |access| {
                (access.is_outbound(), access.is_inbound())
            }),
        Direction::Read => (true, false),
        Direction::Write => (false, true),
        Direction::Both => (true, true),
    })
}

fn open(args: &Args, reads: bool, writes: bool) -> Result<NamedPipeClient> {
    let mut options = ClientOptions::new();
    options.read(reads).write(writes).wait_timeout(args.wait.0);
    if args.message && reads {
        // The right to write brings the right to change the read mode along, that to read does not.
        options.pipe_mode(PipeMode::Message).write_attributes(true);
    }
    if let Some(server) = args.server {
        options.require_server(server);
    }
    Ok(options.open(&args.name)?)
}

/// Copies standard input to the pipe, on a thread that nobody waits for: it may be reading from a
/// terminal when all is over.
fn send_input(client: Arc<NamedPipeClient>, framing: Framing, events: Sender<Event>) {
    thread::spawn(move || {
        let end = client.as_exact();
        let result = match pump::send(end, framing, &mut io::stdin().lock()) {
            Ok(()) => Ok(match end.flush() {
                // A server on another machine may not tell when all has been read. It has been sent.
                Err(Win32Error::NOT_SUPPORTED) => Ok(()),
                flushed => flushed,
            }),
            Err(stopped) => Err(stopped),
        };
        // Whoever has gone by now takes no interest.
        let _ = events.send(Event::InputEnded(result));
    });
}

/// Copies from the pipe to standard output, on a thread of its own.
fn print_output(client: Arc<NamedPipeClient>, framing: Framing, events: Sender<Event>) {
    thread::spawn(move || {
        let mut stdout = io::stdout().lock();
        let printed = || drop(events.send(Event::Printed));
        let result = pump::receive(client.as_exact(), framing, &mut stdout, printed);
        let _ = events.send(Event::OutputEnded(result));
    });
}

/// Waits until the conversation is over.
fn converse(args: &Args, events: &Receiver<Event>, reads: bool) -> Result {
    let name = &args.name;
    let mut input_ended = false;
    loop {
        let limit = args.linger.filter(|_| input_ended);
        let event = match limit {
            Some(limit) => events.recv_timeout(limit),
            None => events.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match event {
            Ok(Event::Printed) => {}
            Ok(Event::OutputEnded(result)) => {
                output_ended(name, result)?;
                // A write that fails now says that not all of the input has arrived.
                if !input_ended && let Ok(Event::InputEnded(result)) = events.recv_timeout(GRACE) {
                    sent(name, result).map(drop)?;
                }
                return Ok(());
            }
            Ok(Event::InputEnded(result)) => {
                let read = sent(name, result)?;
                if args.no_wait_reply || !reads {
                    return read.map_err(|code| unread(name, code));
                }
                // A server that does not read to the end may do so: what it has to say counts.
                input_ended = true;
            }
            Err(_) => return Ok(()),
        }
    }
}

fn output_ended(name: &PipeName, result: std::result::Result<(), Stopped>) -> Result {
    result.map_err(|stopped| match stopped {
        Stopped::Pipe(code) => Failure::at("read", name)(code),
        Stopped::Stream(error) => Failure::output(error),
    })
}

fn sent<T>(name: &PipeName, result: std::result::Result<T, Stopped>) -> Result<T> {
    result.map_err(|stopped| match stopped {
        Stopped::Pipe(code) => unread(name, code),
        Stopped::Stream(error) => Failure::System("read standard input".into(), error),
    })
}

fn unread(name: &PipeName, code: Win32Error) -> Failure {
    Error::new("write", Some(name), code)
        .with_hint("the server may not have read all of the input")
        .into()
}
