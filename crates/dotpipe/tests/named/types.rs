//! What every type promises to the compiler.

use dotpipe::anonymous::{PipeReader, PipeWriter};
use dotpipe::name::{NameError, NameProblem};
use dotpipe::{error, exact, options, sync, win32};

fn goes_everywhere<T: Send + Sync + Unpin>() {}

#[test]
fn public_types_go_between_threads() {
    goes_everywhere::<PipeReader>();
    goes_everywhere::<PipeWriter>();
    goes_everywhere::<dotpipe::anonymous::Options>();
    goes_everywhere::<error::Error>();
    goes_everywhere::<exact::AnonymousEnd>();
    goes_everywhere::<exact::End>();
    goes_everywhere::<exact::HandleInfo>();
    goes_everywhere::<exact::InstanceCounts>();
    goes_everywhere::<exact::Pending<()>>();
    goes_everywhere::<exact::Pending<exact::ReceivedData>>();
    goes_everywhere::<exact::PipeStatus>();
    goes_everywhere::<NameError>();
    goes_everywhere::<NameProblem>();
    goes_everywhere::<dotpipe::PipeName>();
    goes_everywhere::<options::Access>();
    goes_everywhere::<options::CreateOptions>();
    goes_everywhere::<options::DesiredAccess>();
    goes_everywhere::<options::PipeEnd>();
    goes_everywhere::<options::PipeMode>();
    goes_everywhere::<options::WaitMode>();
    goes_everywhere::<options::WaitTimeout>();
    goes_everywhere::<sync::Canceller>();
    goes_everywhere::<sync::ClientOptions>();
    goes_everywhere::<sync::HandleState>();
    goes_everywhere::<sync::Incoming<'_>>();
    #[cfg(unix)]
    goes_everywhere::<sync::Interest>();
    goes_everywhere::<sync::NamedPipeClient>();
    goes_everywhere::<sync::NamedPipeServer>();
    goes_everywhere::<sync::OwnedReadHalf>();
    goes_everywhere::<sync::OwnedWriteHalf>();
    goes_everywhere::<sync::Peeked>();
    goes_everywhere::<sync::PipeInfo>();
    goes_everywhere::<sync::PipeListener>();
    goes_everywhere::<sync::ReadHalf<'_>>();
    goes_everywhere::<sync::Received>();
    goes_everywhere::<sync::ReuniteError>();
    goes_everywhere::<sync::ServerOptions>();
    goes_everywhere::<sync::WriteHalf<'_>>();
    goes_everywhere::<win32::Win32Error>();
}

#[test]
fn debug_shows_the_name() {
    let name = crate::support::unique_name("debug");
    let listener = dotpipe::ServerOptions::new().listen(&name).unwrap();
    let shown = format!("{name:?}");
    assert_eq!(format!("{listener:?}"), format!("PipeListener({shown})"));
    let client = dotpipe::ClientOptions::new().open(&name).unwrap();
    let server = listener.accept().unwrap();
    assert_eq!(format!("{server:?}"), format!("NamedPipeServer({shown})"));
    let (read, write) = client.into_split();
    assert_eq!(format!("{read:?}"), format!("OwnedReadHalf({shown})"));
    assert_eq!(format!("{write:?}"), format!("OwnedWriteHalf({shown})"));
}
