//! What is measured: the list of tasks, and what each one yields.
//!
//! Layer: plain data. A *task* is what two processes do together in one go; it yields one or more
//! *columns*. The order here is that of the tables.

use std::fmt;

use crate::transport::{Kind, Peer};

/// Where the two processes run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Each on a processor of its own.
    Apart,
    /// Both on the same one.
    Together,
    /// Wherever the system puts them.
    Unpinned,
}

/// What two processes do together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Task {
    /// A message there and one back, again and again.
    RoundTrip { len: usize, placement: Placement },
    /// The same, with so long a pause before each that the receiver sleeps.
    Asleep { len: usize, placement: Placement },
    /// Messages one way, as fast as they go.
    Stream { kind: Kind, len: usize },
    /// Open, a message there and one back, close.
    OpenCallClose,
    /// Sixteen clients ask one server.
    FanIn,
    /// Many conversations in which nothing happens.
    Idle,
    /// Round trips over so many conversations in turn.
    Instances(usize),
    /// Round trips with so many microseconds between them.
    Think(u64),
}

/// Clients of the fan-in.
pub(crate) const FAN_IN: usize = 16;

/// Conversations that are idle.
pub(crate) const IDLE: usize = 1000;

/// The length of a message where nothing else is said, in bytes.
const SHORT: usize = 64;
const PAGE: usize = 4096;

const PLACEMENTS: [Placement; 3] = [Placement::Apart, Placement::Together, Placement::Unpinned];
const STREAM_LENGTHS: [usize; 4] = [SHORT, PAGE, 64 << 10, 1 << 20];

/// One number per transport.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// The part of the task that it shows; empty when there is only one.
    pub(crate) part: &'static str,
    /// What stands above it.
    pub(crate) title: String,
    pub(crate) unit: Unit,
}

/// What a value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Nanoseconds.
    Time,
    Bytes,
    Pieces,
}

/// A table: a title and the tasks whose columns stand in it.
pub(crate) struct Group {
    pub(crate) title: String,
    pub(crate) tasks: Vec<Task>,
}

/// All there is to measure, table by table.
pub(crate) fn groups() -> Vec<Group> {
    let mut groups = Vec::new();
    let mut add = |title: String, tasks: Vec<Task>| groups.push(Group { title, tasks });
    for len in [SHORT, PAGE] {
        add(
            format!("Round trip of {}, both awake", Length(len)),
            PLACEMENTS
                .map(|placement| Task::RoundTrip { len, placement })
                .into(),
        );
    }
    for len in [SHORT, PAGE] {
        add(
            format!(
                "Round trip of {}, the receiver has gone to sleep",
                Length(len)
            ),
            PLACEMENTS
                .map(|placement| Task::Asleep { len, placement })
                .into(),
        );
    }
    for kind in [Kind::Byte, Kind::Message] {
        add(
            format!("One-way stream, {kind} type: time per message"),
            STREAM_LENGTHS.map(|len| Task::Stream { kind, len }).into(),
        );
    }
    add(
        format!("Time per open–call–close, and per call with {FAN_IN} clients at once"),
        vec![Task::OpenCallClose, Task::FanIn],
    );
    add(
        "Round trip of 64 B by how many instances are used in turn".into(),
        [1, 10, 100, 1000].map(Task::Instances).into(),
    );
    add(
        format!("{IDLE} idle connections: what each costs, by side"),
        vec![Task::Idle],
    );
    for times in [&[2, 10][..], &[20, 50], &[200]] {
        add(
            "Processor time of both sides per message, and its latency, by think time".into(),
            times.iter().copied().map(Task::Think).collect(),
        );
    }
    groups
}

/// All tasks.
pub(crate) fn all() -> Vec<Task> {
    groups().into_iter().flat_map(|group| group.tasks).collect()
}

/// The task of that name.
pub(crate) fn find(name: &str) -> Option<Task> {
    all().into_iter().find(|task| task.to_string() == name)
}

impl Task {
    /// The length of every message, in bytes.
    pub(crate) fn len(self) -> usize {
        match self {
            Task::RoundTrip { len, .. } | Task::Asleep { len, .. } | Task::Stream { len, .. } => {
                len
            }
            _ => SHORT,
        }
    }

    /// The kind of conversation in which `peer` does it.
    pub(crate) fn kind(self, peer: &Peer) -> Kind {
        match self {
            Task::Stream { kind, .. } => kind,
            _ => peer.abilities.favourite(),
        }
    }

    pub(crate) fn placement(self) -> Placement {
        match self {
            Task::RoundTrip { placement, .. } | Task::Asleep { placement, .. } => placement,
            Task::OpenCallClose | Task::FanIn | Task::Idle => Placement::Unpinned,
            Task::Stream { .. } | Task::Instances(_) | Task::Think(_) => Placement::Apart,
        }
    }

    /// Whether `peer` can do it.
    pub(crate) fn suits(self, peer: &Peer) -> bool {
        let can = peer.abilities;
        self.len() <= can.longest
            && match self {
                Task::RoundTrip { .. } | Task::Think(_) => true,
                Task::Asleep { .. } => can.sleeps,
                Task::Stream { kind, .. } => can.streams && can.kinds.contains(&kind),
                Task::OpenCallClose | Task::FanIn | Task::Idle | Task::Instances(_) => {
                    can.connections
                }
            }
    }

    /// Whether it takes long however short the slice is, so that not every round has it.
    pub(crate) fn is_heavy(self) -> bool {
        matches!(self, Task::Idle | Task::Instances(1000))
    }

    pub(crate) fn columns(self) -> Vec<Column> {
        let one = |title: String| vec![column("", title, Unit::Time)];
        match self {
            Task::RoundTrip { placement, .. } | Task::Asleep { placement, .. } => {
                one(placement.to_string())
            }
            Task::Stream { len, .. } => one(Length(len).to_string()),
            Task::OpenCallClose => one("open–call–close".into()),
            Task::FanIn => one("fan-in".into()),
            Task::Instances(count) => one(format!("{count} in turn")),
            Task::Idle => {
                let side = |part, what: &str, unit| column(part, what.into(), unit);
                vec![
                    side("memory-server", "memory, server", Unit::Bytes),
                    side("memory-client", "memory, client", Unit::Bytes),
                    side("descriptors-server", "descr., server", Unit::Pieces),
                    side("descriptors-client", "descr., client", Unit::Pieces),
                    side("cpu", "CPU, ns per s", Unit::Time),
                ]
            }
            Task::Think(time) => vec![
                column("cpu", format!("{time} µs: CPU"), Unit::Time),
                column("latency", format!("{time} µs: latency"), Unit::Time),
            ],
        }
    }
}

fn column(part: &'static str, title: String, unit: Unit) -> Column {
    Column { part, title, unit }
}

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Task::RoundTrip { len, placement } => write!(f, "round-trip-{len}-{placement}"),
            Task::Asleep { len, placement } => write!(f, "asleep-{len}-{placement}"),
            Task::Stream { kind, len } => write!(f, "stream-{kind}-{len}"),
            Task::OpenCallClose => f.write_str("open-call-close"),
            Task::FanIn => write!(f, "fan-in-{FAN_IN}"),
            Task::Idle => write!(f, "idle-{IDLE}"),
            Task::Instances(count) => write!(f, "instances-{count}"),
            Task::Think(time) => write!(f, "think-{time}"),
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Placement::Apart => "apart",
            Placement::Together => "together",
            Placement::Unpinned => "unpinned",
        })
    }
}

/// A number of bytes, for people.
struct Length(usize);

impl fmt::Display for Length {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            len if len >= 1 << 20 => write!(f, "{} MiB", len >> 20),
            len if len >= 1 << 10 => write!(f, "{} KiB", len >> 10),
            len => write!(f, "{len} B"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::peers;

    #[test]
    fn every_task_is_found_by_its_name() {
        let names: HashSet<String> = all().iter().map(Task::to_string).collect();
        assert_eq!(names.len(), all().len(), "no two have the same name");
        for task in all() {
            assert_eq!(find(&task.to_string()), Some(task));
        }
    }

    #[test]
    fn dotpipe_does_everything_and_a_mailbox_does_not_stream() {
        let ours = peers::find(peers::OURS).unwrap();
        assert!(all().into_iter().all(|task| task.suits(ours)));
        let mailbox = peers::find("raw-mailbox").unwrap();
        let suits = |task: Task| task.suits(mailbox);
        assert!(all().into_iter().any(suits));
        assert!(
            !all()
                .into_iter()
                .any(|task| matches!(task, Task::Stream { .. }) && suits(task))
        );
    }
}
