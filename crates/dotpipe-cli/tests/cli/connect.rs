//! `dotpipe connect`.

use std::process::Stdio;

use crate::support::Namespace;

#[test]
fn the_reply_is_waited_for_when_the_input_has_ended() {
    let namespace = Namespace::new();
    let _server = namespace.serve(&[
        "slow",
        "--exec",
        "sh",
        "-c",
        r#"read a; read b; echo "$b $a"; echo end"#,
    ]);
    let client = namespace
        .run_with(&["connect", "slow"], b"one\ntwo\n")
        .assert_code(0);
    assert_eq!(client.stdout(), "two one\nend\n");
}

#[test]
fn no_wait_reply_ends_when_the_server_has_read_everything() {
    let namespace = Namespace::new();
    let log = namespace.serve(&["log", "--exec", "sh", "-c", "cat >&2"]);
    // A server that says nothing and waits for more: without the option this would not end.
    namespace
        .run_with(&["connect", "log", "--no-wait-reply"], b"one\n")
        .assert_code(0);
    assert_eq!(log.complaint(), "one");
}

#[test]
fn linger_ends_when_the_server_has_nothing_more_to_say() {
    let namespace = Namespace::new();
    let _server = namespace.serve(&["echo", "--echo"]);
    let client = namespace
        .run_with(&["connect", "echo", "--linger", "1"], b"hello")
        .assert_code(0);
    // Without the option it would not end at all. A slow machine may be late with the reply.
    assert!(
        ["", "hello"].contains(&&*client.stdout()),
        "{}",
        client.stdout()
    );
}

#[test]
fn in_message_mode_a_line_is_a_message() {
    let namespace = Namespace::new();
    let _server = namespace.serve(&["echo", "--type", "message", "--echo"]);
    let mut client = namespace.start(&["connect", "echo", "--message"]);
    let long = "x".repeat(200_000);
    for line in ["one", "", long.as_str(), "two"] {
        client.write_line(line);
        assert_eq!(client.read_line(), line);
    }
    // Without the option no border is shown.
    let mut client = namespace.start(&["connect", "echo"]);
    client.write_line("one");
    client.write_line("two");
    assert_eq!(client.read_line(), "one");
    assert_eq!(client.read_line(), "two");
}

#[test]
fn large_data_pass_both_ways_unchanged() {
    let namespace = Namespace::new();
    let buffers = ["--in-buffer", "100", "--out-buffer", "0"];
    // It ends after so many bytes, and with it the conversation.
    let exec = ["--exec", "head", "-c", "1000000"];
    let _server = namespace.serve(&[&["large"], &buffers[..], &exec].concat());
    let data: Vec<u8> = (0..1_000_000_u32)
        .map(|index| (index % 251) as u8)
        .collect();
    let client = namespace
        .run_with(&["connect", "large"], &data)
        .assert_code(0);
    assert!(client.bytes() == data);
}

#[test]
fn messages_need_a_message_pipe() {
    let namespace = Namespace::new();
    let _server = namespace.serve(&["bytes", "--echo"]);
    let client = namespace
        .run(&["connect", "bytes", "--message"])
        .assert_code(1);
    assert!(
        client.stderr().contains("ERROR_INVALID_PARAMETER 87"),
        "{}",
        client.stderr()
    );
    assert!(
        client.stderr().contains("leave --message out"),
        "{}",
        client.stderr()
    );
}

#[test]
fn messages_need_no_more_than_the_right_to_read() {
    let namespace = Namespace::new();
    let _server = namespace.serve(&[
        "news",
        "--type",
        "message",
        "--access",
        "out",
        "--exec",
        "printf",
        r"one\ntwo\n",
    ]);
    let client = namespace
        .run(&["connect", "news", "--message"])
        .assert_code(0);
    assert_eq!(client.stdout(), "one\ntwo\n");
}

#[test]
fn input_that_nobody_reads_is_a_failure() {
    let namespace = Namespace::new();
    // It reads next to nothing, and a write of more than the quota has to wait for it.
    let _server = namespace.serve(&[
        "deaf",
        "--in-buffer",
        "0",
        "--exec",
        "sh",
        "-c",
        "head -c 1 >/dev/null",
    ]);
    let client = namespace
        .run_with(&["connect", "deaf"], &[b'x'; 1_000_000])
        .assert_code(7);
    assert!(
        client
            .stderr()
            .contains("may not have read all of the input"),
        "{}",
        client.stderr()
    );
}

#[test]
fn a_pipe_that_does_not_exist_is_told() {
    let namespace = Namespace::new();
    let client = namespace.run(&["connect", "nobody"]).assert_code(3);
    assert!(
        client
            .stderr()
            .starts_with(r"dotpipe: open \\.\pipe\nobody: there is no pipe of that name"),
        "{}",
        client.stderr()
    );
}

#[test]
fn a_reader_of_the_output_that_leaves_is_no_reason_to_complain() {
    let namespace = Namespace::new();
    let _server = namespace.serve(&["yes", "--exec", "yes"]);
    let mut client = namespace
        .command(&["connect", "yes"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(client.stdout.take());
    let output = client.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
