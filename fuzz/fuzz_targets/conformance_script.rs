//! Scripts of the conformance kit: anything is a script, or an error with the line where it begins.
#![no_main]

use dotpipe_conformance::parse::{Script, subject};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    // A payload of a gigabyte is allowed to whoever writes a script, and would be all that is tried here.
    if text.contains("fill:") {
        return;
    }
    assert!(text.contains(subject(text)));
    if let Err(error) = Script::parse(text, "r") {
        assert!((1..=text.lines().count()).contains(&error.line));
        assert!(!error.reason.is_empty());
    }
});
