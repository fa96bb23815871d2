//! Peers, files and users that do not keep the rules: what an honest process must bear without delay,
//! panic or hang.

mod descriptors;
mod files;
mod guests;
mod scribble;
mod servers;
mod support;
mod users;
mod waiting;
mod wakers;
