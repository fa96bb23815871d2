//! What `smbd` says of a client, as read by the server of a pipe: whatever stands there, it is a request of a
//! level that is understood, or `Malformed`.
#![no_main]

use dotpipe_samba::npa::{LEVELS, MAX_REQUEST, Reply, Request, request_len};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|message: &[u8]| {
    check(message);
    // The same with the length that it has: inputs hardly ever grow and say so at once.
    if let Some((prefix, body)) = message.split_first_chunk::<4>() {
        let len = (body.len() as u32).to_be_bytes();
        if *prefix != len {
            check(&[&len, body].concat());
        }
    }
});

fn check(message: &[u8]) {
    let Ok(request) = Request::decode(message) else {
        return;
    };
    let prefix = [message[0], message[1], message[2], message[3]];
    assert_eq!(request_len(prefix), Some(message.len() - 4));
    assert!(message.len() - 4 <= MAX_REQUEST);
    assert!(LEVELS.contains(&request.level));
    let client = &request.client;
    // Nothing is made up: all of it stood in the message.
    let numbers = client
        .sids
        .iter()
        .map(|sid| 2 + sid.parts.len())
        .sum::<usize>();
    let groups = client.unix.as_ref().map_or(0, |unix| unix.groups.len());
    assert!((numbers + groups) * 4 <= 2 * message.len());
    for sid in &client.sids {
        assert!(sid.parts.len() <= 15 && sid.authority < 1 << 48);
        let text = sid.to_string();
        assert_eq!(text.split('-').count(), 3 + sid.parts.len());
    }
    let texts = [&client.account, &client.domain, &client.unix_name];
    let texts = texts.into_iter().flatten();
    let others = [
        &request.client_address,
        &request.server_name,
        &request.server_address,
    ];
    for text in texts.chain(others) {
        assert!(text.len() < message.len() && !text.contains('\0'));
    }
    assert!(!(client.is_anonymous() && client.sids.is_empty()));
    let _ = (client.is_authenticated(), client.is_guest());
    let reply = Reply {
        level: request.level,
        messages: request.client_port % 2 == 1,
    };
    assert_eq!(reply.encode()[8..12], request.level.to_le_bytes());
}
