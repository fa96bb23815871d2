//! One client and its instance of the pipe: what each says is passed on to the other, until one of them goes.
//!
//! Layer: between two streams. The rules it owns: what goes which way, what cannot be carried, and how a conversation
//! ends. The two directions do not wait for each other. In each at most one message, or 64 KiB of bytes, is kept
//! here, and nothing while nothing is on its way; toward the server, the pipe keeps one more if it is larger than the
//! quota.

use std::io;
use std::time::Duration;

use dotpipe::name::PipeName;
use dotpipe::options::{Access, PipeMode};
use dotpipe::tokio::{NamedPipeClient, OwnedReadHalf, OwnedWriteHalf, win32_code};
use dotpipe::win32::Win32Error;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::UnixStream;
use tokio::time::{sleep, timeout};

use super::event::{Event, Visitor};
use super::transfer::{self, Frame};
use crate::npa::{LONGEST_FRAME, frame};

/// The most bytes that are passed on at once on a byte pipe.
const PIECE: usize = 64 << 10;
/// How long a frame may take to its end, and `smbd` to fetch it, when the export stops.
const FAREWELL: Duration = Duration::from_secs(2);

/// A client that has been let in.
pub(super) struct Conversation<'a> {
    pub(super) pipe: &'a PipeName,
    pub(super) visitor: &'a Visitor,
    pub(super) stream: UnixStream,
    pub(super) client: NamedPipeClient,
    pub(super) access: Access,
    pub(super) pipe_type: PipeMode,
    /// How long the client may take to fetch what the server wrote before it went.
    pub(super) patience: Duration,
    pub(super) tell: &'a (dyn Fn(Event) + Sync),
}

/// How a conversation comes to its end.
enum Ending {
    /// The client has closed the pipe, or its machine or `smbd` has gone.
    Client,
    /// The server has closed its end, has disconnected, or has died.
    Server,
    /// One of them did what cannot be passed on.
    Impossible(String),
    /// The server has gone long since, and the client does not fetch what it has said.
    Overdue,
    /// The export stops.
    Stopped,
}

impl Conversation<'_> {
    /// Passes on until the end, or until `stop`.
    pub(super) async fn run(self, stop: impl Future<Output = ()>) {
        let Conversation {
            stream,
            client,
            access,
            pipe_type,
            ..
        } = self;
        let (reader, mut writer) = client.into_split();
        let mut outgoing = Frame::default();
        let note = |reason: String| {
            (self.tell)(Event::Dropped {
                pipe: self.pipe.clone(),
                visitor: self.visitor.clone(),
                reason,
            });
        };
        let ending = tokio::select! {
            ending = to_client(&reader, &stream, &mut outgoing, access, pipe_type, self.patience, &note) => ending,
            ending = to_server(&stream, &mut writer, access, pipe_type) => ending,
            () = stop => Ending::Stopped,
        };
        // The server may serve the next client while this one fetches the rest.
        drop((reader, writer));
        let patience = match &ending {
            Ending::Client | Ending::Overdue => return,
            Ending::Server | Ending::Impossible(_) => self.patience,
            Ending::Stopped => FAREWELL,
        };
        if let Ending::Impossible(reason) = ending {
            (self.tell)(Event::BrokenOff {
                pipe: self.pipe.clone(),
                visitor: self.visitor.clone(),
                reason,
            });
        }
        let linger = match pipe_type {
            PipeMode::Byte if outgoing.has_begun() => transfer::LINGER,
            _ => Duration::ZERO,
        };
        let rest = async {
            if outgoing.finish(&stream).await.is_ok() {
                transfer::drain(&stream, linger).await;
            }
        };
        // A client that does not fetch it in this time does not get it.
        let _ = timeout(patience, rest).await;
    }
}

/// Passes on what the server says.
async fn to_client(
    pipe: &OwnedReadHalf,
    stream: &UnixStream,
    outgoing: &mut Frame,
    access: Access,
    pipe_type: PipeMode,
    patience: Duration,
    note: &impl Fn(String),
) -> Ending {
    let mut noted = false;
    loop {
        // Nothing is kept for a server that has nothing to say. It also tells of the end of one that may not
        // say anything.
        if pipe.readable().await.is_err() || !access.is_outbound() {
            return Ending::Server;
        }
        let next = match pipe_type {
            PipeMode::Message => next_message(pipe).await,
            PipeMode::Byte => next_bytes(pipe),
        };
        match next {
            Ok(Next::Frame(frame)) => outgoing.begin(frame),
            Ok(Next::Nothing) => continue,
            Ok(Next::EmptyMessage) => {
                if !noted {
                    note("Samba carries no empty messages; told once".into());
                    noted = true;
                }
                continue;
            }
            Ok(Next::TooLong) => {
                let text = "the server wrote a message of more than 65535 bytes, which Samba does not carry";
                return Ending::Impossible(text.into());
            }
            Err(_) => return Ending::Server,
        }
        let sent = tokio::select! {
            sent = outgoing.finish(stream) => sent,
            () = gone_for(pipe, patience) => return Ending::Overdue,
        };
        if sent.is_err() {
            // It has gone. What it said before goes on to the server, which may wait for us to hear it meanwhile.
            let _ = timeout(patience, discard(pipe)).await;
            return Ending::Client;
        }
    }
}

/// Ready when the server has been gone for so long.
async fn gone_for(pipe: &OwnedReadHalf, patience: Duration) {
    const PAUSE: Duration = Duration::from_millis(500);
    while let Ok(ready) = pipe.ready(Interest::READABLE).await
        && !ready.is_read_closed()
    {
        sleep(PAUSE).await;
    }
    sleep(patience).await;
}

/// Takes what the server says until it has gone.
async fn discard(pipe: &OwnedReadHalf) {
    while pipe.readable().await.is_ok() && next_bytes(pipe).is_ok() {}
}

/// What the server has said.
enum Next {
    Frame(Vec<u8>),
    /// Somebody else has taken it, or it was not for this end.
    Nothing,
    EmptyMessage,
    TooLong,
}

/// The next message, with its length in front. Whole: a server that dies in the midst of one has not said it.
async fn next_message(pipe: &OwnedReadHalf) -> io::Result<Next> {
    const HEADER: usize = 2;
    let mut bytes = vec![0; HEADER + LONGEST_FRAME];
    let mut len = 0;
    loop {
        let received = pipe.recv_into(&mut bytes[HEADER + len..]).await?;
        len += received.len;
        if !received.more {
            break;
        }
        if len == LONGEST_FRAME {
            return Ok(Next::TooLong);
        }
    }
    let Ok(header) = frame(len) else {
        return Ok(Next::EmptyMessage);
    };
    bytes[..HEADER].copy_from_slice(&header);
    bytes.truncate(HEADER + len);
    Ok(Next::Frame(bytes))
}

/// The next bytes.
fn next_bytes(pipe: &OwnedReadHalf) -> io::Result<Next> {
    let mut bytes = vec![0; PIECE];
    match pipe.try_read(&mut bytes) {
        Ok(0) => Err(io::ErrorKind::BrokenPipe.into()),
        Ok(len) => {
            bytes.truncate(len);
            Ok(Next::Frame(bytes))
        }
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Next::Nothing),
        Err(error) => Err(error),
    }
}

/// Passes on what the client says. When the server has gone, what the client says is thrown away, and the other
/// direction says when all that the server has written is fetched.
async fn to_server(
    stream: &UnixStream,
    pipe: &mut OwnedWriteHalf,
    access: Access,
    pipe_type: PipeMode,
) -> Ending {
    let mut is_heard = true;
    loop {
        // Nothing is kept for a client that has nothing to say.
        if stream.readable().await.is_err() {
            return Ending::Client;
        }
        let next = match pipe_type {
            PipeMode::Message => next_frame(stream).await,
            PipeMode::Byte => next_piece(stream),
        };
        let data = match next {
            Ok(Some(data)) => data,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            Ok(None) | Err(_) => return Ending::Client,
        };
        if !access.is_inbound() {
            let text = "the client wrote to a pipe from which it may only read";
            return Ending::Impossible(text.into());
        }
        if is_heard {
            let sent = match pipe_type {
                PipeMode::Message => pipe.send(&data).await.map_err(|error| error.code()),
                PipeMode::Byte => pipe
                    .write_all(&data)
                    .await
                    .map_err(|error| win32_code(&error).unwrap_or(Win32Error::GEN_FAILURE)),
            };
            is_heard = sent.is_ok();
        }
    }
}

/// The client's next message; `None` when it has gone.
async fn next_frame(stream: &UnixStream) -> io::Result<Option<Vec<u8>>> {
    let mut header = [0; 2];
    if transfer::fill(stream, &mut header).await? < header.len() {
        return Ok(None);
    }
    let mut message = vec![0; u16::from_le_bytes(header).into()];
    match transfer::fill(stream, &mut message).await? {
        len if len < message.len() => Ok(None),
        _ => Ok(Some(message)),
    }
}

/// The client's next bytes; `None` when it has gone.
fn next_piece(stream: &UnixStream) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; PIECE];
    let len = stream.try_read(&mut bytes)?;
    bytes.truncate(len);
    Ok((len > 0).then_some(bytes))
}
