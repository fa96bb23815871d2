//! What a server process writes down about a pipe that it serves: a small text, for other server
//! processes and for people.
//!
//! ```text
//! dotpipe 1
//! pipe 5c31f08e9ab27d14        which creation of the name this is
//! type message
//! access duplex
//! max 255
//! timeout 0
//! instances 0000000003         of this process
//! out 0000065536
//! in 0000065536
//! pid 1234
//! since 812345678901           nanoseconds of the monotonic clock
//! remote reject                or accept: clients of other machines
//! security O:...D:...          who may do what, as SDDL
//! name MyPipe                  as its first instance spelt it; to the end of the file
//! ```
//! What changes while the process lives has a fixed width, so that a reader without the folder's lock
//! may see digits of two versions but never half a record.

use super::PipeId;
use crate::options::{Access, PipeMode};
use crate::security::{LONGEST_SDDL, SecurityDescriptor};

/// The longest record that is read: far more than a correct one can be.
pub(super) const LONGEST: usize = 2048 + LONGEST_SDDL;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::engine) struct Record {
    pub(in crate::engine) pipe: PipeId,
    pub(in crate::engine) pipe_type: PipeMode,
    pub(in crate::engine) access: Access,
    pub(in crate::engine) max_instances: u32,
    pub(in crate::engine) default_timeout: u32,
    pub(in crate::engine) instances: u32,
    pub(in crate::engine) out_quota: u32,
    pub(in crate::engine) in_quota: u32,
    pub(in crate::engine) process: u32,
    pub(in crate::engine) since: u64,
    pub(in crate::engine) reject_remote_clients: bool,
    pub(in crate::engine) security: SecurityDescriptor,
    pub(in crate::engine) name: String,
}

impl Record {
    pub(in crate::engine) fn to_text(&self) -> String {
        let pipe_type = match self.pipe_type {
            PipeMode::Byte => "byte",
            PipeMode::Message => "message",
        };
        let access = match self.access {
            Access::Inbound => "inbound",
            Access::Outbound => "outbound",
            Access::Duplex => "duplex",
        };
        format!(
            "dotpipe 1\npipe {:016x}\ntype {pipe_type}\naccess {access}\nmax {}\ntimeout {}\n\
             instances {:010}\nout {:010}\nin {:010}\npid {}\nsince {}\n\
             remote {}\nsecurity {}\nname {}",
            self.pipe.0,
            self.max_instances,
            self.default_timeout,
            self.instances,
            self.out_quota,
            self.in_quota,
            self.process,
            self.since,
            if self.reject_remote_clients {
                "reject"
            } else {
                "accept"
            },
            self.security,
            self.name,
        )
    }

    /// `None` for anything that this version did not write.
    pub(in crate::engine) fn parse(text: &str) -> Option<Record> {
        let (fields, name) = text.split_once("\nname ")?;
        let mut lines = fields.split('\n');
        let mut field = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix(' ');
        if field("dotpipe")? != "1" {
            return None;
        }
        Some(Record {
            pipe: PipeId(u64::from_str_radix(field("pipe")?, 16).ok()?),
            pipe_type: match field("type")? {
                "byte" => PipeMode::Byte,
                "message" => PipeMode::Message,
                _ => return None,
            },
            access: match field("access")? {
                "inbound" => Access::Inbound,
                "outbound" => Access::Outbound,
                "duplex" => Access::Duplex,
                _ => return None,
            },
            max_instances: field("max")?.parse().ok()?,
            default_timeout: field("timeout")?.parse().ok()?,
            instances: field("instances")?.parse().ok()?,
            out_quota: field("out")?.parse().ok()?,
            in_quota: field("in")?.parse().ok()?,
            process: field("pid")?.parse().ok()?,
            since: field("since")?.parse().ok()?,
            reject_remote_clients: match field("remote")? {
                "reject" => true,
                "accept" => false,
                _ => return None,
            },
            security: field("security")?.parse().ok()?,
            name: name.to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Record {
        Record {
            pipe: PipeId(0x1234),
            pipe_type: PipeMode::Message,
            access: Access::Inbound,
            max_instances: 255,
            default_timeout: 50,
            instances: 3,
            out_quota: 0,
            in_quota: u32::MAX,
            process: 4321,
            since: u64::MAX,
            reject_remote_clients: true,
            security: SecurityDescriptor::default(),
            name: "With\nname a line feed, and 파이프".into(),
        }
    }

    #[test]
    fn a_record_survives_the_trip() {
        let text = example().to_text();
        assert!(text.len() < LONGEST);
        let more = Record {
            instances: u32::MAX,
            out_quota: u32::MAX,
            ..example()
        };
        assert_eq!(more.to_text().len(), text.len(), "written over in place");
        assert_eq!(Record::parse(&text), Some(example()));
    }

    #[test]
    fn anything_else_is_no_record() {
        let text = example().to_text();
        for cut in 0..text.find("\nname ").unwrap() {
            assert_eq!(Record::parse(&text[..cut]), None, "{cut}");
        }
        assert_eq!(Record::parse(&text.replace("dotpipe 1", "dotpipe 2")), None);
        assert_eq!(
            Record::parse(&text.replace("type message", "type other")),
            None
        );
        assert_eq!(Record::parse(&text.replace("max 255", "max -1")), None);
    }
}
