//! Servers of pipes behind an `smbd`, as simple as can be: a socket, a thread for each client.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use dotpipe_samba::npa::{Reply, Request, frame, request_len};

use super::Smbd;

/// The type of a pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Type {
    Byte,
    Message,
}

/// A pipe that is served. It vanishes when this is dropped.
pub(crate) struct Served {
    path: PathBuf,
    clients: Arc<AtomicUsize>,
    requests: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Served {
    /// Serves every client with `serve`, in a thread of its own.
    pub(crate) fn start(
        smbd: &Smbd,
        name: &str,
        pipe_type: Type,
        serve: impl Fn(Conversation) -> io::Result<()> + Send + Sync + 'static,
    ) -> Served {
        Served::answering(
            smbd,
            name,
            move |request| {
                let messages = pipe_type == Type::Message;
                Some(Reply {
                    level: request.level,
                    messages,
                })
            },
            serve,
        )
    }

    /// The same; `answer` gives no reply to a client that is turned away.
    pub(crate) fn answering(
        smbd: &Smbd,
        name: &str,
        answer: impl Fn(&Request) -> Option<Reply> + Send + Sync + 'static,
        serve: impl Fn(Conversation) -> io::Result<()> + Send + Sync + 'static,
    ) -> Served {
        let path = smbd.socket(name);
        let listener = UnixListener::bind(&path).unwrap();
        let served = Served {
            path,
            clients: Arc::default(),
            requests: Arc::default(),
        };
        let both = Arc::new((answer, serve));
        let (clients, requests) = (served.clients.clone(), served.requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let (both, clients, requests) = (both.clone(), clients.clone(), requests.clone());
                thread::spawn(move || {
                    clients.fetch_add(1, Ordering::SeqCst);
                    let bytes = read_request(&mut stream)?;
                    let request = Request::decode(&bytes).map_err(io::Error::other)?;
                    requests.lock().unwrap().push(bytes);
                    if let Some(reply) = both.0(&request) {
                        stream.write_all(&reply.encode())?;
                        let messages = reply.messages;
                        let conversation = Conversation {
                            stream,
                            messages,
                            request,
                        };
                        // How it ends is seen at the other end.
                        let _ = both.1(conversation);
                    }
                    clients.fetch_sub(1, Ordering::SeqCst);
                    io::Result::Ok(())
                });
            }
        });
        served
    }

    /// How many clients there are now.
    pub(crate) fn clients(&self) -> usize {
        self.clients.load(Ordering::SeqCst)
    }

    /// The ports from which clients have come, one after the other.
    pub(crate) fn ports(&self) -> Vec<u16> {
        let requests = self.requests();
        let requests = requests.iter().map(|bytes| Request::decode(bytes).unwrap());
        requests.map(|request| request.client_port).collect()
    }

    /// The requests that have come, as bytes.
    pub(crate) fn requests(&self) -> Vec<Vec<u8>> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

fn read_request(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix)?;
    let len = request_len(prefix).ok_or_else(|| io::Error::other("too long"))?;
    let mut bytes = prefix.to_vec();
    bytes.resize(4 + len, 0);
    stream.read_exact(&mut bytes[4..])?;
    Ok(bytes)
}

/// One client of a pipe that is served.
pub(crate) struct Conversation {
    stream: UnixStream,
    messages: bool,
    pub(crate) request: Request,
}

impl Conversation {
    /// The next message, or the next bytes; `None` when the client has gone.
    pub(crate) fn receive(&mut self) -> io::Result<Option<Vec<u8>>> {
        if !self.messages {
            let mut bytes = vec![0; 65536];
            let len = self.stream.read(&mut bytes)?;
            bytes.truncate(len);
            return Ok((len > 0).then_some(bytes));
        }
        let mut len = [0; 2];
        match self.stream.read_exact(&mut len) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            result => result?,
        }
        let mut message = vec![0; u16::from_le_bytes(len).into()];
        self.stream.read_exact(&mut message)?;
        Ok(Some(message))
    }

    /// Sends a message, or bytes.
    pub(crate) fn send(&mut self, data: &[u8]) -> io::Result<()> {
        let header = match self.messages {
            true => frame(data.len()).map_err(io::Error::other)?.to_vec(),
            false => Vec::new(),
        };
        self.stream.write_all(&[&header, data].concat())
    }

    /// Waits until the client has gone, whatever it says.
    pub(crate) fn until_gone(&mut self) -> io::Result<()> {
        while self.receive()?.is_some() {}
        Ok(())
    }

    /// Ends the conversation although the client may still want something.
    pub(crate) fn hang_up(self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// Sends everything back until the client goes.
pub(crate) fn echo(mut conversation: Conversation) -> io::Result<()> {
    while let Some(data) = conversation.receive()? {
        conversation.send(&data)?;
    }
    Ok(())
}
