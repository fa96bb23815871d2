//! [`access_check`]: the decision. Pure; the algorithm of Windows' `AccessCheck`.

use super::{Ace, AceKind, PipeRights, SecurityDescriptor, Sid, Token};

/// Whether a descriptor lets `token` have all of the rights that it asks for: `AccessCheck`.
///
/// - Without a list everything is allowed.
/// - The owner may read and change the list ([`PipeRights::READ_CONTROL`], [`PipeRights::WRITE_DAC`]) without
///   being named, unless the list has an entry for [`Sid::OWNER_RIGHTS`]. Root may always become the owner
///   ([`PipeRights::WRITE_OWNER`]), as whoever has `SeTakeOwnershipPrivilege`.
/// - The entries are looked at in order, those for others passed over. One that allows takes its rights off
///   the ones still wanted; one that denies any of these ends it.
/// - What is still wanted behind the last one is denied.
///
/// To whom an entry applies, [`Token::is`] says.
///
/// `MAXIMUM_ALLOWED` is not answered, and so denied like any right that nobody has.
#[doc(alias = "AccessCheck")]
pub fn access_check(descriptor: &SecurityDescriptor, token: &Token, desired: PipeRights) -> bool {
    let Some(entries) = descriptor.entries() else {
        return true;
    };
    let owns = descriptor.owner().is_some_and(|owner| token.is(&owner));
    let applies = |entry: &&Ace| match entry.sid {
        Sid::OWNER_RIGHTS => owns,
        // Who has not proven who it is gains nothing by what the token names, and escapes nothing either.
        sid if entry.kind == AceKind::Deny => token.is(&sid) || token.names(&sid),
        sid => token.is(&sid),
    };
    let mut wanted = desired.without_generic();
    if owns && !entries.iter().any(|entry| entry.sid == Sid::OWNER_RIGHTS) {
        wanted -= PipeRights::READ_CONTROL | PipeRights::WRITE_DAC;
    }
    if token.is_root() {
        wanted -= PipeRights::WRITE_OWNER;
    }
    for entry in entries.iter().filter(applies) {
        let rights = entry.rights.without_generic();
        match entry.kind {
            AceKind::Allow => wanted -= rights,
            AceKind::Deny if wanted.intersects(rights) => return false,
            AceKind::Deny => {}
        }
    }
    wanted.is_empty()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn allows(sddl: &str, token: &Token, desired: PipeRights) -> bool {
        access_check(&sddl.parse().unwrap(), token, desired)
    }

    const CLIENT: PipeRights = PipeRights::CLIENT;

    #[test]
    fn a_table_of_decisions() {
        let user = &Token::new(1000, 100, [7]);
        let root = &Token::new(0, 0, []);
        let table = [
            // No list and an empty one.
            ("D:NO_ACCESS_CONTROL", user, PipeRights::ALL, true),
            ("D:", user, PipeRights::READ_ATTRIBUTES, false),
            ("D:", root, PipeRights::READ_ATTRIBUTES, false),
            ("D:", user, PipeRights::empty(), true),
            // Users, groups, everyone; several entries together.
            ("D:(A;;FR;;;S-1-22-1-1000)", user, PipeRights::READ, true),
            ("D:(A;;FR;;;S-1-22-1-1001)", user, PipeRights::READ, false),
            ("D:(A;;FR;;;S-1-22-2-7)", user, PipeRights::READ, true),
            ("D:(A;;FR;;;S-1-22-2-100)(A;;FW;;;WD)", user, CLIENT, true),
            ("D:(A;;FR;;;WD)", user, CLIENT, false),
            (
                "D:(A;;GRGW;;;WD)",
                user,
                PipeRights::GENERIC_READ | PipeRights::GENERIC_WRITE,
                true,
            ),
            (
                "D:(A;;0x12019b;;;WD)",
                user,
                PipeRights::GENERIC_WRITE,
                false,
            ),
            ("D:(A;;GA;;;SY)", root, PipeRights::ALL, true),
            ("D:(A;;GA;;;SY)", user, PipeRights::READ, false),
            // Order: the first entry that speaks of a right decides.
            (
                "D:(D;;FA;;;S-1-22-2-7)(A;;FA;;;WD)",
                user,
                PipeRights::READ,
                false,
            ),
            (
                "D:(A;;FA;;;WD)(D;;FA;;;S-1-22-2-7)",
                user,
                PipeRights::READ,
                true,
            ),
            ("D:(D;;DC;;;WD)(A;;FA;;;WD)", user, PipeRights::READ, true),
            ("D:(D;;DC;;;WD)(A;;FA;;;WD)", user, PipeRights::WRITE, false),
            // The owner may always get at the list, and at nothing else.
            (
                "O:S-1-22-1-1000D:",
                user,
                PipeRights::WRITE_DAC | PipeRights::READ_CONTROL,
                true,
            ),
            ("O:S-1-22-1-1000D:", user, PipeRights::READ_DATA, false),
            (
                "O:S-1-22-1-1000D:(A;;RC;;;OW)",
                user,
                PipeRights::READ_CONTROL,
                true,
            ),
            (
                "O:S-1-22-1-1000D:(A;;RC;;;OW)",
                user,
                PipeRights::WRITE_DAC,
                false,
            ),
            ("O:S-1-22-1-1D:(A;;FA;;;OW)", user, PipeRights::READ, false),
            ("O:S-1-22-1-1D:(A;;FA;;;CO)", user, PipeRights::READ, false),
            // Root may take it over.
            ("D:", root, PipeRights::WRITE_OWNER, true),
            ("D:", user, PipeRights::WRITE_OWNER, false),
            // MAXIMUM_ALLOWED is not answered.
            (
                "D:(A;;FA;;;WD)",
                user,
                PipeRights::from_bits_retain(0x200_0000),
                false,
            ),
        ];
        for (sddl, token, desired, expected) in table {
            assert_eq!(
                allows(sddl, token, desired),
                expected,
                "{sddl} {token:?} {desired:?}"
            );
        }
    }

    fn any_descriptor() -> impl Strategy<Value = SecurityDescriptor> {
        let sid = proptest::sample::select(vec![
            Sid::user(1),
            Sid::user(2),
            Sid::group(1),
            Sid::EVERYONE,
            Sid::OWNER_RIGHTS,
            Sid::ADMINISTRATORS,
        ]);
        let entry = (any::<bool>(), sid, 0u32..0x200);
        proptest::collection::vec(entry, 0..6).prop_map(|entries| {
            entries.into_iter().fold(
                SecurityDescriptor::new().with_owner(Sid::user(1)),
                |descriptor, (allow, sid, rights)| {
                    let rights = PipeRights::from_bits_retain(rights);
                    if allow {
                        descriptor.allow(sid, rights)
                    } else {
                        descriptor.deny(sid, rights)
                    }
                },
            )
        })
    }

    proptest! {
        /// Bit by bit the first entry decides: so a set of rights is granted exactly when each one is.
        #[test]
        fn rights_are_decided_one_by_one(
            descriptor in any_descriptor(), user in 0u32..4, group in 0u32..2, desired in 0u32..0x200
        ) {
            let token = Token::new(user, group, []);
            let check = |bits| access_check(&descriptor, &token, PipeRights::from_bits_retain(bits));
            let each = (0..9).map(|bit| 1 << bit).filter(|bit| desired & bit != 0).all(check);
            prop_assert_eq!(check(desired), each);
        }

        /// The first word on a right, said plainly.
        #[test]
        fn the_first_entry_that_speaks_decides(
            descriptor in any_descriptor(), user in 2u32..4, bit in 0u32..9
        ) {
            let token = Token::new(user, 5, []);
            let right = PipeRights::from_bits_retain(1 << bit);
            let first = descriptor.entries().unwrap().iter().find(
                |entry| token.is(&entry.sid) && entry.rights.contains(right)
            );
            let expected = first.is_some_and(|entry| entry.kind == AceKind::Allow);
            prop_assert_eq!(access_check(&descriptor, &token, right), expected);
        }
    }

    #[test]
    fn a_guest_escapes_nothing() {
        let [guest, guests] = ["S-1-5-21-1-2-3-501", "BG"].map(|text| text.parse().unwrap());
        let token = Token::of(guest, guests, [guests, Sid::EVERYONE, Sid::user(1005)]);
        let client = super::super::RemoteClient::new(token, "192.0.2.7");
        for (descriptor, is_let_in) in [
            ("D:(A;;FA;;;BG)", true),
            ("D:(A;;FA;;;WD)(A;;FA;;;S-1-22-1-1005)", false),
            ("D:(D;;FA;;;S-1-22-1-1005)(A;;FA;;;NU)", false),
            ("D:(D;;FA;;;WD)(A;;FA;;;BG)", false),
        ] {
            assert_eq!(
                allows(descriptor, client.token(), CLIENT),
                is_let_in,
                "{descriptor}"
            );
        }
    }
}
