//! How ends of pipes on other machines come to be: open, wait, call.
//!
//! The rule it owns: how long it is waited for what.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use super::end::End;
use super::handle::Handle;
use super::options::SmbOptions;
use super::session::{Session, Target};
use super::{Failure, pool, runtime};
use crate::exact::{Received, Result};
use crate::name::PipeName;
use crate::options::{DesiredAccess, PipeMode, WaitMode, WaitTimeout};
use crate::win32::Win32Error;

/// The time-out of a pipe that does not tell its own.
const DEFAULT_TIMEOUT: Duration = Duration::from_millis(50);
/// The pauses between two attempts to open a pipe on a server that cannot wait for one.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));
/// How much longer than asked a server may take to say that time is up.
const GRACE: Duration = Duration::from_secs(2);

/// Opens a pipe; waits for an instance when all are busy, if that is wanted; not longer than until
/// `deadline`.
pub(crate) fn open_explained(
    name: &PipeName,
    access: DesiredAccess,
    wait: Option<WaitTimeout>,
    options: &SmbOptions,
    deadline: Option<Instant>,
) -> std::result::Result<End, Failure> {
    let server = name.server().ok_or(Win32Error::INVALID_NAME)?.to_owned();
    let opening = Opening {
        target: Target::new(&server, options)?,
        name: name.name().to_owned(),
        options: options.clone(),
        deadline,
    };
    let (handle, told) = runtime::run(opening.open(access, wait), None)??;
    Ok(End::new(handle, &server, access, told, options))
}

/// [`open_explained`], without the explanation.
pub(super) fn open(name: &PipeName, access: DesiredAccess) -> Result<End> {
    open_explained(name, access, None, &SmbOptions::new(), None).map_err(|failure| failure.code)
}

/// Waits until an instance listens, if the server can tell.
pub(crate) fn wait_explained(
    name: &PipeName,
    timeout: WaitTimeout,
    options: &SmbOptions,
) -> std::result::Result<(), Failure> {
    let server = name.server().ok_or(Win32Error::INVALID_NAME)?;
    let opening = Opening {
        target: Target::new(server, options)?,
        name: name.name().to_owned(),
        options: options.clone(),
        deadline: None,
    };
    let waiting = async move {
        let session = opening.session().await?;
        match wait_on(&session, &opening.name, timeout).await {
            Err(Win32Error::NOT_SUPPORTED) => Err(Failure::new(
                Win32Error::NOT_SUPPORTED,
                "this server cannot wait for an instance without opening it (Samba can from 4.25 on): \
                 open the pipe with a time to wait instead",
            )),
            result => result.map_err(Failure::from),
        }
    };
    runtime::run(waiting, None)?
}

/// Opens, asks, reads the answer, closes.
pub(super) fn call(
    name: &PipeName,
    question: &[u8],
    reply: &mut [u8],
    timeout: WaitTimeout,
    deadline: Option<Instant>,
) -> Result<Received> {
    let access = DesiredAccess::READ | DesiredAccess::WRITE;
    let end = open_explained(name, access, Some(timeout), &SmbOptions::new(), deadline)
        .map_err(|failure| failure.code)?;
    end.set_state(PipeMode::Message, WaitMode::Blocking)?;
    end.transact(question, reply, deadline)
}

/// A pipe that is to be opened.
struct Opening {
    target: Target,
    name: String,
    options: SmbOptions,
    deadline: Option<Instant>,
}

impl Opening {
    /// When something that may take so long must be over.
    fn until(&self, limit: Duration) -> Instant {
        let own = Instant::now() + limit;
        self.deadline.map_or(own, |deadline| deadline.min(own))
    }

    async fn session(&self) -> std::result::Result<Arc<Session>, Failure> {
        let until = self.until(self.options.connect_timeout);
        let result = match self.options.own_connection {
            true => Session::connect(&self.target, until).await,
            false => pool::session(self.target.clone(), until).await,
        };
        result.map_err(|failure| match self.is_late() {
            true => Win32Error::SEM_TIMEOUT.into(),
            false => failure,
        })
    }

    fn is_late(&self) -> bool {
        self.deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// The open pipe, and its type if the server tells it.
    async fn open(
        self,
        access: DesiredAccess,
        wait: Option<WaitTimeout>,
    ) -> std::result::Result<(Handle, Option<PipeMode>), Failure> {
        let mut session = self.session().await?;
        let mut fresh = false;
        let mut waiting = wait.map(|timeout| Waiting::new(timeout, self.deadline));
        let handle = loop {
            let limit = self.until(self.options.request_timeout) - Instant::now();
            match Handle::open(session.clone(), &self.name, access, limit).await {
                Ok(handle) => break handle,
                // A session of the pool whose server has gone meanwhile.
                Err(Win32Error::NETNAME_DELETED) if !fresh => {
                    fresh = true;
                    session = self.session().await?;
                }
                Err(Win32Error::PIPE_BUSY) => match &mut waiting {
                    Some(waiting) => waiting.once(&session, &self.name).await?,
                    None => return Err(Win32Error::PIPE_BUSY.into()),
                },
                Err(Win32Error::SEM_TIMEOUT) if !self.is_late() => {
                    let text = "the server did not say in time whether the pipe can be opened";
                    return Err(Failure::new(Win32Error::SEM_TIMEOUT, text));
                }
                Err(code) => return Err(code.into()),
            }
        };
        if session.tells_nothing.load(Ordering::Relaxed) {
            return Ok((handle, None));
        }
        let told = match handle.information().await {
            Ok(told) => Some(told.pipe_type),
            Err(Win32Error::NOT_SUPPORTED) => {
                session.tells_nothing.store(true, Ordering::Relaxed);
                None
            }
            Err(code) => {
                handle.close().await;
                return Err(code.into());
            }
        };
        Ok((handle, told))
    }
}

/// The wait for an instance of a pipe whose instances are all busy.
struct Waiting {
    timeout: WaitTimeout,
    start: Instant,
    deadline: Option<Instant>,
    pause: Duration,
}

impl Waiting {
    fn new(timeout: WaitTimeout, deadline: Option<Instant>) -> Waiting {
        Waiting {
            timeout,
            start: Instant::now(),
            deadline,
            pause: PAUSES.0,
        }
    }

    /// Waits until it is worth another attempt to open.
    async fn once(&mut self, session: &Session, name: &str) -> Result<()> {
        let own = match self.timeout {
            WaitTimeout::For(limit) => self.start.checked_add(limit),
            WaitTimeout::Default | WaitTimeout::Forever => None,
        };
        let until = own.into_iter().chain(self.deadline).min();
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(Win32Error::SEM_TIMEOUT);
        }
        let timeout = left.map_or(self.timeout, WaitTimeout::For);
        match wait_on(session, name, timeout).await {
            Err(Win32Error::NOT_SUPPORTED) => {}
            result => return result,
        }
        // The server cannot wait for an instance: to try again is all that is left.
        if self.timeout == WaitTimeout::Default && self.start.elapsed() >= DEFAULT_TIMEOUT {
            return Err(Win32Error::SEM_TIMEOUT);
        }
        sleep(left.map_or(self.pause, |left| left.min(self.pause))).await;
        self.pause = (self.pause * 2).min(PAUSES.1);
        Ok(())
    }
}

/// Has the server wait. `ERROR_NOT_SUPPORTED` when it cannot.
async fn wait_on(session: &Session, name: &str, timeout: WaitTimeout) -> Result<()> {
    let limit = match timeout {
        WaitTimeout::Default => None,
        WaitTimeout::For(limit) => Some(limit.max(Duration::from_millis(1))),
        WaitTimeout::Forever => Some(Duration::MAX),
    };
    let answer = session.wait(name, limit);
    match limit.and_then(|limit| limit.checked_add(GRACE)) {
        Some(limit) => tokio::time::timeout(limit, answer)
            .await
            .unwrap_or(Err(Win32Error::SEM_TIMEOUT)),
        None => answer.await,
    }
}
