//! Who a client on another machine is, as a bridge says it and a server reads it. What is understood is written as it came.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| dotpipe::fuzz::claim(bytes));
