//! The command `dotpipe`: Windows pipes from the shell.
//!
//! A face over [`dotpipe::exact`] and [`dotpipe::sync`], one file per command. What the command
//! returns stands in `exit.rs`, what it prints in `output.rs`, how a conversation is copied between a
//! pipe and a stream in `pump.rs`; no rule of pipes is repeated here.

mod call;
mod connect;
mod demo;
mod exit;
#[cfg(all(feature = "export", target_os = "linux"))]
mod export;
mod failure;
mod info;
mod install;
#[cfg(all(feature = "export", target_os = "linux"))]
mod log;
mod ls;
mod milliseconds;
mod output;
mod pump;
mod serve;
mod system;
mod wait;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Windows pipes, named and anonymous, on Linux and on Windows.
///
/// A pipe has a name, \\.\pipe\Name, and one or more instances; each instance joins one client with the
/// server that made it. Names can be written `Name`, `//./pipe/Name` or, in single quotes,
/// '\\.\pipe\Name'; they compare without case. `//Server/pipe/Name` is a pipe on another machine, Windows or
/// Samba, for `connect`, `call` and `wait`: $DOTPIPE_SMB_CREDENTIALS names a file (mode 0600) with `username =`,
/// `password =` and `domain =` lines.
///
/// On Linux, pipes are found below $DOTPIPE_DIR, or else /run/dotpipe, $XDG_RUNTIME_DIR/dotpipe,
/// /tmp/dotpipe-UID, whichever applies first. See it all at work: `dotpipe demo`.
#[derive(Parser)]
#[command(name = "dotpipe", version, after_help = exit::table(), max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Args),
    Serve(serve::Args),
    Connect(connect::Args),
    Call(call::Args),
    Wait(wait::Args),
    Ls(ls::Args),
    Info(info::Args),
    #[cfg(all(feature = "export", target_os = "linux"))]
    Export(export::Args),
    Install(install::Args),
    #[command(hide = true)]
    DemoPeer(demo::PeerArgs),
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Demo(args) => demo::run(&args),
        Command::Serve(args) => serve::run(args),
        Command::Connect(args) => connect::run(args),
        Command::Call(args) => call::run(&args),
        Command::Wait(args) => wait::run(&args),
        Command::Ls(args) => ls::run(&args),
        Command::Info(args) => info::run(&args),
        #[cfg(all(feature = "export", target_os = "linux"))]
        Command::Export(args) => export::run(args),
        Command::Install(args) => install::run(&args),
        Command::DemoPeer(args) => demo::run_peer(&args),
    };
    match result {
        Ok(()) => exit::Exit::Success.into(),
        Err(failure) => {
            if let Some(text) = failure.message() {
                output::complain(&text);
            }
            failure.exit().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_of_the_command_line_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_and_every_option_is_described() {
        for command in Cli::command().get_subcommands() {
            assert!(command.get_about().is_some(), "{}", command.get_name());
            for argument in command.get_arguments() {
                assert!(
                    argument.get_help().is_some(),
                    "{} {argument}",
                    command.get_name()
                );
            }
        }
    }
}
