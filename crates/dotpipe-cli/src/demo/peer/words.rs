//! [`Words`]: the words of a command, one after the other, and how data are written in it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use dotpipe::exact::{End, Result};
use dotpipe::name::PipeName;
use dotpipe::options::{
    Access, CreateOptions, DesiredAccess, PipeEnd, PipeMode, WaitMode, WaitTimeout,
};
use dotpipe::win32::Win32Error;

/// A command that is being read. What it should say and does not is ERROR_INVALID_PARAMETER.
pub(super) struct Words<'a> {
    all: Vec<&'a str>,
    next: usize,
    prefix: &'a str,
}

const WRONG: Win32Error = Win32Error::INVALID_PARAMETER;

impl<'a> Words<'a> {
    pub(super) fn new(line: &'a str, prefix: &'a str) -> Words<'a> {
        Words {
            all: line.split_whitespace().collect(),
            next: 0,
            prefix,
        }
    }

    /// The next word, empty when there is none.
    pub(super) fn word(&mut self) -> &'a str {
        let word = self.all.get(self.next).copied().unwrap_or("");
        self.next += 1;
        word
    }

    /// Goes back by a word.
    pub(super) fn again(&mut self) {
        self.next = self.next.saturating_sub(1);
    }

    pub(super) fn number(&mut self) -> Result<usize> {
        self.word().parse().map_err(|_| WRONG)
    }

    pub(super) fn pipe(&mut self) -> Result<PipeName> {
        let word = self.word();
        let name = format!("{}-{word}", self.prefix);
        PipeName::local(&name).map_err(|error| error.code())
    }

    pub(super) fn end(&mut self, ends: &HashMap<String, Arc<End>>) -> Result<Arc<End>> {
        ends.get(self.word())
            .cloned()
            .ok_or(Win32Error::INVALID_HANDLE)
    }

    pub(super) fn data(&mut self) -> Result<Vec<u8>> {
        match self.word() {
            "-" => Ok(Vec::new()),
            word => match word.strip_prefix("fill:") {
                Some(len) => len.parse().map(fill).map_err(|_| WRONG),
                None => Ok(word.as_bytes().to_vec()),
            },
        }
    }

    /// A limit in milliseconds, or the usual one.
    pub(super) fn limit(&mut self, usual: Duration) -> Result<Duration> {
        match self.word() {
            "" => Ok(usual),
            number => number.parse().map(Duration::from_millis).map_err(|_| WRONG),
        }
    }

    pub(super) fn milliseconds(&mut self) -> Result<WaitTimeout> {
        let number = self.word().parse().map_err(|_| WRONG)?;
        Ok(WaitTimeout::For(Duration::from_millis(number)))
    }

    pub(super) fn mode(&mut self) -> Result<PipeMode> {
        mode(self.word())
    }

    pub(super) fn wait_mode(&mut self) -> Result<WaitMode> {
        wait_mode(self.word())
    }

    pub(super) fn desired_access(&mut self) -> Result<DesiredAccess> {
        match self.word() {
            "" | "rw" => Ok(DesiredAccess::READ | DesiredAccess::WRITE),
            "r" => Ok(DesiredAccess::READ),
            "w" => Ok(DesiredAccess::WRITE),
            "r+wa" => Ok(DesiredAccess::READ | DesiredAccess::WRITE_ATTRIBUTES),
            "none" => Ok(DesiredAccess::empty()),
            _ => Err(WRONG),
        }
    }

    pub(super) fn create_options(&mut self) -> Result<CreateOptions> {
        let mut options = CreateOptions::default();
        loop {
            let word = self.word();
            if word.is_empty() {
                return Ok(options);
            }
            let (key, value) = word.split_once('=').unwrap_or((word, ""));
            let number = || value.parse().map_err(|_| WRONG);
            match key {
                "first" => options.first_instance = true,
                "access" => options.access = access(value)?,
                "type" => options.pipe_type = mode(value)?,
                "read" => options.read_mode = mode(value)?,
                "wait" => options.wait_mode = wait_mode(value)?,
                "max" => options.max_instances = number()?,
                "in" => options.in_quota = number()?,
                "out" => options.out_quota = number()?,
                "who" => {
                    options.security = Some(value.parse().map_err(|_| WRONG)?);
                    options.write_dac = true;
                }
                _ => return Err(WRONG),
            }
        }
    }
}

fn mode(word: &str) -> Result<PipeMode> {
    match word {
        "byte" => Ok(PipeMode::Byte),
        "message" => Ok(PipeMode::Message),
        _ => Err(WRONG),
    }
}

fn wait_mode(word: &str) -> Result<WaitMode> {
    match word {
        "block" => Ok(WaitMode::Blocking),
        "nowait" => Ok(WaitMode::NonBlocking),
        _ => Err(WRONG),
    }
}

fn access(word: &str) -> Result<Access> {
    match word {
        "in" => Ok(Access::Inbound),
        "out" => Ok(Access::Outbound),
        "duplex" => Ok(Access::Duplex),
        _ => Err(WRONG),
    }
}

/// The word for a wait mode.
pub(super) fn wait_word(mode: WaitMode) -> &'static str {
    match mode {
        WaitMode::Blocking => "block",
        WaitMode::NonBlocking => "nowait",
    }
}

/// The word for an end.
pub(super) fn end_word(end: PipeEnd) -> &'static str {
    match end {
        PipeEnd::Client => "client",
        PipeEnd::Server => "server",
    }
}

/// Bytes in a pattern that repeats late, so that one that is lost or doubled shows.
fn fill(len: usize) -> Vec<u8> {
    (0..len).map(|index| (index % 251) as u8).collect()
}

/// Data as an answer shows them: as they would be written in a command.
pub(super) fn show(data: &[u8]) -> String {
    match std::str::from_utf8(data) {
        Ok("") => "-".into(),
        Ok(text) if text.chars().all(|character| character.is_ascii_graphic()) => text.into(),
        _ if data == fill(data.len()) => format!("fill:{}", data.len()),
        _ => format!("{} other bytes", data.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_are_shown_as_they_are_written() {
        for text in ["-", "hello", "fill:1", "fill:3000"] {
            assert_eq!(show(&Words::new(text, "").data().unwrap()), text);
        }
        let mut data = fill(3000);
        data.swap(0, 1);
        assert_eq!(show(&data), "3000 other bytes");
    }

    #[test]
    fn a_word_that_makes_no_sense_is_refused() {
        assert!(Words::new("max=many", "").create_options().is_err());
        assert!(Words::new("colour=red", "").create_options().is_err());
        assert!(Words::new("rwx", "").desired_access().is_err());
        assert!(Words::new("", "").number().is_err());
    }
}
