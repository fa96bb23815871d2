//! [`RemoteClient`]: who a client on another machine is, as a bridge says. Pure; it owns how the parts fit together.

use super::Token;

/// A client on another machine, in whose name somebody opens a pipe of this one.
///
/// A *bridge* is a program that takes clients of other machines in, finds out who they are, and opens a pipe of this
/// machine for each of them: what the SMB server is to Windows. It says who the client is with
/// [`ClientOptions::on_behalf_of`](crate::sync::ClientOptions::on_behalf_of), and the server finds it in
/// [`remote_client`](crate::sync::NamedPipeServer::remote_client).
///
/// Servers believe it of bridges of root and of their own user, and of nobody else.
///
/// # Examples
/// ```
/// use dotpipe::security::{Protection, RemoteClient, Sid, Token};
///
/// let user: Sid = "S-1-5-21-1-2-3-1105".parse()?;
/// let staff: Sid = "S-1-5-21-1-2-3-513".parse()?;
/// let groups = [staff, Sid::EVERYONE, Sid::AUTHENTICATED_USERS, Sid::user(1000)];
/// let client = RemoteClient::new(Token::of(user, staff, groups), "192.0.2.7")
///     .user_name(r"EXAMPLE\ann")
///     .unix_ids(1000, 100, [27])
///     .protection(Protection::Encrypted);
///
/// assert_eq!(client.computer(), "192.0.2.7");
/// assert!(client.token().is(&Sid::NETWORK));
/// assert_eq!(client.unix_token(), Some(&Token::new(1000, 100, [27])));
/// # Ok::<(), dotpipe::security::SidError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteClient {
    token: Token,
    computer: String,
    account: Option<String>,
    unix: Option<Token>,
    protection: Protection,
}

/// How what passes between a client on another machine and the bridge is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Protection {
    /// The bridge does not know.
    #[default]
    Unknown,
    /// Not at all: others on the way can read it and change it.
    None,
    /// It is signed: others on the way can read it, and not change it unnoticed.
    Signed,
    /// It is encrypted, and cannot be changed unnoticed.
    Encrypted,
}

impl RemoteClient {
    /// A client with the identifiers of `token` on the computer of this name or address.
    ///
    /// The token becomes one [of the network](Token::is_remote): it is exactly what it names, and
    /// [`Sid::NETWORK`](super::Sid::NETWORK) is added if it is missing. A client that has proven who it is has
    /// [`Sid::AUTHENTICATED_USERS`](super::Sid::AUTHENTICATED_USERS) among its groups, and as a rule
    /// [`Sid::EVERYONE`](super::Sid::EVERYONE); where it is mapped to a user of this machine, the user's identifier as well
    /// ([`Sid::user`](super::Sid::user)). The user of an anonymous one is [`Sid::ANONYMOUS`](super::Sid::ANONYMOUS).
    pub fn new(token: Token, computer: impl Into<String>) -> RemoteClient {
        RemoteClient {
            token: token.of_network(),
            computer: computer.into(),
            account: None,
            unix: None,
            protection: Protection::Unknown,
        }
    }

    /// What the client is called, as a rule `DOMAIN\account`; an empty name is none. It is for people: no right
    /// depends on it.
    pub fn user_name(mut self, name: impl Into<String>) -> RemoteClient {
        self.account = Some(name.into()).filter(|name| !name.is_empty());
        self
    }

    /// Who the client is on this machine, if it is anybody: as whom a server can act that impersonates it.
    pub fn unix_ids(
        mut self,
        user: u32,
        group: u32,
        groups: impl IntoIterator<Item = u32>,
    ) -> RemoteClient {
        self.unix = Some(Token::new(user, group, groups));
        self
    }

    /// How the way to the client is protected.
    pub fn protection(mut self, protection: Protection) -> RemoteClient {
        self.protection = protection;
        self
    }

    /// The user and the groups, by which it is decided what the client may do.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// The name or the address of the client's computer.
    pub fn computer(&self) -> &str {
        &self.computer
    }

    /// What the client is called, if that is known.
    pub fn account(&self) -> Option<&str> {
        self.account.as_deref()
    }

    /// Who the client is on this machine, if it is mapped to anybody. Access to pipes is not decided by it.
    pub fn unix_token(&self) -> Option<&Token> {
        self.unix.as_ref()
    }

    /// How the way to the client is protected.
    pub fn protected(&self) -> Protection {
        self.protection
    }
}
