//! What two ends say to each other: messages, bytes, transactions.

use dotpipe::exact::{self, Received};
use dotpipe::options::WaitTimeout;
use dotpipe::win32::Win32Error;

use crate::support::served::echo;
use crate::support::{Served, Settings, Smbd, Type};
use crate::{open, open_messages};

#[test]
fn messages_go_there_and_back() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let end = open_messages(&smbd, "Echo");
    let mut buffer = vec![0; 70_000];
    for len in [1, 2, 100, 4096, 65_534, 65_535] {
        let message: Vec<u8> = (0..len).map(|byte| byte as u8).collect();
        assert_eq!(end.write(&message), Ok(len));
        let received = end.read(&mut buffer).unwrap();
        assert_eq!(received, Received { len, more: false });
        assert!(buffer[..len] == message);
    }
    // Longer than Samba carries; the pipe goes on.
    let refused = end.write(&[0; 65_536]);
    assert_eq!(refused, Err(Win32Error::INVALID_PARAMETER));
    assert_eq!(end.write(b"still here"), Ok(10));
    assert_eq!(end.read(&mut buffer).map(|got| got.len), Ok(10));
}
