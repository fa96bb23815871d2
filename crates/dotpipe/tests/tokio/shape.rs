//! What a program for tokio's Windows pipes relies on: names, kinds of errors, codes, readiness.

use std::ffi::OsString;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::sync::Arc;

use dotpipe::tokio::{
    ClientOptions, NamedPipeClient, NamedPipeServer, OwnedReadHalf, OwnedWriteHalf, PipeEnd,
    PipeInfo, PipeListener, PipeMode, ReadHalf, ServerOptions, WriteHalf, win32_code,
};
use dotpipe::{WaitTimeout, Win32Error};
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest, Ready};
use windows_sys::Win32::Foundation::{
    ERROR_FILE_NOT_FOUND, ERROR_PIPE_BUSY, ERROR_PIPE_NOT_CONNECTED,
};

use crate::support::{is_wine, unique_name, unlimited_instances};
use crate::{on_both, pair};

/// At compile time.
const _: () = {
    const fn may_go_anywhere<T: Send + Sync + Unpin + 'static>() {}
    const fn may_be_lent<T: Send + Sync + Unpin>() {}
    may_go_anywhere::<NamedPipeServer>();
    may_go_anywhere::<NamedPipeClient>();
    may_go_anywhere::<PipeListener>();
    may_go_anywhere::<OwnedReadHalf>();
    may_go_anywhere::<OwnedWriteHalf>();
    may_go_anywhere::<ServerOptions>();
    may_go_anywhere::<ClientOptions>();
    may_go_anywhere::<PipeInfo>();
    may_be_lent::<ReadHalf<'_>>();
    may_be_lent::<WriteHalf<'_>>();
};

#[test]
fn codes_and_kinds_are_those_of_windows() {
    on_both(|| async {
        let name = unique_name("codes").to_string();
        let missing = ClientOptions::new().open(&name).unwrap_err();
        assert_eq!(missing.kind(), ErrorKind::NotFound);
        assert_eq!(missing.raw_os_error(), Some(ERROR_FILE_NOT_FOUND as i32));

        let server = ServerOptions::new()
            .first_pipe_instance(true)
            .create(&name)
            .unwrap();
        if !is_wine() {
            // "instances-first" in `conformance/DIVERGENCES.md`.
            let second = ServerOptions::new().first_pipe_instance(true).create(&name);
            assert_eq!(second.unwrap_err().kind(), ErrorKind::PermissionDenied);
        }

        let mut client = ClientOptions::new().open(&name).unwrap();
        let busy = ClientOptions::new().open(&name).unwrap_err();
        assert_eq!(busy.raw_os_error(), Some(ERROR_PIPE_BUSY as i32));

        server.connect().await.unwrap();
        server.disconnect().unwrap();
        let error = client.write(b"ping").await.unwrap_err();
        assert_eq!(error.raw_os_error(), Some(ERROR_PIPE_NOT_CONNECTED as i32));
        let error = client.read(&mut [0; 9]).await.unwrap_err();
        assert_eq!(win32_code(&error), Some(Win32Error::PIPE_NOT_CONNECTED));
        let error = server.try_read(&mut [0; 9]).unwrap_err();
        assert_eq!(win32_code(&error), Some(Win32Error::PIPE_NOT_CONNECTED));
    });
}

#[test]
fn names_that_are_none_are_errors() {
    #[cfg(unix)]
    let no_unicode: OsString =
        std::os::unix::ffi::OsStringExt::from_vec(b"\\\\.\\pipe\\\xff".to_vec());
    #[cfg(windows)]
    let no_unicode = {
        let mut units: Vec<u16> = r"\\.\pipe\".encode_utf16().collect();
        units.push(0xd800);
        <OsString as std::os::windows::ffi::OsStringExt>::from_wide(&units)
    };
    let no_unicode = Arc::new(no_unicode);

    on_both(|| {
        let no_unicode = no_unicode.clone();
        async move {
            for name in ["", "pipe", r"\\.\pipe\", r"\\.\pipe\a\b"] {
                assert!(ServerOptions::new().create(name).is_err(), "{name}");
            }
            let error = ClientOptions::new().open(&*no_unicode).unwrap_err();
            assert_eq!(win32_code(&error), Some(Win32Error::INVALID_NAME));
        }
    });
    let outside = ServerOptions::new().create(unique_name("outside").to_string());
    assert!(outside.is_err(), "there is no runtime here");
}

#[test]
fn info_tells_of_both_ends() {
    on_both(|| async {
        let (server, client) = pair(PipeMode::Message, 123).await;
        let (ours, theirs) = (server.info().unwrap(), client.info().unwrap());
        assert_eq!((ours.end, theirs.end), (PipeEnd::Server, PipeEnd::Client));
        for info in [ours, theirs] {
            assert_eq!(info.mode, PipeMode::Message);
            assert_eq!(info.max_instances, unlimited_instances());
            assert_eq!((info.in_buffer_size, info.out_buffer_size), (123, 123));
        }
        assert_eq!(server.peer_process_id().unwrap(), std::process::id());
    });
}

#[test]
fn readiness_says_what_would_not_wait() {
    on_both(|| async {
        let (server, client) = pair(PipeMode::Byte, 10).await;
        let both = Interest::READABLE | Interest::WRITABLE;
        assert_eq!(client.ready(both).await.unwrap(), Ready::WRITABLE);
        assert_eq!(
            client.try_read(&mut [0; 9]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );

        client.writable().await.unwrap();
        // As much as fits; on Windows all of it is taken over.
        let written = client.try_write(&[7; 30]).unwrap();
        assert_eq!(written, if cfg!(windows) { 30 } else { 10 });
        assert_eq!(
            client.try_write(&[7; 4]).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        let never = || -> std::io::Result<()> { panic!("the pipe is full") };
        let error = client.try_io(Interest::WRITABLE, never).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::WouldBlock);

        server.readable().await.unwrap();
        let ready = server.ready(both).await.unwrap();
        assert_eq!(ready, Ready::READABLE | Ready::WRITABLE);
        // Three are left.
        let (mut one, mut two) = ([0; 3], vec![0; written - 6]);
        let mut buffers = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
        let read = server.try_read_vectored(&mut buffers).unwrap();
        assert_eq!(read, written - 3);
        assert_eq!((one, two), ([7; 3], vec![7; written - 6]));
        // Now there is room for what was lacking.
        client.writable().await.unwrap();
        let pieces = [IoSlice::new(b"ab"), IoSlice::new(b""), IoSlice::new(b"cd")];
        assert_eq!(client.try_write_vectored(&pieces).unwrap(), 4);

        let mut data = Vec::with_capacity(20);
        let read = server
            .async_io(Interest::READABLE, || server.try_read_buf(&mut data))
            .await;
        assert_eq!((read.unwrap(), &data[..]), (7, &b"\x07\x07\x07abcd"[..]));

        drop(client);
        let ready = server.ready(Interest::READABLE).await.unwrap();
        assert!(ready.is_readable() && ready.is_read_closed());
        assert_eq!(server.try_read(&mut [0; 9]).unwrap(), 0);
        let error = server.try_write(b"x").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    });
}

#[test]
fn a_connect_that_is_given_up_loses_no_client() {
    on_both(|| async {
        let name = unique_name("connect").to_string();
        let mut server = ServerOptions::new().create(&name).unwrap();
        for _ in 0..3 {
            tokio::select! {
                biased;
                _ = server.connect() => panic!("nobody has come"),
                () = tokio::task::yield_now() => {}
            }
        }
        let mut client = ClientOptions::new().open(&name).unwrap();
        client.write_all(b"here").await.unwrap();
        drop(client);
        // It came and left, and is served all the same.
        server.connect().await.unwrap();
        let mut all = Vec::new();
        server.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"here");
        // The instance serves the next one.
        server.disconnect().unwrap();
        let next = async {
            let options = ClientOptions::new();
            let open = options.open_wait(&name, WaitTimeout::Forever);
            open.await.unwrap().write_all(b"next").await.unwrap();
        };
        let (connected, ()) = tokio::join!(server.connect(), next);
        connected.unwrap();
        all.clear();
        server.read_to_end(&mut all).await.unwrap();
        assert_eq!(all, b"next");
    });
}

#[test]
fn who_waits_for_an_instance_gets_it_or_a_timeout() {
    on_both(|| async {
        let name = unique_name("wait").to_string();
        let options = ClientOptions::new();
        let missing = options.open_wait(&name, WaitTimeout::Forever).await;
        assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
        let server = ServerOptions::new().create(&name).unwrap();
        let first = options.open(&name).unwrap();
        let late = options
            .open_wait(&name, WaitTimeout::Default)
            .await
            .unwrap_err();
        assert_eq!(late.kind(), ErrorKind::TimedOut);
        let waiting = tokio::spawn({
            let name = name.clone();
            async move {
                ClientOptions::new()
                    .open_wait(&name, WaitTimeout::Forever)
                    .await
            }
        });
        drop(first);
        server.disconnect().unwrap();
        server.connect().await.unwrap();
        waiting.await.unwrap().unwrap();
    });
}

#[test]
fn one_way_pipes_go_one_way() {
    on_both(|| async {
        let name = unique_name("one way").to_string();
        let mut server = ServerOptions::new()
            .access_inbound(false)
            .create(&name)
            .unwrap();
        assert!(ClientOptions::new().open(&name).is_err());
        let mut client = ClientOptions::new().write(false).open(&name).unwrap();
        server.write_all(b"out").await.unwrap();
        assert_eq!(client.read(&mut [0; 9]).await.unwrap(), 3);
        let denied = Some(Win32Error::ACCESS_DENIED);
        assert_eq!(win32_code(&client.write(b"x").await.unwrap_err()), denied);
        assert_eq!(
            win32_code(&server.read(&mut [0; 9]).await.unwrap_err()),
            denied
        );
    });
}

#[test]
fn whoever_asked_for_it_may_change_who_may_do_what() {
    use dotpipe::security::SecurityDescriptor;

    on_both(|| async {
        let name = unique_name("security").to_string();
        let owner_only = SecurityDescriptor::owner_only();
        let mut options = ServerOptions::new();
        let server = options.security(owner_only.clone()).create(&name).unwrap();
        assert!(server.set_security(&SecurityDescriptor::default()).is_err());
        let other = options.write_dac(true).create(&name).unwrap();
        other.set_security(&owner_only).unwrap();
    });
}
