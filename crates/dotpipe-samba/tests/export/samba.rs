//! What only a program of Samba's can do: this test forges one.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use dotpipe::exact;
use dotpipe::options::{Access, CreateOptions, PipeMode};
use dotpipe::win32::Win32Error;
use dotpipe_samba::Export;
use dotpipe_samba::export::Event;
use rustix::net::{AddressFamily, SocketType};

use crate::exporting::{Exporting, create, local, options, unique};
use crate::process::Server;
use crate::support::patience::{soon, until};

/// A request as Samba 4.17 sends it for a user.
const USER: &[u8] = include_bytes!("../../src/npa/captures/level7-user.bin");
/// The number that disguises flags as a SID.
const FLAGS: u32 = 2_041_152_804;
/// Only the existence of the pipe is asked for.
const PROBE: u8 = 4;

/// Sends a request and reads the reply.
pub(crate) fn ask(stream: &mut UnixStream, level: u8) -> [u8; 36] {
    let mut request = USER.to_vec();
    (request[8], request[12]) = (level, level);
    exchange(stream, &request)
}

fn exchange(stream: &mut UnixStream, request: &[u8]) -> [u8; 36] {
    stream.write_all(request).unwrap();
    let mut reply = [0; 36];
    stream.read_exact(&mut reply).unwrap();
    reply
}

fn directory() -> tempfile::TempDir {
    // Of mode 0700.
    tempfile::Builder::new().prefix("np").tempdir().unwrap()
}

/// An export of one pipe to a directory that no `smbd` looks into.
fn exporting(directory: &tempfile::TempDir, name: &str) -> Exporting {
    let exporting = Exporting::start(directory.path(), &[name]);
    exporting.until_told(|event| matches!(event, Event::Exported { .. }));
    exporting
}

#[test]
fn a_probe_takes_no_instance() {
    let (directory, name) = (directory(), unique("probe"));
    let _server = create(&name, &options(PipeMode::Message));
    let _exporting = exporting(&directory, &name);
    let mut probe = USER.to_vec();
    let disguise = FLAGS.to_le_bytes();
    let place = probe.windows(4).position(|word| word == disguise).unwrap();
    probe[place + 4] |= PROBE;
    for _ in 0..3 {
        let mut samba = UnixStream::connect(directory.path().join(&name)).unwrap();
        let reply = exchange(&mut samba, &probe);
        // A message pipe.
        assert_eq!(reply[16], 2);
        let instances = exact::status(&local(&name)).unwrap().instances;
        assert_eq!((instances.listening, instances.connected), (1, 0));
    }
    let mut samba = UnixStream::connect(directory.path().join(&name)).unwrap();
    ask(&mut samba, 7);
    let instances = exact::status(&local(&name)).unwrap().instances;
    assert_eq!((instances.listening, instances.connected), (0, 1));
}

#[test]
fn servers_that_do_not_answer_take_nothing_from_other_pipes() {
    let directory = directory();
    let frozen: Vec<_> = (0..8).map(|_| unique("frozen")).collect();
    let frozen: Vec<_> = frozen.iter().map(String::as_str).collect();
    let server = Server::of(&frozen);
    let (good, new) = (unique("good"), unique("new"));
    let _good = create(&good, &options(PipeMode::Message));
    let exporting = Exporting::run(Export::all(directory.path()));
    for name in frozen.iter().chain([&good.as_str()]) {
        exporting.until_exported(name);
    }
    server.freeze();
    // More for each than it has threads.
    let mut waiting = Vec::new();
    for name in frozen.repeat(4) {
        let mut samba = UnixStream::connect(directory.path().join(name)).unwrap();
        samba.write_all(USER).unwrap();
        waiting.push(samba);
    }
    let mut samba = UnixStream::connect(directory.path().join(&good)).unwrap();
    // A message pipe.
    assert_eq!(ask(&mut samba, 7)[16], 2);
    let _new = create(&new, &options(PipeMode::Message));
    exporting.until_exported(&new);
    // And all have been kept waiting by then, or told that their pipe is busy.
    let refused = |event: &Event| matches!(event, Event::Refused { pipe, .. } if !frozen.contains(&pipe.name()));
    assert!(!exporting.events().iter().any(refused));
    let is_frozen = |event: &Event| matches!(event, Event::Refused { pipe, .. } if frozen.contains(&pipe.name()));
    until("all are told", || {
        exporting
            .events()
            .iter()
            .filter(|event| is_frozen(event))
            .count()
            == waiting.len()
    });
}

#[test]
fn a_request_may_come_in_pieces() {
    let (directory, name) = (directory(), unique("pieces"));
    let _server = create(&name, &options(PipeMode::Byte));
    let _exporting = exporting(&directory, &name);
    let mut samba = UnixStream::connect(directory.path().join(&name)).unwrap();
    for piece in USER.chunks(7) {
        samba.write_all(piece).unwrap();
    }
    let mut reply = [0; 36];
    samba.read_exact(&mut reply).unwrap();
    assert_eq!(reply[16], 1);
}

#[test]
fn the_socket_stays_until_everything_has_been_fetched() {
    let (directory, name) = (directory(), unique("fetched"));
    let server = create(&name, &options(PipeMode::Message));
    let exporting = exporting(&directory, &name);
    let mut samba = UnixStream::connect(directory.path().join(&name)).unwrap();
    ask(&mut samba, 7);
    server.write(b"last words").unwrap();
    server.flush().unwrap();
    server.disconnect().unwrap();
    drop(server);
    exporting.until_told(|event| matches!(event, Event::Withdrawn { .. }));
    // Somebody is there still, who does not listen.
    for _ in 0..100 {
        samba.write_all(&[1, 0, b'x']).unwrap();
    }
    let mut words = Vec::new();
    samba.read_to_end(&mut words).unwrap();
    assert_eq!(words, b"\x0a\0last words");
}

#[test]
fn a_frame_is_finished_whatever_comes_between() {
    let (directory, name) = (directory(), unique("frame"));
    let one_way = CreateOptions {
        access: Access::Outbound,
        ..options(PipeMode::Message)
    };
    let server = create(&name, &one_way);
    let exporting = exporting(&directory, &name);
    let mut samba = UnixStream::connect(directory.path().join(&name)).unwrap();
    ask(&mut samba, 7);
    const LEN: u16 = 60_000;
    // Until nothing more fits into the socket: the last frame is not all in it.
    let message = vec![9; LEN.into()];
    while server.write_until(&message, soon()).is_ok() {}
    // This ends the conversation: a client may not write here.
    samba.write_all(&[1, 0, b'x']).unwrap();
    exporting.until_told(|event| matches!(event, Event::BrokenOff { .. }));
    let mut frames = Vec::new();
    samba.read_to_end(&mut frames).unwrap();
    let mut count = 0;
    for frame in frames.chunks(2 + usize::from(LEN)) {
        assert_eq!(frame[..2], LEN.to_le_bytes());
        assert!(frame[2..] == message, "{} bytes", frame.len());
        count += 1;
    }
    assert!(count > 1);
}

#[test]
fn somebody_who_accepts_nobody_under_another_name_holds_nobody_up() {
    let (directory, good, taken) = (directory(), unique("good"), unique("taken"));
    let _servers = [&good, &taken].map(|name| create(name, &options(PipeMode::Message)));
    let path = directory.path().join(&taken);
    let address = rustix::net::SocketAddrUnix::new(path).unwrap();
    let wedged = rustix::net::socket(AddressFamily::UNIX, SocketType::STREAM, None).unwrap();
    rustix::net::bind(&wedged, &address).unwrap();
    // It has room for two.
    rustix::net::listen(&wedged, 1).unwrap();
    let exporting = Exporting::start(directory.path(), &[&good, &taken]);
    exporting.until_told(|event| matches!(event, Event::Skipped { .. }));
    for _ in 0..5 {
        // Each comes with a look at the other name.
        let path = directory.path().join(&good);
        std::fs::remove_file(&path).unwrap();
        until("it is there again", || path.exists());
    }
}

/// An export that waits for nobody long, and a client that has read nothing of all that fits on the way to it.
fn full(directory: &tempfile::TempDir, access: Access) -> (Exporting, UnixStream, exact::End) {
    let name = unique("full");
    let of_messages = CreateOptions {
        access,
        ..options(PipeMode::Message)
    };
    let server = create(&name, &of_messages);
    let export = Export::pipes(directory.path(), [local(&name)]);
    let exporting = Exporting::run(export.drain_timeout(Duration::from_millis(50)));
    exporting.until_told(|event| matches!(event, Event::Exported { .. }));
    let mut samba = UnixStream::connect(directory.path().join(&name)).unwrap();
    ask(&mut samba, 7);
    while server.write_until(&[9; FULL_LEN], soon()).is_ok() {}
    (exporting, samba, server)
}

const FULL_LEN: usize = 60_000;

/// Waits until the export has closed the socket.
fn until_closed(samba: &mut UnixStream) {
    until("it is cut off", || samba.write_all(&[1, 0, b'x']).is_err());
}

/// Whatever is left in the socket ends with a whole frame: `smbd` would make up the rest of any other.
fn assert_whole(samba: &mut UnixStream) {
    let mut frames = Vec::new();
    // It may be reset at the end.
    let _ = samba.read_to_end(&mut frames);
    assert!(!frames.is_empty());
    assert_eq!(frames.len() % (2 + FULL_LEN), 0, "half a frame");
}

#[test]
fn who_reads_nothing_and_is_cut_off_gets_no_half_frame() {
    let directory = directory();
    let (_exporting, mut samba, _server) = full(&directory, Access::Outbound);
    // A client may not write here, which ends it.
    until_closed(&mut samba);
    assert_whole(&mut samba);
}

#[test]
fn an_export_that_stops_leaves_no_half_frame() {
    let directory = directory();
    let (exporting, mut samba, _server) = full(&directory, Access::Duplex);
    exporting.stop().unwrap();
    assert_whole(&mut samba);
}

#[test]
fn who_reads_nothing_does_not_stay_when_the_server_has_gone() {
    let directory = directory();
    let (_exporting, mut samba, server) = full(&directory, Access::Duplex);
    drop(server);
    until_closed(&mut samba);
    assert_whole(&mut samba);
}

#[test]
fn what_a_client_said_before_it_left_arrives_whatever_it_is_told() {
    let (directory, name) = (directory(), unique("left"));
    let tight = CreateOptions {
        in_quota: 100,
        ..options(PipeMode::Message)
    };
    let server = create(&name, &tight);
    let _exporting = exporting(&directory, &name);
    let mut samba = UnixStream::connect(directory.path().join(&name)).unwrap();
    ask(&mut samba, 7);
    for number in 0..10 {
        samba
            .write_all(&[&[90, 0][..], &[number; 90]].concat())
            .unwrap();
    }
    drop(samba);
    let mut message = Vec::new();
    for number in 0..10 {
        server.read_message(&mut message).unwrap();
        assert_eq!(message, [number; 90]);
        let _ = server.write(b"nobody hears it");
    }
    assert_eq!(
        server.read_message(&mut message),
        Err(Win32Error::BROKEN_PIPE)
    );
}

#[test]
fn what_is_no_request_is_turned_away() {
    let (directory, name) = (directory(), unique("garbage"));
    let _server = create(&name, &options(PipeMode::Message));
    let exporting = exporting(&directory, &name);
    let mut level = USER.to_vec();
    level[8] = 5;
    let mut too_long = USER.to_vec();
    too_long[0] = 0x7f;
    for garbage in [&b"GET / HTTP/1.1\r\n\r\n"[..], &[0; 4], &level, &too_long] {
        let mut samba = UnixStream::connect(directory.path().join(&name)).unwrap();
        samba.write_all(garbage).unwrap();
        let mut nothing = [0; 1];
        // The end, or a reset.
        assert!(!matches!(samba.read(&mut nothing), Ok(1..)));
    }
    let strangers = exporting.events();
    let strangers = strangers
        .iter()
        .filter(|event| matches!(event, Event::Stranger { .. }));
    assert_eq!(strangers.count(), 4);
    // Nobody has been taken for a client.
    let instances = exact::status(&local(&name)).unwrap().instances;
    assert_eq!(instances.listening, 1);
}

#[test]
fn another_user_is_not_samba() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can be another user");
        return;
    }
    let (directory, name) = (directory(), unique("stranger"));
    let _server = create(&name, &options(PipeMode::Message));
    let exporting = exporting(&directory, &name);
    // Even if the file modes let him.
    let modes = [
        (directory.path().to_owned(), 0o755),
        (directory.path().join(&name), 0o777),
    ];
    for (path, mode) in modes {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
        std::fs::set_permissions(path, mode).unwrap();
    }
    let script = "import socket, sys\n\
                  s = socket.socket(socket.AF_UNIX)\n\
                  s.connect(sys.argv[1])\n\
                  s.sendall(open(0, 'rb').read())\n";
    let mut child = Command::new("python3")
        .args(["-c", script])
        .arg(directory.path().join(&name))
        .stdin(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .uid(1)
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(USER);
    let _ = child.wait();
    let stranger = exporting.until_told(|event| matches!(event, Event::Stranger { .. }));
    assert!(stranger.to_string().contains("user 1"), "{stranger}");
    let instances = exact::status(&local(&name)).unwrap().instances;
    assert_eq!(instances.listening, 1);
}
