//! The first exchange with a server, repaired on its way.
//!
//! The library that speaks SMB offers ciphers, but does not set the capability ENCRYPTION (0x40) in
//! NEGOTIATE (up to 0.39.0). Samba then chooses no cipher, and a server that demands encryption refuses
//! everybody. The rule this file owns: that bit is set on the first request that passes by, and the hash
//! over the exchange, from which keys are made, is taken over what was really sent.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use smb2::client::connection::Connection;
use smb2::crypto::kdf::PreauthHasher;
use smb2::transport::{ReceiveProgress, TcpTransport, TransportReceive, TransportSend};

/// Where the capabilities stand in a NEGOTIATE request: behind the header and four words.
const CAPABILITIES: usize = 64 + 8;
/// SMB2_GLOBAL_CAP_ENCRYPTION.
const ENCRYPTION: u8 = 0x40;
/// Where the command stands in a header; NEGOTIATE is 0.
const COMMAND: std::ops::Range<usize> = 12..14;

/// A TCP connection that watches the first exchange.
pub(super) struct Repaired {
    tcp: TcpTransport,
    first: Mutex<First>,
}

#[derive(Default)]
struct First {
    request: Option<Vec<u8>>,
    response: Option<Vec<u8>>,
}

impl Repaired {
    pub(super) fn new(tcp: TcpTransport) -> Arc<Repaired> {
        Arc::new(Repaired {
            tcp,
            first: Mutex::default(),
        })
    }

    /// Negotiates over `connection`, which was made of this.
    pub(super) async fn negotiate(&self, connection: &mut Connection) -> smb2::Result<()> {
        connection.negotiate().await?;
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(request), Some(response)) = (first.request.take(), first.response.take()) {
            connection.with_preauth_hasher_mut(|hasher| {
                *hasher = PreauthHasher::new();
                hasher.update(&request);
                hasher.update(&response);
            });
        }
        // Later exchanges are not kept.
        first.request = Some(Vec::new());
        first.response = Some(Vec::new());
        Ok(())
    }
}

/// The request as it is to be sent.
fn with_encryption(request: &[u8]) -> Vec<u8> {
    let mut request = request.to_vec();
    if request.get(COMMAND) == Some(&[0, 0])
        && let Some(capabilities) = request.get_mut(CAPABILITIES)
    {
        *capabilities |= ENCRYPTION;
    }
    request
}

#[async_trait]
impl TransportSend for Repaired {
    async fn send(&self, data: &[u8]) -> smb2::Result<()> {
        let repaired = {
            let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
            match first.request {
                Some(_) => None,
                None => Some(first.request.insert(with_encryption(data)).clone()),
            }
        };
        self.tcp.send(repaired.as_deref().unwrap_or(data)).await
    }
}

#[async_trait]
impl TransportReceive for Repaired {
    async fn receive(&self) -> smb2::Result<Vec<u8>> {
        let frame = self.tcp.receive().await?;
        let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
        if first.response.is_none() {
            first.response = Some(frame.clone());
        }
        Ok(frame)
    }

    fn receive_progress(&self) -> Option<Arc<ReceiveProgress>> {
        self.tcp.receive_progress()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bit_is_set_in_a_negotiate_request_and_in_nothing_else() {
        let mut negotiate = vec![0u8; 100];
        negotiate[CAPABILITIES] = 0x05;
        let mut expected = negotiate.clone();
        expected[CAPABILITIES] = 0x45;
        assert_eq!(with_encryption(&negotiate), expected);

        negotiate[COMMAND.start] = 1;
        assert_eq!(with_encryption(&negotiate), negotiate);
        assert_eq!(with_encryption(&[0; 72]), [0; 72]);
        assert_eq!(with_encryption(&[]), []);
    }
}
