//! Requests and answers as bytes. Pure: no sockets, no state.
//!
//! ```text
//! request, 40 bytes and more    answer, 96 bytes and a text
//!   0  magic  "dotpipe" 1         0  magic
//!   8  operation                  8  Win32 code, 0 for success
//!  12  desired access (open)     12  access of the pipe
//!  13  impersonation level       16  type of the pipe
//!  16  token of memory (open)    20  maximum of instances
//!  24  digest of the name        24  default time-out, ms
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
//!                                88  bit 0: the memory is the one of the request's token
//!                                    bit 1: for clients of this machine only
//!                                96  the name (query) or the security descriptor, UTF-8
//! ```
//! Numbers are little-endian, 32 bits up to offset 56 and 64 bits from there. The last byte of the magic
//! is the version; whoever meets another one says `ERROR_NOT_SUPPORTED`.

use sha2::{Digest, Sha256};

use super::claim::LONGEST_CLAIM;
use crate::engine::namespace::PipeId;
use crate::exact::InstanceCounts;
use crate::name::PipeName;
use crate::options::{Access, DesiredAccess, ImpersonationLevel, PipeMode};
use crate::security::LONGEST_SDDL;
use crate::win32::Win32Error;

pub(in crate::engine) const REQUEST_LEN: usize = 40;
const ANSWER_LEN: usize = 96;
/// Which creation of a name, in hex digits, and the end of the line.
pub(super) const PIPE_ID_LEN: usize = 17;
/// The longest request that goes on with text: one that brings a security descriptor.
const LONGEST_TEXT: usize = PIPE_ID_LEN + LONGEST_SDDL;
/// The longest request: one in the name of a client on another machine.
pub(in crate::engine) const LONGEST_REQUEST: usize = REQUEST_LEN + LONGEST_CLAIM;
/// The longest answer: one with a security descriptor. 256 UTF-16 units of a name are at most 768 bytes.
pub(in crate::engine) const LONGEST_ANSWER: usize = ANSWER_LEN + LONGEST_SDDL;

const MAGIC: [u8; 8] = *b"dotpipe\x01";

/// What a client wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Operation {
    /// To be connected to the instance that has listened longest. The request goes on with who a client on another
    /// machine is ([`claim`](super::claim)), if the pipe is opened for one.
    Open,
    /// To be told when an instance listens.
    Wait,
    /// To know how the pipe is.
    Query,
    /// To know who may do what.
    GetSecurity,
    /// To change that. The request goes on with which creation of the name is meant, as the first line, and
    /// the descriptor.
    SetSecurity,
    /// To serve the pipe of another user along with it. The request goes on with the id of the process among the
    /// pipe's servers, as the first line, and what it wants, as a record. A new one encloses its socket.
    Join,
}

const OPERATIONS: [(Operation, u32); 6] = [
    (Operation::Open, 1),
    (Operation::Wait, 2),
    (Operation::Query, 3),
    (Operation::GetSecurity, 4),
    (Operation::SetSecurity, 5),
    (Operation::Join, 6),
];

const LEVELS: [ImpersonationLevel; 4] = [
    ImpersonationLevel::Anonymous,
    ImpersonationLevel::Identification,
    ImpersonationLevel::Impersonation,
    ImpersonationLevel::Delegation,
];

/// Which pipe a request is for: the beginning of the SHA-256 of the folded name.
///
/// A server answers for its own name only. Otherwise whoever puts another's socket into a folder of his own
/// could send clients to a pipe that they did not mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct NameDigest([u8; 16]);

impl NameDigest {
    pub(in crate::engine) fn of(name: &PipeName) -> NameDigest {
        let mut digest = [0; 16];
        digest.copy_from_slice(&Sha256::digest(name.folded())[..16]);
        NameDigest(digest)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Request {
    pub(in crate::engine) operation: Operation,
    pub(in crate::engine) access: DesiredAccess,
    pub(in crate::engine) level: ImpersonationLevel,
    pub(in crate::engine) name: NameDigest,
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
    pub(in crate::engine) reject_remote_clients: bool,
    /// The name of the pipe or its security descriptor.
    pub(in crate::engine) text: String,
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
    /// One that only asks.
    pub(in crate::engine) fn to(operation: Operation, name: &PipeName) -> Request {
        Request {
            operation,
            access: DesiredAccess::empty(),
            level: ImpersonationLevel::Anonymous,
            name: NameDigest::of(name),
            token: 0,
        }
    }

    pub(in crate::engine) fn encode(&self) -> [u8; REQUEST_LEN] {
        let mut bytes = [0; REQUEST_LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        let known = OPERATIONS.iter().find(|(each, _)| *each == self.operation);
        let operation = known.map_or(0, |(_, number)| *number);
        bytes[8..12].copy_from_slice(&operation.to_le_bytes());
        bytes[12] = self.access.bits();
        bytes[13] = self.level as u8;
        bytes[16..24].copy_from_slice(&self.token.to_le_bytes());
        bytes[24..].copy_from_slice(&self.name.0);
        bytes
    }

    /// # Errors
    /// `ERROR_NOT_SUPPORTED` for another version, `ERROR_INVALID_PARAMETER` for nonsense.
    pub(in crate::engine) fn decode(bytes: &[u8]) -> Result<Request, Win32Error> {
        check_magic(bytes)?;
        const NONSENSE: Win32Error = Win32Error::INVALID_PARAMETER;
        if bytes.len() < REQUEST_LEN || bytes[14] != 0 || bytes[15] != 0 {
            return Err(NONSENSE);
        }
        let number = u32_at(bytes, 8);
        let known = OPERATIONS.iter().find(|(_, each)| *each == number);
        let operation = known.ok_or(NONSENSE)?.0;
        let longest = match operation {
            Operation::Open => LONGEST_REQUEST,
            Operation::SetSecurity | Operation::Join => REQUEST_LEN + LONGEST_TEXT,
            _ => REQUEST_LEN,
        };
        if bytes.len() > longest {
            return Err(NONSENSE);
        }
        let level = LEVELS.iter().find(|level| **level as u8 == bytes[13]);
        let mut name = [0; 16];
        name.copy_from_slice(&bytes[24..REQUEST_LEN]);
        let access = DesiredAccess::from_bits(bytes[12]);
        Ok(Request {
            operation,
            access: access.ok_or(NONSENSE)?,
            level: *level.ok_or(NONSENSE)?,
            name: NameDigest(name),
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
        let flags = u64::from(self.recycled) | u64::from(self.reject_remote_clients) << 1;
        for word in [self.pipe.0, self.rings.0, self.rings.1, self.token, flags] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(self.text.as_bytes());
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
        let flags = u64_at(bytes, 88);
        if flags > 3 {
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
            recycled: flags & 1 != 0,
            reject_remote_clients: flags & 2 != 0,
            text: std::str::from_utf8(&bytes[ANSWER_LEN..])
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
            reject_remote_clients: true,
            text: "파이프".into(),
        }
    }

    #[test]
    fn both_survive_the_trip() {
        let name = PipeName::local("파이프").unwrap();
        for (operation, _) in OPERATIONS {
            for access in [
                DesiredAccess::empty(),
                DesiredAccess::all(),
                DesiredAccess::READ,
            ] {
                for level in LEVELS {
                    let request = Request {
                        access,
                        level,
                        token: u64::MAX - 3,
                        ..Request::to(operation, &name)
                    };
                    assert_eq!(Request::decode(&request.encode()), Ok(request));
                }
            }
        }
        assert_eq!(Answer::decode(&answer().encode()), Ok(answer()));
    }

    #[test]
    fn conversations_that_go_wrong() {
        let name = PipeName::local("p").unwrap();
        let good = Request::to(Operation::Open, &name).encode();
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
            (13, 4),
            (14, 1),
            (15, 1),
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
        let longer = |operation, more| {
            let mut bytes = Request::to(operation, &name).encode().to_vec();
            bytes.resize(REQUEST_LEN + more, b'x');
            Request::decode(&bytes).is_ok()
        };
        assert!(!longer(Operation::Query, 1));
        for (operation, longest) in [
            (Operation::Open, LONGEST_CLAIM),
            (Operation::SetSecurity, LONGEST_TEXT),
            (Operation::Join, LONGEST_TEXT),
        ] {
            assert!(longer(operation, longest));
            assert!(!longer(operation, longest + 1));
        }
        let good = answer().encode();
        for len in 0..ANSWER_LEN {
            assert_eq!(
                Answer::decode(&good[..len]),
                Err(Win32Error::GEN_FAILURE),
                "{len}"
            );
        }
        for (offset, byte) in [(3, 0), (12, 9), (16, 1), (88, 4), (95, 1), (96, 0xff)] {
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
