//! What the integration tests share: a private `smbd`, and servers of pipes behind it.

#![allow(
    dead_code,
    unused_imports,
    reason = "every test binary uses its own part"
)]

pub(crate) mod kdc;
pub(crate) mod patience;
pub(crate) mod served;
pub(crate) mod smbd;

pub(crate) use served::{Served, Type};
pub(crate) use smbd::{Settings, Smbd};
