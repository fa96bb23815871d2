//! A pipe of Samba's own: the service `srvsvc`, which is asked over a pipe by a remote procedure call.

use crate::open_messages;
use crate::support::{Settings, Smbd};

/// The interface of `srvsvc`, 4b324fc8-1670-01d3-1278-5a47bf6ee188 version 3.0.
const SRVSVC: [u8; 20] = [
    0xc8, 0x4f, 0x32, 0x4b, 0x70, 0x16, 0xd3, 0x01, 0x12, 0x78, 0x5a, 0x47, 0xbf, 0x6e, 0xe1, 0x88,
    3, 0, 0, 0,
];
/// The transfer syntax NDR, 8a885d04-1ceb-11c9-9fe8-08002b104860 version 2.0.
const NDR: [u8; 20] = [
    0x04, 0x5d, 0x88, 0x8a, 0xeb, 0x1c, 0xc9, 0x11, 0x9f, 0xe8, 0x08, 0x00, 0x2b, 0x10, 0x48, 0x60,
    2, 0, 0, 0,
];

#[test]
fn a_service_of_samba_answers() {
    let Some(smbd) = Smbd::start(Settings(&["rpc start on demand helpers = yes"])) else {
        return;
    };
    let end = open_messages(&smbd, "srvsvc");
    // DCE/RPC: version 5.0, bind, first and last fragment, little-endian; one interface, one syntax.
    let mut bind = vec![5, 0, 11, 3, 0x10, 0, 0, 0, 72, 0, 0, 0, 7, 0, 0, 0];
    bind.extend([0xb8, 0x10, 0xb8, 0x10, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0]);
    bind.extend(SRVSVC);
    bind.extend(NDR);
    let mut reply = [0; 1024];
    let received = end.transact(&bind, &mut reply).unwrap();
    let reply = &reply[..received.len];
    // A bind_ack to call 7 that accepts.
    assert_eq!((reply[0], reply[2]), (5, 12));
    assert_eq!(reply[12..16], [7, 0, 0, 0]);
    assert_eq!(reply[reply.len() - 24..reply.len() - 20], [0, 0, 0, 0]);
}
