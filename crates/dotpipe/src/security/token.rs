//! [`Token`]: who a process is, as the kernel tells it. Pure; it owns which identifiers that makes.

use std::collections::BTreeSet;

use super::Sid;

/// A user with the groups it belongs to: what an access token is on Windows.
///
/// Of a client or a server the kernel vouches for it: it is what the process was when it opened or
/// created the pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    user: u32,
    group: u32,
    groups: BTreeSet<u32>,
}

impl Token {
    /// The token of this user, with this group and these supplementary groups.
    pub fn new(user: u32, group: u32, groups: impl IntoIterator<Item = u32>) -> Token {
        Token {
            user,
            group,
            groups: groups.into_iter().collect(),
        }
    }

    /// The number of the user.
    pub fn user_id(&self) -> u32 {
        self.user
    }

    /// The number of the user's group.
    pub fn group_id(&self) -> u32 {
        self.group
    }

    /// The supplementary groups, in ascending order.
    pub fn groups(&self) -> impl Iterator<Item = u32> + '_ {
        self.groups.iter().copied()
    }

    /// The user as a security identifier.
    pub fn user(&self) -> Sid {
        Sid::user(self.user)
    }

    /// The user's group as a security identifier.
    pub fn group(&self) -> Sid {
        Sid::group(self.group)
    }

    /// Whether this is, or belongs to, whom `sid` names: `CheckTokenMembership`.
    #[doc(alias = "CheckTokenMembership")]
    pub fn is(&self, sid: &Sid) -> bool {
        const EVERYBODY: [Sid; 3] = [Sid::EVERYONE, Sid::AUTHENTICATED_USERS, Sid::USERS];
        match (sid.user_id(), sid.group_id()) {
            (Some(user), _) => user == self.user,
            (_, Some(group)) => self.is_member(group),
            _ if EVERYBODY.contains(sid) => true,
            _ if *sid == Sid::LOCAL_SYSTEM => self.is_root(),
            _ if *sid == Sid::ADMINISTRATORS => self.is_root() || self.is_member(0),
            _ => false,
        }
    }

    /// Whether the user is root.
    pub(crate) fn is_root(&self) -> bool {
        self.user == 0
    }

    fn is_member(&self, group: u32) -> bool {
        group == self.group || self.groups.contains(&group)
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
}
