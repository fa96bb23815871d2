//! What an error of this face says: the operation, the pipe, the code, what to do, and its kind.

use std::io::{ErrorKind, Read};

use dotpipe::sync::wait;
use dotpipe::{ClientOptions, Error, PipeMode, ServerOptions, WaitTimeout, Win32Error};

use crate::support::sync::pair;
use crate::support::{is_wine, unique_name};

#[test]
fn an_error_says_what_where_why_and_what_next() {
    let name = unique_name("text");
    let error = ClientOptions::new().open(&name).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "open {name}: there is no pipe of that name (ERROR_FILE_NOT_FOUND 2); check the spelling of \
             the name and that its server is running"
        )
    );
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert_eq!(error.pipe(), Some(&name));

    let _server = ServerOptions::new().create(&name).unwrap();
    let _client = ClientOptions::new().open(&name).unwrap();
    let error = ClientOptions::new().open(&name).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ResourceBusy);
    assert!(error.to_string().starts_with(&format!(
        "open {name}: all instances of the pipe are in use"
    )));
}

#[test]
fn a_text_that_is_no_name_is_shown() {
    type Call = fn(&str) -> Option<Error>;
    const CALLS: &[(&str, Call)] = &[
        ("create", |name| ServerOptions::new().create(name).err()),
        ("create", |name| ServerOptions::new().listen(name).err()),
        ("open", |name| ClientOptions::new().open(name).err()),
        ("wait", |name| wait(name, WaitTimeout::Default).err()),
    ];
    for (operation, call) in CALLS {
        let error = call("printer").unwrap();
        assert_eq!(error.operation(), *operation);
        assert_eq!(error.kind(), ErrorKind::InvalidFilename);
        assert_eq!(
            error.to_string(),
            format!(
                "{operation} `printer`: the name is not a valid pipe name (ERROR_INVALID_NAME 123); it \
                 must look like \\\\.\\pipe\\Name or \\\\Server\\pipe\\Name"
            )
        );
    }
}

#[test]
fn each_operation_puts_its_word_to_the_error() {
    let server = ServerOptions::new()
        .pipe_mode(PipeMode::Message)
        .create(unique_name("words"))
        .unwrap();
    let (mut bytes, mut message) = ([0; 1], Vec::new());
    let listening = Win32Error::PIPE_LISTENING;
    let bad = Win32Error::BAD_PIPE;
    let answers = [
        ("receive", listening, server.recv(&mut message).err()),
        ("receive", listening, server.recv_into(&mut bytes).err()),
        ("send", listening, server.send(b"x").err()),
        ("peek", bad, server.peek(&mut bytes).err()),
        ("transact", bad, server.transact(b"x", &mut message).err()),
        ("disconnect", listening, server.disconnect().err()),
        ("cancel", Win32Error::NOT_FOUND, server.cancel().err()),
        ("info", listening, server.peer_process_id().err()),
        #[cfg(unix)]
        ("wait", listening, server.poll_descriptor().err()),
        #[cfg(unix)]
        (
            "wait",
            listening,
            server.arm(dotpipe::sync::Interest::READABLE).err(),
        ),
    ];
    let mut errors: Vec<Error> = Vec::new();
    for (word, code, error) in answers {
        if is_wine() && word == "cancel" {
            continue; // "CancelIoEx" in `conformance/DIVERGENCES.md`
        }
        let error = error.unwrap_or_else(|| panic!("{word} succeeds"));
        assert_eq!((error.operation(), error.code()), (word, code));
        errors.push(error);
    }
    assert!(
        errors
            .iter()
            .all(|error| error.pipe() == Some(server.name()))
    );
}

#[test]
fn an_io_error_keeps_the_code() {
    let (server, mut client) = pair(PipeMode::Byte);
    server.disconnect().unwrap();
    let error = client.read(&mut [0; 1]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    let inner = Error::from_io(&error).unwrap();
    assert_eq!(inner.code(), Win32Error::PIPE_NOT_CONNECTED);
    assert_eq!(inner.operation(), "read");
    assert_eq!(inner.pipe(), Some(client.name()));
}
