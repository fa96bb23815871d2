//! What a run has measured: samples by task, part and transport, and what went wrong.

use std::collections::HashMap;

use crate::samples::Samples;
use crate::task::{Column, Task};

/// The results of a run.
#[derive(Default)]
pub(crate) struct Record {
    cells: HashMap<(String, String, String), Samples>,
    /// What failed, each once, for people.
    failures: Vec<String>,
}

impl Record {
    pub(crate) fn add(&mut self, task: &str, part: &str, peer: &str, samples: &Samples) {
        let key = (task.to_owned(), part.to_owned(), peer.to_owned());
        self.cells
            .entry(key)
            .or_insert_with(Samples::new)
            .merge(samples);
    }

    pub(crate) fn fail(&mut self, failure: String) {
        if !self.failures.contains(&failure) {
            self.failures.push(failure);
        }
    }

    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// What `peer` has in a column, if anything.
    pub(crate) fn cell(&self, task: Task, column: &Column, peer: &str) -> Option<&Samples> {
        let key = (task.to_string(), column.part.to_owned(), peer.to_owned());
        self.cells.get(&key).filter(|samples| samples.count() > 0)
    }

    /// The median of `peer` divided by that of `ours`: above 1, it takes more.
    pub(crate) fn ratio(&self, task: Task, column: &Column, peer: &str, ours: &str) -> Option<f64> {
        let median = |peer| Some(self.cell(task, column, peer)?.median());
        let (theirs, ours) = (median(peer)?, median(ours)?);
        (ours > 0.0).then(|| theirs / ours)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_of_medians_and_needs_both() {
        let task = Task::OpenCallClose;
        let column = &task.columns()[0];
        let mut record = Record::default();
        let one = |value| {
            let mut samples = Samples::new();
            samples.add(value);
            samples
        };
        record.add(&task.to_string(), "", "slow", &one(300.0));
        assert_eq!(record.ratio(task, column, "slow", "ours"), None);
        record.add(&task.to_string(), "", "ours", &one(100.0));
        let ratio = record.ratio(task, column, "slow", "ours").unwrap();
        assert!((ratio - 3.0).abs() < 0.01);
    }
}
