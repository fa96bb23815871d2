//! [`Door`]: the socket of one pipe, and the clients that come through it.
//!
//! Layer: over `request` and `conversation`. The rules it owns: every client of Samba is answered within a limit,
//! whatever the pipe's server does, since `smbd` holds up all else of that client meanwhile; and what one pipe may
//! take of this process is limited, so that the others have theirs (its threads: [`threads`](super::threads)).

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use dotpipe::error::Error;
use dotpipe::exact;
use dotpipe::name::PipeName;
use dotpipe::options::{Access, PipeMode};
use dotpipe::security::RemoteClient;
use dotpipe::tokio::{ClientOptions, NamedPipeClient};
use dotpipe::win32::Win32Error;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::conversation::Conversation;
use super::event::Event;
use super::identity;
use super::place::Bound;
use super::request::{self, Refusal, Strange};
use super::threads::ThreadsOfAPipe;
use crate::npa::Request;

/// How long a client waits at most until it is let in or turned away.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// How many clients of one pipe may be between their coming and their answer; others wait in the socket's queue.
const MOST_COMING: usize = 32;
/// What the server may do with the client's identity. The client's own word on it Samba does not pass on: this is what
/// Windows takes for a client that says nothing.
const SECURITY_IMPERSONATION: u32 = 0x2_0000;
/// The pause after a client could not be accepted, as when there are too many open files.
const PAUSE: Duration = Duration::from_secs(1);

/// What all doors of an export share.
pub(super) struct House {
    pub(super) log: Box<dyn Fn(&Event) + Send + Sync>,
    pub(super) patience: Duration,
    /// How many clients a pipe may have at once.
    pub(super) most_clients: usize,
    /// It is time to look which pipes there are.
    pub(super) look: Notify,
}

impl House {
    pub(super) fn tell(&self, event: Event) {
        (self.log)(&event);
    }
}

/// A pipe that is exported. When this is dropped its socket is gone, and clients that are in stay.
pub(super) struct Door {
    bound: Bound,
    threads: ThreadsOfAPipe,
    accepting: AbortHandle,
}

impl Door {
    /// Opens the door of a pipe. Clients leave when `stopped` says so.
    pub(super) fn open(
        pipe: PipeName,
        socket: &Path,
        threads: ThreadsOfAPipe,
        house: Arc<House>,
        stopped: watch::Receiver<bool>,
    ) -> io::Result<Door> {
        let (bound, listener) = Bound::bind(socket)?;
        let hall = Hall {
            coming: Arc::new(Semaphore::new(MOST_COMING)),
            threads: threads.clone(),
            seats: Arc::new(Semaphore::new(house.most_clients)),
            pipe,
            house,
            stopped,
        };
        let accepting = tokio::spawn(Arc::new(hall).accept(listener));
        Ok(Door {
            bound,
            threads,
            accepting: accepting.abort_handle(),
        })
    }

    /// Whether Samba still finds it.
    pub(super) fn stands(&self) -> bool {
        self.bound.stands()
    }

    /// The pipe's threads, for another door of it.
    pub(super) fn threads(&self) -> ThreadsOfAPipe {
        self.threads.clone()
    }

    pub(super) fn socket(&self) -> &Path {
        self.bound.path()
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// What the clients of one pipe share.
struct Hall {
    pipe: PipeName,
    house: Arc<House>,
    coming: Arc<Semaphore>,
    threads: ThreadsOfAPipe,
    seats: Arc<Semaphore>,
    stopped: watch::Receiver<bool>,
}

/// An instance that has been opened for a client.
struct Opened {
    client: NamedPipeClient,
    access: Access,
    pipe_type: PipeMode,
    _seat: OwnedSemaphorePermit,
}

/// A client that is turned away, and why.
struct Turned {
    how: Refusal,
    reason: String,
}

impl Hall {
    async fn accept(self: Arc<Self>, listener: UnixListener) {
        // The semaphore is never closed.
        while let Ok(coming) = self.coming.clone().acquire_owned().await {
            match listener.accept().await {
                Ok((stream, _)) => {
                    tokio::spawn(self.clone().receive(stream, coming));
                }
                Err(error) => {
                    let name = self.pipe.name();
                    let reason = format!("{name}: no client can be accepted: {error}");
                    self.house.tell(Event::Trouble { reason });
                    sleep(PAUSE).await;
                }
            }
        }
    }

    /// One client, from its coming to its end.
    async fn receive(self: Arc<Self>, stream: UnixStream, coming: OwnedSemaphorePermit) {
        let pipe = &self.pipe;
        let limit = Instant::now() + ANSWER_TIME;
        let request = match timeout_at(limit, request::receive(&stream)).await {
            Ok(Ok(request)) => request,
            Ok(Err(strange)) => return self.wonder(strange),
            Err(_) => return self.wonder(Strange::Request("it does not come".into())),
        };
        let visitor = identity::visitor(&request);
        if request.client.probe {
            // Whether it is in time is its own affair.
            let _ = timeout_at(limit, self.answer_probe(&stream, &request)).await;
            return;
        }
        let opened = match timeout_at(limit, self.open(&request)).await {
            Ok(opened) => opened,
            Err(_) => Err(Turned {
                how: Refusal::Busy,
                reason: "the pipe's server does not answer".into(),
            }),
        };
        let opened = match opened {
            Ok(opened) => opened,
            Err(Turned { how, reason }) => {
                // First the log, so that who is refused finds it there.
                self.house.tell(Event::Refused {
                    pipe: pipe.clone(),
                    visitor,
                    reason,
                });
                return request::turn_away(stream, how).await;
            }
        };
        let messages = opened.pipe_type == PipeMode::Message;
        match timeout(ANSWER_TIME, request::accept(&stream, &request, messages)).await {
            Ok(Ok(())) => {}
            // It has gone meanwhile.
            Ok(Err(_)) | Err(_) => return,
        }
        drop(coming);
        self.house.tell(Event::Opened {
            pipe: pipe.clone(),
            visitor: visitor.clone(),
        });
        let conversation = Conversation {
            pipe,
            visitor: &visitor,
            stream,
            client: opened.client,
            access: opened.access,
            pipe_type: opened.pipe_type,
            patience: self.house.patience,
            tell: &|event| self.house.tell(event),
        };
        let mut stopped = self.stopped.clone();
        let stop = async move {
            // Whoever would say so has gone: that is the same.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        conversation.run(stop).await;
    }

    fn wonder(&self, strange: Strange) {
        let reason = match strange {
            Strange::Nothing => return,
            Strange::User(user) => format!("user {user} is not Samba"),
            Strange::Request(what) => format!("what it sent is no request of Samba: {what}"),
        };
        let pipe = self.pipe.clone();
        self.house.tell(Event::Stranger { pipe, reason });
    }

    /// Samba asks on behalf of a client that waits whether the pipe is there. No instance is taken.
    async fn answer_probe(&self, stream: &UnixStream, request: &Request) -> io::Result<()> {
        let pipe = self.pipe.clone();
        let status = match self.threads.ask(move || exact::status(&pipe)).await {
            Some(Ok(status)) => status,
            _ => {
                self.house.look.notify_one();
                return Ok(());
            }
        };
        let messages = status.pipe_type == Some(PipeMode::Message);
        request::accept(stream, request, messages).await?;
        // It has what it wanted and goes.
        stream.readable().await
    }

    /// Opens an instance in the client's name.
    async fn open(&self, request: &Request) -> Result<Opened, Turned> {
        let busy = |reason: String| Turned {
            how: Refusal::Busy,
            reason,
        };
        let Ok(seat) = self.seats.clone().try_acquire_owned() else {
            let most = self.house.most_clients;
            return Err(busy(format!(
                "{most} clients of other machines are there already"
            )));
        };
        let claim = identity::claim(request).map_err(|reason| Turned {
            how: Refusal::Denied,
            reason: reason.into(),
        })?;
        let pipe = self.pipe.clone();
        match self.threads.ask(move || open_now(&pipe, claim)).await {
            Some(Ok((client, access, pipe_type))) => Ok(Opened {
                client,
                access,
                pipe_type,
                _seat: seat,
            }),
            Some(Err(error)) => Err(self.turned(&error)),
            None => Err(busy("the export ends".into())),
        }
    }

    fn turned(&self, error: &Error) -> Turned {
        if error.is_not_found() {
            self.house.look.notify_one();
        }
        Turned {
            how: refusal(error.code()),
            reason: error.to_string(),
        }
    }
}

/// How a client is turned away whose instance could not be opened: it is *busy* if coming again may help, since that is
/// what clients do then. One that comes again to a pipe that has gone finds no socket any more, and hears so from Samba.
fn refusal(code: Win32Error) -> Refusal {
    match code {
        // Too much to say of somebody is a claim that cannot be made.
        Win32Error::ACCESS_DENIED | Win32Error::INVALID_PARAMETER | Win32Error::NOT_SUPPORTED => {
            Refusal::Denied
        }
        _ => Refusal::Busy,
    }
}

/// Opens an instance for all that the pipe lets a client do: what this one asked for, Samba does not say.
fn open_now(
    pipe: &PipeName,
    claim: RemoteClient,
) -> dotpipe::Result<(NamedPipeClient, Access, PipeMode)> {
    let told = |code| Error::new("open", Some(pipe), code);
    // Asked anew each time: the name may be another pipe's since the last look.
    let status = exact::status(pipe).map_err(told)?;
    if status.reject_remote_clients == Some(true) {
        let hint = "it is for clients of this machine only: have its server create it with \
                    reject_remote_clients(false)";
        return Err(told(Win32Error::ACCESS_DENIED).with_hint(hint));
    }
    let (Some(access), Some(pipe_type)) = (status.access, status.pipe_type) else {
        return Err(told(Win32Error::NOT_SUPPORTED));
    };
    let mut options = ClientOptions::new();
    options
        .read(access.is_outbound())
        .write(access.is_inbound())
        .pipe_mode(pipe_type)
        .security_qos_flags(SECURITY_IMPERSONATION)
        .on_behalf_of(claim);
    let opened = options.open(pipe.to_string());
    let opened = opened.map_err(|error| match Error::from_io(&error) {
        Some(told) => told.clone(),
        None => told(dotpipe::tokio::win32_code(&error).unwrap_or(Win32Error::GEN_FAILURE)),
    })?;
    let info = opened.info().map_err(|_| told(Win32Error::PIPE_BUSY))?;
    if info.mode != pipe_type {
        // It has become another pipe just now.
        return Err(told(Win32Error::PIPE_BUSY));
    }
    Ok((opened, access, pipe_type))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_told_to_come_again_for_what_time_does_not_change() {
        for (code, how) in [
            (Win32Error::ACCESS_DENIED, Refusal::Denied),
            (Win32Error::INVALID_PARAMETER, Refusal::Denied),
            (Win32Error::NOT_SUPPORTED, Refusal::Denied),
            (Win32Error::PIPE_BUSY, Refusal::Busy),
            (Win32Error::FILE_NOT_FOUND, Refusal::Busy),
            (Win32Error::SEM_TIMEOUT, Refusal::Busy),
            (Win32Error::TOO_MANY_OPEN_FILES, Refusal::Busy),
        ] {
            assert_eq!(refusal(code), how, "{code}");
        }
    }
}
