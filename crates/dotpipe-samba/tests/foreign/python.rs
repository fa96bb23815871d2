//! A process of a foreign client, which does what lines tell it: see `driver.py`.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Once;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::support::patience::PATIENCE;
use crate::support::{Settings, Smbd};

/// Names the interpreter that has the clients, if it is not where `.ci/python-clients` puts it.
const VARIABLE: &str = "DOTPIPE_PYTHON_CLIENTS";

/// Whose client it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Library {
    /// It signs, and encrypts what the server wants encrypted.
    Smbprotocol,
    /// It encrypts whatever can be encrypted.
    Impacket,
}

/// Does a test with each of them.
pub(crate) fn with_each(test: impl Fn(Library)) {
    for library in [Library::Smbprotocol, Library::Impacket] {
        eprintln!("with {library:?}:");
        test(library);
    }
}

/// What a client was answered.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// Success, and what came with it: data, or a count in words.
    Done(String),
    /// The first part of a reply that is longer.
    More(String),
    /// A status of the server.
    Status(u32),
    /// The connection has gone.
    Lost(String),
}

impl Answer {
    /// Success with these data, of which there are some.
    pub(crate) fn data(data: &[u8]) -> Answer {
        Answer::Done(digits(data))
    }

    /// Success with a count, or with nothing.
    pub(crate) fn done(text: impl ToString) -> Answer {
        Answer::Done(text.to_string())
    }

    pub(crate) fn more(data: &[u8]) -> Answer {
        Answer::More(digits(data))
    }

    /// Whether it says that the other end has gone: Samba has four words for it.
    pub(crate) fn is_the_end(&self) -> bool {
        const PIPE_DISCONNECTED: u32 = 0xC000_00B0;
        const PIPE_BROKEN: u32 = 0xC000_014B;
        const CONNECTION_DISCONNECTED: u32 = 0xC000_020C;
        const CONNECTION_RESET: u32 = 0xC000_020D;
        matches!(
            self,
            Answer::Status(
                PIPE_DISCONNECTED | PIPE_BROKEN | CONNECTION_DISCONNECTED | CONNECTION_RESET
            )
        )
    }

    fn parse(line: &str) -> Answer {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match kind {
            "ok" => Answer::Done(rest.into()),
            "more" => Answer::More(rest.into()),
            "err" => Answer::Status(u32::from_str_radix(rest, 16).unwrap()),
            "lost" => Answer::Lost(rest.into()),
            _ => panic!("the client says {line}"),
        }
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A failed test must not print 64 KiB of digits.
        let start = |text: &str| text.chars().take(80).collect::<String>();
        match self {
            Answer::Done(text) => write!(f, "Done({}: {})", text.len(), start(text)),
            Answer::More(text) => write!(f, "More({}: {})", text.len(), start(text)),
            Answer::Status(status) => write!(f, "Status({status:08X})"),
            Answer::Lost(reason) => write!(f, "Lost({reason})"),
        }
    }
}

/// A client that runs. It is killed when this is dropped.
pub(crate) struct Client {
    child: Child,
    input: ChildStdin,
    answers: Receiver<String>,
}

impl Client {
    /// Starts a process with a client that is not connected; `None`, with one line that says so, when they are
    /// not installed.
    pub(crate) fn start(library: Library) -> Option<Client> {
        let program = match library {
            Library::Smbprotocol => "with_smbprotocol.py",
            Library::Impacket => "with_impacket.py",
        };
        let place = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/foreign");
        let mut child = Command::new(interpreter()?)
            .arg("-B")
            .arg(place.join(program))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = child.stdin.take().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, answers) = channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Some(Client {
            child,
            input,
            answers,
        })
    }

    /// Has it do something, and does not wait for the answer.
    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// The next answer.
    pub(crate) fn hear(&self) -> Answer {
        let line = self.answers.recv_timeout(PATIENCE);
        Answer::parse(&line.expect("the client answers"))
    }

    pub(crate) fn ask(&mut self, line: &str) -> Answer {
        self.tell(line);
        self.hear()
    }

    /// Logs on as the one user.
    pub(crate) fn connect(&mut self, smbd: &Smbd) {
        assert_eq!(self.connect_with(smbd, smbd.password()), Answer::done(""));
    }

    /// Logs on with this password.
    pub(crate) fn connect_with(&mut self, smbd: &Smbd, password: &str) -> Answer {
        self.ask(&format!(
            "connect {} {} {}",
            smbd.port(),
            smbd.user(),
            password
        ))
    }

    /// Opens a pipe and calls it so.
    pub(crate) fn open(&mut self, pipe: &str, name: &str) -> Answer {
        self.ask(&format!("open {pipe} {name}"))
    }

    pub(crate) fn read(&mut self, pipe: &str, len: usize) -> Answer {
        self.ask(&format!("read {pipe} {len}"))
    }

    pub(crate) fn write(&mut self, pipe: &str, data: &[u8]) -> Answer {
        self.ask(&format!("write {pipe} {}", digits(data)))
    }

    pub(crate) fn transact(&mut self, pipe: &str, data: &[u8], len: usize) -> Answer {
        self.ask(&format!("transact {pipe} {} {len}", digits(data)))
    }

    pub(crate) fn close(&mut self, pipe: &str) -> Answer {
        self.ask(&format!("close {pipe}"))
    }

    /// Kills it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A private `smbd` and a client that is not connected yet; `None` where the one or the other is missing.
pub(crate) fn strangers(library: Library, settings: Settings) -> Option<(Smbd, Client)> {
    let client = Client::start(library)?;
    Some((Smbd::start(settings)?, client))
}

/// A private `smbd` and a client that has logged on there.
pub(crate) fn acquainted(library: Library) -> Option<(Smbd, Client)> {
    let (smbd, mut client) = strangers(library, Settings::default())?;
    client.connect(&smbd);
    Some((smbd, client))
}

fn interpreter() -> Option<PathBuf> {
    static TOLD: Once = Once::new();
    let place = std::env::var_os(VARIABLE).map_or_else(beside_this_program, PathBuf::from);
    if place.exists() {
        return Some(place);
    }
    TOLD.call_once(|| {
        eprintln!(
            "skipped: no clients in Python here (.ci/python-clients installs them, or {VARIABLE} names the interpreter)"
        );
    });
    None
}

/// `python-clients` in the target directory: this program is in `debug/deps` there.
fn beside_this_program() -> PathBuf {
    let program = std::env::current_exe().unwrap();
    let target = program.ancestors().nth(3).unwrap();
    target.join("python-clients/bin/python")
}

pub(crate) fn digits(data: &[u8]) -> String {
    if data.is_empty() {
        return "-".into();
    }
    data.iter().fold(String::new(), |mut digits, byte| {
        let _ = write!(digits, "{byte:02x}");
        digits
    })
}
