//! Ends that a child is told of by their number, and descriptors that come from elsewhere.

use std::io::{Read, Write};
#[cfg(unix)]
use std::os::fd::OwnedFd as Owned;
#[cfg(windows)]
use std::os::windows::io::OwnedHandle as Owned;
#[cfg(unix)]
use std::process::{Command, Stdio};

#[cfg(unix)]
use dotpipe::anonymous::Options;
use dotpipe::anonymous::{self, PipeReader, PipeWriter};
use dotpipe::exact::AnonymousEnd;
use dotpipe::win32::Win32Error;

#[cfg(unix)]
use crate::spawn;
use crate::{no_child_starts, soon};

#[cfg(unix)]
#[test]
fn a_child_reads_the_end_that_it_is_told_of() {
    let (reader, mut writer) = Options::new().inheritable_reader(true).create().unwrap();
    let mut child = spawn(
        Command::new("cat")
            .arg(format!("/dev/fd/{}", reader.number()))
            .stdout(Stdio::piped()),
    );
    drop(reader);
    writer.write_all(b"by argument").unwrap();
    drop(writer);
    let mut text = String::new();
    child
        .stdout
        .take()
        .unwrap()
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text, "by argument");
    assert!(child.wait().unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_child_writes_the_end_that_it_is_told_of() {
    let (mut reader, writer) = Options::new().inheritable_writer(true).create().unwrap();
    let mut child = spawn(
        Command::new("sh")
            .args(["-c", "echo by environment > /dev/fd/$PIPE"])
            .env("PIPE", writer.number().to_string()),
    );
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "by environment\n");
    assert!(child.wait().unwrap().success());
}

#[cfg(unix)]
#[test]
fn a_child_gets_no_end_that_it_was_not_given() {
    let (reader, writer) = anonymous::pipe().unwrap();
    let sees = |number: u32| {
        // The pipe itself, and not only the number, which the child may use for something else.
        let theirs = Command::new("readlink")
            .arg(format!("/proc/self/fd/{number}"))
            .output();
        let ours = std::fs::read_link(format!("/proc/self/fd/{number}")).unwrap();
        theirs.unwrap().stdout.trim_ascii_end() == ours.as_os_str().as_encoded_bytes()
    };
    assert!(!sees(reader.number()) && !sees(writer.number()));
    reader.set_inheritable(true).unwrap();
    assert!(sees(reader.number()) && !sees(writer.number()));
    reader.set_inheritable(false).unwrap();
    assert!(!sees(reader.number()));
}

/// The number is opened as a child would, only that the child is this process.
#[test]
fn an_inherited_number_leads_to_its_pipe() {
    let (reader, writer) = anonymous::pipe().unwrap();
    let mut reader_again = PipeReader::from_inherited(&reader.number().to_string()).unwrap();
    let mut writer_again = PipeWriter::from_inherited(&writer.number().to_string()).unwrap();
    writer_again.write_all(b"through both").unwrap();
    let mut buffer = [0; 12];
    reader_again.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"through both");

    // The number stays open, and the pipe with it.
    drop(writer_again);
    let waiting = reader_again.exact().read_until(&mut buffer, soon());
    assert_eq!(waiting, Err(Win32Error::SEM_TIMEOUT));
    drop(writer);
    assert_eq!(reader_again.read(&mut buffer).unwrap(), 0);
}

#[test]
fn a_reopened_end_keeps_the_rules_of_writing() {
    let _quiet = no_child_starts();
    let (reader, writer) = anonymous::pipe().unwrap();
    let again = PipeWriter::from_inherited(&writer.number().to_string()).unwrap();
    let data = crate::fill(3_000_000, 9);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| again.exact().write(&data));
        let mut buffer = [0; 100];
        assert_eq!(reader.exact().read(&mut buffer).unwrap().len, 100);
        assert_eq!(buffer, data[..100]);
        drop(reader);
        assert_eq!(waiting.join().unwrap(), Err(Win32Error::BROKEN_PIPE));
    });
    assert_eq!(again.exact().write(b"x"), Err(Win32Error::NO_DATA));
}

#[test]
fn a_number_of_no_pipe_is_refused() {
    let (reader, _writer) = anonymous::pipe().unwrap();
    let file = AnyFile::open();
    let code = |number: &str| PipeWriter::from_inherited(number).unwrap_err().code();
    assert_eq!(code("no number"), Win32Error::INVALID_PARAMETER);
    assert_eq!(code("-1"), Win32Error::INVALID_PARAMETER);
    assert_eq!(code("4000000000"), Win32Error::INVALID_HANDLE);
    assert_eq!(code(&file.number().to_string()), Win32Error::INVALID_HANDLE);
    assert_eq!(
        code(&reader.number().to_string()),
        Win32Error::ACCESS_DENIED
    );
}

#[test]
fn a_descriptor_from_elsewhere_becomes_an_end() {
    let (theirs, mut writer) = std::io::pipe().unwrap();
    let mut reader = PipeReader::try_from(Owned::from(theirs)).unwrap();
    writer.write_all(b"abc").unwrap();
    drop(writer);
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    assert_eq!(text, "abc");
    // What Windows gave it, is not known here.
    #[cfg(unix)]
    assert_eq!(reader.exact().info().unwrap().in_quota, 65536);

    let (reader, _writer) = anonymous::pipe().unwrap();
    let duplicate = Owned::from(reader.try_clone().unwrap());
    let refused = PipeWriter::try_from(duplicate).unwrap_err();
    assert_eq!(refused.code(), Win32Error::ACCESS_DENIED);
    let file = Owned::from(AnyFile::open().0);
    assert_eq!(
        AnonymousEnd::try_from(file).unwrap_err(),
        Win32Error::INVALID_HANDLE
    );
}

/// An open file that is no pipe.
struct AnyFile(std::fs::File);

impl AnyFile {
    fn open() -> AnyFile {
        AnyFile(std::fs::File::open(std::env::current_exe().unwrap()).unwrap())
    }

    #[cfg(unix)]
    fn number(&self) -> i32 {
        std::os::fd::AsRawFd::as_raw_fd(&self.0)
    }

    #[cfg(windows)]
    fn number(&self) -> usize {
        std::os::windows::io::AsRawHandle::as_raw_handle(&self.0).addr()
    }
}
