//! [`IntoPipeName`]: what the functions of this face take for the name of a pipe.

use crate::error::{Error, Result};
use crate::name::{NameError, PipeName};

/// What names a pipe: a [`PipeName`], or a text in the full spelling that Win32 takes,
/// `\\.\pipe\Name`.
pub trait IntoPipeName {
    /// The name.
    ///
    /// # Errors
    /// [`NameError`] says what is wrong with the text.
    fn into_pipe_name(self) -> std::result::Result<PipeName, NameError>;
}

impl IntoPipeName for PipeName {
    fn into_pipe_name(self) -> std::result::Result<PipeName, NameError> {
        Ok(self)
    }
}

impl IntoPipeName for &PipeName {
    fn into_pipe_name(self) -> std::result::Result<PipeName, NameError> {
        Ok(self.clone())
    }
}

impl IntoPipeName for &str {
    /// As [`PipeName::parse`].
    fn into_pipe_name(self) -> std::result::Result<PipeName, NameError> {
        PipeName::parse(self)
    }
}

impl IntoPipeName for &String {
    /// As [`PipeName::parse`].
    fn into_pipe_name(self) -> std::result::Result<PipeName, NameError> {
        PipeName::parse(self)
    }
}

impl IntoPipeName for String {
    /// As [`PipeName::parse`].
    fn into_pipe_name(self) -> std::result::Result<PipeName, NameError> {
        PipeName::parse(&self)
    }
}

/// The name that an operation was given.
pub(super) fn name_for(operation: &'static str, name: impl IntoPipeName) -> Result<PipeName> {
    name.into_pipe_name()
        .map_err(|fault| Error::invalid_name(operation, &fault))
}
