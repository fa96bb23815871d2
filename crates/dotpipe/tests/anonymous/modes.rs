//! Non-blocking wait mode, and that nobody else notices it.

use std::io::{ErrorKind, Read, Write};
#[cfg(unix)]
use std::process::{Command, Stdio};
use std::thread;

use dotpipe::anonymous;
use dotpipe::exact::{AnonymousEnd, anonymous_pipe};
use dotpipe::options::{PipeMode, WaitMode};
use dotpipe::win32::Win32Error;

#[cfg(unix)]
use crate::spawn;
use crate::{fill, no_child_starts};

fn go_nonblocking(end: &AnonymousEnd) {
    end.set_state(PipeMode::Byte, WaitMode::NonBlocking)
        .unwrap();
    assert_eq!(end.state().unwrap().wait_mode, WaitMode::NonBlocking);
}

#[test]
fn a_read_of_an_empty_pipe_has_no_data() {
    let _quiet = no_child_starts();
    let (reader, writer) = anonymous_pipe(50).unwrap();
    go_nonblocking(&reader);
    let mut buffer = [0; 9];
    assert_eq!(reader.read(&mut buffer), Err(Win32Error::NO_DATA));
    assert_eq!(reader.read(&mut []), Err(Win32Error::NO_DATA));
    writer.write(b"x").unwrap();
    assert_eq!(reader.read(&mut []).unwrap().len, 0);
    assert_eq!(reader.read(&mut buffer).unwrap().len, 1);
    assert_eq!(reader.read(&mut buffer), Err(Win32Error::NO_DATA));
    drop(writer);
    assert_eq!(reader.read(&mut buffer), Err(Win32Error::BROKEN_PIPE));
}

#[test]
fn a_write_goes_in_whole_or_not_at_all() {
    let _quiet = no_child_starts();
    let (reader, writer) = anonymous_pipe(50).unwrap();
    go_nonblocking(&writer);
    assert_eq!(writer.write(&fill(60, 4)), Ok(0));
    assert_eq!(reader.peek(&mut []).unwrap().available, 0);
    assert_eq!(writer.write(&fill(50, 5)), Ok(50));
    assert_eq!(writer.write(b"x"), Ok(0));
    let mut buffer = [0; 99];
    assert_eq!(reader.read(&mut buffer).unwrap().len, 50);
    assert_eq!(buffer[..50], fill(50, 5));
    drop(reader);
    assert_eq!(writer.write(b"x"), Err(Win32Error::NO_DATA));
}

#[test]
fn a_large_write_goes_into_an_empty_pipe_whole() {
    let (reader, writer) = anonymous_pipe(200_000).unwrap();
    go_nonblocking(&writer);
    let data = fill(200_000, 8);
    assert_eq!(writer.write(&data[..1]), Ok(1));
    assert_eq!(writer.write(&data), Ok(0));
    assert_eq!(reader.read(&mut [0; 9]).unwrap().len, 1);
    assert_eq!(writer.write(&data), Ok(200_000));
    let mut buffer = vec![0; 200_000];
    assert_eq!(reader.read(&mut buffer).unwrap().len, 200_000);
    assert!(buffer == data);
}

#[cfg(unix)] // On Windows, nothing can be done with a handle while it writes.
#[test]
fn a_write_does_not_overtake_one_that_waits() {
    let _quiet = no_child_starts();
    let (reader, writer) = anonymous_pipe(0).unwrap();
    let twin = writer.try_clone().unwrap();
    let mut first = [0; 1];
    thread::scope(|scope| {
        let waiting = scope.spawn(|| writer.write(&fill(3_000_000, 2)));
        reader.read(&mut first).unwrap();
        // The duplicates share the wait mode; the write that waits goes on.
        go_nonblocking(&twin);
        assert_eq!(twin.write(b"x"), Ok(0));
        drop(reader);
        assert_eq!(waiting.join().unwrap(), Err(Win32Error::BROKEN_PIPE));
    });
}

#[test]
fn message_read_mode_is_refused_and_changes_nothing() {
    let (reader, _writer) = anonymous_pipe(0).unwrap();
    go_nonblocking(&reader);
    let refused = reader.set_state(PipeMode::Message, WaitMode::Blocking);
    assert_eq!(refused, Err(Win32Error::INVALID_PARAMETER));
    assert_eq!(reader.state().unwrap().wait_mode, WaitMode::NonBlocking);
}

#[test]
fn an_end_can_wait_again() {
    let (reader, writer) = anonymous_pipe(0).unwrap();
    go_nonblocking(&reader);
    reader
        .set_state(PipeMode::Byte, WaitMode::Blocking)
        .unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| reader.read(&mut [0; 9]));
        writer.write(b"abc").unwrap();
        assert_eq!(waiting.join().unwrap().unwrap().len, 3);
    });
}

#[test]
fn the_face_says_would_block() {
    let (mut reader, mut writer) = anonymous::Options::new().size(3).create().unwrap();
    go_nonblocking(reader.exact());
    go_nonblocking(writer.exact());
    assert_eq!(
        reader.read(&mut [0; 9]).unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    assert_eq!(
        writer.write(b"long").unwrap_err().kind(),
        ErrorKind::WouldBlock
    );
    assert_eq!(writer.write(b"").unwrap(), 0);
}

#[cfg(unix)] // On Windows, the wait mode is that of the end, whoever has it.
/// `cat` would end with an error at once if its standard input were non-blocking.
#[test]
fn a_child_does_not_inherit_the_wait_mode() {
    let (reader, mut writer) = anonymous::pipe().unwrap();
    go_nonblocking(reader.exact());
    let mut child = spawn(Command::new("cat").stdin(reader).stdout(Stdio::piped()));
    writer.write_all(b"first").unwrap();
    let mut output = child.stdout.take().unwrap();
    let mut buffer = [0; 5];
    output.read_exact(&mut buffer).unwrap();
    // It has read everything and asks for more by now, or will soon: both must work.
    writer.write_all(b"second").unwrap();
    drop(writer);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!((&buffer, rest.as_str()), (b"first", "second"));
    assert!(child.wait().unwrap().success());
}
