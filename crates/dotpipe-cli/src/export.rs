//! `dotpipe export`: pipes of this machine for clients of other machines, by way of Samba.
//!
//! A face over [`dotpipe_samba`]: what it is told, it says on standard error (in time or not at all: [`Log`]), and
//! `--check` prints what [`setup`](dotpipe_samba::setup) finds.

use std::path::PathBuf;
use std::sync::Arc;

use clap::ArgGroup;
use dotpipe::name::PipeName;
use dotpipe_samba::Export;
use dotpipe_samba::setup::{Samba, Scope, Verdict, examine};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::runtime::Builder;
use tokio::sync::Notify;

use crate::failure::{Failure, Result};
use crate::log::Log;
use crate::{exit, output, system};

/// Let clients of other machines open pipes of this one, by way of Samba.
///
/// A pipe can be opened as \\this-machine\pipe\NAME as long as a server of this machine serves it. Its server must
/// have accepted clients of other machines when it created the pipe (`serve --accept-remote`); they are told who
/// the client is, and the pipe's security descriptor decides who may open it. Who comes, who is refused and why
/// is said on standard error.
///
/// Run it as root, or as the user of the pipes with a --directory; `docs/remote.md` says how Samba is set up for
/// either, and --check whether it is. Ctrl-C and SIGTERM end it; its sockets are removed.
#[derive(clap::Args)]
#[command(group(ArgGroup::new("which").args(["names", "all", "check"]).required(true).multiple(true)))]
#[command(after_help = help())]
pub(crate) struct Args {
    /// The pipes, whenever they are there: `Name`, `//./pipe/Name` or '\\.\pipe\Name'.
    #[arg(value_parser = PipeName::from_shell, conflicts_with = "all")]
    names: Vec<PipeName>,

    /// Export all pipes that accept clients of other machines, those too that come later.
    #[arg(long)]
    all: bool,

    /// Where the sockets are put. The default is where Samba looks for them, which takes root.
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,

    /// How many clients of other machines a pipe may have at once.
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    max_clients: u32,

    /// Export nothing; say whether everything is set up for it, and what to do if not (exit status 1).
    #[arg(long)]
    check: bool,

    /// The configuration of Samba, if it is not the usual smb.conf.
    #[arg(long, value_name = "FILE")]
    smb_conf: Option<PathBuf>,
}

/// What `--help` ends with.
fn help() -> String {
    format!("{HELP}\n\n{}", exit::table())
}

const HELP: &str = "\
Examples:
  sudo dotpipe export --check
  sudo dotpipe export --all
  dotpipe export greeter --directory ~/pipes    # root: ln -s ~/pipes/greeter /run/samba/ncalrpc/np/
  dotpipe serve greeter --type message --echo --accept-remote --security 'D:(A;;GA;;;OW)(A;;0x12019b;;;AU)'
  dotpipe call //server/pipe/greeter hello      # from anywhere";

pub(crate) fn run(args: Args) -> Result {
    if args.check {
        return check(args);
    }
    let directory = match args.directory {
        Some(directory) => directory,
        None => Samba::find(args.smb_conf.as_deref())
            .and_then(|samba| samba.directory())
            .map_err(|error| Failure::System("find the directory for the sockets".into(), error))?,
    };
    let (log, log_end) = Log::start(output::complain)
        .map_err(|error| Failure::System("start the log".into(), error))?;
    let events = log.clone();
    let export = match args.all {
        true => Export::all(&directory),
        false => Export::pipes(&directory, args.names),
    };
    let export = export
        .max_clients(usize::try_from(args.max_clients).unwrap_or(usize::MAX))
        .on_event(move |event| events.tell(event.to_string()));
    raise_limit();
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::System("start".into(), error))?;
    let stop = Arc::new(Notify::new());
    let stopped = stop.clone();
    system::on_signals(move || {
        stop.notify_one();
        true
    })?;
    log.tell(format!("exporting to {}", directory.display()));
    let served = runtime.block_on(export.serve(stopped.notified()));
    // With it all goes that may tell something.
    drop((runtime, log));
    log_end.wait();
    served.map_err(|error| Failure::System("export".into(), error))
}

/// A client takes two descriptors, and the usual limit leaves room for 500.
fn raise_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    // If it must not be, fewer clients have room.
    let _ = setrlimit(Resource::Nofile, limit);
}

fn check(args: Args) -> Result {
    let found = examine(&Scope {
        directory: args.directory,
        pipes: args.names,
        configuration: args.smb_conf,
    });
    for finding in &found {
        output::line(finding)?;
    }
    match found
        .iter()
        .any(|finding| finding.verdict == Verdict::Wrong)
    {
        true => Err(Failure::Reported),
        false => Ok(()),
    }
}
