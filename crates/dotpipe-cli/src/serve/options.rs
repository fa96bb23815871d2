//! The options of `dotpipe serve`: every parameter of CreateNamedPipe, and what to do with a client.

use std::ffi::OsString;

use clap::{ArgGroup, ValueEnum};
use dotpipe::name::PipeName;
use dotpipe::options::{Access, CreateOptions, PipeMode, WaitMode};
use dotpipe::security::SecurityDescriptor;

use super::{Job, exec};
use crate::exit;
use crate::failure::{Failure, Result};
use crate::pump::Framing;

/// Create a pipe and serve its clients, several at a time.
///
/// With --echo every client gets back what it writes. With --exec a command is run for every client,
/// its standard input and output joined to the pipe. Once clients can open the pipe, `listening on
/// NAME` is printed on standard error.
///
/// Ctrl-C and SIGTERM end the server: clients are disconnected, commands that still run are killed,
/// and the name is gone. A second Ctrl-C does not wait for that.
#[derive(clap::Args)]
#[command(group(ArgGroup::new("job").required(true).args(["echo", "exec"])))]
#[command(override_usage = "dotpipe serve [OPTIONS] NAME <--echo | --exec CMD...>")]
#[command(after_help = help())]
pub(crate) struct Args {
    /// The pipe: `Name`, `//./pipe/Name` or '\\.\pipe\Name'.
    #[arg(value_parser = PipeName::from_shell)]
    pub(super) name: PipeName,

    /// Send back whatever a client writes, message by message on a message pipe.
    #[arg(long)]
    echo: bool,

    /// Run a command for every client; everything behind --exec belongs to it.
    #[arg(long, value_name = "CMD", num_args = 1.., allow_hyphen_values = true)]
    exec: Vec<OsString>,

    /// Which way data may flow, seen from the server.
    #[arg(long, value_enum, default_value_t = AccessWord::Duplex)]
    access: AccessWord,

    /// The type of the pipe: whether a write keeps its borders.
    #[arg(long = "type", value_enum, default_value_t = ModeWord::Byte)]
    pipe_type: ModeWord,

    /// The read mode of the server: whether a read stops at such a border. The default is the type.
    #[arg(long, value_enum)]
    read_mode: Option<ModeWord>,

    /// At most how many instances there may be, 255 for no limit. The first server of a name decides.
    #[arg(long, value_name = "N", default_value_t = 255, value_parser = clap::value_parser!(u32).range(1..=255))]
    max_instances: u32,

    /// How many bytes clients may have written that have not been read yet, before they have to wait.
    #[arg(long, value_name = "BYTES", default_value_t = 65536)]
    in_buffer: u32,

    /// How many bytes the server may have written that have not been read yet, before it has to wait.
    #[arg(long, value_name = "BYTES", default_value_t = 65536)]
    out_buffer: u32,

    /// How many milliseconds clients wait for an instance that name no time of their own; 0 means 50.
    #[arg(long, value_name = "MS", default_value_t = 0)]
    timeout: u32,

    /// Fail when the pipe exists already (FILE_FLAG_FIRST_PIPE_INSTANCE), instead of serving it along
    /// with other processes.
    #[arg(long)]
    first: bool,

    /// FILE_FLAG_WRITE_THROUGH; it matters for byte pipes across a network only.
    #[arg(long)]
    write_through: bool,

    /// Who may do what, as SDDL: 'D:(A;;GA;;;CO)(A;;0x12019b;;;S-1-22-2-100)' is for the user who serves and
    /// for clients of group 100. The default lets the user and root do everything, and all others read. The
    /// first server of a name decides.
    #[arg(long, value_name = "SDDL")]
    security: Option<SecurityDescriptor>,

    /// Allow the pipe to be exported to other machines. The first server of a name decides.
    #[arg(long)]
    accept_remote: bool,

    /// End when one client has been served.
    #[arg(long, conflicts_with = "count")]
    once: bool,

    /// End when so many clients have been served.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    count: Option<u32>,
}

/// What `--help` ends with.
fn help() -> String {
    format!("{HELP}\n\n{}", exit::table())
}

const HELP: &str = "\
Commands of --exec:
  Variables: DOTPIPE_NAME is the name of the pipe, DOTPIPE_CLIENT_PID the process of the client.
  The command reads the end of its input when the client has closed. When it closes its output, the
  server waits until the client has read everything, and disconnects.
  With --access in the output goes to that of the server; with --access out the input is empty.
  On a message pipe every message becomes a line of the input, and every line of the output a
  message. With --read-mode byte they are passed on as they come, for commands that read no lines.

Examples:
  dotpipe serve shout --type message --exec sh -c 'while read -r line; do echo \"$line!\"; done'
  dotpipe call shout hello";

/// `--access`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum AccessWord {
    /// From client to server only.
    In,
    /// From server to client only.
    Out,
    /// Both ways.
    Duplex,
}

/// `--type` and `--read-mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModeWord {
    /// A stream of bytes without borders.
    Byte,
    /// Every write is one message.
    Message,
}

impl From<AccessWord> for Access {
    fn from(word: AccessWord) -> Access {
        match word {
            AccessWord::In => Access::Inbound,
            AccessWord::Out => Access::Outbound,
            AccessWord::Duplex => Access::Duplex,
        }
    }
}

impl From<ModeWord> for PipeMode {
    fn from(word: ModeWord) -> PipeMode {
        match word {
            ModeWord::Byte => PipeMode::Byte,
            ModeWord::Message => PipeMode::Message,
        }
    }
}

impl Args {
    /// The parameters of CreateNamedPipe. The wait mode is none of the options: a server that does not
    /// wait could only keep a processor busy.
    pub(super) fn create_options(&self) -> Result<CreateOptions> {
        if self.echo && self.access != AccessWord::Duplex {
            return Err(Failure::Usage(
                "--echo needs both ways: leave --access out".into(),
            ));
        }
        if self.pipe_type == ModeWord::Byte && self.read_mode == Some(ModeWord::Message) {
            return Err(Failure::Usage(
                "--read-mode message needs --type message".into(),
            ));
        }
        Ok(CreateOptions {
            access: self.access.into(),
            first_instance: self.first,
            write_through: self.write_through,
            pipe_type: self.pipe_type.into(),
            read_mode: self.read_mode.unwrap_or(self.pipe_type).into(),
            wait_mode: WaitMode::Blocking,
            max_instances: self.max_instances,
            out_quota: self.out_buffer,
            in_quota: self.in_buffer,
            default_timeout: self.timeout,
            security: self.security.clone(),
            reject_remote_clients: !self.accept_remote,
            ..CreateOptions::default()
        })
    }

    /// How many clients are wanted; `None` for no limit.
    pub(super) fn wanted(&self) -> Option<u32> {
        if self.once { Some(1) } else { self.count }
    }

    pub(super) fn into_job(self) -> Job {
        if self.echo {
            return Job::Echo;
        }
        let lines = self.read_mode.unwrap_or(self.pipe_type) == ModeWord::Message;
        Job::Exec(exec::Program {
            command: self.exec,
            access: self.access.into(),
            framing: if lines {
                Framing::Lines
            } else {
                Framing::Stream
            },
        })
    }
}
