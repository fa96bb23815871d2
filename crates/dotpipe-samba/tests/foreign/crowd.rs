//! Many at once.

use dotpipe::options::PipeMode;

use crate::exporting::{Exporting, echo, options, unique};
use crate::python::{Answer, acquainted, with_each};

#[test]
fn twenty_clients_with_a_connection_each() {
    const CLIENTS: usize = 20;
    const ROUNDS: usize = 50;
    with_each(|library| {
        let Some((smbd, mut client)) = acquainted(library) else {
            return;
        };
        let name = unique("crowd");
        echo(&name, &options(PipeMode::Message), CLIENTS);
        let _exporting = Exporting::of(&smbd, &name);
        let rounds = client.ask(&format!("crowd {name} {CLIENTS} {ROUNDS}"));
        assert_eq!(rounds, Answer::done(CLIENTS * ROUNDS));
    });
}
