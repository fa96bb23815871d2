//! A server's answer, as read by a client. What is
//! understood is written as it came.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| dotpipe::fuzz::answer(bytes));
