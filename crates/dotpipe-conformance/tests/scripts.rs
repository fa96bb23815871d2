//! Every conformance script, put to `dotpipe::exact`.

use std::path::Path;
use std::sync::Arc;

use dotpipe_conformance::exact::ExactFace;
use dotpipe_conformance::face::Face;
use dotpipe_conformance::suite::{self, Verdict};

/// Scripts that run at a time. They wait most of their time, so that a few more than processors do no
/// harm; many more would make those moments long in which an answer must come.
const JOBS: usize = 4;

#[test]
fn dotpipe_answers_every_script_as_windows_does() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conformance/scripts");
    let scripts = suite::scripts_in(&directory).expect("the scripts are part of the sources");
    let face: Arc<dyn Face> = Arc::new(ExactFace);
    let mut failures = Vec::new();
    suite::for_each(
        &scripts,
        JOBS,
        |path| suite::check(path, &face),
        |path, verdict| {
            let name = suite::name(path);
            match verdict {
                Verdict::Same => {}
                Verdict::OptionalDifferent => println!("{name} differs; it is optional"),
                Verdict::Different(hunks) => failures.push(format!("{name}:\n{hunks}")),
                Verdict::Unusable(reason) => failures.push(reason),
            }
        },
    );
    assert!(
        failures.is_empty(),
        "{} of {} scripts failed (- expected, + got)\n{}",
        failures.len(),
        scripts.len(),
        failures.join("\n")
    );
}
