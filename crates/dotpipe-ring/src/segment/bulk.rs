//! Copies of many bytes at once between the segment and memory of our own, faster than word by word.
//!
//! The compiler may not merge atomic loads, so a copy of words moves 8 bytes at a time. What is here moves 16
//! or 32, in inline assembly. An `asm!` block may do whatever some Rust code could do in its place, and these
//! blocks do what relaxed atomic loads (or stores) of every byte would: each byte of the segment is
//! accessed once, in no promised order, and may be torn from its neighbours. So the other process may
//! write meanwhile, as it may with the words. A plain `memcpy` would be a data race instead, of which
//! the compiler may believe that it never happens.
//!
//! Processors without it here copy words.

#![cfg_attr(
    all(target_arch = "x86_64", not(loom), not(miri)),
    expect(
        unsafe_code,
        reason = "inline assembly: atomics of more than a word cannot be said in Rust"
    )
)]

use crate::primitive::AtomicU64;

/// The bytes that are moved together.
#[cfg(all(target_arch = "x86_64", not(loom), not(miri)))]
const BLOCK: usize = 64;

/// Copies as many whole blocks from `from` to `to` as both hold, and says how many bytes that were.
#[cfg(all(target_arch = "x86_64", not(loom), not(miri)))]
#[inline]
pub(super) fn store(to: &[AtomicU64], from: &[u8]) -> usize {
    let len = from.len().min(to.len() * 8) / BLOCK * BLOCK;
    if len > 0 {
        // SAFETY: `len` bytes from both addresses on lie within the slices, and `to` may be written through a
        // shared reference, since it is of atomics. For the race with another process see above.
        unsafe { copy_blocks(to.as_ptr().cast::<u8>().cast_mut(), from.as_ptr(), len) };
    }
    len
}

/// Copies as many whole blocks as both hold from the segment, but the first `skip` bytes of `from`, to
/// `to`, and says how many bytes that were.
#[cfg(all(target_arch = "x86_64", not(loom), not(miri)))]
#[inline]
pub(super) fn load(to: &mut [u8], from: &[AtomicU64], skip: usize) -> usize {
    let len = to.len().min((from.len() * 8).saturating_sub(skip)) / BLOCK * BLOCK;
    if len > 0 {
        let from = from.as_ptr().cast::<u8>().wrapping_add(skip);
        // SAFETY: `len` bytes from both addresses on lie within the slices. For the race with another process
        // see above.
        unsafe { copy_blocks(to.as_mut_ptr(), from, len) };
    }
    len
}

/// # Safety
/// `len` is a multiple of [`BLOCK`], not zero; so many bytes can be read at `from` and written at `to`, and
/// the two do not overlap.
#[cfg(all(target_arch = "x86_64", not(loom), not(miri)))]
#[inline]
unsafe fn copy_blocks(to: *mut u8, from: *const u8, len: usize) {
    if len >= WIDE_FROM && std::arch::is_x86_feature_detected!("avx") {
        // SAFETY: as the caller promises; the processor has AVX.
        unsafe { copy_wide(to, from, len) };
    } else {
        // SAFETY: as the caller promises.
        unsafe { copy_narrow(to, from, len) };
    }
}

/// From how many bytes on the wide registers are worth asking whether they are there.
#[cfg(all(target_arch = "x86_64", not(loom), not(miri)))]
const WIDE_FROM: usize = 512;

/// # Safety
/// As [`copy_blocks`].
#[cfg(all(target_arch = "x86_64", not(loom), not(miri)))]
#[inline]
unsafe fn copy_narrow(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: reads and writes what the caller allows, and no register but those named. SSE2 is part of
    // every x86-64.
    unsafe {
        std::arch::asm!(
            "2:",
            "movups {a}, [{from}]",
            "movups {b}, [{from} + 16]",
            "movups {c}, [{from} + 32]",
            "movups {d}, [{from} + 48]",
            "movups [{to}], {a}",
            "movups [{to} + 16], {b}",
            "movups [{to} + 32], {c}",
            "movups [{to} + 48], {d}",
            "add {from}, 64",
            "add {to}, 64",
            "sub {len}, 64",
            "jnz 2b",
            a = out(xmm_reg) _, b = out(xmm_reg) _, c = out(xmm_reg) _, d = out(xmm_reg) _,
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            len = inout(reg) len => _,
            options(nostack),
        );
    }
}

/// # Safety
/// As [`copy_blocks`], and the processor has AVX.
#[cfg(all(target_arch = "x86_64", not(loom), not(miri)))]
#[target_feature(enable = "avx")]
unsafe fn copy_wide(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: reads and writes what the caller allows, and no register but those named.
    unsafe {
        std::arch::asm!(
            "test {len}, 64",
            "jz 2f",
            "vmovups {a}, [{from}]",
            "vmovups {b}, [{from} + 32]",
            "vmovups [{to}], {a}",
            "vmovups [{to} + 32], {b}",
            "add {from}, 64",
            "add {to}, 64",
            "sub {len}, 64",
            "jz 3f",
            "2:",
            "vmovups {a}, [{from}]",
            "vmovups {b}, [{from} + 32]",
            "vmovups {c}, [{from} + 64]",
            "vmovups {d}, [{from} + 96]",
            "vmovups [{to}], {a}",
            "vmovups [{to} + 32], {b}",
            "vmovups [{to} + 64], {c}",
            "vmovups [{to} + 96], {d}",
            "add {from}, 128",
            "add {to}, 128",
            "sub {len}, 128",
            "jnz 2b",
            "3:",
            "vzeroupper",
            a = out(ymm_reg) _, b = out(ymm_reg) _, c = out(ymm_reg) _, d = out(ymm_reg) _,
            // `vzeroupper` changes them all.
            out("ymm4") _, out("ymm5") _, out("ymm6") _, out("ymm7") _, out("ymm8") _, out("ymm9") _,
            out("ymm10") _, out("ymm11") _, out("ymm12") _, out("ymm13") _, out("ymm14") _,
            out("ymm15") _,
            from = inout(reg) from => _,
            to = inout(reg) to => _,
            len = inout(reg) len => _,
            options(nostack),
        );
    }
}

/// Has the processor fetch a line that will be written soon.
#[cfg(all(target_arch = "x86_64", not(loom), not(miri)))]
#[inline]
pub(super) fn expect_write(word: &AtomicU64) {
    // SAFETY: a prefetch changes nothing but the state of caches, whatever its address. Processors that
    // do not know this one take it for a no-op.
    unsafe {
        std::arch::asm!(
            "prefetchw [{line}]",
            line = in(reg) std::ptr::from_ref(word),
            options(nostack, readonly, preserves_flags),
        );
    }
}

/// Elsewhere: nothing.
#[cfg(not(all(target_arch = "x86_64", not(loom), not(miri))))]
pub(super) fn expect_write(_: &AtomicU64) {}

/// Elsewhere: nothing, so that all is copied word by word.
#[cfg(not(all(target_arch = "x86_64", not(loom), not(miri))))]
#[inline]
pub(super) fn store(_: &[AtomicU64], _: &[u8]) -> usize {
    0
}

/// Elsewhere: nothing, so that all is copied word by word.
#[cfg(not(all(target_arch = "x86_64", not(loom), not(miri))))]
#[inline]
pub(super) fn load(_: &mut [u8], _: &[AtomicU64], _: usize) -> usize {
    0
}
