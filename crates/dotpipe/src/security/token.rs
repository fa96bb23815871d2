//! [`Token`]: who a process is, as the kernel tells it. Pure; it owns which identifiers that makes.

use std::collections::BTreeSet;

use super::Sid;

/// A user with the groups it belongs to: what an access token is on Windows.
///
/// Of a client or a server the kernel vouches for it: it is what the process was when it opened or
/// created the pipe.
///
/// # Platforms
/// On Linux users and groups are numbers, which have identifiers of their own ([`Sid::user`], [`Sid::group`]).
/// On Windows they are any identifiers; the groups are those that count for access, with Everyone
/// and its like among them, and of a server it is what its process is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    user: Sid,
    group: Sid,
    groups: BTreeSet<Sid>,
}

impl Token {
    /// The token of this user of Linux, with this group and these supplementary groups.
    pub fn new(user: u32, group: u32, groups: impl IntoIterator<Item = u32>) -> Token {
        let groups = groups.into_iter().map(Sid::group);
        Token::of(Sid::user(user), Sid::group(group), groups)
    }

    /// The token of whom `user` names, with this primary group and these others.
    pub fn of(user: Sid, group: Sid, groups: impl IntoIterator<Item = Sid>) -> Token {
        Token {
            user,
            group,
            groups: groups.into_iter().collect(),
        }
    }

    /// The number of the user, if it is one of Linux.
    pub fn user_id(&self) -> Option<u32> {
        self.user.user_id()
    }

    /// The number of the user's group, if it is one of Linux.
    pub fn group_id(&self) -> Option<u32> {
        self.group.group_id()
    }

    /// The supplementary groups, in ascending order.
    pub fn groups(&self) -> impl Iterator<Item = Sid> + '_ {
        self.groups.iter().copied()
    }

    /// The user as a security identifier.
    pub fn user(&self) -> Sid {
        self.user
    }

    /// The user's group as a security identifier.
    pub fn group(&self) -> Sid {
        self.group
    }

    /// Whether this is, or belongs to, whom `sid` names: `CheckTokenMembership`.
    #[doc(alias = "CheckTokenMembership")]
    pub fn is(&self, sid: &Sid) -> bool {
        const EVERYBODY: [Sid; 3] = [Sid::EVERYONE, Sid::AUTHENTICATED_USERS, Sid::USERS];
        // The primary group of a token of Windows counts only if it is among the others.
        let is_named = self.user == *sid || self.groups.contains(sid);
        if self.user_id().is_none() || is_named {
            return is_named;
        }
        match *sid {
            Sid::LOCAL_SYSTEM => self.is_root(),
            Sid::ADMINISTRATORS => self.is_root() || self.is(&Sid::group(0)),
            _ => self.group == *sid || EVERYBODY.contains(sid),
        }
    }

    /// Whether the user is root.
    pub(crate) fn is_root(&self) -> bool {
        self.user == Sid::user(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_token_is() {
        let token = Token::new(1000, 100, [7, 8]);
        for sid in [
            Sid::user(1000),
            Sid::group(100),
            Sid::group(8),
            Sid::EVERYONE,
            Sid::USERS,
        ] {
            assert!(token.is(&sid), "{sid}");
        }
        for sid in [
            Sid::user(100),
            Sid::group(1000),
            Sid::LOCAL_SYSTEM,
            Sid::ADMINISTRATORS,
            Sid::NETWORK,
            Sid::ANONYMOUS,
            Sid::CREATOR_OWNER,
            Sid::OWNER_RIGHTS,
        ] {
            assert!(!token.is(&sid), "{sid}");
        }
        assert!(Token::new(1000, 0, []).is(&Sid::ADMINISTRATORS));
        assert!(Token::new(1000, 5, [0]).is(&Sid::ADMINISTRATORS));
        assert!(!Token::new(1000, 0, [0]).is(&Sid::LOCAL_SYSTEM));
        assert!(Token::new(0, 5, []).is(&Sid::LOCAL_SYSTEM));
    }

    #[test]
    fn a_token_of_windows_is_what_it_names() {
        let [user, primary]: [Sid; 2] =
            ["S-1-5-21-1-2-3-1000", "S-1-5-21-1-2-3-513"].map(|text| text.parse().unwrap());
        let token = Token::of(user, primary, [Sid::EVERYONE, Sid::USERS]);
        for sid in [user, Sid::EVERYONE, Sid::USERS] {
            assert!(token.is(&sid), "{sid}");
        }
        for sid in [primary, Sid::AUTHENTICATED_USERS, Sid::ADMINISTRATORS] {
            assert!(!token.is(&sid), "{sid}");
        }
        assert_eq!((token.user_id(), token.group_id()), (None, None));
    }
}
