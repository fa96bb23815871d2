//! `dotpipe export`: through an `smbd` of the test's own, and its `--check`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use crate::remote::samba::{Settings, Smbd};
use crate::support::Namespace;

/// An `smbd` whose configuration the command is shown.
struct Server {
    smbd: Smbd,
    sockets: PathBuf,
    configuration: String,
    namespace: Namespace,
}

impl Server {
    fn start(settings: &'static [&'static str]) -> Option<Server> {
        let smbd = Smbd::start(Settings(settings))?;
        Some(Server {
            sockets: smbd.sockets(),
            configuration: smbd.configuration().to_str().unwrap().into(),
            smbd,
            namespace: Namespace::new(),
        })
    }

    fn sockets(&self) -> &Path {
        &self.sockets
    }

    /// The arguments that every command here has.
    fn arguments<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        [&["export", "--smb-conf", &self.configuration], arguments].concat()
    }

    fn check(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let arguments = [&["--check"], arguments].concat();
        let done = self.namespace.run(&self.arguments(&arguments));
        (done.code(), done.stdout())
    }
}

const SECURITY: &str = "D:(A;;GA;;;OW)(A;;0x12019b;;;AU)";

#[test]
fn a_pipe_is_exported_and_nothing_is_left() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let serving = server.namespace.serve(&[
        "Greeter",
        "--echo",
        "--type",
        "message",
        "--accept-remote",
        "--security",
        SECURITY,
    ]);
    let exporting = server
        .namespace
        .start(&server.arguments(&["greeter", "nowhere"]));
    let first = exporting.complaint();
    assert!(first.contains("exporting to"), "{first}");
    let second = exporting.complaint();
    assert!(second.contains("exported as"), "{second}");

    let called = crate::remote::Shell::new(&server.smbd, server.smbd.password())
        .run(&["call", "//127.0.0.1/pipe/GREETER", "hello"], "");
    assert_eq!(String::from_utf8(called.stdout).unwrap(), "hello\n");
    // Looking disturbs nobody, and is no stranger.
    assert_eq!(server.check(&["greeter"]).0, Some(0));
    let opened = exporting.complaint();
    assert!(opened.contains("opened by"), "{opened}");
    assert!(opened.contains("from 127.0.0.1"), "{opened}");

    assert_eq!(fs::read_dir(server.sockets()).unwrap().count(), 1);
    exporting.signal(Signal::TERM);
    let rest: Vec<String> = std::iter::from_fn(|| exporting.last_complaint()).collect();
    assert!(rest.is_empty(), "{rest:?}");
    let (status, _) = exporting.wait();
    assert_eq!(status.code(), Some(0));
    assert_eq!(fs::read_dir(server.sockets()).unwrap().count(), 0);
    drop(serving);
}

#[test]
fn what_is_in_order_is_told() {
    let Some(server) = Server::start(&["server smb encrypt = required"]) else {
        return;
    };
    let _serving = server
        .namespace
        .serve(&["good", "--echo", "--accept-remote"]);
    let (code, said) = server.check(&["good"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("fine:   smbd runs\n"), "{said}");
    assert!(said.contains("fine:   good: can be exported\n"), "{said}");
    assert!(
        !said.contains("advice:") && !said.contains("wrong:"),
        "{said}"
    );
}

#[test]
fn what_is_wrong_is_told_with_what_to_do() {
    let Some(mut server) = Server::start(&["map to guest = bad user", "restrict anonymous = 0"])
    else {
        return;
    };
    let long = "x".repeat(120);
    let _rejecting = server.namespace.serve(&["rejecting", "--echo"]);
    drop(UnixListener::bind(server.sockets().join("stale")).unwrap());
    server.smbd.stop();
    let (code, said) = server.check(&["rejecting", "srvsvc", &long, "a/b"]);
    assert_eq!(code, Some(1), "{said}");
    for text in [
        "wrong:  smbd does not run\n        start it",
        "advice: anonymous users",
        "advice: whoever gives a wrong password may become a guest",
        "advice: clients may do without signing and encryption",
        "stale\n        an export of that pipe replaces it",
        "wrong:  rejecting: its server rejects clients of other machines",
        "wrong:  srvsvc: it cannot be exported\n        Samba serves a pipe of this name itself",
        "bytes long, and 107 are possible",
        "without '/'",
    ] {
        assert!(said.contains(text), "{text}\nin\n{said}");
    }
}

#[test]
fn directories_are_checked() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    mode(server.sockets(), 0o755);
    let (code, said) = server.check(&["any"]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("with which smbd does not start"), "{said}");
    mode(server.sockets(), 0o700);

    // One of the user's own, to which links lead that root puts there.
    let own = tempfile::tempdir().unwrap();
    let text = own.path().to_str().unwrap();
    let (code, said) = server.check(&["linked", "--directory", text]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("ln -s '{text}/linked'")), "{said}");
    let link = server.sockets().join("linked");
    std::os::unix::fs::symlink(own.path().join("linked"), link).unwrap();
    let (code, said) = server.check(&["linked", "--directory", text]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("smbd is led to its socket"), "{said}");

    mode(own.path(), 0o770);
    let (code, said) = server.check(&["linked", "--directory", text]);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("chmod 0700"), "{said}");
    let refused = server.arguments(&["--all", "--directory", text]);
    let refused = server.namespace.run(&refused).assert_code(1);
    assert!(
        refused.stderr().contains("chmod 0700"),
        "{}",
        refused.stderr()
    );
}

#[test]
fn links_lead_to_sockets_in_a_directory_of_the_user() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let own = tempfile::Builder::new().prefix("np").tempdir().unwrap();
    let link = server.sockets().join("linked");
    std::os::unix::fs::symlink(own.path().join("linked"), link).unwrap();
    let _serving = server.namespace.serve(&[
        "linked",
        "--echo",
        "--type",
        "message",
        "--accept-remote",
        "--security",
        SECURITY,
    ]);
    let directory = own.path().to_str().unwrap();
    let exporting = ["linked", "--directory", directory];
    let exporting = server.namespace.start(&server.arguments(&exporting));
    while !exporting.complaint().contains("exported as") {}
    let called = crate::remote::Shell::new(&server.smbd, server.smbd.password())
        .run(&["call", "//127.0.0.1/pipe/linked", "hello"], "");
    assert_eq!(String::from_utf8(called.stdout).unwrap(), "hello\n");
}

#[test]
fn without_samba_it_says_what_is_missing() {
    let namespace = Namespace::new();
    namespace.run(&["export"]).assert_code(2);
    namespace.run(&["export", "one", "--all"]).assert_code(2);
    let missing = ["export", "--check", "--smb-conf", "/nowhere/smb.conf"];
    let said = namespace.run(&missing).assert_code(1).stdout();
    assert!(said.starts_with("wrong:"), "{said}");
    let missing = ["export", "--all", "--directory", "/nowhere/np"];
    let said = namespace.run(&missing).assert_code(1).stderr();
    assert!(said.contains("/nowhere/np"), "{said}");
    assert!(said.contains("it does not exist"), "{said}");
}
