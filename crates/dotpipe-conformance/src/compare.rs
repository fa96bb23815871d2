//! Expected and actual output in, their differences out.
//!
//! Every command gives exactly one line, so the two are compared line by line: the first difference does
//! not hide the ones behind it, and no line is ever shifted.

/// The lines that differ, one hunk each, or `None` when all are equal. A line that is there on one side
/// only counts as different.
pub fn differences(expected: &str, got: &[String]) -> Option<String> {
    let expected: Vec<&str> = expected.lines().collect();
    let mut hunks = String::new();
    for index in 0..expected.len().max(got.len()) {
        let (want, have) = (
            expected.get(index).copied(),
            got.get(index).map(String::as_str),
        );
        if want == have {
            continue;
        }
        hunks += &format!("@@ line {} @@\n", index + 1);
        hunks += &want.map_or_else(
            || "- (end of the expectation)\n".to_owned(),
            |line| format!("- {line}\n"),
        );
        hunks += &have.map_or_else(
            || "+ (end of the output)\n".to_owned(),
            |line| format!("+ {line}\n"),
        );
    }
    (!hunks.is_empty()).then_some(hunks)
}

/// An expectation with those lines of the output that Wine is known to answer so, as `X.wine-differs` has
/// them: `LINE wine TEXT`, where LINE counts from 1 (FORMAT.md §7). Where the output is that of Windows all
/// the same, the expectation stays.
pub fn as_wine_answers(expected: &str, differs: &str, got: &[String]) -> String {
    let mut lines: Vec<&str> = expected.lines().collect();
    for known in differs.lines() {
        let Some((number, text)) = known.split_once(" wine ") else {
            continue;
        };
        let index = number.parse().ok().and_then(|n: usize| n.checked_sub(1));
        if let Some(index) = index
            && got.get(index).is_some_and(|line| line == text)
            && let Some(line) = lines.get_mut(index)
        {
            *line = text;
        }
    }
    lines
        .iter()
        .fold(String::new(), |all, line| all + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_that_wine_answers_otherwise_are_replaced() {
        let differs = "# a comment with wine in it\n2 windows b -> ok\n2 wine b -> err\n9 wine x\n";
        let answers = |got| as_wine_answers("a -> ok\nb -> ok\nc -> ok\n", differs, &lines(got));
        assert_eq!(
            answers("a -> ok\nb -> err\nc -> ok"),
            "a -> ok\nb -> err\nc -> ok\n"
        );
        for other in [
            "a -> ok\nb -> ok\nc -> ok",
            "a -> err\nb -> pending\nc -> err",
            "",
        ] {
            assert_eq!(answers(other), "a -> ok\nb -> ok\nc -> ok\n");
        }
    }

    fn lines(text: &str) -> Vec<String> {
        text.lines().map(str::to_owned).collect()
    }

    #[test]
    fn equal_output_has_no_differences() {
        assert_eq!(
            differences("a -> ok\nb -> ok\n", &lines("a -> ok\nb -> ok")),
            None
        );
        assert_eq!(differences("", &[]), None);
    }

    #[test]
    fn every_line_that_differs_is_shown_with_its_number() {
        let shown = differences(
            "a -> ok\nb -> ok\nc -> ok\n",
            &lines("a -> no\nb -> ok\nc -> no"),
        )
        .unwrap();
        assert_eq!(
            shown,
            "@@ line 1 @@\n- a -> ok\n+ a -> no\n@@ line 3 @@\n- c -> ok\n+ c -> no\n"
        );
    }

    #[test]
    fn a_missing_and_a_surplus_line_are_differences() {
        let missing = differences("a -> ok\nb -> ok\n", &lines("a -> ok")).unwrap();
        assert_eq!(missing, "@@ line 2 @@\n- b -> ok\n+ (end of the output)\n");
        let surplus = differences("a -> ok\n", &lines("a -> ok\nb -> ok")).unwrap();
        assert_eq!(
            surplus,
            "@@ line 2 @@\n- (end of the expectation)\n+ b -> ok\n"
        );
    }
}
