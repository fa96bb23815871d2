//! `dotpipe demo`: that it holds, and that it leaves nothing behind.

use std::os::unix::process::CommandExt;
use std::process::Stdio;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process_group};

use crate::support::Namespace;

#[test]
fn every_check_holds_and_nothing_is_left() {
    let namespace = Namespace::new();
    let demo = namespace
        .command(&["demo", "--verbose"])
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let group = Pid::from_raw(demo.id().try_into().unwrap()).unwrap();
    let output = demo.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();

    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert!(!text.contains("FAILED"), "{text}");
    let checks = text
        .lines()
        .filter(|line| line.starts_with("  [ok] "))
        .count();
    assert!(
        text.contains(&format!("\n{checks} checks, 0 failed")),
        "{text}"
    );
    for code in [
        "ERROR_ACCESS_DENIED",
        "ERROR_BAD_PIPE",
        "ERROR_BROKEN_PIPE",
        "ERROR_FILE_NOT_FOUND",
        "ERROR_INVALID_PARAMETER",
        "ERROR_MORE_DATA",
        "ERROR_NO_DATA",
        "ERROR_NOT_FOUND",
        "ERROR_OPERATION_ABORTED",
        "ERROR_PIPE_BUSY",
        "ERROR_PIPE_CONNECTED",
        "ERROR_PIPE_LISTENING",
        "ERROR_PIPE_NOT_CONNECTED",
        "ERROR_SEM_TIMEOUT",
    ] {
        assert!(text.contains(code), "{code} is shown");
    }

    // Its processes were in its group, and the group is empty.
    assert_eq!(test_kill_process_group(group), Err(Errno::SRCH));
    namespace.assert_empty();
}

#[test]
fn two_demonstrations_do_not_disturb_each_other() {
    let namespace = Namespace::new();
    let demos = [namespace.start(&["demo"]), namespace.start(&["demo"])];
    for demo in demos {
        let (status, text) = demo.wait();
        assert_eq!(status.code(), Some(0), "{text}");
    }
    namespace.assert_empty();
}
