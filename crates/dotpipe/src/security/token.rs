//! [`Token`]: who somebody is: a process, as the kernel tells it, or a client on another machine, as a bridge does.
//! Pure; it owns which identifiers that makes.

use std::collections::BTreeSet;

use super::Sid;

/// A user with the groups it belongs to: what an access token is on Windows.
///
/// Of a client or a server the kernel vouches for it: it is what the process was when it opened or
/// created the pipe. Of a client [on another machine](Self::is_remote) it is what a bridge says: see
/// [`RemoteClient`](super::RemoteClient).
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
    /// It is of another machine, and so nothing follows from a user of this one.
    remote: bool,
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
            remote: false,
        }
    }

    /// The same identifiers, of somebody on another machine.
    pub(super) fn of_network(mut self) -> Token {
        self.groups.insert(Sid::NETWORK);
        self.remote = true;
        self
    }

    /// Whether this is somebody on another machine: who is what the token names and nobody else, whatever users of
    /// this machine may be.
    ///
    /// # Platforms
    /// Windows makes no such difference: [`Sid::NETWORK`] is among the groups of its clients on other machines.
    pub fn is_remote(&self) -> bool {
        self.remote
    }

    /// The number of the user, if it is one of Linux, and on this machine. Who somebody on another machine is here,
    /// tells [`RemoteClient::unix_token`](super::RemoteClient::unix_token).
    pub fn user_id(&self) -> Option<u32> {
        self.user.user_id().filter(|_| !self.remote)
    }

    /// The number of the user's group, if it is one of Linux, and on this machine.
    pub fn group_id(&self) -> Option<u32> {
        self.group.group_id().filter(|_| !self.remote)
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
    ///
    /// Somebody on another machine is never [`Sid::LOCAL_SYSTEM`]. Who has not proven who it is ([`Sid::ANONYMOUS`], or
    /// without [`Sid::AUTHENTICATED_USERS`]) is neither among everyone nor any user or group of this machine, even
    /// if the token names it: guests are mapped to a user who may well have pipes.
    #[doc(alias = "CheckTokenMembership")]
    pub fn is(&self, sid: &Sid) -> bool {
        const EVERYBODY: [Sid; 3] = [Sid::EVERYONE, Sid::AUTHENTICATED_USERS, Sid::USERS];
        // The primary group of a token of Windows counts only if it is among the others.
        let is_named = self.names(sid);
        if self.remote {
            let takes_proof = EVERYBODY.contains(sid) || sid.user_id().or(sid.group_id()).is_some();
            return is_named
                && *sid != Sid::LOCAL_SYSTEM
                && (!takes_proof || self.has_proven_itself());
        }
        if self.user_id().is_none() || is_named {
            return is_named;
        }
        match *sid {
            Sid::LOCAL_SYSTEM => self.is_root(),
            Sid::ADMINISTRATORS => self.is_root() || self.is(&Sid::group(0)),
            _ => self.group == *sid || EVERYBODY.contains(sid),
        }
    }

    /// Whether somebody on another machine has said who it is, in a way that its bridge believes.
    fn has_proven_itself(&self) -> bool {
        self.names(&Sid::AUTHENTICATED_USERS) && !self.names(&Sid::ANONYMOUS)
    }

    /// Whether the token has this identifier, whatever that is worth.
    pub(super) fn names(&self, sid: &Sid) -> bool {
        self.user == *sid || self.groups.contains(sid)
    }

    /// Whether the user is root, on this machine.
    pub(crate) fn is_root(&self) -> bool {
        self.user_id() == Some(0)
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

    fn sid(text: &str) -> Sid {
        text.parse().unwrap()
    }

    #[test]
    fn root_of_another_machine_is_not_root_here() {
        let groups = [Sid::EVERYONE, Sid::AUTHENTICATED_USERS, Sid::LOCAL_SYSTEM];
        let token = Token::of(Sid::user(0), Sid::group(0), groups).of_network();
        assert!(token.is_remote() && !token.is_root());
        assert_eq!((token.user_id(), token.group_id()), (None, None));
        for sid in [Sid::user(0), Sid::EVERYONE, Sid::NETWORK] {
            assert!(token.is(&sid), "{sid}");
        }
        for sid in [
            Sid::LOCAL_SYSTEM,
            Sid::ADMINISTRATORS,
            Sid::group(0),
            Sid::USERS,
        ] {
            assert!(!token.is(&sid), "{sid}");
        }
    }

    #[test]
    fn who_has_not_proven_who_it_is_borrows_nothing() {
        let borrowed = [
            Sid::EVERYONE,
            Sid::USERS,
            Sid::user(65534),
            Sid::group(65534),
        ];
        let guest = sid("S-1-5-21-1-2-3-501");
        let guests = sid("BG");
        let token = Token::of(guest, guests, borrowed.into_iter().chain([guests])).of_network();
        for sid in [guest, guests, Sid::NETWORK] {
            assert!(token.is(&sid), "{sid}");
        }
        for sid in borrowed.into_iter().chain([Sid::AUTHENTICATED_USERS]) {
            assert!(!token.is(&sid), "{sid}");
        }
        // Anonymous is anonymous, whatever else is said.
        let groups = borrowed.into_iter().chain([Sid::AUTHENTICATED_USERS]);
        let token = Token::of(Sid::ANONYMOUS, Sid::ANONYMOUS, groups).of_network();
        assert!(token.is(&Sid::ANONYMOUS) && token.is(&Sid::NETWORK));
        for sid in borrowed.into_iter().chain([Sid::AUTHENTICATED_USERS]) {
            assert!(!token.is(&sid), "{sid}");
        }
    }

    #[test]
    fn what_samba_says_of_the_connection_is_nobody() {
        let flags = sid("S-1-22-2041152804-1");
        let cipher = sid("S-1-22-1397571891-785-1-2");
        let proven = [Sid::AUTHENTICATED_USERS, flags, cipher];
        let token = Token::of(sid("S-1-5-21-1-2-3-7"), flags, proven).of_network();
        for number in [1, 2, 785] {
            assert!(!token.is(&Sid::user(number)) && !token.is(&Sid::group(number)));
        }
    }
}
