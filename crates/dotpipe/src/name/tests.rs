//! What is a name, and when two are the same.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::prelude::*;

use super::*;
use crate::win32::Win32Error;

fn hash(name: &PipeName) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

fn problem(path: &str) -> NameProblem {
    PipeName::parse(path).unwrap_err().problem()
}

#[test]
fn a_local_name_has_no_server_and_keeps_its_spelling() {
    for path in [
        r"\\.\pipe\Mixed-Name",
        r"\\.\PIPE\Mixed-Name",
        r"\\?\Pipe\Mixed-Name",
    ] {
        let name = PipeName::parse(path).unwrap();
        assert!(name.is_local());
        assert_eq!(name.server(), None);
        assert_eq!(name.name(), "Mixed-Name");
        assert_eq!(name.folded(), "MIXED-NAME");
        assert_eq!(name.to_string(), r"\\.\pipe\Mixed-Name");
    }
}

#[test]
fn a_remote_name_has_a_server_and_is_another_pipe() {
    let remote: PipeName = r"\\Host.Example\pipe\x".parse().unwrap();
    assert!(!remote.is_local());
    assert_eq!(remote.server(), Some("Host.Example"));
    assert_eq!(remote.to_string(), r"\\Host.Example\pipe\x");
    assert_eq!(
        remote,
        PipeName::try_from(r"\\HOST.EXAMPLE\PIPE\X").unwrap()
    );
    assert_ne!(remote, PipeName::local("x").unwrap());
    assert_ne!(remote, PipeName::parse(r"\\localhost\pipe\x").unwrap());
}

#[test]
fn names_compare_one_character_to_one_character() {
    let same =
        |left: &str, right: &str| PipeName::local(left).unwrap() == PipeName::local(right).unwrap();
    assert!(same("éöñ αβγ щит", "ÉÖÑ ΑΒΓ ЩИТ"));
    assert!(same("straße", "STRAßE"));
    assert!(!same("straße", "STRASSE"));
    assert!(!same("éon", "eon"));
    // Deseret has capitals, but they lie outside the Basic Multilingual Plane.
    assert!(!same("\u{10428}", "\u{10400}"));
    assert!(!same("🦀", "🦞"));
    assert!(!same("a", "a "));
}

#[test]
fn names_sort_by_pipe_name_without_case_and_local_ones_first() {
    let mut names: Vec<PipeName> = [
        r"\\b\pipe\a",
        r"\\.\pipe\C",
        r"\\.\pipe\b",
        r"\\A\pipe\A",
        r"\\.\pipe\a",
    ]
    .map(|path| PipeName::parse(path).unwrap())
    .into();
    names.sort();
    let sorted: Vec<String> = names.iter().map(PipeName::to_string).collect();
    assert_eq!(
        sorted,
        [
            r"\\.\pipe\a",
            r"\\A\pipe\A",
            r"\\b\pipe\a",
            r"\\.\pipe\b",
            r"\\.\pipe\C"
        ]
    );
}

#[test]
fn any_character_may_appear_but_backslash_and_nul() {
    for name in [
        r#"a<>*?|"/b"#,
        "with  two spaces ",
        "100%",
        "파이프",
        "🦀",
        "...",
        "..",
        "\u{1b}\n",
        "/",
    ] {
        assert_eq!(PipeName::local(name).unwrap().name(), name);
    }
    assert_eq!(problem(r"\\.\pipe\a\b"), NameProblem::Backslash);
    assert_eq!(problem("\\\\.\\pipe\\a\0b"), NameProblem::Nul);
}

#[test]
fn what_is_not_a_pipe_path_is_told_from_an_empty_name() {
    for path in [
        "",
        "x",
        r"\",
        r"\\",
        r"\\.",
        r"\\.\",
        r"\\.\pipe",
        r"\\\pipe\x",
        r"\.\pipe\x",
        r"\\.\pipes\x",
        r"\\.\mailslot\x",
        r" \\.\pipe\x",
        r"C:\pipe\x",
        "//./pipe/x",
        r"\\./pipe/x",
    ] {
        assert_eq!(problem(path), NameProblem::NotAPipePath, "{path}");
    }
    assert_eq!(problem(r"\\.\pipe\"), NameProblem::Empty);
    assert_eq!(
        PipeName::local("").unwrap_err().problem(),
        NameProblem::Empty
    );
}

#[test]
fn length_counts_utf_16_units() {
    let path = |name: &str| format!(r"\\.\pipe\{name}");
    // An ASCII letter, a letter of two bytes, one of three: a unit each. The crab has two.
    for one in ["a", "é", "파"] {
        assert!(PipeName::parse(&path(&one.repeat(255))).is_ok());
        assert!(PipeName::parse(&path(&one.repeat(256))).is_ok());
        assert_eq!(
            problem(&path(&one.repeat(257))),
            NameProblem::TooLong { units: 257 }
        );
    }
    assert!(PipeName::parse(&path(&"🦀".repeat(128))).is_ok());
    assert!(PipeName::parse(&path(&format!("{}a", "🦀".repeat(127)))).is_ok());
    assert_eq!(
        problem(&path(&format!("{}a", "🦀".repeat(128)))),
        NameProblem::TooLong { units: 257 }
    );
    assert_eq!(
        problem(&path(&"🦀".repeat(129))),
        NameProblem::TooLong { units: 258 }
    );
}

#[test]
fn a_server_has_a_length_and_characters_of_its_own() {
    let path = |server: &str| format!(r"\\{server}\pipe\x");
    assert!(PipeName::parse(&path(&"s".repeat(255))).is_ok());
    assert_eq!(
        problem(&path(&"s".repeat(256))),
        NameProblem::ServerTooLong { units: 256 }
    );
    for character in ['/', ' ', '\0', '\n', '\u{9b}'] {
        assert_eq!(
            problem(&path(&format!("a{character}b"))),
            NameProblem::ServerCharacter { character }
        );
    }
    assert_eq!(
        PipeName::from_shell(r"//a\b/pipe/x").unwrap_err().problem(),
        NameProblem::ServerCharacter { character: '\\' }
    );
}

#[test]
fn a_shell_may_write_slashes_or_the_name_alone() {
    for (text, name) in [
        (r"\\.\pipe\x", r"\\.\pipe\x"),
        ("//./pipe/x", r"\\.\pipe\x"),
        ("//./PIPE/a/b", r"\\.\pipe\a/b"),
        ("//Server/pipe/x", r"\\Server\pipe\x"),
        ("x", r"\\.\pipe\x"),
        ("a/b", r"\\.\pipe\a/b"),
        ("/tmp/x", r"\\.\pipe\/tmp/x"),
        ("./x", r"\\.\pipe\./x"),
        (r"\\.\pipe\//x", r"\\.\pipe\//x"),
    ] {
        assert_eq!(PipeName::from_shell(text).unwrap().to_string(), name);
    }
    for (text, problem) in [
        ("", NameProblem::Empty),
        ("//./pipe/", NameProblem::Empty),
        ("//x", NameProblem::NotAPipePath),
        (r"//./pipe\x", NameProblem::NotAPipePath),
        // What shells make of \\.\pipe\x in double quotes; without quotes only `\.pipex` is left.
        (r"\.\pipe\x", NameProblem::Backslash),
        (r"\.pipex", NameProblem::Backslash),
    ] {
        assert_eq!(
            PipeName::from_shell(text).unwrap_err().problem(),
            problem,
            "{text}"
        );
    }
}

#[test]
fn an_error_shows_the_text_and_what_is_wrong_with_it() {
    let error = PipeName::parse("not-a-pipe").unwrap_err();
    assert_eq!(error.code(), Win32Error::INVALID_NAME);
    assert_eq!(
        error.to_string(),
        r"`not-a-pipe` is not a valid pipe name: it must look like \\.\pipe\Name or \\Server\pipe\Name"
    );
    let error = PipeName::local(&"x".repeat(300)).unwrap_err();
    assert_eq!(error.text(), format!("{}…", "x".repeat(80)));
    assert!(
        error
            .to_string()
            .ends_with(r"behind \pipe\ it has 300 UTF-16 units, and at most 256 are allowed")
    );
    // No message of ours moves a cursor.
    let error = PipeName::parse("\u{1b}[2J\n").unwrap_err();
    assert!(!error.to_string().contains(char::is_control), "{error}");
    assert!(
        error.to_string().starts_with(r"`\u{1b}[2J\n` is"),
        "{error}"
    );
    let name = PipeName::local("a\nb").unwrap();
    assert_eq!(format!("{name:?}"), r"PipeName(\\.\pipe\a\nb)");
}

fn valid_name() -> impl Strategy<Value = String> {
    // 128 characters have at most 256 units.
    proptest::collection::vec(any::<char>(), 1..=128).prop_map(|characters| {
        characters
            .into_iter()
            .map(|c| if matches!(c, '\\' | '\0') { '_' } else { c })
            .collect()
    })
}

fn valid_path() -> impl Strategy<Value = String> {
    let server = prop_oneof![
        Just(".".to_owned()),
        "[A-Za-zÀ-ÿ0-9_-]{1,20}(\\.[a-z]{2,3})?"
    ];
    (server, "[Pp][Ii][Pp][Ee]", valid_name())
        .prop_map(|(server, word, name)| format!(r"\\{server}\{word}\{name}"))
}

/// Texts that look like names often enough to reach every branch.
fn near_path() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        Just("\\".to_owned()),
        Just("/".to_owned()),
        Just(".".to_owned()),
        Just("?".to_owned()),
        Just("pipe".to_owned()),
        Just("\0".to_owned()),
        Just("🦀".repeat(100)),
        any::<String>(),
    ];
    prop_oneof![
        any::<String>(),
        proptest::collection::vec(part.clone(), 0..9).prop_map(|parts| parts.concat()),
        proptest::collection::vec(part, 0..4)
            .prop_map(|parts| format!(r"\\.\pipe\{}", parts.concat())),
    ]
}

proptest! {
    #[test]
    fn display_and_parse_are_a_round_trip(path in valid_path()) {
        let name = PipeName::parse(&path).unwrap();
        let again = PipeName::parse(&name.to_string()).unwrap();
        prop_assert_eq!(&again, &name);
        prop_assert_eq!(again.name(), name.name());
        prop_assert_eq!(again.server(), name.server());
        prop_assert!(path.ends_with(name.name()));
    }

    #[test]
    fn the_folded_name_is_the_same_pipe_with_the_same_hash(path in valid_path()) {
        let name = PipeName::parse(&path).unwrap();
        let server = name.server().unwrap_or(".").to_ascii_uppercase();
        let folded = PipeName::parse(&format!(r"\\{server}\pipe\{}", name.folded())).unwrap();
        prop_assert_eq!(&folded, &name);
        prop_assert_eq!(hash(&folded), hash(&name));
        prop_assert_eq!(folded.folded(), name.folded());
        prop_assert_eq!(folded.name().encode_utf16().count(), name.name().encode_utf16().count());
    }

    #[test]
    fn case_variants_are_equal(name in "[a-zéöñß0-9α-ρа-я🦀]{1,40}") {
        // ASCII letters change here, the others in the tests of the table.
        let small = PipeName::local(&name).unwrap();
        let capital = PipeName::local(&name.to_ascii_uppercase()).unwrap();
        prop_assert_eq!(&small, &capital);
        prop_assert_eq!(HashSet::from([small, capital]).len(), 1);
    }

    #[test]
    fn equality_order_and_hash_agree(left in "[aAbBéÉ]{1,3}", right in "[aAbBéÉ]{1,3}") {
        let (left, right) = (PipeName::local(&left).unwrap(), PipeName::local(&right).unwrap());
        prop_assert_eq!(left == right, left.folded() == right.folded());
        prop_assert_eq!(left == right, left.cmp(&right).is_eq());
        prop_assert_eq!(left.cmp(&right), right.cmp(&left).reverse());
        if left == right {
            prop_assert_eq!(hash(&left), hash(&right));
        }
    }

    #[test]
    fn every_text_is_a_name_or_refused_with_the_code(text in near_path()) {
        for result in [PipeName::parse(&text), PipeName::local(&text), PipeName::from_shell(&text)] {
            match result {
                Ok(name) => {
                    let units = name.name().encode_utf16().count();
                    prop_assert!((1..=256).contains(&units));
                    prop_assert!(!name.name().contains(['\\', '\0']));
                    prop_assert!(text.ends_with(name.name()));
                }
                Err(error) => {
                    prop_assert_eq!(error.code(), Win32Error(123));
                    prop_assert!(!error.to_string().contains(char::is_control));
                }
            }
        }
    }

    #[test]
    fn length_is_the_only_limit(name in valid_name(), extra in 0usize..300) {
        let long = format!("{name}{}", "x".repeat(extra));
        let units = long.encode_utf16().count();
        match PipeName::local(&long) {
            Ok(name) => prop_assert!(units <= 256 && name.name() == long),
            Err(error) => {
                prop_assert!(units > 256);
                prop_assert_eq!(error.problem(), NameProblem::TooLong { units });
            }
        }
    }
}
