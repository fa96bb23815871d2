//! Finds scripts and puts many of them to a face, several at a time.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;

use crate::compare::{as_wine_answers, differences};
use crate::face::Face;
use crate::parse::Script;
use crate::run::{fresh_run, run};

/// Where the scripts are, as seen from a directory above.
const SCRIPTS: &str = "conformance/scripts";

/// A script whose name begins like this may be left out by an implementation (FORMAT.md §7).
const OPTIONAL: &str = "optional-";

/// What became of a script.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The output is as expected.
    Same,
    /// It is not; these are the differences.
    Different(String),
    /// It is not, but the script is optional.
    OptionalDifferent,
    /// The script or its expectation cannot be used; this is why.
    Unusable(String),
}

/// The directory of the scripts, looked for in `start` and above it.
pub fn find_directory(start: &Path) -> Option<PathBuf> {
    start
        .ancestors()
        .map(|directory| directory.join(SCRIPTS))
        .find(|directory| directory.is_dir())
}

/// All scripts of a directory, sorted by name.
///
/// # Errors
/// The directory cannot be read.
pub fn scripts_in(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut scripts = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "pipe")
        {
            scripts.push(path);
        }
    }
    scripts.sort();
    Ok(scripts)
}

/// The name of a script: its file name without the ending.
pub fn name(path: &Path) -> String {
    path.file_stem()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// The output of a script, one line for each command.
///
/// # Errors
/// Why the script cannot be read or is malformed.
pub fn output(path: &Path, face: &Arc<dyn Face>) -> Result<Vec<String>, String> {
    let malformed = |error| format!("{}: {error}", path.display());
    let script = Script::parse(&read(path)?, &fresh_run()).map_err(malformed)?;
    run(&script, face).map_err(malformed)
}

/// Whether this runs under Wine: its own configuration program stands among those of Windows.
pub fn is_wine() -> bool {
    cfg!(windows) && Path::new(r"C:\windows\system32\winecfg.exe").exists()
}

/// What a script should print here: the answers of Windows, under Wine with those lines that Wine is known
/// to answer otherwise.
fn expectation(path: &Path, got: &[String]) -> Result<String, String> {
    let expected = read(&path.with_extension("expect"))?;
    let differs = path.with_extension("wine-differs");
    match is_wine() && differs.exists() {
        true => Ok(as_wine_answers(&expected, &read(&differs)?, got)),
        false => Ok(expected),
    }
}

/// Runs a script and compares its output with the expectation beside it.
pub fn check(path: &Path, face: &Arc<dyn Face>) -> Verdict {
    let outcome = output(path, face).and_then(|output| {
        expectation(path, &output).map(|expected| differences(&expected, &output))
    });
    match outcome {
        Err(reason) => Verdict::Unusable(reason),
        Ok(None) => Verdict::Same,
        Ok(Some(_)) if name(path).starts_with(OPTIONAL) => Verdict::OptionalDifferent,
        Ok(Some(hunks)) => Verdict::Different(hunks),
    }
}

/// Does `work` for every path, up to `jobs` of them at a time, and hands the results to `report` in the
/// order of the paths, each as soon as those before it are there.
pub fn for_each<T: Send>(
    paths: &[PathBuf],
    jobs: usize,
    work: impl Fn(&Path) -> T + Sync,
    mut report: impl FnMut(&Path, T),
) {
    let next = AtomicUsize::new(0);
    let (done, arrivals) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..jobs.clamp(1, paths.len().max(1)) {
            let (done, next, work) = (done.clone(), &next, &work);
            scope.spawn(move || {
                // Relaxed: the counter hands out numbers and publishes nothing.
                while let Some((index, path)) = Some(next.fetch_add(1, Ordering::Relaxed))
                    .and_then(|i| Some((i, paths.get(i)?)))
                {
                    // The receiver lives until all of us have ended.
                    let _ = done.send((index, work(path)));
                }
            });
        }
        drop(done);
        let (mut early, mut reported) = (BTreeMap::new(), 0);
        for (index, result) in arrivals {
            early.insert(index, result);
            while let Some(result) = early.remove(&reported) {
                report(&paths[reported], result);
                reported += 1;
            }
        }
    });
}

/// The text of a file, or why it cannot be read.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[test]
    fn results_are_reported_in_order_whoever_is_first() {
        let paths: Vec<PathBuf> = (0..40).map(|i| PathBuf::from(format!("{i:02}"))).collect();
        for jobs in [0, 1, 3, 100] {
            let worked = Mutex::new(0);
            let mut seen = Vec::new();
            for_each(
                &paths,
                jobs,
                |path| {
                    *worked.lock().unwrap() += 1;
                    name(path)
                },
                |path, result| {
                    assert_eq!(name(path), result);
                    seen.push(result);
                },
            );
            assert_eq!(*worked.lock().unwrap(), 40);
            assert_eq!(
                seen,
                paths.iter().map(|path| name(path)).collect::<Vec<_>>()
            );
        }
        for_each(&[], 2, |_| panic!("there is nothing to do"), |_, ()| ());
    }

    #[test]
    fn the_scripts_are_found_from_below() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let directory = find_directory(&here.join("src")).unwrap();
        let scripts = scripts_in(&directory).unwrap();
        assert!(scripts.iter().any(|path| name(path) == "byte-rw"));
        assert!(
            scripts
                .iter()
                .all(|path| path.extension().unwrap() == "pipe")
        );
        assert_eq!(find_directory(Path::new("/")), None);
    }

    #[test]
    fn every_script_is_well_formed_and_has_a_subject_and_an_expectation() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let scripts = scripts_in(&find_directory(here).unwrap()).unwrap();
        assert!(scripts.len() > 60, "only {} scripts", scripts.len());
        for path in scripts {
            let text = read(&path).unwrap();
            assert!(
                !crate::parse::subject(&text).is_empty(),
                "{} has no subject",
                path.display()
            );
            let script = Script::parse(&text, "0123abcd").unwrap();
            let expected = read(&path.with_extension("expect")).unwrap();
            let commands: Vec<&str> = expected
                .lines()
                .map(|line| line.split(" -> ").next().unwrap())
                .collect();
            assert_eq!(
                script
                    .lines
                    .iter()
                    .map(|line| line.text.as_str())
                    .collect::<Vec<_>>(),
                commands,
                "{}: not the commands of its expectation",
                path.display()
            );
        }
    }
}
