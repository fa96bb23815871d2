//! Tests of the parser: every command once, and every kind of mistake.

use super::*;

fn one(line: &str) -> Command {
    let mut script = Script::parse(line, "0123abcd").unwrap();
    assert_eq!(script.lines.len(), 1);
    script.lines.remove(0).command
}

fn reason(line: &str) -> String {
    Script::parse(line, "0123abcd").unwrap_err().reason
}

fn owned(word: &str) -> String {
    word.to_owned()
}

#[test]
fn comments_and_empty_lines_are_skipped_but_counted() {
    let script = Script::parse(
        "# subject: what\n\n \t close h \r\n  # more\nclose i",
        "0123abcd",
    )
    .unwrap();
    assert_eq!(script.lines.len(), 2);
    assert_eq!(
        (script.lines[0].number, script.lines[0].text.as_str()),
        (3, "close h")
    );
    assert_eq!(
        (script.lines[1].number, script.lines[1].text.as_str()),
        (5, "close i")
    );
}

#[test]
fn words_end_at_spaces_and_tabs_only() {
    assert_eq!(one("close \t h"), one("close h"));
    assert_eq!(
        one("cancel a\u{c}b\u{a0}c"),
        Command::Cancel {
            tag: owned("a\u{c}b\u{a0}c")
        }
    );
}

#[test]
fn run_is_substituted_in_the_command_but_not_in_its_text() {
    let script = Script::parse(r"open c$RUN \\.\pipe\$RUN-$RUN", "0123abcd").unwrap();
    assert_eq!(script.lines[0].text, r"open c$RUN \\.\pipe\$RUN-$RUN");
    assert_eq!(
        script.lines[0].command,
        Command::Open {
            handle: owned("c0123abcd"),
            name: owned(r"\\.\pipe\0123abcd-0123abcd"),
            access: DesiredAccess::READ | DesiredAccess::WRITE,
        }
    );
}

#[test]
fn create_without_options_has_the_defaults_of_the_format() {
    let Command::Create { options, .. } = one(r"create s \\.\pipe\a") else {
        panic!("not a create")
    };
    assert_eq!(
        options,
        CreateOptions {
            access: Access::Duplex,
            first_instance: false,
            write_through: false,
            pipe_type: PipeMode::Byte,
            read_mode: PipeMode::Byte,
            wait_mode: WaitMode::Blocking,
            max_instances: 255,
            out_quota: 4096,
            in_quota: 4096,
            default_timeout: 0,
            ..CreateOptions::default()
        }
    );
}

#[test]
fn create_takes_its_options_in_any_order() {
    let Command::Create {
        handle,
        name,
        options,
    } = one(
        r"create s \\.\pipe\a%20b timeout=9 in=2 out=1 max=7 wait=nowait read=msg type=msg first access=in",
    )
    else {
        panic!("not a create")
    };
    assert_eq!((handle.as_str(), name.as_str()), ("s", r"\\.\pipe\a b"));
    assert_eq!(
        options,
        CreateOptions {
            access: Access::Inbound,
            first_instance: true,
            write_through: false,
            pipe_type: PipeMode::Message,
            read_mode: PipeMode::Message,
            wait_mode: WaitMode::NonBlocking,
            max_instances: 7,
            out_quota: 1,
            in_quota: 2,
            default_timeout: 9,
            ..CreateOptions::default()
        }
    );
    let Command::Create { options, .. } = one(r"create s \\.\pipe\a max=unlimited access=out")
    else {
        panic!("not a create")
    };
    assert_eq!(
        (options.max_instances, options.access),
        (255, Access::Outbound)
    );
}

#[test]
fn open_knows_five_kinds_of_access() {
    for (word, expected) in [
        ("rw", DesiredAccess::READ | DesiredAccess::WRITE),
        ("r", DesiredAccess::READ),
        ("w", DesiredAccess::WRITE),
        ("none", DesiredAccess::empty()),
        (
            "r+wa",
            DesiredAccess::READ | DesiredAccess::WRITE_ATTRIBUTES,
        ),
    ] {
        let Command::Open { access, .. } = one(&format!(r"open c \\.\pipe\a access={word}")) else {
            panic!("not an open")
        };
        assert_eq!(access, expected, "{word}");
    }
}

#[test]
fn questions_to_a_handle() {
    let asked = |question| Command::Ask {
        handle: owned("h"),
        question,
    };
    assert_eq!(one("disconnect h"), asked(Question::Disconnect));
    assert_eq!(one("peek h 9"), asked(Question::Peek(9)));
    assert_eq!(one("getstate h"), asked(Question::State));
    assert_eq!(one("info h"), asked(Question::Info));
    assert_eq!(
        one("setstate h"),
        asked(Question::SetState(PipeMode::Byte, WaitMode::Blocking))
    );
    assert_eq!(
        one("setstate h wait=nowait read=msg"),
        asked(Question::SetState(PipeMode::Message, WaitMode::NonBlocking))
    );
    assert_eq!(one("close h"), Command::Close { handle: owned("h") });
}

#[test]
fn what_may_wait_may_have_a_tag() {
    let started = |transfer, tag: Option<&str>| Command::Start {
        handle: owned("h"),
        transfer,
        tag: tag.map(str::to_owned),
    };
    assert_eq!(one("connect h as t"), started(Transfer::Connect, Some("t")));
    assert_eq!(one("read h 9"), started(Transfer::Read(9), None));
    assert_eq!(
        one("write h text:as as as"),
        started(Transfer::Write(b"as".to_vec()), Some("as"))
    );
    assert_eq!(one("flush h as t"), started(Transfer::Flush, Some("t")));
    assert_eq!(
        one("transact h hex:00 9"),
        started(Transfer::Transact(vec![0], 9), None)
    );
}

#[test]
fn calls_and_waits_know_the_words_for_time() {
    for (word, expected) in [
        ("default", WaitTimeout::Default),
        ("0", WaitTimeout::Default),
        ("nowait", WaitTimeout::For(Duration::from_millis(1))),
        ("20", WaitTimeout::For(Duration::from_millis(20))),
        ("forever", WaitTimeout::Forever),
        ("4294967295", WaitTimeout::Forever),
    ] {
        let Command::WaitPipe { timeout, .. } = one(&format!(r"waitpipe \\.\pipe\a {word}")) else {
            panic!("not a waitpipe")
        };
        assert_eq!(timeout, expected, "{word}");
    }
    assert_eq!(
        one(r"call \\.\pipe\a text:q 9 forever as t"),
        Command::Call {
            name: owned(r"\\.\pipe\a"),
            question: b"q".to_vec(),
            reply_len: 9,
            timeout: WaitTimeout::Forever,
            tag: Some(owned("t")),
        }
    );
}

#[test]
fn await_cancel_and_anonpipe() {
    let awaited = |limit| Command::Await {
        tag: owned("t"),
        limit: Duration::from_millis(limit),
    };
    assert_eq!(one("await t"), awaited(1000));
    assert_eq!(one("await t 5"), awaited(5));
    assert_eq!(one("cancel t"), Command::Cancel { tag: owned("t") });
    let pipe = |size| Command::AnonPipe {
        read_end: owned("r"),
        write_end: owned("w"),
        size,
    };
    assert_eq!(one("anonpipe r w"), pipe(0));
    assert_eq!(one("anonpipe r w 50"), pipe(50));
}

#[test]
fn mistakes_are_named_with_their_line() {
    let error = Script::parse("# a\nclose h\nclosed h\n", "0123abcd").unwrap_err();
    assert_eq!(
        error.to_string(),
        "script error, line 3: unknown command 'closed'"
    );
    assert_eq!(reason("close"), "a handle is missing");
    assert_eq!(reason("read h"), "a number of bytes is missing");
    assert_eq!(reason("write h"), "a payload is missing");
    assert_eq!(reason("waitpipe x"), "a time-out is missing");
    assert_eq!(reason("read h 9 as"), "a tag is missing");
    assert_eq!(reason("anonpipe h h"), "handle 'h' is named twice");
}

#[test]
fn words_without_a_meaning_are_refused() {
    for line in [
        "close h i",
        "close h as t",
        "getstate h read=byte",
        "read h 9 t",
        "read h 9 as t u",
        "read h nine",
        "peek h -1",
        "write h abc",
        "await t 1 2",
        "cancel t u",
        "open c x access=x",
        "open c x read=byte",
        "open c x access=r access=w",
        "create s x first=1",
        "create s x first first",
        "create s x type=message",
        "create s x max=",
        "create s x timeout=default",
        "setstate h wait=blocking",
        "setstate h type=msg",
        "waitpipe x soon",
        "anonpipe r w 50 60",
        "open c %2",
    ] {
        assert!(Script::parse(line, "0123abcd").is_err(), "{line}");
    }
}

#[test]
fn the_subject_is_the_first_comment() {
    assert_eq!(
        subject("# peek: what it sees\nclose h\n"),
        "peek: what it sees"
    );
    assert_eq!(subject("close h\n"), "");
    assert_eq!(subject(""), "");
}
