//! Times on the command line: milliseconds as Win32 takes them, and words for its special numbers.

use std::time::{Duration, Instant};

use dotpipe::options::WaitTimeout;

/// How long to wait for an instance: a number of milliseconds, `default` or `forever`.
pub(crate) fn wait_timeout(text: &str) -> Result<WaitTimeout, String> {
    match text {
        "default" => Ok(WaitTimeout::Default),
        "forever" => Ok(WaitTimeout::Forever),
        number => duration(number)
            .map(WaitTimeout::For)
            .map_err(|_| "give a number of milliseconds, `default` or `forever`".into()),
    }
}

/// Whether to wait for an instance, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait(pub(crate) Option<WaitTimeout>);

/// As [`wait_timeout`], or `none`.
pub(crate) fn wait_or_none(text: &str) -> Result<Wait, String> {
    match text {
        "none" => Ok(Wait(None)),
        text => wait_timeout(text)
            .map(|timeout| Wait(Some(timeout)))
            .map_err(|problem| problem.replace("`default`", "`default`, `none`")),
    }
}

/// A number of milliseconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    text.parse::<u32>()
        .map(|milliseconds| Duration::from_millis(milliseconds.into()))
        .map_err(|_| "give a number of milliseconds, up to 4294967295".into())
}

/// The moment at which a wait that begins now runs out, if it does.
pub(crate) fn deadline(limit: Option<Duration>) -> Option<Instant> {
    // A moment beyond what the clock can tell is no limit.
    limit.and_then(|limit| Instant::now().checked_add(limit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_words_are_told_apart_from_nonsense() {
        assert_eq!(wait_timeout("default"), Ok(WaitTimeout::Default));
        assert_eq!(wait_or_none("none"), Ok(Wait(None)));
        assert_eq!(
            wait_or_none("default"),
            Ok(Wait(Some(WaitTimeout::Default)))
        );
        assert!(wait_timeout("none").is_err());
        assert_eq!(wait_timeout("forever"), Ok(WaitTimeout::Forever));
        assert_eq!(
            wait_timeout("20"),
            Ok(WaitTimeout::For(Duration::from_millis(20)))
        );
        for text in ["", "-1", "1s", "4294967296", "Forever"] {
            assert!(wait_timeout(text).is_err(), "{text}");
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
