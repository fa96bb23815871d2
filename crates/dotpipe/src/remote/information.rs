//! What a Windows server tells of an open pipe: `FILE_PIPE_LOCAL_INFORMATION`, decoded.
//!
//! Pure: bytes in, a value out. Samba does not answer this question.

use crate::options::{PipeEnd, PipeMode};

/// The number of the question in a QUERY_INFO request.
pub(super) const LOCAL_INFORMATION: u8 = 24;
/// The number of `FILE_PIPE_INFORMATION` in a SET_INFO request: read mode and wait mode.
pub(super) const PIPE_INFORMATION: u8 = 23;
/// The size of the answer, in bytes.
pub(super) const LOCAL_INFORMATION_LEN: usize = 40;

/// The parts of it that the exact layer has a place for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LocalInformation {
    pub(super) pipe_type: PipeMode,
    pub(super) max_instances: u32,
    pub(super) instances: u32,
    /// The quota of what the client end writes.
    pub(super) in_quota: u32,
    /// The quota of what the server end writes.
    pub(super) out_quota: u32,
    pub(super) end: PipeEnd,
}

/// `None` when the bytes are no such answer.
pub(super) fn decode(bytes: &[u8]) -> Option<LocalInformation> {
    let words: Vec<u32> = bytes
        .get(..LOCAL_INFORMATION_LEN)?
        .chunks_exact(4)
        .map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]]))
        .collect();
    let [
        pipe_type,
        _,
        max,
        instances,
        in_quota,
        _,
        out_quota,
        _,
        _,
        end,
    ] = words[..]
    else {
        return None;
    };
    Some(LocalInformation {
        pipe_type: match pipe_type & 1 {
            0 => PipeMode::Byte,
            _ => PipeMode::Message,
        },
        // FILE_PIPE_UNLIMITED_INSTANCES is all ones; to Win32 no limit is 255.
        max_instances: max.min(crate::options::UNLIMITED_INSTANCES),
        instances,
        in_quota,
        out_quota,
        end: match end {
            1 => PipeEnd::Server,
            _ => PipeEnd::Client,
        },
    })
}

/// What to set: the read mode, blocking.
pub(super) fn encode_modes(read_mode: PipeMode) -> Vec<u8> {
    let read_mode: u32 = match read_mode {
        PipeMode::Byte => 0,
        PipeMode::Message => 1,
    };
    let queue_operation = 0u32;
    [read_mode.to_le_bytes(), queue_operation.to_le_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_field_by_field() {
        let words = [1u32, 2, u32::MAX, 3, 4096, 0, 8192, 0, 3, 0];
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        let expected = LocalInformation {
            pipe_type: PipeMode::Message,
            max_instances: 255,
            instances: 3,
            in_quota: 4096,
            out_quota: 8192,
            end: PipeEnd::Client,
        };
        assert_eq!(decode(&bytes), Some(expected));
        for len in 0..bytes.len() {
            assert_eq!(decode(&bytes[..len]), None);
        }
    }

    #[test]
    fn modes_are_two_words() {
        assert_eq!(encode_modes(PipeMode::Message), [1, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(encode_modes(PipeMode::Byte), [0; 8]);
    }
}
