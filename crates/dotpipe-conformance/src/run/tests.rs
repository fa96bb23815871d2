//! Tests of the runner, against a face that is made of a list of bytes.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex};

use dotpipe::exact::ReceivedData;
use dotpipe::options::{CreateOptions, DesiredAccess, WaitTimeout};

use super::*;
use crate::face::{Answer, Question};

/// A face whose handles are all ends of one queue: a read takes what has been written or waits for it.
#[derive(Default)]
struct Queue {
    state: Arc<(Mutex<Bytes>, Condvar)>,
}

#[derive(Default)]
struct Bytes {
    unread: VecDeque<u8>,
    open: u32,
}

struct QueueEnd {
    state: Arc<(Mutex<Bytes>, Condvar)>,
}

struct QueueRead {
    state: Arc<(Mutex<Bytes>, Condvar)>,
    outcome: Mutex<Option<Outcome>>,
}

/// An operation that is over.
struct Over(Outcome);

impl Queue {
    fn end(&self) -> Box<dyn Handle> {
        self.state.0.lock().unwrap().open += 1;
        Box::new(QueueEnd {
            state: Arc::clone(&self.state),
        })
    }
}

impl Face for Queue {
    fn create(&self, _: &str, options: &CreateOptions) -> Result<Box<dyn Handle>, Win32Error> {
        if options.first_instance {
            Err(Win32Error::ACCESS_DENIED)
        } else {
            Ok(self.end())
        }
    }

    fn open(&self, _: &str, _: DesiredAccess) -> Result<Box<dyn Handle>, Win32Error> {
        Ok(self.end())
    }

    fn anonymous_pipe(&self, _: u32) -> Result<[Box<dyn Handle>; 2], Win32Error> {
        Ok([self.end(), self.end()])
    }

    fn call(&self, name: &str, question: &[u8], reply_len: usize, _: WaitTimeout) -> Outcome {
        let data = [name.as_bytes(), question].concat();
        Ok(Answer::Data(ReceivedData {
            more: data.len() > reply_len,
            data,
        }))
    }

    fn wait(&self, _: &str, _: WaitTimeout) -> Outcome {
        Err(Win32Error::SEM_TIMEOUT)
    }
}

impl Handle for QueueEnd {
    fn ask(&self, question: Question) -> Outcome {
        match question {
            Question::Disconnect => panic!("a panic of a face is not one of the runner"),
            _ => Ok(Answer::Written(self.state.0.lock().unwrap().open as usize)),
        }
    }

    fn start(&self, transfer: Transfer) -> Box<dyn Operation> {
        match transfer {
            Transfer::Write(data) => {
                self.state.0.lock().unwrap().unread.extend(&data);
                self.state.1.notify_all();
                Box::new(Over(Ok(Answer::Written(data.len()))))
            }
            Transfer::Read(_) => Box::new(QueueRead {
                state: Arc::clone(&self.state),
                outcome: Mutex::new(None),
            }),
            _ => Box::new(Over(Ok(Answer::Done))),
        }
    }
}

impl Drop for QueueEnd {
    fn drop(&mut self) {
        self.state.0.lock().unwrap().open -= 1;
    }
}

impl Operation for QueueRead {
    fn wait_for(&mut self, limit: Duration) -> Option<Outcome> {
        let outcome = self.outcome.get_mut().unwrap();
        if outcome.is_none() {
            let bytes = self.state.0.lock().unwrap();
            let (mut bytes, time) = self
                .state
                .1
                .wait_timeout_while(bytes, limit, |bytes| bytes.unread.is_empty())
                .unwrap();
            if time.timed_out() {
                return None;
            }
            let data = bytes.unread.drain(..).collect();
            *outcome = Some(Ok(Answer::Data(ReceivedData { data, more: false })));
        }
        outcome.clone()
    }

    fn cancel(&self) -> Result<(), Win32Error> {
        let mut outcome = self.outcome.lock().unwrap();
        match *outcome {
            Some(_) => Err(Win32Error::NOT_FOUND),
            None => {
                *outcome = Some(Err(Win32Error::OPERATION_ABORTED));
                Ok(())
            }
        }
    }
}

impl Operation for Over {
    fn wait_for(&mut self, _: Duration) -> Option<Outcome> {
        Some(self.0.clone())
    }

    fn cancel(&self) -> Result<(), Win32Error> {
        Err(Win32Error::NOT_FOUND)
    }
}

fn try_run(text: &str) -> Result<Vec<String>, ScriptError> {
    let face: Arc<dyn Face> = Arc::new(Queue::default());
    run(&Script::parse(text, "0123abcd")?, &face)
}

/// The results of a script, without the commands.
fn results(text: &str) -> Vec<String> {
    let lines = try_run(text).unwrap();
    lines
        .iter()
        .map(|line| line.split_once(" -> ").unwrap().1.to_owned())
        .collect()
}

fn reason(text: &str) -> (usize, String) {
    let error = try_run(text).unwrap_err();
    (error.line, error.reason)
}

#[test]
fn output_repeats_the_command_as_it_was_written() {
    let output =
        try_run("  create s$RUN \\\\.\\pipe\\$RUN \t\n# nothing\n\ncall $RUN text:- 9 5").unwrap();
    assert_eq!(
        output,
        [
            r"create s$RUN \\.\pipe\$RUN -> ok",
            "call $RUN text:- 9 5 -> ok n=9 data=30313233616263642d"
        ]
    );
}

#[test]
fn what_goes_on_is_pending_and_can_be_awaited_again_and_again() {
    let script =
        "create s a\nread s 9 as r\nawait r 1\nwrite s text:ab\nawait r\nawait r 0\nawait r";
    assert_eq!(
        results(script),
        [
            "ok",
            "pending",
            "pending",
            "ok n=2",
            "ok n=2 data=6162",
            "ok n=2 data=6162",
            "ok n=2 data=6162"
        ]
    );
}

#[test]
fn a_cancelled_operation_ends_and_only_once() {
    let script = "create s a\nread s 9 as r\ncancel r\nawait r\ncancel r";
    let aborted = "err ERROR_OPERATION_ABORTED 995";
    assert_eq!(
        results(script),
        ["ok", "pending", "ok", aborted, "err ERROR_NOT_FOUND 1168"]
    );
}

#[test]
fn names_that_nothing_has() {
    let script =
        "close s\nread s 9 as r\nawait r\ncancel r\npeek s 9\ncreate s a first\ngetstate s";
    let denied = "err ERROR_ACCESS_DENIED 5";
    assert_eq!(
        results(script),
        [
            "nohandle", "nohandle", "notag", "notag", "nohandle", denied, "nohandle"
        ]
    );
}

#[test]
fn a_closed_handle_is_really_closed_and_its_name_is_free() {
    // The queue answers every question with the number of handles that are open.
    let script =
        "create a x\nopen b x\ninfo a\nclose b\ninfo a\nopen b x\ninfo a\nflush b\nclose a\ninfo b";
    let expected = [
        "ok", "ok", "ok n=2", "ok", "ok n=1", "ok", "ok n=2", "ok", "ok", "ok n=1",
    ];
    assert_eq!(results(script), expected);
}

#[test]
fn a_tag_is_free_again_when_its_operation_has_ended() {
    let script =
        "create s a\nwrite s text:a as t\nread s 9 as t\nread s 9 as u\nread s 9 as t\nawait t 1";
    let expected = [
        "ok",
        "ok n=1",
        "ok n=1 data=61",
        "pending",
        "pending",
        "pending",
    ];
    assert_eq!(results(script), expected);
    let script = "create s a\nread s 9 as t\nread s 9 as t";
    assert_eq!(
        reason(script),
        (3, "the operation with tag 't' is still pending".to_owned())
    );
}

#[test]
fn a_handle_that_is_open_cannot_be_bound_again() {
    assert_eq!(
        reason("create s a\n\nopen s a"),
        (3, "handle 's' is open already".to_owned())
    );
    assert_eq!(
        reason("create w a\nanonpipe r w"),
        (2, "handle 'w' is open already".to_owned())
    );
    // What could not be created has no handle.
    assert_eq!(
        results("create s a first\ncreate s a"),
        ["err ERROR_ACCESS_DENIED 5", "ok"]
    );
}

#[test]
fn only_overlapped_operations_can_be_cancelled() {
    for script in [
        "create s a\nflush s as t\ncancel t",
        "create s a\nwaitpipe a 5 as t\ncancel t",
        "create s a\ncall a text:q 9 5 as t\ncancel t",
        "anonpipe r w\nread r 9 as t\ncancel t",
    ] {
        assert_eq!(
            reason(script),
            (
                3,
                "the operation with tag 't' cannot be cancelled".to_owned()
            ),
            "{script}"
        );
    }
}

#[test]
fn a_call_that_does_not_return_is_hung_and_the_script_goes_on() {
    assert_eq!(
        results("create s a\ndisconnect s\nwrite s text:a"),
        ["ok", "hung", "ok n=1"]
    );
}

#[test]
fn runs_have_names_of_their_own() {
    let (one, other) = (fresh_run(), fresh_run());
    assert_ne!(one, other);
    for name in [one, other] {
        assert_eq!(name.len(), 8);
        assert!(
            name.bytes()
                .all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()),
            "{name}"
        );
    }
}
