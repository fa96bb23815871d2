//! The door for fuzzing (`fuzz/`), which only `--cfg fuzzing` opens: what reads the bytes of other processes
//! and is nobody's to call otherwise.
//!
//! Each function takes what somebody sent or wrote, and panics if what was understood of it is written in another way
//! than it was read.

use super::local::parse_wish;
use super::namespace::{self, Record};
use super::rendezvous::{
    self, Answer, Operation, REQUEST_LEN, Request, parse_security, security_text,
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
        Operation::Open => claim(text),
        _ => assert!(text.is_empty(), "the others are of one length"),
    }
}

/// Who a client on another machine is, as a server gets it from a bridge.
pub fn claim(bytes: &[u8]) {
    if let Ok(client) = rendezvous::claim::decode(bytes) {
        let written = rendezvous::claim::encode(&client);
        assert_eq!(written.as_deref(), Ok(bytes), "each byte means something");
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
