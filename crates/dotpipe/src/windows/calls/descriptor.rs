//! The calls about security descriptors, which are words of four bytes here.
#![expect(unsafe_code, reason = "calls of Win32 take raw pointers and handles")]

use std::os::windows::io::{AsRawHandle, BorrowedHandle};

use windows_sys::Win32::Security::{
    GetKernelObjectSecurity, OBJECT_SECURITY_INFORMATION, SetKernelObjectSecurity,
};

use super::{checked, length};
use crate::exact::Result;
use crate::win32::Win32Error;
use crate::windows::descriptor::Encoded;

/// How many words are tried first; most descriptors are shorter.
const ANSWER: usize = 128;

/// These parts of the descriptor of what is behind `handle`.
pub(in crate::windows) fn get(
    handle: BorrowedHandle<'_>,
    parts: OBJECT_SECURITY_INFORMATION,
) -> Result<Vec<u32>> {
    let mut descriptor = vec![0; ANSWER];
    loop {
        let mut needed = 0;
        // SAFETY: the handle is open; the place is as long as said and can be written, and so can the length.
        let got = checked(unsafe {
            GetKernelObjectSecurity(
                handle.as_raw_handle(),
                parts,
                descriptor.as_mut_ptr().cast(),
                length(size_of_val(&*descriptor)),
                &mut needed,
            )
        });
        let words = (needed as usize).div_ceil(size_of::<u32>());
        match got {
            Ok(()) => return Ok(descriptor),
            Err(Win32Error::INSUFFICIENT_BUFFER) if words > descriptor.len() => {
                descriptor.resize(words, 0);
            }
            Err(code) => return Err(code),
        }
    }
}

/// Sets these parts of the descriptor of what is behind `handle`.
pub(in crate::windows) fn set(
    handle: BorrowedHandle<'_>,
    parts: OBJECT_SECURITY_INFORMATION,
    descriptor: &Encoded,
) -> Result<()> {
    let words = descriptor.words().as_ptr().cast_mut().cast();
    // SAFETY: the handle is open; the descriptor is whole, lives on, and is only read.
    checked(unsafe { SetKernelObjectSecurity(handle.as_raw_handle(), parts, words) })
}
