//! Names of pipes: two of them, a line each, as three kinds of people write them.
//!
//! What is taken is spelt so that it is taken again, as the same; two names are equal exactly when their files
//! are; and a file's name is short, plain, not hidden, and gives the name back unless it had to be cut.
#![no_main]

use dotpipe::PipeName;
use dotpipe::fuzz::file_name;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let (first, second) = text.split_once('\n').unwrap_or((text, text));
    let first =
        [PipeName::parse, PipeName::local, PipeName::from_shell].map(|read| check(read, first));
    let second = check(PipeName::from_shell, second);
    for first in first.iter().flatten() {
        let Some(second) = &second else { continue };
        let same_name = first.folded() == second.folded();
        assert_eq!(same_name, file_name(first) == file_name(second));
        assert_eq!(first == second, first.cmp(second).is_eq());
        if first.server() == second.server() {
            assert_eq!(first == second, same_name);
        }
    }
});

fn check<E: std::fmt::Display>(
    read: impl Fn(&str) -> Result<PipeName, E>,
    text: &str,
) -> Option<PipeName> {
    let name = match read(text) {
        Ok(name) => name,
        Err(error) => {
            assert!(!error.to_string().contains(|c: char| c.is_control()));
            return None;
        }
    };
    let spelt = name.to_string();
    let again = PipeName::parse(&spelt).expect("a name can be read as it is spelt");
    assert_eq!((&again, again.to_string()), (&name, spelt));
    assert_eq!((again.name(), again.server()), (name.name(), name.server()));
    assert!((1..=PipeName::MAX_UNITS).contains(&name.name().encode_utf16().count()));

    let folded = PipeName::local(name.folded()).expect("folding changes no length");
    assert_eq!(
        folded.folded(),
        name.folded(),
        "folding twice changes nothing"
    );
    check_file(&name);
    assert_eq!(file_name(&folded), file_name(&name));
    Some(name)
}

fn check_file(name: &PipeName) {
    let file = file_name(name);
    assert!((1..=128).contains(&file.len()) && !file.starts_with('.'));
    let plain =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.=~".contains(&byte);
    assert!(file.bytes().all(plain), "{file}");
    match file.split_once("=~") {
        None => assert_eq!(unescaped(&file), name.folded().as_bytes()),
        Some((begin, digest)) => {
            assert!(name.folded().as_bytes().starts_with(&unescaped(begin)));
            assert_eq!(digest.len(), 40);
        }
    }
}

/// The folded name of which this is the name of the file.
fn unescaped(file: &str) -> Vec<u8> {
    let mut parts = file.split('=');
    let mut bytes = parts
        .next()
        .unwrap_or_default()
        .to_ascii_uppercase()
        .into_bytes();
    for part in parts {
        let (digits, rest) = part.split_at(2);
        bytes.push(u8::from_str_radix(digits, 16).expect("an escape is two hex digits"));
        bytes.extend(rest.to_ascii_uppercase().bytes());
    }
    bytes
}
