//! The memory of a pipe's conversations: new, made in advance, or used before by the same client.
//!
//! Memory that a client had mapped is never given to another one, which could not trust it. Each gets a
//! number with it, see [`acquaintance`](super::rendezvous), and the memory itself may be used again when
//! both sides are done with it and a client of the same user names that number. What clients of other machines
//! had is not used again: one process opens the pipe for many of them.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use dotpipe_ring::{Layout, Segment};
use rustix::process::Uid;

use super::core::Traits;
use super::linux::io_code;
use super::namespace::random;
use crate::exact::Result;
use crate::win32::Win32Error;

/// How many conversations of a pipe are remembered for the sake of their memory.
const REMEMBERED: usize = 8;
/// The longest memory that is kept for them: pages that were touched stay with it, though nobody is connected.
const LONGEST_KEPT: usize = 8 << 20;

/// What there is for one pipe.
#[derive(Default)]
pub(super) struct Memories {
    /// Made while the last client was busy.
    spare: Option<(Segment, OwnedFd)>,
    /// Handed out, the oldest first.
    used: VecDeque<Used>,
}

struct Used {
    token: u64,
    user: Uid,
    segment: Arc<Segment>,
}

/// The memory of one conversation.
pub(super) struct Memory {
    pub(super) segment: Arc<Segment>,
    /// By which it can be had again; 0 when it cannot.
    pub(super) token: u64,
    /// For the client, unless it has it already.
    pub(super) descriptor: Option<OwnedFd>,
}

impl Memories {
    /// Memory for one conversation, which nobody had and nobody gets again.
    pub(super) fn take_once(&mut self, traits: Traits) -> Result<Memory> {
        let (segment, descriptor) = self.new_for(layout_for(traits)?)?;
        Ok(Memory {
            segment: Arc::new(segment),
            token: 0,
            descriptor: Some(descriptor),
        })
    }

    fn new_for(&mut self, layout: Layout) -> Result<(Segment, OwnedFd)> {
        match self.spare.take() {
            Some((segment, descriptor)) if segment.layout() == layout => Ok((segment, descriptor)),
            _ => Segment::create(layout).map_err(|error| io_code(&error)),
        }
    }

    /// Memory for a client of `user`, that of `token` if it may have it again.
    pub(super) fn take(&mut self, traits: Traits, token: u64, user: Uid) -> Result<Memory> {
        let layout = layout_for(traits)?;
        let (segment, descriptor) = match self.take_again(layout, token, user) {
            Some(segment) => (segment, None),
            None => {
                let (segment, descriptor) = self.new_for(layout)?;
                (Arc::new(segment), Some(descriptor))
            }
        };
        if layout.segment_len() > LONGEST_KEPT {
            return Ok(Memory {
                segment,
                token: 0,
                descriptor,
            });
        }
        let token = random().max(1);
        if self.used.len() == REMEMBERED {
            self.used.pop_front();
        }
        self.used.push_back(Used {
            token,
            user,
            segment: segment.clone(),
        });
        Ok(Memory {
            segment,
            token,
            descriptor,
        })
    }

    fn take_again(&mut self, layout: Layout, token: u64, user: Uid) -> Option<Arc<Segment>> {
        let is_it = |used: &mut Used| {
            used.token == token
                && used.user == user
                && used.segment.layout() == layout
                // Nobody but this list has it, so it will not be used but through it.
                && Arc::get_mut(&mut used.segment).is_some()
        };
        let place = self.used.iter_mut().position(is_it)?;
        let segment = self.used.remove(place)?.segment;
        segment.reset();
        Some(segment)
    }

    /// Makes memory for the next client, if that can be done.
    pub(super) fn prepare(&mut self, traits: Traits) {
        if self.spare.is_none()
            && let Ok(layout) = layout_for(traits)
        {
            // When it fails, whoever comes next hears why.
            self.spare = Segment::create(layout).ok();
        }
    }
}

/// The sizes of the rings of a conversation.
fn layout_for(traits: Traits) -> Result<Layout> {
    let ring = Layout::ring_for_quota;
    Layout::new(ring(traits.out_quota), ring(traits.in_quota)).ok_or(Win32Error::GEN_FAILURE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::options::PipeMode;

    fn traits(quota: u32) -> Traits {
        Traits {
            pipe_type: PipeMode::Byte,
            out_quota: quota,
            in_quota: quota,
            max_instances: 1,
        }
    }

    #[test]
    fn memory_goes_back_to_the_same_client_when_nobody_uses_it() {
        let mut memories = Memories::default();
        let (user, other) = (Uid::from_raw(1), Uid::from_raw(2));
        let mut take = |quota, token, user| memories.take(traits(quota), token, user).unwrap();
        let first = take(100, 0, user);
        assert!(first.descriptor.is_some());
        let token = first.token;
        assert!(take(100, token, user).descriptor.is_some(), "in use");
        drop(first);
        assert!(take(100, token, other).descriptor.is_some(), "not his");
        assert!(take(1 << 20, token, user).descriptor.is_some(), "too small");
        assert!(take(100, token ^ 1, user).descriptor.is_some());
        let again = take(100, token, user);
        assert!(again.descriptor.is_none());
        drop(again);
        assert!(
            take(100, token, user).descriptor.is_some(),
            "numbers are new each time"
        );
    }

    #[test]
    fn memory_for_once_is_nobodys_before_and_after() {
        let mut memories = Memories::default();
        let user = Uid::from_raw(1);
        let own = memories.take(traits(100), 0, user).unwrap();
        let token = own.token;
        drop(own);
        memories.prepare(traits(100));
        let once = memories.take_once(traits(100)).unwrap();
        assert!(once.descriptor.is_some());
        assert_eq!(once.token, 0);
        assert_eq!(Arc::strong_count(&once.segment), 1, "nobody keeps it");
        drop(once);
        let again = memories.take(traits(100), token, user).unwrap();
        assert!(again.descriptor.is_none(), "what one had oneself, one gets");
        assert!(
            memories
                .take(traits(100), 0, user)
                .unwrap()
                .descriptor
                .is_some()
        );
    }

    #[test]
    fn long_memory_goes_back_to_the_system() {
        let mut memories = Memories::default();
        let user = Uid::from_raw(1);
        let quota = 4 << 20;
        let first = memories.take(traits(quota), 0, user).unwrap();
        assert_eq!(Arc::strong_count(&first.segment), 1, "nobody keeps it");
        assert_eq!(first.token, 0);
        drop(first);
        let next = memories.take(traits(quota), 0, user).unwrap();
        assert!(next.descriptor.is_some());
        let usual = memories.take(traits(65536), 0, user).unwrap();
        assert_ne!(usual.token, 0);
    }
}
