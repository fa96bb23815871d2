//! The tables walked whole, and what an error shows.

use super::*;

const OPERATIONS: &[&str] = &[
    "create",
    "open",
    "wait",
    "call",
    "connect",
    "disconnect",
    "read",
    "receive",
    "write",
    "flush",
    "peek",
    "transact",
    "state",
    "set_state",
    "info",
    "cancel",
    "parse",
];

fn name() -> PipeName {
    PipeName::local("Some-Pipe").unwrap()
}

#[test]
fn every_known_code_has_its_kind() {
    use io::ErrorKind::*;

    // Code, kind in general, and the operations in which it is another one.
    type Row = (u32, io::ErrorKind, &'static [(&'static str, io::ErrorKind)]);
    const ROWS: &[Row] = &[
        (1, Unsupported, &[]),
        (2, NotFound, &[]),
        (3, NotFound, &[]),
        (4, Other, &[]),
        (5, PermissionDenied, &[]),
        (6, InvalidInput, &[]),
        (8, OutOfMemory, &[]),
        (19, ReadOnlyFilesystem, &[]),
        (31, Other, &[]),
        (50, Unsupported, &[]),
        (53, NotFound, &[]),
        (64, ConnectionAborted, &[]),
        (87, InvalidInput, &[]),
        (109, BrokenPipe, &[]),
        (112, StorageFull, &[]),
        (121, TimedOut, &[]),
        (122, InvalidInput, &[]),
        (123, InvalidFilename, &[]),
        (161, InvalidFilename, &[]),
        (206, InvalidFilename, &[]),
        (
            230,
            InvalidInput,
            &[("read", NotConnected), ("peek", NotConnected)],
        ),
        (231, ResourceBusy, &[]),
        (
            232,
            BrokenPipe,
            &[
                ("read", WouldBlock),
                ("receive", WouldBlock),
                ("peek", WouldBlock),
            ],
        ),
        (233, NotConnected, &[]),
        (234, Other, &[]),
        (535, Other, &[]),
        (536, NotConnected, &[("connect", WouldBlock)]),
        (676, Other, &[]),
        (995, Other, &[]),
        (996, WouldBlock, &[]),
        (997, WouldBlock, &[]),
        (1168, NotFound, &[]),
        (1307, PermissionDenied, &[]),
        (1314, PermissionDenied, &[]),
        (1326, PermissionDenied, &[]),
        (1327, PermissionDenied, &[]),
        (1330, PermissionDenied, &[]),
        (1331, PermissionDenied, &[]),
        (1332, PermissionDenied, &[]),
        (1337, InvalidInput, &[]),
        (1338, InvalidInput, &[]),
        (1346, PermissionDenied, &[]),
        (1347, PermissionDenied, &[]),
        (1368, NotConnected, &[]),
        (1909, PermissionDenied, &[]),
    ];
    let known: Vec<u32> = Win32Error::KNOWN.iter().map(|code| code.0).collect();
    assert_eq!(ROWS.iter().map(|row| row.0).collect::<Vec<_>>(), known);
    for &(code, general, special) in ROWS {
        for &operation in OPERATIONS {
            let expected = special
                .iter()
                .find(|(word, _)| *word == operation)
                .map_or(general, |(_, kind)| *kind);
            let error = Error::new(operation, None, Win32Error(code));
            assert_eq!(error.kind(), expected, "{operation} {code}");
            // Interrupted would make std's loops start a failed operation again for ever.
            assert_ne!(error.kind(), Interrupted);
        }
    }
    assert_eq!(Error::new("read", None, Win32Error(4242)).kind(), Other);
}

#[test]
fn every_known_code_has_advice_for_every_operation() {
    for &code in Win32Error::KNOWN {
        for &operation in OPERATIONS {
            let error = Error::new(operation, Some(&name()), code);
            let hint = error
                .hint()
                .unwrap_or_else(|| panic!("{operation} {code:?}"));
            assert!(
                !hint.ends_with(['.', ';']) && !hint.contains("  "),
                "{hint}"
            );
            assert_eq!(
                error.to_string(),
                format!(
                    r"{operation} \\.\pipe\Some-Pipe: {} ({} {}); {hint}",
                    code.text(),
                    code.name().unwrap(),
                    code.0
                )
            );
        }
    }
}

#[test]
fn display_leaves_out_what_is_not_there() {
    let error = Error::new("list", None, Win32Error(4242));
    assert_eq!(error.to_string(), "list: Win32 error 4242");
    assert_eq!(error.pipe(), None);
    assert_eq!(error.hint(), None);
    let error = error.with_hint("ask the operator");
    assert_eq!(
        error.to_string(),
        "list: Win32 error 4242; ask the operator"
    );
    assert_eq!(
        format!("{error:?}"),
        r#"Error { operation: "list", code: Win32Error(4242), hint: "ask the operator" }"#
    );
}

#[test]
fn a_hint_takes_the_place_of_the_advice() {
    let error = Error::new("open", Some(&name()), Win32Error::PIPE_BUSY).with_hint("be patient");
    assert!(
        error
            .to_string()
            .ends_with("(ERROR_PIPE_BUSY 231); be patient")
    );
}

#[test]
fn a_name_with_control_characters_stays_on_its_line() {
    let name = PipeName::local("a\n\u{1b}[31mb").unwrap();
    let error = Error::new("open", Some(&name), Win32Error::FILE_NOT_FOUND);
    assert!(
        error
            .to_string()
            .starts_with(r"open \\.\pipe\a\n\u{1b}[31mb: there is no pipe"),
        "{error}"
    );
    assert_eq!(error.pipe(), Some(&name));
}

#[test]
fn an_invalid_name_is_shown_with_its_fault() {
    let fault = PipeName::parse(r"\\.\pipe\").unwrap_err();
    let error = Error::invalid_name("create", &fault);
    assert!(error.is_invalid_name());
    assert_eq!(error.pipe(), None);
    assert_eq!(
        error.to_string(),
        r"create `\\.\pipe\`: the name is not a valid pipe name (ERROR_INVALID_NAME 123); there is no name behind \\.\pipe\"
    );
    assert_eq!(Error::from(fault.clone()).operation(), "parse");
    let error = io::Error::from(fault);
    assert_eq!(error.kind(), io::ErrorKind::InvalidFilename);
    assert_eq!(
        Error::from_io(&error).unwrap().code(),
        Win32Error::INVALID_NAME
    );
}

#[test]
fn an_io_error_keeps_everything() {
    let below = io::Error::from_raw_os_error(28);
    let error = Error::new("create", Some(&name()), Win32Error::DISK_FULL).with_source(below);
    let text = error.to_string();
    let error = io::Error::from(error.clone());
    assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    assert_eq!(error.to_string(), text);
    let inner = Error::from_io(&error).unwrap();
    assert_eq!(
        (inner.operation(), inner.pipe(), inner.code()),
        ("create", Some(&name()), Win32Error::DISK_FULL)
    );
    let source = inner
        .source()
        .and_then(|source| source.downcast_ref::<io::Error>());
    assert_eq!(source.and_then(io::Error::raw_os_error), Some(28));

    assert!(Error::from_io(&io::Error::from(io::ErrorKind::BrokenPipe)).is_none());
    assert!(Error::from_io(&io::Error::other("something else")).is_none());
}

#[test]
fn predicates_hold_for_their_codes_only() {
    type Row = (fn(&Error) -> bool, &'static [u32], &'static [u32]);
    // The predicate, the codes of a read that it holds for, those of a write.
    const ROWS: &[Row] = &[
        (Error::is_not_found, &[2, 3, 53], &[2, 3, 53]),
        (Error::is_busy, &[231], &[231]),
        (Error::is_broken, &[64, 109, 233], &[64, 109, 232, 233]),
        (Error::is_would_block, &[232, 996, 997], &[996, 997]),
        (Error::is_more_data, &[234], &[234]),
        (Error::is_timeout, &[121], &[121]),
        (Error::is_cancelled, &[995], &[995]),
        (Error::is_access_denied, &[5], &[5]),
        (Error::is_invalid_name, &[123], &[123]),
    ];
    for (row, &(predicate, of_read, of_write)) in ROWS.iter().enumerate() {
        for (operation, expected) in [("read", of_read), ("write", of_write)] {
            let holds: Vec<u32> = Win32Error::KNOWN
                .iter()
                .filter(|&&code| predicate(&Error::new(operation, None, code)))
                .map(|code| code.0)
                .collect();
            assert_eq!(holds, expected, "row {row}, {operation}");
        }
    }
}

#[test]
fn an_error_is_one_pointer_and_goes_between_threads() {
    fn goes<T: Send + Sync + Unpin + Clone + 'static>() {}
    goes::<Error>();
    goes::<NameError>();
    goes::<PipeName>();
    assert_eq!(size_of::<Result<()>>(), size_of::<usize>());
    assert_eq!(size_of::<PipeName>(), size_of::<usize>());
}
