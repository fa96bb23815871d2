//! Tests of which scripts can be carried, and which answers may differ.

use super::*;

fn carried(expected: &str) -> Carried {
    let commands: Vec<&str> = expected
        .lines()
        .map(|line| line.split(" -> ").next().unwrap())
        .collect();
    let script = Script::parse(&commands.join("\n"), "0123abcd").unwrap();
    Carried::new(&script, expected)
}

fn obstacles(expected: &str) -> Vec<Obstacle> {
    let hindrances = carried(expected).hindrances;
    hindrances.iter().map(|found| found.obstacle).collect()
}

const BYTES: &str = "create s \\\\.\\pipe\\$RUN-a -> ok\nopen c \\\\.\\pipe\\$RUN-a -> ok\n";
const MESSAGES: &str =
    "create s \\\\.\\pipe\\$RUN-a type=msg -> ok\nopen c \\\\.\\pipe\\$RUN-a -> ok\n";

#[test]
fn every_obstacle_is_seen_in_what_a_line_expects() {
    for (lines, obstacle) in [
        ("write s text:x as w -> pending", Obstacle::Room),
        ("flush s as f -> pending", Obstacle::Flush),
        ("peek c 9 -> ok n=1 data=78 avail=1 left=0", Obstacle::Peek),
        ("write c text: -> ok n=0", Obstacle::EmptyMessage),
        ("write s fill:65536:1 -> ok n=65536", Obstacle::Long),
        ("setstate c wait=nowait -> ok", Obstacle::NonBlocking),
        (
            "waitpipe \\\\.\\pipe\\$RUN-a forever as w -> pending",
            Obstacle::Wait,
        ),
        (
            "open d \\\\.\\pipe\\$RUN-a access=w -> err ERROR_ACCESS_DENIED 5",
            Obstacle::Access,
        ),
        (
            "write s text:x -> ok n=1\ndisconnect s -> ok",
            Obstacle::Discard,
        ),
        (
            "open d \\\\.\\pipe\\$RUN/a -> err ERROR_FILE_NOT_FOUND 2",
            Obstacle::Name,
        ),
    ] {
        assert_eq!(obstacles(&format!("{MESSAGES}{lines}\n")), [obstacle]);
    }
    assert_eq!(
        obstacles("create s \\\\.\\pipe\\$RUN-a -> ok\n"),
        [Obstacle::NoClient]
    );
}

#[test]
fn what_looks_like_an_obstacle_need_not_be_one() {
    for lines in [
        "write c text: -> ok n=0",
        "peek c 9 -> ok n=0 data=- avail=0 left=0",
        "peek s 9 -> ok n=1 data=78 avail=1 left=4294967295",
        "write s text:x -> ok n=1\nread c 9 -> ok n=1 data=78\ndisconnect s -> ok",
        "write s fill:65535:1 -> ok n=65535",
        "setstate s wait=nowait -> ok",
    ] {
        assert_eq!(obstacles(&format!("{BYTES}{lines}\n")), [], "{lines}");
    }
}

#[test]
fn an_answer_differs_only_where_and_as_it_may() {
    let expected = format!(
        "{BYTES}info s -> ok\ninfo c -> ok\nflush c as f -> pending\nawait f -> ok\n\
         disconnect s -> ok\nread c 9 -> err ERROR_PIPE_NOT_CONNECTED 233\n\
         write c text:x -> err ERROR_PIPE_NOT_CONNECTED 233\n"
    );
    let got: Vec<String> = format!(
        "{BYTES}info s -> {NOT_SUPPORTED}\ninfo c -> {NOT_SUPPORTED}\nflush c as f -> {NOT_SUPPORTED}\n\
         await f -> {NOT_SUPPORTED}\ndisconnect s -> ok\nread c 9 -> err ERROR_BROKEN_PIPE 109\n\
         write c text:x -> err ERROR_BROKEN_PIPE 109\n"
    )
    .lines()
    .map(str::to_owned)
    .collect();
    let (answers, counts) = carried(&expected).expectation(&expected, &got);
    let wrong: Vec<&str> = answers
        .lines()
        .zip(&got)
        .filter(|(want, have)| want != have)
        .map(|(want, _)| want)
        .collect();
    // The server is asked here, and a write has another word for it.
    assert_eq!(
        wrong,
        [
            "info s -> ok",
            "write c text:x -> err ERROR_PIPE_NOT_CONNECTED 233"
        ]
    );
    let expected = BTreeMap::from([(Difference::Refused, 3), (Difference::OneEnd, 1)]);
    assert_eq!(counts, expected);
}
