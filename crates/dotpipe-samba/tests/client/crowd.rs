//! Many at once.

use std::sync::Arc;

use dotpipe::exact::{End, open_remote};
use dotpipe::options::{PipeMode, WaitMode};

use crate::BOTH;
use crate::support::patience::start;
use crate::support::served::echo;
use crate::support::{Served, Settings, Smbd, Type};

const CLIENTS: usize = 20;
const ROUNDS: usize = 50;

fn talk(end: &End, client: usize) {
    end.set_state(PipeMode::Message, WaitMode::Blocking)
        .unwrap();
    let mut reply = vec![0; 3000];
    for round in 0..ROUNDS {
        let question = vec![(client * ROUNDS + round) as u8; 1 + (client + round) * 37 % 2999];
        let received = end.transact(&question, &mut reply).unwrap();
        assert!(reply[..received.len] == question, "{client} {round}");
    }
}

fn crowd(own_connection: bool) {
    let Some(smbd) = Smbd::start(Settings::default()) else {
        return;
    };
    let served = Served::start(&smbd, "echo", Type::Message, echo);
    let smbd = Arc::new(smbd);
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let smbd = smbd.clone();
            start("a client", move || {
                let options = smbd.options().own_connection(own_connection);
                let end = open_remote(&smbd.pipe("echo"), BOTH, None, &options).unwrap();
                talk(&end, client);
            })
        })
        .collect();
    for client in clients {
        client.end();
    }
    let mut ports = served.ports();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), if own_connection { CLIENTS } else { 1 });
}

#[test]
fn twenty_clients_on_one_connection() {
    crowd(false);
}

#[test]
fn twenty_clients_with_a_connection_each() {
    crowd(true);
}
