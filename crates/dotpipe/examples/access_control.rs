//! Who may open a pipe, who must serve it, and who came: a server for one group, and a client that makes
//! sure of its server.
//!
//! Run it with `cargo run --example access_control`.

use std::error::Error;

use dotpipe::security::{PipeRights, SecurityDescriptor, Sid};
use dotpipe::{ClientOptions, ImpersonationLevel, ServerOptions};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let name = format!(r"\\.\pipe\example-access-control-{}", std::process::id());
    let me = rustix::process::geteuid().as_raw();
    let group = rustix::process::getegid().as_raw();

    // The members of the group may read and write, but not pose as the server; a guest account may not.
    let descriptor = SecurityDescriptor::new()
        .deny(Sid::user(65_534), PipeRights::ALL)
        .allow(Sid::CREATOR_OWNER, PipeRights::ALL)
        .allow(Sid::group(group), PipeRights::CLIENT);
    let server = ServerOptions::new()
        // So that nobody else serves this name already.
        .first_pipe_instance(true)
        .security(descriptor)
        .write_dac(true)
        .create(&name)?;
    println!("who may what: {}", server.security()?);

    let client = ClientOptions::new()
        .require_server(Sid::user(me))
        .impersonation_level(ImpersonationLevel::Impersonation)
        .open(&name)?;
    println!("the server is user {}", client.peer_token()?.user_id());

    let who = server.peer_token()?;
    println!(
        "the client is user {} with process {}",
        who.user_id(),
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
