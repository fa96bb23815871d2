//! What SMB or Samba does not carry is refused, and clearly so.

use dotpipe::exact;
use dotpipe::options::{PipeMode, WaitMode, WaitTimeout};
use dotpipe::win32::Win32Error;

use crate::support::served::echo;
use crate::support::{Served, Settings, Smbd, Type};
use crate::{open, open_messages};

#[test]
fn what_samba_does_not_carry_is_not_supported() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let end = open_messages(&smbd, "echo");
    let not_supported = Win32Error::NOT_SUPPORTED;
    assert_eq!(end.flush(), Err(not_supported));
    assert_eq!(end.info().err(), Some(not_supported));
    assert_eq!(end.state().err(), Some(not_supported));
    assert_eq!(end.peer_process_id().err(), Some(not_supported));
    let modes = end.set_state(PipeMode::Message, WaitMode::NonBlocking);
    assert_eq!(modes, Err(not_supported));
    // It would vanish on the way.
    assert_eq!(end.write(b""), Err(not_supported));
    assert_eq!(end.transact(b"", &mut [0; 9]), Err(not_supported));
    // The conversation goes on all the same.
    assert_eq!(end.write(b"x"), Ok(1));

    let name = smbd.pipe("echo");
    assert_eq!(exact::status(&name).err(), Some(not_supported));
}

#[test]
fn what_only_a_server_does_is_an_invalid_function() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let end = open(&smbd, "echo");
    assert_eq!(end.connect(), Err(Win32Error::INVALID_FUNCTION));
    assert_eq!(end.disconnect(), Err(Win32Error::INVALID_FUNCTION));
    assert_eq!(
        exact::create(&smbd.pipe("echo"), &Default::default()).err(),
        Some(Win32Error::INVALID_NAME)
    );
    // In byte read mode nothing says that the pipe carries messages.
    assert_eq!(end.write(b""), Ok(0));
}

#[test]
fn rights_that_were_not_asked_for_are_missing() {
    use dotpipe::options::DesiredAccess;

    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let _served = Served::start(&smbd, "echo", Type::Message, echo);
    let denied = Win32Error::ACCESS_DENIED;
    let open = |access| exact::open_remote(&smbd.pipe("echo"), access, None, &smbd.options());
    let reader = open(DesiredAccess::READ).unwrap();
    assert_eq!(reader.write(b"x"), Err(denied));
    assert_eq!(
        reader.set_state(PipeMode::Message, WaitMode::Blocking),
        Err(denied)
    );
    let writer = open(DesiredAccess::WRITE).unwrap();
    assert_eq!(writer.read(&mut [0; 9]), Err(denied));
    assert_eq!(writer.peek(&mut []), Err(denied));
    assert_eq!(writer.write(b"x"), Ok(1));
    let neither = open(DesiredAccess::empty()).unwrap();
    assert_eq!(neither.write(b"x"), Err(denied));
}

#[test]
fn waiting_without_opening_needs_a_server_that_can() {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let served = Served::start(&smbd, "echo", Type::Message, echo);
    let waited = exact::wait_remote(&smbd.pipe("echo"), WaitTimeout::Default, &smbd.options());
    // Samba can from 4.25 on.
    assert!(
        matches!(waited, Ok(()) | Err(Win32Error::NOT_SUPPORTED)),
        "{waited:?}"
    );
    assert_eq!(served.requests().len(), usize::from(waited.is_ok()));
}
