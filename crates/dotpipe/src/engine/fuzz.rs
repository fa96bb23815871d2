//! The door for fuzzing (`fuzz/`), which only `--cfg fuzzing` opens: what reads the bytes of other processes
//! and is nobody's to call otherwise.
//!
//! Each function takes what somebody sent or wrote, and panics if what was understood of it is written in another way
//! than it was read.

use super::local::parse_wish;
use super::namespace::{self, Record};
use super::rendezvous::{
    Answer, Operation, REQUEST_LEN, Request, claim, parse_security, security_text,
};
use crate::name::PipeName;
use crate::security::LONGEST_SDDL;

/// A request, as a server gets it.
pub fn request(bytes: &[u8]) {
    let Ok(request) = Request::decode(bytes) else {
        return;
    };
    let (fixed, text) = bytes.split_at(REQUEST_LEN);
    assert_eq!(request.encode(), fixed, "each byte means something");
    match request.operation {
        Operation::Open => {
            if let Ok(client) = claim::decode(text) {
                assert_eq!(claim::encode(&client).as_deref(), Ok(text));
            }
        }
        Operation::SetSecurity => {
            if let Ok((pipe, descriptor)) = parse_security(text) {
                let written = security_text(pipe, &descriptor);
                if descriptor.to_string().len() <= LONGEST_SDDL {
                    assert_eq!(parse_security(written.as_bytes()), Ok((pipe, descriptor)));
                }
            }
        }
        Operation::Join => {
            if let Some((id, wish)) = parse_wish(text) {
                assert!(text.starts_with(id.as_bytes()));
                check(&wish);
            }
        }
        _ => assert!(text.is_empty(), "the others are of one length"),
    }
}

/// An answer, as a client gets it.
pub fn answer(bytes: &[u8]) {
    let Ok(answer) = Answer::decode(bytes) else {
        return;
    };
    assert_eq!(answer.encode(), bytes, "each byte means something");
    // What clients do with it before they have looked closer.
    let mut counts = answer.counts;
    counts += answer.counts;
    assert!(counts.listening >= answer.counts.listening);
}

/// A record, as anybody reads it.
pub fn record(text: &str) {
    if let Some(record) = Record::parse(text) {
        check(&record);
    }
}

fn check(record: &Record) {
    if record.security.to_string().len() <= LONGEST_SDDL {
        assert_eq!(Record::parse(&record.to_text()).as_ref(), Some(record));
    }
}

/// The name of a pipe's folder.
pub fn file_name(name: &PipeName) -> String {
    namespace::file_name(name)
}
