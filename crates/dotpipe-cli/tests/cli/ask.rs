//! `dotpipe call` and `dotpipe wait`.

use crate::support::Namespace;

#[test]
fn a_call_prints_the_reply() {
    let namespace = Namespace::new();
    let _server = namespace.serve(&["echo", "--type", "message", "--echo"]);
    assert_eq!(
        namespace
            .run(&["call", "echo", "hello"])
            .assert_code(0)
            .stdout(),
        "hello\n"
    );
    assert_eq!(
        namespace
            .run(&["call", r"\\.\pipe\Echo", "--", "-x"])
            .assert_code(0)
            .stdout(),
        "-x\n"
    );
    assert_eq!(
        namespace
            .run(&["call", "echo", "hello\n"])
            .assert_code(0)
            .stdout(),
        "hello\n"
    );
    assert_eq!(
        namespace
            .run(&["call", "-n", "echo", "hello"])
            .assert_code(0)
            .stdout(),
        "hello"
    );
    assert_eq!(
        namespace.run(&["call", "echo", ""]).assert_code(0).stdout(),
        "\n"
    );
}

#[test]
fn a_message_from_standard_input_is_taken_as_it_is() {
    let namespace = Namespace::new();
    let _server = namespace.serve(&["echo", "--type", "message", "--echo"]);
    let data: Vec<u8> = (0..300_000_u32).map(|index| (index % 253) as u8).collect();
    let call = namespace
        .run_with(&["call", "--no-newline", "echo", "-"], &data)
        .assert_code(0);
    assert!(call.bytes() == data);
}

#[test]
fn a_call_fails_with_the_status_for_its_reason() {
    let namespace = Namespace::new();
    namespace.run(&["call", "nobody", "x"]).assert_code(3);

    let _mute = namespace.serve(&[
        "mute",
        "--type",
        "message",
        "--exec",
        "sh",
        "-c",
        "cat >/dev/null",
    ]);
    namespace
        .run(&["call", "mute", "x", "--timeout", "50"])
        .assert_code(6);

    let _leaves = namespace.serve(&["leaves", "--type", "message", "--exec", "head", "-n", "0"]);
    namespace.run(&["call", "leaves", "x"]).assert_code(7);

    let _bytes = namespace.serve(&["bytes", "--echo"]);
    let call = namespace.run(&["call", "bytes", "x"]).assert_code(1);
    assert!(
        call.stderr().contains("ERROR_INVALID_PARAMETER 87"),
        "{}",
        call.stderr()
    );

    let _busy = namespace.serve(&[
        "busy",
        "--type",
        "message",
        "--echo",
        "--max-instances",
        "1",
    ]);
    let mut client = namespace.start(&["connect", "busy"]);
    client.write_line("x");
    client.read_line();
    namespace
        .run(&["call", "busy", "x", "--timeout", "20"])
        .assert_code(6);
}

#[test]
fn a_wait_tells_whether_an_instance_listens() {
    let namespace = Namespace::new();
    namespace
        .run(&["wait", "one", "--timeout", "forever"])
        .assert_code(3);
    let _server = namespace.serve(&["one", "--echo", "--max-instances", "1", "--timeout", "20"]);
    namespace.run(&["wait", "one"]).assert_code(0);
    let mut client = namespace.start(&["connect", "one"]);
    client.write_line("x");
    client.read_line();
    namespace.run(&["wait", "one"]).assert_code(6);
    namespace
        .run(&["wait", "one", "--timeout", "20"])
        .assert_code(6);
    drop(client);
    namespace
        .run(&["wait", "one", "--timeout", "forever"])
        .assert_code(0);
}
