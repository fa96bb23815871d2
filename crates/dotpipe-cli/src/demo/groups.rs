//! The groups of ideas, in the order in which they are shown; one file each.

mod access;
mod asking;
mod cancel;
mod ending;
mod identity;
mod instances;
mod messages;
mod nowait;
mod quota;
mod waiting;

use super::script::Step;

/// Ideas that belong together, and a script that shows them.
pub(super) struct Group {
    pub(super) title: &'static str,
    pub(super) steps: &'static [Step],
}

pub(super) const ALL: &[Group] = &[
    Group {
        title: "Names and instances",
        steps: instances::STEPS,
    },
    Group {
        title: "Access",
        steps: access::STEPS,
    },
    Group {
        title: "Bytes and messages",
        steps: messages::STEPS,
    },
    Group {
        title: "Quotas: when a write completes",
        steps: quota::STEPS,
    },
    Group {
        title: "Ends that do not wait",
        steps: nowait::STEPS,
    },
    Group {
        title: "Busy pipes, and waiting for an instance",
        steps: waiting::STEPS,
    },
    Group {
        title: "Transact, call, peek, flush",
        steps: asking::STEPS,
    },
    Group {
        title: "Cancelling, and time that runs out",
        steps: cancel::STEPS,
    },
    Group {
        title: "Disconnecting, closing, dying",
        steps: ending::STEPS,
    },
    Group {
        title: "Who is there",
        steps: identity::STEPS,
    },
];
