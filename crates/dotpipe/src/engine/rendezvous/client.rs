//! The client's side: asks the server processes of a name, one after the other, and waits for them.
//! What only wants to know is in [`query`](super::query).

use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dotpipe_ring::{Layout, Segment, Side};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

use super::acquaintance::{self, Memory, Server};
use super::claim;
use super::wire::{Answer, LONGEST_ANSWER, Operation, Request};
use crate::engine::bell::Bell;
use crate::engine::core::{Core, Rights, Traits};
use crate::engine::end::{End, Owner};
use crate::engine::link::{Link, Other};
use crate::engine::linux::impersonation::refuse_if_acting;
use crate::engine::linux::{code, identity, io_code, socket};
use crate::engine::namespace::{Address, Folder};
use crate::engine::spin::{Pace, Spin};
use crate::exact::Result;
use crate::name::PipeName;
use crate::options::{DesiredAccess, OpenOptions, WaitTimeout};
use crate::security::Sid;
use crate::win32::Win32Error;

/// How long a server process may take for an answer that it gives without waiting for anything.
const PATIENCE: Duration = Duration::from_secs(5);
/// The default time-out of a pipe whose creator named none.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(50);
/// The longest sleep while waiting for an instance, should a notice of a new server be missed.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);
/// The same when the system gives no notices: a user may have 128 watchers of folders as a rule.
const SLEEP_WITHOUT_NOTICE: Duration = Duration::from_millis(50);
/// The pauses between two looks, so that nobody can keep a waiter busy by sending it away.
const PAUSES: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(50));
/// How often a live server may send a client away unheard, to make room for others.
const MOST_TRIES: u32 = 5;

/// What a server process said, with the socket and the memory that came with it.
pub(in crate::engine) struct Reply {
    pub(in crate::engine) answer: Answer,
    socket: OwnedFd,
    pub(in crate::engine) memory: Option<OwnedFd>,
}

/// Answers come after about two wake-ups: the server's, and what it does then.
static ANSWERS: Spin = Spin::expecting(Duration::from_micros(30));

/// Waits for one answer, and spins first: most servers are not busy. `None` when the server is gone.
fn receive(socket: &OwnedFd, end: Instant) -> Result<Option<(Answer, Option<OwnedFd>)>> {
    // What is longer is cut off, and so refused.
    let mut bytes = [0; LONGEST_ANSWER];
    let mut packet = Err(Errno::AGAIN);
    let is_here = || {
        packet = socket::receive(socket, &mut bytes);
        !matches!(packet, Err(Errno::AGAIN))
    };
    let begun = Instant::now();
    if !ANSWERS.until(Pace::CALLS, is_here, || false) {
        if !socket::wait_readable(socket, end).map_err(code)? {
            return Err(Win32Error::SEM_TIMEOUT);
        }
        ANSWERS.learn_from(begun.elapsed());
        packet = socket::receive(socket, &mut bytes);
    }
    match packet {
        Ok(packet) if packet.len == 0 => Ok(None),
        Ok(packet) if packet.truncated => Err(Win32Error::GEN_FAILURE),
        Ok(packet) => Ok(Some((Answer::decode(&bytes[..packet.len])?, packet.fd))),
        Err(Errno::CONNRESET | Errno::PIPE) => Ok(None),
        Err(error) => Err(code(error)),
    }
}

/// Asks one server process, to which `connect` connects, and which may take so long. `None` when it is
/// dead.
pub(super) fn ask(
    connect: impl Fn(Duration) -> Result<Option<OwnedFd>>,
    request: Request,
    patience: Duration,
) -> Result<Option<Reply>> {
    ask_with(connect, &request.encode(), patience, None)
}

/// Asks a server process of a folder, which must be `server` to hear anything, with a request as bytes and
/// a descriptor.
pub(in crate::engine) fn exchange(
    folder: &Folder,
    id: &str,
    request: &[u8],
    server: Option<Sid>,
    enclosed: Option<BorrowedFd<'_>>,
) -> Result<Option<Reply>> {
    ask_with(
        checked(|limit| folder.connect(id, limit), server),
        request,
        PATIENCE,
        enclosed,
    )
}

/// A way to connect that goes on only if the server is `server`.
fn checked(
    connect: impl Fn(Duration) -> Result<Option<OwnedFd>>,
    server: Option<Sid>,
) -> impl Fn(Duration) -> Result<Option<OwnedFd>> {
    move |limit| {
        let socket = connect(limit)?;
        match (&socket, server) {
            (Some(socket), Some(server))
                if !identity::peer_token(socket).map_err(code)?.is(&server) =>
            {
                Err(Win32Error::ACCESS_DENIED)
            }
            _ => Ok(socket),
        }
    }
}

fn ask_with(
    connect: impl Fn(Duration) -> Result<Option<OwnedFd>>,
    request: &[u8],
    patience: Duration,
    enclosed: Option<BorrowedFd<'_>>,
) -> Result<Option<Reply>> {
    // One limit for all tries: a server that sends away late cannot keep its clients any longer.
    let end = Instant::now() + patience;
    for _ in 0..MOST_TRIES {
        let Some(socket) = connect(time_left(Some(end)))? else {
            return Ok(None);
        };
        match socket::send(&socket, request, enclosed) {
            Ok(()) => {}
            Err(Errno::PIPE | Errno::CONNRESET) => continue,
            Err(error) => return Err(code(error)),
        }
        if let Some((answer, memory)) = receive(&socket, end)? {
            return Ok(Some(Reply {
                answer,
                socket,
                memory,
            }));
        }
        // It has left, which the next connect tells, or it had too many guests.
    }
    Err(Win32Error::SEM_TIMEOUT)
}

/// Asks all server processes of a name, until `until` has what it wants. `ERROR_FILE_NOT_FOUND` when
/// none is alive. One that does not answer keeps nobody from the others; `silent` is one that has just
/// been asked and has not.
fn ask_all<T>(
    name: &PipeName,
    request: &[u8],
    server: Option<Sid>,
    silent: Option<&Address>,
    mut until: impl FnMut(&str, Reply) -> Result<Option<T>>,
) -> Result<Option<T>> {
    let folder = Folder::find(name)?;
    let mut alive = false;
    let mut failed = None;
    for id in folder.servers()? {
        if silent.is_some() && Address::of(name, &id).as_ref() == silent {
            failed = Some(Win32Error::SEM_TIMEOUT);
            continue;
        }
        let connect = checked(|limit| folder.connect(&id, limit), server);
        match ask_with(connect, request, PATIENCE, None) {
            Ok(Some(reply)) => {
                alive = true;
                if let Some(result) = until(&id, reply)? {
                    return Ok(Some(result));
                }
            }
            Ok(None) => {}
            Err(code) => failed = Some(code),
        }
    }
    match failed {
        _ if alive => Ok(None),
        Some(code) => Err(code),
        None => {
            Folder::try_tidy(name);
            Err(Win32Error::FILE_NOT_FOUND)
        }
    }
}

pub(super) fn refuse_remote(name: &PipeName) -> Result<()> {
    if name.is_local() {
        Ok(())
    } else {
        Err(Win32Error::BAD_NETPATH)
    }
}

/// Opens the instance that has listened longest, in the first server process that has one.
pub(crate) fn open(name: &PipeName, access: DesiredAccess) -> Result<End> {
    let options = OpenOptions {
        access,
        ..OpenOptions::default()
    };
    open_with(name, &options)
}

/// The same with everything that a client can say.
pub(crate) fn open_with(name: &PipeName, options: &OpenOptions) -> Result<End> {
    refuse_remote(name)?;
    refuse_if_acting()?;
    let request = Request {
        access: options.access,
        level: options.level,
        ..Request::to(Operation::Open, name)
    };
    let claim = match &options.on_behalf_of {
        Some(client) => claim::encode(client)?,
        None => Vec::new(),
    };
    let silent = match open_again(name, request, &claim, options)? {
        Again::Open(end) => return Ok(end),
        Again::No => None,
        Again::Silent(address) => Some(address),
    };
    let opened = ask_all(
        name,
        &[&request.encode(), &claim[..]].concat(),
        options.server,
        silent.as_deref(),
        |id, reply| match reply.answer.code {
            Win32Error(0) => {
                let address = Address::of(name, id).map(Arc::new);
                enter(name, address, options, reply, None).map(Some)
            }
            Win32Error::PIPE_BUSY => Ok(None),
            code => Err(code),
        },
    )?;
    opened.ok_or(Win32Error::PIPE_BUSY)
}

/// What became of an open with the server process that had an instance the last time.
enum Again {
    Open(End),
    /// It is gone or somebody else by now, or has no instance.
    No,
    /// It lives and did not answer in time.
    Silent(Arc<Address>),
}

/// Opens an instance of the server process that had one the last time, if it has one again.
fn open_again(
    name: &PipeName,
    request: Request,
    claim: &[u8],
    options: &OpenOptions,
) -> Result<Again> {
    let Some((server, memory)) = acquaintance::recall(name) else {
        return Ok(Again::No);
    };
    // Memory is for the caller's own conversations: none that clients of other machines had is used again.
    let memory = memory.filter(|_| options.on_behalf_of.is_none());
    let token = memory.as_ref().map_or(0, |memory| memory.token);
    let request = Request { token, ..request };
    // Looked at before anything is sent: the name may be somebody else's by now.
    let same = |limit| match server.address.connect(limit)? {
        Some(socket) if socket::peer(&socket) == Ok(server.peer) => Ok(Some(socket)),
        _ => Ok(None),
    };
    let request = [&request.encode(), claim].concat();
    let reply = ask_with(checked(same, options.server), &request, PATIENCE, None);
    match reply {
        Ok(Some(reply)) if reply.answer.code == Win32Error(0) => {
            let address = Some(server.address.clone());
            return enter(name, address, options, reply, memory).map(Again::Open);
        }
        _ => acquaintance::forget(),
    }
    Ok(match reply {
        Err(Win32Error::SEM_TIMEOUT) => Again::Silent(server.address),
        _ => Again::No,
    })
}

/// Makes a client end of what the server process at `address` handed over. `offered` is memory that it
/// could have taken.
fn enter(
    name: &PipeName,
    address: Option<Arc<Address>>,
    options: &OpenOptions,
    reply: Reply,
    offered: Option<Memory>,
) -> Result<End> {
    let Reply {
        answer,
        socket,
        memory,
    } = reply;
    let size = |ring: u64| usize::try_from(ring).unwrap_or(usize::MAX);
    let layout = Layout::new(size(answer.rings.0), size(answer.rings.1));
    let layout = layout.ok_or(Win32Error::GEN_FAILURE)?;
    let segment = match (answer.recycled, memory, offered) {
        (false, Some(memory), _) => {
            let segment = Segment::open(&memory, layout).map_err(|error| io_code(&error))?;
            Arc::new(segment)
        }
        (true, None, Some(offered)) if offered.segment.layout() == layout => offered.segment,
        _ => return Err(Win32Error::GEN_FAILURE),
    };
    let peer = socket::peer(&socket).map_err(code)?;
    let is_own = options.on_behalf_of.is_none();
    if let Some(address) = address {
        let server = Server { address, peer };
        let token = if is_own { answer.token } else { 0 };
        acquaintance::remember(name, server, token, &segment);
    }
    let other = Other {
        process: peer.process,
        level: options.level,
        remote: None,
    };
    let link = Link::new(segment, Bell::new(socket), Side::Client, other);
    let traits = Traits {
        pipe_type: answer.pipe_type,
        out_quota: answer.out_quota,
        in_quota: answer.in_quota,
        max_instances: answer.max_instances,
    };
    let mut rights = Rights::of_client(options.access);
    if !is_own {
        // The server would be asked for the descriptor in the caller's name, who may do more.
        rights -= Rights::READ_CONTROL | Rights::WRITE_DAC | Rights::WRITE_OWNER;
    }
    let core = Core::connected(traits, rights, link);
    Ok(End::new(core, Owner::Pipe(name.clone(), answer.pipe)))
}

/// Waits until an instance listens, in whichever server process.
pub(crate) fn wait(name: &PipeName, timeout: WaitTimeout) -> Result<()> {
    wait_until(name, timeout, None)
}

/// The same, and not beyond `deadline` whatever the time-out.
pub(in crate::engine) fn wait_until(
    name: &PipeName,
    timeout: WaitTimeout,
    deadline: Option<Instant>,
) -> Result<()> {
    refuse_remote(name)?;
    let start = Instant::now();
    let mut limit = match timeout {
        WaitTimeout::For(limit) => Some(limit.max(Duration::from_millis(1))),
        WaitTimeout::Default | WaitTimeout::Forever => None,
    };
    let end_of = |limit: Option<Duration>| {
        let own = limit.and_then(|limit| start.checked_add(limit));
        own.into_iter().chain(deadline).min()
    };
    let mut pause = PAUSES.0;
    // Server processes that did not answer: they are asked once.
    let mut wedged = Vec::new();
    let mut looked = false;
    loop {
        let folder = Folder::find(name)?;
        // The notices first, then the look: so no server is missed. But the very first look goes
        // without: most often an instance listens, or there is no pipe, and notices cost
        // milliseconds to give back.
        let notices = if looked { folder.watch().ok() } else { None };
        let mut kept = Vec::new();
        for id in folder.servers()? {
            if wedged.contains(&id) {
                continue;
            }
            let request = Request::to(Operation::Wait, name);
            let connect = |limit| folder.connect(&id, limit);
            let reply = match ask(connect, request, time_left(end_of(limit))) {
                Ok(Some(reply)) => reply,
                Ok(None) => continue,
                Err(_) => {
                    wedged.push(id);
                    continue;
                }
            };
            match reply.answer.code {
                Win32Error(0) => return Ok(()),
                Win32Error::IO_PENDING => {}
                code => return Err(code),
            }
            if timeout == WaitTimeout::Default && limit.is_none() {
                limit = Some(match reply.answer.default_timeout {
                    0 => DEFAULT_TIMEOUT,
                    // The creator meant no limit by this.
                    u32::MAX => Duration::MAX,
                    ms => Duration::from_millis(ms.into()),
                });
            }
            kept.push(reply.socket);
        }
        let end = end_of(limit);
        if kept.is_empty() {
            if !wedged.is_empty() {
                return Err(Win32Error::SEM_TIMEOUT);
            }
            Folder::try_tidy(name);
            return Err(Win32Error::FILE_NOT_FOUND);
        }
        if !looked {
            looked = true;
            continue;
        }
        if sleep(notices.as_ref(), &mut kept, end)? {
            return Ok(());
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            return Err(Win32Error::SEM_TIMEOUT);
        }
        std::thread::sleep(pause.min(time_left(end)));
        pause = (pause * 2).min(PAUSES.1);
    }
}

/// How long a server may take for an answer, and no longer than until `end`.
pub(super) fn time_left(end: Option<Instant>) -> Duration {
    let left = end.map(|end| end.saturating_duration_since(Instant::now()));
    left.unwrap_or(PATIENCE)
        .clamp(Duration::from_millis(1), PATIENCE)
}

/// Sleeps until a server says that an instance listens (true), or until there is reason to look again.
fn sleep(
    notices: Option<&OwnedFd>,
    servers: &mut Vec<OwnedFd>,
    end: Option<Instant>,
) -> Result<bool> {
    let again = Instant::now() + notices.map_or(SLEEP_WITHOUT_NOTICE, |_| LONGEST_SLEEP);
    while !servers.is_empty() {
        let until = end.map_or(again, |end| end.min(again));
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        let mut fds: Vec<PollFd<'_>> = servers
            .iter()
            .chain(notices)
            .map(|fd| PollFd::new(fd, PollFlags::IN))
            .collect();
        match poll(&mut fds, Timespec::try_from(left).ok().as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(code(error)),
        }
        let news: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let noticed = notices.is_some() && news.last() == Some(&true);
        for place in (0..servers.len()).rev().filter(|place| news[*place]) {
            match receive(&servers[place], Instant::now() + PATIENCE)? {
                Some((answer, _)) if answer.code == Win32Error(0) => return Ok(true),
                Some((answer, _)) => return Err(answer.code),
                None => drop(servers.remove(place)),
            }
        }
        if noticed {
            return Ok(false);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

    use super::*;

    #[test]
    fn who_sends_clients_away_gets_no_more_time_with_each_try() {
        let limits = RefCell::new(Vec::new());
        let connect = |limit| {
            limits.borrow_mut().push(limit);
            let flags = SocketFlags::CLOEXEC;
            let pair = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None);
            let (client, server) = pair.unwrap();
            // It sends every client away.
            drop(server);
            Ok(Some(client))
        };
        let asked = ask_with(connect, b"?", PATIENCE, None);
        assert_eq!(asked.err(), Some(Win32Error::SEM_TIMEOUT));
        let limits = limits.into_inner();
        assert_eq!(limits.len(), MOST_TRIES as usize);
        assert!(limits.is_sorted_by(|one, next| one > next), "{limits:?}");
    }
}
