//! When a write completes: arithmetic only.
//!
//! Quotas count unread data bytes. Positions are counts of bytes since the connection began: *issued*
//! is how many have been written (those of waiting writes included), *consumed* how many have been read.

/// Whether a write is complete whose last byte is number `end`: the unread data up to and including
/// its own do not exceed the quota.
pub(super) fn is_complete(end: u64, consumed: u64, quota: u64) -> bool {
    end.saturating_sub(consumed) <= quota
}

/// How many of `len` bytes a non-blocking write takes. Waiting readers, who wait for `demand` bytes,
/// are served first; what remains goes in whole or not at all. A message (`whole`) is never split.
pub(super) fn takes_at_once(len: u64, unread: u64, quota: u64, demand: u64, whole: bool) -> u64 {
    let room = quota.saturating_sub(unread).saturating_add(demand);
    if len <= room {
        len
    } else if whole {
        0
    } else {
        demand.min(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_completes_when_what_is_unread_fits() {
        assert!(is_complete(100, 0, 100));
        assert!(!is_complete(101, 0, 100));
        assert!(is_complete(101, 1, 100));
        assert!(!is_complete(3, 2, 0));
        assert!(is_complete(3, 3, 0));
        assert!(
            is_complete(3, 9, 0),
            "a reader that runs ahead is somebody else's problem"
        );
    }

    #[test]
    fn a_non_blocking_write_serves_readers_and_then_fits_or_not() {
        let takes = takes_at_once;
        assert_eq!(takes(50, 0, 50, 0, false), 50);
        assert_eq!(takes(51, 0, 50, 0, false), 0);
        assert_eq!(takes(51, 0, 50, 1, false), 51);
        assert_eq!(takes(52, 0, 50, 1, false), 1);
        assert_eq!(takes(52, 0, 50, 1, true), 0);
        assert_eq!(takes(111, 0, 50, 60, false), 60);
        assert_eq!(takes(1, 50, 50, 0, false), 0);
        assert_eq!(takes(0, 50, 50, 0, true), 0);
        assert_eq!(takes(9, 0, 0, u64::MAX, true), 9);
    }
}
