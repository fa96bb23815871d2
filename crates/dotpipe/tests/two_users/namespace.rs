//! The directory that all share: what a stranger cannot do there.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use dotpipe::exact;
use dotpipe::options::{CreateOptions, DesiredAccess};
use dotpipe::win32::Win32Error;

use crate::users::*;

const READ: DesiredAccess = DesiredAccess::READ;

fn file_of(name: &str, ending: &str) -> PathBuf {
    let files = fs::read_dir(directory().join(name)).unwrap();
    let mut paths = files.map(|entry| entry.unwrap().path());
    paths
        .find(|path| path.extension().is_some_and(|found| found == ending))
        .unwrap()
}

fn opens(name: &str) -> Result<(), Win32Error> {
    exact::open(&pipe(name), READ).map(drop)
}

#[test]
fn a_stranger_harms_no_pipe() {
    shared(a_stranger_harms_no_pipe, || {
        let mut alice = ALICE.start(&["create p"]);
        alice.expect("ok");
        assert_eq!(BOB.says("spoil p mine"), "ok", "no way worked");
        assert_eq!(opens("p"), Ok(()));
    });
}

/// Liveness used to be a lock that whoever can read a record could hold.
#[test]
fn a_stranger_keeps_no_dead_name_alive() {
    shared(a_stranger_keeps_no_dead_name_alive, || {
        let mut alice = ALICE.start(&["create p"]);
        alice.expect("ok");
        let mut bob = BOB.start(&["lock p"]);
        bob.expect("1");
        alice.kill();
        alice.bury();
        assert_eq!(ALICE.does(&["list", "create p"]), ["0", "ok"]);
    });
}

#[test]
fn what_another_left_behind_is_in_the_way_until_root_looks() {
    shared(
        what_another_left_behind_is_in_the_way_until_root_looks,
        || {
            let mut alice = ALICE.start(&["create p"]);
            alice.expect("ok");
            alice.kill();
            alice.bury();
            assert_eq!(
                BOB.does(&["open p r", "create p"]),
                ["ERROR_FILE_NOT_FOUND", "ERROR_ACCESS_DENIED"]
            );
            assert_eq!(exact::list(), Ok(Vec::new()));
            assert!(!directory().join("p").exists());
            assert_eq!(BOB.says("create p"), "ok");
        },
    );
}

/// A service of root's that finds its name taken shall hear of it, and not serve where a stranger can put
/// another socket in the place of its own.
#[test]
fn root_serves_no_pipe_of_another() {
    shared(root_serves_no_pipe_of_another, || {
        let mut alice = ALICE.start(&["create p D:(A;;GA;;;WD)"]);
        alice.expect("ok");
        let mine = exact::create(&pipe("p"), &CreateOptions::default());
        assert_eq!(mine.err(), Some(Win32Error::ACCESS_DENIED));
    });
}

#[test]
fn links_lead_nowhere() {
    shared(links_lead_nowhere, || {
        let server = exact::create(&pipe("p"), &CreateOptions::default()).unwrap();
        let socket = file_of("p", "socket");
        // As root makes them, to whom the system allows what it forbids a stranger.
        for name in ["soft", "hard"] {
            fs::create_dir(directory().join(name)).unwrap();
        }
        symlink(&socket, directory().join("soft/1-1.socket")).unwrap();
        fs::hard_link(&socket, directory().join("hard/1-1.socket")).unwrap();
        symlink("p", directory().join("folder")).unwrap();
        for name in ["soft", "hard", "folder"] {
            assert_eq!(opens(name), Err(Win32Error::FILE_NOT_FOUND), "{name}");
        }
        assert_eq!(opens("p"), Ok(()));
        assert_eq!(server.connect(), Err(Win32Error::NO_DATA));
    });
}

/// A socket of somebody else, who is not to be bothered with the requests of clients.
#[test]
fn a_link_to_a_strange_socket_is_not_followed() {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    shared(a_link_to_a_strange_socket_is_not_followed, || {
        let strange = directory().join("strange");
        let flags = SocketFlags::NONBLOCK;
        let kind = SocketType::SEQPACKET;
        let listener = rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None).unwrap();
        rustix::net::bind(&listener, &SocketAddrUnix::new(&strange).unwrap()).unwrap();
        rustix::net::listen(&listener, 9).unwrap();
        fs::create_dir(directory().join("p")).unwrap();
        symlink(&strange, directory().join("p/1-1.socket")).unwrap();
        assert_eq!(opens("p"), Err(Win32Error::FILE_NOT_FOUND));
        let nobody = rustix::net::accept(&listener).err();
        assert_eq!(nobody, Some(rustix::io::Errno::AGAIN));
    });
}

/// A record says which pipe it is of. Anybody can write anything there.
#[test]
fn a_listing_shows_no_false_names() {
    shared(a_listing_shows_no_false_names, || {
        let server = exact::create(&pipe("p"), &CreateOptions::default()).unwrap();
        let fake = directory().join("fake");
        fs::create_dir(&fake).unwrap();
        let record = file_of("p", "record");
        fs::copy(&record, fake.join(record.file_name().unwrap())).unwrap();
        let socket = file_of("p", "socket");
        fs::hard_link(&socket, fake.join(socket.file_name().unwrap())).unwrap();
        let pipes = exact::list().unwrap();
        assert_eq!(pipes.len(), 1);
        assert_eq!(pipes[0].name, pipe("p"));
        drop(server);
    });
}

/// Mounts a file system over the namespace; gives whether that could be done.
fn mount(options: &str) -> bool {
    let mut command = std::process::Command::new("mount");
    command
        .args(["-t", "tmpfs", "-o", options, "tmpfs"])
        .arg(directory());
    let mounted = command.status().is_ok_and(|status| status.success());
    if !mounted {
        eprintln!("skipped: file systems cannot be mounted here");
    }
    mounted
}

struct Mounted;

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount")
            .arg("-l")
            .arg(directory())
            .status();
    }
}

#[test]
fn a_disk_that_is_full_or_cannot_be_written_says_so() {
    shared(a_disk_that_is_full_or_cannot_be_written_says_so, || {
        let create = || exact::create(&pipe("p"), &CreateOptions::default()).err();
        if !mount("mode=1777,size=4k") {
            return;
        }
        let mounted = Mounted;
        let filler = directory().join("filler");
        let _ = fs::write(&filler, [0; 8192]);
        assert_eq!(create(), Some(Win32Error::DISK_FULL));
        assert!(!directory().join("p").exists(), "nothing is left of it");
        fs::remove_file(&filler).unwrap();
        let server = exact::create(&pipe("p"), &CreateOptions::default()).unwrap();
        assert_eq!(opens("p"), Ok(()));
        drop(server);
        drop(mounted);
        if mount("mode=1777,ro") {
            let _mounted = Mounted;
            assert_eq!(create(), Some(Win32Error::WRITE_PROTECT));
            assert_eq!(opens("p"), Err(Win32Error::FILE_NOT_FOUND));
            assert_eq!(exact::list(), Ok(Vec::new()));
        }
    });
}
