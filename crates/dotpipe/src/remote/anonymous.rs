//! Logging on as nobody: a null session, which the library that speaks SMB does not make.
//!
//! An anonymous log-on is the
//! same exchange of NTLM messages as any, with an answer in which nothing stands but that it is nobody's
//! (MS-NLMP 3.2.5.1.2). There is no key, so nothing is signed.

use smb2::Error;
use smb2::client::connection::{Connection, Frame};
use smb2::msg::session_setup::{SessionSetupRequest, SessionSetupRequestFlags};
use smb2::types::Command;
use smb2::types::flags::{Capabilities, SecurityMode};
use smb2::types::status::NtStatus;

/// NTLMSSP_NEGOTIATE_UNICODE, _REQUEST_TARGET, _NTLM, _ALWAYS_SIGN and _EXTENDED_SESSIONSECURITY.
const FLAGS: u32 = 0x0008_8205;
/// NTLMSSP_ANONYMOUS.
const ANONYMOUS: u32 = 0x0000_0800;
const MORE_PROCESSING_REQUIRED: NtStatus = NtStatus(0xC000_0016);

/// Logs on as nobody.
pub(super) async fn log_on(connection: &mut Connection) -> smb2::Result<()> {
    let challenge = ask(connection, negotiate()).await?;
    if challenge.header.status != MORE_PROCESSING_REQUIRED {
        return Err(refused(&challenge));
    }
    connection.set_session_id(challenge.header.session_id);
    let answer = ask(connection, authenticate()).await?;
    match answer.header.status {
        NtStatus::SUCCESS => Ok(()),
        _ => Err(refused(&answer)),
    }
}

async fn ask(connection: &Connection, token: Vec<u8>) -> smb2::Result<Frame> {
    let request = SessionSetupRequest {
        flags: SessionSetupRequestFlags(0),
        security_mode: SecurityMode::new(SecurityMode::SIGNING_ENABLED),
        capabilities: Capabilities::default(),
        channel: 0,
        previous_session_id: 0,
        security_buffer: token,
    };
    connection
        .execute(Command::SessionSetup, &request, None)
        .await
}

fn refused(frame: &Frame) -> Error {
    Error::Protocol {
        status: frame.header.status,
        command: Command::SessionSetup,
    }
}

/// NEGOTIATE_MESSAGE, without domain and workstation.
fn negotiate() -> Vec<u8> {
    let mut message = b"NTLMSSP\0".to_vec();
    message.extend(1u32.to_le_bytes());
    message.extend(FLAGS.to_le_bytes());
    message.extend([0; 16]);
    message
}

/// AUTHENTICATE_MESSAGE of nobody: the answer to the challenge of LAN Manager is one byte, 0, and the other
/// five fields are empty.
fn authenticate() -> Vec<u8> {
    const HEADER: u32 = 64;

    let mut message = b"NTLMSSP\0".to_vec();
    message.extend(3u32.to_le_bytes());
    for (len, at) in [
        (1u16, HEADER),
        (0, HEADER + 1),
        (0, HEADER),
        (0, HEADER),
        (0, HEADER),
        (0, HEADER + 1),
    ] {
        message.extend(len.to_le_bytes());
        message.extend(len.to_le_bytes());
        message.extend(at.to_le_bytes());
    }
    message.extend((FLAGS | ANONYMOUS).to_le_bytes());
    message.push(0);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_messages_are_laid_out_as_documented() {
        assert_eq!(negotiate().len(), 32);
        let message = authenticate();
        assert_eq!(message.len(), 65);
        assert_eq!(message[12..20], [1, 0, 1, 0, 64, 0, 0, 0]);
        assert_eq!(message[60..64], 0x0008_8a05u32.to_le_bytes());
    }
}
