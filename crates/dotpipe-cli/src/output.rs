//! What is printed: text for people, JSON for programs.
//!
//! The rules it owns: output that nobody reads any more ends a command quietly, and nothing that a
//! name contains can move the cursor of a terminal.

use std::fmt;
use std::fmt::Write as _;
use std::io;
use std::io::Write;

use dotpipe::exact::PipeStatus;
use dotpipe::name;
use dotpipe::options::{Access, PipeMode, UNLIMITED_INSTANCES};
use serde_json::{Value, json};

use crate::failure::{Failure, Result};

/// Prints a line.
pub(crate) fn line(text: impl fmt::Display) -> Result {
    bytes(format!("{text}\n").as_bytes())
}

/// Prints bytes as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(bytes)
        .and_then(|()| stdout.flush())
        .map_err(Failure::output)
}

/// Prints a value as JSON, indented.
pub(crate) fn value(value: &Value) -> Result {
    line(format_args!("{value:#}"))
}

/// Says something on standard error, if anybody listens.
pub(crate) fn complain(text: &str) {
    let _ = writeln!(io::stderr(), "dotpipe: {text}");
}

/// The text with all escaped that cannot be seen.
pub(crate) fn printable(text: &str) -> String {
    name::printable(text).to_string()
}

/// A pipe as `ls --json` and `info --json` show it.
pub(crate) fn status_value(status: &PipeStatus) -> Value {
    json!({
        "name": status.name.to_string(),
        "type": status.pipe_type.map(mode),
        "access": status.access.map(access),
        "instances": {
            "used": status.instances.total(),
            "maximum": maximum(status).map_or(Value::from(UNTOLD), Value::from),
            "listening": status.instances.listening,
            "connected": status.instances.connected,
            "closing": status.instances.closing,
            "disconnected": status.instances.disconnected,
            "unknown": status.instances.unknown,
        },
        "out_buffer": status.out_quota,
        "in_buffer": status.in_quota,
        "default_timeout_ms": status.default_timeout,
        "reject_remote_clients": status.reject_remote_clients,
        "server_pids": status.server_process_ids,
    })
}

/// A pipe as `info` shows it to a person.
pub(crate) fn status_text(status: &PipeStatus, security: Option<&str>) -> String {
    let counts = &status.instances;
    let bytes = |quota: u32| format!("{quota} bytes");
    let timeout = |timeout| match timeout {
        0 => "50 ms (not set)".into(),
        milliseconds => format!("{milliseconds} ms"),
    };
    [
        ("name", printable(&status.name.to_string())),
        ("type", told(status.pipe_type.map(mode))),
        ("access", told(status.access.map(access))),
        ("instances", instances(status)),
        ("listening", counts.listening.to_string()),
        ("connected", counts.connected.to_string()),
        ("closing", counts.closing.to_string()),
        ("disconnected", counts.disconnected.to_string()),
        ("unknown", counts.unknown.to_string()),
        ("out buffer", told(status.out_quota.map(bytes))),
        ("in buffer", told(status.in_quota.map(bytes))),
        (
            "default time-out",
            told(status.default_timeout.map(timeout)),
        ),
        ("remote clients", remote_clients(status).into()),
        ("security", security.unwrap_or("(not yours to know)").into()),
        ("server processes", processes(status)),
    ]
    .into_iter()
    .fold(String::new(), |mut text, (label, value)| {
        let _ = writeln!(text, "{:<18}{value}", format!("{label}:"));
        text
    })
}

/// Pipes as `ls` shows them to a person: one line each, in columns below a heading.
pub(crate) fn status_table(pipes: &[PipeStatus]) -> String {
    let mut rows = vec![
        [
            "NAME",
            "TYPE",
            "ACCESS",
            "INSTANCES",
            "LISTENING",
            "SERVERS",
        ]
        .map(String::from),
    ];
    rows.extend(pipes.iter().map(|pipe| {
        [
            printable(&pipe.name.to_string()),
            told(pipe.pipe_type.map(mode)),
            told(pipe.access.map(access)),
            instances(pipe),
            pipe.instances.listening.to_string(),
            processes(pipe),
        ]
    }));
    let mut widths = [0; 6];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    rows.iter().fold(String::new(), |mut text, row| {
        let cells: Vec<String> = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        text
    })
}

/// The word for a type or a read mode.
pub(crate) fn mode(mode: PipeMode) -> &'static str {
    match mode {
        PipeMode::Byte => "byte",
        PipeMode::Message => "message",
    }
}

/// The word for the way that data may flow, seen from the server as in Win32.
fn access(access: Access) -> &'static str {
    match access {
        Access::Inbound => "in",
        Access::Outbound => "out",
        Access::Duplex => "duplex",
    }
}

/// What stands in the place of something that the system does not tell, as Windows often does not.
const UNTOLD: &str = "?";

fn told(value: Option<impl Into<String>>) -> String {
    value.map_or_else(|| UNTOLD.into(), Into::into)
}

/// The maximum of instances, if it is told; `Some(None)` for no limit.
fn maximum(status: &PipeStatus) -> Option<Option<u32>> {
    let limit = |maximum| (maximum != UNLIMITED_INSTANCES).then_some(maximum);
    status.max_instances.map(limit)
}

fn instances(status: &PipeStatus) -> String {
    let used = status.instances.total();
    match maximum(status) {
        Some(Some(maximum)) => format!("{used} of {maximum}"),
        Some(None) => format!("{used}, no limit"),
        None => used.to_string(),
    }
}

fn remote_clients(status: &PipeStatus) -> &'static str {
    match status.reject_remote_clients {
        Some(true) => "rejected",
        Some(false) => "accepted",
        None => UNTOLD,
    }
}

fn processes(status: &PipeStatus) -> String {
    let ids: Vec<String> = status
        .server_process_ids
        .iter()
        .map(u32::to_string)
        .collect();
    ids.join(" ")
}

#[cfg(test)]
mod tests {
    use dotpipe::exact::InstanceCounts;
    use dotpipe::name::PipeName;

    use super::*;

    fn pipe(name: &str, max_instances: u32) -> PipeStatus {
        PipeStatus {
            name: PipeName::local(name).unwrap(),
            pipe_type: Some(PipeMode::Message),
            access: Some(Access::Inbound),
            max_instances: Some(max_instances),
            instances: InstanceCounts {
                listening: 1,
                connected: 2,
                closing: 0,
                disconnected: 0,
                unknown: 0,
            },
            out_quota: Some(10),
            in_quota: Some(20),
            default_timeout: Some(0),
            reject_remote_clients: Some(true),
            server_process_ids: vec![7, 8],
        }
    }

    #[test]
    fn a_name_cannot_move_the_cursor() {
        let status = pipe("bell\x07 \x1b[2J\nnext", 255);
        for text in [status_text(&status, None), status_table(&[status])] {
            assert!(!text.contains(['\x07', '\x1b']), "{text}");
            assert!(text.contains(r"bell\u{7} \u{1b}[2J\nnext"), "{text}");
        }
    }

    #[test]
    fn no_limit_is_not_shown_as_a_number() {
        assert_eq!(
            status_value(&pipe("a", 255))["instances"]["maximum"],
            Value::Null
        );
        assert_eq!(status_value(&pipe("a", 254))["instances"]["maximum"], 254);
        assert!(status_text(&pipe("a", 255), None).contains("3, no limit"));
        assert!(status_text(&pipe("a", 254), None).contains("3 of 254"));
    }

    #[test]
    fn what_is_not_told_is_not_made_up() {
        let status = PipeStatus {
            pipe_type: None,
            access: None,
            max_instances: None,
            out_quota: None,
            in_quota: None,
            default_timeout: None,
            reject_remote_clients: None,
            ..pipe("a", 255)
        };
        let value = status_value(&status);
        assert_eq!(value["type"], Value::Null);
        assert_eq!(value["instances"]["maximum"], UNTOLD);
        assert!(status_text(&status, None).contains("default time-out: ?\n"));
        assert!(status_table(&[status]).contains("?"));
    }

    #[test]
    fn the_columns_of_a_table_stand_below_each_other() {
        let table = status_table(&[pipe("a", 3), pipe("a much longer name", 255)]);
        let starts: Vec<_> = table
            .lines()
            .skip(1)
            .map(|line| line.find("message").unwrap())
            .collect();
        assert_eq!(starts[0], starts[1]);
        assert!(table.lines().all(|line| line == line.trim_end()));
    }
}
