//! Puts scripts to the face whose clients come from another machine, and counts what became of them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use crate::carried::{Carried, Difference, Hindrance, Obstacle};
use crate::compare::differences;
use crate::face::Face;
use crate::parse::Script;
use crate::run::{fresh_run, run};
use crate::suite::read;

/// What became of a script whose clients are on another machine.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It cannot be carried, for these reasons.
    NotCarried(Vec<Hindrance>),
    /// The output is as expected, but for what differs by nature: so often.
    Same(BTreeMap<Difference, usize>),
    /// It is not; these are the differences.
    Different(String),
    /// The script or its expectation cannot be used; this is why.
    Unusable(String),
}

/// How many scripts fared how, with clients on another machine.
#[derive(Debug, Default)]
pub struct Report {
    /// Those that held.
    pub same: usize,
    /// Those that did not.
    pub different: usize,
    /// Those that cannot be used.
    pub unusable: usize,
    /// Those that cannot be carried.
    pub not_carried: usize,
    /// For each obstacle the scripts that have it.
    pub obstacles: BTreeMap<Obstacle, usize>,
    /// For each difference the lines that showed it.
    pub differences: BTreeMap<Difference, usize>,
}

impl Report {
    /// Counts a script.
    pub fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Same(differences) => {
                self.same += 1;
                for (difference, count) in differences {
                    *self.differences.entry(*difference).or_default() += count;
                }
            }
            Verdict::Different(_) => self.different += 1,
            Verdict::Unusable(_) => self.unusable += 1,
            Verdict::NotCarried(hindrances) => {
                self.not_carried += 1;
                for hindrance in hindrances {
                    *self.obstacles.entry(hindrance.obstacle).or_default() += 1;
                }
            }
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} held, {} failed, {} not carried",
            self.same,
            self.different + self.unusable,
            self.not_carried
        )?;
        for (difference, count) in &self.differences {
            write!(f, "\n{count:>5} lines differ by nature: {difference}")?;
        }
        for (obstacle, count) in &self.obstacles {
            write!(f, "\n{count:>5} scripts: {obstacle}")?;
        }
        Ok(())
    }
}

/// Runs a script, if it can be carried, with clients on another machine, and compares its output with the
/// expectation beside it. One at a time: see [`RemoteFace`](super::RemoteFace).
pub fn check(path: &Path, face: &Arc<dyn Face>) -> Verdict {
    match try_check(path, face) {
        Ok(verdict) => verdict,
        Err(reason) => Verdict::Unusable(reason),
    }
}

fn try_check(path: &Path, face: &Arc<dyn Face>) -> Result<Verdict, String> {
    let malformed = |error| format!("{}: {error}", path.display());
    let script = Script::parse(&read(path)?, &fresh_run()).map_err(malformed)?;
    let expected = read(&path.with_extension("expect"))?;
    let carried = Carried::new(&script, &expected);
    if !carried.hindrances.is_empty() {
        return Ok(Verdict::NotCarried(carried.hindrances));
    }
    let got = run(&script, face).map_err(malformed)?;
    let (expected, counts) = carried.expectation(&expected, &got);
    Ok(match differences(&expected, &got) {
        None => Verdict::Same(counts),
        Some(hunks) => Verdict::Different(hunks),
    })
}
