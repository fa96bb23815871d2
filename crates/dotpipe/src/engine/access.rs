//! Who may open a pipe, and how: arithmetic only.

use rustix::process::Uid;

use crate::exact::Result;
use crate::options::{Access, DesiredAccess};
use crate::win32::Win32Error;

/// Whether a client of user `client` may open, with this access, a pipe that goes this way and is
/// served by this process: the default descriptor of Windows gives everything to the owner and to root,
/// and reading to everyone.
pub(super) fn check(pipe: Access, desired: DesiredAccess, client: Uid) -> Result<()> {
    check_for(pipe, desired, client, rustix::process::geteuid())
}

fn check_for(pipe: Access, desired: DesiredAccess, client: Uid, owner: Uid) -> Result<()> {
    let goes = (pipe.is_outbound() || !desired.contains(DesiredAccess::READ))
        && (pipe.is_inbound() || !desired.contains(DesiredAccess::WRITE));
    let trusted = client == owner || client.is_root();
    if goes && (trusted || DesiredAccess::READ.contains(desired)) {
        Ok(())
    } else {
        Err(Win32Error::ACCESS_DENIED)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_direction_decides_for_everybody_and_the_user_for_the_rest() {
        let (owner, other) = (Uid::from_raw(1000), Uid::from_raw(1001));
        const R: DesiredAccess = DesiredAccess::READ;
        const W: DesiredAccess = DesiredAccess::WRITE;
        const NONE: DesiredAccess = DesiredAccess::empty();
        let table = [
            (Access::Inbound, W, true, false),
            (Access::Inbound, R, false, false),
            (Access::Inbound, R.union(W), false, false),
            (Access::Outbound, R, true, true),
            (Access::Outbound, W, false, false),
            (
                Access::Outbound,
                R.union(DesiredAccess::WRITE_ATTRIBUTES),
                true,
                false,
            ),
            (Access::Duplex, R.union(W), true, false),
            (Access::Duplex, R, true, true),
            (Access::Duplex, NONE, true, true),
        ];
        for (pipe, desired, for_owner, for_other) in table {
            let check = |user| check_for(pipe, desired, user, owner).is_ok();
            assert_eq!(check(owner), for_owner, "{pipe:?} {desired:?}");
            assert_eq!(check(other), for_other, "{pipe:?} {desired:?}");
            assert_eq!(check(Uid::ROOT), for_owner, "{pipe:?} {desired:?}");
        }
    }
}
