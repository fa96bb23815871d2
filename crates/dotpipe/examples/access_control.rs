//! Who may open a pipe, who must serve it, and who came: a server for one group, and a client that makes
//! sure of its server.
//!
//! Run it with `cargo run --example access_control`.

use std::error::Error;

use dotpipe::security::{PipeRights, SecurityDescriptor, Sid};
use dotpipe::{ClientOptions, ImpersonationLevel, ServerOptions, exact};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let name = format!(r"\\.\pipe\example-access-control-{}", std::process::id());
    let me = exact::own_token()?;

    // The members of the group may read and write, but not pose as the server; who does not say who it is
    // may nothing.
    let descriptor = SecurityDescriptor::new()
        .deny(Sid::ANONYMOUS, PipeRights::ALL)
        .allow(Sid::CREATOR_OWNER, PipeRights::ALL)
        .allow(me.group(), PipeRights::CLIENT);
    let server = ServerOptions::new()
        // So that nobody else serves this name already.
        .first_pipe_instance(true)
        .security(descriptor)
        .write_dac(true)
        .create(&name)?;
    println!("who may what: {}", server.security()?);

    let client = ClientOptions::new()
        .require_server(me.user())
        .impersonation_level(ImpersonationLevel::Impersonation)
        .open(&name)?;
    println!("the server is {}", client.peer_token()?.user());

    let who = server.peer_token()?;
    println!(
        "the client is {} with process {}",
        who.user(),
        server.peer_process_id()?
    );
    // Files are got at as the client, in this thread, while this lives.
    let acting = server.impersonate()?;
    println!("as the client: {}", std::fs::read_dir("/").is_ok());
    drop(acting);

    // From now on for the owner only. The client that is here stays.
    server.set_security(&"D:(A;;GA;;;CO)".parse()?)?;
    println!("who may what: {}", server.security()?);
    Ok(())
}
