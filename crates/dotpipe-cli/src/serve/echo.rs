//! `--echo`: the simplest server there is.

use dotpipe::exact::End;

/// The longest message that is echoed, in bytes: a client must not be able to take all memory.
const LONGEST: usize = 64 << 20;

/// Sends back what the client writes until it has gone, or the server stops. In message read mode a
/// message goes back as one; a client that sends one longer than [`LONGEST`] is given up.
pub(super) fn serve(end: &End) {
    let mut buffer = vec![0; 64 * 1024];
    let mut len = 0;
    // Both fail for one reason only: the conversation is over.
    while let Ok(received) = end.read(&mut buffer[len..]) {
        len += received.len;
        if received.more && len < LONGEST {
            buffer.resize(2 * buffer.len(), 0);
        } else if !received.more && end.write(&buffer[..len]).is_ok() {
            len = 0;
        } else {
            return;
        }
    }
}
