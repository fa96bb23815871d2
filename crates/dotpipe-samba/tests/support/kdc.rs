//! A private key distribution centre of Kerberos on loopback, with one user and one server.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use dotpipe_loopback::{PASSWORD, free_port, user};

use super::patience::until;

pub(crate) const REALM: &str = "TEST.LOCAL";

/// A centre that runs. It ends when this is dropped.
pub(crate) struct Kdc {
    child: Child,
    folder: tempfile::TempDir,
    port: u16,
}

impl Kdc {
    /// Starts a centre that knows the user of the tests and the server `localhost`; `None`, with one line
    /// that says so, when there is none here.
    pub(crate) fn start() -> Option<Kdc> {
        let tools = ["krb5kdc", "kdb5_util", "kadmin.local", "kinit"];
        if tools.iter().any(|tool| tool_path(tool).is_none()) {
            eprintln!(
                "skipped: there is no Kerberos here (Debian: apt install krb5-kdc krb5-admin-server krb5-user)"
            );
            return None;
        }
        let folder = tempfile::Builder::new().prefix("kdc").tempdir().unwrap();
        let port = free_port();
        let path = folder.path().display();
        // A server that belongs to no domain takes no tickets with a PAC.
        let realm = format!(
            "[libdefaults]\ndefault_realm = {REALM}\ndns_lookup_kdc = false\nrdns = false\n\
             [realms]\n{REALM} = {{\nkdc = 127.0.0.1:{port}\n\
             database_name = {path}/principal\nkey_stash_file = {path}/stash\n\
             kdc_listen = 127.0.0.1:{port}\nkdc_tcp_listen = 127.0.0.1:{port}\ndisable_pac = true\n}}\n\
             [logging]\nkdc = FILE:{path}/log\n"
        );
        fs::write(folder.path().join("krb5.conf"), realm).unwrap();
        let mut kdc = Kdc {
            // Until there is a real one.
            child: Command::new("true").spawn().unwrap(),
            folder,
            port,
        };
        kdc.run("kdb5_util", &["create", "-s", "-P", "master", "-r", REALM]);
        let add = format!("addprinc -pw \"{PASSWORD}\" {}", user());
        kdc.run("kadmin.local", &["-q", &add]);
        kdc.run("kadmin.local", &["-q", "addprinc -randkey cifs/localhost"]);
        let keys = format!("ktadd -k {} cifs/localhost", kdc.keytab().display());
        kdc.run("kadmin.local", &["-q", &keys]);
        kdc.child.wait().unwrap();
        kdc.child = kdc.command("krb5kdc").arg("-n").spawn().unwrap();
        until("the centre listens", || {
            assert!(kdc.child.try_wait().unwrap().is_none(), "krb5kdc has ended");
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok()
        });
        Some(kdc)
    }

    /// Where it is, as a client says it.
    pub(crate) fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The keys of the server.
    pub(crate) fn keytab(&self) -> PathBuf {
        self.folder.path().join("keytab")
    }

    /// A file with tickets of the user.
    pub(crate) fn tickets(&self) -> PathBuf {
        let path = self.folder.path().join("tickets");
        let mut kinit = self
            .command("kinit")
            .arg("-c")
            .arg(&path)
            .arg(user())
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = kinit.stdin.take().unwrap();
        std::io::Write::write_all(&mut input, format!("{PASSWORD}\n").as_bytes()).unwrap();
        drop(input);
        assert!(kinit.wait().unwrap().success(), "kinit");
        path
    }

    fn run(&self, tool: &str, arguments: &[&str]) {
        let status = self.command(tool).args(arguments).status().unwrap();
        assert!(status.success(), "{tool} {arguments:?}");
    }

    fn command(&self, tool: &str) -> Command {
        let configuration = self.folder.path().join("krb5.conf");
        let mut command = Command::new(tool_path(tool).unwrap());
        command
            .env("KRB5_CONFIG", &configuration)
            .env("KRB5_KDC_PROFILE", &configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    }
}

impl Drop for Kdc {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn tool_path(tool: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders
        .map(|folder| folder.join(tool))
        .find(|path| path.exists())
}
