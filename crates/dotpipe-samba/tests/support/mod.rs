//! What the integration tests share: servers of pipes behind a private `smbd`, which is `dotpipe-loopback`'s.

#![allow(
    dead_code,
    unused_imports,
    reason = "every test binary uses its own part"
)]

pub(crate) mod kdc;
pub(crate) mod patience;
pub(crate) mod served;

pub(crate) use dotpipe_loopback::{Settings, Smbd};
pub(crate) use served::{Served, Type};
