//! What keeps an end from sending or receiving whole messages, and what to do about it: one text for all faces.

use crate::options::PipeMode;

/// Why nothing can be sent as a message into a pipe of this type; `None` when it can.
pub(crate) fn why_not_send(pipe_type: PipeMode) -> Option<&'static str> {
    (pipe_type == PipeMode::Byte).then_some(
        "this pipe is of byte type and keeps no borders: write to it, or have its server create \
         it with pipe_mode(PipeMode::Message)",
    )
}

/// Why no message can be received from a pipe of this type in this read mode; `None` when it can.
pub(crate) fn why_not_receive(pipe_type: PipeMode, read_mode: PipeMode) -> Option<&'static str> {
    match (pipe_type, read_mode) {
        (PipeMode::Message, PipeMode::Message) => None,
        (PipeMode::Byte, _) => Some(
            "this pipe is of byte type and keeps no borders: read from it, or have its server create \
             it with pipe_mode(PipeMode::Message)",
        ),
        (PipeMode::Message, PipeMode::Byte) => Some(
            "this end reads bytes: open it with pipe_mode(PipeMode::Message), or call \
             set_read_mode(PipeMode::Message)",
        ),
    }
}
