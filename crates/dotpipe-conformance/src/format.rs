//! An answer in, its text out (FORMAT.md §4).

use std::fmt::Write;

use dotpipe::options::{PipeEnd, PipeMode, UNLIMITED_INSTANCES, WaitMode};
use dotpipe::win32::Win32Error;

use crate::face::{Answer, Outcome};

/// Up to so many bytes are printed in full, more only as a hash.
const FULL_DATA: usize = 64;

/// The codes that FORMAT.md lists; all others are printed without their name, as every runner does.
const NAMED: &[Win32Error] = &[
    Win32Error::INVALID_FUNCTION,
    Win32Error::FILE_NOT_FOUND,
    Win32Error::PATH_NOT_FOUND,
    Win32Error::ACCESS_DENIED,
    Win32Error::INVALID_HANDLE,
    Win32Error::NOT_SUPPORTED,
    Win32Error::BAD_NETPATH,
    Win32Error::INVALID_PARAMETER,
    Win32Error::BROKEN_PIPE,
    Win32Error::SEM_TIMEOUT,
    Win32Error::INSUFFICIENT_BUFFER,
    Win32Error::INVALID_NAME,
    Win32Error::BAD_PATHNAME,
    Win32Error::FILENAME_EXCED_RANGE,
    Win32Error::BAD_PIPE,
    Win32Error::PIPE_BUSY,
    Win32Error::NO_DATA,
    Win32Error::PIPE_NOT_CONNECTED,
    Win32Error::MORE_DATA,
    Win32Error::PIPE_CONNECTED,
    Win32Error::PIPE_LISTENING,
    Win32Error::HANDLES_CLOSED,
    Win32Error::OPERATION_ABORTED,
    Win32Error::IO_INCOMPLETE,
    Win32Error::IO_PENDING,
    Win32Error::NOT_FOUND,
];

/// The result of an operation, as it stands behind the arrow.
pub fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Err(code) => error(*code),
        Ok(Answer::Done) => "ok".to_owned(),
        Ok(Answer::Written(len)) => format!("ok n={len}"),
        Ok(Answer::Data(received)) => {
            let word = if received.more { "more" } else { "ok" };
            format!("{word} {}", data(&received.data))
        }
        Ok(Answer::Peeked {
            data: copied,
            available,
            left,
        }) => {
            format!("ok {} avail={available} left={left}", data(copied))
        }
        Ok(Answer::State(state)) => format!(
            "ok read={} wait={} instances={}",
            mode(state.read_mode),
            match state.wait_mode {
                WaitMode::Blocking => "block",
                WaitMode::NonBlocking => "nowait",
            },
            state.instances
        ),
        Ok(Answer::Info(info)) => {
            let end = match info.end {
                PipeEnd::Server => "server",
                PipeEnd::Client => "client",
            };
            let maximum = match info.max_instances {
                UNLIMITED_INSTANCES => "unlimited".to_owned(),
                number => number.to_string(),
            };
            let (out, inward) = (info.out_quota, info.in_quota);
            format!(
                "ok end={end} type={} out={out} in={inward} max={maximum}",
                mode(info.pipe_type)
            )
        }
    }
}

/// An error: `err NAME NUMBER`.
pub fn error(code: Win32Error) -> String {
    let name = code
        .name()
        .filter(|_| NAMED.contains(&code))
        .unwrap_or("ERROR_UNNAMED");
    format!("err {name} {}", code.0)
}

fn mode(mode: PipeMode) -> &'static str {
    match mode {
        PipeMode::Byte => "byte",
        PipeMode::Message => "msg",
    }
}

fn data(bytes: &[u8]) -> String {
    let mut text = format!("n={} data=", bytes.len());
    // Writing into a string cannot fail.
    let _ = match bytes.len() {
        0 => write!(text, "-"),
        1..=FULL_DATA => bytes.iter().try_for_each(|byte| write!(text, "{byte:02x}")),
        _ => write!(text, "fnv:{:016x}", fnv_1a(bytes)),
    };
    text
}

/// The 64-bit FNV-1a hash.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use dotpipe::exact::{HandleInfo, HandleState, ReceivedData};

    use super::*;
    use crate::payload::payload;

    #[test]
    fn the_hash_is_the_one_that_the_format_names() {
        let bytes = payload("fill:300:1").unwrap();
        assert_eq!(data(&bytes), "n=300 data=fnv:b0ee4090b6474c41");
    }

    #[test]
    fn up_to_64_bytes_are_shown_in_full() {
        assert_eq!(data(&[]), "n=0 data=-");
        assert_eq!(data(&[0x00, 0xff]), "n=2 data=00ff");
        assert_eq!(data(&[0xaa; 64]), format!("n=64 data={}", "aa".repeat(64)));
        assert!(data(&[0xaa; 65]).starts_with("n=65 data=fnv:"));
    }

    #[test]
    fn data_with_and_without_more_to_come() {
        let received = |more| {
            Ok(Answer::Data(ReceivedData {
                data: b"ab".to_vec(),
                more,
            }))
        };
        assert_eq!(outcome(&received(false)), "ok n=2 data=6162");
        assert_eq!(outcome(&received(true)), "more n=2 data=6162");
    }

    #[test]
    fn peek_prints_unsigned_numbers() {
        let answer = Answer::Peeked {
            data: b"abcd".to_vec(),
            available: 4,
            left: 4u32.wrapping_neg(),
        };
        assert_eq!(
            outcome(&Ok(answer)),
            "ok n=4 data=61626364 avail=4 left=4294967292"
        );
    }

    #[test]
    fn state_and_info() {
        let state = HandleState {
            read_mode: PipeMode::Message,
            wait_mode: WaitMode::NonBlocking,
            instances: 3,
        };
        assert_eq!(
            outcome(&Ok(Answer::State(state))),
            "ok read=msg wait=nowait instances=3"
        );
        let info = HandleInfo {
            end: PipeEnd::Server,
            pipe_type: PipeMode::Byte,
            out_quota: 10,
            in_quota: 20,
            max_instances: 7,
        };
        assert_eq!(
            outcome(&Ok(Answer::Info(info))),
            "ok end=server type=byte out=10 in=20 max=7"
        );
        let info = HandleInfo {
            end: PipeEnd::Client,
            max_instances: 255,
            ..info
        };
        assert_eq!(
            outcome(&Ok(Answer::Info(info))),
            "ok end=client type=byte out=10 in=20 max=unlimited"
        );
    }

    #[test]
    fn only_the_codes_of_the_format_are_named() {
        assert_eq!(
            outcome(&Err(Win32Error::PIPE_BUSY)),
            "err ERROR_PIPE_BUSY 231"
        );
        assert_eq!(
            error(Win32Error::HANDLES_CLOSED),
            "err ERROR_HANDLES_CLOSED 676"
        );
        // dotpipe knows this one, the format does not.
        assert_eq!(error(Win32Error::DISK_FULL), "err ERROR_UNNAMED 112");
        assert_eq!(error(Win32Error(4242)), "err ERROR_UNNAMED 4242");
    }
}
