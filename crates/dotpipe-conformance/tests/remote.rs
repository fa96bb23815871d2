//! The scripts that SMB can carry, put to pipes whose clients are on another machine: all of them hold.
//!
//! A target of its own, since the face waits until all of the process is quiet.
#![cfg(all(feature = "remote", target_os = "linux"))]

use std::path::Path;
use std::sync::Arc;

use dotpipe_conformance::carried::Obstacle;
use dotpipe_conformance::face::Face;
use dotpipe_conformance::remote::RemoteFace;
use dotpipe_conformance::remote::check::{Report, Verdict, check};
use dotpipe_conformance::suite;

#[test]
fn clients_of_another_machine_are_answered_as_windows_answers() {
    let face: Arc<dyn Face> = match RemoteFace::start() {
        Ok(face) => Arc::new(face),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            eprintln!("skipped: {error}");
            return;
        }
        Err(error) => panic!("{error}"),
    };
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/scripts");
    let scripts = suite::scripts_in(&directory).expect("the scripts are part of the sources");
    let mut report = Report::default();
    let mut failures = Vec::new();
    for path in &scripts {
        let verdict = check(path, &face);
        report.add(&verdict);
        let name = suite::name(path);
        match verdict {
            Verdict::Same(_) => {}
            Verdict::Different(hunks) => failures.push(format!("{name}:\n{hunks}")),
            Verdict::Unusable(reason) => failures.push(reason),
            Verdict::NotCarried(hindrances) => {
                // A reason names a line that the script has.
                let expected = std::fs::read_to_string(path.with_extension("expect")).unwrap();
                for hindrance in hindrances {
                    let is_there = expected.lines().any(|line| line == hindrance.line);
                    let is_whole = hindrance.obstacle == Obstacle::NoClient;
                    assert!(is_there || is_whole, "{name}: {hindrance}");
                }
            }
        }
    }
    assert!(failures.is_empty(), "{report}\n{}", failures.join("\n"));
    // That nothing is left out by and by.
    assert!(report.same >= 26, "{report}");
}
