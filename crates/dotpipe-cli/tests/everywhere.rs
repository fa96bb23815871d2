//! The command `dotpipe` on every system: one server, one client, what scripts see of them.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

const DOTPIPE: &str = env!("CARGO_BIN_EXE_dotpipe");

/// The commands of one test, with names that no other one has.
struct Commands {
    /// Where Linux keeps the pipes.
    directory: TempDir,
    test: &'static str,
}

impl Commands {
    fn new(test: &'static str) -> Commands {
        let directory = TempDir::new().unwrap();
        Commands { directory, test }
    }

    /// The name of the pipe of this test.
    fn pipe(&self) -> String {
        format!("everywhere-{}-{}", self.test, std::process::id())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(DOTPIPE);
        command
            .args(arguments)
            .env("DOTPIPE_DIR", self.directory.path());
        command
    }

    /// Runs a command with this input to its end.
    fn run(&self, arguments: &[&str], input: &str) -> Done {
        let mut command = self.command(arguments);
        let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = piped.stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // It need not read it.
        let _ = stdin.write_all(input.as_bytes());
        drop(stdin);
        Done(child.wait_with_output().unwrap())
    }

    /// Starts a server, and waits until it listens.
    fn serve(&self, arguments: &[&str]) -> Server {
        let pipe = self.pipe();
        let words = [&["serve", &pipe, "--timeout", "60000"], arguments].concat();
        let mut command = self.command(&words);
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut said = String::new();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        stderr.read_line(&mut said).unwrap();
        assert!(said.contains("listening on"), "{said}");
        Server(child)
    }
}

/// A server that runs. It is killed when this is dropped.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Done(Output);

impl Done {
    #[track_caller]
    fn with_code(self, code: i32) -> String {
        let stderr = String::from_utf8_lossy(&self.0.stderr);
        assert_eq!(self.0.status.code(), Some(code), "{stderr}");
        String::from_utf8(self.0.stdout).unwrap().replace('\r', "")
    }
}

#[test]
fn a_server_is_asked() {
    let commands = Commands::new("asked");
    let pipe = &commands.pipe();
    commands.run(&["wait", pipe], "").with_code(3);
    commands.run(&["call", pipe, "hello"], "").with_code(3);
    let server = commands.serve(&["--type", "message", "--echo"]);
    commands.run(&["wait", pipe], "").with_code(0);
    let path = format!("//./pipe/{}", pipe.to_uppercase());
    for name in [pipe, &path] {
        let reply = commands.run(&["call", name, "hello"], "").with_code(0);
        assert_eq!(reply, "hello\n");
    }
    drop(server);
    commands.run(&["wait", pipe], "").with_code(3);
}

#[test]
fn a_program_serves_a_client() {
    let commands = Commands::new("program");
    let _server = commands.serve(&["--exec", DOTPIPE, "--version"]);
    let text = commands
        .run(&["connect", &commands.pipe()], "")
        .with_code(0);
    assert_eq!(text, format!("dotpipe {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn a_conversation_is_copied() {
    let commands = Commands::new("copied");
    let _server = commands.serve(&["--once", "--echo"]);
    let arguments = ["connect", &commands.pipe(), "--linger", "1000"];
    let text = commands.run(&arguments, "one\ntwo\n").with_code(0);
    assert_eq!(text, "one\ntwo\n");
}

#[test]
fn a_pipe_is_listed() {
    let commands = Commands::new("listed");
    let pipe = &commands.pipe();
    let _server = commands.serve(&["--echo"]);
    let listed = commands.run(&["ls"], "");
    if cfg!(windows) && Path::new(r"C:\windows\system32\winecfg.exe").exists() {
        // "Listing" in `conformance/DIVERGENCES.md`.
        listed.with_code(1);
        return;
    }
    assert!(listed.with_code(0).contains(pipe.as_str()));
    let info = commands.run(&["info", pipe], "").with_code(0);
    assert!(info.contains(pipe.as_str()), "{info}");
}

#[test]
fn a_client_insists_on_who_serves() {
    let commands = Commands::new("insists");
    let pipe = &commands.pipe();
    let _server = commands.serve(&["--type", "message", "--echo"]);
    let insist = ["call", pipe, "hello", "--server", "S-1-5-21-1-2-3-4"];
    commands.run(&insist, "").with_code(5);
}

#[cfg(windows)] // elsewhere there is something to install: `tests/cli/security.rs`
#[test]
fn nothing_is_installed() {
    let done = Commands::new("installed").run(&["install"], "");
    let said = String::from_utf8_lossy(&done.0.stderr).into_owned();
    done.with_code(2);
    assert!(said.contains("nothing to install"), "{said}");
}
