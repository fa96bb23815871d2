//! Halves of an end, in threads of their own.

use std::io::{self, Read, Write};
use std::thread;

use dotpipe::{NamedPipeClient, NamedPipeServer, PipeMode, Win32Error};

use crate::support::sync::{fill, pair};

#[test]
fn owned_halves_work_in_two_threads() {
    const COUNT: usize = 500;
    let (server, client) = pair(PipeMode::Message);
    let echo = thread::spawn(move || {
        let (read, write) = server.into_split();
        let mut message = Vec::new();
        while read.recv(&mut message).is_ok() {
            write.send(&message).unwrap();
        }
    });
    let (read, write) = client.into_split();
    let writing = thread::spawn(move || {
        for number in 0..COUNT {
            write.send(&fill(number, number)).unwrap();
        }
        write
    });
    let mut message = Vec::new();
    for number in 0..COUNT {
        assert_eq!(read.recv(&mut message).unwrap(), number);
        assert!(message == fill(number, number));
    }
    let write = writing.join().unwrap();

    // Together they are the end again, and it closes as one.
    let client = NamedPipeClient::reunite(read, write).unwrap();
    client.transact(b"again", &mut message).unwrap();
    assert_eq!(message, b"again");
    drop(client);
    echo.join().unwrap();
}

#[test]
fn borrowed_halves_work_in_scoped_threads() {
    let data = fill(300_000, 3);
    let (server, client) = pair(PipeMode::Byte);
    let echo = thread::spawn(move || {
        let (mut read, mut write) = server.split();
        io::copy(&mut read, &mut write).unwrap();
    });
    let mut received = vec![0; data.len()];
    {
        let (mut read, mut write) = client.split();
        thread::scope(|scope| {
            scope.spawn(|| write.write_all(&data).unwrap());
            read.read_exact(&mut received).unwrap();
        });
    }
    assert!(received == data);
    drop(client);
    echo.join().unwrap();
}

#[test]
fn an_end_closes_with_its_second_half() {
    let (server, client) = pair(PipeMode::Message);
    let (read, write) = client.into_split();
    drop(write);
    server.send(b"still there").unwrap();
    let mut message = Vec::new();
    read.recv(&mut message).unwrap();
    assert_eq!(message, b"still there");
    drop(read);
    let error = server.recv(&mut message).unwrap_err();
    assert_eq!(error.code(), Win32Error::BROKEN_PIPE);
}

#[test]
fn only_the_halves_of_one_end_make_a_whole() {
    let (server, client) = pair(PipeMode::Byte);
    let name = server.name().to_string();
    let (server_read, server_write) = server.into_split();
    let (client_read, client_write) = client.into_split();

    let error = NamedPipeServer::reunite(server_read, client_write).unwrap_err();
    assert!(error.to_string().contains("another end"), "{error}");
    let (server_read, client_write) = (error.0, error.1);

    let error = NamedPipeServer::reunite(client_read, client_write).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("these are the halves of the client end of {name}, which is another type")
    );
    // They are given back as they were.
    let mut client = NamedPipeClient::reunite(error.0, error.1).unwrap();
    let mut server = NamedPipeServer::reunite(server_read, server_write).unwrap();
    client.write_all(b"abc").unwrap();
    server.read_exact(&mut [0; 3]).unwrap();
}

#[test]
fn halves_share_what_belongs_to_the_end() {
    let (server, _client) = pair(PipeMode::Message);
    let (read, write) = server.into_split();
    assert_eq!(read.name(), write.name());
    read.set_read_mode(PipeMode::Byte).unwrap();
    assert_eq!(write.state().unwrap().read_mode, PipeMode::Byte);
    // One half ends what the other waits for.
    thread::scope(|scope| {
        let reading = scope.spawn(|| (&read).read(&mut [0; 1]));
        while !reading.is_finished() {
            // At first there may be nothing to cancel.
            let _ = write.cancel();
            thread::yield_now();
        }
        let error = reading.join().unwrap().unwrap_err();
        let error = dotpipe::Error::from_io(&error).unwrap();
        assert!(error.is_cancelled());
    });
}
