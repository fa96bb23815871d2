//! Security descriptors and identifiers as text: what is read is written so that it is read as the same.
#![no_main]

use dotpipe::security::{LONGEST_SDDL, SecurityDescriptor, Sid};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    if let Ok(sid) = text.parse::<Sid>() {
        assert_eq!(sid.to_string().parse(), Ok(sid));
    }
    match text.parse::<SecurityDescriptor>() {
        Ok(descriptor) => {
            assert!(text.len() <= LONGEST_SDDL);
            let written = descriptor.to_string();
            match written.parse::<SecurityDescriptor>() {
                Ok(again) => assert_eq!((&again, again.to_string()), (&descriptor, written)),
                // Rights as a number can be longer than they were in letters, or the other way round. No pipe
                // is given such a descriptor.
                Err(error) => assert!(written.len() > LONGEST_SDDL, "{error}: {written}"),
            }
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.position()));
            assert!(!error.to_string().is_empty());
        }
    }
});
