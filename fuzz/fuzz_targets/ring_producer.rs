//! The end of a ring that writes, while the end that reads lies: see `dotpipe_fuzz::ring`.
#![no_main]

use dotpipe_fuzz::ring::{End, conversation};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| conversation(End::Producer, input));
