//! What servers and clients can ask for, and what they get.

use std::io::{Read, Write};
use std::time::Duration;

use dotpipe::sync::{self, IntoPipeName};
use dotpipe::{
    Access, ClientOptions, PipeEnd, PipeMode, PipeName, ServerOptions, WaitMode, WaitTimeout,
    Win32Error,
};

use crate::support::{is_wine, unique_name, unlimited_instances};

#[test]
fn info_tells_what_was_asked_for() {
    let name = unique_name("info");
    let server = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .max_instances(7)
        .out_buffer_size(1234)
        .in_buffer_size(5678)
        .create(&name)
        .unwrap();
    let client = ClientOptions::new().open(&name).unwrap();

    let info = server.info().unwrap();
    assert_eq!(info.mode, PipeMode::Message);
    assert_eq!(info.end, PipeEnd::Server);
    assert_eq!(info.max_instances, 7);
    assert_eq!((info.out_buffer_size, info.in_buffer_size), (1234, 5678));
    let info = client.info().unwrap();
    assert_eq!(
        (info.mode, info.end, info.max_instances),
        (PipeMode::Message, PipeEnd::Client, 7)
    );

    // As in tokio, the type of the pipe is the server end's read mode too; a client begins with bytes.
    assert_eq!(server.state().unwrap().read_mode, PipeMode::Message);
    let state = client.state().unwrap();
    assert_eq!(
        (state.read_mode, state.wait_mode, state.instances),
        (PipeMode::Byte, WaitMode::Blocking, 1)
    );
    assert_eq!((server.name(), client.name()), (&name, &name));
}

#[test]
fn the_default_is_a_duplex_byte_pipe_without_limits() {
    let name = unique_name("default");
    let server = ServerOptions::default().create(&name).unwrap();
    let info = server.info().unwrap();
    assert_eq!(
        (info.mode, info.max_instances),
        (PipeMode::Byte, unlimited_instances())
    );
    assert_eq!((info.out_buffer_size, info.in_buffer_size), (65536, 65536));
    // Windows does not tell it.
    #[cfg(target_os = "linux")]
    assert_eq!(
        dotpipe::exact::status(&name).unwrap().access,
        Some(dotpipe::Access::Duplex)
    );
}

#[test]
fn modes_change_one_at_a_time() {
    let name = unique_name("modes");
    let server = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .read_mode(PipeMode::Byte)
        .create(&name)
        .unwrap();
    let modes = || {
        let state = server.state().unwrap();
        (state.read_mode, state.wait_mode)
    };
    assert_eq!(modes(), (PipeMode::Byte, WaitMode::Blocking));
    server.set_wait_mode(WaitMode::NonBlocking).unwrap();
    assert_eq!(modes(), (PipeMode::Byte, WaitMode::NonBlocking));
    server.set_read_mode(PipeMode::Message).unwrap();
    assert_eq!(modes(), (PipeMode::Message, WaitMode::NonBlocking));
    server.set_wait_mode(WaitMode::Blocking).unwrap();
    assert_eq!(modes(), (PipeMode::Message, WaitMode::Blocking));
}

#[test]
fn a_pipe_goes_the_way_that_was_asked_for() {
    type Ask = fn(&mut ServerOptions) -> &mut ServerOptions;
    const ROWS: &[(Ask, bool, bool)] = &[
        (|options| options, true, true),
        (|options| options.access(Access::Inbound), true, false),
        (|options| options.access_outbound(false), true, false),
        (|options| options.access(Access::Outbound), false, true),
        (|options| options.access_inbound(false), false, true),
    ];
    for &(ask, to_server, to_client) in ROWS {
        let name = unique_name("way");
        let mut server = ask(&mut ServerOptions::new()).create(&name).unwrap();
        let denied = ClientOptions::new()
            .read(!to_client)
            .write(!to_server)
            .open(&name);
        if !(to_server && to_client) {
            assert!(denied.unwrap_err().is_access_denied());
        } else {
            // Neither of the two: a client without any access to the data. The instance is its own.
            drop(denied.unwrap());
            server.disconnect().unwrap();
            listen_again(&server);
        }
        let mut client = ClientOptions::new()
            .read(to_client)
            .write(to_server)
            .open(&name)
            .unwrap();
        let mut buffer = [0; 3];
        if to_server {
            client.write_all(b"in!").unwrap();
            server.read_exact(&mut buffer).unwrap();
            assert_eq!(&buffer, b"in!");
        } else {
            let error = server.peek(&mut buffer).unwrap_err();
            assert!(error.is_access_denied());
        }
        if to_client {
            server.write_all(b"out").unwrap();
            client.read_exact(&mut buffer).unwrap();
            assert_eq!(&buffer, b"out");
        } else {
            let flushed = server.flush_pipe();
            // "access-client" in `conformance/DIVERGENCES.md`.
            assert!(is_wine() || flushed.unwrap_err().is_access_denied());
        }
    }
}

/// Has a disconnected instance listen again, without waiting for a client.
pub(super) fn listen_again(server: &dotpipe::NamedPipeServer) {
    server.set_wait_mode(WaitMode::NonBlocking).unwrap();
    assert_eq!(
        server.connect().unwrap_err().code(),
        Win32Error::PIPE_LISTENING
    );
    server.set_wait_mode(WaitMode::Blocking).unwrap();
}

#[test]
fn what_cannot_be_created() {
    let name = unique_name("refused");
    let _first = ServerOptions::new().create(&name).unwrap();
    let refused = |options: &ServerOptions| options.create(&name).unwrap_err();

    // "instances-first" in `conformance/DIVERGENCES.md`.
    if !is_wine() {
        let error = refused(ServerOptions::new().first_pipe_instance(true));
        assert_eq!(error.code(), Win32Error::ACCESS_DENIED);
    }
    let error = refused(ServerOptions::new().access_inbound(false));
    assert_eq!(error.code(), Win32Error::ACCESS_DENIED);
    // Windows lets it pass ("Type" in `conformance/DIVERGENCES.md`).
    if cfg!(target_os = "linux") {
        let error = refused(ServerOptions::new().pipe_mode(PipeMode::Message));
        assert_eq!(error.code(), Win32Error::ACCESS_DENIED);
    }
    // "instances-max" in `conformance/DIVERGENCES.md`.
    let limits = [0, 256, usize::MAX];
    for instances in limits.into_iter().filter(|_| !is_wine()) {
        let error = refused(ServerOptions::new().max_instances(instances));
        assert_eq!(error.code(), Win32Error::INVALID_PARAMETER, "{instances}");
    }
    let error = refused(ServerOptions::new().read_mode(PipeMode::Message));
    assert_eq!(error.code(), Win32Error::INVALID_PARAMETER);
    let error = refused(
        ServerOptions::new()
            .access_inbound(false)
            .access_outbound(false),
    );
    assert_eq!(error.code(), Win32Error::INVALID_PARAMETER);
    assert_eq!(
        error.hint(),
        Some("allow access_inbound, access_outbound or both")
    );

    let remote = ServerOptions::new().create(r"\\server\pipe\name");
    let expected = match is_wine() {
        // "names-invalid" in `conformance/DIVERGENCES.md`.
        true => Win32Error::PATH_NOT_FOUND,
        false => Win32Error::INVALID_NAME,
    };
    assert_eq!(remote.unwrap_err().code(), expected);
}

#[test]
fn the_maximum_counts_all_instances() {
    let name = unique_name("maximum");
    let mut options = ServerOptions::new();
    options.max_instances(2);
    let first = options.create(&name).unwrap();
    let _second = options.create(&name).unwrap();
    assert!(options.create(&name).unwrap_err().is_busy());
    drop(first);
    options.create(&name).unwrap();
}

#[test]
fn a_name_can_be_given_in_many_ways() {
    let name = unique_name("given");
    let text = name.to_string();
    let _server = ServerOptions::new().max_instances(9).create(&name).unwrap();
    fn create(name: impl IntoPipeName) -> dotpipe::NamedPipeServer {
        ServerOptions::new().create(name).unwrap()
    }
    let servers = [
        create(text.as_str()),
        create(&text),
        create(text.clone()),
        create(name.clone()),
        // Windows does not tell cases apart.
        create(text.to_uppercase()),
    ];
    assert!(servers.iter().all(|server| *server.name() == name));
    assert_eq!(servers[0].state().unwrap().instances, 6);
}

#[test]
fn a_reading_client_may_read_messages() {
    let name = unique_name("reading");
    let server = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .access(Access::Outbound)
        .create(&name)
        .unwrap();
    // To set its read mode takes a right that an end that only reads does not have by itself.
    let client = ClientOptions::new().write(false).open(&name).unwrap();
    let set = client.set_read_mode(PipeMode::Message);
    // "access-client" in `conformance/DIVERGENCES.md`.
    assert!(is_wine() || set.unwrap_err().is_access_denied());
    drop(client);

    // The next two ask for that right: by word, or by the mode.
    for by_word in [true, false] {
        server.disconnect().unwrap();
        listen_again(&server);
        let client = if by_word {
            let client = ClientOptions::new()
                .write(false)
                .write_attributes(true)
                .open(&name)
                .unwrap();
            client.set_read_mode(PipeMode::Message).unwrap();
            client
        } else {
            ClientOptions::new()
                .write(false)
                .pipe_mode(PipeMode::Message)
                .open(&name)
                .unwrap()
        };
        server.send(b"one").unwrap();
        server.send(b"two").unwrap();
        let mut message = Vec::new();
        assert_eq!(client.recv(&mut message).unwrap(), 3);
        assert_eq!(message, b"one");
    }
}

#[test]
fn message_read_mode_needs_message_type() {
    let name = unique_name("needs");
    let server = ServerOptions::new().create(&name).unwrap();
    let error = ClientOptions::new()
        .pipe_mode(PipeMode::Message)
        .open(&name)
        .unwrap_err();
    assert_eq!(
        (error.operation(), error.code()),
        ("open", Win32Error::INVALID_PARAMETER)
    );
    assert_eq!(
        error.hint(),
        Some("message read mode needs a pipe of message type")
    );
    let error = server.set_read_mode(PipeMode::Message).unwrap_err();
    assert_eq!(error.code(), Win32Error::INVALID_PARAMETER);
}

#[test]
fn a_client_waits_for_an_instance_if_it_is_told_to() {
    let name = unique_name("waits");
    let server = ServerOptions::new()
        .default_timeout(Duration::from_millis(1))
        .create(&name)
        .unwrap();
    let first = ClientOptions::new().open(&name).unwrap();
    let wait = |timeout| ClientOptions::new().wait_timeout(timeout).open(&name);

    assert!(wait(None).unwrap_err().is_busy());
    let timeouts = [
        WaitTimeout::Default,
        WaitTimeout::For(Duration::ZERO),
        WaitTimeout::For(Duration::from_millis(2)),
    ];
    for timeout in timeouts {
        let error = wait(Some(timeout)).unwrap_err();
        assert_eq!(
            (error.operation(), error.code()),
            ("open", Win32Error::SEM_TIMEOUT)
        );
    }
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait(Some(WaitTimeout::Forever)).unwrap());
        drop(first);
        server.disconnect().unwrap();
        server.connect().unwrap();
        assert_eq!(waiting.join().unwrap().name(), &name);
    });

    // A pipe that does not exist is not waited for.
    let nobody = ClientOptions::new()
        .wait_timeout(Some(WaitTimeout::Forever))
        .open(unique_name("nobody"));
    assert!(nobody.unwrap_err().is_not_found());
}

#[test]
fn exists_follows_the_instances() {
    let name = unique_name("exists");
    assert!(!sync::exists(&name).unwrap());
    let server = ServerOptions::new().create(&name).unwrap();
    assert!(sync::exists(&name).unwrap());
    let client = ClientOptions::new().open(&name).unwrap();
    assert!(sync::exists(&name).unwrap());
    drop(server);
    assert!(!sync::exists(&name).unwrap());
    drop(client);
    assert!(sync::exists("no pipe").unwrap_err().is_invalid_name());
}

#[test]
fn both_ends_know_each_other() {
    let (server, client) = crate::support::sync::pair(PipeMode::Byte);
    assert_eq!(server.peer_process_id().unwrap(), std::process::id());
    assert_eq!(client.peer_process_id().unwrap(), std::process::id());
    assert!(!server.peer_computer_name().unwrap().is_empty());

    let alone = ServerOptions::new().create(unique_name("alone")).unwrap();
    let error = alone.peer_process_id().unwrap_err();
    assert_eq!(error.code(), Win32Error::PIPE_LISTENING);
}

#[test]
fn the_life_of_an_instance() {
    let name: PipeName = unique_name("life");
    let server = ServerOptions::new().create(&name).unwrap();
    let error = server.connect_timeout(Duration::ZERO).unwrap_err();
    assert!(error.is_timeout());
    for round in 0..3 {
        let mut client = ClientOptions::new().open(&name).unwrap();
        server.connect().unwrap();
        server.connect().unwrap();
        client.write_all(&[round]).unwrap();
        drop(client);
        // What it wrote is there; after that the instance is of no use until it is disconnected.
        assert_eq!(server.connect().unwrap_err().code(), Win32Error::NO_DATA);
        let mut all = Vec::new();
        (&server).read_to_end(&mut all).unwrap();
        assert_eq!(all, [round]);
        assert!(ClientOptions::new().open(&name).unwrap_err().is_busy());
        server.disconnect().unwrap();
        let again = server.disconnect().unwrap_err();
        assert_eq!(again.code(), Win32Error::PIPE_NOT_CONNECTED);
        listen_again(&server);
    }
}
