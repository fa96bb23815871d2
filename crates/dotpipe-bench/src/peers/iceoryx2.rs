//! The crate `iceoryx2`: publish and subscribe, one service for each direction, waiting by asking again
//! and again, as its own benchmarks do.
//!
//! Nothing is lost: the queue does not overflow, and a publisher retries until there is room. Data are
//! copied into and out of the loaned samples, as for every transport here.

use std::fmt::Debug;
use std::io;

use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;

use crate::shared_memory::Side;
use crate::transport::{Abilities, Channel, Connector, Kind, Listener, Peer, Setup, wrong_length};

pub(super) const PEER: Peer = Peer {
    name: "iceoryx2",
    abilities: Abilities {
        kinds: &[Kind::Message],
        streams: true,
        // A service is found by all who know its name; there are no conversations to open.
        connections: false,
        sleeps: false,
        longest: usize::MAX,
    },
    environment: &[],
    listen,
    connect,
};

/// How many samples of a length may be on their way before a publisher waits: about as many bytes as a
/// tuned socket takes, since waiting is dear there.
fn queue(len: usize) -> usize {
    ((4 << 20) / len).clamp(8, 1024)
}

/// Goes there and back before the conversation is handed out: a subscriber is connected by its first
/// receive, and until then a publisher drops what does not fit the queue, whatever its strategy.
const GREETING: [u8; 1] = [0];

struct Place {
    name: String,
    len: usize,
}

fn listen(setup: &Setup) -> io::Result<(Box<dyn Listener>, String)> {
    let name = format!("dotpipe-bench-{}", std::process::id());
    let len = setup.len;
    let place = Place {
        name: name.clone(),
        len,
    };
    Ok((Box::new(place), name))
}

fn connect(setup: &Setup, address: &str) -> io::Result<Box<dyn Connector>> {
    Ok(Box::new(Place {
        name: address.into(),
        len: setup.len,
    }))
}

fn told(error: impl Debug) -> io::Error {
    io::Error::other(format!("iceoryx2: {error:?}"))
}

impl Place {
    fn open_as(&self, side: Side) -> io::Result<Pair> {
        let node = NodeBuilder::new().create::<ipc::Service>().map_err(told)?;
        let service = |direction: &str| {
            let name = format!("{}/{direction}", self.name);
            node.service_builder(&name.as_str().try_into().map_err(told)?)
                .publish_subscribe::<[u8]>()
                .enable_safe_overflow(false)
                .history_size(0)
                .max_publishers(1)
                .max_subscribers(1)
                .subscriber_max_buffer_size(queue(self.len))
                .open_or_create()
                .map_err(told)
        };
        let (question, answer) = (service("question")?, service("answer")?);
        let (incoming, outgoing) = match side {
            Side::Client => (answer, question),
            Side::Server => (question, answer),
        };
        let subscriber = incoming.subscriber_builder().create().map_err(told)?;
        let publisher = outgoing
            .publisher_builder()
            .initial_max_slice_len(self.len)
            .backpressure_strategy(BackpressureStrategy::RetryUntilDelivered)
            .create()
            .map_err(told)?;
        // What is published before there is a subscriber is lost.
        while outgoing.dynamic_config().number_of_subscribers() == 0
            || incoming.dynamic_config().number_of_publishers() == 0
        {
            std::thread::yield_now();
        }
        Ok(Pair {
            publisher,
            subscriber,
            _node: node,
        })
    }
}

impl Listener for Place {
    fn accept(&mut self) -> io::Result<Box<dyn Channel>> {
        let mut pair = self.open_as(Side::Server)?;
        let mut greeting = GREETING;
        pair.receive(&mut greeting)?;
        pair.send(&greeting)?;
        Ok(Box::new(pair))
    }
}

impl Connector for Place {
    fn open(&mut self) -> io::Result<Box<dyn Channel>> {
        let mut pair = self.open_as(Side::Client)?;
        let mut greeting = GREETING;
        pair.send(&greeting)?;
        pair.receive(&mut greeting)?;
        Ok(Box::new(pair))
    }
}

struct Pair {
    publisher: Publisher<ipc::Service, [u8], ()>,
    subscriber: Subscriber<ipc::Service, [u8], ()>,
    _node: Node<ipc::Service>,
}

impl Channel for Pair {
    fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let sample = self
            .publisher
            .loan_slice_uninit(message.len())
            .map_err(told)?;
        sample.write_from_slice(message).send().map_err(told)?;
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        loop {
            if let Some(sample) = self.subscriber.receive().map_err(told)? {
                if sample.len() != buffer.len() {
                    return Err(wrong_length(sample.len(), buffer.len()));
                }
                buffer.copy_from_slice(&sample);
                return Ok(());
            }
            std::hint::spin_loop();
        }
    }
}
