//! Several users: the default access rule, and folders that a stranger could write in. The second user
//! is `nobody`, whom a thread of root becomes; without root there is nothing to test here.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::thread;

use dotpipe::exact;
use dotpipe::options::{CreateOptions, DesiredAccess, WaitTimeout};
use dotpipe::win32::Win32Error;
use rustix::process::{Gid, Uid};

use crate::support::*;

const NOBODY: u32 = 65534;

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Runs `body` in a thread that belongs to the second user.
fn as_nobody<T: Send>(body: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| {
        let nobody = scope.spawn(|| {
            let (user, group) = (Uid::from_raw(NOBODY), Gid::from_raw(NOBODY));
            rustix::thread::set_thread_groups(&[]).unwrap();
            rustix::thread::set_thread_res_gid(group, group, group).unwrap();
            rustix::thread::set_thread_res_uid(user, user, user).unwrap();
            body()
        });
        nobody.join().unwrap()
    })
}

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A directory for everybody, as `/run/dotpipe` is.
fn share_directory() {
    std::fs::create_dir_all(directory()).unwrap();
    set_mode(&directory(), 0o1777);
}

fn opens(access: DesiredAccess) -> Option<Win32Error> {
    exact::open(&name("p"), access).err()
}

const DENIED: Option<Win32Error> = Some(Win32Error::ACCESS_DENIED);

#[test]
fn a_stranger_may_read_and_no_more() {
    alone(|| {
        if !is_root() {
            return;
        }
        share_directory();
        let server = create("p");
        as_nobody(|| {
            assert_eq!(opens(BOTH), DENIED);
            assert_eq!(opens(DesiredAccess::WRITE), DENIED);
            assert_eq!(opens(DesiredAccess::WRITE_ATTRIBUTES), DENIED);
            let another = exact::create(&name("p"), &CreateOptions::default());
            assert_eq!(another.err(), DENIED);
            assert_eq!(exact::wait(&name("p"), WaitTimeout::Default), Ok(()));
            assert_eq!(exact::status(&name("p")).unwrap().instances.listening, 1);
            assert_eq!(exact::list().unwrap().len(), 1);
            let client = exact::open(&name("p"), DesiredAccess::READ).unwrap();
            assert_eq!(server.write(b"news"), Ok(4));
            assert_eq!(client.read_until(&mut [0; 9], late()).unwrap().len, 4);
            assert_eq!(client.write(b"no"), DENIED.map_or(Ok(0), Err));
        });
    });
}

#[test]
fn root_may_do_everything() {
    alone(|| {
        if !is_root() {
            return;
        }
        share_directory();
        let server = as_nobody(|| create("p"));
        let client = exact::open(&name("p"), BOTH).unwrap();
        assert_eq!(client.write(b"hello"), Ok(5));
        assert_eq!(server.read_until(&mut [0; 9], late()).unwrap().len, 5);
    });
}

/// Seats for those who say nothing are shared by users: the one who takes most gives way.
#[test]
fn a_crowd_of_one_user_leaves_others_their_seats() {
    alone(|| {
        if !is_root() {
            return;
        }
        share_directory();
        let _server = create("p");
        let patient = Client::connect("p");
        let crowd = as_nobody(|| (0..400).map(|_| Client::connect("p")).collect::<Vec<_>>());
        // The first of the crowd had to go for the last ones, and not the one that came before all.
        until("the first of the crowd is sent away", || {
            rustix::net::recv(&crowd[0].0, &mut [0; 9], rustix::net::RecvFlags::DONTWAIT)
                .is_ok_and(|(count, _)| count == 0)
        });
        patient.send(&request(QUERY, 0));
        assert_eq!(patient.receive().unwrap().code(), 0);
    });
}

/// Whoever made the folder could put another socket in the place of the server's.
#[test]
fn nobody_serves_in_a_folder_of_a_stranger() {
    alone(|| {
        if !is_root() {
            return;
        }
        share_directory();
        as_nobody(|| std::fs::create_dir(directory().join("p")).unwrap());
        let created = exact::create(&name("p"), &CreateOptions::default());
        assert_eq!(created.err(), DENIED);
        // Nor in one of his own that others can write in.
        std::fs::create_dir(directory().join("q")).unwrap();
        set_mode(&directory().join("q"), 0o777);
        let created = exact::create(&name("q"), &CreateOptions::default());
        assert_eq!(created.err(), DENIED);
    });
}

#[test]
fn a_directory_that_cannot_be_written() {
    alone(|| {
        if !is_root() {
            return;
        }
        std::fs::create_dir_all(directory()).unwrap();
        set_mode(&directory(), 0o555);
        as_nobody(|| {
            let created = exact::create(&name("p"), &CreateOptions::default());
            assert_eq!(created.err(), DENIED);
            assert_eq!(opens(BOTH), Some(Win32Error::FILE_NOT_FOUND));
            assert!(exact::list().unwrap().is_empty());
        });
        // Root does not ask; its pipe works for others nevertheless.
        let _server = create("p");
        as_nobody(|| assert_eq!(opens(DesiredAccess::READ), None));
    });
}

#[test]
fn a_directory_that_cannot_be_entered() {
    alone(|| {
        if !is_root() {
            return;
        }
        let _server = create("p"); // in a directory that it made for itself alone
        as_nobody(|| {
            assert_eq!(opens(DesiredAccess::READ), DENIED);
            assert_eq!(exact::list().err(), DENIED);
        });
    });
}

/// The directory of the user's own: `dotpipe` in `$XDG_RUNTIME_DIR`.
#[test]
fn a_private_directory_must_be_private() {
    if Path::new("/run/dotpipe").exists() {
        return; // it comes first
    }
    let runtime = tempfile::tempdir().unwrap();
    let private = runtime.path().join("dotpipe");
    let says = |code: &str| {
        let mut child = again("hostile::users::the_private_directory");
        child
            .env_remove("DOTPIPE_DIR")
            .env("XDG_RUNTIME_DIR", runtime.path())
            .env(EXPECTED, code);
        wait_for(&mut child.spawn().unwrap());
    };
    says("0");
    assert!(private.is_dir());
    set_mode(&private, 0o777);
    says("5");
    set_mode(&private, 0o700);
    says("0");
    if is_root() {
        std::os::unix::fs::chown(&private, Some(NOBODY), None).unwrap();
        says("5");
    }
    std::fs::remove_dir_all(&private).unwrap();
    symlink("/tmp", &private).unwrap();
    says("3");
}

const EXPECTED: &str = "DOTPIPE_HOSTILE_EXPECTED";

/// What creating a pipe says in a process of its own; see above, where it is started.
#[test]
fn the_private_directory() {
    let Ok(expected) = std::env::var(EXPECTED) else {
        return;
    };
    let created = exact::create(&name("p"), &CreateOptions::default());
    let code = created.err().map_or(0, |code| code.0);
    assert_eq!(code.to_string(), expected);
}
