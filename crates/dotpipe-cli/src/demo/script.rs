//! Scripts of the demonstration: which process does what, what it must be answered, and what is shown
//! by that. [`Stage`] plays them.

use std::collections::BTreeMap;

use super::check::Report;
use super::process::Process;
use crate::failure::Result;

/// One step of a script. Processes are named by what they are (`server`, `client`, `client 2`) and start
/// with their first step; commands and answers are those of [`peer`](super::peer).
pub(super) enum Step {
    /// A process carries out a command. `shows` is what to print when the answer is the expected one;
    /// any other answer is a check that failed.
    Do {
        who: &'static str,
        command: &'static str,
        answer: Answer,
        shows: Option<&'static str>,
    },
    /// A process is killed (SIGKILL), as if it had crashed.
    Kill(&'static str),
}

/// What the answer must be.
pub(super) enum Answer {
    /// Exactly this. `pid(NAME)` stands for the id of a process.
    Is(&'static str),
    /// Anything that begins with this.
    Begins(&'static str),
}

/// Something that has to be done and must succeed.
pub(super) const fn run(who: &'static str, command: &'static str) -> Step {
    expect(who, command, Answer::Begins("ok"), None)
}

/// Something that is started and may go on.
pub(super) const fn start(who: &'static str, command: &'static str) -> Step {
    expect(who, command, Answer::Is("started"), None)
}

/// Something that must be answered so; together with what follows it shows something.
pub(super) const fn also(who: &'static str, command: &'static str, answer: &'static str) -> Step {
    expect(who, command, Answer::Is(answer), None)
}

/// Something that must be answered so, and what that shows.
pub(super) const fn check(
    who: &'static str,
    command: &'static str,
    answer: &'static str,
    shows: &'static str,
) -> Step {
    expect(who, command, Answer::Is(answer), Some(shows))
}

/// A process dies.
pub(super) const fn kill(who: &'static str) -> Step {
    Step::Kill(who)
}

const fn expect(
    who: &'static str,
    command: &'static str,
    answer: Answer,
    shows: Option<&'static str>,
) -> Step {
    Step::Do {
        who,
        command,
        answer,
        shows,
    }
}

/// The processes that take part in a group. They end with it.
pub(super) struct Stage<'a> {
    prefix: &'a str,
    processes: BTreeMap<&'static str, Process>,
}

impl<'a> Stage<'a> {
    pub(super) fn new(prefix: &'a str) -> Stage<'a> {
        Stage {
            prefix,
            processes: BTreeMap::new(),
        }
    }

    /// Plays a script. Steps that only prepare others print something only when they fail.
    pub(super) fn play(mut self, report: &mut Report, steps: &[Step]) -> Result {
        for step in steps {
            match step {
                Step::Do {
                    who,
                    command,
                    answer,
                    shows,
                } => self.carry_out(report, who, command, answer, *shows)?,
                Step::Kill(who) => {
                    report.detail(format_args!("{who}: is killed"))?;
                    if let Some(process) = self.processes.remove(who) {
                        process.kill();
                    }
                }
            }
        }
        Ok(())
    }

    fn carry_out(
        &mut self,
        report: &mut Report,
        who: &'static str,
        command: &str,
        answer: &Answer,
        shows: Option<&str>,
    ) -> Result {
        let got = self.process(who)?.ask(command);
        report.detail(format_args!("{who}: {command} -> {got}"))?;
        let (holds, expected) = match answer {
            Answer::Is(text) => {
                let expected = self.fill_in(text);
                (got == expected, expected)
            }
            Answer::Begins(text) => (got.starts_with(text), format!("{text} ...")),
        };
        match (holds, shows) {
            (true, Some(shows)) => report.holds(shows),
            (true, None) => Ok(()),
            (false, shows) => {
                let what = format!(
                    "{} ({who}: {command})",
                    shows.unwrap_or("preparing the next check")
                );
                report.fails(&what, &expected, &got)
            }
        }
    }

    fn process(&mut self, who: &'static str) -> Result<&mut Process> {
        use std::collections::btree_map::Entry;

        match self.processes.entry(who) {
            Entry::Occupied(entry) => Ok(entry.into_mut()),
            Entry::Vacant(entry) => Ok(entry.insert(Process::start(self.prefix)?)),
        }
    }

    /// Puts in the ids of processes.
    fn fill_in(&self, text: &str) -> String {
        self.processes
            .iter()
            .fold(text.into(), |text, (who, process)| {
                text.replace(&format!("pid({who})"), &process.id().to_string())
            })
    }
}
