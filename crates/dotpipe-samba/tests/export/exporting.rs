//! An export that runs, and pipes for it.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use dotpipe::exact::{self, End};
use dotpipe::name::PipeName;
use dotpipe::options::{CreateOptions, DesiredAccess, PipeMode, WaitMode};
use dotpipe::win32::Win32Error;
use dotpipe_samba::Export;
use dotpipe_samba::export::Event;
use tokio::sync::oneshot;

use crate::support::Smbd;
use crate::support::patience::{Doing, start, until};

/// Both rights to the data.
pub(crate) const BOTH: DesiredAccess = DesiredAccess::READ.union(DesiredAccess::WRITE);

/// The server may do everything, and whoever has logged on may read and write.
pub(crate) const FOR_USERS: &str = "D:(A;;GA;;;OW)(A;;0x12019b;;;AU)";

/// A name that nobody else uses.
pub(crate) fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{name}-{}-{count}", std::process::id())
}

pub(crate) fn local(name: &str) -> PipeName {
    PipeName::local(name).unwrap()
}

/// How pipes here are created.
pub(crate) fn options(pipe_type: PipeMode) -> CreateOptions {
    CreateOptions {
        pipe_type,
        read_mode: pipe_type,
        reject_remote_clients: false,
        security: Some(FOR_USERS.parse().unwrap()),
        ..CreateOptions::default()
    }
}

/// An instance that listens.
pub(crate) fn create(name: &str, options: &CreateOptions) -> End {
    exact::create(&local(name), options).unwrap()
}

/// So many instances that send everything back, to one client after the other, until the process ends.
pub(crate) fn echo(name: &str, options: &CreateOptions, instances: usize) {
    for _ in 0..instances {
        let end = create(name, options);
        thread::spawn(move || {
            loop {
                match end.connect() {
                    Ok(()) | Err(Win32Error::PIPE_CONNECTED | Win32Error::NO_DATA) => {}
                    Err(code) => panic!("connect: {code}"),
                }
                let mut buffer = vec![0; 1 << 20];
                while let Ok(received) = end.read(&mut buffer) {
                    if end.write(&buffer[..received.len]).is_err() {
                        break;
                    }
                }
                end.disconnect().unwrap();
            }
        });
    }
}

/// An export that runs. It stops when this is dropped.
pub(crate) struct Exporting {
    events: Arc<Mutex<Vec<Event>>>,
    stop: Option<oneshot::Sender<()>>,
    running: Option<Doing<std::io::Result<()>>>,
}

impl Exporting {
    /// Exports these pipes.
    pub(crate) fn start(directory: &Path, names: &[&str]) -> Exporting {
        let names = names.iter().map(|name| local(name));
        Exporting::run(Export::pipes(directory, names))
    }

    /// Runs an export that looks all the time which pipes there are.
    pub(crate) fn run(export: Export) -> Exporting {
        Exporting::run_as_is(export.interval(Duration::from_millis(5)))
    }

    /// Runs an export.
    pub(crate) fn run_as_is(export: Export) -> Exporting {
        let events = Arc::<Mutex<Vec<Event>>>::default();
        let (stop, stopped) = oneshot::channel();
        let log = events.clone();
        let export = export.on_event(move |event| log.lock().unwrap().push(event.clone()));
        let running = start("the export", move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                // It needs none of them: whoever else has the runtime may hold them all.
                .max_blocking_threads(1)
                .build()?;
            runtime.block_on(export.serve(async {
                let _ = stopped.await;
            }))
        });
        Exporting {
            events,
            stop: Some(stop),
            running: Some(running),
        }
    }

    /// Exports a pipe of an `smbd` and waits until it is there.
    pub(crate) fn of(smbd: &Smbd, name: &str) -> Exporting {
        let exporting = Exporting::start(&smbd.sockets(), &[name]);
        exporting.until_exported(name);
        exporting
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap().clone()
    }

    /// The lines of the log.
    pub(crate) fn log(&self) -> Vec<String> {
        self.events().iter().map(ToString::to_string).collect()
    }

    /// Waits until it has told such an event; gives the first.
    pub(crate) fn until_told(&self, is_meant: impl Fn(&Event) -> bool) -> Event {
        let mut found = None;
        until("an event", || {
            found = self.events().into_iter().find(&is_meant);
            found.is_some()
        });
        found.unwrap()
    }

    /// Waits until the pipe can be opened. (That its socket is there is less: it does not listen yet.)
    pub(crate) fn until_exported(&self, name: &str) {
        until("the pipe is exported", || {
            let events = self.events();
            let last = events.iter().rev().find_map(|event| match event {
                Event::Exported { pipe, .. } if pipe.name() == name => Some(true),
                Event::Withdrawn { pipe } if pipe.name() == name => Some(false),
                _ => None,
            });
            last == Some(true)
        });
    }

    /// Stops it and gives how it ended.
    pub(crate) fn stop(mut self) -> std::io::Result<()> {
        self.stop.take();
        self.running.take().unwrap().end()
    }
}

impl Drop for Exporting {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(running) = self.running.take()
            && !thread::panicking()
        {
            running.end().unwrap();
        }
    }
}

/// Opens a pipe through Samba, in byte read mode.
pub(crate) fn open(smbd: &Smbd, name: &str) -> exact::Result<End> {
    exact::open_remote(&smbd.pipe(name), BOTH, None, &smbd.options())
}

/// Opens a pipe through Samba, in message read mode.
pub(crate) fn open_messages(smbd: &Smbd, name: &str) -> End {
    let end = open(smbd, name).unwrap();
    end.set_state(PipeMode::Message, WaitMode::Blocking)
        .unwrap();
    end
}

/// Reads once, into a buffer of so many bytes.
pub(crate) fn read(end: &End, len: usize) -> exact::Result<(Vec<u8>, bool)> {
    let mut buffer = vec![0; len];
    let received = end.read(&mut buffer)?;
    buffer.truncate(received.len);
    Ok((buffer, received.more))
}

/// Reads exactly so many bytes.
pub(crate) fn read_all(end: &End, len: usize) -> exact::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while bytes.len() < len {
        bytes.extend(read(end, len - bytes.len())?.0);
    }
    Ok(bytes)
}
