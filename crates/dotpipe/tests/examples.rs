//! Every example runs, checks itself and ends.

/// Those that run elsewhere.
const ELSEWHERE: &[&str] = &[
    // With the tests of anonymous pipes, which must not start programs at the same time.
    "anonymous_filter.rs",
    // By `.ci/count-system-calls`: it starts its own program a second time, which here is this test.
    "round_trips.rs",
];

/// They cancel until there is something to cancel: "CancelIoEx" in `conformance/DIVERGENCES.md`.
const NOT_UNDER_WINE: &[&str] = &["timeouts_and_cancel"];

#[path = "support/mod.rs"]
mod support;

macro_rules! examples {
    ($($(#[$when:meta])* $name:ident: $path:literal;)*) => {$(
        $(#[$when])*
        #[path = $path]
        mod $name;

        $(#[$when])*
        #[test]
        fn $name() {
            if NOT_UNDER_WINE.contains(&stringify!($name)) && support::is_wine() {
                println!("skipped: Wine takes it for a success to cancel nothing");
                return;
            }
            $name::main().unwrap();
        }
    )*};
}

examples! {
    access_control: "../examples/access_control.rs";
    echo: "../examples/echo.rs";
    many_clients: "../examples/many_clients.rs";
    message_server: "../examples/message_server.rs";
    #[cfg(unix)]
    poll_many: "../examples/poll_many/linux.rs";
    timeouts_and_cancel: "../examples/timeouts_and_cancel.rs";
    transact: "../examples/transact.rs";
}

#[cfg(feature = "tokio")]
examples! {
    tokio_chat: "../examples/tokio_chat.rs";
    tokio_http: "../examples/tokio_http.rs";
    tokio_shutdown: "../examples/tokio_shutdown.rs";
}

/// An example that is in no test is one that may not run.
#[test]
fn none_is_left_out() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/examples");
    let mut left: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|file| {
            let include = format!("\"../examples/{file}");
            !ELSEWHERE.contains(&file.as_str()) && !include_str!("examples.rs").contains(&include)
        })
        .collect();
    left.sort();
    assert!(left.is_empty(), "not run: {left:?}");
}
