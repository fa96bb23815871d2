//! [`Request`]: who has come.

use super::cursor::{Cursor, Malformed, Result};
use super::sid::Sid;

/// The levels of the protocol that are understood. Samba sends 7 from 4.17.9 (and 4.18.3) on and 8 from
/// 4.20 on.
pub const LEVELS: std::ops::RangeInclusive<u32> = 7..=8;

/// The longest request that is worth reading, in bytes behind the length.
pub const MAX_REQUEST: usize = 4 << 20;

const MAX_SIDS: u32 = 4096;
const MAX_GROUPS: u32 = 65536;
const MAGIC: &[u8; 4] = b"NPAM";

/// S-1-22-2041152804-…: flags for the server of the pipe, disguised as a SID.
const NPA_FLAGS: u32 = 2_041_152_804;
/// S-1-22-1397571891-…: how the connection is encrypted, disguised as a SID.
const SMB3_FLAGS: u32 = 1_397_571_891;
/// The flag of a request that only asks whether the pipe is there.
const PROBE: u32 = 4;

/// How long a request is behind the four bytes of its length; `None` when it is longer than any is.
pub fn request_len(prefix: [u8; 4]) -> Option<usize> {
    let len = u32::from_be_bytes(prefix) as usize;
    (len <= MAX_REQUEST).then_some(len)
}

/// What `smbd` sends when a client opens a pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The level of the protocol, which the reply must have too.
    pub level: u32,
    /// The address of the client.
    pub client_address: String,
    /// The port of the client.
    pub client_port: u16,
    /// The name by which the server was called.
    pub server_name: String,
    /// The address at which the server was reached.
    pub server_address: String,
    /// The port at which the server was reached.
    pub server_port: u16,
    /// Who the client is.
    pub client: Client,
}

/// Who the client is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Client {
    /// All SIDs of the client's token: first the user, then its primary group, then the others. Flags that
    /// Samba disguises as SIDs are not among them.
    pub sids: Vec<Sid>,
    /// The unix user, if the token could be read to its end.
    pub unix: Option<UnixToken>,
    /// The name of the account.
    pub account: Option<String>,
    /// The domain of the account.
    pub domain: Option<String>,
    /// The name of the unix user.
    pub unix_name: Option<String>,
    /// The dialect of SMB, when the connection is encrypted: 785 is 3.1.1.
    pub encrypted: Option<u32>,
    /// Only the existence of the pipe is asked for, and no client will follow.
    pub probe: bool,
}

/// A unix user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixToken {
    /// The user.
    pub uid: u64,
    /// The primary group.
    pub gid: u64,
    /// All groups.
    pub groups: Vec<u64>,
}

impl Client {
    /// Whether somebody has logged on with an account (`S-1-5-11`): not a guest, not anonymous.
    pub fn is_authenticated(&self) -> bool {
        self.sids.contains(&Sid::new(5, &[11]))
    }

    /// Whether nobody has logged on: the user is `S-1-5-7`.
    pub fn is_anonymous(&self) -> bool {
        self.sids.first() == Some(&Sid::new(5, &[7]))
    }

    /// Whether a guest has come: the user is number 501 of its domain, or one of the guests
    /// (`S-1-5-32-546`).
    pub fn is_guest(&self) -> bool {
        let user = self.sids.first().and_then(|sid| sid.parts.last());
        user == Some(&501) || self.sids.contains(&Sid::new(5, &[32, 546]))
    }
}

/// The pointers of a session, and which of them point anywhere.
struct Session {
    security_token: bool,
    unix_token: bool,
    user_info: bool,
    unix_info: bool,
}

impl Request {
    /// Decodes a request with its length in front.
    ///
    /// # Errors
    /// [`Malformed`] when these bytes are no request of a level that is understood.
    pub fn decode(message: &[u8]) -> std::result::Result<Request, Malformed> {
        let mut cursor = Cursor::new(message);
        let len = u32::from_be_bytes(cursor.array()?) as usize;
        if len > MAX_REQUEST || message.len() != 4 + len {
            return Err(cursor.malformed("the length is wrong"));
        }
        if &cursor.array::<4>()? != MAGIC {
            return Err(cursor.malformed("this is not NPA"));
        }
        let level = cursor.u32()?;
        if !LEVELS.contains(&level) || cursor.u32()? != level {
            return Err(cursor.malformed(
                "this level is not understood (that of Samba 4.17.9, 4.18.3 and newer is)",
            ));
        }
        let _transport = cursor.u8()?;
        let (has_client_name, has_client_address) = (cursor.pointer()?, cursor.pointer()?);
        let client_port = cursor.u16()?;
        let (has_server_name, has_server_address) = (cursor.pointer()?, cursor.pointer()?);
        let server_port = cursor.u16()?;
        let has_session = cursor.pointer()?;
        // This is the server's own name, whatever it is called.
        let _client_name = cursor.string_if(has_client_name)?;
        let client_address = cursor.string_if(has_client_address)?;
        let server_name = cursor.string_if(has_server_name)?;
        let server_address = cursor.string_if(has_server_address)?;
        if !has_session {
            return Err(cursor.malformed("it does not say who the client is"));
        }
        let client = Client::decode(&mut cursor, level)?;
        Ok(Request {
            level,
            client_address: client_address.unwrap_or_default(),
            client_port,
            server_name: server_name.unwrap_or_default(),
            server_address: server_address.unwrap_or_default(),
            server_port,
            client,
        })
    }
}

impl Client {
    fn decode(cursor: &mut Cursor<'_>, level: u32) -> Result<Client> {
        let has_info = cursor.pointer()?;
        // Exported credentials: perhaps delegated tickets.
        cursor.skip_blob()?;
        if !has_info {
            return Err(cursor.malformed("it does not say who the client is"));
        }
        let session = Session::decode(cursor)?;
        let mut client = Client::default();
        if session.security_token && !client.security_token(cursor, level)? {
            // Claims follow, whose layout is not known here. The SIDs say enough.
            client.unix = client.unix_of_sids();
            return Ok(client);
        }
        if session.unix_token {
            client.unix = Some(UnixToken::decode(cursor)?);
        }
        if session.user_info {
            client.user_info(cursor, level)?;
        }
        if session.unix_info {
            let (has_name, has_sanitized) = (cursor.pointer()?, cursor.pointer()?);
            client.unix_name = cursor.string_if(has_name)?;
            let _sanitized = cursor.string_if(has_sanitized)?;
        }
        // Nothing but padding may follow, or something was misunderstood.
        cursor.align(4).ok();
        match cursor.is_at_end() {
            true => Ok(client),
            false => Err(cursor.malformed("more follows than should")),
        }
    }

    /// The token's SIDs. Tells whether what follows it can be read.
    fn security_token(&mut self, cursor: &mut Cursor<'_>, level: u32) -> Result<bool> {
        cursor.align(8)?;
        let count = cursor.count(MAX_SIDS)?;
        if cursor.u32()? != count {
            return Err(cursor.malformed("two counts of SIDs differ"));
        }
        for _ in 0..count {
            let sid = Sid::decode(cursor)?;
            match (sid.authority, &*sid.parts) {
                (22, [NPA_FLAGS, flags]) => self.probe = flags & PROBE != 0,
                (22, [SMB3_FLAGS, dialect, ..]) => self.encrypted = Some(*dialect),
                _ => self.sids.push(sid),
            }
        }
        let _privileges = cursor.u64()?;
        let _rights = cursor.u32()?;
        if level < 8 {
            return Ok(true);
        }
        let mut claims = [0; 4];
        for count in &mut claims {
            *count = cursor.u32()?;
        }
        if claims != [0; 4] {
            return Ok(false);
        }
        for _ in claims {
            if cursor.u32()? != 0 {
                return Err(cursor.malformed("two counts of claims differ"));
            }
        }
        let _evaluation = cursor.u16()?;
        Ok(true)
    }

    /// The unix user as far as SIDs say it.
    fn unix_of_sids(&self) -> Option<UnixToken> {
        let of = |kind: u32| {
            self.sids.iter().filter_map(move |sid| match &*sid.parts {
                [first, id] if sid.authority == 22 && *first == kind => Some(u64::from(*id)),
                _ => None,
            })
        };
        let groups: Vec<u64> = of(2).collect();
        Some(UnixToken {
            uid: of(1).next()?,
            gid: *groups.first()?,
            groups,
        })
    }

    fn user_info(&mut self, cursor: &mut Cursor<'_>, level: u32) -> Result<()> {
        let mut pointers = [false; 10];
        let (first, others) = pointers.split_at_mut(2);
        for pointer in first {
            *pointer = cursor.pointer()?;
        }
        let _upn_constructed = cursor.u8()?;
        for pointer in others {
            *pointer = cursor.pointer()?;
        }
        for _times in 0..6 {
            // An NTTIME is aligned to 4.
            let _low = cursor.u32()?;
            let _high = cursor.u32()?;
        }
        let _logons = (cursor.u16()?, cursor.u16()?);
        let _account_flags = cursor.u32()?;
        // What the last field means has changed without a change of level: not used.
        match level {
            7 => drop(cursor.u8()?),
            _ => drop(cursor.u32()?),
        }
        let mut strings = Vec::new();
        for there in pointers {
            strings.push(cursor.string_if(there)?);
        }
        self.account = strings[0].take();
        self.domain = strings[2].take();
        Ok(())
    }
}

impl Session {
    fn decode(cursor: &mut Cursor<'_>) -> Result<Session> {
        let session = Session {
            security_token: cursor.pointer()?,
            unix_token: cursor.pointer()?,
            user_info: cursor.pointer()?,
            unix_info: cursor.pointer()?,
        };
        let _internal = cursor.u32()?;
        // The session key.
        cursor.skip_blob()?;
        let _internal = cursor.u32()?;
        cursor.align(4)?;
        let _session_id: [u8; 16] = cursor.array()?;
        let _ticket_type = cursor.u16()?;
        match session.security_token {
            true => Ok(session),
            false => Err(cursor.malformed("there is no token")),
        }
    }
}

impl UnixToken {
    fn decode(cursor: &mut Cursor<'_>) -> Result<UnixToken> {
        // The size of an array at the end of a structure stands in front of the structure.
        let max = cursor.count(MAX_GROUPS)?;
        cursor.align(8)?;
        let (uid, gid) = (cursor.u64()?, cursor.u64()?);
        let count = cursor.count(MAX_GROUPS)?;
        if count != max {
            return Err(cursor.malformed("two counts of groups differ"));
        }
        // Aligned even if there are none.
        cursor.align(8)?;
        let groups = (0..count).map(|_| cursor.u64()).collect::<Result<_>>()?;
        Ok(UnixToken { uid, gid, groups })
    }
}
