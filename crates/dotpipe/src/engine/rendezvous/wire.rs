//! Requests and answers as bytes. Pure: no sockets, no state.
//!
//! ```text
//! request, 32 bytes             answer, 96 bytes and the name
//!   0  magic  "dotpipe" 1         0  magic
//!   8  operation                  8  Win32 code, 0 for success
//!  12  desired access (open)     12  access of the pipe
//!  16  token of memory (open)    16  type of the pipe
//!  24  zero                      20  maximum of instances
//!                                24  default time-out, ms
//!                                28  quota of the server end
//!                                32  quota of the client end
//!                                36  instances listening (query)
//!                                40  ... connected
//!                                44  ... closing
//!                                48  ... disconnected
//!                                52  process id of the server (query)
//!                                56  which creation of the name
//!                                64  size of the ring server to client (open)
//!                                72  size of the ring client to server
//!                                80  token of the memory (open), 0 for none
//!                                88  1: the memory is the one of the request's token
//!                                96  the name in UTF-8, to the end of the packet (query)
//! ```
//! Numbers are little-endian, 32 bits up to offset 56 and 64 bits from there. The last byte of the magic
//! is the version; whoever meets another one says `ERROR_NOT_SUPPORTED`.

use crate::engine::namespace::PipeId;
use crate::exact::InstanceCounts;
use crate::options::{Access, DesiredAccess, PipeMode};
use crate::win32::Win32Error;

pub(in crate::engine) const REQUEST_LEN: usize = 32;
const ANSWER_LEN: usize = 96;
/// The longest answer: 256 UTF-16 units are at most 768 bytes of UTF-8.
pub(in crate::engine) const LONGEST_ANSWER: usize = ANSWER_LEN + 768;

const MAGIC: [u8; 8] = *b"dotpipe\x01";

/// What a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Operation {
    /// To be connected to the instance that has listened longest.
    Open,
    /// To be told when an instance listens.
    Wait,
    /// To know how the pipe is.
    Query,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Request {
    pub(in crate::engine) operation: Operation,
    pub(in crate::engine) access: DesiredAccess,
    /// Which memory of an earlier conversation the client has, to open the pipe with it; 0 for none.
    pub(in crate::engine) token: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Answer {
    pub(in crate::engine) code: Win32Error,
    pub(in crate::engine) access: Access,
    pub(in crate::engine) pipe_type: PipeMode,
    pub(in crate::engine) max_instances: u32,
    pub(in crate::engine) default_timeout: u32,
    pub(in crate::engine) out_quota: u32,
    pub(in crate::engine) in_quota: u32,
    pub(in crate::engine) counts: InstanceCounts,
    pub(in crate::engine) process: u32,
    pub(in crate::engine) pipe: PipeId,
    /// Sizes of the rings: server to client, client to server.
    pub(in crate::engine) rings: (u64, u64),
    /// By which the memory of this conversation can be had again; 0 when it cannot.
    pub(in crate::engine) token: u64,
    /// The memory is that of the request's token, and so none comes with the answer.
    pub(in crate::engine) recycled: bool,
    pub(in crate::engine) name: String,
}

fn u32_at(bytes: &[u8], offset: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(word)
}

fn check_magic(bytes: &[u8]) -> Result<(), Win32Error> {
    match bytes.split_at_checked(8) {
        Some((magic, _)) if magic == MAGIC => Ok(()),
        Some((magic, _)) if magic[..7] == MAGIC[..7] => Err(Win32Error::NOT_SUPPORTED),
        _ => Err(Win32Error::INVALID_PARAMETER),
    }
}

impl Request {
    pub(in crate::engine) fn encode(&self) -> [u8; REQUEST_LEN] {
        let mut bytes = [0; REQUEST_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8] = match self.operation {
            Operation::Open => 1,
            Operation::Wait => 2,
            Operation::Query => 3,
        };
        bytes[12] = self.access.bits();
        bytes[16..24].copy_from_slice(&self.token.to_le_bytes());
        bytes
    }

    /// # Errors
    /// `ERROR_NOT_SUPPORTED` for another version, `ERROR_INVALID_PARAMETER` for nonsense.
    pub(in crate::engine) fn decode(bytes: &[u8]) -> Result<Request, Win32Error> {
        check_magic(bytes)?;
        const NONSENSE: Win32Error = Win32Error::INVALID_PARAMETER;
        if bytes.len() != REQUEST_LEN || bytes[24..].iter().any(|byte| *byte != 0) {
            return Err(NONSENSE);
        }
        let operation = match u32_at(bytes, 8) {
            1 => Operation::Open,
            2 => Operation::Wait,
            3 => Operation::Query,
            _ => return Err(NONSENSE),
        };
        let access = u8::try_from(u32_at(bytes, 12))
            .ok()
            .and_then(DesiredAccess::from_bits);
        Ok(Request {
            operation,
            access: access.ok_or(NONSENSE)?,
            token: u64_at(bytes, 16),
        })
    }
}

impl Answer {
    pub(in crate::engine) fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        let access = match self.access {
            Access::Inbound => 1u32,
            Access::Outbound => 2,
            Access::Duplex => 3,
        };
        let pipe_type = match self.pipe_type {
            PipeMode::Byte => 0u32,
            PipeMode::Message => 4,
        };
        let InstanceCounts {
            listening,
            connected,
            closing,
            disconnected,
            ..
        } = self.counts;
        for word in [
            self.code.0,
            access,
            pipe_type,
            self.max_instances,
            self.default_timeout,
            self.out_quota,
            self.in_quota,
            listening,
            connected,
            closing,
            disconnected,
            self.process,
        ] {
            bytes.extend(word.to_le_bytes());
        }
        let recycled = u64::from(self.recycled);
        for word in [
            self.pipe.0,
            self.rings.0,
            self.rings.1,
            self.token,
            recycled,
        ] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(self.name.as_bytes());
        bytes
    }

    /// # Errors
    /// `ERROR_NOT_SUPPORTED` for another version, `ERROR_GEN_FAILURE` for nonsense: the server is not
    /// one of ours.
    pub(in crate::engine) fn decode(bytes: &[u8]) -> Result<Answer, Win32Error> {
        const NONSENSE: Win32Error = Win32Error::GEN_FAILURE;
        check_magic(bytes).map_err(|code| match code {
            Win32Error::NOT_SUPPORTED => code,
            _ => NONSENSE,
        })?;
        if bytes.len() < ANSWER_LEN {
            return Err(NONSENSE);
        }
        Ok(Answer {
            code: Win32Error(u32_at(bytes, 8)),
            access: match u32_at(bytes, 12) {
                1 => Access::Inbound,
                2 => Access::Outbound,
                3 => Access::Duplex,
                _ => return Err(NONSENSE),
            },
            pipe_type: match u32_at(bytes, 16) {
                0 => PipeMode::Byte,
                4 => PipeMode::Message,
                _ => return Err(NONSENSE),
            },
            max_instances: u32_at(bytes, 20),
            default_timeout: u32_at(bytes, 24),
            out_quota: u32_at(bytes, 28),
            in_quota: u32_at(bytes, 32),
            counts: InstanceCounts {
                listening: u32_at(bytes, 36),
                connected: u32_at(bytes, 40),
                closing: u32_at(bytes, 44),
                disconnected: u32_at(bytes, 48),
                unknown: 0,
            },
            process: u32_at(bytes, 52),
            pipe: PipeId(u64_at(bytes, 56)),
            rings: (u64_at(bytes, 64), u64_at(bytes, 72)),
            token: u64_at(bytes, 80),
            recycled: match u64_at(bytes, 88) {
                0 => false,
                1 => true,
                _ => return Err(NONSENSE),
            },
            name: std::str::from_utf8(&bytes[ANSWER_LEN..])
                .map_err(|_| NONSENSE)?
                .to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        Answer {
            code: Win32Error::PIPE_BUSY,
            access: Access::Inbound,
            pipe_type: PipeMode::Message,
            max_instances: 7,
            default_timeout: 20,
            out_quota: 1,
            in_quota: u32::MAX,
            counts: InstanceCounts {
                listening: 1,
                connected: 2,
                closing: 3,
                disconnected: 4,
                unknown: 0,
            },
            process: 99,
            pipe: PipeId(u64::MAX - 1),
            rings: (4096, 1 << 30),
            token: u64::MAX - 2,
            recycled: true,
            name: "파이프".into(),
        }
    }

    #[test]
    fn both_survive_the_trip() {
        for operation in [Operation::Open, Operation::Wait, Operation::Query] {
            for access in [
                DesiredAccess::empty(),
                DesiredAccess::all(),
                DesiredAccess::READ,
            ] {
                let token = u64::MAX - 3;
                let request = Request {
                    operation,
                    access,
                    token,
                };
                assert_eq!(Request::decode(&request.encode()), Ok(request));
            }
        }
        assert_eq!(Answer::decode(&answer().encode()), Ok(answer()));
    }

    #[test]
    fn conversations_that_go_wrong() {
        let good = Request {
            operation: Operation::Open,
            access: DesiredAccess::READ,
            token: 0,
        }
        .encode();
        let with = |offset: usize, byte: u8| {
            let mut bytes = good;
            bytes[offset] = byte;
            Request::decode(&bytes)
        };
        assert_eq!(with(7, 2), Err(Win32Error::NOT_SUPPORTED));
        for (offset, byte) in [
            (0, 0),
            (8, 0),
            (8, 9),
            (11, 1),
            (12, 0xff),
            (13, 1),
            (31, 1),
        ] {
            assert_eq!(
                with(offset, byte),
                Err(Win32Error::INVALID_PARAMETER),
                "{offset}"
            );
        }
        for len in 0..good.len() {
            assert_eq!(
                Request::decode(&good[..len]),
                Err(Win32Error::INVALID_PARAMETER)
            );
        }
        let good = answer().encode();
        for len in 0..ANSWER_LEN {
            assert_eq!(
                Answer::decode(&good[..len]),
                Err(Win32Error::GEN_FAILURE),
                "{len}"
            );
        }
        for (offset, byte) in [(3, 0), (12, 9), (16, 1), (88, 2), (95, 1), (96, 0xff)] {
            let mut bytes = good.clone();
            bytes[offset] = byte;
            assert_eq!(
                Answer::decode(&bytes),
                Err(Win32Error::GEN_FAILURE),
                "{offset}"
            );
        }
    }
}
