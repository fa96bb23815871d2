//! [`PipeName`]: how a pipe is named, spelt and compared.
//!
//! Plain data for all layers. The rule it owns: what a valid pipe name is, and when two names are the
//! same pipe. Nothing here looks whether a pipe exists.

mod error;
mod fold;

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

pub use error::printable;
pub use error::{NameError, NameProblem};

/// The name of a pipe: `\\.\pipe\Name` on this machine, `\\Server\pipe\Name` on another one.
///
/// `Name`, the *PipeName*, is 1 to 256 UTF-16 units long (a character outside the Basic Multilingual
/// Plane, such as an emoji, counts two) and may hold any character but a backslash and NUL.
///
/// Names are compared as Windows does: without case, one character to one character. The spelling is
/// kept nevertheless and given back by [`name`](Self::name) and by `Display`. Cloning is cheap.
///
/// # Examples
/// ```
/// use dotpipe::name::PipeName;
///
/// let name: PipeName = r"\\.\pipe\Printer".parse()?;
/// assert_eq!(name, PipeName::local("PRINTER")?);
/// assert_eq!(name.name(), "Printer");
/// assert_eq!(name.to_string(), r"\\.\pipe\Printer");
/// # Ok::<(), dotpipe::name::NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PipeName(Arc<Parts>);

/// In the order in which names are compared: first by PipeName, and the local pipe before those of
/// that name on servers.
#[derive(PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Parts {
    name: Caseless,
    server: Option<Caseless>,
}

impl PipeName {
    /// The longest PipeName, in UTF-16 units.
    pub const MAX_UNITS: usize = 256;

    /// The longest server name, in UTF-16 units: that of a full domain name.
    pub const MAX_SERVER_UNITS: usize = 255;

    /// Takes the full spelling that Win32 functions take: `\\.\pipe\Name` or `\\Server\pipe\Name`,
    /// where `pipe` may be written in any case.
    ///
    /// The server `?` means this machine too, as on Windows: `\\?\pipe\Name` is `\\.\pipe\Name`. Any
    /// other server is another machine, `localhost` as well.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong with the name; its code is always `ERROR_INVALID_NAME`.
    pub fn parse(path: &str) -> Result<PipeName, NameError> {
        PipeName::from_path(path, '\\')
    }

    /// Takes the PipeName alone, for a pipe on this machine: `Name` for `\\.\pipe\Name`.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong with the name; its code is always `ERROR_INVALID_NAME`.
    pub fn local(name: &str) -> Result<PipeName, NameError> {
        PipeName::from_parts(None, name).map_err(|problem| NameError::new(name, problem))
    }

    /// Takes what a person writes on a command line, where backslashes are a nuisance:
    ///
    /// | written | means |
    /// |---|---|
    /// | `\\.\pipe\Name`, `\\Server\pipe\Name` | the same, see [`parse`](Self::parse) |
    /// | `//./pipe/Name`, `//Server/pipe/Name` | `\\.\pipe\Name`, `\\Server\pipe\Name` |
    /// | `Name` | `\\.\pipe\Name` |
    ///
    /// Only the four separators are replaced, so a slash in a PipeName stays: `a/b` is `\\.\pipe\a/b`,
    /// and so is `//./pipe/a/b`. What begins with two slashes is always a path; a PipeName that itself
    /// begins with two needs its full spelling.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong with the name; its code is always `ERROR_INVALID_NAME`.
    pub fn from_shell(text: &str) -> Result<PipeName, NameError> {
        if text.starts_with(r"\\") {
            PipeName::from_path(text, '\\')
        } else if text.starts_with("//") {
            PipeName::from_path(text, '/')
        } else {
            PipeName::local(text)
        }
    }

    /// The name of the other machine as it was written, or `None` for a pipe on this one.
    pub fn server(&self) -> Option<&str> {
        self.0.server.as_ref().map(|server| &*server.written)
    }

    /// Whether the pipe is on this machine: its server is `.`.
    pub fn is_local(&self) -> bool {
        self.0.server.is_none()
    }

    /// The PipeName, without server and `pipe`, as it was written.
    pub fn name(&self) -> &str {
        &self.0.name.written
    }

    /// The PipeName in the capitals that Windows compares: equal for all spellings of one name.
    ///
    /// It is for comparing and for keys, not for people, and does not tell servers apart.
    pub fn folded(&self) -> &str {
        &self.0.name.folded
    }

    fn from_path(path: &str, separator: char) -> Result<PipeName, NameError> {
        split_path(path, separator)
            .ok_or(NameProblem::NotAPipePath)
            .and_then(|(server, name)| match server {
                "." | "?" => PipeName::from_parts(None, name),
                server => PipeName::from_parts(Some(server), name),
            })
            .map_err(|problem| NameError::new(path, problem))
    }

    fn from_parts(server: Option<&str>, name: &str) -> Result<PipeName, NameProblem> {
        if let Some(server) = server {
            check_server(server)?;
        }
        check_name(name)?;
        Ok(PipeName(Arc::new(Parts {
            name: Caseless::new(name),
            server: server.map(Caseless::new),
        })))
    }
}

/// Splits `\\server\pipe\name` at its separators; only the shape is looked at.
fn split_path(path: &str, separator: char) -> Option<(&str, &str)> {
    let rest = path.strip_prefix(separator)?.strip_prefix(separator)?;
    let (server, rest) = rest.split_once(separator)?;
    let (word, name) = rest.split_once(separator)?;
    (!server.is_empty() && word.eq_ignore_ascii_case("pipe")).then_some((server, name))
}

fn check_server(server: &str) -> Result<(), NameProblem> {
    let units = server.encode_utf16().count();
    if units > PipeName::MAX_SERVER_UNITS {
        return Err(NameProblem::ServerTooLong { units });
    }
    // Separators of paths, and what no host name has and a terminal or a log might obey.
    match server
        .chars()
        .find(|&c| matches!(c, '/' | '\\') || c.is_whitespace() || c.is_control())
    {
        Some(character) => Err(NameProblem::ServerCharacter { character }),
        None => Ok(()),
    }
}

fn check_name(name: &str) -> Result<(), NameProblem> {
    let units = name.encode_utf16().count();
    if units == 0 {
        Err(NameProblem::Empty)
    } else if name.contains('\\') {
        Err(NameProblem::Backslash)
    } else if name.contains('\0') {
        // Win32 takes names that end with NUL, so no program on Windows or Wine could say this one.
        Err(NameProblem::Nul)
    } else if units > PipeName::MAX_UNITS {
        Err(NameProblem::TooLong { units })
    } else {
        Ok(())
    }
}

impl FromStr for PipeName {
    type Err = NameError;

    /// As [`PipeName::parse`].
    fn from_str(path: &str) -> Result<PipeName, NameError> {
        PipeName::parse(path)
    }
}

impl TryFrom<&str> for PipeName {
    type Error = NameError;

    /// As [`PipeName::parse`].
    fn try_from(path: &str) -> Result<PipeName, NameError> {
        PipeName::parse(path)
    }
}

impl fmt::Display for PipeName {
    /// The full spelling, which [`PipeName::parse`] takes again.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            r"\\{}\pipe\{}",
            self.server().unwrap_or("."),
            self.name()
        )
    }
}

impl fmt::Debug for PipeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PipeName({})", printable(&self.to_string()))
    }
}

/// A text that is shown as it was written and compared without case.
struct Caseless {
    written: Box<str>,
    folded: Box<str>,
}

impl Caseless {
    fn new(text: &str) -> Self {
        let folded: String = text.chars().map(fold::upcase).collect();
        Caseless {
            written: text.into(),
            folded: folded.into(),
        }
    }
}

impl PartialEq for Caseless {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Caseless {}

impl Hash for Caseless {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}

impl PartialOrd for Caseless {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Caseless {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded.cmp(&other.folded)
    }
}

#[cfg(test)]
mod tests;
