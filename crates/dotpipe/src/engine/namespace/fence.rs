//! The modes of the files of a pipe: the tightest that its security descriptor allows. Pure.
//!
//! A second fence, before the check that counts: whom the descriptor gives nothing cannot even reach the
//! socket. Modes know an owner, one group and all others, so the fence may be wider than the descriptor, and
//! is never tighter for anybody but root, whom it does not stop.

use rustix::fs::Mode;

use crate::security::{AceKind, PipeRights, SecurityDescriptor, Sid};

/// For whom the files are, beside their owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fence {
    /// For nobody.
    Owner,
    /// For the members of this group.
    Group(u32),
    /// For everybody.
    Open,
}

impl Fence {
    /// The fence of a pipe whose files belong to `user`.
    pub(super) fn of(descriptor: &SecurityDescriptor, user: u32) -> Fence {
        let Some(entries) = descriptor.entries() else {
            return Fence::Open;
        };
        // Local clients are neither of the network nor anonymous; those of other machines come through bridges of root's
        // and the user's own; and root climbs over any fence.
        let nobody = [
            Sid::NETWORK,
            Sid::ANONYMOUS,
            Sid::LOCAL_SYSTEM,
            Sid::user(user),
            Sid::user(0),
        ];
        let mut fence = Fence::Owner;
        // The owner may always get at the list of entries; so may whom it names.
        let owner = descriptor.owner().into_iter();
        let allowed = entries
            .iter()
            .filter(|entry| entry.kind == AceKind::Allow && entry.rights != PipeRights::empty())
            .map(|entry| entry.sid);
        for sid in owner.chain(allowed).filter(|sid| !nobody.contains(sid)) {
            let group = match sid {
                Sid::ADMINISTRATORS => Some(0),
                // Stands for the owner, which is looked at anyway.
                Sid::OWNER_RIGHTS => continue,
                sid => sid.group_id(),
            };
            fence = match (fence, group) {
                (Fence::Owner, Some(group)) => Fence::Group(group),
                (Fence::Group(one), Some(other)) if one == other => fence,
                _ => return Fence::Open,
            };
        }
        fence
    }

    /// The mode of the folder: to enter and to look around.
    pub(super) fn folder(self) -> Mode {
        self.mode(0o700, 0o050, 0o005)
    }

    /// The mode of a socket: connecting takes the right to write.
    pub(super) fn socket(self) -> Mode {
        self.mode(0o600, 0o060, 0o006)
    }

    /// The mode of a record.
    pub(super) fn record(self) -> Mode {
        self.mode(0o600, 0o040, 0o004)
    }

    fn mode(self, owner: u32, group: u32, others: u32) -> Mode {
        Mode::from_raw_mode(match self {
            Fence::Owner => owner,
            Fence::Group(_) => owner | group,
            Fence::Open => owner | group | others,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::security::Token;

    #[test]
    fn a_table_of_fences() {
        for (sddl, fence) in [
            ("D:", Fence::Owner),
            ("D:(A;;FA;;;CO)(A;;FA;;;SY)(A;;FA;;;OW)", Fence::Owner),
            ("D:(A;;FA;;;CO)(A;;FR;;;AN)(A;;FR;;;NU)", Fence::Owner),
            ("D:(A;;0;;;WD)(D;;FA;;;WD)", Fence::Owner),
            ("D:(A;;FA;;;S-1-22-2-7)", Fence::Group(7)),
            (
                "D:(A;;FR;;;S-1-22-2-7)(A;;FW;;;S-1-22-2-7)(A;;FA;;;CO)",
                Fence::Group(7),
            ),
            ("D:(A;;FA;;;BA)", Fence::Group(0)),
            ("D:(A;;FA;;;S-1-22-2-7)(A;;FA;;;S-1-22-2-8)", Fence::Open),
            ("D:(A;;FA;;;S-1-22-1-1001)", Fence::Open),
            ("D:(A;;FA;;;S-1-22-2-7)(A;;FA;;;S-1-22-1-1001)", Fence::Open),
            ("D:(A;;FA;;;WD)", Fence::Open),
            ("D:(A;;FR;;;S-1-5-32-999)", Fence::Open),
            ("D:NO_ACCESS_CONTROL", Fence::Open),
        ] {
            let descriptor: SecurityDescriptor = sddl.parse().unwrap();
            let descriptor = descriptor.of_creator(&Token::new(1000, 100, []));
            assert_eq!(Fence::of(&descriptor, 1000), fence, "{sddl}");
        }
        // Files that belong to another than the owner of the pipe.
        let descriptor = SecurityDescriptor::new().with_owner(Sid::user(1000));
        assert_eq!(Fence::of(&descriptor, 1001), Fence::Open);
    }

    #[test]
    fn the_modes_are_those_of_files_that_others_read_and_never_change() {
        let modes = |fence: Fence| {
            [fence.folder(), fence.socket(), fence.record()].map(|mode| mode.as_raw_mode())
        };
        assert_eq!(modes(Fence::Owner), [0o700, 0o600, 0o600]);
        assert_eq!(modes(Fence::Group(7)), [0o750, 0o660, 0o640]);
        assert_eq!(modes(Fence::Open), [0o755, 0o666, 0o644]);
    }
}
