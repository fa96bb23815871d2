//! Signing and encryption.

use dotpipe::options::PipeMode;
use dotpipe_samba::export::Event;

use crate::exporting::{Exporting, echo, open_messages, options, unique};
use crate::support::{Settings, Smbd};

/// Talks through a server with such settings; gives whether the client came encrypted.
fn is_encrypted(settings: &'static [&'static str]) -> Option<bool> {
    let smbd = Smbd::start(Settings(settings))?;
    let name = unique("protected");
    echo(&name, &options(PipeMode::Message), 1);
    let exporting = Exporting::of(&smbd, &name);
    let end = open_messages(&smbd, &name);
    let question = vec![3; 60_000];
    let mut reply = vec![0; 70_000];
    for _ in 0..3 {
        let received = end.transact(&question, &mut reply).unwrap();
        assert!(reply[..received.len] == question);
    }
    match exporting.until_told(|event| matches!(event, Event::Opened { .. })) {
        Event::Opened { visitor, .. } => Some(visitor.is_encrypted),
        _ => None,
    }
}

#[test]
fn signatures_may_be_demanded() {
    if let Some(is_encrypted) = is_encrypted(&["server signing = mandatory"]) {
        assert!(!is_encrypted);
    }
}

#[test]
fn encryption_may_be_demanded() {
    if let Some(is_encrypted) = is_encrypted(&["server smb encrypt = required"]) {
        assert!(is_encrypted);
    }
}
