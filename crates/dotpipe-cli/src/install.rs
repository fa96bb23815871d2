//! `dotpipe install`: one namespace for the whole machine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, Result};
use crate::{output, system};

/// Makes the directory at every start of the machine: a file for systemd-tmpfiles.
const TMPFILES: &str = include_str!("../dist/dotpipe.conf");

/// Runs `dotpipe export` at every start of the machine: a unit for systemd.
#[cfg(all(feature = "export", target_os = "linux"))]
const UNIT: &str = include_str!("../dist/dotpipe-export.service");

/// Set up /run/dotpipe, so that the pipes of all users are in one place, as on Windows.
///
/// Makes the directory, and a file for systemd-tmpfiles that makes it again at every start of the machine.
/// Processes that run already stay where they are: start them anew. Without it every user has a namespace of
/// their own. Windows needs none of this.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Print the file for systemd-tmpfiles (with --export: for systemd), and do nothing.
    #[arg(long)]
    print: bool,

    /// Install a unit for systemd that runs `dotpipe export --all` as well; it is not started.
    #[cfg(all(feature = "export", target_os = "linux"))]
    #[arg(long)]
    export: bool,

    /// Install below this directory instead of /, as for a package.
    #[arg(
        long,
        value_name = "DIR",
        default_value = "/",
        conflicts_with = "print"
    )]
    root: PathBuf,
}

pub(crate) fn run(args: &Args) -> Result {
    if args.print {
        return output::bytes(args.printed().as_bytes());
    }
    if let Some(reason) = system::NOTHING_TO_INSTALL {
        return Err(Failure::Usage(reason.into()));
    }
    let file = args.root.join("etc/tmpfiles.d/dotpipe.conf");
    let directory = args.root.join("run/dotpipe");
    done("write", &file, write(&file, TMPFILES))?;
    done("make", &directory, make(&directory))?;
    output::line(format_args!("{}\n{}", file.display(), directory.display()))?;
    #[cfg(all(feature = "export", target_os = "linux"))]
    if args.export {
        let unit = args.root.join("etc/systemd/system/dotpipe-export.service");
        done("write", &unit, write(&unit, UNIT))?;
        output::line(unit.display())?;
    }
    Ok(())
}

impl Args {
    fn printed(&self) -> &'static str {
        #[cfg(all(feature = "export", target_os = "linux"))]
        if self.export {
            return UNIT;
        }
        TMPFILES
    }
}

fn done(what: &str, path: &Path, result: io::Result<()>) -> Result {
    result.map_err(|error| Failure::System(format!("{what} {}", path.display()), error))
}

fn write(file: &Path, text: &str) -> io::Result<()> {
    fs::create_dir_all(file.parent().unwrap_or(Path::new("/")))?;
    fs::write(file, text)
}

fn make(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    system::share(directory)
}
