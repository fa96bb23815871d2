//! Files in the namespace that do not belong there: left by the dead, by other programs, by mistake.

use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use dotpipe::exact;
use dotpipe::win32::Win32Error;

use crate::support::*;

/// The folder of the pipe `p`, without a server.
fn folder() -> PathBuf {
    let path = directory().join("p");
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// A server comes, a client finds it, and both go.
fn a_pipe_works() {
    let server = create("p");
    let client = exact::open(&name("p"), BOTH).unwrap();
    assert_eq!(client.write(b"hello"), Ok(5));
    assert_eq!(server.read(&mut [0; 9]).unwrap().len, 5);
    assert_eq!(exact::status(&name("p")).unwrap().instances.connected, 1);
    drop((client, server));
    assert_eq!(
        exact::open(&name("p"), BOTH).err(),
        Some(Win32Error::FILE_NOT_FOUND)
    );
}

const RECORD: &str = "dotpipe 1\npipe 0000000000001234\ntype byte\naccess duplex\nmax 1\ntimeout 0\n\
                      instances 1\nout 0\nin 0\npid 1\nsince 5\nremote reject\n\
                      security D:(A;;GA;;;WD)\nname p";

#[test]
fn what_dead_servers_left_is_removed() {
    alone(|| {
        let folder = folder();
        drop(Server::listen("p", "1-dead"));
        std::fs::write(folder.join("1-dead.record"), RECORD).unwrap();
        std::fs::write(folder.join("2-dead.new"), "").unwrap();
        std::fs::write(folder.join("lock"), "").unwrap();
        assert_eq!(
            exact::open(&name("p"), BOTH).err(),
            Some(Win32Error::FILE_NOT_FOUND)
        );
        assert!(!folder.exists(), "a client that finds nobody tidies up");

        std::fs::create_dir(&folder).unwrap();
        drop(Server::listen("p", "1-dead"));
        std::fs::write(folder.join("1-dead.record"), RECORD).unwrap();
        // Its maximum was one, which the dead do not use up.
        a_pipe_works();
        assert!(!folder.exists());
    });
}

#[test]
fn strange_files_beside_the_folders_disturb_nobody() {
    alone(|| {
        folder();
        let strange = [
            std::ffi::OsString::from_vec(b"\xff\xfe".to_vec()),
            "..x".into(),
            "file".into(),
            "with space".into(),
        ];
        for file in strange {
            std::fs::write(directory().join(file), "junk").unwrap();
        }
        std::fs::create_dir(directory().join("empty")).unwrap();
        symlink("/etc", directory().join("link")).unwrap();
        a_pipe_works();
        let _server = create("p");
        let pipes = exact::list().unwrap();
        assert_eq!(pipes.len(), 1);
        assert_eq!(pipes[0].name, name("P"));
    });
}

/// What cannot be a record of a server is none.
#[test]
fn strange_files_in_the_folder_disturb_nobody() {
    alone(|| {
        let folder = folder();
        symlink("/dev/null", folder.join("1-1.record")).unwrap();
        symlink("/nowhere", folder.join("2-2.socket")).unwrap();
        std::fs::create_dir(folder.join("3-3.record")).unwrap();
        std::fs::write(folder.join("4-4.record"), vec![0xff; 100_000]).unwrap();
        std::fs::write(folder.join("5-5.socket"), "a file").unwrap();
        drop(Server::listen("p", "6-6"));
        std::fs::rename(folder.join("6-6.socket"), folder.join("6-6.record")).unwrap();
        std::fs::write(folder.join("readme"), "junk").unwrap();
        a_pipe_works();
        a_pipe_works();
        assert!(folder.join("readme").exists(), "not ours to remove");
    });
}

#[test]
fn a_file_or_a_link_in_the_place_of_the_folder() {
    alone(|| {
        std::fs::create_dir_all(directory()).unwrap();
        std::fs::write(directory().join("p"), "junk").unwrap();
        symlink("/tmp", directory().join("q")).unwrap();
        for text in ["p", "q"] {
            let created = exact::create(&name(text), &Default::default());
            assert_eq!(created.err(), Some(Win32Error::PATH_NOT_FOUND), "{text}");
            assert_eq!(
                exact::open(&name(text), BOTH).err(),
                Some(Win32Error::FILE_NOT_FOUND)
            );
            assert_eq!(
                exact::status(&name(text)).err(),
                Some(Win32Error::FILE_NOT_FOUND)
            );
        }
    });
}

/// A server of a later version lives: what its rules are is unknown, so nobody joins it.
#[test]
fn a_live_record_of_another_version() {
    alone(|| {
        let folder = folder();
        let path = folder.join("1-later.record");
        std::fs::write(&path, RECORD.replace("dotpipe 1", "dotpipe 9")).unwrap();
        let alive = Server::listen("p", "1-later");
        let created = exact::create(&name("p"), &Default::default());
        assert_eq!(created.err(), Some(Win32Error::GEN_FAILURE));
        assert!(exact::list().unwrap().is_empty());
        drop(alive);
        a_pipe_works();
    });
}

/// A live server that does not answer: its instances are counted, and how they are is unknown.
#[test]
fn a_live_record_without_a_server() {
    alone(|| {
        let folder = folder();
        let path = folder.join("1-mute.record");
        std::fs::write(&path, RECORD).unwrap();
        // A dead socket with the same process number is not asked in its place.
        drop(Server::listen("p", "1-dead"));
        let _mute = Server::listen("p", "1-mute");
        let status = exact::status(&name("p")).unwrap();
        assert_eq!((status.instances.unknown, status.instances.total()), (1, 1));
        assert_eq!(exact::list().unwrap(), [status]);
        let created = exact::create(&name("p"), &Default::default());
        assert_eq!(created.err(), Some(Win32Error::PIPE_BUSY));
    });
}

/// The folder of a new pipe may get the very number that the removed one had.
#[test]
fn a_namespace_that_is_removed_under_a_server() {
    alone(|| {
        let first = create("p");
        std::fs::remove_dir_all(directory()).unwrap();
        assert_eq!(
            exact::open(&name("p"), BOTH).err(),
            Some(Win32Error::FILE_NOT_FOUND)
        );
        for text in ["q", "p"] {
            let server = create(text);
            let _client = exact::open(&name(text), BOTH).unwrap();
            assert_eq!(server.connect(), Err(Win32Error::PIPE_CONNECTED));
        }
        let second = create("p");
        drop(first);
        let _client = exact::open(&name("p"), BOTH).unwrap();
        assert_eq!(second.connect(), Err(Win32Error::PIPE_CONNECTED));
    });
}

#[test]
fn the_mask_of_new_files_decides_nothing() {
    alone(|| {
        use std::os::unix::fs::MetadataExt;
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
        let _server = create("p");
        let folder = directory().join("p");
        let mode = |path: PathBuf| std::fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!(mode(folder.clone()), 0o755);
        for file in std::fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            let expected = match path.extension().and_then(|ending| ending.to_str()) {
                Some("record") => 0o644,
                Some("socket") => 0o666,
                _ => 0o600,
            };
            assert_eq!(mode(path.clone()), expected, "{path:?}");
        }
    });
}
