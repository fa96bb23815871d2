//! Never a signal, also in a program that would notice it.

use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dotpipe::exact::{AnonymousEnd, anonymous_pipe};
use dotpipe::win32::Win32Error;
use signal_hook::consts::SIGPIPE;

use crate::no_child_starts;

/// Rust programs ignore `SIGPIPE`; the handler takes that away, as a program in C would begin.
#[test]
fn a_write_without_a_reader_raises_no_signal() {
    let _quiet = no_child_starts();
    let has_come = Arc::new(AtomicBool::new(false));
    let handler = signal_hook::flag::register(SIGPIPE, Arc::clone(&has_come)).unwrap();

    let (reader, writer) = anonymous_pipe(0).unwrap();
    let number = u32::try_from(writer.as_raw_fd()).unwrap();
    let again = AnonymousEnd::from_inherited(number).unwrap();
    std::thread::scope(|scope| {
        let data = vec![0; 3_000_000];
        let waiting = scope.spawn(move || writer.write(&data));
        reader.read(&mut [0; 100]).unwrap();
        drop(reader);
        assert_eq!(waiting.join().unwrap(), Err(Win32Error::BROKEN_PIPE));
    });
    // It reaches the kernel by another way than ends that were made here.
    assert_eq!(again.write(b"x"), Err(Win32Error::NO_DATA));
    assert!(!has_come.load(Ordering::SeqCst), "SIGPIPE came");

    // The handler itself works: `std` writes without such care.
    let (reader, mut writer) = std::io::pipe().unwrap();
    drop(reader);
    std::io::Write::write(&mut writer, b"x").unwrap_err();
    assert!(
        has_come.load(Ordering::SeqCst),
        "SIGPIPE did not come where it must"
    );
    signal_hook::low_level::unregister(handler);
}
