//! The record of a pipe, which the process of another user wrote: what is understood is written so that it is
//! understood as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| dotpipe::fuzz::record(text));
