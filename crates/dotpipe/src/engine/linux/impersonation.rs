//! Acting as somebody else: this thread's identity for access to files, taken and given back.
//!
//! The kernel keeps for each thread the user, the group and the supplementary groups by which it checks
//! access to files (`setfsuid(2)`, `setfsgid(2)`, `setgroups(2)` below the C library, which would change all
//! threads). No other thread notices, nobody can send this one signals, and it keeps the right to turn back.
//!
//! The rule it owns: it is done whole, and seen to be done, or it fails with nothing changed; and who cannot
//! be given back ends the process, since it would go on in a false identity.

use std::cell::Cell;
use std::marker::PhantomData;

use nix::unistd::{Gid, Uid, setfsgid, setfsuid};
use rustix::io::{Errno, Result};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::security::Token;
use crate::win32::Win32Error;

/// What gives access to files whatever their modes say: what the kernel itself takes from a thread of root
/// that becomes somebody else for files.
const FILE_CAPABILITIES: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::MKNOD)
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::LINUX_IMMUTABLE)
    .union(CapabilitySet::MAC_OVERRIDE);

thread_local! {
    static ACTING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread acts as somebody else.
fn is_acting() -> bool {
    ACTING.get()
}

/// The kernel goes by the process and not by the thread's identity for files when it says who opens or serves
/// a pipe. Whoever did so in the name of a client would do it in his own.
pub(in crate::engine) fn refuse_if_acting() -> crate::exact::Result<()> {
    if is_acting() {
        Err(Win32Error::NOT_SUPPORTED)
    } else {
        Ok(())
    }
}

/// That this thread acts as somebody else, until this is dropped.
pub(crate) struct Impersonation {
    own: Identity,
    /// It is this thread's.
    _not_send: PhantomData<*const ()>,
}

/// By what the kernel checks a thread's access to files.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Identity {
    user: Uid,
    group: Gid,
    groups: Vec<rustix::process::Gid>,
    capabilities: CapabilitySets,
}

impl Identity {
    /// That of this thread.
    fn own() -> Result<Identity> {
        // No user has this number: the call changes nothing and tells what is.
        const ASK: u32 = u32::MAX;
        let mut groups = rustix::process::getgroups()?;
        groups.sort_unstable_by_key(|group| group.as_raw());
        Ok(Identity {
            user: setfsuid(Uid::from_raw(ASK)),
            group: setfsgid(Gid::from_raw(ASK)),
            groups,
            capabilities: rustix::thread::capabilities(None)?,
        })
    }

    /// That of a client, for a thread with these capabilities.
    fn of(token: &Token, mut capabilities: CapabilitySets) -> Result<Identity> {
        if !token.is_root() {
            capabilities.effective -= FILE_CAPABILITIES;
        }
        let numbers = token.groups().filter_map(|group| group.group_id());
        let mut groups: Vec<_> = numbers.map(rustix::process::Gid::from_raw).collect();
        groups.sort_unstable_by_key(|group| group.as_raw());
        Ok(Identity {
            user: Uid::from_raw(token.user_id().ok_or(Errno::INVAL)?),
            group: Gid::from_raw(token.group_id().ok_or(Errno::INVAL)?),
            groups,
            capabilities,
        })
    }

    /// Makes this thread's identity this one. `EPERM` when that takes a privilege which it does not have;
    /// then part of it may have been done.
    fn take(&self) -> Result<()> {
        let now = Identity::own()?;
        if now.groups != self.groups {
            rustix::thread::set_thread_groups(&self.groups)?;
        }
        if now.group != self.group {
            setfsgid(self.group);
        }
        if now.user != self.user {
            setfsuid(self.user);
        }
        // The kernel has changed them along with a user who is or was root, and only then.
        if rustix::thread::capabilities(None)? != self.capabilities {
            rustix::thread::set_capabilities(None, self.capabilities)?;
        }
        // The two calls for user and group do not say whether they did anything.
        if Identity::own()? == *self {
            Ok(())
        } else {
            Err(Errno::PERM)
        }
    }
}

impl Impersonation {
    /// Begins to act as `token`, which takes the privilege to (`CAP_SETUID` and `CAP_SETGID`) unless this
    /// thread is that already.
    ///
    /// # Errors
    /// `EBUSY` when it acts as somebody already, `EPERM` without the privilege.
    pub(in crate::engine) fn begin(token: &Token) -> Result<Impersonation> {
        if is_acting() {
            return Err(Errno::BUSY);
        }
        let own = Identity::own()?;
        let client = Identity::of(token, own.capabilities)?;
        // From here on whatever happens ends in `drop`, which gives back what has been taken.
        ACTING.set(true);
        let acting = Impersonation {
            own,
            _not_send: PhantomData,
        };
        client.take()?;
        Ok(acting)
    }
}

impl Drop for Impersonation {
    fn drop(&mut self) {
        if self.own.take().is_err() {
            eprintln!("dotpipe: a thread cannot stop acting as its client; the process ends");
            std::process::abort();
        }
        ACTING.set(false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stranger() -> Token {
        Token::new(4001, 4002, [4003, 4004])
    }

    fn is_root() -> bool {
        let root = rustix::process::geteuid().is_root();
        if !root {
            eprintln!("skipped: it takes root to act as others");
        }
        root
    }

    #[test]
    fn the_identity_is_taken_whole_and_given_back_also_on_panic() {
        if !is_root() {
            return;
        }
        let own = Identity::own().unwrap();
        let panicked = std::panic::catch_unwind(|| {
            let _acting = Impersonation::begin(&stranger()).unwrap();
            let now = Identity::own().unwrap();
            assert_eq!((now.user.as_raw(), now.group.as_raw()), (4001, 4002));
            let groups: Vec<u32> = now.groups.iter().map(|group| group.as_raw()).collect();
            assert_eq!(groups, [4003, 4004]);
            assert!(!now.capabilities.effective.intersects(FILE_CAPABILITIES));
            // Another thread is what it was. (A new one would inherit the identity of this one.)
            let process = std::fs::read_to_string("/proc/self/status").unwrap();
            assert!(process.contains("\nUid:\t0\t0\t0\t0\n"), "{process}");
            assert_eq!(Impersonation::begin(&stranger()).err(), Some(Errno::BUSY));
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(panicked.is_err());
        assert!(!is_acting());
        assert_eq!(Identity::own().unwrap(), own);
    }

    #[test]
    fn without_the_privilege_it_fails_and_nothing_has_changed() {
        std::thread::spawn(|| {
            // Only this thread gives it up.
            let mut capabilities = rustix::thread::capabilities(None).unwrap();
            let both = CapabilitySet::SETUID | CapabilitySet::SETGID;
            for missing in [CapabilitySet::SETUID, both] {
                capabilities.effective -= missing;
                rustix::thread::set_capabilities(None, capabilities).unwrap();
                let own = Identity::own().unwrap();
                assert_eq!(Impersonation::begin(&stranger()).err(), Some(Errno::PERM));
                assert!(!is_acting());
                assert_eq!(Identity::own().unwrap(), own);
            }
            // Who is the client already needs none.
            let own = Identity::own().unwrap();
            let groups = own.groups.iter().map(|group| group.as_raw());
            let same = Token::new(own.user.as_raw(), own.group.as_raw(), groups);
            drop(Impersonation::begin(&same).unwrap());
        })
        .join()
        .unwrap();
    }

    /// A service that is not root and may look at all files must not look at them for its clients.
    #[test]
    fn privileges_for_files_are_put_aside() {
        if !is_root() {
            return;
        }
        std::thread::spawn(|| {
            let capabilities = rustix::thread::capabilities(None).unwrap();
            setfsuid(Uid::from_raw(4000));
            rustix::thread::set_capabilities(None, capabilities).unwrap();
            let own = Identity::own().unwrap();
            assert!(
                own.capabilities
                    .effective
                    .contains(CapabilitySet::DAC_OVERRIDE)
            );
            let acting = Impersonation::begin(&stranger()).unwrap();
            assert!(std::fs::read("/etc/shadow").is_err());
            drop(acting);
            assert_eq!(Identity::own().unwrap(), own);
        })
        .join()
        .unwrap();
    }
}
