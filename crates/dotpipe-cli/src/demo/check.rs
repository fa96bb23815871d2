//! [`Report`]: one line for everything that was checked, and whether it held.

use std::fmt;

use crate::failure::Result;

/// Prints as it goes and keeps count.
pub(super) struct Report {
    verbose: bool,
    print: fn(fmt::Arguments<'_>) -> Result,
    checks: u32,
    failures: u32,
}

impl Report {
    /// `print` prints a line.
    pub(super) fn new(verbose: bool, print: fn(fmt::Arguments<'_>) -> Result) -> Report {
        Report {
            verbose,
            print,
            checks: 0,
            failures: 0,
        }
    }

    /// How many checks there were.
    pub(super) fn checks(&self) -> u32 {
        self.checks
    }

    /// How many of them did not hold.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Begins a group.
    pub(super) fn heading(&self, title: &str) -> Result {
        (self.print)(format_args!("\n{title}"))
    }

    /// Says what was done, if anybody wants to know.
    pub(super) fn detail(&self, text: impl fmt::Display) -> Result {
        if self.verbose {
            (self.print)(format_args!("       {text}"))
        } else {
            Ok(())
        }
    }

    /// Says whether what was shown held.
    pub(super) fn check(&mut self, shown: &str, expected: &str, got: &str) -> Result {
        if expected == got {
            self.holds(shown)
        } else {
            self.fails(shown, expected, got)
        }
    }

    /// Something that held.
    pub(super) fn holds(&mut self, shown: &str) -> Result {
        self.checks += 1;
        (self.print)(format_args!("  [ok] {shown}"))
    }

    /// Something that did not.
    pub(super) fn fails(&mut self, shown: &str, expected: &str, got: &str) -> Result {
        self.checks += 1;
        self.failures += 1;
        (self.print)(format_args!(
            "  [FAILED] {shown}: expected `{expected}`, got `{got}`"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_hold_is_counted() {
        let mut report = Report::new(false, |_| Ok(()));
        report.check("one is one", "1", "1").unwrap();
        assert_eq!((report.checks(), report.failures()), (1, 0));
        report.check("one is two", "2", "1").unwrap();
        assert_eq!((report.checks(), report.failures()), (2, 1));
    }
}
