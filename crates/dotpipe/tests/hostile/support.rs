//! What these tests stand on: a process and a namespace of its own for each of them, and the wire
//! protocol spoken by hand.
//!
//! The wire format is written down once more here, on purpose: a test that used the library's own
//! encoder would follow it into any mistake.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dotpipe::exact::{self, End};
use dotpipe::name::PipeName;
use dotpipe::options::{CreateOptions, DesiredAccess};
use dotpipe_ring::{Layout, Segment};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::tools::patience::{PATIENCE, SLOWNESS};

/// Set in the process that runs the body of a test.
const ROLE: &str = "DOTPIPE_HOSTILE_ROLE";
/// After this a test is taken to hang, in which nothing is done more often than usually. Nothing is decided by
/// how long one takes otherwise.
const HANGS: Duration = Duration::from_secs(40);

/// How often something is done: usually, or when there is time (`DOTPIPE_SOAK=1`).
pub(crate) fn soak(usually: u64, soaking: u64) -> u64 {
    match std::env::var_os("DOTPIPE_SOAK") {
        Some(_) => soaking,
        None => usually,
    }
}

/// Runs the body of a test in a process of its own with a namespace of its own: this test binary, with
/// that test only. So it can use up descriptors, change the mask of new files, and hang.
pub(crate) fn alone<F: FnOnce()>(body: F) {
    if std::env::var_os(ROLE).is_some() {
        // Wherever it happens, in the library's own thread as well: no panic goes unseen.
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            print(info);
            std::process::abort();
        }));
        return body();
    }
    let directory = tempfile::tempdir().unwrap();
    let everyone = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(directory.path(), everyone).unwrap();
    // The body is a closure in the test, and its type is called after it.
    let path = std::any::type_name::<F>().trim_end_matches("::{{closure}}");
    let mut child = again(path)
        .env("DOTPIPE_DIR", directory.path().join("pipes"))
        .spawn()
        .unwrap();
    wait_for(&mut child);
}

/// This test binary once more, to run the body of the test at `path`.
pub(crate) fn again(path: &str) -> Command {
    let (_crate, test) = path.split_once("::").unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            test,
            "--nocapture",
            "--test-threads=1",
            "--quiet",
        ])
        .stdout(Stdio::null())
        .env(ROLE, "body");
    command
}

/// Waits for a child that must succeed, and ends one that hangs.
pub(crate) fn wait_for(child: &mut Child) {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success(), "the process of the test: {status}");
            return;
        }
        if start.elapsed() > HANGS * SLOWNESS * soak(1, 60) as u32 {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("the process of the test hangs");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The namespace directory.
pub(crate) fn directory() -> PathBuf {
    PathBuf::from(std::env::var_os("DOTPIPE_DIR").unwrap())
}

pub(crate) const BOTH: DesiredAccess = DesiredAccess::READ.union(DesiredAccess::WRITE);

pub(crate) fn name(text: &str) -> PipeName {
    PipeName::local(text).unwrap()
}

/// A server end with the usual options.
pub(crate) fn create(text: &str) -> End {
    exact::create(&name(text), &CreateOptions::default()).unwrap()
}

/// Far away: an operation that needs so long will not end by itself.
pub(crate) fn late() -> Option<Instant> {
    Some(Instant::now() + PATIENCE)
}

/// Waits until `done`, and fails when that does not come.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < PATIENCE, "{what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// How many descriptors this process has open.
pub(crate) fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Lets this process have so many descriptors, or as many as it may. Gives the number.
pub(crate) fn limit_descriptors(count: u64) -> u64 {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let count = maximum.map_or(count, |maximum| count.min(maximum));
    let current = Some(count);
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
    count
}

/// Takes all descriptors that this process may have, but so many, until this is dropped.
pub(crate) fn take_descriptors_but(count: usize) -> Vec<OwnedFd> {
    limit_descriptors(1_000);
    let socket = new_socket();
    let mut taken: Vec<OwnedFd> = std::iter::from_fn(|| socket.try_clone().ok()).collect();
    taken.truncate(taken.len().checked_sub(count).unwrap());
    taken.push(socket);
    taken
}

pub(crate) fn new_socket() -> OwnedFd {
    let flags = SocketFlags::CLOEXEC;
    rustix::net::socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None).unwrap()
}

fn address(folder: &OwnedFd, file: &str) -> SocketAddrUnix {
    SocketAddrUnix::new(format!("/proc/self/fd/{}/{file}", folder.as_raw_fd())).unwrap()
}

fn open_folder(path: &Path) -> OwnedFd {
    std::fs::File::open(path).unwrap().into()
}

/// The sockets that servers have in the folder of a pipe.
pub(crate) fn sockets(folder: &Path) -> Vec<String> {
    let files = std::fs::read_dir(folder).unwrap();
    files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|file| file.ends_with(".socket"))
        .collect()
}

/// Where the server of a pipe receives its clients.
pub(crate) struct Door(OwnedFd, String);

impl Door {
    pub(crate) fn of(folder: &str) -> Door {
        let path = directory().join(folder);
        let file = sockets(&path).pop().unwrap();
        Door(open_folder(&path), file)
    }

    pub(crate) fn address(&self) -> SocketAddrUnix {
        address(&self.0, &self.1)
    }
}

/// A client that does what it likes: connected to the server of a pipe, nothing said.
pub(crate) struct Client(pub(crate) OwnedFd);

/// What a server sent.
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) memory: Option<OwnedFd>,
}

impl Answer {
    pub(crate) fn u32_at(&self, offset: usize) -> u32 {
        u32::from_le_bytes(self.bytes[offset..offset + 4].try_into().unwrap())
    }

    pub(crate) fn code(&self) -> u32 {
        self.u32_at(8)
    }

    pub(crate) fn u64_at(&self, offset: usize) -> u64 {
        u64::from_le_bytes(self.bytes[offset..offset + 8].try_into().unwrap())
    }

    /// The memory that came with the answer, mapped.
    pub(crate) fn segment(&self) -> Arc<Segment> {
        let ring = |offset| self.u64_at(offset) as usize;
        let layout = Layout::new(ring(64), ring(72)).unwrap();
        Arc::new(Segment::open(self.memory.as_ref().unwrap(), layout).unwrap())
    }
}

/// A request to the pipe `p` as bytes.
pub(crate) fn request(operation: u32, access: u32) -> [u8; 40] {
    let mut bytes = [0; 40];
    bytes[..8].copy_from_slice(b"dotpipe\x01");
    bytes[8..12].copy_from_slice(&operation.to_le_bytes());
    bytes[12..16].copy_from_slice(&access.to_le_bytes());
    // The beginning of the SHA-256 of a capital P, as any other program computes it.
    bytes[24..].copy_from_slice(&[
        0x5c, 0x62, 0xe0, 0x91, 0xb8, 0xc0, 0x56, 0x5f, 0x1b, 0xaf, 0xad, 0x0d, 0xad, 0x59, 0x34,
        0x27,
    ]);
    bytes
}

pub(crate) const OPEN: u32 = 1;
pub(crate) const WAIT: u32 = 2;
pub(crate) const QUERY: u32 = 3;

impl Client {
    /// Connects to the server of the pipe whose folder is `folder`.
    pub(crate) fn connect(folder: &str) -> Client {
        let (door, socket) = (Door::of(folder), new_socket());
        rustix::net::connect(&socket, &door.address()).unwrap();
        Client(socket)
    }

    /// Connects and opens the pipe for reading and writing: the client, and what the server gave it.
    pub(crate) fn open(folder: &str) -> (Client, Arc<Segment>) {
        let client = Client::connect(folder);
        client.send(&request(OPEN, 3));
        let answer = client.receive().unwrap();
        assert_eq!(answer.code(), 0);
        let segment = answer.segment();
        (client, segment)
    }

    pub(crate) fn send(&self, bytes: &[u8]) {
        self.send_with(bytes, &[]);
    }

    pub(crate) fn send_with(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
        send(&self.0, bytes, fds);
    }

    /// What the server says next; `None` when it hangs up instead.
    pub(crate) fn receive(&self) -> Option<Answer> {
        receive(&self.0)
    }
}

fn send(socket: &OwnedFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
    // The other side may have hung up: that is its right.
    let _ = send_as(socket, bytes, fds, SendFlags::NOSIGNAL);
}

/// The same, and never waits.
pub(crate) fn try_send(
    socket: &OwnedFd,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
) -> rustix::io::Result<()> {
    let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
    send_as(socket, bytes, fds, flags)
}

fn send_as(
    socket: &OwnedFd,
    bytes: &[u8],
    fds: &[BorrowedFd<'_>],
    flags: SendFlags,
) -> rustix::io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(253))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        assert!(ancillary.push(SendAncillaryMessage::ScmRights(fds)));
    }
    let slices = &[IoSlice::new(bytes)];
    rustix::net::sendmsg(socket, slices, &mut ancillary, flags).map(|_| ())
}

fn receive(socket: &OwnedFd) -> Option<Answer> {
    let mut bytes = vec![0; 4096];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let slices = &mut [IoSliceMut::new(&mut bytes)];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let len = rustix::net::recvmsg(socket, slices, &mut ancillary, flags)
        .ok()?
        .bytes;
    let mut memory = None;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            memory = fds.last();
        }
    }
    bytes.truncate(len);
    (len > 0).then_some(Answer { bytes, memory })
}

/// A server that does what it likes: it owns a folder in the namespace and a socket in it.
pub(crate) struct Server(OwnedFd);

impl Server {
    pub(crate) fn listen(folder: &str, id: &str) -> Server {
        let path = directory().join(folder);
        std::fs::create_dir_all(&path).unwrap();
        let (folder, socket) = (open_folder(&path), new_socket());
        rustix::net::bind(&socket, &address(&folder, &format!("{id}.socket"))).unwrap();
        rustix::net::listen(&socket, 16).unwrap();
        Server(socket)
    }

    /// Waits for a client and its request.
    pub(crate) fn receive(&self) -> Peer {
        let peer = self.accept();
        peer.hear();
        peer
    }

    /// Whether a client stands at the door.
    pub(crate) fn has_client(&self) -> bool {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let mut door = [PollFd::new(&self.0, PollFlags::IN)];
        poll(&mut door, Some(&at_once)).unwrap() > 0
    }

    pub(crate) fn accept(&self) -> Peer {
        Peer(rustix::net::accept_with(&self.0, SocketFlags::CLOEXEC).unwrap())
    }
}

/// A client of such a server.
pub(crate) struct Peer(pub(crate) OwnedFd);

impl Peer {
    pub(crate) fn hear(&self) {
        assert!(receive(&self.0).is_some(), "a client says what it wants");
    }

    pub(crate) fn send(&self, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
        send(&self.0, bytes, fds);
    }
}

/// An answer as bytes: duplex, message type, no limit, quotas of 64 KiB.
pub(crate) fn answer(code: u32, rings: (u64, u64)) -> Vec<u8> {
    let mut bytes = b"dotpipe\x01".to_vec();
    for word in [code, 3, 4, 255, 0, 65536, 65536, 0, 0, 0, 0, 7] {
        bytes.extend(word.to_le_bytes());
    }
    for word in [0x1234, rings.0, rings.1, 0, 0] {
        bytes.extend(word.to_le_bytes());
    }
    bytes
}
