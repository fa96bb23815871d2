//! `dotpipe serve`: a server made of one command line.
//!
//! One thread keeps the books (here) and every instance has a thread that first listens and then serves
//! one client. The rules it owns: as long as clients are wanted an instance listens, unless the maximum
//! is reached; and however it ends, all instances are closed, so that nothing of the name is left.

mod echo;
mod exec;
mod options;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use dotpipe::exact::{self, End, Pending};
use dotpipe::name::PipeName;
use dotpipe::options::CreateOptions;
use dotpipe::win32::Win32Error;

use crate::failure::{Failure, Result};
use crate::output;
use crate::system;

pub(crate) use options::Args;

/// What is done for every client.
enum Job {
    Echo,
    Exec(exec::Program),
}

/// What the other threads tell the one that keeps the books.
enum Event {
    /// The listening instance has a client.
    Connected,
    /// A client has been served, or listening was cancelled.
    Ended(Arc<End>, Result),
    /// Listening failed.
    Failed(Win32Error),
    /// A signal asks to end.
    Stop,
}

/// An instance that listens.
struct Listening {
    end: Arc<End>,
    connect: Arc<Pending<()>>,
    stop: Sender<exec::Event>,
}

/// An instance with a client.
struct Serving {
    end: Arc<End>,
    stop: Sender<exec::Event>,
}

struct Server {
    name: PipeName,
    options: CreateOptions,
    job: Arc<Job>,
    /// How many clients are still wanted; `None` for no limit.
    wanted: Option<u32>,
    listening: Option<Listening>,
    serving: Vec<Serving>,
    events: Sender<Event>,
    stopping: bool,
    /// What to end with.
    result: Result,
}

pub(crate) fn run(args: Args) -> Result {
    let (events, received) = channel();
    let stop = events.clone();
    system::on_signals(move || stop.send(Event::Stop).is_ok())?;

    let mut server = Server {
        options: args.create_options()?,
        wanted: args.wanted(),
        name: args.name.clone(),
        job: Arc::new(args.into_job()),
        listening: None,
        serving: Vec::new(),
        events,
        stopping: false,
        result: Ok(()),
    };
    let first = server.create()?;
    server.listen(Arc::new(first));
    output::complain(&format!(
        "listening on {}",
        output::printable(&server.name.to_string())
    ));
    server.run(&received)
}

impl Server {
    /// Keeps the books until nothing is left to do.
    fn run(mut self, received: &Receiver<Event>) -> Result {
        while self.listening.is_some() || !self.serving.is_empty() {
            match received.recv() {
                Ok(Event::Connected) => self.connected(),
                Ok(Event::Ended(end, result)) => self.ended(end, result),
                Ok(Event::Failed(code)) => {
                    self.listening = None;
                    self.fail("connect", code);
                }
                Ok(Event::Stop) | Err(_) => self.stop(),
            }
        }
        self.result
    }

    fn create(&self) -> Result<End> {
        exact::create(&self.name, &self.options).map_err(Failure::at("create", &self.name))
    }

    /// Lets an instance listen, and serve on a thread of its own.
    fn listen(&mut self, end: Arc<End>) {
        let connect = Arc::new(end.start_connect());
        let (stop, stopped) = channel();
        self.listening = Some(Listening {
            end: end.clone(),
            connect: connect.clone(),
            stop: stop.clone(),
        });
        let (job, name, events) = (self.job.clone(), self.name.clone(), self.events.clone());
        thread::spawn(move || {
            let event = match connect.wait() {
                // A client that came and left may have left data.
                Ok(()) | Err(Win32Error::PIPE_CONNECTED | Win32Error::NO_DATA) => {
                    let _ = events.send(Event::Connected);
                    let result = match &*job {
                        Job::Echo => {
                            echo::serve(&end);
                            Ok(())
                        }
                        Job::Exec(program) => program.serve(&end, &name, stop, &stopped),
                    };
                    Event::Ended(end, result)
                }
                Err(Win32Error::OPERATION_ABORTED) => Event::Ended(end, Ok(())),
                Err(code) => Event::Failed(code),
            };
            let _ = events.send(event);
        });
    }

    fn connected(&mut self) {
        let Some(Listening { end, stop, .. }) = self.listening.take() else {
            return;
        };
        let serving = Serving { end, stop };
        if self.stopping {
            serving.stop();
        }
        self.serving.push(serving);
        self.wanted = self.wanted.map(|wanted| wanted.saturating_sub(1));
        if !self.wants_more() {
            return;
        }
        match exact::create(&self.name, &self.options) {
            Ok(end) => self.listen(Arc::new(end)),
            // The instance of a client that leaves will listen next.
            Err(Win32Error::PIPE_BUSY) => {}
            Err(code) => self.fail("create", code),
        }
    }

    fn ended(&mut self, end: Arc<End>, result: Result) {
        if let Err(failure) = result {
            if let Some(text) = failure.message() {
                output::complain(&text);
            }
            // A server without a limit outlives the failure; one for so many clients tells it.
            if self.wanted.is_some() {
                self.result = Err(Failure::Reported);
            }
        }
        self.serving
            .retain(|serving| !Arc::ptr_eq(&serving.end, &end));
        if self
            .listening
            .as_ref()
            .is_some_and(|listening| Arc::ptr_eq(&listening.end, &end))
        {
            self.listening = None;
        } else if self.listening.is_none() && self.wants_more() {
            // It is disconnected already when the server was the one to end the conversation.
            let _ = end.disconnect();
            self.listen(end);
        }
    }

    fn wants_more(&self) -> bool {
        !self.stopping && self.wanted != Some(0)
    }

    fn fail(&mut self, operation: &'static str, code: Win32Error) {
        self.result = Err(Failure::at(operation, &self.name)(code));
        self.stop();
    }

    /// Ends all that waits; the events that follow empty the books.
    fn stop(&mut self) {
        self.stopping = true;
        if let Some(listening) = &self.listening {
            // It may have a client by now, of which `Connected` will tell.
            let _ = listening.connect.cancel();
        }
        for serving in &self.serving {
            serving.stop();
        }
    }
}

impl Serving {
    fn stop(&self) {
        // Either may have ended by itself.
        let _ = self.stop.send(exec::Event::Stop);
        let _ = self.end.disconnect();
    }
}
