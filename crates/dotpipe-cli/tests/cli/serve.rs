//! `dotpipe serve`.

use rustix::process::Signal;

use crate::support::Namespace;

#[test]
fn several_clients_are_served_at_once() {
    let namespace = Namespace::new();
    let _server = namespace.serve(&["many", "--echo"]);
    let mut clients: Vec<_> = (0..4)
        .map(|_| namespace.start(&["connect", "many"]))
        .collect();
    for round in 0..3 {
        for (number, client) in clients.iter_mut().enumerate() {
            client.write_line(&format!("{number} {round}"));
        }
        for (number, client) in clients.iter_mut().enumerate() {
            assert_eq!(client.read_line(), format!("{number} {round}"));
        }
    }
    let info = namespace.run(&["info", "many"]).stdout();
    assert!(
        info.contains("instances:        5, no limit\nlistening:        1\n"),
        "{info}"
    );
}

#[test]
fn ctrl_c_ends_in_good_order_and_leaves_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        let namespace = Namespace::new();
        // A program that never ends by itself, and a child of it that has the same output open.
        let server = namespace.serve(&[
            "stop",
            "--exec",
            "sh",
            "-c",
            "echo ready; (sleep 1000); sleep 1000",
        ]);
        let mut client = namespace.start(&["connect", "stop"]);
        assert_eq!(client.read_line(), "ready");

        server.signal(signal);
        let (status, _) = server.wait();
        assert_eq!(status.code(), Some(0));
        namespace.assert_empty();
        assert_eq!(client.wait().0.code(), Some(0));
        assert_eq!(namespace.run(&["ls"]).assert_code(0).stdout(), "");
        namespace.run(&["call", "stop", "x"]).assert_code(3);
    }
}

#[test]
fn ctrl_c_ends_a_server_that_nobody_has_used() {
    let namespace = Namespace::new();
    let server = namespace.serve(&["idle", "--echo"]);
    server.signal(Signal::INT);
    assert_eq!(server.wait().0.code(), Some(0));
    namespace.assert_empty();
}

#[test]
fn the_name_of_a_killed_server_is_free() {
    let namespace = Namespace::new();
    let server = namespace.serve(&["crash", "--echo"]);
    let mut client = namespace.start(&["connect", "crash"]);
    client.write_line("hello");
    assert_eq!(client.read_line(), "hello");

    server.signal(Signal::KILL);
    // The conversation has ended, as if the server had closed.
    assert_eq!(client.wait().0.code(), Some(0));
    namespace.run(&["info", "crash"]).assert_code(3);
    let server = namespace.serve(&["crash", "--echo", "--first"]);
    server.signal(Signal::INT);
    assert_eq!(server.wait().0.code(), Some(0));
    namespace.assert_empty();
}

#[test]
fn once_serves_one_client_and_count_so_many() {
    let namespace = Namespace::new();
    for (option, clients) in [(&["--once"][..], 1), (&["--count", "3"], 3)] {
        let arguments = [&["few", "--echo", "--type", "message"], option].concat();
        let server = namespace.serve(&arguments);
        for number in 0..clients {
            let reply = namespace
                .run(&["call", "few", &number.to_string()])
                .assert_code(0);
            assert_eq!(reply.stdout(), format!("{number}\n"));
        }
        assert_eq!(server.wait().0.code(), Some(0));
        namespace.run(&["call", "few", "x"]).assert_code(3);
        namespace.assert_empty();
    }
}

#[test]
fn at_the_maximum_an_instance_that_is_free_again_serves_the_next() {
    let namespace = Namespace::new();
    let _server = namespace.serve(&["one", "--echo", "--max-instances", "1"]);
    let mut first = namespace.start(&["connect", "one"]);
    first.write_line("first");
    assert_eq!(first.read_line(), "first");
    namespace
        .run(&["connect", "one", "--wait", "none"])
        .assert_code(4);
    namespace
        .run(&["connect", "one", "--wait", "1"])
        .assert_code(6);

    let mut second = namespace.start(&["connect", "one", "--wait", "forever"]);
    second.write_line("second");
    drop(first);
    assert_eq!(second.read_line(), "second");
}

#[test]
fn a_command_gets_the_client_as_its_input_and_output() {
    let namespace = Namespace::new();
    let _server = namespace.serve(&[
        "shell",
        "--exec",
        "sh",
        "-c",
        r#"read line; printf "%s\n" "$line $DOTPIPE_NAME $DOTPIPE_CLIENT_PID""#,
    ]);
    let mut client = namespace.start(&["connect", "//./pipe/SHELL"]);
    client.write_line("hello");
    let id = client.id();
    assert_eq!(client.read_line(), format!(r"hello \\.\pipe\shell {id}"));
    // The command has ended, and with it the conversation, although the input goes on.
    assert_eq!(client.wait().0.code(), Some(0));
}

#[test]
fn a_command_on_a_message_pipe_reads_and_writes_lines() {
    let namespace = Namespace::new();
    let exec = [
        "--exec",
        "sh",
        "-c",
        r#"while read -r line; do echo "<$line>"; done"#,
    ];
    let _lines = namespace.serve(&[&["lines", "--type", "message"], &exec[..]].concat());
    assert_eq!(
        namespace
            .run(&["call", "lines", "one"])
            .assert_code(0)
            .stdout(),
        "<one>\n"
    );
    assert_eq!(
        namespace
            .run(&["call", "lines", "-n", "two"])
            .assert_code(0)
            .stdout(),
        "<two>"
    );

    // Bytes as they come: no line is made of the message, so the command waits for its end.
    let _raw = namespace.serve(
        &[
            &["raw", "--type", "message", "--read-mode", "byte"],
            &exec[..],
        ]
        .concat(),
    );
    assert_eq!(
        namespace
            .run(&["call", "raw", "one\n"])
            .assert_code(0)
            .stdout(),
        "<one>\n"
    );
}

#[test]
fn an_inbound_pipe_prints_and_an_outbound_pipe_only_speaks() {
    let namespace = Namespace::new();
    let mut log = namespace.serve(&["log", "--access", "in", "--exec", "cat"]);
    namespace
        .run_with(&["connect", "log"], b"one\n")
        .assert_code(0);
    assert_eq!(log.read_line(), "one");
    namespace
        .run_with(&["connect", "log"], b"two\n")
        .assert_code(0);
    assert_eq!(log.read_line(), "two");
    namespace
        .run(&["connect", "log", "--access", "read"])
        .assert_code(5);

    let _news = namespace.serve(&[
        "news",
        "--access",
        "out",
        "--exec",
        "sh",
        "-c",
        "cat; echo news",
    ]);
    let client = namespace
        .run_with(&["connect", "news"], b"ignored")
        .assert_code(0);
    assert_eq!(client.stdout(), "news\n");
    namespace
        .run(&["connect", "news", "--access", "write"])
        .assert_code(5);
}

#[test]
fn a_command_that_cannot_be_run_is_told() {
    let namespace = Namespace::new();
    let server = namespace.serve(&["none", "--once", "--exec", "/no/such/command"]);
    // Whether the client is still opening when it is disconnected is a matter of luck.
    namespace.run(&["connect", "none"]);
    let complaint = server.complaint();
    assert!(
        complaint.starts_with("dotpipe: run /no/such/command: "),
        "{complaint}"
    );
    assert_eq!(server.wait().0.code(), Some(1));
}

#[test]
fn what_a_second_server_of_a_name_may_not_do() {
    let namespace = Namespace::new();
    let _server = namespace.serve(&["shared", "--echo", "--max-instances", "2"]);
    namespace
        .run(&["serve", "shared", "--echo", "--first"])
        .assert_code(5);
    namespace
        .run(&["serve", "shared", "--echo", "--type", "message"])
        .assert_code(5);
    namespace
        .run(&["serve", "shared", "--access", "in", "--exec", "cat"])
        .assert_code(5);
    let _second = namespace.serve(&["shared", "--echo"]);
    let third = namespace.run(&["serve", "shared", "--echo"]).assert_code(4);
    assert!(
        third
            .stderr()
            .contains(r"dotpipe: create \\.\pipe\shared: "),
        "{}",
        third.stderr()
    );
    assert!(
        third.stderr().contains("(ERROR_PIPE_BUSY 231); "),
        "{}",
        third.stderr()
    );
}
