//! `dotpipe ls` and `dotpipe info`.

use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::Namespace;

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn without_pipes_there_is_nothing_to_list() {
    let namespace = Namespace::new();
    assert_eq!(namespace.run(&["ls"]).assert_code(0).stdout(), "");
    assert_eq!(
        parse(&namespace.run(&["ls", "--json"]).assert_code(0).stdout()),
        json!([])
    );
    namespace.run(&["info", "nobody"]).assert_code(3);
    namespace.run(&["info", "nobody", "--json"]).assert_code(3);
}

#[test]
fn everything_a_server_was_told_can_be_seen() {
    let namespace = Namespace::new();
    let server = namespace.serve(&[
        "Full",
        "--type",
        "message",
        "--access",
        "in",
        "--max-instances",
        "7",
        "--in-buffer",
        "1000",
        "--out-buffer",
        "2000",
        "--timeout",
        "90",
        "--security",
        "D:(A;;GA;;;WD)",
        "--accept-remote",
        "--exec",
        "cat",
    ]);
    let mut expected = json!({
        "name": r"\\.\pipe\Full",
        "type": "message",
        "access": "in",
        "instances": {
            "used": 1,
            "maximum": 7,
            "listening": 1,
            "connected": 0,
            "closing": 0,
            "disconnected": 0,
            "unknown": 0,
        },
        "in_buffer": 1000,
        "out_buffer": 2000,
        "default_timeout_ms": 90,
        "reject_remote_clients": false,
        "server_pids": [server.id()],
    });
    let list = namespace.run(&["ls", "--json"]).assert_code(0);
    assert_eq!(parse(&list.stdout()), json!([expected]));
    let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
    let security = format!("O:S-1-22-1-{user}G:S-1-22-2-{group}D:(A;;FA;;;WD)");
    expected["security"] = security.clone().into();
    let info = namespace.run(&["info", "full", "--json"]).assert_code(0);
    assert_eq!(parse(&info.stdout()), expected);

    let info = namespace.run(&["info", "full"]).assert_code(0).stdout();
    for line in [
        r"name:             \\.\pipe\Full",
        "type:             message",
        "access:           in",
        "instances:        1 of 7",
        "in buffer:        1000 bytes",
        "out buffer:       2000 bytes",
        "default time-out: 90 ms",
        "remote clients:   accepted",
        &format!("security:         {security}"),
    ] {
        assert!(info.lines().any(|other| other == line), "{line} in {info}");
    }
}

#[test]
fn the_list_is_sorted_and_knows_all_servers_and_states() {
    let namespace = Namespace::new();
    let servers = [
        namespace.serve(&["pear", "--echo"]),
        namespace.serve(&["apple", "--echo"]),
        namespace.serve(&["PEAR", "--echo"]),
    ];
    let mut client = namespace.start(&["connect", "apple"]);
    client.write_line("x");
    client.read_line();

    let list = parse(&namespace.run(&["ls", "--json"]).assert_code(0).stdout());
    assert_eq!(list[0]["name"], r"\\.\pipe\apple");
    assert_eq!(list[0]["instances"]["connected"], 1);
    assert_eq!(list[0]["instances"]["used"], 2);
    assert_eq!(list[1]["name"], r"\\.\pipe\pear");
    assert_eq!(
        list[1]["server_pids"],
        json!([servers[0].id(), servers[2].id()])
    );
    assert_eq!(list[2], Value::Null);

    let list = namespace.run(&["ls"]).assert_code(0).stdout();
    let names: Vec<_> = list
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    assert_eq!(names, ["NAME", r"\\.\pipe\apple", r"\\.\pipe\pear"]);
}

#[test]
fn a_reader_of_the_list_that_leaves_is_no_reason_to_complain() {
    let namespace = Namespace::new();
    let _server = namespace.serve(&["one", "--echo"]);
    let mut list = namespace
        .command(&["ls"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(list.stdout.take());
    let output = list.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
