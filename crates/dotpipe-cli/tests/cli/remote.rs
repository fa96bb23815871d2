//! Pipes on another machine: an `smbd` of the test's own stands for it.

#[path = "../../../dotpipe-samba/tests/support/mod.rs"]
pub(crate) mod samba;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Output, Stdio};

use samba::served::echo;
use samba::{Served, Settings, Smbd, Type};

/// A command that finds its credentials in a file.
pub(crate) struct Shell {
    folder: tempfile::TempDir,
    port: String,
}

impl Shell {
    pub(crate) fn new(smbd: &Smbd, password: &str) -> Shell {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("credentials");
        let text = format!("username = {}\npassword = {password}\n", smbd.user());
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        Shell {
            folder,
            port: smbd.port().to_string(),
        }
    }

    pub(crate) fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut child = Command::new(env!("CARGO_BIN_EXE_dotpipe"))
            .args(arguments)
            .env("DOTPIPE_SMB_PORT", &self.port)
            .env(
                "DOTPIPE_SMB_CREDENTIALS",
                self.folder.path().join("credentials"),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, input.as_bytes()).unwrap();
        drop(stdin);
        child.wait_with_output().unwrap()
    }
}

fn stdout(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    std::str::from_utf8(&output.stdout).unwrap()
}

#[test]
fn a_pipe_on_another_machine_is_called_and_joined() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let shell = Shell::new(&smbd, smbd.password());
    let called = shell.run(&["call", "//127.0.0.1/pipe/Echo", "hello"], "");
    assert_eq!(stdout(&called), "hello\n");

    let _once = Served::start(&smbd, "once", Type::Message, |mut client| {
        for _ in 0..2 {
            let message = client.receive()?.unwrap_or_default();
            client.send(&[b"> ", &message[..]].concat())?;
        }
        // The client reads what was sent and goes when nothing comes any more.
        client.until_gone()
    });
    let arguments = ["connect", "--message", "-q", "200", "//127.0.0.1/pipe/once"];
    let joined = shell.run(&arguments, "one\ntwo\n");
    assert_eq!(stdout(&joined), "> one\n> two\n");
}

#[test]
fn what_goes_wrong_is_told_by_the_status() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let status = |shell: &Shell, arguments: &[&str]| {
        let output = shell.run(arguments, "");
        let complaint = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), complaint)
    };
    let shell = Shell::new(&smbd, smbd.password());
    let missing = status(&shell, &["call", "//127.0.0.1/pipe/nowhere", "x"]);
    assert_eq!(missing.0, Some(3), "{missing:?}");
    let info = status(&shell, &["info", "//127.0.0.1/pipe/echo"]);
    assert_eq!(info.0, Some(1), "{info:?}");
    assert!(info.1.contains("ERROR_NOT_SUPPORTED"), "{info:?}");

    let stranger = Shell::new(&smbd, "swordfish");
    let refused = status(&stranger, &["call", "//127.0.0.1/pipe/echo", "x"]);
    assert_eq!(refused.0, Some(5), "{refused:?}");
    assert!(refused.1.contains("ERROR_LOGON_FAILURE"), "{refused:?}");
    assert!(!refused.1.contains("swordfish"), "{refused:?}");

    let path = stranger.folder.path().join("credentials");
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    let open_to_all = status(&stranger, &["wait", "//127.0.0.1/pipe/echo"]);
    assert_eq!(open_to_all.0, Some(5), "{open_to_all:?}");
    assert!(open_to_all.1.contains("chmod 600"), "{open_to_all:?}");
}
