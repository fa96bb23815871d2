//! A run: rounds in each of which every transport has a short turn at every task, so that what else the
//! machine does hits all alike.

use std::io;
use std::time::{Duration, Instant};

use crate::peers;
use crate::peers::wine::Wine;
use crate::process::{self, Parts};
use crate::processor::Processors;
use crate::record::Record;
use crate::task::{self, Task};
use crate::transport::Peer;
use crate::worker::Job;

/// How much of everything.
pub(crate) struct Plan {
    /// At the most.
    pub(crate) rounds: usize,
    /// How long a transport measures in its turn.
    pub(crate) slice: Duration,
    /// No round begins that would end after so long, judged by the longest so far.
    pub(crate) limit: Duration,
    /// Heavy tasks have one turn in so many rounds.
    pub(crate) heavy_every: usize,
}

impl Plan {
    /// Under a minute.
    pub(crate) const QUICK: Plan = Plan {
        rounds: 1,
        slice: Duration::from_millis(12),
        limit: Duration::from_secs(50),
        heavy_every: 1,
    };

    /// Under ten minutes.
    pub(crate) const FULL: Plan = Plan {
        rounds: 12,
        slice: Duration::from_millis(50),
        limit: Duration::from_secs(560),
        heavy_every: 4,
    };
}

/// Which rows and columns are asked for.
pub(crate) struct Selection(pub(crate) Option<String>);

impl Selection {
    /// Whether a transport and a task are wanted together: either's name may hold the pattern.
    pub(crate) fn has(&self, peer: &str, task: &str) -> bool {
        match &self.0 {
            None => true,
            Some(pattern) => {
                let names_task = |task: &Task| task.to_string().contains(pattern);
                // dotpipe stays when transports are picked, since all is compared with it.
                let compared = peer == peers::OURS && !task::all().iter().any(names_task);
                task.contains(pattern) || peer.contains(pattern) || compared
            }
        }
    }

    /// Whether a transport is wanted, whatever the task.
    pub(crate) fn has_transport(&self, peer: &str) -> bool {
        self.0.as_ref().is_none_or(|pattern| peer.contains(pattern))
    }
}

/// Runs all, and tells where it is through `tell`.
pub(crate) fn run(
    plan: &Plan,
    selection: &Selection,
    wine: Option<&Wine>,
    tell: &mut dyn FnMut(&str),
) -> io::Result<Record> {
    let processors = Processors::find()?;
    let mut record = Record::default();
    let begun = Instant::now();
    let mut longest = Duration::ZERO;
    for round in 0..plan.rounds {
        if begun.elapsed() + longest > plan.limit {
            break;
        }
        let round_begun = Instant::now();
        for task in task::all() {
            if task.is_heavy() && round % plan.heavy_every != 0 {
                continue;
            }
            tell(&format!("round {} of {}: {task}", round + 1, plan.rounds));
            // Each round begins with another one, so that nobody always comes after the same one.
            let (before, after) = peers::ALL.split_at(round % peers::ALL.len());
            for peer in after.iter().chain(before) {
                if selection.has(peer.name, &task.to_string()) {
                    measure(peer, task, plan.slice, &processors, &mut record);
                }
            }
        }
        if let Some(wine) = wine {
            tell(&format!("round {} of {}: wine", round + 1, plan.rounds));
            let keep = |task: &str, samples: &_| record.add(task, "", Wine::NAME, samples);
            if let Err(error) = wine.measure(plan.slice, &processors, keep) {
                record.fail(format!("{}: {error}", Wine::NAME));
            }
        }
        longest = longest.max(round_begun.elapsed());
    }
    Ok(record)
}

fn measure(peer: &Peer, task: Task, slice: Duration, processors: &Processors, record: &mut Record) {
    let placement = task.placement();
    if !task.suits(peer) || !processors.allow(placement) {
        return;
    }
    match process::run_pair(peer, Job::Measure(task), placement, slice, processors) {
        Ok(parts) => keep(record, task, peer, &parts),
        Err(error) => record.fail(format!("{}, {task}: {error}", peer.name)),
    }
}

fn keep(record: &mut Record, task: Task, peer: &Peer, parts: &Parts) {
    for (part, samples) in parts {
        record.add(&task.to_string(), part, peer.name, samples);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_selects_rows_or_columns_and_keeps_dotpipe() {
        let all = Selection(None);
        assert!(all.has("kernel-pipe", "think-2"));
        let column = Selection(Some("think-2".into()));
        assert!(column.has("kernel-pipe", "think-2") && column.has("dotpipe", "think-2"));
        assert!(!column.has("kernel-pipe", "fan-in-16") && !column.has("dotpipe", "fan-in-16"));
        let row = Selection(Some("kernel".into()));
        assert!(row.has("kernel-pipe", "think-2") && row.has("dotpipe", "think-2"));
        assert!(!row.has("raw-ring", "think-2"));
    }
}
