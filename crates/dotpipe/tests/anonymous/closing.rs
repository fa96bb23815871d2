//! What the end of one end means to the other.

use std::io::{ErrorKind, Read, Write};
use std::thread;

use dotpipe::anonymous;
use dotpipe::exact::anonymous_pipe;
use dotpipe::win32::Win32Error;

use crate::{fill, no_child_starts};

#[test]
fn what_was_written_outlives_the_writer() {
    let (reader, writer) = anonymous_pipe(0).unwrap();
    writer.write(b"abcdef").unwrap();
    drop(writer);
    let mut buffer = [0; 9];
    assert_eq!(reader.read(&mut buffer[..4]).unwrap().len, 4);
    assert_eq!(&buffer[..4], b"abcd");
    let peeked = reader.peek(&mut buffer).unwrap();
    assert_eq!(
        (peeked.len, peeked.available, peeked.left_in_message),
        (2, 2, 4_294_967_294)
    );
    assert_eq!(reader.read(&mut buffer).unwrap().len, 2);
    assert_eq!(&buffer[..2], b"ef");
    assert_eq!(reader.read(&mut buffer), Err(Win32Error::BROKEN_PIPE));
    assert_eq!(reader.peek(&mut buffer), Err(Win32Error::BROKEN_PIPE));
    assert_eq!(reader.peek(&mut []), Err(Win32Error::BROKEN_PIPE));
}

#[test]
fn a_write_without_a_reader_has_no_data_to_go_to() {
    let _quiet = no_child_starts();
    let (reader, writer) = anonymous_pipe(0).unwrap();
    writer.write(b"unread").unwrap();
    assert_eq!(writer.state().unwrap().instances, 1);
    drop(reader);
    assert_eq!(writer.write(b"x"), Err(Win32Error::NO_DATA));
    assert_eq!(writer.write(b""), Err(Win32Error::NO_DATA));
    assert_eq!(writer.flush(), Ok(()));
    assert_eq!(writer.state().unwrap().instances, 0);
}

#[test]
fn a_waiting_read_ends_with_the_writer() {
    let (reader, writer) = anonymous_pipe(0).unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| reader.read(&mut [0; 9]));
        drop(writer);
        assert_eq!(waiting.join().unwrap(), Err(Win32Error::BROKEN_PIPE));
    });
}

#[test]
fn a_waiting_write_ends_with_the_reader() {
    let _quiet = no_child_starts();
    let (reader, writer) = anonymous_pipe(0).unwrap();
    let data = fill(3_000_000, 1);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| writer.write(&data));
        let mut buffer = [0; 100];
        assert_eq!(reader.read(&mut buffer).unwrap().len, 100);
        assert_eq!(buffer[..], data[..100]);
        drop(reader);
        assert_eq!(waiting.join().unwrap(), Err(Win32Error::BROKEN_PIPE));
    });
    assert_eq!(writer.write(b"x"), Err(Win32Error::NO_DATA));
}

#[test]
fn a_pipe_ends_with_the_last_of_its_handles() {
    let _quiet = no_child_starts();
    let (reader, writer) = anonymous_pipe(0).unwrap();
    let twin = reader.try_clone().unwrap();
    drop(reader);
    assert_eq!(writer.write(b"x"), Ok(1));
    drop(twin);
    assert_eq!(writer.write(b"x"), Err(Win32Error::NO_DATA));
}

#[test]
fn the_face_calls_it_the_end_of_the_file_and_a_broken_pipe() {
    let _quiet = no_child_starts();
    let (mut reader, mut writer) = anonymous::pipe().unwrap();
    writer.write_all(b"abc").unwrap();
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "abc");
    assert_eq!(reader.read(&mut [0; 9]).unwrap(), 0);
    assert_eq!(
        reader.peek(&mut []).unwrap_err().code(),
        Win32Error::BROKEN_PIPE
    );

    let (reader, mut writer) = anonymous::pipe().unwrap();
    drop(reader);
    assert_eq!(
        writer.write_all(b"abc").unwrap_err().kind(),
        ErrorKind::BrokenPipe
    );
}
