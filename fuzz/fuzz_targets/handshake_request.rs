//! A client's request, as read by a server: its fixed part and what it goes on with. What is
//! understood is written as it came.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| dotpipe::fuzz::request(bytes));
