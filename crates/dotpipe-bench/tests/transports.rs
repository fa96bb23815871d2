//! The benchmark as a program: every transport brings every byte, and a run yields its files. No time is
//! looked at.

use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    let program = env!("CARGO_BIN_EXE_dotpipe-bench");
    // Without a path no Wine is found, which takes half a minute to begin; `.ci/run` checks it.
    let mut bench = Command::new(program);
    bench.env("PATH", "").args(arguments).output().unwrap()
}

fn printed(output: &Output) -> String {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{}\n{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}

#[test]
fn every_transport_brings_every_byte() {
    let list = printed(&bench(&["--list"]));
    let transports: Vec<_> = list
        .lines()
        .filter_map(|line| line.strip_prefix("transport "))
        .collect();
    assert!(transports.len() >= 12, "{list}");
    let checked = printed(&bench(&["--check"]));
    for transport in transports {
        let with = |word: &str| {
            let start = format!("{word} {transport}: ");
            checked.lines().find(move |line| line.starts_with(&start))
        };
        // Wine alone need not be there.
        match with("skipped") {
            Some(skipped) if transport == "wine-named-pipe" => println!("{skipped}"),
            _ => assert!(with("ok").is_some(), "{transport} in:\n{checked}"),
        }
    }
}

#[test]
fn a_run_prints_a_table() {
    let printed = printed(&bench(&["--quick", "--only", "think-10"]));
    for text in [
        "dotpipe ",
        "unix-stream",
        "raw-mailbox",
        "10 µs: CPU",
        "ratio",
        "results.csv",
    ] {
        assert!(printed.contains(text), "{text} is missing in:\n{printed}");
    }
}

#[test]
fn a_worker_that_cannot_be_is_an_error_and_no_hang() {
    let worker = [
        "worker",
        "--peer",
        "nobody",
        "--job",
        "think-10",
        "--directory",
        "/",
    ];
    let output = bench(&worker);
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("nobody"));
}
