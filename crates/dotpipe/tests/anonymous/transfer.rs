//! Data in, the same data out; who may do what; read, write, peek and flush.

use std::io::{Read, Write};
use std::thread;

use dotpipe::anonymous;
use dotpipe::exact::{AnonymousEnd, Peeked, anonymous_pipe};
use dotpipe::options::{PipeEnd, PipeMode, WaitMode};
use dotpipe::win32::Win32Error;

use crate::{fill, soon};

fn read(end: &AnonymousEnd, len: usize) -> Result<Vec<u8>, Win32Error> {
    let mut buffer = vec![0; len];
    let received = end.read(&mut buffer)?;
    assert!(!received.more);
    buffer.truncate(received.len);
    Ok(buffer)
}

fn peek(end: &AnonymousEnd, len: usize) -> Result<(Vec<u8>, Peeked), Win32Error> {
    let mut buffer = vec![0; len];
    let peeked = end.peek(&mut buffer)?;
    buffer.truncate(peeked.len);
    Ok((buffer, peeked))
}

#[test]
fn ends_report_what_create_pipe_made() {
    for (size, reported) in [
        (0, 4096),
        (50, 50),
        (100_000, 100_000),
        (u32::MAX, u32::MAX),
    ] {
        let (reader, writer) = anonymous_pipe(size).unwrap();
        for (end, which) in [(&reader, PipeEnd::Server), (&writer, PipeEnd::Client)] {
            let info = end.info().unwrap();
            assert_eq!((info.end, info.pipe_type), (which, PipeMode::Byte));
            assert_eq!(
                (info.out_quota, info.in_quota, info.max_instances),
                (reported, reported, 1)
            );
            let state = end.state().unwrap();
            assert_eq!(
                (state.read_mode, state.wait_mode),
                (PipeMode::Byte, WaitMode::Blocking)
            );
            assert_eq!(state.instances, 1);
        }
    }
}

#[test]
fn writes_run_together_and_reads_take_what_they_ask_for() {
    let (reader, writer) = anonymous_pipe(0).unwrap();
    assert_eq!(writer.write(b"abc"), Ok(3));
    assert_eq!(writer.write(b"def"), Ok(3));
    assert_eq!(read(&reader, 4).unwrap(), b"abcd");
    assert_eq!(read(&reader, 9).unwrap(), b"ef");
}

#[test]
fn peek_shows_without_taking() {
    let (reader, writer) = anonymous_pipe(0).unwrap();
    let nothing = Peeked {
        len: 0,
        available: 0,
        left_in_message: 0,
    };
    assert_eq!(peek(&reader, 9).unwrap(), (Vec::new(), nothing));
    writer.write(b"abc").unwrap();
    writer.write(b"def").unwrap();

    let six = Peeked {
        len: 6,
        available: 6,
        left_in_message: 4_294_967_290,
    };
    assert_eq!(peek(&reader, 9).unwrap(), (b"abcdef".to_vec(), six));
    let two = Peeked {
        len: 2,
        available: 6,
        left_in_message: 4_294_967_294,
    };
    assert_eq!(peek(&reader, 2).unwrap(), (b"ab".to_vec(), two));
    let count = Peeked {
        len: 0,
        available: 6,
        left_in_message: 0,
    };
    assert_eq!(peek(&reader, 0).unwrap(), (Vec::new(), count));

    assert_eq!(read(&reader, 9).unwrap(), b"abcdef");
}

#[test]
fn peek_shows_everything_in_a_large_pipe_of_small_writes() {
    let (reader, writer) = anonymous_pipe(300_000).unwrap();
    let data = fill(300_000, 3);
    for chunk in data.chunks(2049) {
        writer.write(chunk).unwrap();
    }
    let (seen, peeked) = peek(&reader, 300_000).unwrap();
    assert_eq!((seen == data, peeked.available), (true, 300_000));
    let mut taken = Vec::new();
    while taken.len() < data.len() {
        taken.extend(read(&reader, 65_536).unwrap());
    }
    assert!(taken == data);
}

#[test]
fn an_end_goes_one_way() {
    let (reader, writer) = anonymous_pipe(0).unwrap();
    let denied = Win32Error::ACCESS_DENIED;
    let mut buffer = [0; 5];
    assert_eq!(writer.read(&mut buffer), Err(denied));
    assert_eq!(writer.read(&mut []), Err(denied));
    assert_eq!(writer.peek(&mut buffer), Err(denied));
    assert_eq!(writer.transact(b"x", &mut buffer), Err(denied));
    assert_eq!(reader.write(b"x"), Err(denied));
    assert_eq!(reader.write(b""), Err(denied));
    // "access-client" in `conformance/DIVERGENCES.md`.
    assert!(crate::support::is_wine() || reader.flush() == Err(denied));
    assert_eq!(reader.transact(b"x", &mut buffer), Err(denied));
}

#[test]
fn a_write_of_nothing_leaves_nothing() {
    let (reader, writer) = anonymous_pipe(0).unwrap();
    assert_eq!(writer.write(b""), Ok(0));
    assert_eq!(
        reader.read_until(&mut [0; 9], soon()),
        Err(Win32Error::SEM_TIMEOUT)
    );
    assert_eq!(peek(&reader, 9).unwrap().1.available, 0);
}

#[test]
fn a_read_waits_for_data() {
    let (reader, writer) = anonymous_pipe(0).unwrap();
    assert_eq!(
        reader.read_until(&mut [0; 9], soon()),
        Err(Win32Error::SEM_TIMEOUT)
    );
    thread::scope(|scope| {
        let waiting = scope.spawn(|| read(&reader, 2));
        writer.write(b"later").unwrap();
        assert_eq!(waiting.join().unwrap().unwrap(), b"la");
    });
    assert_eq!(read(&reader, 9).unwrap(), b"ter");
}

#[test]
fn a_read_of_zero_bytes_waits_and_takes_nothing() {
    let (reader, writer) = anonymous_pipe(0).unwrap();
    assert_eq!(
        reader.read_until(&mut [], soon()),
        Err(Win32Error::SEM_TIMEOUT)
    );
    writer.write(b"x").unwrap();
    assert_eq!(read(&reader, 0).unwrap(), b"");
    drop(writer);
    assert_eq!(read(&reader, 0).unwrap(), b"");
    assert_eq!(read(&reader, 9).unwrap(), b"x");
    assert_eq!(read(&reader, 0), Err(Win32Error::BROKEN_PIPE));
}

#[test]
fn there_is_room_for_the_size_asked_for() {
    let (reader, writer) = anonymous_pipe(100_000).unwrap();
    let data = fill(100_000, 1);
    assert_eq!(writer.write(&data), Ok(100_000));
    assert_eq!(peek(&reader, 0).unwrap().1.available, 100_000);
    assert_eq!(read(&reader, 1).unwrap(), data[..1]);
    assert!(read(&reader, 100_000).unwrap() == data[1..]);
}

#[test]
fn a_write_larger_than_the_pipe_waits_for_room() {
    let (reader, writer) = anonymous_pipe(0).unwrap();
    let data = fill(3_000_000, 5);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| writer.write(&data));
        let mut taken = Vec::new();
        while taken.len() < data.len() {
            taken.extend(read(&reader, 10_000).unwrap());
        }
        assert!(taken == data);
        assert_eq!(waiting.join().unwrap(), Ok(data.len()));
    });
}

#[test]
fn a_write_without_room_ends_with_its_deadline() {
    let (reader, writer) = anonymous_pipe(0).unwrap();
    let data = fill(3_000_000, 6);
    assert_eq!(
        writer.write_until(&data, soon()),
        Err(Win32Error::SEM_TIMEOUT)
    );
    if cfg!(windows) {
        // What has not been read is taken back.
        assert_eq!(peek(&reader, 9).unwrap().1.available, 0);
    } else {
        let taken = read(&reader, 3_000_000).unwrap();
        assert!(!taken.is_empty() && taken == data[..taken.len()]);
    }
}

#[test]
fn writes_of_two_threads_stay_whole() {
    const LEN: usize = 500_000;
    let (reader, writer) = anonymous_pipe(0).unwrap();
    let twin = writer.try_clone().unwrap();
    thread::scope(|scope| {
        scope.spawn(move || assert_eq!(writer.write(&[1; LEN]), Ok(LEN)));
        scope.spawn(move || assert_eq!(twin.write(&[2; LEN]), Ok(LEN)));
        let mut taken = Vec::new();
        while taken.len() < 2 * LEN {
            taken.extend(read(&reader, 70_000).unwrap());
        }
        let (first, second) = taken.split_at(LEN);
        assert!(first.iter().all(|byte| *byte == first[0]));
        assert!(second.iter().all(|byte| *byte == 3 - first[0]));
    });
}

#[test]
fn flush_waits_until_everything_has_been_read() {
    let (reader, writer) = anonymous_pipe(0).unwrap();
    assert_eq!(writer.flush(), Ok(()));
    writer.write(b"unread").unwrap();
    assert_eq!(writer.flush_until(soon()), Err(Win32Error::SEM_TIMEOUT));
    assert_eq!(read(&reader, 5).unwrap(), b"unrea");
    assert_eq!(writer.flush_until(soon()), Err(Win32Error::SEM_TIMEOUT));
    thread::scope(|scope| {
        let waiting = scope.spawn(|| writer.flush());
        assert_eq!(read(&reader, 5).unwrap(), b"d");
        assert_eq!(waiting.join().unwrap(), Ok(()));
    });
}

#[test]
fn the_face_flushes_without_waiting_and_waits_when_asked() {
    let (mut reader, mut writer) = anonymous::pipe().unwrap();
    writer.write_all(b"unread").unwrap();
    writer.flush().unwrap();
    thread::scope(|scope| {
        let waiting = scope.spawn(|| writer.wait_until_read());
        let mut buffer = [0; 6];
        reader.read_exact(&mut buffer).unwrap();
        assert_eq!(&buffer, b"unread");
        waiting.join().unwrap().unwrap();
    });
    assert_eq!(reader.read(&mut []).unwrap(), 0);
}

#[test]
fn ends_can_move_between_threads() {
    fn is_free<T: Send + Sync + Unpin>() {}
    is_free::<AnonymousEnd>();
    is_free::<anonymous::PipeReader>();
    is_free::<anonymous::PipeWriter>();
}
