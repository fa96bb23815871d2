//! Wine's named pipes, through a small Win32 program that is compiled when it is needed.
//!
//! Starting a program under Wine takes a second, so both its processes do all their tasks in one go, a
//! slice for each. The program (`wine/pipe.c`) goes by the same rules as `worker/`: numbered
//! messages, checked on both sides.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::process::{Parts, Process};
use crate::processor::{Processors, Role};
use crate::samples::Samples;
use crate::task::Placement;

const SOURCE: &str = include_str!("../../wine/pipe.c");
const COMPILER: &str = "x86_64-w64-mingw32-gcc";

/// How long all tasks of a pair may take besides their slices. Wine's first start is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many slices a pair has.
const SLICES: u32 = 16;

/// Wine with the program and a prefix to run it in.
pub(crate) struct Wine {
    program: PathBuf,
    prefix: PathBuf,
    /// What `wine --version` says.
    pub(crate) version: String,
}

impl Wine {
    /// The row of it.
    pub(crate) const NAME: &'static str = "wine-named-pipe";

    /// Compiles the program in `directory` and starts Wine there, with a prefix of its own. The error says
    /// why it cannot be had.
    pub(crate) fn prepare(directory: &Path) -> io::Result<Wine> {
        let version = output_of(Command::new("wine").arg("--version"))
            .map_err(|error| io::Error::other(format!("no Wine here: {error}")))?;
        fs::create_dir_all(directory)?;
        let directory = directory.canonicalize()?;
        let source = directory.join("pipe.c");
        let program = directory.join("pipe.exe");
        if fs::read_to_string(&source).is_ok_and(|text| text == SOURCE) && program.exists() {
            // Compiled before.
        } else {
            fs::write(&source, SOURCE)?;
            let mut compiler = Command::new(COMPILER);
            compiler.args(["-std=c11", "-O2", "-Wall", "-Wextra", "-o"]);
            output_of(compiler.arg(&program).arg(&source))
                .map_err(|error| io::Error::other(format!("{COMPILER}: {error}")))?;
        }
        let prefix =
            std::env::var_os("WINEPREFIX").map_or_else(|| directory.join("prefix"), PathBuf::from);
        let wine = Wine {
            program,
            prefix,
            version,
        };
        // A server that stays, since the pairs must not wait for it, nor hand their place down to it. One
        // that runs already, left by a run that was killed, is a failure that does no harm.
        let _ = wine.status_of(wine.command("wineserver").arg("-p"));
        wine.status_of(wine.command("wineboot").arg("--init"))?;
        Ok(wine)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env("WINEPREFIX", &self.prefix)
            .env("WINEDEBUG", "-all")
            .env("WINEDLLOVERRIDES", "mscoree,mshtml=")
            .env_remove("DISPLAY");
        command
    }

    fn status_of(&self, command: &mut Command) -> io::Result<()> {
        let quiet = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let program = quiet.get_program().to_string_lossy().into_owned();
        match quiet.status()? {
            status if status.success() => Ok(()),
            status => Err(io::Error::other(format!("{program}: {status}"))),
        }
    }

    /// Runs one pair, and gives the samples of each task to `keep`.
    pub(crate) fn measure(
        &self,
        slice: Duration,
        processors: &Processors,
        mut keep: impl FnMut(&str, &Samples),
    ) -> io::Result<()> {
        let deadline = Instant::now() + SLICES * slice + PATIENCE;
        let placement = if processors.allow(Placement::Apart) {
            Placement::Apart
        } else {
            Placement::Unpinned
        };
        let name = format!("bench-{}-{}", std::process::id(), unique());
        let time = slice.as_micros().to_string();
        let start = |role, word: &str| {
            let mut command = self.command("wine");
            command.arg(&self.program).args([word, &name, &time]);
            processors.place(placement, role, || Process::start(&mut command))
        };
        let mut server = start(Role::Server, "server")?;
        let mut client = start(Role::Client, "client")?;
        let mut parts = Parts::new();
        client.results(deadline, &mut parts, Some(&mut server))?;
        server.results(deadline, &mut parts, None)?;
        for (task, samples) in &parts {
            keep(task, samples);
        }
        Ok(())
    }
}

impl Drop for Wine {
    fn drop(&mut self) {
        // Otherwise the server would stay for ever. If it has gone already, all is well.
        let _ = self.status_of(self.command("wineserver").arg("-k"));
    }
}

/// A number that no other pair of this process has.
fn unique() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// What a command prints, or what it complains about.
fn output_of(command: &mut Command) -> io::Result<String> {
    let output = command.stdin(Stdio::null()).output()?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        // Wine may complain first, on the same output, about what is not installed.
        let printed = text(&output.stdout);
        return Ok(printed.lines().last().unwrap_or_default().to_owned());
    }
    Err(io::Error::other(text(&output.stderr)))
}
