//! [`NameError`]: what is wrong with a text that is not the name of a pipe.

use std::fmt;

use crate::name::PipeName;
use crate::win32::Win32Error;

/// Why a text is not the name of a pipe.
///
/// `Display` shows the text and says what is wrong with it and what would be right. To Win32 all of this
/// is one code, `ERROR_INVALID_NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    text: Box<str>,
    problem: NameProblem,
}

/// What is wrong with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum NameProblem {
    /// It does not have the shape `\\.\pipe\Name` or `\\Server\pipe\Name`.
    NotAPipePath,
    /// There is nothing behind `\\.\pipe\`.
    Empty,
    /// The PipeName is longer than [`PipeName::MAX_UNITS`].
    TooLong {
        /// Its length in UTF-16 units.
        units: usize,
    },
    /// The PipeName has a backslash.
    Backslash,
    /// The PipeName has a NUL character.
    Nul,
    /// The server's name is longer than [`PipeName::MAX_SERVER_UNITS`].
    ServerTooLong {
        /// Its length in UTF-16 units.
        units: usize,
    },
    /// The server's name has a character that no server's name may have.
    ServerCharacter {
        /// The first such character: a slash, white space or a control character.
        character: char,
    },
}

impl NameError {
    /// How much of a text is kept, in characters: enough to recognise it.
    const SHOWN: usize = 80;

    pub(super) fn new(text: &str, problem: NameProblem) -> Self {
        let shown = match text.char_indices().nth(Self::SHOWN) {
            Some((end, _)) => format!("{}…", &text[..end]),
            None => text.to_owned(),
        };
        NameError {
            text: shown.into(),
            problem,
        }
    }

    /// The code that Win32 has for this: always `ERROR_INVALID_NAME`.
    pub fn code(&self) -> Win32Error {
        Win32Error::INVALID_NAME
    }

    /// What is wrong with the name.
    pub fn problem(&self) -> NameProblem {
        self.problem
    }

    /// The text that is not a name; of a long one only the beginning, and `…`.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not a valid pipe name: {}",
            printable(&self.text),
            self.problem
        )
    }
}

impl std::error::Error for NameError {}

impl fmt::Display for NameProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            NameProblem::NotAPipePath => {
                f.write_str(r"it must look like \\.\pipe\Name or \\Server\pipe\Name")
            }
            NameProblem::Empty => f.write_str(r"there is no name behind \\.\pipe\"),
            NameProblem::TooLong { units } => write!(
                f,
                r"behind \pipe\ it has {units} UTF-16 units, and at most {} are allowed",
                PipeName::MAX_UNITS
            ),
            NameProblem::Backslash => f.write_str(
                "the part behind \\pipe\\ may not have a backslash; in a shell, \\\\.\\pipe\\Name needs single \
                 quotes, or write //./pipe/Name",
            ),
            NameProblem::Nul => f.write_str(
                "it has a NUL character, at which every Win32 function would take it to end",
            ),
            NameProblem::ServerTooLong { units } => write!(
                f,
                "the server's name has {units} UTF-16 units, and at most {} are allowed",
                PipeName::MAX_SERVER_UNITS
            ),
            NameProblem::ServerCharacter { character } => {
                write!(f, "the server's name may not have the character {character:?}")
            }
        }
    }
}

/// A text from elsewhere for a terminal or a log: everything in it that cannot be seen is escaped, as in a Rust literal.
///
/// Names of pipes, of users and of machines may hold almost any character, and a message must not move the cursor, begin
/// a new line, or turn what stands beside them around. Escaped are control characters, the separators of lines and
/// paragraphs, spaces other than the usual one, what changes the direction of text or has no width, and what Unicode has
/// not assigned. Letters that run from right to left stay; quotes and backslashes stay as they are, so it cannot be turned back.
///
/// # Examples
/// ```
/// use dotpipe::name::printable;
///
/// assert_eq!(printable("Größe \\ 大きさ").to_string(), "Größe \\ 大きさ");
/// assert_eq!(printable("a\nb\u{202e}c").to_string(), "a\\nb\\u{202e}c");
/// ```
pub fn printable(text: &str) -> impl fmt::Display {
    struct Printable<'a>(&'a str);

    impl fmt::Display for Printable<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            const AS_THEY_ARE: [char; 3] = ['\\', '\'', '"'];
            for piece in self.0.split_inclusive(AS_THEY_ARE) {
                let text = piece.trim_end_matches(AS_THEY_ARE);
                // A mark that combines with the letter before it stays, one that begins a piece does not.
                write!(f, "{}{}", text.escape_debug(), &piece[text.len()..])?;
            }
            Ok(())
        }
    }

    Printable(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_seen_stays() {
        for text in [
            "",
            "VM\\o'neil \"x\"",
            "Größe",
            "e\u{301}",
            "हिन्दी",
            "ไทย",
            "עברית",
            "🙂",
        ] {
            assert_eq!(printable(text).to_string(), text);
        }
    }

    #[test]
    fn what_cannot_be_seen_is_escaped() {
        let bidirectional = ['\u{61c}', '\u{200e}', '\u{200f}'].into_iter();
        let hidden = bidirectional
            .chain('\u{202a}'..='\u{202e}')
            .chain('\u{2066}'..='\u{2069}')
            .chain([
                '\u{2028}', '\u{2029}', '\u{200b}', '\u{feff}', '\u{a0}', '\u{ad}',
            ])
            .chain('\0'..' ')
            .chain('\u{7f}'..='\u{9f}');
        for character in hidden {
            let text = printable(&format!("a\\{character}b{character}")).to_string();
            assert!(!text.contains(character), "{character:?}");
            let escaped = character.escape_debug();
            assert_eq!(text, format!("a\\{escaped}b{escaped}"));
        }
    }
}
