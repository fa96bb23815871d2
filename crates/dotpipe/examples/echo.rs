//! A pipe as a stream of bytes: an echo server, and a client that uses it like a file.
//!
//! Ends are `Read` and `Write`, so everything in the standard library that takes a stream takes them.

use std::error::Error;
use std::io::{self, BufRead, BufReader, Write};
use std::thread;

use dotpipe::{ClientOptions, ServerOptions};

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let name = format!(r"\\.\pipe\echo-{}", std::process::id());

    // It listens from now on; the client need not wait for `connect`.
    let server = ServerOptions::new().create(&name)?;
    let serving = thread::spawn(move || -> io::Result<u64> {
        server.connect()?;
        // A reference reads and another one writes. The copy ends when the client closes its end.
        io::copy(&mut &server, &mut &server)
    });

    let client = ClientOptions::new().open(&name)?;
    let mut answers = BufReader::new(&client).lines();
    let lines = ["to be,", "or not to be:", "that is the question"];
    for line in lines {
        writeln!(&client, "{line}")?;
        let answer = answers.next().ok_or("the server has gone")??;
        println!("{answer}");
        assert_eq!(answer, line);
    }
    drop(client);

    let copied = serving.join().expect("the server does not panic")?;
    assert_eq!(copied, lines.iter().map(|line| line.len() as u64 + 1).sum());
    Ok(())
}
