//! [`Reply`], and the frames of the data that follow it.

use std::fmt;

/// The most bytes that one frame carries.
pub const LONGEST_FRAME: usize = 65535;

/// FILE_TYPE_BYTE_MODE_PIPE and FILE_TYPE_MESSAGE_MODE_PIPE.
const FILE_TYPES: (u16, u16) = (1, 2);
/// What stands behind the length.
const LEN: u32 = 32;

/// The answer to a request. `smbd` ignores the status: to refuse a client, close without a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reply {
    /// The level of the request.
    pub level: u32,
    /// Whether the pipe carries messages.
    pub messages: bool,
}

impl Reply {
    /// The reply with its length in front.
    pub fn encode(self) -> [u8; 36] {
        let (file_type, device_state): (u16, u16) = match self.messages {
            true => (FILE_TYPES.1, 0x05ff),
            false => (FILE_TYPES.0, 0x00ff),
        };
        let mut bytes = [0; 36];
        bytes[0..4].copy_from_slice(&LEN.to_be_bytes());
        bytes[4..8].copy_from_slice(b"NPAM");
        bytes[8..12].copy_from_slice(&self.level.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.level.to_le_bytes());
        bytes[16..18].copy_from_slice(&file_type.to_le_bytes());
        bytes[18..20].copy_from_slice(&device_state.to_le_bytes());
        // Four bytes of padding, then the allocation size; the status is 0.
        bytes[24..32].copy_from_slice(&4096u64.to_le_bytes());
        bytes
    }
}

/// A message that no frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// `smbd` breaks off at a frame of nothing.
    Empty,
    /// The message is longer than [`LONGEST_FRAME`].
    TooLong,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            FrameError::Empty => "Samba carries no empty messages",
            FrameError::TooLong => "Samba carries no messages of more than 65535 bytes",
        })
    }
}

impl std::error::Error for FrameError {}

/// What stands in front of a message of so many bytes: its length, little-endian. Header and message
/// should be sent at once.
///
/// # Errors
/// [`FrameError`] when Samba carries no such message.
pub fn frame(len: usize) -> Result<[u8; 2], FrameError> {
    match u16::try_from(len) {
        Ok(0) => Err(FrameError::Empty),
        Ok(len) => Ok(len.to_le_bytes()),
        Err(_) => Err(FrameError::TooLong),
    }
}
