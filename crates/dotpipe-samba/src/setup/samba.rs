//! [`Samba`]: what its configuration says.
//!
//! Layer: one program that is run, `testparm`, which knows all defaults.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where `testparm` may be when the search path does not lead to it.
const ELSEWHERE: [&str; 3] = [
    "/usr/bin/testparm",
    "/usr/sbin/testparm",
    "/usr/local/samba/bin/testparm",
];

/// The configuration of the Samba on this machine.
#[derive(Debug, Clone)]
pub struct Samba {
    program: PathBuf,
    configuration: Option<PathBuf>,
}

impl Samba {
    /// Samba with its usual configuration, or with this file.
    ///
    /// # Errors
    /// When there is no Samba here, or its configuration cannot be read.
    pub fn find(configuration: Option<&Path>) -> io::Result<Samba> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let program = std::env::split_paths(&path)
            .map(|folder| folder.join("testparm"))
            .chain(ELSEWHERE.map(PathBuf::from))
            .find(|program| program.is_file())
            .ok_or_else(|| {
                let text = "there is no testparm, and so no Samba here: install it (Debian: apt install samba)";
                io::Error::new(io::ErrorKind::NotFound, text)
            })?;
        let samba = Samba {
            program,
            configuration: configuration.map(Path::to_owned),
        };
        samba.parameter("ncalrpc dir")?;
        Ok(samba)
    }

    /// What a parameter is set to, or its default; empty when it has none.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub fn parameter(&self, name: &str) -> io::Result<String> {
        let output = Command::new(&self.program)
            .args(["-s", &format!("--parameter-name={name}")])
            .args(&self.configuration)
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said = said.lines().last().unwrap_or_default();
            let text = format!("testparm cannot read the configuration of Samba: {said}");
            return Err(io::Error::other(text));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Samba's own directory for sockets: `np` in its `ncalrpc dir`.
    ///
    /// # Errors
    /// Those of [`parameter`](Self::parameter).
    pub fn own_directory(&self) -> io::Result<PathBuf> {
        let directory = self.parameter("ncalrpc dir")?;
        Ok(Path::new(&directory).join("np"))
    }

    /// The directory in which `smbd` looks for sockets: `np` in `external_rpc_pipe:socket_dir`, else
    /// [its own](Self::own_directory).
    ///
    /// # Errors
    /// Those of [`parameter`](Self::parameter).
    pub fn directory(&self) -> io::Result<PathBuf> {
        // Of a parameter that is not set and not known, an older one says so instead of nothing.
        let other = self.parameter("external_rpc_pipe:socket_dir");
        match other.ok().filter(|path| path.starts_with('/')) {
            Some(directory) => Ok(Path::new(&directory).join("np")),
            None => self.own_directory(),
        }
    }

    /// Whether `smbd` runs, as far as its file tells.
    ///
    /// # Errors
    /// Those of [`parameter`](Self::parameter).
    pub fn is_running(&self) -> io::Result<bool> {
        let file = Path::new(&self.parameter("pid directory")?).join("smbd.pid");
        let process = fs::read_to_string(file).unwrap_or_default();
        let Ok(process) = process.trim().parse::<u32>() else {
            return Ok(false);
        };
        // The number may be another's by now.
        let name = fs::read_to_string(format!("/proc/{process}/comm"));
        Ok(name.is_ok_and(|name| name.starts_with("smbd")))
    }
}
