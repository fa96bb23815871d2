//! `dotpipe wait`: until an instance listens.

use dotpipe::name::PipeName;
use dotpipe::options::WaitTimeout;
use dotpipe::sync;

use crate::failure::Result;
use crate::milliseconds;

/// Wait until an instance of a pipe listens for a client (WaitNamedPipe).
///
/// It reserves nothing: another client may be faster, so `connect --wait` is the better way to a
/// conversation. A pipe that does not exist is not waited for.
#[derive(clap::Args)]
#[command(after_help = crate::exit::table())]
pub(crate) struct Args {
    /// The pipe: `Name`, `//./pipe/Name` or '\\.\pipe\Name'.
    #[arg(value_parser = PipeName::from_shell)]
    name: PipeName,

    /// How many milliseconds to wait, `forever`, or `default` for what the server has set.
    #[arg(long, value_name = "MS", default_value = "default", value_parser = milliseconds::wait_timeout)]
    timeout: WaitTimeout,
}

pub(crate) fn run(args: &Args) -> Result {
    Ok(sync::wait(&args.name, args.timeout)?)
}
